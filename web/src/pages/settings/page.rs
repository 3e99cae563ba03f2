//! The page: sections on the left, the form of one section, or everything that a search finds.

use std::collections::BTreeMap;

use api::setting::SettingView;
use domain::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::draft::{self, Drafts};
use super::field::SettingField;
use super::review::{Changes, ReviewDialog};
use crate::address::{History, use_address};
use crate::client;
use crate::components::button::{Button, ButtonKind};
use crate::components::icon::Icon;
use crate::components::leaving::Leaving;
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, Note};
use crate::components::status::Tone;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// The settings, by section.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let settings = load(|| client::get::<api::Page<SettingView>>("/settings")).live(Resource::Settings);
    let reload = Callback::new(move |()| settings.reload());
    view! {
        <PageHead title=texts::settings::title(lang()).to_owned() />
        {settings
            .show(
                10,
                move |page| {
                    let settings = Signal::derive(move || page.get().items);
                    view! { <Sections settings=settings reload=reload /> }.into_any()
                },
            )}
    }
}

/// Sections in the order of the registry.
fn sections(settings: &[SettingView]) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for setting in settings {
        let section = draft::section(&setting.id);
        if !sections.iter().any(|known| known == section) {
            sections.push(section.to_owned());
        }
    }
    sections
}

fn section_name(section: &str) -> String {
    texts::word(lang(), "setting-section", section)
}

/// Whether a setting is found: name, help, id or variable has the text.
fn is_found(setting: &SettingView, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let places =
        [draft::label(&setting.id), draft::help(setting), setting.id.clone(), setting.environment.clone()];
    places.iter().any(|place| place.to_lowercase().contains(&text))
}

#[component]
fn Sections(settings: Signal<Vec<SettingView>>, reload: Callback<()>) -> impl IntoView {
    let params = use_params_map();
    let address = use_address();
    let names = sections(&settings.get_untracked());
    let first = names.first().cloned().unwrap_or_default();
    let section =
        Memo::new(move |_| params.with(|params| params.get("section")).unwrap_or_else(|| first.clone()));
    let search = Memo::new(move |_| address.get("q").unwrap_or_default());
    let drafts: Drafts = draft::typed();
    let changed = Signal::derive(move || {
        drafts.with(|drafts| {
            settings.with(|settings| {
                let differs = |setting: &&SettingView| {
                    drafts.get(&setting.id).is_some_and(|draft| draft::differs(setting, draft))
                };
                settings.iter().filter(differs).count() as u64
            })
        })
    });
    let typed = RwSignal::new(search.get_untracked());
    Effect::new(move |_| {
        let asked = search.get();
        if typed.get_untracked().trim() != asked {
            typed.set(asked);
        }
    });
    let shown = Memo::new(move |_| {
        let (search, section) = (search.get(), section.get());
        let wanted = |setting: &&SettingView| {
            if search.is_empty() {
                draft::section(&setting.id) == section
            } else {
                is_found(setting, &search)
            }
        };
        settings.with(|settings| {
            settings.iter().filter(wanted).map(|setting| setting.id.clone()).collect::<Vec<_>>()
        })
    });
    let entry = move |name: String| {
        let (own, counted) = (name.clone(), name.clone());
        let changed = move || {
            let count =
                drafts.with(|drafts| drafts.keys().filter(|id| draft::section(id) == counted).count());
            (count > 0)
                .then(|| view! { <span class="n">{texts::settings::changes(lang(), count as u64)}</span> })
        };
        view! {
            <a
                href=format!("/settings/{name}")
                aria-current=move || (search.with(String::is_empty) && section.get() == own).then_some("true")
            >
                {section_name(&name)}
                {changed}
            </a>
        }
    };
    view! {
        <div class="settings">
            <div class="settings-side">
                <div class="in" role="search">
                    <Icon name="search" />
                    <input
                        type="search"
                        aria-label=texts::settings::search(lang())
                        placeholder=texts::settings::search(lang())
                        maxlength="200"
                        spellcheck="false"
                        autocomplete="off"
                        bind:value=typed
                        on:input=move |_| {
                            let text = Some(typed.get_untracked().trim().to_owned()).filter(|text| !text.is_empty());
                            address.set(&[("q", text)], History::Replace);
                        }
                    />
                </div>
                <nav class="settings-nav" aria-label=texts::settings::sections(lang())>
                    {names.into_iter().map(entry).collect_view()}
                </nav>
            </div>
            <Form
                title=Signal::derive(move || {
                    if search.with(String::is_empty) {
                        section_name(&section.get())
                    } else {
                        texts::settings::found(lang(), shown.with(|shown| shown.len() as u64))
                    }
                })
                settings=settings
                shown=shown
                drafts=drafts
                reload=reload
            />
        </div>
        <Leaving
            count=changed
            base="/settings"
            discard=Callback::new(move |()| drafts.set(BTreeMap::new()))
        />
    }
}

