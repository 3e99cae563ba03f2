//! Password policies (D-31): `modern` by default, `osem` with exactly the rules of OSEM §2.8.2.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Which rules apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordPolicy {
    /// At least 14 and at most 128 characters; no composition rules; common passwords and the user name refused.
    #[default]
    Modern,
    /// The rules of OSEM §2.8.2.
    Osem,
}

impl PasswordPolicy {
    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Osem => "osem",
        }
    }

    /// The policy a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Modern, Self::Osem].into_iter().find(|policy| policy.as_str() == word)
    }

    /// Fewest and most characters.
    pub fn lengths(self) -> (usize, usize) {
        match self {
            Self::Modern => (14, MAX_LENGTH),
            Self::Osem => (14, 20),
        }
    }

    /// What the policy looks at, in the order people are told; each rule by the fault of breaking it.
    pub fn rules(self) -> &'static [PasswordFault] {
        use PasswordFault as F;
        match self {
            Self::Modern => &[F::TooShort, F::TooLong, F::ContainsUserName, F::Common],
            Self::Osem => {
                &[F::TooShort, F::TooLong, F::Composition, F::Repetition, F::Sequence, F::ContainsUserName]
            }
        }
    }
}

/// A rule a password breaks. The word is the code shown with the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PasswordFault {
    /// Fewer characters than allowed.
    #[serde(rename = "password_too_short")]
    TooShort,
    /// More characters than allowed.
    #[serde(rename = "password_too_long")]
    TooLong,
    /// Contains the user name (or, with `osem`, its reverse).
    #[serde(rename = "password_contains_user_name")]
    ContainsUserName,
    /// One of the passwords everybody tries first.
    #[serde(rename = "password_common")]
    Common,
    /// `osem`: needs an upper-case letter, a lower-case letter, a digit and a special character.
    #[serde(rename = "password_composition")]
    Composition,
    /// `osem`: more than three identical characters in a row.
    #[serde(rename = "password_repetition")]
    Repetition,
    /// `osem`: more than three sequential characters in a row.
    #[serde(rename = "password_sequence")]
    Sequence,
}

impl PasswordFault {
    /// Stable code of the fault, the word in a problem document.
    pub fn code(self) -> &'static str {
        self.as_str()
    }

    /// The same, as other words are asked for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::ContainsUserName => "password_contains_user_name",
            Self::Common => "password_common",
            Self::Composition => "password_composition",
            Self::Repetition => "password_repetition",
            Self::Sequence => "password_sequence",
        }
    }
}

/// Longest password that is looked at at all: bounds the work of hashing it.
pub const MAX_LENGTH: usize = 128;

/// All rules the password breaks; empty when it is good. Lengths are counted in characters.
pub fn check(policy: PasswordPolicy, user_name: &str, password: &str) -> Vec<PasswordFault> {
    let length = password.chars().count();
    let (shortest, longest) = policy.lengths();
    let mut faults = Vec::new();
    if length < shortest {
        faults.push(PasswordFault::TooShort);
    }
    if length > longest {
        faults.push(PasswordFault::TooLong);
        return faults;
    }
    let lower = password.to_lowercase();
    let name = user_name.to_lowercase();
    let reverse: String = name.chars().rev().collect();
    let reversed_counts = policy == PasswordPolicy::Osem;
    if !name.is_empty() && (lower.contains(&name) || (reversed_counts && lower.contains(&reverse))) {
        faults.push(PasswordFault::ContainsUserName);
    }
    match policy {
        PasswordPolicy::Modern => {
            if is_common(&lower) {
                faults.push(PasswordFault::Common);
            }
        }
        PasswordPolicy::Osem => faults.extend(osem_faults(password)),
    }
    faults
}

fn osem_faults(password: &str) -> impl Iterator<Item = PasswordFault> {
    let characters: Vec<char> = password.chars().collect();
    let has = |test: fn(&char) -> bool| characters.iter().any(test);
    let composed = has(|c| c.is_uppercase())
        && has(|c| c.is_lowercase())
        && has(char::is_ascii_digit)
        && has(|c| !c.is_alphanumeric());
    // "More than three in a row" is four characters whose neighbours differ by the same step.
    let run_of =
        |step: i64| characters.windows(4).any(|four| four.windows(2).all(|two| differ_by(two, step)));
    [
        (!composed).then_some(PasswordFault::Composition),
        run_of(0).then_some(PasswordFault::Repetition),
        (run_of(1) || run_of(-1)).then_some(PasswordFault::Sequence),
    ]
    .into_iter()
    .flatten()
}

fn differ_by(two: &[char], step: i64) -> bool {
    matches!(two, [a, b] if i64::from(u32::from(*b)) - i64::from(u32::from(*a)) == step)
}

static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("../data/common-passwords.txt").lines().filter(|line| !line.starts_with('#')).collect()
});

