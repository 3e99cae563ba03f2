//! Which value wins (D-18, D-19): the strongest layer that has one; in it the strongest rank; templates of equal rank
//! must agree, or nothing is desired.

use std::collections::{BTreeMap, BTreeSet};

use super::{Applied, Wish};
use crate::TemplateId;
use crate::catalogue::{Catalogue, ParameterKey, Value};
use crate::configuration::{Layer, LeftOutReason};
use crate::expand::{ExpandValueFault, Variables, expand_value};

/// What a template says of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its layer.
    pub layer: Layer,
    /// Its rank.
    pub rank: u16,
    /// The template.
    pub template: TemplateId,
    /// The value.
    pub wish: &'a Wish,
}

/// What comes of all that templates say of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// This one counts. Of templates that agree, the one with the smallest id.
    One(Candidate<'a>),
    /// Templates of the strongest layer and rank want different values: none counts (D-19). By id.
    Conflict {
        /// Their layer.
        layer: Layer,
        /// Their rank.
        rank: u16,
        /// The templates.
        templates: BTreeSet<TemplateId>,
    },
}

/// What comes of the values of templates, by parameter. The order of `applied` does not matter.
pub fn outcomes<'a>(applied: &[Applied<'a>]) -> BTreeMap<&'a ParameterKey, Outcome<'a>> {
    let mut strongest: BTreeMap<&ParameterKey, Vec<Candidate<'_>>> = BTreeMap::new();
    for Applied { template, layer, .. } in applied {
        for (key, wish) in &template.values {
            let candidate = Candidate { layer: *layer, rank: template.rank, template: template.id, wish };
            let place = strongest.entry(key).or_default();
            let now = place.first().map(|first| (first.layer, first.rank));
            let own = (candidate.layer, candidate.rank);
            // Strongest first in both: the order of `Layer`, and ranks from 1.
            if now.is_none_or(|now| own < now) {
                place.clear();
                place.push(candidate);
            } else if now == Some(own) {
                place.push(candidate);
            }
        }
    }
    strongest.into_iter().filter_map(|(key, candidates)| Some((key, outcome(&candidates)?))).collect()
}

fn outcome<'a>(candidates: &[Candidate<'a>]) -> Option<Outcome<'a>> {
    let first = *candidates.iter().min_by_key(|candidate| candidate.template)?;
    if candidates.iter().all(|candidate| candidate.wish == first.wish) {
        return Some(Outcome::One(first));
    }
    let templates = candidates.iter().map(|candidate| candidate.template).collect();
    Some(Outcome::Conflict { layer: first.layer, rank: first.rank, templates })
}

/// The value of a template that counts for a client, to be kept: equal for all clients to which the same templates
/// apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Winner {
    /// This value.
    Value {
        /// Its layer.
        layer: Layer,
        /// The template.
        template: TemplateId,
        /// The value, as the template has it.
        wish: Wish,
        /// Whether it holds variables, so that it differs from client to client.
        varies: bool,
    },
    /// Templates of equal rank disagree.
    Conflict {
        /// Their layer.
        layer: Layer,
        /// Their rank.
        rank: u16,
        /// The templates.
        templates: BTreeSet<TemplateId>,
    },
}

impl Winner {
    /// Its layer.
    pub fn layer(&self) -> Layer {
        match self {
            Self::Value { layer, .. } | Self::Conflict { layer, .. } => *layer,
        }
    }
}

/// All values of templates that count for a client.
pub type Winners = BTreeMap<ParameterKey, Winner>;

/// [`outcomes`], to be kept.
pub fn winners(applied: &[Applied<'_>]) -> Winners {
    outcomes(applied)
        .into_iter()
        .map(|(key, outcome)| {
            let winner = match outcome {
                Outcome::One(Candidate { layer, template, wish, .. }) => {
                    Winner::Value { layer, template, wish: wish.clone(), varies: wish.has_variables() }
                }
                Outcome::Conflict { layer, rank, templates } => Winner::Conflict { layer, rank, templates },
            };
            (key.clone(), winner)
        })
        .collect()
}

/// A value of a template for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The value with its variables filled in, and without doubled braces.
    Value(Value),
    /// It does not count for this client.
    Not(LeftOutReason),
}

impl Resolved {
    /// A value of a template for a client.
    pub fn of(catalogue: &Catalogue, key: &ParameterKey, written: &Value, variables: &Variables) -> Self {
        let Some(parameter) = catalogue.parameter(&key.parameter) else {
            // What the catalogue has lost is left out later, with its own reason.
            return Self::Value(written.clone());
        };
        match expand_value(parameter, key.index, written, variables) {
            Ok(value) => Self::Value(value),
            Err(ExpandValueFault::Missing(_)) => Self::Not(LeftOutReason::VariableMissing),
            Err(ExpandValueFault::Refused(_)) => Self::Not(LeftOutReason::VariableRefused),
        }
    }
}
