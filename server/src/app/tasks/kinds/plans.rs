//! Deletes plans that are over; see `app::plans` (D-27).

use crate::App;
use crate::app::plans;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let removed = plans::purge(app).await?;
    Ok(removed)
}
