//! One client as a page of its own, where links of notifications, searches and messages lead.

use api::client::ClientView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::actions::{ActionDialogs, Actions};
use super::details::{Buttons, Details, load_client};
use super::look;
use crate::address::use_address;
use crate::components::page_head::PageHead;

use crate::keys;
use crate::texts::{self, lang};

/// One client as a page.
#[component]
pub fn ClientPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id")).unwrap_or_default());
    let actions = Actions::new();
    let address = use_address();
    keys::on("e", move || {
        address.go(&format!("/clients/{}/configuration", id.get_untracked()));
        true
    });
    let page = move || {
        // Another client is another page: nothing of the one before stays.
        let loaded = load_client(Signal::stored(id.get()));
        let there = Memo::new(move |_| loaded.data.with(Option::is_some));
        view! {
            {move || {
                (!there.get()).then(|| view! { <PageHead title=texts::clients::one(lang()).to_owned() /> })
            }}
            {loaded
                .show(
                    10,
                    move |client: Signal<ClientView>| {
                        view! {
                            <PageHead
                                title=Signal::derive(move || client.with(look::name))
                                sub=Signal::derive(move || Some(client.with(look::subtitle)))
                            >
                                <Buttons client=client actions=actions />
                            </PageHead>
                            <Details client=client actions=actions />
                        }
                            .into_any()
                    },
                )}
        }
    };
    view! {
        <div class="client-page">{page}</div>
        <ActionDialogs actions=actions />
    }
}
