//! Clears up after uploads and deleted files; see `app::files::sweep`.

use crate::App;
use crate::app::files::sweep;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let removed = sweep::run(app).await?;
    Ok(removed)
}
