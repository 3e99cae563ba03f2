//! A change of templates, groups or fields of a client: tried out before it is saved, saved in the transaction that
//! also makes the job for the clients it changes (D-22).

use std::collections::{BTreeMap, BTreeSet};

use api::plan::FleetChangeView;
use api::{Code, FieldError, field};
use domain::catalogue::{Catalogue, ParameterKey, Value};
use domain::group_filter::Filter;
use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use domain::{ClientId, FileId, GroupId, TemplateId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::snapshot::wish_of;
use super::{Reach, Snapshot};
use crate::app::error::{AppError, AppResult};
use crate::store::{groups, templates};

/// Everything of a template but its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateHead {
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Onboarding or default.
    pub kind: TemplateKind,
    /// Rank.
    pub rank: u16,
    /// Models; none is all.
    pub models: Vec<String>,
    /// Software types; none is all.
    pub software_types: Vec<String>,
    /// Software update.
    pub software_update: SoftwareUpdate,
    /// Secure mode.
    pub secure_mode: Option<SecureModeWish>,
}

impl TemplateHead {
    /// That of a stored template.
    pub fn of(template: &templates::Template) -> Self {
        Self {
            name: template.name.clone(),
            description: template.description.clone(),
            kind: template.kind,
            rank: template.rank,
            models: template.models.clone(),
            software_types: template.software_types.clone(),
            software_update: template.software_update,
            secure_mode: template.secure_mode,
        }
    }

    /// The names of the fields in which two differ.
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("name", self.name == other.name),
            ("description", self.description == other.description),
            ("kind", self.kind == other.kind),
            ("rank", self.rank == other.rank),
            ("models", self.models == other.models),
            ("software_types", self.software_types == other.software_types),
            ("software_update", self.software_update == other.software_update),
            ("secure_mode", self.secure_mode == other.secure_mode),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// A template that is made, changed or deleted. Its values may be secrets: it cannot be printed.
#[derive(Clone, Serialize, Deserialize)]
pub struct TemplateChange {
    /// The template; `None` for a new one.
    pub id: Option<TemplateId>,
    /// The revision it was read with; 0 for a new one.
    pub revision: i64,
    /// What it is afterwards; `None`: it is deleted.
    pub after: Option<TemplateHead>,
    /// Values that are set.
    pub set: Vec<(ParameterKey, Value)>,
    /// Values that are removed.
    pub remove: Vec<ParameterKey>,
    /// Files it has afterwards; `None`: those it has.
    #[serde(default)]
    pub files: Option<BTreeSet<FileId>>,
}

/// Everything of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHead {
    /// Name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who belongs to it.
    pub filter: Option<Filter>,
    /// Its templates.
    pub templates: Vec<TemplateId>,
}

impl GroupHead {
    /// That of a stored group.
    pub fn of(group: &groups::Group) -> Self {
        Self {
            name: group.name.clone(),
            description: group.description.clone(),
            filter: group.filter.clone(),
            templates: group.templates.clone(),
        }
    }

    /// The names of the fields in which two differ.
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        let set = |head: &Self| head.templates.iter().copied().collect::<BTreeSet<_>>();
        let same = [
            ("name", self.name == other.name),
            ("description", self.description == other.description),
            ("filter", self.filter == other.filter),
            ("templates", set(self) == set(other)),
        ];
        same.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// A group that is made, changed or deleted.
#[derive(Clone, Serialize, Deserialize)]
pub struct GroupChange {
    /// The group; `None` for a new one.
    pub id: Option<GroupId>,
    /// The revision it was read with; 0 for a new one.
    pub revision: i64,
    /// What it is afterwards; `None`: it is deleted.
    pub after: Option<GroupHead>,
}

/// Fields of one client.
#[derive(Clone, Serialize, Deserialize)]
pub struct FieldsChange {
    /// The client.
    pub client: ClientId,
    /// How it is called.
    pub name: String,
    /// What they were; when they are something else by the time they are saved, the plan is no longer true. The
    /// revision of the client does not tell: it counts what the phone reports, too.
    pub before: BTreeMap<String, String>,
    /// All its values afterwards.
    pub fields: BTreeMap<String, String>,
}

/// Templates, groups and fields that are changed together.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct FleetChange {
    /// Templates.
    #[serde(default)]
    pub templates: Vec<TemplateChange>,
    /// Groups.
    #[serde(default)]
    pub groups: Vec<GroupChange>,
    /// Fields of one client.
    #[serde(default)]
    pub fields: Option<FieldsChange>,
}

