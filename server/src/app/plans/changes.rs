//! The changes of a plan: read, checked one by one, and what has to be known of a client to check them together.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use api::plan::{ChangeView, MOST_CHANGES, NewChange, NewPlan, PlanKind};
use api::{FieldError, field};
use domain::catalogue::rules::{CrossFault, check_changes};
use domain::catalogue::{Catalogue, Kind, Parameter, ParameterKey, Value, ValueFault};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::App;
use crate::app::error::{AppError, AppResult};
use crate::app::fleet_pictures::{View, item_names};

/// Changes named in an audit record; their number is always there, and the revisions have them all.
const MOST_AUDITED: usize = 50;

/// Longest text of a value in an audit record, in characters: the record can never be removed.
const LONGEST_AUDITED: usize = 200;

/// A value to be set or removed. It may be a secret: it cannot be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// Which parameter.
    pub(super) key: ParameterKey,
    /// The value; `None` removes it.
    pub(super) value: Option<Value>,
}

/// Reads and checks the changes of a plan.
///
/// # Errors
/// `invalid_fields`, with every change that cannot be accepted.
pub(super) fn read(catalogue: &Catalogue, new: &NewPlan) -> AppResult<Vec<Change>> {
    let whole = |code, text: &str| AppError::field(FieldError::new("/changes", code, text));
    let of_deployment = |code, text: &str| AppError::field(FieldError::new("/deployment", code, text));
    match (super::deploys(new.kind), &new.deployment) {
        (Some(_), None) => return Err(of_deployment(field::MISSING, "must say what is deployed")),
        (None, Some(_)) => {
            return Err(of_deployment(field::INVALID, "has no place here: this kind deploys nothing"));
        }
        _ => {}
    }
    match new.kind {
        PlanKind::Converge if !new.changes.is_empty() => {
            return Err(whole(field::INVALID, "has no place here: this kind writes what is desired already"));
        }
        PlanKind::DeployFiles | PlanKind::DeploySoftware if !new.changes.is_empty() => {
            return Err(whole(field::INVALID, "has no place here: this kind deploys files"));
        }
        PlanKind::WriteConfiguration if new.changes.is_empty() => {
            return Err(whole(field::MISSING, "must name a parameter"));
        }
        _ => {}
    }
    if new.changes.len() > MOST_CHANGES {
        let text = format!("has more than {MOST_CHANGES} changes");
        let fault = FieldError::new("/changes", field::TOO_LONG, text).arg("max", MOST_CHANGES);
        return Err(AppError::field(fault));
    }
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let mut changes = Vec::with_capacity(new.changes.len());
    for (place, change) in new.changes.iter().enumerate() {
        let key = ParameterKey { parameter: change.parameter.clone(), index: change.index };
        match read_one(catalogue, place, &key, change) {
            Err(fault) => faults.push(fault),
            Ok(_) if !seen.insert(key.clone()) => {
                let text = "stands there more than once";
                faults.push(FieldError::new(format!("/changes/{place}"), field::GIVEN_TWICE, text));
            }
            Ok(value) => changes.push(Change { key, value }),
        }
    }
    if faults.is_empty() { Ok(changes) } else { Err(AppError::fields(faults)) }
}

fn read_one(
    catalogue: &Catalogue,
    place: usize,
    key: &ParameterKey,
    change: &NewChange,
) -> Result<Option<Value>, FieldError> {
    let at = |name: &str| format!("/changes/{place}/{name}");
    let parameter = catalogue.parameter(&key.parameter);
    if change.value.is_null() {
        // What the catalogue has lost can still be removed, from clients that have it.
        return parameter.map_or(Ok(()), |parameter| check_entry(parameter, key.index, &at)).map(|()| None);
    }
    let Some(parameter) = parameter else {
        return Err(unknown(place));
    };
    check_entry(parameter, key.index, &at)?;
    let Ok(value) = serde_json::from_value::<Value>(change.value.clone()) else {
        let text = "must be true, false, a whole number, a text or a list of texts";
        return Err(FieldError::new(at("value"), field::WRONG_TYPE, text));
    };
    parameter.check(key.index, &value).map_err(|fault| refused(at("value"), &fault))?;
    Ok(Some(value))
}

/// The parameter is not in the catalogue.
pub(super) fn unknown(place: usize) -> FieldError {
    let text = "is no parameter of the catalogue";
    FieldError::new(format!("/changes/{place}/parameter"), "unknown_parameter", text)
}

