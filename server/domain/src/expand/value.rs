//! Values of parameters with variables in them: what a template may hold, and what becomes of it for a client.
//!
//! Only texts and the entries of lists hold variables. A number may be a text with a variable (`"{extension}"`);
//! yes/no and choices are always themselves.

use std::collections::BTreeSet;

use super::{ExpandFault, MOST_EXPANDED_BYTES, Text, Unexpanded, Variables};
use crate::catalogue::{Parameter, Value, ValueFault, ValueType};

/// Items a client's number is reported with (D-21) …
const NUMBER_ITEMS: [&str; 2] = ["e164", "basic-e164"];

/// … and the variables that are made of it.
const OF_THE_NUMBER: [&str; 2] = ["e164", "extension"];

/// Why a template may not hold a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateValueFault {
    /// The parameter does not take it.
    #[error(transparent)]
    Value(#[from] ValueFault),
    /// The braces are wrong.
    #[error(transparent)]
    Syntax(#[from] ExpandFault),
    /// No client has such a variable. Of a secret parameter the name is `…`: it may be a part of the secret.
    #[error("has the variable {{{0}}}, which nobody knows")]
    Unknown(String),
    /// The value is the number of the client, and the variable is made of that number: what is desired would change with
    /// every report.
    #[error("has the variable {{{0}}}, which is made of this very value")]
    Loops(String),
}

impl TemplateValueFault {
    /// Stable code: that of [`ValueFault`], `variable_syntax`, `variable_unknown` or `variable_loops`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Value(fault) => fault.code(),
            Self::Syntax(_) => "variable_syntax",
            Self::Unknown(_) => "variable_unknown",
            Self::Loops(_) => "variable_loops",
        }
    }

    /// Numbers and words for wording it in another language: those of [`ValueFault`], or `name`.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Value(fault) => fault.args(),
            Self::Syntax(_) => Vec::new(),
            Self::Unknown(name) | Self::Loops(name) => vec![("name", name.clone())],
        }
    }
}

/// Why a template's value does not count for a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandValueFault {
    /// The client has no value for this variable: reason `variable-missing`.
    #[error("the client has no {{{0}}}")]
    Missing(String),
    /// The parameter does not take what comes out: reason `variable-refused`.
    #[error("the expanded value {0}")]
    Refused(#[from] ValueFault),
}

impl ExpandValueFault {
    /// Stable code: `variable-missing` or `variable-refused`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "variable-missing",
            Self::Refused(_) => "variable-refused",
        }
    }
}

impl From<Unexpanded> for ExpandValueFault {
    fn from(fault: Unexpanded) -> Self {
        match fault {
            Unexpanded::Missing(name) => Self::Missing(name),
            Unexpanded::TooLong => Self::Refused(too_long()),
        }
    }
}

fn too_long() -> ValueFault {
    ValueFault::Length { min: 0, max: u16::try_from(MOST_EXPANDED_BYTES).unwrap_or(u16::MAX) }
}

/// Whether a value differs from client to client. A text that cannot be read has no variables.
pub fn has_variables(value: &Value) -> bool {
    texts(value).iter().any(|text| parse(text).is_ok_and(|text| !text.variables().is_empty()))
}

