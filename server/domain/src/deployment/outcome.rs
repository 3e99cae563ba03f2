//! What a phone's words mean for a deployment that is under way (`wpi.md` §4.6.3, §4.6.4, §4.6.6).

use jiff::SignedDuration;

use super::FileAction;
use super::choose::same_version;
use crate::file::{FileType, same_family};

/// How long a start-up can still have another cause than the offer, while nothing was fetched.
const OTHER_CAUSE: SignedDuration = SignedDuration::from_mins(1);

/// One entry of a `status` message, or of the inventory: a file as a phone names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnPhone {
    /// `file-deployment-name`.
    pub name: String,
    /// `file-deployment-type`.
    pub kind: String,
    /// `file-deployment-status`; empty when it was not said.
    pub status: String,
    /// `file-deployment-date` and `-time`, as the phone writes them; empty when it was not said, or not asked for.
    pub written: String,
}

/// What the phone was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// With which file.
    pub name: &'a str,
    /// Its type.
    pub file_type: FileType,
    /// What.
    pub action: FileAction,
}

/// What a `status` says of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done.
    Done,
    /// Not done; the phone's word.
    Failed(String),
    /// Nothing of this order.
    Nothing,
}

/// What the entries of a `status` message say of an order. Any word but `ok` is a failure (`wpi.md` §4.6.3).
///
/// An entry that names another file says nothing. One without a name is about what is under way: there is only one.
pub fn told(order: Order<'_>, entries: &[OnPhone]) -> Told {
    let named = entries.iter().find(|entry| is_about(order, entry));
    let entry = match (named, entries) {
        (Some(entry), _) => entry,
        (None, [only]) if only.name.is_empty() && is_type(order, &only.kind) => only,
        _ => return Told::Nothing,
    };
    let word = entry.status.trim();
    if word.eq_ignore_ascii_case("ok") {
        Told::Done
    } else if word.is_empty() {
        Told::Nothing
    } else {
        Told::Failed(word.chars().take(64).collect())
    }
}

fn is_about(order: Order<'_>, entry: &OnPhone) -> bool {
    is_type(order, &entry.kind) && same_name(order.name, &entry.name)
}

fn is_type(order: Order<'_>, kind: &str) -> bool {
    kind.trim().is_empty() || FileType::from_wire(kind) == Some(order.file_type)
}

/// Whether a phone means this file: it may keep the name as it stands in the address, where some characters are
/// written as `%` and two digits, with the query of a signed address behind it, and it may change the case.
pub fn same_name(name: &str, phone: &str) -> bool {
    let phone = phone.trim();
    let is_it = |text: &str| {
        let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
        !last.is_empty() && (last.eq_ignore_ascii_case(name) || decoded(last).eq_ignore_ascii_case(name))
    };
    // As it is first: a name of a file may have these characters too. A query may have slashes, so it goes before them.
    is_it(phone) || phone.split(['?', '#']).next().is_some_and(is_it)
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a slot of the inventory has a file, by the name that the phone gives: an empty one and the word `NULL` are
/// slots that are not in use (`wpi.md` §4.6.5).
pub fn is_in_use(name: &str) -> bool {
    !matches!(name.trim(), "" | "NULL")
}

/// Whether the inventory has a file.
pub fn is_installed(inventory: &[OnPhone], name: &str, file_type: FileType) -> bool {
    installed(inventory, name, file_type).is_some()
}

/// The entry of a file in the inventory, when it has it.
pub fn installed<'a>(inventory: &'a [OnPhone], name: &str, file_type: FileType) -> Option<&'a OnPhone> {
    inventory.iter().find(|entry| {
        is_in_use(&entry.name)
            && FileType::from_wire(&entry.kind) == Some(file_type)
            && same_name(name, &entry.name)
            && (entry.status.trim().is_empty() || entry.status.trim().eq_ignore_ascii_case("ok"))
    })
}

/// What an inventory that was read after an order shows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It was carried out.
    Done,
    /// It was not.
    NotDone,
    /// The phone had a file of this name and type before, and nothing tells whether it is another one now.
    Nothing,
}