fn check_entry(
    parameter: &Parameter,
    entry: Option<u16>,
    at: &dyn Fn(&str) -> String,
) -> Result<(), FieldError> {
    match (parameter.entries, entry) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(refused(at("index"), &ValueFault::NoEntries)),
        (Some((first, last)), entry) => {
            if entry.is_some_and(|entry| (first..=last).contains(&entry)) {
                Ok(())
            } else {
                Err(refused(at("index"), &ValueFault::Entry { first, last }))
            }
        }
    }
}

fn refused(place: String, fault: &ValueFault) -> FieldError {
    let error = FieldError::new(place, fault.code(), fault.to_string());
    fault.args().into_iter().fold(error, |error, (name, value)| error.arg(name, value))
}

/// A contradiction, at each of the changes that it refuses.
pub(super) fn contradiction(changes: &[Change], fault: &CrossFault) -> Vec<FieldError> {
    let refused = changes.iter().enumerate().filter(|(_, change)| fault.parameters.contains(&change.key));
    refused
        .map(|(place, _)| {
            let error = FieldError::new(format!("/changes/{place}/value"), fault.code, fault.text.clone());
            fault.args.iter().fold(error, |error, (name, value)| error.arg(name, value.as_str()))
        })
        .collect()
}

/// Changes as everybody may see them.
pub(super) fn views(catalogue: &Catalogue, changes: &[Change]) -> Vec<ChangeView> {
    changes
        .iter()
        .map(|change| {
            let secret = is_secret(catalogue, &change.key);
            ChangeView {
                parameter: change.key.parameter.clone(),
                index: change.key.index,
                secret,
                removes: change.value.is_none(),
                value: change.value.clone().filter(|_| !secret),
            }
        })
        .collect()
}

/// Changes as an audit record names them: the first ones, and no secrets.
pub(super) fn audited(catalogue: &Catalogue, changes: &[Change]) -> Vec<Json> {
    let named = changes.get(..MOST_AUDITED).unwrap_or(changes);
    views(catalogue, named)
        .iter()
        .map(|view| {
            let value = view.value.as_ref().map(|value| {
                let text = serde_json::to_string(value).unwrap_or_default();
                text.chars().take(LONGEST_AUDITED).collect::<String>()
            });
            json!({
                "parameter": view.parameter, "index": view.index, "secret": view.secret,
                "removes": view.removes, "value": value,
            })
        })
        .collect()
}

/// Whether the values of a parameter are never shown. What the catalogue does not know is not shown either.
pub(super) fn is_secret(catalogue: &Catalogue, key: &ParameterKey) -> bool {
    catalogue.parameter(&key.parameter).is_none_or(|parameter| parameter.secret)
}

/// What the changes of a plan make of a kind of clients, and what of a client bears on them.
pub(super) struct Reach {
    /// Changes that clients of a kind can have, by their places in the list.
    applicable: BTreeMap<Kind, Vec<usize>>,
    /// Other parameters that the rules across fields ask for, by kind.
    asked: BTreeMap<Kind, Vec<ParameterKey>>,
}

impl Reach {
    pub(super) fn of(catalogue: &Catalogue, changes: &[Change]) -> Self {
        let (mut applicable, mut asked) = (BTreeMap::new(), BTreeMap::new());
        for kind in [Kind::SipClient, Kind::HfaClient] {
            let takes = |change: &Change| {
                catalogue.parameter(&change.key.parameter).is_none_or(|parameter| parameter.is_for(kind))
            };
            let places: Vec<usize> = changes
                .iter()
                .enumerate()
                .filter(|(_, change)| takes(change))
                .map(|(place, _)| place)
                .collect();
            asked.insert(kind, asked_by_rules(catalogue, kind, changes, &places));
            applicable.insert(kind, places);
        }
        Self { applicable, asked }
    }

