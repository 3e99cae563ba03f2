//! How the server is started: where its data are, which database, which address, and the settings fixed by
//! file or environment (D-33).
//!
//! Order: built-in default < `workpoint.toml` < environment. A key nobody knows stops the start and is
//! named; so does a bad value.

mod file;
mod key;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use domain::Secret;
use domain::setting::{SettingFault, SettingKey, SettingValue};

use crate::settings::SettingSource;
use crate::store::StoreOptions;

pub use key::{KeyError, load_key};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything known before the database is open.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory of the database file, the key and replaced certificates.
    pub data_dir: PathBuf,
    /// Address of the database; see [`Config::store_options`].
    pub database_url: Option<String>,
    /// Connections to the database.
    pub database_connections: u32,
    /// Address all ports listen on.
    pub listen_address: IpAddr,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// File with the key for secrets; `secret.key` in the data directory unless set.
    pub key_file: Option<PathBuf>,
    /// The key for secrets itself, from the environment.
    pub key: Option<Secret>,
    /// Password of the first account, from the environment (D-32).
    pub admin_password: Option<Secret>,
    /// Takes free ports instead of the configured ones; for tests, which must not guess.
    pub free_ports: bool,
    /// Settings fixed by file or environment.
    pub overrides: HashMap<SettingKey, (SettingValue, SettingSource)>,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("could not read the configuration file {}", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML", .path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A key nobody knows.
    #[error("{place}: there is no such setting")]
    Unknown {
        /// File key or environment variable.
        place: String,
    },
    /// A value that is refused.
    #[error("{place} {fault}")]
    Value {
        /// File key or environment variable.
        place: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl ConfigError {
    fn value(place: &str, fault: &(impl ToString + ?Sized)) -> Self {
        Self::Value { place: place.to_owned(), fault: fault.to_string() }
    }

    fn setting(place: &str, fault: &SettingFault) -> Self {
        Self::value(place, fault)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            database_url: None,
            database_connections: 8,
            listen_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            log_format: LogFormat::Text,
            key_file: None,
            key: None,
            admin_password: None,
            free_ports: false,
            overrides: HashMap::new(),
        }
    }
}

/// Variables that are no settings but belong to the product.
const OTHER_VARIABLES: [&str; 2] = ["WORKPOINT_CONFIG", "WORKPOINT_TEST_POSTGRES"];

impl Config {
    /// Reads the file (when there is one) and the environment.
    ///
    /// `path` names a file that must exist; without it `workpoint.toml` in the current directory is used if
    /// it is there.
    ///
    /// # Errors
    /// What is wrong, with the file key or variable named.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        file::read(&mut config, path)?;
        for (name, value) in environment {
            if name.starts_with("WORKPOINT_") && !OTHER_VARIABLES.contains(&name.as_str()) {
                config.variable(&name, value)?;
            }
        }
        Ok(config)
    }

    fn variable(&mut self, name: &str, value: String) -> Result<(), ConfigError> {
        match name {
            "WORKPOINT_DATA_DIR" => self.data_dir = PathBuf::from(value),
            "WORKPOINT_DATABASE_URL" => self.database_url = Some(value),
            "WORKPOINT_DATABASE_CONNECTIONS" => self.database_connections = connections(name, &value)?,
            "WORKPOINT_LISTEN_ADDRESS" => self.listen_address = address(name, &value)?,
            "WORKPOINT_LOG_FORMAT" => self.log_format = log_format(name, &value)?,
            "WORKPOINT_SECRET_KEY_FILE" => self.key_file = Some(PathBuf::from(value)),
            "WORKPOINT_SECRET_KEY" => self.key = Some(Secret::new(value)),
            "WORKPOINT_ADMIN_PASSWORD" => self.admin_password = Some(Secret::new(value)),
            _ => {
                let key = SettingKey::ALL.iter().copied().find(|key| key.environment_name() == name);
                let key = key.ok_or_else(|| ConfigError::Unknown { place: name.to_owned() })?;
                let value = key.read(&value).map_err(|fault| ConfigError::setting(name, &fault))?;
                self.overrides.insert(key, (value, SettingSource::Environment));
            }
        }
        Ok(())
    }

    /// How the database is opened: SQLite in the data directory unless another address is set.
    pub fn store_options(&self) -> StoreOptions {
        let url = self.database_url.clone().unwrap_or_else(|| {
            let file = self.data_dir.join("workpoint.sqlite");
            format!("sqlite://{}?mode=rwc", file.display())
        });
        StoreOptions { url, connections: self.database_connections }
    }

    /// File with the key for secrets.
    pub fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data_dir.join("secret.key"))
    }

    /// A setting fixed for this start; for tests and the command line.
    #[must_use]
    pub fn with(mut self, key: SettingKey, value: SettingValue) -> Self {
        self.overrides.insert(key, (value, SettingSource::Environment));
        self
    }
}

fn connections(place: &str, text: &str) -> Result<u32, ConfigError> {
    match text.trim().parse() {
        Ok(number @ 1..=1_000) => Ok(number),
        _ => Err(ConfigError::value(place, "must be a number from 1 to 1000")),
    }
}

fn address(place: &str, text: &str) -> Result<IpAddr, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::value(place, "must be an IP address"))
}

fn log_format(place: &str, text: &str) -> Result<LogFormat, ConfigError> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(ConfigError::value(place, "must be text or json")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError};
    use domain::setting::{SettingKey, SettingValue};

    #[expect(clippy::disallowed_methods, reason = "a test of its own thread")]
    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("workpoint.toml");
        std::fs::write(&path, toml).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), environment)
    }

    #[test]
    fn the_environment_is_stronger_than_the_file() {
        let config = load(
            "data_dir = \"/x\"\n[database]\nconnections = 3\n[ports]\napi-server-port = 1\n",
            &[("WORKPOINT_PORTS_API_SERVER_PORT", "2"), ("WORKPOINT_DATA_DIR", "/y"), ("HOME", "/z")],
        )
        .unwrap();
        assert_eq!(config.data_dir.to_str(), Some("/y"));
        assert_eq!(config.database_connections, 3);
        assert_eq!(config.overrides[&SettingKey::ApiPort].0, SettingValue::Integer(2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |result: Result<Config, ConfigError>| result.unwrap_err().to_string();
        assert_eq!(text(load("[ports]\nno-such = 1\n", &[])), "ports.no-such: there is no such setting");
        assert_eq!(text(load("nonsense = 1\n", &[])), "nonsense: there is no such setting");
        assert_eq!(
            text(load("[ports]\napi-server-port = \"x\"\n", &[])),
            "ports.api-server-port must be a whole number"
        );
        assert_eq!(
            text(load("", &[("WORKPOINT_NONSENSE", "1")])),
            "WORKPOINT_NONSENSE: there is no such setting"
        );
        assert_eq!(
            text(load("", &[("WORKPOINT_PORTS_API_SERVER_PORT", "70000")])),
            "WORKPOINT_PORTS_API_SERVER_PORT must be from 0 to 65535"
        );
        assert!(text(load("[ports\n", &[])).contains("is not valid TOML"));
    }
}
