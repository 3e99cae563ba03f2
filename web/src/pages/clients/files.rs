//! The tab "Files": the software of a client with what decides about it, the files its templates want on it, and the files
//! the phone says it has (OSEM §7.1.6).

use api::client::ClientView;
use api::file::{ClientFiles, ClientSoftware, InstalledFile, TemplateUse, WantedFile};
use api::plan::PlanKind;
use api::targets::Targets;
use domain::client::ClientState;
use domain::file::FileType;
use domain::{ClientId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::actions::Actions;
use crate::address::use_address;
use crate::client::{self, Failure, idempotency_key};
use crate::components::button::{Button, IconButton};
use crate::components::states::FailureNote;
use crate::components::status::{Status, StatusKind, Tone};
use crate::components::time::Ago;
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::pages::configuration::words::reason;
use crate::pages::files::{deploy, words};
use crate::session;
use crate::texts::{self, lang};

/// What is on the phone, and what should be.
#[component]
pub(super) fn Files(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    let id = client.with_untracked(|client| client.id);
    let files =
        load(move || async move { client::get::<ClientFiles>(&format!("/clients/{id}/files")).await })
            .live(Resource::Clients)
            .live(Resource::Files)
            // Templates and whom they reach decide what is wanted.
            .live(Resource::Templates)
            .live(Resource::Groups);
    let may = session::may(Permission::ChangeClients);
    let there = Memo::new(move |_| {
        client.with(|client| !matches!(client.state, ClientState::Prepared | ClientState::Retired))
    });
    let failure = RwSignal::new(None::<Failure>);
    let deploy = move || {
        (may && there.get()).then(|| {
            view! {
                <div class="row">
                    <Button
                        icon="deploy"
                        on_press=Callback::new(move |()| actions.deploy(&client.get_untracked()))
                    >
                        {texts::deployments::deploy(lang())}
                    </Button>
                </div>
            }
        })
    };
    view! {
        {deploy}
        <FailureNote failure=failure />
        {files
            .show(
                6,
                move |files: Signal<ClientFiles>| {
                    view! {
                        <h3>{texts::deployments::software(lang())}</h3>
                        {move || files.with(|files| software(&files.software))}
                        <h3>{texts::deployments::wanted(lang())}</h3>
                        {move || files.with(|files| wanted(&files.wanted))}
                        <h3>{move || files.with(installed_heading)}</h3>
                        {move || files.with(told)}
                        <Installed client=id files=files may=may failure=failure />
                    }
                        .into_any()
                },
            )}
    }
}

fn template(template: &TemplateUse) -> AnyView {
    view! { <a href=format!("/templates/{}?tab=files", template.id)>{template.name.clone()}</a> }.into_any()
}

/// What comes of the wanted software, in words.
fn outcome(software: &ClientSoftware) -> String {
    let code = &software.outcome.code;
    match texts::find(lang(), "software-outcome", code) {
        Some(words) => words.to_owned(),
        None => reason(&software.outcome),
    }
}

fn software(software: &ClientSoftware) -> AnyView {
    let language = lang();
    let known = |text: &Option<String>| text.clone().unwrap_or_else(words::dash);
    let wanted = match (software.file, &software.wanted) {
        (Some(file), Some(version)) => {
            view! { <a href=format!("/files?open={file}")>{version.clone()}</a> }.into_any()
        }
        (_, version) => known(version).into_any(),
    };
    let rule = texts::word(language, "software-update", &software.rule);
    view! {
        <dl class="kv">
            <dt>{texts::deployments::running(language)}</dt>
            <dd>{known(&software.running)}</dd>
            <dt>{texts::deployments::wanted_version(language)}</dt>
            <dd>{wanted}</dd>
            <dt>{texts::deployments::rule(language)}</dt>
            <dd>
                {rule}
                {software
                    .template
                    .as_ref()
                    .map(|of| view! { <span class="muted">" · " {template(of)}</span> })}
            </dd>
            <dt>{texts::deployments::outcome(language)}</dt>
            <dd>{outcome(software)}</dd>
        </dl>
    }
    .into_any()
}

fn wanted(files: &[WantedFile]) -> AnyView {
    let language = lang();
    if files.is_empty() {
        return view! { <p class="muted">{texts::deployments::none_wanted(language)}</p> }.into_any();
    }
    let line = |file: &WantedFile| {
        let (kind, text) = match file.installed {
            Some(true) => {
                (StatusKind::new(Tone::Ok, "okc", false), texts::deployments::is_installed(language))
            }
            Some(false) => (
                StatusKind::new(Tone::Warn, "hourglass", false),
                texts::deployments::is_not_installed(language),
            ),
            None => (StatusKind::new(Tone::Idle, "info", false), texts::deployments::not_known(language)),
        };
        let why = file.reason.as_ref().map(reason);
        view! {
            <tr>
                <th scope="row" class="breakable">
                    <a href=format!("/files?open={}", file.file)>{file.name.clone()}</a>
                    {why.map(|why| view! { <span class="two muted">{why}</span> })}
                </th>
                <td>{words::file_type(Some(file.file_type))}</td>
                <td>{template(&file.template)}</td>
                <td>
                    <Status kind=kind text=text.to_owned() />
                </td>
            </tr>
        }
    };
    view! {
        <div class="scroll-x">
            <table class="tbl plain" aria-label=texts::deployments::wanted(language)>
                <thead>
                    <tr>
                        <th scope="col">{texts::files::name(language)}</th>
                        <th scope="col">{texts::files::kind(language)}</th>
                        <th scope="col">{texts::deployments::of_template(language)}</th>
                        <th scope="col">{texts::files::state(language)}</th>
                    </tr>
                </thead>
                <tbody>{files.iter().map(line).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// The heading of the files on the phone, with their number once it has told them.
fn installed_heading(files: &ClientFiles) -> String {
    let number = files.reported_at.map(|_| files.installed.len() as u64);
    number.map_or_else(
        || texts::deployments::installed(lang()).to_owned(),
        |number| texts::deployments::installed_count(lang(), format::number(number)),
    )
}

/// When the phone said so, or that it did not.
fn told(files: &ClientFiles) -> AnyView {
    match files.reported_at {
        None => view! { <p class="muted">{texts::deployments::never_told(lang())}</p> }.into_any(),
        Some(_) if files.installed.is_empty() => {
            view! { <p class="muted">{texts::deployments::none_installed(lang())}</p> }.into_any()
        }
        Some(at) => view! {
            <p class="muted">{texts::deployments::installed_at(lang())} " " <Ago at=Some(at) /></p>
        }
        .into_any(),
    }
}

#[component]
fn Installed(
    client: ClientId,
    files: Signal<ClientFiles>,
    may: bool,
    failure: RwSignal<Option<Failure>>,
) -> impl IntoView {
    let address = use_address();
    let busy = RwSignal::new(false);
    // The plan says what is deleted before it is; nothing has to be asked here.
    let delete = move |name: String, file_type: FileType| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let targets = Targets { ids: Some(vec![client]), filter: None };
            let deletion = deploy::deletion(name, file_type);
            let answer = deploy::plan(PlanKind::DeployFiles, targets, deletion, &idempotency_key()).await;
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(plan) => address.go(&format!("/plans/{}", plan.id)),
                Err(problem) => failure.set(Some(problem)),
            }
        });
    };
    let line = move |file: InstalledFile| {
        let at = [file.date, file.time].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let kind = match file.file_type {
            Some(kind) => words::file_type(Some(kind)),
            None => file.type_text,
        };
        let name = file.name.clone();
        // What runs cannot be deleted, and what has no known type cannot be named.
        let deletable = file.file_type.filter(|kind| may && *kind != FileType::Software);
        let button = deletable.map(|file_type| {
            let own = StoredValue::new(name.clone());
            view! {
                <IconButton
                    label=texts::deployments::delete_of(lang(), &name)
                    icon="trash"
                    on_press=Callback::new(move |()| delete(own.get_value(), file_type))
                />
            }
        });
        view! {
            <tr>
                <th scope="row" class="breakable">
                    {file.name}
                    {file
                        .wanted
                        .then(|| view! { <span class="two muted">{texts::deployments::is_wanted(lang())}</span> })}
                </th>
                <td>{kind}</td>
                <td>{at}</td>
                <td>{file.status.unwrap_or_else(words::dash)}</td>
                <td>{button}</td>
            </tr>
        }
    };
    let table = move || {
        let files = files.with(|files| files.installed.clone());
        (!files.is_empty()).then(|| {
            view! {
                <div class="scroll-x">
                    <table class="tbl plain" aria-label=texts::deployments::installed(lang())>
                        <thead>
                            <tr>
                                <th scope="col">{texts::files::name(lang())}</th>
                                <th scope="col">{texts::files::kind(lang())}</th>
                                <th scope="col">{texts::deployments::date(lang())}</th>
                                <th scope="col">{texts::deployments::status(lang())}</th>
                                <th scope="col" class="w-edit">
                                    <span class="vh">{texts::common::row_menu(lang())}</span>
                                </th>
                            </tr>
                        </thead>
                        <tbody>{files.into_iter().map(line).collect_view()}</tbody>
                    </table>
                </div>
            }
        })
    };
    view! { {table} }
}
