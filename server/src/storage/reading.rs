//! The content of an object on its way: exactly the bytes that were announced, or an error at the end of it.

use std::fmt;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::{Fault, StorageError};

/// A piece of content.
pub type Bytes = bytes::Bytes;

/// The content of an object, or a range of it.
pub struct Reading {
    /// Size of the whole object, in bytes.
    pub size: u64,
    /// Bytes that [`Reading::bytes`] gives.
    pub length: u64,
    /// What the provider says that changes with the content ([`super::Object::tag`]).
    pub tag: Option<String>,
    /// The bytes: `length` of them, or an error as the last thing ([`Fault::LiedAboutLength`] when there are fewer
    /// or more). Dropping it ends the transfer.
    pub bytes: BoxStream<'static, Result<Bytes, StorageError>>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("size", &self.size)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Reading {
    /// All of it in memory, when it is not more than `most` bytes.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] before anything is read when it is more, and what goes wrong on the way.
    pub async fn collect(mut self, most: u64) -> Result<Vec<u8>, StorageError> {
        if self.length > most {
            return Err(Fault::TooLarge.into());
        }
        let mut all = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0));
        while let Some(piece) = self.bytes.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

/// Where the next piece comes from: `None` at the end.
pub(super) trait Source: Send + 'static {
    /// The next piece.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, StorageError>> + Send;
}

/// What of a source is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Bytes that come before what is wanted: from a server that sends everything though a range was asked for.
    pub(super) skip: u64,
    /// Bytes that are wanted.
    pub(super) take: u64,
    /// Whether nothing may come after them.
    pub(super) to_the_end: bool,
}

/// The wanted bytes of a source, neither fewer nor more.
pub(super) fn exactly(
    source: impl Source,
    wanted: Wanted,
) -> BoxStream<'static, Result<Bytes, StorageError>> {
    let state = Some((source, wanted));
    stream::unfold(state, |state| async move {
        let (mut source, mut wanted) = state?;
        loop {
            if wanted.take == 0 && !wanted.to_the_end {
                return None;
            }
            match source.next().await {
                Err(error) => return Some((Err(error), None)),
                Ok(None) if wanted.take == 0 && wanted.skip == 0 => return None,
                Ok(None) => {
                    return Some((Err(StorageError::new(Fault::LiedAboutLength, "it ended early")), None));
                }
                Ok(Some(mut piece)) => {
                    // A piece is never longer than memory, so its length fits.
                    let skipped = usize::try_from(wanted.skip).unwrap_or(usize::MAX).min(piece.len());
                    wanted.skip -= skipped as u64;
                    let _ = piece.split_to(skipped);
                    let room = usize::try_from(wanted.take).unwrap_or(usize::MAX);
                    if piece.len() > room {
                        if wanted.to_the_end {
                            return Some((
                                Err(StorageError::new(Fault::LiedAboutLength, "more bytes than announced")),
                                None,
                            ));
                        }
                        piece.truncate(room);
                    }
                    if piece.is_empty() {
                        continue;
                    }
                    wanted.take -= piece.len() as u64;
                    return Some((Ok(piece), Some((source, wanted))));
                }
            }
        }
    })
    .fuse()
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Source, Wanted, exactly};
    use crate::storage::{Fault, StorageError};
    use futures_util::StreamExt;
    use proptest::prelude::{any, proptest};

    struct Pieces(std::vec::IntoIter<Vec<u8>>);

    impl Source for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
            Ok(self.0.next().map(Bytes::from))
        }
    }

    fn read(pieces: Vec<Vec<u8>>, wanted: Wanted) -> Result<Vec<u8>, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut stream = exactly(Pieces(pieces.into_iter()), wanted);
            let mut all = Vec::new();
            while let Some(piece) = stream.next().await {
                all.extend_from_slice(&piece.map_err(|error| error.fault())?);
            }
            Ok(all)
        })
    }

    proptest! {
        #[test]
        fn exactly_what_is_wanted_comes_or_an_error(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..8),
            skip in 0_u64..40,
            take in 0_u64..80,
            to_the_end in any::<bool>(),
        ) {
            let whole = pieces.concat();
            let length = whole.len() as u64;
            let found = read(pieces, Wanted { skip, take, to_the_end });
            let fits = if to_the_end { skip + take == length } else { take == 0 || skip + take <= length };
            if fits {
                let from = usize::try_from(skip.min(length)).expect("small");
                let count = usize::try_from(take).expect("small");
                assert_eq!(found, Ok(whole[from..][..count].to_vec()));
            } else {
                assert_eq!(found, Err(Fault::LiedAboutLength));
            }
        }
    }
}
