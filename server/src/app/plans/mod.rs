//! Plans: a change is asked for, drawn up, looked at, and then applied (D-27). Nothing is written to a phone, and
//! no desired value is set, before a plan is applied.

mod apply;
mod changes;
mod draft;
mod fleet;
pub(super) mod gain;

pub use apply::apply;
pub(super) use draft::{pending, withheld};
pub use fleet::save_or_plan;

use std::collections::{BTreeSet, HashMap};

use api::configuration::Reason;
use api::plan::{
    FleetChangeView, NewPlan, PlanKind, PlanProgress, PlanSummary, PlanTargetQuery, PlanTargetView, PlanView,
    RowView,
};
use api::{Code, FieldError, Page, field};
use domain::configuration::Row;
use domain::deployment::DeploymentOptions;
use domain::job::JobKind;
use domain::setting::SettingKey;
use domain::{AccountId, ClientId, DeviceId, DiffId, PlanId, Role, Secret};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use self::changes::Change;
use self::draft::{Draft, Question, Remarks, Target};
use super::caller::Caller;
use super::deployments::options;
use super::deployments::view::deployment as deployment_view;
use super::error::{AppError, AppResult};
use super::idempotency::{self, Created, IdempotencyKey};
use super::layers::change::FleetChange;
use super::paging::Paging;
use super::tasks::kinds::Kind;
use super::{cursor, selection};
use crate::App;
use crate::events::{self, Resource};
use crate::store::plans::{self as rows, NewTarget, Plan, PlanTarget};
use crate::store::tasks::{self, Purged};
use crate::store::{StoreError, StoreResult, Tx, audit, layers};

/// How long a plan is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Most targets deleted in one transaction; a plan for a whole fleet has 100,000.
const MOST_ROWS: u64 = 1_000;

/// Clients named in an audit record; their number is always there.
const MOST_AUDITED: usize = 50;

/// What was asked for, as it is stored: sealed, because values may be secrets.
#[derive(Serialize, Deserialize)]
struct Request {
    changes: Vec<Change>,
    send_secrets_again: bool,
    /// Templates, groups and fields that are saved.
    #[serde(default)]
    fleet: Option<FleetRequest>,
    /// What is deployed.
    #[serde(default)]
    deployment: Option<DeploymentOptions>,
}

/// What is saved by a plan, with how it is shown: names as they were when it was made.
#[derive(Serialize, Deserialize)]
struct FleetRequest {
    change: FleetChange,
    views: Vec<FleetChangeView>,
    /// Number of clients that get files or software by it on their own, typed by who asked for the plan.
    #[serde(default)]
    confirmed: Option<u64>,
}

impl Request {
    /// What it asks of the clients.
    fn question(&self, kind: PlanKind, strict: bool) -> Question<'_> {
        Question {
            kind,
            changes: &self.changes,
            send_secrets_again: self.send_secrets_again,
            strict,
            fleet: None,
            progress: None,
            deployment: self.deployment.as_ref(),
        }
    }
}

/// The place a request is sealed for; a row of it moved elsewhere does not open.
fn place(account: AccountId, created_at: Timestamp) -> String {
    format!("plan:{account}:{}", created_at.as_millisecond())
}

fn kind_word(kind: PlanKind) -> &'static str {
    match kind {
        PlanKind::WriteConfiguration => "write-configuration",
        PlanKind::Converge => "converge",
        PlanKind::ChangeFleet => "change-fleet",
        PlanKind::DeployFiles => "deploy-files",
        PlanKind::DeploySoftware => "deploy-software",
    }
}

fn kind_of(word: &str) -> AppResult<PlanKind> {
    let kinds = [
        PlanKind::WriteConfiguration,
        PlanKind::Converge,
        PlanKind::ChangeFleet,
        PlanKind::DeployFiles,
        PlanKind::DeploySoftware,
    ];
    let corrupt = StoreError::Corrupt { attempt: "read a plan", what: "plan.kind" };
    kinds.into_iter().find(|kind| kind_word(*kind) == word).ok_or_else(|| corrupt.into())
}

