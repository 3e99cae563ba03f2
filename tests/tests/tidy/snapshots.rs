//! A snapshot that no test compares with any more looks like proof and is none.

use super::tree::{Finding, Tree, refuse, tree};

#[test]
fn every_snapshot_is_used() {
    refuse("Remove the snapshot: no test compares with it.", unused(tree()));
}

#[test]
fn no_rejected_snapshot_is_left() {
    let left =
        tree().paths.iter().filter(|path| path.ends_with(".snap.new") || path.ends_with(".pending-snap"));
    refuse(
        "Accept it or remove it.",
        left.map(|path| Finding::new(path, 1, "a snapshot nobody has accepted")),
    );
}

/// The snapshots whose source is gone or does not name them. A file is `<module path>__<name>.snap`, its header says
/// which source made it; the name is the one given to the macro, or the test's own without `test_`.
fn unused(tree: &Tree) -> Vec<Finding> {
    let snapshots = tree.files.iter().filter(|file| file.path.ends_with(".snap"));
    snapshots
        .filter_map(|file| {
            let source = file.text.lines().find_map(|line| line.strip_prefix("source: "));
            let source = source.map(|path| path.trim().trim_matches('"')).unwrap_or_default();
            let Some(text) = tree.text(source) else {
                return Some(Finding::new(&file.path, 1, format!("its source `{source}` does not exist")));
            };
            let name = name(&file.path);
            (!text.contains(name))
                .then(|| Finding::new(&file.path, 1, format!("{source} does not name `{name}`")))
        })
        .collect()
}

fn name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".snap");
    let file = file.split('@').next().unwrap_or(file);
    let name = file.rsplit("__").next().unwrap_or(file);
    // The second unnamed snapshot of a test ends with -2.
    match name.rsplit_once('-') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::{name, unused};
    use crate::tree::{File, Tree};

    #[test]
    fn the_name_is_the_last_part_of_the_file() {
        assert_eq!(name("a/snapshots/api__contract__openapi.snap"), "openapi");
        assert_eq!(name("a/snapshots/api__openapi-2.snap"), "openapi");
        assert_eq!(name("a/snapshots/api__open-api@sqlite.snap"), "open-api");
    }

    #[test]
    fn a_snapshot_without_a_test_is_found() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let files = vec![
            file("a.rs", "fn used() {}"),
            file("snapshots/a__gone.snap", "---\nsource: b.rs\n---\n"),
            file("snapshots/a__other.snap", "---\nsource: a.rs\n---\n"),
            file("snapshots/a__used.snap", "---\nsource: a.rs\n---\n"),
        ];
        let tree = Tree { paths: files.iter().map(|file| file.path.clone()).collect(), files };
        let found: Vec<String> = unused(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "snapshots/a__gone.snap:1: its source `b.rs` does not exist",
                "snapshots/a__other.snap:1: a.rs does not name `other`",
            ]
        );
    }
}
