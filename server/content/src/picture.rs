//! Pictures: their headers, never their pixels. What a header claims is a fact here, however large it is.

use domain::file::{FileFacts, FileFormat, PictureFacts};

use crate::bytes::{array, u16_be, u16_le, u32_be, u32_le};

/// Most segments of a JPEG that are passed before its size.
const MOST_SEGMENTS: usize = 1_000;

/// The facts of a picture; `None` when it is none, or its header does not say its size.
pub(crate) fn recognise(head: &[u8]) -> Option<FileFacts> {
    let (format, picture) = [png, jpeg, bmp, gif, webp].into_iter().find_map(|read| read(head))?;
    if picture.width == 0 || picture.height == 0 {
        return None;
    }
    Some(FileFacts { picture: Some(picture), ..FileFacts::plain(format) })
}

type Found = Option<(FileFormat, PictureFacts)>;

fn png(head: &[u8]) -> Found {
    if array(head, 0)? != *b"\x89PNG\r\n\x1a\n" || u32_be(head, 8)? != 13 || array(head, 12)? != *b"IHDR" {
        return None;
    }
    let [depth, colour] = array(head, 24)?;
    let channels: u16 = match colour {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return None,
    };
    if !matches!(depth, 1 | 2 | 4 | 8 | 16) {
        return None;
    }
    let (width, height) = (u32_be(head, 16)?, u32_be(head, 20)?);
    Some((FileFormat::Png, PictureFacts { width, height, bits: u16::from(depth) * channels }))
}

/// Walks the segments to the one that begins the frame (ITU-T T.81 B.1.1.3), so that the small picture inside EXIF data
/// is not taken for the picture.
fn jpeg(head: &[u8]) -> Found {
    if array(head, 0)? != [0xff, 0xd8, 0xff] {
        return None;
    }
    let mut at = 2_usize;
    for _ in 0..MOST_SEGMENTS {
        let [mark, kind] = array(head, at)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // Fill bytes, and marks without a segment.
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            0xd8 | 0xd9 | 0xda | 0x00 => return None,
            0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) => {
                let [precision] = array(head, at + 4)?;
                let [components] = array(head, at + 9)?;
                let (height, width) = (u16_be(head, at + 5)?, u16_be(head, at + 7)?);
                let bits = u16::from(precision) * u16::from(components);
                let picture = PictureFacts { width: width.into(), height: height.into(), bits };
                return Some((FileFormat::Jpeg, picture));
            }
            _ => {
                let length = usize::from(u16_be(head, at + 2)?);
                if length < 2 {
                    return None;
                }
                at = at.checked_add(2)?.checked_add(length)?;
            }
        }
    }
    None
}

fn bmp(head: &[u8]) -> Found {
    if array(head, 0)? != *b"BM" {
        return None;
    }
    let header = u32_le(head, 14)?;
    let (width, height, planes, bits) = match header {
        12 => (u16_le(head, 18)?.into(), u16_le(head, 20)?.into(), u16_le(head, 22)?, u16_le(head, 24)?),
        40..=256 => {
            let (width, height) = (u32_le(head, 18)?.cast_signed(), u32_le(head, 22)?.cast_signed());
            // A negative height is a picture from top to bottom; a negative width is nothing.
            let width = u32::try_from(width).ok()?;
            (width, height.unsigned_abs(), u16_le(head, 26)?, u16_le(head, 28)?)
        }
        _ => return None,
    };
    let known = planes == 1 && matches!(bits, 1 | 2 | 4 | 8 | 16 | 24 | 32);
    known.then_some((FileFormat::Bmp, PictureFacts { width, height, bits }))
}

fn gif(head: &[u8]) -> Found {
    let version: [u8; 6] = array(head, 0)?;
    if version != *b"GIF87a" && version != *b"GIF89a" {
        return None;
    }
    let (width, height) = (u16_le(head, 6)?, u16_le(head, 8)?);
    let [flags] = array(head, 10)?;
    // Without a table for all pictures each one brings its own, of up to 8 bits.
    let bits = if flags & 0x80 == 0 { 8 } else { u16::from(flags & 7) + 1 };
    Some((FileFormat::Gif, PictureFacts { width: width.into(), height: height.into(), bits }))
}

fn webp(head: &[u8]) -> Found {
    if array(head, 0)? != *b"RIFF" || array(head, 8)? != *b"WEBP" {
        return None;
    }
    let (width, height, bits) = match &array::<4>(head, 12)? {
        // A key frame (RFC 6386 §9.1): start code, 14 bits each and 2 bits of scale.
        b"VP8 " if array(head, 23)? == [0x9d, 0x01, 0x2a] => {
            (u32::from(u16_le(head, 26)? & 0x3fff), u32::from(u16_le(head, 28)? & 0x3fff), 24)
        }
        b"VP8L" if array(head, 20)? == [0x2f] => {
            let packed = u32_le(head, 21)?;
            let bits = if packed & (1 << 28) == 0 { 24 } else { 32 };
            ((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1, bits)
        }
        b"VP8X" => {
            let [flags] = array(head, 20)?;
            let [a, b, c, d, e, f] = array(head, 24)?;
            let bits = if flags & 0x10 == 0 { 24 } else { 32 };
            (u32::from_le_bytes([a, b, c, 0]) + 1, u32::from_le_bytes([d, e, f, 0]) + 1, bits)
        }
        _ => return None,
    };
    Some((FileFormat::Webp, PictureFacts { width, height, bits }))
}
