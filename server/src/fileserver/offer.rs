//! Making an address for one phone, in the transaction that commits the order as sent.

use std::net::{IpAddr, SocketAddr};

use domain::client::SecureMode;
use domain::setting::{SettingKey, bracketed};
use domain::{ClientId, Secret, TargetId};
use jiff::{SignedDuration, Timestamp};

use super::tokens::Token;
use super::way::{Entities, Nowhere, Way, Ways};
use crate::App;
use crate::app::calling::server_address;
use crate::store::downloads::{self, NewDownload};
use crate::store::files::File;
use crate::store::{StoreError, StoreResult, Tx};

/// What is offered, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The target of a job it is for.
    pub target: Option<TargetId>,
    /// The phone.
    pub client: ClientId,
    /// Its model, when that is known.
    pub model: Option<&'a str>,
    /// What it may fetch.
    pub file: &'a File,
    /// The name under which it keeps the file: the last part of the address.
    pub name: &'a str,
    /// Address of the phone.
    pub peer: IpAddr,
    /// Our address, by which the phone came.
    pub local: SocketAddr,
    /// How long the address works.
    pub lifetime: SignedDuration,
}

/// Where a phone finds a file on an FTP server of the site (`wpi.md` §4.6.1). Holds a secret: it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct FtpSource {
    /// Name or address of the server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// User name; empty when none is needed.
    pub username: String,
    /// Password, when one is needed. It goes into the order of a phone that may have it (D-24), and nowhere else.
    pub password: Option<Secret>,
    /// Directory; empty for the one in which a sign-in begins.
    pub path: String,
    /// Name of the file there, under which the phone keeps it.
    pub name: String,
}

/// Where the phone fetches it.
#[derive(Clone, PartialEq, Eq)]
pub enum Offered {
    /// By this address. It is the right to fetch the file: it belongs into the order and nowhere else.
    Address(String),
    /// From an FTP server of the site.
    Ftp(FtpSource),
    /// Nowhere.
    Nowhere(Nowhere),
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Address(_) => "Address(…)",
            Self::Ftp(_) => "Ftp(…)",
            Self::Nowhere(why) => why.code(),
        })
    }
}

/// Makes an address for one phone. Those made for the same target before stop working.
///
/// # Errors
/// When the database or the source of randomness refuses.
pub async fn offer(app: &App, tx: &Tx, offer: &Offer<'_>, at: Timestamp) -> StoreResult<Offered> {
    if let Some(target) = offer.target {
        downloads::withdraw(tx, target, at).await?;
    }
    let mut ways = Ways::of(app, tx, std::iter::once(offer.file)).await?;
    match ways.find(offer.file, offer.name, Entities::of(offer.model), offer.lifetime, at).await {
        Ok(Way::Here) => {}
        Ok(Way::Provider(address)) => return Ok(Offered::Address(address)),
        Ok(Way::Ftp(ftp)) => return Ok(Offered::Ftp(ftp)),
        Err(why) => {
            if let Nowhere::ProviderNotDirect(error) = &why {
                tracing::warn!(
                    provider = offer.file.provider.0,
                    error,
                    "no address for a phone could be made"
                );
            }
            return Ok(Offered::Nowhere(why));
        }
    }
    let token = Token::make(&app.entropy).map_err(|_| StoreError::Unavailable)?;
    let new = NewDownload {
        token_hash: token.hash(),
        target: offer.target,
        client: offer.client,
        file: offer.file.id,
        name: offer.name,
        peer: offer.peer.to_canonical().to_string(),
        size: offer.file.size,
        at,
        expires_at: at.saturating_add(offer.lifetime).unwrap_or(Timestamp::MAX),
    };
    downloads::insert(tx, &new).await?;
    Ok(Offered::Address(format!("https://{}{}", authority(app, offer.local), token.path(offer.name))))
}

/// Host and port of our own: what an administrator said phones reach us by, else what this phone reached us by.
fn authority(app: &App, local: SocketAddr) -> String {
    let secure = app.settings.integer(SettingKey::SecureModePort) == i64::from(local.port());
    let mode = if secure { SecureMode::Secure } else { SecureMode::Default };
    match server_address(&app.settings, mode) {
        Some((host, port)) => format!("{}:{port}", bracketed(&host)),
        None => local.to_string(),
    }
}
