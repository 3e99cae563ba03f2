//! The list of templates: from memory, because they are few.

use std::cmp::Ordering;

use api::template::{TemplateQuery, TemplateView};
use api::{FieldError, Page};

use super::{values_of, view};
use crate::App;
use crate::app::error::{AppError, AppResult};
use crate::app::layers::{self, Snapshot};
use crate::app::paging::{Paging, sort};
use crate::store::templates::{self as rows, Template, folded};

/// What the list can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sort {
    #[default]
    Name,
    Kind,
    Rank,
    SoftwareUpdate,
    Settings,
    Updated,
}

const SORTS: [(&str, Sort); 6] = [
    ("name", Sort::Name),
    ("kind", Sort::Kind),
    ("rank", Sort::Rank),
    ("software_update", Sort::SoftwareUpdate),
    ("settings", Sort::Settings),
    ("updated_at", Sort::Updated),
];

/// Templates of a filter.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &TemplateQuery) -> AppResult<Page<TemplateView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let (by, descending) = sort(query.sort.as_deref(), &SORTS)?;
    let layers = layers::snapshot(app, &app.store).await?;
    if query.group.is_some_and(|group| !layers.groups.contains_key(&group)) {
        // A group that is gone must not look like one without templates.
        return Err(AppError::field(FieldError::new("group", "unknown_group", "names nothing there is")));
    }
    let mut found: Vec<&Template> =
        layers.templates.values().filter(|template| takes(&layers, query, template)).collect();
    found.sort_by(|a, b| {
        let order = compare(&layers, by, a, b);
        if descending { order.reverse() } else { order }.then_with(|| a.id.cmp(&b.id))
    });
    let skip = usize::try_from(paging.skip()).unwrap_or(usize::MAX);
    let size = usize::try_from(paging.size).unwrap_or(usize::MAX);
    let prepared = rows::prepared_clients(&app.store).await?;
    Ok(Page {
        items: found
            .iter()
            .skip(skip)
            .take(size)
            .map(|template| view(&layers, &prepared, template))
            .collect(),
        total: found.len() as u64,
        page: Some(paging.page),
        size: paging.size,
        next: None,
    })
}

fn compare(layers: &Snapshot, by: Sort, a: &Template, b: &Template) -> Ordering {
    match by {
        Sort::Name => folded(&a.name).cmp(&folded(&b.name)),
        Sort::Kind => a.kind.as_str().cmp(b.kind.as_str()),
        Sort::Rank => a.rank.cmp(&b.rank),
        Sort::SoftwareUpdate => a.software_update.as_str().cmp(b.software_update.as_str()),
        Sort::Settings => values_of(layers, a.id).len().cmp(&values_of(layers, b.id).len()),
        Sort::Updated => a.updated_at.cmp(&b.updated_at),
    }
}

fn takes(layers: &Snapshot, query: &TemplateQuery, template: &Template) -> bool {
    let TemplateQuery { page: _, size: _, sort: _, search, kind, model, software_type, group, parameter } =
        query;
    let is_for = |words: &[String], wanted: &Option<String>| {
        let wanted = wanted.as_ref().filter(|text| !text.is_empty());
        wanted.is_none_or(|wanted| words.is_empty() || words.contains(wanted))
    };
    let holds = |id: &String| values_of(layers, template.id).keys().any(|key| key.parameter == *id);
    search.as_ref().is_none_or(|search| has_words(template, search))
        && kind.is_none_or(|kind| template.kind == kind)
        && is_for(&template.models, model)
        && is_for(&template.software_types, software_type)
        && group.is_none_or(|group| {
            layers.groups.get(&group).is_some_and(|group| group.templates.contains(&template.id))
        })
        && parameter.as_ref().filter(|id| !id.is_empty()).is_none_or(holds)
}

/// Whether a text is a part of the name or the description, without regard to the case of letters.
pub(super) fn has_words(template: &Template, search: &str) -> bool {
    let search = search.trim().to_lowercase();
    template.name.to_lowercase().contains(&search) || template.description.to_lowercase().contains(&search)
}
