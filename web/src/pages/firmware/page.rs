//! The page: figures, the models with their versions, as pictures or as a table.

use std::collections::BTreeSet;

use api::Code;
use api::file::{FirmwareOverview, OutdatedQuery};
use api::plan::PlanView;
use api::targets::{MOST_IDS, TargetFilter, Targets};
use domain::deployment::MOST_FILES;
use domain::{FileId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::models::{Models, family};
use super::table::VersionTable;
use crate::address::{History, use_address, with_fields};
use crate::client::{self, Call, Failure, idempotency_key, renew_key};
use crate::components::button::{Button, ButtonKind, LinkButton};
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, FailureNote, Note};
use crate::components::status::Tone;
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
    let outdated = Memo::new(move |_| {
        overview.data.with(|found| found.as_ref().is_some_and(|found| found.outdated > 0))
    });
    let plan = move || {
        (may && outdated.get()).then(|| {
            view! {
                <Button
                    kind=ButtonKind::Primary
                    icon="deploy"
                    busy=planning.busy
                    on_press=Callback::new(move |()| planning.plan(None))
                >
                    {texts::firmware::plan_all(lang())}
                </Button>
            }
        })
    };
    // Clients that are up to date by now are no selection that is missing.
    let done = Memo::new(move |_| {
        planning.failure.with(|failure| failure.as_ref().and_then(Failure::code) == Some(Code::NoTargets))
    });
    let failure = Signal::derive(move || planning.failure.get().filter(|_| !done.get()));
    let nobody = move || {
        done.get().then(|| {
            view! { <Note tone=Tone::Warn><p role="alert">{texts::firmware::nobody_outdated(lang())}</p></Note> }
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
            <FailureNote failure=failure />
            {nobody}
            {limit}
            {overview
                .show(
                    8,
                    move |found: Signal<FirmwareOverview>| {
                        view! { <Overview found=found planning=planning may=may /> }.into_any()
                    },
                )}
        </div>
    }
}

/// Whether one plan cannot update all that is outdated: it has so many files and clients at most.
fn exceeds_a_plan(found: &FirmwareOverview) -> bool {
    let outdated = found.models.iter().filter(|model| model.outdated > 0);
    let files: BTreeSet<FileId> =
        outdated.filter_map(|model| model.newest.as_ref().map(|file| file.file)).collect();
    files.len() > MOST_FILES || found.outdated > MOST_IDS as u64
}

/// Making a plan that updates; one of it on the page.
#[derive(Clone, Copy)]
pub(super) struct Planning {
    busy: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    key: StoredValue<String>,
    go: Callback<String>,
}

impl Planning {
    fn new() -> Self {
        let address = use_address();
        Self {
            busy: RwSignal::new(false),
            failure: RwSignal::new(None),
            key: StoredValue::new(idempotency_key()),
            go: Callback::new(move |path: String| address.go(&path)),
        }
    }

    /// Makes a plan for the outdated clients of a model and family, or for all of them, and leads to it.
    pub(super) fn plan(self, of: Option<(String, Option<String>)>) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.failure.set(None);
        let filter = match of {
            Some((model, software_type)) => {
                let family = family(software_type);
                TargetFilter { model: Some(model), software_type: Some(family), ..TargetFilter::default() }
            }
            None => TargetFilter::default(),
        };
        let query = OutdatedQuery { targets: Some(Targets { ids: None, filter: Some(filter) }) };
        let key = self.key.get_value();
        spawn_local(async move {
            let answer = match Call::post("/firmware/plan").once(&key).json(&query) {
                Ok(call) => call.answer::<PlanView>().await,
                Err(failure) => Err(failure),
            };
            if self.busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(plan) => self.go.run(format!("/plans/{}", plan.id)),
                Err(problem) => {
                    renew_key(self.key, &problem);
                    self.failure.set(Some(problem));
                }
            }
        });
    }

    /// Whether a plan is being made.
    pub(super) fn busy(self) -> Signal<bool> {
        self.busy.into()
    }
}

#[component]
fn Overview(found: Signal<FirmwareOverview>, planning: Planning, may: bool) -> impl IntoView {
    let address = use_address();
    let as_table = Memo::new(move |_| address.get("view").as_deref() == Some("table"));
    let figure =
        move |of: fn(&FirmwareOverview) -> u64| Signal::derive(move || format::number(found.with(of)));
    let language = lang();
    let jobs = with_fields("/jobs", &[("kind", "deploy-software")]);
    let files = with_fields("/files", &[("file_type", "software")]);
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
            view! { <VersionTable models=models /> }.into_any()
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
                href="/clients".to_owned()
            />
            <Tile
                label=texts::firmware::outdated(language).to_owned()
                icon="clock"
                value=figure(|found| found.outdated)
                context=Signal::derive(move || Some(texts::firmware::outdated_context(lang()).to_owned()))
                href=files
            />
            <Tile
                label=texts::firmware::due(language).to_owned()
                icon="template"
                value=figure(|found| found.due)
                context=Signal::derive(move || Some(texts::firmware::due_context(lang()).to_owned()))
                href="/templates".to_owned()
            />
            <Tile
                label=texts::firmware::under_way(language).to_owned()
                icon="run"
                value=figure(|found| found.under_way)
                href=jobs
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
        let newest = FirmwareFile { file: FileId(file), name: String::new(), version: String::new() };
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
