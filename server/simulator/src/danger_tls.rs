//! TLS as desk phones do it in default mode: the server's certificate is **not** checked.
//!
//! Phones in default mode accept self-signed, expired and wrongly named certificates (`wpi.md` §2.5),
//! so a simulator that checked them would refuse servers that real phones take. What is still verified
//! is the handshake signature: it costs little and shows a server that holds no key at all. Nothing
//! outside this crate may use this verifier, and it must never be used to carry anything worth hiding.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, version};
use thiserror::Error;

/// Which TLS versions a phone offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// Late OpenStage firmware.
    Only12,
    /// Only the newest.
    Only13,
}

/// How phones speak TLS. The default is default mode, both versions, a full handshake per connection.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// Versions to offer.
    pub versions: TlsVersions,
    /// Reuse earlier sessions. Off by default, so that each connection costs what a phone's first one
    /// costs.
    pub resumption: bool,
    /// Certificate chain and key of a phone in secure mode.
    pub client_certificate: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// The settings shared by all connections of a fleet.
///
/// # Errors
/// [`TlsSetupError`] when a client certificate does not fit its key.
pub fn tls_settings(options: TlsOptions) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions: &[_] = match options.versions {
        TlsVersions::Both => &[&version::TLS12, &version::TLS13],
        TlsVersions::Only12 => &[&version::TLS12],
        TlsVersions::Only13 => &[&version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|source| TlsSetupError { source })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AcceptAnyCertificate { provider }));
    let mut config = match options.client_certificate {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|source| TlsSetupError { source })?
        }
    };
    config.enable_sni = false;
    if !options.resumption {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// The phones' TLS settings could not be made.
#[derive(Debug, Error)]
#[error("setting up TLS of the simulated phones")]
pub struct TlsSetupError {
    source: rustls::Error,
}

#[derive(Debug)]
struct AcceptAnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
