//! Whom a change of templates, groups or fields may concern, and which of their parameters.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::{Catalogue, ParameterKey};
use domain::group_filter::{Filter, Test};
use domain::layers::{Group, SoftwareUpdate, Template, TemplateKind};
use domain::{ClientId, GroupId, TemplateId};

use super::Snapshot;
use super::change::{FleetChange, new_id};
use crate::app::fleet_pictures::item_names;

/// Most tests of a filter that finds whom a change may concern; each has up to two values, or many words.
const MOST_TESTS_ASKED: usize = 500;

/// Number of tests and words in a filter.
fn tests_in(filter: &Filter) -> usize {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().map(tests_in).sum(),
        Filter::Not(part) => tests_in(part),
        Filter::Test(Test::Model { one_of } | Test::SoftwareType { one_of }) => one_of.len(),
        Filter::Test(_) => 1,
    }
}

/// Whom a change may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody's desired values.
    Nobody,
    /// This client.
    Client(ClientId),
    /// Clients this filter takes, and no others.
    Filter(Filter),
}

impl FleetChange {
    /// Templates whose reach or values change by themselves, by their ids before and after; groups whose filter changes
    /// move their members alone, and come apart.
    fn moving(&self, before: &Snapshot, after: &Snapshot) -> (BTreeSet<TemplateId>, BTreeSet<GroupId>) {
        let (mut templates, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for (place, change) in self.templates.iter().enumerate() {
            let id = change.id.unwrap_or(TemplateId(new_id(place)));
            let (old, new) = (before.layers.templates.get(&id), after.layers.templates.get(&id));
            if old.map(without_name) != new.map(without_name) {
                templates.insert(id);
            }
        }
        for (place, change) in self.groups.iter().enumerate() {
            let id = change.id.unwrap_or(GroupId(new_id(place)));
            let (old, new) = (before.layers.groups.get(&id), after.layers.groups.get(&id));
            let of = |group: Option<&Group>| group.map(|group| group.templates.clone()).unwrap_or_default();
            templates.extend(of(old).symmetric_difference(&of(new)));
            let filter = |group: Option<&Group>| group.and_then(|group| group.filter.clone());
            if filter(old) != filter(new) {
                groups.insert(id);
            }
        }
        (templates, groups)
    }

    /// Whom it may concern.
    pub(super) fn reach(&self, before: &Snapshot, after: &Snapshot) -> Reach {
        if let Some(fields) = &self.fields {
            return if fields.before == fields.fields { Reach::Nobody } else { Reach::Client(fields.client) };
        }
        let (templates, groups) = self.moving(before, after);
        let mut parts = Vec::new();
        let mut add = |filter: Option<Filter>| parts.extend(filter.filter(|filter| !parts.contains(filter)));
        for id in templates {
            add(before.reach_of(id));
            add(after.reach_of(id));
        }
        for id in groups {
            for group in [before.layers.groups.get(&id), after.layers.groups.get(&id)].into_iter().flatten() {
                add(group.filter.clone().filter(|_| !group.templates.is_empty()));
            }
        }
        if parts.is_empty() {
            return Reach::Nobody;
        }
        let filter = Filter::Any(parts);
        // One statement has places for so many values. More clients than needed are looked at then, which changes
        // nothing of what comes out.
        if tests_in(&filter) > MOST_TESTS_ASKED {
            Reach::Filter(Filter::All(Vec::new()))
        } else {
            Reach::Filter(filter)
        }
    }

    /// Parameters whose desired values it may change, with those that stand on the same items; `None`: any.
    pub(super) fn parameters(
        &self,
        catalogue: &Catalogue,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Option<BTreeSet<String>> {
        if self.fields.is_some() {
            return None;
        }
        let mut parameters = BTreeSet::new();
        let (templates, groups) = self.moving(before, after);
        for id in groups {
            for group in [before.layers.groups.get(&id), after.layers.groups.get(&id)].into_iter().flatten() {
                let values = group.templates.iter().flat_map(|id| {
                    let of = |layers: &Snapshot| {
                        layers.layers.templates.get(id).map(|template| template.values.clone())
                    };
                    of(before).into_iter().chain(of(after)).flatten()
                });
                parameters.extend(values.map(|(key, _)| key.parameter));
            }
        }
        for id in templates {
            let (old, new) = (before.layers.templates.get(&id), after.layers.templates.get(&id));
            let moves = old.map(without_values) != new.map(without_values)
                || before.reach_of(id) != after.reach_of(id)
                || before.layers.is_attached(id) != after.layers.is_attached(id);
            let keys = old.into_iter().chain(new).flat_map(|template| template.values.keys());
            let differs = |key: &&ParameterKey| {
                let value = |template: Option<&Template>| {
                    template.and_then(|template| template.values.get(*key)).cloned()
                };
                moves || value(old) != value(new)
            };
            parameters.extend(keys.filter(differs).map(|key| key.parameter.clone()));
        }
        // What stands on the same items is looked at with them.
        let items = item_names(catalogue, parameters.iter().map(String::as_str));
        let beside: Vec<String> = catalogue
            .parameters()
            .filter(|parameter| {
                parameter.delivery.as_ref().is_some_and(|delivery| items.contains(delivery.item.as_str()))
            })
            .map(|parameter| parameter.id.clone())
            .collect();
        parameters.extend(beside);
        Some(parameters)
    }
}

/// A template without what nobody's values depend on.
fn without_name(template: &Template) -> Template {
    Template {
        name: String::new(),
        files: BTreeSet::new(),
        software_update: SoftwareUpdate::Ignored,
        ..template.clone()
    }
}

fn without_values(template: &Template) -> Template {
    Template { values: BTreeMap::new(), ..without_name(template) }
}

impl Snapshot {
    /// Clients a template applies to, as a filter; `None`: its values are desired of nobody (it is gone, for
    /// onboarding, or attached to groups without filters only).
    pub fn reach_of(&self, id: TemplateId) -> Option<Filter> {
        let template = self.layers.templates.get(&id)?;
        if template.kind != TemplateKind::Default {
            return None;
        }
        let mut parts = Vec::new();
        if !template.models.is_empty() {
            let one_of = template.models.iter().cloned().collect();
            parts.push(Filter::Test(Test::Model { one_of }));
        }
        if !template.software_types.is_empty() {
            let one_of = template.software_types.iter().cloned().collect();
            parts.push(Filter::Test(Test::SoftwareType { one_of }));
        }
        if self.layers.is_attached(id) {
            let groups = self.layers.groups.values().filter(|group| group.templates.contains(&id));
            let filters: Vec<Filter> = groups.filter_map(|group| group.filter.clone()).collect();
            if filters.is_empty() {
                return None;
            }
            parts.push(Filter::Any(filters));
        }
        Some(Filter::All(parts))
    }
}
