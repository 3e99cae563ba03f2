//! What a phone was told by servers and how often, so that a test can see that nothing was told twice.
//!
//! Only counts: no values (they may be secrets) and no judgement on what should have been told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use wire::{Action, Item, ItemKey};

/// Most different items that are counted; a server that writes more is told apart by
/// [`OrderLog::items_beyond`]. Bounds the memory of a phone.
const MOST_ITEMS: usize = 4096;

/// How often an order came and how often it was followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCount {
    /// Times it arrived, refused ones included.
    pub received: u32,
    /// Times the phone did it: not busy, not failed, not broken off before.
    pub obeyed: u32,
}

/// How often an item was written and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCount {
    /// Times it arrived, in refused messages too.
    pub received: u32,
    /// Times it was taken; commands are taken without being stored.
    pub taken: u32,
    /// Times it was answered with an item status.
    pub refused: u32,
}

/// Downloads of a phone, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DownloadCount {
    /// Begun.
    pub started: u32,
    /// Ended with the whole file.
    pub completed: u32,
    /// Ended without it.
    pub failed: u32,
    /// Times one went on after its connection broke.
    pub resumed: u32,
    /// Bytes received, repeated ones included.
    pub bytes: u64,
}

/// The orders one phone has received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderLog {
    /// ReadAllItems and ReadItems.
    pub reads: OrderCount,
    /// WriteItems messages.
    pub writes: OrderCount,
    /// Restarts that are no factory reset.
    pub restarts: OrderCount,
    /// Restarts with a `restart-type`; with the wrong code they are received and not obeyed.
    pub factory_resets: OrderCount,
    /// FileDeployment and SoftwareDeployment.
    pub deployments: OrderCount,
    /// Downloads that followed from them.
    pub downloads: DownloadCount,
    /// Start-ups with the firmware of a deployment.
    pub updates: u32,
    /// Each written item.
    pub items: BTreeMap<ItemKey, ItemCount>,
    /// Items that arrived after so many different ones that they are not counted one by one.
    pub items_beyond: u32,
}

impl OrderLog {
    /// How often this item was written.
    #[must_use]
    pub fn item(&self, name: &str, index: Option<u16>) -> ItemCount {
        self.items.get(&ItemKey::new(name, index)).copied().unwrap_or_default()
    }

    /// Items that were taken more than once.
    pub fn taken_twice(&self) -> impl Iterator<Item = &ItemKey> {
        self.items.iter().filter(|(_, count)| count.taken > 1).map(|(key, _)| key)
    }

    pub(crate) fn received(&mut self, action: &Action, items: &[Item]) {
        let Some(count) = self.count(action, items) else { return };
        count.received = count.received.saturating_add(1);
        if *action == Action::WriteItems {
            self.each_item(items, |count| count.received = count.received.saturating_add(1));
        }
    }

    pub(crate) fn obeyed(&mut self, action: &Action, items: &[Item]) {
        let Some(count) = self.count(action, items) else { return };
        count.obeyed = count.obeyed.saturating_add(1);
        if *action == Action::WriteItems {
            self.each_item(items, |count| count.taken = count.taken.saturating_add(1));
        }
    }

    /// These items of the write that was just counted were refused.
    pub(crate) fn refused(&mut self, problems: &[Item]) {
        self.each_item(problems, |count| {
            count.taken = count.taken.saturating_sub(1);
            count.refused = count.refused.saturating_add(1);
        });
    }

    fn count(&mut self, action: &Action, items: &[Item]) -> Option<&mut OrderCount> {
        Some(match action {
            Action::ReadAllItems | Action::ReadItems => &mut self.reads,
            Action::WriteItems => &mut self.writes,
            Action::Restart if items.iter().any(|item| item.name == "restart-type") => {
                &mut self.factory_resets
            }
            Action::Restart => &mut self.restarts,
            Action::FileDeployment | Action::SoftwareDeployment => &mut self.deployments,
            Action::GetNextFragment | Action::CleanUp | Action::Unknown(_) => return None,
        })
    }

    fn each_item(&mut self, items: &[Item], change: impl Fn(&mut ItemCount)) {
        for item in items {
            let key = item.key();
            let is_full = self.items.len() >= MOST_ITEMS;
            match self.items.entry(key) {
                Entry::Occupied(entry) => change(entry.into_mut()),
                Entry::Vacant(entry) if !is_full => change(entry.insert(ItemCount::default())),
                Entry::Vacant(_) => self.items_beyond = self.items_beyond.saturating_add(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_items_are_counted_apart_by_arrival_and_effect() {
        let mut log = OrderLog::default();
        let items =
            [Item::new("reg-addr", "a"), Item::indexed("alert", 1, "x"), Item::indexed("alert", 2, "x")];
        log.received(&Action::WriteItems, &items);
        log.received(&Action::WriteItems, &items);
        log.obeyed(&Action::WriteItems, &items);
        log.refused(&items[2..]);
        assert_eq!(log.writes, OrderCount { received: 2, obeyed: 1 });
        assert_eq!(log.item("alert", Some(1)), ItemCount { received: 2, taken: 1, refused: 0 });
        assert_eq!(log.item("alert", Some(2)), ItemCount { received: 2, taken: 0, refused: 1 });
        assert_eq!(log.taken_twice().count(), 0);
        log.obeyed(&Action::WriteItems, &items[..1]);
        assert_eq!(log.taken_twice().collect::<Vec<_>>(), [&items[0].key()]);
    }

    #[test]
    fn a_factory_reset_is_not_a_restart() {
        let mut log = OrderLog::default();
        log.received(&Action::Restart, &[]);
        log.received(&Action::Restart, &[Item::new("restart-type", "FactoryReset")]);
        log.obeyed(&Action::Restart, &[Item::new("restart-type", "FactoryReset")]);
        assert_eq!(log.restarts, OrderCount { received: 1, obeyed: 0 });
        assert_eq!(log.factory_resets, OrderCount { received: 1, obeyed: 1 });
    }

    #[test]
    fn the_number_of_counted_items_is_bounded() {
        let mut log = OrderLog::default();
        for index in 0..=u16::MAX {
            log.received(&Action::WriteItems, &[Item::indexed("x", index, "")]);
        }
        assert_eq!(log.items.len(), MOST_ITEMS);
        assert_eq!(log.items_beyond as usize, 65_536 - MOST_ITEMS);
    }
}
