//! Web servers as storage providers: files are fetched by their addresses, and which there are is told by WebDAV, by
//! index pages or by an index file.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::file::Listing;
use futures_util::{StreamExt, stream};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use jiff::Timestamp;
use reqwest::{Method, Request, Response, StatusCode, Url};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use super::client::{Web, counted_body, fault_of};
use super::{
    Checked, Fault, LARGEST_LIST, Manners, Object, Page, Provider, Reading, Site, StorageError, fetch,
    index_file, index_page, key, site, webdav,
};

/// Deepest directory that is looked into, below the provider's address.
const DEEPEST: usize = 8;

/// Most objects of a web server.
const MOST_OBJECTS: usize = 10_000;

/// Most directories of a web server that are looked into.
const MOST_DIRECTORIES: usize = 1_000;

/// Objects on a page of a list: each is asked for its size.
const OBJECTS_A_PAGE: usize = 250;

/// Objects that are asked for their size at the same time.
const AT_ONCE: usize = 8;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 128 * 1024;

/// A directory of a web server.
#[derive(Debug)]
pub struct Website {
    /// Ends with a slash. No request goes anywhere but below it.
    base: Url,
    authorization: Option<HeaderValue>,
    listing: Listing,
    web: Box<Web>,
    /// Names that the first page of the list found, for the pages that follow.
    names: Mutex<Option<Arc<BTreeSet<String>>>>,
}

/// What lies directly in a directory.
#[derive(Debug, Default)]
struct Members {
    files: Vec<String>,
    directories: Vec<String>,
}

impl Website {
    /// Makes a web server ready to be asked.
    ///
    /// # Errors
    /// When its address is none, or a password would be sent without TLS.
    pub(super) fn open(site: &Site, manners: &Manners) -> Result<Self, StorageError> {
        let base = site::address(site, manners)?;
        let authorization = match (&site.secret, site.username.as_str()) {
            (None, "") => None,
            _ if base.scheme() != "https" => {
                return Err(StorageError::new(Fault::Certificate, "a password is sent over TLS only"));
            }
            (secret, username) => {
                let password = secret.as_ref().map_or("", |secret| secret.expose());
                let pair = STANDARD.encode(format!("{username}:{password}"));
                let mut value = HeaderValue::from_str(&format!("Basic {pair}"))
                    .map_err(|_| StorageError::from(Fault::Credentials))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self {
            base,
            authorization,
            listing: site.listing,
            web: Box::new(Web::new(manners)),
            names: Mutex::new(None),
        })
    }

    /// A request for what lies below our address.
    fn request(&self, method: Method, key: &str) -> Result<Request, StorageError> {
        let address = self.base.join(&format!("./{}", key::to_path(key)));
        let address = address.map_err(|_| StorageError::new(Fault::NotFound, "the name is no key"))?;
        let mut request = Request::new(method, address);
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    async fn get(&self, key: &str) -> Result<Response, StorageError> {
        self.web.send(self.request(Method::GET, key)?).await
    }

    /// The members of a directory by WebDAV. Directories are keys that end with a slash; ours is the empty one.
    async fn propfind(&self, directory: &str) -> Result<Members, StorageError> {
        let method = Method::from_bytes(b"PROPFIND").map_err(|_| StorageError::from(Fault::BadAnswer))?;
        let mut request = self.request(method, directory)?;
        request.headers_mut().insert("depth", HeaderValue::from_static("1"));
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
        *request.body_mut() = Some(webdav::QUESTION.into());
        let here = key::segments(request.url().path()).unwrap_or_default();
        let answer = self.web.send(request).await?;
        match answer.status() {
            StatusCode::MULTI_STATUS => {}
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                return Err(Fault::NotListable.into());
            }
            status if status.is_success() => {
                return Err(StorageError::new(Fault::BadAnswer, "no answer of a WebDAV server"));
            }
            status => return Err(refused(status)),
        }
        let mut members = Members::default();
        for member in webdav::members(&self.web.collect(answer, LARGEST_LIST).await?)? {
            // Only the path counts: behind another server the host may be called something else. What is asked is
            // made of the name and our own address.
            let Ok(address) = self.base.join(member.href.trim()) else { continue };
            let Some(mut segments) = key::segments(address.path()) else { continue };
            let Some(name) = segments.pop() else { continue };
            if segments == here && key::is_key(&name) {
                let names = if member.is_collection { &mut members.directories } else { &mut members.files };
                names.push(name);
            }
        }
        Ok(members)
    }

    /// Whether it answers as a WebDAV server at all.
    async fn speaks_dav(&self) -> bool {
        match self.propfind("").await {
            Ok(_) => true,
            Err(error) => !matches!(error.fault(), Fault::NotListable | Fault::BadAnswer),
        }
    }

    /// The members of a directory by its index page; with `evident`, only when it surely is one.
    async fn index(&self, directory: &str, evident: bool) -> Result<Members, StorageError> {
        let answer = self.get(directory).await?;
        let address = answer.url().clone();
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(refused(status));
        }
        if !is_html(&answer) {
            return Err(StorageError::new(Fault::NotListable, "not a page"));
        }
        let page = index_page::read(&address, &self.web.collect(answer, LARGEST_LIST).await?);
        if evident && !page.is_evident {
            return Err(StorageError::new(Fault::NotListable, "a page, and no index"));
        }
        Ok(Members { files: page.files, directories: page.directories })
    }

