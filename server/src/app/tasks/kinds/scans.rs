//! Deletes scans that were over long ago; see `app::scans` (OSEM §4.2).

use crate::App;
use crate::app::scans;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let removed = scans::purge(app).await?;
    Ok(removed)
}
