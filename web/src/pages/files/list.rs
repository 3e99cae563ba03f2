//! The list of files, and the way to new ones.

use api::file::FileView;
use domain::Permission;
use leptos::prelude::*;

use super::convert::ConvertDialog;
use super::deeds::{DeedDialogs, Deeds};
use super::deploy::DeployDialog;
use super::details::FileDrawer;
use super::edit::EditDialog;
use super::upload::{UploadButton, UploadDialog, drop_zone};
use super::words;
use crate::address::{History, use_address};
use crate::client;
use crate::components::list::{
    BulkAction, CardPlace, Column, EmptyTexts, Fetching, FilterSpec, ListPage, ListQuery, ListSpec, Opening,
    shown_total,
};
use crate::components::page_head::PageHead;
use crate::components::select::Choice;
use crate::components::time::Ago;
use crate::format;
use crate::keys;
use crate::live::Resource;
use crate::session;
use crate::texts::{self, lang};

/// All files.
#[component]
pub fn FilesPage() -> impl IntoView {
    let found = RwSignal::new(None);
    let deeds = Deeds::new();
    let uploading = RwSignal::new(false);
    let may = session::may(Permission::ChangeFiles);
    let address = use_address();
    let gone = Callback::new(move |()| address.set(&[("open", None)], History::Replace));
    keys::on("n", move || {
        if may {
            uploading.set(true);
        }
        may
    });
    let page = view! {
        <PageHead title=texts::files::title(lang()).to_owned() sub=shown_total(found)>
            {may.then(|| view! { <UploadButton open=uploading /> })}
        </PageHead>
        <ListPage spec=spec(deeds, may) found=found />
    };
    view! {
        {if may { drop_zone(uploading, page.into_any()) } else { page.into_any() }}
        {may.then(|| view! { <UploadDialog open=uploading /> })}
        <EditDialog open=deeds.editing edited=deeds.edited />
        <ConvertDialog open=deeds.converting converted=deeds.converted />
        <DeployDialog deploying=deeds.deploying />
        <DeedDialogs deeds=deeds gone=gone />
    }
}

fn spec(deeds: Deeds, may: bool) -> ListSpec<FileView> {
    let language = lang();
    let deploy = BulkAction::new(texts::files::deploy(language), "deploy", move |chosen| {
        deeds.deploy_many(chosen);
    });
    let delete =
        BulkAction::new(texts::files::delete(language), "trash", move |chosen| deeds.ask_many(chosen));
    let mut actions = Vec::new();
    if session::may(Permission::ChangeClients) {
        actions.push(deploy);
    }
    if may {
        actions.push(delete.danger());
    }
    ListSpec {
        name: "files",
        label: texts::files::title(language).to_owned(),
        columns: columns(),
        fetch: Callback::new(|query: ListQuery| -> Fetching<FileView> {
            Box::pin(async move { client::get(&query.path("/files")).await })
        }),
        key: |row| row.id.0,
        sort: "name",
        search: Some(texts::files::search(language).to_owned()),
        filters: filters(),
        actions,
        row_menu: Some(Callback::new(move |row: FileView| deeds.menu(&row, may, true))),
        open: Opening::Drawer {
            view: Callback::new(move |key: i64| {
                view! { <FileDrawer id=key deeds=deeds may=may /> }.into_any()
            }),
            label: texts::files::one(language).to_owned(),
            page: None,
        },
        export: Some("/files/export".to_owned()),
        live: Some(Resource::Files),
        empty: EmptyTexts {
            none: texts::files::none(language).to_owned(),
            hint: Some(texts::files::none_hint(language).to_owned()),
            filtered: texts::files::no_match(language).to_owned(),
        },
    }
}

fn wide(text: &str) -> AnyView {
    view! { <span class="clip cell-wide" title=text.to_owned()>{text.to_owned()}</span> }.into_any()
}

fn columns() -> Vec<Column<FileView>> {
    let language = lang();
    vec![
        Column::new("name", texts::files::name(language), |row: &FileView| wide(&row.name))
            .sort("name")
            .card(CardPlace::Title),
        Column::new("provider", texts::files::storage(language), |row: &FileView| {
            words::provider(&row.provider.name, &row.provider.kind).into_any()
        })
        .sort("provider"),
        Column::new("file_type", texts::files::kind(language), |row: &FileView| {
            words::file_type(row.file_type).into_any()
        })
        .sort("file_type")
        .card(CardPlace::Below),
        Column::new("size", texts::files::size(language), |row: &FileView| {
            format::bytes(row.size).into_any()
        })
        .sort("size")
        .number(),
        Column::new("models", texts::files::models(language), |row: &FileView| {
            wide(&words::models(&row.models))
        })
        .sort("models"),
        Column::new("software_version", texts::files::software_version(language), |row: &FileView| {
            words::software(row).into_any()
        })
        .sort("software_version"),
        Column::new("state", texts::files::state(language), words::state_status)
            .sort("state")
            .card(CardPlace::Right),
        Column::new("used", texts::files::used(language), |row: &FileView| {
            words::used(&row.used_by).into_any()
        }),
        Column::new("created_at", texts::files::created(language), |row: &FileView| {
            view! { <Ago at=Some(row.created_at) /> }.into_any()
        })
        .sort("created_at")
        .card(CardPlace::When)
        // Eight columns are as many as fit beside the menu of a row.
        .hidden(),
        Column::new("content", texts::files::content(language), |row: &FileView| {
            words::content(&row.facts).into_any()
        })
        .hidden(),
        Column::new("note", texts::files::note(language), |row: &FileView| wide(&row.note)).hidden(),
        Column::new("created_by", texts::files::created_by(language), |row: &FileView| {
            row.created_by.clone().into_any()
        })
        .hidden(),
    ]
}

fn filters() -> Vec<FilterSpec> {
    let language = lang();
    let needed = vec![
        Choice::new("true", texts::common::yes(language)),
        Choice::new("false", texts::common::no(language)),
    ];
    vec![
        FilterSpec::choice("file_type", texts::files::kind(language), words::types()),
        FilterSpec::choice("software_type", texts::files::software_type(language), words::families()),
        FilterSpec::choice("model", texts::files::for_model(language), words::known_models().of_filter()),
        FilterSpec::choice("provider", texts::files::storage(language), words::known_providers().of_filter()),
        FilterSpec::choice("state", texts::files::state(language), words::states()),
        FilterSpec::choice("used", texts::files::is_needed(language), needed),
    ]
}
