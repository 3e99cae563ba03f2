//! What became of files that clients were to get: by jobs that are there still, and by offers that are remembered when
//! these jobs are gone.

use std::collections::{BTreeSet, HashMap};

use domain::deployment::{DeployedFile, DeploymentOptions, FileAction};
use domain::file::FileType;
use domain::job::{JobKind, TargetState};
use domain::{ClientId, FileId, TargetId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, QueryResult, Statement};

use super::Source;
use super::deployments::FileResult;
use super::error::{Attempt, StoreError, StoreResult};
use super::fleet::ask;
use super::templates::folded;

/// Jobs that one statement asks for.
const MOST_JOBS: usize = 1_000;

/// A file that a client was to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The target that was to bring it.
    pub target: TargetId,
    /// Where it stands: as the target, until it has a result of its own.
    pub state: TargetState,
    /// Why it ended so.
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

/// The files of these jobs, each in its place.
async fn files_of(
    on: &impl Source,
    jobs: &BTreeSet<i64>,
) -> StoreResult<HashMap<i64, (JobKind, Vec<DeployedFile>)>> {
    let attempt = "read what jobs deploy";
    let mut found = HashMap::new();
    let on = on.connection();
    let ids: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    for some in ids.chunks(MOST_JOBS) {
        let sql = format!("SELECT id, kind, options FROM job WHERE id IN ({})", some.join(","));
        let statement = Statement::from_string(on.get_database_backend(), sql);
        for row in &on.query_all_raw(statement).await.attempt(attempt)? {
            let job: i64 = row.try_get_by_index(0).attempt(attempt)?;
            let kind: String = row.try_get_by_index(1).attempt(attempt)?;
            let options: String = row.try_get_by_index(2).attempt(attempt)?;
            let kind = JobKind::parse(&kind).ok_or(StoreError::Corrupt { attempt, what: "job.kind" })?;
            let corrupt = |_| StoreError::Corrupt { attempt, what: "job.options" };
            let options: DeploymentOptions = serde_json::from_str(&options).map_err(corrupt)?;
            found.insert(job, (kind, options.files));
        }
    }
    Ok(found)
}

/// What a target has made of its files.
struct Course {
    target: TargetId,
    state: TargetState,
    reason: Option<String>,
    finished_at: Option<Timestamp>,
    /// The file that was next when it ended.
    position: u32,
    /// The file that was offered last.
    file: Option<FileId>,
    results: Vec<FileResult>,
}

impl Course {
    fn past(&self, state: TargetState, reason: Option<String>) -> Past {
        Past { target: self.target, state, reason, finished_at: self.finished_at }
    }

    /// What became of the target as a whole.
    fn whole(&self) -> Past {
        self.past(self.state, self.reason.clone())
    }

    /// What became of a file with software: a phone is offered one of all that the job has. `None` when it was another
    /// one.
    fn of_software(&self, file: FileId) -> Option<Past> {
        let by_another = self.state.is_terminal() && self.file.is_some_and(|offered| offered != file);
        (!by_another).then(|| self.whole())
    }

    /// What became of the file in a place. One file that fails says nothing of those beside it; `None` when it was not
    /// its turn before another one ended the target.
    fn of_file(&self, place: usize) -> Option<Past> {
        let position = u32::try_from(place).ok()?;
        if !self.state.is_terminal() {
            return Some(self.whole());
        }
        if let Some(result) = self.results.iter().find(|result| result.position == position) {
            let (state, reason) = match result.code.as_str() {
                "ok" => (TargetState::Success, None),
                "already-so" => (TargetState::Skipped, Some(result.code.clone())),
                _ => (TargetState::Failed, Some(result.code.clone())),
            };
            return Some(self.past(state, reason));
        }
        let by_another =
            matches!(self.state, TargetState::Failed | TargetState::Timeout | TargetState::Partial);
        (!by_another || position <= self.position).then(|| self.whole())
    }
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
        "SELECT t.client_id, f.file_id, t.state, t.reason, t.finished_at, t.job_id, t.id, d.position, d.results, \
         d.file_id FROM job_target AS t JOIN job_file AS f ON f.job_id = t.job_id \
         LEFT JOIN deployment AS d ON d.target_id = t.id WHERE t.client_id IN ({{ids}}) \
         AND t.kind IN ('deploy-files', 'deploy-software') AND f.file_id IN ({})",
        list(files)
    );
    let rows = ask(on, &sql, clients, &[], attempt).await?;
    let mut jobs = BTreeSet::new();
    for row in &rows {
        jobs.insert(row.try_get_by_index::<i64>(5).attempt(attempt)?);
    }
    let jobs = files_of(on, &jobs).await?;
    for row in &rows {
        let client = ClientId(row.try_get_by_index(0).attempt(attempt)?);
        let file = FileId(row.try_get_by_index(1).attempt(attempt)?);
        let course = course(row, attempt)?;
        let past = past.entry((client, file)).or_default();
        match jobs.get(&row.try_get_by_index::<i64>(5).attempt(attempt)?) {
            Some((JobKind::DeployFiles, deployed)) => {
                let places = deployed.iter().enumerate().filter(|(_, deployed)| {
                    deployed.file == Some(file) && deployed.action == FileAction::Deploy
                });
                past.extend(places.filter_map(|(place, _)| course.of_file(place)));
            }
            _ => past.extend(course.of_software(file)),
        }
    }
    Ok(past)
}

fn course(row: &QueryResult, attempt: &'static str) -> StoreResult<Course> {
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let state: String = row.try_get_by_index(2).attempt(attempt)?;
    let finished_at: Option<i64> = row.try_get_by_index(4).attempt(attempt)?;
    let position: Option<i32> = row.try_get_by_index(7).attempt(attempt)?;
    let results: Option<String> = row.try_get_by_index(8).attempt(attempt)?;
    let results = results.map(|results| serde_json::from_str(&results)).transpose();
    let file: Option<i64> = row.try_get_by_index(9).attempt(attempt)?;
    Ok(Course {
        target: TargetId(row.try_get_by_index(6).attempt(attempt)?),
        state: TargetState::parse(&state).ok_or(corrupt("job_target.state"))?,
        reason: row.try_get_by_index(3).attempt(attempt)?,
        finished_at: finished_at.map(|ms| time(ms, attempt)).transpose()?,
        position: position.and_then(|position| u32::try_from(position).ok()).unwrap_or(u32::MAX),
        file: file.map(FileId),
        results: results.map_err(|_| corrupt("deployment.results"))?.unwrap_or_default(),
    })
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
