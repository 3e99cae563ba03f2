//! Deletes finished jobs that are older than the setting `job-lifetime` (OSEM §13, "Job lifetime").

use jiff::{SignedDuration, Timestamp};

use super::MOST_ROWS;
use crate::App;
use crate::app::tasks::TaskError;
use domain::setting::SettingKey;

use crate::store::tasks::{Purged, purge_jobs};

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let lifetime = SignedDuration::from_hours(24 * app.settings.integer(SettingKey::JobLifetime));
    let before = app.clock.now().saturating_sub(lifetime).unwrap_or(Timestamp::MIN);
    let mut number = 0;
    loop {
        let tx = app.store.begin().await?;
        let deleted = purge_jobs(&tx, before, MOST_ROWS).await?;
        tx.commit().await?;
        number += deleted.things;
        if deleted == Purged::default() {
            return Ok(number);
        }
    }
}
