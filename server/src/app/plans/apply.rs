//! Applying a plan: if it is still true, the desired values, the revisions, the audit record, the job and its
//! targets are stored in one transaction (D-22, D-27, D-34).

use std::collections::BTreeMap;
use std::error::Error as _;

use api::Code;
use api::plan::{ApplyPlan, PlanApplied, PlanKind, PlanState};
use api::revision::RevisionChange;
use domain::configuration::{Content, Layer};
use domain::deployment::DeploymentOptions;
use domain::job::{JobCause, JobKind};
use domain::setting::SettingKey;
use domain::{ClientId, JobId, PlanId};
use jiff::Timestamp;
use serde_json::json;

use super::changes::{self, Change};
use super::draft::{self, Draft, Target};
use super::fleet::Prepared;
use super::{MOST_AUDITED, NewRecord, Request, kind_of, open_request};
use crate::App;
use crate::app::caller::Caller;
use crate::app::configuration::seal_value;
use crate::app::deployments::{NewDeploymentJob, create_job};
use crate::app::error::{AppError, AppResult};
use crate::app::fleet_pictures::item_of;
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::jobs::{self, NewJob, NewTargets};
use crate::app::layers::change::FleetChange;
use crate::app::layers::save::{Saved, save};
use crate::events::{self, Resource};
use crate::status::causes;
use crate::store::plans::{self as rows, Plan};
use crate::store::revisions::NewRevision;
use crate::store::{StoreError, Tx, audit, fleet, layers, revisions};

/// How often applying is tried when another transaction waits for the same clients.
const TRIES: u32 = 3;

