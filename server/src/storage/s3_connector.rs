//! Makes the S3 library use our own HTTP: the same addresses, times and trust as everywhere else.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures_util::TryStreamExt;
use http_body_util::BodyDataStream;

use super::client::{Web, counted_body};
use super::{Fault, LARGEST_LIST, StorageError};

/// Sends the requests of the S3 library. Answers are read as a whole and are bounded, so contents of objects do not
/// come this way.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    web: Arc<Web>,
}

impl Connector {
    pub(super) fn new(web: Arc<Web>) -> Self {
        Self { web }
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let web = Arc::clone(&self.web);
        HttpConnectorFuture::new(async move {
            exchange(&web, request).await.map_err(|error| ConnectorError::other(Box::new(error), None))
        })
    }
}

async fn exchange(web: &Web, request: HttpRequest) -> Result<HttpResponse, StorageError> {
    let sent = Arc::new(AtomicU64::new(0));
    let request =
        request.try_into_http1x().map_err(|error| StorageError::caused(Fault::BadAnswer, &error))?;
    let request = request.map(|body| body_of(body, &sent));
    let request = reqwest::Request::try_from(request).map_err(super::client::failed)?;
    let answer = web.send_counted(request, &sent).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = web.collect(answer, LARGEST_LIST).await?;
    let mut whole = http::Response::new(SdkBody::from(body));
    *whole.status_mut() = status;
    *whole.headers_mut() = headers;
    HttpResponse::try_from(whole).map_err(|error| StorageError::caused(Fault::BadAnswer, &error))
}

fn body_of(body: SdkBody, sent: &Arc<AtomicU64>) -> reqwest::Body {
    match body.bytes() {
        Some(bytes) => bytes.to_vec().into(),
        None => counted_body(BodyDataStream::new(body).map_err(std::io::Error::other), sent),
    }
}
