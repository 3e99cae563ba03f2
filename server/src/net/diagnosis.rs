//! Why a TLS handshake failed, as a code a program can use and lists a person can read.
//!
//! Joins what the TLS library said with what the ClientHello offered. Refuses to know sockets and to
//! count; the table of failures does that.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CipherSuite, PeerIncompatible, ProtocolVersion, SignatureScheme};
use serde::Serialize;

use super::hello::{ClientHello, FirstBytes, read_first_bytes};

/// Longest text of the TLS library that is kept, in characters.
const MAX_DETAIL: usize = 200;

/// TLS 1.2, the oldest version this server speaks.
const OLDEST_VERSION: u16 = 0x0303;

/// Every suite of the TLS library: 1.3, and 1.2 with ECDHE and an authenticated cipher.
const SUITES: [u16; 9] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8];

/// Why a handshake failed. The code ([`Verdict::code`], also its JSON form) is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing newer than TLS 1.1 is offered: an OpenStage with old firmware (`wpi.md` §2.5).
    TlsVersionTooOld,
    /// TLS 1.2 is offered, but only with CBC, RC4 or RSA key exchange.
    NoCommonCipherSuite,
    /// No elliptic curve in common.
    NoCommonGroup,
    /// No signature algorithm in common, or none offered.
    NoCommonSignature,
    /// The bytes are not TLS.
    NotTls,
    /// An HTTP request without TLS.
    PlainHttp,
    /// A hello in the form of SSLv2.
    Sslv2Hello,
    /// The peer did not like our certificate: a phone in secure mode that trusts another authority.
    ClientRejectedCertificate,
    /// The peer gave up with another alert.
    ClientAlert,
    /// A client certificate is required here and none came.
    ClientCertificateMissing,
    /// The client certificate is not from the right authority, or not valid now.
    ClientCertificateRefused,
    /// The handshake took too long.
    TimedOut,
    /// The peer closed the connection.
    Closed,
    /// The peer broke the rules of TLS.
    ProtocolError,
}

impl Verdict {
    /// The stable code, for instance `tls_version_too_old`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TlsVersionTooOld => "tls_version_too_old",
            Self::NoCommonCipherSuite => "no_common_cipher_suite",
            Self::NoCommonGroup => "no_common_group",
            Self::NoCommonSignature => "no_common_signature",
            Self::NotTls => "not_tls",
            Self::PlainHttp => "plain_http",
            Self::Sslv2Hello => "sslv2_hello",
            Self::ClientRejectedCertificate => "client_rejected_certificate",
            Self::ClientAlert => "client_alert",
            Self::ClientCertificateMissing => "client_certificate_missing",
            Self::ClientCertificateRefused => "client_certificate_refused",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::ProtocolError => "protocol_error",
        }
    }

    /// Whether it needs somebody's attention. Port scanners and health checks that open and close a
    /// connection do not.
    #[must_use]
    pub fn is_notable(self) -> bool {
        !matches!(self, Self::Closed | Self::TimedOut)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// What is known about a failed handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HelloDiagnosis {
    /// Why it failed.
    pub verdict: Verdict,
    /// The versions offered, such as `TLS 1.0`. A client from before TLS 1.3 names only its highest.
    pub versions: Vec<String>,
    /// The cipher suites offered, by their IANA names, in the client's order; at most 128.
    pub cipher_suites: Vec<String>,
    /// The signature algorithms offered; at most 128.
    pub signature_schemes: Vec<String>,
    /// The host name asked for.
    pub server_name: Option<String>,
    /// The application protocols offered.
    pub alpn: Vec<String>,
    /// Whether the ClientHello was cut short or broken, so that lists may be incomplete.
    pub truncated: bool,
    /// What the TLS library said, for a developer; at most 200 characters.
    pub detail: Option<String>,
}

/// How a handshake ended, seen from the socket.
#[derive(Debug)]
pub(super) enum Cause {
    /// The TLS library refused.
    Tls(rustls::Error),
    /// The deadline passed.
    TimedOut,
    /// The connection ended or broke.
    Closed,
}

impl From<&io::Error> for Cause {
    fn from(error: &io::Error) -> Self {
        match error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) {
            Some(source) => Self::Tls(source.clone()),
            None => Self::Closed,
        }
    }
}

