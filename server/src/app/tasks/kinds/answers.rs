//! Deletes answers of creating calls that are no longer kept; see `app::idempotency`.

use crate::App;
use crate::app::idempotency;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let removed = idempotency::purge(app).await?;
    Ok(removed)
}
