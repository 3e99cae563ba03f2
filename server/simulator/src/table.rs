//! Which items, with which indexes, one kind of phone has.
//!
//! A table is shared by all phones of the same model, family and number of key modules; the values are
//! not here, so that ten thousand phones cost ten thousand identities and not three million texts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalogue::{Access, Catalogue, Indexes, PADDING, Row};
use crate::identity::Identity;
use crate::models::Family;

/// One item of one kind of phone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) row: &'static Row,
    pub(crate) index: Option<u16>,
}

/// Place of a slot in its table.
pub(crate) type SlotId = u32;

/// Why a name and index do not lead to a slot, in the words of `wpi.md` §3.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Unknown,
    NotSupported,
    InvalidIndex,
}

/// The items of one kind of phone, in the order of reports.
#[derive(Debug)]
pub(crate) struct ItemTable {
    slots: Vec<Slot>,
    by_name: HashMap<&'static str, Vec<SlotId>>,
    /// Slots that a full read reports, the basic ones first.
    reported: Vec<SlotId>,
    /// How many of `reported` are basic.
    basic: usize,
}

impl ItemTable {
    /// The table for this kind of phone, reporting `items` items in a full read (at least the basic
    /// ones). Items beyond that number are known and writable all the same.
    pub(crate) fn new(identity: &Identity, items: usize) -> Self {
        let mut table = Self { slots: Vec::new(), by_name: HashMap::new(), reported: Vec::new(), basic: 0 };
        for row in &Catalogue::embedded().rows {
            let known = table.by_name.entry(row.name).or_default();
            if row.family.is_some_and(|family| family != identity.family) {
                continue;
            }
            for index in indexes(&row.indexes, identity) {
                known.push(table.slots.len() as SlotId);
                table.slots.push(Slot { row, index });
            }
        }
        let readable = |slot: &Slot| matches!(slot.row.access, Access::ReadOnly | Access::ReadWrite);
        table.reported =
            (0..).zip(&table.slots).filter(|(_, slot)| readable(slot)).map(|(id, _)| id).collect();
        table.basic = table.reported.iter().take_while(|id| table.slots[**id as usize].row.basic).count();
        table.pad(items);
        table.reported.truncate(items.max(table.basic));
        table
    }

    fn pad(&mut self, items: usize) {
        let missing = items.saturating_sub(self.reported.len());
        for index in (1..=u16::MAX).take(missing) {
            let id = self.slots.len() as SlotId;
            self.slots.push(Slot { row: &PADDING, index: Some(index) });
            self.by_name.entry(PADDING.name).or_default().push(id);
            self.reported.push(id);
        }
    }

    pub(crate) fn slot(&self, id: SlotId) -> Option<Slot> {
        self.slots.get(id as usize).copied()
    }

    #[cfg(test)]
    pub(crate) fn slots(&self) -> impl Iterator<Item = (SlotId, Slot)> {
        (0..).zip(self.slots.iter().copied())
    }

    pub(crate) fn reported(&self) -> &[SlotId] {
        &self.reported
    }

    pub(crate) fn basic(&self) -> &[SlotId] {
        &self.reported[..self.basic]
    }

    /// The slot of a name and index. An indexed item asked without an index has no slot.
    pub(crate) fn find(&self, name: &str, index: Option<u16>) -> Result<SlotId, Missing> {
        self.all(name)?
            .iter()
            .copied()
            .find(|id| self.slots[*id as usize].index == index)
            .ok_or(Missing::InvalidIndex)
    }

    /// All slots of a name.
    pub(crate) fn all(&self, name: &str) -> Result<&[SlotId], Missing> {
        match self.by_name.get(name) {
            None => Err(Missing::Unknown),
            Some(slots) if slots.is_empty() => Err(Missing::NotSupported),
            Some(slots) => Ok(slots),
        }
    }
}

