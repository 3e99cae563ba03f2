//! S3-compatible stores: AWS, MinIO, Ceph and others. Signing and messages are the S3 library's; HTTP is ours, and
//! contents are fetched by signed addresses, so that reading is the same as from any other web server.

use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime, Length};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use reqwest::{Method, Request, Response, StatusCode, Url};

use super::client::{LARGEST_ERROR, Web, fault_of};
use super::s3_connector::Connector;
use super::{
    Checked, Fault, Manners, Object, PAGE, Page, Provider, Reading, Site, StorageError, fetch, key, site,
};

/// Longest validity of a signed address (signature version 4).
const LONGEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long an address may be used that we fetch from ourselves, at once.
const OWN_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Objects that are asked one by one at the same time.
const AT_ONCE: usize = 8;

/// Longest error code of a store that is looked at.
const LONGEST_CODE: usize = 64;

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    client: Client,
    web: Arc<Web>,
    /// Whether its address is one of TLS.
    is_https: bool,
}

impl Bucket {
    /// Makes a bucket ready to be asked.
    ///
    /// # Errors
    /// When its address is none, or a field is missing.
    pub(super) fn open(site: &Site, manners: &Manners) -> Result<Self, StorageError> {
        let url = site::address(site, manners)?;
        let Some(secret) = site.secret.as_ref().filter(|_| !site.username.is_empty()) else {
            return Err(StorageError::new(Fault::Credentials, "access key or secret is missing"));
        };
        if site.bucket.is_empty() || site.region.is_empty() {
            return Err(StorageError::new(Fault::NotFound, "bucket or region is missing"));
        }
        let web = Arc::new(Web::new(manners));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Connector::new(Arc::clone(&web)))
            .credentials_provider(Credentials::new(
                site.username.clone(),
                secret.expose().to_owned(),
                None,
                None,
                "workpoint",
            ))
            .region(Region::new(site.region.clone()))
            .endpoint_url(url.as_str().trim_end_matches('/'))
            .force_path_style(site.path_style)
            // Sums that stores of before 2025 do not know are refused by them; TLS protects the bytes on their way.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            // Whoever asks decides whether to ask again; times are watched by our own client.
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .disable_s3_express_session_auth(true)
            .build();
        Ok(Self {
            name: site.bucket.clone(),
            client: Client::from_conf(config),
            web,
            is_https: url.scheme() == "https",
        })
    }

    async fn page(&self, after: Option<&str>) -> Result<Page, StorageError> {
        let asked = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .max_keys(i32::try_from(PAGE).unwrap_or(i32::MAX))
            .set_continuation_token(after.map(str::to_owned));
        let answer = asked.send().await.map_err(|error| refused(&error))?;
        let mut page = Page::default();
        for found in answer.contents().iter().take(PAGE) {
            let Some(key) = found.key().filter(|text| key::is_key(text)) else { continue };
            page.objects.push(Object {
                key: key.to_owned(),
                size: size(found.size())?,
                tag: found.e_tag().map(str::to_owned),
                modified: found.last_modified().and_then(timestamp),
            });
        }
        page.objects = self.tagged(page.objects).await?;
        if answer.is_truncated() == Some(true) {
            page.next = answer.next_continuation_token().map(str::to_owned);
            if page.next.is_none() || page.next.as_deref() == after {
                return Err(StorageError::new(Fault::BadAnswer, "a list that does not go on"));
            }
        }
        Ok(page)
    }

    /// Asks for the tags that a list leaves out, which some stores do.
    async fn tagged(&self, objects: Vec<Object>) -> Result<Vec<Object>, StorageError> {
        if objects.iter().all(|object| object.tag.is_some()) {
            return Ok(objects);
        }
        let asked: Vec<_> = objects.iter().map(|object| self.stat(&object.key)).collect();
        let mut asked = stream::iter(asked).buffered(AT_ONCE);
        let mut tagged = Vec::with_capacity(objects.len());
        while let Some(found) = asked.next().await {
            match found {
                Ok(object) => tagged.push(object),
                // Deleted since it was listed.
                Err(error) if error.fault() == Fault::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        drop(asked);
        Ok(tagged)
    }

    /// Without a body a refusal does not say why; a list that is refused does.
    async fn explain(&self, error: StorageError) -> StorageError {
        if error.fault() != Fault::Forbidden {
            return error;
        }
        let asked = self.client.list_objects_v2().bucket(&self.name).max_keys(1);
        match asked.send().await {
            Err(better) => refused(&better),
            Ok(_) => error,
        }
    }

    async fn presign(
        &self,
        key: &str,
        lifetime: Duration,
        at: Option<Timestamp>,
    ) -> Result<String, StorageError> {
        let mut config =
            PresigningConfig::builder().expires_in(lifetime.clamp(Duration::from_secs(1), LONGEST_LIFETIME));
        if let Some(at) = at {
            config = config.start_time(SystemTime::from(at));
        }
        let config = config.build().map_err(|error| StorageError::caused(Fault::BadAnswer, &error))?;
        let asked = self.client.get_object().bucket(&self.name).key(key);
        let signed = asked.presigned(config).await.map_err(|error| refused(&error))?;
        Ok(signed.uri().to_owned())
    }
}

impl Provider for Bucket {
    async fn check(&self) -> Result<Checked, StorageError> {
        let page = self.page(None).await?;
        Ok(Checked { listing: None, objects: page.objects.len() as u64 })
    }

    async fn list(&self, after: Option<&str>) -> Result<Page, StorageError> {
        self.page(after).await
    }

    async fn stat(&self, key: &str) -> Result<Object, StorageError> {
        key::check(key)?;
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(found) => Ok(Object {
                key: key.to_owned(),
                size: size(found.content_length())?,
                tag: found.e_tag().map(str::to_owned),
                modified: found.last_modified().and_then(timestamp),
            }),
            Err(error) => Err(self.explain(refused(&error)).await),
        }
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        tag: Option<&str>,
    ) -> Result<Reading, StorageError> {
        key::check(key)?;
        if range.as_ref().is_some_and(Range::is_empty) {
            return fetch::nothing(self.stat(key).await?, tag);
        }
        let address = self.presign(key, OWN_LIFETIME, None).await?;
        let address = Url::parse(&address)
            .map_err(|_| StorageError::new(Fault::BadAnswer, "the signed address is none"))?;
        let mut request = Request::new(Method::GET, address);
        fetch::ask(&mut request, range.as_ref(), tag);
        let answer = self.web.send(request).await?;
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        fetch::reading(&self.web, answer, range.as_ref(), tag)
    }

    async fn write(&self, key: &str, path: &Path, size: u64) -> Result<Object, StorageError> {
        key::check(key)?;
        fetch::is_of_size(path, size).await?;
        let body = ByteStream::read_from().path(path).length(Length::Exact(size)).build().await;
        let body = body.map_err(|error| StorageError::caused(Fault::NotFound, &error))?;
        let length = i64::try_from(size).map_err(|_| StorageError::from(Fault::TooLarge))?;
        let asked = self.client.put_object().bucket(&self.name).key(key).content_length(length).body(body);
        asked.send().await.map_err(|error| refused(&error))?;
        fetch::written(self.stat(key).await?, size)
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        key::check(key)?;
        match self.client.delete_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) => match (refused(&error), error.code()) {
                (error, Some("NoSuchKey")) if error.fault() == Fault::NotFound => Ok(()),
                (error, _) => Err(error),
            },
        }
    }

    async fn direct_address(
        &self,
        key: &str,
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<Option<String>, StorageError> {
        key::check(key)?;
        if self.is_https { self.presign(key, lifetime, Some(at)).await.map(Some) } else { Ok(None) }
    }
}

