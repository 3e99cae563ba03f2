//! How far phones are with what they fetch, as seen from here: kept in memory, written down from time to time in one
//! transaction for all.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{JobId, TargetId};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::blocks::BLOCK;
use crate::App;
use crate::events::{Change, Resource};
use crate::store::downloads::{self, Advance, Download};
use crate::store::{Source, StoreResult};

/// One download, shared by all requests for it.
#[derive(Debug)]
struct Track {
    advance: Advance,
    target: Option<TargetId>,
    job: Option<JobId>,
    size: u64,
    /// Bytes handed over beyond gaps: the phone has gone on here with what it began at another node.
    beyond: Beyond,
    /// Requests being answered.
    readers: usize,
    /// Whether something is not written down yet.
    dirty: bool,
}

/// Bytes that follow what other nodes have handed over, when they have.
#[derive(Debug, Default)]
struct Beyond {
    /// From and to, none of them within reach of what is known without a gap.
    parts: Vec<(u64, u64)>,
    /// When the last of them was handed over.
    at: Timestamp,
    /// What the other nodes were known to have handed over.
    known: u64,
    /// Until when it is looked whether they have written down their part.
    until: Option<Instant>,
}

/// Most parts that are remembered of a download: a phone that asks for more of them at once goes without a figure.
const MOST_PARTS: usize = 64;

impl Beyond {
    fn add(&mut self, begin: u64, end: u64, at: Timestamp) {
        (self.at, self.until) = (at, Some(Instant::now() + PATIENCE));
        let has_room = self.parts.len() < MOST_PARTS;
        match self.parts.iter_mut().find(|(from, to)| *from <= begin && begin <= *to) {
            Some((_, to)) => *to = end.max(*to),
            None if has_room => self.parts.push((begin, end)),
            None => {}
        }
    }

    /// Takes the parts that continue what was handed over until a place; gives the place they lead to.
    fn join(&mut self, mut sent: u64) -> u64 {
        while let Some(next) = self.parts.iter().position(|(from, _)| *from <= sent) {
            sent = sent.max(self.parts.swap_remove(next).1);
        }
        sent
    }

    /// Takes the next part, however far away it is.
    fn next(&mut self) -> Option<(u64, u64)> {
        let next = self.parts.iter().enumerate().min_by_key(|(_, part)| **part)?.0;
        Some(self.parts.swap_remove(next))
    }
}

/// How long is waited for the part of another node, which writes down every two seconds how far it is: from when either
/// of them has gone on last.
const PATIENCE: Duration = Duration::from_secs(20);

impl Track {
    /// Counts bytes that are with the network; `true` when they were the last ones.
    fn count(&mut self, begin: u64, end: u64, at: Timestamp) -> bool {
        if begin <= self.advance.sent && end > self.advance.sent {
            self.advance.sent = end.min(self.size);
        }
        self.advance.sent = self.beyond.join(self.advance.sent).min(self.size);
        if self.advance.sent == self.size && self.advance.finished_at.is_none() {
            self.advance.finished_at = Some(at);
            return true;
        }
        false
    }

    /// Other nodes have written down that they have handed over so much.
    fn learn(&mut self, sent: u64) {
        let (now, before, at) = (Instant::now(), self.advance.sent, self.beyond.at);
        if sent > self.beyond.known {
            (self.beyond.known, self.beyond.until) = (sent, Some(now + PATIENCE));
        }
        self.count(0, sent, at);
        while self.beyond.until.is_none_or(|until| until <= now) {
            let Some((from, to)) = self.beyond.next() else { break };
            // The last piece of a connection that broke off counts for nothing, and the phone may have it all the same.
            if (1..from).contains(&self.advance.sent) && from - self.advance.sent <= BLOCK {
                self.count(self.advance.sent, to, at);
            }
        }
        self.dirty |= self.advance.sent != before;
    }
}

/// The downloads that something happens to.
#[derive(Default)]
pub(super) struct Downloads {
    tracks: Mutex<HashMap<i64, Track>>,
    /// A download has come to an end of any kind.
    pub(super) ended: Notify,
}

