//! The ways in which phones differ in speaking WPI (`wpi.md` Appendix B), as plain options.

use std::str::FromStr;
use std::time::Duration;

use crate::models::UnknownWord;

/// What a phone sends back of the cookie it got (`wpi.md` §2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieEcho {
    /// Name and value.
    #[default]
    Plain,
    /// The whole header value, attributes included.
    WithAttributes,
    /// Nothing.
    None,
}

/// The nonce of a reply (`wpi.md` §3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyNonce {
    /// A new one.
    #[default]
    New,
    /// That of the server message.
    Repeat,
}

/// The action a phone names in the second and later parts of a message (`wpi.md` §3.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FragmentAction {
    /// That of the first part.
    #[default]
    Original,
    /// `GetNextFragment`.
    GetNextFragment,
}

/// What goes wrong when a phone should answer WriteItems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The power fails when the values are stored and nothing has been answered.
    VanishWritten,
    /// The power fails before anything is stored.
    VanishUnwritten,
    /// The phone stores nothing and ends the session with `clean-up` (`wpi.md` §4.9).
    GiveUp,
}

impl FromStr for Mishap {
    type Err = UnknownWord;

    /// `vanish-written`, `vanish-unwritten` or `give-up`.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "vanish-written" => Ok(Self::VanishWritten),
            "vanish-unwritten" => Ok(Self::VanishUnwritten),
            "give-up" => Ok(Self::GiveUp),
            _ => Err(UnknownWord::new("mishap", text)),
        }
    }
}

/// Whether a phone hears contact-me requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listening {
    /// It answers 204 and comes.
    #[default]
    Answers,
    /// It answers 204 and never comes.
    Silent,
    /// Nobody listens at its port.
    Refuses,
    /// It takes the connection and never answers.
    Hangs,
}

/// How one phone behaves. The default is a late SIP firmware in default mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Most items the phone takes in one server message; `None` is no limit. A longer WriteItems is
    /// answered `failed`.
    pub max_items: Option<u32>,
    /// Most items the phone puts into one message; longer messages go out in parts. `None` never splits.
    pub fragment_items: Option<usize>,
    /// What the later parts say they answer.
    pub fragment_action: FragmentAction,
    /// The next so many orders are answered `busy`.
    pub busy_requests: u32,
    /// Wait of a phone that was busy before it follows `send-solicited`: the rest of the call.
    pub busy_time: Duration,
    /// The next so many WriteItems are answered `failed` as a whole, and nothing is stored.
    pub failed_writes: u32,
    /// What goes wrong with the next `mishaps` WriteItems.
    pub mishap: Option<Mishap>,
    /// How many times it goes wrong.
    pub mishaps: u32,
    /// Whether a phone that vanished comes back with `start-up` after `restart_time`, as after a power
    /// failure. Otherwise it waits until it is called.
    pub returns_after_vanishing: bool,
    /// Whether reads, too, are answered `busy`; some firmware does (`wpi.md` §4.3).
    pub busy_reads: bool,
    /// Local changes are only flagged, not attached: firmware up to V2R1 (`wpi.md` §4.5.3).
    pub old_local_changes: bool,
    /// `false`: every request says `Connection: close` and uses a connection of its own.
    pub keep_alive: bool,
    /// What comes back of the cookie.
    pub cookies: CookieEcho,
    /// The nonce of replies.
    pub reply_nonce: ReplyNonce,
    /// Replies say `Accepted`.
    pub upper_case_status: bool,
    /// Report `user-pwd` in clear with the basic items: old firmware (`wpi.md` §3.5).
    pub reports_user_password: bool,
    /// Ignore `send-solicited`: firmware older than V3R3 (`wpi.md` §4.5.4).
    pub ignores_send_solicited: bool,
    /// Wait before each answer to a server message.
    pub think_time: Duration,
    /// Wait between a restart and the `start-up` after it.
    pub restart_time: Duration,
    /// Contact gap; `None` takes the phone's item `dls-contact-interval` (300 s out of the box); zero is
    /// no gap.
    pub contact_gap: Option<Duration>,
    /// Every so many-th contact-me outside the gap is acknowledged and ignored (`wpi.md` §1.5 rule 3);
    /// 0 ignores none.
    pub ignore_every: u32,
    /// Whether contact-me requests are heard, to begin with.
    pub listening: Listening,
    /// Time between two polls of the contact-me proxy (`wpi.md` §6; the item that sets it is not public).
    pub dcmp_interval: Duration,
    /// Whether `dcmp-url` survives a restart; phones need not keep it (`wpi.md` §6).
    pub keeps_dcmp_url: bool,
    /// Whether items that DHCP delivers are read only while it does (`wpi.md` §1.4, §7.5).
    pub locks_dhcp_items: bool,
    /// How files and firmware are fetched.
    pub deployments: DeploymentManners,
}

/// How a phone deals with files and firmware (`wpi.md` §4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeploymentManners {
    /// Every deployment is answered `failed`.
    pub refuses: bool,
    /// A deployment is answered `accepted` before it begins; otherwise the phone just leaves.
    pub replies: bool,
    /// Most bytes a second of a download; `None` is as fast as it comes.
    pub download_rate: Option<u64>,
    /// The phone asks for the head of a file first.
    pub head_first: bool,
    /// The next so many downloads are given up in the middle and reported as failed; `u32::MAX`: all.
    pub failing: u32,
    /// The next so many downloads (after the failing ones) lose their connection in the middle and go on.
    pub breaking: u32,
    /// No deployment is reported with `status`.
    pub no_status: bool,
    /// Deletions, and messages with several files, are reported with `status` as well; not all firmware does
    /// (`wpi.md` §4.6.4).
    pub status_for_deletes: bool,
    /// Time from the end of a download of firmware to the `start-up` with it. Real phones take minutes.
    pub update_time: Duration,
    /// After a download of firmware the phone starts up with what it had.
    pub stays_on_old_version: bool,
}

impl Default for DeploymentManners {
    fn default() -> Self {
        Self {
            refuses: false,
            replies: false,
            download_rate: None,
            head_first: false,
            failing: 0,
            breaking: 0,
            no_status: false,
            status_for_deletes: false,
            update_time: Duration::from_secs(5),
            stays_on_old_version: false,
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            max_items: None,
            fragment_items: None,
            fragment_action: FragmentAction::default(),
            busy_requests: 0,
            busy_time: Duration::ZERO,
            failed_writes: 0,
            mishap: None,
            mishaps: 1,
            returns_after_vanishing: true,
            busy_reads: true,
            old_local_changes: false,
            keep_alive: true,
            cookies: CookieEcho::default(),
            reply_nonce: ReplyNonce::default(),
            upper_case_status: false,
            reports_user_password: false,
            ignores_send_solicited: false,
            think_time: Duration::ZERO,
            restart_time: Duration::from_secs(2),
            contact_gap: None,
            ignore_every: 0,
            listening: Listening::default(),
            dcmp_interval: Duration::from_secs(60),
            keeps_dcmp_url: false,
            locks_dhcp_items: true,
            deployments: DeploymentManners::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mishaps_are_read_by_their_words() {
        assert_eq!("vanish-written".parse(), Ok(Mishap::VanishWritten));
        assert_eq!("vanish-unwritten".parse(), Ok(Mishap::VanishUnwritten));
        assert_eq!("give-up".parse(), Ok(Mishap::GiveUp));
        assert!("vanish".parse::<Mishap>().is_err());
    }
}