/// What an inventory that was read after the order shows of it. `had_before` is what the phone gave as date and time of
/// a file of this name and type when it was offered this one; `None` when it had none.
pub fn shown(order: Order<'_>, had_before: Option<&str>, inventory: &[OnPhone]) -> Shown {
    let there = installed(inventory, order.name, order.file_type);
    match (order.action, there, had_before.map(str::trim)) {
        (FileAction::Delete, None, _) | (FileAction::Deploy, Some(_), None) => Shown::Done,
        (FileAction::Delete, Some(_), _) | (FileAction::Deploy, None, _) => Shown::NotDone,
        (FileAction::Deploy, Some(entry), Some(before)) => {
            let now = entry.written.trim();
            if before.is_empty() || now.is_empty() || now == before { Shown::Nothing } else { Shown::Done }
        }
    }
}

/// What the phone was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Version it ran then.
    pub from_version: Option<&'a str>,
    /// Version of the file.
    pub to_version: Option<&'a str>,
    /// Family of the file.
    pub to_software_type: Option<&'a str>,
}

/// How much of it the phone has fetched, as the file server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing.
    Nothing,
    /// Some or all of it.
    Something,
    /// Another server gives it away: nobody here knows.
    Unknown,
}

/// What a start-up means for firmware that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartUp {
    /// It runs what it was offered.
    Success,
    /// It runs what it ran before: refused, or the image is bad. Not repeated on its own.
    OldVersion,
    /// It says nothing of the offer.
    Nothing,
}

/// What a start-up with a version means, so long after the offer.
///
/// A phone may restart a moment after it was offered something because somebody pulled its plug, or because it was
/// on its way down already. As long as it has fetched nothing, such a start-up within the first minute is not taken
/// as an answer: the phone may still carry the order out, and when it does not, time decides.
pub fn started_up(
    offer: Offer<'_>,
    running: Option<&str>,
    software_type: Option<&str>,
    fetched: Fetched,
    since: SignedDuration,
) -> StartUp {
    if running.is_none() {
        return StartUp::Nothing;
    }
    let too_early = since < OTHER_CAUSE && fetched != Fetched::Something;
    if is_offered(offer, running, software_type) {
        // The version it had before proves nothing when it has fetched nothing yet.
        let proves = !same_version(offer.from_version, offer.to_version) || !too_early;
        return if proves { StartUp::Success } else { StartUp::Nothing };
    }
    if too_early { StartUp::Nothing } else { StartUp::OldVersion }
}

/// Whether what a phone says to run at any other time than a start-up shows that its update went well: it runs what it
/// was offered, and ran another version before. Its start-up was not heard, perhaps because the server was away.
///
/// Any other version says nothing here: the phone may still be at it.
pub fn is_updated(offer: Offer<'_>, running: Option<&str>, software_type: Option<&str>) -> bool {
    offer.from_version.is_some()
        && !same_version(offer.from_version, offer.to_version)
        && is_offered(offer, running, software_type)
}

