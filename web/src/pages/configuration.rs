//! The editor of the configuration, for one client and for many: tree, search, values, and the way to a plan.
//!
//! Nothing is written from here: *Review* makes a plan (D-27), and the plan is applied. Values are checked while typing
//! by the crate the server uses, and by the server again.

use api::Page;
use api::client::{ClientQuery, ClientView};
use api::configuration::{ConfigurationQuery, Only, ParameterStateView};
use api::page::MOST_PER_PAGE;
use api::plan::{NewChange, NewPlan, PlanKind, PlanView};
use domain::catalogue::ParameterKey;
use domain::client::SecureMode;
use domain::{ClientId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_params_map;

use crate::address::use_address;
use crate::client::{self, Call, Failure, idempotency_key};
use crate::components::button::{Button, ButtonKind, ButtonSize, LinkButton};
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, ErrorState, FailureNote, Note, Skeleton};
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::components::toast;
use crate::live::Resource;
use crate::load::load;
use crate::pages::plans::PlanDialog;
use crate::texts::{self, lang};
use crate::{browser, format, keys, session};

use about::About;
use control::control_id;
use draft::Sent;
use editor::{Editor, Filter, States};
use edits::Edits;
use leaving::Leaving;
use section::SectionView;
use target::Target;
use tree::Tree;

mod about;
pub(crate) mod catalogue;
mod control;
pub(crate) mod draft;
mod editor;
mod edits;
mod key_field;
mod key_places;
mod leaving;
mod order;
mod repeated;
mod row;
mod secret;
mod section;
mod target;
mod tree;
pub(crate) mod words;

pub use catalogue::catalogue;
pub use target::address_of;

/// The editor, at one section.
#[component]
pub fn ConfigurationPage() -> impl IntoView {
    let (params, address) = (use_params_map(), use_address());
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let target = Memo::new(move |_| Target::read(&id.get(), |name| address.get(name)));
    move || match target.get() {
        Some(target) => view! { <Loading target=target /> }.into_any(),
        None => view! {
            <PageHead title=texts::configuration::title(lang()).to_owned() />
            <EmptyState text=texts::configuration::nobody(lang()).to_owned()>
                <LinkButton href="/clients".to_owned()>{texts::configuration::to_clients(lang())}</LinkButton>
            </EmptyState>
        }
        .into_any(),
    }
}

/// Everything of one kind that is known of a client's parameters, page by page.
async fn all_states(id: ClientId, only: Only, states: &mut States) -> Result<(), Failure> {
    let mut page = 1;
    loop {
        let query = ConfigurationQuery {
            page: Some(page),
            size: Some(MOST_PER_PAGE),
            only: Some(only),
            ..ConfigurationQuery::default()
        };
        let path = format!("/clients/{id}/configuration");
        let found: Page<ParameterStateView> = client::get_with(&path, &query).await?;
        let last = page * MOST_PER_PAGE >= found.total || found.items.is_empty();
        for state in found.items {
            states.insert(ParameterKey { parameter: state.parameter.clone(), index: state.index }, state);
        }
        if last {
            return Ok(());
        }
        page += 1;
    }
}

#[component]
fn Loading(target: Target) -> impl IntoView {
    let one = target.one();
    let all = load(catalogue);
    let client = load(move || async move {
        match one {
            Some(id) => client::get::<ClientView>(&format!("/clients/{id}")).await.map(Some),
            None => Ok(None),
        }
    });
    if one.is_some() {
        let _ = client.live(Resource::Clients);
    }
    // What is desired and reported is read again only when the client says something new.
    let newest = Memo::new(move |_| {
        client.data.with(|client| {
            let client = client.as_ref()?.as_ref()?;
            Some((client.revision, client.configuration_revision, client.drifted, client.open_targets))
        })
    });
    let states = load(move || {
        // Read, not only tracked: a memo that nobody read does not tell.
        let _ = newest.get();
        async move {
            let mut states = States::new();
            if let Some(id) = one {
                all_states(id, Only::Reported, &mut states).await?;
                all_states(id, Only::Desired, &mut states).await?;
            }
            Ok(states)
        }
    });
    let known = RwSignal::new(States::new());
    Effect::new(move |_| {
        if let Some(states) = states.data.get() {
            known.set(states);
        }
    });
    let target = StoredValue::new(target);
    let there = Memo::new(move |_| {
        let data = (all.data.with(Option::is_some), client.data.with(Option::is_some));
        data.0 && data.1 && states.data.with(Option::is_some)
    });
    let failure = Signal::derive(move || {
        client.failure.get().or_else(|| all.failure.get()).or_else(|| states.failure.get())
    });
    let retry = Callback::new(move |()| {
        all.reload();
        client.reload();
        states.reload();
    });
    move || {
        let (Some(catalogue), true) = (all.data.get_untracked(), there.get()) else {
            let instead = if failure.with(Option::is_some) {
                view! { <ErrorState failure=failure retry=retry /> }.into_any()
            } else {
                view! { <Skeleton rows=14 /> }.into_any()
            };
            return view! {
                <PageHead title=texts::configuration::title(lang()).to_owned() />
                {instead}
            }
            .into_any();
        };
        if let Some(states) = states.data.get_untracked() {
            known.set(states);
        }
        let client = Signal::derive(move || client.data.get().flatten());
        view! { <EditorView catalogue=catalogue target=target.get_value() client=client states=known /> }
            .into_any()
    }
}

