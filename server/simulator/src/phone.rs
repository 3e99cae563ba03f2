//! A phone's memory: the map from (item, index) to value, and the phone's judgement on reads and writes
//! in the words of `wpi.md` §3.6. Nothing here knows of messages, sessions or sockets.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wire::{Item, ItemStatus};

use crate::catalogue::{Access, Check, SWITCHES};
use crate::dice::Dice;
use crate::identity::Identity;
use crate::pattern::{Place, initial_value};
use crate::refusal::{Refusal, Refusals};
use crate::table::{ItemTable, ItemTables, Missing, Slot, SlotId};

mod storage;

pub use storage::StoredFile;

/// The value pattern of an item that can only be reported as failed.
const FAILED: &str = "!failed";

/// Items that decide how a phone is managed. Nobody changes them while playing with the phone.
fn is_steering(name: &str) -> bool {
    name.starts_with("dls-") || name == "dcmp-url" || SWITCHES.contains(&name)
}

/// A value that differs from what the phone's seed gives: what was written or changed locally.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedValue {
    /// Item name.
    pub name: String,
    /// Item index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u16>,
    /// The value now.
    pub value: String,
}

/// One phone with its values.
#[derive(Clone, Debug)]
pub struct Phone {
    identity: Identity,
    place: Place,
    table: Arc<ItemTable>,
    changed: BTreeMap<SlotId, String>,
    factory_fresh: bool,
    reports_user_password: bool,
    locks_dhcp_items: bool,
    refusals: Refusals,
    /// Changed at the phone and not yet told to the server.
    local_changes: BTreeSet<SlotId>,
}

impl Phone {
    /// A phone in service that reports `items` items in a full read.
    #[must_use]
    pub fn new(identity: Identity, place: Place, items: usize) -> Self {
        let table = Arc::new(ItemTable::new(&identity, items));
        Self::with_table(identity, place, table)
    }

    /// The same, sharing the item table with other phones of its kind.
    pub(crate) fn of_fleet(identity: Identity, place: Place, items: usize, tables: &ItemTables) -> Self {
        let table = tables.table(&identity, items);
        Self::with_table(identity, place, table)
    }

    fn with_table(identity: Identity, place: Place, table: Arc<ItemTable>) -> Self {
        Self {
            identity,
            place,
            table,
            changed: BTreeMap::new(),
            factory_fresh: false,
            reports_user_password: false,
            locks_dhcp_items: true,
            refusals: Refusals::default(),
            local_changes: BTreeSet::new(),
        }
    }

    /// Let the phone report its user password, as old firmware does (`wpi.md` §3.5).
    pub(crate) fn report_user_password(&mut self, report: bool) {
        self.reports_user_password = report;
    }

    /// Whether what DHCP delivers is read only while it does (`wpi.md` §1.4).
    pub(crate) fn lock_dhcp_items(&mut self, lock: bool) {
        self.locks_dhcp_items = lock;
    }

    /// Refuse these items from now on, besides what the whole fleet refuses. Replaces what was given here
    /// before; the rules go into the fleet file.
    pub fn refuse(&mut self, refusals: Vec<Refusal>) {
        self.refusals.own = refusals;
    }

