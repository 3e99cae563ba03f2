//! What a plan comes to: for each client what would be written, what not and why, and what would be stored (D-22
//! … D-24, D-27). Nothing is changed here; the same draft is drawn again when the plan is applied.

mod deploy;
mod fleet;
mod returning;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::configuration::Reason;
use api::plan::{
    BroughtBackFile, ConflictView, LeftOutView, ParameterEntry, PlanKind, PlanSummary, WithheldView,
};
use domain::catalogue::rules::{CrossFault, check_changes};
use domain::catalogue::{Kind, ParameterKey, Value};
use domain::client::ClientState;
use domain::configuration::{
    Content, Desired, Difference, HandOut, ItemKey, Layer, Picture, Row, Scope, Withheld, difference,
    may_hand_out,
};
use domain::deployment::DeploymentOptions;
use domain::model::may_show_entities;
use domain::setting::SettingKey;
use domain::{ClientId, PlanId};
use serde::{Deserialize, Serialize};

pub(super) use self::fleet::Fleet;
use self::fleet::fleet_view;
use super::changes::{self, Change, Reach};
use crate::App;
use crate::app::configuration::{self, Portrait};
use crate::app::error::{AppError, AppResult};
use crate::app::fleet_pictures::{self, AT_ONCE, View, item_of, reported_value};
use crate::app::layers::settle::settle;
use crate::events::{self, Resource};
use crate::store::desired::StoredValue;
use crate::store::plans::{self, Frozen};

/// Clients between two notes of how far a plan is; each is a commit.
const NOTED_EACH: u64 = 5_000;

/// Why a client gets nothing now. The words are stored and shown.
mod excluded {
    pub(super) const DELETED: &str = "deleted";
    pub(super) const QUARANTINED: &str = "quarantined";
    pub(super) const NOT_YET_SEEN: &str = "not-yet-seen";
    pub(super) const NOTHING_TO_DO: &str = "nothing-to-do";
    pub(super) const OTHER_KIND: &str = "other-kind";
    pub(super) const CONTRADICTION: &str = "contradiction";
    pub(super) const RETIRED: &str = "retired";
}

/// What else there is to say of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Remarks {
    /// Arguments of the reason why it is excluded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) args: BTreeMap<String, String>,
    /// Values that are not written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<LeftOutView>,
    /// Secrets that would not be handed out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) withheld: Vec<WithheldView>,
    /// Where templates of equal rank disagree, and did not before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) conflicts: Vec<ConflictView>,
    /// Files that are deleted and that a template brings back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) brought_back: Vec<BroughtBackFile>,
}

/// A value that changes for a client.
pub(super) struct Edit {
    /// Place of the change in the plan.
    pub(super) change: usize,
    /// What the client had.
    pub(super) before: Option<Content>,
}

/// One client of a draft.
pub(super) struct Target {
    pub(super) client: ClientId,
    /// Place of its diff; `None` when nothing is written.
    pub(super) diff: Option<usize>,
    pub(super) excluded: Option<&'static str>,
    pub(super) remarks: Remarks,
    pub(super) configuration_revision: i64,
    pub(super) basis: Vec<u8>,
    /// What changes in its desired configuration.
    pub(super) edits: Vec<Edit>,
    /// Whether it gets the values at all.
    pub(super) takes_values: bool,
    /// Items that drift or a refusal held back, and for which templates or fields want another value now.
    pub(super) held_back: Vec<ItemKey>,
}

/// What a plan comes to.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) targets: Vec<Target>,
    /// Diffs, each once.
    pub(super) diffs: Vec<Vec<Row>>,
    pub(super) summary: PlanSummary,
}

impl Draft {
    /// As the plan keeps it, for comparing.
    pub(super) fn frozen(&self) -> AppResult<Vec<Frozen>> {
        let digests: Vec<Vec<u8>> =
            self.diffs.iter().map(|rows| plans::diff_digest(rows)).collect::<Result<_, _>>()?;
        let freeze = |target: &Target| Frozen {
            client: target.client,
            excluded: target.excluded.map(str::to_owned),
            configuration_revision: target.configuration_revision,
            basis: target.basis.clone(),
            diff: target.diff.and_then(|place| digests.get(place).cloned()),
        };
        Ok(self.targets.iter().map(freeze).collect())
    }
}

