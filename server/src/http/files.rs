//! `/files`: files for phones (OSEM §9).

use api::client::ExportFormat;
use api::file::{
    ChangeFile, ContentQuery, ConvertFile, DeleteFiles, FileExportQuery, FileQuery, FileView, FilesDeleted,
    WholeFile,
};
use api::header::{IdempotencyKey, IfMatch};
use api::{Code, FieldError, Page, field};
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use domain::file::FileType;
use domain::{FileId, Permission};
use futures_util::StreamExt as _;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::answer::{Answer, created, gone, plain, tagged};
use super::context::StoredContent;
use super::export;
use super::extract::{Create, Id, Json, NoParameters, Query, announced_length, idempotency_key};
use super::form::{Form, boundary};
use super::pace::paced;
use crate::App;
use crate::app::files::{self, Whole};
use crate::app::idempotency::Created;
use crate::app::{AppError, AppResult, Caller, Expected};
use crate::fileserver;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "file_type",
    "provider",
    "size",
    "sha256",
    "models",
    "software_type",
    "software_version",
    "state",
    "note",
    "origin",
    "created_at",
    "created_by",
    "updated_at",
];

/// Most bytes of a field that stands before the file.
const LONGEST_FIELD: usize = 200;

/// What stands in `filename*` as it is (RFC 8187 `attr-char`).
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// List files.
#[utoipa::path(get, path = "/files", tag = "files", params(FileQuery),
    responses((status = 200, description = "Files", body = Page<FileView>)))]
pub(crate) async fn list_files(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<FileQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    Ok(plain(&files::list(&app, &query?.0).await?))
}

/// Export files: what is known of them, not their content.
#[utoipa::path(get, path = "/files/export", tag = "files", params(FileExportQuery),
    responses((status = 200, description = "Files", content(
        (Vec<FileView> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn export_files(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<FileExportQuery>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let query = query?.0;
    let format = query.format.unwrap_or_default();
    let pieces = files::export(app, &query.into())?;
    let rows = pieces.map(move |files| files?.iter().map(|file| exported(file, format)).collect());
    Ok(export::answer("files", format, COLUMNS, rows))
}

/// A row of an export; a table has the provider by its name.
fn exported(file: &FileView, format: ExportFormat) -> AppResult<Value> {
    let mut row = serde_json::to_value(file).map_err(AppError::internal)?;
    if format == ExportFormat::Csv {
        row["provider"] = Value::from(file.provider.name.as_str());
    }
    Ok(row)
}

/// Upload a file whole. The very same file again, of the same name and type, is answered with the one that is there,
/// and the header `Idempotency-Replayed`.
#[utoipa::path(post, path = "/files", tag = "files", params(IdempotencyKey),
    request_body(content = WholeFile, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file", body = FileView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn create_file(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<FormRequest>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    let FormRequest { headers, body, boundary } = request?;
    let mut said =
        Whole { announced: announced_length(&headers), key: idempotency_key(&headers)?, ..Whole::default() };
    let mut form = Form::new(paced(body), &boundary);
    while let Some(part) = form.next_part().await? {
        match part.name.as_str() {
            "file" => {
                said.name = part.file_name.unwrap_or_default();
                let made = files::upload(&app, &caller, said, form.into_last_bytes()).await?;
                return Ok(answer_created(&made));
            }
            "file_type" => {
                let word = form.text(LONGEST_FIELD).await?;
                if !word.is_empty() {
                    said.file_type = Some(FileType::parse(&word).ok_or_else(not_a_type)?);
                }
            }
            "provider" => {
                let number = form.text(LONGEST_FIELD).await?;
                if !number.is_empty() {
                    said.provider = Some(number.parse().map_err(|_| not_a_number())?);
                }
            }
            "sha256" => {
                let text = form.text(LONGEST_FIELD).await?;
                said.sha256 = Some(text).filter(|text| !text.is_empty());
            }
            name => {
                let text = "The server does not know this field.";
                return Err(AppError::field(FieldError::new(format!("/{name}"), field::UNKNOWN_FIELD, text)));
            }
        }
    }
    Err(AppError::field(FieldError::new("/file", field::MISSING, "must be given")))
}

fn not_a_type() -> AppError {
    let choices: Vec<&str> = FileType::ALL.iter().map(|file_type| file_type.as_str()).collect();
    let text = format!("must be one of: {}", choices.join(", "));
    AppError::field(FieldError::new("/file_type", field::NOT_A_CHOICE, text).arg("choices", choices))
}

fn not_a_number() -> AppError {
    let error = FieldError::new("/provider", field::WRONG_TYPE, "must be a number");
    AppError::field(error.arg("expected", "a number"))
}

/// A form that has not been read yet.
pub(crate) struct FormRequest {
    headers: HeaderMap,
    body: Body,
    boundary: String,
}

impl<S: Send + Sync> FromRequest<S> for FormRequest {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &S) -> AppResult<Self> {
        let (parts, body) = request.into_parts();
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(boundary).ok_or_else(|| {
            let text = "Send a form, with Content-Type: multipart/form-data and its boundary.";
            AppError::new(Code::UnsupportedMediaType, text)
        })?;
        Ok(Self { headers: parts.headers, body, boundary })
    }
}

pub(super) fn answer_created(made: &Created<FileView>) -> Response {
    created(made, &format!("/api/v1/files/{}", made.value.id), Some(made.value.revision))
}

/// Get a file: what is known of it.
#[utoipa::path(get, path = "/files/{id}", tag = "files", params(("id" = i64, Path, description = "File")),
    responses((status = 200, description = "The file", body = FileView, headers(("ETag" = String)))))]
pub(crate) async fn get_file(
    State(app): State<App>,
    caller: Caller,
    id: Id<FileId>,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    query?;
    let file = files::find(&app, id.0).await?;
    Ok(tagged(file.revision, &file))
}

/// Get the content of a file, or a part of it (`Range`). Its ETag is the SHA-256 of the content where that is known.
#[utoipa::path(get, path = "/files/{id}/content", tag = "files",
    params(("id" = i64, Path, description = "File"), ContentQuery),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream",
            headers(("ETag" = String), ("Content-Disposition" = String))),
        (status = 206, description = "A part of it", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The same as before")))]
pub(crate) async fn get_file_content(
    State(app): State<App>,
    caller: Caller,
    id: Id<FileId>,
    query: AppResult<Query<ContentQuery>>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    caller.require(Permission::ReadClients)?;
    let download = query?.0.download == Some(true);
    let shown = files::shown(&app, id.0).await?;
    if let Some(permission) = shown.needs {
        caller.require(permission)?;
    }
    let served = fileserver::answer(&app, &shown.file, &method, &headers).await;
    let served = served.map_err(|error| files::content_failed(error, &shown.file))?;
    match served.status() {
        StatusCode::PRECONDITION_FAILED => return Err(AppError::stale()),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let text = "The file has no such bytes.";
            return Err(AppError::new(Code::RangeNotSatisfiable, text).arg("size", shown.file.size));
        }
        _ => {}
    }
    let mut response = served.map(Body::new);
    response.extensions_mut().insert(StoredContent);
    let headers = response.headers_mut();
    let kind = if download { None } else { shown.harmless };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.unwrap_or("application/octet-stream")));
    if let Some(value) = disposition(kind.is_some(), &shown.file.name) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    // A reader's own browser may keep it, and asks each time whether it is still the same.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    debug_assert!(headers.contains_key(ETAG));
    Ok(response)
}

