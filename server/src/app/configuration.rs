//! The picture of one client: what is desired, what is reported, what it refuses, put together for the rules
//! of `domain::configuration`. Secrets enter it as keyed digests only (D-16).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use domain::calling;
use domain::catalogue::{ParameterKey, Value};
use domain::client::{Access, ClientState, SecureMode};
use domain::configuration::{Content, Desired, HandOut, ItemKey, Layer, Picture, Row, kind_of};
use domain::setting::SettingKey;
use domain::{ClientId, Secret, item};
use sha2::{Digest, Sha256};

use super::layers::settle;
use super::layers::{self, Snapshot, Won};
use crate::App;
use crate::store::clients::Client;
use crate::store::desired::StoredValue;
use crate::store::standing::{self, Standing};
use crate::store::{
    Source, StoreError, StoreResult, client_fields, desired, drift, items, refusals, secret_writes,
};
use crate::vault::VaultError;

/// A client and everything the rules need to know of it.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// For the rules.
    pub picture: Picture,
    /// The client.
    pub client: Client,
    /// Number of its configuration (D-27).
    pub configuration_revision: i64,
    /// An administrator prepared or approved the client (D-24 a).
    pub approved: bool,
    /// Digests of the secrets that were handed out last (D-24 d).
    pub handed_out: HashMap<ItemKey, Vec<u8>>,
    /// Own secrets, sealed; not read for plans, which never need their text.
    pub sealed: HashMap<ParameterKey, StoredValue>,
    /// Its values of the fields an administrator has added.
    pub fields: BTreeMap<String, String>,
    /// Values set for it alone.
    pub own: BTreeMap<ParameterKey, Desired>,
    /// Values it was given when it came for the first time, as their templates had them (D-20).
    pub onboarding: BTreeMap<ParameterKey, StoredValue>,
    /// Templates and groups.
    pub layers: Arc<Snapshot>,
    /// What templates have for it.
    pub won: Arc<BTreeMap<ParameterKey, Won>>,
}

impl Portrait {
    /// A client of which only its row is known.
    pub(super) fn begin(app: &App, client: Client, layers: Arc<Snapshot>) -> Self {
        let mut picture = Picture::empty(kind_of(client.software_type.as_deref()));
        picture.system = system_items(app, &client);
        Self {
            picture,
            configuration_revision: client.configuration_revision,
            approved: client.approved,
            client,
            handed_out: HashMap::new(),
            sealed: HashMap::new(),
            fields: BTreeMap::new(),
            own: BTreeMap::new(),
            onboarding: BTreeMap::new(),
            layers,
            won: Arc::default(),
        }
    }

    /// Takes one stored value into it; `keep_sealed` when its text may be asked for.
    ///
    /// # Errors
    /// When it is damaged, or sealed with another key.
    pub(super) fn take(&mut self, app: &App, stored: StoredValue, keep_sealed: bool) -> StoreResult<()> {
        if stored.layer == Layer::Onboarding {
            self.onboarding.insert(stored.key.clone(), stored);
            return Ok(());
        }
        if stored.sealed && keep_sealed {
            self.sealed.insert(stored.key.clone(), stored.clone());
        }
        let (key, desired) = desired_value(app, self.client.id, stored)?;
        self.own.insert(key, desired);
        Ok(())
    }
}

/// How much of what a client reports is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// All of it.
    Everything,
    /// What the desired values are compared with: some rows instead of hundreds, at every contact.
    Compared,
}

/// The portrait of a client with everything it reports; `None` when there is no such client.
///
/// # Errors
/// When the database cannot be asked, or a desired value cannot be read.
pub async fn picture(app: &App, on: &impl Source, client: ClientId) -> StoreResult<Option<Portrait>> {
    let Some(standing) = standing::standing(on, client).await? else { return Ok(None) };
    draw(app, on, standing, Detail::Everything).await.map(Some)
}

/// As [`picture`], with those reported items only that the desired values are compared with: what a contact
/// of a phone needs.
///
/// # Errors
/// As [`picture`].
pub async fn lean_picture(app: &App, on: &impl Source, client: ClientId) -> StoreResult<Option<Portrait>> {
    let Some(standing) = standing::standing(on, client).await? else { return Ok(None) };
    lean_picture_of(app, on, standing).await.map(Some)
}

/// As [`lean_picture`], of a client whose standing is known.
///
/// # Errors
/// As [`picture`].
pub async fn lean_picture_of(app: &App, on: &impl Source, standing: Standing) -> StoreResult<Portrait> {
    draw(app, on, standing, Detail::Compared).await
}

