//! What the fields and values of a template take. All that cannot be accepted is told, not only the first.

use std::collections::{BTreeMap, BTreeSet};

use api::plan::NewChange;
use api::template::{LONGEST_DESCRIPTION, LONGEST_NAME, WEAKEST_RANK};
use api::{FieldError, field};
use domain::catalogue::rules::check_changes;
use domain::catalogue::{Catalogue, Kind, ParameterKey, Value, ValueFault};
use domain::expand::{TemplateValueFault, Variables, check_value, expand_value, has_variables, is_built_in};
use domain::layers::Wish;
use domain::model::models;
use domain::template_file::MOST_PARAMETERS;

use crate::app::error::{AppError, AppResult};
use crate::app::layers::{Snapshot, wish_of};

/// Most values in one request.
const MOST_VALUES: usize = 1_000;

/// Most faults that are told of one file.
const MOST_TOLD: usize = 100;

/// Software types a template can be for.
const SOFTWARE_TYPES: [(&str, Kind); 2] = [("SIP", Kind::SipClient), ("HFA", Kind::HfaClient)];

/// Where the fields stand, and so how faults name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Place {
    /// Each in the body, under its own name.
    Body,
    /// All in the text of a file, which is `/content`.
    File,
}

/// What `null` means as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Nulls {
    /// The value is removed.
    Remove,
    /// Nothing: there is nothing to be removed yet.
    Refused,
}

/// Values that were checked one by one.
#[derive(Default)]
pub(in crate::app) struct Values {
    /// Values that are set.
    pub(in crate::app) set: Vec<(ParameterKey, Value)>,
    /// Values that are removed.
    pub(in crate::app) remove: Vec<ParameterKey>,
    /// Where each of `set` stood in the request.
    places: Vec<usize>,
}

impl Values {
    /// Without those that a template has already, and removals of what it does not have.
    pub(in crate::app) fn differing(self, catalogue: &Catalogue, has: &BTreeMap<ParameterKey, Wish>) -> Self {
        let differs =
            |(key, value): &(ParameterKey, Value)| has.get(key) != Some(&wish_of(catalogue, key, value));
        Self {
            set: self.set.into_iter().filter(differs).collect(),
            remove: self.remove.into_iter().filter(|key| has.contains_key(key)).collect(),
            places: Vec::new(),
        }
    }
}

/// What cannot be accepted of the fields of a template.
pub(in crate::app) struct Faults {
    place: Place,
    found: Vec<FieldError>,
}

impl Faults {
    pub(in crate::app) fn new(place: Place) -> Self {
        Self { place, found: Vec::new() }
    }

    /// Refuses when something was found.
    ///
    /// # Errors
    /// `invalid_fields`.
    pub(in crate::app) fn refuse(mut self) -> AppResult<()> {
        self.found.truncate(MOST_VALUES);
        if self.place == Place::File {
            self.found.truncate(MOST_TOLD);
        }
        if self.found.is_empty() { Ok(()) } else { Err(AppError::fields(self.found)) }
    }

    /// Adds what others have found.
    pub(in crate::app) fn extend(&mut self, faults: impl IntoIterator<Item = FieldError>) {
        self.found.extend(faults);
    }

    /// Names a field; of a file, whose fields have no place of their own, in an argument.
    fn at(&self, pointer: String, code: &str, message: impl Into<String>) -> FieldError {
        match self.place {
            Place::Body => FieldError::new(pointer, code, message),
            Place::File => {
                let name = pointer.split('/').nth(1).unwrap_or_default().to_owned();
                FieldError::new("/content", code, message).arg("key", name)
            }
        }
    }

    fn add(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        self.found.push(self.at(pointer.to_owned(), code, message));
    }

    /// 1 to 100 characters in one line, trimmed.
    pub(in crate::app) fn name(&mut self, text: &str) -> String {
        let name = text.trim();
        if name.is_empty() {
            self.add("/name", field::MISSING, "must not be empty");
        } else if name.chars().count() > LONGEST_NAME {
            let message = format!("has more than {LONGEST_NAME} characters");
            let fault = self.at("/name".to_owned(), field::TOO_LONG, message).arg("max", LONGEST_NAME);
            self.found.push(fault);
        } else if name.chars().any(char::is_control) {
            self.add("/name", field::CONTROL_CHARACTER, "has a control character");
        }
        name.to_owned()
    }

