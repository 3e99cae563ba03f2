//! What is wrong with the changes of the editor, and what of a value is known. Pure; knows no page.

use std::collections::BTreeMap;

use api::client_field::ClientFieldView;
use api::configuration::ParameterStateView;
use domain::catalogue::rules::check_changes;
use domain::catalogue::{Catalogue, Kind, ParameterKey, ValueType};
use domain::configuration::{Layer, State};
use domain::expand::{check_value, has_variables, is_built_in};
use leptos::prelude::*;

use super::editor::States;
use super::edits::{Edit, Edits};
use super::words;
use crate::texts::{self, lang};

/// Whether the phone does not have what is desired.
pub fn differs(state: &ParameterStateView) -> bool {
    matches!(state.state, Some(State::Pending | State::Drift | State::LeftOut))
}

/// Whether a desired value is the client's own, or the template's whose values these are. What a template of the client
/// or the server wants is not.
pub(super) fn is_own(state: &ParameterStateView) -> bool {
    state.desired_set
        && !matches!(state.origin, Some(Layer::GroupTemplate | Layer::DefaultTemplate | Layer::System))
}

/// Whether there is a variable of this name; while nobody knows the fields of clients, every name is taken for one.
pub(super) fn is_known(fields: Signal<Option<Vec<ClientFieldView>>>, name: &str) -> bool {
    let known = |fields: &Option<Vec<ClientFieldView>>| {
        fields.as_ref().is_none_or(|fields| fields.iter().any(|field| field.name == name))
    };
    is_built_in(name) || fields.with(known)
}

/// Whether a change changes anything: not the value that is desired, or, while nothing is desired, reported.
pub(super) fn changes(before: Option<&ParameterStateView>, edit: &Edit) -> bool {
    let Some(before) = before else { return *edit != Edit::Remove };
    match edit {
        Edit::Typed(_) => true,
        Edit::Remove => is_own(before),
        Edit::Set(_) if before.secret => true,
        Edit::Set(value) if before.desired_set => before.desired.as_ref() != Some(value),
        Edit::Set(value) => before.reported.as_ref() != Some(value),
    }
}

