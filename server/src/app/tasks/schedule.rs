//! When housekeeping is due, in UTC. The schedule only puts tasks into the queue, the worker does them: two nodes
//! that enqueue the same thing at the same moment enqueue it once.

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::enqueue;
use super::kinds::Kind;
use crate::App;
use crate::status::causes;

/// A schedule that runs. Stops with [`Schedule::stop`].
pub struct Schedule(JobScheduler);

/// The schedule could not be started.
#[derive(Debug, thiserror::Error)]
#[error("starting the schedule of background tasks")]
pub struct ScheduleError(#[source] JobSchedulerError);

impl Schedule {
    /// Starts the schedule of all kinds.
    ///
    /// # Errors
    /// When the library refuses a time, which a test rules out, or cannot start.
    pub async fn start(app: &App) -> Result<Self, ScheduleError> {
        let scheduler = JobScheduler::new().await.map_err(ScheduleError)?;
        for kind in Kind::ALL {
            let app = app.clone();
            let job = Job::new_async(kind.times(), move |_, _| {
                let app = app.clone();
                Box::pin(async move {
                    if !kind.is_due(|key| app.settings.integer(key), app.clock.now()) {
                        return;
                    }
                    if let Err(error) = enqueue(&app, kind).await {
                        // The next time comes; nothing is lost but a day of tidiness.
                        tracing::warn!(
                            task = kind.as_str(),
                            error = causes(&error),
                            "a background task was not enqueued"
                        );
                    }
                })
            });
            scheduler.add(job.map_err(ScheduleError)?).await.map_err(ScheduleError)?;
        }
        scheduler.start().await.map_err(ScheduleError)?;
        Ok(Self(scheduler))
    }

    /// Stops it; what is in the queue stays there.
    pub async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::warn!(%error, "the schedule of background tasks did not stop in order");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use tokio_cron_scheduler::Job;

    #[test]
    fn every_kind_has_times_the_library_takes() {
        for kind in Kind::ALL {
            let job = Job::new_async(kind.times(), |_, _| Box::pin(async {}));
            assert!(job.is_ok(), "{}", kind.as_str());
        }
        assert!(Job::new_async("at noon", |_, _| Box::pin(async {})).is_err());
    }
}
