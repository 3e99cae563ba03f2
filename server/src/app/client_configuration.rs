//! The configuration of one client as a page shows it: every parameter offered for it, with what is desired, what
//! is reported and how both stand; and its revisions (D-13 … D-24).

use std::collections::{BTreeSet, HashMap};

use api::configuration::{ConfigurationQuery, Only, ParameterStateView, Reason};
use api::revision::{MOST_LISTED, RevisionChange, RevisionQuery, RevisionView};
use api::template::NamedTemplate;
use api::{FieldError, Page, field};
use domain::catalogue::{Catalogue, Certainty, Parameter, ParameterKey};
use domain::configuration::{
    Content, Desired, ItemKey, ItemState, Layer, LeftOutReason, State, Withheld, states,
};
use domain::expand::has_variables;
use domain::layers::Winner;
use domain::setting::SettingKey;
use domain::{ClientId, TemplateId};
use jiff::Timestamp;

use super::configuration::{self, Portrait};
use super::error::{AppError, AppResult};
use super::fleet_pictures::{reported_text, reported_value};
use super::paging::Paging;
use super::plans;
use crate::App;
use crate::store::revisions::Revision;
use crate::store::{StoreError, clients, drift, revisions};

/// What is known of a client, arranged for looking parameters up.
struct Known<'a> {
    portrait: &'a Portrait,
    states: HashMap<ParameterKey, ItemState>,
    withheld: HashMap<ItemKey, Withheld>,
    drift: HashMap<ItemKey, Timestamp>,
}

/// Parameters of a client that the query takes, in the order of the catalogue.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn list(
    app: &App,
    id: ClientId,
    query: &ConfigurationQuery,
) -> AppResult<Page<ParameterStateView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    check_place(&app.catalogue, query)?;
    let portrait = configuration::picture(app, &app.store, id).await?.ok_or_else(AppError::not_found)?;
    let since = drift::of_client(&app.store, id).await?;
    let known = Known {
        states: states(&app.catalogue, &portrait.picture)
            .into_iter()
            .filter_map(|state| state.parameter.clone().map(|key| (key, state)))
            .collect(),
        withheld: withheld(app, &portrait),
        drift: since
            .into_iter()
            .map(|(item, index, at)| (ItemKey::new(app.store.item_name(item).to_string(), index), at))
            .collect(),
        portrait: &portrait,
    };
    let rows = known.rows(&app.catalogue, query);
    let total = rows.len() as u64;
    let skip = usize::try_from(paging.skip()).unwrap_or(usize::MAX);
    let size = usize::try_from(paging.size).unwrap_or(usize::MAX);
    let items = rows.into_iter().skip(skip).take(size).map(|(parameter, key)| known.view(parameter, key));
    let items = items.collect();
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// A misspelt area or section must not look like an empty one.
pub(super) fn check_place(catalogue: &Catalogue, query: &ConfigurationQuery) -> AppResult<()> {
    let areas = catalogue.areas();
    let known_area = |id: &str| areas.iter().any(|area| area.id == id);
    let known_section =
        |id: &str| areas.iter().flat_map(|area| &area.sections).any(|section| section.id == id);
    let fault =
        |name: &str| AppError::field(FieldError::new(name, field::NOT_A_CHOICE, "is not in the catalogue"));
    if query.area.as_deref().is_some_and(|id| !id.is_empty() && !known_area(id)) {
        return Err(fault("area"));
    }
    if query.section.as_deref().is_some_and(|id| !id.is_empty() && !known_section(id)) {
        return Err(fault("section"));
    }
    Ok(())
}

/// Secrets that have to be written and would not be handed out now.
fn withheld(app: &App, portrait: &Portrait) -> HashMap<ItemKey, Withheld> {
    let until = app.settings.instant(SettingKey::OnboardingWindowUntil);
    let window_open = until.is_some_and(|until| app.clock.now() < until);
    plans::pending(app, &portrait.picture)
        .into_iter()
        .filter(|row| row.secret)
        .filter_map(|row| plans::withheld(portrait, &row, window_open).map(|reason| (row.item, reason)))
        .collect()
}

