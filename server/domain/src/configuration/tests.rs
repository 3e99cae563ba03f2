//! Tests of the rules with a small catalogue of their own.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    Content, Desired, Difference, ItemKey, Layer, LeftOutReason, Picture, Reported, Row, Scope, State, Still,
    UNCONFIRMED, difference, states, still_wanted,
};
use crate::catalogue::{
    Area, Catalogue, Certainty, Choice, Delivery, ItemIndex, Kind, Parameter, ParameterKey, RecordField,
    Section, Text, TextFormat, Value, ValueType,
};

fn text(text: &str) -> Text {
    Text { en: text.to_owned(), de: text.to_owned() }
}

fn parameter(id: &str, item: &str) -> Parameter {
    Parameter {
        id: id.to_owned(),
        label: text(id),
        help: text(id),
        kinds: vec![Kind::SipClient],
        value: ValueType::Text { format: TextFormat::Any, min_length: 0, max_length: 255 },
        default: None,
        unit: None,
        entries: None,
        secret: false,
        read_only: false,
        care: false,
        restarts: false,
        same_as: None,
        delivery: Some(Delivery {
            item: item.to_owned(),
            index: ItemIndex::None,
            certainty: Certainty::Documented,
            field: None,
            group: None,
            factor: 1,
            divisor: 1,
        }),
    }
}

fn repeated(id: &str, item: &str, group: Option<&str>, field: Option<usize>) -> Parameter {
    let mut parameter = Parameter { entries: Some((1, 9)), ..parameter(id, item) };
    if let Some(delivery) = &mut parameter.delivery {
        delivery.index = ItemIndex::Entry(0);
        delivery.group = group.map(str::to_owned);
        delivery.field = field.map(|position| RecordField { separator: '^', fields: 3, position });
    }
    parameter
}

fn catalogue() -> Catalogue {
    let flag = Parameter {
        value: ValueType::Bool { wire: ("false".to_owned(), "true".to_owned()) },
        ..parameter("flag", "flag-item")
    };
    let mut guess = parameter("guess", "guess-item");
    if let Some(delivery) = &mut guess.delivery {
        delivery.certainty = Certainty::Inferred;
    }
    let choice = |key: &str, wire: Option<&str>| Choice {
        key: key.to_owned(),
        label: text(key),
        help: None,
        wire: wire.map(str::to_owned),
    };
    let mode = Parameter {
        value: ValueType::Enum { choices: vec![choice("A", Some("7")), choice("B", None)] },
        ..parameter("mode", "mode-item")
    };
    let parameters = vec![
        Parameter { restarts: true, ..parameter("address", "reg-addr") },
        Parameter { same_as: Some("address".to_owned()), ..parameter("address-again", "reg-addr") },
        Parameter { same_as: Some("address".to_owned()), ..parameter("address-once-more", "reg-addr") },
        flag,
        guess,
        mode,
        Parameter { delivery: None, ..parameter("nowhere", "x") },
        Parameter { secret: true, ..parameter("password", "sip-pwd") },
        Parameter { care: true, ..parameter("vlan", "vlan-id") },
        Parameter { kinds: vec![Kind::HfaClient], ..parameter("hfa", "hfa-item") },
        repeated("key", "key-def", Some("keys"), None),
        repeated("key-label", "key-label", Some("keys"), None),
        repeated("ring-name", "alert", None, Some(0)),
        repeated("ring-melody", "alert", None, Some(1)),
    ];
    let section = Section { id: "s".to_owned(), title: text("s"), parameters };
    Catalogue::from_areas(vec![Area { id: "a".to_owned(), title: text("a"), sections: vec![section] }])
}

fn plain(value: Value) -> Desired {
    Desired::own(Content::Plain(value))
}

/// A phone that reports these texts and should have these values.
fn picture(reported: &[(&str, Option<u16>, &str)], desired: &[(&str, Option<u16>, Value)]) -> Picture {
    let mut picture = Picture::empty(Kind::SipClient);
    for (name, index, text) in reported {
        let said = Reported { text: Some((*text).to_owned()), status: None };
        picture.reported.insert(ItemKey::new(*name, *index), said);
    }
    for (id, index, value) in desired {
        let key = ParameterKey { parameter: (*id).to_owned(), index: *index };
        picture.desired.insert(key, plain(value.clone()));
    }
    picture
}

