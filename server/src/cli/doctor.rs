//! `workpoint doctor`: looks for what is wrong with an installation, without changing it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use domain::setting::{SettingKey, SettingValue};
use serde_json::json;

use super::{Failure, Output, causes};
use crate::clock::{Clock, Entropy};
use crate::config::{Config, load_key};
use crate::settings::Settings;
use crate::store::{Store, meta};
use crate::vault::Vault;

/// A certificate that ends sooner is worth a word.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

struct Finding {
    check: &'static str,
    good: bool,
    text: String,
}

pub(super) async fn run(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let mut stored = None;
    let mut add = |check, result: Result<String, String>| {
        let good = result.is_ok();
        findings.push(Finding { check, good, text: result.unwrap_or_else(|fault| fault) });
    };
    add("data directory", directory(config).await);
    let vault = key(config).await;
    add("key for secrets", vault.as_ref().map(|_| "found".to_owned()).map_err(Clone::clone));
    if database_exists(config).await {
        match Store::open(&config.store_options()).await {
            Err(error) => add("database", Err(causes(&error))),
            Ok(store) => {
                add("database", schema(&store).await);
                stored = Settings::load(&store, config.overrides.clone()).await.ok();
                if let Ok(vault) = &vault {
                    add("key belongs to database", belongs(&store, vault).await);
                }
                for listener in ["authority", "phones", "console"] {
                    add("certificate", certificate(&store, listener).await);
                }
                store.close().await;
            }
        }
    } else {
        add("database", Ok("not made yet; the first start makes it".to_owned()));
    }
    for key in [SettingKey::DefaultModePort, SettingKey::SecureModePort, SettingKey::ApiPort] {
        add("port", port(config, stored.as_ref(), key).await);
    }
    report(&findings, output);
    let healthy = findings.iter().all(|finding| finding.good);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(findings: &[Finding], output: Output) {
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            format!(
                "{:<5} {:<24} {}",
                if finding.good { "good" } else { "WRONG" },
                finding.check,
                finding.text
            )
        })
        .collect();
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| json!({"check": finding.check, "good": finding.good, "text": finding.text}))
        .collect();
    output.result(&json!(rows), &lines.join("\n"));
}

async fn directory(config: &Config) -> Result<String, String> {
    let path = config.data_dir.display();
    match tokio::fs::metadata(&config.data_dir).await {
        Ok(data) if data.is_dir() => Ok(path.to_string()),
        Ok(_) => Err(format!("{path} is not a directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(format!("{path} is not made yet")),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// The vault of the installation; never makes a key.
async fn key(config: &Config) -> Result<Vault, String> {
    if config.key.is_none() && !tokio::fs::try_exists(config.key_path()).await.unwrap_or(false) {
        return Err(format!(
            "{} is missing; the first start makes it, a lost one cannot be replaced",
            config.key_path().display()
        ));
    }
    let key = load_key(config, &Entropy::system()).map_err(|error| causes(&error))?;
    Vault::new(&key).map_err(|error| causes(&error))
}

async fn database_exists(config: &Config) -> bool {
    let url = config.store_options().url;
    let Some(path) = url.strip_prefix("sqlite://") else { return true };
    let path = path.split('?').next().unwrap_or_default();
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

async fn schema(store: &Store) -> Result<String, String> {
    store.ping().await.map_err(|error| causes(&error))?;
    match store.pending_migrations().await {
        Ok(0) => Ok(format!("{}, schema up to date", store.backend_name())),
        Ok(pending) => Err(format!("{pending} migrations are missing: workpoint migrate")),
        Err(error) => Err(causes(&error)),
    }
}

async fn belongs(store: &Store, vault: &Vault) -> Result<String, String> {
    match meta::read(store, "key-check").await {
        Ok(None) => Ok("the database has no secrets yet".to_owned()),
        Ok(Some(sealed)) => {
            vault.open("key-check", &sealed).map(|_| "yes".to_owned()).map_err(|error| causes(&error))
        }
        Err(error) => Err(causes(&error)),
    }
}

async fn certificate(store: &Store, word: &str) -> Result<String, String> {
    let stored = meta::read(store, &format!("{word}.certificate")).await.map_err(|error| causes(&error))?;
    let Some(pem) = stored else { return Ok(format!("{word}: not made yet")) };
    let info = pki::inspect(pem.as_bytes()).map_err(|error| causes(&error))?;
    let left = info.not_after.duration_since(Clock::system().now());
    let text = format!("{word}: valid until {}", info.not_after);
    if left > SOON { Ok(text) } else { Err(text) }
}

/// A port is free, or somebody listens on it: a running server, as a rule.
async fn port(config: &Config, settings: Option<&Settings>, key: SettingKey) -> Result<String, String> {
    let id = key.definition().id;
    let fixed = || config.overrides.get(&key).map(|(value, _)| value.clone());
    let value = match settings {
        Some(settings) => settings.value(key),
        None => fixed().unwrap_or_else(|| key.definition().default.into()),
    };
    let SettingValue::Integer(number) = value else { return Ok(format!("{id}: default")) };
    let Ok(number) = u16::try_from(number) else { return Ok(format!("{id}: default")) };
    if number == 0 {
        return Ok(format!("{id}: off"));
    }
    let address = SocketAddr::new(config.listen_address, number);
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) => Ok(format!("{number}: free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let host = match config.listen_address {
                IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                address => address,
            };
            let local = SocketAddr::new(host, number);
            let connect = tokio::time::timeout(Duration::from_secs(3), tokio::net::TcpStream::connect(local));
            match connect.await {
                Ok(Ok(_)) => Ok(format!("{number}: in use and answering")),
                _ => Err(format!("{number}: in use, but nobody answers")),
            }
        }
        Err(error) => Err(format!("{number}: {error}")),
    }
}
