//! Which files phones can be given as things are now, and who may have the password for them: what is known of it before
//! anything is offered. What only shows then is left to the offer (`fileserver::offer`, [`super::ftp`]).

use std::collections::HashMap;

use domain::FileId;
use domain::configuration::{Withheld, may_hand_out};
use domain::job::JobKind;
use domain::setting::SettingKey;

use super::order::{self, ORDER_TOO_LARGE};
use super::patience;
use crate::App;
use crate::app::configuration::expected_hand_out;
use crate::fileserver::{Entities, Nowhere, Way, Ways};
use crate::store::clients::Client;
use crate::store::files::File;
use crate::store::{Source, StoreResult};

/// How phones are given some files. Of a phone that comes to another node, that node judges again: only this one's
/// directory was looked at.
#[derive(Clone, Debug)]
pub struct Served {
    window_open: bool,
    files: HashMap<(FileId, Entities), Result<Given, &'static str>>,
}

/// How a file is given.
#[derive(Clone, Copy, Debug)]
struct Given {
    /// Items of its order: they go in one message.
    items: usize,
    /// Its phones need a password of an FTP server.
    with_password: bool,
}

impl Served {
    /// For these files, with the names they are to have on phones.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn of(app: &App, on: &impl Source, files: &[(&File, &str)]) -> StoreResult<Self> {
        let at = app.clock.now();
        let mut ways = Ways::of(app, on, files.iter().map(|(file, _)| *file)).await?;
        let mut given = HashMap::with_capacity(2 * files.len());
        let each =
            files.iter().flat_map(|(file, name)| Entities::ALL.map(|entities| (*file, *name, entities)));
        for (file, name, entities) in each {
            let way = ways.find(file, name, entities, patience(JobKind::DeployFiles), at).await;
            if let Err(Nowhere::ProviderNotDirect(error)) = &way {
                // Asked of many phones: what is in the way is told to the one that is offered the file.
                tracing::debug!(provider = file.provider.0, error, "no address for phones could be made");
            }
            let how = way.map(|way| Given {
                items: order::number(&way, file),
                with_password: matches!(&way, Way::Ftp(ftp) if ftp.password.is_some()),
            });
            given.insert((file.id, entities), how.map_err(|why| why.code()));
        }
        let until = app.settings.instant(SettingKey::OnboardingWindowUntil);
        Ok(Self { window_open: until.is_some_and(|until| at < until), files: given })
    }

    /// Whether phones of a model can be given a file.
    ///
    /// # Errors
    /// Why none can.
    pub fn gives(&self, file: &File, model: &str) -> Result<(), &'static str> {
        self.given(file, Some(model)).map(|_| ())
    }

    /// Whether a client's phone can be given a file.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self, file: &File, client: &Client) -> Result<(), &'static str> {
        let Some(given) = self.given(file, client.model.as_deref())? else { return Ok(()) };
        let most = client.most_items.and_then(|most| usize::try_from(most).ok());
        if most.is_some_and(|most| given.items > most) { Err(ORDER_TOO_LARGE) } else { Ok(()) }
    }

    /// Why a client would not get the password it needs for a file, if it answers our call from its own network (D-24);
    /// `None` when it would get it, or needs none.
    pub fn withheld(&self, file: &File, client: &Client) -> Option<Withheld> {
        let given = self.given(file, client.model.as_deref());
        given.ok().flatten().filter(|given| given.with_password)?;
        may_hand_out(&expected_hand_out(client, self.window_open)).err()
    }

    /// `None` for a file nobody has asked about.
    fn given(&self, file: &File, model: Option<&str>) -> Result<Option<Given>, &'static str> {
        self.files.get(&(file.id, Entities::of(model))).copied().transpose()
    }
}
