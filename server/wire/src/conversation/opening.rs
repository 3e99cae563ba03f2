//! Opening messages: which they are, whose they are, and what they carry (`wpi.md` §4.1, §4.5.3, §7.1).
//!
//! This file separates what a phone says about itself from settings that were changed at it. It does not
//! know the device or decide what to do.

use crate::text::trim;
use crate::{Item, PhoneMessage, Reason};

/// Why a phone opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpeningReason {
    /// It (re)started.
    StartUp,
    /// It was asked to come.
    Solicited,
    /// Settings were changed at the phone.
    LocalChanges,
    /// Key modules, or mobility.
    InventoryChanges,
    /// A deployment has ended; the `file-deployment-*` items are among the others.
    Status,
}

impl OpeningReason {
    /// The opening reason of a message, if it has one.
    pub fn of(reason: &Reason) -> Option<Self> {
        match reason {
            Reason::StartUp => Some(Self::StartUp),
            Reason::Solicited => Some(Self::Solicited),
            Reason::LocalChanges => Some(Self::LocalChanges),
            Reason::InventoryChanges => Some(Self::InventoryChanges),
            Reason::Status => Some(Self::Status),
            Reason::ReplyTo { .. } | Reason::CleanUp | Reason::Unknown(_) => None,
        }
    }
}

/// The message that opened a session, all parts together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Why the phone speaks.
    pub reason: OpeningReason,
    /// Most items the phone takes in one message.
    pub max_items: Option<u32>,
    /// Items about the phone itself: basic, inventory and mobility items (`wpi.md` §7.1).
    pub basic: Vec<Item>,
    /// All other items: changed settings, results of deployments, or what this list does not know.
    pub others: Vec<Item>,
    /// What is to be thought of settings changed at the phone.
    pub changes: Changes,
}

/// Whether settings were changed at the phone, and whether the message holds them (`wpi.md` §4.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Nothing is said to have changed.
    None,
    /// Every changed item is in `others`.
    Attached,
    /// Something changed, but the message does not say what: firmware up to V2R1.
    NotAttached,
    /// The number of attached items is not the announced one.
    CountMismatch {
        /// What `configuration-attached-number` says, if it is a number.
        announced: Option<usize>,
        /// How many there are.
        attached: usize,
    },
}

impl Changes {
    /// Whether everything must be read to know the changed settings (D-5).
    pub fn need_full_read(self) -> bool {
        matches!(self, Self::NotAttached | Self::CountMismatch { .. })
    }
}

impl Opening {
    /// `None` when the message does not open a session.
    pub(super) fn of(message: PhoneMessage) -> Option<Self> {
        let reason = OpeningReason::of(&message.reason)?;
        let (basic, others): (Vec<_>, Vec<_>) =
            message.items.into_iter().partition(|item| is_basic(&item.name));
        let changes = changes(reason, &basic, others.len());
        Some(Self { reason, max_items: message.max_items, basic, others, changes })
    }

    /// Value of a basic item, if the phone could read it; the empty text is a value.
    pub fn basic(&self, name: &str) -> Option<&str> {
        value(&self.basic, name)
    }
}

fn changes(reason: OpeningReason, basic: &[Item], attached: usize) -> Changes {
    let flag = |name| value(basic, name).is_some_and(is_true);
    if reason != OpeningReason::LocalChanges && !flag("configuration-changed-flag") {
        return Changes::None;
    }
    if !flag("configuration-attached-flag") {
        return Changes::NotAttached;
    }
    let announced = value(basic, "configuration-attached-number").and_then(|text| text.parse().ok());
    match announced {
        Some(number) if number == attached && attached > 0 => Changes::Attached,
        _ => Changes::CountMismatch { announced, attached },
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value == "1"
}

fn value<'i>(items: &'i [Item], name: &str) -> Option<&'i str> {
    items.iter().find(|item| item.name == name && item.status.is_none()).map(|item| item.value.as_str())
}

const BASIC: [&str; 30] = [
    "backlight-type",
    "basic-e164",
    "blf-modules",
    "bootstrapping-tan",
    "cloud-pin-value",
    "configuration-attached-flag",
    "configuration-attached-number",
    "configuration-changed-flag",
    "contact-me-uri",
    "device-type",
    "e164",
    "gigabit-ethernet",
    "gigabit-ethernet-enabled",
    "key-modules",
    "km15-modules",
    "mac-addr",
    "mobility-enabled",
    "modified-items",
    "part-number",
    "related-device-type",
    "related-software-type",
    "related-software-version",
    "requested-items",
    "sip-mobility-state",
    "slk-modules",
    "slog-archive-me",
    "software-type",
    "software-version",
    "user-pwd",
    "user-pwd-unicode",
];

/// Fault items grow with the firmware, and one of them is spelled `fault-tome-` (`wpi.md` §7.1).
const BASIC_PREFIXES: [&str; 3] = ["fault-report-", "fault-time-", "fault-tome-"];

