//! What is typed of a group, and how it differs from the group that is there.

use std::collections::BTreeSet;

use api::client_field::ClientFieldView;
use api::group::{ChangeGroup, GroupView, NewGroup};
use domain::TemplateId;
use leptos::prelude::*;

use super::draft::{Condition, Draft};
use super::sentence::{Labels, sentence};
use crate::components::states::Difference;
use crate::texts::{self, lang};

/// What is typed.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    pub(super) name: RwSignal<String>,
    pub(super) description: RwSignal<String>,
    pub(super) draft: RwSignal<Draft>,
    pub(super) templates: RwSignal<Vec<i64>>,
}

fn ids(group: &GroupView) -> Vec<i64> {
    group.templates.iter().filter_map(|template| template.id.map(|id| id.0)).collect()
}

impl Entries {
    pub(super) fn of(group: Option<&GroupView>) -> Self {
        let entries = Self {
            name: RwSignal::new(String::new()),
            description: RwSignal::new(String::new()),
            draft: RwSignal::new(Draft::default()),
            templates: RwSignal::new(Vec::new()),
        };
        match group {
            Some(group) => entries.set(group),
            // A filter begins with a condition.
            None => entries.draft.update(|draft| {
                draft.add(None);
            }),
        }
        entries
    }

    pub(super) fn set(self, group: &GroupView) {
        self.name.set(group.name.clone());
        self.description.set(group.description.clone());
        self.draft.set(Draft::read(group.filter.as_ref()).unwrap_or_default());
        self.templates.set(ids(group));
    }

    /// What differs from the group. Watched.
    pub(super) fn change(self, group: &GroupView) -> ChangeGroup {
        let (name, description) =
            (self.name.get().trim().to_owned(), self.description.get().trim().to_owned());
        let filter = self.draft.with(Draft::filter);
        let templates: Vec<TemplateId> = self.templates.get().into_iter().map(TemplateId).collect();
        // The same templates in another order are the same: their rank decides.
        let set = |ids: Vec<i64>| ids.into_iter().collect::<BTreeSet<i64>>();
        let same = set(self.templates.get()) == set(ids(group));
        let before = Draft::read(group.filter.as_ref()).and_then(|draft| draft.filter());
        ChangeGroup {
            name: (name != group.name).then_some(name),
            description: (description != group.description).then_some(description),
            filter: (filter != before).then_some(filter),
            templates: (!same).then_some(templates),
            confirm: None,
        }
    }

    /// How much differs. Watched.
    pub(super) fn changes(self, group: Option<&GroupView>) -> u64 {
        let Some(group) = group else {
            let typed = !self.name.with(String::is_empty)
                || !self.description.with(String::is_empty)
                || !self.templates.with(Vec::is_empty)
                || self.draft.with(|draft| draft.conditions().any(Condition::is_complete));
            return u64::from(typed);
        };
        let change = self.change(group);
        let differ = [
            change.name.is_some(),
            change.description.is_some(),
            change.filter.is_some(),
            change.templates.is_some(),
        ];
        differ.into_iter().filter(|differ| *differ).count() as u64
    }

    pub(super) fn new_group(self) -> NewGroup {
        NewGroup {
            name: self.name.get_untracked().trim().to_owned(),
            description: self.description.get_untracked().trim().to_owned(),
            filter: self.draft.with_untracked(Draft::filter),
            templates: self.templates.get_untracked().into_iter().map(TemplateId).collect(),
            confirm: None,
        }
    }

    /// Somebody else has changed the group: what was not changed here is as it is now, the rest stays as typed.
    pub(super) fn follow(self, before: &GroupView, now: &GroupView) {
        let change = untrack(|| self.change(before));
        if change.name.is_none() {
            self.name.set(now.name.clone());
        }
        if change.description.is_none() {
            self.description.set(now.description.clone());
        }
        if change.filter.is_none() && before.filter != now.filter {
            self.draft.set(Draft::read(now.filter.as_ref()).unwrap_or_default());
        }
        if change.templates.is_none() {
            self.templates.set(ids(now));
        }
    }

    /// As if nothing had been typed.
    pub(super) fn set_nothing(self) {
        self.name.set(String::new());
        self.description.set(String::new());
        self.draft.set(Draft::default());
        self.templates.set(Vec::new());
    }
}

pub(super) fn labels(fields: &[ClientFieldView]) -> Labels {
    fields.iter().map(|field| (field.name.clone(), field.label.clone())).collect()
}

/// What is different of what somebody decides about.
pub(super) fn differences(before: &GroupView, now: &GroupView, labels: &Labels) -> Vec<Difference> {
    use texts::groups as words;
    let language = lang();
    let lines = |group: &GroupView| {
        let filter = Draft::read(group.filter.as_ref()).unwrap_or_default();
        let templates: Vec<String> = group.templates.iter().map(|template| template.name.clone()).collect();
        [
            (words::name(language), group.name.clone()),
            (words::description(language), group.description.clone()),
            (words::filter(language), sentence(language, &filter, labels)),
            (words::templates(language), templates.join(", ")),
        ]
    };
    let differs = lines(before).into_iter().zip(lines(now)).filter(|(before, now)| before != now);
    differs.map(|((name, before), (_, now))| Difference { name: name.to_owned(), before, now }).collect()
}
