//! One setting in its form: control, limits, where its value comes from, what it needs, and the way back.

use api::setting::{Kind, SettingView, Source};
use leptos::prelude::*;

use super::draft::{self, Draft, Drafts, Origin as _};
use crate::components::field::{FieldFrame, describing};
use crate::components::fresh_id;
use crate::components::icon::Icon;
use crate::components::select::{Choice, PlainSelect};
use crate::texts::{self, lang};

/// One setting.
#[component]
pub(super) fn SettingField(
    setting: Signal<SettingView>,
    drafts: Drafts,
    changes: bool,
    /// Whether the page says for all of them that they need a restart.
    restarts: Memo<bool>,
) -> impl IntoView {
    let first = setting.get_untracked();
    let id = StoredValue::new(first.id.clone());
    let value = RwSignal::new(String::new());
    // What is in the control follows the drafts, and the server while nothing was typed.
    Effect::new(move |_| {
        let now =
            drafts.with(|drafts| setting.with(|setting| draft::shown(setting, drafts.get(&setting.id))));
        if value.get_untracked() != now {
            value.set(now);
        }
    });
    let typed = Callback::new(move |text: String| {
        let same = setting.with_untracked(|setting| text == draft::as_text(&setting.value));
        let id = id.get_value();
        drafts.update(|drafts| {
            if same {
                drafts.remove(&id);
            } else {
                drafts.insert(id, Draft::Value(text));
            }
        });
    });
    let changed = Memo::new(move |_| {
        drafts.with(|drafts| {
            setting.with(|setting| {
                drafts.get(&setting.id).is_some_and(|draft| draft::change(setting, draft).is_some())
            })
        })
    });
    let error = Signal::derive(move || {
        drafts.with(|drafts| setting.with(|setting| draft::fault(setting, drafts.get(&setting.id))))
    });
    let control = fresh_id("setting");
    let help = draft::help(&first);
    let readonly = first.locked || !changes;
    let (anchor, label) = (first.id.clone(), draft::label(&first.id));
    view! {
        <div class="setting" class:changed=move || changed.get() id=anchor>
            <FieldFrame label=label id=control.clone() help=Some(help) error=error>
                <Control setting=first.clone() id=control value=value typed=typed error=error readonly=readonly />
            </FieldFrame>
            <Facts setting=setting drafts=drafts changed=changed readonly=readonly restarts=restarts />
        </div>
    }
}

/// The control of its kind.
#[component]
fn Control(
    setting: SettingView,
    id: String,
    value: RwSignal<String>,
    typed: Callback<String>,
    error: Signal<Option<String>>,
    readonly: bool,
) -> impl IntoView {
    let below = describing(&id);
    let choices = match &setting.kind {
        Kind::Bool => Some(vec![
            Choice::new("true", texts::common::yes(lang())),
            Choice::new("false", texts::common::no(lang())),
        ]),
        Kind::Choice { choices } => {
            Some(choices.iter().map(|word| Choice::new(word, draft::choice(word))).collect())
        }
        Kind::Integer { .. } | Kind::Url | Kind::PathUrl | Kind::Networks | Kind::Instant => None,
    };
    if let (Some(choices), false) = (&choices, readonly) {
        return view! { <PlainSelect id=id value=value choices=choices.clone() described=below on_change=typed /> }.into_any();
    }
    let unit = match &setting.kind {
        Kind::Integer { unit, .. } if !unit.is_empty() => Some(draft::unit_in_words(unit)),
        _ => None,
    };
    let numeric = matches!(setting.kind, Kind::Integer { .. });
    let listed = choices.is_some();
    let words = draft::in_words(&setting, &setting.value);
    let text = move || if listed { words.clone() } else { value.get() };
    view! {
        <div class="in" class:err=move || error.get().is_some() class:ro=readonly>
            <input
                id=id
                type="text"
                class:mono=!numeric && !listed
                inputmode=if numeric { "numeric" } else { "text" }
                maxlength="2048"
                autocomplete="off"
                spellcheck="false"
                readonly=readonly
                aria-invalid=move || error.get().is_some().then_some("true")
                aria-describedby=below
                prop:value=text
                on:input:target=move |event| typed.run(event.target().value())
            />
            {unit.map(|unit| view! { <span class="unit">{unit}</span> })}
            {readonly.then(|| view! { <Icon name="lock" /> })}
        </div>
    }
    .into_any()
}

/// Limits, default, origin, what a change needs, and the way back.
#[component]
fn Facts(
    setting: Signal<SettingView>,
    drafts: Drafts,
    changed: Memo<bool>,
    readonly: bool,
    restarts: Memo<bool>,
) -> impl IntoView {
    let facts = move || {
        setting.with(|setting| {
            let language = lang();
            let mut facts = Vec::new();
            if let Kind::Integer { min, max, .. } = setting.kind {
                facts.push(texts::common::range(language, min, max));
            }
            facts.push(texts::settings::default_is(language, draft::in_words(setting, &setting.default)));
            match setting.source {
                Source::Database => facts.push(texts::settings::set_here(language).to_owned()),
                Source::Default | Source::File | Source::Environment => {}
            }
            if setting.restart && !restarts.get() {
                facts.push(texts::settings::needs_restart(language).to_owned());
            }
            facts.join(" · ")
        })
    };
    let pending = move || {
        setting.with(|setting| setting.restart_pending).then(|| {
            view! {
                <span class="tag warn">
                    <Icon name="hourglass" />
                    {texts::settings::restart_pending(lang())}
                </span>
            }
        })
    };
    let back = move || {
        let id = setting.with(|setting| setting.id.clone());
        if changed.get() {
            let undo = move |_| {
                drafts.update(|drafts| {
                    drafts.remove(&id);
                });
            };
            return view! { <button type="button" class="link small" on:click=undo>{texts::settings::undo(lang())}</button> }.into_any();
        }
        let own = setting.with(|setting| !setting.is_default());
        if own && !readonly {
            let reset = move |_| {
                drafts.update(|drafts| {
                    drafts.insert(id.clone(), Draft::Reset);
                });
            };
            return view! { <button type="button" class="link small" on:click=reset>{texts::settings::reset(lang())}</button> }.into_any();
        }
        ().into_any()
    };
    let fixed = move || {
        setting.with(|setting| {
            let said = match setting.source {
                Source::Default | Source::Database => return None,
                Source::File => texts::settings::fixed_by_file(lang()).to_owned(),
                Source::Environment => texts::settings::fixed_by_environment(lang(), &setting.environment),
            };
            Some(view! {
                <p class="setting-fixed">
                    <Icon name="lock" />
                    <span>{said}</span>
                </p>
            })
        })
    };
    view! {
        {fixed}
        <p class="setting-facts">
            <span>{facts}</span>
            {pending}
            {back}
        </p>
    }
}