fn written(difference: &Difference) -> Vec<(String, Option<&str>, Option<&str>)> {
    difference.rows.iter().map(|row| (row.item.to_string(), row.from.as_deref(), row.to.as_deref())).collect()
}

fn reasons(difference: &Difference) -> Vec<LeftOutReason> {
    difference.left_out.iter().map(|left_out| left_out.reason).collect()
}

#[test]
fn the_difference_alone_is_written() {
    let picture = picture(
        &[("reg-addr", None, "old.example"), ("flag-item", None, "1"), ("mode-item", None, "7")],
        &[
            ("address", None, "new.example".into()),
            ("flag", None, Value::Bool(true)),
            ("mode", None, "A".into()),
        ],
    );
    let difference = difference(&catalogue(), &picture, Scope::Pending);
    assert_eq!(written(&difference), [("reg-addr".to_owned(), Some("old.example"), Some("new.example"))]);
    assert!(difference.rows[0].restarts && difference.left_out.is_empty());
}

#[test]
fn an_item_never_reported_is_written_unless_its_name_is_a_guess() {
    let wanted = [("address", None, "a".into()), ("guess", None, "g".into())];
    let unseen = difference(&catalogue(), &picture(&[], &wanted), Scope::All);
    assert_eq!(written(&unseen), [("reg-addr".to_owned(), None, Some("a"))]);
    assert_eq!(reasons(&unseen), [LeftOutReason::NotReported]);
    let seen = picture(&[("guess-item", None, "h")], &wanted);
    let row = difference(&catalogue(), &seen, Scope::All).rows.remove(0);
    assert!(row.unconfirmed && row.to.as_deref() == Some("g"));
}

#[test]
fn what_cannot_be_delivered_says_why() {
    let wanted = [
        ("nowhere", None, "x".into()),
        ("mode", None, "B".into()),
        ("hfa", None, "x".into()),
        ("gone", None, "x".into()),
    ];
    let difference = difference(&catalogue(), &picture(&[], &wanted), Scope::All);
    assert!(difference.rows.is_empty());
    use LeftOutReason as R;
    assert_eq!(reasons(&difference), [R::UnknownParameter, R::OtherKind, R::NoWireValue, R::NoItem]);
}

#[test]
fn what_phone_and_model_refuse_is_left_out() {
    let mut picture = picture(
        &[],
        &[
            ("address", None, "a".into()),
            ("flag", None, Value::Bool(true)),
            ("mode", None, "A".into()),
            ("key", Some(8), "1".into()),
        ],
    );
    picture.refused.insert(ItemKey::new("reg-addr", None), "Read Only".to_owned());
    picture.refused.insert(ItemKey::new("mode-item", None), "invalid data".to_owned());
    picture.unsupported.insert("flag-item".to_owned(), "unknown item".to_owned());
    picture.refused.insert(ItemKey::new("key-def", Some(8)), "invalid index".to_owned());
    let left = difference(&catalogue(), &picture, Scope::All);
    use LeftOutReason as R;
    assert_eq!(reasons(&left), [R::LockedByPhone, R::UnknownToPhone, R::IndexTooHigh, R::RefusedBefore]);
    picture.desired.clear();
    picture.desired.insert(ParameterKey::entry("key", 6), plain("1".into()));
    assert_eq!(difference(&catalogue(), &picture, Scope::All).rows.len(), 1);
}

#[test]
fn two_parameters_of_one_item_must_agree() {
    let same = [("address", None, "a".into()), ("address-again", None, "a".into())];
    let agreed = difference(&catalogue(), &picture(&[], &same), Scope::All);
    assert_eq!((agreed.rows.len(), agreed.rows[0].parameters.len()), (1, 2));
    let other = [("address", None, "a".into()), ("address-again", None, "b".into())];
    let conflict = difference(&catalogue(), &picture(&[], &other), Scope::All);
    assert!(conflict.rows.is_empty(), "neither is written");
    assert_eq!(reasons(&conflict), [LeftOutReason::Conflict, LeftOutReason::Conflict]);
}

