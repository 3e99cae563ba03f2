//! Wrong passwords and codes: counted, recorded, and told to administrators when they repeat (OSEM §2.7, §2.8.1).

use domain::AccountId;
use serde_json::json;

use super::error::AppResult;
use super::lock_out::LockOut;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::audit::{Actor, NewRecord};
use crate::store::{Tx, accounts, audit, notifications};

/// Failures in a row that administrators are told of, before the account is locked.
const WORTH_TELLING: u64 = 5;

/// A wrong password or code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure<'a> {
    /// Whose, when it is anybody's.
    pub(super) account: Option<AccountId>,
    /// Who tried.
    pub(super) actor: &'a Actor,
    /// What was tried, as the audit table says.
    pub(super) action: &'static str,
    /// What was wrong.
    pub(super) reason: &'static str,
}

/// What is to be told after the commit.
#[must_use]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    notified: bool,
    account: Option<AccountId>,
}

impl Told {
    pub(super) fn publish(self, app: &App) {
        if self.notified {
            app.events.publish(Resource::Notifications, Change::Created, "");
        }
        if let Some(account) = self.account {
            app.events.publish(Resource::Accounts, Change::Updated, account);
        }
    }
}

/// Records a failure in a transaction of its own.
pub(super) async fn record(app: &App, failure: Failure<'_>) -> AppResult<()> {
    let tx = app.store.begin().await?;
    let told = record_in(app, &tx, failure).await?;
    tx.commit().await?;
    told.publish(app);
    Ok(())
}

/// Records a failure in a transaction.
pub(super) async fn record_in(app: &App, tx: &Tx, failure: Failure<'_>) -> AppResult<Told> {
    let at = app.clock.now();
    let actor = failure.actor;
    let object_id = failure.account.map(|account| account.to_string()).unwrap_or_default();
    let mut told = Told::default();
    let account = match failure.account {
        Some(id) => accounts::by_id_locked(tx, id).await?,
        None => None,
    };
    let record = |action: &'static str, details| NewRecord {
        at,
        actor,
        action,
        object_kind: "account",
        object_id: object_id.clone(),
        details,
    };
    audit::append(tx, &record(failure.action, json!({ "reason": failure.reason }))).await?;
    let Some(account) = account else { return Ok(told) };
    let rules = LockOut::of(&app.settings);
    let was_locked = rules.is_locked(&account, at);
    let (failures, locked_at) = rules.after_failure(&account, at);
    accounts::record_failure(tx, account.id, at, failures, locked_at).await?;
    told.account = Some(account.id);
    let locks = locked_at.is_some() && !was_locked;
    let args = json!({
        "account": account.id, "user_name": account.user_name, "failures": failures, "address": actor.address,
    });
    let code = match () {
        () if locks => Some("account-locked"),
        () if failures == WORTH_TELLING && !was_locked => Some("failed-sign-ins"),
        () => None,
    };
    if locks {
        audit::append(tx, &record("account.lock", json!({ "failures": failures }))).await?;
    }
    if let Some(code) = code {
        told.notified = notifications::insert(tx, at, code, &args, None).await?.is_some();
    }
    Ok(told)
}
