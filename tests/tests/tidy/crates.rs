//! Which crate may depend on which, read from `cargo metadata`: the arrows between our own crates, and the libraries
//! that pure crates stay free of.

use super::tree::root;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Our crates, what each may depend on (in tests too), and why no more.
const ARROWS: [(&str, &[&str], &str); 10] = [
    ("domain", &[], "the product's rules know no protocol, no database and no format"),
    ("content", &["domain"], "what a file is must not depend on where it is kept or who wants it"),
    ("wire", &[], "a firmware's dialect must not change a rule, nor a rule the parser"),
    ("pki", &[], "the code to audit hardest needs nothing else"),
    ("migrations", &[], "a merged migration must not change because something else does"),
    ("api", &["domain"], "the contract speaks the domain's words and compiles for the browser"),
    ("simulator", &["wire"], "shares no decision logic with the server it tests"),
    ("server", &["api", "content", "domain", "migrations", "pki", "simulator", "wire"], "joins them"),
    (
        "tests",
        &["api", "content", "domain", "migrations", "pki", "server", "simulator", "wire"],
        "from outside",
    ),
    ("web", &["api", "domain"], "knows the server by its contract alone"),
];

/// Libraries that do I/O, serve HTTP or speak SQL.
const RUNTIMES: [&str; 6] = ["axum", "hyper", "reqwest", "sea-orm", "sqlx-core", "tokio"];

/// Crates and the libraries that may not be in what they need to run, however far down.
const FREE_OF: [(&str, &[&str]); 8] = [
    ("domain", &RUNTIMES),
    ("content", &RUNTIMES),
    ("wire", &RUNTIMES),
    ("pki", &RUNTIMES),
    ("api", &RUNTIMES),
    ("migrations", &["axum", "hyper", "reqwest"]),
    ("simulator", &["axum", "sea-orm", "sqlx-core"]),
    // runs in the browser; natively, for its tests, a timer library brings tokio along
    ("web", &["axum", "hyper", "reqwest", "sea-orm", "sqlx-core"]),
];

/// What cargo knows about the workspace and everything it is built from, for all platforms.
pub(crate) fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        MetadataCommand::new()
            .manifest_path(root().join("Cargo.toml"))
            .other_options(["--locked".to_owned()])
            .exec()
            .unwrap_or_else(|error| panic!("cargo metadata: {error}"))
    })
}

#[test]
fn every_crate_of_ours_has_a_row() {
    let ours: BTreeSet<&str> =
        metadata().workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let rows: BTreeSet<&str> = ARROWS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(ours, rows, "a new crate gets a row in ARROWS, with its reason");
}

#[test]
fn arrows_between_crates_point_one_way() {
    let ours: BTreeMap<&str, &Package> =
        metadata().workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect();
    let mut wrong = Vec::new();
    for (name, allowed, reason) in ARROWS {
        for dependency in ours.get(name).map(|package| package.dependencies.as_slice()).unwrap_or_default() {
            let target = dependency.name.as_str();
            if ours.contains_key(target) && !allowed.contains(&target) {
                wrong.push(format!("  {name} depends on {target}: {reason}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "A new arrow between crates costs most; look for another way.\n{}\n",
        wrong.join("\n")
    );
}

#[test]
fn pure_crates_stay_pure() {
    let mut wrong = Vec::new();
    for (name, refused) in FREE_OF {
        for (library, way) in ways(name) {
            if refused.contains(&library) {
                wrong.push(format!("  {}", way.join(" -> ")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "These crates do no I/O, serve no HTTP and know no SQL.\n{}\n",
        wrong.join("\n")
    );
}

/// Every package that `name` needs to run, with the way from one to the other.
fn ways(name: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let metadata = metadata();
    let packages: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let nodes = metadata.resolve.as_ref().map(|resolve| resolve.nodes.as_slice()).unwrap_or_default();
    let nodes: BTreeMap<&PackageId, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
    let mut open: Vec<(&PackageId, Vec<&'static str>)> =
        start.map(|package| (&package.id, vec![package.name.as_str()])).into_iter().collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some((id, way)) = open.pop() {
        for dependency in nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default() {
            let runs = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if runs && seen.insert(&dependency.pkg) {
                let mut longer = way.clone();
                longer.push(packages[&dependency.pkg]);
                found.push((packages[&dependency.pkg], longer.clone()));
                open.push((&dependency.pkg, longer));
            }
        }
    }
    found
}

#[test]
fn the_way_through_the_graph_is_followed_to_its_end() {
    // The server is no pure crate: if these were not found, the rule above could not fail.
    let found: BTreeSet<&str> = ways("server").into_iter().map(|(library, _)| library).collect();
    for library in ["axum", "tokio", "sqlx-core"] {
        assert!(found.contains(library), "{library} is not found below the server");
    }
}
