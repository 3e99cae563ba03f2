//! `workpoint.toml`: a few keys of the start, and every setting as `[section] name = value`.

use std::path::{Path, PathBuf};

use domain::Secret;
use domain::setting::{SettingKey, SettingValue};
use toml::Value;

use super::{Config, ConfigError, address, connections, log_format};
use crate::settings::SettingSource;

/// Name of the file looked for in the current directory.
const DEFAULT: &str = "workpoint.toml";

/// Longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

#[expect(clippy::disallowed_methods, reason = "runs once before the server starts")]
pub(super) fn read(config: &mut Config, path: Option<&Path>) -> Result<(), ConfigError> {
    let (path, required) =
        path.map_or_else(|| (PathBuf::from(DEFAULT), false), |path| (path.to_owned(), true));
    let size = std::fs::metadata(&path).map(|data| data.len());
    let text = match size {
        Ok(size) if size > MOST_BYTES => {
            return Err(ConfigError::value(&path.display().to_string(), "is larger than 1 MiB"));
        }
        Ok(_) => std::fs::read_to_string(&path),
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return Ok(()),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    let table: toml::Table =
        text.parse().map_err(|source| ConfigError::Toml { path, source: Box::new(source) })?;
    for (name, value) in &table {
        match value {
            Value::Table(section) => {
                for (key, value) in section {
                    entry(config, &format!("{name}.{key}"), value)?;
                }
            }
            value => entry(config, name, value)?,
        }
    }
    Ok(())
}

fn entry(config: &mut Config, place: &str, value: &Value) -> Result<(), ConfigError> {
    let text = || value.as_str().ok_or_else(|| ConfigError::value(place, "must be a text"));
    match place {
        "data_dir" => config.data_dir = PathBuf::from(text()?),
        "listen_address" => config.listen_address = address(place, text()?)?,
        "database.url" => config.database_url = Some(text()?.to_owned()),
        "database.connections" => config.database_connections = connections(place, &value.to_string())?,
        "log.format" => config.log_format = log_format(place, text()?)?,
        "secrets.key_file" => config.key_file = Some(PathBuf::from(text()?)),
        "secrets.key" => config.key = Some(Secret::new(text()?.to_owned())),
        _ => {
            let key = SettingKey::from_id(&format!("server-settings.{place}"))
                .ok_or_else(|| ConfigError::Unknown { place: place.to_owned() })?;
            let value = match value {
                Value::Boolean(value) => SettingValue::Bool(*value),
                Value::Integer(value) => SettingValue::Integer(*value),
                Value::String(value) => SettingValue::Text(value.clone()),
                _ => return Err(ConfigError::value(place, "must be a text, a number or true or false")),
            };
            key.check(&value).map_err(|fault| ConfigError::setting(place, &fault))?;
            config.overrides.insert(key, (value, SettingSource::File));
        }
    }
    Ok(())
}
