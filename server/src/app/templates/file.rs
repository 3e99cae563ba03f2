//! Templates as files (OSEM §6.1): written for people to read and keep, read in again, and the ones that come with the
//! program. Secrets are named in a file, and their values are not in it (D-16).

use std::collections::{BTreeMap, BTreeSet};

use api::template::{ImportTemplate, StarterView, TemplateView};
use api::{FieldError, Page};
use domain::TemplateId;
use domain::layers::Wish;
use domain::starter::starters as all_starters;
use domain::template_file::{FileFault, TemplateFile, read, write};

use super::fields::{Faults, Place};
use super::{New, files, save_new, stored, values_of};
use crate::App;
use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult};
use crate::app::idempotency::{self, Created, IdempotencyKey};
use crate::app::layers;
use crate::app::layers::change::TemplateHead;

/// Longest name of a file, in characters, without its ending.
const LONGEST_FILE_NAME: usize = 80;

/// A template written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Name of the file: letters of ASCII, digits, `-` and `_`.
    pub file_name: String,
    /// TOML.
    pub text: String,
}

/// Writes a template out.
///
/// # Errors
/// `not_found`.
pub async fn export(app: &App, id: TemplateId) -> AppResult<Exported> {
    let layers = layers::snapshot(app, &app.store).await?;
    let template = stored(&layers, id)?;
    let (mut parameters, mut secrets) = (BTreeMap::new(), BTreeSet::new());
    for (key, wish) in values_of(&layers, id) {
        match wish {
            Wish::Plain(value) => {
                parameters.insert(key.clone(), value.clone());
            }
            Wish::Secret(_) => {
                secrets.insert(key.clone());
            }
        }
    }
    let file = TemplateFile {
        name: template.name.clone(),
        description: template.description.clone(),
        kind: template.kind,
        rank: template.rank,
        clients: template.models.clone(),
        software: template.software_types.clone(),
        software_update: template.software_update,
        secure_mode: template.secure_mode,
        parameters,
        secrets,
        files: files::names(app, &layers, id).await?,
    };
    Ok(Exported { file_name: file_name(&template.name), text: write(&file, &app.catalogue) })
}

/// A name every file system takes.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(plain).take(LONGEST_FILE_NAME).collect();
    let name = name.trim_matches('-');
    format!("{}.toml", if name.is_empty() { "template" } else { name })
}

/// Makes the template of a file.
///
/// # Errors
/// `invalid_fields`: all faults of the file are at `/content`, with the line, the key or the parameter as argument;
/// `name_taken`, `too_many`, `plan_required`, `confirmation_required`, `idempotency_key_reused`.
pub async fn import(
    app: &App,
    caller: &Caller,
    import: &ImportTemplate,
    key: Option<&IdempotencyKey>,
) -> AppResult<Created<TemplateView>> {
    if let Some(earlier) = idempotency::earlier(app, caller, key).await? {
        return Ok(earlier);
    }
    let file = read(&import.content).map_err(|fault| AppError::field(of_file(&fault)))?;
    let layers = layers::snapshot(app, &app.store).await?;
    let mut faults = Faults::new(Place::File);
    let mut of_request = Faults::new(Place::Body);
    let name = match import.name.as_deref().filter(|name| !name.trim().is_empty()) {
        Some(name) => of_request.name(name),
        None => faults.name(&file.name),
    };
    of_request.refuse()?;
    let head = TemplateHead {
        name,
        description: faults.description(&file.description),
        kind: file.kind,
        rank: faults.rank(file.rank),
        models: faults.models(&file.clients),
        software_types: faults.software_types(&file.software),
        software_update: file.software_update,
        secure_mode: file.secure_mode,
    };
    let values = faults.file_values(&app.catalogue, &layers, file.parameters);
    faults.together(&app.catalogue, &head.software_types, &BTreeMap::new(), &values);
    let files = match files::named(app, &file.files).await? {
        Ok(files) => files,
        Err(missing) => {
            faults.extend(missing);
            BTreeSet::new()
        }
    };
    faults.refuse()?;
    let new = New { head, set: values.set, files, confirm: import.confirm };
    save_new(app, caller, new, key).await
}

fn of_file(fault: &FileFault) -> FieldError {
    let error = FieldError::new("/content", fault.code(), fault.to_string());
    fault.args().into_iter().fold(error, |error, (name, value)| error.arg(name, value))
}

/// Templates that come with the program.
///
/// # Errors
/// When one of them cannot be read, which a test rules out.
pub fn starters() -> AppResult<Page<StarterView>> {
    let view = |starter: &domain::starter::Starter| {
        let template = starter.template().map_err(AppError::internal)?;
        Ok(StarterView {
            id: starter.id.to_owned(),
            name: starter.title.to_owned(),
            description: template.description,
            content: starter.text.to_owned(),
            settings: template.parameters.len() as u64,
        })
    };
    Ok(Page::whole(all_starters().iter().map(view).collect::<AppResult<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_file_name_is_harmless_everywhere() {
        assert_eq!(file_name("Hamburg SIP_2"), "Hamburg-SIP_2.toml");
        assert_eq!(file_name("../../etc/passwd"), "etc-passwd.toml");
        assert_eq!(file_name("\"\r\nX: y"), "X--y.toml");
        assert_eq!(file_name("Zürich"), "Z-rich.toml");
        assert_eq!(file_name("電話"), format!("{}.toml", "template"));
        assert_eq!(file_name(&"x".repeat(300)).len(), 85);
    }
}
