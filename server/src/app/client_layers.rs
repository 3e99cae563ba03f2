//! The layers of one parameter of a client: every one that has a value, strongest first, which of them counts, and why
//! the others do not (D-18 … D-20).

use api::configuration::Reason;
use api::template::{LayerQuery, LayerView, NamedGroup, NamedTemplate};
use api::{FieldError, Page, field};
use domain::catalogue::{Catalogue, ParameterKey, Value};
use domain::configuration::{Content, Layer, LeftOutReason};
use domain::expand::Variables;
use domain::layers::{Applied, Resolved, Template, Winner, Wish};
use domain::{ClientId, TemplateId};

use super::configuration::{self, Portrait};
use super::error::{AppError, AppResult};
use super::layers::settle::{facts, onboarding_wish, resolve, variables};
use crate::App;

/// Layers that have a value for a parameter of a client.
///
/// # Errors
/// `not_found`, `invalid_fields`.
pub async fn list(app: &App, id: ClientId, query: &LayerQuery) -> AppResult<Page<LayerView>> {
    let key = key(query)?;
    let portrait = configuration::lean_picture(app, &app.store, id).await?.ok_or_else(AppError::not_found)?;
    let layers = Layers {
        app,
        portrait: &portrait,
        variables: variables(app, &portrait.client, &portrait.fields),
        key,
    };
    let views = layers.views()?;
    if views.is_empty() {
        // A misspelt parameter must not look like one without a value.
        check_key(&app.catalogue, &layers.key)?;
    }
    Ok(Page::whole(views))
}

fn key(query: &LayerQuery) -> AppResult<ParameterKey> {
    let id = query.parameter.clone().filter(|id| !id.is_empty());
    let missing = || AppError::field(FieldError::new("parameter", field::MISSING, "is needed"));
    Ok(ParameterKey { parameter: id.ok_or_else(missing)?, index: query.index })
}

fn check_key(catalogue: &Catalogue, key: &ParameterKey) -> AppResult<()> {
    let Some(parameter) = catalogue.parameter(&key.parameter) else {
        let text = "is no parameter of the catalogue";
        return Err(AppError::field(FieldError::new("parameter", "unknown_parameter", text)));
    };
    let fits = match (parameter.entries, key.index) {
        (None, None) => true,
        (Some((first, last)), Some(index)) => (first..=last).contains(&index),
        (None, Some(_)) | (Some(_), None) => false,
    };
    if fits {
        return Ok(());
    }
    Err(AppError::field(FieldError::new("index", field::INVALID, "is no entry of this parameter")))
}

/// One parameter of one client.
struct Layers<'a> {
    app: &'a App,
    portrait: &'a Portrait,
    variables: Variables,
    key: ParameterKey,
}

impl Layers<'_> {
    fn views(&self) -> AppResult<Vec<LayerView>> {
        let mut views: Vec<LayerView> = self.own().into_iter().collect();
        let facts = facts(&self.portrait.client, &self.portrait.fields);
        let mut applying = self.portrait.layers.layers.applying(&facts);
        applying.sort_by_key(|applied| (applied.layer, applied.template.rank, applied.template.id));
        views.extend(applying.iter().filter_map(|applied| self.template(applied)));
        views.extend(self.onboarding()?);
        Ok(views)
    }

    /// The value set for the client alone.
    fn own(&self) -> Option<LayerView> {
        let own = self.portrait.own.get(&self.key)?;
        let value = match &own.content {
            Content::Plain(value) => Some(value.clone()),
            Content::Secret(_) => None,
        };
        Some(LayerView {
            layer: Layer::Client,
            template: None,
            rank: None,
            groups: Vec::new(),
            secret: value.is_none(),
            value,
            written: None,
            wins: true,
            reason: None,
        })
    }

    fn template(&self, applied: &Applied<'_>) -> Option<LayerView> {
        let Applied { template, layer, groups } = applied;
        let wish = template.values.get(&self.key)?;
        let name = |id: &domain::GroupId| {
            let group = self.portrait.layers.groups.get(id)?;
            Some(NamedGroup { id: *id, name: group.name.clone() })
        };
        let view = self.view(*layer, wish);
        Some(LayerView {
            template: Some(NamedTemplate { id: Some(template.id), name: template.name.clone() }),
            rank: Some(template.rank),
            groups: groups.iter().filter_map(name).collect(),
            wins: self.wins(*layer, Some(template.id)),
            reason: self.reason(*layer, template),
            ..view
        })
    }

    /// The value the client was given when it came for the first time.
    fn onboarding(&self) -> AppResult<Option<LayerView>> {
        let Some(stored) = self.portrait.onboarding.get(&self.key) else { return Ok(None) };
        let wish = onboarding_wish(self.app, &self.portrait.client, stored)?;
        let now =
            stored.template.and_then(|id| Some((id, self.portrait.layers.template_name(id)?.to_owned())));
        let template = match now {
            Some((id, name)) => Some(NamedTemplate { id: Some(id), name }),
            None => stored.template_name.clone().map(|name| NamedTemplate { id: None, name }),
        };
        let wins = self.portrait.picture.desired.get(&self.key);
        let wins = wins.is_some_and(|desired| desired.layer == Layer::Onboarding);
        let stronger = self.portrait.own.contains_key(&self.key) || self.portrait.won.contains_key(&self.key);
        let reason = self.portrait.picture.unresolved.get(&self.key).filter(|_| !stronger);
        Ok(Some(LayerView {
            template,
            wins,
            reason: reason.map(|reason| Reason::new(reason.as_str())),
            ..self.view(Layer::Onboarding, &wish)
        }))
    }

    /// A value as it is shown, which says nothing yet of whether it counts.
    fn view(&self, layer: Layer, wish: &Wish) -> LayerView {
        let (value, written) = match wish {
            Wish::Secret(_) => (None, None),
            Wish::Plain(written) => {
                (self.resolved(wish), Some(written.clone()).filter(|_| wish.has_variables()))
            }
        };
        LayerView {
            layer,
            template: None,
            rank: None,
            groups: Vec::new(),
            value,
            written,
            secret: matches!(wish, Wish::Secret(_)),
            wins: false,
            reason: None,
        }
    }

    fn resolved(&self, wish: &Wish) -> Option<Value> {
        match resolve(self.app, &self.key, wish, &self.variables) {
            Resolved::Value(value) => Some(value),
            Resolved::Not(_) => None,
        }
    }

    fn wins(&self, layer: Layer, template: Option<TemplateId>) -> bool {
        let desired = self.portrait.picture.desired.get(&self.key);
        desired.is_some_and(|desired| (desired.layer, desired.template) == (layer, template))
    }

    /// Why the strongest template does not count; nothing of a weaker one, and nothing when there is an own value.
    fn reason(&self, layer: Layer, template: &Template) -> Option<Reason> {
        let reason = *self.portrait.picture.unresolved.get(&self.key)?;
        let concerned = match &self.portrait.won.get(&self.key)?.winner {
            Winner::Conflict { templates, .. } => {
                reason == LeftOutReason::Conflict && templates.contains(&template.id)
            }
            Winner::Value { layer: strongest, template: own, .. } => {
                (*strongest, *own) == (layer, template.id)
            }
        };
        concerned.then(|| Reason::new(reason.as_str()))
    }
}
