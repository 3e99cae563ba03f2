//! The settings registry: every setting of the server, typed, in one table (D-33).
//!
//! Precedence: default < database (`/api/v1/settings`) < `workpoint.toml` < environment. This file knows
//! what a setting is and which values it takes; where a value comes from is the server's business.
//! A setting stands here only when something reads it.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::network::Networks;

/// Longest text of a setting, in bytes.
const LONGEST_TEXT: usize = 2_048;

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
    PathUrl,
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
    KeptSignInIdleTimeout: "accounts.kept-session-idle-timeout", seconds(60, 31_536_000), D::Integer(604_800), false,
        "Time after which an idle session ends that is kept when the browser is closed (keep me logged in).";
    KeptSignInLifetime: "accounts.kept-session-lifetime", seconds(300, 31_536_000), D::Integer(2_592_000), false,
        "Longest life of a session that is kept when the browser is closed (keep me logged in).";
    StepUpAfter: "accounts.confirmation-lifetime", seconds(60, 86_400), D::Integer(900), false,
        "Time after which a session must confirm password or code again before something dangerous.";
    LockAfterFailures: "accounts.lock-after-failures", count(0, 1_000), D::Integer(10), false,
        "Failed sign-ins in a row after which an account is locked; 0 never locks. Its sessions and tokens go on.";
    LockDuration: "accounts.lock-duration", seconds(0, 604_800), D::Integer(900), false,
        "Time after which a lock ends by itself; 0 is until an administrator unlocks the account.";
    TotpHashAlgorithm: "security.totp-hash-algorithm", K::Choice(&["sha-1", "sha-256"]), D::Text("sha-1"), false,
        "Hash of the codes of authenticator apps that are set up from now on. Some apps know only sha-1.";
    TokenDigestAlgorithm: "security.token-digest-algorithm", K::Choice(&["hmac-sha-256", "hmac-sha-512", "rsa-sha-256", "rsa-sha-512", "ecdsa-p-256-sha-256", "ecdsa-p-521-sha-512"]), D::Text("hmac-sha-256"), false,
        "Algorithm that signs the short-lived access tokens of programs. Tokens signed with another one count no longer; programs get new ones with their refresh token.";
    AccessTokenLifetime: "accounts.access-token-lifetime", seconds(60, 3_600), D::Integer(600), false,
        "Life of an access token of a program; afterwards it gets another one with its refresh token, which lives as long as a session.";
    PhoneUrl: "phones.phone-url", K::Url, D::Text(""), false,
        "Address by which phones reach this server in default mode, with its port; it goes into contact-me requests (when its host is an IP address), and into DHCP options. Required behind NAT or a load balancer; when empty, phones use the server they are set to.";
    PhoneUrlSecurePort: "phones.phone-url-secure-port", PORT, D::Integer(0), false,
        "Port by which phones in secure mode reach the host of the address above; 0 is the port of the secure listener.";
    ContactMeGap: "contact-me.gap", seconds(1, 86_400), D::Integer(300), false,
        "Time between two contact-me requests to a phone that does not report its own contact gap. Below 60 old firmware may break down: only for simulated phones.";
    ContactMeRate: "contact-me.rate", count(1, 1_000), D::Integer(10), false,
        "Most contact-me requests per second.";
    ContactMeRatePerSubnet: "contact-me.rate-per-subnet", count(1, 1_000), D::Integer(2), false,
        "Most contact-me requests per second into one subnet (/24 or /64).";
    ContactMeTries: "contact-me.tries", count(1, 10), D::Integer(3), false,
        "Contact-me requests without a session after which a phone counts as offline; its work then waits until it comes by itself, or until it gets new work.";
    ContactMeAllowedNetworks: "contact-me.allowed-networks", K::Networks, D::Text(""), false,
        "Networks into which a contact-me may go although the phone's messages come from another address. Elsewhere a contact-me goes to no address but the one the phone itself last came from.";
    ScansRate: "scans.rate", count(1, 100), D::Integer(10), false,
        "Most addresses per second that scans ask to make contact, all scans together.";
    ScansAllowedNetworks: "scans.allowed-networks", K::Networks, D::Text(""), false,
        "Networks that may be scanned for phones; while it is empty nothing may. Loopback and link-local addresses only by a network inside them.";
    DcmpOperationMode: "dcmp.dcmp-operation-mode", K::Choice(&["automatic", "disabled", "enabled"]), D::Text("automatic"), false,
        "Which phones poll instead of being called: those that cannot be called (automatic), none (disabled), all (enabled).";
    DcmpServerUrl: "dcmp.dcmp-server-url", K::PathUrl, D::Text(""), false,
        "Address that polling phones ask, without the contact-me at its end. While it is empty no phone is told to poll, and automatic operation calls all phones.";
    DcmpQueryInterval: "dcmp.dcmp-query-interval", K::Integer { min: 1, max: 1_440, unit: "minutes" }, D::Integer(5), false,
        "Time between two polls of a phone, as far as this server reckons with it. It cannot be set at the phones from here: the item for it is not known.";
    DcmpServerSecureMode: "dcmp.dcmp-server-secure-mode", K::Bool, D::Bool(false), true,
        "Whether polls are answered over TLS only.";
    DcmpServerPort: "ports.dcmp-server-port", PORT, D::Integer(8_080), true,
        "Port on which polls of phones are answered; 0 switches the listener off.";
    JobFailureTimeout: "other.job-failure-timeout", seconds(30, 86_400), D::Integer(600), false,
        "Running time without a sign of life after which a target of a job counts as timed out.";
    JobLifetime: "other.job-lifetime", K::Integer { min: 1, max: 3_650, unit: "days" }, D::Integer(7), false,
        "How long a target of a job waits for its phone, and afterwards how long a finished job is kept.";
    JobsConfirmBeyond: "jobs.confirm-beyond", count(0, 1_000_000), D::Integer(20), false,
        "Most targets of a restart, reset or deletion that start without their number being typed.";
    JobsMostDangerousTargets: "jobs.most-dangerous-targets", count(1, 1_000_000), D::Integer(1_000), false,
        "Most targets of a restart, reset or deletion; more need the role admin.";
    PlansConfirmBeyond: "plans.confirm-beyond", count(0, 1_000_000), D::Integer(100), false,
        "Most clients an operator's plan may write to without their number being typed.";
    PlansConfirmBeyondForAdministrators: "plans.confirm-beyond-for-administrators", count(0, 1_000_000), D::Integer(1_000), false,
        "Most clients an administrator's plan may write to without their number being typed.";
    PlansDrawnAtOnce: "plans.drawn-at-once", count(0, 1_000_000), D::Integer(2_000), false,
        "Clients up to which saving a template, a group or fields waits for its plan; of more clients the plan is drawn up in the background.";
    ExtensionDigits: "templates.extension-digits", count(1, 15), D::Integer(4), false,
        "Digits at the end of a number that are its extension, the variable {extension} of templates.";
    FileServerEnabled: "other.integrated-file-server-enabled", K::Bool, D::Bool(true), false,
        "Whether this server gives files to phones. When it does not, only files of providers that serve phones themselves can be deployed.";
    FileServerBandwidth: "other.integrated-file-server-bandwidth-limit", K::Integer { min: 0, max: 10_000_000, unit: "kilobytes per second" }, D::Integer(0), false,
        "Most kilobytes per second that each node gives to phones, all downloads together; they share it fairly. 0 is no limit.";
    FileServerBoundToAddress: "files.bound-to-address", K::Bool, D::Bool(true), false,
        "Whether a download address works only from the address of the phone it was made for. Switch it off where phones come from changing addresses, for instance behind several balancers.";
    FilesCacheSize: "files.cache-size", K::Integer { min: 16, max: 1_048_576, unit: "megabytes" }, D::Integer(4_096), false,
        "Most megabytes of files of other storage providers that each node keeps for phones.";
    FilesLargest: "files.largest", K::Integer { min: 1, max: 4_096, unit: "megabytes" }, D::Integer(512), false,
        "Largest file that is taken.";
    FilesOpenUploads: "files.open-uploads", K::Integer { min: 1, max: 16_777_216, unit: "megabytes" }, D::Integer(10_240), false,
        "Most megabytes of all uploads together that have not ended.";
    FilesReserve: "files.reserve", K::Integer { min: 0, max: 16_777_216, unit: "megabytes" }, D::Integer(512), false,
        "Megabytes of the disk with the uploads that stay free; what would take them is refused.";
    FilesUploadLifetime: "files.upload-lifetime", seconds(3_600, 604_800), D::Integer(86_400), false,
        "Time without a piece after which an unfinished upload is forgotten.";
    StorageValidation: "security.storage-provider-connection-validation", K::Bool, D::Bool(true), false,
        "Whether certificates of storage providers are checked. Without it somebody between the two can change what phones get.";
    StorageAllowedNetworks: "storage.allowed-networks", K::Networks, D::Text(""), false,
        "Networks in which storage providers may be besides all others: loopback and link-local addresses only by a network that names them.";
    DeploymentsParallelSoftware: "deployments.parallel-software", count(1, 10_000), D::Integer(50), false,
        "Most phones that fetch or start firmware at the same time.";
    DeploymentsParallelFiles: "deployments.parallel-files", count(1, 10_000), D::Integer(200), false,
        "Most phones that fetch other files at the same time.";
    DeploymentsByRule: "deployments.by-rule", K::Choice(&["contact", "night", "off"]), D::Text("contact"), false,
        "When templates bring their files and software to phones: whenever a phone is in contact and every night (contact), every night only (night), or not on their own (off).";
    DeploymentsByRuleHour: "deployments.by-rule-hour", K::Integer { min: 0, max: 23, unit: "" }, D::Integer(0), false,
        "Hour of the day, in UTC, in which templates bring their files and software at night: 27 minutes past it. Phones that are idle then restart for new software.";
    DeploymentsByRuleFailures: "deployments.by-rule-failures", K::Integer { min: 0, max: 100, unit: "percent" }, D::Integer(25), false,
        "Most phones of 100 on which a file or software of templates may fail, of those that were through with it last; beyond that it is brought to no others until it or its template is changed. At least 10 must have failed. 0 never stops it.";
    OnboardingWindowUntil: "onboarding.window-until", K::Instant, D::Text(""), false,
        "Until when new phones are matched by their number and may get secrets in default mode; empty is closed.";
    OnboardingNetworks: "onboarding.networks", K::Networks, D::Text(""), false,
        "Networks in which phones may get secrets in default mode although they are not bound to them yet.";
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
    PathUrl,
    /// Not a list of networks.
    #[error("must be empty or networks as address/length, separated by commas, at most 64")]
    Networks,
    /// Not a moment.
    #[error("must be empty or a moment like 2030-01-31T12:00:00Z")]
    Instant,
    /// Longer than any setting may be.
    #[error("must have at most {LONGEST_TEXT} characters")]
    Length,
}

