//! What became of files that clients were to get: by jobs that are there still, and by offers that are remembered when
//! these jobs are gone.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::deployment::{DeploymentOptions, FileAction};
use domain::file::FileType;
use domain::job::TargetState;
use domain::{ClientId, FileId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, Statement};

use super::Source;
use super::error::{Attempt, StoreError, StoreResult};
use super::fleet::ask;
use super::templates::folded;

/// Jobs that one statement asks for.
const MOST_JOBS: usize = 1_000;

/// A file that a client was to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Where its target stands.
    pub state: TargetState,
    /// Why the target ended so.
    pub reason: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

fn list(files: &[FileId]) -> String {
    let numbers: Vec<String> = files.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

fn time(ms: i64, attempt: &'static str) -> StoreResult<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|_| StoreError::Corrupt { attempt, what: "time of a deployment" })
}

/// Which of these jobs have phones delete which files: that brings nothing.
async fn deleting(on: &impl Source, jobs: &BTreeSet<i64>) -> StoreResult<HashSet<(i64, FileId)>> {
    let attempt = "read what jobs delete";
    let mut deleting = HashSet::new();
    let on = on.connection();
    let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    for some in ids.chunks(MOST_JOBS) {
        let sql =
            format!("SELECT id, options FROM job WHERE kind = 'deploy-files' AND id IN ({})", some.join(","));
        let statement = Statement::from_string(on.get_database_backend(), sql);
        for row in &on.query_all_raw(statement).await.attempt(attempt)? {
            let job: i64 = row.try_get_by_index(0).attempt(attempt)?;
            let options: String = row.try_get_by_index(1).attempt(attempt)?;
            let corrupt = |_| StoreError::Corrupt { attempt, what: "job.options" };
            let options: DeploymentOptions = serde_json::from_str(&options).map_err(corrupt)?;
            let deletes = options.files.iter().filter(|file| file.action == FileAction::Delete);
            deleting.extend(deletes.filter_map(|file| Some((job, file.file?))));
        }
    }
    Ok(deleting)
}

/// What jobs made, or are to make, of files for clients, by client and file. What they had deleted is left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_jobs(
    on: &impl Source,
    clients: &[ClientId],
    files: &[FileId],
) -> StoreResult<HashMap<(ClientId, FileId), Vec<Past>>> {
    let attempt = "read what became of files";
    let mut past: HashMap<(ClientId, FileId), Vec<Past>> = HashMap::new();
    if files.is_empty() {
        return Ok(past);
    }
    // Ids are our own numbers: they need no places.
    let sql = format!(
        "SELECT t.client_id, f.file_id, t.state, t.reason, t.finished_at, t.job_id FROM job_target AS t \
         JOIN job_file AS f ON f.job_id = t.job_id WHERE t.client_id IN ({{ids}}) \
         AND t.kind IN ('deploy-files', 'deploy-software') AND f.file_id IN ({})",
        list(files)
    );
    let rows = ask(on, &sql, clients, &[], attempt).await?;
    let mut jobs = BTreeSet::new();
    for row in &rows {
        jobs.insert(row.try_get_by_index::<i64>(5).attempt(attempt)?);
    }
    let deleting = deleting(on, &jobs).await?;
    for row in &rows {
        let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
        let file = FileId(row.try_get_by_index(1).attempt(attempt)?);
        if deleting.contains(&(row.try_get_by_index(5).attempt(attempt)?, file)) {
            continue;
        }
        let state: String = row.try_get_by_index(2).attempt(attempt)?;
        let finished_at: Option<i64> = row.try_get_by_index(4).attempt(attempt)?;
        past.entry((client, file)).or_default().push(Past {
            state: TargetState::parse(&state)
                .ok_or(StoreError::Corrupt { attempt, what: "job_target.state" })?,
            reason: row.try_get_by_index(3).attempt(attempt)?,
            finished_at: finished_at.map(|ms| time(ms, attempt)).transpose()?,
        });
    }
    Ok(past)
}

/// What is remembered of the offers of a file to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The file; it may be gone.
    pub file: FileId,
    /// Its type.
    pub file_type: String,
    /// Its name, in lower case.
    pub name: String,
    /// What became of the last offer; `None`: nothing yet.
    pub result: Option<String>,
    /// When.
    pub finished_at: Option<Timestamp>,
    /// Offers in a row that did not succeed.
    pub failures: u64,
    /// When the phone last said that it has taken it.
    pub taken_at: Option<Timestamp>,
    /// What it took then, as [`super::file_offers::is_content`] knows it.
    pub taken: Option<String>,
}

impl Offered {
    /// Whether it is a file of this type and name.
    pub fn is_at(&self, file_type: FileType, name: &str) -> bool {
        self.file_type == file_type.as_str() && self.name == folded(name)
    }
}

/// What clients were offered.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn offers(on: &impl Source, clients: &[ClientId]) -> StoreResult<HashMap<ClientId, Vec<Offered>>> {
    let attempt = "read what phones were offered";
    let mut offers: HashMap<ClientId, Vec<Offered>> = HashMap::new();
    let sql = "SELECT client_id, file_id, file_type, name_folded, result, finished_at, failures, taken_at, \
        taken_content FROM file_offer WHERE client_id IN ({ids})";
    for row in &ask(on, sql, clients, &[], attempt).await? {
        let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
        let moment = |place: usize| -> StoreResult<Option<Timestamp>> {
            let ms: Option<i64> = row.try_get_by_index(place).attempt(attempt)?;
            ms.map(|ms| time(ms, attempt)).transpose()
        };
        let failures: i32 = row.try_get_by_index(6).attempt(attempt)?;
        offers.entry(client).or_default().push(Offered {
            file: FileId(row.try_get_by_index(1).attempt(attempt)?),
            file_type: row.try_get_by_index(2).attempt(attempt)?,
            name: row.try_get_by_index(3).attempt(attempt)?,
            result: row.try_get_by_index(4).attempt(attempt)?,
            finished_at: moment(5)?,
            failures: u64::try_from(failures).unwrap_or(0),
            taken_at: moment(7)?,
            taken: row.try_get_by_index(8).attempt(attempt)?,
        });
    }
    Ok(offers)
}
