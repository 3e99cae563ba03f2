//! Bodies that may be long: they take as long as they need, but not as long as somebody likes. Others have 30 seconds
//! for all of it ([`super::extract`]).

use std::error::Error;
use std::time::Duration;

use api::Code;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use crate::app::{AppError, AppResult};

/// Time in which [`LEAST`] bytes must arrive.
const WINDOW: Duration = Duration::from_secs(30);

/// Bytes that must arrive in each [`WINDOW`].
const LEAST: usize = 16 * 1024;

/// The bytes of a body, which must keep a pace.
pub(super) fn paced(body: Body) -> impl Stream<Item = AppResult<Bytes>> + Send + Unpin {
    Box::pin(at_pace(body.into_data_stream(), WINDOW, LEAST))
}

fn at_pace<E: Error>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
    window: Duration,
    least: usize,
) -> impl Stream<Item = AppResult<Bytes>> {
    let begun = (bytes, Instant::now() + window, 0, false);
    stream::unfold(begun, move |(mut bytes, mut end, mut came, over)| async move {
        if over {
            return None;
        }
        let (piece, over) = match timeout_at(end, bytes.next()).await {
            Err(_) => {
                let text = "The bytes come too slowly.";
                (Err(AppError::new(Code::RequestTimeout, text)), true)
            }
            Ok(None) => return None,
            Ok(Some(Err(_))) => {
                let text = "The body did not arrive completely.";
                (Err(AppError::new(Code::MalformedRequest, text)), true)
            }
            Ok(Some(Ok(piece))) => {
                came += piece.len();
                if came >= least {
                    (came, end) = (0, Instant::now() + window);
                }
                (Ok(piece), false)
            }
        };
        Some((piece, (bytes, end, came, over)))
    })
}

#[cfg(test)]
mod tests {
    use super::at_pace;
    use api::Code;
    use bytes::Bytes;
    use futures_util::{StreamExt as _, stream};
    use std::convert::Infallible;
    use std::time::Duration;

    const WINDOW: Duration = Duration::from_secs(30);

    /// A piece of ten bytes each time so many seconds have passed.
    fn every(seconds: u64, pieces: usize) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + Unpin {
        Box::pin(stream::iter(0..pieces).then(move |_| async move {
            // Time is paused: it passes at once.
            let _ = tokio::time::timeout(Duration::from_secs(seconds), std::future::pending::<()>()).await;
            Ok(Bytes::from_static(b"0123456789"))
        }))
    }

    #[tokio::test]
    async fn who_keeps_the_pace_may_take_hours() {
        tokio::time::pause();
        let pieces: Vec<_> = at_pace(every(10, 1_000), WINDOW, 20).collect().await;
        assert_eq!(pieces.len(), 1_000);
        assert!(pieces.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn bytes_that_trickle_are_not_waited_for() {
        tokio::time::pause();
        let pieces: Vec<_> = at_pace(every(10, 1_000), WINDOW, 100).collect().await;
        assert!(pieces.len() <= 4, "{}", pieces.len());
        assert_eq!(pieces.last().unwrap().as_ref().unwrap_err().code(), Code::RequestTimeout);
    }

    #[tokio::test]
    async fn silence_ends_at_the_end_of_the_window() {
        tokio::time::pause();
        let pieces: Vec<_> = at_pace(every(31, 1), WINDOW, 1).collect().await;
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].is_err());
    }
}
