//! The editor of the configuration, for one client, for many, and for a template: tree, search, values, and the way to a
//! plan.
//!
//! Nothing is written to phones from here: *Review* makes a plan (D-27), and the plan is applied. Values are checked while typing
//! by the crate the server uses, and by the server again.

use api::plan::{NewChange, PlanKind};
use domain::catalogue::ParameterKey;
use domain::{Permission, TemplateId};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use crate::address::use_address;
use crate::components::button::{Button, ButtonKind, ButtonSize, LinkButton};
use crate::components::dialog::{Dialog, DialogButtons};
use crate::components::icon::Icon;
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::Tone;
use crate::pages::plans::PlanDialog;
use crate::pages::plans::required::RequiredPlanDialog;
use crate::texts::{self, lang};
use crate::{browser, keys, session};

use about::About;
use control::control_id;
use draft::Sent;
use editor::{Editor, Filter, States, Subject};
use edits::Edits;
use head::{Head, Properties};
use leaving::Leaving;
use loading::{OfClients, OfTemplate};
use section::SectionView;
use submit::Submit;
use target::Target;
use tree::Tree;

mod about;
pub(crate) mod catalogue;
mod checks;
mod control;
pub(crate) mod draft;
mod editor;
pub(crate) mod edits;
mod head;
mod key_field;
mod key_places;
mod layers;
mod leaving;
pub(crate) mod loading;
mod order;
mod repeated;
mod row;
mod secret;
mod section;
mod submit;
mod target;
mod tree;
pub(crate) mod variables;
pub(crate) mod words;

pub use catalogue::catalogue;
pub use target::{address_of, template_base, template_value};

/// The editor, at one section.
#[component]
pub fn ConfigurationPage() -> impl IntoView {
    let (params, address) = (use_params_map(), use_address());
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let target = Memo::new(move |_| Target::read(&id.get(), |name| address.get(name)));
    move || match target.get() {
        Some(target) => view! { <OfClients target=target /> }.into_any(),
        None => view! {
            <PageHead title=texts::configuration::title(lang()).to_owned() />
            <EmptyState text=texts::configuration::nobody(lang()).to_owned()>
                <LinkButton href="/clients".to_owned()>{texts::configuration::to_clients(lang())}</LinkButton>
            </EmptyState>
        }
        .into_any(),
    }
}

/// The editor of a template, at one section.
#[component]
pub fn TemplateConfigurationPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    move || {
        // What is no number is no template: the server says so.
        let id = TemplateId(id.get().parse().unwrap_or_default());
        view! { <OfTemplate id=id /> }
    }
}