fn open_request(app: &App, plan: &Plan) -> AppResult<Request> {
    let text = app.vault.open(&place(plan.account, plan.created_at), &plan.request)?;
    serde_json::from_str(text.expose()).map_err(AppError::internal)
}

/// The kind of job a plan that deploys becomes.
fn deploys(kind: PlanKind) -> Option<JobKind> {
    match kind {
        PlanKind::DeployFiles => Some(JobKind::DeployFiles),
        PlanKind::DeploySoftware => Some(JobKind::DeploySoftware),
        PlanKind::WriteConfiguration | PlanKind::Converge | PlanKind::ChangeFleet => None,
    }
}

/// What a plan saves, as an audit record names it: the first things, and of each the first changes.
fn audited_fleet(request: &Request) -> Option<Vec<Json>> {
    let views = &request.fleet.as_ref()?.views;
    let short = |view: &FleetChangeView| {
        let changed: Vec<&String> = view.changed.iter().take(MOST_AUDITED).collect();
        json!({
            "object": view.object, "id": view.id, "name": view.name, "action": view.action, "changed": changed,
            "number_changed": view.changed.len(),
        })
    };
    Some(views.iter().take(MOST_AUDITED).map(short).collect())
}

/// A plan to be stored.
struct NewRecord<'a> {
    kind: PlanKind,
    caller: &'a Caller,
    request: &'a Request,
    draft: Draft,
    /// Version of templates and groups it was made of.
    layers_version: i64,
}

/// Stores a drawn plan with its audit record (D-34).
async fn store(app: &App, tx: &Tx, new: NewRecord<'_>) -> AppResult<PlanId> {
    let created_at = app.clock.now();
    let request = serde_json::to_string(new.request);
    let request = Secret::new(request.map_err(AppError::internal)?);
    let summary = serde_json::to_string(&new.draft.summary).map_err(AppError::internal)?;
    let account = new.caller.account;
    let clients: Vec<ClientId> = new.draft.targets.iter().take(MOST_AUDITED).map(|t| t.client).collect();
    let details = json!({
        "kind": new.kind, "targets": new.draft.summary.targets, "writes": new.draft.summary.writes,
        "clients": clients, "number_of_changes": new.request.changes.len(),
        "changes": changes::audited(&app.catalogue, &new.request.changes),
        "send_secrets_again": new.request.send_secrets_again, "fleet": audited_fleet(new.request),
        "deployment": new.request.deployment,
    });
    let row = rows::NewPlan {
        kind: kind_word(new.kind),
        account,
        request: &app.vault.seal(&place(account, created_at), &request)?,
        summary: &summary,
        created_at,
        expires_at: created_at.saturating_add(KEPT).unwrap_or(Timestamp::MAX),
        drawing: None,
        // What is deployed does not follow from templates: other ones do not overtake it.
        layers_version: deploys(new.kind).is_none().then_some(new.layers_version),
    };
    let plan = rows::insert(tx, &row).await?;
    store_targets(tx, plan, new.draft).await?;
    write_audit(tx, new.caller, "plan.create", plan, created_at, details).await?;
    Ok(plan)
}

/// Stores what was drawn for each client.
async fn store_targets(tx: &Tx, plan: PlanId, draft: Draft) -> AppResult<()> {
    store_some(tx, plan, &draft.diffs, draft.targets).await
}

/// Stores what was drawn for some clients, with the diffs they have of all.
async fn store_some(tx: &Tx, plan: PlanId, diffs: &[Vec<Row>], drawn: Vec<Target>) -> AppResult<()> {
    let used: BTreeSet<usize> = drawn.iter().filter_map(|target| target.diff).collect();
    let rows: Vec<Vec<Row>> = used.iter().filter_map(|place| diffs.get(*place).cloned()).collect();
    let stored = rows::intern_diffs(tx, &rows).await?;
    let ids: HashMap<usize, DiffId> = used.into_iter().zip(stored).collect();
    let mut targets = Vec::with_capacity(drawn.len());
    for target in drawn {
        targets.push(NewTarget {
            client: target.client,
            diff: target.diff.and_then(|place| ids.get(&place).copied()),
            excluded: target.excluded.map(str::to_owned),
            remarks: serde_json::to_string(&target.remarks).map_err(AppError::internal)?,
            configuration_revision: target.configuration_revision,
            basis: target.basis,
        });
    }
    rows::insert_targets(tx, plan, targets).await?;
    Ok(())
}

