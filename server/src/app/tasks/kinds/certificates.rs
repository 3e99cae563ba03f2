//! Tells of certificates that are about to expire; see `app::watch`.

use crate::App;
use crate::app::tasks::TaskError;
use crate::app::watch;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    Ok(watch::tell_certificates(app).await?)
}
