//! Tests of the group filter: its JSON, each operator at its edges, and what may not be saved.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{AddressTest, Facts, Filter, MOST_NESTING, NumberTest, Subject, Test, TextTest};

fn read(json: Value) -> Filter {
    let text = json.to_string();
    serde_json::from_value(json).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn test(json: &Value) -> Filter {
    read(json!({ "test": json }))
}

/// Whether a test takes a client of which only one text is known.
fn passes(json: &Value, fact: &str) -> bool {
    let fields = BTreeMap::from([("site".to_owned(), fact.to_owned())]);
    let mut facts = Facts::default();
    match json["field"].as_str().unwrap() {
        "e164" => facts.e164 = Some(fact),
        "address" => facts.address = fact.parse().ok(),
        "model" => facts.model = Some(fact),
        "software-type" => facts.software_type = Some(fact),
        "software-version" => facts.software_version = Some(fact),
        "server-address" => facts.server_address = Some(fact),
        "client-field" => facts.fields = &fields,
        other => panic!("{other}"),
    }
    test(json).matches(&facts)
}

fn check_passes(json: &Value, takes: &[&str], refuses: &[&str]) {
    for fact in takes {
        assert!(passes(json, fact), "{json} takes {fact:?}");
    }
    for fact in refuses.iter().chain(&[""]) {
        assert!(!passes(json, fact), "{json} does not take {fact:?}");
    }
}

#[test]
fn every_form_is_read_and_written_alike() {
    let forms = json!({"all": [
        {"test": {"field": "e164", "is": "4940100"}},
        {"test": {"field": "e164", "pattern": "4940*"}},
        {"test": {"field": "e164", "range": {"from": "4940100", "to": "4940199"}}},
        {"any": [
            {"test": {"field": "address", "is": "10.0.0.1"}},
            {"test": {"field": "address", "range": {"from": "10.0.0.1", "to": "10.0.0.9"}}},
            {"test": {"field": "address", "network": "10.1.0.0/16"}},
        ]},
        {"not": {"test": {"field": "model", "one_of": ["CP710", "Toaster 9000"]}}},
        {"test": {"field": "software-type", "one_of": ["SIP"]}},
        {"test": {"field": "server-address", "is": "sip1.example.net"}},
        {"test": {"field": "server-address", "pattern": "sip?.example.*"}},
        {"test": {"field": "software-version", "is": "V3 R5.16.0"}},
        {"test": {"field": "software-version", "pattern": "V3 *"}},
        {"test": {"field": "software-version", "at_least": "V3 R5.16.0"}},
        {"test": {"field": "software-version", "below": "V3 R6.0.0"}},
        {"test": {"field": "client-field", "name": "site", "is": "Hamburg"}},
        {"test": {"field": "client-field", "name": "site", "pattern": "H*"}},
    ]});
    let filter = read(forms.clone());
    assert_eq!(serde_json::to_value(&filter).unwrap(), forms);
    let range = NumberTest::Range { from: "4940100".to_owned(), to: "4940199".to_owned() };
    let Filter::All(parts) = &filter else { panic!("{filter:?}") };
    assert_eq!(parts[2], Filter::Test(Test::E164(range)));
    let site = Test::ClientField { name: "site".to_owned(), test: TextTest::Is("Hamburg".to_owned()) };
    assert_eq!(parts[12], Filter::Test(site));
    assert_eq!(filter.subjects(), Subject::ALL.iter().copied().collect());
    assert_eq!(filter.client_fields(), BTreeSet::from(["site"]));
    assert_eq!(filter.check(&BTreeSet::from(["site".to_owned()])), Ok(()));
}

#[test]
fn what_is_no_filter_is_refused_in_words() {
    let fault = |json: Value| serde_json::from_value::<Filter>(json).unwrap_err().to_string();
    let of_test = |json: Value| fault(json!({ "test": json }));
    for (message, part) in [
        (fault(json!({})), "one of `all`, `any`, `not`, `test`"),
        (fault(json!([])), "an object with `all`, `any`, `not` or `test`"),
        (fault(json!({"and": []})), "unknown field `and`, expected one of `all`, `any`"),
        (fault(json!({"all": {}})), "a list of filters"),
        (fault(json!({"all": [], "any": []})), "`any`"),
        (fault(json!({"all": [], "some": 1})), "unknown field `some`"),
        (of_test(json!({"field": "colour", "is": "red"})), "unknown variant `colour`"),
        (of_test(json!({"is": "red"})), "missing field `field`"),
        (of_test(json!({"field": "e164"})), "needs one of `is`, `pattern`, `range`"),
        (of_test(json!({"field": "e164", "is": "1", "pattern": "1*"})), "only one of `is`, `pattern`"),
        (of_test(json!({"field": "e164", "network": "10.0.0.0/8"})), "cannot test `e164` with `network`"),
        (of_test(json!({"field": "model", "is": "CP710"})), "needs one of `one_of`"),
        (of_test(json!({"field": "e164", "is": 4940})), "invalid type"),
        (of_test(json!({"field": "e164", "equals": "1"})), "unknown field `equals`"),
        (
            of_test(json!({"field": "e164", "range": {"from": "1", "to": "2", "by": "1"}})),
            "unknown field `by`",
        ),
        (of_test(json!({"field": "client-field", "is": "x"})), "the `name` of the client field"),
        (of_test(json!({"field": "e164", "name": "site", "is": "1"})), "`name` only"),
    ] {
        assert!(message.contains(part), "{message:?} contains {part:?}");
    }
}

#[test]
fn depth_is_bounded_while_reading() {
    let nested = |depth: usize| format!("{}{{\"any\":[]}}{}", "{\"not\":".repeat(depth), "}".repeat(depth));
    assert!(serde_json::from_str::<Filter>(&nested(MOST_NESTING - 1)).is_ok());
    let message = serde_json::from_str::<Filter>(&nested(MOST_NESTING)).unwrap_err().to_string();
    assert!(message.contains("deeper than 8"), "{message}");
    // Given up long before the end, and so before the end of the stack.
    let endless = "{\"all\":[".repeat(200_000);
    let message = serde_json::from_str::<Filter>(&endless).unwrap_err().to_string();
    assert!(message.contains("deeper than 8"), "{message}");
}

#[test]
fn numbers() {
    check_passes(&json!({"field": "e164", "is": "0100"}), &["0100"], &["100", "01000", "0101"]);
    check_passes(&json!({"field": "e164", "pattern": "4940*"}), &["4940", "49401"], &["494", "14940"]);
    check_passes(&json!({"field": "e164", "pattern": "49??"}), &["4940"], &["494", "49401"]);
    check_passes(&json!({"field": "e164", "pattern": "*"}), &["0"], &[]);
    let range = json!({"field": "e164", "range": {"from": "98", "to": "1002"}});
    // Three digits lie between two and four, whatever they are.
    check_passes(&range, &["98", "99", "000", "999", "0000", "1002"], &["97", "1003", "9", "00000"]);
    let same = json!({"field": "e164", "range": {"from": "0010", "to": "0010"}});
    check_passes(&same, &["0010"], &["10", "010", "0009", "0011"]);
    let backwards = json!({"field": "e164", "range": {"from": "0100", "to": "99"}});
    check_passes(&backwards, &[], &["99", "100", "0100"]);
}

#[test]
fn the_own_number_goes_before_the_one_in_use() {
    assert_eq!(Facts::own_number(Some("1"), Some("2")), Some("1"));
    assert_eq!(Facts::own_number(Some(""), Some("2")), Some("2"));
    assert_eq!(Facts::own_number(None, Some("2")), Some("2"));
    assert_eq!(Facts::own_number(Some(""), None), None);
}

#[test]
fn addresses() {
    let is = |text: &str| json!({"field": "address", "is": text});
    check_passes(&is("10.0.0.1"), &["10.0.0.1", "::ffff:10.0.0.1"], &["10.0.0.2", "::a00:1"]);
    check_passes(&is("::ffff:10.0.0.1"), &["10.0.0.1"], &["10.0.0.2"]);
    check_passes(&is("2001:DB8::1"), &["2001:db8:0::1"], &["2001:db8::2"]);
    let range = |from: &str, to: &str| json!({"field": "address", "range": {"from": from, "to": to}});
    let inside = ["9.0.0.255", "10.0.0.0", "::ffff:9.5.0.1"];
    check_passes(&range("9.0.0.255", "10.0.0.0"), &inside, &["9.0.0.254", "10.0.0.1", "::"]);
    check_passes(&range("::9", "::10"), &["::9", "::a", "::10"], &["::8", "::11", "0.0.0.10"]);
    check_passes(&range("10.0.0.0", "::ffff:10.0.0.9"), &["10.0.0.5"], &["10.0.0.10"]);
    check_passes(&range("10.0.0.9", "10.0.0.1"), &[], &["10.0.0.5"]);
    check_passes(&range("10.0.0.0", "ffff::"), &[], &["10.0.0.5", "::5"]);
    let network = |text: &str| json!({"field": "address", "network": text});
    check_passes(&network("10.1.2.3/16"), &["10.1.0.0", "10.1.255.255"], &["10.0.255.255", "10.2.0.0"]);
    check_passes(&network("0.0.0.0/0"), &["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], &["::", "::1"]);
    check_passes(&network("10.1.2.3/32"), &["10.1.2.3"], &["10.1.2.2", "10.1.2.4"]);
    check_passes(&network("2001:db8::/64"), &["2001:db8::ffff"], &["2001:db8:0:1::", "10.0.0.1"]);
    check_passes(&network("10.0.0.0/33"), &[], &["10.0.0.0"]);
}

#[test]
fn the_bounds_of_an_address_test_are_what_it_takes() {
    let of = |test: AddressTest| test.bounds();
    let both = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
    assert_eq!(of(AddressTest::Network("10.1.0.0/16".to_owned())), both("40A010000", "40A01FFFF"));
    assert_eq!(of(AddressTest::Is("::ffff:10.0.0.1".to_owned())), both("40A000001", "40A000001"));
    assert_eq!(of(AddressTest::Range { from: "10.0.0.1".to_owned(), to: "::1".to_owned() }), None);
    assert_eq!(of(AddressTest::Network("all".to_owned())), None);
}

#[test]
fn words_and_texts() {
    let models = json!({"field": "model", "one_of": ["CP710", "Toaster 9000"]});
    check_passes(&models, &["CP710", "Toaster 9000"], &["cp710", "CP71", "CP710 "]);
    check_passes(&json!({"field": "model", "one_of": [""]}), &[], &["CP710"]);
    check_passes(&json!({"field": "software-type", "one_of": ["SIP"]}), &["SIP"], &["HFA", "Unify Teams"]);
    let server = json!({"field": "server-address", "is": "SIP1.example.net"});
    check_passes(&server, &["sip1.Example.NET"], &["sip1.example.ne", "sip1-example.net"]);
    let field = |operator: &str, text: &str| json!({"field": "client-field", "name": "site", operator: text});
    check_passes(&field("is", "50%"), &["50%"], &["50", "50x"]);
    check_passes(&field("is", "a*"), &["A*"], &["ab"]);
    check_passes(&field("pattern", "a_?!*"), &["A_b!", "a_ü!x"], &["aab!", "a_b"]);
    check_passes(&field("is", "STRASSE ü"), &["Strasse ü"], &["strasse Ü"]);
}

#[test]
fn software_versions() {
    let test = |operator: &str, text: &str| json!({"field": "software-version", operator: text});
    check_passes(&test("is", "V3 R5.16"), &["v3 r5.16.0", "V3 R5.16.0"], &["V3 R5.1.6", "beta"]);
    check_passes(&test("is", "1.4.9.0"), &["V1 R4.9.0"], &["1.4.9.1"]);
    check_passes(&test("is", "Beta 1"), &["beta 1"], &["beta", "V1 R1.0.0"]);
    check_passes(&test("pattern", "v3 r5.*"), &["V3 R5.9.0"], &["V3 R6.0.0", "3.5.9.0"]);
    check_passes(&test("at_least", "V3 R5.16.0"), &["V3 R5.16.0", "V3 R10.0.0"], &["V3 R5.9.0", "beta"]);
    check_passes(&test("below", "V3 R5.16.0"), &["V3 R5.9.0", "V2.1 R9.0.0"], &["V3 R5.16.0", "beta"]);
    check_passes(&test("below", "soon"), &[], &["V3 R5.9.0", "beta"]);
}

#[test]
fn what_is_not_known_passes_no_test_but_its_opposite() {
    let facts = Facts::default();
    for json in [
        json!({"field": "e164", "pattern": "*"}),
        json!({"field": "address", "network": "0.0.0.0/0"}),
        json!({"field": "model", "one_of": ["CP710", ""]}),
        json!({"field": "software-version", "below": "V9 R9.9.9"}),
        json!({"field": "client-field", "name": "site", "pattern": "*"}),
    ] {
        assert!(!test(&json).matches(&facts), "{json}");
        assert!(read(json!({"not": {"test": json}})).matches(&facts));
    }
    assert!(read(json!({"all": []})).matches(&facts));
    assert!(!read(json!({"any": []})).matches(&facts));
    assert!(
        read(json!({"all": [{"any": [{"any": []}, {"all": []}]}, {"not": {"any": []}}]})).matches(&facts)
    );
    assert!(!read(json!({"all": [{"all": []}, {"any": []}]})).matches(&facts));
}

/// Paths and codes of what may not be saved; the client field `site` exists.
fn faults(json: Value) -> Vec<(String, &'static str)> {
    let faults = read(json).check(&BTreeSet::from(["site".to_owned()])).unwrap_err();
    faults.into_iter().map(|fault| (fault.path, fault.reason.code())).collect()
}

/// The one fault of a test, its path inside the test.
fn fault(json: &Value) -> (String, &'static str) {
    let mut faults = faults(json!({"any": [{ "test": json }]}));
    assert_eq!(faults.len(), 1, "{faults:?}");
    let (path, code) = faults.remove(0);
    (path.strip_prefix("/any/0/test").unwrap().to_owned(), code)
}

#[test]
fn each_fault_has_its_place_and_code() {
    let long = "x".repeat(101);
    let range =
        |field: &str, from: &str, to: &str| json!({"field": field, "range": {"from": from, "to": to}});
    let site = |name: &str, text: &str| json!({"field": "client-field", "name": name, "is": text});
    for (json, path, code) in [
        (json!({"field": "e164", "is": ""}), "/is", "empty"),
        (json!({"field": "e164", "is": "+49"}), "/is", "not_digits"),
        (json!({"field": "e164", "is": "1234567890123456"}), "/is", "too_long"),
        (json!({"field": "e164", "pattern": "49%"}), "/pattern", "not_digits"),
        (json!({"field": "e164", "pattern": "*".repeat(101)}), "/pattern", "too_long"),
        (range("e164", "x", "12"), "/range/from", "not_digits"),
        (range("e164", "12", ""), "/range/to", "empty"),
        (range("e164", "100", "99"), "/range/to", "from_after_to"),
        (json!({"field": "address", "is": "10.0.0"}), "/is", "not_an_address"),
        (json!({"field": "address", "is": "10.0.0.0/8"}), "/is", "not_an_address"),
        (range("address", "10.0.0.1", "::1"), "/range/to", "other_family"),
        (range("address", "10.0.0.9", "::ffff:10.0.0.8"), "/range/to", "from_after_to"),
        (range("address", "host", "10.0.0.1"), "/range/from", "not_an_address"),
        (json!({"field": "address", "network": "10.0.0.0/33"}), "/network", "not_a_network"),
        (json!({"field": "address", "network": " "}), "/network", "empty"),
        (json!({"field": "model", "one_of": []}), "/one_of", "empty"),
        (json!({"field": "model", "one_of": ["CP710", " "]}), "/one_of/1", "unknown_model"),
        (json!({"field": "model", "one_of": [long]}), "/one_of/0", "too_long"),
        (json!({"field": "model", "one_of": vec!["x"; 51]}), "/one_of", "too_many"),
        (json!({"field": "software-type", "one_of": ["SIP", "sip"]}), "/one_of/1", "unknown_software_type"),
        (json!({"field": "server-address", "pattern": ""}), "/pattern", "empty"),
        (json!({"field": "software-version", "at_least": "V3"}), "/at_least", "not_a_version"),
        (json!({"field": "software-version", "below": ""}), "/below", "empty"),
        (site("floor", "1"), "/name", "unknown_field"),
        (site("", "1"), "/name", "empty"),
        (site("site", &long), "/is", "too_long"),
    ] {
        assert_eq!(fault(&json), (path.to_owned(), code), "{json}");
    }
    let known = BTreeSet::from(["site".to_owned()]);
    for json in [
        range("e164", "99", "100"),
        range("address", "::ffff:10.0.0.1", "10.0.0.1"),
        json!({"field": "model", "one_of": ["Toaster 9000"]}),
        json!({"field": "software-type", "one_of": ["SIP", "HFA", "GW"]}),
        json!({"field": "software-version", "is": "beta"}),
        site("site", &"x".repeat(100)),
    ] {
        assert_eq!(test(&json).check(&known), Ok(()), "{json}");
    }
}

#[test]
fn all_faults_are_found_at_once() {
    let json = json!({"not": {"all": [
        {"test": {"field": "e164", "range": {"from": "x", "to": ""}}},
        {"any": [{"any": []}]},
    ]}});
    let found = [
        ("/not/all/0/test/range/from", "not_digits"),
        ("/not/all/0/test/range/to", "empty"),
        ("/not/all/1/any/0", "too_deep"),
    ];
    assert_eq!(faults(json), found.map(|(path, code)| (path.to_owned(), code)));
}

#[test]
fn sizes_are_bounded() {
    let one = json!({"test": {"field": "e164", "is": "1"}});
    let none = BTreeSet::new();
    assert_eq!(read(json!({ "all": vec![one.clone(); 50] })).check(&none), Ok(()));
    assert_eq!(faults(json!({ "all": vec![one; 51] })), [(String::new(), "too_many")]);
    assert_eq!(faults(json!({ "all": vec![json!({"any": []}); 51] })), [(String::new(), "too_many")]);
    // A list of any length is given up, and not answered with a fault for each.
    let bad = json!({"test": {"field": "e164", "is": ""}});
    assert_eq!(faults(json!({ "all": vec![bad; 10_000] })).len(), 51);
    let fault = read(json!({ "all": vec![json!({"all": []}); 51] })).check(&none).unwrap_err().remove(0);
    assert_eq!(fault.reason.args(), [("max", "50".to_owned())]);
    // Built and not read, so nothing has counted yet.
    let mut deep = Filter::All(Vec::new());
    for _ in 0..20 {
        deep = Filter::Not(Box::new(deep));
    }
    assert_eq!(deep.check(&none).unwrap_err()[0].reason.code(), "too_deep");
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "all", "any", "not", "test", "field", "is", "range", "from", "one_of", "name",
    ]);
    let word =
        prop::sample::select(vec!["e164", "address", "model", "client-field", "software-version", "1", ""]);
    let leaf =
        prop_oneof![word.prop_map(|word| json!(word)), Just(json!([])), Just(json!({})), Just(json!(null))];
    leaf.prop_recursive(4, 32, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..3).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_json_panics_and_what_is_read_comes_back(json in any_json()) {
        if let Ok(filter) = serde_json::from_value::<Filter>(json) {
            let again: Filter = serde_json::from_value(serde_json::to_value(&filter).unwrap()).unwrap();
            prop_assert_eq!(&again, &filter);
            let _ = (filter.check(&BTreeSet::new()), filter.matches(&Facts::default()));
        }
    }

    #[test]
    fn a_pattern_without_wild_characters_is_a_text(text in "[a-c%_!.ü]{1,6}", other in "[a-cA-C%_!.ü]{1,6}") {
        let is = json!({"field": "server-address", "is": text});
        let pattern = json!({"field": "server-address", "pattern": text});
        prop_assert!(passes(&pattern, &text) && passes(&pattern, &text.to_ascii_uppercase()));
        prop_assert_eq!(passes(&is, &other), passes(&pattern, &other));
    }
}