/// Long enough passwords that are common all the same: made only of the words everybody tries, of runs on
/// the keyboard and of digits, or of one short piece repeated.
fn is_common(lower: &str) -> bool {
    let bare: String = lower
        .chars()
        .filter_map(|c| match c {
            '@' => Some('a'),
            '$' => Some('s'),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect();
    if bare.is_empty() {
        // Nothing but punctuation is as easily guessed as a repeated piece.
        return true;
    }
    repeats(lower) || repeats(&bare) || made_of_words(&bare)
}

/// True when the text is a piece of at most four characters, repeated.
fn repeats(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=4).any(|length| {
        characters
            .iter()
            .zip(characters.iter().cycle().skip(length))
            .take(characters.len().saturating_sub(length))
            .all(|(a, b)| a == b)
    })
}

/// True when the text is at most three common words with digits around and between them.
fn made_of_words(bare: &str) -> bool {
    let mut rest: &str = bare;
    let mut words = 0;
    while !rest.is_empty() {
        let longest = rest
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .rfind(|end| rest.get(..*end).is_some_and(|piece| WORDS.contains(piece)));
        if let Some(end) = longest {
            words += 1;
            rest = rest.get(end..).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix(|c: char| c.is_ascii_digit()) {
            rest = after;
        } else {
            return false;
        }
    }
    words <= 3
}

#[cfg(test)]
mod tests {
    use super::{PasswordFault, PasswordPolicy, check};

    fn modern(password: &str) -> Vec<PasswordFault> {
        check(PasswordPolicy::Modern, "hermine", password)
    }

    fn osem(password: &str) -> Vec<PasswordFault> {
        check(PasswordPolicy::Osem, "user", password)
    }

    #[test]
    fn modern_asks_for_length_only() {
        assert_eq!(modern("blue kettle sings"), []);
        assert_eq!(modern("ünïcödé wörtër"), []);
        assert_eq!(modern("short"), [PasswordFault::TooShort]);
        assert_eq!(modern(&"aB3$xy".repeat(22)), [PasswordFault::TooLong]);
        assert_eq!(modern("my Hermine is nice"), [PasswordFault::ContainsUserName]);
    }

    #[test]
    fn modern_refuses_what_everybody_tries() {
        for password in [
            "password123456",
            "P@ssw0rd-123456",
            "12345678901234",
            "aaaaaaaaaaaaaa",
            "qwertyuiop1234",
            "abababababababab",
            "change_me_change_me",
            "letmein-welcome-1",
            "--------------",
        ] {
            assert!(modern(password).contains(&PasswordFault::Common), "{password}");
        }
    }

    /// The five rules of OSEM §2.8.2 as a table: what is just good, what is just bad.
    #[test]
    fn osem_has_exactly_its_rules() {
        use PasswordFault as F;
        let table: &[(&str, &[F])] = &[
            // between 14 and 20 characters
            ("Xk7!mQ2#vB9&t", &[F::TooShort]),
            ("Xk7!mQ2#vB9&tz", &[]),
            ("Xk7!mQ2#vB9&tzXk7!mQ", &[]),
            ("Xk7!mQ2#vB9&tzXk7!mQ2", &[F::TooLong]),
            ("Ük7!mQ2#vB9&tz", &[]),
            // one of each class
            ("xk7!mq2#vb9&tz", &[F::Composition]),
            ("XK7!MQ2#VB9&TZ", &[F::Composition]),
            ("Xkq!mQw#vBe&tz", &[F::Composition]),
            ("Xk7wmQ2pvB9dtz", &[F::Composition]),
            ("Xk²!mQ¼#vB½&tz", &[F::Composition]),
            ("Xk7 mQ2 vB9 tz", &[]),
            // no more than three identical characters in a row
            ("Xk7!aaa#vB9&tz", &[]),
            ("Xk7!aaaa#vB9&tz", &[F::Repetition]),
            ("Xk7!aaAa#vB9&tz", &[]),
            ("Xk7!!!!#vB9&tzz", &[F::Repetition]),
            // no more than three sequential characters in a row
            ("Xk7!123#vB9&tz", &[]),
            ("Xk7!1234#vB9&tz", &[F::Sequence]),
            ("Xk7!4321#vB9&tz", &[F::Sequence]),
            ("Xk7!abcd#vB9&tz", &[F::Sequence]),
            ("Xk7!dcba#vB9&tz", &[F::Sequence]),
            ("Xk7!abce#vB9&tz", &[]),
            ("Xk7!1357#vB9&tz", &[]),
            // neither the user name nor its reverse
            ("Xk7!User#vB9&tz", &[F::ContainsUserName]),
            ("Xk7!resu#vB9&tz", &[F::ContainsUserName]),
            ("Xk7!RESU#vB9&tz", &[F::ContainsUserName]),
            ("Xk7!use-r#vB9&tz", &[]),
            // several at once
            ("user1234", &[F::TooShort, F::ContainsUserName, F::Composition, F::Sequence]),
            ("change_me", &[F::TooShort, F::Composition]),
        ];
        for (password, faults) in table {
            assert_eq!(osem(password), *faults, "{password}");
        }
        assert_eq!(check(PasswordPolicy::Osem, "", "Xk7!mQ2#vB9&tz"), []);
    }

    #[test]
    fn a_policy_names_every_rule_it_checks() {
        for policy in [PasswordPolicy::Modern, PasswordPolicy::Osem] {
            assert_eq!(PasswordPolicy::parse(policy.as_str()), Some(policy));
            for password in ["user1234", "aaaaaaaaaaaaaa", "abcdefghijklmnop", &"x".repeat(200), ""] {
                for fault in check(policy, "user", password) {
                    assert!(policy.rules().contains(&fault), "{policy:?} {password}: {fault:?}");
                }
            }
            for rule in policy.rules() {
                assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
            }
        }
    }
}
