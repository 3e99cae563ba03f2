//! The second factor of accounts: codes of an authenticator app (RFC 6238, OSEM §2.8.4) and recovery codes.
//!
//! The secret is sealed and bound to its account; recovery codes are kept as keyed digests. A code counts once, also
//! when it comes twice at the same moment: the database decides. Only a browser session manages the own second factor:
//! a token, which needs no confirmation, must not be a way around it.

use api::second_factor::{ActivateSecondFactor, RecoveryCodes, SecondFactorSetup, SecondFactorView};
use api::{Code, FieldError, field};
use domain::second_factor::{
    DIGITS, PERIOD_SECONDS, RECOVERY_CODES, SKEW, TotpAlgorithm, read_code, read_recovery_code,
};
use domain::setting::SettingKey;
use domain::{AccountId, Secret};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use totp_rs::{Algorithm, Builder, Secret as TotpSecret, Totp};

use super::brake::Brake;
use super::caller::Caller;
use super::confirmation::Attempt;
use super::error::{AppError, AppResult};
use super::secret_text;
use super::sessions::{self, Renewed};
use crate::App;
use crate::clock::EntropyError;
use crate::events::{Change, Resource};
use crate::store::audit::NewRecord;
use crate::store::second_factors::{self as rows, SecondFactor};
use crate::store::sessions::Factor;
use crate::store::{Tx, audit, sessions as session_rows};

/// Name that authenticator apps show.
const ISSUER: &str = "Workpoint";

/// How long a secret waits for its first code: whoever saw it in an unattended browser has no more time.
const WAITS: SignedDuration = SignedDuration::from_mins(15);

/// Where the secret of an account is sealed for.
fn place(account: AccountId) -> String {
    format!("second-factor:{account}")
}

/// Where a recovery code of an account is digested for.
fn recovery_place(account: AccountId) -> String {
    format!("recovery-code:{account}")
}

fn totp(secret: &Secret, algorithm: TotpAlgorithm, user_name: &str) -> AppResult<Totp> {
    let secret = TotpSecret::try_from_base32(secret.expose()).map_err(AppError::internal)?;
    let algorithm = match algorithm {
        TotpAlgorithm::Sha1 => Algorithm::SHA1,
        TotpAlgorithm::Sha256 => Algorithm::SHA256,
    };
    Builder::new()
        .with_algorithm(algorithm)
        .with_digits(u8::try_from(DIGITS).unwrap_or(6))
        .with_step_duration(PERIOD_SECONDS)
        .with_skew(u16::try_from(SKEW).unwrap_or(1))
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(user_name)
        .build()
        .map_err(AppError::internal)
}

/// The step whose code this is, when it is one that counts now.
fn matching_step(totp: &Totp, code: &Secret, now: Timestamp) -> Option<i64> {
    let code = Secret::new(read_code(code.expose())?);
    let time = u64::try_from(now.as_second()).ok()?;
    i64::try_from(totp.check(code.expose(), time)?).ok()
}

/// A new secret as long as the hash wants it (RFC 4226 §4, RFC 6238 §5.1).
fn new_secret(app: &App, algorithm: TotpAlgorithm) -> Result<Secret, EntropyError> {
    let secret = match algorithm {
        TotpAlgorithm::Sha1 => TotpSecret::from(app.entropy.bytes::<20>()?),
        TotpAlgorithm::Sha256 => TotpSecret::from(app.entropy.bytes::<32>()?),
    };
    Ok(Secret::new(secret.to_base32()))
}

/// Whether the caller's account has a second factor.
///
/// # Errors
/// When the database cannot be asked.
pub async fn view(app: &App, caller: &Caller) -> AppResult<SecondFactorView> {
    let factor = rows::of_account(&app.store, caller.account).await?;
    let active = factor.filter(|factor| factor.activated_at.is_some());
    Ok(SecondFactorView {
        active: active.is_some(),
        activated_at: active.as_ref().and_then(|factor| factor.activated_at),
        algorithm: active.map(|factor| factor.algorithm),
        recovery_codes_left: rows::count_recovery_codes(&app.store, caller.account).await?,
    })
}

