//! Clients as administrators see them: lists, one client, its reported items, deleting, reading again
//! (OSEM §4.3 … §4.5.2, §4.5.9). What phones report is `contacts`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use api::Page;
use api::client::{ClientQuery, ClientView, ItemQuery, ItemView, Warning};
use api::template::NamedGroup;
use domain::client::ClientState;
use domain::{ClientId, client};
use futures_util::{Stream, stream};
use jiff::Timestamp;
use serde_json::json;

use super::caller::Caller;
use super::cursor;
use super::error::{AppError, AppResult};
use super::jobs;
use super::layers::settle::facts;
use super::layers::{self, Snapshot};
use super::paging::{Paging, sort};
use super::revision::Expected;
use super::selection;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::{Actor, NewRecord};
use crate::store::client_counts::{self, Beside};
use crate::store::client_filter::NOT_SEEN_AFTER;
use crate::store::client_list::{self, ClientFilter, ClientSort, Cursor, Window};
use crate::store::clients::{self as rows, Client};
use crate::store::job_targets::JobTarget;
use crate::store::{Source, StoreResult, Tx, audit, client_fields, items};

/// Clients read at once by an export.
const CHUNK: u64 = 500;

const SORTS: [(&str, ClientSort); 12] = [
    ("e164", ClientSort::E164),
    ("model", ClientSort::Model),
    ("device_id", ClientSort::DeviceId),
    ("software_version", ClientSort::Software),
    ("last_contact_at", ClientSort::LastContact),
    ("state", ClientSort::State),
    ("part_number", ClientSort::PartNumber),
    ("key_modules", ClientSort::KeyModules),
    ("peer_address", ClientSort::Address),
    ("secure_mode", ClientSort::SecureMode),
    ("mobility", ClientSort::Mobility),
    ("access", ClientSort::Access),
];

/// What a list shows beside the rows, asked once for all of them.
struct Around {
    /// Numbers that more than one client reports.
    shared: HashSet<String>,
    beside: HashMap<ClientId, Beside>,
    fields: BTreeMap<ClientId, BTreeMap<String, String>>,
    layers: Arc<Snapshot>,
    at: Timestamp,
}

fn view(row: Client, around: &mut Around) -> ClientView {
    let at = around.at;
    let beside = around.beside.get(&row.id).copied().unwrap_or_default();
    let fields = around.fields.remove(&row.id).unwrap_or_default();
    let known = facts(&row, &fields);
    let member_of = around.layers.layers.groups_of(&known);
    let groups =
        member_of.into_iter().map(|group| NamedGroup { id: group.id, name: group.name.clone() }).collect();
    let desired = row.configuration_revision > 0
        || beside.onboarding
        || !around.layers.layers.applying(&known).is_empty();
    // Nobody waits for what another phone has taken the place of.
    let is_there = row.state != ClientState::Retired;
    let not_seen =
        is_there && row.last_contact_at.is_some_and(|seen| at.duration_since(seen) > NOT_SEEN_AFTER);
    let number_in_use = is_there && row.e164.as_ref().is_some_and(|number| around.shared.contains(number));
    ClientView {
        id: row.id,
        device_id: row.device_id.map(|device| device.to_string()),
        device_id_text: row.device_id_text,
        state: row.state,
        quarantine_reason: row.quarantine_reason,
        warnings: number_in_use.then_some(Warning::NumberInUse).into_iter().collect(),
        e164: row.e164,
        basic_e164: row.basic_e164,
        device_type: row.device_type,
        model: row.model,
        software_type: row.software_type,
        software_version: row.software_version,
        part_number: row.part_number,
        key_modules: row.key_modules,
        backlight: row.backlight.as_deref().map(client::backlight_text),
        gigabit: row.gigabit,
        contact_me_uri: row.contact_me_uri,
        wbm_url: row.peer_address.as_deref().and_then(wbm_url),
        peer_address: row.peer_address,
        bound_network: row.bound_network,
        trusted_address: row.trusted_address,
        secure_mode: row.secure_mode,
        mobility: row.mobility,
        access: row.access,
        faults: row.faults.as_slice().to_vec(),
        last_contact_at: row.last_contact_at,
        last_contact_reason: row.last_contact_reason,
        full_read_at: row.full_read_at,
        full_read_wanted: row.full_read_wanted,
        approved: row.approved,
        configuration_revision: row.configuration_revision,
        desired,
        open_targets: beside.open_targets,
        drifted: beside.drifted,
        secrets_withheld: beside.secrets_withheld,
        not_seen,
        groups,
        fields,
        server_address: row.server_address,
        replaces: row.replaces,
        onboarding_template: row.onboarding_template,
        created_at: row.created_at,
        updated_at: row.updated_at,
        revision: row.revision,
    }
}