#[test]
fn a_field_of_a_record_keeps_the_other_fields() {
    let wanted = [("ring-melody", Some(2), "5".into())];
    let seen = picture(&[("alert", Some(2), "Boss^3^1")], &wanted);
    let change = difference(&catalogue(), &seen, Scope::All);
    assert_eq!(written(&change), [("alert[2]".to_owned(), Some("Boss^3^1"), Some("Boss^5^1"))]);
    let both = picture(
        &[("alert", Some(2), "Boss^3^1")],
        &[("ring-melody", Some(2), "5".into()), ("ring-name", Some(2), "Door".into())],
    );
    let change = difference(&catalogue(), &both, Scope::All);
    assert_eq!(written(&change), [("alert[2]".to_owned(), Some("Boss^3^1"), Some("Door^5^1"))]);
    let done = picture(&[("alert", Some(2), "Boss^5^1")], &wanted);
    assert!(difference(&catalogue(), &done, Scope::All).rows.is_empty());
}

#[test]
fn a_logical_record_is_written_whole() {
    let seen = picture(
        &[("key-def", Some(3), "1"), ("key-label", Some(3), "Door"), ("key-label", Some(4), "x")],
        &[("key", Some(3), "9".into())],
    );
    let change = difference(&catalogue(), &seen, Scope::All);
    assert_eq!(
        written(&change),
        [
            ("key-def[3]".to_owned(), Some("1"), Some("9")),
            ("key-label[3]".to_owned(), Some("Door"), Some("Door"))
        ]
    );
    assert!(!change.rows[0].companion && change.rows[1].companion);
}

#[test]
fn what_goes_along_in_a_record_undoes_no_drift_and_is_nothing_the_phone_refuses() {
    let seen = [("key-def", Some(3), "1"), ("key-label", Some(3), "Theirs")];
    let wanted = [("key", Some(3), "9".into()), ("key-label", Some(3), "Ours".into())];
    let mut picture = picture(&seen, &wanted);
    let label = ItemKey::new("key-label", Some(3));
    picture.drifted.insert(label.clone());
    let change = difference(&catalogue(), &picture, Scope::Pending);
    assert_eq!(written(&change)[1], ("key-label[3]".to_owned(), Some("Theirs"), Some("Theirs")));
    assert!(change.rows[1].companion);
    picture.refused.insert(label, "read only".to_owned());
    assert_eq!(difference(&catalogue(), &picture, Scope::Pending).rows.len(), 1);
}

#[test]
fn a_secret_is_written_when_its_digest_is_another_one() {
    let mut picture = picture(&[], &[]);
    let secret = Desired::own(Content::Secret(vec![1]));
    picture.desired.insert(ParameterKey::plain("password"), secret);
    let row = difference(&catalogue(), &picture, Scope::Pending).rows.remove(0);
    assert!(row.secret && row.to.is_none() && row.from.is_none());
    picture.acknowledged.insert(ItemKey::new("sip-pwd", None), vec![1]);
    assert!(difference(&catalogue(), &picture, Scope::Pending).rows.is_empty());
    picture.acknowledged.insert(ItemKey::new("sip-pwd", None), vec![2]);
    assert_eq!(difference(&catalogue(), &picture, Scope::Pending).rows.len(), 1);
}

#[test]
fn drift_is_shown_and_not_undone_unless_asked_for() {
    let mut picture = picture(&[("reg-addr", None, "theirs")], &[("address", None, "ours".into())]);
    picture.drifted.insert(ItemKey::new("reg-addr", None));
    let pending = difference(&catalogue(), &picture, Scope::Pending);
    assert_eq!((pending.rows.len(), reasons(&pending)), (0, vec![LeftOutReason::Drift]));
    assert_eq!(difference(&catalogue(), &picture, Scope::All).rows.len(), 1);
    let only = BTreeSet::from([ParameterKey::plain("address")]);
    assert_eq!(difference(&catalogue(), &picture, Scope::Only(&only)).rows.len(), 1);
    let other = BTreeSet::from([ParameterKey::plain("flag")]);
    assert_eq!(difference(&catalogue(), &picture, Scope::Only(&other)), Difference::default());
    assert_eq!(states(&catalogue(), &picture)[0].state, State::Drift);
}

