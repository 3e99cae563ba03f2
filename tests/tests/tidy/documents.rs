//! Rules about the documents: their links lead somewhere, and a reader who starts at the front finds them all.

use super::markdown::{anchors, links};
use super::tree::{Finding, Tree, refuse, tree};
use std::collections::BTreeSet;

/// Where readers start.
const ENTRANCES: [&str; 2] = ["README.md", "docs/ARCHITECTURE.md"];

#[test]
fn links_lead_to_files_that_exist() {
    refuse("A link in a document leads nowhere.", broken_links(tree()));
}

#[test]
fn every_document_can_be_found() {
    let reached = reachable(tree());
    let lost = tree().paths.iter().filter(|path| path.starts_with("docs/") && !reached.contains(*path));
    let missing = ENTRANCES.iter().filter(|path| !tree().paths.contains(**path));
    let missing = missing.map(|path| Finding::new(path, 1, "does not exist"));
    let lost = lost.map(|path| Finding::new(path, 1, format!("no link from {}", ENTRANCES.join(" or "))));
    refuse("Every file in docs/ is reached by links from the front page.", missing.chain(lost));
}

fn broken_links(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.markdown() {
        for link in links(&file.text) {
            let Some(target) = inside(&link.target) else { continue };
            let (name, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if name.is_empty() { file.path.clone() } else { resolve(&file.path, name) };
            if !exists(tree, &path) {
                found.push(Finding::new(&file.path, link.line, format!("{target}: no such file")));
            } else if !anchor.is_empty() && !has_anchor(tree, &path, anchor) {
                found.push(Finding::new(&file.path, link.line, format!("{target}: no such heading")));
            }
        }
    }
    found
}

fn reachable(tree: &Tree) -> BTreeSet<String> {
    let mut open: Vec<String> = ENTRANCES.map(str::to_owned).into();
    let mut reached: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let text = if path.ends_with(".md") { tree.text(&path).unwrap_or_default() } else { "" };
        for link in links(text) {
            let Some(target) = inside(&link.target) else { continue };
            let name = target.split('#').next().unwrap_or_default();
            let next = resolve(&path, name);
            if !name.is_empty() && reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// The target when it is a place in the repository, not an address somewhere else.
fn inside(target: &str) -> Option<&str> {
    let elsewhere = target.contains("://") || target.starts_with("mailto:") || target.is_empty();
    (!elsewhere).then_some(target)
}

fn exists(tree: &Tree, path: &str) -> bool {
    tree.paths.contains(path) || tree.paths.iter().any(|file| file.starts_with(&format!("{path}/")))
}

fn has_anchor(tree: &Tree, path: &str, anchor: &str) -> bool {
    // In a source an anchor is a line number, which no rule can keep true.
    !path.ends_with(".md")
        || tree.text(path).is_some_and(|text| anchors(text).iter().any(|known| known == anchor))
}

/// The path that `name` means when it stands in the file `from`.
fn resolve(from: &str, name: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{broken_links, reachable, resolve};
    use crate::tree::{File, Tree};

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        let mut files: Vec<File> = files.iter().map(file).collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Tree { paths: files.iter().map(|file| file.path.clone()).collect(), files }
    }

    #[test]
    fn a_link_is_relative_to_its_file() {
        assert_eq!(resolve("docs/recipes/a.md", "../b.md"), "docs/b.md");
        assert_eq!(resolve("README.md", "./docs/b.md"), "docs/b.md");
    }

    #[test]
    fn broken_links_are_found() {
        let tree = tree(&[
            (
                "README.md",
                "[a](docs/a.md) [b](docs/b.md) [c](docs/) [d](https://example.org/x) [e](docs/a.md#no)",
            ),
            ("docs/a.md", "# Yes\n[self](#yes) [self](#no)"),
        ]);
        let found: Vec<String> = broken_links(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "README.md:1: docs/b.md: no such file",
                "README.md:1: docs/a.md#no: no such heading",
                "docs/a.md:2: #no: no such heading",
            ]
        );
    }

    #[test]
    fn documents_are_reached_through_other_documents() {
        let tree = tree(&[
            ("README.md", "[a](docs/a.md)"),
            ("docs/a.md", "[b](b/c.md) [back](../README.md)"),
            ("docs/b/c.md", ""),
            ("docs/lost.md", ""),
        ]);
        let reached = reachable(&tree);
        assert!(reached.contains("docs/b/c.md"));
        assert!(!reached.contains("docs/lost.md"));
    }
}
