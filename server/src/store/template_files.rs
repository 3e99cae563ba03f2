//! Files of templates (OSEM §6.3). There are few: they are read whole, with the templates.

use std::collections::{BTreeMap, BTreeSet};

use domain::{FileId, TemplateId};
use sea_orm::{ConnectionTrait, FromQueryResult as _, Statement, Value};

use super::error::{Attempt, StoreResult};
use super::files::{COLUMNS, FROM, File, Row};
use super::{Source, Tx, fleet};

/// Files of all templates; templates without any are left out.
///
/// # Errors
/// When the database cannot be asked.
pub async fn all(on: &impl Source) -> StoreResult<BTreeMap<TemplateId, BTreeSet<FileId>>> {
    let attempt = "read the files of templates";
    let connection = on.connection();
    let sql = "SELECT template_id, file_id FROM template_file";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let mut files: BTreeMap<TemplateId, BTreeSet<FileId>> = BTreeMap::new();
    for row in &connection.query_all_raw(statement).await.attempt(attempt)? {
        let template = TemplateId(row.try_get_by_index(0).attempt(attempt)?);
        files.entry(template).or_default().insert(FileId(row.try_get_by_index(1).attempt(attempt)?));
    }
    Ok(files)
}

/// Gives a template these files, in place of those it has.
///
/// # Errors
/// When the database refuses, for instance because one of the files is gone.
pub async fn set(tx: &Tx, template: TemplateId, files: &BTreeSet<FileId>) -> StoreResult<()> {
    let sql = "DELETE FROM template_file WHERE template_id = $1";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [template.0.into()]);
    tx.inner.execute_raw(statement).await.attempt("take files from a template")?;
    if files.is_empty() {
        return Ok(());
    }
    let rows = files.iter().map(|file| vec![template.0.into(), file.0.into()]).collect();
    let head = "INSERT INTO template_file (template_id, file_id) VALUES";
    fleet::insert_rows(tx, head, "", rows, "give files to a template").await.map(|_| ())
}

/// Files that have one of these checksums or, in lower case, one of these names; by id.
///
/// # Errors
/// When the database cannot be asked.
pub async fn alike(on: &impl Source, checksums: &[&str], names: &[String]) -> StoreResult<Vec<File>> {
    let mut values: Vec<Value> = Vec::new();
    let mut parts = Vec::new();
    for (column, words) in [
        ("file.sha256", checksums.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()),
        ("file.name_folded", names.to_vec()),
    ] {
        if words.is_empty() {
            continue;
        }
        let places: Vec<String> =
            (1..=words.len()).map(|place| format!("${}", values.len() + place)).collect();
        parts.push(format!("{column} IN ({})", places.join(", ")));
        values.extend(words.into_iter().map(Value::from));
    }
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {} ORDER BY file.id", parts.join(" OR "));
    let on = on.connection();
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    let rows = Row::find_by_statement(statement).all(on).await.attempt("look for files of a template")?;
    rows.into_iter().map(Row::into_file).collect()
}
