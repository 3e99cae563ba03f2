//! The settings registry: every setting of the server, typed, in one table (D-33).
//!
//! Precedence: default < database (`/api/v1/settings`) < `workpoint.toml` < environment. This file knows
//! what a setting is and which values it takes; where a value comes from is the server's business.
//! A setting stands here only when something reads it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network;

/// The value of a setting, as in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number in the unit of the definition.
    Integer(i64),
    /// A text, or one of the choices.
    Text(String),
}

/// By hand, so that any other JSON type is refused in words a reader understands.
impl<'de> Deserialize<'de> for SettingValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = SettingValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false, a whole number or a text")
            }

            fn visit_bool<E>(self, value: bool) -> Result<SettingValue, E> {
                Ok(SettingValue::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<SettingValue, E> {
                Ok(SettingValue::Integer(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<SettingValue, E> {
                let too_large = |_| E::invalid_value(serde::de::Unexpected::Unsigned(value), &self);
                i64::try_from(value).map(SettingValue::Integer).map_err(too_large)
            }

            fn visit_str<E>(self, value: &str) -> Result<SettingValue, E> {
                Ok(SettingValue::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// `true` or `false`.
    Bool,
    /// A whole number from `min` to `max`.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Unit, for display; empty for a plain number.
        unit: &'static str,
    },
    /// One of a list of words.
    Choice(&'static [&'static str]),
    /// An `https://host[:port]` address, or empty.
    Url,
    /// An `http://` or `https://` address with any path, or empty.
    HttpUrl,
    /// Networks as address/length, separated by commas, or empty.
    Networks,
    /// A moment in UTC (RFC 3339), or empty.
    Instant,
}

/// The default of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingDefault {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// A text.
    Text(&'static str),
}

impl From<SettingDefault> for SettingValue {
    fn from(default: SettingDefault) -> Self {
        match default {
            SettingDefault::Bool(value) => Self::Bool(value),
            SettingDefault::Integer(value) => Self::Integer(value),
            SettingDefault::Text(value) => Self::Text(value.to_owned()),
        }
    }
}

/// One row of the registry.
#[derive(Clone, Copy, Debug)]
pub struct SettingDefinition {
    /// Stable id, as in OSEM's configuration where OSEM has the setting.
    pub id: &'static str,
    /// Which values it takes.
    pub kind: SettingKind,
    /// Value when nobody set it.
    pub default: SettingDefault,
    /// True when a change takes effect only at the next start.
    pub restart: bool,
    /// English text for the API document and the command line.
    pub help: &'static str,
}

macro_rules! settings {
    ($($key:ident: $id:literal, $kind:expr, $default:expr, $restart:expr, $help:literal;)+) => {
        /// Key of a setting inside the program.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum SettingKey {
            $(#[doc = $help] $key,)+
        }

        impl SettingKey {
            /// Every setting, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$key,)+];

            /// The row of the registry.
            pub fn definition(self) -> &'static SettingDefinition {
                match self {
                    $(Self::$key => {
                        static ROW: SettingDefinition = SettingDefinition {
                            id: concat!("server-settings.", $id), kind: $kind, default: $default, restart: $restart, help: $help,
                        };
                        &ROW
                    })+
                }
            }
        }
    };
}

use SettingDefault as D;
use SettingKind as K;

const PORT: K = K::Integer { min: 0, max: 65_535, unit: "" };

const fn seconds(min: i64, max: i64) -> K {
    K::Integer { min, max, unit: "seconds" }
}

const fn count(min: i64, max: i64) -> K {
    K::Integer { min, max, unit: "" }
}

settings! {
    DefaultModePort: "ports.default-mode-client-port", PORT, D::Integer(18_443), true,
        "Port on which phones in default mode are served; 0 switches the listener off.";
    SecureModePort: "ports.secure-mode-client-port", PORT, D::Integer(18_444), true,
        "Port on which phones in secure mode (mutual TLS) are served; 0 switches the listener off.";
    ApiPort: "ports.api-server-port", PORT, D::Integer(10_443), true,
        "Port of the console and the API; 0 switches the listener off.";
    ServerUrl: "other.wpi-and-api-server-url", K::Url, D::Text(""), true,
        "Address by which phones and browsers reach this server; its host is named in the certificates made at first start. Required behind NAT or a load balancer.";
    LogLevel: "other.log-level", K::Choice(&["off", "error", "warn", "info", "debug", "trace"]), D::Text("info"), false,
        "How much the server writes to its log.";
    MaximumConnections: "phones.maximum-connections", count(1, 1_000_000), D::Integer(20_000), true,
        "Most open connections of phones on one port; further ones are closed at once.";
    MaximumSessions: "phones.maximum-sessions", count(1, 1_000_000), D::Integer(5_000), false,
        "Most open sessions with phones; beyond it phones are told to come back later (overload).";
    DcmpPort: "ports.dcmp-server-port", PORT, D::Integer(8_080), true,
        "Port on which phones that cannot be called ask whether work waits (DCMP); 0 switches the listener off.";
    PhoneUrl: "phones.phone-url", K::Url, D::Text(""), false,
        "Host and port by which phones reach this server; named in contact-me and DHCP options. Required behind NAT or a load balancer.";
    DcmpOperationMode: "dcmp.dcmp-operation-mode", K::Choice(&["Automatic", "Disabled", "Enabled"]), D::Text("Automatic"), false,
        "Whether phones poll: those that cannot be called (Automatic), none (Disabled) or all (Enabled).";
    DcmpServerUrl: "dcmp.dcmp-server-url", K::HttpUrl, D::Text(""), false,
        "Address at which phones poll, written to them at start-up; they append /contact-me.";
    DcmpQueryInterval: "dcmp.dcmp-query-interval", K::Integer { min: 1, max: 1_440, unit: "minutes" }, D::Integer(5), false,
        "Time between two polls of a phone. It is kept, and cannot be written to phones until the name of its item is known.";
    DcmpSecureMode: "dcmp.dcmp-server-secure-mode", K::Bool, D::Bool(false), true,
        "Whether the port for polls speaks TLS.";
    JobFailureTimeout: "other.job-failure-timeout", seconds(60, 86_400), D::Integer(600), false,
        "Time after which a target without a sign of life from its phone counts as timed out.";
    JobLifetime: "other.job-lifetime", K::Integer { min: 1, max: 3_650, unit: "days" }, D::Integer(7), false,
        "Time a target waits for its phone, and afterwards the time a finished job is kept.";
    ContactMeGap: "contact-me.gap", seconds(0, 86_400), D::Integer(300), false,
        "Shortest time between two contact-me to one phone that does not report its own.";
    ContactMeRate: "contact-me.rate", count(1, 1_000), D::Integer(10), false,
        "Most contact-me in a second.";
    ContactMeRatePerSubnet: "contact-me.rate-per-subnet", count(1, 1_000), D::Integer(2), false,
        "Most contact-me in a second to one /24 or /64.";
    ContactMeTries: "contact-me.tries", count(1, 100), D::Integer(4), false,
        "Contact-me without a session after which the server waits until the phone comes by itself.";
    ContactMeNetworks: "contact-me.allowed-networks", K::Networks, D::Text(""), false,
        "Networks to which contact-me may go although the phone was not seen at that address.";
    OnboardingWindowUntil: "onboarding.window-until", K::Instant, D::Text(""), false,
        "Until when the onboarding window is open: new phones may be matched by number, prepared ones get their secrets when they come by themselves.";
    OnboardingNetworks: "onboarding.networks", K::Networks, D::Text(""), false,
        "Networks in which prepared phones get their secrets although they are not bound to them yet.";
    ConfirmBeyond: "jobs.confirm-beyond", count(0, 1_000_000), D::Integer(20), false,
        "Targets from which on a dangerous action must be confirmed with their number.";
    MostDangerousTargets: "jobs.most-dangerous-targets", count(1, 1_000_000), D::Integer(1_000), false,
        "Most targets of a dangerous action ordered by anybody but an administrator.";
    SessionIdleTimeout: "phones.session-idle-timeout", seconds(10, 3_600), D::Integer(90), false,
        "Time after which a silent session with a phone is dropped.";
    KeepAliveTimeout: "phones.keep-alive-timeout", seconds(30, 600), D::Integer(45), true,
        "Time an idle connection of a phone is kept open.";
    RequestTimeout: "phones.request-timeout", seconds(1, 300), D::Integer(30), false,
        "Time a phone has to send the body of a message.";
    LookupByAddress: "phones.session-lookup-by-address", K::Bool, D::Bool(true), false,
        "Whether a reply without cookie may be matched by the address of the phone; switch it off behind a load balancer.";
    MaximumMessageBytes: "phones.maximum-message-bytes", count(65_536, 67_108_864), D::Integer(4_194_304), false,
        "Largest message of a phone that is read, in bytes.";
    MaximumMessageDepth: "phones.maximum-message-depth", count(4, 64), D::Integer(16), false,
        "Deepest nesting of elements in a message of a phone.";
    MaximumMessageItems: "phones.maximum-message-items", count(100, 200_000), D::Integer(20_000), false,
        "Most items in a message of a phone, all fragments together.";
    MaximumAttributeLength: "phones.maximum-attribute-length", count(64, 65_536), D::Integer(1_024), false,
        "Longest attribute in a message of a phone, in bytes.";
    MaximumValueLength: "phones.maximum-value-length", count(1_024, 4_194_304), D::Integer(262_144), false,
        "Longest item value in a message of a phone, in bytes.";
    FullReadInterval: "phones.full-read-interval", seconds(0, 31_536_000), D::Integer(86_400), false,
        "Age after which everything is read again from a phone that makes contact; 0 reads everything at every contact.";
    PasswordPolicy: "accounts.password-policy", K::Choice(&["modern", "osem"]), D::Text("modern"), false,
        "Rules for passwords of accounts: modern (long, nothing common) or osem (14 to 20 characters, four classes).";
    SignInIdleTimeout: "accounts.session-idle-timeout", seconds(60, 2_592_000), D::Integer(3_600), false,
        "Time after which an idle session of an account ends.";
    SignInLifetime: "accounts.session-lifetime", seconds(300, 31_536_000), D::Integer(43_200), false,
        "Longest life of a session of an account.";
}

/// Why a value is refused for a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingFault {
    /// Another JSON type is needed.
    #[error("must be {0}")]
    Type(&'static str),
    /// Outside the range.
    #[error("must be from {min} to {max}")]
    Range {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// Not one of the choices.
    #[error("must be one of: {}", .0.join(", "))]
    Choice(&'static [&'static str]),
    /// Not an address.
    #[error("must be empty or https://host or https://host:port")]
    Url,
    /// Not an address with a scheme.
    #[error("must be empty or begin with http:// or https:// and a host")]
    HttpUrl,
    /// Not a list of networks.
    #[error("must be empty or networks as address/length, separated by commas, at most 64")]
    Networks,
    /// Not a moment.
    #[error("must be empty or a moment like 2030-01-31T12:00:00Z")]
    Instant,
}

impl SettingFault {
    /// Stable code of the fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Type(_) => "wrong_type",
            Self::Range { .. } => "out_of_range",
            Self::Choice(_) => "not_a_choice",
            Self::Url | Self::HttpUrl => "not_an_address",
            Self::Networks => "not_networks",
            Self::Instant => "not_a_moment",
        }
    }
}

impl SettingKey {
    /// The setting with an id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.definition().id == id)
    }

    /// Name of the environment variable that overrides the setting: `WORKPOINT_PORTS_API_SERVER_PORT`.
    pub fn environment_name(self) -> String {
        let id = self.definition().id;
        let short = id.strip_prefix("server-settings.").unwrap_or(id);
        format!("WORKPOINT_{}", short.to_ascii_uppercase().replace(['.', '-'], "_"))
    }

    /// Checks a value against the definition.
    ///
    /// # Errors
    /// What is wrong with it, worded for the field.
    pub fn check(self, value: &SettingValue) -> Result<(), SettingFault> {
        match (self.definition().kind, value) {
            (SettingKind::Bool, SettingValue::Bool(_)) => Ok(()),
            (SettingKind::Bool, _) => Err(SettingFault::Type("true or false")),
            (SettingKind::Integer { min, max, .. }, SettingValue::Integer(number)) => {
                if (min..=max).contains(number) { Ok(()) } else { Err(SettingFault::Range { min, max }) }
            }
            (SettingKind::Integer { .. }, _) => Err(SettingFault::Type("a whole number")),
            (SettingKind::Choice(choices), SettingValue::Text(text)) => {
                if choices.contains(&text.as_str()) {
                    Ok(())
                } else {
                    Err(SettingFault::Choice(choices))
                }
            }
            (SettingKind::Url, SettingValue::Text(text)) => {
                if text.is_empty() || host_of(text).is_some() {
                    Ok(())
                } else {
                    Err(SettingFault::Url)
                }
            }
            (SettingKind::HttpUrl, SettingValue::Text(text)) => {
                if text.is_empty() || is_http_url(text) {
                    Ok(())
                } else {
                    Err(SettingFault::HttpUrl)
                }
            }
            (SettingKind::Networks, SettingValue::Text(text)) => {
                network::parse_list(text).map(|_| ()).ok_or(SettingFault::Networks)
            }
            (SettingKind::Instant, SettingValue::Text(text)) => {
                if text.is_empty() || text.parse::<Timestamp>().is_ok() {
                    Ok(())
                } else {
                    Err(SettingFault::Instant)
                }
            }
            (
                SettingKind::Choice(_)
                | SettingKind::Url
                | SettingKind::HttpUrl
                | SettingKind::Networks
                | SettingKind::Instant,
                _,
            ) => Err(SettingFault::Type("a text")),
        }
    }

    /// Reads the text of an environment variable as a value of the right type.
    ///
    /// # Errors
    /// As [`SettingKey::check`].
    pub fn read(self, text: &str) -> Result<SettingValue, SettingFault> {
        let text = text.trim();
        let value = match self.definition().kind {
            SettingKind::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" | "on" => SettingValue::Bool(true),
                "false" | "no" | "0" | "off" => SettingValue::Bool(false),
                _ => return Err(SettingFault::Type("true or false")),
            },
            SettingKind::Integer { .. } => {
                SettingValue::Integer(text.parse().map_err(|_| SettingFault::Type("a whole number"))?)
            }
            SettingKind::Choice(_)
            | SettingKind::Url
            | SettingKind::HttpUrl
            | SettingKind::Networks
            | SettingKind::Instant => SettingValue::Text(text.to_owned()),
        };
        self.check(&value)?;
        Ok(value)
    }
}

