//! What drift and refusals are about: a digest of what was desired of an item when they were noted. Another value
//! that comes by membership of a group, which nobody plans, must not be held back by what happened to the one before.
//!
//! Of a record only the fields count that somebody wants: what else is in it is the phone's own affair.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::{Catalogue, Parameter, ParameterKey, record};
use domain::configuration::{Content, ItemKey, Picture, Row, State, states};
use sha2::{Digest, Sha256};

/// A part of what is desired of an item: the place of the field, when the item is a record, and its text; of a
/// secret its keyed digest (D-16).
type Part = (Option<usize>, Vec<u8>);

/// What is desired now of every item that could be written to the phone, whatever it refused or somebody changed.
pub(super) fn now(catalogue: &Catalogue, picture: &Picture) -> BTreeMap<ItemKey, Vec<u8>> {
    let mut open = picture.clone();
    open.refused.clear();
    let mut parts: BTreeMap<ItemKey, BTreeSet<Part>> = BTreeMap::new();
    for state in states(catalogue, &open) {
        let (Some(item), true) = (state.item, state.state != State::LeftOut) else { continue };
        let part = match &state.parameter {
            None => open.system.get(&item).map(|text| (None, text.clone().into_bytes())),
            Some(key) => part_of(catalogue, &open, key),
        };
        parts.entry(item).or_default().extend(part);
    }
    parts.into_iter().map(|(item, parts)| (item, digest(&parts))).collect()
}

/// What was desired of the item of a row when it was drawn; `secret` is the keyed digest of what was handed out.
/// `None` for a secret of which that is not known.
pub(super) fn of_row(catalogue: &Catalogue, row: &Row, secret: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut parts: BTreeSet<Part> = BTreeSet::new();
    if row.secret {
        parts.insert((None, secret?.to_vec()));
        return Some(digest(&parts));
    }
    let text = row.to.as_deref()?;
    for key in &row.parameters {
        let field = catalogue.parameter(&key.parameter).and_then(field_of);
        parts.insert(match field {
            None => (None, text.as_bytes().to_vec()),
            Some(field) => {
                let own = record::split(field, text).into_iter().nth(field.position).unwrap_or_default();
                (Some(field.position), own.into_bytes())
            }
        });
    }
    if parts.is_empty() {
        parts.insert((None, text.as_bytes().to_vec()));
    }
    Some(digest(&parts))
}

/// Items that some desired value stands on, also when it cannot be written, or disagrees with another.
pub(super) fn items_of<'a>(catalogue: &'a Catalogue, picture: &'a Picture) -> BTreeSet<ItemKey> {
    let keys = picture.desired.keys().chain(picture.unresolved.keys());
    let item = |key: &ParameterKey| {
        let (name, index) = catalogue.parameter(&key.parameter)?.item_of(key.index)?;
        Some(ItemKey::new(name, index))
    };
    keys.filter_map(item).chain(picture.system.keys().cloned()).collect()
}

fn field_of(parameter: &Parameter) -> Option<&domain::catalogue::RecordField> {
    parameter.delivery.as_ref()?.field.as_ref()
}

fn part_of(catalogue: &Catalogue, picture: &Picture, key: &ParameterKey) -> Option<Part> {
    let parameter = catalogue.parameter(&key.parameter)?;
    let place = field_of(parameter).map(|field| field.position);
    match &picture.desired.get(key)?.content {
        Content::Secret(digest) => Some((None, digest.clone())),
        Content::Plain(value) => parameter.to_wire(value).ok().map(|text| (place, text.into_bytes())),
    }
}

fn digest(parts: &BTreeSet<Part>) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for (place, text) in parts {
        let place = place.and_then(|place| i64::try_from(place).ok()).unwrap_or(-1);
        hasher.update(place.to_be_bytes());
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use domain::catalogue::{Catalogue, Kind, ParameterKey, Value};
    use domain::configuration::{Content, Desired, ItemKey, Picture, Reported, Scope, difference};

    use super::{items_of, now, of_row};

    fn wants(pairs: &[(&str, Option<u16>, Value)]) -> Picture {
        let mut picture = Picture::empty(Kind::SipClient);
        for (id, index, value) in pairs {
            let key = ParameterKey { parameter: (*id).to_owned(), index: *index };
            picture.desired.insert(key, Desired::own(Content::Plain(value.clone())));
        }
        picture
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    const SERVER: &str = "telephony.sip-settings.server-address";

    #[test]
    fn a_row_is_about_what_was_desired_when_it_was_drawn() {
        let catalogue = Catalogue::built_in();
        let item = ItemKey::new("reg-addr", None);
        let mut first = wants(&[(SERVER, None, text("a.example.net"))]);
        let rows = difference(catalogue, &first, Scope::All).rows;
        let about = of_row(catalogue, &rows[0], None);
        assert_eq!(now(catalogue, &first).remove(&item), about);
        // A refusal does not change what is desired, another value does.
        first.refused.insert(item.clone(), "invalid data".to_owned());
        assert_eq!(now(catalogue, &first).remove(&item), about);
        let other = wants(&[(SERVER, None, text("b.example.net"))]);
        assert_ne!(now(catalogue, &other).remove(&item), about);
        assert!(items_of(catalogue, &other).contains(&item));
        assert_eq!(now(catalogue, &wants(&[])).remove(&item), None);
    }

    #[test]
    fn the_other_fields_of_a_record_do_not_count() {
        let catalogue = Catalogue::built_in();
        let parameter = catalogue.parameters().find(|parameter| {
            let field = parameter.delivery.as_ref().and_then(|delivery| delivery.field.as_ref());
            field.is_some() && parameter.is_for(Kind::SipClient) && parameter.to_wire(&text("x")).is_ok()
        });
        let parameter = parameter.expect("a field that takes any text");
        let field =
            parameter.delivery.as_ref().and_then(|delivery| delivery.field.as_ref()).expect("a field");
        let index = parameter.item_of(None).is_none().then_some(1);
        let (name, at) = parameter.item_of(index).expect("an item");
        let item = ItemKey::new(name, at);
        let mut picture = wants(&[(&parameter.id, index, text("x"))]);
        let said = |first: &str| {
            let mut fields = vec![first.to_owned(); field.fields];
            fields[field.position] = "theirs".to_owned();
            let text = fields.join(&field.separator.to_string());
            Reported { text: Some(text), status: None }
        };
        picture.reported.insert(item.clone(), said("one"));
        let before = now(catalogue, &picture).remove(&item);
        let rows = difference(catalogue, &picture, Scope::All).rows;
        let row = rows.iter().find(|row| row.item == item).expect("a row");
        assert!(before.is_some() && before == of_row(catalogue, row, None));
        picture.reported.insert(item.clone(), said("two"));
        assert_eq!(now(catalogue, &picture).remove(&item), before);
    }
}
