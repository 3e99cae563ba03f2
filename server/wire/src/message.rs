//! The two kinds of message and the words in them (`wpi.md` §3.1, §3.2, §4.1–4.3).
//!
//! Words the specification does not know are kept, never refused: what to do with them is decided by
//! the conversation, not by the parser.

use crate::Item;

/// A message of a phone: the body of one HTTP request (`WorkpointMessage`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneMessage {
    /// Opaque text of 1 to 64 characters, echoed by the server (`wpi.md` §3.4).
    pub nonce: String,
    /// Most items the phone takes in one server message; `None` is "no limit" (absent or `-1`).
    pub max_items: Option<u32>,
    /// Whether more parts of this message follow.
    pub fragment: Fragment,
    /// Why the phone speaks.
    pub reason: Reason,
    /// All items, of all item lists, in document order.
    pub items: Vec<Item>,
}

/// A message of a server: the body of one HTTP response (`DLSMessage`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMessage {
    /// The nonce of the phone message this answers.
    pub nonce: String,
    /// What the phone shall do.
    pub action: Action,
    /// Arguments of the action.
    pub items: Vec<Item>,
}

impl ServerMessage {
    /// The end of a session, without a reason.
    pub fn clean_up(nonce: impl Into<String>) -> Self {
        Self { nonce: nonce.into(), action: Action::CleanUp, items: Vec::new() }
    }

    /// The end of a session with a `cleanup-reason`, for instance `overload` (`wpi.md` §4.5.9).
    pub fn clean_up_because(nonce: impl Into<String>, reason: impl Into<String>) -> Self {
        let items = vec![Item::new("cleanup-reason", reason)];
        Self { nonce: nonce.into(), action: Action::CleanUp, items }
    }
}

/// `fragment` attribute: `next` when more parts follow (`wpi.md` §3.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fragment {
    /// More parts follow; the server asks for them with `GetNextFragment`.
    Next,
    /// Last or only part; also meant when the attribute is absent.
    #[default]
    Final,
}

/// `ReasonForContact` (`wpi.md` §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `start-up`: the phone (re)started.
    StartUp,
    /// `solicited`: after contact-me, `send-solicited` or a positive DCMP poll.
    Solicited,
    /// `local-changes`: settings were changed at the phone.
    LocalChanges,
    /// `inventory-changes`: key modules, or mobility logon and logoff.
    InventoryChanges,
    /// `status`: a file or software deployment has ended.
    Status,
    /// `reply-to`: the answer to an action of the server.
    ReplyTo {
        /// The action being answered, if named.
        action: Option<Action>,
        /// Overall status of the answer, if named.
        status: Option<ReplyStatus>,
    },
    /// `clean-up`: the phone gives up the session.
    CleanUp,
    /// A word that is none of the above, kept as it came.
    Unknown(String),
}

/// `Action` (`wpi.md` §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Report every readable item.
    ReadAllItems,
    /// Report the named items.
    ReadItems,
    /// Take the given values.
    WriteItems,
    /// Restart, or factory reset when the reset items are present.
    Restart,
    /// Fetch (or delete) files.
    FileDeployment,
    /// Fetch and start a firmware image.
    SoftwareDeployment,
    /// Send the next part of a fragmented message.
    GetNextFragment,
    /// End of the session.
    CleanUp,
    /// A word that is none of the above, kept as it came.
    Unknown(String),
}

/// `status` of a `reply-to` (`wpi.md` §4.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReplyStatus {
    /// Done, except for items that carry a status of their own.
    Accepted,
    /// Refused as a whole.
    Failed,
    /// In a call or otherwise occupied; ask again later.
    Busy,
    /// A word that is none of the above, kept as it came.
    Unknown(String),
}
