//! Crafted files of every kind, and arbitrary bytes.

use domain::file::{FileFacts, FileFormat, FileType};
use proptest::prelude::*;

use super::{HEAD_BYTES, Sample, TAIL_BYTES, recognise};
use crate::craft;
use crate::type_of;

fn facts_of(bytes: &[u8]) -> FileFacts {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
    recognise(&Sample { name: "x", size: bytes.len() as u64, head, tail })
}

fn format_of(bytes: &[u8]) -> FileFormat {
    facts_of(bytes).format
}

fn size_of(bytes: &[u8]) -> Option<(FileFormat, u32, u32, u16)> {
    let facts = facts_of(bytes);
    facts.picture.map(|picture| (facts.format, picture.width, picture.height, picture.bits))
}

#[test]
fn firmware_says_model_family_and_version() {
    for size in [0, 5_000, 300_000] {
        let image = craft::firmware("OpenStage 40", "HFA", "V3 R5.16.0", size);
        let facts = facts_of(&image);
        assert_eq!(facts.format, FileFormat::Firmware);
        let firmware = facts.firmware.clone().unwrap();
        assert_eq!(firmware.models, ["OpenStage 40"]);
        assert_eq!(firmware.software_type.as_deref(), Some("HFA"));
        assert_eq!(firmware.version.as_deref(), Some("V3 R5.16.0"));
        assert_eq!(firmware.name.as_deref(), Some("OpenStage40"));
        assert_eq!(type_of(&facts, "readme.txt"), Some(FileType::Software));
    }
    let phone = facts_of(&craft::firmware("OpenScape Desk Phone CP710", "Siemens SIP", "V1 R10.2.2", 0));
    assert_eq!(phone.firmware.unwrap().models, ["CP710"]);
    let unknown = facts_of(&craft::firmware("Toaster 9000", "SIP", "V1 R0.0.1", 0)).firmware.unwrap();
    assert!(unknown.models.is_empty());
    assert_eq!(unknown.name.as_deref(), Some("Toaster9000"));
}

#[test]
fn half_a_header_says_half() {
    let whole = craft::firmware("OpenStage 60", "SIP", "V2 R0.11.0", 300_000);
    let beginning = facts_of(&whole[..200_000]).firmware.unwrap();
    assert_eq!((beginning.software_type, beginning.version.as_deref()), (None, Some("V2 R0.11.0")));
    assert_eq!(beginning.models, ["OpenStage 60"]);
    let end = facts_of(&whole[1000..]).firmware.unwrap();
    assert_eq!((end.software_type.as_deref(), end.version), (Some("SIP"), None));
    // The end must be where it belongs.
    assert_eq!(format_of(&whole[1000..whole.len() - 1]), FileFormat::Other);
    // A version that is none is no header.
    let mut other = craft::firmware("OpenStage 60", "SIP", "Version 2", 0);
    other.truncate(0x300);
    assert_eq!(format_of(&other), FileFormat::Other);
}

#[test]
fn without_a_header_version_and_name_are_looked_for() {
    let mut bundle = vec![0_u8; 5_000];
    bundle[300..309].copy_from_slice(b"VVV3 R1.2");
    bundle[1000..1013].copy_from_slice(b"\x01V2 R1.21.0\x01\x01");
    assert_eq!(format_of(&bundle), FileFormat::Other);
    bundle[2000..2011].copy_from_slice(b"OpenStage80");
    let firmware = facts_of(&bundle).firmware.unwrap();
    assert_eq!(firmware.version.as_deref(), Some("V2 R1.21.0"));
    assert_eq!((firmware.models, firmware.software_type), (vec!["OpenStage 80".to_owned()], None));
    // A text that speaks of both is a text.
    assert_eq!(format_of(b"OpenStage80 runs V2 R1.21.0 since Monday"), FileFormat::Text);
}

fn png_header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([depth, colour, 0, 0, 0]);
    bytes
}

