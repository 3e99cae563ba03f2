//! New passwords of a phone against the policy that is set for it (OSEM §7.8.7). A phone refuses a password that
//! breaks its policy. Faults carry the policy, never anything of the password.

use super::{CrossFault, Rules};
use crate::catalogue::{ParameterKey, Value};

/// A password of the phone and its own shortest length; the rest of the policy holds for both.
pub(super) struct Password {
    pub(super) password: &'static str,
    pub(super) minimum_length: &'static str,
}

pub(super) const PASSWORDS: &[Password] = &[
    Password {
        password: "security.password.new-user-password",
        minimum_length: "security.password.user-password-minimum-length",
    },
    Password {
        password: "security.password.new-admin-password",
        minimum_length: "security.password.admin-password-minimum-length",
    },
];

/// The special characters as OSEM §7.8.7 lists them.
const SPECIAL: &str = "-=[]{};#,.!`£$%^&*()_+:@~|<>?";

/// Word of the argument `what`, the same in English, the policy, and what it counts.
type Least = (&'static str, &'static str, &'static str, fn(char) -> bool);

const LEAST: &[Least] = &[
    (
        "capital-letters",
        "capital letters",
        "security.password.password-minimum-uppercase-characters",
        char::is_uppercase,
    ),
    (
        "small-letters",
        "lower case letters",
        "security.password.password-minimum-lowercase-characters",
        char::is_lowercase,
    ),
    ("digits", "digits", "security.password.password-minimum-digits", |c| c.is_ascii_digit()),
    (
        "special-characters",
        "special characters",
        "security.password.password-minimum-special-characters",
        |c| SPECIAL.contains(c),
    ),
];

/// 0: not looked at (item table).
const SEQUENCE: &str = "security.password.password-maximum-characters-in-sequence";

pub(super) fn check(rules: &Rules<'_>, rule: &Password) -> Vec<CrossFault> {
    let key = ParameterKey::plain(rule.password);
    if rules.parameter(rule.password).is_none() || !rules.asked(&key) {
        return Vec::new();
    }
    // An empty password is none: nothing is written.
    let Some(Value::Text(password)) = rules.value(&key).filter(|value| *value != Value::from("")) else {
        return Vec::new();
    };
    let policy = |id: &str| match rules.value(&ParameterKey::plain(id)) {
        Some(Value::Integer(number)) => usize::try_from(number).ok(),
        _ => None,
    };
    let mut faults = Vec::new();
    let mut refuse = |code, because: &str, args, text| {
        let because = vec![ParameterKey::plain(because)];
        faults.push(CrossFault { code, parameters: vec![key.clone()], because, args, text });
    };
    if let Some(min) = policy(rule.minimum_length).filter(|min| password.chars().count() < *min) {
        let text = format!("must have at least {min} characters");
        refuse("password_too_short", rule.minimum_length, vec![("min", min.to_string())], text);
    }
    for (what, words, id, counts) in LEAST {
        let count = password.chars().filter(|c| counts(*c)).count();
        if let Some(min) = policy(id).filter(|min| count < *min) {
            let args = vec![("what", (*what).to_owned()), ("min", min.to_string())];
            refuse("password_too_few", id, args, format!("must have at least {min} {words}"));
        }
    }
    if let Some(max) = policy(SEQUENCE).filter(|max| *max > 0 && longest_run(&password) > *max) {
        let text = format!("must not have one character more than {max} times in a row");
        refuse("password_sequence", SEQUENCE, vec![("max", max.to_string())], text);
    }
    faults
}

/// Length of the longest run of one character.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for character in text.chars() {
        run = if last == Some(character) { run + 1 } else { 1 };
        last = Some(character);
        longest = longest.max(run);
    }
    longest
}

#[cfg(all(test, feature = "yaml"))]
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    let passwords = PASSWORDS.iter().flat_map(|rule| [rule.password, rule.minimum_length]);
    passwords.chain(LEAST.iter().map(|(_, _, id, _)| *id)).chain([SEQUENCE])
}
