//! Lists of files: which, sorted how, a page at a time; and who needs them.

use std::collections::HashMap;

use domain::file::{FileState, FileType};
use domain::{FileId, JobId, ProviderId, TemplateId};
use sea_orm::{ConnectionTrait, FromQueryResult as _, Statement, Value};

use super::Source;
use super::client_filter::contains;
use super::error::{Attempt, StoreResult};
use super::files::{ACTIVE_JOBS, COLUMNS, FROM, File, Row};

/// Templates and jobs that are named of those which need a file.
pub const MOST_NAMED: u64 = 20;

/// Which files.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Part of the name, the provider's name or the note.
    pub search: Option<String>,
    /// Type.
    pub file_type: Option<FileType>,
    /// `SIP` or `HFA`.
    pub software_type: Option<String>,
    /// Short name of a model: those for it, and those that do not say.
    pub model: Option<String>,
    /// Provider.
    pub provider: Option<ProviderId>,
    /// State.
    pub state: Option<FileState>,
    /// Whether somebody needs it.
    pub used: Option<bool>,
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Name, without regard to case.
    #[default]
    Name,
    /// Type.
    FileType,
    /// Name of the provider.
    Provider,
    /// Bytes.
    Size,
    /// Models it is for, as they are shown: one after the other, in the order of the table of models.
    Models,
    /// Version of software, as numbers.
    SoftwareVersion,
    /// When it came.
    Created,
    /// State.
    State,
}

impl Sort {
    fn expression(self) -> &'static str {
        match self {
            Self::Name => "file.name_folded",
            Self::FileType => "file.file_type",
            Self::Provider => "storage_provider.name_folded",
            Self::Size => "file.size",
            // A JSON list of names that have no character JSON writes in another way.
            Self::Models => {
                r#"NULLIF(REPLACE(REPLACE(REPLACE(file.models, '[', ''), ']', ''), '"', ''), '')"#
            }
            Self::SoftwareVersion => "file.software_order",
            Self::Created => "file.created_at",
            Self::State => "file.state",
        }
    }
}

impl Filter {
    fn condition(&self) -> (String, Vec<Value>) {
        let mut parts: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut place = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        if let Some(search) = self.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let pattern = place(contains(&search.to_lowercase()).into());
            parts.push(format!(
                "(file.name_folded LIKE {pattern} ESCAPE '!' OR storage_provider.name_folded LIKE {pattern} \
                 ESCAPE '!' OR LOWER(file.note) LIKE {pattern} ESCAPE '!')"
            ));
        }
        if let Some(file_type) = self.file_type {
            parts.push(format!("file.file_type = {}", place(file_type.as_str().into())));
        }
        if let Some(software_type) = &self.software_type {
            parts.push(format!("file.software_type = {}", place(software_type.as_str().into())));
        }
        if let Some(model) = &self.model {
            // The column is a JSON list of names that have no character JSON writes in another way.
            let pattern = place(contains(&format!("\"{model}\"")).into());
            parts.push(format!("(file.models = '[]' OR file.models LIKE {pattern} ESCAPE '!')"));
        }
        if let Some(provider) = self.provider {
            parts.push(format!("file.provider_id = {}", place(provider.0.into())));
        }
        if let Some(state) = self.state {
            parts.push(format!("file.state = {}", place(state.as_str().into())));
        }
        if let Some(used) = self.used {
            let not = if used { "" } else { "NOT " };
            parts.push(format!(
                "{not}(EXISTS (SELECT 1 FROM template_file WHERE template_file.file_id = file.id) \
                 OR EXISTS (SELECT 1 FROM job_file WHERE job_file.file_id = file.id \
                 AND job_file.job_id IN ({ACTIVE_JOBS})))"
            ));
        }
        let text = if parts.is_empty() { String::new() } else { format!("WHERE {}", parts.join(" AND ")) };
        (text, values)
    }
}

/// Files of a filter, sorted; those without a value last.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn list(
    on: &impl Source,
    filter: &Filter,
    (sort, descending): (Sort, bool),
    skip: u64,
    size: u64,
) -> StoreResult<Vec<File>> {
    let (condition, values) = filter.condition();
    let order = if descending { "DESC" } else { "ASC" };
    let by = sort.expression();
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} {condition} ORDER BY CASE WHEN {by} IS NULL THEN 1 ELSE 0 END, {by} {order}, \
         file.name_folded {order}, file.id {order} LIMIT {size} OFFSET {skip}"
    );
    let connection = on.connection();
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("list files")?;
    rows.into_iter().map(Row::into_file).collect()
}