/// Whether a text is an `http://` or `https://` address with a host, a sane length and no blanks.
fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let bounded = text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'&');
    let authority = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    bounded && host_of(&format!("https://{authority}")).is_some()
}

/// Host of an `https://host[:port]` address; `None` when the text is none.
pub fn host_of(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("https://")?.trim_end_matches('/');
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let host_good = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    let port_good = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
    (host_good && port_good).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::{SettingFault, SettingKey, SettingValue, host_of};
    use std::collections::HashSet;

    #[test]
    fn ids_and_environment_names_are_unique_and_defaults_valid() {
        let mut ids = HashSet::new();
        let mut names = HashSet::new();
        for key in SettingKey::ALL {
            let row = key.definition();
            assert!(ids.insert(row.id) && names.insert(key.environment_name()), "{}", row.id);
            assert_eq!(key.check(&row.default.into()), Ok(()), "{}", row.id);
            assert_eq!(SettingKey::from_id(row.id), Some(*key));
            assert!(row.help.ends_with('.'), "{}", row.id);
        }
        assert_eq!(SettingKey::ApiPort.environment_name(), "WORKPOINT_PORTS_API_SERVER_PORT");
    }

    #[test]
    fn values_are_checked() {
        let port = SettingKey::ApiPort;
        assert_eq!(port.read("70000"), Err(SettingFault::Range { min: 0, max: 65_535 }));
        assert_eq!(port.read("x"), Err(SettingFault::Type("a whole number")));
        assert_eq!(port.read(" 443 "), Ok(SettingValue::Integer(443)));
        assert_eq!(port.check(&SettingValue::Text("443".into())), Err(SettingFault::Type("a whole number")));
        assert!(SettingKey::LogLevel.read("loud").is_err());
        assert_eq!(SettingKey::LookupByAddress.read("no"), Ok(SettingValue::Bool(false)));
    }

    #[test]
    fn addresses_have_a_host() {
        assert_eq!(host_of("https://wpi.example.net:18443"), Some("wpi.example.net"));
        assert_eq!(host_of("https://[2001:db8::1]:443/"), Some("2001:db8::1"));
        assert_eq!(host_of("https://10.1.2.3"), Some("10.1.2.3"));
        for bad in
            ["http://a", "https://", "https://a b", "https://a:0", "https://a:x", "https://u@h", "ftp://h"]
        {
            assert_eq!(host_of(bad), None, "{bad}");
        }
    }
}