    /// Up to 2,000 characters; several lines.
    pub(in crate::app) fn description(&mut self, text: &str) -> String {
        let description = text.replace("\r\n", "\n").trim().to_owned();
        if description.chars().count() > LONGEST_DESCRIPTION {
            let message = format!("has more than {LONGEST_DESCRIPTION} characters");
            let fault = self.at("/description".to_owned(), field::TOO_LONG, message);
            self.found.push(fault.arg("max", LONGEST_DESCRIPTION));
        } else if description.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.add("/description", field::CONTROL_CHARACTER, "has a control character");
        }
        description
    }

    pub(in crate::app) fn rank(&mut self, rank: u16) -> u16 {
        if !(1..=WEAKEST_RANK).contains(&rank) {
            let message = format!("must be from 1 to {WEAKEST_RANK}");
            let fault = self.at("/rank".to_owned(), field::OUT_OF_RANGE, message);
            self.found.push(fault.arg("min", 1).arg("max", WEAKEST_RANK));
        }
        rank
    }

    /// Short names of known models, each once, in the order of their table.
    pub(in crate::app) fn models(&mut self, names: &[String]) -> Vec<String> {
        let known: Vec<&str> = models().iter().map(|model| model.name.as_str()).collect();
        self.words("models", names, &known)
    }

    /// `SIP` and `HFA`.
    pub(in crate::app) fn software_types(&mut self, names: &[String]) -> Vec<String> {
        self.words("software_types", names, &SOFTWARE_TYPES.map(|(name, _)| name))
    }

    fn words(&mut self, name: &str, words: &[String], known: &[&str]) -> Vec<String> {
        if words.len() > known.len() {
            let message = "names more than there are";
            let fault = self.at(format!("/{name}"), field::TOO_LONG, message).arg("max", known.len());
            self.found.push(fault);
            return Vec::new();
        }
        for (place, word) in words.iter().enumerate() {
            if !known.contains(&word.as_str()) {
                let message = format!("must be one of: {}", known.join(", "));
                let fault = self.at(format!("/{name}/{place}"), field::NOT_A_CHOICE, message);
                self.found.push(fault.arg("choices", known.to_vec()));
            }
        }
        known
            .iter()
            .filter(|word| words.iter().any(|own| own == *word))
            .map(|word| (*word).to_owned())
            .collect()
    }

    /// Checks values one by one. `layers` knows which fields clients can have.
    pub(in crate::app) fn values(
        &mut self,
        catalogue: &Catalogue,
        layers: &Snapshot,
        changes: &[NewChange],
        nulls: Nulls,
    ) -> Values {
        let mut values = Values::default();
        if changes.len() > MOST_VALUES {
            let message = format!("has more than {MOST_VALUES} values");
            self.found.push(FieldError::new("/values", field::TOO_LONG, message).arg("max", MOST_VALUES));
            return values;
        }
        let mut seen = BTreeSet::new();
        for (place, change) in changes.iter().enumerate() {
            let key = ParameterKey { parameter: change.parameter.clone(), index: change.index };
            if !seen.insert(key.clone()) {
                let text = "stands there more than once";
                self.found.push(FieldError::new(format!("/values/{place}"), field::GIVEN_TWICE, text));
                continue;
            }
            if change.value.is_null() {
                match nulls {
                    // Whatever it is: what the catalogue has lost can still be removed.
                    Nulls::Remove => values.remove.push(key),
                    Nulls::Refused => {
                        self.add(&format!("/values/{place}/value"), field::MISSING, "must be a value");
                    }
                }
                continue;
            }
            let Ok(value) = serde_json::from_value::<Value>(change.value.clone()) else {
                let text = "must be true, false, a whole number, a text or a list of texts";
                self.add(&format!("/values/{place}/value"), field::WRONG_TYPE, text);
                continue;
            };
            if self.value(catalogue, layers, place, &key, &value) {
                values.places.push(place);
                values.set.push((key, value));
            }
        }
        values
    }

    /// Checks the values of a file.
    pub(in crate::app) fn file_values(
        &mut self,
        catalogue: &Catalogue,
        layers: &Snapshot,
        parameters: BTreeMap<ParameterKey, Value>,
    ) -> Values {
        let mut values = Values::default();
        for (place, (key, value)) in parameters.into_iter().enumerate() {
            if self.value(catalogue, layers, place, &key, &value) {
                values.places.push(place);
                values.set.push((key, value));
            }
        }
        values
    }

    /// Whether a template may hold a value.
    fn value(
        &mut self,
        catalogue: &Catalogue,
        layers: &Snapshot,
        place: usize,
        key: &ParameterKey,
        value: &Value,
    ) -> bool {
        let Some(parameter) = catalogue.parameter(&key.parameter) else {
            self.of_value(place, "parameter", key, "unknown_parameter", "is no parameter of the catalogue");
            return false;
        };
        if !parameter.read_only && !parameter.is_for(Kind::Template) {
            let text = "has a value for each client alone; templates cannot hold it";
            self.of_value(place, "parameter", key, "not_for_templates", text);
            return false;
        }
        let known = |name: &str| is_built_in(name) || layers.fields.contains_key(name);
        let Err(fault) = check_value(parameter, key.index, value, &known) else { return true };
        let name = match &fault {
            TemplateValueFault::Value(ValueFault::Entry { .. } | ValueFault::NoEntries) => "index",
            _ => "value",
        };
        let error = self.value_fault(place, name, key, fault.code(), fault.to_string());
        let error = fault.args().into_iter().fold(error, |error, (name, value)| error.arg(name, value));
        self.found.push(error);
        false
    }

    fn of_value(&mut self, place: usize, name: &str, key: &ParameterKey, code: &str, message: &str) {
        let fault = self.value_fault(place, name, key, code, message);
        self.found.push(fault);
    }

    fn value_fault(
        &self,
        place: usize,
        name: &str,
        key: &ParameterKey,
        code: &str,
        message: impl Into<String>,
    ) -> FieldError {
        match self.place {
            Place::Body => FieldError::new(format!("/values/{place}/{name}"), code, message),
            Place::File => FieldError::new("/content", code, message).arg("parameter", key.to_string()),
        }
    }

    /// Checks what a template holds afterwards: how much it is, and that what is set does not contradict the rest of
    /// it, for every software it is for. Values with variables are not known here and contradict nothing.
    pub(in crate::app) fn together(
        &mut self,
        catalogue: &Catalogue,
        software_types: &[String],
        has: &BTreeMap<ParameterKey, Wish>,
        values: &Values,
    ) {
        let mut after = has.clone();
        for key in &values.remove {
            after.remove(key);
        }
        for (key, value) in &values.set {
            after.insert(key.clone(), wish_of(catalogue, key, value));
        }
        if after.len() > MOST_PARAMETERS.max(has.len()) {
            let fault = self.at("/values".to_owned(), "too_many", "are more than a template can hold");
            self.found.push(fault.arg("max", MOST_PARAMETERS));
            return;
        }
        let value_of = |key: &ParameterKey| plain(catalogue, key, after.get(key)?);
        let mut told = BTreeSet::new();
        for (name, kind) in SOFTWARE_TYPES {
            if !software_types.is_empty() && !software_types.iter().any(|own| own == name) {
                continue;
            }
            let is_for = |key: &ParameterKey| {
                catalogue
                    .parameter(&key.parameter)
                    .is_some_and(|parameter| catalogue.reaches(parameter, kind))
            };
            let changed = values.set.iter().filter(|(key, value)| is_for(key) && !has_variables(value));
            let changed: Vec<ParameterKey> = changed.map(|(key, _)| key.clone()).collect();
            for fault in check_changes(catalogue, kind, &changed, &value_of) {
                for ((key, _), place) in values.set.iter().zip(&values.places) {
                    if !fault.parameters.contains(key) || !told.insert((*place, fault.code)) {
                        continue;
                    }
                    let error = self.value_fault(*place, "value", key, fault.code, fault.text.clone());
                    let args = fault.args.iter();
                    let error = args.fold(error, |error, (name, value)| error.arg(name, value.as_str()));
                    self.found.push(error);
                }
            }
        }
    }
}

/// A value that is the same for every client, without doubled braces.
fn plain(catalogue: &Catalogue, key: &ParameterKey, wish: &Wish) -> Option<Value> {
    let value = wish.value()?;
    if has_variables(&value) {
        return None;
    }
    let parameter = catalogue.parameter(&key.parameter)?;
    expand_value(parameter, key.index, &value, &Variables::default()).ok()
}
