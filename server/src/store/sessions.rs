//! Sessions of accounts, of browsers and of token pairs: opaque, on the server's side, found by the hash of their
//! token.

use domain::{AccountId, SessionId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// How a session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a browser.
    Browser,
    /// By a program that has a pair of tokens.
    TokenPair,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::TokenPair => "token-pair",
        }
    }
}

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// With the password alone.
    Password,
    /// With a code of the authenticator app.
    Code,
    /// With a recovery code.
    RecoveryCode,
}

impl Factor {
    /// The word that is kept, and that the audit table says.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::RecoveryCode => "recovery-code",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Password, Self::Code, Self::RecoveryCode].into_iter().find(|factor| factor.as_str() == word)
    }
}

/// Before when a session must not have been used last to be open still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleBefore {
    /// Sessions that end with the browser.
    pub passing: Timestamp,
    /// Sessions that are kept.
    pub kept: Timestamp,
}

impl IdleBefore {
    /// Whether a session is open at a time.
    pub fn is_open(&self, session: &Session, now: Timestamp) -> bool {
        let idle_before = if session.kept { self.kept } else { self.passing };
        session.expires_at > now && session.last_seen_at > idle_before
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// How it was opened: `browser` or `token-pair`.
    pub kind: Kind,
    /// SHA-256 of the CSRF token; of a token pair, of the part that all its refresh tokens share.
    pub csrf_hash: Vec<u8>,
    /// Whether it is kept when the browser is closed.
    pub kept: bool,
    /// When its user last confirmed who they are.
    pub confirmed_at: Timestamp,
    /// With what.
    pub confirmed_with: Factor,
    /// What the browser says it is.
    pub user_agent: String,
    /// Address it was opened from.
    pub address: String,
    /// Start.
    pub created_at: Timestamp,
    /// Last use, to the minute.
    pub last_seen_at: Timestamp,
    /// End at the latest.
    pub expires_at: Timestamp,
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Whose it is.
    pub account: AccountId,
    /// How it is opened.
    pub kind: Kind,
    /// Whether it is kept when the browser is closed.
    pub kept: bool,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// SHA-256 of the CSRF token; of a token pair, of the part that all its refresh tokens share.
    pub csrf_hash: &'a [u8],
    /// How its user has just proved who they are.
    pub confirmed_with: Factor,
    /// What the browser says it is.
    pub user_agent: &'a str,
    /// Address it is opened from.
    pub address: &'a str,
    /// End at the latest.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, account_id, kind, csrf_hash, kept, confirmed_at, confirmed_with, user_agent, address, \
    created_at, last_seen_at, expires_at";

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    account_id: i64,
    kind: String,
    csrf_hash: Vec<u8>,
    kept: bool,
    confirmed_at: i64,
    confirmed_with: String,
    user_agent: String,
    address: String,
    created_at: i64,
    last_seen_at: i64,
    expires_at: i64,
}

impl Row {
    fn into_session(self) -> StoreResult<Session> {
        let time = |ms: i64| {
            Timestamp::from_millisecond(ms)
                .map_err(|_| StoreError::Corrupt { attempt: "read a session", what: "account_session time" })
        };
        Ok(Session {
            id: SessionId(self.id),
            account: AccountId(self.account_id),
            kind: match self.kind.as_str() {
                "browser" => Kind::Browser,
                "token-pair" => Kind::TokenPair,
                _ => {
                    return Err(StoreError::Corrupt {
                        attempt: "read a session",
                        what: "account_session.kind",
                    });
                }
            },
            csrf_hash: self.csrf_hash,
            kept: self.kept,
            confirmed_at: time(self.confirmed_at)?,
            confirmed_with: Factor::parse(&self.confirmed_with).ok_or(StoreError::Corrupt {
                attempt: "read a session",
                what: "account_session.confirmed_with",
            })?,
            user_agent: self.user_agent,
            address: self.address,
            created_at: time(self.created_at)?,
            last_seen_at: time(self.last_seen_at)?,
            expires_at: time(self.expires_at)?,
        })
    }
}

/// The session of a token, by the token's hash.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_token(on: &impl Source, token_hash: &[u8]) -> StoreResult<Option<Session>> {
    select(on, "token_hash = $1", token_hash.to_vec().into())
        .await
        .map(|sessions| sessions.into_iter().next())
}

