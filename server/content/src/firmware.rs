//! Headers of firmware images (`wpi.md` §7.4). What is known was found out by others on OpenStage images; images of CP
//! phones cannot be read.

use domain::file::FirmwareFacts;
use domain::model::model_of;
use domain::software::{SoftwareType, SoftwareVersion};

use crate::bytes::ended_text;
use crate::craft::{DEVICE_TYPE_BEFORE_END, NAME_AT};
use crate::search::Search;

/// Longest text that is taken from a header.
const LONGEST_TEXT: usize = 120;
/// Most padding between the name and the version.
const LONGEST_PADDING: usize = 0x200;
/// Bytes after the NUL of the device type within which the software type begins; two are documented.
const LONGEST_GAP: usize = 8;
/// Longest version, `V3.10 R5.16.1000`.
const LONGEST_VERSION: usize = 24;

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

/// The simpler test for files without the header, in what is known of the file.
pub(crate) fn mentioned(head: &[u8], tail: &[u8]) -> Option<FirmwareFacts> {
    let mut search = Search::default();
    search.read(head);
    search.leap();
    search.read(tail);
    search.found()
}
