//! Certificate chain and private key as somebody hands them in: do they parse, and do they belong
//! together?
//!
//! Refuses to know what they will be used for, and which authority is trusted; the clock is not asked
//! either, since a phone in default mode accepts an expired certificate (`wpi.md` §2.5) and the
//! caller may want to warn rather than to refuse.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::inspect::{KeyAlgorithm, describe, parse};
use crate::key::SigningKey;
use crate::{
    CertificateInfo, InspectError, KeyError, MAX_CERTIFICATE_INPUT, MAX_CHAIN, MIN_RSA_BITS, PrivateKeyPem,
    pem,
};

/// A chain and the key of its first certificate, ready for a TLS library.
#[derive(Debug)]
pub struct CheckedPair {
    /// The certificates in DER, leaf first, each signed by the next.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key. Its `Debug` shows nothing of it.
    pub key: PrivateKeyDer<'static>,
    /// What the leaf says.
    pub info: CertificateInfo,
}

/// Why a chain and a key cannot be used together.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The chain is longer than [`MAX_CERTIFICATE_INPUT`].
    #[error("the certificate chain has {size} bytes, more than the {MAX_CERTIFICATE_INPUT} allowed")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// The PEM framing or its base64 is broken.
    #[error("reading the PEM text of the certificate chain")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// There is no certificate in the text.
    #[error("the text holds no certificate")]
    Missing,
    /// There are more than [`MAX_CHAIN`] certificates.
    #[error("the chain has more than the {MAX_CHAIN} certificates allowed")]
    TooLong,
    /// A certificate does not parse.
    #[error("certificate {position} of the chain is broken")]
    Certificate {
        /// Its place, counted from 1.
        position: usize,
        /// What is wrong with it.
        #[source]
        source: InspectError,
    },
    /// A certificate is not signed by the one behind it.
    #[error("certificate {position} of the chain is not signed by the one that follows it")]
    Order {
        /// Its place, counted from 1.
        position: usize,
    },
    /// The leaf's RSA key is smaller than [`MIN_RSA_BITS`].
    #[error("the key of the certificate has {bits} bits, fewer than the {MIN_RSA_BITS} needed")]
    WeakKey {
        /// Its size in bits.
        bits: usize,
    },
    /// The private key cannot be loaded.
    #[error("the private key cannot be used")]
    Key(#[source] KeyError),
    /// Both are well formed, but the key is of another certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// Checks a PEM chain (leaf first) and the leaf's private key.
///
/// # Errors
/// One [`PairError`] per thing that can be wrong; sizes are looked at before anything is parsed.
pub fn check_pair(certificate_pem: &[u8], key: &PrivateKeyPem) -> Result<CheckedPair, PairError> {
    let (chain, _, der, info) = load(certificate_pem, key)?;
    Ok(CheckedPair { chain, key: der, info })
}

/// Everything of a checked pair.
pub(crate) type Loaded = (Vec<CertificateDer<'static>>, SigningKey, PrivateKeyDer<'static>, CertificateInfo);

/// The same with the loaded key, for the authority.
pub(crate) fn load(certificate_pem: &[u8], key: &PrivateKeyPem) -> Result<Loaded, PairError> {
    if certificate_pem.len() > MAX_CERTIFICATE_INPUT {
        return Err(PairError::TooLarge { size: certificate_pem.len() });
    }
    let chain = pem::certificates(certificate_pem, MAX_CHAIN).map_err(PairError::Pem)?;
    if chain.len() > MAX_CHAIN {
        return Err(PairError::TooLong);
    }

    let mut parsed = Vec::with_capacity(chain.len());
    for (index, der) in chain.iter().enumerate() {
        let certificate =
            parse(der).map_err(|source| PairError::Certificate { position: index + 1, source })?;
        parsed.push(certificate);
    }
    for (index, pair) in parsed.windows(2).enumerate() {
        if let [lower, upper] = pair
            && (lower.issuer().as_raw() != upper.subject().as_raw()
                || lower.verify_signature(Some(upper.public_key())).is_err())
        {
            return Err(PairError::Order { position: index + 1 });
        }
    }
    let leaf = parsed.first().ok_or(PairError::Missing)?;
    let info = describe(leaf).map_err(|source| PairError::Certificate { position: 1, source })?;
    if info.key.algorithm == KeyAlgorithm::Rsa && info.key.bits < MIN_RSA_BITS {
        return Err(PairError::WeakKey { bits: info.key.bits });
    }

    let (signing_key, der) = SigningKey::from_pem(key).map_err(PairError::Key)?;
    // The key itself is compared, not the structure around it, which may be written in two ways.
    if signing_key.pair().public_key_raw() != leaf.public_key().subject_public_key.data.as_ref() {
        return Err(PairError::Mismatch);
    }
    drop(parsed);
    Ok((chain, signing_key, der, info))
}
