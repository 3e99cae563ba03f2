//! The body of an answer: pieces of a file, as large as who reads it is quick, each taken from the shared bandwidth.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::blocks::BLOCK;
use super::contents::Contents;
use super::error::ContentsError;
use super::progress::Reader;
use super::throttle::Throttle;
use crate::clock::Clock;
use crate::status::causes;

/// Smallest piece, in bytes: one TLS record. A slow phone keeps no more than that in memory.
const SMALLEST: u64 = 16 * 1024;

/// Who takes a piece in less than this gets twice as much the next time, who needs ten times as long half.
const QUICK: Duration = Duration::from_millis(40);

/// Size of the next piece, by how quick the last ones were taken.
#[derive(Clone, Copy, Debug)]
struct Pace(u64);

impl Pace {
    fn taken_in(&mut self, time: Duration) {
        if time < QUICK {
            self.0 = (self.0 * 2).min(BLOCK);
        } else if time > QUICK * 10 {
            self.0 = (self.0 / 2).max(SMALLEST);
        }
    }
}

/// What belongs to a phone's download: its share of the bandwidth, and how far it is.
pub(super) struct Watched {
    pub(super) reader: Reader,
    pub(super) throttle: Arc<Throttle>,
    pub(super) clock: Clock,
}

/// Hands out the pieces.
struct Pieces {
    contents: Contents,
    at: u64,
    end: u64,
    pace: Pace,
    /// The piece that was handed out last, and when.
    last: Option<(Range<u64>, Instant)>,
    watched: Option<Watched>,
}

