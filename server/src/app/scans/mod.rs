//! Scans: every address of some networks is asked once to make contact (OSEM §4.2, `wpi.md` §1.4.3, D-9), or is looked at
//! for storage providers (OSEM §10.2). What is asked of addresses is in [`run`]; a phone that comes then is an ordinary
//! contact. What a request means is in [`request`].
//!
//! A scan goes where a person says, so it is bounded on all sides: networks that an administrator has allowed, ports on
//! which phones listen or a few others, a pace, one scan of an address at a time and a minute between two (`wpi.md` §1.5
//! rule 1).

mod active;
mod request;
pub mod run;

use std::net::IpAddr;

use api::file::NamedProvider;
use api::scan::{FindingQuery, FindingView, NewScan, ScanQuery, ScanView};
use api::{Code, Page};
use domain::client::SecureMode;
use domain::scan::{Allowed, MOST_ACTIVE, Range, RangeFault, Ranges, ScanEvent, ScanPurpose};
use domain::setting::SettingKey;
use domain::{Permission, ScanId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::caller::Caller;
use super::calling::server_address;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::paging::Paging;
use crate::App;
use crate::events::{Change, Resource};
use crate::settings::Settings;
use crate::store::audit::NewRecord;
use crate::store::scans::{self as rows, Scan};
use crate::store::storage_providers::{self, Provider};
use crate::store::{StoreResult, Tx, audit, scan_findings};
use request::Asked;

/// Rest of an address between two scans: phones whose firmware is old break down when they are called more often
/// (`wpi.md` §1.5 rule 1).
const REST: SignedDuration = SignedDuration::from_mins(1);

/// How long a scan that is over is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Scans deleted in one transaction.
const BATCH: u64 = 500;

fn view(scan: Scan) -> ScanView {
    ScanView {
        id: scan.id,
        purpose: scan.purpose,
        state: scan.state,
        ranges: scan.ranges,
        port: scan.ports.first().copied().unwrap_or_default(),
        ports: scan.ports,
        addresses: scan.addresses,
        probed: scan.probed,
        answered: scan.answered,
        found: scan.found,
        author: scan.author,
        created_at: scan.created_at,
        started_at: scan.started_at,
        finished_at: scan.finished_at,
        failure: scan.failure,
    }
}

/// Where scanned phones are told to come: phones take an address there, no name (`wpi.md` §1.5).
fn phone_address(settings: &Settings) -> Option<(IpAddr, u16)> {
    let (host, port) = server_address(settings, SecureMode::Default)?;
    Some((host.parse().ok()?, port))
}

fn allowed(settings: &Settings) -> Allowed {
    Allowed::parse(&settings.text(SettingKey::ScansAllowedNetworks))
}

/// The addresses of a stored scan; `None` when this program cannot read them.
fn ranges_of(scan: &Scan) -> Option<Ranges> {
    let ranges: Result<Vec<Range>, RangeFault> = scan.ranges.iter().map(|text| text.parse()).collect();
    Ranges::new(ranges.ok()?).ok()
}

/// Scans, newest first.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &ScanQuery) -> AppResult<Page<ScanView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let (scans, total) = tokio::try_join!(
        rows::list(&app.store, (query.state, query.purpose), paging.skip(), paging.size),
        rows::total(&app.store, (query.state, query.purpose)),
    )?;
    let items = scans.into_iter().map(view).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// One scan.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: ScanId) -> AppResult<ScanView> {
    rows::by_id(&app.store, id).await?.map(view).ok_or_else(AppError::not_found)
}

/// What a scan for storage providers has found, what is most likely storage first.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn findings(app: &App, id: ScanId, query: &FindingQuery) -> AppResult<Page<FindingView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    rows::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let (found, total, providers) = tokio::try_join!(
        scan_findings::list(&app.store, id, paging.skip(), paging.size),
        scan_findings::count(&app.store, id),
        storage_providers::all(&app.store),
    )?;
    let items = found.into_iter().map(|finding| finding_view(&providers, finding)).collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

fn finding_view(providers: &[Provider], finding: scan_findings::Finding) -> FindingView {
    let is_there = |provider: &&Provider| {
        let url = domain::file::ProviderUrl::parse(&provider.url).ok();
        let place = url.map(|url| (url.host.parse::<IpAddr>().ok(), url.port));
        place == Some((Some(finding.address), finding.port))
    };
    let known = providers.iter().find(is_there);
    FindingView {
        address: finding.address.to_string(),
        port: finding.port,
        kind: finding.kind,
        url: finding.url,
        detail: finding.detail,
        found_at: finding.found_at,
        known_provider: known.map(|provider| NamedProvider {
            id: provider.id,
            name: provider.name.clone(),
            kind: provider.kind.as_str().to_owned(),
        }),
    }
}

