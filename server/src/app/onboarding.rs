//! Values a client gets once: those of onboarding templates when it comes for the first time or after a reset that we
//! ordered, and those of the template that was chosen when it was prepared (D-20, OSEM §4.1, §6).
//!
//! They are copied as their templates have them, variables and all; what they are for the client is worked out when it
//! is looked at. Knows nothing of phones and messages.

use std::collections::BTreeSet;

use domain::catalogue::ParameterKey;
use domain::configuration::Layer;
use domain::expand::value_variables;
use domain::layers::{Outcome, Wish, outcomes};
use domain::notification::NotificationCode;
use domain::{ClientId, TemplateId};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::configuration::{open_value, seal_value};
use super::layers::settle::facts;
use super::layers::{self, Snapshot};
use crate::App;
use crate::store::clients::Client;
use crate::store::desired::StoredValue;
use crate::store::notifications::{self, QUIET, Raise};
use crate::store::onboarding::{self as rows, NewValue};
use crate::store::standing::Standing;
use crate::store::{StoreError, StoreResult, Tx, client_fields, desired};

/// Values looked at at once for a variable.
const CHUNK: u64 = 5_000;

/// Parameters named in an audit record as conflicts; their number is always there.
const MOST_AUDITED: usize = 50;

/// What a client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Onboarded {
    /// Number of values.
    pub values: usize,
    /// For the audit record: names of the templates, number of values, parameters on which templates disagree. `None`
    /// when no template applies.
    pub details: Option<Json>,
    /// Somebody is told that templates disagree.
    pub notified: bool,
}

/// Copies to a client what onboarding templates have for it. Values that are there stay: they come from the template
/// chosen for it. Of templates of equal rank that disagree none is copied (D-19).
///
/// # Errors
/// When the database refuses, or a template's secret is damaged.
pub async fn onboard(app: &App, tx: &Tx, standing: &Standing, at: Timestamp) -> StoreResult<Onboarded> {
    let client = &standing.client;
    let layers = layers::snapshot_of(app, tx, standing.layers_version).await?;
    let fields = if standing.has.fields {
        client_fields::of_client(tx, client.id).await?
    } else {
        std::collections::BTreeMap::new()
    };
    let stored = if standing.has.desired { desired::values(tx, client.id).await? } else { Vec::new() };
    let there: Vec<&StoredValue> = stored.iter().filter(|one| one.layer == Layer::Onboarding).collect();
    let mut known: BTreeSet<ParameterKey> = there.iter().map(|one| one.key.clone()).collect();
    let mut names = BTreeSet::new();
    let mut values = Vec::new();
    // Its values went with a reset that we ordered; else they are there since it was prepared.
    let lost = |chosen: &TemplateId| !there.iter().any(|one| one.template == Some(*chosen));
    if let Some(chosen) = client.onboarding_template.filter(lost) {
        values = values_of(app, client.id, &layers, chosen)?;
        values.retain(|value| known.insert(value.key.clone()));
        names.extend(layers.template_name(chosen).map(str::to_owned));
    }
    let mut conflicts = Vec::new();
    let mut disagreeing = BTreeSet::new();
    let applied = layers.layers.onboarding(&facts(client, &fields));
    names.extend(applied.iter().map(|one| one.template.name.clone()));
    for (key, outcome) in outcomes(&applied) {
        match outcome {
            Outcome::One(one) if known.insert(key.clone()) => {
                values.push(value(app, client.id, key, one.wish, one.template, &layers)?);
            }
            Outcome::One(_) => {}
            // What the template chosen for it says counts, and nobody need decide anything.
            Outcome::Conflict { .. } if known.contains(key) => {}
            Outcome::Conflict { templates, .. } => {
                conflicts.push(key.to_string());
                disagreeing.extend(templates);
            }
        }
    }
    let number = values.len();
    rows::add_values(tx, client.id, values, at).await?;
    rows::set_time(tx, client.id, Some(at)).await?;
    let number_of_conflicts = conflicts.len();
    let notified = !conflicts.is_empty() && tell(tx, &layers, &disagreeing, number_of_conflicts, at).await?;
    conflicts.truncate(MOST_AUDITED);
    let details = (!names.is_empty()).then(|| {
        json!({
            "templates": names, "values": number, "conflicts": conflicts,
            "number_of_conflicts": number_of_conflicts,
        })
    });
    Ok(Onboarded { values: number, details, notified })
}