#[test]
fn pictures_say_their_size_and_depth() {
    assert_eq!(size_of(&png_header(60_000, 60_000, 8, 2)), Some((FileFormat::Png, 60_000, 60_000, 24)));
    assert_eq!(size_of(&png_header(320, 240, 1, 3)), Some((FileFormat::Png, 320, 240, 1)));
    assert_eq!(size_of(&png_header(320, 240, 16, 6)), Some((FileFormat::Png, 320, 240, 64)));
    assert_eq!(size_of(&png_header(0, 240, 8, 2)), None);
    assert_eq!(format_of(&png_header(320, 240, 8, 7)), FileFormat::Other);

    // A JPEG with an EXIF segment that holds another JPEG, fill bytes, and tables before the frame.
    let exif = b"Exif\0\0\xff\xd8\xff\xc0\x00\x11\x08\x00\x01\x00\x01\x03\0";
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    let mut jpeg = [b"\xff\xd8\xff\xe1".as_slice(), &length, exif].concat();
    jpeg.extend(b"\xff\xff\xdb\x00\x04\0\0\xff\xc4\x00\x02\xff\xc2\x00\x11\x08\x00\xf0\x01\x40\x03\0\0\0");
    assert_eq!(size_of(&jpeg), Some((FileFormat::Jpeg, 320, 240, 24)));
    assert_eq!(format_of(b"\xff\xd8\xff\xe1\x00\x01"), FileFormat::Other);
    assert_eq!(format_of(b"\xff\xd8\xff\xda\x00\x08"), FileFormat::Other);

    let bmp = |header: u32, height: i32, bits: u16| {
        let mut bytes = b"BM\0\0\0\0\0\0\0\0\x3e\0\0\0".to_vec();
        bytes.extend(header.to_le_bytes());
        bytes.extend(144_u32.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes
    };
    assert_eq!(size_of(&bmp(40, 32, 1)), Some((FileFormat::Bmp, 144, 32, 1)));
    assert_eq!(size_of(&bmp(124, -32, 24)), Some((FileFormat::Bmp, 144, 32, 24)));
    assert_eq!(format_of(&bmp(40, 32, 7)), FileFormat::Other);
    assert_eq!(format_of(&bmp(99_999, 32, 1)), FileFormat::Other);
    assert_eq!(size_of(&bmp(40, i32::MIN, 1)), Some((FileFormat::Bmp, 144, 1 << 31, 1)));
    let old = b"BM\0\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x90\0\x20\0\x01\0\x01\0";
    assert_eq!(size_of(old), Some((FileFormat::Bmp, 144, 32, 1)));
    assert_eq!(format_of(b"BMW is a car"), FileFormat::Text);

    assert_eq!(size_of(b"GIF89a\x40\x01\xf0\0\xf7\0\0"), Some((FileFormat::Gif, 320, 240, 8)));
    assert_eq!(size_of(b"GIF87a\x40\x01\xf0\0\x80\0\0"), Some((FileFormat::Gif, 320, 240, 1)));

    let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xf0\x00";
    assert_eq!(size_of(lossy), Some((FileFormat::Webp, 320, 240, 24)));
    let packed = (319_u32 | 239 << 14 | 1 << 28).to_le_bytes();
    let lossless = [b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f".as_slice(), &packed].concat();
    assert_eq!(size_of(&lossless), Some((FileFormat::Webp, 320, 240, 32)));
    let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x3f\x01\0\xef\0\0";
    assert_eq!(size_of(extended), Some((FileFormat::Webp, 320, 240, 32)));
    assert_eq!(format_of(b"RIFF\0\0\0\0WEBPVP9 \0"), FileFormat::Other);
}

fn wave(rate: u32, data: u32, written: usize) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data.to_le_bytes());
    bytes.extend(vec![0; written]);
    bytes
}