/// What the clients of a draft are asked about.
pub(super) struct Question<'a> {
    pub(super) kind: PlanKind,
    pub(super) changes: &'a [Change],
    /// Whether it does not matter which secrets the phone has.
    pub(super) send_secrets_again: bool,
    /// Whether changes that contradict for every client are the caller's mistake.
    pub(super) strict: bool,
    /// What templates, groups and fields will be.
    pub(super) fleet: Option<Fleet<'a>>,
    /// The plan that is told how far the drawing is.
    pub(super) progress: Option<PlanId>,
    /// What is deployed, by a plan that deploys.
    pub(super) deployment: Option<&'a DeploymentOptions>,
}

/// Draws the draft of a plan for these clients.
///
/// # Errors
/// `invalid_fields` when the changes contradict something for every client that can have them, or remove what no
/// client has.
pub(super) async fn draw(app: &App, question: &Question<'_>, clients: &[ClientId]) -> AppResult<Draft> {
    if let Some(options) = question.deployment {
        return deploy::draw(app, options, clients).await;
    }
    let reach = Reach::of(&app.catalogue, question.changes);
    let view = match question.kind {
        PlanKind::WriteConfiguration => reach.view(app, question.changes),
        PlanKind::Converge => View::default(),
        PlanKind::ChangeFleet => fleet_view(app, question),
        // Drawn above.
        PlanKind::DeployFiles | PlanKind::DeploySoftware => View::default(),
    };
    let mut drawing = Drawing {
        app,
        question,
        reach,
        draft: Draft::default(),
        places: HashMap::new(),
        known: HashMap::new(),
        parameters: view.parameters.clone(),
        window_open: is_window_open(app),
        removable: vec![false; question.changes.len()],
        fault: None,
        accepted: 0,
    };
    let mut clients = clients.to_vec();
    clients.sort_unstable();
    clients.dedup();
    let mut looked_at = 0;
    for chunk in clients.chunks(AT_ONCE) {
        let portraits = fleet_pictures::portraits(app, &app.store, chunk, &view).await?;
        let mut portraits = portraits.into_iter().peekable();
        for client in chunk {
            match portraits.next_if(|portrait| portrait.client.id == *client) {
                Some(portrait) => drawing.examine(portrait)?,
                // Who is gone has nothing that a template could change.
                None if question.fleet.is_some() => {}
                None => drawing.exclude(*client, 0, excluded::DELETED, Remarks::default(), Vec::new()),
            }
        }
        looked_at += chunk.len() as u64;
        if let Some(plan) = question.progress
            && looked_at % NOTED_EACH == 0
        {
            note_progress(app, plan, looked_at).await?;
        }
        // A fleet keeps the processor for a while: others have their turn in between.
        tokio::task::yield_now().await;
    }
    drawing.close()
}

async fn note_progress(app: &App, plan: PlanId, looked_at: u64) -> AppResult<()> {
    let tx = app.store.begin().await?;
    if !plans::set_drawn(&tx, plan, looked_at, app.clock.now()).await? {
        // Nobody waits for it any more.
        return Err(AppError::not_found());
    }
    tx.commit().await?;
    app.events.publish(Resource::Plans, events::Change::Updated, plan);
    Ok(())
}

fn is_window_open(app: &App) -> bool {
    let until = app.settings.instant(SettingKey::OnboardingWindowUntil);
    until.is_some_and(|until| app.clock.now() < until)
}

/// Values the rules across fields look at, for one kind of clients.
type Given = (Kind, Vec<Option<Value>>);

struct Drawing<'a> {
    app: &'a App,
    question: &'a Question<'a>,
    reach: Reach,
    draft: Draft,
    /// Places of diffs that are there already.
    places: HashMap<Vec<Row>, usize>,
    /// Most clients of a fleet have the same values: what the rules said of them.
    known: HashMap<Given, Vec<CrossFault>>,
    window_open: bool,
    /// Parameters that are looked at; `None` for all.
    parameters: Option<BTreeSet<String>>,
    /// Changes that remove a parameter the catalogue does not know, and whether some client has it.
    removable: Vec<bool>,
    /// The first contradiction.
    fault: Option<CrossFault>,
    /// Clients that can have the changes without contradiction.
    accepted: u64,
}