impl SettingFault {
    /// Stable code of the fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Type(_) => "wrong_type",
            Self::Range { .. } => "out_of_range",
            Self::Choice(_) => "not_a_choice",
            Self::Url | Self::PathUrl => "not_an_address",
            Self::Networks => "not_networks",
            Self::Instant => "not_a_moment",
            Self::Length => "too_long",
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

    /// Whether changing it could open a door: how people sign in, what may be done without being asked twice, and
    /// who gets secrets. Such a change needs a recent confirmation (step-up).
    pub fn is_security(self) -> bool {
        let id = self.definition().id;
        let areas = [
            "server-settings.accounts.",
            "server-settings.security.",
            "server-settings.onboarding.",
            "server-settings.contact-me.allowed-networks",
            "server-settings.scans.allowed-networks",
            "server-settings.jobs.confirm-beyond",
            "server-settings.jobs.most-dangerous-targets",
            "server-settings.dcmp.dcmp-server-secure-mode",
            // Where phones are sent to: whoever changes it can have all of them talk to another server.
            "server-settings.dcmp.dcmp-server-url",
            "server-settings.phones.phone-url",
        ];
        areas.iter().any(|area| id.starts_with(area))
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
            (kind, SettingValue::Text(text)) => check_text(kind, text),
            (_, SettingValue::Bool(_) | SettingValue::Integer(_)) => Err(SettingFault::Type("a text")),
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
            | SettingKind::PathUrl
            | SettingKind::Networks
            | SettingKind::Instant => SettingValue::Text(text.to_owned()),
        };
        self.check(&value)?;
        Ok(value)
    }
}

