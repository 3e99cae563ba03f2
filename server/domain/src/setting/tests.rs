//! The registry is sound, and values are taken and refused as it says.

use super::{SettingFault, SettingKey, SettingValue, bracketed, host_and_port, host_of};
use std::collections::HashSet;

#[test]
fn ids_and_environment_names_are_unique_and_defaults_valid() {
    let mut ids = HashSet::new();
    let mut names = HashSet::new();
    for key in SettingKey::ALL {
        let row = key.definition();
        assert!(ids.insert(row.id) && names.insert(key.environment_name()), "{}", row.id);
        assert_eq!(key.check(&row.default.into()), Ok(()), "{}", row.id);
        assert_eq!(SettingKey::from_id(row.id), Some(*key));
        assert!(row.help.ends_with('.'), "{}", row.id);
    }
    assert_eq!(SettingKey::ApiPort.environment_name(), "WORKPOINT_PORTS_API_SERVER_PORT");
}

#[test]
fn values_are_checked() {
    let port = SettingKey::ApiPort;
    assert_eq!(port.read("70000"), Err(SettingFault::Range { min: 0, max: 65_535 }));
    assert_eq!(port.read("x"), Err(SettingFault::Type("a whole number")));
    assert_eq!(port.read(" 443 "), Ok(SettingValue::Integer(443)));
    assert_eq!(port.check(&SettingValue::Text("443".into())), Err(SettingFault::Type("a whole number")));
    assert!(SettingKey::LogLevel.read("loud").is_err());
    assert_eq!(SettingKey::LookupByAddress.read("no"), Ok(SettingValue::Bool(false)));
}

#[test]
fn addresses_have_a_host() {
    assert_eq!(host_of("https://wpi.example.net:18443"), Some("wpi.example.net"));
    assert_eq!(host_of("https://[2001:db8::1]:443/"), Some("2001:db8::1"));
    assert_eq!(host_of("https://10.1.2.3"), Some("10.1.2.3"));
    for bad in ["http://a", "https://", "https://a b", "https://a:0", "https://a:x", "https://u@h", "ftp://h"]
    {
        assert_eq!(host_of(bad), None, "{bad}");
    }
}
#[test]
fn ports_and_brackets() {
    assert_eq!(host_and_port("https://10.1.2.3:18443"), Some(("10.1.2.3", Some(18_443))));
    assert_eq!(host_and_port("https://[2001:db8::1]"), Some(("2001:db8::1", None)));
    assert_eq!(host_and_port("https://[2001:db8::1]18443"), None);
    assert_eq!(bracketed("2001:db8::1"), "[2001:db8::1]");
    assert_eq!(bracketed("wpi.example.net"), "wpi.example.net");
}

#[test]
fn addresses_with_a_path_carry_nothing_else() {
    let key = SettingKey::DcmpServerUrl;
    for good in ["", "http://dcmp.example.net:8080/dcmp", "https://10.1.2.3/", "http://[2001:db8::1]:80/a/b"]
    {
        assert!(key.read(good).is_ok(), "{good}");
    }
    for bad in ["dcmp.example.net", "http://", "http://u@h/x", "http://h/x?y", "ftp://h/x", "http://h:0/x"] {
        assert_eq!(key.read(bad), Err(SettingFault::PathUrl), "{bad}");
    }
}

#[test]
fn networks_and_instants_are_checked() {
    let networks = SettingKey::OnboardingNetworks;
    assert!(networks.read("10.20.0.0/16, 2001:db8::/32,127.0.0.1").is_ok());
    assert_eq!(networks.read("10.20.0.0/33"), Err(SettingFault::Networks));
    let until = SettingKey::OnboardingWindowUntil;
    assert!(until.read("2027-03-01T12:00:00Z").is_ok() && until.read("").is_ok());
    assert_eq!(until.read("tomorrow"), Err(SettingFault::Instant));
    assert_eq!(networks.read(&"1.2.3.4,".repeat(1_000)), Err(SettingFault::Length));
}

#[test]
fn what_opens_doors_is_known() {
    use SettingKey as K;
    let dangerous = [
        K::PasswordPolicy,
        K::SignInIdleTimeout,
        K::StepUpAfter,
        K::LockAfterFailures,
        K::TotpHashAlgorithm,
        K::TokenDigestAlgorithm,
        K::OnboardingWindowUntil,
        K::OnboardingNetworks,
        K::ContactMeAllowedNetworks,
        K::ScansAllowedNetworks,
        K::JobsConfirmBeyond,
        K::JobsMostDangerousTargets,
        K::PhoneUrl,
        K::PhoneUrlSecurePort,
        K::DcmpServerUrl,
    ];
    for key in dangerous {
        assert!(key.is_security(), "{key:?}");
    }
    for key in [K::LogLevel, K::ApiPort, K::ContactMeRate, K::JobLifetime, K::MaximumSessions] {
        assert!(!key.is_security(), "{key:?}");
    }
}
