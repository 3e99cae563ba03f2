//! Wire messages to the words of the product and back; exhaustive, so that a new message does not compile
//! until it is handled.

use domain::client::ContactReason;
use wire::Item;
use wire::conversation::{Changes, Opening, OpeningReason};

use crate::app::contacts::Reported;

/// The reason of a contact.
pub(super) fn contact_reason(reason: OpeningReason) -> ContactReason {
    match reason {
        OpeningReason::StartUp => ContactReason::StartUp,
        OpeningReason::Solicited => ContactReason::Solicited,
        OpeningReason::LocalChanges => ContactReason::LocalChanges,
        OpeningReason::InventoryChanges => ContactReason::InventoryChanges,
        OpeningReason::Status => ContactReason::Status,
    }
}

/// Whether a message that speaks of changed settings holds them all (`wpi.md` §4.5.3).
pub(super) fn attached_complete(changes: Changes) -> bool {
    match changes {
        Changes::Attached => true,
        Changes::None | Changes::NotAttached | Changes::CountMismatch { .. } => false,
    }
}

/// All items of an opening message.
pub(super) fn opening_items(opening: Opening) -> Vec<Reported> {
    opening.basic.into_iter().chain(opening.others).map(reported).collect()
}

/// An item as the phone reports it. The literal word `NULL` is how some firmware writes "no value"
/// (`wpi.md` §3.5).
pub(super) fn reported(item: Item) -> Reported {
    let value = if item.value == "NULL" { String::new() } else { item.value };
    Reported {
        name: item.name,
        index: item.index,
        value,
        status: item.status.map(|status| status.as_str().to_owned()),
    }
}
