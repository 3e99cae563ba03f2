//! Files that a scan finds at a storage provider become rows, and rows follow what their objects have become
//! (OSEM §10.4).

use domain::FileId;
use domain::file::{FileFacts, FileState, clean_name};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::describe;
use crate::store::audit::{Actor, NewRecord};
use crate::store::files::{self as rows, File};
use crate::store::storage_providers::Provider;
use crate::store::{StoreResult, Tx, audit, file_list};

/// An object that a scan has found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its key at its provider.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// What the provider calls this content.
    pub tag: Option<String>,
    /// What its content is. Looked at for objects that are new or have changed only, see `is_as_known`.
    pub facts: FileFacts,
}

/// What became of a found object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// There is a new file.
    Added,
    /// What is known of its files has changed: it has other content, or was missing and is there again.
    Changed,
    /// Nothing new.
    Unchanged,
}

fn is_same(file: &File, size: u64, tag: Option<&str>) -> bool {
    file.size == size && file.object_tag.as_deref() == tag
}

/// Makes a file of a found object, or brings the files it has up to date. A file that any phone is still
/// to get keeps its description and is marked as changed, so that nothing else is deployed than was planned. So is one
/// that a template has, and the new content becomes a file of its own: whoever may write to the provider must not bring
/// something to a fleet that nobody was asked about. It is asked when the template is given the new file.
///
/// # Errors
/// When the database refuses.
pub async fn adopt(tx: &Tx, provider: &Provider, found: &Found, at: Timestamp) -> StoreResult<Adopted> {
    let files = rows::of_object(tx, provider.id, &found.key).await?;
    if files.is_empty() {
        return add(tx, provider, found, at).await.map(|()| Adopted::Added);
    }
    let mut became = Adopted::Unchanged;
    let mut is_known = files.iter().any(|file| is_same(file, found.size, found.tag.as_deref()));
    for file in files {
        let after = if is_same(&file, found.size, found.tag.as_deref()) {
            File { state: describe::state(&file), ..file.clone() }
        } else {
            if !is_known && file_list::is_of_template(tx, file.id).await? {
                add(tx, provider, found, at).await?;
                (is_known, became) = (true, Adopted::Changed);
            }
            // What has a file already, by now also that of a template, is not made the same file a second time. Not by the
            // states of its jobs: these lag behind what phones have told.
            if is_known || file_list::is_awaited(tx, file.id).await? {
                File { state: FileState::Changed, ..file.clone() }
            } else {
                renewed(file.clone(), found)
            }
        };
        if after != file {
            became = Adopted::Changed;
            if rows::update(tx, &after, at).await? {
                note_change(tx, describe::audited(&file), &after, at).await?;
            }
        }
    }
    Ok(became)
}

/// Writes down what has become of a file with its object, when that is more than where it stands. Nobody has asked for it.
///
/// # Errors
/// When the database refuses.
pub(super) async fn note_change(tx: &Tx, before: Json, after: &File, at: Timestamp) -> StoreResult<()> {
    let now = describe::audited(after);
    if now == before {
        return Ok(());
    }
    let (actor, object_id) = (&Actor::system(), after.id.to_string());
    let details = json!({ "before": before, "after": now });
    let record = NewRecord { at, actor, action: "file.change", object_kind: "file", object_id, details };
    audit::append(tx, &record).await
}

/// A file whose object has other content by now.
fn renewed(file: File, found: &Found) -> File {
    let mut file = File {
        size: found.size,
        sha256: None,
        object_tag: found.tag.clone(),
        // What people said of the old content need not be true of the new one.
        models: Vec::new(),
        software_type: None,
        software_version: None,
        ..file
    };
    describe::apply(&mut file, found.facts.clone());
    file
}

async fn add(tx: &Tx, provider: &Provider, found: &Found, at: Timestamp) -> StoreResult<()> {
    let actor = Actor::system();
    let mut file = File {
        id: FileId(0),
        name: clean_name(&found.key),
        file_type: None,
        provider: provider.id,
        provider_name: provider.name.clone(),
        provider_kind: provider.kind,
        provider_place: provider.place(),
        object_key: found.key.clone(),
        size: found.size,
        sha256: None,
        object_tag: found.tag.clone(),
        facts: found.facts.clone(),
        models: Vec::new(),
        software_type: None,
        software_version: None,
        state: FileState::Incomplete,
        origin: "scan".to_owned(),
        note: String::new(),
        created_at: at,
        created_by: actor.name.clone(),
        updated_at: at,
        content_changed_at: at,
        revision: 0,
    };
    describe::apply(&mut file, found.facts.clone());
    let id = rows::insert(tx, &file, at).await?;
    let details = json!({ "before": null, "after": describe::audited(&file) });
    let object_id = id.to_string();
    let record =
        NewRecord { at, actor: &actor, action: "file.create", object_kind: "file", object_id, details };
    audit::append(tx, &record).await
}
