//! Certificates of the listeners: made at first start by the built-in authority, replaceable by files.
//!
//! The authority and what it issued live in the database, their keys sealed, so that all nodes present the
//! same. An administrator's own certificate is put beside: `certificates/phones.pem` with `phones.key` (and
//! `console.pem`, `console.key`) in the data directory; it is taken at start and, without a restart, when
//! the server gets SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use domain::setting::{SettingKey, host_of};
use pki::{Authority, KeyKind, Name, PrivateKeyPem, SerialSeed, ServerRequest, Subject};
use serde_json::json;

use crate::clock::{Clock, Entropy, EntropyError};
use crate::net::{CertificateStore, CertificateStoreError};
use crate::settings::Settings;
use crate::store::audit::{Actor, NewRecord};
use crate::store::{Store, StoreError, audit, meta};
use crate::vault::{Vault, VaultError};

/// Life of the built-in authority: phones keep it, so it must outlive them.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(25 * 366 * 86_400);
/// Life of a listener's certificate. Renewing it needs nothing at the phones (`wpi.md` §5.6).
const SERVER_LIFETIME: Duration = Duration::from_secs(5 * 366 * 86_400);
/// Largest certificate or key file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The database refused.
    #[error("could not keep the built-in authority")]
    Store(#[from] StoreError),
    /// No randomness.
    #[error("could not make a certificate")]
    Entropy(#[from] EntropyError),
    /// A key cannot be sealed or opened.
    #[error("the private key of a certificate cannot be used")]
    Vault(#[from] VaultError),
    /// A certificate could not be issued.
    #[error("could not issue a certificate")]
    Issue(#[from] pki::IssueError),
    /// The stored authority cannot be used.
    #[error("the stored authority cannot be used")]
    Authority(#[from] pki::AuthorityError),
    /// The authority's name is refused.
    #[error("the name of the authority cannot be used")]
    Name(#[from] pki::NameError),
    /// A certificate with its key cannot be presented.
    #[error("the certificate for {listener} cannot be used")]
    Pair {
        /// Which listener.
        listener: &'static str,
        /// What is wrong with it.
        #[source]
        source: CertificateStoreError,
    },
    /// A file of the administrator cannot be read.
    #[error("could not read {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A listener that has a certificate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Ports of the phones: RSA-2048, because other keys are not known to work on phones (D-11).
    Phones,
    /// Console and API: ECDSA P-256.
    Console,
}

impl Listener {
    /// Every listener.
    pub const ALL: [Self; 2] = [Self::Phones, Self::Console];

    fn word(self) -> &'static str {
        match self {
            Self::Phones => "phones",
            Self::Console => "console",
        }
    }

    fn key_kind(self) -> KeyKind {
        match self {
            Self::Phones => KeyKind::Rsa2048,
            Self::Console => KeyKind::EcdsaP256,
        }
    }
}

/// The certificates in use.
#[derive(Clone)]
pub struct Certificates {
    /// The built-in authority.
    pub authority: Arc<Authority>,
    /// Presented to phones.
    pub phones: Arc<CertificateStore>,
    /// Presented to browsers and scripts.
    pub console: Arc<CertificateStore>,
    directory: PathBuf,
}

/// What making certificates needs.
pub struct Workshop<'a> {
    /// The database.
    pub store: &'a Store,
    /// Seals keys.
    pub vault: &'a Vault,
    /// Randomness.
    pub entropy: &'a Entropy,
    /// The time.
    pub clock: &'a Clock,
    /// Where the names come from.
    pub settings: &'a Settings,
    /// Data directory.
    pub data_dir: &'a Path,
}

impl Certificates {
    /// Loads the certificates; at first start they are made.
    ///
    /// # Errors
    /// When they cannot be made, kept or used.
    pub async fn load(workshop: &Workshop<'_>) -> Result<Self, CertificateError> {
        let authority = workshop.authority().await?;
        let directory = workshop.data_dir.join("certificates");
        let mut stores = Vec::with_capacity(2);
        for listener in Listener::ALL {
            let (certificate, key) = match from_files(&directory, listener).await? {
                Some(pair) => pair,
                None => workshop.server(&authority, listener).await?,
            };
            let store = CertificateStore::new(certificate.as_bytes(), &key)
                .map_err(|source| CertificateError::Pair { listener: listener.word(), source })?;
            stores.push(store);
        }
        let [phones, console] =
            <[_; 2]>::try_from(stores).map_err(|_| CertificateError::Vault(VaultError::Open))?;
        let certificates = Self { authority: Arc::new(authority), phones, console, directory };
        if let Err(error) = certificates.put_down_authority().await {
            // Nothing of the server needs the file: it is for who wants to trust the authority.
            tracing::warn!(%error, path = %certificates.authority_file().display(), "the authority's certificate was not written down");
        }
        Ok(certificates)
    }

    /// Where the certificate of the built-in authority lies, for browsers and scripts that are to trust it.
    pub fn authority_file(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    /// Whether browsers see a certificate of the built-in authority, which none of them knows by itself.
    pub fn console_is_our_own(&self) -> bool {
        self.console.info().issuer == self.authority.info().subject
    }

    /// Writes the authority's certificate, never its key, beside the files of the listeners.
    async fn put_down_authority(&self) -> std::io::Result<()> {
        let (path, certificate) = (self.authority_file(), self.authority.certificate_pem());
        if tokio::fs::read(&path).await.is_ok_and(|there| there == certificate.as_bytes()) {
            return Ok(());
        }
        tokio::fs::create_dir_all(&self.directory).await?;
        tokio::fs::write(&path, certificate.as_bytes()).await
    }

    /// Takes replaced certificate files into use; open connections go on with the old ones. Returns the
    /// listeners whose certificate was taken from a file.
    ///
    /// # Errors
    /// When a file cannot be read or used; what is in use stays in use.
    pub async fn reload(&self) -> Result<Vec<&'static str>, CertificateError> {
        let mut replaced = Vec::new();
        for listener in Listener::ALL {
            let Some((certificate, key)) = from_files(&self.directory, listener).await? else { continue };
            let store = match listener {
                Listener::Phones => &self.phones,
                Listener::Console => &self.console,
            };
            store
                .replace(certificate.as_bytes(), &key)
                .map_err(|source| CertificateError::Pair { listener: listener.word(), source })?;
            replaced.push(listener.word());
        }
        Ok(replaced)
    }
}

async fn from_files(
    directory: &Path,
    listener: Listener,
) -> Result<Option<(String, PrivateKeyPem)>, CertificateError> {
    let certificate = directory.join(format!("{}.pem", listener.word()));
    if !tokio::fs::try_exists(&certificate).await.unwrap_or(false) {
        return Ok(None);
    }
    let key = certificate.with_extension("key");
    Ok(Some((read(certificate).await?, PrivateKeyPem::new(read(key).await?))))
}

async fn read(path: PathBuf) -> Result<String, CertificateError> {
    let text = async {
        let size = tokio::fs::metadata(&path).await?.len();
        if size > MOST_BYTES {
            return Err(std::io::Error::other("the file is larger than 1 MiB"));
        }
        tokio::fs::read_to_string(&path).await
    };
    text.await.map_err(|source| CertificateError::File { path: path.clone(), source })
}

impl Workshop<'_> {
    async fn authority(&self) -> Result<Authority, CertificateError> {
        if let Some((certificate, key)) = self.kept("authority").await? {
            return Ok(Authority::from_pem(certificate.as_bytes(), &key)?);
        }
        let subject = Subject::new("Workpoint built-in authority", Some("Workpoint"))?;
        let made = Authority::create(
            &subject,
            KeyKind::Rsa3072,
            self.clock.now(),
            AUTHORITY_LIFETIME,
            self.serial()?,
        )?;
        self.keep("authority", &made.certificate_pem(), &made.private_key_pem()).await?;
        // Another node may have been faster: what is stored counts.
        match self.kept("authority").await? {
            Some((certificate, key)) => Ok(Authority::from_pem(certificate.as_bytes(), &key)?),
            None => Ok(made),
        }
    }

    async fn server(
        &self,
        authority: &Authority,
        listener: Listener,
    ) -> Result<(String, PrivateKeyPem), CertificateError> {
        let word = listener.word();
        if let Some(pair) = self.kept(word).await? {
            return Ok(pair);
        }
        let names = self.names().await;
        let request = ServerRequest {
            common_name: &names.first().map_or_else(|| "localhost".to_owned(), ToString::to_string),
            names: &names,
            key_kind: listener.key_kind(),
            lifetime: SERVER_LIFETIME,
        };
        let issued = authority.issue_server(&request, self.clock.now(), self.serial()?)?;
        self.keep(word, &issued.chain_pem, &issued.private_key_pem).await?;
        Ok(self.kept(word).await?.unwrap_or((issued.chain_pem, issued.private_key_pem)))
    }

    /// Names phones and browsers may use: the host of the setting, the machine's name, the loopback.
    async fn names(&self) -> Vec<Name> {
        let url = self.settings.text(SettingKey::ServerUrl);
        let machine = tokio::fs::read_to_string("/etc/hostname").await.unwrap_or_default();
        let texts = [host_of(&url).unwrap_or_default(), machine.trim(), "localhost", "127.0.0.1", "::1"];
        let mut names: Vec<Name> = Vec::new();
        for name in texts.into_iter().filter_map(|text| text.parse().ok()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn serial(&self) -> Result<SerialSeed, EntropyError> {
        self.entropy.bytes().map(SerialSeed::new)
    }

    async fn kept(&self, word: &str) -> Result<Option<(String, PrivateKeyPem)>, CertificateError> {
        let certificate = meta::read(self.store, &format!("{word}.certificate")).await?;
        let key = meta::read(self.store, &format!("{word}.key")).await?;
        let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
        let key = self.vault.open(&place(word), &key)?;
        Ok(Some((certificate, PrivateKeyPem::new(key.expose().to_owned()))))
    }

    async fn keep(&self, word: &str, certificate: &str, key: &PrivateKeyPem) -> Result<(), CertificateError> {
        let sealed = self.vault.seal(&place(word), &Secret::new(key.expose().to_owned()))?;
        let tx = self.store.begin().await?;
        if meta::insert(&tx, &format!("{word}.certificate"), certificate).await? {
            meta::insert(&tx, &format!("{word}.key"), &sealed).await?;
            let record = NewRecord {
                at: self.clock.now(),
                actor: &Actor::system(),
                action: "certificate.create",
                object_kind: "certificate",
                object_id: word.to_owned(),
                details: json!({}),
            };
            audit::append(&tx, &record).await?;
        }
        Ok(tx.commit().await?)
    }
}

fn place(word: &str) -> String {
    format!("certificate:{word}")
}