/// A change laid over what there is.
pub struct Tried {
    /// Templates, groups and fields afterwards. New ones have ids beyond all others.
    pub after: Snapshot,
    /// Whom it may concern.
    pub reach: Reach,
    /// Parameters whose desired values it may change; `None`: any.
    pub parameters: Option<BTreeSet<String>>,
}

/// Number under which a new template or group is tried out: after all that are stored.
pub(super) fn new_id(place: usize) -> i64 {
    i64::MAX - i64::try_from(place).unwrap_or(0)
}

fn name_taken(name: &str) -> AppError {
    AppError::new(Code::NameTaken, "There is one of this name already.").arg("name", name)
}

fn too_many(most: usize) -> AppError {
    AppError::new(Code::TooMany, "There are as many as there can be.").arg("most", most)
}

impl FleetChange {
    /// Lays it over what there is.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` when something was changed since it was read; `name_taken`; `too_many`;
    /// `invalid_fields`: a group names a template that is not there, or its filter looks at what its own templates
    /// write (D-21).
    pub fn try_out(&self, before: &Snapshot, catalogue: &Catalogue, at: Timestamp) -> AppResult<Tried> {
        let mut templates = before.templates.clone();
        let mut values = before.values();
        let mut files = before.files();
        let mut groups = before.groups.clone();
        for (place, change) in self.templates.iter().enumerate() {
            let id = change.id.unwrap_or(TemplateId(new_id(place)));
            if let Some(id) = change.id {
                let stored = before.templates.get(&id).ok_or_else(AppError::not_found)?;
                if stored.revision != change.revision {
                    return Err(AppError::stale());
                }
            }
            match &change.after {
                None => {
                    templates.remove(&id);
                    values.remove(&id);
                    files.remove(&id);
                    for group in groups.values_mut() {
                        group.templates.retain(|template| *template != id);
                    }
                }
                Some(head) => {
                    templates.insert(id, template_row(id, head, at));
                    let values = values.entry(id).or_default();
                    for key in &change.remove {
                        values.remove(key);
                    }
                    for (key, value) in &change.set {
                        values.insert(key.clone(), wish_of(catalogue, key, value));
                    }
                    if let Some(of_change) = &change.files {
                        files.insert(id, of_change.clone());
                    }
                }
            }
        }
        for (place, change) in self.groups.iter().enumerate() {
            let id = change.id.unwrap_or(GroupId(new_id(place)));
            if let Some(id) = change.id {
                let stored = before.groups.get(&id).ok_or_else(AppError::not_found)?;
                if stored.revision != change.revision {
                    return Err(AppError::stale());
                }
            }
            match &change.after {
                None => {
                    groups.remove(&id);
                }
                Some(head) => {
                    groups.insert(id, group_row(id, head, at));
                }
            }
        }
        self.check_fields(before)?;
        check_names(&templates, &groups)?;
        if templates.len() > api::template::MOST_TEMPLATES.max(before.templates.len()) {
            return Err(too_many(api::template::MOST_TEMPLATES));
        }
        if groups.len() > api::group::MOST_GROUPS.max(before.groups.len()) {
            return Err(too_many(api::group::MOST_GROUPS));
        }
        self.check_templates_of_groups(&templates)?;
        let after = Snapshot::tried(templates, values, groups, before.fields.clone(), files);
        self.check_loops(catalogue, &after)?;
        let reach = self.reach(before, &after);
        let parameters = self.parameters(catalogue, before, &after);
        Ok(Tried { after, reach, parameters })
    }