/// Whether a version is the one that was offered, as far as the families are known of the same family.
fn is_offered(offer: Offer<'_>, running: Option<&str>, software_type: Option<&str>) -> bool {
    let family = match (software_type, offer.to_software_type) {
        (Some(running), Some(offered)) => same_family(running, offered),
        _ => true,
    };
    family && same_version(running, offer.to_version)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::{
        Fetched, Offer, OnPhone, Order, Shown, StartUp, Told, is_in_use, is_installed, is_updated, same_name,
        shown, started_up, told,
    };
    use crate::deployment::FileAction;
    use crate::file::FileType;

    fn entry(name: &str, kind: &str, status: &str) -> OnPhone {
        OnPhone { name: name.into(), kind: kind.into(), status: status.into(), written: String::new() }
    }

    const RING: Order<'_> =
        Order { name: "ring one.mp3", file_type: FileType::Ringtone, action: FileAction::Deploy };

    #[test]
    fn a_status_is_read_with_and_without_a_name() {
        let table: [(&[OnPhone], Told); 9] = [
            (&[entry("ring one.mp3", "RINGTONE", "ok")], Told::Done),
            (&[entry("RING%20ONE.mp3", "ringtone", "OK")], Told::Done),
            (&[entry("ring one.mp3", "", "ok")], Told::Done),
            (&[entry("", "RINGTONE", "ok")], Told::Done),
            (&[entry("", "", "disk full")], Told::Failed("disk full".into())),
            (&[entry("ring one.mp3", "RINGTONE", "failed")], Told::Failed("failed".into())),
            (&[entry("other.mp3", "RINGTONE", "ok")], Told::Nothing),
            (&[entry("ring one.mp3", "LOGO", "ok")], Told::Nothing),
            (&[], Told::Nothing),
        ];
        for (entries, expected) in table {
            assert_eq!(told(RING, entries), expected, "{entries:?}");
        }
        let several = [entry("a.mp3", "RINGTONE", "failed"), entry("ring one.mp3", "RINGTONE", "ok")];
        assert_eq!(told(RING, &several), Told::Done);
        assert_eq!(told(RING, &[entry("", "", "ok"), entry("", "", "failed")]), Told::Nothing);
        assert_eq!(told(RING, &[entry("ring one.mp3", "RINGTONE", "")]), Told::Nothing);
    }

    #[test]
    fn the_inventory_proves_what_was_done() {
        let delete = Order { action: FileAction::Delete, ..RING };
        let there = [entry("", "", ""), entry("Ring One.mp3", "RINGTONE", "ok")];
        assert_eq!(shown(RING, None, &there), Shown::Done);
        assert_eq!(shown(delete, None, &there), Shown::NotDone);
        assert_eq!(shown(delete, None, &there[..1]), Shown::Done);
        assert_eq!(shown(RING, None, &[entry("ring one.mp3", "RINGTONE", "failed")]), Shown::NotDone);
        assert_eq!(shown(RING, None, &[entry("ring one.mp3", "PIC", "ok")]), Shown::NotDone);
    }

    #[test]
    fn a_name_may_be_the_last_part_of_an_address() {
        for phone in
            ["bell.wav", "BELL.wav", "/f/bell.wav", "bell.wav?X-Amz-Signature=a/b&c=d", "a%20b/bell.wav#1"]
        {
            assert!(same_name("bell.wav", phone), "{phone}");
        }
        assert!(same_name("a b?.wav", "a b?.wav") && same_name("a b?.wav", "a%20b%3F.wav?v=1"));
        assert!(!same_name("bell.wav", "?bell.wav") && !same_name("bell.wav", "other.wav?name=bell.wav"));
        assert!(!same_name("", "?") && !same_name("bell.wav", ""));
    }

    #[test]
    fn a_slot_that_is_not_in_use_is_no_file() {
        for name in ["", " ", "NULL", " NULL "] {
            assert!(!is_in_use(name), "{name:?}");
        }
        assert!(is_in_use("NULL.wav") && is_in_use("null"));
        assert!(!is_installed(&[entry("NULL", "RINGTONE", "ok")], "NULL", FileType::Ringtone));
    }

    #[test]
    fn a_name_that_was_there_before_proves_nothing_unless_its_date_or_time_has_changed() {
        let written =
            |text: &str| [OnPhone { written: text.into(), ..entry("Ring One.mp3", "RINGTONE", "ok") }];
        let (old, new) = ("2026-01-01 10:00", "2026-11-21 10:00 ");
        for (before, now, expected) in [
            (None, "", Shown::Done),
            (Some(""), "", Shown::Nothing),
            (Some(""), new, Shown::Nothing),
            (Some(old), "", Shown::Nothing),
            (Some(new), new.trim(), Shown::Nothing),
            (Some(old), new, Shown::Done),
        ] {
            assert_eq!(shown(RING, before, &written(now)), expected, "{before:?} {now:?}");
        }
        assert_eq!(shown(RING, Some(old), &[]), Shown::NotDone);
        let delete = Order { action: FileAction::Delete, ..RING };
        assert_eq!(shown(delete, Some(old), &written(old)), Shown::NotDone);
    }

    #[test]
    fn a_start_up_says_how_an_update_went() {
        let offer = Offer {
            from_version: Some("V3 R5.12.0"),
            to_version: Some("V3 R5.16.0"),
            to_software_type: Some("SIP"),
        };
        let again = Offer { from_version: offer.to_version, ..offer };
        let (soon, late) = (SignedDuration::from_secs(59), SignedDuration::from_secs(60));
        let (none, some, unknown) = (Fetched::Nothing, Fetched::Something, Fetched::Unknown);
        let (old, new) = (Some("V3 R5.12.0"), Some("V3 R5.16.0"));
        let sip = Some("Siemens SIP");
        let table = [
            (offer, new, sip, some, late, StartUp::Success),
            (offer, new, None, none, soon, StartUp::Success),
            (offer, old, sip, some, soon, StartUp::OldVersion),
            (offer, old, sip, none, soon, StartUp::Nothing),
            (offer, old, sip, none, late, StartUp::OldVersion),
            (offer, old, sip, unknown, soon, StartUp::Nothing),
            (offer, old, sip, unknown, late, StartUp::OldVersion),
            (offer, Some("V3 R5.14.0"), sip, some, late, StartUp::OldVersion),
            (offer, new, Some("HFA"), some, late, StartUp::OldVersion),
            (offer, None, sip, some, late, StartUp::Nothing),
            (again, new, sip, none, soon, StartUp::Nothing),
            (again, new, sip, some, soon, StartUp::Success),
            (again, new, sip, unknown, late, StartUp::Success),
        ];
        for (place, (offer, running, family, fetched, since, expected)) in table.into_iter().enumerate() {
            assert_eq!(started_up(offer, running, family, fetched, since), expected, "row {place}");
        }
    }

    #[test]
    fn at_any_time_only_another_version_than_before_is_the_one_that_was_offered() {
        let offer = Offer {
            from_version: Some("V3 R5.12.0"),
            to_version: Some("V3 R5.16.0"),
            to_software_type: Some("SIP"),
        };
        let again = Offer { from_version: offer.to_version, ..offer };
        let unknown = Offer { from_version: None, ..offer };
        let unnamed = Offer { to_version: None, ..offer };
        let (old, new) = (Some("V3 R5.12.0"), Some("V3 R5.16.0"));
        let sip = Some("Siemens SIP");
        let table = [
            (offer, new, sip, true),
            (offer, new, None, true),
            (offer, new, Some("Siemens HFA"), false),
            (offer, old, sip, false),
            (offer, Some("V3 R5.14.0"), sip, false),
            (offer, None, sip, false),
            (again, new, sip, false),
            (unknown, new, sip, false),
            (unnamed, new, sip, false),
            (unnamed, None, sip, false),
        ];
        for (place, (offer, running, family, expected)) in table.into_iter().enumerate() {
            assert_eq!(is_updated(offer, running, family), expected, "row {place}");
        }
    }

    proptest! {
        #[test]
        fn a_status_never_makes_a_failure_a_success(name in "\\PC{0,30}", kind in "\\PC{0,12}", status in "\\PC{0,100}") {
            let entries = [entry(&name, &kind, &status)];
            match told(RING, &entries) {
                Told::Done => prop_assert!(status.trim().eq_ignore_ascii_case("ok")),
                Told::Failed(word) => {
                    prop_assert!(!status.trim().eq_ignore_ascii_case("ok"));
                    prop_assert!(word.chars().count() <= 64);
                }
                Told::Nothing => {}
            }
        }

        #[test]
        fn names_are_compared_without_a_panic(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            same_name(&a, &b);
            let plain = a.trim() == a && !a.is_empty() && !a.contains(['/', '\\', '%']);
            prop_assert!(!plain || same_name(&a, &a));
        }
    }
}
