//! What somebody has typed and not submitted yet: checked while typing by the registry of crate `domain`.

use std::cell::Cell;
use std::collections::BTreeMap;

use api::setting::{Kind, SettingView};
use domain::AccountId;
use domain::setting::{SettingFault, SettingKey, SettingValue};
use leptos::prelude::*;

use crate::components::diff::DiffLine;
use crate::texts::{self, lang};

/// A change that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Draft {
    /// Another value, as typed.
    Value(String),
    /// Back to the default.
    Reset,
}

/// All that was typed, by the id of the setting.
pub(super) type Drafts = RwSignal<BTreeMap<String, Draft>>;

thread_local! {
    /// What was typed, and by whom: going to another section or back in the browser asks nobody and loses nothing.
    static TYPED: ArcRwSignal<BTreeMap<String, Draft>> = ArcRwSignal::new(BTreeMap::new());
    static WHOSE: Cell<Option<AccountId>> = const { Cell::new(None) };
}

/// What the account that is signed in has typed; nothing of anybody else.
pub(super) fn typed() -> Drafts {
    let account = crate::session::info_now().map(|info| info.account_id);
    let typed = TYPED.with(Clone::clone);
    if WHOSE.replace(account) != account {
        typed.update(BTreeMap::clear);
    }
    crate::session::at_sign_out(|| TYPED.with(|typed| typed.update(BTreeMap::clear)));
    typed.into()
}

/// What is done with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Set(SettingValue),
    Reset,
}

/// A value as it stands in a control.
pub(super) fn as_text(value: &SettingValue) -> String {
    match value {
        SettingValue::Bool(value) => value.to_string(),
        SettingValue::Integer(value) => value.to_string(),
        SettingValue::Text(text) => text.clone(),
    }
}

/// A value as it is read.
pub(super) fn in_words(setting: &SettingView, value: &SettingValue) -> String {
    match (value, &setting.kind) {
        (SettingValue::Bool(true), _) => texts::common::yes(lang()).to_owned(),
        (SettingValue::Bool(false), _) => texts::common::no(lang()).to_owned(),
        (SettingValue::Integer(number), Kind::Integer { unit, .. }) if !unit.is_empty() => {
            format!("{number} {}", unit_in_words(unit))
        }
        (SettingValue::Text(text), Kind::Choice { .. }) => choice(text),
        (SettingValue::Text(text), _) if text.is_empty() => texts::common::empty_text(lang()).to_owned(),
        (value, _) => as_text(value),
    }
}

/// Word of a choice.
pub(super) fn choice(word: &str) -> String {
    texts::word(lang(), "setting-choice", word)
}

/// Word of a unit.
pub(super) fn unit_in_words(unit: &str) -> String {
    texts::word(lang(), "setting-unit", unit)
}

/// What is in the control: the draft, or the value in force.
pub(super) fn shown(setting: &SettingView, draft: Option<&Draft>) -> String {
    match draft {
        Some(Draft::Value(text)) => text.clone(),
        Some(Draft::Reset) => as_text(&setting.default),
        None => as_text(&setting.value),
    }
}

/// The value a text stands for; what is wrong with it in words.
fn value_of(setting: &SettingView, text: &str) -> Result<SettingValue, String> {
    let text = text.trim();
    let Some(key) = SettingKey::from_id(&setting.id) else {
        // A setting of a newer server: its own check decides.
        return Ok(match setting.value {
            SettingValue::Bool(_) => SettingValue::Bool(text == "true"),
            SettingValue::Integer(_) => {
                let number = text.parse().map_err(|_| texts::common::enter_number(lang()).to_owned())?;
                SettingValue::Integer(number)
            }
            SettingValue::Text(_) => SettingValue::Text(text.to_owned()),
        });
    };
    key.read(text).map_err(|fault| match (&setting.kind, &fault) {
        (Kind::Integer { min, max, .. }, _) | (_, SettingFault::Range { min, max }) => {
            texts::common::enter_number_in(lang(), min, max)
        }
        _ => texts::word(lang(), "field", fault.code()),
    })
}

/// What is wrong with a draft.
pub(super) fn fault(setting: &SettingView, draft: Option<&Draft>) -> Option<String> {
    match draft {
        Some(Draft::Value(text)) => value_of(setting, text).err(),
        Some(Draft::Reset) | None => None,
    }
}

