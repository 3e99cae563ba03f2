//! Starter templates: one file each under `templates/`, compiled in, for people to begin with. What a file holds is
//! known to [`crate::template_file`] alone.

use crate::template_file::{FileFault, TemplateFile, read};

/// A template to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starter {
    /// Stable id: the name of the file without its ending.
    pub id: &'static str,
    /// Its name; a product's, the same in every language.
    pub title: &'static str,
    /// The file, with its comments.
    pub text: &'static str,
}

impl Starter {
    /// The template.
    ///
    /// # Errors
    /// Never for those of [`starters`]: a test reads them.
    pub fn template(&self) -> Result<TemplateFile, FileFault> {
        read(self.text)
    }
}

macro_rules! starters {
    ($($id:literal => $title:literal,)+) => {
        &[$(Starter {
            id: $id,
            title: $title,
            text: include_str!(concat!("../../../templates/", $id, ".toml")),
        },)+]
    };
}

const STARTERS: &[Starter] = starters! {
    "openscape-voice" => "OpenScape Voice",
    "openscape-business" => "OpenScape Business",
    "asterisk" => "Asterisk",
    "freeswitch" => "FreeSWITCH",
    "generic-sip" => "Generic SIP",
};

/// Every starter, in the order shown.
pub fn starters() -> &'static [Starter] {
    STARTERS
}

/// The starter with an id.
pub fn starter(id: &str) -> Option<&'static Starter> {
    STARTERS.iter().find(|starter| starter.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Starter, read, starter, starters};
    use crate::catalogue::{Catalogue, Kind, Parameter, ParameterKey, Value, rules};
    use crate::expand::{Variables, check_value, expand_value, is_built_in};
    use crate::layers::{SoftwareUpdate, TemplateKind};
    use crate::template_file::TemplateFile;

    fn client() -> Variables {
        Variables {
            e164: Some("498970071234".into()),
            extension: Some("1234".into()),
            device_id: Some("00:1a:e8:01:02:03".into()),
            mac: Some("001AE8010203".into()),
            model: Some("CP600".into()),
            fields: BTreeMap::new(),
        }
    }

    fn kinds(template: &TemplateFile) -> Vec<Kind> {
        let kind = |software: &String| match software.as_str() {
            "SIP" => Kind::SipClient,
            "HFA" => Kind::HfaClient,
            other => panic!("{other} is no software type"),
        };
        assert!(!template.software.is_empty());
        template.software.iter().map(kind).collect()
    }

    fn parameter(key: &ParameterKey) -> &'static Parameter {
        Catalogue::built_in().parameter(&key.parameter).unwrap_or_else(|| panic!("there is no {key}"))
    }

    /// What phones with these values would be told; every one must have a text on the wire.
    fn deliver(kinds: &[Kind], values: &BTreeMap<ParameterKey, Value>) -> BTreeMap<ParameterKey, Value> {
        let mut expanded = BTreeMap::new();
        for (key, value) in values {
            let parameter = parameter(key);
            assert!(parameter.is_for(Kind::Template), "{key} is not offered for templates");
            assert!(kinds.iter().all(|kind| parameter.is_for(*kind)), "{key} is not for {kinds:?}");
            assert!(!parameter.secret && !parameter.read_only && !parameter.care, "{key} has no place here");
            check_value(parameter, key.index, value, &is_built_in).unwrap_or_else(|e| panic!("{key} {e}"));
            let own = expand_value(parameter, key.index, value, &client());
            let own = own.unwrap_or_else(|fault| panic!("{key}: {fault}"));
            parameter.to_wire(&own).unwrap_or_else(|fault| panic!("{key} cannot be delivered: {fault}"));
            assert!(parameter.item_of(key.index).is_some(), "{key} has no item");
            expanded.insert(key.clone(), own);
        }
        expanded
    }

    fn template(starter: &Starter) -> TemplateFile {
        starter.template().unwrap_or_else(|fault| panic!("{}: {fault}", starter.id))
    }

    #[test]
    fn every_starter_can_be_delivered() {
        for starter in starters() {
            let template = template(starter);
            assert_eq!(template.name, starter.title);
            assert_eq!(template.kind, TemplateKind::Default);
            assert_eq!(template.software_update, SoftwareUpdate::Ignored);
            assert!(template.clients.is_empty() && template.secrets.is_empty());
            assert!(template.parameters.len() >= 10, "{} is of little use", starter.id);
            let kinds = kinds(&template);
            let values = deliver(&kinds, &template.parameters);
            for kind in kinds {
                let faults = rules::check_all(Catalogue::built_in(), kind, &|key| values.get(key).cloned());
                assert_eq!(faults, [], "{}", starter.id);
            }
        }
    }

    /// A record that is not whole is not written (`wpi.md` §3.5).
    #[test]
    fn records_are_whole() {
        for starter in starters() {
            let values = template(starter).parameters;
            for (key, group) in values.keys().filter_map(|key| {
                let delivery = parameter(key).delivery.as_ref()?;
                Some((key, delivery.group.as_ref()?))
            }) {
                for item in Catalogue::built_in().group(group) {
                    let there = values.keys().any(|other| {
                        other.index == key.index
                            && parameter(other).delivery.as_ref().is_some_and(|own| own.item == *item)
                    });
                    assert!(there, "{}: {key} stands without {item}", starter.id);
                }
            }
        }
    }

    /// The examples in the comments are as good as the values.
    #[test]
    fn examples_can_be_delivered_too() {
        for starter in starters() {
            let examples: Vec<&str> = starter
                .text
                .lines()
                .filter_map(|line| line.strip_prefix("# "))
                .filter(|l| l.starts_with('"'))
                .collect();
            assert!(!examples.is_empty());
            let text = format!("{}\n{}", starter.text, examples.join("\n"));
            let with_examples = read(&text).unwrap_or_else(|fault| panic!("{}: {fault}", starter.id));
            assert_eq!(with_examples.parameters.len(), template(starter).parameters.len() + examples.len());
            deliver(&kinds(&with_examples), &with_examples.parameters);
        }
    }

    /// Addresses of servers differ everywhere: a starter that sets one would take phones off their server.
    #[test]
    fn no_starter_names_a_server() {
        for starter in starters() {
            for key in template(starter).parameters.keys() {
                assert!(!key.parameter.ends_with("-address"), "{}: {key}", starter.id);
            }
        }
    }

    #[test]
    fn starters_are_found_by_their_id() {
        for one in starters() {
            assert_eq!(starter(one.id), Some(one));
        }
        assert_eq!(starter("nobody"), None);
    }
}
