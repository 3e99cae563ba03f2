//! Files for phones: what there is, what each is, and where it is kept (OSEM §9, §10; `wpi.md` §4.6).
//!
//! What a file is, is told from its content by crate `content`; which phone can have it, by [`fit`].

pub mod fit;
mod ftp;
mod name;
mod provider;

pub use ftp::{FTP_PORT, FtpUrl, FtpUrlFault, LONGEST_FTP_PATH};
pub use name::{NameFault, check_name, clean_name};

pub use self::provider::{
    LONGEST_PROVIDER_URL, LONGEST_REGION, ProviderUrl, ProviderUrlFault, is_bucket, is_region,
};
use serde::{Deserialize, Serialize};

use crate::software::SoftwareType;
use crate::words::words;

/// Longest name of a file, in bytes. Phones show and store it.
pub const LONGEST_FILE_NAME: usize = 120;

words! {
    /// What a file is for (OSEM §9).
    FileType {
        /// Firmware.
        Software = "software",
        /// Can be chosen as a ring tone.
        Ringtone = "ringtone",
        /// A picture of the screensaver.
        Screensaver = "screensaver",
        /// The one logo of a phone.
        Logo = "logo",
        /// Template for searching in an LDAP directory.
        LdapTemplate = "ldap-template",
        /// Key file that unlocks service functions.
        Dongle = "dongle",
        /// Music on hold.
        MusicOnHold = "music-on-hold",
        /// A picture of a contact.
        Picture = "picture",
    }
}

impl FileType {
    /// The word on the wire, item `file-type` (`wpi.md` §4.6.1).
    pub fn wire(self) -> &'static str {
        match self {
            Self::Software => "APP",
            Self::Ringtone => "RINGTONE",
            Self::Screensaver => "SCREENSAVER",
            Self::Logo => "LOGO",
            Self::LdapTemplate => "LDAP",
            Self::Dongle => "DONGLE",
            Self::MusicOnHold => "MOH",
            Self::Picture => "PIC",
        }
    }

    /// The type a wire word means, without regard to case.
    pub fn from_wire(word: &str) -> Option<Self> {
        let word = word.trim();
        Self::ALL.iter().copied().find(|kind| kind.wire().eq_ignore_ascii_case(word))
    }

    /// Whether the content of such files is only for who may change files: keys of dongles, and templates for
    /// directories, which may have passwords.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Dongle | Self::LdapTemplate)
    }
}

words! {
    /// What the bytes of a file are.
    FileFormat {
        /// Firmware whose header could be read (`wpi.md` §7.4).
        Firmware = "firmware",
        /// RIFF/WAVE sound.
        Wav = "wav",
        /// Standard MIDI file.
        Midi = "midi",
        /// MPEG audio layer III.
        Mp3 = "mp3",
        /// PNG picture.
        Png = "png",
        /// JPEG picture.
        Jpeg = "jpeg",
        /// Windows bitmap.
        Bmp = "bmp",
        /// GIF picture: phones take none, it can be converted.
        Gif = "gif",
        /// WebP picture: phones take none, it can be converted.
        Webp = "webp",
        /// Text.
        Text = "text",
        /// An archive or a compressed file. It is never unpacked. Phones take none, but firmware of CP phones may look
        /// like one.
        Archive = "archive",
        /// Anything else: firmware of CP phones, key files.
        Other = "other",
    }
}

/// Size of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureFacts {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits of a pixel, all channels together.
    pub bits: u16,
}

/// What the header of firmware says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareFacts {
    /// Short names of the models it is for (`domain::model`).
    pub models: Vec<String>,
    /// `SIP` or `HFA`.
    pub software_type: Option<String>,
    /// Version, as the header has it.
    pub version: Option<String>,
    /// Name of the image or phone.
    pub name: Option<String>,
}

/// What could be told of a file from its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// What the bytes are.
    pub format: FileFormat,
    /// Of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureFacts>,
    /// Of firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwareFacts>,
    /// Length of a sound in milliseconds, where its header says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
}

impl FileFacts {
    /// Facts of a format of which nothing else is known.
    pub fn plain(format: FileFormat) -> Self {
        Self { format, picture: None, firmware: None, milliseconds: None }
    }
}

words! {
    /// Where a stored file stands.
    FileState {
        /// It can be deployed.
        Ready = "ready",
        /// Somebody must say model, family or version first (`wpi.md` §7.4), or its type.
        Incomplete = "incomplete",
        /// Its storage provider no longer has it.
        Missing = "missing",
        /// Its storage provider has other content under its name than was described here.
        Changed = "changed",
    }
}

words! {
    /// Kind of a storage provider (OSEM §10.3).
    ProviderKind {
        /// The directory of this installation; there is one, and it cannot be deleted.
        BuiltIn = "built-in",
        /// An S3-compatible store.
        S3 = "s3",
        /// A web server: WebDAV, index pages, or a file that lists the others.
        Https = "https",
    }
}

words! {
    /// How phones get the files of a provider.
    Serving {
        /// From this server, which fetches them once and keeps them in its cache.
        Server = "server",
        /// From the provider itself, by an address that is signed where the provider can.
        Provider = "provider",
        /// From an FTP server of the site, which has the same files (`wpi.md` §4.6.1).
        Ftp = "ftp",
    }
}

words! {
    /// How an HTTPS provider tells which files it has.
    Listing {
        /// Whatever it answers to, tried in this order.
        Automatic = "automatic",
        /// WebDAV (PROPFIND, RFC 4918).
        Webdav = "webdav",
        /// Index pages of Apache, nginx or Caddy.
        IndexPage = "index-page",
        /// A text file `index.txt` with a file name on each line.
        IndexFile = "index-file",
    }
}

words! {
    /// How a provider did at the last try.
    ProviderHealth {
        /// Not tried yet.
        Unknown = "unknown",
        /// It answered as it should.
        Good = "good",
        /// It did not; the error says why.
        Bad = "bad",
    }
}

words! {
    /// Where a scan of a provider for files is in its life.
    ProviderScanState {
        /// Never started.
        None = "none",
        /// Under way, or waiting for a node that takes it.
        Running = "running",
        /// Complete.
        Done = "done",
        /// Stopped by somebody.
        Stopped = "stopped",
        /// The provider failed; what was found until then is kept.
        Failed = "failed",
    }
}

/// Whether two software types are the same family.
pub fn same_family(a: &str, b: &str) -> bool {
    SoftwareType::parse(a) == SoftwareType::parse(b)
}