impl Bucket {
    /// What a refusal of a signed address says: the code stands in its body.
    async fn refusal(&self, answer: Response) -> StorageError {
        let status = answer.status();
        let code = match self.web.collect(answer, LARGEST_ERROR).await {
            Ok(body) => code_in(&body),
            Err(_) => None,
        };
        fault(status, code.as_deref())
    }
}

/// The code of an error document: what stands between `<Code>` and `</Code>`.
fn code_in(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_code = code.len() <= LONGEST_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then(|| code.to_owned())
}

/// What an error of the library means. Only the store's code and status are kept of an answer: some stores repeat
/// the request in their messages.
fn refused<E>(error: &SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::DispatchFailure(failure) => {
            let ours = failure.as_connector_error().and_then(|error| {
                let mut next = Error::source(error);
                while let Some(cause) = next {
                    if let Some(ours) = cause.downcast_ref::<StorageError>() {
                        return Some(ours.clone());
                    }
                    next = cause.source();
                }
                None
            });
            ours.unwrap_or_else(|| StorageError::new(Fault::Unreachable, "the request was not sent"))
        }
        SdkError::TimeoutError(_) => Fault::TimedOut.into(),
        SdkError::ResponseError(answer) => match StatusCode::from_u16(answer.raw().status().as_u16()) {
            Ok(status) if !status.is_success() => fault(status, None),
            _ => StorageError::new(Fault::BadAnswer, "not an answer of an S3 store"),
        },
        SdkError::ServiceError(refusal) => {
            let status = StatusCode::from_u16(refusal.raw().status().as_u16());
            fault(status.unwrap_or(StatusCode::BAD_REQUEST), refusal.err().code())
        }
        _ => StorageError::new(Fault::BadAnswer, "the request could not be made"),
    }
}

