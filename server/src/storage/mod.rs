//! Where files are kept: the built-in directory, S3-compatible stores, web servers. One trait, [`Provider`], and what
//! can go wrong as one error. Knows nothing of the database and of phones.
//!
//! All HTTP goes through `client.rs`, S3 as well: it decides which addresses are connected to ([`address`]), follows no
//! redirects, and ends what takes too long. What comes from outside is bounded before it is parsed: lists in bytes, in
//! depth and in number, keys in length and by their characters ([`key`]).

pub mod address;
mod client;
mod error;
mod fetch;
mod https;
mod index_file;
mod index_page;
pub mod key;
mod local;
mod reading;
mod s3;
mod s3_connector;
mod site;
mod webdav;

use std::future::Future;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Secret;
use domain::file::{Listing, ProviderKind};
use domain::network::Networks;
use jiff::Timestamp;

pub use error::{Fault, StorageError};
pub use https::Website;
pub use local::Directory;
pub use reading::{Bytes, Reading};
pub use s3::Bucket;

/// Most objects on a page of a list.
pub const PAGE: usize = 1_000;

/// Largest list that is taken from another server, in bytes.
pub const LARGEST_LIST: usize = 8 * 1024 * 1024;

/// Directories in which files are kept, all below the data directory. `files` in it may be one directory for all nodes;
/// what a node has for itself lies beside it.
#[derive(Clone, Debug)]
pub struct Places {
    /// Objects of the built-in provider, by the hash of their content.
    pub objects: PathBuf,
    /// Uploads that are not complete.
    pub uploads: PathBuf,
    /// Copies of files of other providers, of this node alone: it removes those that it does not need.
    pub cache: PathBuf,
}

impl Places {
    /// Makes the directories where they are missing, for their owner alone.
    ///
    /// # Errors
    /// When one cannot be made.
    pub async fn make(data_dir: &Path) -> std::io::Result<Self> {
        let files = data_dir.join("files");
        let places = Self {
            objects: files.join("objects"),
            uploads: files.join("uploads"),
            cache: data_dir.join("copies"),
        };
        for path in [&places.objects, &places.uploads, &places.cache] {
            tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).await?;
        }
        Ok(places)
    }
}

/// Where a storage provider is and how one signs in there (OSEM §10.3).
#[derive(Clone, Debug)]
pub struct Site {
    /// Its kind; the other fields mean nothing for the built-in one.
    pub kind: ProviderKind,
    /// `https://host[:port][/path]`; `http://` only where [`Manners::validate`] is off.
    pub url: String,
    /// Access key (S3) or user name (HTTPS; empty for none).
    pub username: String,
    /// Access secret or password.
    pub secret: Option<Secret>,
    /// Bucket (S3).
    pub bucket: String,
    /// Region (S3).
    pub region: String,
    /// Whether the bucket stands in the path, not before the host name (S3).
    pub path_style: bool,
    /// How it is listed (HTTPS).
    pub listing: Listing,
}

/// How we deal with other servers: from the settings, the same for all providers.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Whether certificates are checked (setting `security.storage-provider-connection-validation`).
    pub validate: bool,
    /// Networks besides all others (setting `storage.allowed-networks`, see [`address::is_refused`]).
    pub allowed: Networks,
    /// Certificates of authorities, in DER, that are trusted besides those of the operating system.
    pub authorities: Vec<Vec<u8>>,
    /// Longest time for connecting, TLS included.
    pub connect: Duration,
    /// Longest time from the request, or the last byte of it, to the head of the answer.
    pub first_byte: Duration,
    /// Longest time between two pieces of a body, in both directions.
    pub between_bytes: Duration,
}

impl Manners {
    /// The usual times with what the settings say.
    pub fn new(validate: bool, allowed: Networks) -> Self {
        Self {
            validate,
            allowed,
            authorities: Vec::new(),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            between_bytes: Duration::from_secs(60),
        }
    }
}

/// An object of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name there, relative to the provider's address; see [`key`].
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// What changes with its content: ETag or Last-Modified, as the provider says it. The built-in provider has none,
    /// its keys are hashes of the content.
    pub tag: Option<String>,
    /// When it was changed last, as the provider says it.
    pub modified: Option<Timestamp>,
}

