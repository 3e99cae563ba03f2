//! What a file is: told from its content, completed by people where the content does not say it (`wpi.md` §7.4).

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use api::FieldError;
use domain::file::fit::Described;
use domain::file::{FileFacts, FileFormat, FileState, FileType};
use domain::software::SoftwareVersion;
use sha2::{Digest, Sha256};

use crate::store::files::File;

/// Bytes read at once while a checksum is made.
const BLOCK: usize = 256 * 1024;

/// A complete file on this machine, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// SHA-256 of its content in hexadecimal digits.
    pub sha256: String,
    /// What its content is.
    pub facts: FileFacts,
}

/// Reads a file of `size` bytes once, a block at a time.
///
/// # Errors
/// When it cannot be read, or has another length.
pub async fn inspect(path: &Path, name: &str, size: u64) -> std::io::Result<Inspected> {
    let (path, name) = (path.to_owned(), name.to_owned());
    tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut head = Vec::new();
        let mut search = content::Search::default();
        let mut block = vec![0; BLOCK];
        let mut read = 0;
        loop {
            let number = file.read(&mut block)?;
            let Some(bytes) = block.get(..number).filter(|bytes| !bytes.is_empty()) else { break };
            hash.update(bytes);
            search.read(bytes);
            let room = content::HEAD_BYTES.saturating_sub(head.len());
            head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            read += bytes.len() as u64;
        }
        if read != size {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut tail = Vec::with_capacity(content::TAIL_BYTES);
        file.seek(SeekFrom::Start(size.saturating_sub(content::TAIL_BYTES as u64)))?;
        file.take(content::TAIL_BYTES as u64).read_to_end(&mut tail)?;
        let facts = search.complete(facts(&name, size, &head, &tail));
        Ok(Inspected { sha256: hex::encode(hash.finalize()), facts })
    })
    .await
    .map_err(std::io::Error::other)?
}

/// What the content of a file is, from its first and last bytes (`content::HEAD_BYTES`, `content::TAIL_BYTES`).
pub fn facts(name: &str, size: u64, head: &[u8], tail: &[u8]) -> FileFacts {
    content::recognise(&content::Sample { name, size, head, tail })
}

/// Whether the beginning and the end of a file leave open what it is, and its name says firmware: then the texts that
/// firmware without a readable header is known by may stand anywhere else in it.
pub fn may_be_firmware(facts: &FileFacts, name: &str) -> bool {
    facts.format == FileFormat::Other && content::type_of(facts, name) == Some(FileType::Software)
}

/// Whether it is an archive that nobody calls firmware: no phone takes one. Firmware of CP phones cannot be read and may
/// look like one (`wpi.md` §7.4); it is never unpacked here.
pub fn is_mere_archive(facts: &FileFacts, file_type: Option<FileType>, name: &str) -> bool {
    let file_type = file_type.or_else(|| content::type_of(facts, name));
    facts.format == FileFormat::Archive && file_type != Some(FileType::Software)
}

/// Puts what the content says into the fields that people may complete; what they have said already stays where the
/// content says nothing.
pub fn apply(file: &mut File, facts: FileFacts) {
    if file.file_type.is_none() {
        file.file_type = content::type_of(&facts, &file.name);
    }
    if let Some(firmware) = &facts.firmware {
        if !firmware.models.is_empty() {
            file.models.clone_from(&firmware.models);
        }
        if firmware.software_type.is_some() {
            file.software_type.clone_from(&firmware.software_type);
        }
        if firmware.version.is_some() {
            file.software_version.clone_from(&firmware.version);
        }
    }
    file.facts = facts;
    file.state = state(file);
}

/// What must be said of a file before it can be deployed.
pub fn needs(file: &File) -> Vec<&'static str> {
    let software = match file.file_type {
        None => return vec!["file_type"],
        Some(file_type) => file_type == FileType::Software,
    };
    let version = file.software_version.as_deref().and_then(SoftwareVersion::parse);
    let missing = [
        (software && file.models.is_empty(), "models"),
        (software && file.software_type.is_none(), "software_type"),
        (software && version.is_none(), "software_version"),
    ];
    missing.into_iter().filter(|(is_missing, _)| *is_missing).map(|(_, name)| name).collect()
}

/// Where a file stands whose object is as it was described.
pub fn state(file: &File) -> FileState {
    if needs(file).is_empty() { FileState::Ready } else { FileState::Incomplete }
}

/// A file as the rules for phones look at it; `None` as long as its type is not known.
pub fn described(file: &File) -> Option<Described<'_>> {
    Some(Described {
        file_type: file.file_type?,
        facts: &file.facts,
        size: file.size,
        models: &file.models,
        software_type: file.software_type.as_deref(),
    })
}

/// What the audit table keeps of a file.
pub(super) fn audited(file: &File) -> serde_json::Value {
    serde_json::json!({
        "name": file.name, "file_type": file.file_type, "provider": file.provider, "object_key": file.object_key,
        "size": file.size,
        "sha256": file.sha256, "origin": file.origin, "models": file.models, "software_type": file.software_type,
        "software_version": file.software_version, "note": file.note,
    })
}

