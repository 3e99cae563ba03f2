//! A template made of what one client has: what is desired of it, or else what it reports (OSEM §4.5.6).
//!
//! The values become those of every client the template applies to, so nothing in them is a variable, and secrets come
//! along only when somebody asks for them; those that a phone reports never do.

use std::collections::BTreeSet;

use api::plan::{NewChange, ParameterEntry};
use api::template::{GenerateTemplate, TemplateView};
use api::{Code, FieldError, field};
use domain::ClientId;
use domain::catalogue::{Parameter, ParameterKey, Value, ValueFault};
use domain::configuration::Content;
use domain::expand::escape_value;

use super::caller::Caller;
use super::configuration::{self, Portrait, open_value};
use super::error::{AppError, AppResult};
use super::fleet_pictures::reported_value;
use super::idempotency::{Created, IdempotencyKey};
use super::layers::settle;
use super::templates;
use crate::App;
use crate::store::StoreError;

/// Most parameters of one request.
const MOST: usize = 1_000;

/// Makes a template of values of a client.
///
/// # Errors
/// `not_found`; `invalid_fields`; as [`templates::create`]: `name_taken`, `too_many`, `plan_required` with the plan that
/// makes it, `idempotency_key_reused`.
pub async fn generate(
    app: &App,
    caller: &Caller,
    id: ClientId,
    request: GenerateTemplate,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TemplateView>> {
    let GenerateTemplate { mut template, parameters, secrets } = request;
    let portrait = configuration::picture(app, &app.store, id).await?.ok_or_else(AppError::not_found)?;
    let mut faults = Vec::new();
    if !template.values.is_empty() {
        let text = "has no place here: the values are those of the client";
        faults.push(FieldError::new("/template/values", field::INVALID, text));
    }
    if parameters.is_empty() {
        faults.push(FieldError::new("/parameters", field::MISSING, "must name a parameter"));
    }
    if parameters.len() > MOST {
        let text = format!("has more than {MOST} entries");
        return Err(AppError::field(FieldError::new("/parameters", field::TOO_LONG, text).arg("max", MOST)));
    }
    let mut seen = BTreeSet::new();
    let mut values = Vec::with_capacity(parameters.len());
    for (place, ParameterEntry { parameter, index }) in parameters.into_iter().enumerate() {
        let key = ParameterKey { parameter, index };
        if !seen.insert(key.clone()) {
            let text = "stands there more than once";
            faults.push(FieldError::new(format!("/parameters/{place}"), field::GIVEN_TWICE, text));
            continue;
        }
        match value(app, &portrait, &key, secrets)? {
            Ok(value) => values.push(NewChange {
                value: serde_json::to_value(escape_value(&value)).map_err(AppError::internal)?,
                parameter: key.parameter,
                index: key.index,
            }),
            Err(Refusal { part, fault }) => {
                let field = format!("/parameters/{place}{part}");
                faults.push(FieldError { field, ..fault });
            }
        }
    }
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    template.values = values;
    templates::create(app, caller, template, key).await.map_err(placed)
}

/// Why a parameter cannot be taken, and which part of its entry says so.
struct Refusal {
    part: &'static str,
    fault: FieldError,
}

fn refusal(part: &'static str, code: &'static str, text: &str) -> Refusal {
    Refusal { part, fault: FieldError::new(String::new(), code, text) }
}

/// The value a client has for a parameter.
fn value(
    app: &App,
    portrait: &Portrait,
    key: &ParameterKey,
    secrets: bool,
) -> AppResult<Result<Value, Refusal>> {
    let Some(parameter) = app.catalogue.parameter(&key.parameter) else {
        let text = "is no parameter of the catalogue";
        return Ok(Err(refusal("/parameter", "unknown_parameter", text)));
    };
    if let Some(wrong) = wrong_entry(parameter, key.index) {
        return Ok(Err(wrong));
    }
    if parameter.read_only {
        return Ok(Err(refusal("", "read_only", "is only reported; nothing can be desired of it")));
    }
    if parameter.secret && !secrets {
        return Ok(Err(refusal("", "secret", "is a secret; ask for secrets to take it along")));
    }
    let none = refusal("", "no_value", "has no value at this client that can be taken");
    let desired = portrait.picture.desired.get(key);
    let value = match desired.map(|desired| &desired.content) {
        Some(Content::Plain(value)) => Some(value.clone()),
        Some(Content::Secret(_)) if parameter.secret => secret(app, portrait, key)?,
        Some(Content::Secret(_)) => None,
        None if parameter.secret => None,
        None => reported_value(parameter, key.index, &portrait.picture),
    };
    Ok(value.ok_or(none))
}

fn wrong_entry(parameter: &Parameter, index: Option<u16>) -> Option<Refusal> {
    let fault = match (parameter.entries, index) {
        (None, None) => return None,
        (None, Some(_)) => ValueFault::NoEntries,
        (Some((first, last)), Some(index)) if (first..=last).contains(&index) => return None,
        (Some((first, last)), _) => ValueFault::Entry { first, last },
    };
    let Refusal { part, fault: error } = refusal("/index", fault.code(), &fault.to_string());
    let error = fault.args().into_iter().fold(error, |error, (name, value)| error.arg(name, value));
    Some(Refusal { part, fault: error })
}

/// The secret that is desired of a client, of whatever layer.
fn secret(app: &App, portrait: &Portrait, key: &ParameterKey) -> AppResult<Option<Value>> {
    let json = match portrait.sealed.get(key).filter(|_| portrait.own.contains_key(key)) {
        Some(stored) => Some(open_value(app, portrait.client.id, stored)?),
        None => settle::secret_json(app, portrait, key)?,
    };
    let corrupt =
        |_| StoreError::Corrupt { attempt: "take a secret into a template", what: "client_value.value" };
    Ok(json.map(|json| serde_json::from_str(json.expose())).transpose().map_err(corrupt)?)
}

/// What is wrong with the template, where it stands in this request.
fn placed(error: AppError) -> AppError {
    if error.code() != Code::InvalidFields {
        return error;
    }
    let moved = error.errors().iter().map(|fault| {
        let mut fault = fault.clone();
        fault.field = match fault.field.strip_prefix("/values") {
            Some(rest) => format!("/parameters{}", rest.strip_suffix("/value").unwrap_or(rest)),
            None => format!("/template{}", fault.field),
        };
        fault
    });
    AppError::fields(moved.collect())
}
