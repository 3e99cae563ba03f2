//! For what the editor works: one client, some, all of a filter, or a template; read from the address and written into
//! it.

use api::targets::{TargetFilter, Targets};
use domain::{ClientId, TemplateId};
use serde_json::{Map, Value};

use crate::address::with_fields;
use crate::components::list::Chosen;

/// Word in the place of a client's number for many of them.
pub const SELECTED: &str = "selected";

/// For whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One client.
    One(ClientId),
    /// Clients by their numbers.
    Some(Vec<ClientId>),
    /// All that a filter takes; the fields of the filter as they stand in the address.
    Matching(Vec<(String, String)>),
    /// No client: a template.
    Template(TemplateId),
}

/// Fields of the filter that are yes or no.
const YES_OR_NO: [&str; 4] = ["in_job", "drift", "not_seen", "secrets_withheld"];
/// Fields of the filter that are numbers of things.
const NUMBERS: [&str; 2] = ["group", "template"];
/// Fields of the filter that are text.
const TEXTS: [&str; 10] = [
    "search",
    "software_type",
    "model",
    "state",
    "software_version",
    "firmware",
    "fault",
    "last_contact_reason",
    "seen_from",
    "seen_until",
];

impl Target {
    /// Reads the address: the place after `/clients/`, and fields of the query. `None` when nobody is meant.
    pub fn read(id: &str, field: impl Fn(&str) -> Option<String>) -> Option<Self> {
        if id != SELECTED {
            return id.parse().ok().map(|id| Self::One(ClientId(id)));
        }
        if let Some(ids) = field("ids") {
            let ids: Vec<ClientId> =
                ids.split(',').filter_map(|id| id.trim().parse().ok().map(ClientId)).collect();
            return match ids.as_slice() {
                [] => None,
                [one] => Some(Self::One(*one)),
                _ => Some(Self::Some(ids)),
            };
        }
        field("all")?;
        let names = TEXTS.iter().chain(&YES_OR_NO).chain(&NUMBERS);
        Some(Self::Matching(names.filter_map(|name| Some(((*name).to_owned(), field(name)?))).collect()))
    }

    /// The one client, when it is one.
    pub fn one(&self) -> Option<ClientId> {
        match self {
            Self::One(id) => Some(*id),
            Self::Some(_) | Self::Matching(_) | Self::Template(_) => None,
        }
    }

    /// The template, when it is one.
    pub fn template(&self) -> Option<TemplateId> {
        match self {
            Self::Template(id) => Some(*id),
            Self::One(_) | Self::Some(_) | Self::Matching(_) => None,
        }
    }

    /// The part of the address that does not change while its configuration is edited.
    pub fn base(&self) -> String {
        if let Self::Template(id) = self {
            return template_base(*id);
        }
        let id = self.one().map_or_else(|| SELECTED.to_owned(), |id| id.to_string());
        format!("/clients/{id}/configuration")
    }

    /// Fields that the address keeps.
    pub fn fields(&self) -> Vec<(String, String)> {
        match self {
            Self::One(_) | Self::Template(_) => Vec::new(),
            Self::Some(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                vec![("ids".to_owned(), ids.join(","))]
            }
            Self::Matching(fields) => {
                let all = ("all".to_owned(), "1".to_owned());
                std::iter::once(all).chain(fields.iter().cloned()).collect()
            }
        }
    }

    /// Address of a section, perhaps at one of its parameters.
    pub fn href(&self, section: &str, parameter: Option<&str>) -> String {
        let mut fields = self.fields();
        fields.extend(parameter.map(|parameter| ("at".to_owned(), parameter.to_owned())));
        with_fields(&format!("{}/{section}", self.base()), &fields)
    }

    /// For whom, as the API says it; `None` for a template, and when the address holds a filter that is none.
    pub fn targets(&self) -> Option<Targets> {
        match self {
            Self::Template(_) => None,
            Self::One(id) => Some(Targets { ids: Some(vec![*id]), filter: None }),
            Self::Some(ids) => Some(Targets { ids: Some(ids.clone()), filter: None }),
            Self::Matching(fields) => {
                let field = |(name, value): &(String, String)| {
                    let value = if YES_OR_NO.contains(&name.as_str()) {
                        Value::Bool(value == "true")
                    } else if NUMBERS.contains(&name.as_str()) {
                        // What is no number makes no filter, never a wider one.
                        value.parse::<i64>().map_or_else(|_| Value::String(value.clone()), Value::from)
                    } else {
                        Value::String(value.clone())
                    };
                    (name.clone(), value)
                };
                let filter: Map<String, Value> = fields.iter().map(field).collect();
                let filter: TargetFilter = serde_json::from_value(Value::Object(filter)).ok()?;
                Some(Targets { ids: None, filter: Some(filter) })
            }
        }
    }
}

