//! The settings about calling phones, read together.

use std::net::IpAddr;

use domain::calling::{Candidate, PollMode, gap, is_out_of_reach};
use domain::client::SecureMode;
use domain::network::Networks;
use domain::setting::{SettingKey, host_and_port};
use jiff::SignedDuration;

use crate::settings::Settings;
use crate::store::call_queue::Due;

/// The settings of a moment.
pub(super) struct Rules {
    pub(super) mode: PollMode,
    pub(super) tries: u32,
    pub(super) allowed: Networks,
    pub(super) rate: u64,
    pub(super) rate_per_subnet: u64,
    gap: SignedDuration,
    default_server: Option<(IpAddr, u16)>,
    secure_server: Option<(IpAddr, u16)>,
}

impl Rules {
    pub(super) fn of(settings: &Settings) -> Self {
        let has_address = !settings.text(SettingKey::DcmpServerUrl).is_empty();
        let count = |key| settings.integer(key).unsigned_abs();
        let server = |mode| {
            let (host, port) = server_address(settings, mode)?;
            Some((host.parse().ok()?, port))
        };
        Self {
            mode: PollMode::of(&settings.text(SettingKey::DcmpOperationMode), has_address),
            tries: u32::try_from(settings.integer(SettingKey::ContactMeTries)).unwrap_or(1),
            allowed: settings.networks(SettingKey::ContactMeAllowedNetworks),
            rate: count(SettingKey::ContactMeRate),
            rate_per_subnet: count(SettingKey::ContactMeRatePerSubnet),
            gap: SignedDuration::from_secs(settings.integer(SettingKey::ContactMeGap)),
            default_server: server(SecureMode::Default),
            secure_server: server(SecureMode::Secure),
        }
    }

    pub(super) fn everybody_polls(&self) -> bool {
        self.mode == PollMode::Enabled
    }

    /// How many clients are read at once: enough that full subnets do not hide others behind them.
    pub(super) fn line(&self, (fewest, most): (u64, u64)) -> u64 {
        let subnets = self.rate.div_ceil(self.rate_per_subnet.max(1)).saturating_mul(2);
        subnets.saturating_mul(254).clamp(fewest, most)
    }

    pub(super) fn candidate(&self, due: &Due, peer: IpAddr) -> Candidate {
        Candidate {
            access: due.access,
            out_of_reach: is_out_of_reach(peer, due.contact_me_uri.as_deref(), &self.allowed),
            tries: due.tries,
            called_at: due.called_at,
            gap: gap(due.gap.as_deref(), self.gap),
        }
    }

    /// The server a contact-me names; none when phones use the one they are set to. Phones take addresses there,
    /// no names.
    pub(super) fn server_for(&self, mode: SecureMode) -> Option<(IpAddr, u16)> {
        match mode {
            SecureMode::Default => self.default_server,
            SecureMode::Secure => self.secure_server,
        }
    }
}

/// Host and port by which phones in this mode reach the server, when an administrator has said so (D-9).
pub fn server_address(settings: &Settings, mode: SecureMode) -> Option<(String, u16)> {
    let url = settings.text(SettingKey::PhoneUrl);
    let (host, port) = host_and_port(&url)?;
    let number = |key| u16::try_from(settings.integer(key)).ok().filter(|port| *port != 0);
    let port = match mode {
        SecureMode::Default => port.or_else(|| number(SettingKey::DefaultModePort))?,
        SecureMode::Secure => {
            number(SettingKey::PhoneUrlSecurePort).or_else(|| number(SettingKey::SecureModePort))?
        }
    };
    Some((host.to_owned(), port))
}
