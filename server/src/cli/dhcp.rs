//! `workpoint dhcp`: what a DHCP server must send so that phones find this server (`wpi.md` §1.4.1).
//!
//! Phones ask with the vendor class `OptiIpPhone` and read option 43 as a list of tags: 1 the word `Siemens`,
//! without which they do not believe the rest, 2 the VLAN, 3 the server as `sdlp://host:port`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use domain::client::SecureMode;
use domain::setting::{SettingKey, bracketed, host_of};
use serde_json::{Value, json};

use super::{Failure, Output, stored};
use crate::app::calling::server_address;
use crate::config::Config;

/// Vendor class of the phones.
const CLASS: &str = "OptiIpPhone";

/// The word that makes a phone believe the rest.
const MAGIC: &str = "Siemens";

/// For which DHCP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// ISC dhcpd.
    Isc,
    /// Kea, as JSON to be merged into "Dhcp4".
    Kea,
    /// dnsmasq.
    Dnsmasq,
    /// The bytes of option 43 in hexadecimal, for any other server.
    Hex,
    /// All of them.
    All,
}

#[derive(Args)]
pub(super) struct DhcpArguments {
    /// VLAN the phones are sent to, 1 to 4094; none when left out.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=4094))]
    vlan: Option<u16>,
    /// Host by which phones reach the server; that of the setting phones.phone-url when left out.
    #[arg(long, value_name = "NAME OR ADDRESS")]
    host: Option<String>,
    /// Port of the server; that of the setting, or of the listener, when left out.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// For which DHCP server.
    #[arg(long, value_enum, default_value_t = Format::All)]
    format: Format,
}

/// What the phones are told.
struct Told {
    vlan: Option<u16>,
    url: String,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
enum DhcpError {
    #[error("say by which host phones reach the server: --host, or the setting phones.phone-url")]
    NoHost,
    #[error("the host must be a name or an IP address")]
    Host,
    #[error("the address of the server is too long for DHCP")]
    TooLong,
    #[error("the settings could not be read: {0}")]
    Settings(String),
}

pub(super) async fn run(
    config: &Config,
    arguments: DhcpArguments,
    output: Output,
) -> Result<ExitCode, Failure> {
    let settings = stored::settings(config).await.map_err(DhcpError::Settings)?;
    let set = server_address(&settings, SecureMode::Default);
    let listener =
        u16::try_from(settings.integer(SettingKey::DefaultModePort)).ok().filter(|port| *port != 0);
    let (host, port) = match (arguments.host, set) {
        (Some(host), set) => (host, set.map(|(_, port)| port)),
        (None, Some((host, port))) => (host, Some(port)),
        (None, None) => return Err(DhcpError::NoHost.into()),
    };
    let port = arguments.port.or(port).or(listener).unwrap_or(18_443);
    let host = bracketed(host.trim_start_matches('[').trim_end_matches(']'));
    if host_of(&format!("https://{host}")).is_none() {
        return Err(DhcpError::Host.into());
    }
    let told = Told { vlan: arguments.vlan, url: format!("sdlp://{host}:{port}") };
    if told.url.len() > 200 {
        return Err(DhcpError::TooLong.into());
    }
    let (json, text) = print(&told, arguments.format);
    output.result(&json, &text);
    Ok(ExitCode::SUCCESS)
}

fn print(told: &Told, format: Format) -> (Value, String) {
    let kea = serde_json::to_string_pretty(&told.kea()).unwrap_or_default();
    let parts = [
        (Format::Isc, "isc", "ISC dhcpd", told.isc()),
        (Format::Kea, "kea", "Kea, inside \"Dhcp4\"", kea),
        (Format::Dnsmasq, "dnsmasq", "dnsmasq", told.dnsmasq()),
        (Format::Hex, "hex", "Option 43 in hexadecimal", told.hex()),
    ];
    let mut json = serde_json::Map::new();
    let mut texts = Vec::new();
    for (this, word, title, text) in parts {
        if format == Format::All {
            texts.push(format!("# {title}\n{text}\n"));
        } else if format == this {
            texts.push(text.clone());
        } else {
            continue;
        }
        let value = if this == Format::Kea { told.kea() } else { Value::String(text) };
        json.insert(word.to_owned(), value);
    }
    (Value::Object(json), texts.join("\n"))
}

impl Told {
    fn isc(&self) -> String {
        let mut lines = vec![
            "option space wpi;".to_owned(),
            "option wpi.magic code 1 = string;".to_owned(),
            "option wpi.vlan code 2 = unsigned integer 32;".to_owned(),
            "option wpi.server code 3 = string;".to_owned(),
            "class \"desk-phones\" {".to_owned(),
            format!(
                "  match if substring(option vendor-class-identifier, 0, {}) = \"{CLASS}\";",
                CLASS.len()
            ),
            "  vendor-option-space wpi;".to_owned(),
            format!("  option wpi.magic \"{MAGIC}\";"),
        ];
        lines.extend(self.vlan.map(|vlan| format!("  option wpi.vlan {vlan};")));
        lines.push(format!("  option wpi.server \"{}\";", self.url));
        lines.push("}".to_owned());
        lines.join("\n")
    }