    /// The phone's own refusals.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals.own
    }

    /// Share these refusals with the other phones of the fleet.
    pub(crate) fn refuse_with_fleet(&mut self, refusals: Arc<[Refusal]>) {
        self.refusals.of_fleet = refusals;
    }

    /// Who the phone is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the phone is and whom it calls.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Move the phone, as a new DHCP answer would.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// Whether the phone is as it came out of the box.
    #[must_use]
    pub fn is_factory_fresh(&self) -> bool {
        self.factory_fresh
    }

    /// Forget everything but the hardware and what DHCP gave (`wpi.md` §4.5.8).
    pub fn factory_reset(&mut self) {
        self.factory_fresh = true;
        self.changed.clear();
        self.local_changes.clear();
    }

    /// Start again with the same values. `dcmp-url` is written by the server at each start-up, so a phone
    /// need not keep it (`wpi.md` §6).
    pub fn restart(&mut self, keeps_dcmp_url: bool) {
        if !keeps_dcmp_url && let Ok(id) = self.table.find("dcmp-url", None) {
            self.changed.remove(&id);
        }
    }

    /// The present value, secrets included; `None` when the phone has no such item. For tests and for
    /// looking into a phone: what the server may see is [`Phone::read`].
    #[must_use]
    pub fn value(&self, name: &str, index: Option<u16>) -> Option<String> {
        let id = self.table.find(name, index).ok()?;
        self.value_of(id).map(Cow::into_owned)
    }

    fn value_of(&self, id: SlotId) -> Option<Cow<'_, str>> {
        if let Some(value) = self.changed.get(&id) {
            return Some(Cow::Borrowed(value));
        }
        let slot = self.table.slot(id)?;
        if slot.row.name == "configuration-changed-flag" && !self.local_changes.is_empty() {
            return Some(Cow::Borrowed("true"));
        }
        Some(initial_value(&self.identity, &self.place, slot, self.factory_fresh))
    }

    /// The items of every opening message (`wpi.md` §7.1).
    #[must_use]
    pub fn basic_items(&self) -> Vec<Item> {
        let mut items: Vec<_> = self.table.basic().iter().filter_map(|id| self.item(*id)).collect();
        if self.reports_user_password
            && let Some(password) = self.value("user-pwd", None)
        {
            items.push(Item::new("user-pwd", password));
        }
        items
    }

    /// All readable items, the basic ones first. An item that was written is reported even when it lies
    /// beyond the number of items this phone reports, so that what was written can be read back.
    #[must_use]
    pub fn read_all(&self) -> Vec<Item> {
        let reported = self.table.reported();
        let last = reported.last().copied().unwrap_or(0);
        let mut items = Vec::with_capacity(reported.len() + 4);
        items.extend(reported.iter().filter_map(|id| self.item(*id)));
        items.extend(self.changed.range(last + 1..).filter_map(|(id, _)| self.item(*id)));
        items
    }

    /// The answer to ReadItems: the values, and for the rest what is wrong with them. An indexed item
    /// asked without an index is answered with every index; whether all firmware does is not documented
    /// (`wpi.md` §4.2).
    #[must_use]
    pub fn read(&self, wanted: &[Item]) -> Vec<Item> {
        let mut items = Vec::with_capacity(wanted.len());
        for item in wanted {
            let absence = self.refusals.absence(&item.name, item.index);
            match (self.table.find(&item.name, item.index), item.index) {
                _ if absence.is_some() => items.extend(absence.map(|status| refused(item, status.clone()))),
                (Ok(id), _) => items.push(self.item(id).unwrap_or_else(|| refused(item, ItemStatus::Failed))),
                (Err(Missing::InvalidIndex), None) => {
                    let all = self.table.all(&item.name).unwrap_or_default();
                    items.extend(all.iter().filter_map(|id| self.item(*id)));
                }
                (Err(missing), _) => items.push(refused(item, missing.into())),
            }
        }
        items
    }

    /// Take what a server writes. What is wrong comes back with its status; everything else is stored
    /// (`wpi.md` §4.5.6).
    pub fn write(&mut self, items: Vec<Item>) -> Vec<Item> {
        let mut problems = Vec::new();
        let switches = self.switches(&items);
        for item in items {
            match self.judge(&item, &switches) {
                Ok((_, slot)) if slot.row.access == Access::Command => {}
                Ok((id, _)) => {
                    self.follow_number(&item);
                    self.local_changes.remove(&id);
                    self.changed.insert(id, item.value);
                }
                Err(status) => problems.push(refused(&item, status)),
            }
        }
        problems
    }

    /// A phone without a mobile user has one number: writing `e164` moves `basic-e164` along. Inferred
    /// from the two being equal in all samples outside mobility.
    fn follow_number(&mut self, item: &Item) {
        if item.name != "e164" || self.value("e164", None) != self.value("basic-e164", None) {
            return;
        }
        if let Ok(id) = self.table.find("basic-e164", None) {
            self.changed.insert(id, item.value.clone());
        }
    }

    /// The items of a message that make others writable, as far as they will be taken themselves. A
    /// message is one change: an address and the switch that ends DHCP may come in any order.
    fn switches(&self, items: &[Item]) -> Vec<Item> {
        let is_switch = |item: &&Item| item.index.is_none() && SWITCHES.contains(&item.name.as_str());
        items.iter().filter(is_switch).filter(|item| self.judge(item, &[]).is_ok()).cloned().collect()
    }

    /// Whether what makes this item writable has the right value, the `switches` of the same message
    /// included.
    fn is_unlocked(&self, slot: Slot, switches: &[Item]) -> bool {
        let Some((switch, wanted)) = slot.row.writable_while.filter(|_| self.locks_dhcp_items) else {
            return true;
        };
        match switches.iter().rev().find(|item| item.name == switch) {
            Some(item) => item.value == wanted,
            None => self.value(switch, None).as_deref() == Some(wanted),
        }
    }

    fn judge(&self, item: &Item, switches: &[Item]) -> Result<(SlotId, Slot), ItemStatus> {
        if let Some(status) = self.refusals.status(&item.name, item.index) {
            return Err(status.clone());
        }
        // What a message item means does not depend on its index, so it is refused for what it is.
        if self.all_slots(&item.name).any(|slot| slot.row.access == Access::Message) {
            return Err(ItemStatus::UnexpectedItem);
        }
        let id = self.table.find(&item.name, item.index)?;
        let slot = self.table.slot(id).ok_or(ItemStatus::Undefined)?;
        if slot.row.access == Access::ReadOnly || !self.is_unlocked(slot, switches) {
            return Err(ItemStatus::ReadOnly);
        }
        if !slot.row.check.accepts(&item.value) {
            return Err(ItemStatus::InvalidData);
        }
        Ok((id, slot))
    }

    fn all_slots(&self, name: &str) -> impl Iterator<Item = Slot> {
        self.table.all(name).unwrap_or_default().iter().filter_map(|id| self.table.slot(*id))
    }

    /// Change a value as a user or administrator would at the phone.
    ///
    /// # Errors
    /// The status a write would have got.
    pub fn change_locally(&mut self, name: &str, index: Option<u16>, value: &str) -> Result<(), ItemStatus> {
        let item = Item { name: name.to_owned(), index, status: None, value: value.to_owned() };
        let (id, _) = self.judge(&item, &[])?;
        self.changed.insert(id, item.value);
        self.local_changes.insert(id);
        Ok(())
    }

    /// Change up to `count` reported items locally to plausible other values.
    pub fn change_some(&mut self, count: usize, dice: &mut Dice) {
        let eligible: Vec<_> = self
            .table
            .reported()
            .iter()
            .filter_map(|id| Some((*id, self.table.slot(*id)?)))
            .filter(|(_, slot)| slot.row.access == Access::ReadWrite && !slot.row.basic)
            .filter(|(_, slot)| slot.row.writable_while.is_none() && !is_steering(slot.row.name))
            .filter(|(_, slot)| self.refusals.status(slot.row.name, slot.index).is_none())
            .map(|(id, slot)| (id, slot.row))
            .collect();
        let mut picked = BTreeSet::new();
        for _ in 0..count {
            let Some((id, row)) = eligible.get(dice.below(eligible.len() as u64) as usize) else { return };
            // A second turn of the same knob could turn it back.
            if !picked.insert(*id) {
                continue;
            }
            let now = self.value_of(*id).unwrap_or_default();
            let other = other_value(&row.check, &now, dice);
            self.changed.insert(*id, other);
            self.local_changes.insert(*id);
        }
    }

    /// The items changed locally and not yet told.
    #[must_use]
    pub fn local_changes(&self) -> Vec<Item> {
        self.local_changes.iter().filter_map(|id| self.item(*id)).collect()
    }

    /// The server knows the local changes now.
    pub fn local_changes_told(&mut self) {
        self.local_changes.clear();
    }

    /// Everything that differs from what seed and number give, for the fleet file.
    #[must_use]
    pub fn changed_values(&self) -> Vec<ChangedValue> {
        let changed = |(id, value): (&SlotId, &String)| {
            let slot = self.table.slot(*id)?;
            Some(ChangedValue { name: slot.row.name.to_owned(), index: slot.index, value: value.clone() })
        };
        self.changed.iter().filter_map(changed).collect()
    }

    /// Take back what [`Phone::changed_values`] gave. Items this phone does not have (any more) are
    /// left out.
    pub fn restore(&mut self, factory_fresh: bool, values: Vec<ChangedValue>) {
        self.factory_fresh = factory_fresh;
        for value in values {
            if let Ok(id) = self.table.find(&value.name, value.index) {
                self.changed.insert(id, value.value);
            }
        }
    }

    /// The item of a slot as it is reported; `None` for what is never reported.
    fn item(&self, id: SlotId) -> Option<Item> {
        let slot = self.table.slot(id)?;
        if !matches!(slot.row.access, Access::ReadOnly | Access::ReadWrite) {
            return None;
        }
        if !self.refusals.is_empty() && self.refusals.absence(slot.row.name, slot.index).is_some() {
            return None;
        }
        let value = self.value_of(id)?;
        let failed = value == FAILED;
        Some(Item {
            name: slot.row.name.to_owned(),
            index: slot.index,
            status: failed.then_some(ItemStatus::Failed),
            value: if failed { String::new() } else { value.into_owned() },
        })
    }
}

