//! The key for secrets, kept outside the database: from the environment, or a file made at first start.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use zeroize::Zeroizing;

use super::Config;
use crate::clock::{Entropy, EntropyError};
use crate::vault::KEY_LENGTH;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("could not {attempt} the key file {}", .path.display())]
    File {
        /// `read` or `write`.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no key.
    #[error("the key for secrets must be 32 bytes in base64")]
    Form,
    /// A new one could not be made.
    #[error("could not make a key for secrets")]
    Entropy(#[from] EntropyError),
}

/// The key of this installation; made and written (readable by the owner only) when there is none yet.
///
/// # Errors
/// When the file cannot be read or written, or holds no key.
pub fn load_key(config: &Config, entropy: &Entropy) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if let Some(key) = &config.key {
        return decode(key);
    }
    let path = config.key_path();
    match read(&path) {
        Ok(text) => decode(&Secret::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path, entropy),
        Err(source) => Err(KeyError::File { attempt: "read", path, source }),
    }
}

#[expect(clippy::disallowed_methods, reason = "runs once before the server starts")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn decode(text: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = STANDARD.decode(text.expose().trim()).map_err(|_| KeyError::Form)?;
    if bytes.len() == KEY_LENGTH { Ok(Zeroizing::new(bytes)) } else { Err(KeyError::Form) }
}

fn create(path: PathBuf, entropy: &Entropy) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let key = Zeroizing::new(entropy.bytes::<KEY_LENGTH>()?.to_vec());
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    write(&path, &text).map_err(|source| KeyError::File { attempt: "write", path, source })?;
    Ok(key)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Never over an existing key: what it sealed could not be opened again.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{Config, KeyError, load_key};
    use crate::clock::Entropy;
    use domain::Secret;

    #[test]
    fn a_key_is_made_once_and_readable_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let key = load_key(&config, &Entropy::system()).unwrap();
        assert_eq!(load_key(&config, &Entropy::system()).unwrap(), key);
        let mode = std::fs::metadata(config.key_path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let config = Config { key: Some(Secret::new("c2hvcnQ=".to_owned())), ..Config::default() };
        assert!(matches!(load_key(&config, &Entropy::system()), Err(KeyError::Form)));
    }
}