/// Names of the variables of a value, each once.
pub fn value_variables(value: &Value) -> BTreeSet<String> {
    let parsed = texts(value).iter().filter_map(|text| parse(text).ok());
    parsed.flat_map(|text| text.variables().into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn texts(value: &Value) -> &[String] {
    match value {
        Value::Bool(_) | Value::Integer(_) => &[],
        Value::Text(text) => std::slice::from_ref(text),
        Value::List(entries) => entries,
    }
}

/// Reads a text; one without any brace is itself, however long: its parameter bounds it.
fn parse(text: &str) -> Result<Text, ExpandFault> {
    if text.contains(['{', '}']) { Text::parse(text) } else { Ok(Text::of(text)) }
}

/// Whether a template may hold a value for an entry of a parameter. `known` says whether a variable exists: the
/// caller asks [`super::is_built_in`] and its client fields.
///
/// A value without variables is checked as any value, with its doubled braces undone; of one with variables the
/// form, the names and what is certain whatever the variables are.
///
/// # Errors
/// What is wrong with it, worded for the field.
pub fn check_value(
    parameter: &Parameter,
    index: Option<u16>,
    value: &Value,
    known: &dyn Fn(&str) -> bool,
) -> Result<(), TemplateValueFault> {
    let parsed = texts(value).iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let mut names = parsed.iter().flat_map(Text::variables).peekable();
    if names.peek().is_none() {
        return Ok(parameter.check(index, &literal(value, &parsed))?);
    }
    if let Some(name) = names.find(|name| !known(name)) {
        let name = if parameter.secret { "…" } else { name };
        return Err(TemplateValueFault::Unknown(name.to_owned()));
    }
    let item = parameter.delivery.as_ref().map(|delivery| delivery.item.as_str());
    if item.is_some_and(|item| NUMBER_ITEMS.contains(&item)) {
        let mut names = parsed.iter().flat_map(Text::variables);
        if let Some(name) = names.find(|name| OF_THE_NUMBER.contains(name)) {
            return Err(TemplateValueFault::Loops(name.to_owned()));
        }
    }
    match (&parameter.value, value) {
        (ValueType::Integer { min, .. }, Value::Text(_)) => {
            // Read-only, and whether there is such an entry.
            parameter.check(index, &Value::Integer(*min))?;
        }
        (ValueType::Text { min_length, max_length, .. }, Value::Text(_)) => {
            parameter.check(index, &Value::Text(String::new()))?;
            if parsed.iter().any(|text| text.least_characters() > usize::from(*max_length)) {
                return Err(ValueFault::Length { min: *min_length, max: *max_length }.into());
            }
        }
        (ValueType::List { max_entries, .. }, Value::List(entries)) => {
            if entries.len() > usize::from(*max_entries) {
                return Err(ValueFault::TooMany { max: *max_entries }.into());
            }
            let fixed = parsed.iter().filter_map(Text::literal).map(str::to_owned).collect();
            parameter.check(index, &Value::List(fixed))?;
        }
        // The wrong kind of value, and a choice: what is offered is known, nobody else's text is one.
        _ => parameter.check(index, value)?,
    }
    Ok(())
}

/// The value without doubled braces; `parsed` are its texts, none with a variable.
fn literal(value: &Value, parsed: &[Text]) -> Value {
    let mut plain = parsed.iter().filter_map(Text::literal).map(str::to_owned);
    match value {
        Value::Bool(_) | Value::Integer(_) => value.clone(),
        Value::Text(_) => Value::Text(plain.next().unwrap_or_default()),
        Value::List(_) => Value::List(plain.collect()),
    }
}

/// The value of a template for a client, as its parameter takes it.
///
/// # Errors
/// When the client lacks a variable, or the parameter does not take what comes out. A text that cannot be read was
/// refused when the template was saved ([`check_value`]); here it is refused as a form.
pub fn expand_value(
    parameter: &Parameter,
    index: Option<u16>,
    value: &Value,
    variables: &Variables,
) -> Result<Value, ExpandValueFault> {
    let one = |text: &String| -> Result<String, ExpandValueFault> {
        let text = parse(text).map_err(|_| ValueFault::Type("a text whose braces belong to variables"))?;
        Ok(text.expand(variables)?)
    };
    let expanded = match value {
        Value::Bool(_) | Value::Integer(_) => value.clone(),
        Value::Text(text) => {
            let text = one(text)?;
            if matches!(parameter.value, ValueType::Integer { .. }) {
                Value::Integer(text.parse().map_err(|_| ValueFault::Type("a whole number"))?)
            } else {
                Value::Text(text)
            }
        }
        Value::List(entries) => Value::List(entries.iter().map(one).collect::<Result<_, _>>()?),
    };
    parameter.check(index, &expanded)?;
    Ok(expanded)
}

/// A value a template can hold for one that a client has: every brace doubled, so that it expands to itself.
pub fn escape_value(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Integer(_) => value.clone(),
        Value::Text(text) => Value::Text(super::escape(text)),
        Value::List(entries) => Value::List(entries.iter().map(|text| super::escape(text)).collect()),
    }
}
