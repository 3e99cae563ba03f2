//! The audit table: append only, hash chained (D-34).
//!
//! Each record's hash covers its fields and the hash before it, so that a changed or removed record shows.
//! The chain has one head row. It is locked by the last statements before a commit, which keeps numbers and hashes
//! in the order of commits also with several nodes, and lets no transaction wait for another while it holds it.

use domain::AuditId;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::client_filter::contains;
use super::error::{Attempt, StoreError, StoreResult};
use super::fleet::insert_rows;
use super::{Source, Tx};

/// Who caused a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `account`, `token`, `command-line`, `phone` or `system`.
    pub kind: ActorKind,
    /// Row of the account or client, if there is one.
    pub id: Option<i64>,
    /// Name at the time: kept when the row is deleted later.
    pub name: String,
    /// Address the change came from.
    pub address: Option<String>,
}

/// Kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// An account signed in with a browser.
    Account,
    /// An account through an API token.
    Token,
    /// Somebody with access to the server's command line.
    CommandLine,
    /// A phone.
    Phone,
    /// The server itself.
    System,
}

impl ActorKind {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Token => "token",
            Self::CommandLine => "command-line",
            Self::Phone => "phone",
            Self::System => "system",
        }
    }
}

impl Actor {
    /// The server itself.
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: None, name: "system".to_owned(), address: None }
    }

    /// The command line.
    pub fn command_line() -> Self {
        Self { kind: ActorKind::CommandLine, id: None, name: "command line".to_owned(), address: None }
    }
}

/// A change to be recorded.
#[derive(Clone, Debug)]
pub struct NewRecord<'a> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// What was done: `client.create`, `setting.change`, …
    pub action: &'static str,
    /// Kind of the thing changed: `client`, `account`, …
    pub object_kind: &'static str,
    /// Its id.
    pub object_id: String,
    /// Before and after, never with secrets.
    pub details: Json,
}

/// A stored record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number of the record; without gaps.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Kind of actor, as a word.
    pub actor_kind: String,
    /// Row of the actor.
    pub actor_id: Option<i64>,
    /// Name of the actor at the time.
    pub actor_name: String,
    /// Address of the actor.
    pub address: Option<String>,
    /// What was done.
    pub action: String,
    /// Kind of the thing changed.
    pub object_kind: String,
    /// Its id.
    pub object_id: String,
    /// Before and after.
    pub details: Json,
    /// Hash of the record before.
    pub previous_hash: Vec<u8>,
    /// Hash of this record.
    pub hash: Vec<u8>,
}

impl Record {
    /// Whether the hash fits the fields.
    pub fn is_intact(&self) -> bool {
        self.hash
            == hash(&Fields {
                id: self.id.0,
                at: self.at.as_millisecond(),
                actor_kind: &self.actor_kind,
                actor_id: self.actor_id,
                actor_name: &self.actor_name,
                address: self.address.as_deref(),
                action: &self.action,
                object_kind: &self.object_kind,
                object_id: &self.object_id,
                details: &self.details.to_string(),
                previous: &self.previous_hash,
            })
    }
}

struct Fields<'a> {
    id: i64,
    at: i64,
    actor_kind: &'a str,
    actor_id: Option<i64>,
    actor_name: &'a str,
    address: Option<&'a str>,
    action: &'a str,
    object_kind: &'a str,
    object_id: &'a str,
    details: &'a str,
    previous: &'a [u8],
}

/// SHA-256 over every field, each with its length before it so that no two records share an input.
fn hash(fields: &Fields<'_>) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    add(fields.previous);
    add(&fields.id.to_be_bytes());
    add(&fields.at.to_be_bytes());
    add(fields.actor_kind.as_bytes());
    add(fields.actor_id.map(|id| id.to_string()).unwrap_or_default().as_bytes());
    add(fields.actor_name.as_bytes());
    add(fields.address.unwrap_or_default().as_bytes());
    add(fields.action.as_bytes());
    add(fields.object_kind.as_bytes());
    add(fields.object_id.as_bytes());
    add(fields.details.as_bytes());
    hasher.finalize().to_vec()
}

/// Records one transaction keeps in memory before it writes them.
const MOST_WAITING: usize = 500;

/// Records of an open transaction.
#[derive(Default)]
pub(super) struct Records {
    /// Not yet written.
    waiting: Vec<Waiting>,
    /// End of the chain, as far as this transaction has taken it.
    head: Option<Head>,
}

