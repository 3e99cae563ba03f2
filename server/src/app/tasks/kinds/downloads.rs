//! Forgets download addresses whose time was over long ago, see [`crate::fileserver`], and offers of firmware that is
//! gone.

use jiff::{SignedDuration, Timestamp};

use super::MOST_ROWS;
use crate::App;
use crate::app::tasks::TaskError;
use crate::fileserver;
use crate::store::file_offers;

/// Much longer than the pause between two offers of firmware to a phone (`wpi.md` §4.6.6).
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let mut removed = fileserver::purge(app).await?;
    let before = app.clock.now().saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    loop {
        let tx = app.store.begin().await?;
        let some = file_offers::purge(&tx, before, MOST_ROWS).await?;
        tx.commit().await?;
        removed += some;
        if some < MOST_ROWS {
            return Ok(removed);
        }
    }
}