/// Whether an item says something about the phone itself: the basic, inventory and mobility items of
/// `wpi.md` §7.1, which are never a changed setting.
pub fn is_basic(name: &str) -> bool {
    BASIC.binary_search(&name).is_ok() || BASIC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The `mac-addr` of a message as the phone wrote it, if it is there and not empty.
pub fn device_address(message: &PhoneMessage) -> Option<&str> {
    let named = message.items.iter().filter(|item| item.name == "mac-addr" && item.status.is_none());
    named.map(|item| trim(&item.value)).find(|value| !value.is_empty())
}

/// Whether a message holds the result of a deployment.
pub fn has_deployment_result(message: &PhoneMessage) -> bool {
    message.items.iter().any(|item| item.name.starts_with("file-deployment-"))
}

/// Whether a message opens a session when it also has a `mac-addr` (D-7, first rule).
///
/// `waiting` says whether the session that the message would otherwise belong to waits for a reply; then a
/// `status` without results of a deployment is such a reply (`wpi.md` §4.3).
pub fn is_opening(message: &PhoneMessage, waiting: bool) -> bool {
    match OpeningReason::of(&message.reason) {
        Some(OpeningReason::Status) => !waiting || has_deployment_result(message),
        Some(_) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fragment, ItemStatus};

    fn message(reason: Reason, items: &[(&str, &str)]) -> PhoneMessage {
        let items = items.iter().map(|(name, value)| Item::new(*name, *value)).collect();
        PhoneMessage { nonce: "1".to_owned(), max_items: None, fragment: Fragment::Final, reason, items }
    }

    fn changes_of(reason: Reason, items: &[(&str, &str)]) -> Changes {
        Opening::of(message(reason, items)).unwrap().changes
    }

    #[test]
    fn the_list_of_basic_items_is_sorted_for_searching() {
        assert!(BASIC.is_sorted());
        assert!(is_basic("mac-addr") && is_basic("fault-tome-ocsr-connect"));
        assert!(!is_basic("ringer-melody") && !is_basic("MAC-ADDR"));
    }

    #[test]
    fn attached_changes_are_separated_and_counted() {
        let items = [
            ("mac-addr", "00:1A:E8:5B:20:C7"),
            ("configuration-changed-flag", "true"),
            ("configuration-attached-flag", "True"),
            ("configuration-attached-number", "1"),
            ("ringer-melody", "4"),
        ];
        let opening = Opening::of(message(Reason::LocalChanges, &items)).unwrap();
        assert_eq!(opening.changes, Changes::Attached);
        assert_eq!(opening.others, [Item::new("ringer-melody", "4")]);
        assert_eq!(opening.basic("mac-addr"), Some("00:1A:E8:5B:20:C7"));
        assert!(!opening.changes.need_full_read());
    }

    #[test]
    fn appendix_a22_changes_without_items_or_with_another_count_need_a_full_read() {
        let old = changes_of(Reason::LocalChanges, &[("configuration-changed-flag", "true")]);
        assert_eq!(old, Changes::NotAttached);
        assert!(old.need_full_read());
        assert_eq!(changes_of(Reason::StartUp, &[("configuration-changed-flag", "true")]), old);
        let flag = ("configuration-attached-flag", "true");
        let two = ("configuration-attached-number", "2");
        let mismatch = changes_of(Reason::LocalChanges, &[flag, two, ("ringer-melody", "4")]);
        assert_eq!(mismatch, Changes::CountMismatch { announced: Some(2), attached: 1 });
        assert!(mismatch.need_full_read());
        let none = ("configuration-attached-number", "0");
        let zero = changes_of(Reason::LocalChanges, &[flag, none]);
        assert_eq!(zero, Changes::CountMismatch { announced: Some(0), attached: 0 });
    }

    #[test]
    fn other_items_without_the_changed_flag_are_no_changes() {
        let items = [("configuration-changed-flag", "false"), ("file-deployment-status", "ok")];
        assert_eq!(changes_of(Reason::Status, &items), Changes::None);
    }

    #[test]
    fn opening_messages_are_told_from_replies() {
        let reply = Reason::ReplyTo { action: None, status: None };
        for (reason, expected) in [
            (Reason::StartUp, true),
            (Reason::Solicited, true),
            (Reason::LocalChanges, true),
            (Reason::InventoryChanges, true),
            (reply, false),
            (Reason::CleanUp, false),
            (Reason::Unknown("x".to_owned()), false),
        ] {
            assert_eq!(is_opening(&message(reason.clone(), &[]), true), expected, "{reason:?}");
            assert_eq!(is_opening(&message(reason.clone(), &[]), false), expected, "{reason:?}");
        }
        let status = message(Reason::Status, &[]);
        assert!(is_opening(&status, false) && !is_opening(&status, true));
        let result = message(Reason::Status, &[("file-deployment-status", "ok")]);
        assert!(is_opening(&result, true));
    }

    #[test]
    fn the_device_address_is_found_if_the_phone_knows_it() {
        assert_eq!(device_address(&message(Reason::StartUp, &[("mac-addr", "")])), None);
        let mut failed = message(Reason::StartUp, &[("mac-addr", "x"), ("mac-addr", "soft.client-1")]);
        failed.items[0].status = Some(ItemStatus::Failed);
        assert_eq!(device_address(&failed), Some("soft.client-1"));
    }
}