#[component]
fn EditorView(
    catalogue: std::sync::Arc<domain::catalogue::Catalogue>,
    target: Target,
    subject: Subject,
    states: RwSignal<States>,
) -> impl IntoView {
    let (params, address) = (use_params_map(), use_address());
    let edits = RwSignal::new(draft::take(&target).unwrap_or_default());
    let show = Memo::new(move |_| {
        let word = address.get("show").unwrap_or_default();
        Filter::ALL.into_iter().find(|show| show.word() == word).unwrap_or(Filter::All)
    });
    let client = subject.client;
    let template = target.template().is_some();
    let may = session::may(if template { Permission::ChangeTemplates } else { Permission::ChangeClients });
    let editor = Editor::new(catalogue.clone(), target.clone(), subject, states, edits, show, may);
    let areas = editor.sections();
    let first = first_section(&areas, template.then(|| states.get_untracked()).as_ref());
    let sections: Vec<_> = areas.iter().flat_map(|(_, sections)| sections.clone()).collect();
    let sections = StoredValue::new(sections);
    let known =
        move |id: &str| sections.with_value(|sections| sections.iter().any(|section| section.id == id));
    let current = Memo::new(move |_| params.with(|params| params.get("section")).unwrap_or_default());
    // Without a value of its own a section has nothing to tell beside it.
    let plain = Memo::new(move |_| {
        let id = current.get();
        let has = |section: &domain::catalogue::Section| {
            section.id == id && section.parameters.iter().any(|own| own.entries.is_none())
        };
        sections.with_value(|sections| sections.iter().any(has))
    });
    let to_first = first.map(|first| target.href(&first, None));
    Effect::new(move |_| {
        if let Some(first) = to_first.as_ref().filter(|_| current.with(|current| !known(current))) {
            address.replace(first);
        }
    });
    // The parameter the address names is selected, shown and gets the focus: once, not whenever the address changes.
    let at = Memo::new(move |_| address.get("at"));
    Effect::new(move |_| {
        let Some(at) = at.get().filter(|at| at.starts_with(&format!("{}.", current.get()))) else {
            return;
        };
        let entry = editor.parameter(&at).and_then(|parameter| parameter.entries.map(|(first, _)| first));
        let key = ParameterKey { parameter: at, index: entry };
        let id = control_id(&key);
        editor.selected.set(Some(key));
        request_animation_frame(move || {
            if let Some(row) = document().get_element_by_id(&format!("{id}-row")) {
                row.scroll_into_view();
            }
            browser::focus_id(&id);
        });
    });

    let about = RwSignal::new(false);
    let open_about = Callback::new(move |()| {
        if browser::matches("(max-width: 80rem)") {
            about.set(true);
        }
    });
    let submit = Submit::new(editor, address);
    let (failure, busy) = (submit.failure, submit.busy);
    let wrong = move || {
        let own = editor.faults.with(std::collections::BTreeMap::len);
        own + editor.refused.with(std::collections::BTreeMap::len)
    };
    let to_fault = move || {
        let key = editor.faults.with_untracked(|faults| faults.keys().next().cloned());
        let key = key.or_else(|| editor.refused.with_untracked(|refused| refused.keys().next().cloned()));
        let Some(key) = key else { return };
        let section = sections.with_value(|sections| {
            let own =
                sections.iter().find(|section| section.parameters.iter().any(|own| own.id == key.parameter));
            own.map(|section| section.id.clone())
        });
        if let Some(section) = section {
            address.go(&editor.target.with_value(|target| target.href(&section, Some(&key.parameter))));
        }
    };
    let review = move || {
        if !editor.may || edits.with_untracked(Edits::is_empty) {
            return false;
        }
        match edits
            .with_untracked(Edits::changes)
            .filter(|_| untrack(|| editor.faults.with(std::collections::BTreeMap::is_empty)))
        {
            Some(changes) => submit.changes(changes),
            None => to_fault(),
        }
        true
    };
    keys::on("Ctrl+s", move || review() || editor.may);
    keys::on("Ctrl+z", move || !browser::is_typing() && editor.undo());
    let put_back = Callback::new(move |changes: Vec<NewChange>| {
        let kind = if changes.is_empty() { PlanKind::Converge } else { PlanKind::WriteConfiguration };
        submit.ask(kind, changes, Sent::new());
    });

    let discarding = RwSignal::new(false);
    let count = move || edits.with(Edits::len) as u64;
    let head = view! {
        <Head editor=editor failure=failure>
            {may
                .then(|| {
                    view! {
                        {move || {
                            let wrong = wrong() as u64;
                            (wrong > 0)
                                .then(|| {
                                    view! {
                                        <button type="button" class="link faults" on:click=move |_| to_fault()>
                                            <Icon name="fail" />
                                            {texts::configuration::wrong(lang(), wrong)}
                                        </button>
                                    }
                                })
                        }}
                        <Show when=move || { count() > 0 }>
                            <Button kind=ButtonKind::Ghost on_press=Callback::new(move |()| discarding.set(true))>
                                {texts::configuration::discard(lang())}
                            </Button>
                        </Show>
                        <Button
                            kind=ButtonKind::Primary
                            busy=busy
                            blocked=Signal::derive(move || {
                                (count() == 0).then(|| texts::configuration::nothing_changed(lang()).to_owned())
                            })
                            on_press=Callback::new(move |()| {
                                review();
                            })
                        >
                            {move || match count() {
                                0 if template => texts::configuration::save(lang()).to_owned(),
                                0 => texts::configuration::review(lang()).to_owned(),
                                count if template => texts::configuration::save_changes(lang(), count),
                                count => texts::configuration::review_changes(lang(), count),
                            }}
                        </Button>
                    }
                })}
        </Head>
    };
    let drifted = move || client.with(|client| client.as_ref().map_or(0, |client| client.drifted));
    let notes = move || {
        let drifted = drifted();
        view! {
            <FailureNote failure=failure />
            {(drifted > 0 && may)
                .then(|| {
                    view! {
                        <Note tone=Tone::Warn>
                            <div class="row wrap between">
                                <span>{texts::configuration::drifted(lang(), drifted)}</span>
                                <Button
                                    size=ButtonSize::Small
                                    on_press=Callback::new(move |()| put_back.run(vec![]))
                                >
                                    {texts::configuration::put_all_back(lang())}
                                </Button>
                            </div>
                        </Note>
                    }
                })}
        }
    };
    let has_notes = Memo::new(move |_| drifted() > 0 || failure.with(Option::is_some));
    let body = move || {
        let id = current.get();
        let section =
            sections.with_value(|sections| sections.iter().find(|section| section.id == id).cloned());
        section.map(|section| view! { <SectionView editor=editor section=section open=open_about /> })
    };
    view! {
        {head}
        <Properties editor=editor />
        <Show when=move || has_notes.get()>
            <div class="notes">{notes}</div>
        </Show>
        <div class="conf" class:one=move || editor.is_one() class:wide=move || !plain.get()>
            <Tree editor=editor areas=areas current=current />
            <section class="params">{body}</section>
            <aside class="why" aria-label=texts::configuration::about_value(lang())>
                {move || {
                    editor
                        .selected
                        .with(Option::is_none)
                        .then(|| view! { <p class="muted pad-y">{texts::configuration::select_value(lang())}</p> })
                }}
                <About editor=editor plan=put_back />
            </aside>
        </div>
        <Dialog open=about title=texts::configuration::about_value(lang()).to_owned()>
            <About editor=editor plan=put_back />
        </Dialog>
        <Dialog open=discarding title=texts::configuration::discard_title(lang()).to_owned()>
            <p>{move || texts::configuration::discard_text(lang(), count())}</p>
            <DialogButtons>
                <Button on_press=Callback::new(move |()| discarding.set(false))>{texts::common::cancel(lang())}</Button>
                <Button
                    kind=ButtonKind::Danger
                    on_press=Callback::new(move |()| {
                        edits.set(Edits::default());
                        editor.refused.set(Default::default());
                        discarding.set(false);
                    })
                >
                    {texts::configuration::discard(lang())}
                </Button>
            </DialogButtons>
        </Dialog>
        <PlanDialog
            plan=submit.plan
            applied=Callback::new(move |()| {
                submit.saved();
                about.set(false);
            })
        />
        <RequiredPlanDialog
            required=submit.required
            on_done=Callback::new(move |_| submit.saved())
            on_again=Callback::new(move |()| {
                review();
            })
        />
        <Leaving editor=editor />
    }
}

/// Where the editor begins: at the first section; of a template, at the first one it has a value in.
fn first_section(
    areas: &[(domain::catalogue::Area, Vec<domain::catalogue::Section>)],
    states: Option<&States>,
) -> Option<String> {
    let sections = || areas.iter().flat_map(|(_, sections)| sections);
    let holds = |section: &&domain::catalogue::Section| {
        states.is_some_and(|states| {
            states.keys().any(|key| section.parameters.iter().any(|own| own.id == key.parameter))
        })
    };
    sections().find(holds).or_else(|| sections().next()).map(|section| section.id.clone())
}
