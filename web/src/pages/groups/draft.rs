//! The filter of a group as somebody edits it: conditions and blocks of conditions, each with what was typed, good or not.
//! Pure; knows no page and no text. Whether a filter is good, the shared crate says.

use domain::group_filter::{Filter, Subject};

mod condition;

pub use condition::{Condition, Operator};

/// How conditions are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joint {
    /// All of them apply.
    #[default]
    All,
    /// At least one applies.
    Any,
    /// None applies.
    None,
    /// Not all of them apply.
    NotAll,
}

impl Joint {
    /// Every one, in the order shown.
    pub const ALL: [Self; 4] = [Self::All, Self::Any, Self::None, Self::NotAll];

    /// Its word in a list of choices.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::None => "none",
            Self::NotAll => "not-all",
        }
    }

    /// The one with this word.
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|joint| joint.word() == word).unwrap_or_default()
    }

    fn negated(self) -> Self {
        match self {
            Self::All => Self::NotAll,
            Self::Any => Self::None,
            Self::None => Self::Any,
            Self::NotAll => Self::All,
        }
    }

    fn filter(self, parts: Vec<Filter>) -> Filter {
        match self {
            Self::All => Filter::All(parts),
            Self::Any => Filter::Any(parts),
            Self::None => Filter::Not(Box::new(Filter::Any(parts))),
            Self::NotAll => Filter::Not(Box::new(Filter::All(parts))),
        }
    }

    /// Where its parts stand, as a JSON pointer.
    fn pointer(self) -> &'static str {
        match self {
            Self::All => "/all",
            Self::Any => "/any",
            Self::None => "/not/any",
            Self::NotAll => "/not/all",
        }
    }
}

/// Conditions of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number among all.
    pub id: u64,
    /// How they are put together.
    pub joint: Joint,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// A condition, or a block of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// One condition.
    Condition(Condition),
    /// Several.
    Block(Block),
}

impl Item {
    /// Its number among all.
    pub fn id(&self) -> u64 {
        match self {
            Self::Condition(condition) => condition.id,
            Self::Block(block) => block.id,
        }
    }
}

/// A whole filter, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// How its parts are put together.
    pub joint: Joint,
    /// Its parts.
    pub items: Vec<Item>,
    /// Without parts: everybody belongs to it, and not nobody.
    pub everybody: bool,
    /// The number of the next part.
    next: u64,
}

/// A part of a filter without double negations.
fn plain(filter: &Filter) -> (bool, &Filter) {
    let (mut not, mut part) = (false, filter);
    while let Filter::Not(inner) = part {
        not = !not;
        part = inner;
    }
    (not, part)
}

