//! Files, key, database and certificates of an installation.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use domain::catalogue::{Catalogue, MOST_OVERRIDE_BYTES};
use domain::setting::{SettingKey, host_of};
use tokio::io::AsyncReadExt as _;

use super::{Findings, Level, causes};
use crate::clock::{Clock, Entropy};
use crate::config::{Config, load_key};
use crate::server::OVERRIDE_FILE;
use crate::settings::Settings;
use crate::store::{Store, audit, meta, tasks};
use crate::vault::Vault;

/// A certificate that ends sooner is worth a word.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// Newest audit records whose chain is looked at.
const RECORDS: u64 = 1_000;

/// Files the server needs open besides connections of phones.
const OTHER_FILES: u64 = 3_000;

pub(super) async fn directory(config: &Config, findings: &mut Findings) {
    let (check, path) = ("data directory", config.data_dir.display());
    match tokio::fs::metadata(&config.data_dir).await {
        Ok(data) if data.is_dir() && data.permissions().mode() & 0o077 != 0 => {
            let mode = data.permissions().mode() & 0o777;
            let text =
                format!("{path} is open to others (mode {mode:o}); it holds password hashes: chmod 700");
            findings.add(check, Level::Advice, text);
        }
        Ok(data) if data.is_dir() => findings.add(check, Level::Good, path.to_string()),
        Ok(_) => findings.add(check, Level::Wrong, format!("{path} is not a directory")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.add(check, Level::Good, format!("{path} is not made yet"));
        }
        Err(error) => findings.add(check, Level::Wrong, format!("{path}: {error}")),
    }
}

/// The vault of the installation; never makes a key.
pub(super) async fn key(config: &Config, findings: &mut Findings) -> Option<Vault> {
    let check = "key for secrets";
    let path = config.key_path();
    if config.key.is_none() {
        match tokio::fs::metadata(&path).await {
            Ok(data) if data.permissions().mode() & 0o077 != 0 => {
                let text = format!("{} can be read by others: chmod 600", path.display());
                findings.add(check, Level::Wrong, text);
            }
            Ok(_) => {}
            Err(_) => {
                let text = format!(
                    "{} is missing; the first start makes it, a lost one cannot be replaced",
                    path.display()
                );
                findings.add(check, Level::Wrong, text);
                return None;
            }
        }
    }
    let vault = load_key(config, &Entropy::system()).map_err(|error| causes(&error));
    let vault = vault.and_then(|key| Vault::new(&key).map_err(|error| causes(&error)));
    match vault {
        Ok(vault) => {
            findings.add(check, Level::Good, "found");
            Some(vault)
        }
        Err(fault) => {
            findings.add(check, Level::Wrong, fault);
            None
        }
    }
}

/// Whether the catalogue takes the file with which an administrator maps parameters to items (D-13).
pub(super) async fn catalogue(config: &Config) -> Result<String, String> {
    let path = config.data_dir.join(OVERRIDE_FILE);
    let text = match bounded(&path).await {
        Ok(Some(text)) => text,
        Ok(None) => return Ok("none".to_owned()),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    Catalogue::load(Some(&text)).map(|_| path.display().to_string()).map_err(|error| causes(&error))
}

async fn bounded(path: &Path) -> std::io::Result<Option<String>> {
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MOST_OVERRIDE_BYTES as u64 + 1).read_to_string(&mut text).await?;
    Ok(Some(text))
}

/// Whether the machine lets the server hold as many connections as the settings allow.
pub(super) async fn open_files(settings: &Settings) -> (Level, String) {
    let Some(limit) = limit_of_this_process().await else {
        return (Level::Good, "the limit is not known on this machine".to_owned());
    };
    let wanted = settings.integer(SettingKey::MaximumConnections).unsigned_abs() + OTHER_FILES;
    if limit >= wanted {
        return (Level::Good, format!("{limit} allowed"));
    }
    let text = format!(
        "{limit} allowed, {wanted} wanted for phones.maximum-connections; raise the limit (LimitNOFILE, ulimit -n)"
    );
    (Level::Advice, text)
}

