//! What people say of a file: its name, what it is for, and what its content does not tell (`wpi.md` §7.4).

use api::file::{ChangeFile, FileView};
use api::{Code, FieldError, field};
use domain::FileId;
use domain::file::{FileState, FileType, check_name};
use domain::model::models;
use domain::software::SoftwareVersion;
use serde_json::json;

use super::uploads::name_error;
use super::{describe, software_type, view};
use crate::App;
use crate::app::caller::Caller;
use crate::app::plans::gain;
use crate::app::revision::Expected;
use crate::app::{AppError, AppResult};
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::file_list::{self, Uses};
use crate::store::files::{self as rows, File};
use crate::store::{Tx, audit};

/// Longest note, in characters.
const LONGEST_NOTE: usize = 2_000;

/// Changes what is said of a file; an absent field stays.
///
/// # Errors
/// `not_found`, `precondition_failed`, `invalid_fields`; `in_use` while a job that is not over needs it as it is;
/// `too_many_targets`, and `confirmation_required` with the number of clients that would get it on their own.
pub async fn change(
    app: &App,
    caller: &Caller,
    id: FileId,
    expected: &Expected,
    request: ChangeFile,
) -> AppResult<FileView> {
    let before = super::row(&app.store, id).await?;
    expected.check(before.revision)?;
    let confirm = request.confirm;
    let mut after = before.clone();
    apply(&mut after, request)?;
    if matches!(after.state, FileState::Ready | FileState::Incomplete) {
        after.state = describe::state(&after);
    }
    let changes = differing(&before, &after);
    if changes.iter().any(|name| *name != "note") {
        // As when a template is given the file: nobody looks at each of the phones afterwards. Outside the transaction,
        // because the whole fleet is looked at.
        gain::of_file(app, &before, &after).await?.check_confirmed(app, caller, confirm)?;
    }
    let tx = app.store.begin().await?;
    let locked = rows::lock(&tx, &[id]).await?.pop().ok_or_else(AppError::not_found)?;
    if locked.revision != before.revision {
        return Err(AppError::stale());
    }
    if changes.is_empty() {
        return view::of(&tx, before).await;
    }
    if changes.iter().any(|name| *name != "note") {
        refuse_running(&tx, &before).await?;
    }
    let at = app.clock.now();
    if !rows::update(&tx, &after, at).await? {
        return Err(AppError::stale());
    }
    let (actor, object_id) = (&caller.actor(), id.to_string());
    let details = json!({ "before": describe::audited(&before), "after": describe::audited(&after) });
    let record = NewRecord { at, actor, action: "file.change", object_kind: "file", object_id, details };
    audit::append(&tx, &record).await?;
    let view = view::of(&tx, super::row(&tx, id).await?).await?;
    tx.commit().await?;
    app.events.publish(Resource::Files, Change::Updated, id);
    Ok(view)
}

/// A job that is not over counts on the file as it is.
async fn refuse_running(tx: &Tx, file: &File) -> AppResult<()> {
    let uses = file_list::uses(tx, &[file.id]).await?.remove(&file.id).unwrap_or_default();
    if uses.jobs.is_empty() {
        return Ok(());
    }
    let uses = Uses { templates: Vec::new(), templates_total: 0, ..uses };
    Err(in_use("A job that is not over needs the file as it is.", &uses))
}

/// Refuses what is needed, with who needs it.
pub(super) fn in_use(text: &str, uses: &Uses) -> AppError {
    let mut named: Vec<String> = uses.templates.iter().map(|(_, name)| name.clone()).collect();
    named.extend(uses.jobs.iter().map(|job| format!("#{job}")));
    let used_by = view::used_by(uses);
    AppError::new(Code::InUse, text)
        .arg("used_by", named)
        .arg("templates", json!(used_by.templates))
        .arg("jobs", json!(used_by.jobs))
}

fn apply(file: &mut File, request: ChangeFile) -> AppResult<()> {
    let mut faults = Vec::new();
    if let Some(name) = request.name {
        if let Err(fault) = check_name(&name) {
            faults.push(name_error("/name", fault));
        }
        file.name = name;
    }
    if let Some(file_type) = request.file_type {
        // What came with another type before the content was looked at stays as it is.
        if file.file_type != Some(file_type)
            && let Err(fault) = describe::check_type("/file_type", file_type, &file.facts)
        {
            faults.push(fault);
        }
        file.file_type = Some(file_type);
    }
    if let Some(names) = request.models {
        match known_models(&names) {
            Ok(names) => file.models = names,
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(kind) = request.software_type {
        match kind.map(|text| software_type("/software_type", &text)).transpose() {
            Ok(kind) => file.software_type = kind,
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(text) = request.software_version {
        match text.map(|text| version(&text)).transpose() {
            Ok(version) => file.software_version = version,
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(note) = request.note {
        let note = note.trim();
        if note.chars().count() > LONGEST_NOTE {
            let text = format!("has more than {LONGEST_NOTE} characters");
            faults.push(FieldError::new("/note", field::TOO_LONG, text).arg("max", LONGEST_NOTE));
        } else if note.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            faults.push(FieldError::new("/note", field::CONTROL_CHARACTER, "has a control character"));
        }
        file.note = note.to_owned();
    }
    let software = file.file_type == Some(FileType::Software);
    if !software && (file.software_type.is_some() || file.software_version.is_some()) {
        // What only software has goes with the type.
        (file.software_type, file.software_version) = (None, None);
    }
    if faults.is_empty() { Ok(()) } else { Err(AppError::fields(faults)) }
}

/// Names of models, in the order of the table, each once.
fn known_models(names: &[String]) -> Result<Vec<String>, FieldError> {
    for (place, name) in names.iter().enumerate() {
        if !models().iter().any(|model| model.name == *name) {
            let choices: Vec<&str> = models().iter().map(|model| model.name.as_str()).collect();
            let text = "must be the short name of a model";
            let error = FieldError::new(format!("/models/{place}"), field::NOT_A_CHOICE, text);
            return Err(error.arg("choices", choices));
        }
    }
    let known = models().iter().filter(|model| names.contains(&model.name));
    Ok(known.map(|model| model.name.clone()).collect())
}

/// A version as it is compared with what phones report.
fn version(text: &str) -> Result<String, FieldError> {
    let form = "V3 R5.16.0";
    SoftwareVersion::parse(text).map(|version| version.to_string()).ok_or_else(|| {
        FieldError::new("/software_version", "wrong_form", format!("must be of the form {form}"))
            .arg("form", form)
    })
}

/// Fields that are different.
fn differing(before: &File, after: &File) -> Vec<&'static str> {
    let fields = [
        ("name", before.name != after.name),
        ("file_type", before.file_type != after.file_type),
        ("models", before.models != after.models),
        ("software_type", before.software_type != after.software_type),
        ("software_version", before.software_version != after.software_version),
        ("note", before.note != after.note),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