fn check_text(kind: SettingKind, text: &str) -> Result<(), SettingFault> {
    if text.len() > LONGEST_TEXT {
        return Err(SettingFault::Length);
    }
    let good = |good: bool, fault| if good { Ok(()) } else { Err(fault) };
    match kind {
        SettingKind::Choice(choices) => good(choices.contains(&text), SettingFault::Choice(choices)),
        SettingKind::Url => good(text.is_empty() || host_of(text).is_some(), SettingFault::Url),
        SettingKind::PathUrl => good(text.is_empty() || is_path_url(text), SettingFault::PathUrl),
        SettingKind::Networks => good(Networks::parse(text).is_ok(), SettingFault::Networks),
        SettingKind::Instant => good(text.is_empty() || instant(text).is_some(), SettingFault::Instant),
        SettingKind::Bool => Err(SettingFault::Type("true or false")),
        SettingKind::Integer { .. } => Err(SettingFault::Type("a whole number")),
    }
}

/// The instant a setting of kind [`SettingKind::Instant`] names; `None` when it is empty.
pub fn instant(text: &str) -> Option<Timestamp> {
    text.trim().parse().ok()
}

/// Host of an `https://host[:port]` address; `None` when the text is none.
pub fn host_of(url: &str) -> Option<&str> {
    authority(url.strip_prefix("https://")?.trim_end_matches('/')).map(|(host, _)| host)
}

/// Host and port of an `https://host[:port]` address; `None` when the text is none.
pub fn host_and_port(url: &str) -> Option<(&str, Option<u16>)> {
    authority(url.strip_prefix("https://")?.trim_end_matches('/'))
}

/// A host as it stands in an address: an IPv6 address goes into brackets.
pub fn bracketed(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

/// The part of an address between `//` and the path.
fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let host_good = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    let port = match port {
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port != 0)?),
        None => None,
    };
    host_good.then_some((host, port))
}

fn is_path_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    authority(host).is_some() && path.bytes().all(plain)
}

#[cfg(test)]
mod tests;
