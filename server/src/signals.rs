//! Wake-ups between the parts of a node. They only save waiting: everything they announce is in the database,
//! and whoever waits looks there again after a while in any case.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use domain::JobId;
use tokio::sync::Notify;

/// The wake-ups of a node.
#[derive(Default)]
pub struct Signals {
    /// Jobs or their targets changed.
    pub jobs: Notify,
    /// Somebody may have to be called.
    pub calls: Notify,
    touched: Mutex<BTreeSet<JobId>>,
}

impl Signals {
    /// Targets of a job changed: its state is worked out anew.
    pub fn job_touched(&self, job: JobId) {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
        self.jobs.notify_one();
    }

    /// Jobs touched since the last time somebody asked.
    pub fn take_touched(&self) -> BTreeSet<JobId> {
        std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