/// The part of the address of a template's editor that does not change.
pub fn template_base(id: TemplateId) -> String {
    format!("/templates/{id}/configuration")
}

/// Address of one value of a template in the editor. The section is the part of the id before its last word.
pub fn template_value(id: TemplateId, parameter: &str) -> String {
    let section = parameter.rsplit_once('.').map_or(parameter, |(section, _)| section);
    with_fields(&format!("{}/{section}", template_base(id)), &[("at", parameter)])
}

/// Address of the editor for rows that were chosen in the list of clients.
pub fn address_of(chosen: &Chosen) -> String {
    let target = match chosen {
        Chosen::Rows(ids) if ids.len() == 1 => Target::One(ClientId(ids[0])),
        Chosen::Rows(ids) => Target::Some(ids.iter().copied().map(ClientId).collect()),
        Chosen::Matching { query, .. } => {
            let fields = query.fields().into_iter();
            Target::Matching(fields.map(|(name, value)| (name.to_owned(), value)).collect())
        }
    };
    with_fields(&target.base(), &target.fields())
}

#[cfg(test)]
mod tests {
    use super::{Target, address_of};
    use crate::components::list::{Chosen, ListQuery};
    use domain::ClientId;
    use std::collections::HashMap;

    fn read(address: &str) -> Option<Target> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let fields: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Target::read(path.split('/').nth(2).unwrap(), |name| fields.get(name).cloned())
    }

    #[test]
    fn an_address_leads_to_what_it_was_made_of() {
        assert_eq!(read(&address_of(&Chosen::Rows(vec![7]))), Some(Target::One(ClientId(7))));
        let two = Chosen::Rows(vec![7, 9]);
        assert_eq!(read(&address_of(&two)), Some(Target::Some(vec![ClientId(7), ClientId(9)])));
        let query = ListQuery {
            search: Some("49 40&x".to_owned()),
            filters: vec![
                ("drift", "true".to_owned()),
                ("state", "active".to_owned()),
                ("firmware", "due".to_owned()),
            ],
            ..ListQuery::default()
        };
        let target = read(&address_of(&Chosen::Matching { query, total: 3 })).unwrap();
        let filter = target.targets().unwrap().filter.unwrap();
        assert_eq!((filter.search.as_deref(), filter.drift), (Some("49 40&x"), Some(true)));
        assert_eq!(filter.state.map(domain::client::ClientState::as_str), Some("active"));
        assert_eq!(filter.firmware, Some(domain::client::FirmwareState::Due));
    }

    #[test]
    fn nobody_is_meant_without_a_selection() {
        assert_eq!(read("/clients/selected/configuration"), None);
        assert_eq!(read("/clients/selected/configuration?ids=x"), None);
        assert_eq!(read("/clients/abc/configuration"), None);
        let everybody = read("/clients/selected/configuration?all=1").unwrap();
        assert_eq!(everybody.targets().unwrap().filter, Some(api::targets::TargetFilter::default()));
    }

    #[test]
    fn a_group_is_part_of_the_filter() {
        let filter = |address| read(address).unwrap().targets().and_then(|targets| targets.filter);
        let group = filter("/clients/selected/configuration?all=1&group=3&template=7").unwrap();
        assert_eq!((group.group, group.template), (Some(domain::GroupId(3)), Some(domain::TemplateId(7))));
        assert!(filter("/clients/selected/configuration?all=1&group=x").is_none());
    }

    #[test]
    fn a_template_has_an_editor_and_no_clients() {
        let target = Target::Template(domain::TemplateId(7));
        assert_eq!(target.href("a.b", Some("a.b.c")), "/templates/7/configuration/a.b?at=a.b.c");
        assert_eq!(super::template_value(domain::TemplateId(7), "a.b.c"), target.href("a.b", Some("a.b.c")));
        assert!(target.targets().is_none() && target.one().is_none());
    }

    #[test]
    fn a_filter_that_is_none_does_not_become_everybody() {
        assert!(read("/clients/selected/configuration?all=1&state=nonsense").unwrap().targets().is_none());
    }
}