#[component]
fn EditorView(
    catalogue: std::sync::Arc<domain::catalogue::Catalogue>,
    target: Target,
    client: Signal<Option<ClientView>>,
    states: RwSignal<States>,
) -> impl IntoView {
    let (params, address) = (use_params_map(), use_address());
    let edits = RwSignal::new(draft::take(&target).unwrap_or_default());
    let show = Memo::new(move |_| {
        let word = address.get("show").unwrap_or_default();
        Filter::ALL.into_iter().find(|show| show.word() == word).unwrap_or(Filter::All)
    });
    let may = session::may(Permission::ChangeClients);
    let editor = Editor::new(catalogue.clone(), target.clone(), client, states, edits, show, may);
    let areas = editor.sections();
    let first = areas.iter().find_map(|(_, sections)| sections.first()).map(|section| section.id.clone());
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
    let plan = RwSignal::new(None::<PlanView>);
    // What the plan that is shown was made of, when that were changes.
    let shown_sent = StoredValue::new(Sent::new());
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let ask = move |kind: PlanKind, changes: Vec<NewChange>, sent: Sent| {
        let Some(targets) = editor.target.with_value(Target::targets) else { return };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        let request = NewPlan { kind, targets, changes, send_secrets_again: false };
        let key = idempotency_key();
        spawn_local(async move {
            let answer = match Call::post("/plans").once(&key).json(&request) {
                Ok(call) => call.answer::<PlanView>().await,
                Err(failure) => Err(failure),
            };
            // Who has left the editor meanwhile is not led anywhere; all below may read what the editor owns.
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(made) if editor.is_one() => {
                    shown_sent.set_value(sent);
                    let _ = plan.try_set(Some(made));
                }
                Ok(made) => {
                    editor.catalogue.with_value(|all| {
                        editor.target.with_value(|target| draft::planned(all, made.id, target, sent));
                    });
                    address.go(&format!("/plans/{}", made.id));
                }
                Err(problem) => {
                    if !editor.refuse(&problem, &sent) {
                        let _ = failure.try_set(Some(problem));
                    }
                }
            }
        });
    };
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
            Some(changes) => {
                let sent = edits.with_untracked(|edits| {
                    edits.iter().map(|(key, edit)| (key.clone(), edit.clone())).collect()
                });
                ask(PlanKind::WriteConfiguration, changes, sent);
            }
            None => to_fault(),
        }
        true
    };
    keys::on("Ctrl+s", move || review() || editor.may);
    keys::on("Ctrl+z", move || !browser::is_typing() && editor.undo());
    let put_back =
        Callback::new(move |changes: Vec<NewChange>| ask(PlanKind::WriteConfiguration, changes, Sent::new()));

    let discarding = RwSignal::new(false);
    let count = move || edits.with(Edits::len) as u64;
    let head = view! {
        <Head editor=editor client=client failure=failure>
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
                                0 => texts::configuration::review(lang()).to_owned(),
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
                                    on_press=Callback::new(move |()| ask(PlanKind::Converge, vec![], Sent::new()))
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
        <Properties client=client />
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
            <crate::components::dialog::DialogButtons>
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
            </crate::components::dialog::DialogButtons>
        </Dialog>
        <PlanDialog
            plan=plan
            applied=Callback::new(move |()| {
                let sent = shown_sent.get_value();
                if !sent.is_empty() {
                    edits.update(|edits| *edits = std::mem::take(edits).without_sent(&sent));
                    shown_sent.set_value(Sent::new());
                }
                about.set(false);
            })
        />
        <Leaving editor=editor />
    }
}

