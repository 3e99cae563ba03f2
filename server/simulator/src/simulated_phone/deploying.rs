//! Carrying out a deployment between two sessions: downloads, the inventory, new firmware, and what is told about it
//! (`wpi.md` §4.6). Meanwhile the phone may have other sessions; a restart ends what it was doing.

use std::time::SystemTime;

use tokio::sync::watch;
use tokio::time::sleep;
use wire::Item;

use super::{Off, SimulatedPhone};
use crate::attention::Attention;
use crate::behaviour::DeploymentManners;
use crate::deployment::{Deployment, FileOrder, FileTask, OfferedSoftware};
use crate::download::{Download, Manner};
use crate::identity::Identity;
use crate::image::ImageWatch;
use crate::machine::{Opening, PhoneMachine};
use crate::models::Family;
use crate::phone::StoredFile;

/// A deployment the phone is at. The phone is free for another one when this is dropped.
pub(super) struct Begun<'p> {
    deployment: Deployment,
    /// What each download will meet and how it is done.
    manners: DeploymentManners,
    starts: u64,
    _at_it: AtIt<'p>,
}

/// A deployment that has come to its end, and with what the phone comes next.
pub(super) struct CarriedOut<'p> {
    pub(super) opening: Opening,
    /// The phone is off until it comes.
    pub(super) off: Option<Off<'p>>,
}

/// Marks the phone as being at a deployment, also when the whole conversation is dropped.
struct AtIt<'p> {
    attention: &'p watch::Sender<Attention>,
}

impl Drop for AtIt<'_> {
    fn drop(&mut self) {
        self.attention.send_modify(|attention| attention.is_deploying = false);
    }
}

/// What came of a file.
struct Fetched {
    is_good: bool,
    image: ImageWatch,
}

impl SimulatedPhone {
    /// Carry out what the last session told the phone to fetch, and give with what it comes next: its status or its
    /// start-up. `None`: there is nothing to do, or nothing to tell.
    ///
    /// For callers of [`SimulatedPhone::session`]; [`SimulatedPhone::contact`] does it by itself.
    pub async fn finish_deployment(&self) -> Option<Opening> {
        let begun = self.begin_deployment(&mut self.state.lock().await.machine)?;
        Some(self.carry_out(begun).await?.opening)
    }

    /// Whether the phone is at a deployment.
    #[must_use]
    pub fn is_deploying(&self) -> bool {
        self.attention.borrow().is_deploying
    }

    /// Wait until the phone is at no deployment.
    pub(super) async fn no_more_deploying(&self) {
        // The sender lives as long as the phone, so that waiting cannot fail.
        self.attention.subscribe().wait_for(|attention| !attention.is_deploying).await.ok();
    }