/// Makes a secret for an authenticator app. It counts only after [`activate`]; one that was made before and did not
/// come to count is forgotten.
///
/// # Errors
/// `session_needed`; `second_factor_active`.
pub async fn begin(app: &App, caller: &Caller) -> AppResult<SecondFactorSetup> {
    need_session(caller)?;
    let algorithm = TotpAlgorithm::parse(&app.settings.text(SettingKey::TotpHashAlgorithm));
    let algorithm = algorithm.unwrap_or_default();
    let secret = new_secret(app, algorithm)?;
    let totp = totp(&secret, algorithm, &caller.user_name)?;
    let sealed = app.vault.seal(&place(caller.account), &secret)?;
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    if !rows::begin(&tx, caller.account, algorithm, &sealed, app.clock.now()).await? {
        let text = "This account has a second factor. Remove it before setting up another one.";
        return Err(AppError::new(Code::SecondFactorActive, text));
    }
    // Nothing has changed yet for anybody, but who asked for a secret is worth knowing.
    write_audit(app, &tx, caller, "account.begin-second-factor", json!({ "algorithm": algorithm })).await?;
    tx.commit().await?;
    let picture = totp.to_qr_base64().map_err(AppError::internal)?;
    Ok(SecondFactorSetup {
        secret,
        uri: Secret::new(totp.to_url().map_err(AppError::internal)?),
        qr: Secret::new(format!("data:image/png;base64,{picture}")),
        account: caller.user_name.clone(),
        issuer: ISSUER.to_owned(),
        algorithm,
        digits: DIGITS,
        period_seconds: PERIOD_SECONDS,
    })
}

/// Has the second factor count, after its first code. The other sessions of the account end: they were opened
/// without.
///
/// # Errors
/// `session_needed`; `no_second_factor` when none waits, or waited for too long; `invalid_fields` when the code is
/// wrong; `too_many_attempts`.
pub async fn activate(
    app: &App,
    brake: &Brake,
    caller: &Caller,
    cookie: Option<&Secret>,
    request: ActivateSecondFactor,
) -> AppResult<(RecoveryCodes, Option<Renewed>)> {
    need_session(caller)?;
    let at = app.clock.now();
    let waits =
        |factor: &SecondFactor| factor.activated_at.is_none() && at.duration_since(factor.created_at) < WAITS;
    rows::of_account(&app.store, caller.account).await?.filter(waits).ok_or_else(none_waits)?;
    let attempt = Attempt::begin(app, brake, caller, "account.activate-second-factor-failed").await?;
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    let factor = rows::of_account(&tx, caller.account).await?.filter(waits).ok_or_else(none_waits)?;
    let totp = open(app, &factor, &caller.user_name)?;
    let Some(step) = matching_step(&totp, &request.code, at) else {
        attempt.wrong(tx, "wrong-code").await?;
        return Err(wrong_code());
    };
    // The code of a factor that is only being set up proves nothing yet.
    attempt.right(&tx, false).await?;
    if let Some(session) = caller.session() {
        session_rows::confirm(&tx, session, Factor::Code, at).await?;
    }
    if !rows::activate(&tx, caller.account, step, at).await? {
        return Err(none_waits());
    }
    let codes = replace_recovery_codes(app, &tx, caller.account).await?;
    let ended = session_rows::delete_of_account(&tx, caller.account, caller.session()).await?;
    let renewed = sessions::renew(app, &tx, caller, cookie, at).await?;
    let details = json!({ "algorithm": factor.algorithm, "sessions_ended": ended.len() });
    write_audit(app, &tx, caller, "account.activate-second-factor", details).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, caller.account);
    sessions::publish_ended(app, caller.account, &ended);
    Ok((codes, renewed))
}

/// Makes new recovery codes; the old ones count no longer.
///
/// # Errors
/// `session_needed`; `no_second_factor`; `step_up_required` when the session was not confirmed with a code.
pub async fn renew_recovery_codes(app: &App, caller: &Caller) -> AppResult<RecoveryCodes> {
    need_session(caller)?;
    caller.require_confirmed_with_code(app).await?;
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    let factor = rows::of_account(&tx, caller.account).await?;
    factor.filter(|factor| factor.activated_at.is_some()).ok_or_else(none)?;
    let codes = replace_recovery_codes(app, &tx, caller.account).await?;
    write_audit(app, &tx, caller, "account.renew-recovery-codes", json!({})).await?;
    tx.commit().await?;
    Ok(codes)
}

/// Removes the own second factor, active or not.
///
/// # Errors
/// `session_needed`; `no_second_factor`; `step_up_required` when it is active and the session was not confirmed with a
/// code.
pub async fn remove(app: &App, caller: &Caller, cookie: Option<&Secret>) -> AppResult<Option<Renewed>> {
    need_session(caller)?;
    caller.require_confirmed_with_code(app).await?;
    let tx = app.store.begin().await?;
    caller.still_valid(&tx).await?;
    if !rows::delete(&tx, caller.account).await? {
        return Err(none());
    }
    let renewed = sessions::renew(app, &tx, caller, cookie, app.clock.now()).await?;
    write_audit(app, &tx, caller, "account.remove-second-factor", json!({})).await?;
    tx.commit().await?;
    app.events.publish(Resource::Accounts, Change::Updated, caller.account);
    Ok(renewed)
}

/// What proves the second factor.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// A code of the authenticator app.
    Code(Secret),
    /// A recovery code.
    RecoveryCode(Secret),
}