/// Joins the bytes received before the failure and its cause.
pub(super) fn diagnose(received: &[u8], cause: &Cause) -> HelloDiagnosis {
    let first = read_first_bytes(received);
    let verdict = verdict(&first, cause);
    let hello = match first {
        FirstBytes::Hello(hello) | FirstBytes::Sslv2(hello) => hello,
        _ => ClientHello::default(),
    };
    HelloDiagnosis {
        verdict,
        versions: hello.versions().iter().map(|version| version_name(*version)).collect(),
        cipher_suites: hello.cipher_suites.iter().map(|suite| suite_name(*suite)).collect(),
        signature_schemes: hello.signature_schemes.iter().map(|scheme| scheme_name(*scheme)).collect(),
        server_name: hello.server_name,
        alpn: hello.alpn,
        truncated: hello.truncated,
        detail: match cause {
            Cause::Tls(error) => Some(error.to_string().chars().take(MAX_DETAIL).collect()),
            Cause::TimedOut | Cause::Closed => None,
        },
    }
}

fn verdict(first: &FirstBytes, cause: &Cause) -> Verdict {
    match first {
        FirstBytes::Nothing => match cause {
            Cause::TimedOut => Verdict::TimedOut,
            Cause::Closed | Cause::Tls(_) => Verdict::Closed,
        },
        FirstBytes::PlainHttp => Verdict::PlainHttp,
        FirstBytes::Sslv2(_) => Verdict::Sslv2Hello,
        FirstBytes::Alert { .. } => Verdict::ClientAlert,
        FirstBytes::Other => Verdict::NotTls,
        FirstBytes::Hello(hello) => hello_verdict(hello, cause),
    }
}

fn hello_verdict(hello: &ClientHello, cause: &Cause) -> Verdict {
    // Whatever the library stumbled over first, this is what has to change.
    let newest = hello.versions().iter().max();
    if !hello.truncated && newest.is_some_and(|version| *version < OLDEST_VERSION) {
        return Verdict::TlsVersionTooOld;
    }
    let error = match cause {
        Cause::TimedOut => return Verdict::TimedOut,
        Cause::Closed => return Verdict::Closed,
        Cause::Tls(error) => error,
    };
    match error {
        rustls::Error::PeerIncompatible(reason) => incompatible(hello, reason),
        rustls::Error::AlertReceived(alert) if is_about_certificate(*alert) => {
            Verdict::ClientRejectedCertificate
        }
        rustls::Error::AlertReceived(_) => Verdict::ClientAlert,
        rustls::Error::NoCertificatesPresented => Verdict::ClientCertificateMissing,
        rustls::Error::InvalidCertificate(_) => Verdict::ClientCertificateRefused,
        _ => Verdict::ProtocolError,
    }
}

fn incompatible(hello: &ClientHello, reason: &PeerIncompatible) -> Verdict {
    // The library looks at curves before suites: a client without any of our suites rarely has curves.
    if !hello.cipher_suites.iter().any(|suite| SUITES.contains(suite)) {
        return Verdict::NoCommonCipherSuite;
    }
    match reason {
        PeerIncompatible::NoCipherSuitesInCommon => Verdict::NoCommonCipherSuite,
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired
        | PeerIncompatible::NoEcPointFormatsInCommon
        | PeerIncompatible::UncompressedEcPointsRequired
        | PeerIncompatible::EcPointsExtensionRequired => Verdict::NoCommonGroup,
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Verdict::NoCommonSignature,
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::SupportedVersionsExtensionRequired => Verdict::TlsVersionTooOld,
        _ => Verdict::ProtocolError,
    }
}

/// Alerts by which a client says that it does not take our certificate (RFC 8446 §6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // The trusted authority has the same name and another key: ours was made anew.
            | AlertDescription::DecryptError
    )
}

/// The usual name of a protocol version.
pub(super) fn version_name(version: u16) -> String {
    match ProtocolVersion::from(version) {
        ProtocolVersion::SSLv2 => "SSL 2.0".to_owned(),
        ProtocolVersion::SSLv3 => "SSL 3.0".to_owned(),
        ProtocolVersion::TLSv1_0 => "TLS 1.0".to_owned(),
        ProtocolVersion::TLSv1_1 => "TLS 1.1".to_owned(),
        ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        _ => format!("0x{version:04x}"),
    }
}

/// The IANA name of a cipher suite. The library prefixes those of TLS 1.3 in its own way.
pub(super) fn suite_name(suite: u16) -> String {
    match CipherSuite::from(suite).as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1),
        None => format!("0x{suite:04x}"),
    }
}

