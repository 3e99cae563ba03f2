//! The certificate authority: makes itself, reads itself back, issues server and client certificates.
//!
//! Every certificate is looked at by `lint` before it is handed out. Refuses to know where keys and
//! certificates are kept, and who asked.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use x509_parser::der_parser::Oid;

use crate::inspect::parse;
use crate::key::SigningKey;
use crate::lint::lint;
use crate::{
    CertificateInfo, Finding, KeyKind, Name, NameError, PairError, PrivateKeyPem, Role, Subject, pair, pem,
};

/// How far back validity begins: the clock of a phone is often behind, above all at its start
/// (`wpi.md` §2.5).
const BACKDATE: SignedDuration = SignedDuration::from_hours(24);

/// Most names in one certificate.
const MAX_NAMES: usize = 100;

/// The random part of a serial number, passed in so that tests are repeatable. Use fresh bytes for
/// every certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialSeed([u8; 16]);

impl SerialSeed {
    /// From 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The number: always 16 bytes and positive, 126 bits of it random (RFC 5280 §4.1.2.2).
    fn to_serial(self) -> SerialNumber {
        let mut bytes = self.0;
        if let Some(first) = bytes.first_mut() {
            *first = (*first & 0x7f) | 0x40;
        }
        SerialNumber::from_slice(&bytes)
    }
}

/// What a server certificate shall say.
#[derive(Clone, Debug)]
pub struct ServerRequest<'a> {
    /// The common name: the name or address phones use (`wpi.md` §2.5).
    pub common_name: &'a str,
    /// Host names and addresses, at least one; all of them go into subjectAltName.
    pub names: &'a [Name],
    /// The kind of key to make.
    pub key_kind: KeyKind,
    /// How long it is valid from now on; cut off where the authority ends.
    pub lifetime: Duration,
}

/// What a client certificate shall say.
#[derive(Clone, Debug)]
pub struct ClientRequest<'a> {
    /// The common name: for a phone its device id.
    pub common_name: &'a str,
    /// The kind of key to make.
    pub key_kind: KeyKind,
    /// How long it is valid from now on; cut off where the authority ends.
    pub lifetime: Duration,
}

/// A new certificate with its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate alone.
    pub certificate_pem: String,
    /// What a TLS server presents: the certificate, then the authorities above it without the
    /// self-signed root, which the other side must have anyway (RFC 5246 §7.4.2).
    pub chain_pem: String,
    /// Its private key (PKCS#8).
    pub private_key_pem: PrivateKeyPem,
    /// What it says.
    pub info: CertificateInfo,
}

