//! `/uploads`: files sent in pieces.

use api::file::{FileView, NewUpload, PieceQuery, UploadView};
use api::header::IdempotencyKey;
use api::{Code, FieldError, Page, field};
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use domain::Permission;
use http::header::CONTENT_TYPE;

use super::answer::{Answer, created, gone, plain};
use super::extract::{Create, Name, NoParameters, Query, announced_length};
use super::files::answer_created;
use super::pace::paced;
use crate::App;
use crate::app::files::uploads::{self, Place};
use crate::app::{AppError, AppResult, Caller};

/// Begin to upload a file in pieces. What is sent survives a lost connection and a restart of the server.
#[utoipa::path(post, path = "/uploads", tag = "files", params(IdempotencyKey), request_body = NewUpload,
    responses((status = 201, description = "Begun", body = UploadView, headers(("Location" = String)))))]
pub(crate) async fn create_upload(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
    request: AppResult<Create<NewUpload>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    let Create { body, key } = request?;
    let made = uploads::begin(&app, &caller, body, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/uploads/{}", made.value.token), None))
}

/// List the own uploads that have not become files: they can go on.
#[utoipa::path(get, path = "/uploads", tag = "files",
    responses((status = 200, description = "Uploads, newest first", body = Page<UploadView>)))]
pub(crate) async fn list_uploads(
    State(app): State<App>,
    caller: Caller,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    Ok(plain(&uploads::list(&app, &caller).await?))
}

/// Get an upload: how much of it is here.
#[utoipa::path(get, path = "/uploads/{token}", tag = "files",
    params(("token" = String, Path, description = "Upload")),
    responses((status = 200, description = "The upload", body = UploadView)))]
pub(crate) async fn get_upload(
    State(app): State<App>,
    caller: Caller,
    token: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    Ok(plain(&uploads::find(&app, &caller, &token.0).await?))
}

/// Send the next piece of an upload. `offset` says where it begins, which is where the one before has ended.
#[utoipa::path(patch, path = "/uploads/{token}", tag = "files",
    params(("token" = String, Path, description = "Upload"), PieceQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "Here", body = UploadView)))]
pub(crate) async fn update_upload(
    State(app): State<App>,
    caller: Caller,
    token: Name,
    query: AppResult<Query<PieceQuery>>,
    request: AppResult<Piece>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    let offset = query?.0.offset;
    let Piece { announced, body } = request?;
    let offset = offset.ok_or_else(|| {
        AppError::field(FieldError::new("offset", field::MISSING, "must say where the piece begins"))
    })?;
    let place = Place { offset, length: announced };
    let upload = uploads::piece(&app, &caller, &token.0, place, paced(body)).await?;
    Ok(plain(&upload))
}

/// The bytes of a piece, which have not been read yet.
pub(crate) struct Piece {
    announced: Option<u64>,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Piece {
    type Rejection = AppError;

    async fn from_request(request: Request, _: &S) -> AppResult<Self> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/octet-stream") {
            let text = "Send bytes, with Content-Type: application/octet-stream.";
            return Err(AppError::new(Code::UnsupportedMediaType, text));
        }
        Ok(Self { announced: announced_length(&parts.headers), body })
    }
}

/// Make the file of an upload that is complete. Again: the same file.
#[utoipa::path(post, path = "/uploads/{token}/finish", tag = "files",
    params(("token" = String, Path, description = "Upload")),
    responses((status = 201, description = "The file", body = FileView,
        headers(("ETag" = String), ("Location" = String)))))]
pub(crate) async fn finish_upload(
    State(app): State<App>,
    caller: Caller,
    token: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    Ok(answer_created(&uploads::finish(&app, &caller, &token.0).await?))
}

/// Give up an upload. A file it has become stays.
#[utoipa::path(delete, path = "/uploads/{token}", tag = "files",
    params(("token" = String, Path, description = "Upload")),
    responses((status = 204, description = "Forgotten")))]
pub(crate) async fn delete_upload(
    State(app): State<App>,
    caller: Caller,
    token: Name,
    query: AppResult<Query<NoParameters>>,
) -> Answer {
    caller.require(Permission::ChangeFiles)?;
    query?;
    uploads::delete(&app, &caller, &token.0).await?;
    Ok(gone())
}
