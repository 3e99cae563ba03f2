//! The packages that the product is made of, and the texts of their licences, from `cargo metadata` and the files that
//! the packages bring. A text that several packages have stands there once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Done;

/// Programs that are delivered: the server, and the console in the browser.
const DELIVERED: [&str; 2] = ["server", "web"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// A package as the console lists it.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    version: &'a str,
    licence: &'a str,
    repository: Option<&'a str>,
}

/// Writes `licenses.json` (the list) and `licenses.txt` (the texts).
pub(crate) fn write(metadata: &Path, folder: &Path) -> Done {
    let metadata: Metadata = serde_json::from_str(&fs::read_to_string(metadata)?)?;
    let delivered = delivered(&metadata);
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| {
            delivered.contains(&package.id) && !metadata.workspace_members.contains(&package.id)
        })
        .collect();
    packages.sort_by(|left, right| (&left.name, &left.version).cmp(&(&right.name, &right.version)));
    let listed: Vec<Listed<'_>> = packages
        .iter()
        .map(|package| Listed {
            name: &package.name,
            version: &package.version,
            licence: package.license.as_deref().unwrap_or("see its text"),
            repository: package.repository.as_deref(),
        })
        .collect();
    fs::write(folder.join("licenses.json"), serde_json::to_vec(&listed)?)?;
    fs::write(folder.join("licenses.txt"), texts(&packages)?)?;
    Ok(())
}

/// Ids of everything that the delivered programs need to run. What only builds them is not in them.
fn delivered(metadata: &Metadata) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let start = metadata.packages.iter().filter(|package| DELIVERED.contains(&package.name.as_str()));
    let mut open: Vec<&str> = start.map(|package| package.id.as_str()).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        if found.insert(id.to_owned())
            && let Some(node) = nodes.get(id)
        {
            let runs =
                node.deps.iter().filter(|needed| needed.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(runs.map(|needed| needed.pkg.as_str()));
        }
    }
    found
}

/// Every text once, below the packages that have it.
fn texts(packages: &[&Package]) -> Result<String, Box<dyn std::error::Error>> {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut without = Vec::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        let found = own_texts(Path::new(&package.manifest_path))?;
        if found.is_empty() {
            without.push(format!(
                "{name}: {} {}",
                package.license.as_deref().unwrap_or("unknown"),
                package.repository.as_deref().unwrap_or_default()
            ));
        }
        for text in found {
            by_text.entry(text).or_default().push(name.clone());
        }
    }
    let mut all = String::from("Third-party software in Workpoint, and the texts of its licences.\n");
    let mut groups: Vec<(String, Vec<String>)> = by_text.into_iter().collect();
    groups.sort_by(|left, right| left.1.cmp(&right.1));
    for (text, names) in groups {
        write!(all, "\n{}\n{}\n\n{text}\n", "=".repeat(80), names.join(", "))?;
    }
    if !without.is_empty() {
        write!(all, "\n{}\nPackages that bring no text of their own:\n\n", "=".repeat(80))?;
        all.push_str(&without.join("\n"));
        all.push('\n');
    }
    Ok(all)
}

/// Texts beside a package's manifest, as they are but for spaces at the ends of lines.
fn own_texts(manifest: &Path) -> Result<Vec<String>, std::io::Error> {
    let Some(folder) = manifest.parent() else { return Ok(Vec::new()) };
    let mut paths: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.is_file() && path.file_name().and_then(|name| name.to_str()).is_some_and(is_licence)
    });
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if let Ok(text) = fs::read_to_string(&path) {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            found.push(lines.join("\n").trim_matches('\n').to_owned());
        }
    }
    Ok(found)
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT"]
        .iter()
        .any(|start| name.starts_with(start))
}
