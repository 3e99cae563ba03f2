//! Tests of the texts: every word of the API has one, in both languages.

use super::{CODES, Language, find, reason, worded};
use domain::client::{
    Access, ClientState, ContactReason, Fault, FirmwareState, Mobility, QuarantineReason, SecureMode,
};
use domain::job::{JobCause, JobKind, JobState, TargetState};
use domain::notification::NotificationCode;
use domain::password::{PasswordFault, PasswordPolicy};

/// Words of a table that have no text.
fn missing<'a>(table: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let missing = words.into_iter().filter(|word| find(Language::German, table, word).is_none());
    missing.map(|word| format!("{table}.{word}")).collect()
}

#[test]
fn every_word_of_the_api_has_a_text() {
    let mut all = missing("problem", api::Code::ALL.iter().map(|code| code.as_str()));
    all.extend(missing("client-state", ClientState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("quarantine-reason", QuarantineReason::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("secure-mode", SecureMode::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("access", Access::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("mobility", Mobility::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("contact-reason", ContactReason::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("firmware-state", FirmwareState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("fault", Fault::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("job-kind", JobKind::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("job-state", JobState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("job-cause", JobCause::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("target-state", TargetState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("notification", NotificationCode::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("role", domain::Role::ALL.iter().map(|word| word.as_str())));
    for policy in [PasswordPolicy::Modern, PasswordPolicy::Osem] {
        all.extend(missing("field", policy.rules().iter().copied().map(PasswordFault::as_str)));
    }
    let fields = [
        api::field::UNKNOWN_FIELD,
        api::field::MISSING,
        api::field::WRONG_TYPE,
        api::field::NOT_A_CHOICE,
        api::field::INVALID,
        api::field::OUT_OF_RANGE,
        api::field::TOO_LONG,
        api::field::GIVEN_TWICE,
        api::field::CONTROL_CHARACTER,
        api::field::WRONG_PASSWORD,
        api::field::WRONG_CODE,
        api::field::ROLE_NOT_HELD,
        api::field::NOT_IN_TIME,
    ];
    all.extend(missing("field", fields));
    let reasons = domain::configuration::LeftOutReason::ALL.iter().map(|word| word.as_str());
    all.extend(missing("reason", reasons));
    all.extend(missing("reason", domain::configuration::Withheld::ALL.iter().map(|word| word.as_str())));
    all.extend(missing_of_files());
    assert!(all.is_empty(), "no text in locales/*/codes.toml: {all:?}");
}

/// Words of files, storage providers and deployments that have no text.
fn missing_of_files() -> Vec<String> {
    use domain::deployment::{DeploymentPhase, FileAction, Priority};
    use domain::file::fit::{Misfit, Remark};
    use domain::file::{
        FileFormat, FileState, FileType, Listing, ProviderHealth, ProviderKind, ProviderScanState, Serving,
    };
    let mut all = missing("file-type", FileType::ALL.iter().map(|word| word.as_str()));
    all.extend(missing("file-format", FileFormat::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("file-state", FileState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("file-need", ["file_type", "models", "software_type", "software_version"]));
    all.extend(missing("provider-kind", ProviderKind::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("serving", Serving::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("listing", Listing::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("provider-health", ProviderHealth::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("provider-scan-state", ProviderScanState::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("finding-kind", domain::scan::FindingKind::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("priority", Priority::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("file-action", FileAction::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("deployment-phase", DeploymentPhase::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("reason", Misfit::ALL.iter().map(|word| word.as_str())));
    all.extend(missing("reason", domain::deployment::again::NotNow::ALL.iter().map(|word| word.code())));
    all.extend(missing("reason", Remark::ALL.iter().map(|word| word.as_str())));
    all
}

#[test]
fn codes_are_sorted_so_that_they_are_found() {
    assert!(CODES.is_sorted_by(|left, right| left.0 < right.0));
    assert_eq!(find(Language::English, "job-state", "lantern"), None);
}

#[test]
fn places_are_filled_and_an_argument_that_is_missing_shows() {
    let mut args = api::Args::new();
    args.insert("targets".to_owned(), 12_345.into());
    let text = worded(Language::German, "problem", "too_many_targets", &args);
    assert!(text.starts_with("12.345 Endgeräte") && text.contains('–'), "{text}");
    assert_eq!(worded(Language::German, "problem", "of_a_newer_server", &args), "of_a_newer_server");
    args.insert("targets".to_owned(), 1.5.into());
    let fraction = |language: Language| worded(language, "problem", "too_many_targets", &args);
    assert!(
        fraction(Language::German).starts_with("1,5 ") && fraction(Language::English).starts_with("1.5 ")
    );
}

#[test]
fn a_reason_says_the_reason_in_it() {
    let mut args = api::Args::new();
    args.insert("reason".to_owned(), "format-not-for-model".into());
    let said = reason(Language::English, "does-not-fit", &args);
    assert_eq!(said, "It does not fit this client. This type of client takes other formats.");
    args.insert("reason".to_owned(), "of_a_newer_server".into());
    assert_eq!(reason(Language::English, "does-not-fit", &args), "It does not fit this client.");
}

#[test]
fn numbers_are_grouped_as_the_language_does() {
    assert_eq!(Language::English.number(1_234_567), "1,234,567");
    assert_eq!(Language::German.number(1_234), "1.234");
    assert_eq!(Language::German.number(999), "999");
}

#[test]
fn counted_texts_choose_their_form() {
    assert_eq!(super::common::newer(Language::English, 1), "One new entry.");
    assert_eq!(super::common::newer(Language::English, 1_200), "1,200 new entries.");
}

#[test]
fn languages_are_found_by_their_tags() {
    assert_eq!(Language::of_tag("de-AT"), Language::German);
    assert_eq!(Language::of_tag("DE"), Language::German);
    assert_eq!(Language::of_tag("fr"), Language::English);
}

/// The sources of the server: what it writes into records is a word there and nowhere else.
fn sources(folder: &std::path::Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the server's sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::File::open(&path).map(std::io::read_to_string);
            let text = text.expect("a source").expect("a source");
            // Tests at the foot of a file have words of their own.
            found.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

/// Words in quotes that follow one of some beginnings.
fn quoted<'a>(text: &'a str, beginnings: &[&str]) -> std::collections::BTreeSet<&'a str> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.'))
    };
    let after = beginnings.iter().flat_map(|start| text.split(start).skip(1));
    after.filter_map(|rest| rest.split('"').next()).filter(|word| is_word(word)).collect()
}

#[test]
fn every_word_that_only_the_server_knows_has_a_text() {
    let server = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src");
    let mut text = String::new();
    sources(&server, &mut text);
    // One space for line breaks, so that a call over several lines reads as one.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let actions = quoted(&text, &["\""]).into_iter().filter(|word| {
        let kinds =
            ["account.", "certificate.", "client.", "job.", "notification.", "plan.", "session.", "setting."];
        let more = [
            "client-field.",
            "group.",
            "template.",
            "token.",
            "token-key.",
            "scan.",
            "storage-provider.",
            "file.",
        ];
        kinds.iter().chain(&more).any(|kind| word.starts_with(kind))
    });
    // Columns of tables are written the same way.
    let columns = [
        "client.address",
        "client.mobility",
        "client.state",
        "file.facts",
        "file.models",
        "file.size",
        "file.state",
        "job.cause",
        "job.counts",
        "job.kind",
        "job.options",
        "job.state",
        "notification.args",
        "notification.at",
        "notification.code",
        "plan.kind",
        "plan.summary",
        "scan.failure",
        "scan.port",
        "scan.ports",
        "scan.purpose",
        "scan.ranges",
        "scan.state",
        "setting.value",
        "template.kind",
        "template.rank",
        "template.software_update",
    ];
    let actions: Vec<&str> = actions.filter(|word| !columns.contains(word)).collect();
    assert!(actions.len() > 40, "the sources are read: {actions:?}");
    let mut all = missing("audit", actions.iter().copied());
    let jobs = text_of(&server, &["app/jobs", "app/calling", "app/deployments"]);
    let beginnings = ["Some(\"", "row, \"", "code: \"", "reason: \"", ", \"withheld\"", "(item, \""];
    let reasons = quoted(&jobs, &beginnings);
    assert!(
        reasons.contains("no-answer") && reasons.contains("superseded"),
        "the sources are read: {reasons:?}"
    );
    all.extend(missing("reason", reasons));
    let diagnosis = std::fs::File::open(server.join("net/diagnosis.rs")).map(std::io::read_to_string);
    let diagnosis = diagnosis.expect("the verdicts").expect("the verdicts");
    let of_verdict = |line: &str| {
        let word = line.trim().strip_prefix("Self::")?.split_once("=> \"")?.1.split('"').next()?.to_owned();
        Some(word)
    };
    let verdicts: Vec<String> = diagnosis.lines().filter_map(of_verdict).collect();
    assert!(verdicts.len() > 10, "the sources are read: {verdicts:?}");
    all.extend(missing("verdict", verdicts.iter().map(String::as_str)));
    assert!(all.is_empty(), "no text in locales/*/codes.toml: {all:?}");
    let known = CODES.iter().filter_map(|(key, ..)| key.strip_prefix("audit."));
    let unused: Vec<&str> = known.filter(|word| !actions.contains(word)).collect();
    assert!(unused.is_empty(), "texts of actions that nobody records: {unused:?}");
}

fn text_of(server: &std::path::Path, folders: &[&str]) -> String {
    let mut text = String::new();
    for folder in folders {
        sources(&server.join(folder), &mut text);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