#[test]
fn what_can_cut_the_phone_off_comes_last() {
    let wanted =
        [("vlan", None, "7".into()), ("flag", None, Value::Bool(true)), ("address", None, "a".into())];
    let rows = difference(&catalogue(), &picture(&[], &wanted), Scope::All).rows;
    let items: Vec<&str> = rows.iter().map(|row| row.item.name.as_str()).collect();
    assert_eq!(items, ["flag-item", "reg-addr", "vlan-id"]);
    assert!(rows[2].care);
}

#[test]
fn the_servers_own_items_are_rows_without_parameter() {
    let mut picture = picture(&[], &[]);
    picture.system.insert(ItemKey::new("dcmp-url", None), "http://10.1.1.1:8080/dcmp".to_owned());
    let row = difference(&catalogue(), &picture, Scope::Pending).rows.remove(0);
    assert!(row.parameters.is_empty());
    assert_eq!(states(&catalogue(), &picture)[0].parameter, None);
    assert_eq!(still_wanted(&catalogue(), &picture, &[row]), [Still::Write]);
}

#[test]
fn a_stored_diff_delivered_late_undoes_nothing() {
    let catalogue = catalogue();
    let wanted = |address: &str, key: &str| {
        [("address", None, Value::Text(address.to_owned())), ("key", Some(3), Value::Text(key.to_owned()))]
    };
    let seen = [("reg-addr", None, "old"), ("key-def", Some(3), "1"), ("key-label", Some(3), "Door")];
    let rows: Vec<Row> = difference(&catalogue, &picture(&seen, &wanted("new", "9")), Scope::All).rows;
    let still = |reported: &[(&str, Option<u16>, &str)], address, key| {
        let picture = picture(reported, &wanted(address, key));
        let mut still: Vec<(String, Still)> = rows
            .iter()
            .zip(still_wanted(&catalogue, &picture, &rows))
            .map(|(row, still)| (row.item.to_string(), still))
            .collect();
        still.sort_by(|a, b| a.0.cmp(&b.0));
        still.into_iter().map(|(_, still)| still).collect::<Vec<_>>()
    };
    // In the order key-def, key-label (companion), reg-addr.
    assert_eq!(still(&seen, "new", "9"), [Still::Write, Still::Write, Still::Write]);
    let done = [("reg-addr", None, "new"), ("key-def", Some(3), "9"), ("key-label", Some(3), "Door")];
    assert_eq!(still(&done, "new", "9"), [Still::Done, Still::Done, Still::Done]);
    assert_eq!(still(&seen, "newer", "9"), [Still::Write, Still::Write, Still::Superseded]);
    assert_eq!(still(&seen, "new", "8"), [Still::Superseded, Still::Done, Still::Write]);
}

#[test]
fn what_the_server_wants_is_written_again_though_it_was_reported() {
    // It was reported before the restart this write follows.
    let mut picture = picture(&[("dcmp-url", None, "http://198.51.100.1/")], &[]);
    let item = ItemKey::new("dcmp-url", None);
    picture.system.insert(item.clone(), "http://198.51.100.1/".to_owned());
    let reported = picture.reported.remove(&item).unwrap();
    let rows = difference(&catalogue(), &picture, Scope::Pending).rows;
    picture.reported.insert(item.clone(), reported);
    assert_eq!(still_wanted(&catalogue(), &picture, &rows), [Still::Write]);
    picture.system.insert(item, "http://198.51.100.2/".to_owned());
    assert_eq!(still_wanted(&catalogue(), &picture, &rows), [Still::Superseded]);
}

#[test]
fn what_was_written_without_an_answer_is_not_taken_for_reported() {
    let mut picture = picture(&[("reg-addr", None, "a")], &[("address", None, "a".into())]);
    assert!(difference(&catalogue(), &picture, Scope::Pending).rows.is_empty());
    let item = ItemKey::new("reg-addr", None);
    picture.reported.get_mut(&item).unwrap().status = Some(UNCONFIRMED.to_owned());
    assert_eq!(
        written(&difference(&catalogue(), &picture, Scope::Pending)),
        [("reg-addr".to_owned(), Some("a"), Some("a"))]
    );
}