impl Known<'_> {
    /// What the query takes, before it is cut into pages.
    fn rows<'c>(
        &self,
        catalogue: &'c Catalogue,
        query: &ConfigurationQuery,
    ) -> Vec<(&'c Parameter, ParameterKey)> {
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let found: Option<BTreeSet<String>> = text(&query.search).map(|words| {
            catalogue.search(&words).into_iter().map(|parameter| parameter.id.clone()).collect()
        });
        let (area, section) = (text(&query.area), text(&query.section));
        let kind = self.portrait.picture.kind;
        let mut rows = Vec::new();
        for part in catalogue.areas().iter().filter(|part| area.as_ref().is_none_or(|id| part.id == *id)) {
            for part in part.sections.iter().filter(|part| section.as_ref().is_none_or(|id| part.id == *id)) {
                for parameter in part.parameters.iter().filter(|parameter| {
                    catalogue.reaches(parameter, kind)
                        && found.as_ref().is_none_or(|found| found.contains(&parameter.id))
                }) {
                    // What is offered for templates alone is shown where a template says something of it.
                    let offered = parameter.is_for(kind);
                    let keys = keys(parameter).into_iter().filter(|key| {
                        (offered || self.is_wished(key)) && self.takes(parameter, key, query.only)
                    });
                    rows.extend(keys.map(|key| (parameter, key)));
                }
            }
        }
        rows
    }

    /// Whether any layer says something of it.
    fn is_wished(&self, key: &ParameterKey) -> bool {
        let picture = &self.portrait.picture;
        picture.desired.contains_key(key) || picture.unresolved.contains_key(key)
    }

    fn takes(&self, parameter: &Parameter, key: &ParameterKey, only: Option<Only>) -> bool {
        match only {
            None => true,
            Some(Only::Desired) => self.is_wished(key),
            Some(Only::Different) => self.states.get(key).is_some_and(|state| state.state != State::InStep),
            Some(Only::Reported) => {
                let item = item(parameter, key);
                item.is_some_and(|item| self.portrait.picture.reported.contains_key(&item))
            }
        }
    }

    /// The template a desired value comes from; one that is gone by the name it had.
    fn origin_template(&self, key: &ParameterKey, desired: &Desired) -> Option<NamedTemplate> {
        let layers = &self.portrait.layers;
        let named = |id: TemplateId| {
            layers.template_name(id).map(|name| NamedTemplate { id: Some(id), name: name.to_owned() })
        };
        if desired.layer != Layer::Onboarding {
            return desired.template.and_then(named);
        }
        let stored = self.portrait.onboarding.get(key)?;
        stored
            .template
            .and_then(named)
            .or_else(|| stored.template_name.clone().map(|name| NamedTemplate { id: None, name }))
    }

    fn varies(&self, key: &ParameterKey, desired: &Desired) -> bool {
        match desired.layer {
            Layer::GroupTemplate | Layer::DefaultTemplate => {
                let won = self.portrait.won.get(key).map(|won| &won.winner);
                matches!(won, Some(Winner::Value { varies: true, .. }))
            }
            Layer::Onboarding => {
                let stored = self.portrait.onboarding.get(key).filter(|stored| !stored.sealed);
                let value = stored.and_then(|stored| serde_json::from_str(&stored.value).ok());
                value.is_some_and(|value: domain::catalogue::Value| has_variables(&value))
            }
            Layer::Client | Layer::System => false,
        }
    }

    /// Templates of equal rank that disagree.
    fn conflict(&self, key: &ParameterKey) -> Vec<String> {
        if self.portrait.picture.unresolved.get(key) != Some(&LeftOutReason::Conflict) {
            return Vec::new();
        }
        match self.portrait.won.get(key).map(|won| &won.winner) {
            Some(Winner::Conflict { templates, .. }) => templates
                .iter()
                .filter_map(|id| self.portrait.layers.template_name(*id))
                .map(str::to_owned)
                .collect(),
            Some(Winner::Value { .. }) | None => Vec::new(),
        }
    }

    fn view(&self, parameter: &Parameter, key: ParameterKey) -> ParameterStateView {
        let picture = &self.portrait.picture;
        let item = item(parameter, &key);
        let of_item = |item: &ItemKey| picture.reported.get(item);
        let desired = picture.desired.get(&key);
        let state = self.states.get(&key);
        let said = item.as_ref().and_then(of_item);
        let refused = item.as_ref().and_then(|item| picture.refused.get(item));
        let shown = !parameter.secret;
        ParameterStateView {
            item_index: item.as_ref().and_then(|item| item.index),
            secret: parameter.secret,
            read_only: parameter.read_only,
            reported: reported_value(parameter, key.index, picture).filter(|_| shown),
            reported_text: reported_text(parameter, key.index, picture).filter(|_| shown),
            reported_status: said.and_then(|said| said.status.clone()),
            desired: desired.and_then(|desired| match &desired.content {
                Content::Plain(value) if shown => Some(value.clone()),
                Content::Plain(_) | Content::Secret(_) => None,
            }),
            desired_set: desired.is_some(),
            origin: desired.map(|desired| desired.layer),
            origin_template: desired.and_then(|desired| self.origin_template(&key, desired)),
            variables: desired.is_some_and(|desired| self.varies(&key, desired)),
            conflict: self.conflict(&key),
            state: state.map(|state| state.state),
            reason: state.and_then(|state| state.reason).map(|reason| Reason::new(reason.as_str())),
            drift_since: item.as_ref().and_then(|item| self.drift.get(item)).copied(),
            locked: refused.is_some_and(|status| status.trim().eq_ignore_ascii_case("read only")),
            unconfirmed: parameter
                .delivery
                .as_ref()
                .is_some_and(|delivery| delivery.certainty == Certainty::Inferred),
            withheld: item
                .as_ref()
                .filter(|_| desired.is_some())
                .and_then(|item| self.withheld.get(item))
                .map(|withheld| Reason::new(withheld.as_str())),
            parameter: key.parameter,
            index: key.index,
            item: item.map(|item| item.name),
        }
    }
}

