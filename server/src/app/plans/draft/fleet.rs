//! What becomes of a client when templates, groups or its fields change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::plan::{ConflictView, ParameterEntry};
use domain::catalogue::ParameterKey;
use domain::configuration::{Desired, ItemKey, LeftOutReason};
use domain::layers::Winner;

use super::{Drawing, Question, is_read_only};
use crate::App;
use crate::app::configuration::Portrait;
use crate::app::error::AppResult;
use crate::app::fleet_pictures::{self, View, item_of};
use crate::app::layers::Snapshot;
use crate::app::layers::change::FieldsChange;
use crate::app::layers::settle::settle;

/// Templates and groups as they will be, for a plan that saves them.
#[derive(Clone, Copy)]
pub(in crate::app::plans) struct Fleet<'a> {
    pub(in crate::app::plans) after: &'a Arc<Snapshot>,
    /// Parameters whose desired values may change; `None`: any.
    pub(in crate::app::plans) parameters: Option<&'a BTreeSet<String>>,
    /// Fields of one client, as they will be.
    pub(in crate::app::plans) fields: Option<&'a FieldsChange>,
}

/// What becomes of one client.
pub(super) struct Overlaid {
    /// Parameters for which something else is desired.
    pub(super) changed: Vec<ParameterKey>,
    /// Items of them that drift or a refusal held back until now.
    pub(super) held_back: Vec<ItemKey>,
    /// Where templates of equal rank disagree, and did not before.
    pub(super) conflicts: Vec<ConflictView>,
}

/// What is looked at of each client when templates, groups or fields change.
pub(super) fn fleet_view(app: &App, question: &Question<'_>) -> View {
    let Some(parameters) = question.fleet.and_then(|fleet| fleet.parameters) else { return View::default() };
    let names = fleet_pictures::item_names(&app.catalogue, parameters.iter().map(String::as_str));
    let items = names.into_iter().filter_map(|name| app.store.item_number(name)).collect();
    View { parameters: Some(parameters.clone()), items }
}

impl Drawing<'_> {
    /// What templates, groups and fields will be is laid over a client.
    pub(super) fn lay_over_fleet(&self, portrait: &mut Portrait, fleet: Fleet<'_>) -> AppResult<Overlaid> {
        let desired = std::mem::take(&mut portrait.picture.desired);
        let unresolved = std::mem::take(&mut portrait.picture.unresolved);
        portrait.layers = Arc::clone(fleet.after);
        if let Some(fields) = fleet.fields.filter(|fields| fields.client == portrait.client.id) {
            portrait.fields.clone_from(&fields.fields);
        }
        settle(self.app, portrait, self.parameters.as_ref())?;
        let picture = &mut portrait.picture;
        let keys: BTreeSet<&ParameterKey> = [&desired, &picture.desired]
            .into_iter()
            .flat_map(BTreeMap::keys)
            .chain(unresolved.keys())
            .chain(picture.unresolved.keys())
            .collect();
        let catalogue = &self.app.catalogue;
        // Which of two parameters has an item is decided by layer and rank: these count where there are two.
        let shares = |key: &ParameterKey| {
            let item = item_of(catalogue, key);
            item.is_some() && keys.iter().any(|other| *other != key && item_of(catalogue, other) == item)
        };
        let changed: Vec<ParameterKey> = keys
            .iter()
            .copied()
            .filter(|key| {
                let (before, after) = (desired.get(*key), picture.desired.get(*key));
                let content = |desired: Option<&Desired>| desired.map(|desired| desired.content.clone());
                let place = |desired: Option<&Desired>| desired.map(|desired| (desired.layer, desired.rank));
                content(before) != content(after)
                    || unresolved.get(*key) != picture.unresolved.get(*key)
                    || (place(before) != place(after) && shares(key))
            })
            .cloned()
            .collect();
        // Somebody wants these values now: what was refused or drifted before does not keep them back.
        let mut held_back = Vec::new();
        for key in changed.iter().filter(|key| picture.desired.contains_key(*key)) {
            let Some(item) = item_of(&self.app.catalogue, key) else { continue };
            let refused = picture.refused.get(&item).is_some_and(|status| !is_read_only(status));
            if refused {
                picture.refused.remove(&item);
            }
            if picture.drifted.remove(&item) || refused {
                held_back.push(item);
            }
        }
        let mut conflicts = Vec::new();
        for key in changed.iter().filter(|key| unresolved.get(*key) != Some(&LeftOutReason::Conflict)) {
            let won = portrait.won.get(key).map(|won| &won.winner);
            if let Some(Winner::Conflict { rank, templates, .. }) = won
                && picture.unresolved.contains_key(key)
            {
                let name = |id| fleet.after.template_name(id).unwrap_or_default().to_owned();
                let ParameterKey { parameter, index } = key.clone();
                conflicts.push(ConflictView {
                    parameter: ParameterEntry { parameter, index },
                    templates: templates.iter().map(|id| name(*id)).collect(),
                    rank: *rank,
                });
            }
        }
        Ok(Overlaid { changed, held_back, conflicts })
    }
}
