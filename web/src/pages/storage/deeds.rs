//! What is done with storage providers after one question, and the form that adds and edits them.

use api::storage_provider::{DeleteProviders, ProviderView, ProvidersDeleted};
use domain::ProviderId;
use domain::file::ProviderKind;
use leptos::prelude::*;

use super::entries::Edited;
use crate::address::with_fields;
use crate::client::{Call, Failure};
use crate::components::list::Chosen;
use crate::components::menu::MenuEntry;
use crate::live::Resource;
use crate::pages::files::deletion::{Deleted, Deletion, DeletionDialogs, Stayed, Things};
use crate::texts::{self, lang};

/// The dialogs of the page.
#[derive(Clone, Copy)]
pub(super) struct Deeds {
    pub(super) editing: RwSignal<bool>,
    pub(super) edited: RwSignal<Option<Edited>>,
    deletion: Deletion,
}

impl Deeds {
    pub(super) fn new() -> Self {
        Self { editing: RwSignal::new(false), edited: RwSignal::new(None), deletion: Deletion::new() }
    }

    /// Opens the form for a new one.
    pub(super) fn add(self) {
        self.open(Edited::New);
    }

    /// Opens the form for a new one at an address that was found.
    pub(super) fn add_found(self, kind: ProviderKind, url: String) {
        self.open(Edited::Found { kind, url });
    }

    fn open(self, edited: Edited) {
        self.edited.set(Some(edited));
        self.editing.set(true);
    }

    /// Asks before what was chosen in the list is deleted.
    pub(super) fn ask_many(self, chosen: Chosen) {
        self.deletion.ask_many(chosen);
    }

    /// What can be done with one; in the list also the way to its files.
    pub(super) fn menu(self, provider: &ProviderView, listed: bool) -> Vec<MenuEntry> {
        let language = lang();
        let own = provider.clone();
        let edit = MenuEntry::press(texts::storage::edit(language), move || {
            self.open(Edited::Known(Box::new(own.clone())));
        });
        let mut entries = vec![edit.icon("pencil")];
        if listed {
            let href = with_fields("/files", &[("provider", provider.id.to_string())]);
            entries.push(MenuEntry::link(texts::storage::show_files(language), href).icon("file"));
        }
        if provider.kind != ProviderKind::BuiltIn {
            let (id, name) = (provider.id.0, provider.name.clone());
            let delete = MenuEntry::press(texts::storage::delete(language), move || {
                self.deletion.ask_one(id, name.clone());
            });
            entries.push(delete.icon("trash").danger().line_before());
        }
        entries
    }
}

/// The question before a deletion. `gone` is called when something was deleted.
#[component]
pub(super) fn DeedDialogs(deeds: Deeds, gone: Callback<()>) -> impl IntoView {
    let things = Things {
        path: "/storage-providers",
        resources: &[Resource::StorageProviders, Resource::Files],
        delete: |ids| Box::pin(delete(ids)),
        question: |name| texts::storage::delete_question(lang(), name),
        many_question: |count| texts::storage::delete_many_question(lang(), count),
        text: || texts::storage::delete_text(lang()),
        button: |count| texts::storage::delete_many(lang(), count),
        were_deleted: |count| texts::storage::were_deleted(lang(), count),
        stayed_title: || texts::storage::stayed_title(lang()),
        stayed: |count| texts::storage::stayed(lang(), count),
        name: || texts::storage::name(lang()),
    };
    view! { <DeletionDialogs deletion=deeds.deletion things=things gone=gone /> }
}

async fn delete(ids: Vec<i64>) -> Result<Deleted, Failure> {
    let wanted = DeleteProviders { ids: ids.into_iter().map(ProviderId).collect() };
    let answer: ProvidersDeleted = Call::post("/storage-providers/delete").json(&wanted)?.answer().await?;
    let stayed =
        answer.in_use.into_iter().map(|provider| Stayed { name: provider.name, used_by: provider.used_by });
    Ok(Deleted { deleted: answer.deleted, stayed: stayed.collect() })
}
