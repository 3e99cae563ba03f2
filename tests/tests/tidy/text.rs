//! Rules about every text file, whatever its language: no reminders to oneself, nothing that is true on one machine
//! only.

use super::mask::{identifiers, line_of, mask};
use super::tree::{File, Finding, lies_in, refuse, tree};

/// Words that promise something to nobody in particular.
const REMINDERS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Not ours to write: the licence's text, and what cargo writes.
const NOT_WRITTEN_HERE: [&str; 2] = ["LICENSE", "Cargo.lock"];

/// Directories of a developer's machine. Put together here, since this file is looked through as well.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Where packages come from is a setting of the machine; the project only names the packages.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("deb.", "debian.org"),
];

#[test]
fn no_reminders_are_left() {
    refuse("Do it now, or say in the documentation what does not exist.", each(reminders));
}

#[test]
fn nothing_names_a_directory_of_one_machine() {
    refuse("This path exists on one machine only: make it relative or a setting.", each(machine_paths));
}

#[test]
fn nothing_names_a_registry_host() {
    refuse("The machine knows where packages come from; name the package.", each(registry_hosts));
}

fn each(rule: fn(&File) -> Vec<Finding>) -> impl Iterator<Item = Finding> {
    tree().files.iter().filter(|file| !lies_in(&file.path, &NOT_WRITTEN_HERE)).flat_map(rule)
}

fn reminders(file: &File) -> Vec<Finding> {
    // In a Rust source the text of a literal may be data that looks like one.
    let text = if file.path.ends_with(".rs") { mask(&file.text).prose } else { file.text.clone() };
    identifiers(&text)
        .filter(|(_, word)| REMINDERS.contains(word))
        .map(|(at, word)| Finding::new(&file.path, line_of(&text, at), word))
        .collect()
}

fn machine_paths(file: &File) -> Vec<Finding> {
    // `docs/work/` or `https://host/root/` is no path from the top of a machine.
    occurrences(file, &MACHINE_PATHS, |before| {
        !before.ends_with(|last: char| last.is_alphanumeric() || "_-.}/~".contains(last))
    })
}

fn registry_hosts(file: &File) -> Vec<Finding> {
    occurrences(file, &REGISTRY_HOSTS, |_| true)
}

fn occurrences(file: &File, wanted: &[&str], counts: fn(&str) -> bool) -> Vec<Finding> {
    let found = wanted.iter().flat_map(|what| file.text.match_indices(what));
    found
        .filter(|(at, _)| counts(&file.text[..*at]))
        .map(|(at, what)| Finding::new(&file.path, line_of(&file.text, at), what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{machine_paths, registry_hosts, reminders};
    use crate::tree::{File, Finding};

    fn lines(rule: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
        rule(&File { path: path.to_owned(), text: text.to_owned() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reminders_are_words_of_their_own() {
        let word = concat!("TO", "DO");
        assert_eq!(lines(reminders, "a.md", &format!("one\n{word}: two")), [format!("a.md:2: {word}")]);
        assert_eq!(
            lines(reminders, "a.rs", &format!("// {word}\nlet x = \"{word}\";")),
            [format!("a.rs:1: {word}")]
        );
        assert!(lines(reminders, "a.md", "MASTODON, WP_XX, hacks").is_empty());
    }

    #[test]
    fn machine_paths_start_at_the_top() {
        let path = concat!("/wo", "rk/main");
        assert_eq!(lines(machine_paths, "a.sh", &format!("x\ncd {path}")).len(), 1);
        assert_eq!(lines(machine_paths, "a.rs", &format!("\"{path}\"")).len(), 1);
        assert!(lines(machine_paths, "a.sh", &format!("cd docs{path}; ls ..{path}")).is_empty());
    }

    #[test]
    fn registry_hosts_are_found_inside_addresses() {
        let text = format!("https://{}/simple", concat!("pypi", ".org"));
        assert_eq!(lines(registry_hosts, "a.toml", &text).len(), 1);
    }
}