    /// Take what the session just held told the phone to fetch.
    pub(super) fn begin_deployment(&self, machine: &mut PhoneMachine) -> Option<Begun<'_>> {
        let deployment = machine.take_deployment()?;
        let downloads = u32::try_from(deployment.downloads()).unwrap_or(u32::MAX);
        let log = &mut machine.orders_mut().downloads;
        log.started = log.started.saturating_add(downloads);
        self.attention.send_modify(|attention| attention.is_deploying = true);
        Some(Begun {
            deployment,
            manners: machine.behaviour().deployments,
            starts: machine.starts(),
            _at_it: AtIt { attention: &self.attention },
        })
    }

    /// Do it, without holding the phone. `None`: there is nothing to tell, or the phone was switched off meanwhile.
    pub(super) async fn carry_out(&self, begun: Begun<'_>) -> Option<CarriedOut<'_>> {
        let Begun { deployment, manners, starts, _at_it } = &begun;
        let mut fetched = Vec::with_capacity(deployment.files.len());
        for file in &deployment.files {
            fetched.push(self.fetch(&file.task, manners).await);
        }
        match &deployment.software {
            None => self.store(deployment, manners, *starts, &fetched).await,
            Some(offered) => {
                let (file, fetched) = (deployment.files.first()?, fetched.first()?);
                self.update(file, offered, manners, *starts, fetched).await
            }
        }
    }

    async fn fetch(&self, task: &FileTask, manners: &DeploymentManners) -> Fetched {
        let nothing = |is_good| Fetched { is_good, image: ImageWatch::default() };
        let url = match task {
            FileTask::Delete => return nothing(true),
            FileTask::FetchByFtp => {
                self.count(false, 0, 0).await;
                return nothing(false);
            }
            FileTask::Fetch(url) => url,
        };
        let fate = self.state.lock().await.machine.next_fate();
        let manner = Manner { rate: manners.download_rate, head_first: manners.head_first, fate };
        let mut download = Download::new(manner);
        let result = download.run(&self.dialler, url).await;
        self.count(result.is_ok(), download.bytes, download.resumed).await;
        if let Err(error) = &result {
            // The address is left out: who knows it can fetch the file.
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::debug!(phone = self.number, %error, reason, "a download failed");
        }
        Fetched { is_good: result.is_ok(), image: download.image }
    }

    async fn count(&self, is_good: bool, bytes: u64, resumed: u32) {
        let mut state = self.state.lock().await;
        let log = &mut state.machine.orders_mut().downloads;
        let count = if is_good { &mut log.completed } else { &mut log.failed };
        *count = count.saturating_add(1);
        log.resumed = log.resumed.saturating_add(resumed);
        log.bytes = log.bytes.saturating_add(bytes);
    }

    /// Change the inventory, and report.
    async fn store(
        &self,
        deployment: &Deployment,
        manners: &DeploymentManners,
        starts: u64,
        fetched: &[Fetched],
    ) -> Option<CarriedOut<'_>> {
        let mut state = self.state.lock().await;
        if state.machine.starts() != starts {
            return None;
        }
        let mut items = Vec::new();
        for (file, fetched) in deployment.files.iter().zip(fetched) {
            let mut report = report(file, true);
            let phone = state.machine.phone_mut();
            let is_good = fetched.is_good
                && match file.task {
                    FileTask::Delete => phone.delete_file(&file.file_type, &file.name),
                    FileTask::Fetch(_) | FileTask::FetchByFtp => phone.store_file(&report),
                };
            set_status(&mut report, is_good);
            items.extend(report.items(file.index));
        }
        let usual = deployment.files.len() == 1 && deployment.downloads() == 1;
        let tells = !manners.no_status && (usual || manners.status_for_deletes);
        tells.then(|| CarriedOut { opening: Opening::Status(items), off: None })
    }

    /// Check the firmware, and start up with it.
    async fn update(
        &self,
        file: &FileOrder,
        offered: &OfferedSoftware,
        manners: &DeploymentManners,
        starts: u64,
        fetched: &Fetched,
    ) -> Option<CarriedOut<'_>> {
        let state = self.state.lock().await;
        if state.machine.starts() != starts {
            return None;
        }
        let software =
            fetched.is_good.then(|| judge(state.machine.phone().identity(), offered, fetched)).flatten();
        let restarts = software.is_some() || fetched.is_good && manners.stays_on_old_version;
        if !restarts {
            let items: Vec<Item> = report(file, false).items(file.index).collect();
            let told = CarriedOut { opening: Opening::Status(items), off: None };
            return (!manners.no_status).then_some(told);
        }
        // From here the phone neither hears nor speaks.
        self.attention.send_modify(|attention| attention.is_off = true);
        let off = Off { attention: &self.attention };
        drop(state);
        sleep(manners.update_time).await;
        let mut state = self.state.lock().await;
        if let Some((version, family)) = software.filter(|_| !manners.stays_on_old_version) {
            state.machine.phone_mut().set_software(version, family);
            let updates = &mut state.machine.orders_mut().updates;
            *updates = updates.saturating_add(1);
        }
        state.machine.start_again();
        Some(CarriedOut { opening: Opening::StartUp, off: Some(off) })
    }
}

/// Version and family of firmware the phone takes. Without a header it believes what the server says: how CP phones
/// check an image is not public.
fn judge(identity: &Identity, offered: &OfferedSoftware, fetched: &Fetched) -> Option<(String, Family)> {
    match fetched.image.header() {
        Some(header) => header.is_for(identity.model.0).then_some((header.version, header.family)),
        None => {
            let family = offered.family.unwrap_or(identity.family);
            let exists = !identity.model.firmware(family).is_empty();
            Some((offered.version.clone()?, family)).filter(|_| exists)
        }
    }
}

/// What is told of a file, at this moment.
fn report(file: &FileOrder, is_good: bool) -> StoredFile {
    let (date, time) = now();
    let (name, file_type) = (file.name.clone(), file.file_type.clone());
    let mut report = StoredFile { name, file_type, status: String::new(), date, time };
    set_status(&mut report, is_good);
    report
}

fn set_status(report: &mut StoredFile, is_good: bool) {
    (if is_good { "ok" } else { "failed" }).clone_into(&mut report.status);
}

/// Date and time of the phone's own clock: dd:mm:yyyy and hh:mm:ss, in UTC.
fn now() -> (String, String) {
    #[expect(clippy::disallowed_methods, reason = "a phone has a clock of its own, which no test drives")]
    let now = SystemTime::now();
    date_and_time(now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The civil calendar of a number of seconds since 1970, by counting years and months.
fn date_and_time(seconds: u64) -> (String, String) {
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let date = format!("{:02}:{month:02}:{year:04}", days + 1);
    (date, format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60))
}

#[cfg(test)]
mod tests;
