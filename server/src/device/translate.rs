//! Wire messages to the words of the product and back; exhaustive, so that a new message does not compile
//! until it is handled.

use domain::client::ContactReason;
use wire::Item;
use wire::conversation::{Changes, Opening, OpeningReason};

use domain::configuration::ItemKey;
use wire::Record;
use wire::conversation::{Order, Work, WorkId, WorkRefusal, WorkResult};

use crate::app::contacts::Reported;
use crate::app::jobs::outcome::{Problem, Result as JobResult};
use crate::app::jobs::work::{Order as JobOrder, Piece};

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

/// A piece of work as the conversation takes it.
pub(super) fn work(piece: Piece) -> Work {
    let item =
        |(key, value): (ItemKey, String)| Item { name: key.name, index: key.index, status: None, value };
    let order = match piece.order {
        JobOrder::ReadAll => Order::ReadAll,
        JobOrder::DeployFile(items) => Order::DeployFile(items.into_iter().map(item).collect()),
        JobOrder::DeploySoftware(items) => Order::DeploySoftware(items.into_iter().map(item).collect()),
        JobOrder::Restart(items) => Order::Restart(items.into_iter().map(item).collect()),
        JobOrder::Write(records) => Order::Write(
            records
                .into_iter()
                .map(|record| Record {
                    items: record.items.into_iter().map(item).collect(),
                    alone: record.alone,
                })
                .collect(),
        ),
    };
    Work { id: WorkId(piece.attempt.to_number()), order }
}

/// What became of a piece of work, in the engine's words. Items that were read are recorded elsewhere.
pub(super) fn result(result: WorkResult) -> JobResult {
    match result {
        WorkResult::Written { problems } => JobResult::Written(self::problems(problems)),
        WorkResult::Read { .. } => JobResult::Read,
        WorkResult::Started { .. } => JobResult::Started,
        WorkResult::Busy => JobResult::Busy,
        WorkResult::Failed { problems, accepted, .. } => JobResult::Failed {
            problems: self::problems(problems),
            accepted: accepted.into_iter().map(|key| ItemKey::new(key.name, key.index)).collect(),
        },
        // The guard against going round in circles is one of the session; another session may carry it.
        WorkResult::Refused(WorkRefusal::Repeated { .. }) => JobResult::NotSent,
        WorkResult::Refused(refusal) => JobResult::NotSendable(refusal.to_string()),
        WorkResult::PhoneGaveUp { reason } => {
            JobResult::GaveUp(reason.map(|text| text.chars().take(200).collect()))
        }
        WorkResult::TooLarge(_) => JobResult::TooLarge,
        WorkResult::Unanswered => JobResult::Unanswered,
    }
}

fn problems(items: Vec<Item>) -> Vec<Problem> {
    items
        .into_iter()
        .filter_map(|item| {
            let status = item.status.as_ref()?.as_str().chars().take(64).collect();
            Some(Problem { item: ItemKey::new(item.name, item.index), status })
        })
        .collect()
}
