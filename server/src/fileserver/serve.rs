//! What phones get on their ports under `/file/`. Everything that is wrong with a request is 404 and nothing else: who
//! guesses learns nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::setting::SettingKey;
use headers::{HeaderMapExt as _, RetryAfter};
use http::{HeaderMap, Method, Response, StatusCode};

use super::answer::respond;
use super::body::{FileBody, Watched};
use super::copies::Asker;
use super::error::ContentsError;
use super::judge::{Refused, Request, judge};
use super::tokens;
use crate::App;
use crate::status::causes;
use crate::store::StoreError;
use crate::store::downloads::{self, Download};
use crate::store::files::{self, File};

/// When a phone is to try again that could not be served for the moment.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Why a phone gets no file.
enum Failure {
    /// It may not have it.
    Refused(Refused),
    /// The file server is switched off.
    Off,
    /// The database does not answer.
    Store(StoreError),
    /// The content cannot be had.
    Contents(ContentsError),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ContentsError> for Failure {
    fn from(error: ContentsError) -> Self {
        Self::Contents(error)
    }
}

/// Answers a GET or HEAD of a phone. Never fails.
pub async fn serve(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Response<FileBody> {
    let failure = match attempt(app, (method, headers), path, peer).await {
        Ok(response) => return response,
        Err(failure) => failure,
    };
    let mut response = Response::new(FileBody::empty());
    let passing = match failure {
        Failure::Refused(refused) => {
            app.phones.request_refused(refused.code());
            false
        }
        Failure::Off => {
            app.phones.request_refused("file_server_off");
            false
        }
        Failure::Store(error) => {
            tracing::error!(%peer, error = causes(&error), "a phone could not be given a file");
            app.phones.request_refused("file_failed");
            true
        }
        Failure::Contents(error) => {
            // Providers are reported where they fail; this says who went without.
            tracing::warn!(%peer, error = causes(&error), "a phone could not be given a file");
            app.phones.request_refused("file_failed");
            error.lost().is_none()
        }
    };
    if passing {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().typed_insert(RetryAfter::delay(RETRY_AFTER));
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

async fn attempt(
    app: &App,
    request: (&Method, &HeaderMap),
    path: &str,
    peer: IpAddr,
) -> Result<Response<FileBody>, Failure> {
    let (download, file) = find(app, path, peer).await?;
    let reader = || app.file_server.downloads.begin(&download, app.clock.now());
    let watched = || {
        let throttle = Arc::clone(&app.file_server.throttle);
        Some(Watched { reader: reader(), throttle, clock: app.clock.clone() })
    };
    let answered = respond(app, &file, Asker::Phone, request, watched).await;
    if let Err(error) = &answered {
        reader().failed(error.code());
    }
    Ok(answered?)
}

/// The file of an address, when this phone may have it now.
async fn find(app: &App, path: &str, peer: IpAddr) -> Result<(Download, File), Failure> {
    if !app.settings.bool(SettingKey::FileServerEnabled) {
        return Err(Failure::Off);
    }
    let asked = tokens::read(path).ok_or(Refused::Unknown)?;
    let download = downloads::by_token(&app.store, asked.token_hash).await?.ok_or(Refused::Unknown)?;
    let bound = app.settings.bool(SettingKey::FileServerBoundToAddress);
    judge(&download, Request { name: &asked.name, peer, bound, at: app.clock.now() })?;
    let file = files::by_id(&app.store, download.file).await?.ok_or(Refused::FileGone)?;
    if file.size != download.size {
        return Err(Refused::FileGone.into());
    }
    Ok((download, file))
}
