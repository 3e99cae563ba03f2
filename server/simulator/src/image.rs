//! What a phone sees of firmware while it comes in: the header of OpenStage images (`wpi.md` §7.4). Keeps a few
//! hundred bytes and lets the rest pass, so that a thousand phones can fetch at once.

use crate::models::{Family, Model};

/// Bytes of the beginning that are kept.
const HEAD: usize = 0x400;
/// Where the name of the image begins.
const NAME: usize = 0x20;
/// Bytes of the end that are kept: the device type begins there.
const TAIL: usize = 0x128;

/// What passed by.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageWatch {
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageHeader {
    pub(crate) device_type: String,
    pub(crate) family: Family,
    pub(crate) version: String,
}

impl ImageWatch {
    /// More of the image has come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..room).unwrap_or_default());
        let news = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or(bytes);
        let stay = TAIL.saturating_sub(news.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - stay);
        self.tail.extend_from_slice(news);
    }

    /// The header of an image that is complete; `None` when it has none.
    pub(crate) fn header(&self) -> Option<ImageHeader> {
        let mut texts = self.head.get(NAME..)?.split(|byte| *byte == 0).filter(|text| !text.is_empty());
        let _name = texts.next()?;
        let version = text(texts.next()?)?;
        if !version.starts_with('V') || !version.contains(" R") || self.tail.len() < TAIL {
            return None;
        }
        let end = self.tail.iter().position(|byte| *byte == 0)?;
        let device_type = text(self.tail.get(..end)?)?;
        let rest = self.tail.get(end + 3..)?;
        let family = text(rest.split(|byte| *byte == 0).next()?)?;
        let family = family.strip_prefix("Siemens ")?.parse().ok()?;
        Some(ImageHeader { device_type: device_type.to_owned(), family, version: version.to_owned() })
    }
}

impl ImageHeader {
    /// Whether a phone of this model takes the image: its own name, in any spelling, and a family it has.
    pub(crate) fn is_for(&self, model: &Model) -> bool {
        let plain = |name: &str| name.replace(' ', "").to_ascii_lowercase();
        plain(&self.device_type) == plain(model.device_type) && !model.firmware(self.family).is_empty()
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

/// An image with a header, for tests: written by hand here, so that a mistake in reading is not made twice.
#[cfg(test)]
pub(crate) fn image(device_type: &str, family: &str, version: &str, size: usize) -> Vec<u8> {
    let mut bytes = vec![0xAA; size];
    let mut put = |at: usize, text: &str| {
        bytes[at..at + 64].fill(0);
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(NAME, "image");
    put(NAME + 64, version);
    put(size - TAIL, device_type);
    put(size - TAIL + device_type.len() + 3, family);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_seen_however_the_bytes_arrive() {
        let bytes = image("OpenStage 40", "Siemens HFA", "V3 R5.16.0", 5_000);
        for piece in [1, 7, 200, 296, 297, 4_999, 5_000] {
            let mut watch = ImageWatch::default();
            bytes.chunks(piece).for_each(|bytes| watch.feed(bytes));
            let header = watch.header().unwrap();
            assert_eq!((header.version.as_str(), header.family), ("V3 R5.16.0", Family::Hfa), "{piece}");
            assert!(header.is_for(Model::by_device_type("OpenStage 40").unwrap()));
            assert!(!header.is_for(Model::by_device_type("OpenStage 60").unwrap()));
        }
    }

    #[test]
    fn other_bytes_have_no_header_and_a_missing_family_is_not_taken() {
        for bytes in
            [vec![], vec![0; 5_000], vec![b'a'; 5_000], image("x", "Siemens XXL", "V1 R1.1.1", 2_000)]
        {
            let mut watch = ImageWatch::default();
            watch.feed(&bytes);
            assert_eq!(watch.header(), None);
        }
        let mut watch = ImageWatch::default();
        watch.feed(&image("OpenScape Desk Phone CP710", "Siemens HFA", "V2 R1.5.0", 2_000));
        let cp710 = Model::by_device_type("OpenScape Desk Phone CP710").unwrap();
        assert!(!watch.header().unwrap().is_for(cp710));
    }
}