async fn limit_of_this_process() -> Option<u64> {
    let text = tokio::fs::read_to_string("/proc/self/limits").await.ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    let soft = line.split_whitespace().nth(3)?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

pub(super) async fn database(store: &Store, vault: Option<&Vault>, findings: &mut Findings) {
    let schema = schema(store).await;
    let good = schema.is_ok();
    findings.look("database", schema);
    if !good {
        return;
    }
    if let Some(vault) = vault {
        findings.look("key belongs to database", belongs(store, vault).await);
    }
    audit_chain(store, findings).await;
    match tasks::failing(store).await {
        Ok(failing) if failing.is_empty() => findings.add("background tasks", Level::Good, "none fails"),
        Ok(failing) => {
            let words: Vec<String> = failing.iter().map(|(kind, error)| format!("{kind}: {error}")).collect();
            findings.add("background tasks", Level::Advice, words.join("; "));
        }
        Err(error) => findings.add("background tasks", Level::Wrong, causes(&error)),
    }
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

/// The end of the audit chain, and whether the clock has gone back since.
async fn audit_chain(store: &Store, findings: &mut Findings) {
    let read = async {
        let records = audit::list(store, &audit::Filter::default(), None, 0, RECORDS).await?;
        Ok::<_, crate::store::StoreError>((records, audit::newest(store).await?))
    };
    let (records, (newest, hash)) = match read.await {
        Ok(read) => read,
        Err(error) => return findings.add("audit records", Level::Wrong, causes(&error)),
    };
    let linked = records.windows(2).all(|pair| match pair {
        [newer, older] => newer.previous_hash == older.hash && newer.id.0 == older.id.0 + 1,
        _ => true,
    });
    let end = records.first().is_none_or(|last| last.id == newest && last.hash == hash);
    let whole = records.iter().all(audit::Record::is_intact);
    if linked && end && whole {
        findings.add("audit records", Level::Good, format!("the newest {} are linked", records.len()));
    } else {
        findings.add(
            "audit records",
            Level::Wrong,
            "records were changed or removed: see /api/v1/audit/verify",
        );
    }
    let now = Clock::system().now();
    match records.first() {
        Some(last) if last.at > now => {
            let text = format!("the newest audit record is of {}, and now is {now}", last.at);
            findings.add("clock", Level::Wrong, text);
        }
        _ => findings.add("clock", Level::Good, now.to_string()),
    }
}

pub(super) async fn certificates(store: &Store, settings: Option<&Settings>, findings: &mut Findings) {
    for word in ["authority", "phones", "console"] {
        let pem = match meta::read(store, &format!("{word}.certificate")).await {
            Ok(Some(pem)) => pem,
            Ok(None) => {
                findings.add("certificate", Level::Good, format!("{word}: not made yet"));
                continue;
            }
            Err(error) => {
                findings.add("certificate", Level::Wrong, causes(&error));
                continue;
            }
        };
        let info = match pki::inspect(pem.as_bytes()) {
            Ok(info) => info,
            Err(error) => {
                findings.add("certificate", Level::Wrong, format!("{word}: {}", causes(&error)));
                continue;
            }
        };
        let left = info.not_after.duration_since(Clock::system().now());
        let text = format!("{word}: valid until {}", info.not_after);
        let level = if left > SOON { Level::Good } else { Level::Wrong };
        findings.add("certificate", level, text);
        let wanted =
            settings.filter(|_| word != "authority").and_then(|settings| host_of_url(settings, word));
        if let Some(host) = wanted.filter(|host| !names(&info.names, host)) {
            let text = format!("{word}: does not name {host}; make a new one, or put your own beside it");
            findings.add("certificate", Level::Advice, text);
        }
    }
}

/// The host by which those who check the certificate reach the server.
fn host_of_url(settings: &Settings, word: &str) -> Option<String> {
    let of = |key| host_of(&settings.text(key)).map(str::to_owned);
    match word {
        "phones" => of(SettingKey::PhoneUrl).or_else(|| of(SettingKey::ServerUrl)),
        _ => of(SettingKey::ServerUrl),
    }
}

/// Whether a certificate names a host, exactly or by a wildcard for its first part.
fn names(names: &[String], host: &str) -> bool {
    let rest = host.split_once('.').map(|(_, rest)| rest);
    names.iter().any(|name| match name.split_once(':') {
        Some(("DNS", name)) => {
            name.eq_ignore_ascii_case(host)
                || name
                    .strip_prefix("*.")
                    .is_some_and(|of| rest.is_some_and(|rest| of.eq_ignore_ascii_case(rest)))
        }
        Some(("IP", address)) => address.eq_ignore_ascii_case(host),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_certificate_names_hosts_and_addresses() {
        let all: Vec<String> =
            ["DNS:wpi.example.net", "DNS:*.phones.example.net", "IP:10.1.2.3"].map(str::to_owned).into();
        for good in ["wpi.example.net", "WPI.example.net", "a.phones.example.net", "10.1.2.3"] {
            assert!(names(&all, good), "{good}");
        }
        for bad in ["example.net", "a.b.phones.example.net", "10.1.2.4", "phones.example.net"] {
            assert!(!names(&all, bad), "{bad}");
        }
    }
}