async fn write_audit(
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    id: PlanId,
    at: Timestamp,
    details: Json,
) -> StoreResult<()> {
    let (actor, object_id) = (&caller.actor(), id.to_string());
    let record = audit::NewRecord { at, actor, action, object_kind: "plan", object_id, details };
    audit::append(tx, &record).await.map(|_| ())
}

/// Draws up a plan. Desired values and phones stay as they are.
///
/// # Errors
/// `invalid_fields`, `no_targets`, `idempotency_key_reused`.
pub async fn create(
    app: &App,
    caller: &Caller,
    new: NewPlan,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<PlanView>> {
    let changes = changes::read(&app.catalogue, &new)?;
    if new.kind == PlanKind::ChangeFleet {
        let text = "is made by saving templates, groups or fields";
        return Err(AppError::field(FieldError::new("/kind", field::INVALID, text)));
    }
    // The same call again must get its answer, also when its clients have changed or are gone.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let deployment = match (deploys(new.kind), &new.deployment) {
        (Some(kind), Some(new)) => Some(options::read(&app.store, kind, new).await?),
        _ => None,
    };
    let send_secrets_again = new.send_secrets_again;
    let request = Request { changes, send_secrets_again, fleet: None, deployment };
    let clients = selection::clients(app, &new.targets).await?;
    if clients.is_empty() {
        return Err(AppError::new(Code::NoTargets, "No client is selected."));
    }
    let question = request.question(new.kind, true);
    let draft = draft::draw(app, &question, &clients).await?;
    let tx = app.store.begin().await?;
    if let Some(earlier) = idempotency::begin(app, &tx, caller, key).await? {
        return Ok(earlier);
    }
    let layers_version = layers::version(&tx).await?;
    let record = NewRecord { kind: new.kind, caller, request: &request, draft, layers_version };
    let id = store(app, &tx, record).await?;
    let plan = rows::by_id(&tx, id, app.clock.now()).await?.ok_or_else(AppError::not_found)?;
    let value = view(app, caller, plan, &request, false)?;
    idempotency::end(app, &tx, caller, key, &value).await?;
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Created, id);
    Ok(Created { value, replayed: false })
}

fn view(app: &App, caller: &Caller, plan: Plan, request: &Request, stale: bool) -> AppResult<PlanView> {
    let corrupt = |_| StoreError::Corrupt { attempt: "read a plan", what: "plan.summary" };
    let summary: PlanSummary = serde_json::from_str(&plan.summary).map_err(corrupt)?;
    let (state, failure) = fleet::state(app.clock.now(), &plan);
    Ok(PlanView {
        id: plan.id,
        kind: kind_of(&plan.kind)?,
        author: plan.author,
        created_at: plan.created_at,
        expires_at: plan.expires_at,
        changes: changes::views(&app.catalogue, &request.changes),
        send_secrets_again: request.send_secrets_again,
        fleet: request.fleet.as_ref().map(|fleet| fleet.views.clone()).unwrap_or_default(),
        deployment: request.deployment.as_ref().map(deployment_view),
        progress: PlanProgress { drawn: plan.drawing.drawn, clients: plan.drawing.clients },
        state,
        failure,
        summary,
        confirm_beyond: confirm_beyond(app, caller),
        stale: stale && !plan.applied,
        job_id: plan.job,
    })
}

/// Most clients somebody's plan may write to without their number being typed.
pub(super) fn confirm_beyond(app: &App, caller: &Caller) -> u64 {
    let key = if caller.roles.contains(Role::Admin) {
        SettingKey::PlansConfirmBeyondForAdministrators
    } else {
        SettingKey::PlansConfirmBeyond
    };
    app.settings.integer(key).unsigned_abs()
}

