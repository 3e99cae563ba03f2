//! Pieces of the console that are loaded when they are first wanted, so that the first page need not wait for all others.
//!
//! `web/pack` cuts the program along the functions here: what only one of them reaches becomes a piece of its own, what
//! several reach a piece they share. A page of a piece is named here and nowhere else; who names it from the shell or
//! from another piece moves it back into what is always loaded. Natively nothing is cut.

use std::future::Future;
use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use crate::browser;
use crate::components::button::Button;
use crate::components::page_head::PageHead;
use crate::components::states::{EmptyState, Skeleton};
use crate::pages;
use crate::texts::{self, lang};

/// Builds a page.
type Build = fn() -> AnyView;
/// A page whose piece is being loaded.
type Loading = Pin<Box<dyn Future<Output = Result<Build, NotLoaded>>>>;

/// The piece could not be had: no connection, or the server has been replaced by one with other pieces.
#[derive(Clone, Copy, Debug)]
pub struct NotLoaded;

impl From<SplitLoaderError> for NotLoaded {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// Makes the component of a page and the function that loads its piece: `page, function, what builds it, piece`.
macro_rules! page {
    ($page:ident, $load:ident, $built:path, $piece:ident) => {
        #[wasm_split($piece, wasm_split_path = ::leptos::wasm_split, fallible)]
        fn $load() -> Result<Build, NotLoaded> {
            Ok(|| $built().into_any())
        }

        /// The page, once its piece is there.
        #[component]
        pub fn $page() -> impl IntoView {
            later(|| Box::pin($load()))
        }
    };
}

page!(ClientsPage, load_clients, pages::clients::ClientsPage, clients);
page!(ClientPage, load_client, pages::clients::ClientPage, clients);
page!(ConfigurationPage, load_configuration, pages::configuration::ConfigurationPage, configuration);
page!(PlanPage, load_plan, pages::plans::PlanPage, configuration);
page!(
    TemplateConfigurationPage,
    load_template_configuration,
    pages::configuration::TemplateConfigurationPage,
    configuration
);
page!(TemplatesPage, load_templates, pages::templates::TemplatesPage, fleet);
page!(TemplatePage, load_template, pages::templates::TemplatePage, fleet);
page!(GroupsPage, load_groups, pages::groups::GroupsPage, fleet);
page!(GroupPage, load_group, pages::groups::GroupPage, fleet);
page!(ClientFieldsPage, load_client_fields, pages::fields::ClientFieldsPage, fleet);
page!(FilesPage, load_files, pages::files::FilesPage, storage);
page!(FirmwarePage, load_firmware, pages::firmware::FirmwarePage, storage);
page!(StoragePage, load_storage, pages::storage::StoragePage, storage);
page!(JobsPage, load_jobs, pages::jobs::JobsPage, jobs);
page!(JobPage, load_job, pages::jobs::JobPage, jobs);
page!(AuditPage, load_audit, pages::audit::AuditPage, system);
page!(AccountsPage, load_accounts, pages::accounts::AccountsPage, system);
page!(AccountPage, load_account, pages::account::AccountPage, system);
page!(SettingsPage, load_settings, pages::settings::SettingsPage, system);

/// A page as soon as it is loaded; what is loaded already is there at once.
fn later(load: fn() -> Loading) -> AnyView {
    let found = RwSignal::new(None::<Result<Build, NotLoaded>>);
    spawn_local(async move {
        let loaded = load().await;
        found.try_set(Some(loaded));
    });
    (move || match found.get() {
        None => view! { <Skeleton rows=8 /> }.into_any(),
        Some(Ok(build)) => build(),
        Some(Err(NotLoaded)) => view! {
            <PageHead title=texts::common::not_loaded(lang()).to_owned() />
            <EmptyState text=texts::common::not_loaded_hint(lang()) icon="cloudoff">
                <Button icon="refresh" on_press=Callback::new(|()| browser::reload())>
                    {texts::common::load_again(lang())}
                </Button>
            </EmptyState>
        }
        .into_any(),
    })
    .into_any()
}