impl Downloads {
    fn tracks(&self) -> MutexGuard<'_, HashMap<i64, Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A phone asks for the content.
    pub(super) fn begin(self: &Arc<Self>, download: &Download, at: Timestamp) -> Reader {
        let mut tracks = self.tracks();
        let track = tracks.entry(download.id).or_insert_with(|| Track {
            advance: Advance {
                id: download.id,
                sent: download.sent,
                started_at: download.started_at.unwrap_or(at),
                moved_at: None,
                finished_at: download.finished_at,
                failure: None,
            },
            target: download.target,
            job: download.job,
            size: download.size,
            beyond: Beyond::default(),
            readers: 0,
            dirty: true,
        });
        track.readers += 1;
        track.advance.failure = None;
        // Another node may have gone on since.
        track.advance.sent = track.advance.sent.max(download.sent);
        track.advance.finished_at = track.advance.finished_at.or(download.finished_at);
        if track.size == 0 && track.advance.finished_at.is_none() {
            track.advance.finished_at = Some(at);
        }
        track.dirty = true;
        Reader { downloads: Arc::clone(self), id: download.id }
    }

    /// Number of requests being answered.
    pub(super) fn readers(&self) -> usize {
        self.tracks().values().map(|track| track.readers).sum()
    }

    /// Why the downloads of a target broke off on our side, as far as that may not be written down yet, by their
    /// numbers; without a reason when they did not.
    fn failures_of(&self, target: TargetId) -> Vec<(i64, Option<&'static str>)> {
        let tracks = self.tracks();
        let of_target = tracks.iter().filter(|(_, track)| track.target == Some(target));
        let failure = |track: &Track| track.advance.failure.filter(|_| track.advance.finished_at.is_none());
        of_target.map(|(id, track)| (*id, failure(track))).collect()
    }

    #[cfg(test)]
    pub(super) fn sent(&self, id: i64) -> u64 {
        self.tracks().get(&id).map_or(0, |track| track.advance.sent)
    }

    /// Downloads of which a part may have been handed over by another node.
    fn with_gaps(&self) -> Vec<i64> {
        let tracks = self.tracks();
        tracks.iter().filter(|(_, track)| !track.beyond.parts.is_empty()).map(|(id, _)| *id).collect()
    }

    fn learn(&self, id: i64, sent: u64) {
        if let Some(track) = self.tracks().get_mut(&id) {
            track.learn(sent);
        }
    }

    fn take(&self) -> Vec<(Advance, Option<JobId>)> {
        let mut tracks = self.tracks();
        let mut taken = Vec::new();
        for track in tracks.values_mut().filter(|track| track.dirty) {
            track.dirty = false;
            taken.push((track.advance.clone(), track.job));
        }
        // Always in the same order, so that two nodes do not wait for each other.
        taken.sort_unstable_by_key(|(advance, _)| advance.id);
        taken
    }

    fn give_back(&self, taken: &[(Advance, Option<JobId>)]) {
        let mut tracks = self.tracks();
        for (advance, _) in taken {
            if let Some(track) = tracks.get_mut(&advance.id) {
                track.dirty = true;
            }
        }
    }

    /// Forgets what is written down and nobody reads.
    fn sweep(&self) {
        self.tracks().retain(|_, track| track.dirty || track.readers > 0 || !track.beyond.parts.is_empty());
    }
}

/// One request for a download being answered.
pub(super) struct Reader {
    downloads: Arc<Downloads>,
    id: i64,
}

impl Reader {
    fn change(&self, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.downloads.tracks().get_mut(&self.id) {
            change(track);
            track.dirty = true;
        }
    }

    /// The bytes from `begin` to `end` are with the network. Only what continues what was handed over before counts, so
    /// that the figure is what the phone can have of the file without a gap.
    pub(super) fn handed_over(&self, begin: u64, end: u64, at: Timestamp) {
        let mut over = false;
        self.change(|track| {
            track.advance.moved_at = Some(at);
            over = track.count(begin, end, at);
            if begin > track.advance.sent {
                track.beyond.add(begin, end, at);
            }
        });
        if over {
            self.downloads.ended.notify_one();
        }
    }

    /// It broke off on our side.
    pub(super) fn failed(&self, code: &'static str) {
        self.change(|track| track.advance.failure = Some(code));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.change(|track| track.readers = track.readers.saturating_sub(1));
        self.downloads.ended.notify_one();
    }
}