impl Drawing<'_> {
    fn examine(&mut self, mut portrait: Portrait) -> AppResult<()> {
        let (id, revision) = (portrait.client.id, portrait.configuration_revision);
        if self.question.send_secrets_again {
            portrait.picture.acknowledged.clear();
            portrait.handed_out.clear();
        }
        let mut edits = Vec::new();
        if self.question.kind == PlanKind::WriteConfiguration {
            if self.reach.applicable(portrait.picture.kind).is_empty() {
                self.exclude(id, revision, excluded::OTHER_KIND, Remarks::default(), Vec::new());
                return Ok(());
            }
            if let Some(fault) = self.contradiction(&portrait.picture) {
                let parameters: Vec<String> = fault.parameters.iter().map(ToString::to_string).collect();
                let mut args: BTreeMap<String, String> =
                    fault.args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                args.insert("code".to_owned(), fault.code.to_owned());
                args.insert("parameters".to_owned(), parameters.join(", "));
                self.fault.get_or_insert(fault);
                let remarks = Remarks { args, ..Remarks::default() };
                self.exclude(id, revision, excluded::CONTRADICTION, remarks, Vec::new());
                return Ok(());
            }
            self.accepted += 1;
            edits = self.lay_over(&mut portrait)?;
        }
        let mut remarks = Remarks::default();
        let (mut overlaid, mut held_back) = (Vec::new(), Vec::new());
        if let Some(fleet) = self.question.fleet {
            if portrait.client.state == ClientState::Retired {
                // Its phone is gone: saving this changes nothing for it.
                return Ok(());
            }
            let laid = self.lay_over_fleet(&mut portrait, fleet)?;
            (overlaid, held_back, remarks.conflicts) = (laid.changed, laid.held_back, laid.conflicts);
            if overlaid.is_empty() {
                // Most of a fleet, as a rule: it is not even kept in the plan.
                return Ok(());
            }
            self.draft.summary.affected += 1;
            self.draft.summary.conflicts += u64::from(!remarks.conflicts.is_empty());
        }
        let changed = self.question.changes.iter().map(|change| change.key.clone());
        let keys = changed.chain(overlaid).collect();
        let scope = match self.question.kind {
            PlanKind::WriteConfiguration | PlanKind::ChangeFleet => Scope::Only(&keys),
            PlanKind::Converge | PlanKind::DeployFiles | PlanKind::DeploySoftware => Scope::All,
        };
        let Difference { mut rows, left_out } = difference(&self.app.catalogue, &portrait.picture, scope);
        if rows.iter().all(|row| row.companion) {
            rows.clear();
        }
        for left in left_out {
            let code = left.reason.as_str();
            *self.draft.summary.left_out.entry(code.to_owned()).or_default() += 1;
            let ParameterKey { parameter, index } = left.parameter;
            let parameter = ParameterEntry { parameter, index };
            remarks.left_out.push(LeftOutView { parameter, reason: Reason::new(code) });
        }
        let excluded = match portrait.client.state {
            ClientState::Quarantined => Some(excluded::QUARANTINED),
            // Nothing is known of where it is; its first contact brings it what is desired (D-22).
            ClientState::Prepared => Some(excluded::NOT_YET_SEEN),
            ClientState::Retired => Some(excluded::RETIRED),
            ClientState::Active if rows.is_empty() => Some(excluded::NOTHING_TO_DO),
            ClientState::Active => None,
        };
        if let Some(excluded) = excluded {
            self.exclude(id, revision, excluded, remarks, edits);
            self.note_held_back(held_back);
            return Ok(());
        }
        remarks.withheld = self.withheld(&portrait, &rows);
        if portrait.client.model.as_deref().is_some_and(may_show_entities) {
            let marked = |row: &&Row| row.to.as_ref().is_some_and(|text| text.contains(['<', '>', '&']));
            self.draft.summary.entities += rows.iter().filter(marked).count() as u64;
        }
        self.include(id, revision, rows, remarks, edits);
        self.note_held_back(held_back);
        Ok(())
    }

    fn exclude(
        &mut self,
        client: ClientId,
        configuration_revision: i64,
        excluded: &'static str,
        remarks: Remarks,
        edits: Vec<Edit>,
    ) {
        *self.draft.summary.excluded.entry(excluded.to_owned()).or_default() += 1;
        self.draft.targets.push(Target {
            client,
            diff: None,
            excluded: Some(excluded),
            remarks,
            configuration_revision,
            basis: configuration::basis(&[]).to_vec(),
            edits,
            takes_values: ![excluded::DELETED, excluded::OTHER_KIND, excluded::CONTRADICTION]
                .contains(&excluded),
            held_back: Vec::new(),
        });
    }

    fn include(
        &mut self,
        client: ClientId,
        configuration_revision: i64,
        rows: Vec<Row>,
        remarks: Remarks,
        edits: Vec<Edit>,
    ) {
        let summary = &mut self.draft.summary;
        summary.writes += 1;
        summary.items += rows.len() as u64;
        summary.restarts += u64::from(rows.iter().any(|row| row.restarts));
        summary.care += u64::from(rows.iter().any(|row| row.care));
        summary.unconfirmed += rows.iter().filter(|row| row.unconfirmed).count() as u64;
        for withheld in &remarks.withheld {
            *summary.withheld.entry(withheld.reason.code.clone()).or_default() += 1;
        }
        let basis = configuration::basis(&rows).to_vec();
        let place = match self.places.get(&rows) {
            Some(place) => *place,
            None => {
                let place = self.draft.diffs.len();
                self.draft.diffs.push(rows.clone());
                self.places.insert(rows, place);
                place
            }
        };
        self.draft.targets.push(Target {
            client,
            diff: Some(place),
            excluded: None,
            remarks,
            configuration_revision,
            basis,
            edits,
            takes_values: true,
            held_back: Vec::new(),
        });
    }

    /// The target that was added last has these.
    fn note_held_back(&mut self, items: Vec<ItemKey>) {
        if let Some(last) = self.draft.targets.last_mut() {
            last.held_back = items;
        }
    }

    /// Lays the changes over what is desired of a client, and says which of them change something.
    fn lay_over(&mut self, portrait: &mut Portrait) -> AppResult<Vec<Edit>> {
        let id = portrait.client.id;
        let picture = &mut portrait.picture;
        let mut edits = Vec::new();
        for &place in self.reach.applicable(picture.kind) {
            let Some(change) = self.question.changes.get(place) else { continue };
            let before = portrait.own.get(&change.key).map(|desired| desired.content.clone());
            if before.is_some()
                && let Some(removable) = self.removable.get_mut(place)
            {
                *removable = true;
            }
            let after = match &change.value {
                None => None,
                Some(value) => Some(content(self.app, id, &change.key, value)?),
            };
            match &after {
                Some(content) => {
                    portrait.own.insert(change.key.clone(), Desired::own(content.clone()));
                }
                None => {
                    portrait.own.remove(&change.key);
                }
            }
            // Somebody wants this value now: what was refused or drifted before does not keep it back.
            if let Some(item) = item_of(&self.app.catalogue, &change.key) {
                picture.drifted.remove(&item);
                picture.refused.retain(|refused, status| *refused != item || is_read_only(status));
            }
            if before != after {
                edits.push(Edit { change: place, before });
            }
        }
        // What is taken away lets a weaker layer through.
        settle(self.app, portrait, self.parameters.as_ref())?;
        Ok(edits)
    }

    /// The first rule across fields that the changes break for a client.
    fn contradiction(&mut self, picture: &Picture) -> Option<CrossFault> {
        let changes = self.question.changes;
        let kind = picture.kind;
        let set = changes::values_set(changes, self.reach.applicable(kind));
        if set.is_empty() {
            return None;
        }
        let asked = self.reach.asked(kind);
        let value_in_force = |key: &ParameterKey| in_force(self.app, picture, changes, key);
        let values: Vec<Option<Value>> = asked.iter().map(value_in_force).collect();
        let given = (kind, values);
        if let Some(faults) = self.known.get(&given) {
            return faults.first().cloned();
        }
        let changed: Vec<ParameterKey> = set.keys().map(|key| (*key).clone()).collect();
        let faults = check_changes(&self.app.catalogue, kind, &changed, &|key| match set.get(key) {
            Some(value) => Some((*value).clone()),
            None => value_in_force(key),
        });
        let first = faults.first().cloned();
        self.known.insert(given, faults);
        first
    }

    /// Secrets that would not be handed out, if the phone answers our call from its own network (D-24).
    fn withheld(&self, portrait: &Portrait, rows: &[Row]) -> Vec<WithheldView> {
        let secrets = rows.iter().filter(|row| row.secret);
        secrets
            .filter_map(|row| {
                let reason = withheld(portrait, row, self.window_open)?;
                let reason = Reason::new(reason.as_str());
                Some(WithheldView { item: row.item.name.clone(), index: row.item.index, reason })
            })
            .collect()
    }

    fn close(mut self) -> AppResult<Draft> {
        if self.question.strict {
            if let Some(fault) = self.fault.filter(|_| self.accepted == 0) {
                return Err(AppError::fields(changes::contradiction(self.question.changes, &fault)));
            }
            let lost: Vec<_> = self
                .question
                .changes
                .iter()
                .zip(&self.removable)
                .enumerate()
                .filter(|(_, (change, found))| {
                    !**found && self.app.catalogue.parameter(&change.key.parameter).is_none()
                })
                .map(|(place, _)| changes::unknown(place))
                .collect();
            if !lost.is_empty() {
                return Err(AppError::fields(lost));
            }
        }
        self.draft.summary.targets = self.draft.targets.len() as u64;
        Ok(self.draft)
    }
}

