//! Rules about each Rust source by itself: how it opens, how long it is, what may not be left in it.

use super::mask::{identifiers, line_of, mask};
use super::tree::{File, Finding, lies_in, refuse, tree};

/// Past this a file has more than one idea in it.
const LONGEST_FILE: usize = 600;

/// Macros that mark unfinished work or print for the author alone.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Measuring may wait; a test may not.
const MAY_WAIT: [&str; 1] = ["tests/src/bin"];

#[test]
fn every_file_says_what_it_is_for() {
    let silent = tree().rust().filter(|file| !file.text.starts_with("//!"));
    refuse(
        "A Rust file opens with `//!`: what it is for and what it refuses to know.",
        silent.map(|file| Finding::new(&file.path, 1, "does not open with `//!`")),
    );
}

#[test]
fn no_file_is_too_long() {
    let long = tree().rust().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > LONGEST_FILE)
            .then(|| Finding::new(&file.path, lines, format!("{lines} lines, {LONGEST_FILE} at most")))
    });
    refuse("A file this long has more than one idea in it: split it.", long);
}

#[test]
fn nothing_unfinished_is_left() {
    refuse("Finish it, or leave it out and say so.", each(unfinished));
}

#[test]
fn lints_are_expected_not_allowed() {
    refuse(
        "Write `#[expect(lint, reason = \"…\")]`: it complains when it is no longer needed.",
        each(allowed),
    );
}

#[test]
fn no_test_is_ignored() {
    refuse("A test that does not run proves nothing: fix it or remove it.", each(ignored));
}

#[test]
fn no_test_sleeps() {
    let found = tree().rust().filter(|file| !lies_in(&file.path, &MAY_WAIT)).flat_map(sleeping);
    refuse("A test drives time (`Clock`) or waits for an event; it never sleeps.", found);
}

fn each(rule: fn(&File) -> Vec<Finding>) -> impl Iterator<Item = Finding> {
    tree().rust().flat_map(rule)
}

fn unfinished(file: &File) -> Vec<Finding> {
    let code = mask(&file.text).code;
    identifiers(&code)
        .filter(|(at, word)| UNFINISHED.contains(word) && code[at + word.len()..].starts_with('!'))
        .map(|(at, word)| Finding::new(&file.path, line_of(&code, at), format!("{word}!")))
        .collect()
}

fn allowed(file: &File) -> Vec<Finding> {
    attribute(file, "allow")
}

fn ignored(file: &File) -> Vec<Finding> {
    attribute(file, "ignore")
}

/// Where an attribute is used, also as an inner one.
fn attribute(file: &File, name: &str) -> Vec<Finding> {
    let code = mask(&file.text).code;
    identifiers(&code)
        .filter(|(at, word)| {
            let before = code[..*at].trim_end();
            *word == name && (before.ends_with("#[") || before.ends_with("#!["))
        })
        .map(|(at, _)| Finding::new(&file.path, line_of(&code, at), format!("#[{name}]")))
        .collect()
}

fn sleeping(file: &File) -> Vec<Finding> {
    let code = mask(&file.text).code;
    let from = if is_test_file(&file.path) { Some(0) } else { code.find("#[cfg(test)]") };
    let Some(from) = from else { return Vec::new() };
    identifiers(&code)
        .filter(|(at, word)| {
            *at >= from
                && matches!(*word, "sleep" | "sleep_until")
                && code[at + word.len()..].starts_with('(')
        })
        .map(|(at, word)| Finding::new(&file.path, line_of(&code, at), format!("{word}()")))
        .collect()
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::{allowed, ignored, sleeping, unfinished};
    use crate::tree::{File, Finding};

    fn found(rule: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
        rule(&File { path: path.to_owned(), text: text.to_owned() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unfinished_macros_are_found_in_code_only() {
        let text =
            "// todo!() is spoken of\nfn f() {\n    dbg!(1);\n    let todo = \"todo!()\";\n    todo!()\n}";
        assert_eq!(found(unfinished, "a.rs", text), ["a.rs:3: dbg!", "a.rs:5: todo!"]);
    }

    #[test]
    fn attributes_are_found_inner_and_outer() {
        let text = "#![allow(dead_code)]\n#[expect(x, reason = \"y\")]\n#[allow(z)]\nfn allow() {}\n#[ignore]\nfn g() {}";
        assert_eq!(found(allowed, "a.rs", text), ["a.rs:1: #[allow]", "a.rs:3: #[allow]"]);
        assert_eq!(found(ignored, "a.rs", text), ["a.rs:5: #[ignore]"]);
    }

    #[test]
    fn sleeping_is_refused_in_tests_and_nowhere_else() {
        let text = "async fn pause() { sleep(ONE_SECOND).await }\n#[cfg(test)]\nmod tests {\n    fn x() { tokio::time::sleep(A) }\n}";
        assert_eq!(found(sleeping, "server/src/jobs/pace.rs", text), ["server/src/jobs/pace.rs:4: sleep()"]);
        assert_eq!(found(sleeping, "tests/src/harness.rs", text).len(), 2);
    }
}
