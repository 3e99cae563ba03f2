//! Plans that save templates, groups or fields of clients: drawn up by saving these things, and only when that would
//! change what is desired of somebody (D-22).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::Code;
use api::configuration::Reason;
use api::plan::{PlanKind, PlanState};
use domain::setting::SettingKey;
use domain::{ClientId, PlanId, Secret};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::draft::{self, Draft, Fleet, Question};
use super::gain::{Gain, gain};
use super::{FleetRequest, KEPT, NewRecord, Plan, Request, kind_word, place, store_some};
use crate::App;
use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::app::layers::change::{FieldsChange, FleetChange, Tried};
use crate::app::layers::save::{Saved, save};
use crate::app::layers::{self, Reach, Snapshot};
use crate::events::{self, Resource};
use crate::status::causes;
use crate::store::client_list::{self, ClientFilter};
use crate::store::{calls, layers as versions, plans as rows};

/// How long an author waits for a larger one before it is said to be in the making.
const PATIENCE: Duration = Duration::from_secs(2);

/// When somebody may ask again while enough plans are being drawn up.
const RETRY: Duration = Duration::from_secs(5);

/// A plan in the making that was not heard of for so long will not come: its node was stopped.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// Clients of a plan stored in one transaction.
const STORED_AT_ONCE: usize = 5_000;

/// How often a change is tried again when others changed templates or groups meanwhile.
const TRIES: u32 = 3;

/// A change with what it will be.
pub(super) struct Prepared {
    pub(super) before: Arc<Snapshot>,
    pub(super) after: Arc<Snapshot>,
    pub(super) parameters: Option<BTreeSet<String>>,
    /// Clients it may concern.
    pub(super) clients: Vec<ClientId>,
    reach: Reach,
    /// When these were looked for.
    since: Timestamp,
}

impl Prepared {
    pub(super) fn question<'a>(
        &'a self,
        fields: Option<&'a FieldsChange>,
        progress: Option<PlanId>,
    ) -> Question<'a> {
        Question {
            kind: PlanKind::ChangeFleet,
            changes: &[],
            send_secrets_again: false,
            strict: false,
            fleet: Some(Fleet { after: &self.after, parameters: self.parameters.as_ref(), fields }),
            progress,
            deployment: None,
        }
    }
}

impl Prepared {
    /// Who gets files or software by it on its own.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(super) async fn gain(&self, app: &App, change: &FleetChange) -> AppResult<Gain> {
        gain(app, &self.before, &self.after, change.fields.as_ref()).await
    }
}

/// Lays a change over what there is now and finds the clients it may concern.
///
/// # Errors
/// As [`FleetChange::try_out`].
pub(super) async fn prepare(app: &App, change: &FleetChange) -> AppResult<Prepared> {
    let at = app.clock.now();
    let before = layers::snapshot(app, &app.store).await?;
    let Tried { after, reach, parameters } = change.try_out(&before, &app.catalogue, at)?;
    let clients = match &reach {
        Reach::Nobody => Vec::new(),
        Reach::Client(client) => vec![*client],
        Reach::Filter(filter) => {
            let filter = ClientFilter { among: vec![filter.clone()], ..ClientFilter::default() };
            client_list::ids(&app.store, &filter, at).await?
        }
    };
    Ok(Prepared { before, after: Arc::new(after), parameters, clients, reach, since: at })
}

/// Clients that came, or came into reach, while the change was laid over the others are no targets of its job. They are
/// called, and looked at when they come.
///
/// # Errors
/// When the database refuses.
pub(super) async fn call_latecomers(
    app: &App,
    prepared: &Prepared,
    targets: &BTreeSet<ClientId>,
) -> AppResult<()> {
    let Reach::Filter(filter) = &prepared.reach else { return Ok(()) };
    let at = app.clock.now();
    let seen_from = Some(prepared.since);
    let filter = ClientFilter { among: vec![filter.clone()], seen_from, ..ClientFilter::default() };
    let late = client_list::ids(&app.store, &filter, at).await?;
    let late: Vec<ClientId> = late.into_iter().filter(|id| !targets.contains(id)).collect();
    for some in late.chunks(STORED_AT_ONCE) {
        let tx = app.store.begin().await?;
        for client in some {
            calls::want(&tx, *client, at).await?;
        }
        tx.commit().await?;
    }
    if !late.is_empty() {
        app.signals.calls.notify_one();
    }
    Ok(())
}

