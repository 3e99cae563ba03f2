//! Forgets contacts that are too old to be shown; see `app::contact_counts`.

use crate::App;
use crate::app::contact_counts;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    Ok(contact_counts::purge(app).await?)
}