/// A session by its id.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_id(on: &impl Source, id: SessionId) -> StoreResult<Option<Session>> {
    select(on, "id = $1", id.0.into()).await.map(|sessions| sessions.into_iter().next())
}

/// Sessions of an account, newest first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn of_account(on: &impl Source, account: AccountId) -> StoreResult<Vec<Session>> {
    select(on, "account_id = $1", account.0.into()).await
}

async fn select(on: &impl Source, condition: &str, value: Value) -> StoreResult<Vec<Session>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM account_session WHERE {condition} ORDER BY id DESC");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [value]);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read a session")?;
    rows.into_iter().map(Row::into_session).collect()
}

/// The session that had a token until it was given another one, after `since`.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_previous_token(
    on: &impl Source,
    token_hash: &[u8],
    since: Timestamp,
) -> StoreResult<Option<Session>> {
    let connection = on.connection();
    let sql =
        format!("SELECT {COLUMNS} FROM account_session WHERE previous_token_hash = $1 AND rotated_at > $2");
    let values: [Value; 2] = [token_hash.to_vec().into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read a session")?;
    row.map(Row::into_session).transpose()
}

/// Number of sessions that are neither expired nor idle.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count_open(on: &impl Source, now: Timestamp, idle_before: IdleBefore) -> StoreResult<u64> {
    let attempt = "count sessions";
    let connection = on.connection();
    let sql = "SELECT COUNT(*) FROM account_session WHERE expires_at > $1 \
        AND last_seen_at > CASE WHEN kept THEN $2 ELSE $3 END";
    let values = limits(now, idle_before);
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

fn limits(now: Timestamp, idle_before: IdleBefore) -> [Value; 3] {
    [now, idle_before.kept, idle_before.passing].map(|time| time.as_millisecond().into())
}

/// Opens a session; its user has just confirmed who they are.
///
/// # Errors
/// When the database refuses.
pub async fn insert(tx: &Tx, new: &NewSession<'_>, at: Timestamp) -> StoreResult<SessionId> {
    let attempt = "open a session";
    let sql = "INSERT INTO account_session (account_id, token_hash, csrf_hash, user_agent, address, created_at, \
        last_seen_at, confirmed_at, expires_at, kind, kept, confirmed_with) \
        VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $7, $8, $9, $10) RETURNING id";
    let values: [Value; 10] = [
        new.account.0.into(),
        new.token_hash.to_vec().into(),
        new.csrf_hash.to_vec().into(),
        new.user_agent.into(),
        new.address.into(),
        at.as_millisecond().into(),
        new.expires_at.as_millisecond().into(),
        new.kind.as_str().into(),
        new.kept.into(),
        new.confirmed_with.as_str().into(),
    ];
    let row = tx
        .inner
        .query_one_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(SessionId(id))
}

/// Notes that a session was used.
///
/// # Errors
/// When the database refuses.
pub async fn touch(tx: &Tx, id: SessionId, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE account_session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    let values: [Value; 2] = [id.0.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note that a session was used").map(|_| ())
}

/// Gives a session another token; the one before is remembered. `false` when it has another one by now, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn rotate(tx: &Tx, id: SessionId, (from, to): (&[u8], &[u8]), at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE account_session SET previous_token_hash = token_hash, token_hash = $3, rotated_at = $4 \
        WHERE id = $1 AND token_hash = $2";
    let values: [Value; 4] =
        [id.0.into(), from.to_vec().into(), to.to_vec().into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("give a session another token")?;
    Ok(done.rows_affected() > 0)
}

/// The token pair that had a refresh token at some time, by the hash of the part that all its tokens share, when the
/// token is not the one it has now. Also whether it is the one before, replaced after `since`.
///
/// # Errors
/// When the database cannot be asked, or the row is damaged.
pub async fn by_used_refresh_token(
    on: &impl Source,
    (lasting_hash, token_hash): (&[u8], &[u8]),
    since: Timestamp,
) -> StoreResult<Option<(Session, bool)>> {
    let connection = on.connection();
    let sql = format!(
        "SELECT {COLUMNS} FROM account_session \
         WHERE csrf_hash = $1 AND kind = 'token-pair' AND token_hash <> $2"
    );
    let values: [Value; 2] = [lasting_hash.to_vec().into(), token_hash.to_vec().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = Row::find_by_statement(statement).one(connection).await.attempt("read a session")?;
    let Some(session) = row.map(Row::into_session).transpose()? else { return Ok(None) };
    let before = by_previous_token(on, token_hash, since).await?;
    let just_replaced = before.is_some_and(|before| before.id == session.id);
    Ok(Some((session, just_replaced)))
}

/// Counts an attempt to confirm before it is looked at, so that many at once are not more than there may be. `None`
/// when there were as many already, or the session is gone.
///
/// # Errors
/// When the database refuses.
pub async fn count_confirmation(tx: &Tx, id: SessionId, most: u32) -> StoreResult<Option<u32>> {
    let attempt = "count a confirmation";
    let sql = "UPDATE account_session SET failed_confirmations = failed_confirmations + 1 \
        WHERE id = $1 AND failed_confirmations < $2 RETURNING failed_confirmations";
    let values: [Value; 2] = [id.0.into(), i32::try_from(most).unwrap_or(i32::MAX).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    let number: Option<i32> = row.map(|row| row.try_get_by_index(0)).transpose().attempt(attempt)?;
    Ok(number.map(i32::unsigned_abs))
}

/// Forgets the failed confirmations of a session, after one that was right.
///
/// # Errors
/// When the database refuses.
pub async fn forget_confirmations(tx: &Tx, id: SessionId) -> StoreResult<()> {
    let sql = "UPDATE account_session SET failed_confirmations = 0 WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("forget failed confirmations").map(|_| ())
}

/// Notes that the user of a session confirmed who they are, and with what.
///
/// # Errors
/// When the database refuses.
pub async fn confirm(tx: &Tx, id: SessionId, with: Factor, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE account_session SET confirmed_at = $2, confirmed_with = $3 WHERE id = $1";
    let values: [Value; 3] = [id.0.into(), at.as_millisecond().into(), with.as_str().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("note a confirmation").map(|_| ())
}

/// Ends a session; `false` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: SessionId) -> StoreResult<bool> {
    let sql = "DELETE FROM account_session WHERE id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("end a session")?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sessions of an account but one; returns which.
///
/// # Errors
/// When the database refuses.
pub async fn delete_of_account(
    tx: &Tx,
    account: AccountId,
    but: Option<SessionId>,
) -> StoreResult<Vec<SessionId>> {
    let attempt = "end the sessions of an account";
    let sql = "DELETE FROM account_session WHERE account_id = $1 AND id <> $2 RETURNING id";
    // Ids begin at 1.
    let values: [Value; 2] = [account.0.into(), but.map_or(0, |id| id.0).into()];
    let rows = tx
        .inner
        .query_all_raw(Statement::from_sql_and_values(tx.backend, sql, values))
        .await
        .attempt(attempt)?;
    rows.iter().map(|row| Ok(SessionId(row.try_get_by_index(0).attempt(attempt)?))).collect()
}

/// Removes sessions that are expired or idle.
///
/// # Errors
/// When the database refuses.
pub async fn purge(tx: &Tx, now: Timestamp, idle_before: IdleBefore) -> StoreResult<u64> {
    let sql = "DELETE FROM account_session WHERE expires_at <= $1 \
        OR last_seen_at <= CASE WHEN kept THEN $2 ELSE $3 END";
    let values = limits(now, idle_before);
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("remove expired sessions").map(|done| done.rows_affected())
}
