//! The simpler test for firmware without the header: a version and the name of an OpenStage somewhere in the file, and its
//! family (`wpi.md` §7.4). Bytes come in pieces, so that a file of any size can be searched as it is read.

use domain::file::{FileFacts, FileFormat, FirmwareFacts};
use domain::model::model_of;
use domain::software::SoftwareVersion;

/// Longest version, `V3.10 R5.16.1000`, and a byte that ends it.
const LONGEST_VERSION: usize = 24;
/// Bytes of a piece that are looked at with the next one: the longest text that is looked for may go on there.
const KEPT: usize = LONGEST_VERSION;
/// Most places where a version or a name is tried: a file that is made of nothing else costs no more.
const MOST_TRIES: u32 = 1_000_000;

const OPEN_STAGE: &[u8] = b"OpenStage";
const SIP: &[u8] = b"Siemens SIP";
const HFA: &[u8] = b"Siemens HFA";

/// What was found so far. Version and name are both asked for, because either may stand in anything.
#[derive(Clone, Debug, Default)]
pub struct Search {
    version: Option<String>,
    /// Name of the image, and of the model.
    name: Option<(String, String)>,
    sip: bool,
    hfa: bool,
    kept: Vec<u8>,
    tries: u32,
}

impl Search {
    /// Looks at the next piece.
    pub fn read(&mut self, piece: &[u8]) {
        // What lies across two pieces is looked at by itself, so that a large one need not be copied.
        let begin = self.kept.len();
        let mut across = std::mem::take(&mut self.kept);
        across.extend_from_slice(piece.get(..KEPT).unwrap_or(piece));
        if piece.len() <= KEPT {
            let known = across.len().saturating_sub(KEPT);
            self.look(&across, known);
            across.drain(..known);
            self.kept = across;
        } else {
            self.look(&across, begin);
            let known = piece.len() - KEPT;
            self.look(piece, known);
            self.kept = piece.get(known..).unwrap_or_default().to_vec();
        }
    }

    /// What follows does not continue what was read.
    pub(crate) fn leap(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.look(&kept, kept.len());
    }

    /// Looks at all texts that begin before a place.
    fn look(&mut self, bytes: &[u8], end: usize) {
        for (at, byte) in bytes.iter().enumerate().take(end) {
            if !matches!(byte, b'V' | b'O' | b'S') || self.tries >= MOST_TRIES {
                continue;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            match byte {
                b'V' if self.version.is_none() && rest.get(1).is_some_and(u8::is_ascii_digit) => {
                    self.tries += 1;
                    self.version = version_at(rest);
                }
                b'O' if self.name.is_none() && rest.starts_with(OPEN_STAGE) => {
                    self.tries += 1;
                    self.name = open_stage_at(rest);
                }
                b'S' => {
                    self.sip |= rest.starts_with(SIP);
                    self.hfa |= rest.starts_with(HFA);
                }
                _ => {}
            }
        }
    }

    /// What all that was read says; nothing when there is no version or no name.
    pub(crate) fn found(&self) -> Option<FirmwareFacts> {
        let mut all = self.clone();
        all.leap();
        let (version, (name, model)) = (all.version?, all.name?);
        let software_type = match (all.sip, all.hfa) {
            (true, false) => Some("SIP".to_owned()),
            (false, true) => Some("HFA".to_owned()),
            _ => None,
        };
        Some(FirmwareFacts { models: vec![model], software_type, version: Some(version), name: Some(name) })
    }

    /// Facts of a file all of which was read: where its beginning and its end said nothing, the rest may.
    pub fn complete(&self, facts: FileFacts) -> FileFacts {
        match self.found().filter(|_| facts.format == FileFormat::Other) {
            Some(firmware) => {
                FileFacts { firmware: Some(firmware), ..FileFacts::plain(FileFormat::Firmware) }
            }
            None => facts,
        }
    }
}

/// A `V<n> R<n>.<n>.<n>` with which bytes begin.
fn version_at(bytes: &[u8]) -> Option<String> {
    let window = bytes.get(..bytes.len().min(LONGEST_VERSION))?;
    let length = window
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b' ' | b'V' | b'R'))
        .unwrap_or(window.len());
    let text = std::str::from_utf8(window.get(..length)?).ok()?.trim_end_matches(['.', ' ', 'V', 'R']);
    let (major, release) = text.strip_prefix('V')?.split_once(" R")?;
    // Exactly the form of the test: "V1 R2" is not enough to be believed.
    let full = !major.is_empty() && release.split('.').count() == 3;
    SoftwareVersion::parse(text).filter(|_| full).map(|_| text.to_owned())
}

