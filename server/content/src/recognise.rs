//! What a file is, from its first and last bytes.

use domain::file::{FileFacts, FileFormat};

use crate::bytes::array;
use crate::{firmware, picture, sound};

/// Bytes from the beginning of a file that are asked for.
pub const HEAD_BYTES: usize = 256 * 1024;
/// Bytes from the end of a file that are asked for.
pub const TAIL_BYTES: usize = 4 * 1024;

/// What is known of a file.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Its name; nothing is told from it here.
    pub name: &'a str,
    /// All its bytes.
    pub size: u64,
    /// Its first [`HEAD_BYTES`], or all of it when it is smaller.
    pub head: &'a [u8],
    /// Its last [`TAIL_BYTES`], or all of it when it is smaller.
    pub tail: &'a [u8],
}

/// What the content is. Looks at no more than [`HEAD_BYTES`] and [`TAIL_BYTES`], decodes nothing, and believes no name:
/// anything that is not surely something is [`FileFormat::Other`].
pub fn recognise(sample: &Sample<'_>) -> FileFacts {
    let head = sample.head.get(..HEAD_BYTES).unwrap_or(sample.head);
    let cut = sample.tail.len().saturating_sub(TAIL_BYTES);
    let sample = Sample { head, tail: sample.tail.get(cut..).unwrap_or(sample.tail), ..*sample };
    let firmware = |facts| FileFacts { firmware: Some(facts), ..FileFacts::plain(FileFormat::Firmware) };
    firmware::header(sample.head, sample.tail)
        .map(firmware)
        .or_else(|| picture::recognise(sample.head))
        .or_else(|| is_archive(sample.head).then(|| FileFacts::plain(FileFormat::Archive)))
        .or_else(|| sound::recognise(&sample))
        .or_else(|| is_text(&sample).then(|| FileFacts::plain(FileFormat::Text)))
        .or_else(|| firmware::mentioned(sample.head, sample.tail).map(firmware))
        .unwrap_or_else(|| FileFacts::plain(FileFormat::Other))
}

/// Whether it is something that must be unpacked first. The marks are those of the formats' own specifications.
fn is_archive(head: &[u8]) -> bool {
    const MARKS: [&[u8]; 13] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x07\x08",
        b"\x1f\x8b\x08",
        b"\xfd7zXZ\x00",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"LZIP",
        b"MSCF\x00\x00\x00\x00",
        b"xar!\x00\x1c",
        b"!<arch>\n",
    ];
    // bzip2 says the block size, then begins a block or ends.
    let bzip2 = array(head, 0) == Some(*b"BZh")
        && head.get(3).is_some_and(|size| matches!(size, b'1'..=b'9'))
        && array(head, 4)
            .is_some_and(|mark: [u8; 6]| mark == *b"1AY&SY" || mark == *b"\x17\x72\x45\x38\x50\x90");
    MARKS.iter().any(|mark| head.starts_with(mark)) || bzip2 || array(head, 257) == Some(*b"ustar")
}

/// Text in UTF-8 or Latin-1 without control characters, as far as it is known.
fn is_text(sample: &Sample<'_>) -> bool {
    if sample.head.is_empty() {
        return false;
    }
    let printable = |bytes: &[u8]| {
        bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..=0xff))
    };
    if !printable(sample.head) || !printable(sample.tail) {
        return false;
    }
    let utf8 = match std::str::from_utf8(sample.head) {
        Ok(text) => !text.contains(|letter: char| matches!(letter, '\u{80}'..='\u{9f}')),
        // A letter may be cut in two at the end of what is known.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    // In Latin-1 0x80 to 0x9f are control characters, and a text in a Western language is mostly ASCII.
    let latin1 = || {
        let high = sample.head.iter().filter(|byte| **byte >= 0x80).count();
        !sample.head.iter().any(|byte| matches!(byte, 0x80..=0x9f)) && high * 3 < sample.head.len()
    };
    utf8 || latin1()
}

#[cfg(test)]
mod tests;