    async fn index_file(&self) -> Result<Members, StorageError> {
        let answer = self.get(index_file::NAME).await?;
        match answer.status() {
            StatusCode::OK if !is_html(&answer) => {
                let files = index_file::names(&self.web.collect(answer, LARGEST_LIST).await?, MOST_OBJECTS)?;
                Ok(Members { files, directories: Vec::new() })
            }
            StatusCode::OK => Err(StorageError::new(Fault::NotListable, "a page instead of an index file")),
            status => Err(refused(status)),
        }
    }

    /// How it is listed, and what lies in the first directory.
    async fn first(&self) -> Result<(Listing, Members), StorageError> {
        let tried: &[Listing] = match &self.listing {
            Listing::Automatic => &[Listing::Webdav, Listing::IndexPage, Listing::IndexFile],
            one => std::slice::from_ref(one),
        };
        let mut missing = true;
        for listing in tried {
            let found = match listing {
                Listing::Webdav => self.propfind("").await,
                Listing::IndexFile => self.index_file().await,
                Listing::IndexPage | Listing::Automatic => self.index("", tried.len() > 1).await,
            };
            match found {
                Ok(members) => return Ok((*listing, members)),
                Err(error) if tried.len() == 1 => return Err(error),
                Err(error) => match error.fault() {
                    Fault::NotFound => {}
                    // Servers without WebDAV refuse the question wherever it is asked.
                    _ if *listing == Listing::Webdav && error.fault() == Fault::NotListable => {}
                    Fault::NotListable | Fault::BadAnswer | Fault::Forbidden | Fault::ReadOnly => {
                        missing = false;
                    }
                    _ => return Err(error),
                },
            }
        }
        let fault = if missing { Fault::NotFound } else { Fault::NotListable };
        Err(StorageError::new(fault, "neither WebDAV nor an index page nor an index file"))
    }

    /// The names of all objects.
    async fn all(&self) -> Result<BTreeSet<String>, StorageError> {
        let (listing, members) = self.first().await?;
        let mut names = BTreeSet::new();
        let mut open = VecDeque::from([(String::new(), 0, Some(members))]);
        let mut looked_into = 0;
        while let Some((directory, depth, members)) = open.pop_front() {
            let members = match (members, listing) {
                (Some(members), _) => members,
                (None, Listing::Webdav) => self.propfind(&directory).await.or_else(unless_closed)?,
                (None, _) => self.index(&directory, false).await.or_else(unless_closed)?,
            };
            looked_into += 1;
            names.extend(members.files.into_iter().map(|name| format!("{directory}{name}")));
            if depth < DEEPEST {
                let below = members.directories.into_iter().map(|name| format!("{directory}{name}/"));
                open.extend(below.map(|directory| (directory, depth + 1, None)));
            }
            if names.len() > MOST_OBJECTS || looked_into + open.len() > MOST_DIRECTORIES {
                return Err(StorageError::new(Fault::TooLarge, "too many files or directories"));
            }
        }
        names.retain(|name| key::is_key(name) && name != index_file::NAME);
        Ok(names)
    }

    /// An object of the list; `None` for one that is gone, closed to us or none at all.
    async fn listed(&self, key: &str) -> Result<Option<Object>, StorageError> {
        match self.stat(key).await {
            Ok(object) => Ok(Some(object)),
            Err(error) => match error.fault() {
                Fault::NotFound | Fault::Forbidden | Fault::Redirected | Fault::BadAnswer => Ok(None),
                _ => Err(error),
            },
        }
    }

    async fn put(&self, key: &str, path: &Path, size: u64) -> Result<StatusCode, StorageError> {
        let file = tokio::fs::File::open(path).await;
        let file = file.map_err(|error| StorageError::caused(Fault::NotFound, &error))?;
        let sent = Arc::new(AtomicU64::new(0));
        let mut request = self.request(Method::PUT, key)?;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        *request.body_mut() = Some(counted_body(ReaderStream::with_capacity(file.take(size), PIECE), &sent));
        Ok(self.web.send_counted(request, &sent).await?.status())
    }

