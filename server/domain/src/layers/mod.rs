//! Layers: which values are desired of a client, and where each comes from (D-18 … D-20).
//!
//! Templates and groups are given; which of them apply to a client, and which value wins, are pure functions of them
//! and of what is known of the client. Knows nothing of how they are stored or of jobs.

mod resolve;
pub mod wanted;
pub mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use resolve::{Candidate, Outcome, Resolved, Winner, Winners, outcomes, winners};
pub use words::{SecureModeWish, SoftwareUpdate, TemplateKind};

use crate::catalogue::{ParameterKey, Value};
use crate::configuration::Layer;
use crate::expand;
use crate::group_filter::{Facts, Filter};
use crate::{FileId, GroupId, Secret, TemplateId};

/// A value a template wishes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Shown to everybody who may see the template. May hold variables.
    Plain(Value),
    /// JSON of the value of a secret parameter. May hold variables too.
    Secret(Secret),
}

impl Wish {
    /// The value itself; `None` for a secret that is damaged.
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::Plain(value) => Some(value.clone()),
            Self::Secret(json) => serde_json::from_str(json.expose()).ok(),
        }
    }

    /// Whether it differs from client to client.
    pub fn has_variables(&self) -> bool {
        match self {
            Self::Plain(value) => expand::has_variables(value),
            Self::Secret(_) => self.value().is_some_and(|value| expand::has_variables(&value)),
        }
    }
}

/// A template, as far as it matters which values are desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: TemplateId,
    /// Its name.
    pub name: String,
    /// Onboarding or default.
    pub kind: TemplateKind,
    /// Rank, 1 is the strongest.
    pub rank: u16,
    /// Models it is for; none is all.
    pub models: BTreeSet<String>,
    /// Software types it is for; none is all.
    pub software_types: BTreeSet<String>,
    /// Its values.
    pub values: BTreeMap<ParameterKey, Wish>,
    /// Its files.
    pub files: BTreeSet<FileId>,
    /// Whether it updates software.
    pub software_update: SoftwareUpdate,
}

impl Template {
    /// Whether it is for the model and software of a client.
    pub fn is_for(&self, facts: &Facts<'_>) -> bool {
        let takes = |words: &BTreeSet<String>, fact: Option<&str>| {
            words.is_empty() || fact.is_some_and(|fact| words.contains(fact))
        };
        takes(&self.models, facts.model) && takes(&self.software_types, facts.software_type)
    }
}

/// A group, as far as it matters which values are desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Who belongs to it; `None`: nobody.
    pub filter: Option<Filter>,
    /// Its templates.
    pub templates: BTreeSet<TemplateId>,
}

impl Group {
    /// Whether a client belongs to it.
    pub fn has(&self, facts: &Facts<'_>) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.matches(facts))
    }
}

/// All templates and groups; made with [`Layers::new`] and not changed afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Templates by id.
    pub templates: BTreeMap<TemplateId, Template>,
    /// Groups by id.
    pub groups: BTreeMap<GroupId, Group>,
    /// Templates that are in any group. Made once: it is asked for every template of every client.
    attached: BTreeSet<TemplateId>,
}

/// A template that applies to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<'a> {
    /// The template.
    pub template: &'a Template,
    /// Its layer.
    pub layer: Layer,
    /// The groups by which it applies; none for an unattached one.
    pub groups: Vec<GroupId>,
}

impl Layers {
    /// All of them, by id.
    pub fn new(templates: BTreeMap<TemplateId, Template>, groups: BTreeMap<GroupId, Group>) -> Self {
        let attached = groups.values().flat_map(|group| group.templates.iter().copied()).collect();
        Self { templates, groups, attached }
    }

    /// Groups a client belongs to, by id.
    pub fn groups_of(&self, facts: &Facts<'_>) -> Vec<&Group> {
        self.groups.values().filter(|group| group.has(facts)).collect()
    }

    /// Whether a template is attached to any group: then it applies to members only (D-19).
    pub fn is_attached(&self, template: TemplateId) -> bool {
        self.attached.contains(&template)
    }

    /// Default templates that apply to a client, by id.
    pub fn applying(&self, facts: &Facts<'_>) -> Vec<Applied<'_>> {
        self.of_kind(TemplateKind::Default, facts)
    }

    /// Onboarding templates whose values a client gets when it comes for the first time, by id (D-20).
    pub fn onboarding(&self, facts: &Facts<'_>) -> Vec<Applied<'_>> {
        self.of_kind(TemplateKind::Onboarding, facts)
    }

    fn of_kind(&self, kind: TemplateKind, facts: &Facts<'_>) -> Vec<Applied<'_>> {
        if self.templates.is_empty() {
            return Vec::new();
        }
        let member_of = self.groups_of(facts);
        self.templates
            .values()
            .filter(|template| template.kind == kind && template.is_for(facts))
            .filter_map(|template| {
                let by = member_of.iter().filter(|group| group.templates.contains(&template.id));
                let groups: Vec<GroupId> = by.map(|group| group.id).collect();
                let layer = if !groups.is_empty() {
                    Layer::GroupTemplate
                } else if self.is_attached(template.id) {
                    return None;
                } else {
                    Layer::DefaultTemplate
                };
                Some(Applied { template, layer, groups })
            })
            .collect()
    }
}