/// Why a phone could not fetch what it was offered at a time for a target, when that was not its own fault: a stable word.
///
/// # Errors
/// When the database cannot be asked.
pub async fn failure(
    app: &App,
    on: &impl Source,
    target: TargetId,
    offered_at: Timestamp,
) -> StoreResult<Option<String>> {
    // First what may not be written down yet: afterwards it may be written down already.
    let known = app.file_server.downloads.failures_of(target);
    let Some((id, written)) = downloads::last_of_target(on, target, offered_at).await? else {
        return Ok(None);
    };
    let known = known.into_iter().find(|(known, _)| *known == id);
    Ok(known.map_or(written, |(_, failure)| failure.map(str::to_owned)))
}

/// Writes down how far all downloads are, and tells those who look at their jobs. When the database refuses, it is
/// tried again the next time.
///
/// # Errors
/// When the database refuses.
pub async fn flush(app: &App) -> StoreResult<()> {
    let downloads = &app.file_server.downloads;
    for id in downloads.with_gaps() {
        let sent = downloads::sent(&app.store, id).await?;
        downloads.learn(id, sent);
    }
    let taken = downloads.take();
    if taken.is_empty() {
        return Ok(());
    }
    let written = async {
        let tx = app.store.begin().await?;
        for (advance, _) in &taken {
            downloads::advance(&tx, advance).await?;
        }
        tx.commit().await
    };
    if let Err(error) = written.await {
        downloads.give_back(&taken);
        return Err(error);
    }
    downloads.sweep();
    let jobs: BTreeSet<JobId> = taken.iter().filter_map(|(_, job)| *job).collect();
    for job in jobs {
        app.events.publish(Resource::Jobs, Change::Updated, job);
    }
    if taken.iter().any(|(advance, _)| advance.finished_at.is_some()) {
        // What is fetched is verified next.
        app.signals.jobs.notify_one();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::{ClientId, FileId, JobId};
    use jiff::Timestamp;

    use super::{BLOCK, Download, Downloads, MOST_PARTS, PATIENCE};

    fn download(size: u64, sent: u64) -> Download {
        Download {
            id: 3,
            target: None,
            target_state: None,
            job: Some(JobId(7)),
            client: ClientId(1),
            file: FileId(1),
            name: "a".to_owned(),
            peer: "192.0.2.7".to_owned(),
            size,
            sent,
            started_at: None,
            finished_at: None,
            expires_at: Timestamp::MAX,
            failure: Some("old".to_owned()),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_what_follows_without_a_gap_counts() {
        let downloads = Arc::new(Downloads::default());
        let reader = downloads.begin(&download(100, 0), at(1));
        let other = downloads.begin(&download(100, 0), at(2));
        reader.handed_over(0, 30, at(3));
        other.handed_over(60, 100, at(3));
        other.handed_over(10, 20, at(3));
        let (advance, job) = downloads.take().pop().unwrap();
        assert_eq!((advance.sent, advance.started_at, advance.finished_at), (30, at(1), None));
        assert_eq!((job, advance.failure, downloads.readers()), (Some(JobId(7)), None, 2));
        assert!(downloads.take().is_empty(), "it is written down once");
        other.handed_over(30, 100, at(4));
        reader.failed("timed-out");
        drop((reader, other));
        let (advance, _) = downloads.take().pop().unwrap();
        assert_eq!((advance.sent, advance.finished_at), (100, Some(at(4))));
        assert_eq!(advance.failure, Some("timed-out"));
        downloads.sweep();
        assert!(downloads.tracks().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_node_has_handed_over_is_joined_to_what_follows_it() {
        let downloads = Arc::new(Downloads::default());
        // Nothing is written down yet of the first forty.
        let reader = downloads.begin(&download(100, 0), at(1));
        reader.handed_over(40, 70, at(2));
        reader.handed_over(70, 100, at(3));
        drop(reader);
        let taken = downloads.take();
        assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (0, None));
        downloads.sweep();
        assert_eq!(downloads.with_gaps(), [3]);
        downloads.learn(3, 30);
        assert_eq!(downloads.with_gaps(), [3], "ten are missing still");
        downloads.learn(3, 45);
        let taken = downloads.take();
        assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (100, Some(at(3))));
        assert!(downloads.with_gaps().is_empty());
        downloads.sweep();
        assert!(downloads.tracks().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_phone_that_goes_to_and_fro_has_a_part_of_each_visit() {
        let nodes = [Arc::new(Downloads::default()), Arc::new(Downloads::default())];
        // Nothing is written down before the last visit.
        for visit in 0..10 {
            let reader = nodes[visit as usize % 2].begin(&download(100, 0), at(visit));
            for piece in [visit as u64 * 10, visit as u64 * 10 + 5] {
                // Some of what was handed over did not arrive.
                reader.handed_over(piece.saturating_sub(2), piece + 5, at(visit));
            }
        }
        let mut written = 0;
        for round in 0..10 {
            let node = &nodes[round % 2];
            for id in node.with_gaps() {
                node.learn(id, written);
            }
            written = node.take().iter().map(|(advance, _)| advance.sent).fold(written, u64::max);
        }
        assert_eq!(written, 100);
        assert!(nodes.iter().all(|node| node.with_gaps().is_empty()));
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let downloads = Arc::new(Downloads::default());
        let reader = downloads.begin(&download(1_000_000, 0), at(1));
        for number in 1..1_000 {
            reader.handed_over(number * 100, number * 100 + 1, at(1));
        }
        assert_eq!(downloads.tracks().values().next().unwrap().beyond.parts.len(), MOST_PARTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_node_is_waited_for_as_long_as_it_goes_on() {
        let downloads = Arc::new(Downloads::default());
        let reader = downloads.begin(&download(100, 0), at(1));
        reader.handed_over(40, 100, at(2));
        drop(reader);
        downloads.take();
        for sent in (3..40).step_by(3) {
            // However often somebody looks meanwhile.
            for _ in 0..20 {
                downloads.learn(3, sent);
            }
            tokio::time::advance(PATIENCE * 3 / 4).await;
        }
        downloads.learn(3, 40);
        let taken = downloads.take();
        assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (100, Some(at(2))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_phone_that_leaves_something_out_is_not_waited_for_without_end() {
        let size = 3 * BLOCK;
        for (sent, from, counted) in [
            // Nothing of it was handed over, or more is missing than a piece.
            (0, 40, 0),
            (10, 11 + BLOCK, 10),
            // The last piece of a connection that broke off.
            (10, 10 + BLOCK, size),
        ] {
            let downloads = Arc::new(Downloads::default());
            let reader = downloads.begin(&download(size, 0), at(1));
            reader.handed_over(from, size, at(2));
            drop(reader);
            downloads.learn(3, sent);
            tokio::time::advance(PATIENCE - Duration::from_millis(1)).await;
            downloads.learn(3, sent);
            assert_eq!(downloads.with_gaps(), [3]);
            tokio::time::advance(Duration::from_millis(1)).await;
            downloads.learn(3, sent);
            assert!(downloads.with_gaps().is_empty());
            let taken = downloads.take();
            let finished_at = (counted == size).then(|| at(2));
            assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (counted, finished_at), "{sent} {from}");
            downloads.sweep();
            assert!(downloads.tracks().is_empty());
        }
    }

    #[test]
    fn what_another_node_wrote_down_meanwhile_counts_when_the_phone_comes_back() {
        let downloads = Arc::new(Downloads::default());
        let held = downloads.begin(&download(100, 0), at(1));
        held.handed_over(0, 30, at(1));
        let back = downloads.begin(&download(100, 70), at(2));
        back.handed_over(70, 100, at(3));
        let taken = downloads.take();
        assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (100, Some(at(3))));
    }

    #[test]
    fn a_download_goes_on_where_it_was() {
        let downloads = Arc::new(Downloads::default());
        let reader = downloads.begin(&download(100, 40), at(1));
        reader.handed_over(40, 100, at(2));
        let taken = downloads.take();
        assert_eq!(taken[0].0.finished_at, Some(at(2)));
        drop(reader);
        downloads.take();
        downloads.sweep();
        downloads.give_back(&taken);
        assert!(downloads.tracks().is_empty(), "what was forgotten is not written again");
    }

    #[test]
    fn an_empty_file_is_fetched_by_asking() {
        let downloads = Arc::new(Downloads::default());
        let _reader = downloads.begin(&download(0, 0), at(5));
        assert_eq!(downloads.take()[0].0.finished_at, Some(at(5)));
    }
}