/// Number of files of a filter.
///
/// # Errors
/// When the database cannot be asked.
pub async fn count(on: &impl Source, filter: &Filter) -> StoreResult<u64> {
    let attempt = "count files";
    let (condition, values) = filter.condition();
    let connection = on.connection();
    let sql = format!("SELECT COUNT(*) FROM {FROM} {condition}");
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let row = connection.query_one_raw(statement).await.attempt(attempt)?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt)?;
    Ok(count.unsigned_abs())
}

/// Who needs a file, up to [`MOST_NAMED`] of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Templates with their names.
    pub templates: Vec<(TemplateId, String)>,
    /// Number of all of them.
    pub templates_total: u64,
    /// Jobs that are not over.
    pub jobs: Vec<JobId>,
    /// Number of all of them.
    pub jobs_total: u64,
}

impl Uses {
    /// Whether nobody does.
    pub fn is_empty(&self) -> bool {
        self.templates.is_empty() && self.jobs.is_empty()
    }
}

/// Whether any phone is still to get a file, or is getting it: by the targets of its jobs, because the states of jobs
/// are worked out a moment later. What waits for a job that is being ended is cancelled.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_awaited(on: &impl Source, id: FileId) -> StoreResult<bool> {
    let connection = on.connection();
    let sql = "SELECT 1 FROM job_file JOIN job ON job.id = job_file.job_id \
        JOIN job_target ON job_target.job_id = job_file.job_id WHERE job_file.file_id = $1 \
        AND (job_target.state = 'sent' OR job_target.state IN ('scheduled', 'waiting', 'active') \
        AND NOT job.stopping) LIMIT 1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    Ok(connection.query_one_raw(statement).await.attempt("ask who waits for a file")?.is_some())
}

/// Whether any template has a file.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_of_template(on: &impl Source, id: FileId) -> StoreResult<bool> {
    let connection = on.connection();
    let sql = "SELECT 1 FROM template_file WHERE file_id = $1 LIMIT 1";
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [id.0.into()]);
    Ok(connection.query_one_raw(statement).await.attempt("ask which templates have a file")?.is_some())
}

/// Who needs these files; those nobody needs are left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn uses(on: &impl Source, ids: &[FileId]) -> StoreResult<HashMap<FileId, Uses>> {
    let attempt = "ask who needs files";
    let mut uses: HashMap<FileId, Uses> = HashMap::new();
    if ids.is_empty() {
        return Ok(uses);
    }
    let numbers: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    let numbers = numbers.join(", ");
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let sql = format!(
        "SELECT file_id, template_id, name, total FROM (SELECT template_file.file_id, template_file.template_id, \
         template.name, ROW_NUMBER() OVER (PARTITION BY template_file.file_id ORDER BY template.name, template.id) \
         AS place, COUNT(*) OVER (PARTITION BY template_file.file_id) AS total FROM template_file JOIN template ON template.id = template_file.template_id \
         WHERE template_file.file_id IN ({numbers})) AS used WHERE place <= {MOST_NAMED} ORDER BY file_id, place"
    );
    for row in &connection.query_all_raw(Statement::from_string(backend, sql)).await.attempt(attempt)? {
        let id = FileId(row.try_get_by_index(0).attempt(attempt)?);
        let template = TemplateId(row.try_get_by_index(1).attempt(attempt)?);
        let name = row.try_get_by_index(2).attempt(attempt)?;
        let total: i64 = row.try_get_by_index(3).attempt(attempt)?;
        let uses = uses.entry(id).or_default();
        uses.templates.push((template, name));
        uses.templates_total = total.unsigned_abs();
    }
    let sql = format!(
        "SELECT file_id, job_id, total FROM (SELECT file_id, job_id, ROW_NUMBER() OVER (PARTITION BY file_id ORDER BY \
         job_id DESC) AS place, COUNT(*) OVER (PARTITION BY file_id) AS total FROM job_file WHERE file_id IN ({numbers}) AND job_id IN ({ACTIVE_JOBS})) AS used \
         WHERE place <= {MOST_NAMED} ORDER BY file_id, place"
    );
    for row in &connection.query_all_raw(Statement::from_string(backend, sql)).await.attempt(attempt)? {
        let id = FileId(row.try_get_by_index(0).attempt(attempt)?);
        let total: i64 = row.try_get_by_index(2).attempt(attempt)?;
        let uses = uses.entry(id).or_default();
        uses.jobs.push(JobId(row.try_get_by_index(1).attempt(attempt)?));
        uses.jobs_total = total.unsigned_abs();
    }
    Ok(uses)
}
