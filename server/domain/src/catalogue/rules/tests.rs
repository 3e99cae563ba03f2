//! Each rule that OSEM §7 states, once broken and once kept.

use std::collections::BTreeMap;

use super::{CrossFault, check_all, check_changes, password, stated};
use crate::catalogue::{Catalogue, Kind, ParameterKey, Value, ValueType};

/// What is known of a client; `id` or `id[entry]` and its value.
struct Known(BTreeMap<String, Value>);

impl Known {
    fn new(values: &[(&str, Value)]) -> Self {
        Self(values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn of(&self, key: &ParameterKey) -> Option<Value> {
        self.0.get(&key.to_string()).cloned()
    }

    fn all(&self, kind: Kind) -> Vec<CrossFault> {
        check_all(Catalogue::built_in(), kind, &|key| self.of(key))
    }

    fn changes(&self, kind: Kind, changed: &[ParameterKey]) -> Vec<CrossFault> {
        check_changes(Catalogue::built_in(), kind, changed, &|key| self.of(key))
    }
}

const VLAN_ID: &str = "network.general.vlan-id";
const VLAN_METHOD: &str = "network.general.vlan-discovery-method";
const LAYER_2: &str = "network.quality-of-service.layer-2-enabled";
const DHCP: &str = "network.general.dhcpv4-enabled";
const LLDP: &str = "network.general.lldp-med-enabled";

fn yes() -> Value {
    Value::Bool(true)
}

fn no() -> Value {
    Value::Bool(false)
}

fn text(text: &str) -> Value {
    text.into()
}

fn number(number: i64) -> Value {
    Value::Integer(number)
}

/// Where a fault is shown, and its code.
fn shown(faults: &[CrossFault]) -> Vec<(String, &str)> {
    faults.iter().map(|fault| (fault.parameters[0].to_string(), fault.code)).collect()
}

#[track_caller]
fn one(kind: Kind, values: &[(&str, Value)], parameter: &str, code: &str) {
    assert_eq!(shown(&Known::new(values).all(kind)), [(parameter.to_owned(), code)], "{values:?}");
}

#[track_caller]
fn none(kind: Kind, values: &[(&str, Value)]) {
    assert_eq!(Known::new(values).all(kind), [], "{values:?}");
}

#[test]
fn a_vlan_needs_layer_2_and_is_entered_by_hand() {
    for kind in [Kind::SipClient, Kind::HfaClient, Kind::Template] {
        one(kind, &[(VLAN_ID, number(42)), (LAYER_2, no())], VLAN_ID, "needs_value");
        none(kind, &[(VLAN_ID, number(42)), (LAYER_2, yes())]);
        one(kind, &[(VLAN_METHOD, text("Manual")), (LAYER_2, no())], VLAN_METHOD, "needs_value");
        none(kind, &[(VLAN_METHOD, text("Manual")), (LAYER_2, yes()), (VLAN_ID, number(42))]);
        for method in ["DHCP", "LLDP-MED"] {
            one(kind, &[(VLAN_METHOD, text(method)), (VLAN_ID, number(42))], VLAN_ID, "needs_value");
        }
    }
}

#[test]
fn a_protocol_that_supplies_the_vlan_must_be_on() {
    for (method, switch) in [("DHCP", DHCP), ("LLDP-MED", LLDP)] {
        let method = (VLAN_METHOD, text(method));
        one(Kind::SipClient, &[method.clone(), (switch, no())], VLAN_METHOD, "needs_value");
        none(Kind::SipClient, &[method, (switch, yes())]);
    }
    none(Kind::SipClient, &[(VLAN_METHOD, text("Manual")), (DHCP, no()), (LLDP, no())]);
}

#[test]
fn addresses_are_set_by_hand_only_without_dhcp() {
    for id in ["ipv4-address", "ipv4-subnet-mask", "ipv4-default-gateway"] {
        let id = format!("network.general.{id}");
        one(Kind::HfaClient, &[(&id, text("10.1.2.3")), (DHCP, yes())], &id, "needs_value");
        none(Kind::HfaClient, &[(&id, text("10.1.2.3")), (DHCP, no())]);
        none(Kind::HfaClient, &[(&id, text("")), (DHCP, yes())]);
    }
    let reuse = "network.general.dhcp-reuse-enabled";
    one(Kind::SipClient, &[(reuse, yes()), (DHCP, no())], reuse, "needs_value");
    none(Kind::SipClient, &[(reuse, no()), (DHCP, no())]);
    none(Kind::SipClient, &[(reuse, yes()), (DHCP, yes())]);
}

#[test]
fn what_is_chosen_by_hand_needs_the_choice_manual() {
    for band in ["5-ghz", "2-4-ghz"] {
        let channels = format!("network.wi-fi-settings.wi-fi-manual-selected-{band}-channels");
        let allowed = format!("network.wi-fi-settings.wi-fi-allowed-{band}-channels");
        let some = (channels.as_str(), Value::List(vec!["36".to_owned()]));
        one(Kind::Template, &[some.clone(), (&allowed, text("All"))], &channels, "needs_value");
        none(Kind::Template, &[some, (&allowed, text("Manual Selection"))]);
        none(Kind::Template, &[(&channels, Value::List(Vec::new())), (&allowed, text("All"))]);
    }
    for id in ["ip-address", "ip-subnet-mask", "ip-default-route"] {
        let (third, method) =
            (format!("network.wi-fi-networks.{id}[3]"), "network.wi-fi-networks.wi-fi-ip-settings");
        let address = (third.as_str(), text("10.1.2.3"));
        let (own, other) = (format!("{method}[3]"), format!("{method}[4]"));
        one(Kind::Template, &[address.clone(), (&own, text("DHCP"))], &third, "needs_value");
        none(Kind::Template, &[address.clone(), (&own, text("Manual")), (&other, text("DHCP"))]);
        none(Kind::Template, &[address, (&other, text("DHCP"))]);
    }
}

#[test]
fn a_minimum_is_not_above_its_maximum() {
    let (low, high) = (
        "telephony.canonical-dial-settings.minimum-local-number-length",
        "telephony.canonical-dial-settings.maximum-local-number-length",
    );
    one(Kind::User, &[(low, number(5)), (high, number(4))], low, "larger_than");
    one(Kind::User, &[(low, number(5)), (high, number(0))], low, "larger_than");
    none(Kind::User, &[(low, number(5)), (high, number(5))]);
    let length =
        |which: &str, entry: u16| format!("telephony.dialplan-settings.entry-{which}-length[{entry}]");
    let (low, high) = (length("minimum", 7), length("maximum", 7));
    one(Kind::SipClient, &[(&low, number(3)), (&high, number(2))], &low, "larger_than");
    none(Kind::SipClient, &[(&low, number(3)), (&length("maximum", 8), number(2))]);
    let fault = &Known::new(&[(&low, number(3)), (&high, number(2))]).all(Kind::SipClient)[0];
    assert_eq!(fault.parameters.iter().map(ToString::to_string).collect::<Vec<_>>(), [low, high]);
}

#[test]
fn a_warning_of_expiry_comes_while_the_password_is_valid() {
    let (warn, expires) =
        ("security.password.password-expires-warn-before", "security.password.password-expires-after");
    one(Kind::SipClient, &[(warn, number(31)), (expires, number(30))], warn, "larger_than");
    none(Kind::SipClient, &[(warn, number(30)), (expires, number(30))]);
    none(Kind::SipClient, &[(warn, number(30)), (expires, number(0))]);
}

#[test]
fn a_remote_trace_needs_where_it_goes() {
    let (on, address) = (
        "diagnostics.remote-trace.remote-trace-enabled",
        "diagnostics.remote-trace.remote-trace-server-address",
    );
    one(Kind::SipClient, &[(on, yes()), (address, text(""))], on, "needs_one_of");
    none(Kind::SipClient, &[(on, yes()), (address, text("trace.example.net"))]);
    none(Kind::SipClient, &[(on, no()), (address, text(""))]);
}

/// OSEM §7.8.4 and the names of §7.8.2; who has both is asked of the catalogue.
#[test]
fn a_policy_that_checks_certificates_needs_an_authority() {
    for (policy, authority, kind) in [
        ("sip", "voip-server", Kind::SipClient),
        ("hfa", "voip-server", Kind::HfaClient),
        ("802-1x", "radius-server", Kind::HfaClient),
        ("https", "https-server", Kind::SipClient),
        ("ldap", "ldap-server", Kind::SipClient),
        ("send-url", "send-url-server", Kind::SipClient),
        ("dms", "dms-server", Kind::Template),
        ("xsi", "xsi-server", Kind::SipClient),
        ("exchange", "exchange-server", Kind::Template),
        ("openscape-uc", "openscape-uc-server", Kind::Template),
        ("acs", "acs-server", Kind::SipClient),
    ] {
        let id = format!("security.verification-policies.{policy}-authentication-policy");
        let first = format!("security.certificate-authorities.{authority}-ca-certificate-1");
        let second = format!("security.certificate-authorities.{authority}-ca-certificate-2");
        for value in ["Trusted", "Full"] {
            let policy = (id.as_str(), text(value));
            one(kind, &[policy.clone(), (&first, text("")), (&second, text(""))], &id, "needs_one_of");
            none(kind, &[policy.clone(), (&first, text("")), (&second, text("MIIB"))]);
            none(kind, &[policy, (&first, text(""))]);
        }
        none(kind, &[(&id, text("No verification")), (&first, text("")), (&second, text(""))]);
    }
}

#[test]
fn one_authority_of_a_repeated_parameter_is_enough() {
    let policy = "security.verification-policies.wlan-authentication-policy";
    let mut known = Known::new(&[(policy, text("Full"))]);
    for (id, last) in [("wlan-ca-cert", 20), ("wlan-ca-cert-shared", 2)] {
        for entry in 1..=last {
            known.0.insert(format!("security.certificate-authorities.{id}[{entry}]"), text(""));
        }
    }
    assert_eq!(shown(&known.all(Kind::SipClient)), [(policy.to_owned(), "needs_one_of")]);
    known.0.insert("security.certificate-authorities.wlan-ca-cert[20]".to_owned(), text("MIIB"));
    assert_eq!(known.all(Kind::SipClient), []);
}

#[test]
fn a_new_password_keeps_the_policy() {
    for who in ["user", "admin"] {
        let id = format!("security.password.new-{who}-password");
        let length = format!("security.password.{who}-password-minimum-length");
        let password = |text: &str| (id.clone(), Value::from(text));
        for (policy, limit, bad, good, code) in [
            (length.as_str(), 8, "abcdefg", "abcdefgh", "password_too_short"),
            (
                "security.password.password-minimum-uppercase-characters",
                2,
                "aBcdef",
                "aBcdeF",
                "password_too_few",
            ),
            (
                "security.password.password-minimum-lowercase-characters",
                2,
                "ABCdEF",
                "ABcdEF",
                "password_too_few",
            ),
            ("security.password.password-minimum-digits", 3, "abc12d", "abc123", "password_too_few"),
            (
                "security.password.password-minimum-special-characters",
                1,
                "abc12 d/",
                "abc12;d",
                "password_too_few",
            ),
            (
                "security.password.password-maximum-characters-in-sequence",
                2,
                "abccc1",
                "abccdc",
                "password_sequence",
            ),
        ] {
            for kind in [Kind::SipClient, Kind::HfaClient, Kind::User, Kind::Template] {
                let (id, value) = password(bad);
                let values = [(id.as_str(), value), (policy, number(limit))];
                one(kind, &values, &id, code);
                let fault = &Known::new(&values).all(kind)[0];
                assert!(!format!("{fault:?}{fault}").contains(bad), "{fault:?}");
                let (id, value) = password(good);
                none(kind, &[(&id, value), (policy, number(limit))]);
                none(kind, &[(&id, text(bad)), (policy, number(0))]);
                none(kind, &[(&id, text("")), (policy, number(limit))]);
            }
        }
    }
    let user = "security.password.new-user-password";
    none(Kind::User, &[(user, text("abc")), ("security.password.admin-password-minimum-length", number(8))]);
}

#[test]
fn nothing_is_refused_for_what_is_not_known() {
    none(Kind::SipClient, &[]);
    none(Kind::SipClient, &[(VLAN_ID, number(42)), (VLAN_METHOD, text("Manual"))]);
    none(Kind::SipClient, &[(LAYER_2, no()), (DHCP, yes())]);
    // Users have no network settings: whatever is said of them is no fault of theirs.
    none(Kind::User, &[(VLAN_ID, number(42)), (LAYER_2, no())]);
}

#[test]
fn only_what_a_change_brings_about_is_told() {
    let known = Known::new(&[(VLAN_ID, number(42)), (VLAN_METHOD, text("Manual")), (LAYER_2, no())]);
    assert_eq!(known.all(Kind::SipClient).len(), 2);
    let id = ParameterKey::plain(VLAN_ID);
    let faults = known.changes(Kind::SipClient, std::slice::from_ref(&id));
    assert_eq!(shown(&faults), [(VLAN_ID.to_owned(), "needs_value")]);
    assert_eq!(faults[0].parameters, [id]);
    assert_eq!(faults[0].because, [ParameterKey::plain(LAYER_2)]);
    assert_eq!(faults[0].args, [("others", LAYER_2.to_owned()), ("values", "true".to_owned())]);
    assert_eq!(faults[0].to_string(), "needs Layer 2 Enabled to be true");
    // Switching layer 2 off is allowed whatever the VLAN is.
    assert_eq!(known.changes(Kind::SipClient, &[ParameterKey::plain(LAYER_2)]), []);
    // Either end of a range is refused.
    let (low, high) = (
        "telephony.canonical-dial-settings.minimum-local-number-length",
        "telephony.canonical-dial-settings.maximum-local-number-length",
    );
    let known = Known::new(&[(low, number(9)), (high, number(4))]);
    for changed in [low, high] {
        assert_eq!(known.changes(Kind::SipClient, &[ParameterKey::plain(changed)]).len(), 1, "{changed}");
    }
}

#[test]
fn one_item_cannot_get_two_values() {
    let (one, other) = (
        "features.feature-availability.web-based-management-allowed",
        "security.general.web-based-management-enabled",
    );
    let both = [ParameterKey::plain(other), ParameterKey::plain(one)];
    let known = Known::new(&[(one, yes()), (other, no())]);
    let faults = known.changes(Kind::SipClient, &both);
    assert_eq!(shown(&faults), [(one.to_owned(), "other_value_for_same_item")]);
    assert_eq!(faults[0].args[1], ("item", "enable-WBM".to_owned()));
    // One of them alone is a new value of both.
    assert_eq!(known.changes(Kind::SipClient, &both[..1]), []);
    assert_eq!(known.changes(Kind::SipClient, &both[1..]), []);
    assert_eq!(Known::new(&[(one, yes()), (other, yes())]).changes(Kind::SipClient, &both), []);
}

/// A misspelt id or choice would make a rule silent.
#[test]
fn rules_name_what_there_is() {
    let catalogue = Catalogue::built_in();
    let parameter = |id: &str| catalogue.parameter(id).unwrap_or_else(|| panic!("no parameter {id}"));
    let fits = |id: &str, test: super::Test| match (&parameter(id).value, test) {
        (_, super::Test::Set) | (ValueType::Bool { .. }, super::Test::Yes | super::Test::No) => true,
        (ValueType::Enum { choices }, super::Test::Choice(keys)) => {
            keys.iter().all(|key| choices.iter().any(|choice| choice.key == *key))
        }
        _ => false,
    };
    let meet =
        |one: &str, other: &str| parameter(one).kinds.iter().any(|kind| parameter(other).is_for(*kind));
    for rule in stated::NEEDS {
        assert!(fits(rule.parameter, rule.when), "{}", rule.parameter);
        for other in rule.others {
            assert!(fits(other, rule.is), "{other}");
            assert!(meet(rule.parameter, other), "nobody has {} and {other}", rule.parameter);
            if parameter(rule.parameter).entries.is_some() {
                assert_eq!(parameter(other).entries, parameter(rule.parameter).entries, "{other}");
            }
        }
    }
    for rule in stated::ORDERED {
        let (low, high) = (parameter(rule.low), parameter(rule.high));
        assert_eq!(low.entries, high.entries, "{}", rule.low);
        assert_eq!(low.unit, high.unit, "{}", rule.low);
        assert!(meet(rule.low, rule.high), "{}", rule.low);
        for parameter in [low, high] {
            assert!(matches!(parameter.value, ValueType::Integer { .. }), "{}", parameter.id);
        }
    }
    for id in password::ids() {
        parameter(id);
    }
}
