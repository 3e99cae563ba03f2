//! Deletes plans that expired (D-27).

use crate::App;
use crate::app::tasks::TaskError;
use crate::store::plans::purge;

pub(super) async fn run(app: &App) -> Result<u64, TaskError> {
    let mut number = 0;
    loop {
        let tx = app.store.begin().await?;
        let deleted = purge(&tx, app.clock.now()).await?;
        tx.commit().await?;
        number += deleted;
        if deleted == 0 {
            return Ok(number);
        }
    }
}
