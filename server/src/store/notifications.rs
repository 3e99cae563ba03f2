//! Notifications: a code and its arguments, worded in the reader's language (D-35). One row for all accounts; what
//! an account has cleared and seen stands beside, so that each clears for itself (OSEM §2.7).

use domain::notification::{MOST_OF_A_CODE, NotificationCode};
use domain::{AccountId, ClientId, NotificationId};
use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, Statement, Value};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx};

/// The same thing is not told again within this time, however often it happens.
pub const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Most notifications removed in one transaction.
const TRIMMED: u64 = 1_000;

/// A stored notification, as one account sees it.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// When it was raised.
    pub at: Timestamp,
    /// What it says.
    pub code: NotificationCode,
    /// Arguments of the text.
    pub args: Json,
    /// The client it is about.
    pub client: Option<ClientId>,
    /// The account has seen it.
    pub seen: bool,
}

/// Something to be told.
#[derive(Clone, Copy, Debug)]
pub struct Raise<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// What it says, a word of [`NotificationCode`].
    pub code: &'a str,
    /// Arguments of the text.
    pub args: &'a Json,
    /// The client it is about.
    pub client: Option<ClientId>,
    /// What makes two of one code the same.
    pub subject: &'a str,
    /// The same is told again after this time, and then stands there once, as new.
    pub quiet: SignedDuration,
}

/// Raises a notification in the transaction of its cause. `None` when the same one, with the same arguments, was
/// raised within [`QUIET`]: a phone that repeats itself must not fill the table.
///
/// # Errors
/// When the database refuses.
pub async fn insert(
    tx: &Tx,
    at: Timestamp,
    code: &'static str,
    args: &Json,
    client: Option<ClientId>,
) -> StoreResult<Option<NotificationId>> {
    let mut hasher = Sha256::new();
    hasher.update(client.map_or(0, |client| client.0).to_be_bytes());
    hasher.update(args.to_string());
    let subject = hex::encode(hasher.finalize());
    raise(tx, &Raise { at, code, args, client, subject: &subject, quiet: QUIET }).await
}

/// As [`insert`], with a subject that says which are the same. An older one of the same makes room.
///
/// # Errors
/// When the database refuses.
pub async fn raise(tx: &Tx, raise: &Raise<'_>) -> StoreResult<Option<NotificationId>> {
    let attempt = "raise a notification";
    let since = raise.at.saturating_sub(raise.quiet).unwrap_or(Timestamp::MIN).as_millisecond();
    let known = "SELECT id, at FROM notification WHERE code = $1 AND subject = $2 ORDER BY id DESC LIMIT 1";
    let values: [Value; 2] = [raise.code.into(), raise.subject.into()];
    let statement = Statement::from_sql_and_values(tx.backend, known, values);
    if let Some(row) = tx.inner.query_one_raw(statement).await.attempt(attempt)? {
        let (id, at): (i64, i64) =
            (row.try_get_by_index(0).attempt(attempt)?, row.try_get_by_index(1).attempt(attempt)?);
        if at > since {
            return Ok(None);
        }
        let sql = "DELETE FROM notification WHERE id = $1";
        let statement = Statement::from_sql_and_values(tx.backend, sql, [id.into()]);
        tx.inner.execute_raw(statement).await.attempt(attempt)?;
    }
    let sql = "INSERT INTO notification (at, code, args, client_id, subject) VALUES ($1, $2, $3, $4, $5) \
               RETURNING id";
    let values: [Value; 5] = [
        raise.at.as_millisecond().into(),
        raise.code.into(),
        raise.args.to_string().into(),
        raise.client.map(|client| client.0).into(),
        raise.subject.into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(Some(NotificationId(id)))
}

/// Whose notifications, and which of them: those of codes the account may be told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The account.
    pub account: AccountId,
    /// The codes.
    pub codes: Vec<NotificationCode>,
}

