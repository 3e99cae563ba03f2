//! The ways in which phones differ in speaking WPI (`wpi.md` Appendix B), as plain options.

use std::time::Duration;

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
    /// Contact gap; `None` takes the phone's item `dls-contact-interval` (300 s out of the box).
    pub contact_gap: Option<Duration>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            max_items: None,
            fragment_items: None,
            fragment_action: FragmentAction::default(),
            busy_requests: 0,
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
        }
    }
}
