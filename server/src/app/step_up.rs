//! Before something dangerous a session must have confirmed not long ago who uses it (ASVS 7.5.1, 7.5.3): an unattended
//! browser, or a stolen cookie, is not enough to take over accounts or to lose a fleet.
//!
//! Dangerous are: making, changing, unlocking and deleting accounts and ending their sessions; setting up and removing
//! second factors and making recovery codes; making tokens and removing other people's; settings of security
//! ([`SettingKey::is_security`]); restarting, resetting or deleting more clients, trying that again, or writing values
//! that can cut phones off to more of them, than may be done without typing their number.
//!
//! API tokens are exempt. Nobody sits in front of a script who could answer; a token cannot be taken from an unattended
//! desk; it was made by somebody who had just confirmed; it can have fewer rights and an end, and be revoked alone.
//! What a token may do to many clients at once is bounded all the same (`jobs.confirm-beyond`,
//! `jobs.most-dangerous-targets`).

use api::Code;
use domain::setting::SettingKey;
use jiff::{SignedDuration, Timestamp};

use super::caller::Caller;
use super::error::{AppError, AppResult};
use crate::App;
use crate::store::sessions::Factor;
use crate::store::{accounts, sessions};

/// Until when a confirmation at a time counts.
pub(super) fn confirmed_until(app: &App, confirmed_at: Timestamp) -> Timestamp {
    let lifetime = SignedDuration::from_secs(app.settings.integer(SettingKey::StepUpAfter));
    confirmed_at.checked_add(lifetime).unwrap_or(Timestamp::MAX)
}

impl Caller {
    /// Refuses when the session's user has not confirmed who they are for too long.
    ///
    /// # Errors
    /// `step_up_required`, with the ways to confirm; `unauthenticated` when the session has ended meanwhile.
    pub async fn require_confirmed(&self, app: &App) -> AppResult<()> {
        let Some(id) = self.session() else { return Ok(()) };
        let session = sessions::by_id(&app.store, id).await?.ok_or_else(AppError::unauthenticated)?;
        if app.clock.now() < confirmed_until(app, session.confirmed_at) {
            return Ok(());
        }
        let account =
            accounts::by_id(&app.store, self.account).await?.ok_or_else(AppError::unauthenticated)?;
        let mut methods = vec!["password"];
        if account.second_factor {
            methods.push("code");
        }
        let text = "Confirm who you are first: send the password or a code to /api/v1/auth/confirm.";
        Err(AppError::new(Code::StepUpRequired, text).arg("methods", methods))
    }

    /// Refuses when the account has a second factor and the session's user last confirmed with the password alone: who
    /// knows only that must not be able to take the second factor away, or to get recovery codes.
    ///
    /// # Errors
    /// `step_up_required`, with the ways to confirm; `unauthenticated` when the session has ended meanwhile.
    pub(super) async fn require_confirmed_with_code(&self, app: &App) -> AppResult<()> {
        let Some(id) = self.session() else { return Ok(()) };
        let session = sessions::by_id(&app.store, id).await?.ok_or_else(AppError::unauthenticated)?;
        let account =
            accounts::by_id(&app.store, self.account).await?.ok_or_else(AppError::unauthenticated)?;
        if !account.second_factor || session.confirmed_with != Factor::Password {
            return Ok(());
        }
        let text = "Confirm with a code first: send one, or a recovery code, to /api/v1/auth/confirm.";
        Err(AppError::new(Code::StepUpRequired, text).arg("methods", ["code", "recovery-code"]))
    }
}