async fn by_id(app: &App, id: PlanId) -> AppResult<Plan> {
    rows::by_id(&app.store, id, app.clock.now()).await?.ok_or_else(AppError::not_found)
}

/// A plan that is not over.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, caller: &Caller, id: PlanId) -> AppResult<PlanView> {
    let plan = by_id(app, id).await?;
    let other_layers = match plan.layers_version {
        Some(version) => layers::version(&app.store).await? != version,
        None => false,
    };
    let stale = other_layers || rows::is_overtaken(&app.store, id).await?;
    let request = open_request(app, &plan)?;
    view(app, caller, plan, &request, stale)
}

/// The clients of a plan, by their ids.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn targets(app: &App, id: PlanId, query: PlanTargetQuery) -> AppResult<Page<PlanTargetView>> {
    by_id(app, id).await?;
    let order = ("plan", id, query.excluded);
    let after = query.after.as_deref().filter(|text| !text.is_empty());
    let after: Option<ClientId> = after.map(|text| cursor::decode(&order, text, "after")).transpose()?;
    let paged = after.is_none();
    let paging = Paging::new(if paged { query.page } else { None }, query.size, Some("after"))?;
    let (found, total) = tokio::try_join!(
        rows::targets(&app.store, id, query.excluded, after, paging.skip(), paging.size),
        rows::count_targets(&app.store, id, query.excluded),
    )?;
    let full = found.len() as u64 == paging.size;
    let more = if paged { full && paging.has_more(total) } else { full };
    let next = found.last().filter(|_| more).map(|last| cursor::encode(&order, &last.client)).transpose()?;
    let items = found.into_iter().map(target_view).collect::<AppResult<_>>()?;
    Ok(Page { items, total, page: paged.then_some(paging.page), size: paging.size, next })
}

fn target_view(target: PlanTarget) -> AppResult<PlanTargetView> {
    let corrupt = |_| StoreError::Corrupt { attempt: "read a plan", what: "plan_target.excluded_args" };
    let remarks: Remarks = serde_json::from_str(&target.remarks).map_err(corrupt)?;
    let device = target.device_id.and_then(|text| text.parse::<DeviceId>().ok());
    Ok(PlanTargetView {
        client_id: target.client,
        device_id: device.map(|device| device.to_string()),
        e164: target.e164,
        model: target.model,
        rows: target.rows.into_iter().map(RowView::from).collect(),
        left_out: remarks.left_out,
        withheld: remarks.withheld,
        conflicts: remarks.conflicts,
        brought_back: remarks.brought_back,
        excluded: target.excluded.map(|code| Reason { code, args: remarks.args }),
    })
}

/// Forgets a plan. A job it became goes on.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: &App, caller: &Caller, id: PlanId) -> AppResult<()> {
    let at = app.clock.now();
    let tx = app.store.begin().await?;
    let plan = rows::hold(&tx, id, at).await?.ok_or_else(AppError::not_found)?;
    rows::end(&tx, id, at).await?;
    let details = json!({"kind": plan.kind, "applied": plan.applied, "job": plan.job});
    write_audit(&tx, caller, "plan.delete", id, at, details).await?;
    let word = Kind::PurgePlans.as_str();
    tasks::enqueue(&tx, word, Some(word), &Json::Null, at, at).await?;
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Deleted, id);
    Ok(())
}

/// Deletes plans that are over, in bounded transactions; a background task does it from time to time. Gives how
/// many.
///
/// # Errors
/// When the database refuses.
pub async fn purge(app: &App) -> StoreResult<u64> {
    let mut number = 0;
    loop {
        let tx = app.store.begin().await?;
        let purged = rows::purge(&tx, app.clock.now(), MOST_ROWS).await?;
        tx.commit().await?;
        number += purged.things;
        if purged == Purged::default() {
            return Ok(number);
        }
    }
}