#[test]
fn what_templates_alone_take_reaches_clients() {
    let catalogue = Catalogue::built_in();
    let phones = [Kind::SipClient, Kind::HfaClient];
    let mut by_template = 0;
    for parameter in catalogue.parameters().filter(|one| one.is_for(Kind::Template) && !one.read_only) {
        let reached = phones.iter().any(|kind| catalogue.reaches(parameter, *kind));
        assert!(reached, "{} is offered for templates and reaches nobody", parameter.id);
        let Some(delivery) = &parameter.delivery else { continue };
        if phones.iter().any(|kind| parameter.is_for(*kind)) {
            continue;
        }
        by_template += 1;
        let value = match &parameter.value {
            ValueType::Bool { .. } => Value::Bool(true),
            ValueType::Integer { min, .. } => Value::Integer(*min),
            ValueType::Enum { choices } => match choices.iter().find(|choice| choice.wire.is_some()) {
                Some(choice) => choice.key.as_str().into(),
                None => continue,
            },
            ValueType::Text { .. } | ValueType::List { .. } => continue,
        };
        let entry = parameter.entries.map(|(first, _)| first);
        let (name, index) = parameter.item_of(entry).unwrap();
        let mut picture = Picture::empty(Kind::SipClient);
        picture
            .reported
            .insert(ItemKey::new(name, index), Reported { text: Some("?".to_owned()), status: None });
        let key = ParameterKey { parameter: parameter.id.clone(), index: entry };
        picture.desired.insert(key, plain(value));
        let rows = difference(catalogue, &picture, Scope::Pending).rows;
        assert!(rows.iter().any(|row| row.item.name == delivery.item && !row.companion), "{}", parameter.id);
    }
    assert!(by_template > 60, "{by_template}");
    // OSEM §7.4.3: SIP clients only.
    let of_sip = catalogue.parameter("audio.srtp-settings.srtp-key-negotiation-method").unwrap();
    assert!(catalogue.reaches(of_sip, Kind::SipClient) && !catalogue.reaches(of_sip, Kind::HfaClient));
}

fn of_layer(layer: Layer, rank: Option<u16>, value: &str) -> Desired {
    Desired { content: Content::Plain(value.into()), layer, template: None, rank }
}

#[test]
fn of_two_parameters_of_one_item_the_stronger_layer_has_it() {
    let mut picture = picture(&[], &[]);
    let (one, other) = (ParameterKey::plain("address"), ParameterKey::plain("address-again"));
    for (one, other) in [(&one, &other), (&other, &one)] {
        picture.desired = BTreeMap::from([
            (one.clone(), of_layer(Layer::Client, None, "own")),
            (other.clone(), of_layer(Layer::DefaultTemplate, Some(1), "template")),
        ]);
        let change = difference(&catalogue(), &picture, Scope::Pending);
        assert_eq!(written(&change), [("reg-addr".to_owned(), None, Some("own"))]);
        assert_eq!(change.rows[0].parameters, std::slice::from_ref(one));
        assert_eq!(reasons(&change), [LeftOutReason::StrongerLayer]);
        let still = states(&catalogue(), &picture);
        let weaker = still.iter().find(|state| state.parameter.as_ref() == Some(other)).unwrap();
        assert_eq!((weaker.state, weaker.reason), (State::LeftOut, Some(LeftOutReason::StrongerLayer)));
    }
    picture.desired = BTreeMap::from([
        (one.clone(), of_layer(Layer::Onboarding, None, "once")),
        (other.clone(), of_layer(Layer::DefaultTemplate, Some(9), "template")),
    ]);
    let change = difference(&catalogue(), &picture, Scope::Pending);
    assert_eq!(written(&change), [("reg-addr".to_owned(), None, Some("template"))]);
    // Within a layer the rank counts, and only equals contradict each other.
    let ranks = |one_rank, other_rank| {
        let mut picture = picture.clone();
        picture.desired = BTreeMap::from([
            (one.clone(), of_layer(Layer::GroupTemplate, Some(one_rank), "a")),
            (other.clone(), of_layer(Layer::GroupTemplate, Some(other_rank), "b")),
        ]);
        let change = difference(&catalogue(), &picture, Scope::Pending);
        (change.rows.first().and_then(|row| row.to.clone()), reasons(&change))
    };
    use LeftOutReason as R;
    assert_eq!(ranks(3, 7), (Some("a".to_owned()), vec![R::StrongerLayer]));
    assert_eq!(ranks(7, 3), (Some("b".to_owned()), vec![R::StrongerLayer]));
    assert_eq!(ranks(3, 3), (None, vec![R::Conflict, R::Conflict]));
}

