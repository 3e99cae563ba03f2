//! Templates and their values (OSEM §6). There are at most some hundreds: they are read whole, and listed in memory.

use std::collections::BTreeMap;

use domain::TemplateId;
use domain::catalogue::ParameterKey;
use domain::layers::{SecureModeWish, SoftwareUpdate, TemplateKind};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::desired::index_number;
use super::error::{Attempt, StoreError, StoreResult};
use super::{Source, Tx, fleet};

/// Everything of a template but its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id; 0 for one that is not stored yet.
    pub id: TemplateId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Onboarding or default.
    pub kind: TemplateKind,
    /// Rank, 1 is the strongest.
    pub rank: u16,
    /// Models it is for; none is all.
    pub models: Vec<String>,
    /// Software types it is for; none is all.
    pub software_types: Vec<String>,
    /// Whether it updates software.
    pub software_update: SoftwareUpdate,
    /// Secure mode it wishes for.
    pub secure_mode: Option<SecureModeWish>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes.
    pub revision: i64,
}

/// A value of a template as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateValue {
    /// The template.
    pub template: TemplateId,
    /// Which parameter.
    pub key: ParameterKey,
    /// JSON of the value, or the sealed text of a secret.
    pub value: String,
    /// True when `value` is sealed.
    pub sealed: bool,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    description: String,
    kind: String,
    rank: i32,
    models: String,
    software_types: String,
    software_update: String,
    secure_mode: Option<String>,
    created_at: i64,
    updated_at: i64,
    updated_by: String,
    revision: i64,
}

const COLUMNS: &str = "id, name, description, kind, rank, models, software_types, software_update, secure_mode, \
    created_at, updated_at, updated_by, revision";

impl Row {
    fn into_template(self) -> StoreResult<Template> {
        let corrupt = |what| StoreError::Corrupt { attempt: "read a template", what };
        let time = |ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("template time"));
        let list = |text: &str| serde_json::from_str(text).map_err(|_| corrupt("template list"));
        Ok(Template {
            id: TemplateId(self.id),
            kind: TemplateKind::parse(&self.kind).ok_or(corrupt("template.kind"))?,
            rank: u16::try_from(self.rank).map_err(|_| corrupt("template.rank"))?,
            models: list(&self.models)?,
            software_types: list(&self.software_types)?,
            software_update: SoftwareUpdate::parse(&self.software_update)
                .ok_or(corrupt("template.software_update"))?,
            secure_mode: self.secure_mode.as_deref().and_then(SecureModeWish::parse),
            created_at: time(self.created_at)?,
            updated_at: time(self.updated_at)?,
            name: self.name,
            description: self.description,
            updated_by: self.updated_by,
            revision: self.revision,
        })
    }
}

/// Names that differ in the case of letters only are one name.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// All templates, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn all(on: &impl Source) -> StoreResult<Vec<Template>> {
    let connection = on.connection();
    let sql = format!("SELECT {COLUMNS} FROM template ORDER BY id");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = Row::find_by_statement(statement).all(connection).await.attempt("read templates")?;
    rows.into_iter().map(Row::into_template).collect()
}

/// Values of all templates.
///
/// # Errors
/// When the database cannot be asked.
pub async fn values(on: &impl Source) -> StoreResult<Vec<TemplateValue>> {
    let attempt = "read the values of templates";
    let connection = on.connection();
    let sql = "SELECT template_id, parameter, parameter_index, value, sealed FROM template_value";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let index: i32 = row.try_get_by_index(2).attempt(attempt)?;
            Ok(TemplateValue {
                template: TemplateId(row.try_get_by_index(0).attempt(attempt)?),
                key: ParameterKey {
                    parameter: row.try_get_by_index(1).attempt(attempt)?,
                    index: u16::try_from(index).ok(),
                },
                value: row.try_get_by_index(3).attempt(attempt)?,
                sealed: row.try_get_by_index(4).attempt(attempt)?,
            })
        })
        .collect()
}