async fn draw(app: &App, on: &impl Source, standing: Standing, detail: Detail) -> StoreResult<Portrait> {
    let Standing { client: row, has, layers_version, .. } = standing;
    let client = row.id;
    let layers = layers::snapshot_of(app, on, layers_version).await?;
    let mut portrait = Portrait::begin(app, row, layers);
    if has.fields {
        portrait.fields = client_fields::of_client(on, client).await?;
    }
    if has.desired {
        for stored in desired::values(on, client).await? {
            portrait.take(app, stored, true)?;
        }
    }
    settle::settle(app, &mut portrait, None)?;
    let picture = &mut portrait.picture;
    let name_of = |id| app.store.item_name(id).to_string();
    picture.reported = match detail {
        Detail::Everything => items::reported(on, client, None, name_of).await?,
        Detail::Compared => {
            let numbers = compared(app, picture);
            items::reported(on, client, Some(&numbers), name_of).await?
        }
    };
    let key = |item: i64, index| ItemKey::new(app.store.item_name(item).to_string(), index);
    if has.drift {
        for (item, index, _) in drift::of_client(on, client).await? {
            picture.drifted.insert(key(item, index));
        }
    }
    let writes = if has.secrets { secret_writes::of_client(on, client).await? } else { Vec::new() };
    for write in writes {
        let item = key(write.item, write.index);
        if let Some(digest) = write.acknowledged {
            picture.acknowledged.insert(item.clone(), digest);
        }
        portrait.handed_out.extend(write.handed_out.map(|digest| (item, digest)));
    }
    if has.refusals {
        for (item, index, status) in refusals::of_client(on, client).await? {
            picture.refused.insert(key(item, index), status);
        }
    }
    if let (true, Some(model), Some(version)) =
        (has.model_refusals, model_of(&portrait.client), portrait.client.software_version.as_deref())
    {
        for (item, refusal) in refusals::of_model(on, model, version).await? {
            picture.unsupported.insert(app.store.item_name(item).to_string(), refusal);
        }
    }
    Ok(portrait)
}

/// Numbers of the items the desired values stand on, with those of their records.
fn compared(app: &App, picture: &Picture) -> Vec<i64> {
    let deliveries = picture.desired.keys().filter_map(|key| {
        app.catalogue.parameter(&key.parameter).and_then(|parameter| parameter.delivery.as_ref())
    });
    let mut numbers = BTreeSet::new();
    for delivery in deliveries {
        numbers.extend(app.store.item_number(&delivery.item));
        let group = delivery.group.as_deref().map(|group| app.catalogue.group(group));
        numbers.extend(group.into_iter().flatten().filter_map(|name| app.store.item_number(name)));
    }
    numbers.extend(picture.system.keys().filter_map(|item| app.store.item_number(&item.name)));
    numbers.into_iter().collect()
}

/// The name under which refusals of a model are learnt: the short name, or what the phone says it is.
pub fn model_of(client: &Client) -> Option<&str> {
    client.model.as_deref().or(client.device_type.as_deref())
}

/// A stored desired value as the rules see it.
///
/// # Errors
/// When it is damaged, or sealed with another key.
pub fn desired_value(
    app: &App,
    client: ClientId,
    stored: StoredValue,
) -> StoreResult<(ParameterKey, Desired)> {
    let attempt = "read a desired value";
    let corrupt = || StoreError::Corrupt { attempt, what: "client_value.value" };
    let (layer, template) = (stored.layer, stored.template);
    if !stored.sealed {
        let value: Value = serde_json::from_str(&stored.value).map_err(|_| corrupt())?;
        return Ok((stored.key, Desired { content: Content::Plain(value), layer, template, rank: None }));
    }
    let json = open_value(app, client, &stored).map_err(|_| corrupt())?;
    let digest = value_digest(app, client, &stored.key, &json);
    Ok((stored.key, Desired { content: Content::Secret(digest), layer, template, rank: None }))
}

/// Keyed digest of a secret value, which is given as its JSON.
pub(super) fn value_digest(app: &App, client: ClientId, key: &ParameterKey, json: &Secret) -> Vec<u8> {
    match wire_of(app, key, json) {
        Some((item, text)) => secret_digest(app, client, &item, text.expose()),
        // Without an item nothing is ever written; any digest that is no other secret's will do.
        None => secret_digest(app, client, &ItemKey::new(key.to_string(), None), json.expose()),
    }
}

