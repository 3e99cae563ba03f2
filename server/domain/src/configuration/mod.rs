//! Desired configuration: what differs from what a phone reports, what is left out and why, and when a secret
//! may be handed out (D-13, D-15, D-16, D-18, D-22 … D-24).
//!
//! Pure rules over a [`Picture`] of one client; where the picture comes from is the server's business.

mod difference;
mod handout;
mod wanted;

pub use difference::{Difference, LeftOut, LeftOutReason, Row, Scope, Still, difference, still_wanted};
pub use handout::{HandOut, Withheld, may_hand_out};
pub use wanted::{ItemState, State, states};

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::TemplateId;
use crate::catalogue::{Kind, ParameterKey, Value};
use crate::words::words;

words! {
    /// Where a desired value comes from, strongest first (D-18).
    Layer {
        /// Set for this client alone.
        Client = "client",
        /// A template of a group the client is a member of.
        GroupTemplate = "group-template",
        /// A default template that is in no group.
        DefaultTemplate = "default-template",
        /// Copied once, when the phone came for the first time (D-20).
        Onboarding = "onboarding",
        /// Needed by the server itself, for instance `dcmp-url` (D-10).
        System = "system",
    }
}

/// Name and index of an item. An item without index is not the same as index 0 (`wpi.md` §3.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// Item name.
    pub name: String,
    /// Instance number.
    pub index: Option<u16>,
}

impl ItemKey {
    /// A key.
    pub fn new(name: impl Into<String>, index: Option<u16>) -> Self {
        Self { name: name.into(), index }
    }
}

impl std::fmt::Display for ItemKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.index {
            None => f.write_str(&self.name),
            Some(index) => write!(f, "{}[{index}]", self.name),
        }
    }
}

/// A desired value. The text of a secret stays outside: its keyed digest tells whether it must be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Shown to everybody who may see the client.
    Plain(Value),
    /// Keyed digest of the text on the wire (D-16).
    Secret(Vec<u8>),
}

/// A desired value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The value.
    pub content: Content,
    /// Its layer.
    pub layer: Layer,
    /// The template it comes from.
    pub template: Option<TemplateId>,
    /// Rank of that template, 1 is the strongest; `None` in the layers whose values have none.
    pub rank: Option<u16>,
}

impl Desired {
    /// A value set for this client alone.
    pub fn own(content: Content) -> Self {
        Self { content, layer: Layer::Client, template: None, rank: None }
    }

    /// Smaller is stronger: the layer first, in it the rank (D-18, D-19).
    pub(super) fn strength(&self) -> (Layer, u16) {
        (self.layer, self.rank.unwrap_or(0))
    }
}

/// What a phone last said of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Its text; `None` for a secret.
    pub text: Option<String>,
    /// Status word, when the phone could not give a value (`wpi.md` §3.6).
    pub status: Option<String>,
}

/// Status of a reported item that was written since without an answer: whether the phone has the old text or
/// the new one is not known. No word of the phone's (`wpi.md` §3.6).
pub const UNCONFIRMED: &str = "unconfirmed";

/// Everything the rules need to know of one client.
#[derive(Clone, Debug)]
pub struct Picture {
    /// SIP or HFA.
    pub kind: Kind,
    /// What should be.
    pub desired: BTreeMap<ParameterKey, Desired>,
    /// What templates wish for and does not count for this client: they disagree, or variables are missing (D-19).
    pub unresolved: BTreeMap<ParameterKey, LeftOutReason>,
    /// Items the server itself wants on the phone, with their text.
    pub system: BTreeMap<ItemKey, String>,
    /// What the phone said.
    pub reported: HashMap<ItemKey, Reported>,
    /// Items that were changed at the phone after they had been as desired (D-23).
    pub drifted: HashSet<ItemKey>,
    /// Keyed digests of the secrets the phone acknowledged last.
    pub acknowledged: HashMap<ItemKey, Vec<u8>>,
    /// Status words with which this phone refused the present value of an item.
    pub refused: HashMap<ItemKey, String>,
    /// Status words with which this model and firmware refuses items, by item name (`wpi.md` §3.6).
    pub unsupported: HashMap<String, String>,
}

impl Picture {
    /// A client of which nothing is known.
    pub fn empty(kind: Kind) -> Self {
        Self {
            kind,
            desired: BTreeMap::new(),
            unresolved: BTreeMap::new(),
            system: BTreeMap::new(),
            reported: HashMap::new(),
            drifted: HashSet::new(),
            acknowledged: HashMap::new(),
            refused: HashMap::new(),
            unsupported: HashMap::new(),
        }
    }
}

/// The kind of a client by its software type as stored (`SIP`, `HFA`, another word).
pub fn kind_of(software_type: Option<&str>) -> Kind {
    if software_type.is_some_and(|word| word.eq_ignore_ascii_case("HFA")) {
        Kind::HfaClient
    } else {
        Kind::SipClient
    }
}

#[cfg(test)]
mod tests;
