//! What somebody asks to be deployed, read and checked (OSEM §4.5.4).

use std::collections::BTreeSet;

use api::deployment::{NewDeployedFile, NewDeployment};
use api::{Code, FieldError, field};
use domain::FileId;
use domain::deployment::{DeployedFile, DeploymentOptions, FileAction, Limits, MOST_FILES};
use domain::file::{FileState, FileType, LONGEST_FILE_NAME};
use domain::job::JobKind;

use crate::app::error::{AppError, AppResult};
use crate::store::Source;
use crate::store::files::{self, File};

/// Reads a deployment of a kind.
///
/// # Errors
/// `invalid_fields` with everything that cannot be accepted; `file_not_ready`.
pub async fn read(on: &impl Source, kind: JobKind, new: &NewDeployment) -> AppResult<DeploymentOptions> {
    let mut faults = Vec::new();
    let number = new.files.len();
    if number == 0 {
        faults.push(FieldError::new("/deployment/files", field::MISSING, "must name a file"));
    } else if number > MOST_FILES {
        let text = format!("has more than {MOST_FILES} files");
        faults.push(FieldError::new("/deployment/files", field::TOO_LONG, text).arg("max", MOST_FILES));
    }
    faults.extend(limit_faults("/deployment", new.error_limit, new.success_limit));
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let ids: BTreeSet<FileId> = new.files.iter().filter_map(|file| file.file).collect();
    let known = files::by_ids(on, &ids.into_iter().collect::<Vec<_>>()).await?;
    let mut deployed = Vec::with_capacity(number);
    let mut seen = BTreeSet::new();
    for (place, file) in new.files.iter().enumerate() {
        match read_one(kind, place, file, &known) {
            Err(fault) => faults.push(fault),
            Ok(file) if !seen.insert((file.name.to_lowercase(), file.file_type.as_str())) => {
                let (place, text) = (format!("/deployment/files/{place}"), "stands there more than once");
                faults.push(FieldError::new(place, field::GIVEN_TWICE, text));
            }
            Ok(file) => deployed.push(file),
        }
    }
    if !faults.is_empty() {
        return Err(AppError::fields(faults));
    }
    let deploys = |file: &&File| {
        deployed.iter().any(|other| other.file == Some(file.id) && other.action == FileAction::Deploy)
    };
    if let Some(file) = known.iter().filter(deploys).find(|file| file.state != FileState::Ready) {
        let error = AppError::new(Code::FileNotReady, "A file cannot be deployed in its state.");
        return Err(error.arg("file", file.name.as_str()).arg("state", file.state.as_str()));
    }
    Ok(DeploymentOptions {
        files: deployed,
        priority: new.priority,
        allow_family_change: new.allow_family_change,
        allow_downgrade: new.allow_downgrade,
        again: new.again,
        limits: Limits { errors: new.error_limit, successes: new.success_limit },
        stopped: None,
        retried_at: None,
    })
}

/// What is wrong with the limits of a deployment; `at` stands before the names of the fields.
pub fn limit_faults(at: &str, errors: Option<u64>, successes: Option<u64>) -> Vec<FieldError> {
    let limits = [("error_limit", errors), ("success_limit", successes)];
    let wrong = limits.into_iter().filter(|(_, limit)| *limit == Some(0));
    wrong
        .map(|(name, _)| {
            FieldError::new(format!("{at}/{name}"), field::OUT_OF_RANGE, "must be at least 1").arg("min", 1)
        })
        .collect()
}

fn read_one(
    kind: JobKind,
    place: usize,
    new: &NewDeployedFile,
    known: &[File],
) -> Result<DeployedFile, FieldError> {
    let at = |name: &str| format!("/deployment/files/{place}{name}");
    let file = match new.file {
        Some(id) => Some(
            known
                .iter()
                .find(|file| file.id == id)
                .ok_or_else(|| FieldError::new(at("/file"), field::INVALID, "is no file"))?,
        ),
        None => None,
    };
    if file.is_none() && new.action == FileAction::Deploy {
        return Err(FieldError::new(at("/file"), field::MISSING, "must name the file that is deployed"));
    }
    let missing = |name: &str| FieldError::new(at(name), field::MISSING, "is needed when there is no file");
    let name = match (&new.name, file) {
        // Phones name what they fetch by the last part of the address.
        (Some(name), Some(file)) if *name != file.name => {
            let text = "is the name of the file; change it there";
            return Err(FieldError::new(at("/name"), field::INVALID, text));
        }
        (_, Some(file)) => file.name.clone(),
        (Some(name), None) => name.trim().to_owned(),
        (None, None) => return Err(missing("/name")),
    };
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(FieldError::new(at("/name"), field::INVALID, "must be a file name"));
    }
    if name.len() > LONGEST_FILE_NAME {
        let text = format!("is longer than {LONGEST_FILE_NAME} bytes");
        return Err(FieldError::new(at("/name"), field::TOO_LONG, text).arg("max", LONGEST_FILE_NAME));
    }
    let file_type = match (new.file_type, file.and_then(|file| file.file_type)) {
        (Some(said), Some(known)) if said != known => {
            return Err(FieldError::new(at("/file_type"), field::INVALID, "is not the type of the file"));
        }
        (_, Some(known)) => known,
        (Some(said), None) => said,
        (None, None) => return Err(missing("/file_type")),
    };
    let software = file_type == FileType::Software;
    if software != (kind == JobKind::DeploySoftware) {
        let text = if software {
            "is software; it is deployed with a plan of its own kind"
        } else {
            "is no software; it is deployed with a plan of its own kind"
        };
        return Err(FieldError::new(at("/file"), field::INVALID, text));
    }
    if software && new.action == FileAction::Delete {
        return Err(FieldError::new(at("/action"), field::INVALID, "software cannot be deleted from phones"));
    }
    Ok(DeployedFile { file: file.map(|file| file.id), name, file_type, action: new.action })
}
