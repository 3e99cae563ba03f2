//! Works on scans: one address after the other, at one pace for all scans of this node (`wpi.md` §1.5). Phones are sent a
//! contact-me; of other servers it is looked whether they may be storage providers.
//!
//! How far a scan is goes into the database once a second, with a lease: when this node dies, another one, or its next
//! run, goes on there when the lease is over. What was sent in that last second is sent once more then, two minutes
//! later and so harmless. A known phone is booked before it is called and left alone inside its contact gap.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::ScanId;
use domain::calling::{Pace, body, gap};
use domain::network::{Subnet, address_sort};
use domain::scan::{ScanEvent, ScanFailure, ScanPurpose, ScanState};
use domain::setting::{SettingKey, bracketed};
use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::active::{Active, Errand, Report, Turn};
use super::{allowed, phone_address, ranges_of};
use crate::App;
use crate::clients::contact_me::{Sender, SenderError};
use crate::clients::storage_probe::{Probe, ProbeError};
use crate::events::{Change, Resource};
use crate::status::causes;
use crate::store::scan_clients::{self, Known};
use crate::store::scan_findings::Finding;
use crate::store::scans as rows;
use crate::store::{StoreError, StoreResult, scan_findings};

/// Time between two looks at whose turn it is.
const BEAT: Duration = Duration::from_millis(100);

/// Time between two looks into the database.
const LOOK: Duration = Duration::from_secs(1);

/// Looks between two counts of what was found.
const COUNT: u32 = 3;

/// How long a scan belongs to a node that gives no sign of life: more than the minute a phone needs between two calls.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// How long after the end of a scan its phones may still come: their gap and a margin (`wpi.md` §1.5 rule 3).
const STILL_FOUND: SignedDuration = SignedDuration::from_mins(6);

/// Most contact-me of scans under way at once; each holds a socket for ten seconds at most.
const MOST_UNDER_WAY: usize = 512;

/// How long a stopping node waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

struct Runner {
    app: App,
    sender: Sender,
    probe: Probe,
    pace: Pace,
    /// By turns: whoever had one goes to the end.
    active: Vec<Active>,
    under_way: JoinSet<(ScanId, u64, Report)>,
}

/// Why no scan can be worked on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// What calls phones cannot be made.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// What looks for storage cannot be made.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}

/// Works on scans until the node stops.
///
/// # Errors
/// When the TLS library refuses the settings.
pub async fn run(app: App) -> Result<(), ScanError> {
    let mut runner = Runner {
        sender: Sender::new()?,
        probe: Probe::new()?,
        pace: Pace::default(),
        active: Vec::new(),
        under_way: JoinSet::new(),
        app: app.clone(),
    };
    let (mut beats, mut looks) = (interval(BEAT), interval(LOOK));
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number: u32 = 0;
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            _ = looks.tick() => {
                runner.look(number.is_multiple_of(COUNT)).await;
                number = number.wrapping_add(1);
            }
            Some(done) = runner.under_way.join_next(), if !runner.under_way.is_empty() => runner.answered(done),
            _ = beats.tick(), if !runner.active.is_empty() => runner.turn().await,
        }
    }
    runner.leave().await;
    Ok(())
}

impl Runner {
    /// Writes down how far the scans are, and looks for new ones.
    async fn look(&mut self, count: bool) {
        if let Err(error) = self.advance().await {
            tracing::error!(error = causes(&error), "how far scans are could not be written down");
        }
        if let Err(error) = self.take().await {
            tracing::error!(error = causes(&error), "scans could not be taken");
        }
        if count && let Err(error) = self.count_found().await {
            tracing::error!(error = causes(&error), "what scans have found could not be counted");
        }
    }

    async fn advance(&mut self) -> StoreResult<()> {
        if self.active.is_empty() {
            return Ok(());
        }
        let at = self.app.clock.now();
        let lease = at.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        // By id, as whoever else locks several does; whose turn it is stays as it is.
        let mut by_id: Vec<&Active> = self.active.iter().collect();
        by_id.sort_unstable_by_key(|scan| scan.id);
        let (mut gone, mut told) = (Vec::new(), Vec::new());
        let tx = self.app.store.begin().await?;
        for scan in by_id {
            let far = scan.far();
            let state = rows::advance(&tx, scan.id, &self.app.node, far, lease).await?;
            // Another node looks itself; of a scan that was stopped what was found until then counts.
            for finding in scan.findings.iter().filter(|_| state.is_some()) {
                scan_findings::insert(&tx, scan.id, finding).await?;
            }
            let end = scan.outcome().filter(|_| state == Some(ScanState::Running));
            if let Some((after, failure)) = end {
                rows::end(&tx, scan.id, (ScanState::Running, after), failure, at).await?;
            }
            // Stopped by somebody, taken by another node, or gone.
            let leaves = state != Some(ScanState::Running) || end.is_some();
            if leaves {
                gone.push(scan.id);
            }
            if leaves || far != scan.written {
                told.push(scan.id);
            }
        }
        tx.commit().await?;
        self.active.retain(|scan| !gone.contains(&scan.id));
        for scan in &mut self.active {
            scan.findings.clear();
            scan.written = scan.far();
        }
        told.into_iter().for_each(|id| self.app.events.publish(Resource::Scans, Change::Updated, id));
        self.pace.tidy(self.app.clock.monotonic_millis());
        Ok(())
    }

