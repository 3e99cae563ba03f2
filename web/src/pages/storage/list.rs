//! The list of storage providers, and the way to new ones.

use api::storage_provider::ProviderView;
use domain::Permission;
use leptos::prelude::*;

use super::deeds::{DeedDialogs, Deeds};
use super::details::ProviderDrawer;
use super::form::ProviderDialog;
use super::network::NetworkScan;
use super::words;
use crate::address::{History, use_address, with_fields};
use crate::client;
use crate::components::button::{Button, ButtonKind};
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::status::Status;
use crate::components::time::Ago;
use crate::format;
use crate::keys;
use crate::live::Resource;
use crate::pages::files::words as of_files;
use crate::session;
use crate::texts::{self, lang};

/// All storage providers.
#[component]
pub fn StoragePage() -> impl IntoView {
    let found = RwSignal::new(None);
    let deeds = Deeds::new();
    let may = session::may(Permission::ChangeStorage);
    let address = use_address();
    let gone = Callback::new(move |()| address.set(&[("open", None)], History::Replace));
    keys::on("n", move || {
        if may {
            deeds.add();
        }
        may
    });
    let buttons = may.then(|| {
        view! {
            <NetworkScan deeds=deeds />
            <Button kind=ButtonKind::Primary icon="plus" on_press=Callback::new(move |()| deeds.add())>
                {texts::storage::new(lang())}
            </Button>
        }
    });
    view! {
        <PageHead title=texts::storage::title(lang()).to_owned() sub=shown_total(found)>{buttons}</PageHead>
        <ListPage spec=spec(deeds, may) found=found />
        <ProviderDialog open=deeds.editing edited=deeds.edited />
        <DeedDialogs deeds=deeds gone=gone />
    }
}

fn spec(deeds: Deeds, may: bool) -> ListSpec<ProviderView> {
    let language = lang();
    let delete =
        BulkAction::new(texts::storage::delete(language), "trash", move |chosen| deeds.ask_many(chosen));
    let menu = Callback::new(move |row: ProviderView| deeds.menu(&row, true));
    ListSpec {
        name: "storage-providers",
        label: texts::storage::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<ProviderView> {
            Box::pin(async move { client::get(&query.path("/storage-providers")).await })
        }),
        key: |row| row.id.0,
        sort: "name",
        search: Some(texts::storage::search(language).to_owned()),
        filters: vec![
            FilterSpec::choice("kind", texts::storage::kind(language), words::all_kinds()),
            FilterSpec::choice("health", texts::storage::health(language), words::healths()),
        ],
        actions: if may { vec![delete.danger()] } else { vec![] },
        row_menu: may.then_some(menu),
        open: Opening::Drawer {
            view: Callback::new(move |key: i64| {
                view! { <ProviderDrawer id=key deeds=deeds may=may /> }.into_any()
            }),
            label: texts::storage::one(language).to_owned(),
            page: None,
        },
        export: Some("/storage-providers/export".to_owned()),
        live: Some(Resource::StorageProviders),
        empty: EmptyTexts {
            none: texts::storage::none(language).to_owned(),
            hint: None,
            filtered: texts::storage::no_match(language).to_owned(),
        },
    }
}

fn columns() -> Vec<Column<ProviderView>> {
    let language = lang();
    vec![
        Column::new("name", texts::storage::name(language), |row: &ProviderView| {
            of_files::provider(&row.name, row.kind.as_str()).into_any()
        })
        .sort("name")
        .card(CardPlace::Title),
        Column::new("kind", texts::storage::kind(language), |row: &ProviderView| {
            words::kind(row.kind).into_any()
        })
        .sort("kind")
        .card(CardPlace::Below),
        Column::new("url", texts::storage::address(language), |row: &ProviderView| {
            let url = if row.url.is_empty() { "–".to_owned() } else { row.url.clone() };
            view! { <span class="mono clip cell-wide" title=url.clone()>{url.clone()}</span> }.into_any()
        })
        .sort("url"),
        Column::new("files", texts::storage::files(language), |row: &ProviderView| {
            let count = format::number(row.files);
            if row.files == 0 {
                return view! { <span class="muted">{count}</span> }.into_any();
            }
            let href = with_fields("/files", &[("provider", row.id.to_string())]);
            view! { <a href=href>{count}</a> }.into_any()
        })
        .sort("files")
        .number(),
        Column::new("bytes", texts::storage::bytes(language), |row: &ProviderView| {
            format::bytes(row.bytes).into_any()
        })
        .sort("bytes")
        .number(),
        Column::new("health", texts::storage::health(language), words::health_cell)
            .sort("health")
            .card(CardPlace::Right),
        Column::new("scan", texts::storage::last_scan(language), |row: &ProviderView| {
            let (kind, text) = words::scan_state(row.scan.state);
            view! {
                <Status kind=kind text=text />
                " "
                {row.scan.finished_at.map(|at| view! { <span class="muted"><Ago at=Some(at) /></span> })}
            }
            .into_any()
        })
        .card(CardPlace::When),
        Column::new("serving", texts::storage::serving(language), |row: &ProviderView| {
            words::serving(row.serving).into_any()
        })
        .hidden(),
        Column::new("updated_at", texts::storage::updated(language), |row: &ProviderView| {
            // The built-in one was there before anybody changed it.
            let at = (!row.updated_by.is_empty()).then_some(row.updated_at);
            view! { <Ago at=at /> }.into_any()
        })
        .sort("updated_at")
        .hidden(),
    ]
}
