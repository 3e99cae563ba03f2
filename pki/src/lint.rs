//! A look at every certificate before it leaves the authority (after boulder, `landscape.md` C1).
//!
//! It parses what was signed and compares it with the rules, knowing nothing of how it was made, so
//! that a mistake in the making cannot hide. Refuses to issue or to repair.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_PKCS1_SHA256WITHRSA, OID_SIG_ECDSA_WITH_SHA256};
use x509_parser::x509::X509Version;

use crate::inspect::{KeyAlgorithm, describe, parse};
use crate::{InspectError, MIN_RSA_BITS};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The authority's own.
    Authority,
    /// A listener of this server.
    Server,
    /// A phone or another client.
    Client,
}

/// A rule that a certificate breaks.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// It does not even parse.
    #[error("the certificate does not parse")]
    Unreadable(#[source] InspectError),
    /// Version 3 is needed for extensions.
    #[error("it is not a version 3 certificate")]
    Version,
    /// RFC 5280 §4.1.2.2: positive, at most 20 bytes; here also at least 8, so that it is hard to guess.
    #[error("the serial number is not positive or not between 8 and 20 bytes long")]
    Serial,
    /// The end does not lie behind the beginning.
    #[error("it ends before it begins")]
    Validity,
    /// Its validity reaches beyond the authority's.
    #[error("its validity is not within that of the authority")]
    OutsideAuthority,
    /// The issuer is not byte for byte the subject of the authority.
    #[error("the issuer is not the subject of the authority")]
    Issuer,
    /// The authority's key did not make the signature.
    #[error("the signature is not one of the authority")]
    Signature,
    /// Not SHA-256 with RSA or ECDSA.
    #[error("the signature algorithm is not SHA-256 with RSA or ECDSA")]
    SignatureAlgorithm,
    /// A server without a subject alternative name.
    #[error("a server certificate needs a subject alternative name")]
    NoName,
    /// The key usage does not fit the role.
    #[error("the key usage does not fit the purpose")]
    KeyUsage,
    /// The extended key usage does not fit the role.
    #[error("the extended key usage does not fit the purpose")]
    ExtendedKeyUsage,
    /// Marked as an authority and is none, or the other way round.
    #[error("the CA flag does not fit the purpose")]
    AuthorityFlag,
    /// No subject key identifier, or none of the issuer where the issuer is somebody else.
    #[error("a key identifier is missing")]
    KeyIdentifier,
    /// The public key is RSA with fewer than [`MIN_RSA_BITS`] bits, or of an unknown kind.
    #[error("the public key is too small or of an unknown kind")]
    WeakKey,
}

/// Checks a certificate that `authority` signed. For the authority's own, both are the same.
///
/// # Errors
/// The first rule broken.
pub(crate) fn lint(role: Role, der: &[u8], authority: &[u8]) -> Result<(), Finding> {
    let certificate = parse(der).map_err(Finding::Unreadable)?;
    let issuer = parse(authority).map_err(Finding::Unreadable)?;
    let info = describe(&certificate).map_err(Finding::Unreadable)?;

    ensure(certificate.version() == X509Version::V3, Finding::Version)?;
    ensure(good_serial(certificate.raw_serial()), Finding::Serial)?;
    ensure(info.not_before < info.not_after, Finding::Validity)?;
    let (own, outer) = (certificate.validity(), issuer.validity());
    ensure(
        own.not_before >= outer.not_before && own.not_after <= outer.not_after,
        Finding::OutsideAuthority,
    )?;
    ensure(certificate.issuer().as_raw() == issuer.subject().as_raw(), Finding::Issuer)?;
    let algorithm = &certificate.signature_algorithm.algorithm;
    ensure(
        *algorithm == OID_PKCS1_SHA256WITHRSA || *algorithm == OID_SIG_ECDSA_WITH_SHA256,
        Finding::SignatureAlgorithm,
    )?;
    ensure(certificate.verify_signature(Some(issuer.public_key())).is_ok(), Finding::Signature)?;
    let strong = match info.key.algorithm {
        KeyAlgorithm::Rsa => info.key.bits >= MIN_RSA_BITS,
        KeyAlgorithm::Ecdsa(_) => info.key.bits >= 256,
        KeyAlgorithm::Ed25519 => true,
        KeyAlgorithm::Other(_) => false,
    };
    ensure(strong, Finding::WeakKey)?;
    ensure(info.is_ca == (role == Role::Authority), Finding::AuthorityFlag)?;
    ensure(has_key_identifiers(&certificate, role), Finding::KeyIdentifier)?;

    let may = |usage: &str| info.key_usage.contains(&usage);
    let purposes: Vec<&str> = info.extended_key_usage.iter().map(String::as_str).collect();
    let (usage, purpose): (bool, &[&str]) = match role {
        Role::Authority => (may("keyCertSign") && may("cRLSign"), &[]),
        Role::Server => (may("digitalSignature") && !may("keyCertSign"), &["serverAuth"]),
        Role::Client => (may("digitalSignature") && !may("keyCertSign"), &["clientAuth"]),
    };
    ensure(usage, Finding::KeyUsage)?;
    ensure(purposes == purpose, Finding::ExtendedKeyUsage)?;
    ensure(role != Role::Server || !info.names.is_empty(), Finding::NoName)
}

