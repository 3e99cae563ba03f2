//! Encryption at rest of secret texts, with a key kept outside the database (`product.md` §1).
//!
//! AES-256-GCM-SIV with a nonce derived from the place and the text: the same secret in the same place
//! gives the same sealed text, so that an unchanged secret costs no write, and nothing else is revealed.
//! The place is authenticated: a sealed text moved to another row does not open.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Secret;
use zeroize::Zeroizing;

/// Length of the key, in bytes.
pub const KEY_LENGTH: usize = 32;

/// Seals and opens secret texts.
pub struct Vault {
    seal: LessSafeKey,
    derive: hmac::Key,
}

/// Why a text could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key has another length.
    #[error("the key for secrets must have 32 bytes")]
    Key,
    /// The text was sealed with another key, for another place, or is damaged.
    #[error("a stored secret cannot be opened: another key, another place, or damaged")]
    Open,
    /// The cipher refused.
    #[error("a secret could not be sealed")]
    Seal,
}

impl Vault {
    /// A vault with a key of 32 random bytes.
    ///
    /// # Errors
    /// When the key has another length.
    pub fn new(key: &[u8]) -> Result<Self, VaultError> {
        if key.len() != KEY_LENGTH {
            return Err(VaultError::Key);
        }
        // Two keys from one: the same bytes must not serve two algorithms.
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        let cipher = Zeroizing::new(hmac::sign(&root, b"workpoint vault cipher").as_ref().to_vec());
        let nonce = Zeroizing::new(hmac::sign(&root, b"workpoint vault nonce").as_ref().to_vec());
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, &cipher).map_err(|_| VaultError::Key)?;
        Ok(Self { seal: LessSafeKey::new(unbound), derive: hmac::Key::new(hmac::HMAC_SHA256, &nonce) })
    }

    /// Seals a text for a place (`reported:001AE85B20C7:sip-pwd`).
    ///
    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&self, place: &str, secret: &Secret) -> Result<String, VaultError> {
        let mut context = hmac::Context::with_key(&self.derive);
        context.update(&(place.len() as u64).to_be_bytes());
        context.update(place.as_bytes());
        context.update(secret.expose().as_bytes());
        let tag = context.sign();
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        let mut text = secret.expose().as_bytes().to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut text,
            )
            .map_err(|_| VaultError::Seal)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Keyed digest of a text for a place: equal for equal texts in one place, and of no use without the key.
    pub fn digest(&self, place: &str, text: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.derive);
        context.update(b"digest");
        context.update(&(place.len() as u64).to_be_bytes());
        context.update(place.as_bytes());
        context.update(text.as_bytes());
        context.sign().as_ref().to_vec()
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place, or is damaged.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Secret, VaultError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| VaultError::Open)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Open)?;
        let mut text = Zeroizing::new(text.to_vec());
        let open = self
            .seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.as_bytes()), &mut text)
            .map_err(|_| VaultError::Open)?;
        String::from_utf8(open.to_vec()).map(Secret::new).map_err(|_| VaultError::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::{Vault, VaultError};
    use domain::Secret;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let sealed = vault.seal("a", &secret("124816")).unwrap();
        assert!(!sealed.contains("124816"));
        assert_eq!(vault.open("a", &sealed).unwrap(), secret("124816"));
        assert_eq!(vault.open("b", &sealed), Err(VaultError::Open));
        assert_eq!(Vault::new(&[8; 32]).unwrap().open("a", &sealed), Err(VaultError::Open));
        assert_eq!(vault.open("a", "%%"), Err(VaultError::Open));
        assert_eq!(vault.open("a", "AAAA"), Err(VaultError::Open));
    }

    #[test]
    fn the_same_secret_gives_the_same_text_in_one_place() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let sealed = |place, text| vault.seal(place, &secret(text)).unwrap();
        assert_eq!(sealed("a", "x"), sealed("a", "x"));
        assert_ne!(sealed("a", "x"), sealed("b", "x"));
        assert_ne!(sealed("a", "x"), sealed("a", "y"));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(matches!(Vault::new(&[1; 31]), Err(VaultError::Key)));
    }
}
