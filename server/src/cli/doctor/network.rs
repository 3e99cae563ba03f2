//! Ports of the server, and the address phones are told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::client::SecureMode;
use domain::setting::SettingKey;

use super::{Findings, Level};
use crate::app::calling::server_address;
use crate::config::Config;
use crate::settings::Settings;

/// Time for a name to be resolved, or somebody to answer.
const PATIENCE: Duration = Duration::from_secs(3);

const PORTS: [SettingKey; 4] = [
    SettingKey::DefaultModePort,
    SettingKey::SecureModePort,
    SettingKey::ApiPort,
    SettingKey::DcmpServerPort,
];

/// A port is free, or somebody listens on it: a running server, as a rule.
pub(super) async fn port(config: &Config, settings: &Settings, key: SettingKey) -> Result<String, String> {
    let id = key.definition().id;
    let number = u16::try_from(settings.integer(key)).unwrap_or(0);
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
            match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(local)).await {
                Ok(Ok(_)) => Ok(format!("{number}: in use and answering")),
                _ => Err(format!("{number}: in use, but nobody answers")),
            }
        }
        Err(error) => Err(format!("{number}: {error}")),
    }
}

/// Two listeners cannot have one port.
pub(super) fn ports_differ(settings: &Settings) -> Result<String, String> {
    let on: Vec<(SettingKey, i64)> =
        PORTS.into_iter().map(|key| (key, settings.integer(key))).filter(|(_, port)| *port != 0).collect();
    for (place, (key, port)) in on.iter().enumerate() {
        let twin = on.iter().skip(place + 1).find(|(_, other)| other == port);
        if let Some((other, _)) = twin {
            return Err(format!("{} and {} are both {port}", key.definition().id, other.definition().id));
        }
    }
    Ok("yes".to_owned())
}

/// Whether the name phones are told can be resolved, from here at least.
pub(super) async fn phone_url(settings: &Settings, findings: &mut Findings) {
    let check = "address for phones";
    let Some((host, port)) = server_address(settings, SecureMode::Default) else {
        let text = "phones.phone-url is not set: phones use the server they are set to, and workpoint dhcp needs --host";
        return findings.add(check, Level::Advice, text);
    };
    if host.parse::<IpAddr>().is_ok() {
        return findings.add(check, Level::Good, format!("{host}, port {port}"));
    }
    let resolved = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.as_str(), port))).await;
    match resolved.map(|found| found.map(|mut addresses| addresses.next())) {
        Ok(Ok(Some(address))) => {
            let text = format!(
                "{host} is {}; a contact-me names no server, because phones take addresses there",
                address.ip()
            );
            findings.add(check, Level::Good, text);
        }
        Ok(Ok(None)) => findings.add(check, Level::Wrong, format!("{host} has no address")),
        Ok(Err(error)) => findings.add(check, Level::Wrong, format!("{host} cannot be resolved: {error}")),
        Err(_) => findings.add(check, Level::Wrong, format!("{host} cannot be resolved in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::ports_differ;
    use crate::settings::{SettingSource, Settings};
    use domain::setting::{SettingKey, SettingValue};
    use std::collections::HashMap;

    #[test]
    fn one_port_for_two_listeners_is_found() {
        let set = |pairs: &[(SettingKey, i64)]| {
            let fixed: HashMap<_, _> = pairs
                .iter()
                .map(|(key, port)| (*key, (SettingValue::Integer(*port), SettingSource::File)))
                .collect();
            ports_differ(&Settings::fixed(fixed))
        };
        assert!(set(&[]).is_ok());
        assert!(set(&[(SettingKey::ApiPort, 0), (SettingKey::DcmpServerPort, 0)]).is_ok(), "both are off");
        let twice = set(&[(SettingKey::ApiPort, 8_080)]).unwrap_err();
        assert!(twice.contains("api-server-port") && twice.contains("dcmp-server-port"), "{twice}");
    }
}
