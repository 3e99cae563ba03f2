//! The rules themselves, each with the section of OSEM that states it. How they are applied is `rules`.

use super::{Needs, Ordered, Test};

const LAYER_2: &str = "network.quality-of-service.layer-2-enabled";
const DHCP: &str = "network.general.dhcpv4-enabled";
const VLAN_METHOD: &str = "network.general.vlan-discovery-method";
const WI_FI_IP: &str = "network.wi-fi-networks.wi-fi-ip-settings";
const MANUAL: Test = Test::Choice(&["Manual"]);
const MANUAL_CHANNELS: Test = Test::Choice(&["Manual Selection"]);
/// §7.8.4: with these policies "one or two list of trusted CAs are required".
const CHECKED: Test = Test::Choice(&["Trusted", "Full"]);

const fn needs(parameter: &'static str, when: Test, others: &'static [&'static str], is: Test) -> Needs {
    Needs { parameter, when, others, is }
}

const fn trusted(policy: &'static str, authorities: &'static [&'static str]) -> Needs {
    needs(policy, CHECKED, authorities, Test::Set)
}

/// What needs a value of something else.
pub(super) const NEEDS: &[Needs] = &[
    // §7.6.1 VLAN ID: "can only be changed if QoS layer 2 is active", "readonly if it has been dynamically assigned";
    // it is entered with the method Manual only.
    needs("network.general.vlan-id", Test::Set, &[LAYER_2], Test::Yes),
    needs("network.general.vlan-id", Test::Set, &[VLAN_METHOD], MANUAL),
    // §7.6.1 VLAN discovery method: "can only be changed when QoS layer 2 has been activated"; DHCP and LLDP-MED use
    // the id which that protocol supplies.
    needs(VLAN_METHOD, Test::Set, &[LAYER_2], Test::Yes),
    needs(VLAN_METHOD, Test::Choice(&["DHCP"]), &[DHCP], Test::Yes),
    needs(VLAN_METHOD, Test::Choice(&["LLDP-MED"]), &["network.general.lldp-med-enabled"], Test::Yes),
    // §7.6.1 DHCPv4 enabled: the phone "obtains the IP address data dynamically"; DHCP reuse keeps that lease.
    needs("network.general.dhcp-reuse-enabled", Test::Yes, &[DHCP], Test::Yes),
    needs("network.general.ipv4-address", Test::Set, &[DHCP], Test::No),
    needs("network.general.ipv4-subnet-mask", Test::Set, &[DHCP], Test::No),
    needs("network.general.ipv4-default-gateway", Test::Set, &[DHCP], Test::No),
    // §7.6.3: channels are added by hand with Manual Selection.
    needs(
        "network.wi-fi-settings.wi-fi-manual-selected-5-ghz-channels",
        Test::Set,
        &["network.wi-fi-settings.wi-fi-allowed-5-ghz-channels"],
        MANUAL_CHANNELS,
    ),
    needs(
        "network.wi-fi-settings.wi-fi-manual-selected-2-4-ghz-channels",
        Test::Set,
        &["network.wi-fi-settings.wi-fi-allowed-2-4-ghz-channels"],
        MANUAL_CHANNELS,
    ),
    // §7.6.4 Wi-Fi IP Settings: addresses are managed by DHCP, or by hand.
    needs("network.wi-fi-networks.ip-address", Test::Set, &[WI_FI_IP], MANUAL),
    needs("network.wi-fi-networks.ip-subnet-mask", Test::Set, &[WI_FI_IP], MANUAL),
    needs("network.wi-fi-networks.ip-default-route", Test::Set, &[WI_FI_IP], MANUAL),
    // §7.9.3: the trace goes "to the destination entered in the Remote trace server address".
    needs(
        "diagnostics.remote-trace.remote-trace-enabled",
        Test::Yes,
        &["diagnostics.remote-trace.remote-trace-server-address"],
        Test::Set,
    ),
    // §7.8.4 with the authorities of §7.8.2. The policy of the E/A Cockpit is of templates and its authorities are of
    // SIP clients only.
    trusted(
        "security.verification-policies.sip-authentication-policy",
        &[
            "security.certificate-authorities.voip-server-ca-certificate-1",
            "security.certificate-authorities.voip-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.hfa-authentication-policy",
        &[
            "security.certificate-authorities.voip-server-ca-certificate-1",
            "security.certificate-authorities.voip-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.802-1x-authentication-policy",
        &[
            "security.certificate-authorities.radius-server-ca-certificate-1",
            "security.certificate-authorities.radius-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.https-authentication-policy",
        &[
            "security.certificate-authorities.https-server-ca-certificate-1",
            "security.certificate-authorities.https-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.ldap-authentication-policy",
        &[
            "security.certificate-authorities.ldap-server-ca-certificate-1",
            "security.certificate-authorities.ldap-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.send-url-authentication-policy",
        &[
            "security.certificate-authorities.send-url-server-ca-certificate-1",
            "security.certificate-authorities.send-url-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.dms-authentication-policy",
        &[
            "security.certificate-authorities.dms-server-ca-certificate-1",
            "security.certificate-authorities.dms-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.xsi-authentication-policy",
        &[
            "security.certificate-authorities.xsi-server-ca-certificate-1",
            "security.certificate-authorities.xsi-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.exchange-authentication-policy",
        &[
            "security.certificate-authorities.exchange-server-ca-certificate-1",
            "security.certificate-authorities.exchange-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.openscape-uc-authentication-policy",
        &[
            "security.certificate-authorities.openscape-uc-server-ca-certificate-1",
            "security.certificate-authorities.openscape-uc-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.acs-authentication-policy",
        &[
            "security.certificate-authorities.acs-server-ca-certificate-1",
            "security.certificate-authorities.acs-server-ca-certificate-2",
        ],
    ),
    trusted(
        "security.verification-policies.wlan-authentication-policy",
        &[
            "security.certificate-authorities.wlan-ca-cert",
            "security.certificate-authorities.wlan-ca-cert-shared",
        ],
    ),
];

/// What must not be larger than something else.
pub(super) const ORDERED: &[Ordered] = &[
    // §7.3.7 Minimum and Maximum Local Number Length
    Ordered {
        low: "telephony.canonical-dial-settings.minimum-local-number-length",
        high: "telephony.canonical-dial-settings.maximum-local-number-length",
        zero_is_no_limit: false,
    },
    // §7.3.10 Minimum and Maximum length of the digit string
    Ordered {
        low: "telephony.dialplan-settings.entry-minimum-length",
        high: "telephony.dialplan-settings.entry-maximum-length",
        zero_is_no_limit: false,
    },
    // §7.8.7: the user is warned within the time a password is valid; 0 days: it never expires (item table).
    Ordered {
        low: "security.password.password-expires-warn-before",
        high: "security.password.password-expires-after",
        zero_is_no_limit: true,
    },
];
