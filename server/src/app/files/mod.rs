//! Files for phones: listed, uploaded, described, converted, deleted (OSEM §9).
//!
//! A file is a row here and an object at its storage provider. The same content is stored once: several rows, of several
//! names, may have one object. An object comes before its first row and goes after its last one, so that a server that is
//! killed in between leaves an object nobody needs, and never a row without one; [`sweep`] takes what is left over.
//!
//! What arrives is staged in a directory of this node ([`staging`]), told from its content ([`describe`]), and then
//! taken in ([`take`]): all ways in, [`uploads`] in pieces, whole ones, conversions, end there.

pub mod adopt;
mod change;
mod convert;
mod delete;
pub mod describe;
pub mod home;
pub(super) mod objects;
mod open;
pub mod room;
pub mod staging;
pub mod sweep;
mod take;
mod takes;
pub mod uploads;
mod view;
mod whole;

pub use change::change;
pub use convert::convert;
pub use delete::{delete, delete_many};
pub use open::{Shown, content_failed, shown};
pub use uploads::Turns;
pub use whole::{Whole, upload};

use api::file::{FileQuery, FileView};
use api::{Code, FieldError, Page, field};
use domain::file::FileState;
use domain::software::SoftwareType;
use domain::{FileId, ProviderId};
use futures_util::{Stream, stream};

use super::error::{AppError, AppResult};
use super::paging::{Paging, sort};
use crate::App;
use crate::store::Source;
use crate::store::file_list::{self, Filter, Sort};
use crate::store::files::{self as rows, File};

/// The built-in storage provider.
pub const BUILT_IN: ProviderId = ProviderId(1);

/// Files read at once by an export.
const EXPORTED_AT_ONCE: u64 = 500;

const SORTS: [(&str, Sort); 8] = [
    ("name", Sort::Name),
    ("file_type", Sort::FileType),
    ("provider", Sort::Provider),
    ("size", Sort::Size),
    ("models", Sort::Models),
    ("software_version", Sort::SoftwareVersion),
    ("created_at", Sort::Created),
    ("state", Sort::State),
];

/// The short word of a software type that files can be for, `SIP` or `HFA`.
fn software_type(pointer: &str, text: &str) -> Result<String, FieldError> {
    match SoftwareType::parse(text) {
        kind @ (SoftwareType::Sip | SoftwareType::Hfa) => Ok(kind.as_str().to_owned()),
        SoftwareType::Gw | SoftwareType::Other(_) => {
            let choices = ["SIP", "HFA"];
            let error = FieldError::new(pointer, field::NOT_A_CHOICE, "must be one of: SIP, HFA");
            Err(error.arg("choices", choices.to_vec()))
        }
    }
}

fn filter(query: &FileQuery) -> AppResult<Filter> {
    let software = query.software_type.as_deref().filter(|text| !text.trim().is_empty());
    let software = software.map(|text| software_type("software_type", text)).transpose();
    Ok(Filter {
        search: query.search.clone(),
        file_type: query.file_type,
        software_type: software.map_err(AppError::field)?,
        model: query.model.clone().filter(|model| !model.trim().is_empty()),
        provider: query.provider,
        state: query.state,
        used: query.used,
    })
}

/// Files of a filter, sorted.
///
/// # Errors
/// `invalid_fields`, `page_too_deep`.
pub async fn list(app: &App, query: &FileQuery) -> AppResult<Page<FileView>> {
    let paging = Paging::new(query.page, query.size, None)?;
    let order = sort(query.sort.as_deref(), &SORTS)?;
    let filter = filter(query)?;
    let (files, total) = tokio::try_join!(
        file_list::list(&app.store, &filter, order, paging.skip(), paging.size),
        file_list::count(&app.store, &filter),
    )?;
    let items = view::of_many(&app.store, files).await?;
    Ok(Page { items, total, page: Some(paging.page), size: paging.size, next: None })
}

/// All files of a filter, sorted, in pieces.
///
/// # Errors
/// `invalid_fields`.
pub fn export(
    app: App,
    query: &FileQuery,
) -> AppResult<impl Stream<Item = AppResult<Vec<FileView>>> + use<>> {
    // What is wrong is refused before the answer begins.
    let order = sort(query.sort.as_deref(), &SORTS)?;
    let filter = filter(query)?;
    Ok(stream::try_unfold((app, 0, false), move |(app, skip, done)| {
        let filter = filter.clone();
        async move {
            if done {
                return Ok(None);
            }
            let files = file_list::list(&app.store, &filter, order, skip, EXPORTED_AT_ONCE).await?;
            let done = (files.len() as u64) < EXPORTED_AT_ONCE;
            let views = view::of_many(&app.store, files).await?;
            Ok::<_, AppError>(Some((views, (app, skip + EXPORTED_AT_ONCE, done))))
        }
    }))
}

/// One file.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: FileId) -> AppResult<FileView> {
    let file = row(&app.store, id).await?;
    view::of(&app.store, file).await
}

/// The row of a file, to be served.
///
/// # Errors
/// `not_found`.
pub async fn row(on: &impl Source, id: FileId) -> AppResult<File> {
    rows::by_id(on, id).await?.ok_or_else(AppError::not_found)
}

/// Views of files that somebody else lists, in the order given; ids nobody has are left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn views(on: &impl Source, files: Vec<File>) -> AppResult<Vec<FileView>> {
    view::of_many(on, files).await
}

/// These files, if all can be deployed; in the order of the ids, each once.
///
/// # Errors
/// `not_found` when one of them is not there; `file_not_ready`.
pub async fn require_ready(_app: &App, on: &impl Source, ids: &[FileId]) -> AppResult<Vec<File>> {
    let mut wanted = ids.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let files = rows::by_ids(on, &wanted).await?;
    if files.len() < wanted.len() {
        return Err(AppError::not_found());
    }
    match files.iter().find(|file| file.state != FileState::Ready) {
        Some(file) => {
            let text = format!("The file {} cannot be deployed: it is {}.", file.name, file.state.as_str());
            Err(AppError::new(Code::FileNotReady, text)
                .arg("file", file.name.as_str())
                .arg("state", file.state.as_str()))
        }
        None => Ok(files),
    }
}