/// Whether a file with this content can be of a type at all. Formats that cannot be told are believed: CP phones have
/// formats of their own (`wpi.md` §4.6.2).
pub fn check_type(pointer: &str, file_type: FileType, facts: &FileFacts) -> Result<(), FieldError> {
    let is_picture = matches!(
        facts.format,
        FileFormat::Png | FileFormat::Jpeg | FileFormat::Bmp | FileFormat::Gif | FileFormat::Webp
    );
    let is_sound = matches!(facts.format, FileFormat::Wav | FileFormat::Midi | FileFormat::Mp3);
    // What looks like an archive is no file for phones, unless it is an image of a CP phone, which nobody can read.
    let is_firmware = matches!(facts.format, FileFormat::Firmware | FileFormat::Archive);
    let is_text = facts.format == FileFormat::Text;
    let contradicts = match file_type {
        FileType::Software => is_picture || is_sound || is_text,
        FileType::Ringtone | FileType::MusicOnHold => is_picture || is_firmware || is_text,
        FileType::Screensaver | FileType::Logo | FileType::Picture => is_sound || is_firmware || is_text,
        FileType::LdapTemplate => is_picture || is_sound || is_firmware,
        FileType::Dongle => is_picture || is_sound || is_firmware,
    };
    if !contradicts {
        return Ok(());
    }
    let text = format!("does not go with the content, which is {}", facts.format.as_str());
    Err(FieldError::new(pointer, "content_of_other_type", text).arg("format", facts.format.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{apply, check_type, inspect, needs};
    use crate::store::files::File;
    use domain::file::{FileFacts, FileFormat, FileState, FileType, ProviderKind};
    use domain::{FileId, ProviderId};
    use jiff::Timestamp;

    fn file(name: &str) -> File {
        File {
            id: FileId(1),
            name: name.to_owned(),
            file_type: None,
            provider: ProviderId(1),
            provider_name: String::new(),
            provider_kind: ProviderKind::BuiltIn,
            provider_place: String::new(),
            object_key: String::new(),
            size: 0,
            sha256: None,
            object_tag: None,
            facts: FileFacts::plain(FileFormat::Other),
            models: Vec::new(),
            software_type: None,
            software_version: None,
            state: FileState::Incomplete,
            origin: "upload".to_owned(),
            note: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            updated_at: Timestamp::UNIX_EPOCH,
            content_changed_at: Timestamp::UNIX_EPOCH,
            revision: 1,
        }
    }

    #[tokio::test]
    async fn firmware_describes_itself_and_other_software_is_described() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let image = content::craft::firmware("OpenStage 40", "SIP", "V3 R5.16.0", 600_000);
        tokio::fs::write(&path, &image).await.unwrap();
        let seen = inspect(&path, "x", 600_000).await.unwrap();
        let mut known = file("x");
        apply(&mut known, seen.facts);
        assert_eq!(known.state, FileState::Ready, "{:?}", needs(&known));
        assert_eq!(known.software_version.as_deref(), Some("V3 R5.16.0"));
        assert!(inspect(&path, "x", 600_001).await.is_err(), "another length");

        // Without the header its texts are looked for in all of it.
        let mut bundle = vec![1; 900_000];
        bundle[500_000..500_010].copy_from_slice(b"V2 R1.21.0");
        bundle[700_000..700_012].copy_from_slice(b"OpenStage 60");
        tokio::fs::write(&path, &bundle).await.unwrap();
        let seen = inspect(&path, "x", 900_000).await.unwrap();
        let firmware = seen.facts.firmware.unwrap();
        assert_eq!(
            (firmware.version.as_deref(), firmware.models),
            (Some("V2 R1.21.0"), vec!["OpenStage 60".to_owned()])
        );

        let mut unknown = file("cp.img");
        unknown.file_type = Some(FileType::Software);
        apply(&mut unknown, FileFacts::plain(FileFormat::Other));
        assert_eq!(needs(&unknown), ["models", "software_type", "software_version"]);
        unknown.models = vec!["CP600".to_owned()];
        unknown.software_type = Some("SIP".to_owned());
        unknown.software_version = Some("not a version".to_owned());
        assert_eq!(needs(&unknown), ["software_version"]);
    }

    #[test]
    fn a_picture_is_no_ring_tone() {
        let png = FileFacts::plain(FileFormat::Png);
        assert!(check_type("/file_type", FileType::Ringtone, &png).is_err());
        assert!(check_type("/file_type", FileType::Logo, &png).is_ok());
        let other = FileFacts::plain(FileFormat::Other);
        let archive = FileFacts::plain(FileFormat::Archive);
        for file_type in FileType::ALL {
            assert!(check_type("/file_type", *file_type, &other).is_ok());
            let is_software = *file_type == FileType::Software;
            assert_eq!(check_type("/file_type", *file_type, &archive).is_ok(), is_software, "{file_type:?}");
        }
    }
}
