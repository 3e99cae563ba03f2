//! Rules across parameters that OSEM §7 states: what one value needs of another. Pure; the browser asks the same
//! code while somebody types. Values of one parameter alone are looked at by `check`; nothing here knows where
//! values come from.
//!
//! A rule speaks only when it knows every value it needs: what nobody set and no phone reported breaks nothing.
//! Advice of OSEM ("should", "you must manually switch") is no rule.

mod password;
mod stated;

use std::collections::BTreeSet;

use super::{Catalogue, Kind, Parameter, ParameterKey, Value};

/// Values that cannot stand together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CrossFault {
    /// Stable code: `needs_value`, `needs_one_of`, `larger_than`, `password_too_short`, `password_too_few`,
    /// `password_sequence` or `other_value_for_same_item`.
    pub code: &'static str,
    /// The parameters that cannot have their values; a change of one of these is refused, and the fault is shown
    /// there. Never empty.
    pub parameters: Vec<ParameterKey>,
    /// The parameters whose values are the reason, and which may stay as they are.
    pub because: Vec<ParameterKey>,
    /// Numbers, ids and words for wording it in another language; no secrets.
    pub args: Vec<(&'static str, String)>,
    /// The fault in English, worded for the field.
    pub text: String,
}

/// Everything that contradicts in the configuration of a client of this kind.
///
/// `value_of` gives the value in force: the one being set, else the desired, else the reported one; `None` when
/// it is not known, as secrets mostly are.
pub fn check_all(
    catalogue: &Catalogue,
    kind: Kind,
    value_of: &dyn Fn(&ParameterKey) -> Option<Value>,
) -> Vec<CrossFault> {
    Rules { catalogue, kind, value_of, changed: None }.check()
}

/// What contradicts because of a change: the rules that forbid one of the changed parameters its value, and two
/// changed parameters that stand on one item (D-15) with different values. What contradicted before, elsewhere,
/// is not told: it must not keep anybody from changing something else.
///
/// `changed` are the parameters that get a value, not those that lose theirs; `value_of` as for [`check_all`],
/// with the changes in it.
pub fn check_changes(
    catalogue: &Catalogue,
    kind: Kind,
    changed: &[ParameterKey],
    value_of: &dyn Fn(&ParameterKey) -> Option<Value>,
) -> Vec<CrossFault> {
    let rules = Rules { catalogue, kind, value_of, changed: Some(changed) };
    let mut faults = rules.check();
    faults.extend(changed.iter().filter_map(|key| rules.same_item(key)));
    faults
}

/// What must be so for a value.
#[derive(Clone, Copy, Debug)]
enum Test {
    /// There is one: no empty text or list.
    Set,
    /// It is yes.
    Yes,
    /// It is no.
    No,
    /// It is one of these choices, named by their keys.
    Choice(&'static [&'static str]),
}

impl Test {
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Set, Value::Text(text)) => !text.is_empty(),
            (Self::Set, Value::List(texts)) => !texts.is_empty(),
            (Self::Set, Value::Bool(_) | Value::Integer(_)) => true,
            (Self::Yes, value) => *value == Value::Bool(true),
            (Self::No, value) => *value == Value::Bool(false),
            (Self::Choice(keys), Value::Text(key)) => keys.contains(&key.as_str()),
            (Self::Choice(_), _) => false,
        }
    }

    /// The values it takes, as in JSON.
    fn values(self) -> Vec<&'static str> {
        match self {
            Self::Set => Vec::new(),
            Self::Yes => vec!["true"],
            Self::No => vec!["false"],
            Self::Choice(keys) => keys.to_vec(),
        }
    }
}

/// A value of one parameter needs a value of another.
struct Needs {
    /// The parameter that cannot have its value.
    parameter: &'static str,
    /// The values it cannot have.
    when: Test,
    /// The others; one of them is enough. Of a repeated parameter the same entry, or any entry when `parameter`
    /// is not repeated itself.
    others: &'static [&'static str],
    /// What must be so for one of them.
    is: Test,
}

/// A number that must not be larger than another, entry by entry.
struct Ordered {
    low: &'static str,
    high: &'static str,
    /// Whether 0 of `high` stands for no limit.
    zero_is_no_limit: bool,
}

struct Rules<'a> {
    catalogue: &'a Catalogue,
    kind: Kind,
    value_of: &'a dyn Fn(&ParameterKey) -> Option<Value>,
    /// `None`: everything is looked at.
    changed: Option<&'a [ParameterKey]>,
}

