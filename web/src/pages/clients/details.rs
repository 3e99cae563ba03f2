//! One client: the drawer beside the list, and the tabs that the drawer and the page share.

use api::Page;
use api::client::ClientView;
use api::job::{JobQuery, JobView};
use leptos::prelude::*;

use super::actions::Actions;
use super::decision::Decision;
use super::files::Files;
use super::history::History;
use super::information::Information;
use super::jobs::Jobs;
use super::look;
use super::reported::Reported;
use crate::client;
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::drawer::DrawerHead;
use crate::components::menu::MenuButton;
use crate::components::tabs::{Tab, Tabs, open_tab};
use crate::live::Resource;
use crate::load::{Loaded, load};
use crate::session;
use crate::texts::{self, lang};

/// Loads a client, again whenever clients change.
pub(super) fn load_client(id: Signal<String>) -> Loaded<ClientView> {
    load(move || {
        let path = format!("/clients/{}", id.get());
        async move { client::get::<ClientView>(&path).await }
    })
    .live(Resource::Clients)
}

/// A client beside the list.
#[component]
pub(super) fn ClientDrawer(id: i64, actions: Actions) -> impl IntoView {
    let loaded = load_client(Signal::stored(id.to_string()));
    loaded.show(8, move |client: Signal<ClientView>| {
        view! {
            <DrawerHead
                title=Signal::derive(move || client.with(look::name))
                subtitle=Signal::derive(move || Some(client.with(look::subtitle)))
            >
                <Buttons client=client actions=actions />
            </DrawerHead>
            <Details client=client actions=actions />
        }
        .into_any()
    })
}

/// What can be done with one client: the loudest as buttons, the rest in a menu.
#[component]
pub(super) fn Buttons(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    let configure =
        Signal::derive(move || format!("/clients/{}/configuration", client.with(|client| client.id)));
    let web_pages = Memo::new(move |_| client.with(|client| client.wbm_url.clone()));
    let read = Memo::new(move |_| client.with(Actions::may_refresh));
    view! {
        <LinkButton href=configure kind=ButtonKind::Primary icon="gear">
            {if session::may(domain::Permission::ChangeClients) {
                texts::clients::configure(lang())
            } else {
                texts::clients::configuration(lang())
            }}
        </LinkButton>
        {move || {
            web_pages
                .get()
                .map(|address| {
                    view! {
                        <LinkButton href=address icon="ext" outside=true>
                            {texts::clients::open_wbm(lang())}
                        </LinkButton>
                    }
                })
        }}
        {move || {
            read.get()
                .then(|| {
                    view! {
                        <Button
                            icon="refresh"
                            on_press=Callback::new(move |()| actions.refresh(&client.get_untracked()))
                        >
                            {texts::clients::refresh_short(lang())}
                        </Button>
                    }
                })
        }}
        <MenuButton
            label=texts::clients::more_actions(lang()).to_owned()
            class="btn icon-only"
            entries=Callback::new(move |()| actions.menu(&client.get_untracked(), false))
        />
    }
}

/// The tabs of a client and what they show.
#[component]
pub(super) fn Details(client: Signal<ClientView>, actions: Actions) -> impl IntoView {
    let id = client.with_untracked(|client| client.id);
    let tab = open_tab("tab", "information");
    let jobs = load(move || async move {
        let query = JobQuery { client: Some(id), size: Some(super::jobs::SHOWN), ..JobQuery::default() };
        client::get_with::<Page<JobView>>("/jobs", &query).await
    })
    .live(Resource::Jobs);
    let jobs_count = Signal::derive(move || jobs.data.with(|jobs| jobs.as_ref().map(|jobs| jobs.total)));
    let revisions = Signal::derive(move || {
        let number = client.with(|client| client.configuration_revision);
        u64::try_from(number).ok().filter(|number| *number > 0)
    });
    let tabs = vec![
        Tab::new("information", texts::clients::information(lang())),
        Tab::new("files", texts::deployments::tab(lang())),
        Tab::new("jobs", texts::clients::jobs(lang())).count(jobs_count),
        Tab::new("history", texts::clients::history(lang())).count(revisions),
        Tab::new("reported", texts::clients::reported(lang())),
    ];
    let body = move || match tab.get().as_str() {
        "files" => view! { <Files client=client actions=actions /> }.into_any(),
        "jobs" => view! { <Jobs client=id jobs=jobs /> }.into_any(),
        "history" => view! { <History client=client /> }.into_any(),
        "reported" => view! { <Reported client=client /> }.into_any(),
        _ => view! { <Information client=client actions=actions /> }.into_any(),
    };
    view! {
        <Tabs label=texts::clients::one(lang()) tabs=tabs />
        <div class="body client-body">
            <Decision client=client actions=actions />
            {body}
        </div>
    }
}