fn indexes(indexes: &Indexes, identity: &Identity) -> Vec<Option<u16>> {
    let keys = identity.model.keys;
    match indexes {
        Indexes::None => vec![None],
        Indexes::Range(range) => range.clone().map(Some).collect(),
        Indexes::Keys => (1..=keys).map(Some).collect(),
        Indexes::ShiftedKeys => (1001..=1000 + keys).map(Some).collect(),
        Indexes::ModuleKeys => (1..=u16::from(identity.key_modules))
            .map(|module| 200 + 100 * module)
            .flat_map(|first| [first, 1000 + first])
            .flat_map(|first| (first + 1..=first + 12).map(Some))
            .collect(),
    }
}

/// What two phones with the same table have in common: model, family, key modules, reported items.
type Kind = (&'static str, Family, u8, usize);

/// The tables of a fleet: each made once.
#[derive(Debug, Default)]
pub(crate) struct ItemTables {
    made: Mutex<HashMap<Kind, Arc<ItemTable>>>,
}

impl ItemTables {
    pub(crate) fn table(&self, identity: &Identity, items: usize) -> Arc<ItemTable> {
        let kind: Kind = (identity.model.device_type, identity.family, identity.key_modules, items);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(kind).or_insert_with(|| Arc::new(ItemTable::new(identity, items))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::IdentityRules;
    use crate::models::{MODELS, Model, ModelRef};

    fn identity(name: &str, family: Family, key_modules: u8) -> Identity {
        let model = ModelRef(Model::by_device_type(name).unwrap());
        let rules = IdentityRules { models: vec![model], family: Some(family), ..IdentityRules::default() };
        Identity { key_modules, ..Identity::generate(&rules, 0).unwrap() }
    }

    fn found(table: &ItemTable, name: &str, index: Option<u16>) -> Result<(), Missing> {
        table.find(name, index).map(|_| ())
    }

    #[test]
    fn every_model_of_either_family_reports_the_wished_number_of_items() {
        for model in &MODELS {
            for family in [Family::Sip, Family::Hfa] {
                let identity = identity(model.device_type, family, 0);
                for wished in [50, 300, 1500] {
                    let table = ItemTable::new(&identity, wished);
                    assert_eq!(table.reported().len(), wished, "{} {family:?}", model.device_type);
                }
                assert!(
                    ItemTable::new(&identity, 300).all("simulated-item").is_err(),
                    "{} {family:?} has 300 items of its own",
                    model.device_type
                );
            }
        }
    }

    #[test]
    fn key_indexes_are_those_of_the_model_and_its_modules() {
        let table = ItemTable::new(&identity("OpenStage 40", Family::Sip, 1), 300);
        for good in [1, 6, 1001, 1006, 301, 312, 1301, 1312] {
            assert_eq!(found(&table, "function-key-def", Some(good)), Ok(()), "{good}");
        }
        for bad in [0, 7, 1007, 401, 313, 1300] {
            assert_eq!(found(&table, "function-key-def", Some(bad)), Err(Missing::InvalidIndex), "{bad}");
        }
        assert_eq!(found(&table, "function-key-def", None), Err(Missing::InvalidIndex));
        let two = ItemTable::new(&identity("OpenStage 40", Family::Sip, 2), 300);
        assert_eq!(found(&two, "function-key-def", Some(412)), Ok(()));
    }

    #[test]
    fn names_of_the_other_family_are_known_but_not_supported() {
        let sip = ItemTable::new(&identity("OpenStage 60", Family::Sip, 0), 300);
        let hfa = ItemTable::new(&identity("OpenStage 60", Family::Hfa, 0), 300);
        assert_eq!(found(&sip, "reg-id", None), Err(Missing::NotSupported));
        assert_eq!(found(&hfa, "reg-id", None), Ok(()));
        assert_eq!(found(&hfa, "sip-user-id", None), Err(Missing::NotSupported));
        assert_eq!(found(&sip, "no-such-item", None), Err(Missing::Unknown));
    }

    #[test]
    fn items_beyond_the_reported_number_are_known_all_the_same() {
        let table = ItemTable::new(&identity("OpenStage 60", Family::Sip, 0), 40);
        let id = table.find("trace-level", Some(66)).unwrap();
        assert!(!table.reported().contains(&id));
    }
}