    async fn take(&mut self) -> StoreResult<()> {
        let at = self.app.clock.now();
        if !rows::any_to_take(&self.app.store, at).await? {
            return Ok(());
        }
        let lease = at.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        let tx = self.app.store.begin().await?;
        let taken = rows::take(&tx, &self.app.node, at, lease).await?;
        tx.commit().await?;
        for scan in taken {
            let Some(active) = Active::of(&scan) else {
                tracing::error!(scan = scan.id.0, "the ranges of a scan could not be read");
                continue;
            };
            self.active.retain(|other| other.id != scan.id);
            self.active.push(active);
            self.app.events.publish(Resource::Scans, Change::Updated, scan.id);
        }
        Ok(())
    }

    /// Counts new clients of scans that go on or ended a short while ago: phones come when they are idle. Findings too.
    async fn count_found(&self) -> StoreResult<()> {
        let app = &self.app;
        let since = app.clock.now().saturating_sub(STILL_FOUND).unwrap_or(Timestamp::MIN);
        for scan in rows::active_or_over_since(&app.store, since).await? {
            let found = match scan.purpose {
                ScanPurpose::Phones => {
                    let Some(ranges) = ranges_of(&scan) else { continue };
                    let bounds = ranges.iter().map(domain::scan::Range::bounds);
                    scan_clients::came_since(&app.store, scan.created_at, bounds).await?
                }
                ScanPurpose::StorageProviders => scan_findings::count(&app.store, scan.id).await?,
            };
            if found == scan.found {
                continue;
            }
            let tx = app.store.begin().await?;
            let news = rows::set_found(&tx, scan.id, found).await?;
            tx.commit().await?;
            if news {
                app.events.publish(Resource::Scans, Change::Updated, scan.id);
            }
        }
        Ok(())
    }

    /// Sends what may leave now.
    async fn turn(&mut self) {
        let server = phone_address(&self.app.settings);
        if server.is_none() {
            let phones = self.active.iter_mut().filter(|scan| scan.purpose == ScanPurpose::Phones);
            phones.for_each(|scan| scan.failure = Some(ScanFailure::NoPhoneAddress));
        }
        let before: HashMap<ScanId, u64> = self.active.iter().map(|scan| (scan.id, scan.next)).collect();
        let turns = self.choose();
        if turns.is_empty() {
            return;
        }
        let at = self.app.clock.now();
        match self.admitted(turns, at).await {
            Ok(turns) => turns.into_iter().for_each(|turn| self.send(turn, server)),
            Err(error) => {
                // Nothing was sent; it is their turn again.
                for scan in &mut self.active {
                    scan.next = before.get(&scan.id).copied().unwrap_or(scan.next);
                }
                tracing::error!(error = causes(&error), "contact-me of scans could not be booked");
            }
        }
    }

    /// The next addresses, as many as pace and sockets admit: of each scan one, and again from the first.
    fn choose(&mut self) -> Vec<Turn> {
        let allowed = allowed(&self.app.settings);
        let rate = self.app.settings.integer(SettingKey::ScansRate).unsigned_abs();
        let clock = self.app.clock.monotonic_millis();
        let mut turns = Vec::new();
        while self.under_way.len() + turns.len() < MOST_UNDER_WAY {
            let Some(place) = self.active.iter().position(Active::waits) else { break };
            let mut scan = self.active.remove(place);
            match scan.peek(&allowed) {
                None => scan.failure = Some(ScanFailure::NetworkNotAllowed),
                Some((address, turn)) => {
                    if !self.pace.admits(Subnet::of(address), rate, rate, clock) {
                        self.active.insert(place, scan);
                        break;
                    }
                    scan.next += 1;
                    turns.push(turn);
                }
            }
            self.active.push(scan);
        }
        turns
    }

