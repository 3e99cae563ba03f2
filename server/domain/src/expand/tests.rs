//! Tests of the expander: forms, limits, properties, and values of real parameters.

use proptest::prelude::*;

use super::*;
use crate::catalogue::{Catalogue, Parameter, Value, ValueFault};

const USER: &str = "telephony.sip-settings.sip-credentials-username";
const TIMER: &str = "telephony.sip-settings.registration-timer";
const TRANSPORT: &str = "telephony.sip-settings.transport-protocol";
const CODECS: &str = "audio.codec-settings.codecs";

fn parameter(id: &str) -> &'static Parameter {
    Catalogue::built_in().parameter(id).unwrap()
}

fn of(pairs: &[(&str, &str)]) -> Variables {
    let fields = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Variables {
        e164: Some("498970071234".into()),
        extension: extension_of("498970071234", 4),
        device_id: Some("00:1a:e8:01:02:03".into()),
        mac: Some("001AE8010203".into()),
        model: Some("CP600".into()),
        fields,
    }
}

fn expand(text: &str, variables: &Variables) -> Result<String, Unexpanded> {
    Text::parse(text).unwrap().expand(variables)
}

#[test]
fn every_variable_is_put_in() {
    let variables = of(&[("site", "Hamburg")]);
    for (text, expanded) in [
        ("", ""),
        ("plain", "plain"),
        ("{e164}", "498970071234"),
        ("sip:{extension}@{site}.example", "sip:1234@Hamburg.example"),
        ("{device_id}/{mac}/{model}", "00:1a:e8:01:02:03/001AE8010203/CP600"),
        ("{{site}}", "{site}"),
        ("{{{site}}}", "{Hamburg}"),
        ("ü}}{site}{{ü", "ü}Hamburg{ü"),
    ] {
        assert_eq!(expand(text, &variables).unwrap(), expanded, "{text}");
    }
}

#[test]
fn what_a_client_lacks_is_named() {
    assert_eq!(expand("{extension}{site}", &of(&[])), Err(Unexpanded::Missing("site".into())));
    assert_eq!(expand("{site}", &of(&[("site", "")])), Err(Unexpanded::Missing("site".into())));
    // A field cannot stand in for a number the client does not have.
    let nameless = Variables { e164: None, ..of(&[("e164", "1")]) };
    assert_eq!(expand("{e164}", &nameless), Err(Unexpanded::Missing("e164".into())));
}

#[test]
fn wrong_braces_are_refused_with_their_place() {
    for (text, fault) in [
        ("{", ExpandFault::Brace { at: 1 }),
        ("üa}", ExpandFault::Brace { at: 3 }),
        ("{{}", ExpandFault::Brace { at: 3 }),
        ("{}", ExpandFault::EmptyName),
        ("{Site}", ExpandFault::BadName { at: 1 }),
        ("{1a}", ExpandFault::BadName { at: 1 }),
        ("ü{{{a b}", ExpandFault::BadName { at: 4 }),
        ("{a{b}", ExpandFault::BadName { at: 1 }),
    ] {
        assert_eq!(Text::parse(text), Err(fault), "{text}");
    }
    assert_eq!(Text::parse(&format!("{{{}}}", "a".repeat(32))).unwrap().variables().len(), 1);
    assert!(Text::parse(&format!("{{{}}}", "a".repeat(33))).is_err());
}

#[test]
fn texts_and_results_are_bounded() {
    assert!(Text::parse(&"a".repeat(MOST_TEXT_BYTES)).is_ok());
    assert_eq!(Text::parse(&"a".repeat(MOST_TEXT_BYTES + 1)), Err(ExpandFault::TooLong));
    assert!(Text::parse(&"{a}".repeat(MOST_VARIABLES)).is_ok());
    assert_eq!(Text::parse(&"{a}".repeat(MOST_VARIABLES + 1)), Err(ExpandFault::TooMany));
    let half = "x".repeat(MOST_EXPANDED_BYTES / 2);
    let variables = of(&[("a", &half)]);
    assert_eq!(expand("{a}{a}", &variables).unwrap().len(), MOST_EXPANDED_BYTES);
    assert_eq!(expand("{a}{a}!", &variables), Err(Unexpanded::TooLong));
}

#[test]
fn an_extension_is_the_last_digits() {
    assert_eq!(extension_of("+49 (89) 7007-1234", 4).unwrap(), "1234");
    assert_eq!(extension_of("12", 4).unwrap(), "12");
    assert_eq!(extension_of("", 4), None);
    assert_eq!(extension_of("1234", 0), None);
}

fn check(id: &str, value: impl Into<Value>) -> Result<(), TemplateValueFault> {
    check_value(parameter(id), None, &value.into(), &|name| is_built_in(name) || name == "site")
}