/// What a draft changes; nothing when it says what is so already.
pub(super) fn change(setting: &SettingView, draft: &Draft) -> Option<Change> {
    match draft {
        Draft::Reset => Some(Change::Reset).filter(|_| !setting.is_default()),
        Draft::Value(text) => {
            let value = value_of(setting, text).ok()?;
            (value != setting.value).then_some(Change::Set(value))
        }
    }
}

/// Whether something is typed that is not in force, be it right or wrong.
pub(super) fn differs(setting: &SettingView, draft: &Draft) -> bool {
    change(setting, draft).is_some() || fault(setting, Some(draft)).is_some()
}

/// Whether nobody set a value.
pub(super) trait Origin {
    fn is_default(&self) -> bool;
}

impl Origin for SettingView {
    fn is_default(&self) -> bool {
        self.source == api::setting::Source::Default
    }
}

/// A change as a line of a diff.
pub(super) fn line(setting: &SettingView, change: &Change) -> DiffLine {
    let (new, remark) = match change {
        Change::Set(value) => (in_words(setting, value), None),
        Change::Reset => {
            (in_words(setting, &setting.default), Some(texts::settings::is_default(lang()).to_owned()))
        }
    };
    let restart = setting.restart.then(|| texts::settings::after_restart(lang()).to_owned());
    let remark = [remark, restart].into_iter().flatten().collect::<Vec<_>>().join(" ");
    DiffLine {
        label: label(&setting.id),
        item: Some(short(&setting.id).to_owned()),
        old: Some(in_words(setting, &setting.value)),
        new: Some(new),
        nothing: None,
        secret: false,
        remark: Some(remark),
    }
}

/// Name of a setting in words, or its id.
pub(super) fn label(id: &str) -> String {
    texts::find(lang(), "setting", id).map_or_else(|| short(id).to_owned(), str::to_owned)
}

/// What it does, in words; what the server says of it when it is newer than this page.
pub(super) fn help(setting: &SettingView) -> String {
    texts::find(lang(), "setting-help", &setting.id).map_or_else(|| setting.help.clone(), str::to_owned)
}

/// Id without the part that all have.
pub(super) fn short(id: &str) -> &str {
    id.strip_prefix("server-settings.").unwrap_or(id)
}

/// Section a setting stands in: the first part of its id.
pub(super) fn section(id: &str) -> &str {
    short(id).split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Change, Draft, change, fault, section};
    use crate::texts::{Language, find};
    use api::setting::{Kind, SettingView, Source};
    use domain::setting::{SettingKey, SettingValue};

    fn gap(value: i64, source: Source) -> SettingView {
        SettingView {
            id: "server-settings.contact-me.gap".to_owned(),
            value: SettingValue::Integer(value),
            default: SettingValue::Integer(300),
            source,
            locked: false,
            restart: false,
            restart_pending: false,
            kind: Kind::Integer { min: 1, max: 86_400, unit: "seconds".to_owned() },
            environment: "WORKPOINT_CONTACT_ME_GAP".to_owned(),
            help: String::new(),
            updated_at: None,
            revision: 0,
        }
    }

    #[test]
    fn every_setting_has_a_name_a_help_and_a_section() {
        let missing = SettingKey::ALL.iter().map(|key| key.definition().id).filter(|id| {
            find(Language::German, "setting", id).is_none()
                || find(Language::German, "setting-help", id).is_none()
                || find(Language::German, "setting-section", section(id)).is_none()
        });
        assert_eq!(missing.collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let typed = |text: &str| Draft::Value(text.to_owned());
        assert_eq!(change(&gap(60, Source::Database), &typed(" 60 ")), None);
        assert_eq!(
            change(&gap(60, Source::Database), &typed("61")),
            Some(Change::Set(SettingValue::Integer(61)))
        );
        assert_eq!(change(&gap(60, Source::Database), &Draft::Reset), Some(Change::Reset));
        assert_eq!(change(&gap(300, Source::Default), &Draft::Reset), None);
    }

    #[test]
    fn a_number_out_of_range_is_refused_while_typing() {
        let said = fault(&gap(60, Source::Database), Some(&Draft::Value("0".to_owned())));
        assert_eq!(said.as_deref(), Some("Enter a number from 1 to 86400."));
        assert_eq!(fault(&gap(60, Source::Database), Some(&Draft::Reset)), None);
        assert_eq!(change(&gap(60, Source::Database), &Draft::Value("x".to_owned())), None);
    }
}
