//! Creating calls that may be repeated: the same key with the same request gets the first answer again.
//!
//! Reserving the key, the creation and the kept answer are one transaction. The answer is kept sealed,
//! because that of a new token holds the token.

use api::Code;
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::caller::{Caller, Credential};
use super::error::{AppError, AppResult};
use crate::App;
use crate::store::idempotency::{Reserved, forget, keep, reserve};
use crate::store::{StoreResult, Tx};

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The key of a call and what was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Chosen by the caller; belongs to the account.
    pub key: String,
    /// Digest of method, address and body.
    pub request_digest: Vec<u8>,
}

/// What a creating call made, or had made before.
#[derive(Clone, Debug)]
pub struct Created<T> {
    /// The thing.
    pub value: T,
    /// Whether this is the answer of an earlier call.
    pub replayed: bool,
}

fn place(caller: &Caller, key: &IdempotencyKey) -> String {
    format!("idempotency:{}:{}", caller.account, key.key)
}

/// Digest of the request and of the session or token it came with. A kept answer may hold a token: who comes
/// with a credential of fewer rights must not get what one with more rights has made.
fn digest(caller: &Caller, key: &IdempotencyKey) -> Vec<u8> {
    let credential = match &caller.credential {
        Credential::Session { id, .. } | Credential::TokenPair { id } => format!("session:{id}"),
        Credential::Token { id } => format!("token:{id}"),
    };
    Sha256::new().chain_update(&key.request_digest).chain_update(credential).finalize().to_vec()
}

/// Reserves the key; gives the earlier answer when there is one.
pub(super) async fn begin<T: DeserializeOwned>(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
) -> AppResult<Option<Created<T>>> {
    let Some(key) = key else { return Ok(None) };
    let now = app.clock.now();
    let digest = digest(caller, key);
    forget(tx, now.checked_sub(KEPT).unwrap_or(now)).await?;
    match reserve(tx, caller.account, &key.key, &digest, now).await? {
        Reserved::New => Ok(None),
        Reserved::Used { request_digest, .. } if request_digest != digest => {
            let text = "This idempotency key was used for another request, or with another session or token. Choose a new one.";
            Err(AppError::new(Code::IdempotencyKeyReused, text))
        }
        Reserved::Used { body, .. } => {
            let body = app.vault.open(&place(caller, key), &body)?;
            let value = serde_json::from_str(body.expose()).map_err(AppError::internal)?;
            Ok(Some(Created { value, replayed: true }))
        }
    }
}

/// The answer of an earlier call, for calls whose checks look at what the earlier one has changed: they ask before
/// they check anything, and [`begin`] in the transaction of the creation all the same. The key is not reserved.
pub(super) async fn earlier<T: DeserializeOwned>(
    app: &App,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
) -> AppResult<Option<Created<T>>> {
    if key.is_none() {
        return Ok(None);
    }
    let tx = app.store.begin().await?;
    begin(app, &tx, caller, key).await
}

/// Forgets answers that are no longer kept, also when nobody creates anything; gives their number. A background
/// task does it from time to time.
///
/// # Errors
/// When the database refuses.
pub async fn purge(app: &App) -> StoreResult<u64> {
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let forgotten = forget(&tx, now.checked_sub(KEPT).unwrap_or(now)).await?;
    tx.commit().await?;
    Ok(forgotten)
}

/// Keeps the answer of a call whose creation committed by itself, because it might have become a plan instead. A call
/// that breaks off before makes nothing twice: its repeat finds the name taken.
pub(super) async fn keep_after<T: Serialize + DeserializeOwned>(
    app: &App,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    value: T,
) -> AppResult<Created<T>> {
    if key.is_some() {
        let tx = app.store.begin().await?;
        if let Some(earlier) = begin(app, &tx, caller, key).await? {
            return Ok(earlier);
        }
        end(app, &tx, caller, key, &value).await?;
        tx.commit().await?;
    }
    Ok(Created { value, replayed: false })
}

/// Keeps the answer in the transaction of the creation.
pub(super) async fn end<T: Serialize>(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    value: &T,
) -> AppResult<()> {
    let Some(key) = key else { return Ok(()) };
    let body = serde_json::to_string(value).map_err(AppError::internal)?;
    let sealed = app.vault.seal(&place(caller, key), &body.into())?;
    Ok(keep(tx, caller.account, &key.key, 201, &sealed).await?)
}
