//! What an administrator decides about a client: it is approved, it is released from quarantine (D-4, D-24).

use api::Code;
use api::client::ClientView;
use domain::ClientId;
use domain::client::{ClientState, QuarantineReason};
use serde_json::json;

use super::{changed, find, write_audit};
use crate::App;
use crate::app::caller::Caller;
use crate::app::clients;
use crate::app::copies::replacement;
use crate::app::error::{AppError, AppResult};
use crate::app::revision::Expected;
use crate::events::Change;
use crate::store::{calls, fleet, job_targets, prepared as rows, replaced};

/// Approves a client: it may get secrets in default mode (D-24 a), and is trusted at the address it has. Doing it twice
/// changes nothing.
///
/// # Errors
/// `not_found`, `precondition_failed`: an address that nobody has seen is not trusted; `client_quarantined`.
pub async fn approve(app: &App, caller: &Caller, id: ClientId, expected: &Expected) -> AppResult<ClientView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let client = find(&tx, id, expected).await?;
    if client.state == ClientState::Quarantined {
        let text = "It is not sure that this is the phone it claims to be. Release it from quarantine first.";
        return Err(AppError::new(Code::ClientQuarantined, text));
    }
    // Who approves a client looks at it, its address too; a plan approves many and trusts no new address.
    let trusted = match &client.peer_address {
        Some(address) => {
            let trusted = fleet::trust_address(&tx, id, address, at).await?;
            if !trusted && client.trusted_address.as_ref() != Some(address) {
                // The phone moved between the two statements: it is at an address that nobody has seen.
                return Err(AppError::stale());
            }
            trusted
        }
        None => false,
    };
    if fleet::approve(&tx, &[id], at).await? > 0 || trusted {
        let details = json!({"address": client.peer_address, "before": client.trusted_address});
        write_audit(app, &tx, caller, "client.approve", id, details).await?;
    }
    let value = clients::find_in(app, &tx, id).await?;
    tx.commit().await?;
    changed(app, id, Change::Updated);
    Ok(value)
}

/// Releases a client from quarantine (D-4): what its next contact says of it counts, its network too.
///
/// # Errors
/// `not_found`, `precondition_failed`, `not_quarantined`.
pub async fn release(app: &App, caller: &Caller, id: ClientId, expected: &Expected) -> AppResult<ClientView> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let client = find(&tx, id, expected).await?;
    if client.state != ClientState::Quarantined {
        return Err(AppError::new(Code::NotQuarantined, "This client is not in quarantine."));
    }
    // Both clients are held in the order of their ids, before either is changed.
    let held: Vec<ClientId> = replaced::predecessor(&tx, id).await?.into_iter().chain([id]).collect();
    fleet::lock(&tx, &held).await?;
    if !rows::release(&tx, id, client.revision, at).await? {
        return Err(AppError::stale());
    }
    let details = json!({
        "before": {"reason": client.quarantine_reason, "bound_network": client.bound_network},
    });
    write_audit(app, &tx, caller, "client.release", id, details).await?;
    if client.quarantine_reason == Some(QuarantineReason::Replaced) {
        // It is in its place again, and nobody else takes it.
        replaced::takes_back(&tx, id).await?;
    }
    let left = replacement::take_place(app, &tx, id, &caller.actor(), at).await?;
    let waits = !job_targets::open_of_client(&tx, id).await?.is_empty();
    if waits {
        calls::want(&tx, id, at).await?;
    }
    let value = clients::find_in(app, &tx, id).await?;
    tx.commit().await?;
    if waits {
        app.signals.calls.notify_one();
    }
    if let Some(old) = left.client {
        changed(app, old, Change::Updated);
    }
    left.jobs.into_iter().for_each(|job| app.signals.job_touched(job));
    changed(app, id, Change::Updated);
    Ok(value)
}