pub(super) fn item(parameter: &Parameter, key: &ParameterKey) -> Option<ItemKey> {
    parameter.item_of(key.index).map(|(name, index)| ItemKey::new(name, index))
}

/// Keys of a parameter: one, or one for each entry.
pub(super) fn keys(parameter: &Parameter) -> Vec<ParameterKey> {
    match parameter.entries {
        None => vec![ParameterKey::plain(&parameter.id)],
        Some((first, last)) => {
            (first..=last).map(|entry| ParameterKey::entry(&parameter.id, entry)).collect()
        }
    }
}

fn changes(revision: &Revision) -> AppResult<Vec<RevisionChange>> {
    let corrupt =
        |_| StoreError::Corrupt { attempt: "read a revision of a client", what: "client_revision.changes" };
    Ok(serde_json::from_str(&revision.changes).map_err(corrupt)?)
}

/// A revision with its changes, at most some of them.
fn revision_view(revision: Revision, most: usize) -> AppResult<RevisionView> {
    let mut changes = changes(&revision)?;
    let total_changes = changes.len() as u64;
    changes.sort_by(|a, b| (&a.parameter, a.index).cmp(&(&b.parameter, b.index)));
    changes.truncate(most);
    Ok(RevisionView {
        number: revision.number,
        at: revision.at,
        author_kind: revision.author_kind,
        author: revision.author_name,
        job_id: revision.job,
        total_changes,
        changes,
    })
}

/// Revisions of a client, newest first.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn revisions(app: &App, id: ClientId, query: &RevisionQuery) -> AppResult<Page<RevisionView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    clients::by_id(&app.store, id).await?.ok_or_else(AppError::not_found)?;
    let (found, total) = tokio::try_join!(
        revisions::list(&app.store, id, paging.skip(), paging.size),
        revisions::count(&app.store, id),
    )?;
    let items =
        found.into_iter().map(|revision| revision_view(revision, MOST_LISTED)).collect::<AppResult<_>>()?;
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// One revision of a client.
///
/// # Errors
/// `not_found`.
pub async fn revision(app: &App, id: ClientId, number: i64) -> AppResult<RevisionView> {
    let found = revisions::by_number(&app.store, id, number).await?.ok_or_else(AppError::not_found)?;
    revision_view(found, usize::MAX)
}