impl Told {
    /// The condition on a notification `n`; `$1` is the account.
    fn condition(&self) -> String {
        // Our own words, no text of a user.
        let words: Vec<String> = self.codes.iter().map(|code| format!("'{}'", code.as_str())).collect();
        let words = if words.is_empty() { "''".to_owned() } else { words.join(", ") };
        format!(
            "n.code IN ({words}) AND NOT EXISTS (SELECT 1 FROM notification_cleared AS c \
             WHERE c.account_id = $1 AND c.notification_id = n.id)"
        )
    }
}

const SEEN: &str =
    "n.id <= COALESCE((SELECT m.seen_up_to FROM notification_mark AS m WHERE m.account_id = $1), 0)";

/// What the account has not cleared, newest first; behind a notification, or after leaving out some.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(
    on: &impl Source,
    told: &Told,
    after: Option<NotificationId>,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<Notification>> {
    let attempt = "list notifications";
    let connection = on.connection();
    let sql = format!(
        "SELECT n.id, n.at, n.code, n.args, n.client_id, {SEEN} FROM notification AS n WHERE {} AND n.id < $2 \
         ORDER BY n.id DESC LIMIT {size} OFFSET {skip}",
        told.condition()
    );
    let values: [Value; 2] = [told.account.0.into(), after.map_or(i64::MAX, |after| after.0).into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    rows.iter()
        .map(|row| {
            let at: i64 = row.try_get_by_index(1).attempt(attempt)?;
            let code: String = row.try_get_by_index(2).attempt(attempt)?;
            let args: String = row.try_get_by_index(3).attempt(attempt)?;
            let client: Option<i64> = row.try_get_by_index(4).attempt(attempt)?;
            Ok(Notification {
                id: NotificationId(row.try_get_by_index(0).attempt(attempt)?),
                at: Timestamp::from_millisecond(at).map_err(|_| corrupt("notification.at"))?,
                code: NotificationCode::parse(&code).ok_or(corrupt("notification.code"))?,
                args: serde_json::from_str(&args).map_err(|_| corrupt("notification.args"))?,
                client: client.map(ClientId),
                seen: row.try_get_by_index(5).attempt(attempt)?,
            })
        })
        .collect()
}

/// Number of notifications the account has not cleared, and of those of them it has not seen.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, told: &Told) -> StoreResult<(u64, u64)> {
    let attempt = "count notifications";
    let connection = on.connection();
    let sql = format!(
        "SELECT COUNT(*), COUNT(CASE WHEN {SEEN} THEN NULL ELSE 1 END) FROM notification AS n WHERE {}",
        told.condition()
    );
    let values: [Value; 1] = [told.account.0.into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let Some(row) = connection.query_one_raw(statement).await.attempt(attempt)? else { return Ok((0, 0)) };
    let number = |at| row.try_get_by_index::<i64>(at).attempt(attempt).map(i64::unsigned_abs);
    Ok((number(0)?, number(1)?))
}

/// Clears one for the account; `false` when there is no such one for it, or it is cleared already.
///
/// # Errors
/// When the database refuses.
pub async fn clear_one(tx: &Tx, told: &Told, id: NotificationId) -> StoreResult<bool> {
    let sql = format!(
        "INSERT INTO notification_cleared (account_id, notification_id, batch) \
         SELECT CAST($1 AS BIGINT), n.id, 0 FROM notification AS n WHERE {} AND n.id = $2 \
         ON CONFLICT (account_id, notification_id) DO NOTHING",
        told.condition()
    );
    let values: [Value; 2] = [told.account.0.into(), id.0.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("clear a notification")?;
    Ok(done.rows_affected() > 0)
}

/// Clears all for the account, up to one of them when it is given; gives how many. What was cleared together can
/// be restored together.
///
/// # Errors
/// When the database refuses.
pub async fn clear_all(tx: &Tx, told: &Told, up_to: Option<NotificationId>) -> StoreResult<u64> {
    let sql = format!(
        "INSERT INTO notification_cleared (account_id, notification_id, batch) \
         SELECT CAST($1 AS BIGINT), n.id, \
         1 + COALESCE((SELECT MAX(b.batch) FROM notification_cleared AS b WHERE b.account_id = $1), 0) \
         FROM notification AS n WHERE {} AND n.id <= $2 \
         ON CONFLICT (account_id, notification_id) DO NOTHING",
        told.condition()
    );
    let values: [Value; 2] = [told.account.0.into(), up_to.map_or(i64::MAX, |up_to| up_to.0).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("clear notifications")?;
    Ok(done.rows_affected())
}

/// Shows again what the account cleared together last; gives how many. What it cleared one by one stays cleared.
///
/// # Errors
/// When the database refuses.
pub async fn restore(tx: &Tx, account: AccountId) -> StoreResult<u64> {
    let sql = "DELETE FROM notification_cleared WHERE account_id = $1 AND batch > 0 AND batch = \
        (SELECT MAX(b.batch) FROM notification_cleared AS b WHERE b.account_id = $1)";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [account.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("restore notifications").map(|done| done.rows_affected())
}

/// Marks everything up to a notification as seen by the account; what was seen stays seen. `false` when nothing
/// changed.
///
/// # Errors
/// When the database refuses.
pub async fn see(tx: &Tx, account: AccountId, up_to: NotificationId) -> StoreResult<bool> {
    // No further than there are any: a number from the future would hide what comes.
    let sql = "INSERT INTO notification_mark (account_id, seen_up_to) \
        SELECT CAST($1 AS BIGINT), COALESCE(MAX(id), 0) FROM notification WHERE id <= $2 \
        ON CONFLICT (account_id) DO UPDATE SET seen_up_to = excluded.seen_up_to \
        WHERE notification_mark.seen_up_to < excluded.seen_up_to";
    let values: [Value; 2] = [account.0.into(), up_to.0.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("mark notifications as seen")?;
    Ok(done.rows_affected() > 0)
}

/// Codes of which there are more than [`MOST_OF_A_CODE`].
/// Looked for on the reading side first: mostly there is nothing to do.
///
/// # Errors
/// When the database cannot be asked.
pub async fn too_many(on: &impl Source) -> StoreResult<Vec<String>> {
    let attempt = "look for too many notifications";
    let connection = on.connection();
    let sql = format!("SELECT code FROM notification GROUP BY code HAVING COUNT(*) > {MOST_OF_A_CODE}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| row.try_get_by_index(0).attempt(attempt)).collect()
}

/// Removes the oldest of a code beyond [`MOST_OF_A_CODE`], for everybody; gives how many.
///
/// # Errors
/// When the database refuses.
pub async fn trim(tx: &Tx, code: &str) -> StoreResult<u64> {
    // Another node may do the same; both must not wait for each other's rows in different orders.
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE code = $1 AND id < \
         (SELECT MIN(id) FROM (SELECT id FROM notification WHERE code = $1 ORDER BY id DESC LIMIT {MOST_OF_A_CODE}) AS kept) \
         ORDER BY id LIMIT {TRIMMED} {lock})"
    );
    let statement = Statement::from_sql_and_values(tx.backend, sql, [code.into()]);
    tx.inner.execute_raw(statement).await.attempt("remove old notifications").map(|done| done.rows_affected())
}

/// Whether a notification of this subject was raised since a time.
///
/// # Errors
/// When the database cannot be asked.
pub async fn was_raised(
    on: &impl Source,
    code: NotificationCode,
    subject: &str,
    since: Timestamp,
) -> StoreResult<bool> {
    let connection = on.connection();
    let sql = "SELECT 1 FROM notification WHERE code = $1 AND subject = $2 AND at > $3 LIMIT 1";
    let values: [Value; 3] = [code.as_str().into(), subject.into(), since.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt("look for a notification")?;
    Ok(row.is_some())
}