fn is_read_only(status: &str) -> bool {
    status.trim().eq_ignore_ascii_case("read only")
}

/// A new value as the rules see it; of a secret the digest.
fn content(app: &App, client: ClientId, key: &ParameterKey, value: &Value) -> AppResult<Content> {
    if !changes::is_secret(&app.catalogue, key) {
        return Ok(Content::Plain(value.clone()));
    }
    let stored = StoredValue {
        key: key.clone(),
        layer: Layer::Client,
        value: configuration::seal_value(app, client, Layer::Client, key, value)?,
        sealed: true,
        changed_at: app.clock.now(),
        template: None,
        template_name: None,
    };
    Ok(configuration::desired_value(app, client, stored)?.1.content)
}

/// The value in force besides the changes: desired, or else reported. A change that removes a value leaves the
/// phone what it has.
fn in_force(app: &App, picture: &Picture, changes: &[Change], key: &ParameterKey) -> Option<Value> {
    let removed = changes.iter().any(|change| change.key == *key && change.value.is_none());
    match picture.desired.get(key).filter(|_| !removed).map(|desired| &desired.content) {
        Some(Content::Plain(value)) => Some(value.clone()),
        Some(Content::Secret(_)) => None,
        None => reported_value(app.catalogue.parameter(&key.parameter)?, key.index, picture),
    }
}

/// Why the secret of a row would not be handed out, if the phone answers our call from its own network; `None`
/// when it would.
pub(in crate::app) fn withheld(portrait: &Portrait, row: &Row, window_open: bool) -> Option<Withheld> {
    let desired = row.parameters.iter().find_map(|key| match &portrait.picture.desired.get(key)?.content {
        Content::Secret(digest) => Some(digest),
        Content::Plain(_) => None,
    });
    let before = portrait.handed_out.get(&row.item);
    may_hand_out(&HandOut {
        handed_out_before: before.is_some() && before == desired,
        ..configuration::expected_hand_out(&portrait.client, window_open)
    })
    .err()
}

/// What is desired of one client, with drift: for its page of the configuration.
pub(in crate::app) fn pending(app: &App, picture: &Picture) -> Vec<Row> {
    difference(&app.catalogue, picture, Scope::All).rows
}
