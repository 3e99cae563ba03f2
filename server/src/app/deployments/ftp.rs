//! Files that a phone fetches from an FTP server of the site: the items of its order (`wpi.md` §4.6.1), with the
//! password only for a phone that may have secrets (D-16, D-24).

use domain::configuration::{ItemKey, Withheld, may_hand_out};

use super::order::{self, OrderItem, PASSWORD};
use crate::App;
use crate::app::configuration::secret_digest;
use crate::app::jobs::work::Visit;
use crate::fileserver::FtpSource;
use crate::store::clients::Client;
use crate::store::{StoreResult, Tx, calls};

/// A password that the phone needs is not given to it; the arguments name the condition of D-24.
pub const WITHHELD: &str = "withheld";

/// Where a phone fetches a file, as items of its order.
pub struct Source {
    /// The items.
    pub items: Vec<OrderItem>,
    /// The secrets among them: item and keyed digest.
    pub secrets: Vec<(ItemKey, Vec<u8>)>,
}

impl Source {
    /// Without a secret.
    pub fn of(items: Vec<OrderItem>) -> Self {
        Self { items, secrets: Vec::new() }
    }
}

/// Why a phone is not told where to fetch a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// For this reason.
    Because(&'static str),
    /// For this reason, which lies with this server or a storage provider: later perhaps it is told.
    NotNow(&'static str),
    /// It may not have the password.
    Withheld(Withheld),
    /// It has to be called first.
    Uncalled,
}

/// The items that say where the file is. A password is shared by all phones and needed for every file: that it was
/// handed out before does not keep it back.
///
/// # Errors
/// When the database refuses.
pub async fn source(
    app: &App,
    tx: &Tx,
    visit: &Visit,
    client: &Client,
    ftp: &FtpSource,
) -> StoreResult<Result<Source, Refused>> {
    let mut secrets = Vec::new();
    if let Some(password) = &ftp.password {
        match may_hand_out(&visit.circumstances(app, client)) {
            Ok(()) => {}
            // As with any other secret: calling the phone mends these, and nothing else does.
            Err(Withheld::NotCalled | Withheld::OtherAddress)
                if visit.calling_helps
                    && !visit.answers_call
                    && calls::can_call(tx, visit.client).await? =>
            {
                return Ok(Err(Refused::Uncalled));
            }
            Err(withheld) => return Ok(Err(Refused::Withheld(withheld))),
        }
        let item = ItemKey::new(PASSWORD, None);
        let digest = secret_digest(app, visit.client, &item, password.expose());
        secrets.push((item, digest));
    }
    let password = ftp.password.as_ref().map(|password| password.expose().to_owned());
    Ok(Ok(Source { items: order::at_ftp(ftp, password), secrets }))
}