impl Pieces {
    /// Who asks for another piece has passed the last one on to the network.
    fn settle(&mut self) {
        let Some((range, given)) = self.last.take() else { return };
        self.pace.taken_in(given.elapsed());
        if let Some(watched) = &self.watched {
            watched.reader.handed_over(range.start, range.end, watched.clock.now());
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ContentsError> {
        self.settle();
        if self.at >= self.end {
            return Ok(None);
        }
        let throttle = self.watched.as_ref().map(|watched| Arc::clone(&watched.throttle));
        let most = throttle.as_ref().and_then(|throttle| throttle.piece()).unwrap_or(BLOCK).min(self.pace.0);
        // The last piece is a small one: when it is asked for, all but that is with the network.
        let before_last = (self.end - self.at).saturating_sub(SMALLEST);
        let most = if before_last > 0 { most.min(before_last) } else { most };
        let end = self.contents.wait(self.at, most, self.end).await?;
        if let Some(throttle) = throttle {
            // Before the disk is read: what waits for its turn holds no memory.
            throttle.take(end - self.at).await;
        }
        let bytes = self.contents.piece(self.at, end).await?;
        if self.pace.0 == BLOCK && end < self.end && end.is_multiple_of(BLOCK) {
            self.contents.ahead(end);
        }
        self.last = Some((self.at..end, Instant::now()));
        self.at = end;
        Ok(Some(bytes))
    }

    async fn step(mut self) -> Result<Option<(Bytes, Self)>, ContentsError> {
        match self.next().await {
            Ok(bytes) => Ok(bytes.map(|bytes| (bytes, self))),
            Err(error) => {
                tracing::warn!(at = self.at, error = causes(&error), "a file broke off while it was sent");
                if let Some(watched) = &self.watched {
                    watched.reader.failed(error.code());
                }
                Err(error)
            }
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // The HTTP library asks for nothing after the last piece: it has it, or the connection is gone.
        if self.at >= self.end {
            self.settle();
        }
    }
}

/// A body of exactly the announced length, or one that breaks off.
pub struct FileBody {
    pieces: Option<BoxStream<'static, Result<Bytes, ContentsError>>>,
    remaining: u64,
}

impl FileBody {
    /// None at all.
    pub fn empty() -> Self {
        Self { pieces: None, remaining: 0 }
    }

    pub(super) fn new(contents: Contents, range: Range<u64>, watched: Option<Watched>) -> Self {
        let remaining = range.end.saturating_sub(range.start);
        let pieces =
            Pieces { contents, at: range.start, end: range.end, pace: Pace(SMALLEST), last: None, watched };
        Self { pieces: Some(Box::pin(stream::try_unfold(pieces, Pieces::step))), remaining }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = ContentsError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentsError>>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        let piece = ready!(pieces.as_mut().poll_next(context));
        match &piece {
            Some(Ok(bytes)) => self.remaining = self.remaining.saturating_sub(bytes.len() as u64),
            Some(Err(_)) | None => self.pieces = None,
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        // Not when the last piece was given: it is with the network only when the next one is asked for.
        self.pieces.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::{ClientId, FileId};
    use http_body::Body as _;
    use http_body_util::BodyExt as _;
    use jiff::Timestamp;
    use tokio::sync::watch;

    use super::super::blocks::Blocks;
    use super::super::contents::{Growth, Handle};
    use super::super::progress::Downloads;
    use super::{BLOCK, Contents, ContentsError, FileBody, Pace, QUICK, SMALLEST, Throttle, Watched};
    use crate::clock::Clock;
    use crate::store::downloads::Download;

    fn sample(length: u64) -> Vec<u8> {
        (0..length).map(|at| (at % 249) as u8).collect()
    }

    fn contents(content: &[u8], growth: Option<watch::Receiver<Growth>>) -> Contents {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let size = content.len() as u64;
        let handle = match growth {
            Some(growth) => Handle::growing(file, size, growth),
            None => Handle::whole(file, size),
        };
        Contents::new(Arc::new(handle), &Arc::new(Blocks::default()))
    }

    fn watched(downloads: &Arc<Downloads>, size: u64, rate: u64) -> Watched {
        let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
        let download = Download {
            id: 1,
            target: None,
            target_state: None,
            job: None,
            client: ClientId(1),
            file: FileId(1),
            name: "a".to_owned(),
            peer: String::new(),
            size,
            sent: 0,
            started_at: None,
            finished_at: None,
            expires_at: Timestamp::MAX,
            failure: None,
        };
        let reader = downloads.begin(&download, clock.now());
        Watched { reader, throttle: Arc::new(Throttle::new(rate)), clock }
    }

    #[tokio::test]
    async fn a_body_has_exactly_its_range_and_tells_what_was_taken() {
        let content = sample(3 * BLOCK + 5_000);
        let size = content.len() as u64;
        let downloads = Arc::new(Downloads::default());
        for (begin, end) in [(0, size), (0, 0), (1, 2), (BLOCK - 1, BLOCK + 1), (70_000, 3 * BLOCK + 1)] {
            let body =
                FileBody::new(contents(&content, None), begin..end, Some(watched(&downloads, size, 0)));
            assert_eq!(body.size_hint().exact(), Some(end - begin));
            let bytes = body.collect().await.unwrap().to_bytes();
            assert_eq!(bytes, content[begin as usize..end as usize], "{begin} to {end}");
        }
        assert_eq!(downloads.sent(1), size);
        assert_eq!(downloads.readers(), 0);
    }

    #[tokio::test]
    async fn a_piece_counts_when_the_next_one_is_asked_for() {
        let content = sample(BLOCK);
        let downloads = Arc::new(Downloads::default());
        let mut body = FileBody::new(contents(&content, None), 0..BLOCK, Some(watched(&downloads, BLOCK, 0)));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap().len() as u64;
        assert_eq!((first, downloads.sent(1)), (SMALLEST, 0));
        body.frame().await.unwrap().unwrap();
        assert_eq!(downloads.sent(1), SMALLEST);
        drop(body);
        assert_eq!((downloads.sent(1), downloads.readers()), (SMALLEST, 0), "the phone has gone away");
    }

    #[tokio::test]
    async fn a_body_whose_file_proves_wrong_breaks_off_before_its_last_byte() {
        let content = sample(BLOCK);
        let downloads = Arc::new(Downloads::default());
        let (grow, growth) = watch::channel(Growth { written: BLOCK, over: None });
        let contents = contents(&content, Some(growth));
        // Also a part from the middle is given whole only of a file that is right.
        for range in [0..BLOCK, 100..200] {
            let length = range.end - range.start;
            let mut body = FileBody::new(contents.clone(), range, Some(watched(&downloads, BLOCK, 0)));
            let mut got = 0;
            while got < length - 1 {
                got += body.frame().await.unwrap().unwrap().into_data().unwrap().len() as u64;
            }
            assert_eq!(got, length - 1);
            assert!(futures_util::poll!(body.frame()).is_pending());
            grow.send_modify(|growth| growth.over = Some(Err(ContentsError::WrongContent)));
            assert!(body.frame().await.unwrap().is_err());
            assert!(body.frame().await.is_none());
            grow.send_modify(|growth| growth.over = None);
        }
        assert!(downloads.sent(1) < BLOCK);
    }

    #[tokio::test(start_paused = true)]
    async fn phones_share_the_limit_alike() {
        let content = sample(500_000);
        let contents = contents(&content, None);
        let downloads = Arc::new(Downloads::default());
        let throttle = Arc::new(Throttle::new(1_000_000));
        let begin = tokio::time::Instant::now();
        let fetches: Vec<_> = (0..10)
            .map(|_| {
                let watched = Watched { throttle: Arc::clone(&throttle), ..watched(&downloads, 500_000, 0) };
                let body = FileBody::new(contents.clone(), 0..500_000, Some(watched));
                tokio::spawn(async move {
                    body.collect().await.unwrap();
                    begin.elapsed().as_secs_f64()
                })
            })
            .collect();
        let mut ends = Vec::new();
        for fetch in fetches {
            ends.push(fetch.await.unwrap());
        }
        for end in &ends {
            assert!((4.5..5.3).contains(end), "5 MB at 1 MB/s: {ends:?}");
        }
    }

    #[test]
    fn pieces_grow_for_the_quick_and_shrink_for_the_slow() {
        let mut pace = Pace(SMALLEST);
        for _ in 0..9 {
            pace.taken_in(Duration::ZERO);
        }
        assert_eq!(pace.0, BLOCK);
        pace.taken_in(QUICK * 2);
        assert_eq!(pace.0, BLOCK);
        for _ in 0..9 {
            pace.taken_in(QUICK * 11);
        }
        assert_eq!(pace.0, SMALLEST);
    }
}
