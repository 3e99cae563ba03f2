//! One condition of a filter as somebody edits it, and the test it makes.

use domain::group_filter::{AddressTest, Filter, NumberTest, Subject, Test, TextTest, VersionTest};

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Exactly this.
    Is,
    /// Like this, with `*` and `?`.
    Pattern,
    /// From one to another.
    Range,
    /// In a network.
    Network,
    /// One of some words.
    OneOf,
    /// This version or a later one.
    AtLeast,
    /// An earlier version.
    Below,
}

impl Operator {
    /// Every one.
    const ALL: [Self; 7] =
        [Self::Is, Self::Pattern, Self::Range, Self::Network, Self::OneOf, Self::AtLeast, Self::Below];

    /// Its word in a list of choices.
    pub fn word(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::Pattern => "pattern",
            Self::Range => "range",
            Self::Network => "network",
            Self::OneOf => "one-of",
            Self::AtLeast => "at-least",
            Self::Below => "below",
        }
    }

    /// The one with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.word() == word)
    }

    /// Those for a subject, the most useful one first.
    pub fn of(subject: Subject) -> &'static [Self] {
        match subject {
            Subject::E164 => &[Self::Range, Self::Pattern, Self::Is],
            Subject::Address => &[Self::Network, Self::Range, Self::Is],
            Subject::Model | Subject::SoftwareType => &[Self::OneOf],
            Subject::ServerAddress | Subject::ClientField => &[Self::Is, Self::Pattern],
            Subject::SoftwareVersion => &[Self::AtLeast, Self::Below, Self::Is, Self::Pattern],
        }
    }
}

/// One condition, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its number among all; stays while others come and go.
    pub id: u64,
    /// Whether it must not apply.
    pub not: bool,
    /// What it looks at.
    pub subject: Subject,
    /// The client field, when it looks at one.
    pub field: String,
    /// How it compares.
    pub operator: Operator,
    /// What it compares with; of a range where it begins.
    pub text: String,
    /// Where a range ends.
    pub to: String,
    /// The words, when it takes one of some.
    pub words: Vec<String>,
}

/// A text without what people put between digits.
fn digits(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_whitespace() && !matches!(letter, '+' | '-' | '/' | '(' | ')'))
        .collect()
}

impl Condition {
    pub(super) fn new(id: u64, subject: Subject) -> Self {
        let operator = Operator::of(subject).first().copied().unwrap_or(Operator::Is);
        Self {
            id,
            not: false,
            subject,
            field: String::new(),
            operator,
            text: String::new(),
            to: String::new(),
            words: Vec::new(),
        }
    }

    /// Looks at something else; an operator that fits stays, and so does what was typed.
    pub fn look_at(&mut self, subject: Subject, field: &str) {
        self.subject = subject;
        field.clone_into(&mut self.field);
        let known = Operator::of(subject);
        if !known.contains(&self.operator) {
            self.operator = known.first().copied().unwrap_or(Operator::Is);
        }
    }

    /// Whether there is something to compare with.
    pub fn is_complete(&self) -> bool {
        match self.operator {
            Operator::OneOf => !self.words.is_empty(),
            Operator::Range => !self.text.trim().is_empty() && !self.to.trim().is_empty(),
            _ => !self.text.trim().is_empty(),
        }
    }

    fn test(&self) -> Test {
        let (text, to) = (self.text.trim().to_owned(), self.to.trim().to_owned());
        let words = self.words.clone();
        match self.subject {
            Subject::E164 => Test::E164(match self.operator {
                Operator::Pattern => NumberTest::Pattern(digits(&text)),
                Operator::Range => NumberTest::Range { from: digits(&text), to: digits(&to) },
                _ => NumberTest::Is(digits(&text)),
            }),
            Subject::Address => Test::Address(match self.operator {
                Operator::Network => AddressTest::Network(text),
                Operator::Range => AddressTest::Range { from: text, to },
                _ => AddressTest::Is(text),
            }),
            Subject::Model => Test::Model { one_of: words },
            Subject::SoftwareType => Test::SoftwareType { one_of: words },
            Subject::ServerAddress => Test::ServerAddress(self.text_test(text)),
            Subject::ClientField => {
                Test::ClientField { name: self.field.clone(), test: self.text_test(text) }
            }
            Subject::SoftwareVersion => Test::SoftwareVersion(match self.operator {
                Operator::Pattern => VersionTest::Pattern(text),
                Operator::AtLeast => VersionTest::AtLeast(text),
                Operator::Below => VersionTest::Below(text),
                _ => VersionTest::Is(text),
            }),
        }
    }

    fn text_test(&self, text: String) -> TextTest {
        if self.operator == Operator::Pattern { TextTest::Pattern(text) } else { TextTest::Is(text) }
    }

    pub(super) fn filter(&self) -> Filter {
        let test = Filter::Test(self.test());
        if self.not { Filter::Not(Box::new(test)) } else { test }
    }

    pub(super) fn read(id: u64, not: bool, test: &Test) -> Self {
        let mut own = Self { not, ..Self::new(id, test.subject()) };
        let mut set = |operator, text: &str, to: &str| {
            own.operator = operator;
            text.clone_into(&mut own.text);
            to.clone_into(&mut own.to);
        };
        let of_text = |test: &TextTest| match test {
            TextTest::Is(text) => (Operator::Is, text.clone()),
            TextTest::Pattern(text) => (Operator::Pattern, text.clone()),
        };
        match test {
            Test::E164(NumberTest::Is(text)) | Test::Address(AddressTest::Is(text)) => {
                set(Operator::Is, text, "");
            }
            Test::E164(NumberTest::Pattern(text)) => set(Operator::Pattern, text, ""),
            Test::E164(NumberTest::Range { from, to }) | Test::Address(AddressTest::Range { from, to }) => {
                set(Operator::Range, from, to);
            }
            Test::Address(AddressTest::Network(text)) => set(Operator::Network, text, ""),
            Test::Model { one_of } | Test::SoftwareType { one_of } => own.words.clone_from(one_of),
            Test::ServerAddress(test) => {
                let (operator, text) = of_text(test);
                set(operator, &text, "");
            }
            Test::ClientField { name, test } => {
                let (operator, text) = of_text(test);
                set(operator, &text, "");
                own.field.clone_from(name);
            }
            Test::SoftwareVersion(VersionTest::Is(text)) => set(Operator::Is, text, ""),
            Test::SoftwareVersion(VersionTest::Pattern(text)) => set(Operator::Pattern, text, ""),
            Test::SoftwareVersion(VersionTest::AtLeast(text)) => set(Operator::AtLeast, text, ""),
            Test::SoftwareVersion(VersionTest::Below(text)) => set(Operator::Below, text, ""),
        }
        own
    }
}
