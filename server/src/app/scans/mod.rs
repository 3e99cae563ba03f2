//! Scans: every address of some networks is asked once to make contact (OSEM §4.2, `wpi.md` §1.4.3, D-9). What is
//! asked of addresses is in [`run`]; a phone that comes then is an ordinary contact.
//!
//! A scan goes where a person says, so it is bounded on all sides: networks that an administrator has allowed, ports on
//! which phones listen, a pace, one scan of an address at a time and a minute between two (`wpi.md` §1.5 rule 1).

pub mod run;

use std::net::IpAddr;

use api::scan::{NewScan, ScanQuery, ScanView};
use api::{Code, FieldError, Page, field};
use domain::ScanId;
use domain::calling::PORTS;
use domain::client::SecureMode;
use domain::scan::{
    Allowed, LONGEST_RANGE, MOST_ACTIVE, MOST_ADDRESSES, MOST_RANGES, Range, RangeFault, Ranges, ScanEvent,
    USUAL_PORT,
};
use domain::setting::SettingKey;
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
use crate::store::{StoreResult, Tx, audit};

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
        state: scan.state,
        ranges: scan.ranges,
        port: scan.port,
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
        rows::list(&app.store, query.state, paging.skip(), paging.size),
        rows::total(&app.store, query.state),
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

/// A range of a request: its field and its text.
struct Given {
    field: String,
    text: String,
}

/// What a request names, each with its field.
fn given(new: &NewScan) -> Result<Vec<Given>, FieldError> {
    if new.ranges.len() > MOST_RANGES {
        let text = format!("has more than {MOST_RANGES} entries");
        return Err(FieldError::new("/ranges", field::TOO_LONG, text).arg("max", MOST_RANGES));
    }
    let numbered = new.ranges.iter().enumerate();
    let mut given: Vec<Given> = numbered
        .map(|(number, text)| Given { field: format!("/ranges/{number}"), text: text.trim().to_owned() })
        .collect();
    let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    let mask = new.mask.as_ref().map(|mask| mask.0.trim().to_owned());
    match (trimmed(&new.address), mask) {
        (Some(address), mask) => {
            let good = address.parse::<IpAddr>().is_ok();
            let name = if good && mask.is_some() { "/mask" } else { "/address" };
            let text = match mask {
                Some(mask) => format!("{address}/{mask}"),
                None => address,
            };
            given.push(Given { field: name.to_owned(), text });
        }
        (None, Some(_)) => return Err(FieldError::new("/address", field::MISSING, "is needed beside mask")),
        (None, None) if given.is_empty() => {
            return Err(FieldError::new("/ranges", field::MISSING, "must name a network, range or address"));
        }
        (None, None) => {}
    }
    Ok(given)
}

fn fault(name: &str, fault: RangeFault) -> FieldError {
    let error = FieldError::new(name, fault.code(), fault.to_string());
    if fault == RangeFault::TooLarge { error.arg("max", MOST_ADDRESSES) } else { error }
}

/// A request that was understood.
struct Asked {
    /// What was given, and what it means.
    given: Vec<(Given, Range)>,
    ranges: Ranges,
    port: u16,
}

fn read(new: &NewScan) -> AppResult<Asked> {
    let mut faults = Vec::new();
    let mut read = Vec::new();
    for given in given(new).map_err(AppError::field)? {
        if given.text.len() > LONGEST_RANGE {
            let text = format!("has more than {LONGEST_RANGE} characters");
            faults.push(FieldError::new(given.field, field::TOO_LONG, text).arg("max", LONGEST_RANGE));
            continue;
        }
        match given.text.parse() {
            Ok(range) => read.push((given, range)),
            Err(refused) => faults.push(fault(&given.field, refused)),
        }
    }
    let port = new.port.unwrap_or(USUAL_PORT);
    if !PORTS.contains(&port) {
        let text = "must be a port on which phones listen: 8085, 443 or 80";
        faults.push(FieldError::new("/port", field::NOT_A_CHOICE, text).arg("choices", PORTS.to_vec()));
    }
    let ranges = Ranges::new(read.iter().map(|(_, range)| *range));
    match ranges {
        Ok(ranges) if faults.is_empty() => Ok(Asked { given: read, ranges, port }),
        Err(refused) if faults.is_empty() => Err(AppError::field(fault("/ranges", refused))),
        _ => Err(AppError::fields(faults)),
    }
}

/// Refuses ranges that are not wholly in the allowed networks, before anything is sent anywhere (D-9).
fn check_allowed(app: &App, given: &[(Given, Range)]) -> AppResult<()> {
    let setting = SettingKey::ScansAllowedNetworks.definition().id;
    let allowed = allowed(&app.settings);
    if allowed.is_empty() {
        let text = "No network is allowed to be scanned. An administrator can allow some in the settings.";
        return Err(AppError::new(Code::ScanningOff, text).arg("setting", setting));
    }
    let refused = given.iter().filter_map(|(given, range)| {
        let address = allowed.first_refused(range)?;
        let text = format!("{address} is not in the networks that may be scanned");
        let error = FieldError::new(&given.field, field::NETWORK_NOT_ALLOWED, text);
        Some(error.arg("address", address.to_string()).arg("setting", setting))
    });
    let refused: Vec<FieldError> = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(AppError::fields(refused)) }
}

/// Refuses a scan of addresses that another one asks, or asked a moment ago.
async fn check_free(tx: &Tx, ranges: &Ranges, at: Timestamp) -> AppResult<()> {
    let since = at.saturating_sub(REST).unwrap_or(Timestamp::MIN);
    let others = rows::active_or_over_since(tx, since).await?;
    // Ranges that cannot be read are of a newer program: they may be anywhere.
    let overlaps = |scan: &&Scan| ranges_of(scan).is_none_or(|theirs| theirs.overlaps(ranges));
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

/// Starts a scan. Nothing has been sent when this answers.
///
/// # Errors
/// `invalid_fields`, `scanning_off`, `no_phone_address`, `scan_overlaps`, `too_many_scans`, `idempotency_key_reused`.
pub async fn start(
    app: &App,
    caller: &Caller,
    new: &NewScan,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<ScanView>> {
    let Asked { given, ranges, port } = read(new)?;
    check_allowed(app, &given)?;
    if phone_address(&app.settings).is_none() {
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
    check_free(&tx, &ranges, at).await?;
    let scan = rows::NewScan {
        ranges: &texts,
        port,
        addresses: ranges.count(),
        account: caller.account,
        author: &caller.user_name,
        at,
    };
    let id = rows::insert(&tx, &scan).await?;
    let details = json!({"ranges": texts, "port": port, "addresses": ranges.count()});
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
/// `not_found`, `scan_over`.
pub async fn stop(app: &App, caller: &Caller, id: ScanId) -> AppResult<ScanView> {
    let tx = app.store.begin().await?;
    let scan = rows::by_id(&tx, id).await?.ok_or_else(AppError::not_found)?;
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