fn refused(item: &Item, status: ItemStatus) -> Item {
    Item { name: item.name.clone(), index: item.index, status: Some(status), value: String::new() }
}

fn other_value(check: &Check, now: &str, dice: &mut Dice) -> String {
    match check {
        Check::Boolean => (if now == "true" { "false" } else { "true" }).to_owned(),
        Check::Integer(range) => {
            // Near values look like a user turning a knob; a wrap at the end keeps the range.
            let next = now.parse::<i64>().unwrap_or(*range.start()).saturating_add(1);
            (if range.contains(&next) { next } else { *range.start() }).to_string()
        }
        Check::Choice(numbers) => {
            let others: Vec<_> = numbers.iter().filter(|number| number.to_string() != now).collect();
            others
                .get(dice.below(others.len() as u64) as usize)
                .map_or_else(|| now.to_owned(), ToString::to_string)
        }
        Check::Text(length) => {
            let mut text = format!("L{:05}", dice.below(100_000));
            text.truncate(*length.end());
            text
        }
    }
}

impl From<Missing> for ItemStatus {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Unknown => Self::UnknownItem,
            Missing::NotSupported => Self::NotSupported,
            Missing::InvalidIndex => Self::InvalidIndex,
        }
    }
}

#[cfg(test)]
mod tests;
