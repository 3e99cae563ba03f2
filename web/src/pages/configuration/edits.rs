//! What somebody has changed and not submitted yet: one entry per value, with a way back. Pure; knows no page and no
//! text, and decides nothing about whether a value is good.

use std::collections::BTreeMap;

use api::plan::NewChange;
use domain::catalogue::{Parameter, ParameterKey, Value, ValueType};

/// Most steps that can be taken back.
const MOST_STEPS: usize = 500;

/// A change of one value.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// This value is to be desired.
    Set(Value),
    /// Something was typed that is no value, for instance letters where a number stands.
    Typed(String),
    /// Nothing is to be desired any more.
    Remove,
}

/// A step that can be taken back: which value, and what its change was before.
#[derive(Clone)]
struct Step {
    key: ParameterKey,
    before: Option<Edit>,
}

/// All changes. They may be secrets: they cannot be printed.
#[derive(Clone, Default)]
pub struct Edits {
    now: BTreeMap<ParameterKey, Edit>,
    steps: Vec<Step>,
}

impl Edits {
    /// The change of a value.
    pub fn get(&self, key: &ParameterKey) -> Option<&Edit> {
        self.now.get(key)
    }

    /// Number of values that are changed.
    pub fn len(&self) -> usize {
        self.now.len()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// The changes, by their parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterKey, &Edit)> {
        self.now.iter()
    }

    /// Sets or takes away the change of a value. Typing on in the same value is one step.
    pub fn set(&mut self, key: ParameterKey, edit: Option<Edit>) {
        let before = self.now.get(&key).cloned();
        if before == edit {
            return;
        }
        let goes_on =
            before.is_some() && edit.is_some() && self.steps.last().is_some_and(|step| step.key == key);
        if !goes_on {
            if self.steps.len() == MOST_STEPS {
                self.steps.remove(0);
            }
            self.steps.push(Step { key: key.clone(), before });
        }
        match edit {
            Some(edit) => self.now.insert(key, edit),
            None => self.now.remove(&key),
        };
    }

    /// Takes the last step back; gives the value it was about.
    pub fn undo(&mut self) -> Option<ParameterKey> {
        let Step { key, before } = self.steps.pop()?;
        match before {
            Some(edit) => self.now.insert(key.clone(), edit),
            None => self.now.remove(&key),
        };
        Some(key)
    }

    /// Without the changes that pass the test, and without a way back to them.
    #[must_use]
    pub fn without(mut self, test: impl Fn(&ParameterKey, &Edit) -> bool) -> Self {
        let gone: Vec<ParameterKey> =
            self.now.iter().filter(|(key, edit)| test(key, edit)).map(|(key, _)| key.clone()).collect();
        self.now.retain(|key, _| !gone.contains(key));
        self.steps.retain(|step| {
            let would_bring_back = step.before.as_ref().is_some_and(|before| test(&step.key, before));
            !gone.contains(&step.key) && !would_bring_back
        });
        self
    }

    /// Without what was sent; what was changed since stays.
    #[must_use]
    pub fn without_sent(self, sent: &[(ParameterKey, Edit)]) -> Self {
        self.without(|key, edit| sent.iter().any(|(known, was)| known == key && was == edit))
    }

    /// The changes for a plan, in the order of their parameters; `None` while something typed is no value.
    pub fn changes(&self) -> Option<Vec<NewChange>> {
        let change = |(key, edit): (&ParameterKey, &Edit)| {
            let value = match edit {
                Edit::Set(value) => serde_json::to_value(value).ok()?,
                Edit::Remove => serde_json::Value::Null,
                Edit::Typed(_) => return None,
            };
            Some(NewChange { parameter: key.parameter.clone(), index: key.index, value })
        };
        self.now.iter().map(change).collect()
    }
}

/// The value as it stands in a field: numbers as digits, lists a line for each entry.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Bool(on) => on.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(entries) => entries.join("\n"),
    }
}

/// What typed text is for this parameter; `None` when nothing is there and nothing is no value. In a template a number may
/// be a text with variables.
pub fn read(parameter: &Parameter, typed: &str, template: bool) -> Option<Edit> {
    match &parameter.value {
        ValueType::Bool { .. } => typed.parse().ok().map(|on| Edit::Set(Value::Bool(on))),
        ValueType::Integer { .. } if template && typed.contains('{') => {
            Some(Edit::Set(Value::Text(typed.trim().to_owned())))
        }
        ValueType::Integer { .. } => {
            let typed = typed.trim();
            let number = typed.parse().map(Value::Integer);
            (!typed.is_empty()).then(|| number.map_or_else(|_| Edit::Typed(typed.to_owned()), Edit::Set))
        }
        ValueType::Enum { .. } => (!typed.is_empty()).then(|| Edit::Set(Value::Text(typed.to_owned()))),
        ValueType::Text { .. } => Some(Edit::Set(Value::Text(typed.to_owned()))),
        ValueType::List { .. } => {
            let entries = typed.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
            Some(Edit::Set(Value::List(entries.collect())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Edits};
    use domain::catalogue::{ParameterKey, Value};

    fn key(name: &str) -> ParameterKey {
        ParameterKey::plain(name)
    }

    fn text(text: &str) -> Option<Edit> {
        Some(Edit::Set(Value::from(text)))
    }

    #[test]
    fn typing_on_is_one_step_back() {
        let mut edits = Edits::default();
        for typed in ["1", "18", "180"] {
            edits.set(key("a"), text(typed));
        }
        edits.set(key("b"), Some(Edit::Remove));
        edits.set(key("a"), text("1800"));
        assert_eq!(edits.undo(), Some(key("a")));
        assert!(edits.get(&key("a")) == text("180").as_ref());
        assert_eq!((edits.undo(), edits.undo(), edits.undo()), (Some(key("b")), Some(key("a")), None));
        assert!(edits.is_empty());
    }

    #[test]
    fn taking_a_change_away_can_be_taken_back() {
        let mut edits = Edits::default();
        edits.set(key("a"), text("x"));
        edits.set(key("a"), None);
        assert_eq!(edits.len(), 0);
        edits.undo();
        assert!(edits.get(&key("a")) == text("x").as_ref());
    }

    #[test]
    fn what_was_sent_goes_and_what_was_changed_since_stays() {
        let mut edits = Edits::default();
        edits.set(key("a"), text("x"));
        edits.set(key("b"), text("y"));
        let sent: Vec<_> = edits.iter().map(|(key, edit)| (key.clone(), edit.clone())).collect();
        edits.set(key("b"), text("z"));
        edits.set(key("c"), text("new"));
        let mut left = edits.without_sent(&sent);
        assert!(left.get(&key("a")).is_none() && left.get(&key("b")) == text("z").as_ref());
        assert_eq!((left.len(), left.undo(), left.undo()), (2, Some(key("c")), Some(key("b"))));
    }

    #[test]
    fn what_is_no_value_makes_no_plan() {
        let mut edits = Edits::default();
        edits.set(key("b"), Some(Edit::Remove));
        edits.set(key("a"), Some(Edit::Set(Value::Integer(7))));
        let changes = edits.changes().unwrap();
        let shown: Vec<_> =
            changes.iter().map(|change| (change.parameter.as_str(), change.value.to_string())).collect();
        assert_eq!(shown, [("a", "7".to_owned()), ("b", "null".to_owned())]);
        edits.set(key("c"), Some(Edit::Typed("x".to_owned())));
        assert!(edits.changes().is_none());
    }
}