fn scheme_name(scheme: u16) -> String {
    SignatureScheme::from(scheme).as_str().map_or_else(|| format!("0x{scheme:04x}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, InvalidMessage};

    use super::super::hello::tests::{hello_record, sslv2_record};
    use super::*;

    fn tls(reason: PeerIncompatible) -> Cause {
        Cause::Tls(rustls::Error::PeerIncompatible(reason))
    }

    #[test]
    fn an_old_phone_is_told_by_its_version_and_suites() {
        let found = diagnose(
            &hello_record(0x0301, &[0x0005, 0x000a, 0x002f], &[]),
            &tls(PeerIncompatible::Tls12NotOffered),
        );
        assert_eq!(found.verdict, Verdict::TlsVersionTooOld);
        assert_eq!(found.versions, ["TLS 1.0"]);
        let suites =
            ["TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"];
        assert_eq!(found.cipher_suites, suites);
        assert!(found.detail.is_some());
    }

    #[test]
    fn ssl3_is_too_old_whatever_the_library_stumbles_over() {
        let broken = Cause::Tls(rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion));
        let found = diagnose(&hello_record(0x0300, &[0x0005], &[]), &broken);
        assert_eq!((found.verdict, found.versions), (Verdict::TlsVersionTooOld, vec!["SSL 3.0".to_owned()]));
        let closed = diagnose(&hello_record(0x0300, &[0x0005], &[]), &Cause::Closed);
        assert_eq!(closed.verdict, Verdict::TlsVersionTooOld);
    }

    #[test]
    fn tls12_without_our_suites_is_about_suites_even_if_curves_are_named() {
        let found = diagnose(
            &hello_record(0x0303, &[0x002f, 0x009c], &[]),
            &tls(PeerIncompatible::NoKxGroupsInCommon),
        );
        assert_eq!(found.verdict, Verdict::NoCommonCipherSuite);
        let found =
            diagnose(&hello_record(0x0303, &[0xc02f], &[]), &tls(PeerIncompatible::NoKxGroupsInCommon));
        assert_eq!(found.verdict, Verdict::NoCommonGroup);
        let cause = tls(PeerIncompatible::SignatureAlgorithmsExtensionRequired);
        let found = diagnose(&hello_record(0x0303, &[0xc02f], &[]), &cause);
        assert_eq!(found.verdict, Verdict::NoCommonSignature);
    }

    #[test]
    fn every_other_end_has_its_verdict() {
        let good = hello_record(0x0303, &[0xc02f], &[]);
        let of = |bytes: &[u8], cause: Cause| diagnose(bytes, &cause).verdict;
        let alert = |alert| Cause::Tls(rustls::Error::AlertReceived(alert));
        let junk = || Cause::Tls(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType));

        assert_eq!(of(b"", Cause::Closed), Verdict::Closed);
        assert_eq!(of(b"", Cause::TimedOut), Verdict::TimedOut);
        assert_eq!(of(&good, Cause::Closed), Verdict::Closed);
        assert_eq!(of(&good, Cause::TimedOut), Verdict::TimedOut);
        assert_eq!(of(b"GET / HTTP/1.1\r\n", junk()), Verdict::PlainHttp);
        assert_eq!(of(b"garbage", junk()), Verdict::NotTls);
        assert_eq!(of(&sslv2_record(0x0301), junk()), Verdict::Sslv2Hello);
        assert_eq!(of(&good, alert(AlertDescription::UnknownCA)), Verdict::ClientRejectedCertificate);
        assert_eq!(of(&good, alert(AlertDescription::HandshakeFailure)), Verdict::ClientAlert);
        assert_eq!(of(&good, junk()), Verdict::ProtocolError);
        let none = Cause::Tls(rustls::Error::NoCertificatesPresented);
        assert_eq!(of(&good, none), Verdict::ClientCertificateMissing);
        let expired = Cause::Tls(rustls::Error::InvalidCertificate(CertificateError::Expired));
        assert_eq!(of(&good, expired), Verdict::ClientCertificateRefused);
    }

    #[test]
    fn codes_and_json_agree() {
        for verdict in [Verdict::TlsVersionTooOld, Verdict::Sslv2Hello, Verdict::PlainHttp, Verdict::Closed] {
            let json = serde_json::to_string(&verdict).expect("a word");
            assert_eq!(json, format!("\"{}\"", verdict.code()));
        }
    }

    #[test]
    fn unknown_numbers_stay_readable() {
        assert_eq!(suite_name(0x1301), "TLS_AES_128_GCM_SHA256");
        assert_eq!(suite_name(0xeeee), "0xeeee");
        assert_eq!(version_name(0x7f1c), "0x7f1c");
    }
}