/// Why an authority could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Certificate and key are broken or do not belong together.
    #[error("the certificate and key of the authority cannot be used")]
    Pair(#[source] PairError),
    /// The certificate may not sign others.
    #[error("the certificate is not one of an authority")]
    NotAuthority,
    /// Its subject is written in a way that cannot be repeated as issuer.
    #[error("the subject of the authority cannot be used as an issuer")]
    Subject,
}

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The common name cannot stand in a certificate.
    #[error("the common name cannot be used")]
    CommonName(#[source] NameError),
    /// A server certificate needs a name.
    #[error("a server certificate needs at least one host name or address")]
    NoName,
    /// More than 100 names.
    #[error("more than {MAX_NAMES} names in one certificate")]
    TooManyNames,
    /// The lifetime is zero or ends beyond the calendar.
    #[error("the validity does not fit the calendar")]
    Validity,
    /// The authority itself is no longer or not yet valid.
    #[error("the authority is not valid at this time")]
    AuthorityNotValid,
    /// The cryptographic library refused.
    #[error("making the key or the certificate")]
    Library(#[source] rcgen::Error),
    /// The finished certificate broke a rule; it was thrown away.
    #[error("the certificate did not pass its inspection")]
    Lint(#[source] Finding),
    /// The finished certificate could not be described.
    #[error("describing the certificate")]
    Inspect(#[source] crate::InspectError),
}

/// A certificate authority with its private key.
pub struct Authority {
    /// Its own certificate first, then what is above it.
    chain: Vec<CertificateDer<'static>>,
    certificate: CertificateDer<'static>,
    info: CertificateInfo,
    key: SigningKey,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a self-signed root that may sign end certificates only.
    ///
    /// Validity begins a day before `now` and ends `lifetime` after it.
    ///
    /// # Errors
    /// When the lifetime does not fit the calendar or key generation fails.
    pub fn create(
        subject: &Subject,
        key_kind: KeyKind,
        now: Timestamp,
        lifetime: Duration,
        serial: SerialSeed,
    ) -> Result<Self, IssueError> {
        let key = SigningKey::generate(key_kind).map_err(IssueError::Library)?;
        let (not_before, not_after) = validity(now, lifetime)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = subject.to_distinguished_name();
        params.serial_number = Some(serial.to_serial());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, not_before, not_after)?;

        let certificate: CertificateDer<'static> =
            params.self_signed(key.pair()).map_err(IssueError::Library)?.into();
        lint(Role::Authority, &certificate, &certificate).map_err(IssueError::Lint)?;
        let info = crate::inspect(&certificate).map_err(IssueError::Inspect)?;
        Ok(Self { chain: vec![certificate.clone()], certificate, info, key })
    }

    /// Loads an authority: its certificate first, then the ones above it if it is no root.
    ///
    /// # Errors
    /// When the pair is broken, the certificate is not marked as an authority, or its subject cannot be
    /// written again byte for byte (several attributes of one kind, for instance).
    pub fn from_pem(certificate_pem: &[u8], key: &PrivateKeyPem) -> Result<Self, AuthorityError> {
        let (chain, key, _, info) = pair::load(certificate_pem, key).map_err(AuthorityError::Pair)?;
        let certificate = chain.first().cloned().ok_or(AuthorityError::NotAuthority)?;
        let may_sign = info.key_usage.is_empty() || info.key_usage.contains(&"keyCertSign");
        if !info.is_ca || !may_sign {
            return Err(AuthorityError::NotAuthority);
        }
        let parsed = parse(&certificate).map_err(|_| AuthorityError::Subject)?;
        // rcgen panics on an empty set and on an object identifier that no tree of numbers has.
        let well_formed = parsed.subject().iter().all(|set| {
            set.iter().count() == 1 && set.iter().all(|attribute| is_identifier(attribute.attr_type()))
        });
        if !well_formed {
            return Err(AuthorityError::Subject);
        }
        drop(parsed);
        let authority = Self { chain, certificate, info, key };
        authority.issuer().map_err(|_| AuthorityError::Subject)?;
        Ok(authority)
    }

    /// What its certificate says.
    #[must_use]
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// Its certificate in DER: what a verifier trusts.
    #[must_use]
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate as PEM, followed by the ones above it.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.chain.iter().map(|der| pem::certificate(der)).collect()
    }

    /// Its private key, for storing it encrypted.
    #[must_use]
    pub fn private_key_pem(&self) -> PrivateKeyPem {
        self.key.to_pem()
    }

    /// Issues a certificate for a listener of this server.
    ///
    /// Validity begins a day before `now`, never before the authority's, and ends after the lifetime
    /// or with the authority, whichever is first.
    ///
    /// # Errors
    /// When a name cannot be used, the authority is not valid at `now`, or the certificate breaks a rule.
    pub fn issue_server(
        &self,
        request: &ServerRequest<'_>,
        now: Timestamp,
        serial: SerialSeed,
    ) -> Result<Issued, IssueError> {
        if request.names.is_empty() {
            return Err(IssueError::NoName);
        }
        if request.names.len() > MAX_NAMES {
            return Err(IssueError::TooManyNames);
        }
        let mut params = CertificateParams::default();
        for name in request.names {
            params.subject_alt_names.push(match name {
                Name::Ip(address) => SanType::IpAddress(*address),
                Name::Dns(host) => SanType::DnsName(host.as_str().try_into().map_err(IssueError::Library)?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if request.key_kind.is_rsa() {
            // For old clients that send the session key encrypted; harmless for the others.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let subject = (request.common_name, request.key_kind, request.lifetime);
        self.issue(Role::Server, params, subject, now, serial)
    }

    /// Issues a certificate for a phone or another client (`wpi.md` §5, mutual TLS).
    ///
    /// # Errors
    /// As [`Authority::issue_server`].
    pub fn issue_client(
        &self,
        request: &ClientRequest<'_>,
        now: Timestamp,
        serial: SerialSeed,
    ) -> Result<Issued, IssueError> {
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let subject = (request.common_name, request.key_kind, request.lifetime);
        self.issue(Role::Client, params, subject, now, serial)
    }

    fn issue(
        &self,
        role: Role,
        mut params: CertificateParams,
        (common_name, key_kind, lifetime): (&str, KeyKind, Duration),
        now: Timestamp,
        serial: SerialSeed,
    ) -> Result<Issued, IssueError> {
        let subject = Subject::new(common_name, None).map_err(IssueError::CommonName)?;
        if now < self.info.not_before || now >= self.info.not_after {
            return Err(IssueError::AuthorityNotValid);
        }
        let (not_before, not_after) = validity(now, lifetime)?;
        set_validity(&mut params, not_before.max(self.info.not_before), not_after.min(self.info.not_after))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject.common_name());
        params.serial_number = Some(serial.to_serial());
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;

        let key = SigningKey::generate(key_kind).map_err(IssueError::Library)?;
        let issuer = self.issuer().map_err(IssueError::Library)?;
        let certificate: CertificateDer<'static> =
            params.signed_by(key.pair(), &issuer).map_err(IssueError::Library)?.into();
        lint(role, &certificate, &self.certificate).map_err(IssueError::Lint)?;

        let certificate_pem = pem::certificate(&certificate);
        let mut chain_pem = certificate_pem.clone();
        for upper in &self.chain {
            let is_root = parse(upper).is_ok_and(|upper| upper.issuer().as_raw() == upper.subject().as_raw());
            if !is_root {
                chain_pem.push_str(&pem::certificate(upper));
            }
        }
        let info = crate::inspect(&certificate).map_err(IssueError::Inspect)?;
        Ok(Issued { certificate_pem, chain_pem, private_key_pem: key.to_pem(), info })
    }

    fn issuer(&self) -> Result<Issuer<'static, &rcgen::KeyPair>, rcgen::Error> {
        Issuer::from_ca_cert_der(&self.certificate, self.key.pair())
    }
}

/// Whether an object identifier has at least two numbers and begins with 0, 1 or 2 (X.660).
fn is_identifier(identifier: &Oid<'_>) -> bool {
    identifier.iter().is_some_and(|mut numbers| {
        let root = numbers.next().is_some_and(|first| first <= 2);
        root && numbers.next().is_some()
    })
}

/// Begin and end, whole seconds.
fn validity(now: Timestamp, lifetime: Duration) -> Result<(Timestamp, Timestamp), IssueError> {
    if lifetime.is_zero() {
        return Err(IssueError::Validity);
    }
    let not_before = now.checked_sub(BACKDATE).map_err(|_| IssueError::Validity)?;
    let not_after = now.checked_add(lifetime).map_err(|_| IssueError::Validity)?;
    Ok((not_before, not_after))
}

fn set_validity(
    params: &mut CertificateParams,
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<(), IssueError> {
    let date = |at: Timestamp| {
        time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| IssueError::Validity)
    };
    params.not_before = date(not_before)?;
    params.not_after = date(not_after)?;
    Ok(())
}

#[cfg(test)]
mod tests;