/// Title and buttons.
#[component]
fn Head(
    editor: Editor,
    client: Signal<Option<ClientView>>,
    failure: RwSignal<Option<Failure>>,
    children: ChildrenFn,
) -> impl IntoView {
    let matching = RwSignal::new(None::<u64>);
    if let Target::Matching(fields) = editor.target.get_value() {
        spawn_local(async move {
            let path = crate::address::with_fields("/clients", &fields);
            let query = ClientQuery { size: Some(1), ..ClientQuery::default() };
            let joint = if path.contains('?') { '&' } else { '?' };
            let query = client::with_query("", &query);
            let path = format!("{path}{joint}{}", query.trim_start_matches('?'));
            if let Ok(page) = client::get::<Page<ClientView>>(&path).await {
                let _ = matching.try_set(Some(page.total));
            }
        });
    }
    let title = Signal::derive(move || {
        let one = client.get().and_then(|client| client.e164.or(client.basic_e164).or(client.device_id));
        let count = editor.target.with_value(|target| match target {
            Target::One(_) => None,
            Target::Some(ids) => Some(ids.len() as u64),
            Target::Matching(_) => matching.get(),
        });
        match (one, count) {
            (Some(one), _) => one,
            (None, Some(count)) => texts::configuration::of_clients(lang(), count),
            (None, None) => texts::configuration::title(lang()).to_owned(),
        }
    });
    let sub = Signal::derive(move || {
        Some(if editor.is_one() {
            texts::configuration::title(lang()).to_owned()
        } else {
            texts::configuration::for_many(lang()).to_owned()
        })
    });
    let refresh = move || {
        let Some(id) = editor.target.with_value(Target::one) else { return };
        failure.set(None);
        spawn_local(async move {
            match Call::post(&format!("/clients/{id}/refresh")).done().await {
                Ok(()) => toast::show(texts::configuration::refresh_wanted(lang())),
                Err(problem) => drop(failure.try_set(Some(problem))),
            }
        });
    };
    let one = editor.is_one() && editor.may;
    view! {
        <PageHead title=title sub=sub>
            {one
                .then(|| {
                    view! {
                        <Button kind=ButtonKind::Ghost icon="refresh" on_press=Callback::new(move |()| refresh())>
                            {texts::configuration::refresh(lang())}
                        </Button>
                    }
                })}
            {children()}
        </PageHead>
    }
}

/// What the client is.
#[component]
fn Properties(client: Signal<Option<ClientView>>) -> impl IntoView {
    move || {
        let client = client.get()?;
        let language = lang();
        let dash = || "–".to_owned();
        let software = [client.software_type, client.software_version]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ");
        let (icon, tone) = match client.secure_mode {
            SecureMode::Secure => ("shieldok", Tone::Ok),
            SecureMode::Default => ("shieldoff", Tone::Idle),
        };
        let secure = texts::word(language, "secure-mode", client.secure_mode.as_str());
        let entry = |name: &'static str, value: AnyView| view! { <div><dt>{name}</dt><dd>{value}</dd></div> };
        use texts::configuration as words;
        Some(view! {
            <dl class="props">
                {entry(words::model(language), client.model.or(client.device_type).unwrap_or_else(dash).into_any())}
                {entry(words::software(language), if software.is_empty() { dash() } else { software }.into_any())}
                {entry(
                    words::device_id(language),
                    view! { <span class="mono">{client.device_id.unwrap_or_else(dash)}</span> }.into_any(),
                )}
                {entry(
                    words::secure_mode(language),
                    view! { <Status kind=StatusKind::new(tone, icon, false) text=secure /> }.into_any(),
                )}
                {entry(words::last_contact(language), view! { <Ago at=client.last_contact_at /> }.into_any())}
                {entry(
                    words::revision(language),
                    format::number(client.configuration_revision.unsigned_abs()).into_any(),
                )}
            </dl>
        })
    }
}
