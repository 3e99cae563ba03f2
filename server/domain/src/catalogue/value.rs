//! Values of parameters: what an administrator sets, independent of how a phone writes it.

use serde::{Deserialize, Serialize};

/// A value of a parameter, as in JSON: `true`, `5060`, `"sip.example.net"`, `["G711", "G722"]`.
///
/// A choice of an enumeration is the text of the choice as the catalogue lists it (never its position, D-14).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number in the unit of the parameter.
    Integer(i64),
    /// A text, or the key of a choice.
    Text(String),
    /// Several texts, in order.
    List(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A parameter, and which entry of it when it is a repeated one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParameterKey {
    /// Stable id of the catalogue.
    pub parameter: String,
    /// Number of the entry; `None` for a parameter that is not repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u16>,
}

impl ParameterKey {
    /// The key of a parameter that is not repeated.
    pub fn plain(parameter: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), index: None }
    }

    /// The key of one entry of a repeated parameter.
    pub fn entry(parameter: impl Into<String>, index: u16) -> Self {
        Self { parameter: parameter.into(), index: Some(index) }
    }
}

impl std::fmt::Display for ParameterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.index {
            None => f.write_str(&self.parameter),
            Some(index) => write!(f, "{}[{index}]", self.parameter),
        }
    }
}
