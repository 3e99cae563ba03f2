//! What the sender of contact-me and the poll listener ask of the database: who is due, booking a call, what
//! became of it, who polls (`wpi.md` §1.5 and §6, D-10). Wishes to call somebody are in [`super::calls`].
//!
//! This file decides nothing: where a call may go and when is `domain::calling`.

use std::net::IpAddr;

use domain::client::{Access, ClientState, SecureMode};
use domain::{ClientId, DeviceId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::sealed::Connection as _;
use super::{Source, Store, Tx};

/// Begins the result word of a phone that restarts; the end of its rest follows, in milliseconds.
const RESTARTING: &str = "restarting:";

/// A client that is due to be called, with what decides whether and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The client.
    pub client: ClientId,
    /// Its device id; absent for a prepared client.
    pub device: Option<DeviceId>,
    /// Where it is in its life.
    pub state: ClientState,
    /// How it is reached.
    pub access: Access,
    /// Whether it is in secure mode.
    pub secure_mode: SecureMode,
    /// Address it last came from.
    pub peer: Option<IpAddr>,
    /// Where it says it listens.
    pub contact_me_uri: Option<String>,
    /// Contact gap it reports, in seconds as it wrote it.
    pub gap: Option<String>,
    /// Contact-me since the last session.
    pub tries: u32,
    /// Last contact-me.
    pub called_at: Option<Timestamp>,
    /// It was told to restart, and has not come since: left alone until then.
    pub rests_until: Option<Timestamp>,
    /// Whether work waits for it now.
    pub has_work: bool,
    /// The youngest of its targets there was then; 0: none.
    pub last_target: TargetId,
}

/// A contact-me that is about to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The client.
    pub client: ClientId,
    /// Contact-me since the last session, as it was read.
    pub tries: u32,
    /// Last contact-me, as it was read.
    pub called_at: Option<Timestamp>,
    /// The address that is called.
    pub address: IpAddr,
    /// When to look again if the phone does not come.
    pub next_at: Timestamp,
}

/// Clients that are due: those that are called before those that poll, the longest waiting first.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn due(store: &Store, at: Timestamp, limit: u64) -> StoreResult<Vec<Due>> {
    // Two questions, each along the index and only as far as the limit: one that sorts by how phones are
    // reached looks at every waiting phone, and the whole fleet may wait.
    let mut line = due_by(store, "=", at, limit).await?;
    let left = limit.saturating_sub(line.len() as u64);
    if left > 0 {
        line.extend(due_by(store, "<>", at, left).await?);
    }
    Ok(line)
}

async fn due_by(store: &Store, comparison: &str, at: Timestamp, limit: u64) -> StoreResult<Vec<Due>> {
    let attempt = "list phones to be called";
    let gap = store.item_number("dls-contact-interval").unwrap_or_default();
    let sql = format!(
        "SELECT client_call.client_id, client_call.tries, client_call.called_at, client_call.result, \
         client.device_id, client.state, client.access, client.secure_mode, client.peer_address, \
         client.contact_me_uri, client.last_contact_at, reported_item.value, \
         EXISTS (SELECT 1 FROM job_target WHERE job_target.client_id = client.id \
         AND job_target.state IN ('waiting', 'active', 'sent') AND job_target.state <> 'sent' \
         AND job_target.due_at <= $1) OR EXISTS (SELECT 1 FROM job_target JOIN deployment \
         ON deployment.target_id = job_target.id WHERE job_target.client_id = client.id \
         AND job_target.state IN ('waiting', 'active', 'sent') AND job_target.state = 'sent' \
         AND deployment.phase = 'verifying'), \
         (SELECT COALESCE(MAX(job_target.id), 0) FROM job_target WHERE job_target.client_id = client.id) \
         FROM client_call JOIN client ON client.id = client_call.client_id AND client.access {comparison} 'direct' \
         LEFT JOIN reported_item ON reported_item.client_id = client.id AND reported_item.item_id = {gap} \
         AND reported_item.item_index = -1 AND reported_item.status IS NULL \
         WHERE client_call.next_at IS NOT NULL AND client_call.next_at <= $1 \
         ORDER BY client_call.next_at LIMIT {limit}"
    );
    let connection = store.connection();
    let values: [Value; 1] = [at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| read_due(row, attempt)).collect()
}

