//! Storage providers (OSEM §10).

use domain::ProviderId;
use domain::file::{Listing, ProviderHealth, ProviderKind, ProviderScanState, Serving};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::client::ExportFormat;
use crate::configuration::Reason;
use crate::file::FileUse;
use crate::patch;

/// A storage provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Its kind.
    #[schema(schema_with = crate::schema::word::<ProviderKind>)]
    pub kind: ProviderKind,
    /// Address; empty for the built-in one.
    pub url: String,
    /// Access key (S3) or user name (HTTPS).
    pub username: String,
    /// Whether an access secret or password is kept. It is never shown.
    pub has_secret: bool,
    /// Bucket (S3).
    pub bucket: String,
    /// Region (S3).
    pub region: String,
    /// Whether the bucket stands in the path (S3).
    pub path_style: bool,
    /// How it is listed (HTTPS).
    #[schema(schema_with = crate::schema::word::<Listing>)]
    pub listing: Listing,
    /// How phones get its files.
    #[schema(schema_with = crate::schema::word::<Serving>)]
    pub serving: Serving,
    /// Address of the FTP server that has the same files; empty when there is none. This server never connects to it.
    pub ftp_url: String,
    /// User name there; empty when phones need none.
    pub ftp_username: String,
    /// Whether a password for it is kept. It is never shown.
    pub has_ftp_secret: bool,
    /// Whether it takes files; `null` until the first one is put there. One that takes none is asked again after its
    /// connection was tried.
    pub writable: Option<bool>,
    /// How it did at the last try.
    #[schema(schema_with = crate::schema::word::<ProviderHealth>)]
    pub health: ProviderHealth,
    /// When that was.
    pub checked_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<Reason>,
    /// Files that are known of it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its last scan for files.
    pub scan: ProviderScan,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes; the ETag.
    pub revision: i64,
}

/// A scan of a provider for files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderScan {
    /// Where it is in its life.
    #[schema(schema_with = crate::schema::word::<ProviderScanState>)]
    pub state: ProviderScanState,
    /// Objects looked at.
    pub seen: u64,
    /// Files that are new.
    pub added: u64,
    /// Files whose content is another one.
    pub changed: u64,
    /// Files that are gone.
    pub missing: u64,
    /// Objects that are no files for phones, or too large.
    pub skipped: u64,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}

/// A storage provider to be added. Holds a secret: it cannot be printed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// Name; 1 to 100 characters.
    pub name: String,
    /// `s3` or `https`.
    #[schema(schema_with = crate::schema::word::<ProviderKind>)]
    pub kind: ProviderKind,
    /// Address: `https://host[:port][/path]`.
    pub url: String,
    /// Access key (S3; needed) or user name (HTTPS).
    #[serde(default)]
    pub username: String,
    /// Access secret (S3; needed) or password (HTTPS).
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub secret: Option<String>,
    /// Bucket (S3; needed).
    #[serde(default)]
    pub bucket: String,
    /// Region (S3; needed).
    #[serde(default)]
    pub region: String,
    /// Whether the bucket stands in the path (S3).
    #[serde(default)]
    pub path_style: bool,
    /// How it is listed (HTTPS); `automatic` when absent.
    #[serde(default = "automatic")]
    #[schema(schema_with = crate::schema::word::<Listing>)]
    pub listing: Listing,
    /// How phones get its files; `server` when absent.
    #[serde(default = "server")]
    #[schema(schema_with = crate::schema::word::<Serving>)]
    pub serving: Serving,
    /// Address of an FTP server of the site that has the same files: `ftp://host[:port][/path]`; needed when phones get
    /// files from there. The directories of an object's key stand below its path.
    #[serde(default)]
    pub ftp_url: String,
    /// User name there.
    #[serde(default)]
    pub ftp_username: String,
    /// Password there. Phones get it in the order, and send it in clear: that is how FTP works.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub ftp_secret: Option<String>,
    /// Starts a scan for files at once.
    #[serde(default)]
    pub scan: bool,
}

