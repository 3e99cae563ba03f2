//! Groups, their templates, and the fields an administrator adds to clients (OSEM §8). Few, and read whole.

use domain::group_filter::Filter;
use domain::{GroupId, TemplateId};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};

use super::error::{Attempt, StoreError, StoreResult};
use super::templates::folded;
use super::{Source, Tx, fleet};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id; 0 for one that is not stored yet.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who belongs to it; `None`: nobody.
    pub filter: Option<Filter>,
    /// Its templates.
    pub templates: Vec<TemplateId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
    /// Number of changes.
    pub revision: i64,
}

/// A field clients can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, as in variables.
    pub name: String,
    /// What people read.
    pub label: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Number of changes.
    pub revision: i64,
}

#[derive(FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    description: String,
    filter: Option<String>,
    created_at: i64,
    updated_at: i64,
    updated_by: String,
    revision: i64,
}

/// All groups, by id.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn all(on: &impl Source) -> StoreResult<Vec<Group>> {
    let attempt = "read groups";
    let corrupt = |what| StoreError::Corrupt { attempt, what };
    let connection = on.connection();
    let backend = connection.get_database_backend();
    let sql = "SELECT id, name, description, filter, created_at, updated_at, updated_by, revision \
        FROM client_group ORDER BY id";
    let rows = Row::find_by_statement(Statement::from_string(backend, sql)).all(connection).await;
    let mut groups = Vec::new();
    for row in rows.attempt(attempt)? {
        let time = |ms| Timestamp::from_millisecond(ms).map_err(|_| corrupt("client_group time"));
        let filter = row.filter.map(|text| serde_json::from_str(&text)).transpose();
        groups.push(Group {
            id: GroupId(row.id),
            name: row.name,
            description: row.description,
            filter: filter.map_err(|_| corrupt("client_group.filter"))?,
            templates: Vec::new(),
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
            updated_by: row.updated_by,
            revision: row.revision,
        });
    }
    let sql = "SELECT group_id, template_id FROM group_template ORDER BY group_id, template_id";
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await.attempt(attempt)?;
    for row in &rows {
        let id = GroupId(row.try_get_by_index(0).attempt(attempt)?);
        let template = TemplateId(row.try_get_by_index(1).attempt(attempt)?);
        if let Some(group) = groups.iter_mut().find(|group| group.id == id) {
            group.templates.push(template);
        }
    }
    Ok(groups)
}

fn filter_text(group: &Group) -> StoreResult<Option<String>> {
    let corrupt = |_| StoreError::Corrupt { attempt: "store a group", what: "client_group.filter" };
    group.filter.as_ref().map(serde_json::to_string).transpose().map_err(corrupt)
}

/// Stores a new group with its templates.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn insert(tx: &Tx, group: &Group) -> StoreResult<GroupId> {
    let attempt = "store a group";
    let sql = "INSERT INTO client_group (name, name_folded, description, filter, created_at, updated_at, updated_by, \
        revision) VALUES ($1, $2, $3, $4, $5, $5, $6, 1) RETURNING id";
    let values: [Value; 6] = [
        group.name.as_str().into(),
        folded(&group.name).into(),
        group.description.as_str().into(),
        filter_text(group)?.into(),
        group.updated_at.as_millisecond().into(),
        group.updated_by.as_str().into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let row = tx.inner.query_one_raw(statement).await.attempt(attempt)?;
    let id = row.map_or(Ok(0), |row| row.try_get_by_index(0)).attempt(attempt).map(GroupId)?;
    attach(tx, id, &group.templates).await?;
    Ok(id)
}

