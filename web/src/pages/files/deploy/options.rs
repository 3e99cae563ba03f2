//! How files are deployed: fetched or deleted, when idle or at once, again, to another family or an older version, and
//! when the job stops on its own.

use api::deployment::{NewDeployedFile, NewDeployment};
use api::plan::PlanKind;
use domain::deployment::{FileAction, Priority};
use leptos::prelude::*;

use crate::components::checkbox::Checkbox;
use crate::components::field::NumberField;
use crate::texts::{self, lang};

/// Largest limit that can be typed.
const MOST: i64 = 1_000_000;

/// What is chosen.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    delete: RwSignal<bool>,
    immediate: RwSignal<bool>,
    again: RwSignal<bool>,
    downgrade: RwSignal<bool>,
    family: RwSignal<bool>,
    errors: RwSignal<String>,
    successes: RwSignal<String>,
    /// The limit of failures that stands there before anything is typed.
    preset: StoredValue<String>,
}

/// A number that may be left out; `Err` when it is none.
fn limit(typed: &str) -> Result<Option<u64>, ()> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    typed.parse().ok().filter(|number| (1..=MOST.unsigned_abs()).contains(number)).map(Some).ok_or(())
}

impl Options {
    pub(super) fn new() -> Self {
        let off = || RwSignal::new(false);
        let empty = || RwSignal::new(String::new());
        Self {
            delete: off(),
            immediate: off(),
            again: off(),
            downgrade: off(),
            family: off(),
            errors: empty(),
            successes: empty(),
            preset: StoredValue::default(),
        }
    }

    /// Nothing is chosen yet, but that it stops after so many failures.
    pub(crate) fn stopping_after(failures: u64) -> Self {
        let options = Self::new();
        options.errors.set(failures.to_string());
        options.preset.set_value(failures.to_string());
        options
    }

    /// Whether anything is chosen or typed; to be watched.
    pub(crate) fn is_touched(self) -> bool {
        let chosen = [self.delete, self.immediate, self.again, self.downgrade, self.family];
        let preset = self.preset.get_value();
        let typed = self.errors.with(|typed| *typed != preset) || !self.successes.with(String::is_empty);
        chosen.iter().any(|chosen| chosen.get()) || typed
    }

    /// Whether everything that was typed is understood.
    pub(crate) fn are_good(self) -> bool {
        [self.errors, self.successes].iter().all(|typed| typed.with_untracked(|typed| limit(typed).is_ok()))
    }

    /// What phones do with the files. Software is never deleted: a phone runs it.
    pub(super) fn action(self, kind: PlanKind) -> FileAction {
        let deletes = kind != PlanKind::DeploySoftware && self.delete.get_untracked();
        if deletes { FileAction::Delete } else { FileAction::Deploy }
    }

    pub(crate) fn deployment(self, files: Vec<NewDeployedFile>, kind: PlanKind) -> NewDeployment {
        let software = kind == PlanKind::DeploySoftware;
        let read = |typed: RwSignal<String>| typed.with_untracked(|typed| limit(typed).ok().flatten());
        NewDeployment {
            files,
            priority: if self.immediate.get_untracked() { Priority::Immediate } else { Priority::Normal },
            allow_family_change: software && self.family.get_untracked(),
            allow_downgrade: software && self.downgrade.get_untracked(),
            again: self.again.get_untracked() && self.action(kind) == FileAction::Deploy,
            error_limit: read(self.errors),
            success_limit: read(self.successes),
        }
    }
}

/// One of two choices of a group of this name.
fn choice(
    group: &'static str,
    chosen: RwSignal<bool>,
    value: bool,
    words: &'static str,
    help: &'static str,
) -> AnyView {
    view! {
        <label class="option">
            <input
                type="radio"
                class="ck rd"
                name=group
                prop:checked=move || chosen.get() == value
                on:change=move |_| chosen.set(value)
            />
            <span>
                <span class="strong">{words}</span>
                <br />
                <span class="hint">{help}</span>
            </span>
        </label>
    }
    .into_any()
}

/// What is done with the files: they are deployed or deleted.
#[component]
pub(super) fn ActionFields(options: Options, #[prop(into)] software: Signal<bool>) -> impl IntoView {
    let choice = move |delete: bool, words: &'static str, help: &'static str| {
        choice("deploy-action", options.delete, delete, words, help)
    };
    move || {
        (!software.get()).then(|| {
            let language = lang();
            let (deploy, deploy_help) = (
                texts::deployments::action_deploy(language),
                texts::deployments::action_deploy_help(language),
            );
            let (delete, delete_help) = (
                texts::deployments::action_delete(language),
                texts::deployments::action_delete_help(language),
            );
            view! {
                <fieldset class="when stack-v close">
                    <legend>{texts::deployments::action(language)}</legend>
                    <div class="two-columns even">
                        {choice(false, deploy, deploy_help)} {choice(true, delete, delete_help)}
                    </div>
                </fieldset>
            }
        })
    }
}

