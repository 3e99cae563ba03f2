//! The lints of the test crate are those of the workspace, but for the few that forbid a test to fail.

use super::tree::root;

/// Not for tests: a step that fails must end the test.
const LEFT_OUT: [&str; 3] = ["expect_used", "panic", "unwrap_used"];

#[expect(clippy::disallowed_methods, reason = "two small files; nothing here is asynchronous")]
fn manifest(path: &str) -> toml::Table {
    let text = std::fs::read_to_string(root().join(path)).expect("the manifest is there");
    text.parse().expect("the manifest is TOML")
}

#[test]
fn tests_are_linted_like_everything_else() {
    let workspace = manifest("Cargo.toml")["workspace"]["lints"].clone();
    let own = manifest("tests/Cargo.toml")["lints"].clone();
    for group in ["rust", "rustdoc", "clippy"] {
        let mut wanted = workspace[group].as_table().expect("a table").clone();
        wanted.retain(|lint, _| !LEFT_OUT.contains(&lint));
        assert_eq!(own[group].as_table(), Some(&wanted), "[lints.{group}] of tests/Cargo.toml");
    }
}
