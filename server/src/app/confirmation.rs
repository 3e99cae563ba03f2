//! Somebody signed in proves again who they are: password or code are judged, wrong ones counted.
//!
//! A stolen session or token must not become a way to guess: attempts are counted for the session before they are
//! judged, so that many at once are no more than there may be, and too many wrong ones end it. An API token, which has no
//! such count, is refused while the account is locked. What is judged, and what being right allows, callers know.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::brake::Brake;
use super::caller::Caller;
use super::error::{AppError, AppResult};
use super::failures::{self, Failure};
use super::lock_out::LockOut;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::accounts::Account;
use crate::store::audit::NewRecord;
use crate::store::{Tx, accounts, audit, sessions};
use domain::SessionId;

/// Wrong confirmations in a row that end a session.
const MOST_WRONG: u32 = 5;
/// How long to wait when a lock does not end by itself.
const SOME_TIME: SignedDuration = SignedDuration::from_mins(1);

/// An attempt, which counts as wrong until [`Attempt::right`] says otherwise.
pub(super) struct Attempt<'a> {
    app: &'a App,
    brake: &'a Brake,
    caller: &'a Caller,
    action: &'static str,
    ends: Option<SessionId>,
}

impl<'a> Attempt<'a> {
    /// Counts an attempt; `action` is what the audit table says when it is wrong.
    ///
    /// # Errors
    /// `too_many_attempts`; `unauthenticated` when the session has ended, or ends by this.
    pub(super) async fn begin(
        app: &'a App,
        brake: &'a Brake,
        caller: &'a Caller,
        action: &'static str,
    ) -> AppResult<Self> {
        brake.begin(caller.address, &caller.user_name, app.clock.now())?;
        let mut attempt = Self { app, brake, caller, action, ends: None };
        let Some(id) = caller.session() else {
            let account = accounts::by_id(&app.store, caller.account).await?;
            refuse_locked(app, caller, &account.ok_or_else(AppError::unauthenticated)?)?;
            return Ok(attempt);
        };
        let tx = app.store.begin().await?;
        let Some(number) = sessions::count_confirmation(&tx, id, MOST_WRONG).await? else {
            // As many are being judged at this moment, or were given up before they were.
            let ended = attempt.end(&tx, id).await?;
            tx.commit().await?;
            attempt.publish(ended);
            return Err(AppError::unauthenticated());
        };
        tx.commit().await?;
        attempt.ends = (number >= MOST_WRONG).then_some(id);
        Ok(attempt)
    }

    /// Password or code were wrong: records it, and ends the session when it was the last try. Commits.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn wrong(self, tx: Tx, reason: &'static str) -> AppResult<()> {
        let failure = Failure {
            account: Some(self.caller.account),
            actor: &self.caller.actor(),
            action: self.action,
            reason,
        };
        let told = failures::record_in(self.app, &tx, failure).await?;
        let ended = match self.ends {
            Some(id) => self.end(&tx, id).await?,
            None => None,
        };
        tx.commit().await?;
        told.publish(self.app);
        self.publish(ended);
        Ok(())
    }

    /// Password or code were right, as the transaction knows in which that counts. `is_all` says that nothing more would
    /// be asked of who signs in: only then is a row of failures over, or whoever knows the password could go on
    /// guessing codes.
    ///
    /// # Errors
    /// When the database refuses.
    pub(super) async fn right(self, tx: &Tx, is_all: bool) -> AppResult<()> {
        if is_all {
            accounts::end_failures(tx, self.caller.account).await?;
        }
        if let Some(id) = self.caller.session() {
            sessions::forget_confirmations(tx, id).await?;
        }
        self.brake.succeeded(self.caller.address, &self.caller.user_name);
        Ok(())
    }

    async fn end(&self, tx: &Tx, id: SessionId) -> AppResult<Option<SessionId>> {
        if !sessions::delete(tx, id).await? {
            return Ok(None);
        }
        let record = NewRecord {
            at: self.app.clock.now(),
            actor: &self.caller.actor(),
            action: "session.end",
            object_kind: "session",
            object_id: id.to_string(),
            details: json!({ "reason": "wrong-confirmations" }),
        };
        audit::append(tx, &record).await?;
        Ok(Some(id))
    }

    fn publish(&self, ended: Option<SessionId>) {
        if let Some(id) = ended {
            self.app.events.publish_for(self.caller.account, Resource::Sessions, Change::Deleted, id);
        }
    }
}

/// Refuses an API token while its account is locked.
///
/// # Errors
/// `too_many_attempts`.
pub(super) fn refuse_locked(app: &App, caller: &Caller, account: &Account) -> AppResult<()> {
    let (rules, now) = (LockOut::of(&app.settings), app.clock.now());
    if caller.token().is_none() || !rules.is_locked(account, now) {
        return Ok(());
    }
    let left = rules.ends(account, now).map_or(SOME_TIME, |end| end.duration_since(now));
    Err(AppError::too_many_attempts(Duration::from_secs(left.as_secs().max(1).unsigned_abs())))
}
