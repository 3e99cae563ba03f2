//! SHA-256 of a file before it is sent, so that the server can tell whether what arrived is what was chosen. The browser's
//! own digest takes nothing but what is in memory as a whole; here the file is read slice by slice.

use std::fmt::Write as _;

use js_sys::Uint8Array;
use sha2::{Digest as _, Sha256};
use wasm_bindgen_futures::JsFuture;

/// Bytes that are read and hashed at once. The page stands still while they are hashed: some 20 ms.
const SLICE: u64 = 2 * 1_024 * 1_024;

/// What came of reading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Summed {
    /// Its SHA-256, in small hexadecimal digits.
    Is(String),
    /// Nobody wants it any more.
    Unwanted,
    /// The browser cannot read it: it was changed, moved or taken away since it was chosen.
    Unreadable,
}

/// Works out the SHA-256 of a file. Before each slice `goes_on` is told how many bytes are done, and says whether the
/// rest is still wanted. Other things of the page have their turn between two slices, because each is read by the browser
/// outside of the page.
pub(super) async fn sum(file: &web_sys::Blob, size: u64, goes_on: impl Fn(u64) -> bool) -> Summed {
    let mut hasher = Sha256::new();
    for (from, until) in slices(size) {
        if !goes_on(from) {
            return Summed::Unwanted;
        }
        let Some(bytes) = read(file, from, until).await else { return Summed::Unreadable };
        hasher.update(&bytes);
    }
    if goes_on(size) { Summed::Is(digits(&hasher.finalize())) } else { Summed::Unwanted }
}

/// Beginnings and ends of the slices of a file, in order.
fn slices(size: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..size.div_ceil(SLICE)).map(move |number| (number * SLICE, ((number + 1) * SLICE).min(size)))
}

/// Bytes of a file; nothing when they are not there.
async fn read(file: &web_sys::Blob, from: u64, until: u64) -> Option<Vec<u8>> {
    #[expect(clippy::cast_precision_loss, reason = "files are far below 2^53 bytes")]
    let slice = file.slice_with_f64_and_f64(from as f64, until as f64).ok()?;
    let buffer = JsFuture::from(slice.array_buffer()).await.ok()?;
    let bytes = Uint8Array::new(&buffer).to_vec();
    (bytes.len() as u64 == until - from).then_some(bytes)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{SLICE, digits, slices};
    use sha2::{Digest as _, Sha256};

    #[test]
    fn slices_are_the_whole_file_and_nothing_twice() {
        assert_eq!(slices(0).count(), 0);
        assert_eq!(slices(1).collect::<Vec<_>>(), [(0, 1)]);
        assert_eq!(slices(SLICE).collect::<Vec<_>>(), [(0, SLICE)]);
        assert_eq!(slices(SLICE + 1).collect::<Vec<_>>(), [(0, SLICE), (SLICE, SLICE + 1)]);
        let many: Vec<_> = slices(9 * SLICE + 7).collect();
        assert!(many.windows(2).all(|two| two[0].1 == two[1].0));
        assert_eq!(many.last(), Some(&(9 * SLICE, 9 * SLICE + 7)));
    }

    #[test]
    fn the_checksum_is_written_as_the_server_compares_it() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        let mut sliced = Sha256::new();
        bytes.chunks(333).for_each(|slice| sliced.update(slice));
        assert_eq!(digits(&sliced.finalize()), digits(&Sha256::digest(&bytes)));
        // FIPS 180-4, the example of one block.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digits(&Sha256::digest(b"abc")), known);
    }
}
