//! Rows that were chosen in the list, as the API takes them: ids, or the filter of the list.

use api::targets::{TargetFilter, Targets};
use domain::ClientId;
use serde_json::Value;

use crate::components::list::{Chosen, ListQuery};

/// Fields of the filter that are yes or no.
const YES_OR_NO: [&str; 4] = ["in_job", "drift", "not_seen", "secrets_withheld"];
/// Fields of the filter that are numbers of things.
const NUMBERS: [&str; 2] = ["group", "template"];

/// For whom, as the API says it; `None` when the filter of the list is none that actions take.
pub(super) fn targets(chosen: &Chosen) -> Option<Targets> {
    match chosen {
        Chosen::Rows(ids) => {
            Some(Targets { ids: Some(ids.iter().copied().map(ClientId).collect()), filter: None })
        }
        Chosen::Matching { query, .. } => Some(Targets { ids: None, filter: Some(filter(query)?) }),
    }
}

fn filter(query: &ListQuery) -> Option<TargetFilter> {
    let mut fields = serde_json::Map::new();
    for (name, value) in query.fields() {
        let value = match value.as_str() {
            "true" if YES_OR_NO.contains(&name) => true.into(),
            "false" if YES_OR_NO.contains(&name) => false.into(),
            number if NUMBERS.contains(&name) => {
                number.parse::<i64>().map_or_else(|_| Value::from(number), Value::from)
            }
            _ => value.into(),
        };
        fields.insert(name.to_owned(), value);
    }
    // Unknown fields are refused: what is not understood never widens the selection.
    serde_json::from_value(fields.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::targets;
    use crate::components::list::{Chosen, ListQuery};
    use domain::client::ClientState;
    use domain::{ClientId, GroupId, TemplateId};

    fn matching(filters: Vec<(&'static str, String)>) -> Chosen {
        Chosen::Matching { query: ListQuery { filters, ..ListQuery::default() }, total: 9 }
    }

    #[test]
    fn all_matching_becomes_the_filter_of_the_list() {
        let chosen = matching(vec![("state", "active".to_owned()), ("drift", "true".to_owned())]);
        let filter = targets(&chosen).unwrap().filter.unwrap();
        assert_eq!((filter.state.map(ClientState::as_str), filter.drift), (Some("active"), Some(true)));
        assert_eq!(targets(&Chosen::Rows(vec![7])).unwrap().ids, Some(vec![ClientId(7)]));
    }

    #[test]
    fn a_group_and_a_template_are_part_of_the_filter() {
        let chosen = matching(vec![("group", "3".to_owned()), ("template", "7".to_owned())]);
        let filter = targets(&chosen).unwrap().filter.unwrap();
        assert_eq!((filter.group, filter.template), (Some(GroupId(3)), Some(TemplateId(7))));
        assert!(targets(&matching(vec![("group", "Hamburg".to_owned())])).is_none());
    }

    #[test]
    fn a_filter_that_is_not_understood_selects_nobody() {
        assert!(targets(&matching(vec![("drift", "perhaps".to_owned())])).is_none());
        assert!(targets(&matching(vec![("colour", "red".to_owned())])).is_none());
    }
}
