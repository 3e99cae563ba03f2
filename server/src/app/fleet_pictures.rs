//! Pictures of many clients at once: the same as `configuration::lean_picture` draws of one, with a handful of
//! queries for all of them. Planning for a fleet stands on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::ClientId;
use domain::catalogue::{Catalogue, Parameter, ParameterKey, Value, record};
use domain::configuration::{ItemKey, Picture};

use super::configuration::{Portrait, model_of};
use super::layers;
use super::layers::settle::settle;
use crate::App;
use crate::store::{Source, StoreResult, client_fields, fleet, refusals};

/// Clients drawn at once: bounds memory, and how long one of them keeps others from running.
pub(super) const AT_ONCE: usize = 1_000;

/// What is looked at of each client.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Parameters whose desired values are read; `None` for all.
    pub parameters: Option<BTreeSet<String>>,
    /// Items read besides those the desired values stand on.
    pub items: BTreeSet<i64>,
}

/// Names of the items that parameters stand on, with those of their records.
pub fn item_names<'a>(
    catalogue: &'a Catalogue,
    parameters: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for id in parameters {
        let Some(delivery) = catalogue.parameter(id).and_then(|parameter| parameter.delivery.as_ref()) else {
            continue;
        };
        names.insert(delivery.item.as_str());
        let group = delivery.group.as_deref().map(|group| catalogue.group(group)).unwrap_or_default();
        names.extend(group.iter().map(String::as_str));
    }
    names
}

/// Portraits of those of the clients that there are, by id.
///
/// # Errors
/// When the database cannot be asked, or a desired value cannot be read.
pub async fn portraits(
    app: &App,
    on: &impl Source,
    ids: &[ClientId],
    view: &View,
) -> StoreResult<Vec<Portrait>> {
    let layers = layers::snapshot(app, on).await?;
    let mut portraits: BTreeMap<ClientId, Portrait> = fleet::clients(on, ids)
        .await?
        .into_iter()
        .map(|client| (client.id, Portrait::begin(app, client, Arc::clone(&layers))))
        .collect();
    // Nobody has values for fields that nobody has made.
    if !layers.fields.is_empty() {
        for (id, fields) in client_fields::of_clients(on, ids).await? {
            if let Some(portrait) = portraits.get_mut(&id) {
                portrait.fields = fields;
            }
        }
    }
    for (id, stored) in fleet::values(on, ids, view.parameters.as_ref()).await? {
        if let Some(portrait) = portraits.get_mut(&id) {
            portrait.take(app, stored, false)?;
        }
    }
    let mut desired: BTreeSet<String> = BTreeSet::new();
    for portrait in portraits.values_mut() {
        settle(app, portrait, view.parameters.as_ref())?;
        for key in portrait.picture.desired.keys() {
            if !desired.contains(&key.parameter) {
                desired.insert(key.parameter.clone());
            }
        }
    }
    let mut items = view.items.clone();
    let names = item_names(&app.catalogue, desired.iter().map(String::as_str));
    items.extend(names.into_iter().filter_map(|name| app.store.item_number(name)));
    let system = portraits.values().flat_map(|portrait| portrait.picture.system.keys());
    items.extend(system.filter_map(|item| app.store.item_number(&item.name)));
    read_items(app, on, ids, &items, &mut portraits).await?;
    read_models(app, on, &mut portraits).await?;
    Ok(portraits.into_values().collect())
}

async fn read_items(
    app: &App,
    on: &impl Source,
    ids: &[ClientId],
    items: &BTreeSet<i64>,
    portraits: &mut BTreeMap<ClientId, Portrait>,
) -> StoreResult<()> {
    let mut names: HashMap<i64, String> = HashMap::new();
    let mut key = |item: i64, index| {
        let name = names.entry(item).or_insert_with(|| app.store.item_name(item).to_string());
        ItemKey::new(name.clone(), index)
    };
    for ((id, item, index), said) in fleet::reported(on, ids, items).await? {
        if let Some(portrait) = portraits.get_mut(&id) {
            portrait.picture.reported.insert(key(item, index), said);
        }
    }
    for (id, item, index) in fleet::drift(on, ids).await? {
        if let Some(portrait) = portraits.get_mut(&id) {
            portrait.picture.drifted.insert(key(item, index));
        }
    }
    for (id, write) in fleet::secret_writes(on, ids).await? {
        let Some(portrait) = portraits.get_mut(&id) else { continue };
        let item = key(write.item, write.index);
        if let Some(digest) = write.acknowledged {
            portrait.picture.acknowledged.insert(item.clone(), digest);
        }
        portrait.handed_out.extend(write.handed_out.map(|digest| (item, digest)));
    }
    for ((id, item, index), status) in fleet::refusals(on, ids).await? {
        if let Some(portrait) = portraits.get_mut(&id) {
            portrait.picture.refused.insert(key(item, index), status);
        }
    }
    Ok(())
}

/// What models refuse is asked once for each model and firmware.
async fn read_models(
    app: &App,
    on: &impl Source,
    portraits: &mut BTreeMap<ClientId, Portrait>,
) -> StoreResult<()> {
    let mut known: HashMap<(String, String), HashMap<String, String>> = HashMap::new();
    for portrait in portraits.values_mut() {
        let client = &portrait.client;
        let (Some(model), Some(version)) = (model_of(client), client.software_version.as_deref()) else {
            continue;
        };
        let place = (model.to_owned(), version.to_owned());
        if !known.contains_key(&place) {
            let refused = refusals::of_model(on, model, version).await?;
            let named = |(item, refusal)| (app.store.item_name(item).to_string(), refusal);
            known.insert(place.clone(), refused.into_iter().map(named).collect());
        }
        portrait.picture.unsupported = known.get(&place).cloned().unwrap_or_default();
    }
    Ok(())
}

/// What a phone reports of a parameter, as its value; `None` when nothing, a secret, or nothing this parameter
/// can be.
pub(super) fn reported_value(parameter: &Parameter, entry: Option<u16>, picture: &Picture) -> Option<Value> {
    reported_text(parameter, entry, picture).and_then(|text| parameter.from_wire(&text))
}

/// What a phone reports of a parameter, in its own words; of a record the field.
pub(super) fn reported_text(parameter: &Parameter, entry: Option<u16>, picture: &Picture) -> Option<String> {
    let delivery = parameter.delivery.as_ref()?;
    let (name, index) = parameter.item_of(entry)?;
    let said = picture.reported.get(&ItemKey::new(name, index))?;
    let text = said.text.as_ref().filter(|_| said.status.is_none())?;
    match &delivery.field {
        None => Some(text.clone()),
        Some(field) => record::split(field, text).into_iter().nth(field.position),
    }
}

/// The item of a parameter's entry.
pub(super) fn item_of(catalogue: &Catalogue, key: &ParameterKey) -> Option<ItemKey> {
    let (name, index) = catalogue.parameter(&key.parameter)?.item_of(key.index)?;
    Some(ItemKey::new(name, index))
}