/// An `OpenStage<nn>` that is a model, with which bytes begin, and its short name.
fn open_stage_at(bytes: &[u8]) -> Option<(String, String)> {
    let rest = bytes.strip_prefix(OPEN_STAGE)?;
    let number = rest.strip_prefix(b" ").unwrap_or(rest);
    let digits = number.get(..2)?;
    let text =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let suffix = if number.get(2) == Some(&b'E') { "E" } else { "" };
    let name = format!("OpenStage {text}{suffix}");
    model_of(&name).map(|model| (name, model.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::{KEPT, MOST_TRIES, Search};
    use domain::file::{FileFacts, FileFormat};
    use proptest::prelude::*;

    /// The version may be cut where it would be another one.
    const TEXTS: &[u8] = b"\x01V2 R1.21.10\x01\0OpenStage 20E\0Siemens HFA\0";

    fn search(pieces: &[&[u8]]) -> Search {
        let mut search = Search::default();
        for piece in pieces {
            search.read(piece);
        }
        search
    }

    #[test]
    fn texts_are_found_wherever_they_are_cut() {
        for lead in 0..=KEPT + 1 {
            let bytes = [&vec![7; lead], TEXTS, &[0; 40]].concat();
            for cut in 0..bytes.len() {
                for other in [cut, (cut + 1).min(bytes.len()), (cut + KEPT).min(bytes.len())] {
                    let found = search(&[&bytes[..cut], &bytes[cut..other], &bytes[other..]]).found();
                    let found = found.unwrap_or_else(|| panic!("cut at {cut} and {other}"));
                    assert_eq!(found.version.as_deref(), Some("V2 R1.21.10"), "{cut} {other}");
                    assert_eq!(found.models, ["OpenStage 20E"], "{cut} {other}");
                    assert_eq!(found.software_type.as_deref(), Some("HFA"), "{cut} {other}");
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(search(&single).found(), search(&[&bytes]).found());
        }
    }

    #[test]
    fn only_what_is_nothing_else_is_completed() {
        let search = search(&[TEXTS]);
        let of = |format| search.complete(FileFacts::plain(format)).format;
        assert_eq!(of(FileFormat::Other), FileFormat::Firmware);
        for format in [FileFormat::Archive, FileFormat::Text, FileFormat::Wav, FileFormat::Png] {
            assert_eq!(of(format), format);
        }
        let nothing = Search::default().complete(FileFacts::plain(FileFormat::Other));
        assert_eq!(nothing.format, FileFormat::Other);
    }

    #[test]
    fn both_families_are_none_and_what_is_not_continued_is_not_joined() {
        let mut both = search(&[TEXTS, b"Siemens SIP"]);
        assert_eq!(both.found().and_then(|found| found.software_type), None);
        both = Search::default();
        both.read(b"OpenStage");
        both.leap();
        both.read(b"40\0V2 R1.21.0\0");
        assert_eq!(both.found(), None);
    }

    #[test]
    fn a_file_of_beginnings_is_given_up() {
        let mut search = search(&[&b"V1".repeat(MOST_TRIES as usize), &[0; 100]]);
        search.read(TEXTS);
        assert_eq!(search.found(), None);
    }

    proptest! {
        #[test]
        fn any_pieces_say_what_the_whole_says(
            bytes in "[VRO 0-9.]{0,60}(V1 R2\\.3\\.4|OpenStage[ ]?40|Siemens (SIP|HFA))[VRO 0-9.x]{0,60}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let (mut parts, mut whole) = (search(&pieces), search(&[bytes]));
            parts.leap();
            whole.leap();
            prop_assert_eq!((&parts.version, &parts.name), (&whole.version, &whole.name));
            prop_assert_eq!((parts.sip, parts.hfa), (whole.sip, whole.hfa));
        }
    }
}
