//! From desired parameters to wanted items: shared items, fields of records, and what cannot be delivered.

use std::collections::BTreeMap;

use super::{Content, Desired, ItemKey, LeftOutReason, Picture, Reported, UNCONFIRMED};
use crate::catalogue::{Catalogue, Certainty, Delivery, Parameter, ParameterKey, Value, record};
use crate::words::words;

/// What an item should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// This text.
    Plain(String),
    /// The secret with this digest.
    Secret(Vec<u8>),
}

/// An item that should have a text.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) text: Text,
    pub(super) parameters: Vec<ParameterKey>,
    pub(super) group: Option<String>,
    pub(super) care: bool,
    pub(super) restarts: bool,
    pub(super) unconfirmed: bool,
    /// Whether what the phone reports means the same.
    pub(super) is_so: bool,
}

/// Every item the desired values ask for, and every parameter that asks for none, with the reason.
pub(super) fn wanted(
    catalogue: &Catalogue,
    picture: &Picture,
) -> (BTreeMap<ItemKey, Wanted>, Vec<(ParameterKey, LeftOutReason)>) {
    let mut left_out: Vec<(ParameterKey, LeftOutReason)> =
        picture.unresolved.iter().map(|(key, reason)| (key.clone(), *reason)).collect();
    let mut claims: BTreeMap<ItemKey, Vec<Claim<'_>>> = BTreeMap::new();
    for (key, desired) in &picture.desired {
        match place(catalogue, picture, key, desired) {
            Ok((item, wanted)) => claims.entry(item).or_default().push(Claim { key, desired, wanted }),
            Err(reason) => left_out.push((key.clone(), reason)),
        }
    }
    let mut items: BTreeMap<ItemKey, Wanted> = BTreeMap::new();
    for (item, claims) in claims {
        let is_record = claims.iter().all(|claim| is_field_of(catalogue, claim.key));
        let wanted = if is_record {
            merged(catalogue, picture.reported.get(&item), claims)
        } else {
            strongest(claims, &mut left_out)
        };
        items.extend(wanted.map(|wanted| (item, wanted)));
    }
    for (item, text) in &picture.system {
        let is_so = picture.reported.get(item).is_some_and(|said| said.text.as_ref() == Some(text));
        items.insert(
            item.clone(),
            Wanted {
                text: Text::Plain(text.clone()),
                parameters: Vec::new(),
                group: None,
                care: false,
                restarts: false,
                unconfirmed: false,
                is_so,
            },
        );
    }
    (items, left_out)
}

/// A desired value and what it wants of its item.
struct Claim<'a> {
    key: &'a ParameterKey,
    desired: &'a Desired,
    wanted: Wanted,
}

fn is_field_of(catalogue: &Catalogue, key: &ParameterKey) -> bool {
    let delivery = catalogue.parameter(&key.parameter).and_then(|parameter| parameter.delivery.as_ref());
    delivery.is_some_and(|delivery| delivery.field.is_some())
}

/// Fields of one record: each has a place of its own, whatever layer it comes from.
fn merged(catalogue: &Catalogue, reported: Option<&Reported>, claims: Vec<Claim<'_>>) -> Option<Wanted> {
    let mut claims = claims.into_iter();
    let mut whole = claims.next()?.wanted;
    for Claim { key, desired, .. } in claims {
        overlay(catalogue, &mut whole, key, desired);
        whole.is_so = says(reported, &whole.text);
        whole.parameters.push(key.clone());
    }
    Some(whole)
}

