//! What a certificate says, in the fields OSEM §11.4 shows.
//!
//! Refuses to judge: whether it may be used is for `pair` and `lint`.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest;
use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, KeyUsage, ParsedExtension};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

use crate::{MAX_CERTIFICATE_INPUT, pem};

/// The algorithm of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA.
    Rsa,
    /// ECDSA on a curve, by its name (`P-256`) or else its object identifier.
    Ecdsa(String),
    /// Ed25519.
    Ed25519,
    /// Another one, by its object identifier.
    Other(String),
}

/// A public key in words: algorithm and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// The algorithm.
    pub algorithm: KeyAlgorithm,
    /// The size in bits; 0 where it is not known.
    pub bits: usize,
}

impl fmt::Display for KeyDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.algorithm {
            KeyAlgorithm::Rsa => write!(formatter, "RSA {}", self.bits),
            KeyAlgorithm::Ecdsa(curve) => write!(formatter, "ECDSA {curve}"),
            KeyAlgorithm::Ed25519 => formatter.write_str("Ed25519"),
            KeyAlgorithm::Other(identifier) => formatter.write_str(identifier),
        }
    }
}

/// What a certificate says about itself (OSEM §11.4). Texts come from the certificate with control
/// characters replaced; they are not to be trusted further than that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The subject, as `CN=..., O=...`.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The serial number in lower-case hexadecimal, without separators.
    pub serial: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until, this second included (RFC 5280 §4.1.2.5).
    pub not_after: Timestamp,
    /// The public key.
    pub key: KeyDescription,
    /// Subject alternative names, each with its kind: `DNS:host`, `IP:address`, `URI:…`, `email:…`.
    pub names: Vec<String>,
    /// Key usages by their RFC 5280 names (`digitalSignature`); empty when the extension is absent.
    pub key_usage: Vec<&'static str>,
    /// Extended key usages by their RFC 5280 names (`serverAuth`), others as object identifier.
    pub extended_key_usage: Vec<String>,
    /// Whether it is marked as a certificate authority.
    pub is_ca: bool,
    /// SHA-256 of the whole certificate in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a certificate could not be described.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// Larger than [`MAX_CERTIFICATE_INPUT`].
    #[error("the certificate has {size} bytes, more than the {MAX_CERTIFICATE_INPUT} allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Neither DER nor a PEM text with a certificate in it.
    #[error("the input holds no certificate")]
    Missing,
    /// The PEM framing or its base64 is broken.
    #[error("reading the PEM text of the certificate")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// Not an X.509 certificate.
    #[error("parsing the certificate")]
    X509(#[source] x509_parser::error::X509Error),
    /// Bytes are left over behind the certificate.
    #[error("{size} bytes follow the certificate")]
    Trailing {
        /// How many.
        size: usize,
    },
    /// An extension cannot be parsed, or one is there twice.
    #[error("an extension of the certificate is broken")]
    Extension,
    /// A validity date that no calendar here can hold.
    #[error("a validity date of the certificate cannot be represented")]
    Date,
}

/// Describes one certificate, given as PEM (the first one in the text) or DER.
///
/// # Errors
/// When the input is too large, no certificate or a broken one.
pub fn inspect(input: &[u8]) -> Result<CertificateInfo, InspectError> {
    if input.len() > MAX_CERTIFICATE_INPUT {
        return Err(InspectError::TooLarge { size: input.len() });
    }
    // A certificate is a SEQUENCE, and PEM never begins with that byte's character, "0".
    if input.first() == Some(&0x30) {
        return describe(&parse(input)?);
    }
    let found = pem::certificates(input, 0).map_err(InspectError::Pem)?;
    let der = found.first().ok_or(InspectError::Missing)?;
    describe(&parse(der)?)
}

/// Parses one DER certificate, all of it.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, InspectError> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| {
        InspectError::X509(match error {
            x509_parser::nom::Err::Error(source) | x509_parser::nom::Err::Failure(source) => source,
            x509_parser::nom::Err::Incomplete(_) => x509_parser::error::X509Error::InvalidCertificate,
        })
    })?;
    if rest.is_empty() { Ok(certificate) } else { Err(InspectError::Trailing { size: rest.len() }) }
}

