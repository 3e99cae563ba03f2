//! Targets that somebody has tried again by hand.

use domain::TargetId;
use sea_orm::{ConnectionTrait as _, Statement};

use super::execute;
use crate::store::error::Attempt;
use crate::store::{StoreResult, Tx};

/// Notes that somebody tries a target again by hand.
///
/// # Errors
/// When the database refuses.
pub async fn set_by_hand(tx: &Tx, target: TargetId) -> StoreResult<()> {
    let sql = "UPDATE deployment SET by_hand = TRUE WHERE target_id = $1";
    execute(tx, sql, vec![target.0.into()], "note who tries a deployment again").await.map(|_| ())
}

/// Whether somebody has tried a target again by hand.
///
/// # Errors
/// When the database cannot be asked.
pub async fn is_by_hand(tx: &Tx, target: TargetId) -> StoreResult<bool> {
    let sql = "SELECT 1 FROM deployment WHERE target_id = $1 AND by_hand";
    let statement = Statement::from_sql_and_values(tx.backend, sql, [target.0.into()]);
    Ok(tx.inner.query_one_raw(statement).await.attempt("look who tries a deployment again")?.is_some())
}
