//! What a file is for, where that is obvious.

use domain::file::{FileFacts, FileFormat, FileType, PictureFacts};
use domain::model::models;

/// Words in names of music on hold.
const ON_HOLD: [&str; 5] = ["moh", "onhold", "on-hold", "on_hold", "on hold"];

/// The type of a file, when its content leaves little doubt; the name decides only between types of the same content.
/// `None`: somebody has to say it.
pub fn type_of(facts: &FileFacts, name: &str) -> Option<FileType> {
    let name = name.to_ascii_lowercase();
    match facts.format {
        FileFormat::Firmware => Some(FileType::Software),
        FileFormat::Wav | FileFormat::Midi | FileFormat::Mp3 => {
            let on_hold = ON_HOLD.iter().any(|word| name.contains(word));
            Some(if on_hold { FileType::MusicOnHold } else { FileType::Ringtone })
        }
        // No other type takes bitmaps.
        FileFormat::Bmp => Some(FileType::Logo),
        FileFormat::Png | FileFormat::Jpeg => {
            facts.picture.and_then(|picture| type_of_picture(picture, &name))
        }
        FileFormat::Text => name.contains("ldap").then_some(FileType::LdapTemplate),
        // Images of CP phones cannot be read, and may begin like an archive (`wpi.md` §7.4).
        FileFormat::Other | FileFormat::Archive => name.ends_with(".img").then_some(FileType::Software),
        FileFormat::Gif | FileFormat::Webp => None,
    }
}

/// By its size, when it is exactly that of one type; else by its name.
fn type_of_picture(picture: PictureFacts, name: &str) -> Option<FileType> {
    let is_size_of = |file_type| {
        models()
            .iter()
            .filter_map(|model| model.limits(file_type))
            .any(|limits| (limits.width, limits.height) == (Some(picture.width), Some(picture.height)))
    };
    if is_size_of(FileType::Logo) || name.contains("logo") {
        Some(FileType::Logo)
    } else if is_size_of(FileType::Screensaver) || name.contains("screensaver") {
        Some(FileType::Screensaver)
    } else {
        None
    }
}