/// The description of a parsed certificate.
pub(crate) fn describe(certificate: &X509Certificate<'_>) -> Result<CertificateInfo, InspectError> {
    // Duplicates make this fail, and a duplicate could say two different things.
    certificate.extensions_map().map_err(|_| InspectError::Extension)?;

    let mut names = Vec::new();
    let mut key_usage = Vec::new();
    let mut extended_key_usage = Vec::new();
    let mut is_ca = false;
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(value) => {
                names = value.general_names.iter().map(name_text).collect();
            }
            ParsedExtension::KeyUsage(value) => key_usage = usages(value),
            ParsedExtension::ExtendedKeyUsage(value) => {
                let known = [
                    (value.any, "anyExtendedKeyUsage"),
                    (value.server_auth, "serverAuth"),
                    (value.client_auth, "clientAuth"),
                    (value.code_signing, "codeSigning"),
                    (value.email_protection, "emailProtection"),
                    (value.time_stamping, "timeStamping"),
                    (value.ocsp_signing, "OCSPSigning"),
                ];
                let known = known.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned());
                extended_key_usage = known.chain(value.other.iter().map(ToString::to_string)).collect();
            }
            ParsedExtension::BasicConstraints(value) => is_ca = value.ca,
            ParsedExtension::ParseError { .. } => return Err(InspectError::Extension),
            _ => {}
        }
    }

    Ok(CertificateInfo {
        subject: distinguished_name(certificate.subject()),
        issuer: distinguished_name(certificate.issuer()),
        serial: hex::encode(certificate.raw_serial()),
        not_before: timestamp(certificate.validity().not_before.timestamp())?,
        not_after: timestamp(certificate.validity().not_after.timestamp())?,
        key: key_description(certificate.public_key()),
        names,
        key_usage,
        extended_key_usage,
        is_ca,
        sha256: hex::encode(digest::digest(&digest::SHA256, certificate.as_raw())),
    })
}

/// Algorithm and size of a public key.
pub(crate) fn key_description(key: &SubjectPublicKeyInfo<'_>) -> KeyDescription {
    let identifier = &key.algorithm.algorithm;
    let bits = match key.parsed() {
        // The parser counts bytes after the first one and is a byte short of a modulus that has no
        // leading zero, so it is counted here.
        Ok(PublicKey::RSA(rsa)) => {
            let significant = rsa.modulus.iter().position(|byte| *byte != 0).unwrap_or(rsa.modulus.len());
            rsa.modulus
                .get(significant..)
                .and_then(|modulus| Some((modulus.first()?, modulus.len())))
                .map_or(0, |(first, length)| length * 8 - first.leading_zeros() as usize)
        }
        Ok(other) => other.key_size(),
        Err(_) => 0,
    };
    let algorithm = if *identifier == OID_PKCS1_RSAENCRYPTION {
        KeyAlgorithm::Rsa
    } else if *identifier == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = key.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        KeyAlgorithm::Ecdsa(match curve {
            Some(curve) if curve == OID_EC_P256 => "P-256".to_owned(),
            Some(curve) if curve == OID_NIST_EC_P384 => "P-384".to_owned(),
            Some(curve) if curve == OID_NIST_EC_P521 => "P-521".to_owned(),
            Some(curve) => curve.to_string(),
            None => "unnamed curve".to_owned(),
        })
    } else if *identifier == OID_SIG_ED25519 {
        KeyAlgorithm::Ed25519
    } else {
        KeyAlgorithm::Other(identifier.to_string())
    };
    KeyDescription { algorithm, bits }
}

fn timestamp(seconds: i64) -> Result<Timestamp, InspectError> {
    Timestamp::from_second(seconds).map_err(|_| InspectError::Date)
}

fn distinguished_name(name: &X509Name<'_>) -> String {
    clean(&name.to_string())
}

fn name_text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(host) => format!("DNS:{}", clean(host)),
        GeneralName::IPAddress(bytes) => match address(bytes) {
            Some(address) => format!("IP:{address}"),
            None => format!("IP:0x{}", hex::encode(bytes)),
        },
        GeneralName::URI(uri) => format!("URI:{}", clean(uri)),
        GeneralName::RFC822Name(mail) => format!("email:{}", clean(mail)),
        GeneralName::DirectoryName(name) => format!("directory:{}", distinguished_name(name)),
        GeneralName::RegisteredID(identifier) => format!("id:{identifier}"),
        GeneralName::OtherName(identifier, _) => format!("other:{identifier}"),
        GeneralName::X400Address(_) => "X400".to_owned(),
        GeneralName::EDIPartyName(_) => "EDI".to_owned(),
        GeneralName::Invalid(_, bytes) => format!("invalid:0x{}", hex::encode(bytes)),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn usages(usage: &KeyUsage) -> Vec<&'static str> {
    [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

/// A text from a certificate without control characters: it ends up in logs and terminals.
fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
