//! Headers of firmware images (`wpi.md` §7.4). What is known was found out by others on OpenStage images; images of CP
//! phones cannot be read.

use domain::file::FirmwareFacts;
use domain::model::model_of;
use domain::software::{SoftwareType, SoftwareVersion};

use crate::bytes::ended_text;
use crate::craft::{DEVICE_TYPE_BEFORE_END, NAME_AT};

/// Longest text that is taken from a header.
const LONGEST_TEXT: usize = 120;
/// Most padding between the name and the version.
const LONGEST_PADDING: usize = 0x200;
/// Bytes after the NUL of the device type within which the software type begins; two are documented.
const LONGEST_GAP: usize = 8;
/// Longest version, `V3.10 R5.16.1000`.
const LONGEST_VERSION: usize = 24;
/// Most places a version is looked for in a file without the header.
const MOST_TRIES: usize = 20_000;

/// What the beginning says: the name of the image or phone, and the version.
struct Beginning {
    name: String,
    version: String,
}

/// What the end says: the device type and the software type.
struct End {
    device_type: String,
    software_type: String,
}

/// The facts of an image that has the header, at its beginning, its end or both.
pub(crate) fn header(head: &[u8], tail: &[u8]) -> Option<FirmwareFacts> {
    let beginning = beginning(head);
    let end = end(tail);
    if beginning.is_none() && end.is_none() {
        return None;
    }
    let named = end.as_ref().map(|end| end.device_type.as_str());
    let image = beginning.as_ref().map(|beginning| beginning.name.as_str());
    let model = named.and_then(model_of).or_else(|| image.and_then(model_of));
    Some(FirmwareFacts {
        models: model.map(|model| vec![model.name.clone()]).unwrap_or_default(),
        software_type: end.as_ref().map(|end| SoftwareType::parse(&end.software_type).as_str().to_owned()),
        version: beginning.as_ref().map(|beginning| beginning.version.clone()),
        name: image.or(named).map(str::to_owned),
    })
}

fn beginning(head: &[u8]) -> Option<Beginning> {
    let (name, after) = ended_text(head, NAME_AT, LONGEST_TEXT)?;
    let padding = head.get(after..)?.iter().take(LONGEST_PADDING).position(|byte| *byte != 0)?;
    let (version, _) = ended_text(head, after + padding, LONGEST_VERSION)?;
    // The dotted form is for `file-sw-version`; here it would be too easily met by chance.
    if !version.starts_with('V') {
        return None;
    }
    SoftwareVersion::parse(version)?;
    Some(Beginning { name: name.to_owned(), version: version.trim().to_owned() })
}

fn end(tail: &[u8]) -> Option<End> {
    let at = tail.len().checked_sub(DEVICE_TYPE_BEFORE_END)?;
    let (device_type, after) = ended_text(tail, at, LONGEST_TEXT)?;
    let (software_type, _) = (after + 1..=after + 1 + LONGEST_GAP)
        .filter_map(|place| ended_text(tail, place, 16))
        .find(|(text, _)| matches!(*text, "Siemens SIP" | "Siemens HFA"))?;
    Some(End { device_type: device_type.to_owned(), software_type: software_type.to_owned() })
}

/// The simpler test for files without the header: a version and the name of an OpenStage somewhere in what is known of
/// the file. Both are asked for, because either may stand in anything.
pub(crate) fn mentioned(head: &[u8], tail: &[u8]) -> Option<FirmwareFacts> {
    let version = version_in(head).or_else(|| version_in(tail))?;
    let (name, model) = open_stage_in(head).or_else(|| open_stage_in(tail))?;
    let family = |bytes: &[u8]| {
        let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        match (has(b"Siemens SIP"), has(b"Siemens HFA")) {
            (true, false) => Some("SIP".to_owned()),
            (false, true) => Some("HFA".to_owned()),
            _ => None,
        }
    };
    Some(FirmwareFacts {
        models: vec![model],
        software_type: family(tail).or_else(|| family(head)),
        version: Some(version),
        name: Some(name),
    })
}

/// The first `V<n> R<n>.<n>.<n>`.
fn version_in(bytes: &[u8]) -> Option<String> {
    places(bytes, b'V').find_map(|at| {
        let window = bytes.get(at..bytes.len().min(at + LONGEST_VERSION))?;
        let length = window
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b' ' | b'V' | b'R'))
            .unwrap_or(window.len());
        let text = std::str::from_utf8(window.get(..length)?).ok()?.trim_end_matches(['.', ' ', 'V', 'R']);
        let (major, release) = text.strip_prefix('V')?.split_once(" R")?;
        // Exactly the form of the test: "V1 R2" is not enough to be believed.
        let full = !major.is_empty() && release.split('.').count() == 3;
        SoftwareVersion::parse(text).filter(|_| full).map(|_| text.to_owned())
    })
}

/// The first `OpenStage<nn>` that is a model, with its short name.
fn open_stage_in(bytes: &[u8]) -> Option<(String, String)> {
    const WORD: &[u8] = b"OpenStage";
    places(bytes, b'O').find_map(|at| {
        let rest = bytes.get(at..)?.strip_prefix(WORD)?;
        let number = rest.strip_prefix(b" ").unwrap_or(rest);
        let digits = number.get(..2)?;
        let text =
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        let suffix = if number.get(2) == Some(&b'E') { "E" } else { "" };
        let name = format!("OpenStage {text}{suffix}");
        model_of(&name).map(|model| (name, model.name.clone()))
    })
}

fn places(bytes: &[u8], letter: u8) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(move |(_, byte)| **byte == letter).map(|(at, _)| at).take(MOST_TRIES)
}
