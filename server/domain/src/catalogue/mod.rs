//! The parameter catalogue (OSEM §7, D-13 … D-17): every parameter an administrator can set, its type and
//! limits, its texts in both languages, and how it stands on the wire.
//!
//! The data are the files in `parameters/`; they are parsed once at the start, together with the override
//! file, and given to the browser as JSON. Nothing here knows clients, templates or databases.

mod check;
mod codec;
mod index;
#[cfg(feature = "yaml")]
mod load;
pub mod record;
pub mod rules;
mod value;

pub use check::ValueFault;
pub use codec::NotDeliverable;
pub use index::Catalogue;
#[cfg(feature = "yaml")]
pub use load::{CatalogueError, MOST_OVERRIDE_BYTES};
pub use value::{ParameterKey, Value};

use serde::{Deserialize, Serialize};

/// Where a parameter is offered (`kinds` of the data files).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A phone with SIP software.
    SipClient,
    /// A phone with HFA software.
    HfaClient,
    /// A mobile user.
    User,
    /// A template.
    Template,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// German.
    pub de: String,
}

/// What values a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ValueType {
    /// `true` or `false`.
    Bool {
        /// Text on the wire for yes and no; `true` and `false` unless the item table says `1` and `0`.
        wire: (String, String),
    },
    /// A whole number; also durations and ports.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// One of the choices, named by its key.
    Enum {
        /// The choices, in the order shown.
        choices: Vec<Choice>,
    },
    /// A text.
    Text {
        /// What the text must look like.
        format: TextFormat,
        /// Fewest characters.
        min_length: u16,
        /// Most characters.
        max_length: u16,
    },
    /// Several texts, in an order that counts.
    List {
        /// Entries that are offered; others are taken as well.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        known: Vec<String>,
        /// What each must look like.
        format: TextFormat,
        /// Most entries.
        max_entries: u16,
        /// Between the entries on the wire.
        separator: String,
    },
}

/// What a text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// Anything without control characters.
    Any,
    /// Digits only.
    Digits,
    /// A number to dial: digits, `+`, `*`, `#`.
    PhoneNumber,
    /// An IP address.
    Ip,
    /// An IP address or a host name.
    Host,
    /// An absolute address with a scheme.
    Url,
    /// An e-mail address.
    Email,
    /// An IANA time zone.
    TimeZone,
    /// A language tag.
    Language,
    /// A two-letter country code.
    Country,
    /// A date with time.
    DateTime,
    /// A certificate: PEM, or base64 of PKCS#12.
    Certificate,
}

/// One choice of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Stable key: the English text of the data file.
    pub key: String,
    /// Its texts.
    pub label: Text,
    /// Explanation, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Text>,
    /// Text on the wire; `None` when it is not known: such a choice can be stored, not written (D-14).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<String>,
}

/// How sure it is that a parameter is this item (D-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Seen with this meaning: written.
    Documented,
    /// A judgement: written once this model and firmware has reported the item, "meaning unconfirmed".
    Inferred,
    /// Mapped by an administrator in the override file: written.
    Mapped,
}

/// Which index the item of a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemIndex {
    /// None; not the same as index 0 (`wpi.md` §3.5).
    None,
    /// Always this one.
    Fixed(u16),
    /// The index of the parameter's entry plus this offset (mostly 0).
    Entry(i32),
}

/// The place of a parameter inside the text of a record item, for instance `alert` =
/// name^melody^sequence^duration (D-15).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordField {
    /// Separator of the fields.
    pub separator: char,
    /// Number of fields of the record.
    pub fields: usize,
    /// Position of this parameter, from 0.
    pub position: usize,
}

/// How a parameter stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Item name.
    pub item: String,
    /// Its index.
    pub index: ItemIndex,
    /// How sure that is.
    pub certainty: Certainty,
    /// Set when the parameter is one field of a record item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<RecordField>,
    /// Number on the wire = number × `factor` / `divisor`, where units differ.
    #[serde(default = "one")]
    pub factor: i64,
    /// See `factor`.
    #[serde(default = "one")]
    pub divisor: i64,
    /// Name of the logical record: all its items of one index must reach the phone in one message, whole
    /// (`wpi.md` §3.5). `None` for an item that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

fn one() -> i64 {
    1
}

/// A parameter of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Stable id, for instance `telephony.sip-settings.sip-server-address`.
    pub id: String,
    /// Its name.
    pub label: Text,
    /// What it does.
    pub help: Text,
    /// Where it is offered.
    pub kinds: Vec<Kind>,
    /// What values it takes.
    #[serde(flatten)]
    pub value: ValueType,
    /// The phone's own default; never written by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Unit of a number, in English as in the data files (`seconds`, `days` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text>,
    /// Set for a repeated parameter: first and last number of its entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<(u16, u16)>,
    /// Never shown, encrypted at rest (D-16): by the item table, or by the data files.
    #[serde(default)]
    pub secret: bool,
    /// Only reported, never set.
    #[serde(default)]
    pub read_only: bool,
    /// A value that can cut the phone off: written alone, with a warning (`wpi.md` §7.5).
    #[serde(default)]
    pub care: bool,
    /// Changing it makes the phone register again or restart its telephony (`wpi.md` §7.5).
    #[serde(default)]
    pub restarts: bool,
    /// The parameter whose item it shares, for the same kind of client (D-15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// How it stands on the wire; `None`: stored and shown as "not deliverable" (D-13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// A section of the configuration tree (OSEM §7.x.y).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Stable id, for instance `telephony.sip-settings`.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Its parameters, in the order shown.
    pub parameters: Vec<Parameter>,
}

/// A menu of the configuration tree (OSEM §7.x).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Stable id, for instance `telephony`.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Its sections.
    pub sections: Vec<Section>,
}

#[cfg(test)]
mod tests;