/// The name of a file in a header (RFC 6266): once for old readers, once as it is.
fn disposition(inline: bool, name: &str) -> Option<HeaderValue> {
    let how = if inline { "inline" } else { "attachment" };
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, ATTRIBUTE);
    HeaderValue::from_str(&format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")).ok()
}

/// Change what is said of a file; absent fields stay. The content cannot be changed.
#[utoipa::path(patch, path = "/files/{id}", tag = "files",
    params(("id" = i64, Path, description = "File"), IfMatch), request_body = ChangeFile,
    responses((status = 200, description = "Changed", body = FileView, headers(("ETag" = String)))))]
pub(crate) async fn update_file(
    State(app): State<App>,
    caller: Caller,
    id: Id<FileId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<ChangeFile>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    let file = files::change(&app, &caller, id.0, &expected, body?.0).await?;
    Ok(tagged(file.revision, &file))
}

/// Delete a file, unless a template or a job that is not over needs it.
#[utoipa::path(delete, path = "/files/{id}", tag = "files",
    params(("id" = i64, Path, description = "File"), IfMatch),
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_file(
    State(app): State<App>,
    caller: Caller,
    id: Id<FileId>,
    expected: Expected,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    files::delete(&app, &caller, id.0, &expected).await?;
    Ok(gone())
}

/// Delete many files; those that are needed stay.
#[utoipa::path(post, path = "/files/delete", tag = "files", request_body = DeleteFiles,
    responses((status = 200, description = "What became of it", body = FilesDeleted)))]
pub(crate) async fn delete_files(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    body: AppResult<Json<DeleteFiles>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    Ok(plain(&files::delete_many(&app, &caller, &body?.0).await?))
}

/// Make another picture of a picture, that fits a model. It is a file of its own.
#[utoipa::path(post, path = "/files/{id}/convert", tag = "files",
    params(("id" = i64, Path, description = "File"), IdempotencyKey), request_body = ConvertFile,
    responses((status = 201, description = "The new file", body = FileView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn convert_file(
    State(app): State<App>,
    caller: Caller,
    id: Id<FileId>,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<ConvertFile>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    let Create { body, key } = request?;
    Ok(answer_created(&files::convert(&app, &caller, id.0, body, key.as_ref()).await?))
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn names_in_headers_are_names_only() {
        let text = |inline, name| disposition(inline, name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(text(true, "a b.png"), "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png");
        assert_eq!(
            text(false, "Tür\"; x=\\.img"),
            "attachment; filename=\"T_r_; x=_.img\"; filename*=UTF-8''T%C3%BCr%22%3B%20x%3D%5C.img"
        );
        assert_eq!(text(false, "a\r\nb"), "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab");
    }
}