/// A record that gets its number and its hash with the others of its transaction.
struct Waiting {
    at: i64,
    actor: Actor,
    action: &'static str,
    object_kind: &'static str,
    object_id: String,
    details: String,
}

struct Head {
    last: i64,
    hash: Vec<u8>,
}

/// Appends one record in the transaction of the change it describes. It is written with the commit: whoever writes
/// takes the end of the chain away from everybody else, and must not wait for anybody any more.
///
/// # Errors
/// When the database refuses; the change must then not be committed.
pub async fn append(tx: &Tx, record: &NewRecord<'_>) -> StoreResult<()> {
    let mut records = tx.audit.lock().await;
    records.waiting.push(Waiting {
        at: record.at.as_millisecond(),
        actor: record.actor.clone(),
        action: record.action,
        object_kind: record.object_kind,
        object_id: record.object_id.clone(),
        details: record.details.to_string(),
    });
    if records.waiting.len() < MOST_WAITING { Ok(()) } else { write(tx, &mut records).await }
}

/// Writes the records of a transaction and the end of the chain; the last part of its commit.
pub(super) async fn close(tx: &Tx) -> StoreResult<()> {
    let mut records = tx.audit.lock().await;
    write(tx, &mut records).await?;
    let Some(head) = records.head.take() else { return Ok(()) };
    let sql = "UPDATE audit_head SET last_id = $1, hash = $2 WHERE id = 1";
    let values: [Value; 2] = [head.last.into(), head.hash.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt(ATTEMPT).map(|_| ())
}

const ATTEMPT: &str = "write an audit record";

async fn write(tx: &Tx, records: &mut Records) -> StoreResult<()> {
    if records.waiting.is_empty() {
        return Ok(());
    }
    let mut head = match records.head.take() {
        Some(head) => head,
        None => lock_head(tx).await?,
    };
    let rows = records.waiting.drain(..).map(|record| row(record, &mut head)).collect();
    let sql = "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, address, action, object_kind, \
               object_id, details, previous_hash, hash) VALUES";
    insert_rows(tx, sql, "", rows, ATTEMPT).await?;
    records.head = Some(head);
    Ok(())
}

/// The row of a record behind the end of the chain, which it then is.
fn row(record: Waiting, head: &mut Head) -> Vec<Value> {
    let id = head.last + 1;
    let digest = hash(&Fields {
        id,
        at: record.at,
        actor_kind: record.actor.kind.as_str(),
        actor_id: record.actor.id,
        actor_name: &record.actor.name,
        address: record.actor.address.as_deref(),
        action: record.action,
        object_kind: record.object_kind,
        object_id: &record.object_id,
        details: &record.details,
        previous: &head.hash,
    });
    head.last = id;
    let previous = std::mem::replace(&mut head.hash, digest.clone());
    vec![
        id.into(),
        record.at.into(),
        record.actor.kind.as_str().into(),
        record.actor.id.into(),
        record.actor.name.into(),
        record.actor.address.into(),
        record.action.into(),
        record.object_kind.into(),
        record.object_id.into(),
        record.details.into(),
        previous.into(),
        digest.into(),
    ]
}

/// Reads the end of the chain and keeps everybody else from appending until the commit.
async fn lock_head(tx: &Tx) -> StoreResult<Head> {
    let sql = if tx.is_postgres() {
        "SELECT last_id, hash FROM audit_head WHERE id = 1 FOR UPDATE"
    } else {
        "SELECT last_id, hash FROM audit_head WHERE id = 1"
    };
    let row = tx
        .inner
        .query_one_raw(Statement::from_string(tx.backend, sql))
        .await
        .attempt(ATTEMPT)?
        .ok_or(StoreError::Corrupt { attempt: ATTEMPT, what: "audit_head" })?;
    Ok(Head {
        last: row.try_get_by_index(0).attempt(ATTEMPT)?,
        hash: row.try_get_by_index(1).attempt(ATTEMPT)?,
    })
}

/// Number and hash of the newest record, as kept beside the table: shows when the newest ones were removed.
///
/// # Errors
/// When the database cannot be asked.
pub async fn newest(on: &impl Source) -> StoreResult<(AuditId, Vec<u8>)> {
    let attempt = "read the end of the audit chain";
    let connection = on.connection();
    let sql = "SELECT last_id, hash FROM audit_head WHERE id = 1";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let row = row.ok_or(StoreError::Corrupt { attempt, what: "audit_head" })?;
    Ok((AuditId(row.try_get_by_index(0).attempt(attempt)?), row.try_get_by_index(1).attempt(attempt)?))
}

/// Filter of the audit list; an empty one takes everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Exact action, or its part before the dot.
    pub action: Option<String>,
    /// Kind of object.
    pub object_kind: Option<String>,
    /// Id of the object.
    pub object_id: Option<String>,
    /// Name of the actor.
    pub actor_name: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Part of any text of the record, or of the name of the account or client it is about, in any case of letters.
    pub search: Option<String>,
}

