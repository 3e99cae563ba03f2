//! How far phones are with what they fetch, as seen from here: kept in memory, written down from time to time in one
//! transaction for all.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::JobId;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::App;
use crate::events::{Change, Resource};
use crate::store::StoreResult;
use crate::store::downloads::{self, Advance, Download};

/// One download, shared by all requests for it.
#[derive(Debug)]
struct Track {
    advance: Advance,
    job: Option<JobId>,
    size: u64,
    /// Bytes handed over beyond a gap: the phone has gone on here with what it began at another node.
    beyond: Option<Beyond>,
    /// Requests being answered.
    readers: usize,
    /// Whether something is not written down yet.
    dirty: bool,
}

/// Bytes that follow what another node has handed over, when it has.
#[derive(Clone, Copy, Debug)]
struct Beyond {
    from: u64,
    to: u64,
    at: Timestamp,
    /// How often it is still asked whether the other node has written down its part.
    looks: u32,
}

/// Looks for the part of another node, which writes down every two seconds how far it is.
const LOOKS: u32 = 5;

impl Track {
    /// Counts bytes that are with the network; `true` when they were the last ones.
    fn count(&mut self, begin: u64, end: u64, at: Timestamp) -> bool {
        if begin <= self.advance.sent && end > self.advance.sent {
            self.advance.sent = end.min(self.size);
        }
        if let Some(beyond) = self.beyond.take_if(|beyond| beyond.from <= self.advance.sent) {
            self.advance.sent = self.advance.sent.max(beyond.to.min(self.size));
        }
        if self.advance.sent == self.size && self.advance.finished_at.is_none() {
            self.advance.finished_at = Some(at);
            return true;
        }
        false
    }

    /// Another node has written down that it has handed over so much.
    fn learn(&mut self, sent: u64) {
        let Some(Beyond { at, looks, .. }) = self.beyond else { return };
        self.count(0, sent, at);
        if let Some(beyond) = &mut self.beyond {
            beyond.looks = looks.saturating_sub(1);
        }
        // Gives up a part that nobody has handed over.
        self.beyond.take_if(|beyond| beyond.looks == 0);
        self.dirty = true;
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
                finished_at: download.finished_at,
                failure: None,
            },
            job: download.job,
            size: download.size,
            beyond: None,
            readers: 0,
            dirty: true,
        });
        track.readers += 1;
        track.advance.failure = None;
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

    #[cfg(test)]
    pub(super) fn sent(&self, id: i64) -> u64 {
        self.tracks().get(&id).map_or(0, |track| track.advance.sent)
    }

    /// Downloads of which a part may have been handed over by another node.
    fn with_gaps(&self) -> Vec<i64> {
        let tracks = self.tracks();
        tracks.iter().filter(|(_, track)| track.beyond.is_some()).map(|(id, _)| *id).collect()
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
        self.tracks().retain(|_, track| track.dirty || track.readers > 0 || track.beyond.is_some());
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
            over = track.count(begin, end, at);
            if begin > track.advance.sent {
                let known = track.beyond.filter(|known| known.from <= begin && begin <= known.to);
                let from = known.map_or(begin, |known| known.from);
                track.beyond = Some(Beyond { from, to: end, at, looks: LOOKS });
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

    use domain::{ClientId, FileId, JobId};
    use jiff::Timestamp;

    use super::{Download, Downloads};

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

    #[test]
    fn what_another_node_has_handed_over_is_joined_to_what_follows_it() {
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

        // A phone that leaves something out is not waited for without end.
        let reader = downloads.begin(&download(100, 0), at(1));
        reader.handed_over(40, 100, at(2));
        drop(reader);
        for _ in 0..super::LOOKS {
            assert_eq!(downloads.with_gaps(), [3]);
            downloads.learn(3, 0);
        }
        assert!(downloads.with_gaps().is_empty());
        let taken = downloads.take();
        assert_eq!((taken[0].0.sent, taken[0].0.finished_at), (0, None));
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
