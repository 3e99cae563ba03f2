//! Resetting a phone to its factory values (OSEM §4.5.7, `wpi.md` §4.5.8, D-25).

use domain::client::SecureMode;
use domain::configuration::ItemKey;
use domain::job::TargetState;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Order, Prepared, send};
use crate::app::jobs::dossier::Dossier;
use crate::store::job_targets::JobTarget;
use crate::store::{StoreResult, Tx, jobs};

/// The password every phone wants with a reset. It is printed in the manufacturer's guide and protects
/// nothing (`wpi.md` §4.5.8).
const PUBLIC_PASSWORD: &str = "124816";

/// Options of the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Bring the phone back into secure mode from our stored material afterwards.
    #[serde(default)]
    pub keep_certificates: bool,
}

/// Restart with the items of a reset.
pub(super) async fn order(tx: &Tx, target: &JobTarget, dossier: &mut Dossier) -> StoreResult<Prepared> {
    let options = jobs::by_id(tx, target.job).await?.map(|job| job.options).unwrap_or_default();
    let options: Options = serde_json::from_value(options).unwrap_or_default();
    if options.keep_certificates {
        let standing = dossier.standing(tx).await?;
        if standing.is_none_or(|standing| standing.client.secure_mode == SecureMode::Default) {
            let reason = Some("secure-mode-needed".to_owned());
            let state = TargetState::Failed;
            return Ok(Prepared::End { state, reason, args: Json::Null, results: Vec::new() });
        }
    }
    let item = |name: &str, text: &str| (ItemKey::new(name, None), text.to_owned());
    Ok(send(Order::Restart(vec![
        item("restart-type", "FactoryReset"),
        item("restart-password", PUBLIC_PASSWORD),
    ])))
}
