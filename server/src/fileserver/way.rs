//! From where phones fetch files as things are now. It is judged here and nowhere else: before anything is planned or a job
//! is made, and again when the phone is there. No other server is asked for it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::ProviderId;
use domain::file::{FileType, FtpUrl, ProviderKind, Serving};
use domain::model::may_show_entities;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};

use super::offer::FtpSource;
use crate::App;
use crate::app::storage_providers;
use crate::status::causes;
use crate::storage::{Provider as _, Storage};
use crate::store::files::File;
use crate::store::storage_providers::{self as rows, Provider};
use crate::store::{Source, StoreResult};

/// Where a phone fetches a file.
#[derive(Clone, PartialEq, Eq)]
pub enum Way {
    /// From this server.
    Here,
    /// From the provider itself, by this address. It is the right to fetch the file.
    Provider(String),
    /// From an FTP server of the site.
    Ftp(FtpSource),
}

/// Why a phone can fetch a file from nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nowhere {
    /// The file server is switched off, and the file's provider does not serve phones.
    FileServerOff,
    /// The directory of this node is not the one the files of the built-in provider are in.
    NotShared,
    /// Phones are to fetch from the file's provider, and it cannot give them an address. With what is in the way, for the
    /// log.
    ProviderNotDirect(String),
}

impl Nowhere {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileServerOff => FILE_SERVER_OFF,
            Self::NotShared => STORAGE_NOT_SHARED,
            Self::ProviderNotDirect(_) => PROVIDER_NOT_DIRECT,
        }
    }
}

/// Code of [`Nowhere::FileServerOff`].
pub const FILE_SERVER_OFF: &str = "file-server-off";

/// Code of [`Nowhere::NotShared`].
pub const STORAGE_NOT_SHARED: &str = "storage-not-shared";

/// Code of [`Nowhere::ProviderNotDirect`].
pub const PROVIDER_NOT_DIRECT: &str = "provider-not-direct";

/// What phones make of `&amp;` in an address (`wpi.md` §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entities {
    /// They read it as it is meant.
    Read,
    /// They may take it as it stands, and ask for something else.
    MayStand,
}

impl Entities {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Read, Self::MayStand];

    /// Of phones of a model; of a phone whose model is not known yet, the best.
    pub fn of(model: Option<&str>) -> Self {
        if model.is_some_and(may_show_entities) { Self::MayStand } else { Self::Read }
    }
}

/// The providers of some files, each made ready at most once.
pub struct Ways<'a> {
    app: &'a App,
    providers: HashMap<ProviderId, Provider>,
    ready: HashMap<ProviderId, Result<Storage, String>>,
}

impl<'a> Ways<'a> {
    /// For these files. Providers are only read when one of the files is of another than the built-in one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn of<'f>(
        app: &'a App,
        on: &impl Source,
        files: impl Iterator<Item = &'f File>,
    ) -> StoreResult<Self> {
        let others = files.filter(|file| file.provider_kind != ProviderKind::BuiltIn);
        let asked: BTreeSet<ProviderId> = others.map(|file| file.provider).collect();
        let found: Vec<Provider> = match asked.first() {
            None => Vec::new(),
            Some(only) if asked.len() == 1 => rows::by_id(on, *only).await?.into_iter().collect(),
            Some(_) => rows::all(on).await?,
        };
        let providers = found.into_iter().map(|provider| (provider.id, provider)).collect();
        Ok(Self { app, providers, ready: HashMap::new() })
    }

    /// The way to a file that is to be called `name` on the phone. Addresses work for `lifetime`. Who may not be able to read
    /// a provider's address is served by this server.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn find(
        &mut self,
        file: &File,
        name: &str,
        entities: Entities,
        lifetime: SignedDuration,
        at: Timestamp,
    ) -> Result<Way, Nowhere> {
        let provider = self.providers.get(&file.provider).filter(|_| may_be_elsewhere(file, name));
        match provider.map(|provider| (provider.serving, provider)) {
            Some((Serving::Ftp, provider)) => {
                return by_ftp(self.app, provider, file).map(Way::Ftp).map_err(Nowhere::ProviderNotDirect);
            }
            Some((Serving::Provider, provider)) => {
                let ready = self.ready.entry(provider.id).or_insert_with(|| open(self.app, provider));
                // Boxed: signing goes deep, and most files are not given so.
                let address = Box::pin(direct(ready, file, lifetime, at)).await;
                let address = address.map_err(Nowhere::ProviderNotDirect)?;
                if entities == Entities::Read || !address.contains(['&', '<', '>']) {
                    return Ok(Way::Provider(address));
                }
            }
            Some((Serving::Server, _)) | None => {}
        }
        if !self.app.settings.bool(SettingKey::FileServerEnabled) {
            return Err(Nowhere::FileServerOff);
        }
        if file.provider_kind == ProviderKind::BuiltIn && !self.app.home.is_here() {
            return Err(Nowhere::NotShared);
        }
        Ok(Way::Here)
    }
}

/// Whether phones can fetch a file elsewhere than from this server, should its provider serve them. A phone calls a file
/// what its address ends with; software has no name there.
pub(super) fn may_be_elsewhere(file: &File, name: &str) -> bool {
    let is_named = file.object_key.rsplit('/').next() == Some(name);
    let is_software = file.file_type == Some(FileType::Software);
    file.provider_kind != ProviderKind::BuiltIn && (is_named || is_software)
}

fn open(app: &App, provider: &Provider) -> Result<Storage, String> {
    let stored = storage_providers::stored(app, provider).map_err(|error| causes(&error))?;
    stored.map_err(|error| causes(&error))
}

async fn direct(
    ready: &Result<Storage, String>,
    file: &File,
    lifetime: SignedDuration,
    at: Timestamp,
) -> Result<String, String> {
    let storage = ready.as_ref().map_err(Clone::clone)?;
    let lifetime = Duration::try_from(lifetime).unwrap_or_default();
    match storage.direct_address(&file.object_key, lifetime, at).await {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err("the provider wants a password, or is not reached by HTTPS".to_owned()),
        Err(error) => Err(causes(&error)),
    }
}

/// Where a phone finds a file on the FTP server of the site. Nobody asks that server whether it is there.
fn by_ftp(app: &App, provider: &Provider, file: &File) -> Result<FtpSource, String> {
    let url = FtpUrl::parse(&provider.ftp_url).map_err(|fault| causes(&fault))?;
    let place = url.place_of(&file.object_key);
    let (path, name) = place.ok_or("the place of the object cannot be said to a phone")?;
    let password = storage_providers::ftp_secret(app, provider)
        .map_err(|error| format!("opening the FTP password: {}", causes(&error)))?;
    let (server, port, username) = (url.host, url.port, provider.ftp_username.clone());
    Ok(FtpSource { server, port, username, password, path, name })
}