/// Address of a phone's web pages; only from an address, never from a text a phone chose.
fn wbm_url(address: &str) -> Option<String> {
    match address.parse().ok()? {
        IpAddr::V4(v4) => Some(format!("https://{v4}/")),
        IpAddr::V6(v6) => Some(format!("https://[{v6}]/")),
    }
}

/// Views of rows; which numbers are shared, and what stands beside, is asked once for all of them.
async fn views(app: &App, on: &impl Source, rows: Vec<Client>) -> AppResult<Vec<ClientView>> {
    let ids: Vec<ClientId> = rows.iter().map(|row| row.id).collect();
    let numbers: HashSet<&str> = rows.iter().filter_map(|row| row.e164.as_deref()).collect();
    let numbers: Vec<&str> = numbers.into_iter().collect();
    let (shared, beside, layers) = tokio::try_join!(
        client_list::shared_numbers(on, &numbers),
        client_counts::beside(on, &ids),
        layers::snapshot(app, on),
    )?;
    // Nobody has values for fields that nobody has made.
    let fields =
        if layers.fields.is_empty() { BTreeMap::new() } else { client_fields::of_clients(on, &ids).await? };
    let shared = shared.into_iter().collect();
    let mut around = Around { shared, beside, fields, layers, at: app.clock.now() };
    Ok(rows.into_iter().map(|row| view(row, &mut around)).collect())
}

/// A filter and an order: what a cursor belongs to.
#[derive(Clone, Debug)]
struct Order {
    filter: ClientFilter,
    sort: ClientSort,
    descending: bool,
}

impl Order {
    async fn of(app: &App, query: &ClientQuery) -> AppResult<Self> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (sort, descending) = sort(query.sort.as_deref(), &SORTS)?;
        let filter = ClientFilter {
            search: text(&query.search),
            software_type: selection::software_type(query.software_type.as_deref()),
            model: text(&query.model),
            state: query.state,
            software_version: text(&query.software_version),
            firmware: selection::firmware(app, query.firmware).await?,
            in_job: query.in_job,
            drift: query.drift,
            fault: selection::fault(query.fault.as_deref(), "fault")?,
            not_seen: query.not_seen,
            secrets_withheld: query.secrets_withheld,
            last_contact_reason: query.last_contact_reason,
            seen_from: query.seen_from,
            seen_until: query.seen_until,
            among: selection::among(app, query.group, query.template, "").await?,
        };
        Ok(Self { filter, sort, descending })
    }

    fn window(&self, after: Option<Cursor>, skip: u64, size: u64) -> Window {
        Window { sort: self.sort, descending: self.descending, after, skip, size }
    }

    fn encode(&self, place: &Cursor) -> AppResult<String> {
        cursor::encode(self, &(place.value.as_str(), place.id))
    }

    fn decode(&self, text: &str) -> AppResult<Cursor> {
        let (value, id) = cursor::decode(self, text, "after")?;
        Ok(Cursor { value, id })
    }
}

/// Clients of a filter, sorted; by page, or behind a cursor.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: ClientQuery) -> AppResult<Page<ClientView>> {
    let order = Order::of(app, &query).await?;
    let after =
        query.after.as_deref().filter(|text| !text.is_empty()).map(|text| order.decode(text)).transpose()?;
    let paged = after.is_none();
    let paging = Paging::new(if paged { query.page } else { None }, query.size, Some("after"))?;
    let window = order.window(after, paging.skip(), paging.size);
    let now = app.clock.now();
    let (slice, total) = client_list::page(&app.store, &order.filter, &window, now).await?;
    let full = slice.clients.len() as u64 == paging.size;
    let more = if paged { full && paging.has_more(total) } else { full };
    let next = slice.last.filter(|_| more).map(|place| order.encode(&place)).transpose()?;
    let items = views(app, &app.store, slice.clients).await?;
    Ok(Page { items, total, page: paged.then_some(paging.page), size: paging.size, next })
}

/// All clients of a filter, sorted, in pieces: memory does not grow with their number.
///
/// # Errors
/// `invalid_fields`.
pub async fn export(
    app: App,
    query: &ClientQuery,
) -> AppResult<impl Stream<Item = AppResult<Vec<ClientView>>> + use<>> {
    let order = Order::of(&app, query).await?;
    Ok(stream::try_unfold((app, order, None, false), |(app, order, after, done)| async move {
        if done {
            return Ok(None);
        }
        let now = app.clock.now();
        let slice =
            client_list::slice(&app.store, &order.filter, &order.window(after, 0, CHUNK), now).await?;
        let done = (slice.clients.len() as u64) < CHUNK;
        let views = views(&app, &app.store, slice.clients).await?;
        Ok::<_, AppError>(Some((views, (app, order, slice.last, done))))
    }))
}