/// Saves a change at once when it alters what is desired of nobody. Else its plan is drawn up, and applying that saves
/// it.
///
/// By a change more phones than usual may get files or software on their own, whether or not it alters their values:
/// then somebody has to type their number, which comes as `confirm`.
///
/// # Errors
/// `plan_required` with the plan and its figures; `confirmation_required` with the number of clients, and
/// `too_many_targets` when phones would restart; as [`FleetChange::try_out`].
pub async fn save_or_plan(
    app: &App,
    caller: &Caller,
    change: FleetChange,
    confirm: Option<u64>,
) -> AppResult<Saved> {
    let mut tries = 0;
    loop {
        let prepared = prepare(app, &change).await?;
        prepared.gain(app, &change).await?.check_confirmed(app, caller, confirm)?;
        let at_once = app.settings.integer(SettingKey::PlansDrawnAtOnce);
        if i64::try_from(prepared.clients.len()).unwrap_or(i64::MAX) > at_once {
            return in_background(app, caller, Asked { change, confirm }, prepared).await;
        }
        let question = prepared.question(change.fields.as_ref(), None);
        let draft = draft::draw(app, &question, &prepared.clients).await?;
        if draft.summary.affected > 0 {
            return Err(store(app, caller, Asked { change, confirm }, &prepared.before, draft).await?);
        }
        tries += 1;
        match save_now(app, caller, &change, &prepared.before).await? {
            Some(saved) => return Ok(saved),
            // Somebody changed templates or groups in between.
            None if tries < TRIES => {}
            None => return Err(AppError::stale()),
        }
    }
}

/// Saves a change that concerns nobody; `None` when templates or groups are no longer as they were.
async fn save_now(
    app: &App,
    caller: &Caller,
    change: &FleetChange,
    before: &Snapshot,
) -> AppResult<Option<Saved>> {
    let tx = app.store.begin().await?;
    if versions::lock(&tx).await? != before.version {
        return Ok(None);
    }
    let saved = save(app, &tx, caller, change, before, app.clock.now()).await?;
    tx.commit().await?;
    saved.announce(app);
    Ok(Some(saved))
}

/// A change, with the number that was typed for it.
#[derive(Clone)]
struct Asked {
    change: FleetChange,
    confirm: Option<u64>,
}

fn request(asked: Asked, before: &Snapshot) -> Request {
    let Asked { change, confirm: confirmed } = asked;
    let views = change.views(before);
    Request {
        changes: Vec::new(),
        send_secrets_again: false,
        fleet: Some(FleetRequest { change, views, confirmed }),
        deployment: None,
    }
}

/// Stores a plan that was drawn up at once; gives what its author is told.
async fn store(
    app: &App,
    caller: &Caller,
    asked: Asked,
    before: &Snapshot,
    draft: Draft,
) -> AppResult<AppError> {
    let layers_version = before.version;
    let request = request(asked, before);
    let summary = draft.summary.clone();
    let tx = app.store.begin().await?;
    let record = NewRecord { kind: PlanKind::ChangeFleet, caller, request: &request, draft, layers_version };
    let plan = super::store(app, &tx, record).await?;
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Created, plan);
    Ok(required(plan, "ready", &summary))
}

/// What the author of a change is told: it waits for the plan to be applied.
fn required(plan: PlanId, state: &str, summary: &api::plan::PlanSummary) -> AppError {
    let text = "Saving this changes what is desired of clients. Look at the plan and apply it, or forget it.";
    AppError::new(Code::PlanRequired, text)
        .arg("plan", plan.0)
        .arg("state", state)
        .arg("affected", summary.affected)
        .arg("writes", summary.writes)
        .arg("restarts", summary.restarts)
        .arg("conflicts", summary.conflicts)
}

/// Draws up a plan for many clients while its author goes on; who is quick enough gets the whole answer.
async fn in_background(app: &App, caller: &Caller, asked: Asked, prepared: Prepared) -> AppResult<Saved> {
    let Some(room) = app.layers.room() else {
        let text = "Other plans for many clients are being drawn up. Try again in a moment.";
        return Err(AppError::unavailable(text, RETRY));
    };
    let before = Arc::clone(&prepared.before);
    let plan = begin(app, caller, &asked, &prepared).await?;
    let change = asked.change;
    let (drawer, fields) = (app.clone(), change.fields.clone());
    let mut drawing = tokio::spawn(async move {
        let drawn = draw(&drawer, plan, &prepared, fields.as_ref()).await;
        drop(room);
        drawn
    });
    let Ok(done) = tokio::time::timeout(PATIENCE, &mut drawing).await else {
        return Err(required(plan, "drawing", &api::plan::PlanSummary::default()));
    };
    let summary = done.map_err(AppError::internal)??;
    if summary.affected > 0 {
        return Err(required(plan, "ready", &summary));
    }
    // Nothing changes for anybody: there is nothing to look at.
    super::delete(app, caller, plan).await?;
    match save_now(app, caller, &change, &before).await? {
        Some(saved) => Ok(saved),
        None => Err(AppError::stale()),
    }
}

