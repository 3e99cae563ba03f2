//! Which software runs where, and which is here: the firmware page.

use domain::group_filter::Filter;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult as _, Statement};

use super::client_filter::{ClientFilter, Condition};
use super::client_firmware::{Alike, IS_PHONE};
use super::error::{Attempt, StoreResult};
use super::files::{COLUMNS, FROM, File, Row};
use super::{Source, group_filter};

/// Most rows of the count, largest first: phones choose the texts that make them.
pub const MOST_ROWS: u64 = 20_000;

/// Most files of software that are looked at.
const MOST_FILES: u64 = 5_000;

/// Clients that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Short name of the model, or the reported device type; empty when it is not known.
    pub model: String,
    /// `SIP`, `HFA` or another word.
    pub software_type: Option<String>,
    /// Version as the phones say it.
    pub version: Option<String>,
    /// Whether they are active: phones that are prepared, or in quarantine, get nothing on their own.
    pub active: bool,
    /// Which of the filters takes them.
    pub within: Vec<bool>,
    /// Their number.
    pub clients: u64,
}

impl Running {
    /// How these clients are found again, by some of the filters.
    pub fn alike(&self, within: Vec<bool>) -> Alike {
        Alike {
            model: self.model.clone(),
            software_type: self.software_type.clone().unwrap_or_default(),
            software_version: self.version.clone().unwrap_or_default(),
            within,
        }
    }
}

/// Phones, without retired ones and those that have not come yet, counted by what they are and run, and by the filters that take them.
///
/// # Errors
/// When the database cannot be asked.
pub async fn running(on: &impl Source, filters: &[Filter]) -> StoreResult<Vec<Running>> {
    let attempt = "count clients by their software";
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let is_postgres = backend == sea_orm::DatabaseBackend::Postgres;
    // Nothing of it looks at the time.
    let mut condition = Condition::of(&ClientFilter::default(), Timestamp::UNIX_EPOCH, is_postgres);
    let mut columns = vec![
        "COALESCE(model, device_type, '')".to_owned(),
        "COALESCE(software_type, '')".to_owned(),
        "COALESCE(software_version, '')".to_owned(),
        "CASE WHEN state = 'active' THEN 1 ELSE 0 END".to_owned(),
    ];
    for filter in filters {
        let text = group_filter::condition(filter, &mut condition, is_postgres);
        columns.push(format!("CASE WHEN {text} THEN 1 ELSE 0 END"));
    }
    let places: Vec<String> = (1..=columns.len()).map(|place| place.to_string()).collect();
    let sql = format!(
        "SELECT {}, COUNT(*) AS clients FROM client WHERE {IS_PHONE} GROUP BY {} ORDER BY clients DESC LIMIT {MOST_ROWS}",
        columns.join(", "),
        places.join(", ")
    );
    let statement = Statement::from_sql_and_values(backend, sql, condition.values);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    let text = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    rows.iter()
        .map(|row| {
            let flag = |place| row.try_get_by_index::<i32>(place).attempt(attempt).map(|flag| flag == 1);
            let clients: i64 = row.try_get_by_index(columns.len()).attempt(attempt)?;
            Ok(Running {
                model: row.try_get_by_index(0).attempt(attempt)?,
                software_type: text(row.try_get_by_index(1).attempt(attempt)?),
                version: text(row.try_get_by_index(2).attempt(attempt)?),
                active: flag(3)?,
                within: (4..columns.len()).map(flag).collect::<StoreResult<_>>()?,
                clients: clients.unsigned_abs(),
            })
        })
        .collect()
}

/// Software that can be deployed, newest first; what has no readable version comes last.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn files(on: &impl Source) -> StoreResult<Vec<File>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE file.file_type = 'software' AND file.state = 'ready' \
         ORDER BY COALESCE(file.software_order, -1) DESC, file.id LIMIT {MOST_FILES}"
    );
    let connection = on.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("list software")?;
    rows.into_iter().map(Row::into_file).collect()
}