impl Draft {
    /// A filter as it can be edited. `None` for one that is deeper than there are places for; the server keeps none.
    pub fn read(filter: Option<&Filter>) -> Option<Self> {
        let mut draft = Self::default();
        let Some(filter) = filter else { return Some(draft) };
        let (not, part) = plain(filter);
        match part {
            Filter::Test(test) => {
                let id = draft.number();
                draft.items.push(Item::Condition(Condition::read(id, not, test)));
            }
            Filter::All(parts) | Filter::Any(parts) => {
                let joint = if matches!(part, Filter::All(_)) { Joint::All } else { Joint::Any };
                draft.joint = if not { joint.negated() } else { joint };
                draft.everybody = parts.is_empty() && matches!(draft.joint, Joint::All | Joint::None);
                for part in parts {
                    let item = draft.item(part)?;
                    draft.items.push(item);
                }
            }
            Filter::Not(_) => return None,
        }
        if draft.items.is_empty() {
            draft.joint = Joint::All;
        }
        Some(draft)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn item(&mut self, filter: &Filter) -> Option<Item> {
        let (not, part) = plain(filter);
        let id = self.number();
        match part {
            Filter::Test(test) => Some(Item::Condition(Condition::read(id, not, test))),
            Filter::All(parts) | Filter::Any(parts) => {
                let joint = if matches!(part, Filter::All(_)) { Joint::All } else { Joint::Any };
                let mut conditions = Vec::new();
                for part in parts {
                    let Item::Condition(condition) = self.item(part)? else { return None };
                    conditions.push(condition);
                }
                Some(Item::Block(Block { id, joint: if not { joint.negated() } else { joint }, conditions }))
            }
            Filter::Not(_) => None,
        }
    }

    /// The filter; nobody belongs to none.
    pub fn filter(&self) -> Option<Filter> {
        if self.items.is_empty() {
            return self.everybody.then(|| Filter::All(Vec::new()));
        }
        let part = |item: &Item| match item {
            Item::Condition(condition) => condition.filter(),
            Item::Block(block) => {
                block.joint.filter(block.conditions.iter().map(Condition::filter).collect())
            }
        };
        Some(self.joint.filter(self.items.iter().map(part).collect()))
    }

    /// Every condition with the JSON pointer of its part of the filter.
    pub fn places(&self) -> Vec<(String, u64)> {
        let mut places = Vec::new();
        let of = |condition: &Condition| if condition.not { "/not" } else { "" };
        for (at, item) in self.items.iter().enumerate() {
            let here = format!("{}/{at}", self.joint.pointer());
            match item {
                Item::Condition(condition) => places.push((format!("{here}{}", of(condition)), condition.id)),
                Item::Block(block) => {
                    let inside = block.conditions.iter().enumerate();
                    places.extend(inside.map(|(at, condition)| {
                        (format!("{here}{}/{at}{}", block.joint.pointer(), of(condition)), condition.id)
                    }));
                }
            }
        }
        places
    }

    /// The condition a JSON pointer into the filter is about.
    pub fn condition_at(&self, pointer: &str) -> Option<u64> {
        let is = |place: &str| {
            pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.places().into_iter().find(|(place, _)| is(place)).map(|(_, id)| id)
    }

    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.items.iter().flat_map(|item| match item {
            Item::Condition(condition) => std::slice::from_ref(condition),
            Item::Block(block) => block.conditions.as_slice(),
        })
    }

    /// Whether every condition has something to compare with, and every block a condition.
    pub fn is_complete(&self) -> bool {
        let empty = |item: &Item| matches!(item, Item::Block(block) if block.conditions.is_empty());
        !self.items.iter().any(empty) && self.conditions().all(Condition::is_complete)
    }

    /// The condition with this number.
    pub fn get(&self, id: u64) -> Option<&Condition> {
        self.conditions().find(|condition| condition.id == id)
    }

    /// The block with this number.
    pub fn block(&self, id: u64) -> Option<&Block> {
        self.items.iter().find_map(|item| match item {
            Item::Block(block) if block.id == id => Some(block),
            _ => None,
        })
    }

    /// Changes the condition with this number.
    pub fn change(&mut self, id: u64, change: impl FnOnce(&mut Condition)) {
        let conditions = self.items.iter_mut().flat_map(|item| match item {
            Item::Condition(condition) => std::slice::from_mut(condition),
            Item::Block(block) => block.conditions.as_mut_slice(),
        });
        if let Some(condition) = conditions.into_iter().find(|condition| condition.id == id) {
            change(condition);
        }
    }

    /// Changes how the conditions of a block are put together.
    pub fn join(&mut self, id: u64, joint: Joint) {
        for item in &mut self.items {
            if let Item::Block(block) = item
                && block.id == id
            {
                block.joint = joint;
            }
        }
    }

    /// Adds a condition, to a block or beside everything else; gives its number.
    pub fn add(&mut self, block: Option<u64>) -> u64 {
        let id = self.number();
        let condition = Condition::new(id, Subject::E164);
        let into = self.items.iter_mut().find_map(|item| match item {
            Item::Block(own) if Some(own.id) == block => Some(own),
            _ => None,
        });
        match into {
            Some(own) => own.conditions.push(condition),
            None => self.items.push(Item::Condition(condition)),
        }
        id
    }

    /// Adds a block with one condition; gives the number of the condition.
    pub fn add_block(&mut self) -> u64 {
        let joint = if self.joint == Joint::Any { Joint::All } else { Joint::Any };
        let (block, id) = (self.number(), self.number());
        let conditions = vec![Condition::new(id, Subject::E164)];
        self.items.push(Item::Block(Block { id: block, joint, conditions }));
        id
    }

    /// Takes a condition or a block away; a block without conditions goes with its last one.
    pub fn remove(&mut self, id: u64) {
        for item in &mut self.items {
            if let Item::Block(block) = item {
                block.conditions.retain(|condition| condition.id != id);
            }
        }
        self.items.retain(|item| {
            let empty = matches!(item, Item::Block(block) if block.conditions.is_empty());
            item.id() != id && !empty
        });
        if self.items.is_empty() {
            self.everybody = false;
        }
    }
}

#[cfg(test)]
mod tests;