impl Filter {
    /// `WHERE` text and its values.
    fn condition(&self, is_postgres: bool) -> (String, Vec<Value>) {
        let mut parts: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut add = |text: &str, value: Value| {
            values.push(value);
            parts.push(text.replace('?', &format!("${}", values.len())));
        };
        if let Some(action) = &self.action {
            add("(action = ? OR action LIKE ?||'.%')", action.as_str().into());
        }
        if let Some(kind) = &self.object_kind {
            add("object_kind = ?", kind.as_str().into());
        }
        if let Some(id) = &self.object_id {
            add("object_id = ?", id.as_str().into());
        }
        if let Some(name) = &self.actor_name {
            add("actor_name = ?", name.as_str().into());
        }
        if let Some(from) = self.from {
            add("at >= ?", from.as_millisecond().into());
        }
        if let Some(until) = self.until {
            add("at < ?", until.as_millisecond().into());
        }
        if let Some(search) = &self.search {
            values.push(contains(&search.to_lowercase()).into());
            let place = values.len();
            let any: Vec<String> = [
                "actor_name",
                "action",
                "object_kind || ':' || object_id",
                "COALESCE(address, '')",
                "details",
            ]
            .map(|expression| format!("LOWER({expression}) LIKE ${place} ESCAPE '!'"))
            .to_vec();
            let named = super::audit_names::condition(place, is_postgres);
            parts.push(format!("({} OR {named})", any.join(" OR ")));
        }
        let text = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        (text, values)
    }
}

/// Newest records first: `size` of them after leaving out `skip`; `before` continues below a record.
///
/// # Errors
/// When the database cannot be asked, or a record is damaged beyond reading.
pub async fn list(
    on: &impl Source,
    filter: &Filter,
    before: Option<AuditId>,
    skip: u64,
    size: u64,
) -> StoreResult<Vec<Record>> {
    let attempt = "list audit records";
    let (mut condition, mut values) =
        filter.condition(on.connection().get_database_backend() == DbBackend::Postgres);
    if let Some(before) = before {
        values.push(before.0.into());
        let word = if condition.is_empty() { "WHERE" } else { "AND" };
        condition = format!("{condition} {word} id < ${}", values.len());
    }
    let sql = format!(
        "SELECT id, at, actor_kind, actor_id, actor_name, address, action, object_kind, object_id, details, \
         previous_hash, hash FROM audit {condition} ORDER BY id DESC LIMIT {size} OFFSET {skip}"
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter().map(|row| read(row, attempt)).collect()
}

/// Number of records the filter takes.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, filter: &Filter) -> StoreResult<u64> {
    let attempt = "count audit records";
    let (condition, values) = filter.condition(on.connection().get_database_backend() == DbBackend::Postgres);
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM audit {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

fn read(row: &QueryResult, attempt: &'static str) -> StoreResult<Record> {
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let at: i64 = row.try_get_by_index(1).attempt(attempt)?;
    let details: String = row.try_get_by_index(9).attempt(attempt)?;
    Ok(Record {
        id: AuditId(row.try_get_by_index(0).attempt(attempt)?),
        at: Timestamp::from_millisecond(at).map_err(|_| corrupt("audit.at"))?,
        actor_kind: row.try_get_by_index(2).attempt(attempt)?,
        actor_id: row.try_get_by_index(3).attempt(attempt)?,
        actor_name: row.try_get_by_index(4).attempt(attempt)?,
        address: row.try_get_by_index(5).attempt(attempt)?,
        action: row.try_get_by_index(6).attempt(attempt)?,
        object_kind: row.try_get_by_index(7).attempt(attempt)?,
        object_id: row.try_get_by_index(8).attempt(attempt)?,
        details: serde_json::from_str(&details).map_err(|_| corrupt("audit.details"))?,
        previous_hash: row.try_get_by_index(10).attempt(attempt)?,
        hash: row.try_get_by_index(11).attempt(attempt)?,
    })
}
