//! The configuration of a client: what is desired, what the phone reports, and how both stand (D-13 … D-24).

use domain::catalogue::Value;
use domain::configuration::{Layer, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::{IntoParams, ToSchema};

/// Schema of a value that may be absent.
pub(crate) fn value_or_null() -> Object {
    let types = [Type::Boolean, Type::Integer, Type::String, Type::Array, Type::Null];
    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)).build()
}

macro_rules! words {
    ($($name:ident: $type:ident { $($variant:ident),+ $(,)? })+) => {$(
        fn $name() -> Object {
            // Does not compile when a variant is missing below.
            fn listed(word: $type) -> &'static str {
                match word { $($type::$variant)|+ => word.as_str() }
            }
            let words = [$(listed($type::$variant)),+].into_iter().map(serde_json::Value::from);
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .enum_values(Some(words.chain([serde_json::Value::Null])))
                .build()
        }
    )+};
}

words! {
    layer_or_null: Layer { Client, GroupTemplate, DefaultTemplate, Onboarding, System }
    state_or_null: State { InStep, Pending, Drift, LeftOut }
}

/// Why something is as it is: a stable code, worded in the reader's language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Stable code.
    pub code: String,
    /// Arguments of its text.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub args: ReasonArgs,
}

/// Arguments of a reason; texts only, so that reasons can be compared.
pub type ReasonArgs = std::collections::BTreeMap<String, String>;

impl Reason {
    /// A reason without arguments.
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into(), args: ReasonArgs::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, name: &str, value: impl Into<String>) -> Self {
        self.args.insert(name.to_owned(), value.into());
        self
    }
}

/// One parameter of a client, or one entry of a repeated one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParameterStateView {
    /// Id of the parameter in the catalogue.
    pub parameter: String,
    /// Number of the entry; `null` for a parameter that is not repeated.
    pub index: Option<u16>,
    /// Its item; `null` when it is not deliverable (D-13).
    pub item: Option<String>,
    /// Index of the item; `null` for none, which is not 0.
    pub item_index: Option<u16>,
    /// Whether its value is never shown (D-16).
    pub secret: bool,
    /// Whether it is only reported.
    pub read_only: bool,
    /// What the phone reports; `null` when nothing, or nothing this parameter can be.
    #[schema(schema_with = value_or_null)]
    pub reported: Option<Value>,
    /// The phone's own words for it; `null` when nothing, or a secret.
    pub reported_text: Option<String>,
    /// Status word of the phone, when it could not give the value.
    pub reported_status: Option<String>,
    /// What should be; `null` when nothing is desired, or a secret.
    #[schema(schema_with = value_or_null)]
    pub desired: Option<Value>,
    /// Whether something is desired; tells whether a secret is set.
    pub desired_set: bool,
    /// Where the desired value comes from.
    #[schema(schema_with = layer_or_null)]
    pub origin: Option<Layer>,
    /// The template the desired value comes from; of a template's own page, nothing.
    pub origin_template: Option<crate::template::NamedTemplate>,
    /// Whether the value a template has holds variables of the client; shown is what they come to.
    pub variables: bool,
    /// Templates of equal rank disagree, and nothing is written (D-19): their names.
    pub conflict: Vec<String>,
    /// How it stands; `null` when nothing is desired.
    #[schema(schema_with = state_or_null)]
    pub state: Option<State>,
    /// Why it is not written.
    pub reason: Option<Reason>,
    /// Since when it is different after a change at the phone (D-23).
    pub drift_since: Option<Timestamp>,
    /// The phone does not let it be changed: set by DHCP, or read only (D-6).
    pub locked: bool,
    /// The meaning of its item is not confirmed (D-13).
    pub unconfirmed: bool,
    /// Why the secret would not be handed out now, although it has to be written (D-24).
    pub withheld: Option<Reason>,
}

/// Which parameters are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Only {
    /// Something is desired.
    Desired,
    /// Something is desired and the phone does not have it.
    Different,
    /// The phone reports it.
    Reported,
}

/// Which parameters of a client are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ConfigurationQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Parameters on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// Id of an area.
    pub area: Option<String>,
    /// Id of a section.
    pub section: Option<String>,
    /// Words of the name, id, item, choices or help, in both languages.
    pub search: Option<String>,
    /// `desired`, `different` or `reported`.
    #[param(inline)]
    pub only: Option<Only>,
}
