//! What is desired of one client, of all layers together: its own values, those of templates, and those it was given
//! when it came for the first time.

use std::collections::{BTreeMap, BTreeSet};

use domain::Secret;
use domain::catalogue::{ParameterKey, Value};
use domain::configuration::{Content, Desired, Layer, LeftOutReason};
use domain::expand::{Variables, extension_of};
use domain::group_filter::Facts;
use domain::layers::{Resolved, Winner, Wish};
use domain::setting::SettingKey;

use super::Won;
use crate::App;
use crate::app::configuration::{self, Portrait};
use crate::store::clients::Client;
use crate::store::desired::StoredValue;
use crate::store::{StoreError, StoreResult};

/// What is known of a client, as filters of groups look at it (D-21).
pub fn facts<'a>(client: &'a Client, fields: &'a BTreeMap<String, String>) -> Facts<'a> {
    Facts {
        e164: Facts::own_number(client.basic_e164.as_deref(), client.e164.as_deref()),
        address: client.peer_address.as_deref().and_then(|text| text.parse().ok()),
        model: configuration::model_of(client),
        software_type: client.software_type.as_deref(),
        software_version: client.software_version.as_deref(),
        server_address: client.server_address.as_deref(),
        fields,
    }
}

/// The variables of a client.
pub fn variables(app: &App, client: &Client, fields: &BTreeMap<String, String>) -> Variables {
    let number = Facts::own_number(client.basic_e164.as_deref(), client.e164.as_deref());
    let digits = usize::try_from(app.settings.integer(SettingKey::ExtensionDigits)).unwrap_or(0);
    Variables {
        e164: number.map(str::to_owned),
        extension: number.and_then(|number| extension_of(number, digits)),
        device_id: client.device_id.as_ref().map(ToString::to_string),
        mac: client.device_id.as_ref().map(|device| device.as_str().to_owned()),
        model: configuration::model_of(client).map(str::to_owned),
        fields: fields.clone(),
    }
}

/// Works out what is desired of a client; `only` these parameters, when the others are not looked at.
///
/// # Errors
/// When an onboarding value is damaged, or sealed with another key.
pub fn settle(app: &App, portrait: &mut Portrait, only: Option<&BTreeSet<String>>) -> StoreResult<()> {
    let looked_at = |key: &ParameterKey| only.is_none_or(|only| only.contains(&key.parameter));
    let won = portrait.layers.won(&app.catalogue, &facts(&portrait.client, &portrait.fields));
    let mut desired: BTreeMap<ParameterKey, Desired> = portrait.own.clone();
    let mut unresolved: BTreeMap<ParameterKey, LeftOutReason> = BTreeMap::new();
    let mut variables: Option<Variables> = None;
    for (key, Won { winner, fixed }) in won.iter() {
        if !looked_at(key) || desired.contains_key(key) {
            continue;
        }
        let (layer, template, wish) = match winner {
            Winner::Conflict { .. } => {
                unresolved.insert(key.clone(), LeftOutReason::Conflict);
                continue;
            }
            Winner::Value { layer, template, wish, .. } => (*layer, *template, wish),
        };
        let resolved = match fixed {
            Some(fixed) => fixed.clone(),
            None => {
                let variables =
                    variables.get_or_insert_with(|| self::variables(app, &portrait.client, &portrait.fields));
                resolve(app, key, wish, variables)
            }
        };
        match resolved {
            Resolved::Not(reason) => {
                unresolved.insert(key.clone(), reason);
            }
            Resolved::Value(value) => {
                let content = content(app, portrait, key, value, matches!(wish, Wish::Secret(_)));
                let rank = portrait.layers.layers.templates.get(&template).map(|one| one.rank);
                desired.insert(key.clone(), Desired { content, layer, template: Some(template), rank });
            }
        }
    }
    for (key, stored) in &portrait.onboarding {
        if !looked_at(key) || desired.contains_key(key) || unresolved.contains_key(key) {
            continue;
        }
        let wish = onboarding_wish(app, &portrait.client, stored)?;
        let variables =
            variables.get_or_insert_with(|| self::variables(app, &portrait.client, &portrait.fields));
        match resolve(app, key, &wish, variables) {
            Resolved::Not(reason) => {
                unresolved.insert(key.clone(), reason);
            }
            Resolved::Value(value) => {
                let content = content(app, portrait, key, value, stored.sealed);
                let template = stored.template;
                let layer = Layer::Onboarding;
                desired.insert(key.clone(), Desired { content, layer, template, rank: None });
            }
        }
    }
    portrait.picture.desired = desired;
    portrait.picture.unresolved = unresolved;
    portrait.won = won;
    Ok(())
}

/// The value of a template for a client.
pub(in crate::app) fn resolve(app: &App, key: &ParameterKey, wish: &Wish, variables: &Variables) -> Resolved {
    match wish.value() {
        Some(value) => Resolved::of(&app.catalogue, key, &value, variables),
        None => Resolved::Not(LeftOutReason::VariableRefused),
    }
}

/// A value that was copied at onboarding, as its template had it.
pub(in crate::app) fn onboarding_wish(app: &App, client: &Client, stored: &StoredValue) -> StoreResult<Wish> {
    let attempt = "read an onboarding value";
    let corrupt = || StoreError::Corrupt { attempt, what: "client_value.value" };
    if stored.sealed {
        let json = configuration::open_value(app, client.id, stored).map_err(|_| corrupt())?;
        return Ok(Wish::Secret(json));
    }
    serde_json::from_str(&stored.value).map(Wish::Plain).map_err(|_| corrupt())
}

/// A value as the rules see it; of a secret the digest.
fn content(app: &App, portrait: &Portrait, key: &ParameterKey, value: Value, secret: bool) -> Content {
    if !secret {
        return Content::Plain(value);
    }
    let json = Secret::new(serde_json::to_string(&value).unwrap_or_default());
    Content::Secret(configuration::value_digest(app, portrait.client.id, key, &json))
}

/// The JSON of a secret that a template or onboarding gives to a client; `None` when none counts.
///
/// # Errors
/// When an onboarding value is damaged, or sealed with another key.
pub fn secret_json(app: &App, portrait: &Portrait, key: &ParameterKey) -> StoreResult<Option<Secret>> {
    let Some(desired) = portrait.picture.desired.get(key) else { return Ok(None) };
    let wish = match desired.layer {
        Layer::Onboarding => match portrait.onboarding.get(key) {
            Some(stored) => onboarding_wish(app, &portrait.client, stored)?,
            None => return Ok(None),
        },
        _ => match portrait.won.get(key).map(|won| &won.winner) {
            Some(Winner::Value { wish, .. }) => wish.clone(),
            Some(Winner::Conflict { .. }) | None => return Ok(None),
        },
    };
    let variables = variables(app, &portrait.client, &portrait.fields);
    Ok(match resolve(app, key, &wish, &variables) {
        Resolved::Value(value) => serde_json::to_string(&value).ok().map(Secret::new),
        Resolved::Not(_) => None,
    })
}