/// What is wrong with the changes: each alone, then together with everything that is known. `variables` tells of a
/// template's values which names are variables.
pub(super) fn faults(
    catalogue: &Catalogue,
    kinds: &[Kind],
    states: &States,
    edits: &Edits,
    variables: Option<&dyn Fn(&str) -> bool>,
) -> BTreeMap<ParameterKey, String> {
    let mut faults = BTreeMap::new();
    let mut changed = Vec::new();
    for (key, edit) in edits.iter() {
        let Some(parameter) = catalogue.parameter(&key.parameter) else { continue };
        match edit {
            Edit::Remove => {}
            Edit::Typed(_) => {
                let text = match parameter.value {
                    ValueType::Integer { min, max } => texts::common::enter_number_in(lang(), min, max),
                    _ => texts::common::enter_number(lang()).to_owned(),
                };
                faults.insert(key.clone(), text);
            }
            Edit::Set(value) => {
                let fault = match variables {
                    Some(known) => check_value(parameter, key.index, value, known)
                        .err()
                        .map(|fault| words::template_fault(&fault)),
                    None => parameter.check(key.index, value).err().map(|fault| words::fault(&fault)),
                };
                match fault {
                    None => changed.push(key.clone()),
                    Some(fault) => drop(faults.insert(key.clone(), fault)),
                }
            }
        }
    }
    let value_of = |key: &ParameterKey| {
        let state = states.get(key);
        let value = match edits.get(key) {
            Some(Edit::Set(value)) => Some(value.clone()),
            Some(Edit::Typed(_)) => None,
            Some(Edit::Remove) => state?.reported.clone(),
            None => state.and_then(|state| state.desired.clone().or_else(|| state.reported.clone())),
        };
        // What differs from client to client is not known here.
        value.filter(|value| variables.is_none() || !has_variables(value))
    };
    for kind in kinds {
        for fault in check_changes(catalogue, *kind, &changed, &value_of) {
            let text = words::contradiction(catalogue, &fault);
            for key in fault.parameters.iter().filter(|key| edits.get(key).is_some()) {
                faults.entry(key.clone()).or_insert_with(|| text.clone());
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{changes, faults, is_own};
    use crate::pages::configuration::editor::States;
    use crate::pages::configuration::edits::{Edit, Edits, read};
    use api::configuration::ParameterStateView;
    use domain::catalogue::{
        Area, Catalogue, Kind, Parameter, ParameterKey, Section, Text, TextFormat, Value, ValueType,
    };
    use domain::configuration::Layer;

    const REALM: &str = "telephony.sip-settings.sip-credentials-realm";
    const TIMER: &str = "telephony.sip-settings.registration-timer";

    fn desired(origin: Option<Layer>, value: &str) -> ParameterStateView {
        ParameterStateView {
            parameter: REALM.to_owned(),
            index: None,
            item: None,
            item_index: None,
            secret: false,
            read_only: false,
            reported: None,
            reported_text: None,
            reported_status: None,
            desired: Some(Value::from(value)),
            desired_set: true,
            origin,
            origin_template: None,
            variables: false,
            conflict: Vec::new(),
            state: None,
            reason: None,
            drift_since: None,
            locked: false,
            unconfirmed: false,
            withheld: None,
        }
    }

    #[test]
    fn what_a_template_gives_to_a_client_cannot_be_taken_away_there() {
        let of_template = desired(Some(Layer::GroupTemplate), "a");
        assert!(!is_own(&of_template) && !changes(Some(&of_template), &Edit::Remove));
        assert!(!changes(Some(&of_template), &Edit::Set(Value::from("a"))));
        assert!(changes(Some(&of_template), &Edit::Set(Value::from("b"))));
        for own in [Some(Layer::Client), Some(Layer::Onboarding), None] {
            assert!(changes(Some(&desired(own, "a")), &Edit::Remove), "{own:?}");
        }
    }

    fn parameter(id: &str, value: ValueType) -> Parameter {
        let text = || Text { en: id.to_owned(), de: id.to_owned() };
        Parameter {
            id: id.to_owned(),
            label: text(),
            help: text(),
            kinds: vec![Kind::SipClient],
            value,
            default: None,
            unit: None,
            entries: None,
            secret: false,
            read_only: false,
            care: false,
            restarts: false,
            same_as: None,
            delivery: None,
        }
    }

    #[test]
    fn only_a_template_takes_variables() {
        let timer = parameter(TIMER, ValueType::Integer { min: 0, max: 9 });
        let text = ValueType::Text { format: TextFormat::Any, min_length: 0, max_length: 99 };
        let title = || Text { en: String::new(), de: String::new() };
        let parameters = vec![timer.clone(), parameter(REALM, text)];
        let section = Section { id: "telephony.sip-settings".to_owned(), title: title(), parameters };
        let area = Area { id: "telephony".to_owned(), title: title(), sections: vec![section] };
        let all = &Catalogue::from_areas(vec![area]);
        let typed = Edit::Set(Value::from("{delay}"));
        assert!(read(&timer, "{delay}", true) == Some(typed.clone()));
        assert!(read(&timer, "{delay}", false) == Some(Edit::Typed("{delay}".to_owned())));
        let mut edits = Edits::default();
        edits.set(ParameterKey::plain(TIMER), Some(typed));
        edits.set(ParameterKey::plain(REALM), Some(Edit::Set(Value::from("{site}.example"))));
        let faulty = |known: Option<&dyn Fn(&str) -> bool>| {
            let found = faults(all, &[Kind::SipClient], &States::new(), &edits, known);
            found.into_keys().map(|key| key.parameter).collect::<Vec<_>>()
        };
        assert_eq!(faulty(Some(&|_| true)), Vec::<String>::new());
        assert_eq!(faulty(Some(&|name| name == "site")), [TIMER]);
        assert_eq!(faulty(None), [TIMER], "a text with braces is a text of the client");
    }
}