    /// Leaves out known phones that must not be called now, and books the others: committed before they are called.
    async fn admitted(&self, turns: Vec<Turn>, at: Timestamp) -> Result<Vec<Turn>, StoreError> {
        let addresses: Vec<IpAddr> = turns.iter().filter_map(Turn::called).collect();
        if addresses.is_empty() {
            return Ok(turns);
        }
        let known = scan_clients::known_at(&self.app.store, &addresses).await?;
        if known.is_empty() {
            return Ok(turns);
        }
        let mut left_alone: HashSet<&str> = known
            .iter()
            .filter(|client| self.is_left_alone(client, at))
            .map(|client| client.address.as_str())
            .collect();
        for client in &known {
            if left_alone.contains(client.address.as_str()) {
                continue;
            }
            // Each by itself: a new row may wait for somebody else's, and whoever waits must hold nothing.
            let tx = self.app.store.begin().await?;
            let booked = scan_clients::book(&tx, client.client, client.called_at, at).await?;
            tx.commit().await?;
            if !booked {
                left_alone.insert(&client.address);
            }
        }
        let stays = |address| left_alone.contains(address_sort(address).as_str());
        let goes = |turn: &Turn| !turn.called().is_some_and(stays);
        Ok(turns.into_iter().filter(goes).collect())
    }

    /// Whether a known phone is not called now: it is here, restarts, or was called a short while ago.
    fn is_left_alone(&self, client: &Known, at: Timestamp) -> bool {
        let usual = SignedDuration::from_secs(self.app.settings.integer(SettingKey::ContactMeGap));
        let gap = gap(client.gap.as_deref(), usual);
        let in_gap = client.called_at.is_some_and(|called| at.duration_since(called) < gap);
        in_gap
            || client.rests_until.is_some_and(|until| until > at)
            || client.device.as_ref().is_some_and(|device| self.app.phones.has_session(device))
    }

    fn send(&mut self, turn: Turn, server: Option<(IpAddr, u16)>) {
        let Turn { scan: id, number, errand } = turn;
        if let Some(scan) = self.active.iter_mut().find(|scan| scan.id == id) {
            scan.begin(number);
        }
        match errand {
            Errand::Call(to) => {
                let (sender, body) = (self.sender.clone(), body(server));
                self.under_way
                    .spawn(async move { (id, number, Report::Called(sender.send(&to, body).await)) });
            }
            Errand::Look(to) => {
                let (probe, app) = (self.probe.clone(), self.app.clone());
                self.under_way.spawn(async move {
                    let found = probe.look(to).await;
                    let found = found.map(|found| finding(to, found, app.clock.now()));
                    (id, number, Report::Looked(found))
                });
            }
        }
    }

    fn answered(&mut self, done: Result<(ScanId, u64, Report), JoinError>) {
        match done {
            Ok((id, number, report)) => {
                // Not there when it was stopped in the meantime.
                if let Some(scan) = self.active.iter_mut().find(|scan| scan.id == id) {
                    scan.end_turn(number, report);
                }
            }
            Err(error) => {
                tracing::error!(%error, "what a scan asked of an address broke off");
                // Whose it was is not known any more; none of them may wait for it for ever.
                self.active.iter_mut().for_each(Active::forget_turns);
            }
        }
    }

    /// Leaves the scans to the next run or another node, exactly as far as they are.
    async fn leave(&mut self) {
        let last = async {
            while let Some(done) = self.under_way.join_next().await {
                self.answered(done);
            }
        };
        if timeout(LAST_ANSWERS, last).await.is_err() {
            tracing::debug!("answers to scans were not waited for");
        }
        if let Err(error) = self.release().await {
            tracing::error!(
                error = causes(&error),
                "scans were not left in order; they go on when their lease is over"
            );
        }
    }

    async fn release(&mut self) -> StoreResult<()> {
        self.advance().await?;
        if self.active.is_empty() {
            return Ok(());
        }
        let Ok(state) = ScanState::Running.after(ScanEvent::Released) else { return Ok(()) };
        let tx = self.app.store.begin().await?;
        let mut ids: Vec<ScanId> = self.active.iter().map(|scan| scan.id).collect();
        ids.sort_unstable();
        for id in ids {
            rows::release(&tx, id, &self.app.node, state).await?;
        }
        tx.commit().await
    }
}

/// A finding as it is written down.
fn finding(to: SocketAddr, found: domain::scan::Finding, at: Timestamp) -> Finding {
    Finding {
        address: to.ip(),
        port: to.port(),
        kind: found.kind,
        url: match to.port() {
            443 => format!("https://{}/", bracketed(&to.ip().to_string())),
            _ => format!("https://{to}/"),
        },
        detail: found.detail,
        found_at: at,
    }
}