fn ensure(holds: bool, finding: Finding) -> Result<(), Finding> {
    if holds { Ok(()) } else { Err(finding) }
}

fn good_serial(serial: &[u8]) -> bool {
    (8..=20).contains(&serial.len())
        && serial.first().is_some_and(|first| first & 0x80 == 0)
        && serial.iter().any(|byte| *byte != 0)
}

fn has_key_identifiers(certificate: &X509Certificate<'_>, role: Role) -> bool {
    let mut own = false;
    let mut issuers = role == Role::Authority;
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(_) => own = true,
            ParsedExtension::AuthorityKeyIdentifier(_) => issuers = true,
            _ => {}
        }
    }
    own && issuers
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber};
    use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

    use super::*;

    /// A root that fulfils every rule, and one certificate under it that a test may spoil.
    fn linted(role: Role, spoil: impl FnOnce(&mut CertificateParams)) -> Result<(), Finding> {
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.not_before = date_time_ymd(2020, 1, 1);
        root.not_after = date_time_ymd(2040, 1, 1);
        let root_key = KeyPair::generate().expect("a key");
        let root_der = root.self_signed(&root_key).expect("a root").der().to_vec();

        let mut leaf = CertificateParams::new(vec!["dls.example".to_owned()]).expect("a name");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.not_before = date_time_ymd(2021, 1, 1);
        leaf.not_after = date_time_ymd(2039, 1, 1);
        leaf.serial_number = Some(SerialNumber::from_slice(&[0x41; 16]));
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        spoil(&mut leaf);
        let leaf_key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&root, &root_key);
        lint(role, leaf.signed_by(&leaf_key, &issuer).expect("a leaf").der(), &root_der)
    }

    #[test]
    fn a_proper_certificate_has_no_finding() {
        linted(Role::Server, |_| {}).expect("nothing to find");
    }

    #[test]
    fn each_broken_rule_is_found() {
        let found = |spoil: fn(&mut CertificateParams)| linted(Role::Server, spoil).unwrap_err();

        assert!(matches!(
            found(|leaf| leaf.serial_number = Some(SerialNumber::from_slice(&[7]))),
            Finding::Serial
        ));
        assert!(matches!(
            found(|leaf| leaf.serial_number = Some(SerialNumber::from_slice(&[0xff; 20]))),
            Finding::Serial
        ));
        assert!(matches!(found(|leaf| leaf.not_after = date_time_ymd(2020, 6, 1)), Finding::Validity));
        assert!(matches!(
            found(|leaf| leaf.not_after = date_time_ymd(2041, 1, 1)),
            Finding::OutsideAuthority
        ));
        assert!(matches!(
            found(|leaf| leaf.not_before = date_time_ymd(2019, 1, 1)),
            Finding::OutsideAuthority
        ));
        assert!(matches!(found(|leaf| leaf.subject_alt_names.clear()), Finding::NoName));
        assert!(matches!(found(|leaf| leaf.key_usages.clear()), Finding::KeyUsage));
        assert!(matches!(
            found(|leaf| leaf.key_usages.push(KeyUsagePurpose::KeyCertSign)),
            Finding::KeyUsage
        ));
        assert!(matches!(found(|leaf| leaf.extended_key_usages.clear()), Finding::ExtendedKeyUsage));
        assert!(matches!(
            found(|leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            Finding::AuthorityFlag
        ));
        assert!(matches!(
            found(|leaf| leaf.use_authority_key_identifier_extension = false),
            Finding::KeyIdentifier
        ));
        assert!(matches!(linted(Role::Client, |_| {}), Err(Finding::ExtendedKeyUsage)));
    }

    #[test]
    fn a_certificate_of_somebody_else_is_found() {
        let key = KeyPair::generate().expect("a key");
        let other = CertificateParams::default().self_signed(&key).expect("a certificate");
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = root.self_signed(&KeyPair::generate().expect("a key")).expect("a root");
        assert!(matches!(lint(Role::Server, other.der(), root.der()), Err(Finding::Signature)));
        assert!(matches!(lint(Role::Server, b"no certificate", root.der()), Err(Finding::Unreadable(_))));
    }
}