fn automatic() -> Listing {
    Listing::Automatic
}

fn server() -> Serving {
    Serving::Server
}

/// A change of a storage provider; an absent field stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProvider {
    /// Name.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub name: Option<String>,
    /// Address. Changing its host needs the secret anew.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub url: Option<String>,
    /// Access key or user name.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub username: Option<String>,
    /// Access secret or password; `null` removes it.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, required = false)]
    pub secret: Option<Option<String>>,
    /// Bucket.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub bucket: Option<String>,
    /// Region.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub region: Option<String>,
    /// Whether the bucket stands in the path.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub path_style: Option<bool>,
    /// How it is listed.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<Listing>)]
    pub listing: Option<Listing>,
    /// How phones get its files.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = crate::schema::word::<Serving>)]
    pub serving: Option<Serving>,
    /// Address of the FTP server. Changing its host needs the password anew.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub ftp_url: Option<String>,
    /// User name there.
    #[serde(default, deserialize_with = "patch::set", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub ftp_username: Option<String>,
    /// Password there; `null` removes it.
    #[serde(default, deserialize_with = "patch::set_or_clear", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, required = false)]
    pub ftp_secret: Option<Option<String>>,
    /// Starts a scan for files at once.
    #[serde(default)]
    pub scan: bool,
}

/// Which providers a list shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ProviderQuery {
    /// Page, from 1; reaches row 10,000.
    #[param(minimum = 1)]
    pub page: Option<u64>,
    /// Providers on a page; 50 unless set.
    #[param(minimum = 1, maximum = 500)]
    pub size: Option<u64>,
    /// `name` (default), `kind`, `url`, `files`, `bytes`, `health`, `updated_at`; `-` before it for descending.
    pub sort: Option<String>,
    /// Part of the name or the address.
    pub search: Option<String>,
    /// Kind.
    #[param(schema_with = crate::schema::word::<ProviderKind>)]
    pub kind: Option<ProviderKind>,
    /// How it did at the last try.
    #[param(schema_with = crate::schema::word::<ProviderHealth>)]
    pub health: Option<ProviderHealth>,
}

/// What trying a provider came to: `POST /storage-providers/check` tries one that is not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderChecked {
    /// Whether it answered as it should.
    #[schema(schema_with = crate::schema::word::<ProviderHealth>)]
    pub health: ProviderHealth,
    /// What went wrong.
    pub error: Option<Reason>,
    /// How it is listed, when that was found out.
    #[schema(schema_with = crate::schema::word_or_null::<Listing>)]
    pub listing: Option<Listing>,
    /// Objects on the first page of its list.
    pub objects: Option<u64>,
}

/// Which providers an export has.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ProviderExportQuery {
    /// `csv` or `json` (default).
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// As in the list.
    pub sort: Option<String>,
    /// As in the list.
    pub search: Option<String>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<ProviderKind>)]
    pub kind: Option<ProviderKind>,
    /// As in the list.
    #[param(schema_with = crate::schema::word::<ProviderHealth>)]
    pub health: Option<ProviderHealth>,
}

impl From<ProviderExportQuery> for ProviderQuery {
    fn from(query: ProviderExportQuery) -> Self {
        Self {
            page: None,
            size: None,
            sort: query.sort,
            search: query.search,
            kind: query.kind,
            health: query.health,
        }
    }
}

/// Storage providers to be deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteProviders {
    /// Their ids; up to 500. Ids nobody has are left out.
    #[schema(value_type = Vec<i64>)]
    pub ids: Vec<ProviderId>,
}

/// What became of it: providers whose files are needed stay, and so does the built-in one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvidersDeleted {
    /// Number of deleted providers.
    pub deleted: u64,
    /// Providers that stay, with who needs their files.
    pub in_use: Vec<ProviderInUse>,
}

/// A provider that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderInUse {
    /// Its id.
    #[schema(value_type = i64)]
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// Who needs its files; nobody when it is the built-in one.
    pub used_by: FileUse,
}