    /// Places of the changes that clients of a kind can have.
    pub(super) fn applicable(&self, kind: Kind) -> &[usize] {
        self.applicable.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// Parameters the rules ask for, besides the changed ones.
    pub(super) fn asked(&self, kind: Kind) -> &[ParameterKey] {
        self.asked.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// What has to be read of each client: the changed parameters, all that share their items or records, and
    /// those the rules ask for.
    pub(super) fn view(&self, app: &App, changes: &[Change]) -> View {
        let catalogue = app.catalogue.as_ref();
        let changed: BTreeSet<&str> = changes.iter().map(|change| change.key.parameter.as_str()).collect();
        let touched = item_names(catalogue, changed.iter().copied());
        let stands_there = |parameter: &&Parameter| {
            parameter.delivery.as_ref().is_some_and(|delivery| touched.contains(delivery.item.as_str()))
        };
        let mut parameters: BTreeSet<String> =
            catalogue.parameters().filter(stands_there).map(|parameter| parameter.id.clone()).collect();
        parameters.extend(changed.iter().map(|id| (*id).to_owned()));
        parameters.extend(self.asked.values().flatten().map(|key| key.parameter.clone()));
        let names = item_names(catalogue, parameters.iter().map(String::as_str));
        let items = names.into_iter().filter_map(|name| app.store.item_number(name)).collect();
        View { parameters: Some(parameters), items }
    }
}

/// Every parameter a rule may ask for because of the changes. A value that fits nothing makes each rule look at
/// all it has.
fn asked_by_rules(
    catalogue: &Catalogue,
    kind: Kind,
    changes: &[Change],
    places: &[usize],
) -> Vec<ParameterKey> {
    let set = values_set(changes, places);
    let asked = RefCell::new(BTreeSet::new());
    let changed: Vec<ParameterKey> = set.keys().map(|key| (*key).clone()).collect();
    let value_of = |key: &ParameterKey| {
        if let Some(value) = set.get(key) {
            return Some((*value).clone());
        }
        asked.borrow_mut().insert(key.clone());
        Some(Value::List(Vec::new()))
    };
    let _ = check_changes(catalogue, kind, &changed, &value_of);
    asked.into_inner().into_iter().collect()
}

/// The changes that set something.
pub(super) fn values_set<'a>(
    changes: &'a [Change],
    places: &[usize],
) -> BTreeMap<&'a ParameterKey, &'a Value> {
    let set = places.iter().filter_map(|place| changes.get(*place));
    set.filter_map(|change| change.value.as_ref().map(|value| (&change.key, value))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Change, Reach, read};
    use api::plan::{NewChange, NewPlan, PlanKind};
    use domain::catalogue::{Catalogue, Kind, ParameterKey, Value};
    use serde_json::json;

    fn plan(changes: Vec<(&str, Option<u16>, serde_json::Value)>) -> NewPlan {
        NewPlan {
            kind: PlanKind::WriteConfiguration,
            targets: api::targets::Targets::default(),
            changes: changes
                .into_iter()
                .map(|(parameter, index, value)| NewChange { parameter: parameter.to_owned(), index, value })
                .collect(),
            send_secrets_again: false,
            deployment: None,
        }
    }

    fn faults(changes: Vec<(&str, Option<u16>, serde_json::Value)>) -> Vec<String> {
        match read(Catalogue::built_in(), &plan(changes)) {
            Ok(_) => Vec::new(),
            Err(error) => {
                error.errors().iter().map(|error| format!("{}: {}", error.field, error.code)).collect()
            }
        }
    }

    #[test]
    fn every_change_is_checked_and_named() {
        let vlan = "network.general.vlan-id";
        assert_eq!(faults(vec![(vlan, None, json!(7))]), Vec::<String>::new());
        assert_eq!(
            faults(vec![
                ("nothing", None, json!(1)),
                (vlan, None, json!("x")),
                (vlan, Some(1), json!(7)),
                (vlan, None, json!(1.5)),
                (vlan, None, json!(-1)),
            ]),
            [
                "/changes/0/parameter: unknown_parameter",
                "/changes/1/value: wrong_type",
                "/changes/2/index: no_entries",
                "/changes/3/value: wrong_type",
                "/changes/4/value: out_of_range",
            ]
        );
        assert_eq!(
            faults(vec![(vlan, None, json!(7)), (vlan, None, json!(null))]),
            ["/changes/1: given_twice"]
        );
        assert_eq!(faults(Vec::new()), ["/changes: missing"]);
    }

    #[test]
    fn rules_say_which_other_values_they_need() {
        let change = |id: &str, value: Value| Change { key: ParameterKey::plain(id), value: Some(value) };
        let changes = [change("network.general.vlan-id", Value::Integer(7))];
        let reach = Reach::of(Catalogue::built_in(), &changes);
        assert_eq!(reach.applicable(Kind::SipClient), [0]);
        let password = [change("security.password.new-admin-password", Value::from("x"))];
        let reach = Reach::of(Catalogue::built_in(), &password);
        let asked = reach.asked(Kind::SipClient);
        assert!(
            asked.contains(&ParameterKey::plain("security.password.admin-password-minimum-length")),
            "{asked:?}"
        );
    }
}