#[test]
fn waves_say_how_long_they_are() {
    let length = |bytes: &[u8]| (facts_of(bytes).format, facts_of(bytes).milliseconds);
    assert_eq!(length(&wave(16_000, 8_000, 8_000)), (FileFormat::Wav, Some(500)));
    // What it claims beyond its end does not count.
    assert_eq!(length(&wave(16_000, u32::MAX, 16_000)), (FileFormat::Wav, Some(1000)));
    assert_eq!(length(&wave(16_000, 0, 16_000)), (FileFormat::Wav, Some(1000)));
    assert_eq!(length(&wave(0, 8_000, 8_000)), (FileFormat::Wav, None));
    assert_eq!(length(b"RIFF\0\0\0\0WAVE"), (FileFormat::Wav, None));
    // Chunks that claim to be endless end the walk.
    assert_eq!(length(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff"), (FileFormat::Wav, None));
}

#[test]
fn midi_and_mp3_are_told_from_chance() {
    assert_eq!(format_of(b"MThd\0\0\0\x06\0\x01\0\x02\0\x60MTrk"), FileFormat::Midi);
    assert_eq!(format_of(b"MThd\0\0\0\x06\0\x09\0\x02"), FileFormat::Other);

    // 128 kbit/s, 44.1 kHz, stereo: frames of 417 bytes.
    let frame = |info: &[u8]| {
        let mut bytes = b"\xff\xfb\x90\x00".to_vec();
        bytes.resize(36, 0);
        bytes.extend(info);
        bytes.resize(417, 0);
        bytes
    };
    let sound = |frames: usize| frame(b"").repeat(frames);
    let facts = facts_of(&sound(100));
    assert_eq!((facts.format, facts.milliseconds), (FileFormat::Mp3, Some(41_700 * 8000 / 128_000)));
    assert_eq!(format_of(&sound(1)), FileFormat::Other);
    let counted = [frame(b"Info\0\0\0\x01\0\0\x03\xe8"), sound(3)].concat();
    assert_eq!(facts_of(&counted).milliseconds, Some(1000 * 1152 * 1000 / 44_100));
    // The second frame has another sampling rate.
    let mixed = [frame(b""), b"\xff\xfb\x94\x00".to_vec(), vec![0; 500]].concat();
    assert_eq!(format_of(&mixed), FileFormat::Other);
    // Layer II, a free rate, a reserved rate.
    for head in [b"\xff\xfd\x90\x00", b"\xff\xfb\x00\x00", b"\xff\xfb\x9c\x00", b"\xff\xeb\x90\x00"] {
        let bytes = [head.as_slice(), &[0; 413]].concat().repeat(4);
        assert_eq!(format_of(&bytes), FileFormat::Other, "{head:?}");
    }

    let tag = |length: [u8; 4]| [b"ID3\x04\0\0".as_slice(), &length].concat();
    let tagged = [tag([0, 0, 0, 20]), vec![7; 20], vec![0; 30], sound(3)].concat();
    assert_eq!(format_of(&tagged), FileFormat::Mp3);
    // A cover that is longer than what is read of the file.
    let covered = [tag([0, 0x40, 0, 0]), vec![7; 0x40 << 14], sound(3)].concat();
    assert_eq!(format_of(&covered), FileFormat::Mp3);
    assert_eq!(format_of(&tag([0, 0x40, 0, 0])), FileFormat::Other);
    let empty_tag = [tag([0, 0, 0, 0]), vec![0; 2000]].concat();
    assert_eq!(format_of(&empty_tag), FileFormat::Other);
}

#[test]
fn archives_are_told_by_their_marks() {
    let mut tar = vec![b'a'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    for bytes in [
        b"PK\x03\x04rest".as_slice(),
        b"\x1f\x8b\x08\0",
        b"\xfd7zXZ\0",
        b"BZh91AY&SY",
        b"BZh1\x17\x72\x45\x38\x50\x90",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07\x01\0",
        b"\x28\xb5\x2f\xfd",
        &tar,
    ] {
        assert_eq!(format_of(bytes), FileFormat::Archive, "{bytes:?}");
    }
    assert_eq!(format_of(b"BZh9 is not a compressed text"), FileFormat::Text);
    assert_eq!(type_of(&facts_of(b"PK\x03\x04"), "sounds.zip"), None);
    // Nobody knows how an image of a CP phone begins.
    assert_eq!(type_of(&facts_of(b"\x1f\x8b\x08\0"), "CP600_V1_R10.img"), Some(FileType::Software));
}

#[test]
fn text_has_no_control_characters() {
    for text in ["ldap:base=dc=example\r\n\tx", "\u{feff}Größe", "a"] {
        assert_eq!(format_of(text.as_bytes()), FileFormat::Text, "{text}");
    }
    assert_eq!(format_of(b"Gr\xf6\xdfe der Datei"), FileFormat::Text);
    // A letter cut in two where the head ends.
    let mut long = vec![b'a'; HEAD_BYTES - 1];
    long.extend("ü".repeat(10).bytes());
    assert_eq!(format_of(&long), FileFormat::Text);
    for bytes in [
        b"".as_slice(),
        b"a\0b",
        b"\x1b[0m",
        b"\x80\x81\x82",
        b"\xe4\xf6\xfc\xdf",
        b"a\x7f",
        "a\u{85}".as_bytes(),
    ] {
        assert_eq!(format_of(bytes), FileFormat::Other, "{bytes:?}");
    }
    let ends_badly = [vec![b'a'; 300_000], vec![0]].concat();
    assert_eq!(format_of(&ends_badly), FileFormat::Other);
}

#[test]
fn the_type_is_said_only_where_it_is_obvious() {
    let of = |bytes: &[u8], name| type_of(&facts_of(bytes), name);
    assert_eq!(of(&wave(16_000, 10, 10), "bell.wav"), Some(FileType::Ringtone));
    assert_eq!(of(&wave(16_000, 10, 10), "MOH-summer.wav"), Some(FileType::MusicOnHold));
    assert_eq!(of(&png_header(240, 70, 8, 2), "a.png"), Some(FileType::Logo));
    assert_eq!(of(&png_header(640, 480, 8, 2), "a.png"), Some(FileType::Screensaver));
    assert_eq!(of(&png_header(100, 100, 8, 2), "a.png"), None);
    assert_eq!(of(&png_header(100, 100, 8, 2), "Company Logo.png"), Some(FileType::Logo));
    assert_eq!(of(b"x", "LDAP-template.txt"), Some(FileType::LdapTemplate));
    assert_eq!(of(b"x", "notes.txt"), None);
    assert_eq!(of(b"\0\x01\x02", "CP600_V1_R10.img"), Some(FileType::Software));
    assert_eq!(of(b"\0\x01\x02", "key.bin"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), size in any::<u64>()) {
        let _ = recognise(&Sample { name: "", size, head: &bytes, tail: &bytes });
    }

    #[test]
    fn no_bytes_behind_a_known_beginning_make_it_panic(
        start in prop::sample::select(vec![
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(),
            b"\xff\xd8\xff".to_vec(),
            b"BM\0\0\0\0\0\0\0\0\x3e\0\0\0\x28\0\0\0".to_vec(),
            b"GIF89a".to_vec(),
            b"RIFF\0\0\0\0WAVEfmt ".to_vec(),
            b"RIFF\0\0\0\0WEBPVP8X".to_vec(),
            b"RIFF\0\0\0\0WEBPVP8L".to_vec(),
            b"ID3\x04\0\0\0\0\0\x01".to_vec(),
            b"\xff\xfb\x90\x00".to_vec(),
            [[0; 0x20].as_slice(), b"OpenStage40\0\0V3 R"].concat(),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
        size in any::<u64>(),
    ) {
        let bytes = [start, rest].concat();
        let _ = recognise(&Sample { name: "", size, head: &bytes, tail: &bytes });
        let _ = crate::convert(&bytes, &crate::PictureTarget {
            format: FileFormat::Png, width: 10, height: 10, exact: true, bytes: None,
        });
    }

    #[test]
    fn what_is_crafted_is_read_again(
        number in prop::sample::select(vec!["15", "20", "20E", "40", "60", "80"]),
        family in prop::sample::select(vec!["SIP", "HFA"]),
        version in "V[1-9](\\.[1-9])? R(0|[1-9][0-9]?)\\.(0|[1-9][0-9]?)\\.(0|[1-9][0-9]{0,2})",
        size in 0_usize..20_000,
    ) {
        let image = craft::firmware(&format!("OpenStage {number}"), family, &version, size);
        prop_assert_eq!(image.len(), size.max(craft::SMALLEST_FIRMWARE));
        let firmware = facts_of(&image).firmware.unwrap();
        prop_assert_eq!(firmware.models, vec![format!("OpenStage {number}")]);
        prop_assert_eq!(firmware.software_type.as_deref(), Some(family));
        prop_assert_eq!(firmware.version, Some(version));
    }
}