/// Tells administrators that templates disagree. It is about the templates: of many phones that come, only the first is
/// told of.
async fn tell(
    tx: &Tx,
    layers: &Snapshot,
    templates: &BTreeSet<TemplateId>,
    values: usize,
    at: Timestamp,
) -> StoreResult<bool> {
    let ids: Vec<String> = templates.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = templates.iter().filter_map(|id| layers.template_name(*id)).collect();
    let args = json!({"templates": names, "values": values});
    let code = NotificationCode::OnboardingConflict.as_str();
    let raise = Raise { at, code, args: &args, client: None, subject: &ids.join(","), quiet: QUIET };
    Ok(notifications::raise(tx, &raise).await?.is_some())
}

/// Clients that were given values with a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Names of the templates their values came from, as they were then.
    pub templates: BTreeSet<String>,
    /// How many clients.
    pub clients: u64,
}

/// Clients that were given values with this variable, which are worked out with it whenever the client is looked at.
/// Looks through all that clients were given: for what is done seldom.
///
/// # Errors
/// When the database cannot be asked, or a value is damaged.
pub async fn given_with(app: &App, variable: &str) -> StoreResult<Given> {
    let attempt = "look for values with a variable";
    let corrupt = || StoreError::Corrupt { attempt, what: "client_value.value" };
    let (mut given, mut last) = (Given::default(), None);
    let mut after = None;
    loop {
        let chunk = rows::maybe_with_variable(&app.store, variable, after.as_ref(), CHUNK).await?;
        let Some((client, stored)) = chunk.last() else { return Ok(given) };
        after = Some((*client, stored.key.clone()));
        for (client, stored) in chunk {
            let wish = if stored.sealed {
                Wish::Secret(open_value(app, client, &stored).map_err(|_| corrupt())?)
            } else {
                Wish::Plain(serde_json::from_str(&stored.value).map_err(|_| corrupt())?)
            };
            if !wish.value().is_some_and(|value| value_variables(&value).contains(variable)) {
                continue;
            }
            given.templates.extend(stored.template_name);
            // They come by client.
            given.clients += u64::from(last != Some(client));
            last = Some(client);
        }
    }
}

/// Gives a prepared client the values of the template that is chosen for it instead of those of the one chosen before;
/// gives their number. Whether it is for this client is checked by the caller.
///
/// # Errors
/// As [`onboard`].
pub async fn choose(
    app: &App,
    tx: &Tx,
    client: &Client,
    layers: &Snapshot,
    template: Option<TemplateId>,
    at: Timestamp,
) -> StoreResult<usize> {
    if client.onboarding_template == template {
        return Ok(0);
    }
    if let Some(before) = client.onboarding_template {
        rows::remove_values(tx, client.id, before).await?;
    }
    rows::choose(tx, client.id, template).await?;
    give(app, tx, client.id, layers, template, at).await
}

/// Gives a client that was just made the values of the template chosen for it; gives their number.
///
/// # Errors
/// As [`onboard`].
pub async fn choose_first(
    app: &App,
    tx: &Tx,
    client: ClientId,
    layers: &Snapshot,
    template: TemplateId,
    at: Timestamp,
) -> StoreResult<usize> {
    rows::choose(tx, client, Some(template)).await?;
    give(app, tx, client, layers, Some(template), at).await
}

async fn give(
    app: &App,
    tx: &Tx,
    client: ClientId,
    layers: &Snapshot,
    template: Option<TemplateId>,
    at: Timestamp,
) -> StoreResult<usize> {
    let Some(template) = template else { return Ok(0) };
    let values = values_of(app, client, layers, template)?;
    let number = values.len();
    rows::set_values(tx, client, values, at).await?;
    Ok(number)
}

/// All values of a template, for a client; none when it is gone.
fn values_of(
    app: &App,
    client: ClientId,
    layers: &Snapshot,
    template: TemplateId,
) -> StoreResult<Vec<NewValue>> {
    let Some(rule) = layers.layers.templates.get(&template) else { return Ok(Vec::new()) };
    rule.values.iter().map(|(key, wish)| value(app, client, key, wish, template, layers)).collect()
}

fn value(
    app: &App,
    client: ClientId,
    key: &ParameterKey,
    wish: &Wish,
    template: TemplateId,
    layers: &Snapshot,
) -> StoreResult<NewValue> {
    let attempt = "copy a value of a template to a client";
    let corrupt = || StoreError::Corrupt { attempt, what: "template_value.value" };
    let (value, sealed) = match wish {
        Wish::Plain(value) => (serde_json::to_string(value).map_err(|_| corrupt())?, false),
        Wish::Secret(_) => {
            let secret = wish.value().ok_or_else(corrupt)?;
            let sealed = seal_value(app, client, Layer::Onboarding, key, &secret).map_err(|_| corrupt())?;
            (sealed, true)
        }
    };
    Ok(NewValue {
        key: key.clone(),
        layer: Layer::Onboarding,
        value,
        sealed,
        template: Some(template),
        template_name: layers.template_name(template).map(str::to_owned),
    })
}
