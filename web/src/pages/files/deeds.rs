//! What is done with files after one question, and the dialogs of the page: each is opened for one file, or for what was
//! chosen in the list.

use api::file::{DeleteFiles, FileView, FilesDeleted};
use domain::deployment::MOST_FILES;
use domain::file::FileState;
use domain::{FileId, Permission};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::convert;
use super::deletion::{Deleted, Deletion, DeletionDialogs, Stayed, Things};
use super::deploy::Deploying;
use super::preview::may_see;
use crate::client::{self, Call, Failure};
use crate::components::list::Chosen;
use crate::components::menu::MenuEntry;
use crate::components::toast;
use crate::live::Resource;
use crate::session;
use crate::texts::{self, lang};

/// The dialogs of the page.
#[derive(Clone, Copy)]
pub(super) struct Deeds {
    pub(super) editing: RwSignal<bool>,
    pub(super) edited: RwSignal<Option<FileView>>,
    pub(super) converting: RwSignal<bool>,
    pub(super) converted: RwSignal<Option<FileView>>,
    pub(super) deploying: RwSignal<Option<Deploying>>,
    deletion: Deletion,
}

impl Deeds {
    pub(super) fn new() -> Self {
        Self {
            editing: RwSignal::new(false),
            edited: RwSignal::new(None),
            converting: RwSignal::new(false),
            converted: RwSignal::new(None),
            deploying: RwSignal::new(None),
            deletion: Deletion::new(),
        }
    }

    pub(super) fn edit(self, file: &FileView) {
        self.edited.set(Some(file.clone()));
        self.editing.set(true);
    }

    /// Asks for which model a picture is made to fit.
    pub(super) fn convert(self, file: &FileView) {
        self.converted.set(Some(file.clone()));
        self.converting.set(true);
    }

    pub(super) fn deploy(self, files: Vec<FileView>) {
        self.deploying.set(Some(Deploying::files(files)));
    }

    /// Asks for whom what was chosen is deployed. Of more than can be deployed together none is read: nobody shall think
    /// that all of them are.
    pub(super) fn deploy_many(self, chosen: Chosen) {
        if chosen.count() > MOST_FILES as u64 {
            toast::refused(texts::deployments::too_many(lang(), MOST_FILES as u64));
            return;
        }
        self.deploying.set(Some(Deploying::listed(chosen)));
    }

    /// Asks before what was chosen in the list is deleted.
    pub(super) fn ask_many(self, chosen: Chosen) {
        self.deletion.ask_many(chosen);
    }

    /// What can be done with a file; in the list also what the drawer has as buttons.
    pub(super) fn menu(self, file: &FileView, may: bool, listed: bool) -> Vec<MenuEntry> {
        let language = lang();
        let mut entries = Vec::new();
        let deploys = session::may(Permission::ChangeClients) && file.state == FileState::Ready;
        if listed && deploys {
            let own = file.clone();
            let deploy =
                MenuEntry::press(texts::files::deploy(language), move || self.deploy(vec![own.clone()]));
            entries.push(deploy.icon("deploy"));
        }
        if listed && may {
            let own = file.clone();
            let edit = MenuEntry::press(texts::files::edit(language), move || self.edit(&own));
            entries.push(edit.icon("pencil"));
        }
        if may && convert::can_be_made_of(file) {
            let own = file.clone();
            let convert = MenuEntry::press(texts::files::convert(language), move || self.convert(&own));
            entries.push(convert.icon("drift"));
        }
        let id = file.id;
        // What is no longer at its provider cannot be fetched from there.
        if file.state != FileState::Missing && may_see(file, may) {
            entries.push(MenuEntry::press(texts::files::download(language), move || download(id)).icon("dl"));
        }
        if may {
            let name = file.name.clone();
            let delete = MenuEntry::press(texts::files::delete(language), move || {
                self.deletion.ask_one(id.0, name.clone());
            });
            entries.push(delete.icon("trash").danger().line_before());
        }
        entries
    }
}

/// Has the browser save a file. It streams it to the disk itself; nothing of it stays in the page. Of a refusal it would
/// only say that the download failed, so that is asked for first.
fn download(id: FileId) {
    let address = format!("{}/files/{id}/content?download=true", client::BASE);
    spawn_local(async move {
        match client::probe(&address).await {
            Ok(()) => crate::browser::download(&address),
            Err(failure) => toast::failed(&failure),
        }
    });
}

/// The questions. `gone` is called when something was deleted.
#[component]
pub(super) fn DeedDialogs(deeds: Deeds, gone: Callback<()>) -> impl IntoView {
    let things = Things {
        path: "/files",
        resources: &[Resource::Files],
        delete: |ids| Box::pin(delete(ids)),
        question: |name| texts::files::delete_question(lang(), name),
        many_question: |count| texts::files::delete_many_question(lang(), count),
        text: || texts::files::delete_text(lang()),
        button: |count| texts::files::delete_many(lang(), count),
        were_deleted: |count| texts::files::were_deleted(lang(), count),
        stayed_title: || texts::files::stayed_title(lang()),
        stayed: |count| texts::files::stayed(lang(), count),
        name: || texts::files::name(lang()),
    };
    view! { <DeletionDialogs deletion=deeds.deletion things=things gone=gone /> }
}

async fn delete(ids: Vec<i64>) -> Result<Deleted, Failure> {
    let wanted = DeleteFiles { ids: ids.into_iter().map(FileId).collect() };
    let answer: FilesDeleted = Call::post("/files/delete").json(&wanted)?.answer().await?;
    let stayed = answer.in_use.into_iter().map(|file| Stayed { name: file.name, used_by: file.used_by });
    Ok(Deleted { deleted: answer.deleted, stayed: stayed.collect() })
}
