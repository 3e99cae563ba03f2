//! Parameters: the catalogue of what can be set on phones, as lists and searches show it (D-13 … D-17).
//!
//! The whole tree at once is the catalogue of crate `domain` itself; it has no views of its own.

use domain::catalogue::{Certainty, Kind, TextFormat, Value};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};

macro_rules! words {
    ($($name:ident: $type:ident { $($variant:ident),+ $(,)? })+) => {$(
        fn $name() -> Object {
            // Does not compile when a variant is missing below.
            fn listed(word: $type) -> $type {
                match word { $($type::$variant)|+ => word }
            }
            let words = [$($type::$variant),+].map(listed);
            let words = words.into_iter().filter_map(|word| serde_json::to_value(word).ok());
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
        }
    )+};
}

words! {
    kind: Kind { SipClient, HfaClient, User, Template }
    certainty: Certainty { Documented, Inferred, Mapped }
    format: TextFormat {
        Any, Digits, PhoneNumber, Ip, Host, Url, Email, TimeZone, Language, Country, DateTime, Certificate,
    }
}

fn kinds() -> utoipa::openapi::schema::Array {
    ArrayBuilder::new().items(kind()).build()
}

fn value_or_null() -> Object {
    let types = [Type::Boolean, Type::Integer, Type::String, Type::Array, Type::Null];
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).build()
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextView {
    /// English.
    pub en: String,
    /// German.
    pub de: String,
}

/// A part of the tree of parameters: an area (OSEM §7.x) or a section of it (OSEM §7.x.y).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreePartView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: TextView,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChoiceView {
    /// The value to be set.
    pub key: String,
    /// Its name.
    pub label: TextView,
    /// What it means; `null` when the name says it.
    pub help: Option<TextView>,
    /// Text a phone is sent for it; `null` when it is not known: the choice can be stored, not written (D-14).
    pub wire: Option<String>,
}

/// Which values a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ParameterType {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// The key of one of the choices.
    Enum {
        /// The choices, in the order shown.
        choices: Vec<ChoiceView>,
    },
    /// A text; empty clears the setting.
    Text {
        /// What it must look like.
        #[schema(schema_with = format)]
        format: TextFormat,
        /// Fewest characters.
        min_length: u16,
        /// Most characters.
        max_length: u16,
    },
    /// A list of texts.
    List {
        /// What each must look like.
        #[schema(schema_with = format)]
        format: TextFormat,
        /// Most entries.
        max_entries: u16,
    },
}

/// Numbers of the entries of a repeated parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntriesView {
    /// First.
    pub first: u16,
    /// Last.
    pub last: u16,
}

/// The item a parameter stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Item name.
    pub item: String,
    /// Its index; of a repeated parameter that of the first entry. `null`: none, which is not 0.
    pub index: Option<u16>,
    /// How sure that is: an inferred item is written once this model and firmware has reported it (D-13).
    #[schema(schema_with = certainty)]
    pub certainty: Certainty,
    /// Whether it is one field of an item that holds several (D-15).
    pub field: bool,
    /// Logical record: its items go to the phone together. `null` for an item that stands alone.
    pub group: Option<String>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParameterView {
    /// Its id.
    pub id: String,
    /// Area of the tree.
    pub area: TreePartView,
    /// Section of the area.
    pub section: TreePartView,
    /// Its name.
    pub label: TextView,
    /// What it does.
    pub help: TextView,
    /// What it is offered for.
    #[schema(schema_with = kinds)]
    pub kinds: Vec<Kind>,
    /// Which values it takes.
    pub value: ParameterType,
    /// The phone's own default, which is never written by itself; `null` when it is not known.
    #[schema(schema_with = value_or_null)]
    pub default: Option<Value>,
    /// Unit of a number.
    pub unit: Option<TextView>,
    /// Entries; `null` unless it is a repeated one.
    pub entries: Option<EntriesView>,
    /// Whether its value is never shown (D-16).
    pub secret: bool,
    /// Whether it is only reported.
    pub read_only: bool,
    /// Whether a wrong value can cut the phone off.
    pub care: bool,
    /// Whether a change makes the phone register again.
    pub restarts: bool,
    /// The parameter whose item, and so whose value, it shares (D-15).
    pub same_as: Option<String>,
    /// Whether its item is known: else it is stored and not written (D-13).
    pub deliverable: bool,
    /// Its item; `null` when it is not deliverable.
    pub delivery: Option<DeliveryView>,
}

/// Which parameters a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ParameterQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Parameters on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// Words of the name, id, item, choices or help, in both languages, in any case and with umlauts as one
    /// letter or two; the best matches come first. Without it, parameters stand in the order of the tree.
    pub search: Option<String>,
    /// Id of an area.
    pub area: Option<String>,
    /// What it is offered for.
    #[param(schema_with = kind)]
    pub kind: Option<Kind>,
    /// Name of an item, in any case of letters.
    pub item: Option<String>,
    /// Whether the item is known.
    pub deliverable: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::{certainty, format, kind};
    use utoipa::openapi::schema::Object;

    fn words(object: &Object) -> Vec<String> {
        let words = object.enum_values.iter().flatten();
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn the_document_lists_the_words_of_the_catalogue() {
        assert_eq!(words(&kind()), ["sip-client", "hfa-client", "user", "template"]);
        assert_eq!(words(&certainty()), ["documented", "inferred", "mapped"]);
        let formats = words(&format());
        assert!(formats.len() == 12 && formats.contains(&"phone-number".to_owned()), "{formats:?}");
    }
}