/// One client.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: ClientId) -> AppResult<ClientView> {
    find_in(app, &app.store, id).await
}

/// One client, as an open transaction sees it.
pub(super) async fn find_in(app: &App, on: &impl Source, id: ClientId) -> AppResult<ClientView> {
    let row = rows::by_id(on, id).await?.ok_or_else(AppError::not_found)?;
    views(app, on, vec![row]).await?.pop().ok_or_else(AppError::not_found)
}

/// What a client reports, by name and index. Values of secrets are never shown.
///
/// # Errors
/// `not_found`.
pub async fn items(app: &App, id: ClientId, query: &ItemQuery) -> AppResult<Page<ItemView>> {
    rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let part = query.name.as_deref().map(str::to_lowercase).unwrap_or_default();
    let stored = items::list(&app.store, id).await?;
    let wanted =
        stored.into_iter().filter(|item| part.is_empty() || item.name.to_lowercase().contains(&part));
    let views = wanted.map(|item| ItemView {
        name: item.name,
        index: item.index,
        secret: item.value.is_none(),
        value: item.value,
        status: item.status,
        reported_at: item.reported_at,
    });
    Ok(Page::whole(views.collect()))
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: ClientId,
    details: serde_json::Value,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "client", object_id, details }).await?;
    Ok(())
}

/// Deletes a client with everything it reported. If the phone makes contact again, it is a new client.
///
/// # Errors
/// `not_found`, `precondition_failed`.
pub async fn delete(app: &App, caller: &Caller, id: ClientId, expected: &Expected) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let row = rows::for_deletion(&tx, id).await?.ok_or_else(AppError::not_found)?;
    expected.check(row.revision)?;
    let touched = jobs::cancel_targets_of_client(app, &tx, id, "client-deleted", None).await?;
    if !rows::delete(&tx, id, row.revision).await? {
        return Err(AppError::stale());
    }
    let details = json!({"before": {
        "device_id": row.device_id.map(|device| device.to_string()), "e164": row.e164,
        "device_type": row.device_type, "state": row.state,
    }});
    write_audit(app, &tx, caller, "client.delete", id, details).await?;
    tx.commit().await?;
    app.store.clients_changed();
    app.events.publish(Resource::Clients, Change::Deleted, id);
    touched.into_iter().for_each(|job| app.signals.job_touched(job));
    Ok(())
}

/// Deletes the client of a job's target, in the pulse's transaction; `None` when it is gone already.
///
/// # Errors
/// When the database refuses.
pub async fn delete_by_job(
    app: &App,
    tx: &Tx,
    id: ClientId,
    target: &JobTarget,
) -> StoreResult<Option<ClientId>> {
    let Some(row) = rows::for_deletion(tx, id).await? else { return Ok(None) };
    let touched = jobs::cancel_targets_of_client(app, tx, id, "client-deleted", Some(target.id)).await?;
    touched.into_iter().for_each(|job| app.signals.job_touched(job));
    rows::delete(tx, id, row.revision).await?;
    let details = json!({"job": target.job, "before": {
        "device_id": row.device_id.map(|device| device.to_string()), "e164": row.e164,
        "device_type": row.device_type, "state": row.state,
    }});
    let (at, actor, object_id) = (app.clock.now(), &Actor::system(), id.to_string());
    let record = NewRecord { at, actor, action: "client.delete", object_kind: "client", object_id, details };
    audit::append(tx, &record).await?;
    Ok(Some(id))
}

#[cfg(test)]
mod tests {
    use super::{ClientFilter, Order, SORTS, sort, wbm_url};
    use domain::ClientId;

    #[test]
    fn a_link_is_made_of_an_address_only() {
        assert_eq!(wbm_url("127.10.0.3").as_deref(), Some("https://127.10.0.3/"));
        assert_eq!(wbm_url("2001:db8::1").as_deref(), Some("https://[2001:db8::1]/"));
        assert_eq!(wbm_url("javascript:alert(1)"), None);
    }

    #[test]
    fn a_cursor_belongs_to_its_filter_and_order() {
        let order = |by: &str, search: &str| {
            let (sort, descending) = sort(Some(by), &SORTS).unwrap();
            let filter = ClientFilter { search: Some(search.into()), ..ClientFilter::default() };
            Order { filter, sort, descending }
        };
        let place = super::Cursor { value: "4201".to_owned(), id: ClientId(7) };
        let text = order("-e164", "42").encode(&place).unwrap();
        assert_eq!(order("-e164", "42").decode(&text).unwrap(), place);
        assert!(order("e164", "42").decode(&text).is_err());
        assert!(order("-e164", "43").decode(&text).is_err());
        assert_eq!(sort(Some("password"), &SORTS).unwrap_err().errors()[0].field, "sort");
    }
}