/// Applies a plan.
///
/// # Errors
/// `not_found`; `plan_not_ready`; `precondition_failed` when what it saves was changed since; `plan_applied` with the
/// job; `plan_stale` with the new plan; `confirmation_required` with the number; `idempotency_key_reused`.
pub async fn apply(
    app: &App,
    caller: &Caller,
    id: PlanId,
    request: &ApplyPlan,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<PlanApplied>> {
    // The same call again must get its answer, and not learn that the plan was applied.
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let plan = super::by_id(app, id).await?;
    check_unapplied(&plan)?;
    let planned = open_request(app, &plan)?;
    let kind = kind_of(&plan.kind)?;
    check_ready(app, &plan)?;
    let frozen = rows::frozen(&app.store, id).await?;
    let mut tries = 0;
    loop {
        // What it saves is laid over templates and groups as they are now.
        let prepared = match &planned.fleet {
            Some(fleet) => Some(super::fleet::prepare(app, &fleet.change).await?),
            None => None,
        };
        let clients: Vec<ClientId> = match &prepared {
            Some(prepared) => prepared.clients.clone(),
            None => frozen.iter().map(|target| target.client).collect(),
        };
        let fields = planned.fleet.as_ref().and_then(|fleet| fleet.change.fields.as_ref());
        let question = match &prepared {
            Some(prepared) => prepared.question(fields, None),
            None => planned.question(kind, false),
        };
        let draft = draft::draw(app, &question, &clients).await?;
        if draft.frozen()? != frozen {
            return Err(stale(app, caller, kind, &planned, draft).await?);
        }
        if kind == PlanKind::DeploySoftware {
            // New firmware takes phones out of service, as a restart does.
            jobs::check_number(app, caller, draft.summary.writes)?;
        }
        let gained = match (&planned.fleet, &prepared) {
            (Some(fleet), Some(prepared)) => {
                let gain = prepared.gain(app, &fleet.change).await?;
                gain.check_number(app, caller)?;
                // Templates and clients may be others than when it was asked for.
                if gain.is_open(app, caller, fleet.confirmed) { gain.clients } else { 0 }
            }
            _ => 0,
        };
        check_confirmed(app, caller, request, &draft, gained).await?;
        let again = planned.send_secrets_again || request.send_secrets_again;
        let application = Application {
            app,
            caller,
            plan: &plan,
            changes: &planned.changes,
            send_secrets_again: again,
            deployment: planned.deployment.as_ref(),
            draft: &draft,
            request,
            fleet: planned
                .fleet
                .as_ref()
                .zip(prepared.as_ref())
                .map(|(fleet, prepared)| (&fleet.change, prepared)),
        };
        tries += 1;
        match application.store(key).await {
            Ok(Stored::Done(created)) => {
                if let Some(prepared) = &prepared {
                    let targets = draft.targets.iter().map(|target| target.client).collect();
                    if let Err(error) = super::fleet::call_latecomers(app, prepared, &targets).await {
                        // They are looked at when they come by themselves.
                        tracing::warn!(plan = id.0, error = causes(&error), "clients could not be called");
                    }
                }
                return Ok(created);
            }
            // Somebody changed a client in between: the next drawing shows what that means.
            Ok(Stored::Overtaken) if tries < TRIES => {}
            Ok(Stored::Overtaken) => return Err(stale(app, caller, kind, &planned, draft).await?),
            Err(error) if tries < TRIES && is_deadlock(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_deadlock(error: &AppError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<StoreError>());
    matches!(source, Some(StoreError::Deadlock { .. }))
}

fn check_ready(app: &App, plan: &Plan) -> AppResult<()> {
    match super::fleet::state(app.clock.now(), plan).0 {
        PlanState::Ready => Ok(()),
        PlanState::Drawing | PlanState::Failed => {
            let error = AppError::new(Code::PlanNotReady, "The plan is not drawn up yet, or could not be.");
            Err(error.arg("plan", plan.id.0))
        }
    }
}

fn check_unapplied(plan: &Plan) -> AppResult<()> {
    if plan.applied {
        let error = AppError::new(Code::PlanApplied, "This plan was applied before.");
        return Err(error.arg("job", plan.job.map(|job| job.0)));
    }
    Ok(())
}

/// The plan is no longer true: what is true now is a new plan.
async fn stale(
    app: &App,
    caller: &Caller,
    kind: PlanKind,
    planned: &Request,
    draft: Draft,
) -> AppResult<AppError> {
    let tx = app.store.begin().await?;
    let layers_version = layers::version(&tx).await?;
    let record = NewRecord { kind, caller, request: planned, draft, layers_version };
    let plan = super::store(app, &tx, record).await?;
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Created, plan);
    let text = "Something has changed since the plan was made. A new plan shows what would be done now.";
    Ok(AppError::new(Code::PlanStale, text).arg("plan", plan.0))
}

/// One slip must not cut off a fleet. So many clients as `gained` get files or software on their own by it, and nobody
/// has confirmed that yet.
async fn check_confirmed(
    app: &App,
    caller: &Caller,
    request: &ApplyPlan,
    draft: &Draft,
    gained: u64,
) -> AppResult<()> {
    let without = app.settings.integer(SettingKey::JobsConfirmBeyond).unsigned_abs();
    let targets = draft.summary.writes.max(gained);
    let cuts_off = draft.summary.care > without;
    if !cuts_off && targets <= super::confirm_beyond(app, caller) {
        return Ok(());
    }
    if cuts_off {
        caller.require_confirmed(app).await?;
    }
    if request.confirm != Some(targets) {
        let text = if cuts_off {
            "These values can cut phones off. Confirm by naming the number of clients in confirm."
        } else {
            "These are many clients. Confirm by naming their number in confirm."
        };
        return Err(AppError::new(Code::ConfirmationRequired, text).arg("targets", targets));
    }
    Ok(())
}

enum Stored {
    Done(Created<PlanApplied>),
    Overtaken,
}

struct Application<'a> {
    app: &'a App,
    caller: &'a Caller,
    plan: &'a Plan,
    changes: &'a [Change],
    send_secrets_again: bool,
    deployment: Option<&'a DeploymentOptions>,
    draft: &'a Draft,
    request: &'a ApplyPlan,
    /// Templates, groups and fields that are saved, with what they were laid over.
    fleet: Option<(&'a FleetChange, &'a Prepared)>,
}

impl Application<'_> {
    async fn store(&self, key: Option<&IdempotencyKey>) -> AppResult<Stored> {
        let (app, at) = (self.app, self.app.clock.now());
        let tx = app.store.begin().await?;
        if let Some(earlier) = idempotency::begin(app, &tx, self.caller, key).await? {
            return Ok(Stored::Done(earlier));
        }
        if let Some((_, prepared)) = self.fleet
            && layers::lock(&tx).await? != prepared.before.version
        {
            return Ok(Stored::Overtaken);
        }
        let plan = rows::hold(&tx, self.plan.id, at).await?.ok_or_else(AppError::not_found)?;
        check_unapplied(&plan)?;
        if !self.hold_clients(&tx).await? {
            return Ok(Stored::Overtaken);
        }
        let mut changed = self.set_values(&tx, at).await?;
        let saved = match self.fleet {
            None => Saved::default(),
            Some((change, prepared)) => {
                self.forget_held_back(&tx).await?;
                changed.extend(self.draft.targets.iter().map(|target| target.client));
                save(app, &tx, self.caller, change, &prepared.before, at).await?
            }
        };
        let approved = self.approve(&tx, at).await?;
        let (job, targets) = self.make_job(&tx).await?;
        revisions::insert(&tx, self.revisions()?, &self.caller.actor(), job, at).await?;
        self.audit(&tx, job, changed.len(), approved, at).await?;
        rows::set_applied(&tx, self.plan.id, job).await?;
        let value = PlanApplied {
            plan_id: self.plan.id,
            job_id: job,
            targets,
            changed: changed.len() as u64,
            approved,
            templates: saved.templates.clone(),
            groups: saved.groups.clone(),
        };
        idempotency::end(app, &tx, self.caller, key, &value).await?;
        tx.commit().await?;
        app.events.publish(Resource::Plans, events::Change::Updated, self.plan.id);
        if self.fleet.is_some() {
            saved.announce(app);
        }
        if let Some(job) = job {
            jobs::announce(app, job);
        }
        for client in changed {
            app.events.publish(Resource::Clients, events::Change::Updated, client);
        }
        Ok(Stored::Done(Created { value, replayed: false }))
    }

    /// Holds every client of the plan; `false` when one was changed since the draft was drawn.
    async fn hold_clients(&self, tx: &Tx) -> AppResult<bool> {
        let wanted: BTreeMap<ClientId, i64> = self
            .draft
            .targets
            .iter()
            .filter(|target| target.excluded.is_none() || !target.edits.is_empty())
            .map(|target| (target.client, target.configuration_revision))
            .collect();
        let ids: Vec<ClientId> = wanted.keys().copied().collect();
        let held: BTreeMap<ClientId, i64> = fleet::lock(tx, &ids).await?.into_iter().collect();
        Ok(held == wanted)
    }

    fn edited(&self) -> impl Iterator<Item = &Target> {
        self.draft.targets.iter().filter(|target| !target.edits.is_empty())
    }

    /// Sets and removes the values, change by change for all clients; gives the clients.
    async fn set_values(&self, tx: &Tx, at: Timestamp) -> AppResult<Vec<ClientId>> {
        let mut by_change: BTreeMap<usize, Vec<ClientId>> = BTreeMap::new();
        for target in self.edited() {
            for edit in &target.edits {
                by_change.entry(edit.change).or_default().push(target.client);
            }
        }
        for (place, clients) in &by_change {
            let Some(change) = self.changes.get(*place) else { continue };
            match &change.value {
                None => fleet::remove_value(tx, clients, &change.key).await?,
                Some(value) if changes::is_secret(&self.app.catalogue, &change.key) => {
                    let seal = |client: &ClientId| {
                        seal_value(self.app, *client, Layer::Client, &change.key, value)
                            .map(|sealed| (*client, sealed))
                    };
                    let sealed = clients.iter().map(seal).collect::<Result<Vec<_>, _>>()?;
                    fleet::set_sealed(tx, &sealed, &change.key, at).await?;
                }
                Some(value) => {
                    let text = serde_json::to_string(value).map_err(AppError::internal)?;
                    fleet::set_value(tx, clients, &change.key, &text, at).await?;
                }
            }
        }
        self.begin_anew(tx).await?;
        let changed: Vec<ClientId> = self.edited().map(|target| target.client).collect();
        fleet::bump_revisions(tx, &changed, at).await?;
        Ok(changed)
    }

    /// What was refused or drifted before does not keep these values back.
    async fn begin_anew(&self, tx: &Tx) -> AppResult<()> {
        let clients: Vec<ClientId> =
            self.draft.targets.iter().filter(|target| target.takes_values).map(|t| t.client).collect();
        for change in self.changes {
            if let Some(item) = item_of(&self.app.catalogue, &change.key)
                && let Some(number) = self.app.store.item_number(&item.name)
            {
                fleet::begin_anew(tx, &clients, number, item.index).await?;
            }
        }
        Ok(())
    }

    /// Templates or fields want other values now: what was refused or drifted before does not keep them back.
    async fn forget_held_back(&self, tx: &Tx) -> AppResult<()> {
        let mut by_item: BTreeMap<(i64, Option<u16>), Vec<ClientId>> = BTreeMap::new();
        for target in &self.draft.targets {
            for item in &target.held_back {
                if let Some(number) = self.app.store.item_number(&item.name) {
                    by_item.entry((number, item.index)).or_default().push(target.client);
                }
            }
        }
        for ((item, index), clients) in by_item {
            fleet::begin_anew(tx, &clients, item, index).await?;
        }
        Ok(())
    }

    /// Only clients that are written to: what is quarantined must be released first.
    async fn approve(&self, tx: &Tx, at: Timestamp) -> AppResult<u64> {
        if !self.request.approve {
            return Ok(0);
        }
        let written = self.draft.targets.iter().filter(|target| target.excluded.is_none());
        let clients: Vec<ClientId> = written.map(|target| target.client).collect();
        Ok(fleet::approve(tx, &clients, at).await?)
    }

    async fn make_job(&self, tx: &Tx) -> AppResult<(Option<JobId>, u64)> {
        if self.draft.summary.writes == 0 {
            return Ok((None, 0));
        }
        if let Some(options) = self.deployment {
            let job = NewDeploymentJob {
                cause: JobCause::User,
                initiator: self.caller.actor(),
                options: options.clone(),
                targets: NewTargets::Plan(self.plan.id),
                plan: Some(self.plan.id),
                planned_at: self.request.planned_at,
            };
            let created = create_job(self.app, tx, job).await?;
            return Ok((Some(created.id), created.targets));
        }
        // Also for a plan of kind `converge`: the engine's own converge jobs leave drift alone and are merged,
        // which an administrator's must not be.
        let (kind, cause) = match self.fleet {
            Some(_) => (JobKind::Converge, JobCause::Templates),
            None => (JobKind::WriteConfiguration, JobCause::User),
        };
        let job = NewJob {
            kind,
            cause,
            initiator: self.caller.actor(),
            options: json!({
                "approve": self.request.approve, "send_secrets_again": self.send_secrets_again,
            }),
            plan: Some(self.plan.id),
            planned_at: self.request.planned_at,
            targets: NewTargets::Plan(self.plan.id),
        };
        let created = jobs::create(self.app, tx, job).await?;
        Ok((Some(created.id), created.targets))
    }

    fn revisions(&self) -> AppResult<Vec<NewRevision>> {
        self.edited()
            .map(|target| {
                let changes: Vec<RevisionChange> =
                    target.edits.iter().filter_map(|edit| self.revision_change(edit)).collect();
                Ok(NewRevision {
                    client: target.client,
                    number: target.configuration_revision + 1,
                    changes: serde_json::to_string(&changes).map_err(AppError::internal)?,
                })
            })
            .collect()
    }

    fn revision_change(&self, edit: &draft::Edit) -> Option<RevisionChange> {
        let change = self.changes.get(edit.change)?;
        let secret = changes::is_secret(&self.app.catalogue, &change.key);
        let before = match &edit.before {
            Some(Content::Plain(value)) if !secret => Some(value.clone()),
            Some(Content::Plain(_) | Content::Secret(_)) | None => None,
        };
        Some(RevisionChange {
            parameter: change.key.parameter.clone(),
            index: change.key.index,
            secret,
            was_set: edit.before.is_some(),
            before,
            is_set: change.value.is_some(),
            after: change.value.clone().filter(|_| !secret),
        })
    }

    /// One record for all clients; what changed for each is in its revisions.
    async fn audit(
        &self,
        tx: &Tx,
        job: Option<JobId>,
        changed: usize,
        approved: u64,
        at: Timestamp,
    ) -> AppResult<()> {
        let clients: Vec<ClientId> = self.draft.targets.iter().take(MOST_AUDITED).map(|t| t.client).collect();
        let details = json!({
            "plan": self.plan.id, "kind": self.plan.kind, "job": job, "targets": self.draft.summary.targets,
            "writes": self.draft.summary.writes, "changed": changed, "approved": approved,
            "send_secrets_again": self.send_secrets_again, "planned_at": self.request.planned_at,
            "clients": clients, "number_of_changes": self.changes.len(),
            "changes": changes::audited(&self.app.catalogue, self.changes),
            "affected": self.draft.summary.affected, "deployment": self.deployment,
        });
        let (actor, object_id) = (&self.caller.actor(), self.plan.id.to_string());
        let record = audit::NewRecord {
            at,
            actor,
            action: if self.deployment.is_some() { "client.deploy" } else { "client.configure" },
            object_kind: "plan",
            object_id,
            details,
        };
        audit::append(tx, &record).await?;
        Ok(())
    }
}