/// Changes a group that still has this revision, with its templates. `false` when it has changed since, or is gone.
///
/// # Errors
/// [`StoreError::Taken`] when the name is; else when the database refuses.
pub async fn update(tx: &Tx, group: &Group, revision: i64) -> StoreResult<bool> {
    let sql = "UPDATE client_group SET name = $1, name_folded = $2, description = $3, filter = $4, updated_at = $5, \
        updated_by = $6, revision = revision + 1 WHERE id = $7 AND revision = $8";
    let values: [Value; 8] = [
        group.name.as_str().into(),
        folded(&group.name).into(),
        group.description.as_str().into(),
        filter_text(group)?.into(),
        group.updated_at.as_millisecond().into(),
        group.updated_by.as_str().into(),
        group.id.0.into(),
        revision.into(),
    ];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change a group")?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM group_template WHERE group_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [group.id.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("take templates from a group")?;
    attach(tx, group.id, &group.templates).await?;
    Ok(true)
}

async fn attach(tx: &Tx, group: GroupId, templates: &[TemplateId]) -> StoreResult<()> {
    let rows = templates.iter().map(|template| vec![group.0.into(), template.0.into()]).collect();
    let head = "INSERT INTO group_template (group_id, template_id) VALUES";
    fleet::insert_rows(tx, head, "", rows, "attach templates to a group").await.map(|_| ())
}

/// Deletes a group that still has this revision. `false` when it has changed since, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn delete(tx: &Tx, id: GroupId, revision: i64) -> StoreResult<bool> {
    let sql = "DELETE FROM client_group WHERE id = $1 AND revision = $2";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [id.0.into(), revision.into()]);
    let done = tx.inner.execute_raw(statement).await.attempt("delete a group")?;
    Ok(done.rows_affected() > 0)
}

/// All fields clients can have, by name.
///
/// # Errors
/// When the database cannot be asked, or a row is damaged.
pub async fn fields(on: &impl Source) -> StoreResult<Vec<Field>> {
    let attempt = "read the fields of clients";
    let connection = on.connection();
    let sql = "SELECT name, label, created_at, revision FROM field_definition ORDER BY name";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.attempt(attempt)?;
    rows.iter()
        .map(|row| {
            let at: i64 = row.try_get_by_index(2).attempt(attempt)?;
            let corrupt = |_| StoreError::Corrupt { attempt, what: "field_definition.created_at" };
            Ok(Field {
                name: row.try_get_by_index(0).attempt(attempt)?,
                label: row.try_get_by_index(1).attempt(attempt)?,
                created_at: Timestamp::from_millisecond(at).map_err(corrupt)?,
                revision: row.try_get_by_index(3).attempt(attempt)?,
            })
        })
        .collect()
}

/// Stores a new field.
///
/// # Errors
/// [`StoreError::Taken`] when there is one of that name; else when the database refuses.
pub async fn insert_field(tx: &Tx, name: &str, label: &str, at: Timestamp) -> StoreResult<()> {
    let sql = "INSERT INTO field_definition (name, label, created_at, revision) VALUES ($1, $2, $3, 1)";
    let values: [Value; 3] = [name.into(), label.into(), at.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    tx.inner.execute_raw(statement).await.attempt("store a field of clients").map(|_| ())
}

/// Gives a field that still has this revision another label; `false` when it has changed since, or is gone.
///
/// # Errors
/// When the database refuses.
pub async fn set_label(tx: &Tx, name: &str, label: &str, revision: i64) -> StoreResult<bool> {
    let sql =
        "UPDATE field_definition SET label = $2, revision = revision + 1 WHERE name = $1 AND revision = $3";
    let values: [Value; 3] = [name.into(), label.into(), revision.into()];
    let statement = Statement::from_sql_and_values(tx.backend, sql, values);
    let done = tx.inner.execute_raw(statement).await.attempt("change a field of clients")?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a field that still has this revision, with the values clients have; `false` when it has changed since.
///
/// # Errors
/// When the database refuses.
pub async fn delete_field(tx: &Tx, name: &str, revision: i64) -> StoreResult<bool> {
    let attempt = "delete a field of clients";
    let sql = "DELETE FROM field_definition WHERE name = $1 AND revision = $2";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [name.into(), revision.into()]);
    if tx.inner.execute_raw(statement).await.attempt(attempt)?.rows_affected() == 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM client_field WHERE name = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [name.into()]);
    tx.inner.execute_raw(statement).await.attempt(attempt)?;
    Ok(true)
}
