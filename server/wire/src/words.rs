//! The words of reasons, actions and statuses as text and back (`wpi.md` §3.6, §4.1 to §4.3).
//!
//! Reading compares without regard to case and amount of white space and keeps what it does not know;
//! writing gives the documented form.

use crate::text::{same_word, trim};
use crate::{Action, ItemStatus, Reason, ReplyStatus};

const ACTIONS: [Action; 8] = [
    Action::ReadAllItems,
    Action::ReadItems,
    Action::WriteItems,
    Action::Restart,
    Action::FileDeployment,
    Action::SoftwareDeployment,
    Action::GetNextFragment,
    Action::CleanUp,
];

const REPLY_STATUSES: [ReplyStatus; 3] = [ReplyStatus::Accepted, ReplyStatus::Failed, ReplyStatus::Busy];

const ITEM_STATUSES: [ItemStatus; 8] = [
    ItemStatus::Failed,
    ItemStatus::UnknownItem,
    ItemStatus::ReadOnly,
    ItemStatus::InvalidIndex,
    ItemStatus::UnexpectedItem,
    ItemStatus::NotSupported,
    ItemStatus::InvalidData,
    ItemStatus::Undefined,
];

const PLAIN_REASONS: [Reason; 6] = [
    Reason::StartUp,
    Reason::Solicited,
    Reason::LocalChanges,
    Reason::InventoryChanges,
    Reason::Status,
    Reason::CleanUp,
];

impl Reason {
    /// The word on the wire (`wpi.md` §4.1).
    pub fn as_str(&self) -> &str {
        match self {
            Self::StartUp => "start-up",
            Self::Solicited => "solicited",
            Self::LocalChanges => "local-changes",
            Self::InventoryChanges => "inventory-changes",
            Self::Status => "status",
            Self::ReplyTo { .. } => "reply-to",
            Self::CleanUp => "clean-up",
            Self::Unknown(word) => word,
        }
    }

    /// The reason of this name. `reply-to` comes without action and status; those are attributes.
    pub fn parse(text: &str) -> Self {
        if same_word(text, "reply-to") {
            return Self::ReplyTo { action: None, status: None };
        }
        known(&PLAIN_REASONS, text, Self::as_str).unwrap_or_else(|| Self::Unknown(trim(text).to_owned()))
    }
}

impl Action {
    /// The word on the wire (`wpi.md` §4.2).
    pub fn as_str(&self) -> &str {
        match self {
            Self::ReadAllItems => "ReadAllItems",
            Self::ReadItems => "ReadItems",
            Self::WriteItems => "WriteItems",
            Self::Restart => "Restart",
            Self::FileDeployment => "FileDeployment",
            Self::SoftwareDeployment => "SoftwareDeployment",
            Self::GetNextFragment => "GetNextFragment",
            Self::CleanUp => "CleanUp",
            Self::Unknown(word) => word,
        }
    }

    /// The action of this name, in any case (`Cleanup` was seen, `wpi.md` §3.3).
    pub fn parse(text: &str) -> Self {
        known(&ACTIONS, text, Self::as_str).unwrap_or_else(|| Self::Unknown(trim(text).to_owned()))
    }
}

impl ReplyStatus {
    /// The word on the wire (`wpi.md` §4.3).
    pub fn as_str(&self) -> &str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::Unknown(word) => word,
        }
    }

    /// The status of this name, in any case (`Accepted` was seen, `wpi.md` §3.3).
    pub fn parse(text: &str) -> Self {
        known(&REPLY_STATUSES, text, Self::as_str).unwrap_or_else(|| Self::Unknown(trim(text).to_owned()))
    }
}

impl ItemStatus {
    /// The word on the wire (`wpi.md` §3.6).
    pub fn as_str(&self) -> &str {
        match self {
            Self::Failed => "failed",
            Self::UnknownItem => "unknown item",
            Self::ReadOnly => "read only",
            Self::InvalidIndex => "invalid index",
            Self::UnexpectedItem => "unexpected item",
            Self::NotSupported => "not supported",
            Self::InvalidData => "invalid data",
            Self::Undefined => "undefined status",
            Self::Other(word) => word,
        }
    }

    /// The item status of this name, in any case.
    pub fn parse(text: &str) -> Self {
        known(&ITEM_STATUSES, text, Self::as_str).unwrap_or_else(|| Self::Other(trim(text).to_owned()))
    }
}

fn known<W: Clone>(words: &[W], text: &str, as_str: fn(&W) -> &str) -> Option<W> {
    words.iter().find(|word| same_word(text, as_str(word))).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appendix_a2_words_are_read_in_any_case_and_white_space() {
        assert_eq!(Reason::parse(" \n reply-to \n "), Reason::ReplyTo { action: None, status: None });
        assert_eq!(ReplyStatus::parse("Accepted"), ReplyStatus::Accepted);
        assert_eq!(Action::parse("Cleanup"), Action::CleanUp);
        assert_eq!(ItemStatus::parse(" Read\n  Only"), ItemStatus::ReadOnly);
    }

    #[test]
    fn every_known_word_survives_writing_and_reading() {
        for word in ACTIONS {
            assert_eq!(Action::parse(word.as_str()), word);
        }
        for word in REPLY_STATUSES {
            assert_eq!(ReplyStatus::parse(word.as_str()), word);
        }
        for word in ITEM_STATUSES {
            assert_eq!(ItemStatus::parse(word.as_str()), word);
        }
        for word in PLAIN_REASONS {
            assert_eq!(Reason::parse(word.as_str()), word);
        }
    }

    #[test]
    fn unknown_words_are_kept_as_they_came() {
        assert_eq!(Reason::parse(" Power-Up "), Reason::Unknown("Power-Up".to_owned()));
        assert_eq!(Action::parse("UploadFile"), Action::Unknown("UploadFile".to_owned()));
        assert_eq!(ReplyStatus::parse("maybe"), ReplyStatus::Unknown("maybe".to_owned()));
        assert_eq!(ItemStatus::parse("Too  Late"), ItemStatus::Other("Too  Late".to_owned()));
    }
}
