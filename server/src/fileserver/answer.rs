//! An answer with a file, or with a part of it, for phones and for the API alike.

use std::time::{Duration, SystemTime};

use headers::{
    AcceptRanges, ContentLength, ContentRange, ContentType, ETag, HeaderMapExt as _, LastModified,
};
use http::{HeaderMap, Method, Response, StatusCode};

use super::body::{FileBody, Watched};
use super::conditions::{Entity, Share, share};
use super::contents;
use super::copies::{Asker, Wanted};
use super::error::ContentsError;
use crate::App;
use crate::store::files::File;

/// Answers a GET or HEAD of a file's content, by a person or a script, with what its conditions and its range ask for: 200, 206, 304, 412 or 416.
/// The type is `application/octet-stream`; callers who know better change it.
///
/// # Errors
/// When the content cannot be opened. What fails later cuts the body off.
pub async fn answer(
    app: &App,
    file: &File,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<FileBody>, ContentsError> {
    respond(app, file, Asker::Person, (method, headers), || None).await
}

/// As [`answer`], for whoever it is; `watched` is asked for when there is a body.
pub(super) async fn respond(
    app: &App,
    file: &File,
    asker: Asker,
    (method, headers): (&Method, &HeaderMap),
    watched: impl FnOnce() -> Option<Watched>,
) -> Result<Response<FileBody>, ContentsError> {
    let entity = entity(file)?;
    let share = share(method, headers, &entity);
    let (status, range) = match &share {
        Share::Whole => (StatusCode::OK, 0..entity.size),
        Share::Part(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        Share::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
        Share::ConditionFailed => (StatusCode::PRECONDITION_FAILED, 0..0),
        Share::OutOfRange => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let has_content = matches!(share, Share::Whole | Share::Part(_));
    let body = if has_content && method == Method::GET {
        let contents = contents::open_for(app, file, asker).await?;
        FileBody::new(contents, range.clone(), watched())
    } else {
        FileBody::empty()
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.typed_insert(entity.etag);
    fields.typed_insert(LastModified::from(entity.modified));
    fields.typed_insert(AcceptRanges::bytes());
    if has_content {
        fields.typed_insert(ContentType::octet_stream());
    }
    if share != Share::NotModified {
        fields.typed_insert(ContentLength(range.end - range.start));
    }
    match share {
        Share::Part(range) => {
            if let Ok(range) = ContentRange::bytes(range, entity.size) {
                fields.typed_insert(range);
            }
        }
        Share::OutOfRange => fields.typed_insert(ContentRange::unsatisfied_bytes(entity.size)),
        Share::Whole | Share::NotModified | Share::ConditionFailed => {}
    }
    Ok(response)
}

fn entity(file: &File) -> Result<Entity, ContentsError> {
    // Of a file that was only listed so far, the hash of its contents is not known: the name of its copy is as good.
    let hash = file.sha256.clone().unwrap_or_else(|| Wanted::of(file).name().to_owned());
    let etag: ETag = format!("\"{hash}\"").parse().map_err(|_| ContentsError::WrongContent)?;
    // Whatever changes of a file moves this time, its content as well; more often than necessary does no harm.
    let seconds = u64::try_from(file.updated_at.as_second()).unwrap_or(0);
    Ok(Entity { etag, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), size: file.size })
}
