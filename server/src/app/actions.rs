//! Actions on clients: refresh, restart, reset, delete, for one, many by ids, or all of a filter, now or at a
//! time (OSEM §4.5). Each becomes a job.

use api::job::{ActionKind, JobView, NewAction};
use api::{Code, FieldError, field};
use domain::ClientId;
use domain::client::SecureMode;
use domain::job::{JobCause, JobKind};
use serde_json::json;

use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::jobs::{self, NewJob, NewTargets};
use super::{job_list, selection};
use crate::App;
use crate::store::audit::NewRecord;
use crate::store::{audit, client_list};

fn kind_of(action: ActionKind) -> JobKind {
    match action {
        ActionKind::Refresh => JobKind::ReadConfiguration,
        ActionKind::Restart => JobKind::Restart,
        ActionKind::Reset => JobKind::FactoryReset,
        ActionKind::Delete => JobKind::DeleteClient,
    }
}

/// Makes the job of an action.
///
/// # Errors
/// `invalid_fields`; `no_targets`; `confirmation_required` with the number; `too_many_targets`; `step_up_required`;
/// `secure_mode_needed`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewAction,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<JobView>> {
    if new.keep_certificates && new.action != ActionKind::Reset {
        let text = "is for a reset only";
        return Err(AppError::field(FieldError::new("/keep_certificates", field::INVALID, text)));
    }
    // The same call again must get its answer, and not learn that its clients are gone.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let mut targets = selection::clients(app, &new.targets).await?;
    if new.action != ActionKind::Delete {
        // Their phones are gone; what is ordered of them would wait for nobody.
        targets = client_list::without_retired(&app.store, &targets).await?;
    }
    if targets.is_empty() {
        return Err(AppError::new(Code::NoTargets, "No client is selected."));
    }
    check_danger(app, caller, &new, targets.len() as u64).await?;
    if new.keep_certificates && client_list::none_is(&app.store, &targets, SecureMode::Secure).await? {
        let text =
            "Certificates can be kept only by clients in secure mode; all of these are in default mode.";
        return Err(AppError::new(Code::SecureModeNeeded, text));
    }
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    let options = if new.action == ActionKind::Reset {
        json!({"keep_certificates": new.keep_certificates})
    } else {
        json!({})
    };
    let number = targets.len();
    let job = NewJob {
        kind: kind_of(new.action),
        cause: JobCause::User,
        initiator: caller.actor(),
        options,
        plan: None,
        planned_at: new.planned_at,
        targets: NewTargets::Clients(targets.into_iter().map(|client| (client, None)).collect()),
    };
    let created = jobs::create(app, &tx, job).await?;
    let details = json!({
        "action": new.action, "targets": number, "planned_at": new.planned_at,
        "keep_certificates": new.keep_certificates,
    });
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), created.id.to_string());
    audit::append(
        &tx,
        &NewRecord { at, actor, action: "job.create", object_kind: "job", object_id, details },
    )
    .await?;
    let value = job_list::of(app, &tx, created.id).await?;
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    jobs::announce(app, created.id);
    Ok(Created { value, replayed: false })
}

/// What one stolen token or one slip can do is bounded: beyond a number the caller must name it, beyond
/// another one only an administrator may, and a browser must have confirmed not long ago who uses it.
async fn check_danger(app: &App, caller: &Caller, new: &NewAction, number: u64) -> AppResult<()> {
    if new.action == ActionKind::Refresh {
        return Ok(());
    }
    jobs::check_number(app, caller, number)?;
    jobs::check_confirmed(app, caller, number, new.confirm).await
}

/// Has one client read again (OSEM §4.5.2).
///
/// # Errors
/// `not_found`.
pub async fn refresh(app: &App, caller: &Caller, id: ClientId) -> AppResult<JobView> {
    let targets = api::targets::Targets { ids: Some(vec![id]), filter: None };
    let action = ActionKind::Refresh;
    let new = NewAction { action, targets, planned_at: None, keep_certificates: false, confirm: None };
    match create(app, caller, new, None).await {
        Ok(created) => Ok(created.value),
        Err(error) if error.code() == Code::NoTargets => Err(AppError::not_found()),
        Err(error) => Err(error),
    }
}