    fn kea(&self) -> Value {
        let mut data = vec![json!({"name": "vendor-encapsulated-options"})];
        let mut add = |name: &str, value: String| {
            data.push(json!({"name": name, "space": "wpi", "data": value}));
        };
        add("magic", MAGIC.to_owned());
        if let Some(vlan) = self.vlan {
            add("vlan", vlan.to_string());
        }
        add("server", self.url.clone());
        json!({
            "option-def": [
                {"name": "magic", "space": "wpi", "code": 1, "type": "string"},
                {"name": "vlan", "space": "wpi", "code": 2, "type": "uint32"},
                {"name": "server", "space": "wpi", "code": 3, "type": "string"},
            ],
            "client-classes": [{
                "name": "desk-phones",
                "test": format!("substring(option[60].hex,0,{}) == '{CLASS}'", CLASS.len()),
                "option-def": [
                    {"name": "vendor-encapsulated-options", "code": 43, "type": "empty", "encapsulate": "wpi"},
                ],
                "option-data": data,
            }],
        })
    }

    fn dnsmasq(&self) -> String {
        let mut lines = vec![format!("dhcp-option=vendor:{CLASS},1,\"{MAGIC}\"")];
        // `i`: a number of four bytes.
        lines.extend(self.vlan.map(|vlan| format!("dhcp-option=vendor:{CLASS},2,{vlan}i")));
        lines.push(format!("dhcp-option=vendor:{CLASS},3,\"{}\"", self.url));
        lines.join("\n")
    }

    fn hex(&self) -> String {
        let mut bytes = Vec::new();
        let mut add = |tag: u8, value: &[u8]| {
            bytes.push(tag);
            bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(value);
        };
        add(1, MAGIC.as_bytes());
        if let Some(vlan) = self.vlan {
            add(2, &u32::from(vlan).to_be_bytes());
        }
        add(3, self.url.as_bytes());
        bytes.push(255);
        hex::encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Told, print};

    fn told() -> Told {
        Told { vlan: Some(42), url: "sdlp://10.20.30.40:18443".to_owned() }
    }

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        let expected = "01075369656d656e73\
                        02040000002a\
                        031873646c703a2f2f31302e32302e33302e34303a3138343433\
                        ff";
        assert_eq!(told().hex(), expected);
        let without = Told { vlan: None, ..told() };
        assert!(!without.hex().contains("02040000"), "{}", without.hex());
    }

    #[test]
    fn every_server_gets_the_three_tags() {
        let isc = told().isc();
        assert!(isc.contains("substring(option vendor-class-identifier, 0, 11) = \"OptiIpPhone\""), "{isc}");
        assert!(
            isc.contains("option wpi.vlan 42;") && isc.contains("\"sdlp://10.20.30.40:18443\";"),
            "{isc}"
        );
        assert_eq!(
            told().dnsmasq(),
            "dhcp-option=vendor:OptiIpPhone,1,\"Siemens\"\n\
             dhcp-option=vendor:OptiIpPhone,2,42i\n\
             dhcp-option=vendor:OptiIpPhone,3,\"sdlp://10.20.30.40:18443\""
        );
        let kea = told().kea();
        assert_eq!(kea["client-classes"][0]["option-data"][2]["data"], "42");
        assert_eq!(kea["client-classes"][0]["option-data"][3]["data"], "sdlp://10.20.30.40:18443");
    }

    #[test]
    fn a_format_is_printed_alone() {
        let (json, text) = print(&told(), Format::Hex);
        assert_eq!(text, told().hex());
        assert_eq!(json.as_object().unwrap().len(), 1);
        let (json, text) = print(&told(), Format::All);
        assert_eq!(json.as_object().unwrap().len(), 4);
        assert!(text.contains("# dnsmasq"), "{text}");
    }
}