#[test]
fn who_takes_the_place_of_a_removed_value_is_written_with_its_removal() {
    let mut picture = picture(&[("reg-addr", None, "own")], &[("flag", None, Value::Bool(true))]);
    let template = of_layer(Layer::DefaultTemplate, Some(1), "template");
    picture.desired.insert(ParameterKey::plain("address-again"), template);
    let removed = BTreeSet::from([ParameterKey::plain("address")]);
    let change = difference(&catalogue(), &picture, Scope::Only(&removed));
    assert_eq!(written(&change), [("reg-addr".to_owned(), Some("own"), Some("template"))]);
    // A weaker value that comes to be desired opens nothing: what is stronger may have drifted.
    picture.drifted.insert(ItemKey::new("reg-addr", None));
    picture.desired.insert(ParameterKey::plain("address"), of_layer(Layer::Onboarding, None, "once"));
    let change = difference(&catalogue(), &picture, Scope::Only(&removed));
    assert_eq!((change.rows.len(), reasons(&change)), (0, vec![LeftOutReason::StrongerLayer]));
}

fn some_desired() -> impl Strategy<Value = Desired> {
    let layer = prop::sample::select(&[
        (Layer::Client, None),
        (Layer::GroupTemplate, Some(1)),
        (Layer::GroupTemplate, Some(2)),
        (Layer::DefaultTemplate, Some(1)),
        (Layer::DefaultTemplate, Some(2)),
        (Layer::Onboarding, None),
    ]);
    (layer, prop::sample::select(&["a", "b"])).prop_map(|((layer, rank), text)| of_layer(layer, rank, text))
}

proptest! {
    /// Three parameters stand on the item; the fourth shows that others are not touched.
    #[test]
    fn an_item_has_the_text_of_its_strongest_parameter(given in prop::collection::vec(some_desired(), 1..=3)) {
        let (mut picture, catalogue) = (picture(&[], &[("flag", None, Value::Bool(true))]), catalogue());
        let ids = ["address", "address-again", "address-once-more"];
        picture.desired.extend(ids.iter().zip(&given).map(|(id, one)| (ParameterKey::plain(*id), one.clone())));
        let change = difference(&catalogue, &picture, Scope::Pending);
        let best = given.iter().map(|one| (one.layer, one.rank)).min().unwrap();
        let strongest: BTreeSet<String> = given
            .iter()
            .filter(|one| (one.layer, one.rank) == best)
            .map(|one| format!("{:?}", one.content))
            .collect();
        let row = change.rows.iter().find(|row| row.item.name == "reg-addr");
        let named = |id: &str| ParameterKey::plain(id);
        for (id, one) in ids.iter().zip(&given) {
            let reason = change.left_out.iter().find(|left_out| left_out.parameter == named(id));
            let is_strongest = (one.layer, one.rank) == best;
            let expected = if strongest.len() > 1 {
                Some(if is_strongest { LeftOutReason::Conflict } else { LeftOutReason::StrongerLayer })
            } else {
                (!strongest.contains(&format!("{:?}", one.content))).then_some(LeftOutReason::StrongerLayer)
            };
            prop_assert_eq!(reason.map(|left_out| left_out.reason), expected, "{}", id);
            let written = row.is_some_and(|row| row.parameters.contains(&named(id)));
            prop_assert_eq!(written, expected.is_none(), "{}", id);
        }
        prop_assert_eq!(row.is_some(), strongest.len() == 1);
        prop_assert_eq!(change.rows.iter().filter(|row| row.item.name == "flag-item").count(), 1);
    }
}