/// Item and text on the wire of a secret value, which is stored as its JSON.
fn wire_of(app: &App, key: &ParameterKey, json: &Secret) -> Option<(ItemKey, Secret)> {
    let parameter = app.catalogue.parameter(&key.parameter)?;
    let (name, index) = parameter.item_of(key.index)?;
    let value: Value = serde_json::from_str(json.expose()).ok()?;
    let text = parameter.to_wire(&value).ok()?;
    Some((ItemKey::new(name, index), Secret::new(text)))
}

/// The text of a desired secret as it goes to the phone; `None` when nothing is desired, or it cannot be
/// delivered.
///
/// # Errors
/// When the secret cannot be opened.
pub fn secret_text(app: &App, portrait: &Portrait, key: &ParameterKey) -> StoreResult<Option<Secret>> {
    let own = portrait.own.contains_key(key);
    let json = match portrait.sealed.get(key).filter(|_| own) {
        Some(stored) => {
            let corrupt =
                |_| StoreError::Corrupt { attempt: "open a desired secret", what: "client_value.value" };
            Some(open_value(app, portrait.client.id, stored).map_err(corrupt)?)
        }
        None => settle::secret_json(app, portrait, key)?,
    };
    Ok(json.and_then(|json| wire_of(app, key, &json)).map(|(_, text)| text))
}

fn place(client: ClientId, layer: Layer, key: &ParameterKey) -> String {
    let index = key.index.map(|index| index.to_string()).unwrap_or_default();
    // The first layer there was has no word of its own in its places.
    let layer = if layer == Layer::Client { "desired" } else { layer.as_str() };
    format!("{layer}:{client}:{}:{index}", key.parameter)
}

pub(super) fn open_value(app: &App, client: ClientId, stored: &StoredValue) -> Result<Secret, VaultError> {
    app.vault.open(&place(client, stored.layer, &stored.key), &stored.value)
}

/// Seals a desired value for its place in the table.
///
/// # Errors
/// When the cipher refuses.
pub fn seal_value(
    app: &App,
    client: ClientId,
    layer: Layer,
    key: &ParameterKey,
    value: &Value,
) -> Result<String, VaultError> {
    let json = serde_json::to_string(value).map_err(|_| VaultError::Seal)?;
    app.vault.seal(&place(client, layer, key), &Secret::new(json))
}

/// Keyed digest of the text of a secret item: tells whether it must be written, and nothing else (D-16).
pub fn secret_digest(app: &App, client: ClientId, item: &ItemKey, text: &str) -> Vec<u8> {
    app.vault.digest(&format!("written:{client}:{item}"), text)
}

/// What the server itself wants on a phone: where a polling phone polls (D-10).
pub fn system_items(app: &App, client: &Client) -> BTreeMap<ItemKey, String> {
    let mut items = BTreeMap::new();
    let polls = match app.settings.text(SettingKey::DcmpOperationMode).as_str() {
        "enabled" => true,
        "disabled" => false,
        _ => client.access == Access::Dcmp,
    };
    let url = app.settings.text(SettingKey::DcmpServerUrl);
    let known = client.state == ClientState::Active && item::describe("dcmp-url").is_some();
    if polls && known && !url.is_empty() {
        items.insert(ItemKey::new("dcmp-url", None), calling::poll_item(&url).to_owned());
    }
    items
}

/// Whether both sides of a session with this client are authenticated.
pub fn is_secure(client: &Client) -> bool {
    client.secure_mode == SecureMode::Secure
}

/// What decides about the secrets of a client, if it answers our call from its own network (D-24).
pub fn expected_hand_out(client: &Client, window_open: bool) -> HandOut {
    HandOut {
        secure: is_secure(client),
        approved: client.approved,
        known_network: true,
        // A client without an address gets its own with the first contact.
        known_address: client.trusted_address.is_none() || client.trusted_address == client.peer_address,
        answers_call: true,
        window_open,
        handed_out_before: false,
        send_again: false,
    }
}

/// Digest of what a plan was made of: the items it touches with what was reported of them (D-27).
pub fn basis(rows: &[Row]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut text = |part: &str| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    };
    for row in rows {
        text(&row.item.to_string());
        text(if row.from.is_some() { "=" } else { "-" });
        text(row.from.as_deref().unwrap_or_default());
    }
    hasher.finalize().into()
}