impl Rules<'_> {
    fn check(&self) -> Vec<CrossFault> {
        let mut faults: Vec<CrossFault> = stated::NEEDS.iter().flat_map(|rule| self.needs(rule)).collect();
        faults.extend(stated::ORDERED.iter().flat_map(|rule| self.ordered(rule)));
        faults.extend(password::PASSWORDS.iter().flat_map(|rule| password::check(self, rule)));
        faults
    }

    /// A parameter, when clients of this kind have it or get it from templates.
    fn parameter(&self, id: &str) -> Option<&Parameter> {
        self.catalogue.parameter(id).filter(|parameter| self.catalogue.reaches(parameter, self.kind))
    }

    fn value(&self, key: &ParameterKey) -> Option<Value> {
        (self.value_of)(key)
    }

    /// Whether a fault of this parameter is asked for.
    fn asked(&self, key: &ParameterKey) -> bool {
        self.changed.is_none_or(|changed| changed.contains(key))
    }

    /// The entries of parameters, which all have the same ones, in which a fault is asked for.
    fn entries(&self, parameters: &[&Parameter]) -> Vec<Option<u16>> {
        match self.changed {
            None => parameters.first().map(|parameter| entries(parameter)).unwrap_or_default(),
            Some(changed) => {
                let ours = |key: &&ParameterKey| parameters.iter().any(|own| own.id == key.parameter);
                let entries: BTreeSet<_> = changed.iter().filter(ours).map(|key| key.index).collect();
                entries.into_iter().collect()
            }
        }
    }

    fn needs(&self, rule: &Needs) -> Vec<CrossFault> {
        let Some(parameter) = self.parameter(rule.parameter) else { return Vec::new() };
        let others: Vec<&Parameter> = rule.others.iter().filter_map(|id| self.parameter(id)).collect();
        if others.is_empty() {
            return Vec::new();
        }
        self.entries(&[parameter])
            .into_iter()
            .map(|index| ParameterKey { parameter: parameter.id.clone(), index })
            .filter(|key| self.value(key).is_some_and(|value| rule.when.holds(&value)))
            .filter_map(|key| {
                let because = others_of(parameter, &key, &others);
                let broken = |other: &ParameterKey| self.value(other).is_some_and(|v| !rule.is.holds(&v));
                because.iter().all(broken).then(|| unmet(key, because, &others, rule.is))
            })
            .collect()
    }

    fn ordered(&self, rule: &Ordered) -> Vec<CrossFault> {
        let (Some(low), Some(high)) = (self.parameter(rule.low), self.parameter(rule.high)) else {
            return Vec::new();
        };
        self.entries(&[low, high])
            .into_iter()
            .map(|index| {
                let key = |parameter: &Parameter| ParameterKey { parameter: parameter.id.clone(), index };
                (key(low), key(high))
            })
            .filter_map(|(low_key, high_key)| {
                let (Value::Integer(smaller), Value::Integer(larger)) =
                    (self.value(&low_key)?, self.value(&high_key)?)
                else {
                    return None;
                };
                let no_limit = rule.zero_is_no_limit && larger == 0;
                (smaller > larger && !no_limit).then(|| CrossFault {
                    code: "larger_than",
                    args: vec![("low", low_key.to_string()), ("high", high_key.to_string())],
                    text: format!("{} must not be larger than {}", low.label.en, high.label.en),
                    parameters: vec![low_key, high_key],
                    because: Vec::new(),
                })
            })
            .collect()
    }

    /// Two parameters of one item, both being set, whose texts on the wire differ (D-15).
    fn same_item(&self, key: &ParameterKey) -> Option<CrossFault> {
        let parameter = self.parameter(&key.parameter)?;
        let other = self.parameter(parameter.same_as.as_deref()?)?;
        let other_key = ParameterKey { parameter: other.id.clone(), index: key.index };
        if !self.asked(&other_key) {
            return None;
        }
        let text = parameter.to_wire(&self.value(key)?).ok()?;
        let other_text = other.to_wire(&self.value(&other_key)?).ok()?;
        let (item, _) = parameter.item_of(key.index)?;
        (text != other_text).then(|| CrossFault {
            code: "other_value_for_same_item",
            args: vec![("other", other_key.to_string()), ("item", item.to_owned())],
            text: format!("is the same setting of the phone as {} and must have its value", other.label.en),
            parameters: vec![key.clone(), other_key],
            because: Vec::new(),
        })
    }
}

/// The entries of a parameter; one that is not repeated has one without number.
fn entries(parameter: &Parameter) -> Vec<Option<u16>> {
    match parameter.entries {
        None => vec![None],
        Some((first, last)) => (first..=last).map(Some).collect(),
    }
}

fn others_of(parameter: &Parameter, key: &ParameterKey, others: &[&Parameter]) -> Vec<ParameterKey> {
    let of = |other: &&Parameter| {
        let same_entry = parameter.entries.is_some() && other.entries.is_some();
        let indexes = if same_entry { vec![key.index] } else { entries(other) };
        let id = other.id.clone();
        indexes.into_iter().map(move |index| ParameterKey { parameter: id.clone(), index })
    };
    others.iter().flat_map(of).collect()
}

fn unmet(key: ParameterKey, because: Vec<ParameterKey>, others: &[&Parameter], is: Test) -> CrossFault {
    let labels: Vec<&str> = others.iter().map(|other| other.label.en.as_str()).collect();
    let ids: Vec<&str> = others.iter().map(|other| other.id.as_str()).collect();
    let others = ("others", ids.join(", "));
    let values = is.values();
    let (code, args, text) = if values.is_empty() {
        ("needs_one_of", vec![others], format!("needs a value of {}", labels.join(" or ")))
    } else {
        let text = format!("needs {} to be {}", labels.join(" or "), values.join(" or "));
        ("needs_value", vec![others, ("values", values.join(", "))], text)
    };
    CrossFault { code, parameters: vec![key], because, args, text }
}

#[cfg(all(test, feature = "yaml"))]
mod tests;
