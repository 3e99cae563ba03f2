//! Forgets download addresses whose time was over long ago; see [`crate::fileserver`].

use crate::App;
use crate::app::tasks::TaskError;
use crate::fileserver;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let removed = fileserver::purge(app).await?;
    Ok(removed)
}
