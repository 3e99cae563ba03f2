//! Who gives files to phones as things are now, and who may have the password for them: what is known of it before
//! anything is offered. What only shows then is left to the offer (`fileserver::offer`, [`super::ftp`]).

use std::collections::HashMap;

use domain::ProviderId;
use domain::configuration::{Withheld, may_hand_out};
use domain::file::{ProviderKind, Serving};
use domain::setting::SettingKey;

use crate::App;
use crate::app::configuration::expected_hand_out;
use crate::fileserver::may_be_elsewhere;
use crate::store::clients::Client;
use crate::store::files::File;
use crate::store::storage_providers::{self, Provider};
use crate::store::{Source, StoreResult};

/// No phone can fetch it: this server gives no files away, and nobody else has it.
pub const FILE_SERVER_OFF: &str = "file-server-off";

/// Who gives files to phones.
#[derive(Clone, Debug)]
pub struct Served {
    /// This server does.
    server: bool,
    window_open: bool,
    providers: HashMap<ProviderId, Provider>,
}

impl Served {
    /// For these files. Providers are only read when one of the files is of another than the built-in one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn of<'a>(
        app: &App,
        on: &impl Source,
        mut files: impl Iterator<Item = &'a File>,
    ) -> StoreResult<Self> {
        let mut providers = HashMap::new();
        if files.any(|file| file.provider_kind != ProviderKind::BuiltIn) {
            let all = storage_providers::all(on).await?;
            providers.extend(all.into_iter().map(|provider| (provider.id, provider)));
        }
        let until = app.settings.instant(SettingKey::OnboardingWindowUntil);
        Ok(Self {
            server: app.settings.bool(SettingKey::FileServerEnabled),
            window_open: until.is_some_and(|until| app.clock.now() < until),
            providers,
        })
    }

    /// The provider from which, or from whose FTP server, phones fetch a file that is to have this name; `None` when
    /// they fetch it from this server.
    fn elsewhere(&self, file: &File, name: &str) -> Option<&Provider> {
        let provider = self.providers.get(&file.provider).filter(|_| may_be_elsewhere(file, name));
        provider.filter(|provider| provider.serving != Serving::Server)
    }

    /// Whether anybody gives a file away that is to have this name.
    ///
    /// # Errors
    /// Why nobody does.
    pub fn check(&self, file: &File, name: &str) -> Result<(), &'static str> {
        if self.server || self.elsewhere(file, name).is_some() { Ok(()) } else { Err(FILE_SERVER_OFF) }
    }

    /// Why a client would not get the password it needs for a file, if it answers our call from its own network (D-24);
    /// `None` when it would get it, or needs none.
    pub fn withheld(&self, file: &File, name: &str, client: &Client) -> Option<Withheld> {
        let provider = self.elsewhere(file, name)?;
        if provider.serving != Serving::Ftp || provider.ftp_secret.is_none() {
            return None;
        }
        may_hand_out(&expected_hand_out(client, self.window_open)).err()
    }
}