/// Refuses a scan of addresses that another one asks for the same, or asked a moment ago. Scans for phones and for storage
/// providers do not disturb each other: only the first make phones come.
async fn check_free(tx: &Tx, purpose: ScanPurpose, ranges: &Ranges, at: Timestamp) -> AppResult<()> {
    let since = at.saturating_sub(REST).unwrap_or(Timestamp::MIN);
    let others = rows::active_or_over_since(tx, since).await?;
    // Ranges that cannot be read are of a newer program: they may be anywhere.
    let overlaps = |scan: &&Scan| {
        scan.purpose == purpose && ranges_of(scan).is_none_or(|theirs| theirs.overlaps(ranges))
    };
    if let Some(other) = others.iter().find(overlaps) {
        let text = "Another scan of some of these addresses is running, or ended less than a minute ago.";
        return Err(AppError::new(Code::ScanOverlaps, text).arg("scan", other.id.0));
    }
    if others.iter().filter(|scan| !scan.state.is_over()).count() as u64 >= MOST_ACTIVE {
        let text = "So many scans are running already. Wait for the end of one, or stop it.";
        return Err(AppError::new(Code::TooManyScans, text).arg("most", MOST_ACTIVE));
    }
    Ok(())
}

/// Scans for storage providers are a matter of who may change storage.
fn require(caller: &Caller, purpose: ScanPurpose) -> AppResult<()> {
    match purpose {
        ScanPurpose::Phones => Ok(()),
        ScanPurpose::StorageProviders => caller.require(Permission::ChangeStorage),
    }
}

/// Starts a scan. Nothing has been sent when this answers.
///
/// # Errors
/// `forbidden` of a scan for storage providers, `invalid_fields`, `scanning_off`, `no_phone_address`, `scan_overlaps`, `too_many_scans`, `idempotency_key_reused`.
pub async fn start(
    app: &App,
    caller: &Caller,
    new: &NewScan,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<ScanView>> {
    require(caller, new.purpose.unwrap_or(ScanPurpose::Phones))?;
    let Asked { purpose, given, ranges, ports } = request::read(new)?;
    request::check_allowed(app, &given)?;
    if purpose == ScanPurpose::Phones && phone_address(&app.settings).is_none() {
        let text =
            "Phones could not be told where to come: set the address for phones, with an IP address in it.";
        let setting = SettingKey::PhoneUrl.definition().id;
        return Err(AppError::new(Code::NoPhoneAddress, text).arg("setting", setting));
    }
    let texts: Vec<String> = given.into_iter().map(|(given, _)| given.text).collect();
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    rows::lock_starting(&tx).await?;
    check_free(&tx, purpose, &ranges, at).await?;
    let scan = rows::NewScan {
        purpose,
        ranges: &texts,
        ports: &ports,
        addresses: ranges.count(),
        account: caller.account,
        author: &caller.user_name,
        at,
    };
    let id = rows::insert(&tx, &scan).await?;
    let details = match purpose {
        ScanPurpose::Phones => json!({"ranges": texts, "port": ports.first(), "addresses": ranges.count()}),
        ScanPurpose::StorageProviders => {
            json!({"ranges": texts, "purpose": purpose, "ports": ports, "addresses": ranges.count()})
        }
    };
    write_audit(app, &tx, caller, "scan.start", id, details).await?;
    let value = rows::by_id(&tx, id).await?.map(view).ok_or_else(AppError::not_found)?;
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::Scans, Change::Created, id);
    Ok(Created { value, replayed: false })
}

/// Stops a scan: within a second nothing is sent any more.
///
/// # Errors
/// `not_found`, `forbidden` of a scan for storage providers, `scan_over`.
pub async fn stop(app: &App, caller: &Caller, id: ScanId) -> AppResult<ScanView> {
    let tx = app.store.begin().await?;
    let scan = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
    require(caller, scan.purpose)?;
    let over = || AppError::new(Code::ScanOver, "This scan is over.");
    let state = scan.state.after(ScanEvent::Stopped).map_err(|_| over())?;
    if !rows::end(&tx, id, (scan.state, state), None, app.clock.now()).await? {
        // Its node was faster: it is over, or has begun to run, which the second look tells.
        let now = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
        let state = now.state.after(ScanEvent::Stopped).map_err(|_| over())?;
        if !rows::end(&tx, id, (now.state, state), None, app.clock.now()).await? {
            return Err(AppError::stale());
        }
    }
    let details = json!({"ranges": scan.ranges, "probed": scan.probed, "addresses": scan.addresses});
    write_audit(app, &tx, caller, "scan.stop", id, details).await?;
    let value = rows::by_id(&tx, id).await?.map(view).ok_or_else(AppError::not_found)?;
    tx.commit().await?;
    app.events.publish(Resource::Scans, Change::Updated, id);
    Ok(value)
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: ScanId,
    details: Json,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), id.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "scan", object_id, details }).await?;
    Ok(())
}

/// Deletes scans that were over 30 days ago; gives their number. A background task does it from time to time.
///
/// # Errors
/// When the database refuses.
pub async fn purge(app: &App) -> StoreResult<u64> {
    let before = app.clock.now().saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    let mut deleted = 0;
    loop {
        let tx = app.store.begin().await?;
        let some = rows::purge(&tx, before, BATCH).await?;
        tx.commit().await?;
        deleted += some;
        if some < BATCH {
            return Ok(deleted);
        }
    }
}
