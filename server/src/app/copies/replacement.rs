//! The moment another phone takes the place of an old one, and the moment the old one is back after all (D-29).

use domain::{ClientId, JobId};
use jiff::Timestamp;
use serde_json::json;

use crate::App;
use crate::app::jobs;
use crate::store::audit::{Actor, NewRecord};
use crate::store::{StoreResult, Tx, audit, replaced};

/// Who left a place, and the jobs that no longer wait for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The client that is retired now; `None` when nobody had to leave.
    pub client: Option<ClientId>,
    /// Jobs whose targets were cancelled.
    pub jobs: Vec<JobId>,
}

/// The phone of a client has come: when the client takes the place of another one, that one is retired. It is kept for
/// its history and never called; what waited for it is cancelled.
///
/// # Errors
/// When the database refuses.
pub async fn take_place(
    app: &App,
    tx: &Tx,
    client: ClientId,
    actor: &Actor,
    at: Timestamp,
) -> StoreResult<Left> {
    let Some(old) = replaced::predecessor(tx, client).await? else { return Ok(Left::default()) };
    if !replaced::retire(tx, old, at).await? {
        return Ok(Left::default());
    }
    let jobs = jobs::cancel_targets_of_client(app, tx, old, "replaced", None).await?;
    let (details, object_id) = (json!({"replaced_by": client}), old.to_string());
    let record = NewRecord { at, actor, action: "client.retire", object_kind: "client", object_id, details };
    audit::append(tx, &record).await?;
    Ok(Left { client: Some(old), jobs })
}