/// When, again, and what else is allowed; and when it stops.
#[component]
pub(crate) fn OptionFields(
    options: Options,
    #[prop(into)] software: Signal<bool>,
    /// Phones that run something older get something newer: nothing else is asked but when, and when it stops.
    #[prop(optional)]
    newer_only: bool,
) -> impl IntoView {
    let language = lang();
    let choice = move |immediate: bool, words: &'static str, help: &'static str| {
        choice("deploy-when", options.immediate, immediate, words, help)
    };
    // What is deleted twice is gone as before.
    let fetched = Memo::new(move |_| software.get() || !options.delete.get());
    let again = move || {
        fetched.get().then(|| {
            view! {
                <Checkbox
                    label=texts::deployments::again(lang()).to_owned()
                    help=Some(texts::deployments::again_help(lang()).to_owned())
                    checked=options.again
                />
            }
        })
    };
    let of_software = move || {
        software.get().then(|| {
            view! {
                <Checkbox
                    label=texts::deployments::allow_downgrade(lang()).to_owned()
                    help=Some(texts::deployments::allow_downgrade_help(lang()).to_owned())
                    checked=options.downgrade
                />
                <Checkbox
                    label=texts::deployments::allow_family(lang()).to_owned()
                    help=Some(texts::deployments::allow_family_help(lang()).to_owned())
                    checked=options.family
                />
            }
        })
    };
    view! {
        <fieldset class="when stack-v close">
            <legend>{texts::deployments::how(language)}</legend>
            <div class="two-columns even">
                {choice(false, texts::deployments::when_idle(language), texts::deployments::when_idle_help(language))}
                {choice(true, texts::deployments::at_once(language), texts::deployments::at_once_help(language))}
            </div>
            {(!newer_only).then(|| view! { {again} {of_software} })}
            <div class="two-columns even">
                <LimitField
                    label=texts::deployments::error_limit(language)
                    help=texts::deployments::error_limit_help(language)
                    value=options.errors
                />
                <LimitField
                    label=texts::deployments::success_limit(language)
                    help=texts::deployments::success_limit_help(language)
                    value=options.successes
                />
            </div>
        </fieldset>
    }
}

/// A number of clients that may be left out.
#[component]
fn LimitField(label: &'static str, help: &'static str, value: RwSignal<String>) -> impl IntoView {
    let wrong = Signal::derive(move || {
        let limits =
            || texts::common::enter_number_in(lang(), "1", crate::format::number(MOST.unsigned_abs()));
        value.with(|typed| limit(typed)).is_err().then(limits)
    });
    view! {
        <NumberField
            label=label.to_owned()
            value=value
            help=Some(help.to_owned())
            error=wrong
            unit=texts::deployments::clients_unit(lang()).to_owned()
        />
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, limit};
    use api::plan::PlanKind;
    use domain::deployment::{FileAction, Priority};
    use leptos::prelude::Set as _;

    #[test]
    fn no_limit_is_none_and_nonsense_is_not_no_limit() {
        assert_eq!((limit(""), limit(" 12 ")), (Ok(None), Ok(Some(12))));
        assert_eq!((limit("0"), limit("-1"), limit("a few")), (Err(()), Err(()), Err(())));
    }

    #[test]
    fn what_is_only_for_software_is_not_sent_with_others() {
        let owner = leptos::prelude::Owner::new();
        owner.with(|| {
            let options = Options::new();
            options.family.set(true);
            options.immediate.set(true);
            let files = options.deployment(Vec::new(), PlanKind::DeployFiles);
            assert!(!files.allow_family_change && files.priority == Priority::Immediate);
            assert!(options.deployment(Vec::new(), PlanKind::DeploySoftware).allow_family_change);
        });
    }

    #[test]
    fn whatever_is_chosen_or_typed_would_be_lost() {
        let owner = leptos::prelude::Owner::new();
        owner.with(|| {
            let options = Options::new();
            assert!(!options.is_touched());
            options.again.set(true);
            assert!(options.is_touched());
            options.again.set(false);
            options.errors.set("1".to_owned());
            assert!(options.is_touched());
        });
    }

    #[test]
    fn a_limit_that_is_given_is_sent_and_is_nothing_typed() {
        let owner = leptos::prelude::Owner::new();
        owner.with(|| {
            let options = Options::stopping_after(12);
            assert!(!options.is_touched());
            let software = PlanKind::DeploySoftware;
            assert_eq!(options.deployment(Vec::new(), software).error_limit, Some(12));
            options.errors.set(String::new());
            assert!(options.is_touched());
            assert_eq!(options.deployment(Vec::new(), software).error_limit, None);
        });
    }

    #[test]
    fn files_are_deleted_and_software_never_is() {
        let owner = leptos::prelude::Owner::new();
        owner.with(|| {
            let options = Options::new();
            options.again.set(true);
            assert_eq!(options.action(PlanKind::DeployFiles), FileAction::Deploy);
            assert!(options.deployment(Vec::new(), PlanKind::DeployFiles).again);
            options.delete.set(true);
            assert_eq!(options.action(PlanKind::DeployFiles), FileAction::Delete);
            assert_eq!(options.action(PlanKind::DeploySoftware), FileAction::Deploy);
            assert!(!options.deployment(Vec::new(), PlanKind::DeployFiles).again);
            assert!(options.deployment(Vec::new(), PlanKind::DeploySoftware).again);
        });
    }
}