/// The form of what is shown; it submits what was changed in it.
#[component]
fn Form(
    title: Signal<String>,
    settings: Signal<Vec<SettingView>>,
    shown: Memo<Vec<String>>,
    drafts: Drafts,
    reload: Callback<()>,
) -> impl IntoView {
    let changes_allowed = session::may(Permission::ChangeSettings);
    let reviewing = RwSignal::new(false);
    let changes = Signal::derive(move || -> Changes {
        let shown = shown.get();
        drafts.with(|drafts| {
            settings.with(|settings| {
                let of = |setting: &SettingView| {
                    let change = draft::change(setting, drafts.get(&setting.id)?)?;
                    shown.contains(&setting.id).then(|| (setting.clone(), change))
                };
                settings.iter().filter_map(of).collect()
            })
        })
    });
    let faulty = Memo::new(move |_| {
        drafts.with(|drafts| {
            settings.with(|settings| {
                settings.iter().any(|setting| {
                    shown.with(|shown| shown.contains(&setting.id))
                        && draft::fault(setting, drafts.get(&setting.id)).is_some()
                })
            })
        })
    });
    let count = Memo::new(move |_| changes.with(Vec::len) as u64);
    let blocked = Signal::derive(move || {
        if faulty.get() {
            Some(texts::settings::mend_first(lang()).to_owned())
        } else {
            (count.get() == 0).then(|| texts::settings::nothing_changed(lang()).to_owned())
        }
    });
    // Said once for all, when it holds for all; at each of them otherwise.
    let restarts = Memo::new(move |_| {
        shown.with(|shown| {
            settings.with(|settings| {
                let mut all = settings.iter().filter(|setting| shown.contains(&setting.id)).peekable();
                all.peek().is_some() && all.all(|setting| setting.restart)
            })
        })
    });
    let field = move |id: String| {
        let first =
            settings.with_untracked(|settings| settings.iter().find(|setting| setting.id == id).cloned());
        first.map(|first| {
            let setting = Signal::derive(move || {
                let now =
                    settings.with(|settings| settings.iter().find(|setting| setting.id == first.id).cloned());
                now.unwrap_or_else(|| first.clone())
            });
            view! { <SettingField setting=setting drafts=drafts changes=changes_allowed restarts=restarts /> }
        })
    };
    let empty = move || shown.with(Vec::is_empty);
    let discard = Callback::new(move |()| {
        let shown = shown.get_untracked();
        drafts.update(|drafts| drafts.retain(|id, _| !shown.contains(id)));
    });
    let all_restart = move || {
        restarts.get().then(|| view! { <p class="setting-all">{texts::settings::all_restart(lang())}</p> })
    };
    let restart = move || {
        let waits = settings.with(|settings| settings.iter().any(|setting| setting.restart_pending));
        waits.then(|| view! { <Note tone=Tone::Warn>{texts::settings::restart_waits(lang())}</Note> })
    };
    view! {
        <div class="settings-main">
            <form
                class="settings-form"
                on:submit=move |event| {
                    event.prevent_default();
                    if blocked.get_untracked().is_none() {
                        reviewing.set(true);
                    }
                }
            >
                <h2>{move || title.get()}</h2>
                {restart}
                {all_restart}
                {(!changes_allowed).then(|| view! { <Note>{texts::settings::only_read(lang())}</Note> })}
                {move || empty().then(|| view! { <EmptyState text=texts::settings::none_found(lang()).to_owned() icon="search" /> })}
                <For each=move || shown.get() key=Clone::clone children=field />
                {changes_allowed
                    .then(|| {
                        view! {
                            <div class="settings-foot">
                                <Button kind=ButtonKind::Primary blocked=blocked>
                                    {move || match count.get() {
                                        0 => texts::settings::review_none(lang()).to_owned(),
                                        count => texts::settings::review(lang(), count),
                                    }}
                                </Button>
                                {move || {
                                    (count.get() > 0 || faulty.get())
                                        .then(|| {
                                            view! { <Button on_press=discard>{texts::settings::discard(lang())}</Button> }
                                        })
                                }}
                            </div>
                        }
                    })}
            </form>
        </div>
        <ReviewDialog open=reviewing changes=changes drafts=drafts done=reload />
    }
}

#[cfg(test)]
mod tests {
    use super::sections;
    use api::setting::{Kind, SettingView, Source};
    use domain::setting::SettingValue;

    #[test]
    fn sections_keep_the_order_of_the_registry() {
        let setting = |id: &str| SettingView {
            id: format!("server-settings.{id}"),
            value: SettingValue::Bool(true),
            default: SettingValue::Bool(true),
            source: Source::Default,
            locked: false,
            restart: false,
            restart_pending: false,
            kind: Kind::Bool,
            environment: String::new(),
            help: String::new(),
            updated_at: None,
            revision: 0,
        };
        let all = [setting("ports.a"), setting("phones.b"), setting("ports.c")];
        assert_eq!(sections(&all), ["ports", "phones"]);
    }
}
