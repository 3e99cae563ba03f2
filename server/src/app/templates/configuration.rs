//! The values of a template as the editor shows them: every parameter a template can hold, in the order of the
//! catalogue. A template has no phone: nothing is reported here, and nothing differs.

use std::collections::{BTreeMap, BTreeSet};

use api::Page;
use api::configuration::{ConfigurationQuery, Only, ParameterStateView};
use domain::TemplateId;
use domain::catalogue::{Catalogue, Certainty, Kind, Parameter, ParameterKey};
use domain::layers::Wish;

use super::{stored, values_of};
use crate::App;
use crate::app::client_configuration::{check_place, item, keys};
use crate::app::error::AppResult;
use crate::app::layers;
use crate::app::paging::Paging;

type Values = BTreeMap<ParameterKey, Wish>;

/// Parameters of a template that the query takes.
///
/// # Errors
/// `not_found`, `invalid_fields`, `page_too_deep`.
pub async fn list(
    app: &App,
    id: TemplateId,
    query: &ConfigurationQuery,
) -> AppResult<Page<ParameterStateView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    check_place(&app.catalogue, query)?;
    let layers = layers::snapshot(app, &app.store).await?;
    stored(&layers, id)?;
    let values = values_of(&layers, id);
    let rows = rows(&app.catalogue, query, values);
    let skip = usize::try_from(paging.skip()).unwrap_or(usize::MAX);
    let size = usize::try_from(paging.size).unwrap_or(usize::MAX);
    let on_page = rows.iter().skip(skip).take(size);
    Ok(Page {
        items: on_page.map(|key| view(&app.catalogue, key, values.get(key))).collect(),
        total: rows.len() as u64,
        page: Some(paging.page),
        size: paging.size,
        next: None,
    })
}

/// What the query takes, before it is cut into pages.
fn rows(catalogue: &Catalogue, query: &ConfigurationQuery, values: &Values) -> Vec<ParameterKey> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (area, section, search) = (text(&query.area), text(&query.section), text(&query.search));
    let found: Option<BTreeSet<&str>> =
        search.as_ref().map(|words| catalogue.search(words).iter().map(|found| found.id.as_str()).collect());
    let mut rows = Vec::new();
    for part in catalogue.areas().iter().filter(|part| area.as_ref().is_none_or(|id| part.id == *id)) {
        let sections = part.sections.iter();
        for place in sections.filter(|place| section.as_ref().is_none_or(|id| place.id == *id)) {
            let parameters = place.parameters.iter().filter(|parameter| {
                holds(parameter) && found.as_ref().is_none_or(|found| found.contains(parameter.id.as_str()))
            });
            for parameter in parameters {
                match query.only {
                    None => rows.extend(keys(parameter)),
                    Some(Only::Desired) => rows.extend(held(values, &parameter.id).cloned()),
                    Some(Only::Different | Only::Reported) => {}
                }
            }
        }
    }
    if area.is_none() && section.is_none() && search.is_none() && query.only == Some(Only::Desired) {
        // What the catalogue has lost is shown to be removed.
        let known = |key: &&ParameterKey| catalogue.parameter(&key.parameter).is_some_and(holds);
        rows.extend(values.keys().filter(|key| !known(key)).cloned());
    }
    rows
}

/// Entries of a parameter that have a value.
fn held<'v>(values: &'v Values, id: &str) -> impl Iterator<Item = &'v ParameterKey> {
    let id = id.to_owned();
    let from = ParameterKey::plain(id.clone());
    values.range(from..).map(|(key, _)| key).take_while(move |key| key.parameter == id)
}

/// Whether templates can hold values of a parameter.
fn holds(parameter: &Parameter) -> bool {
    parameter.is_for(Kind::Template) && !parameter.read_only
}

fn view(catalogue: &Catalogue, key: &ParameterKey, wish: Option<&Wish>) -> ParameterStateView {
    let parameter = catalogue.parameter(&key.parameter);
    let item = parameter.and_then(|parameter| item(parameter, key));
    ParameterStateView {
        parameter: key.parameter.clone(),
        index: key.index,
        item_index: item.as_ref().and_then(|item| item.index),
        item: item.map(|item| item.name),
        // What the catalogue does not know is not shown either.
        secret: parameter.is_none_or(|parameter| parameter.secret),
        read_only: false,
        reported: None,
        reported_text: None,
        reported_status: None,
        desired: match wish {
            Some(Wish::Plain(value)) => Some(value.clone()),
            Some(Wish::Secret(_)) | None => None,
        },
        desired_set: wish.is_some(),
        origin: None,
        origin_template: None,
        variables: wish.is_some_and(Wish::has_variables),
        conflict: Vec::new(),
        state: None,
        reason: None,
        drift_since: None,
        locked: false,
        unconfirmed: parameter
            .and_then(|parameter| parameter.delivery.as_ref())
            .is_some_and(|delivery| delivery.certainty == Certainty::Inferred),
        withheld: None,
    }
}
