//! Refuses a dependency whose licence is not on a short list, and keeps `deny.toml` saying the same for those who
//! have cargo-deny. Every package counts that cargo could build from, also for tests and other platforms.

use super::crates::metadata;
use super::spdx::satisfied;
use super::tree::tree;
use std::collections::{BTreeMap, BTreeSet};

/// Licences that may be linked into a product under Apache-2.0 and sold with it.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Packages that may have one licence more, and why.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    (
        "webpki-root-certs",
        "CDLA-Permissive-2.0",
        "data: Mozilla's list of root certificates, free to pass on",
    ),
    ("webpki-roots", "CDLA-Permissive-2.0", "data: Mozilla's list of root certificates, free to pass on"),
];

#[test]
fn every_licence_is_on_the_list() {
    let mut wrong = Vec::new();
    for package in &metadata().packages {
        let allowed = |licence: &str| ALLOWED.contains(&licence) || excepted(&package.name, licence);
        let verdict = match package.license.as_deref() {
            None => Err("names no licence".to_owned()),
            Some(expression) => match satisfied(expression, &allowed) {
                Ok(true) => Ok(()),
                Ok(false) => Err(expression.to_owned()),
                Err(malformed) => Err(format!("{expression}: {malformed}")),
            },
        };
        if let Err(reason) = verdict {
            wrong.push(format!("  {} {}: {reason}", package.name, package.version));
        }
    }
    assert!(
        wrong.is_empty(),
        "Choose another package, or say why this one is an exception.\n{}\n",
        wrong.join("\n")
    );
}

#[test]
fn every_exception_is_needed() {
    let used: BTreeSet<&str> = metadata().packages.iter().map(|package| package.name.as_str()).collect();
    for (name, licence, reason) in EXCEPTIONS {
        assert!(used.contains(name), "{name} is not used: remove its exception");
        assert!(
            !ALLOWED.contains(&licence) && !reason.is_empty(),
            "{name}: no exception, or one without a reason"
        );
    }
}

#[test]
fn deny_toml_has_the_same_licences() {
    let deny = deny();
    assert_eq!(words(&deny["licenses"]["allow"]), ALLOWED.map(str::to_owned).into(), "[licenses] allow");
    let exceptions: BTreeMap<String, BTreeSet<String>> = deny["licenses"]["exceptions"]
        .as_array()
        .expect("[licenses] exceptions is a list")
        .iter()
        .map(|row| (row["crate"].as_str().unwrap_or_default().to_owned(), words(&row["allow"])))
        .collect();
    let ours = EXCEPTIONS.map(|(name, licence, _)| (name.to_owned(), BTreeSet::from([licence.to_owned()])));
    assert_eq!(exceptions, ours.into(), "[licenses] exceptions");
}

#[test]
fn deny_toml_bans_nothing_that_is_used() {
    let deny = deny();
    let bans = deny["bans"]["deny"].as_array().expect("[bans] deny is a list");
    let banned: Vec<&str> = bans.iter().filter_map(|row| row["crate"].as_str()).collect();
    assert_eq!(banned.len(), bans.len(), "every row of [bans] deny names a crate");
    let used: Vec<&str> = metadata()
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .filter(|name| banned.contains(name))
        .collect();
    assert!(used.is_empty(), "banned in deny.toml, and used: {used:?}");
}

fn excepted(package: &str, licence: &str) -> bool {
    EXCEPTIONS.iter().any(|(name, allowed, _)| *name == package && *allowed == licence)
}

fn deny() -> toml::Table {
    let text = tree().text("deny.toml").expect("there is a deny.toml");
    text.parse().unwrap_or_else(|error| panic!("deny.toml: {error}"))
}

fn words(list: &toml::Value) -> BTreeSet<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}
