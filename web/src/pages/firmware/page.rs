//! The page: figures, the models with their versions, as pictures or as a table.

use std::collections::BTreeSet;

use api::file::FirmwareOverview;
use api::targets::MOST_IDS;
use domain::client::FirmwareState;
use domain::deployment::MOST_FILES;
use domain::{FileId, Permission};
use leptos::prelude::*;

use super::models::Models;
use super::plan::{PlanDialog, Planning};
use super::table::VersionTable;
use crate::address::{History, use_address, with_fields};
use crate::client;
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, Note};
use crate::components::tile::{Tile, Tiles};
use crate::format;
use crate::live::Resource;
use crate::load::load;
use crate::session;
use crate::texts::{self, lang};

/// Which versions run where.
#[component]
pub fn FirmwarePage() -> impl IntoView {
    let overview = load(|| client::get::<FirmwareOverview>("/firmware"))
        .live(Resource::Clients)
        .live(Resource::Files)
        .live(Resource::Jobs)
        // Templates and whom they reach decide what is due.
        .live(Resource::Templates)
        .live(Resource::Groups);
    let planning = Planning::new();
    let may = session::may(Permission::ChangeClients);
    let outdated =
        Memo::new(move |_| overview.data.with(|found| found.as_ref().map_or(0, |found| found.outdated)));
    let any = Memo::new(move |_| outdated.get() > 0);
    let plan = move || {
        (may && any.get()).then(|| {
            view! {
                <Button
                    kind=ButtonKind::Primary
                    icon="deploy"
                    on_press=Callback::new(move |()| planning.ask(None, outdated.get_untracked()))
                >
                    {texts::firmware::plan_all(lang())}
                </Button>
            }
        })
    };
    let limit = move || {
        (may && overview.data.with(|found| found.as_ref().is_some_and(exceeds_a_plan))).then(|| {
            let most = [MOST_FILES, MOST_IDS].map(|most| format::number(most as u64));
            let [files, clients] = most;
            view! { <Note><p>{texts::firmware::plan_limit(lang(), clients, files)}</p></Note> }
        })
    };
    view! {
        <PageHead title=texts::firmware::title(lang()).to_owned()>{plan}</PageHead>
        <div class="pad stack-v firmware">
            {limit}
            {overview
                .show(
                    8,
                    move |found: Signal<FirmwareOverview>| {
                        view! { <Overview found=found planning=planning may=may /> }.into_any()
                    },
                )}
        </div>
        <PlanDialog planning=planning />
    }
}

/// Whether one plan cannot update all that is outdated: it has so many files and clients at most.
fn exceeds_a_plan(found: &FirmwareOverview) -> bool {
    let outdated = found.models.iter().filter(|model| model.outdated > 0);
    let files: BTreeSet<FileId> =
        outdated.filter_map(|model| model.newest.as_ref().map(|file| file.file)).collect();
    files.len() > MOST_FILES || found.outdated > MOST_IDS as u64
}

#[component]
fn Overview(found: Signal<FirmwareOverview>, planning: Planning, may: bool) -> impl IntoView {
    let address = use_address();
    let as_table = Memo::new(move |_| address.get("view").as_deref() == Some("table"));
    let figure =
        move |of: fn(&FirmwareOverview) -> u64| Signal::derive(move || format::number(found.with(of)));
    let language = lang();
    // Every figure leads to the clients it counts.
    let to = |state: FirmwareState| with_fields("/clients", &[("firmware", state.as_str())]);
    let models = Memo::new(move |_| found.with(|found| found.models.clone()));
    let shown = move || {
        if models.with(Vec::is_empty) {
            return view! {
                <EmptyState
                    text=texts::firmware::none(lang()).to_owned()
                    hint=Some(texts::firmware::none_hint(lang()).to_owned())
                    icon="chip"
                >
                    <LinkButton href="/files" icon="ul">
                        {texts::firmware::to_files(lang())}
                    </LinkButton>
                </EmptyState>
            }
            .into_any();
        }
        if as_table.get() {
            view! { <VersionTable models=models planning=planning may=may /> }.into_any()
        } else {
            view! { <Models models=models planning=planning may=may /> }.into_any()
        }
    };
    view! {
        <Tiles>
            <Tile
                label=texts::firmware::clients(language).to_owned()
                icon="phone"
                value=figure(|found| found.clients)
                href=to(FirmwareState::Phones)
            />
            <Tile
                label=texts::firmware::outdated(language).to_owned()
                icon="clock"
                value=figure(|found| found.outdated)
                context=Signal::derive(move || Some(texts::firmware::outdated_context(lang()).to_owned()))
                href=to(FirmwareState::Outdated)
            />
            <Tile
                label=texts::firmware::due(language).to_owned()
                icon="template"
                value=figure(|found| found.due)
                context=Signal::derive(move || Some(texts::firmware::due_context(lang()).to_owned()))
                href=to(FirmwareState::Due)
            />
            <Tile
                label=texts::firmware::under_way(language).to_owned()
                icon="run"
                value=figure(|found| found.under_way)
                href=to(FirmwareState::Updating)
            />
        </Tiles>
        {shown}
        <button
            type="button"
            class="link small"
            on:click=move |_| {
                let wanted = (!as_table.get_untracked()).then(|| "table".to_owned());
                address.set(&[("view", wanted)], History::Replace);
            }
        >
            {move || {
                if as_table.get() { texts::common::show_as_chart(lang()) } else { texts::common::show_as_table(lang()) }
            }}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::{FileId, FirmwareOverview, MOST_FILES, exceeds_a_plan};
    use api::file::{FirmwareFile, FirmwareModel};

    fn model(file: i64, outdated: u64) -> FirmwareModel {
        let newest =
            FirmwareFile { file: FileId(file), name: String::new(), version: String::new(), reason: None };
        FirmwareModel {
            model: file.to_string(),
            software_type: None,
            versions: Vec::new(),
            newest: Some(newest),
            files: Vec::new(),
            outdated,
        }
    }

    #[test]
    fn what_one_plan_cannot_take_is_told() {
        let most = i64::try_from(MOST_FILES).unwrap();
        let mut found = FirmwareOverview {
            models: (1..=most).map(|file| model(file, 3)).collect(),
            ..Default::default()
        };
        assert!(!exceeds_a_plan(&found));
        // The same file for two families, and a model that is up to date.
        found.models.extend([model(1, 3), model(most + 1, 0)]);
        assert!(!exceeds_a_plan(&found));
        found.models.push(model(most + 2, 1));
        assert!(exceeds_a_plan(&found));
        found = FirmwareOverview { outdated: 100_001, ..Default::default() };
        assert!(exceeds_a_plan(&found));
    }
}