fn read_due(row: &QueryResult, attempt: &'static str) -> StoreResult<Due> {
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let text = |index| row.try_get_by_index::<Option<String>>(index).attempt(attempt);
    let word = |index, what| text(index)?.ok_or(corrupt(what));
    let time = |index, what| {
        let ms: Option<i64> = row.try_get_by_index(index).attempt(attempt)?;
        ms.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt(what))).transpose()
    };
    let tries: i32 = row.try_get_by_index(1).attempt(attempt)?;
    let last_contact = time(10, "client.last_contact_at")?;
    Ok(Due {
        client: ClientId(row.try_get_by_index(0).attempt(attempt)?),
        tries: u32::try_from(tries).unwrap_or(0),
        called_at: time(2, "client_call.called_at")?,
        rests_until: text(3)?.and_then(|result| rest_of(&result, last_contact)),
        device: text(4)?.map(|id| id.parse()).transpose().map_err(|_| corrupt("client.device_id"))?,
        state: ClientState::parse(&word(5, "client.state")?).ok_or(corrupt("client.state"))?,
        access: Access::parse(&word(6, "client.access")?).ok_or(corrupt("client.access"))?,
        secure_mode: SecureMode::parse(&word(7, "client.secure_mode")?)
            .ok_or(corrupt("client.secure_mode"))?,
        peer: text(8)?.and_then(|address| address.parse().ok()),
        contact_me_uri: text(9)?,
        gap: text(11)?,
        has_work: row.try_get_by_index(12).attempt(attempt)?,
        last_target: TargetId(row.try_get_by_index(13).attempt(attempt)?),
    })
}

/// End of the rest a result word tells of; over at once when the phone has come since it began.
fn rest_of(result: &str, last_contact: Option<Timestamp>) -> Option<Timestamp> {
    let (begin, end) = result.strip_prefix(RESTARTING)?.split_once('-')?;
    let time = |ms: &str| Timestamp::from_millisecond(ms.parse().ok()?).ok();
    let has_come = last_contact.is_some_and(|contact| time(begin).is_some_and(|begin| contact > begin));
    if has_come { None } else { time(end) }
}

