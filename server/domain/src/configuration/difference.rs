//! The difference between desired and reported: it alone is written, records whole (D-22, `wpi.md` §3.5).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::wanted::{Text, Wanted, wanted};
use super::{ItemKey, Picture};
use crate::catalogue::{Catalogue, ParameterKey};
use crate::words::words;

/// One item to be written. The text of a secret is not in it: it is taken from the desired value when the
/// item is written, so that stored diffs hold none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// Item and index.
    #[serde(flatten)]
    pub item: ItemKey,
    /// Parameters that stand on it; empty for an item the server itself wants.
    pub parameters: Vec<ParameterKey>,
    /// Text reported before; `None` when there was none, or it is secret.
    pub from: Option<String>,
    /// Text to be written; `None` for a secret.
    pub to: Option<String>,
    /// Whether the value is secret.
    pub secret: bool,
    /// Logical record: rows of one group and index go out in one message.
    pub group: Option<String>,
    /// Can cut the phone off; goes out alone, after the others.
    pub care: bool,
    /// Makes the phone register again or restart its telephony.
    pub restarts: bool,
    /// The meaning of the item is not confirmed (D-13).
    pub unconfirmed: bool,
    /// Unchanged; written because its record must be whole.
    pub companion: bool,
}

impl Row {
    /// Its place in the order of writing: rules for passwords before passwords (`wpi.md` §4.10), what can cut
    /// the phone off last.
    pub fn place(&self) -> impl Ord + '_ {
        (self.care, self.group.as_deref(), self.item.index, self.secret, &self.item)
    }
}

words! {
    /// Why a desired value is not written.
    LeftOutReason {
        /// The catalogue does not know the parameter (any more).
        UnknownParameter = "unknown-parameter",
        /// It is not offered for the software of this phone.
        OtherKind = "other-kind",
        /// No item is known for it: not deliverable (D-13).
        NoItem = "no-item",
        /// No text on the wire is known for this choice (D-14).
        NoWireValue = "no-wire-value",
        /// Its item is a judgement and this phone has not reported it (D-13).
        NotReported = "not-reported",
        /// This phone, or its model and firmware, does not know the item.
        UnknownToPhone = "unknown-to-phone",
        /// This model has fewer of it.
        IndexTooHigh = "index-too-high",
        /// The phone does not let it be changed: set by DHCP, or read only (D-6).
        LockedByPhone = "locked-by-phone",
        /// The phone refused this value before.
        RefusedBefore = "refused-before",
        /// Two parameters want different texts for one item (D-15, D-19).
        Conflict = "conflict",
        /// A stronger layer, or a stronger rank in it, wants another text for the same item (D-15, D-18).
        StrongerLayer = "stronger-layer",
        /// The client has no value for a variable of the template's value.
        VariableMissing = "variable-missing",
        /// With the variables of this client the value is none the parameter takes.
        VariableRefused = "variable-refused",
        /// It was changed at the phone; that is shown, not undone (D-23).
        Drift = "drift",
    }
}

/// A desired value that is not written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The parameter.
    pub parameter: ParameterKey,
    /// Why.
    pub reason: LeftOutReason,
}

/// Which desired values are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Everything but drift: what a contact makes the engine write on its own.
    Pending,
    /// Everything, drift too: what an administrator asks for.
    All,
    /// These parameters, drift too; of one that is desired no more, what then stands on its item (D-15).
    Only(&'a BTreeSet<ParameterKey>),
}

/// What would be written, in the order of writing, and what would not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Items to be written.
    pub rows: Vec<Row>,
    /// Desired values in scope that are not written.
    pub left_out: Vec<LeftOut>,
}

/// What differs.
pub fn difference(catalogue: &Catalogue, picture: &Picture, scope: Scope<'_>) -> Difference {
    let (items, refused) = wanted(catalogue, picture);
    let looks_at = |key: &ParameterKey| match scope {
        Scope::Only(keys) => keys.contains(key),
        Scope::Pending | Scope::All => true,
    };
    let mut left_out: Vec<LeftOut> = refused
        .into_iter()
        .filter(|(parameter, _)| looks_at(parameter))
        .map(|(parameter, reason)| LeftOut { parameter, reason })
        .collect();
    let left = match scope {
        Scope::Only(keys) => left_items(catalogue, picture, keys),
        Scope::Pending | Scope::All => BTreeSet::new(),
    };
    let mut rows = Vec::new();
    let mut groups: BTreeSet<(String, Option<u16>)> = BTreeSet::new();
    for (item, wanted) in &items {
        let in_scope = wanted.parameters.iter().any(looks_at)
            || left.contains(item)
            || (wanted.parameters.is_empty() && !matches!(scope, Scope::Only(_)));
        if !in_scope || wanted.is_so {
            continue;
        }
        if matches!(scope, Scope::Pending) && picture.drifted.contains(item) {
            let drift = |parameter: &ParameterKey| LeftOut {
                parameter: parameter.clone(),
                reason: LeftOutReason::Drift,
            };
            left_out.extend(wanted.parameters.iter().map(drift));
            continue;
        }
        groups.extend(wanted.group.clone().map(|group| (group, item.index)));
        rows.push(row(picture, item, wanted, false));
    }
    let companions = companions(catalogue, picture, &items, &groups, &rows);
    rows.extend(companions);
    rows.sort_by(|a, b| a.place().cmp(&b.place()));
    left_out.sort_by(|a, b| a.parameter.cmp(&b.parameter));
    Difference { rows, left_out }
}

