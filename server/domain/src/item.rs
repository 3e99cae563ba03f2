//! The item table: what is known of an item by its name (`wpi-items.tsv`), and which items are secret (D-16).

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

/// One row of the item table.
#[derive(Clone, Debug)]
pub struct ItemDescription {
    /// Item name as on the wire.
    pub name: &'static str,
    /// `no`, `yes` or the range of indexes.
    pub index: &'static str,
    /// Type word of the table.
    pub kind: &'static str,
    /// Number=meaning pairs, or a range.
    pub values: &'static str,
    /// Default value, as text.
    pub default: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// True when the name was built by analogy and never seen on the wire.
    pub inferred: bool,
}

static TABLE: LazyLock<HashMap<&'static str, ItemDescription>> = LazyLock::new(|| {
    include_str!("../data/wpi-items.tsv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split('\t').map(str::trim);
            let mut next = || columns.next().unwrap_or_default();
            let (name, index, kind, values, default) = (next(), next(), next(), next(), next());
            let (_applies_to, meaning, source) = (next(), next(), next());
            let inferred = source.starts_with("inferred") || meaning.contains("unknown name");
            (!name.is_empty())
                .then_some((name, ItemDescription { name, index, kind, values, default, meaning, inferred }))
        })
        .collect()
});

/// What the table says about an item; `None` for one it does not know.
pub fn describe(name: &str) -> Option<&'static ItemDescription> {
    TABLE.get(name)
}

/// All items of the table, in no order.
pub fn all() -> impl Iterator<Item = &'static ItemDescription> {
    TABLE.values()
}

/// Items whose value is secret: the passwords and keys of the parameter catalogue and the list of D-16.
static SECRET: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    [
        "admin-pwd",
        "admin-pwd-unicode",
        "bootstrapping-tan",
        "bt-pin",
        "cloud-pin-value",
        "diagnostic-trap-pwd",
        "dls-client-certificate",
        "file-pwd",
        "ldap-pwd",
        "line-sip-pwd",
        "qdc-trap-pwd",
        "restart-password",
        "secure-mode-data",
        "send-url-passwd",
        "sip-pwd",
        "snmp-pwd",
        "snmp-trap-pwd",
        "ssh-password",
        "user-pwd",
        "user-pwd-unicode",
        "wbm-server-certificate",
        "wlan-client-cert",
    ]
    .into()
});

/// Whether the value of an item must be encrypted at rest and never shown (D-16).
///
/// Known items are secret by list; an item nobody knows is secret when its name says so.
pub fn is_secret(name: &str) -> bool {
    if SECRET.contains(name) || name.starts_with("userdata-") {
        return true;
    }
    // `fault-tome-…` is how some firmware spells `fault-time-…` (`wpi.md` §7.1).
    if describe(name).is_some() || name.starts_with("fault-") {
        return false;
    }
    let name = name.to_ascii_lowercase();
    ["pwd", "passw", "pin", "secret"].iter().any(|part| name.contains(part))
}

/// Whether this value of an item must be sealed: an empty text is no secret, and neither is the word by
/// which phones say that they have no deployment PIN (`wpi.md` §5.7).
pub fn holds_secret(name: &str, value: &str) -> bool {
    let none = value.is_empty() || (name == "cloud-pin-value" && value.eq_ignore_ascii_case("failure"));
    !none && is_secret(name)
}

#[cfg(test)]
mod tests {
    use super::{SECRET, all, describe, holds_secret, is_secret};

    #[test]
    fn the_table_is_complete() {
        assert_eq!(all().count(), 505);
        assert_eq!(describe("sip-pwd").unwrap().kind, "text");
        assert!(describe("no-such-item").is_none());
    }

    #[test]
    fn secrets_by_list_and_by_name() {
        for name in ["admin-pwd", "sip-pwd", "userdata-vu1", "some-new-passwd", "X-Secret-thing", "door-pin"]
        {
            assert!(is_secret(name), "{name}");
        }
        // Known items whose names only sound secret.
        for name in ["min-user-passw-length", "pwd-retries", "user-pwd-last-changed", "fault-report-user-pwd"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn no_value_is_no_secret() {
        assert!(holds_secret("sip-pwd", "x") && holds_secret("cloud-pin-value", "70825931"));
        assert!(!holds_secret("sip-pwd", "") && !holds_secret("cloud-pin-value", "failure"));
    }

    #[test]
    fn every_password_item_of_the_table_is_decided() {
        // A text item ending in -pwd or -password holds a password; the list must not miss one.
        for item in all().filter(|item| item.kind == "text" && !item.name.starts_with("fault-")) {
            let looks_secret =
                ["-pwd", "-passwd", "-password", "-pwd-unicode"].iter().any(|end| item.name.ends_with(end));
            if looks_secret {
                assert!(SECRET.contains(item.name), "{} is not in the list of secrets", item.name);
            }
        }
    }
}
