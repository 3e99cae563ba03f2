//! Brings files and software of templates to the clients that do not have them (OSEM §6.3).

use crate::App;
use crate::app::deployments::rule;
use crate::app::tasks::TaskError;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    Ok(rule::bring(app).await?)
}