/// A phone is told to restart: nobody calls it before `until` (`wpi.md` §1.5 rule 6), or until it has come.
///
/// # Errors
/// When the database refuses.
pub async fn rest(tx: &Tx, client: ClientId, at: Timestamp, until: Timestamp) -> StoreResult<()> {
    let sql = "INSERT INTO client_call (client_id, next_at, tries, result) VALUES ($1, $2, 0, $3) \
        ON CONFLICT (client_id) DO UPDATE SET next_at = excluded.next_at, result = excluded.result";
    let word = format!("{RESTARTING}{}-{}", at.as_millisecond(), until.as_millisecond());
    let values: [Value; 3] = [client.0.into(), until.as_millisecond().into(), word.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("let a phone restart").map(|_| ())
}

/// Books a contact-me before it leaves; `false` when another node was faster, or the phone has come.
///
/// Nothing may have happened to the row since it was read: the last contact-me is part of the condition, so
/// that no two nodes ever call inside one gap. A row somebody else works on is left to him: a booking waits
/// for nobody, and so never in a circle.
///
/// # Errors
/// When the database refuses.
pub async fn book(tx: &Tx, booking: &Booking, at: Timestamp) -> StoreResult<bool> {
    let lock = if tx.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE client_call SET called_at = $2, called_address = $3, tries = tries + 1, next_at = $4, \
         result = NULL WHERE client_id IN (SELECT client_id FROM client_call WHERE client_id = $1 \
         AND next_at IS NOT NULL AND next_at <= $2 AND tries = $5 AND COALESCE(called_at, 0) = $6 {lock})"
    );
    let values: [Value; 6] = [
        booking.client.0.into(),
        at.as_millisecond().into(),
        booking.address.to_string().into(),
        booking.next_at.as_millisecond().into(),
        i32::try_from(booking.tries).unwrap_or(i32::MAX).into(),
        booking.called_at.map_or(0, Timestamp::as_millisecond).into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    Ok(tx.inner.execute_raw(statement).await.attempt("book a contact-me")?.rows_affected() > 0)
}

/// Notes what became of the contact-me of a time, as a word for operators; `false` when the phone has come in
/// the meantime.
///
/// # Errors
/// When the database refuses.
pub async fn note_result(tx: &Tx, client: ClientId, called_at: Timestamp, result: &str) -> StoreResult<bool> {
    let sql = "UPDATE client_call SET result = $3 WHERE client_id = $1 AND called_at = $2 AND tries > 0";
    let values: [Value; 3] = [client.0.into(), called_at.as_millisecond().into(), result.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("note what became of a contact-me")?;
    Ok(done.rows_affected() > 0)
}

/// Changes how a client is reached; `false` when it is reached so already.
///
/// # Errors
/// When the database refuses.
pub async fn set_access(tx: &Tx, client: ClientId, access: Access, at: Timestamp) -> StoreResult<bool> {
    let sql = "UPDATE client SET access = $2, updated_at = $3, revision = revision + 1 \
        WHERE id = $1 AND access <> $2";
    let values: [Value; 3] = [client.0.into(), access.as_str().into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change how a phone is reached")?;
    Ok(done.rows_affected() > 0)
}

/// A client that may learn by polling that it has work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polling {
    /// Its device id.
    pub device: DeviceId,
    /// Its last contact, in milliseconds; another one means that it has come.
    pub last_contact: i64,
}

/// Clients with work now that poll: all, or those that cannot be called.
///
/// # Errors
/// When the database cannot be asked.
pub async fn polling(on: &impl Source, all: bool, at: Timestamp) -> StoreResult<Vec<Polling>> {
    let attempt = "list polling phones with work";
    let connection = on.connection();
    let who = if all { "" } else { "AND access = 'dcmp'" };
    // The states as the partial index has them; what is sent needs no call. What is deployed waits until the pump
    // says so, and a phone that said nothing of it is looked at once more.
    let sql = format!(
        "SELECT device_id, COALESCE(last_contact_at, 0) FROM client WHERE state = 'active' {who} \
         AND device_id IS NOT NULL AND id IN (SELECT client_id FROM job_target \
         WHERE state IN ('waiting', 'active', 'sent') AND state <> 'sent' AND due_at <= $1 \
         AND client_id IS NOT NULL AND (kind NOT IN ('deploy-files', 'deploy-software') OR EXISTS (SELECT 1 \
         FROM deployment WHERE deployment.target_id = job_target.id AND deployment.dispatched_at IS NOT NULL)) \
         UNION SELECT job_target.client_id FROM job_target JOIN deployment \
         ON deployment.target_id = job_target.id WHERE job_target.state = 'sent' AND job_target.deadline_at > 0 \
         AND deployment.phase = 'verifying')"
    );
    let values: [Value; 1] = [at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let corrupt = |_| StoreError::Corrupt { attempt, what: "client.device_id" };
    rows.iter()
        .map(|row| {
            let device: String = row.try_get_by_index(0).attempt(attempt)?;
            let last_contact = row.try_get_by_index(1).attempt(attempt)?;
            Ok(Polling { device: device.parse().map_err(corrupt)?, last_contact })
        })
        .collect()
}

/// All device ids that are known.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn devices(on: &impl Source) -> StoreResult<Vec<DeviceId>> {
    let attempt = "list device ids";
    let connection = on.connection();
    let sql = "SELECT device_id FROM client WHERE device_id IS NOT NULL";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let corrupt = |_| StoreError::Corrupt { attempt, what: "client.device_id" };
    rows.iter()
        .map(|row| row.try_get_by_index::<String>(0).attempt(attempt)?.parse().map_err(corrupt))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::rest_of;
    use jiff::Timestamp;

    #[test]
    fn a_rest_ends_when_the_phone_has_come() {
        let time = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(rest_of("restarting:1000-151000", Some(time(900))), Some(time(151_000)));
        assert_eq!(rest_of("restarting:1000-151000", None), Some(time(151_000)));
        assert_eq!(rest_of("restarting:1000-151000", Some(time(1_001))), None);
        assert_eq!(rest_of("acknowledged", None), None);
    }
}