/// Clients by the template that was chosen when they were prepared; retired ones are left out, and so are templates that
/// nobody waits for.
///
/// # Errors
/// When the database cannot be asked.
pub async fn prepared_clients(on: &impl Source) -> StoreResult<BTreeMap<TemplateId, u64>> {
    let attempt = "count the clients a template was chosen for";
    let connection = on.connection();
    let sql = "SELECT onboarding_template, COUNT(*) FROM client \
        WHERE onboarding_template IS NOT NULL AND state <> 'retired' GROUP BY onboarding_template";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let number: i64 = row.try_get_by_index(1).attempt(attempt)?;
            Ok((TemplateId(row.try_get_by_index(0).attempt(attempt)?), number.unsigned_abs()))
        })
        .collect()
}

fn columns(template: &Template) -> StoreResult<[Value; 11]> {
    let attempt = "store a template";
    let list = |list: &Vec<String>| {
        serde_json::to_string(list).map_err(|_| StoreError::Corrupt { attempt, what: "template list" })
    };
    Ok([
        template.name.as_str().into(),
        folded(&template.name).into(),
        template.description.as_str().into(),
        template.kind.as_str().into(),
        i32::from(template.rank).into(),
        list(&template.models)?.into(),
        list(&template.software_types)?.into(),
        template.software_update.as_str().into(),
        template.secure_mode.map(|wish| wish.as_str().to_owned()).into(),
        template.updated_at.as_millisecond().into(),
        template.updated_by.as_str().into(),
    ])
}

/// Stores a new template without its values.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn insert(tx: &Tx, template: &Template) -> StoreResult<TemplateId> {
    let attempt = "store a template";
    let sql = "INSERT INTO template (name, name_folded, description, kind, rank, models, software_types, \
        software_update, secure_mode, updated_at, updated_by, created_at, revision) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10, 1) RETURNING id";
    let statement = Statement::from_sql_and_values(tx.backend, sql, columns(template)?);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(TemplateId)
}

/// Changes a template that still has this revision; its values stay. `false` when it has changed since, or is gone.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn update(tx: &Tx, template: &Template, revision: i64) -> StoreResult<bool> {
    let sql = "UPDATE template SET name = $1, name_folded = $2, description = $3, kind = $4, rank = $5, models = $6, \
        software_types = $7, software_update = $8, secure_mode = $9, updated_at = $10, updated_by = $11, \
        revision = revision + 1 WHERE id = $12 AND revision = $13";
    let values = columns(template)?.into_iter().chain([template.id.0.into(), revision.into()]);
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change a template")?;
    Ok(done.rows_affected() > 0)
}

/// Sets values of a template; `value` is JSON, or sealed.
///
/// # Errors
/// When the database refuses.
pub async fn set_values(tx: &Tx, values: &[TemplateValue]) -> StoreResult<()> {
    let rows = values
        .iter()
        .map(|value| {
            vec![
                value.template.0.into(),
                value.key.parameter.as_str().into(),
                index_number(value.key.index).into(),
                value.value.as_str().into(),
                value.sealed.into(),
            ]
        })
        .collect();
    let head = "INSERT INTO template_value (template_id, parameter, parameter_index, value, sealed) VALUES";
    let tail = "ON CONFLICT (template_id, parameter, parameter_index) DO UPDATE SET value = excluded.value, \
        sealed = excluded.sealed";
    fleet::insert_rows(tx, head, tail, rows, "set the values of a template").await.map(|_| ())
}

/// Removes a value of a template.
///
/// # Errors
/// When the database refuses.
pub async fn remove_value(tx: &Tx, template: TemplateId, key: &ParameterKey) -> StoreResult<()> {
    let sql = "DELETE FROM template_value WHERE template_id = $1 AND parameter = $2 AND parameter_index = $3";
    let values: [Value; 3] =
        [template.0.into(), key.parameter.as_str().into(), index_number(key.index).into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("remove a value of a template").map(|_| ())
}

/// Deletes a template that still has this revision, with its values and its places in groups. `false` when it has
/// changed since, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: TemplateId, revision: i64) -> StoreResult<bool> {
    let sql = "DELETE FROM template WHERE id = $1 AND revision = $2";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into(), revision.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("delete a template")?;
    Ok(done.rows_affected() > 0)
}