#[test]
fn a_template_may_hold_variables_in_texts_numbers_and_lists() {
    for (id, value) in [
        (USER, Value::from("{extension}")),
        (TIMER, Value::from("{extension}")),
        (TIMER, Value::Integer(3600)),
        (CODECS, Value::List(vec!["{site}".into(), "G711".into()])),
    ] {
        assert_eq!(check(id, value.clone()), Ok(()), "{id} {value:?}");
    }
    let unknown = TemplateValueFault::Unknown("sitte".into());
    assert_eq!(check(USER, "{sitte}"), Err(unknown));
    assert_eq!(check(USER, "{site").unwrap_err().code(), "variable_syntax");
    assert_eq!(check(TIMER, "3600").unwrap_err().code(), "wrong_type");
    assert_eq!(check(TRANSPORT, "{site}").unwrap_err().code(), "not_a_choice");
    assert_eq!(check(USER, Value::List(vec!["{site}".into()])).unwrap_err().code(), "wrong_type");
    let long = format!("{{site}}{}", "x".repeat(300));
    assert_eq!(check(USER, long.as_str()).unwrap_err().code(), "wrong_length");
    let at = |index| check_value(parameter(USER), index, &"{e164}".into(), &is_built_in);
    assert_eq!(at(Some(1)), Err(TemplateValueFault::Value(ValueFault::NoEntries)));
}

#[test]
fn a_number_is_not_made_of_itself() {
    for id in ["telephony.sip-settings.e164-number", "telephony.hfa-settings.e164-number"] {
        for (text, name) in [("{e164}", "e164"), ("0{extension}", "extension"), ("{site}{e164}", "e164")] {
            assert_eq!(check(id, text), Err(TemplateValueFault::Loops(name.into())), "{id} {text}");
        }
        assert_eq!(check(id, "{site}"), Ok(()), "{id}");
    }
    assert_eq!(TemplateValueFault::Loops("e164".into()).code(), "variable_loops");
    assert_eq!(check(USER, "{e164}"), Ok(()), "another item is no loop");
}

#[test]
fn a_fault_tells_nothing_of_a_secret() {
    let password = "telephony.sip-settings.sip-credentials-password";
    assert!(parameter(password).secret);
    assert_eq!(check(password, "start{extension}"), Ok(()));
    for secret in ["my{hidden}word", "my{hid den}word", "my{hidden", "{{}hidden"] {
        let fault = check(password, secret).unwrap_err();
        let told = format!("{fault} {fault:?} {:?}", fault.args());
        assert!(!told.contains("hid"), "{told}");
    }
}

#[test]
fn an_expanded_value_is_checked_as_any_other() {
    let expand =
        |id, value: Value, variables: &Variables| expand_value(parameter(id), None, &value, variables);
    let variables = of(&[("timer", "600"), ("word", "abc"), ("large", "999999999999")]);
    assert_eq!(expand(TIMER, "{timer}".into(), &variables), Ok(Value::Integer(600)));
    assert_eq!(expand(USER, "{extension}".into(), &variables), Ok("1234".into()));
    for refused in ["{word}", "{large}"] {
        assert_eq!(expand(TIMER, refused.into(), &variables).unwrap_err().code(), "variable-refused");
    }
    assert_eq!(expand(USER, "{none}".into(), &variables), Err(ExpandValueFault::Missing("none".into())));
    let broken = expand(USER, "{".into(), &variables).unwrap_err();
    assert_eq!(broken.code(), "variable-refused");
}

#[test]
fn a_long_text_without_braces_is_left_to_its_parameter() {
    let certificate = "security.certificate-authorities.voip-server-ca-certificate-1";
    let value = Value::Text("A".repeat(60_000));
    assert_eq!(check_value(parameter(certificate), None, &value, &is_built_in), Ok(()));
    assert_eq!(expand_value(parameter(certificate), None, &value, &of(&[])), Ok(value));
}

#[test]
fn variables_of_values_are_found() {
    assert!(has_variables(&Value::List(vec!["a".into(), "{site}".into()])));
    assert!(!has_variables(&"{{site}}".into()));
    assert!(!has_variables(&"{".into()));
    assert!(!has_variables(&Value::Integer(1)));
    let names = value_variables(&Value::List(vec!["{b}{a}".into(), "{a}".into()]));
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b"]);
}

/// Texts in which braces are frequent.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![Just("{".to_owned()), Just("}".to_owned()), Just("{site}".to_owned()), "\\PC{0,4}"],
        0..12,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_escaped_expands_to_itself(text in text()) {
        let escaped = Text::parse(&escape(&text)).unwrap();
        prop_assert!(escaped.variables().is_empty());
        prop_assert_eq!(escaped.expand(&Variables::default()).unwrap(), text);
    }

    #[test]
    fn values_too(entries in proptest::collection::vec(text(), 0..4)) {
        for value in [Value::Text(entries.concat()), Value::List(entries)] {
            let escaped = escape_value(&value);
            prop_assert!(!has_variables(&escaped));
            if let Ok(expanded) = expand_value(parameter(CODECS), None, &escaped, &Variables::default()) {
                prop_assert_eq!(expanded, value);
            }
        }
    }

    #[test]
    fn reading_never_panics_and_results_are_bounded(text in text(), site in "\\PC{0,3000}") {
        if let Ok(parsed) = Text::parse(&text)
            && let Ok(expanded) = parsed.expand(&of(&[("site", &site)]))
        {
            prop_assert!(expanded.len() <= MOST_EXPANDED_BYTES);
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter(fields in proptest::collection::btree_map("[a-z]{1,3}", "[a-z]{1,3}", 0..6)) {
        let text = Text::parse("{a}{b}-{c}").unwrap();
        let one = Variables { fields: fields.clone(), ..of(&[]) };
        let other = Variables { fields: fields.into_iter().rev().collect(), ..of(&[]) };
        prop_assert_eq!(text.expand(&one), text.expand(&other));
    }
}