    /// Makes the directories above a key; those that are there already answer with 405.
    async fn make_directories(&self, key: &str) -> Result<(), StorageError> {
        let method = Method::from_bytes(b"MKCOL").map_err(|_| StorageError::from(Fault::BadAnswer))?;
        for (at, _) in key.match_indices('/') {
            let directory = key.get(..=at).unwrap_or_default();
            let status = self.web.send(self.request(method.clone(), directory)?).await?.status();
            if !status.is_success() && status != StatusCode::METHOD_NOT_ALLOWED {
                return Err(refused(status));
            }
        }
        Ok(())
    }
}

impl Provider for Website {
    async fn check(&self) -> Result<Checked, StorageError> {
        let (listing, members) = self.first().await?;
        Ok(Checked { listing: Some(listing), objects: members.files.len() as u64 })
    }

    async fn list(&self, after: Option<&str>) -> Result<Page, StorageError> {
        let mut kept = self.names.lock().await;
        let names = match (after, kept.as_ref()) {
            (Some(_), Some(names)) => Arc::clone(names),
            _ => Arc::clone(kept.insert(Arc::new(self.all().await?))),
        };
        drop(kept);
        let behind = names.iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        let behind: Vec<&String> = behind.take(OBJECTS_A_PAGE + 1).collect();
        let here = behind.get(..OBJECTS_A_PAGE).unwrap_or(&behind);
        let next = (behind.len() > here.len()).then(|| here.last().map(|name| (*name).clone())).flatten();
        let asked: Vec<_> = here.iter().map(|name| self.listed(name)).collect();
        let mut asked = stream::iter(asked).buffered(AT_ONCE);
        let mut objects = Vec::with_capacity(here.len());
        while let Some(found) = asked.next().await {
            objects.extend(found?);
        }
        Ok(Page { objects, next })
    }

    async fn stat(&self, key: &str) -> Result<Object, StorageError> {
        key::check(key)?;
        for method in [Method::HEAD, Method::GET] {
            let mut request = self.request(method, key)?;
            fetch::ask(&mut request, None, None);
            // Of the content nothing is read.
            let answer = self.web.send(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(refused(answer.status()));
            }
            // Apache does not tell the length of nothing before it is asked for.
            if let Some(object) = fetch::object(key, answer.headers()) {
                return Ok(object);
            }
        }
        Err(StorageError::new(Fault::BadAnswer, "the length of the content is not told"))
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
        let mut request = self.request(Method::GET, key)?;
        fetch::ask(&mut request, range.as_ref(), None);
        let answer = self.web.send(request).await?;
        match answer.status() {
            status if status.is_success() => fetch::reading(&self.web, answer, range.as_ref(), tag),
            status => Err(refused(status)),
        }
    }

    async fn write(&self, key: &str, path: &Path, size: u64) -> Result<Object, StorageError> {
        key::check(key)?;
        fetch::is_of_size(path, size).await?;
        let mut status = self.put(key, path, size).await?;
        // A directory above it is missing: 409 (RFC 4918 §9.7.1); some servers say 404, nginx 500.
        let may_miss = matches!(
            status,
            StatusCode::CONFLICT | StatusCode::NOT_FOUND | StatusCode::INTERNAL_SERVER_ERROR
        );
        if may_miss && key.contains('/') && self.make_directories(key).await.is_ok() {
            status = self.put(key, path, size).await?;
        }
        // Caddy has no other word for everything that it does not do.
        if status == StatusCode::NOT_FOUND && !self.speaks_dav().await {
            return Err(StorageError::new(Fault::ReadOnly, "status 404, and no WebDAV"));
        }
        if !status.is_success() {
            return Err(refused(status));
        }
        fetch::written(self.stat(key).await?, size)
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        key::check(key)?;
        match self.web.send(self.request(Method::DELETE, key)?).await?.status() {
            // Caddy gives the file, as for any other method.
            StatusCode::OK => match self.stat(key).await {
                Ok(_) => Err(StorageError::new(Fault::ReadOnly, "still there after it was deleted")),
                Err(error) if error.fault() == Fault::NotFound => Ok(()),
                Err(error) => Err(error),
            },
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            status => Err(refused(status)),
        }
    }

    async fn direct_address(
        &self,
        key: &str,
        _lifetime: Duration,
        _at: Timestamp,
    ) -> Result<Option<String>, StorageError> {
        key::check(key)?;
        if self.authorization.is_some() || self.base.scheme() != "https" {
            return Ok(None);
        }
        Ok(Some(self.request(Method::GET, key)?.url().to_string()))
    }
}

fn refused(status: StatusCode) -> StorageError {
    StorageError::new(fault_of(status), &format!("status {}", status.as_u16()))
}

fn is_html(answer: &Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start().get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
}

/// A directory below ours that is closed to us, or gone, has no members; the others are listed all the same.
fn unless_closed(error: StorageError) -> Result<Members, StorageError> {
    match error.fault() {
        Fault::NotFound | Fault::Forbidden | Fault::NotListable => Ok(Members::default()),
        _ => Err(error),
    }
}
