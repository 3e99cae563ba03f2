//! Sounds: WAVE, Standard MIDI and MPEG audio layer III. Only headers are read.

use domain::file::{FileFacts, FileFormat};

use crate::bytes::{array, u16_be, u16_le, u32_be, u32_le};
use crate::recognise::Sample;

/// Most chunks of a WAVE file that are looked at.
const MOST_CHUNKS: usize = 100;

/// The facts of a sound; `None` when it is none.
pub(crate) fn recognise(sample: &Sample<'_>) -> Option<FileFacts> {
    wave(sample).or_else(|| midi(sample.head)).or_else(|| mp3(sample))
}

fn sound(format: FileFormat, milliseconds: Option<u64>) -> FileFacts {
    FileFacts { milliseconds, ..FileFacts::plain(format) }
}

fn wave(sample: &Sample<'_>) -> Option<FileFacts> {
    let head = sample.head;
    if array(head, 0)? != *b"RIFF" || array(head, 8)? != *b"WAVE" {
        return None;
    }
    Some(sound(FileFormat::Wav, wave_length(sample)))
}

/// Length of the data by the bytes a second that the format names.
fn wave_length(sample: &Sample<'_>) -> Option<u64> {
    let head = sample.head;
    let mut at = 12_usize;
    let mut rate = None;
    for _ in 0..MOST_CHUNKS {
        let kind: [u8; 4] = array(head, at)?;
        let length = u32_le(head, at + 4)?;
        match &kind {
            b"fmt " => {
                u16_le(head, at + 8)?;
                rate = u32_le(head, at + 16).filter(|rate| *rate > 0);
            }
            // Streams that do not know their length yet say 0 or the largest number.
            b"data" => {
                let rest = sample.size.saturating_sub(u64::try_from(at + 8).ok()?);
                let length = if length == 0 { rest } else { u64::from(length).min(rest) };
                return Some(length.saturating_mul(1000) / u64::from(rate?));
            }
            _ => {}
        }
        let length = usize::try_from(length).ok()?;
        at = at.checked_add(8)?.checked_add(length)?.checked_add(length % 2)?;
    }
    None
}

fn midi(head: &[u8]) -> Option<FileFacts> {
    let header = array(head, 0)? == *b"MThd" && u32_be(head, 4)? == 6 && u16_be(head, 8)? <= 2;
    header.then(|| sound(FileFormat::Midi, None))
}

/// A frame of MPEG audio layer III.
#[derive(Clone, Copy)]
struct Frame {
    /// The bits that stay the same in a file: version, layer, sampling rate.
    kind: u16,
    bits_per_second: u64,
    samples_per_second: u64,
    samples: u64,
    length: usize,
    /// From the frame's beginning to the place of an Info header.
    info_at: usize,
}

fn mp3(sample: &Sample<'_>) -> Option<FileFacts> {
    let head = sample.head;
    let Some(start) = after_tag(head) else {
        return two_frames(head, 0, sample.size)
            .map(|frame| sound(FileFormat::Mp3, frame_time(sample, frame, 0)));
    };
    // A cover picture may be longer than what is known of the file; the tag is believed then.
    if start >= head.len() {
        let rest = u64::try_from(start).is_ok_and(|start| start < sample.size);
        return rest.then(|| sound(FileFormat::Mp3, None));
    }
    // Some writers pad behind the tag.
    let padding = head.get(start..)?.iter().take(4096).take_while(|byte| **byte == 0).count();
    let start = start + padding;
    let frame = two_frames(head, start, sample.size)?;
    Some(sound(FileFormat::Mp3, frame_time(sample, frame, start)))
}

/// Where the sound begins after an ID3v2 tag; `None` without one.
fn after_tag(head: &[u8]) -> Option<usize> {
    let tag: [u8; 10] = array(head, 0)?;
    let [b'I', b'D', b'3', major, minor, flags, a, b, c, d] = tag else { return None };
    if major == 0xff || minor == 0xff || [a, b, c, d].iter().any(|byte| *byte >= 0x80) {
        return None;
    }
    let length = [a, b, c, d].iter().fold(0_usize, |length, byte| (length << 7) | usize::from(*byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + length + footer)
}

/// A frame with one of the same kind behind it: a single one is met in any long row of bytes.
fn two_frames(head: &[u8], at: usize, size: u64) -> Option<Frame> {
    let first = frame(head, at)?;
    let next = at.checked_add(first.length)?;
    match frame(head, next) {
        Some(second) => (second.kind == first.kind).then_some(first),
        // Only when the rest of the head is too short to have it, and the file goes on.
        None => (next + 4 > head.len() && u64::try_from(next).is_ok_and(|next| next < size) && at > 0)
            .then_some(first),
    }
}

fn frame(head: &[u8], at: usize) -> Option<Frame> {
    const RATES_1: [u64; 16] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
    const RATES_2: [u64; 16] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];
    let [a, b, c, d] = array(head, at)?;
    if a != 0xff || b & 0xe6 != 0xe2 {
        return None;
    }
    let version = (b >> 3) & 3;
    let (rates, samples, base) = match version {
        3 => (RATES_1, 1152, [44_100, 48_000, 32_000]),
        2 => (RATES_2, 576, [22_050, 24_000, 16_000]),
        0 => (RATES_2, 576, [11_025, 12_000, 8_000]),
        _ => return None,
    };
    let bits_per_second = rates.get(usize::from(c >> 4)).copied().filter(|rate| *rate > 0)? * 1000;
    let samples_per_second = base.get(usize::from((c >> 2) & 3)).copied()?;
    let padding = u64::from((c >> 1) & 1);
    let length = samples / 8 * bits_per_second / samples_per_second + padding;
    let mono = d >> 6 == 3;
    let info_at = match (version, mono) {
        (3, false) => 36,
        (3, true) | (_, false) => 21,
        (_, true) => 13,
    };
    Some(Frame {
        kind: u16::from(b & 0xfe) << 8 | u16::from(c & 0x0c),
        bits_per_second,
        samples_per_second,
        samples,
        length: usize::try_from(length).ok()?,
        info_at,
    })
}

/// Length of the sound: by the frames an Info header counts, else as if all frames had the rate of the first.
fn frame_time(sample: &Sample<'_>, frame: Frame, at: usize) -> Option<u64> {
    let info = at + frame.info_at;
    let marked = array(sample.head, info).is_some_and(|word| word == *b"Xing" || word == *b"Info");
    let counted = u32_be(sample.head, info + 4).is_some_and(|flags| flags & 1 != 0);
    if marked && counted {
        let frames = u64::from(u32_be(sample.head, info + 8)?);
        return Some(frames.saturating_mul(frame.samples * 1000) / frame.samples_per_second);
    }
    let tag = sample.tail.len().checked_sub(128).and_then(|at| array(sample.tail, at)) == Some(*b"TAG");
    let bytes = sample.size.saturating_sub(u64::try_from(at).ok()?).saturating_sub(if tag { 128 } else { 0 });
    Some(bytes.saturating_mul(8000) / frame.bits_per_second)
}
