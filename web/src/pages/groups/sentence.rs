//! The filter of a group, read back as one sentence. Knows labels of client fields; what is not typed yet reads as an
//! ellipsis.

use std::collections::HashMap;

use domain::group_filter::Subject;

use super::draft::{Block, Condition, Draft, Item, Joint, Operator};
use crate::texts::{self, Language};

/// Labels of client fields by their names.
pub type Labels = HashMap<String, String>;

/// Who belongs to it, in a sentence.
pub fn sentence(language: Language, draft: &Draft, labels: &Labels) -> String {
    use texts::groups as words;
    if draft.items.is_empty() {
        return if draft.everybody { words::everybody(language) } else { words::nobody(language) }.to_owned();
    }
    let part = |item: &Item| match item {
        Item::Condition(condition) => self::condition(language, condition, labels),
        Item::Block(block) => self::block(language, block, labels),
    };
    let parts: Vec<String> = draft.items.iter().map(part).collect();
    let joined = joined(language, draft.joint, &parts);
    let sentence = match draft.joint {
        Joint::All | Joint::Any => words::members_are(language, joined),
        Joint::None if parts.len() == 1 => words::members_are_not(language, joined),
        Joint::None => words::members_none(language, joined),
        Joint::NotAll => words::members_not_all(language, joined),
    };
    sentence.replace("….", "…")
}

fn joined(language: Language, joint: Joint, parts: &[String]) -> String {
    let with = match joint {
        Joint::All => texts::groups::and(language),
        Joint::Any => texts::groups::or(language),
        Joint::None | Joint::NotAll => return parts.join("; "),
    };
    parts.join(&format!(" {with} "))
}

fn block(language: Language, block: &Block, labels: &Labels) -> String {
    let parts: Vec<String> = block.conditions.iter().map(|own| condition(language, own, labels)).collect();
    let joined = joined(language, block.joint, &parts);
    match block.joint {
        Joint::All | Joint::Any if parts.len() == 1 => joined,
        Joint::All | Joint::Any => format!("({joined})"),
        Joint::None => texts::groups::block_none(language, joined),
        Joint::NotAll => texts::groups::block_not_all(language, joined),
    }
}

/// What a condition looks at, as it stands in the sentence.
fn subject(language: Language, condition: &Condition, labels: &Labels) -> String {
    if condition.subject == Subject::ClientField {
        let label = labels.get(&condition.field).unwrap_or(&condition.field);
        return texts::groups::field_named(language, label);
    }
    texts::word(language, "subject-in-sentence", condition.subject.as_str())
}

fn condition(language: Language, condition: &Condition, labels: &Labels) -> String {
    use texts::groups as words;
    let subject = subject(language, condition, labels);
    let shown = |text: &str| if text.trim().is_empty() { "…".to_owned() } else { text.trim().to_owned() };
    let (text, to) = (shown(&condition.text), shown(&condition.to));
    match (condition.operator, condition.not) {
        (Operator::Is, false) => words::whose_is(language, subject, text),
        (Operator::Is, true) => words::whose_is_not(language, subject, text),
        (Operator::Pattern, false) => words::whose_pattern(language, subject, text),
        (Operator::Pattern, true) => words::whose_not_pattern(language, subject, text),
        (Operator::Range, false) => words::whose_range(language, text, subject, to),
        (Operator::Range, true) => words::whose_not_range(language, text, subject, to),
        (Operator::Network, false) => words::whose_network(language, subject, text),
        (Operator::Network, true) => words::whose_not_network(language, subject, text),
        (Operator::AtLeast, false) => words::whose_at_least(language, subject, text),
        (Operator::AtLeast, true) => words::whose_not_at_least(language, subject, text),
        (Operator::Below, false) => words::whose_below(language, subject, text),
        (Operator::Below, true) => words::whose_not_below(language, subject, text),
        (Operator::OneOf, not) => {
            let or = format!(" {} ", words::or(language));
            let list = if condition.words.is_empty() { "…".to_owned() } else { condition.words.join(&or) };
            if not {
                words::whose_is_not(language, subject, list)
            } else {
                words::whose_is(language, subject, list)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, sentence};
    use crate::pages::groups::draft::Draft;
    use crate::texts::Language;

    fn read(language: Language, json: &str) -> String {
        let labels = Labels::from([("site".to_owned(), "Standort".to_owned())]);
        let filter = serde_json::from_str(json).unwrap();
        sentence(language, &Draft::read(Some(&filter)).unwrap(), &labels)
    }

    #[test]
    fn a_filter_reads_as_a_sentence() {
        let json = r#"{"all":[{"test":{"field":"e164","range":{"from":"4940100","to":"4940199"}}},
            {"any":[{"test":{"field":"model","one_of":["CP600","CP700"]}},
                    {"not":{"test":{"field":"client-field","name":"site","is":"Hamburg"}}}]}]}"#;
        assert_eq!(
            read(Language::English, json),
            "Members are clients whose number is from 4940100 to 4940199 and (whose type is CP600 or CP700 or whose \
             field “Standort” is not Hamburg)."
        );
        assert_eq!(
            read(Language::German, json),
            "Mitglieder sind Endgeräte, deren Rufnummer zwischen 4940100 und 4940199 liegt und (deren Typ CP600 oder \
             CP700 ist oder deren Feld „Standort“ nicht Hamburg ist)."
        );
    }

    #[test]
    fn nobody_and_everybody_are_said() {
        assert_eq!(read(Language::English, r#"{"any":[]}"#), "Nobody belongs to this group.");
        assert_eq!(read(Language::German, r#"{"all":[]}"#), "Alle Endgeräte gehören zu dieser Gruppe.");
    }
}