/// Parameters that stand on one whole item (D-15): the strongest layer has it, and in it the strongest rank; who is
/// weaker and wants the same goes along. Nobody decides between two that are equally strong: neither is written
/// (D-19), and nothing weaker steps in.
fn strongest(claims: Vec<Claim<'_>>, left_out: &mut Vec<(ParameterKey, LeftOutReason)>) -> Option<Wanted> {
    let best = claims.iter().map(|claim| claim.desired.strength()).min()?;
    let (first, weaker): (Vec<_>, Vec<_>) =
        claims.into_iter().partition(|claim| claim.desired.strength() == best);
    let agreed =
        first.iter().all(|claim| first.first().is_some_and(|one| one.wanted.text == claim.wanted.text));
    if !agreed {
        left_out.extend(first.iter().map(|claim| (claim.key.clone(), LeftOutReason::Conflict)));
        left_out.extend(weaker.iter().map(|claim| (claim.key.clone(), LeftOutReason::StrongerLayer)));
        return None;
    }
    let mut first = first.into_iter();
    let mut wanted = first.next()?.wanted;
    wanted.parameters.extend(first.map(|claim| claim.key.clone()));
    for claim in weaker {
        if claim.wanted.text == wanted.text {
            wanted.parameters.push(claim.key.clone());
        } else {
            left_out.push((claim.key.clone(), LeftOutReason::StrongerLayer));
        }
    }
    wanted.parameters.sort();
    Some(wanted)
}

fn place(
    catalogue: &Catalogue,
    picture: &Picture,
    key: &ParameterKey,
    desired: &Desired,
) -> Result<(ItemKey, Wanted), LeftOutReason> {
    let parameter = catalogue.parameter(&key.parameter).ok_or(LeftOutReason::UnknownParameter)?;
    if !catalogue.reaches(parameter, picture.kind) {
        return Err(LeftOutReason::OtherKind);
    }
    let delivery = parameter.delivery.as_ref().ok_or(LeftOutReason::NoItem)?;
    let (name, index) = parameter.item_of(key.index).ok_or(LeftOutReason::NoItem)?;
    let item = ItemKey::new(name, index);
    let reported = picture.reported.get(&item);
    check_support(picture, &item, reported)?;
    if delivery.certainty == Certainty::Inferred && reported.is_none() {
        return Err(LeftOutReason::NotReported);
    }
    let (text, is_so) = match &desired.content {
        Content::Secret(digest) => {
            (Text::Secret(digest.clone()), picture.acknowledged.get(&item) == Some(digest))
        }
        Content::Plain(value) => {
            let text = field_text(parameter, delivery, reported, value)?;
            let known = reported.filter(|reported| reported.status.as_deref() != Some(UNCONFIRMED));
            let same = says(known, &Text::Plain(text.clone())) || means(parameter, delivery, known, value);
            (Text::Plain(text), same)
        }
    };
    let wanted = Wanted {
        text,
        parameters: vec![key.clone()],
        group: delivery.group.clone(),
        care: parameter.care,
        restarts: parameter.restarts,
        unconfirmed: delivery.certainty == Certainty::Inferred,
        is_so,
    };
    Ok((item, wanted))
}

/// What this phone, or its model and firmware, is known not to take.
fn check_support(
    picture: &Picture,
    item: &ItemKey,
    reported: Option<&Reported>,
) -> Result<(), LeftOutReason> {
    let said = reported.and_then(|reported| reported.status.as_deref()).unwrap_or_default();
    if is_status(said, "unknown item") || is_status(said, "not supported") {
        return Err(LeftOutReason::UnknownToPhone);
    }
    if picture.unsupported.contains_key(&item.name) {
        return Err(LeftOutReason::UnknownToPhone);
    }
    match picture.refused.get(item) {
        Some(status) if is_status(status, "invalid index") => Err(LeftOutReason::IndexTooHigh),
        Some(status) if is_status(status, "read only") => Err(LeftOutReason::LockedByPhone),
        Some(_) => Err(LeftOutReason::RefusedBefore),
        None => Ok(()),
    }
}

fn is_status(word: &str, status: &str) -> bool {
    word.trim().eq_ignore_ascii_case(status)
}

