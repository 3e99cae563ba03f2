//! The words of actions: the question, what it does, the button, and what is said afterwards. One phone is called by its
//! name, many by their number.

use api::client::ClientView;
use jiff::Timestamp;

use super::{Subject, What};
use crate::components::states::Difference;
use crate::format;
use crate::pages::clients::look;
use crate::texts::{self, lang};

/// The question.
pub(super) fn title(what: What, subject: &Subject) -> String {
    use texts::clients as words;
    let language = lang();
    match subject {
        Subject::One(client) => {
            let name = look::name(client);
            match what {
                What::Refresh => words::refresh_one(language, name),
                What::Restart => words::restart_one(language, name),
                What::Reset => words::reset_one(language, name),
                What::Delete => words::delete_one(language, name),
                What::Approve => words::approve_one(language, name),
                What::Release => words::release_one(language, name),
            }
        }
        Subject::Many(chosen) => {
            let count = chosen.count();
            match what {
                What::Restart => words::restart_many(language, count),
                What::Reset => words::reset_many(language, count),
                What::Delete => words::delete_many(language, count),
                What::Refresh | What::Approve | What::Release => words::refresh_many(language, count),
            }
        }
    }
}

/// What it does, and what it does not.
pub(super) fn effect(what: What, subject: &Subject) -> String {
    use texts::clients as words;
    let language = lang();
    match (what, subject) {
        (What::Refresh, Subject::One(_)) => words::refresh_effect(language).to_owned(),
        (What::Refresh, Subject::Many(_)) => words::refresh_effect_many(language).to_owned(),
        (What::Restart, Subject::One(_)) => words::restart_effect(language).to_owned(),
        (What::Restart, Subject::Many(_)) => words::restart_effect_many(language).to_owned(),
        (What::Reset, Subject::One(_)) => words::reset_effect(language).to_owned(),
        (What::Reset, Subject::Many(_)) => words::reset_effect_many(language).to_owned(),
        (What::Delete, Subject::One(_)) => words::delete_effect(language).to_owned(),
        (What::Delete, Subject::Many(_)) => words::delete_effect_many(language).to_owned(),
        (What::Approve, Subject::One(client)) => words::approve_effect(language, address(client)),
        (What::Release, Subject::One(client)) => {
            let reason = client
                .quarantine_reason
                .map(|reason| texts::word(language, "quarantine-reason", reason.as_str()));
            let effect = words::release_effect(language);
            reason.map_or_else(|| effect.to_owned(), |reason| format!("{reason} {effect}"))
        }
        (What::Approve | What::Release, Subject::Many(_)) => String::new(),
    }
}

fn address(client: &ClientView) -> String {
    client.peer_address.clone().unwrap_or_else(look::dash)
}

/// What is different of what somebody looks at before they decide about a client.
pub(in crate::pages::clients) fn differences(before: &ClientView, now: &ClientView) -> Vec<Difference> {
    use texts::clients as words;
    let language = lang();
    let state = |client: &ClientView| {
        let state = texts::word(language, "client-state", client.state.as_str());
        let reason = client
            .quarantine_reason
            .map(|reason| texts::word(language, "quarantine-reason", reason.as_str()));
        Some(reason.map_or(state.clone(), |reason| format!("{state} – {reason}")))
    };
    let seen = [
        (words::e164(language), before.e164.clone(), now.e164.clone()),
        (words::device_id(language), before.device_id.clone(), now.device_id.clone()),
        (words::model(language), before.model.clone(), now.model.clone()),
        (words::address(language), before.peer_address.clone(), now.peer_address.clone()),
        (words::state(language), state(before), state(now)),
    ];
    let differs = seen.into_iter().filter(|(_, before, now)| before != now);
    differs
        .map(|(name, before, now)| Difference {
            name: name.to_owned(),
            before: before.unwrap_or_else(look::dash),
            now: now.unwrap_or_else(look::dash),
        })
        .collect()
}

/// Verb and object.
pub(super) fn button(what: What, subject: &Subject) -> String {
    use texts::clients as words;
    let language = lang();
    let count = subject.count();
    match what {
        What::Refresh => words::refresh(language).to_owned(),
        What::Restart => words::restart_button(language, count),
        What::Reset => words::reset_button(language, count),
        What::Delete => words::delete_button(language, count),
        What::Approve => words::approve(language).to_owned(),
        What::Release => words::release(language).to_owned(),
    }
}

/// A job was made.
pub(super) fn started(what: What, subject: &Subject, planned_at: Option<Timestamp>) -> String {
    use texts::clients as words;
    let language = lang();
    let count = subject.count();
    if let Some(at) = planned_at {
        return words::planned(language, format::date_time(at));
    }
    match (what, subject) {
        (What::Refresh, Subject::One(client)) => words::refresh_started(language, look::name(client)),
        (What::Restart, _) => words::restart_started(language, count),
        (What::Reset, _) => words::reset_started(language, count),
        (What::Delete, _) => words::delete_started(language, count),
        (What::Refresh | What::Approve | What::Release, _) => words::refresh_started_many(language, count),
    }
}

/// It was done at once, with one client.
pub(super) fn done(what: What, name: &str) -> String {
    use texts::clients as words;
    let language = lang();
    match what {
        What::Approve => words::approved_now(language, name),
        What::Release => words::released_now(language, name),
        What::Refresh | What::Restart | What::Reset | What::Delete => words::deleted_now(language, name),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::pages::clients::look::tests::client;

    #[test]
    fn only_what_the_question_is_about_is_different() {
        let before = client();
        let mut now = client();
        now.revision += 1;
        now.last_contact_at = None;
        assert!(differences(&before, &now).is_empty());
        now.peer_address = Some("10.9.9.9".to_owned());
        let told = differences(&before, &now);
        assert_eq!(told.iter().map(|line| line.now.as_str()).collect::<Vec<_>>(), ["10.9.9.9"]);
    }
}