impl Proof {
    /// What it is, as sessions and the audit table say.
    pub(super) fn factor(&self) -> Factor {
        match self {
            Self::Code(_) => Factor::Code,
            Self::RecoveryCode(_) => Factor::RecoveryCode,
        }
    }

    /// What somebody typed where either may be: the two are never mistaken for each other.
    pub(super) fn of(text: Secret) -> Self {
        if read_recovery_code(text.expose()).is_some() { Self::RecoveryCode(text) } else { Self::Code(text) }
    }
}

/// Uses up a code or recovery code; `false` when it is wrong or was used before. The account's row is locked.
pub(super) async fn use_up(
    app: &App,
    tx: &Tx,
    (account, user_name): (AccountId, &str),
    proof: &Proof,
    now: Timestamp,
) -> AppResult<bool> {
    let factor = rows::of_account(tx, account).await?.filter(|factor| factor.activated_at.is_some());
    let Some(factor) = factor else { return Ok(false) };
    match proof {
        Proof::Code(code) => match matching_step(&open(app, &factor, user_name)?, code, now) {
            Some(step) => Ok(rows::use_step(tx, account, step).await?),
            None => Ok(false),
        },
        Proof::RecoveryCode(code) => match read_recovery_code(code.expose()) {
            Some(code) => {
                let digest = app.vault.digest(&recovery_place(account), &code);
                Ok(rows::use_recovery_code(tx, account, &digest).await?)
            }
            None => Ok(false),
        },
    }
}

fn open(app: &App, factor: &SecondFactor, user_name: &str) -> AppResult<Totp> {
    let secret = app.vault.open(&place(factor.account), &factor.secret)?;
    totp(&secret, factor.algorithm, user_name)
}

async fn replace_recovery_codes(app: &App, tx: &Tx, account: AccountId) -> AppResult<RecoveryCodes> {
    let codes = (0..RECOVERY_CODES).map(|_| secret_text::recovery_code(&app.entropy));
    let codes: Vec<Secret> = codes.collect::<Result<_, _>>()?;
    let place = recovery_place(account);
    let digests = codes.iter().filter_map(|code| read_recovery_code(code.expose()));
    let digests: Vec<Vec<u8>> = digests.map(|code| app.vault.digest(&place, &code)).collect();
    rows::replace_recovery_codes(tx, account, &digests).await?;
    Ok(RecoveryCodes { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() })
}

/// Refuses a token: see the module.
pub(super) fn need_session(caller: &Caller) -> AppResult<()> {
    match caller.session() {
        Some(_) => Ok(()),
        None => Err(AppError::new(Code::SessionNeeded, "Sign in with a browser for this.")),
    }
}

fn none() -> AppError {
    AppError::new(Code::NoSecondFactor, "This account has no second factor.")
}

fn none_waits() -> AppError {
    AppError::new(Code::NoSecondFactor, "No second factor waits for its first code.")
}

/// The code is wrong, or was used before.
pub(super) fn wrong_code() -> AppError {
    let text = "is not the code the authenticator app shows now, or was used before";
    AppError::field(FieldError::new("/code", field::WRONG_CODE, text))
}

async fn write_audit(
    app: &App,
    tx: &Tx,
    caller: &Caller,
    action: &'static str,
    details: serde_json::Value,
) -> AppResult<()> {
    let (at, actor, object_id) = (app.clock.now(), &caller.actor(), caller.account.to_string());
    audit::append(tx, &NewRecord { at, actor, action, object_kind: "account", object_id, details }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{matching_step, totp};
    use domain::Secret;
    use domain::second_factor::TotpAlgorithm;
    use jiff::Timestamp;

    /// Base32 of the secrets of RFC 6238, appendix B.
    const SHA1: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const SHA256: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA";

    fn step(secret: &str, algorithm: TotpAlgorithm, code: &str, second: i64) -> Option<i64> {
        let totp = totp(&Secret::new(secret.to_owned()), algorithm, "anna").unwrap();
        let now = Timestamp::from_second(second).unwrap();
        matching_step(&totp, &Secret::new(code.to_owned()), now)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B: the last six of eight digits.
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(step(SHA1, TotpAlgorithm::Sha1, code, second), Some(second / 30), "{second}");
        }
        for (second, code) in [(59, "119246"), (1_111_111_109, "084774"), (2_000_000_000, "698825")] {
            assert_eq!(step(SHA256, TotpAlgorithm::Sha256, code, second), Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_late_and_no_more() {
        let at = |second| step(SHA1, TotpAlgorithm::Sha1, "287 082", second);
        assert_eq!((at(29), at(30), at(0), at(89), at(90)), (Some(1), Some(1), Some(1), Some(1), None));
        assert_eq!(at(1_000), None);
        assert_eq!(step(SHA1, TotpAlgorithm::Sha256, "287082", 59), None);
        assert_eq!(step(SHA1, TotpAlgorithm::Sha1, "287083", 59), None);
    }
}