/// A page of a list, in an order of the provider that stays the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// At most [`PAGE`] objects; a page may be empty though others follow. Objects whose names are no keys ([`key`])
    /// are left out.
    pub objects: Vec<Object>,
    /// What asks for the next page; `None` when there is no other.
    pub next: Option<String>,
}

/// What trying a provider came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How an HTTPS provider is listed.
    pub listing: Option<Listing>,
    /// Objects on the first page of its list.
    pub objects: u64,
}

/// What every storage provider can do. All of it may be given up at any await: nothing half done can be seen after.
pub trait Provider: Send + Sync {
    /// Signs in and asks for the first page of the list.
    fn check(&self) -> impl Future<Output = Result<Checked, StorageError>> + Send;

    /// A page of the list: the first one, or the one that `next` of another page names.
    fn list(&self, after: Option<&str>) -> impl Future<Output = Result<Page, StorageError>> + Send;

    /// One object, without its content.
    fn stat(&self, key: &str) -> impl Future<Output = Result<Object, StorageError>> + Send;

    /// The content of an object, or the bytes of `range`, which must lie inside it. With `tag`, another content than
    /// the one with this tag is [`Fault::ChangedMeanwhile`].
    fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        tag: Option<&str>,
    ) -> impl Future<Output = Result<Reading, StorageError>> + Send;

    /// Makes an object of the `size` bytes of a file on this machine, or replaces it. It is there as a whole or not
    /// at all.
    fn write(
        &self,
        key: &str,
        path: &Path,
        size: u64,
    ) -> impl Future<Output = Result<Object, StorageError>> + Send;

    /// Deletes an object; one that is gone already is no error.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// An address from which anybody can fetch the object until `lifetime` after `at` (at most seven days, where it is
    /// signed). `None` where a password is needed, and where it would not be HTTPS. Asks nobody.
    fn direct_address(
        &self,
        key: &str,
        lifetime: Duration,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, StorageError>> + Send;
}

/// A storage provider of any kind.
#[derive(Debug)]
pub enum Storage {
    /// The built-in one.
    BuiltIn(Directory),
    /// A bucket.
    S3(Bucket),
    /// A directory of a web server.
    Https(Website),
}

/// Makes a provider ready to be asked. Connects to nobody.
///
/// # Errors
/// When its address is none, or not one that is connected to.
pub fn open(site: &Site, manners: &Manners, places: &Places) -> Result<Storage, StorageError> {
    Ok(match site.kind {
        ProviderKind::BuiltIn => Storage::BuiltIn(Directory::new(places.objects.clone())),
        ProviderKind::S3 => Storage::S3(Bucket::open(site, manners)?),
        ProviderKind::Https => Storage::Https(Website::open(site, manners)?),
    })
}

/// Calls a method of whichever provider it is.
macro_rules! of {
    ($storage:ident . $method:ident ( $($argument:expr),* )) => {
        match $storage {
            Self::BuiltIn(provider) => provider.$method($($argument),*).await,
            Self::S3(provider) => provider.$method($($argument),*).await,
            Self::Https(provider) => provider.$method($($argument),*).await,
        }
    };
}

impl Provider for Storage {
    async fn check(&self) -> Result<Checked, StorageError> {
        of!(self.check())
    }

    async fn list(&self, after: Option<&str>) -> Result<Page, StorageError> {
        of!(self.list(after))
    }

    async fn stat(&self, key: &str) -> Result<Object, StorageError> {
        of!(self.stat(key))
    }

    async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        tag: Option<&str>,
    ) -> Result<Reading, StorageError> {
        of!(self.read(key, range, tag))
    }

    async fn write(&self, key: &str, path: &Path, size: u64) -> Result<Object, StorageError> {
        of!(self.write(key, path, size))
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        of!(self.delete(key))
    }

    async fn direct_address(
        &self,
        key: &str,
        lifetime: Duration,
        at: Timestamp,
    ) -> Result<Option<String>, StorageError> {
        of!(self.direct_address(key, lifetime, at))
    }
}