    /// A field may have gone since its value was entered.
    fn check_fields(&self, before: &Snapshot) -> AppResult<()> {
        let Some(change) = &self.fields else { return Ok(()) };
        let faults: Vec<FieldError> = change
            .fields
            .keys()
            .filter(|name| !before.fields.contains_key(*name))
            .map(|name| {
                FieldError::new(format!("/fields/{name}"), field::UNKNOWN_FIELD, "is no field of clients")
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(AppError::fields(faults)) }
    }

    fn check_templates_of_groups(
        &self,
        templates: &BTreeMap<TemplateId, templates::Template>,
    ) -> AppResult<()> {
        let mut faults = Vec::new();
        for head in self.groups.iter().filter_map(|change| change.after.as_ref()) {
            for (place, id) in head.templates.iter().enumerate() {
                if !templates.contains_key(id) {
                    let text = "is no template";
                    faults.push(FieldError::new(format!("/templates/{place}"), "unknown_template", text));
                }
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(AppError::fields(faults)) }
    }

    /// What it saves, as a plan shows it.
    pub fn views(&self, before: &Snapshot) -> Vec<FleetChangeView> {
        let mut views = Vec::new();
        for change in &self.templates {
            let stored = change.id.and_then(|id| before.templates.get(&id));
            let old = stored.map(TemplateHead::of);
            let mut changed: Vec<String> = match (&old, &change.after) {
                (Some(old), Some(new)) => old.differing(new).into_iter().map(str::to_owned).collect(),
                _ => Vec::new(),
            };
            changed.extend(change.set.iter().map(|(key, _)| key.to_string()));
            changed.extend(change.remove.iter().map(ToString::to_string));
            changed.extend(change.files.as_ref().map(|_| "files".to_owned()));
            let name =
                change.after.as_ref().or(old.as_ref()).map(|head| head.name.clone()).unwrap_or_default();
            views.push(view("template", change.id.map(|id| id.0), name, change.after.is_some(), changed));
        }
        for change in &self.groups {
            let stored = change.id.and_then(|id| before.groups.get(&id));
            let old = stored.map(GroupHead::of);
            let changed: Vec<String> = match (&old, &change.after) {
                (Some(old), Some(new)) => old.differing(new).into_iter().map(str::to_owned).collect(),
                _ => Vec::new(),
            };
            let name =
                change.after.as_ref().or(old.as_ref()).map(|head| head.name.clone()).unwrap_or_default();
            views.push(view("group", change.id.map(|id| id.0), name, change.after.is_some(), changed));
        }
        if let Some(fields) = &self.fields {
            let names: BTreeSet<&String> = fields.before.keys().chain(fields.fields.keys()).collect();
            let changed = names
                .into_iter()
                .filter(|name| fields.before.get(*name) != fields.fields.get(*name))
                .cloned()
                .collect();
            views.push(view("client", Some(fields.client.0), fields.name.clone(), true, changed));
        }
        views
    }
}

fn view(object: &str, id: Option<i64>, name: String, stays: bool, changed: Vec<String>) -> FleetChangeView {
    let action = match (id, stays) {
        (None, _) => "create",
        (Some(_), true) => "change",
        (Some(_), false) => "delete",
    };
    FleetChangeView { object: object.to_owned(), id, name, action: action.to_owned(), changed }
}

fn check_names(
    templates: &BTreeMap<TemplateId, templates::Template>,
    groups: &BTreeMap<GroupId, groups::Group>,
) -> AppResult<()> {
    let mut seen = BTreeSet::new();
    for template in templates.values() {
        if !seen.insert(templates::folded(&template.name)) {
            return Err(name_taken(&template.name));
        }
    }
    let mut seen = BTreeSet::new();
    for group in groups.values() {
        if !seen.insert(templates::folded(&group.name)) {
            return Err(name_taken(&group.name));
        }
    }
    Ok(())
}

pub(super) fn template_row(id: TemplateId, head: &TemplateHead, at: Timestamp) -> templates::Template {
    templates::Template {
        id,
        name: head.name.clone(),
        description: head.description.clone(),
        kind: head.kind,
        rank: head.rank,
        models: head.models.clone(),
        software_types: head.software_types.clone(),
        software_update: head.software_update,
        secure_mode: head.secure_mode,
        created_at: at,
        updated_at: at,
        updated_by: String::new(),
        revision: 0,
    }
}

pub(super) fn group_row(id: GroupId, head: &GroupHead, at: Timestamp) -> groups::Group {
    groups::Group {
        id,
        name: head.name.clone(),
        description: head.description.clone(),
        filter: head.filter.clone(),
        templates: head.templates.clone(),
        created_at: at,
        updated_at: at,
        updated_by: String::new(),
        revision: 0,
    }
}