/// What a store's refusal means: by its code where that is known, by its status otherwise.
fn fault(status: StatusCode, code: Option<&str>) -> StorageError {
    let fault = match code {
        Some(
            "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "AuthorizationHeaderMalformed"
            | "ExpiredToken"
            | "InvalidToken"
            | "RequestTimeTooSkewed"
            | "NotSignedUp",
        ) => Fault::Credentials,
        Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem") => Fault::Forbidden,
        Some("NoSuchBucket" | "NoSuchKey") => Fault::NotFound,
        Some("PermanentRedirect" | "TemporaryRedirect") => Fault::Redirected,
        Some("EntityTooLarge") => Fault::TooLarge,
        Some("QuotaExceeded" | "XMinioStorageFull") => Fault::Full,
        Some("RequestTimeout") => Fault::TimedOut,
        Some("IncompleteBody") => Fault::LiedAboutLength,
        _ => fault_of(status),
    };
    let code: String = code.unwrap_or("no code").chars().take(LONGEST_CODE).collect();
    StorageError::new(fault, &format!("status {}, {code}", status.as_u16()))
}

fn size(announced: Option<i64>) -> Result<u64, StorageError> {
    let size = announced.and_then(|size| u64::try_from(size).ok());
    size.ok_or_else(|| StorageError::new(Fault::BadAnswer, "the size of an object is not told"))
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::{code_in, fault};
    use crate::storage::Fault;
    use reqwest::StatusCode;

    #[test]
    fn the_code_decides_before_the_status() {
        let of = |status, code| fault(status, code).fault();
        assert_eq!(of(StatusCode::FORBIDDEN, Some("SignatureDoesNotMatch")), Fault::Credentials);
        assert_eq!(of(StatusCode::FORBIDDEN, Some("AccessDenied")), Fault::Forbidden);
        assert_eq!(of(StatusCode::FORBIDDEN, None), Fault::Forbidden);
        assert_eq!(of(StatusCode::NOT_FOUND, Some("NoSuchBucket")), Fault::NotFound);
        assert_eq!(of(StatusCode::MOVED_PERMANENTLY, Some("PermanentRedirect")), Fault::Redirected);
        assert_eq!(of(StatusCode::MOVED_PERMANENTLY, None), Fault::Redirected);
        assert_eq!(of(StatusCode::SERVICE_UNAVAILABLE, Some("SlowDown")), Fault::ServerError);
    }

    #[test]
    fn a_code_is_a_short_word() {
        assert_eq!(code_in(b"<Error><Code>NoSuchKey</Code></Error>").as_deref(), Some("NoSuchKey"));
        for bad in ["<html>", "<Code></Co", "<Code>a b</Code>", &format!("<Code>{}</Code>", "x".repeat(99))] {
            assert_eq!(code_in(bad.as_bytes()), None, "{bad}");
        }
    }
}
