//! The files of the repository as the rules see them, and the way a rule reports what it found.
//!
//! "The repository" is what git tracks or would track: a new file is checked before it is added, a build result never.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// One text file of the repository.
pub(crate) struct File {
    /// Path from the top of the repository, with `/`.
    pub(crate) path: String,
    /// The whole content.
    pub(crate) text: String,
}

/// Every file of the repository, read once per run of the tests.
pub(crate) struct Tree {
    /// The files that are UTF-8 text, sorted by path.
    pub(crate) files: Vec<File>,
    /// The paths of all files, also of those that are not text.
    pub(crate) paths: BTreeSet<String>,
}

/// A place that breaks a rule.
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    /// A finding in `path` at `line`, counted from 1.
    pub(crate) fn new(path: &str, line: usize, what: impl Display) -> Self {
        Self { path: path.to_owned(), line, what: what.to_string() }
    }
}

impl Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The top directory of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of the repository.
pub(crate) fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(read)
}

impl Tree {
    /// The Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The Markdown documents.
    pub(crate) fn markdown(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".md"))
    }

    /// The text of one file, if it exists.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let index = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        Some(&self.files[index].text)
    }
}

fn read() -> Tree {
    let output = Command::new("git")
        // In CI the checkout may belong to another user than the one who runs the tests.
        .args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("the tidy tests ask git for the list of files: {error}"));
    assert!(
        output.status.success(),
        "the tidy tests need a git checkout: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    // A deleted file stays in git's list until the deletion is committed.
    let paths: BTreeSet<String> = listed
        .split('\0')
        .filter(|path| !path.is_empty() && root().join(path).is_file())
        .map(str::to_owned)
        .collect();
    let files =
        paths.iter().filter_map(|path| Some(File { path: path.clone(), text: text_of(path)? })).collect();
    Tree { files, paths }
}

/// The content of a file, or nothing when it is not text.
fn text_of(path: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "no asynchronous runtime runs here")]
    let bytes = std::fs::read(root().join(path)).ok()?;
    String::from_utf8(bytes).ok()
}

/// Whether `path` belongs to one of `places`: a module (`x` is `x.rs` and everything in `x/`) or one file.
pub(crate) fn lies_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    })
}

/// Fails with the whole list when there is one.
#[track_caller]
pub(crate) fn refuse(rule: &str, findings: impl IntoIterator<Item = Finding>) {
    let lines: Vec<String> = findings.into_iter().map(|finding| format!("  {finding}")).collect();
    assert!(lines.is_empty(), "{rule}\n{}\n", lines.join("\n"));
}

#[test]
fn a_place_is_a_module_or_a_file() {
    assert!(lies_in("server/src/http/login.rs", &["server/src/http"]));
    assert!(lies_in("server/src/http.rs", &["server/src/http"]));
    assert!(lies_in("server/src/routes.rs", &["server/src/routes.rs"]));
    assert!(!lies_in("server/src/routes.rs.bak", &["server/src/routes.rs"]));
    assert!(!lies_in("server/src/https.rs", &["server/src/http"]));
}
