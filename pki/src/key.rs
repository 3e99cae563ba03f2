//! Private keys: which kinds we make, making them, and holding their text so that it does not leak.
//!
//! Refuses to know where a key is stored and what it signs.

use std::fmt;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{MAX_KEY_INPUT, pem};

/// The kinds of key this crate makes (D-11). 1024-bit RSA of OSEM §13.9 is left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, 2,048 bits: phone listeners and phone certificates.
    Rsa2048,
    /// RSA, 3,072 bits: the built-in authority.
    Rsa3072,
    /// RSA, 4,096 bits: the largest size phones were seen to accept (`wpi.md` §2.5).
    Rsa4096,
    /// ECDSA on P-256: console, API and metrics. Not known to work on phones.
    EcdsaP256,
}

impl KeyKind {
    /// Whether it is one of the RSA kinds.
    #[must_use]
    pub fn is_rsa(self) -> bool {
        !matches!(self, Self::EcdsaP256)
    }
}

/// A private key as PEM text. Wiped when dropped; `Debug` shows nothing of it and there is no `Display`.
///
/// The text is not checked when it is taken: [`crate::check_pair`] and
/// [`crate::Authority::from_pem`] do that.
#[derive(Clone)]
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// Takes over a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret text, for storing it encrypted or giving it to a TLS library.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKeyPem(redacted)")
    }
}

/// Why a private key could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is longer than [`MAX_KEY_INPUT`].
    #[error("the private key has {size} bytes, more than the {MAX_KEY_INPUT} allowed")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// The key is protected by a password.
    #[error("the private key is encrypted; give it without a password")]
    Encrypted,
    /// There is no private key in the text.
    #[error("the text holds no private key")]
    Missing,
    /// There is more than one private key in the text.
    #[error("the text holds more than one private key")]
    Several,
    /// The PEM framing or its base64 is broken.
    #[error("reading the PEM text of the private key")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// The key inside is broken, of an unknown kind or smaller than [`crate::MIN_RSA_BITS`].
    #[error("loading the private key")]
    Unusable(#[source] rcgen::Error),
}

/// A loaded signing key that is wiped when dropped.
pub(crate) struct SigningKey(KeyPair);

impl SigningKey {
    /// Makes a new key. Randomness comes from the operating system.
    pub(crate) fn generate(kind: KeyKind) -> Result<Self, rcgen::Error> {
        let pair = match kind {
            KeyKind::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            KeyKind::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
            KeyKind::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
            KeyKind::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        }?;
        Ok(Self(pair))
    }

    /// Reads a key, with the size checked first.
    pub(crate) fn from_pem(text: &PrivateKeyPem) -> Result<(Self, PrivateKeyDer<'static>), KeyError> {
        let bytes = text.expose().as_bytes();
        if bytes.len() > MAX_KEY_INPUT {
            return Err(KeyError::TooLarge { size: bytes.len() });
        }
        // PKCS#8 names it in the label, the older form in a header line.
        if text.expose().contains("BEGIN ENCRYPTED PRIVATE KEY")
            || text.expose().contains("Proc-Type: 4,ENCRYPTED")
        {
            return Err(KeyError::Encrypted);
        }
        let mut keys = PrivateKeyDer::pem_slice_iter(bytes);
        let der = keys.next().ok_or(KeyError::Missing)?.map_err(KeyError::Pem)?;
        if keys.next().is_some() {
            return Err(KeyError::Several);
        }
        let pair = KeyPair::try_from(&der).map_err(KeyError::Unusable)?;
        Ok((Self(pair), der))
    }

    /// The pair, for the certificate library.
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }

    /// The key as PKCS#8 PEM.
    pub(crate) fn to_pem(&self) -> PrivateKeyPem {
        PrivateKeyPem(pem::encode("PRIVATE KEY", self.0.serialized_der()))
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_key() {
        let text = SigningKey::generate(KeyKind::EcdsaP256).expect("a key").to_pem();
        assert_eq!(format!("{text:?}"), "PrivateKeyPem(redacted)");
    }

    #[test]
    fn a_made_key_reads_back() {
        let key = SigningKey::generate(KeyKind::EcdsaP256).expect("a key");
        let (again, _) = SigningKey::from_pem(&key.to_pem()).expect("it was just made");
        assert_eq!(again.pair().public_key_raw(), key.pair().public_key_raw());
    }

    #[test]
    fn each_thing_that_can_be_wrong_has_its_error() {
        let load = |text: String| SigningKey::from_pem(&PrivateKeyPem::new(text)).map(|_| ()).unwrap_err();
        let good = SigningKey::generate(KeyKind::EcdsaP256).expect("a key").to_pem();

        assert!(matches!(load("A".repeat(MAX_KEY_INPUT + 1)), KeyError::TooLarge { .. }));
        assert!(matches!(load(String::new()), KeyError::Missing));
        assert!(matches!(load(good.expose().repeat(2)), KeyError::Several));
        assert!(matches!(load(good.expose().replace("PRIVATE", "ENCRYPTED PRIVATE")), KeyError::Encrypted));
        assert!(matches!(load(good.expose().replace("-----END", "-----END NOT")), KeyError::Pem(_)));
        let junk = pem::encode("PRIVATE KEY", b"0123456789");
        assert!(matches!(load(junk.to_string()), KeyError::Unusable(_)));
    }
}