/// The whole text of the item: of a record, the fields the phone reports with this one laid over.
fn field_text(
    parameter: &Parameter,
    delivery: &Delivery,
    reported: Option<&Reported>,
    value: &Value,
) -> Result<String, LeftOutReason> {
    let text = parameter.to_wire(value).map_err(|_| LeftOutReason::NoWireValue)?;
    let Some(field) = &delivery.field else { return Ok(text) };
    let known = reported.and_then(|reported| reported.text.as_deref()).unwrap_or_default();
    let mut fields = record::split(field, known);
    if let Some(place) = fields.get_mut(field.position) {
        *place = text;
    }
    record::join(field, &fields).map_err(|_| LeftOutReason::NoWireValue)
}

/// Lays a further field over a record another parameter has begun.
fn overlay(catalogue: &Catalogue, wanted: &mut Wanted, key: &ParameterKey, desired: &Desired) {
    let Some(parameter) = catalogue.parameter(&key.parameter) else { return };
    let field = parameter.delivery.as_ref().and_then(|delivery| delivery.field.as_ref());
    if let (Some(field), Text::Plain(text), Content::Plain(value)) = (field, &wanted.text, &desired.content)
        && let Ok(part) = parameter.to_wire(value)
    {
        let mut fields = record::split(field, text);
        if let Some(place) = fields.get_mut(field.position) {
            *place = part;
        }
        if let Ok(whole) = record::join(field, &fields) {
            wanted.text = Text::Plain(whole);
        }
    }
}

fn says(reported: Option<&Reported>, wanted: &Text) -> bool {
    match (reported.and_then(|reported| reported.text.as_deref()), wanted) {
        (Some(text), Text::Plain(wanted)) => text == wanted,
        _ => false,
    }
}

/// `1` and `true` are the same answer; an empty text and `NULL` too.
fn means(parameter: &Parameter, delivery: &Delivery, reported: Option<&Reported>, value: &Value) -> bool {
    let Some(text) = reported.and_then(|reported| reported.text.as_deref()) else { return false };
    let own = match &delivery.field {
        None => text.to_owned(),
        Some(field) => record::split(field, text).get(field.position).cloned().unwrap_or_default(),
    };
    parameter.from_wire(&own).as_ref() == Some(value)
}

words! {
    /// How a parameter with a desired value stands.
    State {
        /// The phone has it, as far as it says.
        InStep = "in-step",
        /// It has to be written.
        Pending = "pending",
        /// It was changed at the phone after it had been as desired (D-23).
        Drift = "drift",
        /// It cannot be written; the reason says why.
        LeftOut = "left-out",
    }
}

/// How one desired parameter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemState {
    /// The parameter; `None` for an item the server itself wants.
    pub parameter: Option<ParameterKey>,
    /// Its item, when it has one that can be written.
    pub item: Option<ItemKey>,
    /// How it stands.
    pub state: State,
    /// Why it is left out.
    pub reason: Option<LeftOutReason>,
}

/// How every desired parameter stands, in the order of their ids.
pub fn states(catalogue: &Catalogue, picture: &Picture) -> Vec<ItemState> {
    let (items, left_out) = wanted(catalogue, picture);
    let mut states: Vec<ItemState> = left_out
        .into_iter()
        .map(|(parameter, reason)| ItemState {
            parameter: Some(parameter),
            item: None,
            state: State::LeftOut,
            reason: Some(reason),
        })
        .collect();
    for (item, wanted) in items {
        let state = if wanted.is_so {
            State::InStep
        } else if picture.drifted.contains(&item) {
            State::Drift
        } else {
            State::Pending
        };
        let of = |parameter| ItemState { parameter, item: Some(item.clone()), state, reason: None };
        if wanted.parameters.is_empty() {
            states.push(of(None));
        }
        states.extend(wanted.parameters.iter().cloned().map(|parameter| of(Some(parameter))));
    }
    states.sort_by(|a, b| (&a.parameter, &a.item).cmp(&(&b.parameter, &b.item)));
    states.dedup_by(|a, b| a.parameter.is_some() && a.parameter == b.parameter);
    states
}