/// The whole items of those of these parameters that are desired no more: another parameter may have its way there now.
fn left_items(catalogue: &Catalogue, picture: &Picture, keys: &BTreeSet<ParameterKey>) -> BTreeSet<ItemKey> {
    keys.iter()
        .filter(|key| !picture.desired.contains_key(key) && !picture.unresolved.contains_key(key))
        .filter_map(|key| {
            let parameter = catalogue.parameter(&key.parameter)?;
            parameter.delivery.as_ref().filter(|delivery| delivery.field.is_none())?;
            let (name, index) = parameter.item_of(key.index)?;
            Some(ItemKey::new(name, index))
        })
        .collect()
}

fn row(picture: &Picture, item: &ItemKey, wanted: &Wanted, companion: bool) -> Row {
    let (to, secret) = match &wanted.text {
        Text::Plain(text) => (Some(text.clone()), false),
        Text::Secret(_) => (None, true),
    };
    let from = picture.reported.get(item).and_then(|reported| reported.text.clone()).filter(|_| !secret);
    Row {
        item: item.clone(),
        parameters: wanted.parameters.clone(),
        from,
        to,
        secret,
        group: wanted.group.clone(),
        care: wanted.care,
        restarts: wanted.restarts,
        unconfirmed: wanted.unconfirmed,
        companion,
    }
}

/// The unchanged items of the records that are written: as desired, or else as the phone reports them.
fn companions(
    catalogue: &Catalogue,
    picture: &Picture,
    items: &BTreeMap<ItemKey, Wanted>,
    groups: &BTreeSet<(String, Option<u16>)>,
    rows: &[Row],
) -> Vec<Row> {
    let mut companions = Vec::new();
    for (group, index) in groups {
        for name in catalogue.group(group) {
            let item = ItemKey::new(name.clone(), *index);
            if rows.iter().any(|row| row.item == item) {
                continue;
            }
            // What drifted is not undone by going along either (D-23).
            if let Some(wanted) = items.get(&item)
                && (wanted.is_so || !picture.drifted.contains(&item))
            {
                companions.push(row(picture, &item, wanted, true));
                continue;
            }
            if picture.refused.contains_key(&item) || picture.unsupported.contains_key(&item.name) {
                continue;
            }
            // A secret nobody has set cannot be repeated; it is left as it is.
            let Some(reported) = picture.reported.get(&item) else { continue };
            if let (Some(text), None) = (&reported.text, &reported.status) {
                companions.push(Row {
                    item,
                    parameters: Vec::new(),
                    from: Some(text.clone()),
                    to: Some(text.clone()),
                    secret: false,
                    group: Some(group.clone()),
                    care: false,
                    restarts: false,
                    unconfirmed: false,
                    companion: true,
                });
            }
        }
    }
    companions
}

/// What is to be done with a row of a stored diff at the moment it could be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Still {
    /// Write it.
    Write,
    /// The phone has it already.
    Done,
    /// Something else is desired by now; a later job writes that.
    Superseded,
    /// The phone has refused it since.
    LeftOut(LeftOutReason),
}

/// Compares the rows of a stored diff with the present picture. A job delivered twice, or after a later one,
/// must not undo anything (at least once, ordered, idempotent).
pub fn still_wanted(catalogue: &Catalogue, picture: &Picture, rows: &[Row]) -> Vec<Still> {
    let (items, refused) = wanted(catalogue, picture);
    let mut still: Vec<Still> = rows
        .iter()
        .map(|row| {
            if row.companion {
                return Still::Write;
            }
            if let Some(wanted) = items.get(&row.item) {
                return match &wanted.text {
                    Text::Plain(text) if row.to.as_ref() != Some(text) => Still::Superseded,
                    Text::Secret(_) if !row.secret => Still::Superseded,
                    // What the server itself wants need not have outlived the restart it is written after.
                    _ if wanted.is_so && !wanted.parameters.is_empty() => Still::Done,
                    _ => Still::Write,
                };
            }
            let reason = refused.iter().find(|(parameter, _)| row.parameters.contains(parameter));
            reason.map_or(Still::Superseded, |(_, reason)| Still::LeftOut(*reason))
        })
        .collect();
    // A record of which nothing is left to write needs no companions.
    let alive: BTreeSet<_> = rows
        .iter()
        .zip(&still)
        .filter(|(row, still)| !row.companion && **still == Still::Write)
        .filter_map(|(row, _)| row.group.clone().map(|group| (group, row.item.index)))
        .collect();
    for (row, still) in rows.iter().zip(still.iter_mut()) {
        let kept = row.group.clone().is_some_and(|group| alive.contains(&(group, row.item.index)));
        if row.companion && !kept {
            *still = Still::Done;
        } else if kept && *still == Still::Done {
            // Its record is written: it goes along, or the record would not be whole.
            *still = Still::Write;
        }
    }
    still
}
