//! Deletes diffs that no plan and no job refers to any more.

use super::BATCH;
use crate::App;
use crate::app::tasks::TaskError;
use crate::store::tasks::purge_diffs;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let (mut after, mut number) = (0, 0);
    loop {
        let tx = app.store.begin().await?;
        let (last, deleted) = purge_diffs(&tx, after, BATCH).await?;
        tx.commit().await?;
        number += deleted;
        let Some(last) = last else { return Ok(number) };
        after = last;
    }
}