async fn begin(app: &App, caller: &Caller, asked: &Asked, prepared: &Prepared) -> AppResult<PlanId> {
    let created_at = app.clock.now();
    let request = request(asked.clone(), &prepared.before);
    let details = json!({
        "kind": PlanKind::ChangeFleet, "fleet": super::audited_fleet(&request),
        "clients_looked_at": prepared.clients.len(),
    });
    let text = Secret::new(serde_json::to_string(&request).map_err(AppError::internal)?);
    let summary = serde_json::to_string(&api::plan::PlanSummary::default()).map_err(AppError::internal)?;
    let row = rows::NewPlan {
        kind: kind_word(PlanKind::ChangeFleet),
        account: caller.account,
        request: &app.vault.seal(&place(caller.account, created_at), &text)?,
        summary: &summary,
        created_at,
        expires_at: created_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX),
        drawing: Some(prepared.clients.len() as u64),
        layers_version: Some(prepared.before.version),
    };
    let tx = app.store.begin().await?;
    let plan = rows::insert(&tx, &row).await?;
    super::write_audit(&tx, caller, "plan.create", plan, created_at, details).await?;
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Created, plan);
    Ok(plan)
}

async fn draw(
    app: &App,
    plan: PlanId,
    prepared: &Prepared,
    fields: Option<&FieldsChange>,
) -> AppResult<api::plan::PlanSummary> {
    let drawn = draw_and_store(app, plan, prepared, fields).await;
    if let Err(error) = &drawn {
        tracing::warn!(plan = plan.0, error = causes(error), "a plan could not be drawn up");
        let tx = app.store.begin().await?;
        let summary =
            serde_json::to_string(&api::plan::PlanSummary::default()).map_err(AppError::internal)?;
        rows::finish_drawing(&tx, plan, &summary, Some("failed"), app.clock.now()).await?;
        tx.commit().await?;
    }
    app.events.publish(Resource::Plans, events::Change::Updated, plan);
    drawn
}

async fn draw_and_store(
    app: &App,
    plan: PlanId,
    prepared: &Prepared,
    fields: Option<&FieldsChange>,
) -> AppResult<api::plan::PlanSummary> {
    let question = prepared.question(fields, Some(plan));
    let draft = draft::draw(app, &question, &prepared.clients).await?;
    let summary = draft.summary.clone();
    let text = serde_json::to_string(&summary).map_err(AppError::internal)?;
    // In bounded pieces, because everybody else waits for the write lock. Nobody looks at them before the plan is ready.
    let mut targets = draft.targets;
    while !targets.is_empty() {
        let rest = targets.split_off(targets.len().min(STORED_AT_ONCE));
        let tx = app.store.begin().await?;
        store_some(&tx, plan, &draft.diffs, targets).await?;
        if !rows::set_drawn(&tx, plan, prepared.clients.len() as u64, app.clock.now()).await? {
            return Err(AppError::not_found());
        }
        tx.commit().await?;
        targets = rest;
    }
    let tx = app.store.begin().await?;
    rows::finish_drawing(&tx, plan, &text, None, app.clock.now()).await?;
    tx.commit().await?;
    Ok(summary)
}

/// How far a plan is, as it is shown.
pub(super) fn state(now: Timestamp, plan: &Plan) -> (PlanState, Option<Reason>) {
    match plan.drawing.state.as_str() {
        "ready" => (PlanState::Ready, None),
        "drawing" => {
            let heard = plan.drawing.drawn_at.unwrap_or(plan.created_at);
            if now.duration_since(heard) > SILENCE {
                (PlanState::Failed, Some(Reason::new("interrupted")))
            } else {
                (PlanState::Drawing, None)
            }
        }
        _ => {
            let code = plan.drawing.failure.clone().unwrap_or_else(|| "failed".to_owned());
            (PlanState::Failed, Some(Reason::new(code)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PlanState, SILENCE, state};
    use crate::store::plans::{Drawing, Plan};
    use domain::{AccountId, PlanId};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_plan_nobody_works_on_any_more_has_failed() {
        let at = Timestamp::UNIX_EPOCH;
        let plan = |word: &str, failure: Option<&str>| Plan {
            id: PlanId(1),
            kind: "change-fleet".to_owned(),
            account: AccountId(1),
            author: String::new(),
            request: String::new(),
            summary: String::new(),
            created_at: at,
            expires_at: at,
            applied: false,
            job: None,
            drawing: Drawing {
                state: word.to_owned(),
                clients: 9,
                drawn: 3,
                drawn_at: Some(at + SignedDuration::from_secs(5)),
                failure: failure.map(str::to_owned),
            },
            layers_version: None,
        };
        let at_most = at + SignedDuration::from_secs(5) + SILENCE;
        assert_eq!(state(at_most, &plan("drawing", None)), (PlanState::Drawing, None));
        let later = at_most + SignedDuration::from_secs(1);
        let (gone, reason) = state(later, &plan("drawing", None));
        assert_eq!(
            (gone, reason.map(|reason| reason.code).as_deref()),
            (PlanState::Failed, Some("interrupted"))
        );
        assert_eq!(state(later, &plan("ready", None)).0, PlanState::Ready);
        assert_eq!(state(later, &plan("failed", Some("failed"))).0, PlanState::Failed);
    }
}
