//! Why phones cannot connect: failed TLS handshakes of this node.

use api::Page;
use api::diagnosis::HandshakeFailureView;

use crate::App;

/// Addresses whose handshakes fail, the one seen last first.
pub fn handshakes(app: &App) -> Page<HandshakeFailureView> {
    let failures = app.handshake_failures.snapshot().into_iter().map(|failure| HandshakeFailureView {
        address: failure.address.to_string(),
        listener: failure.listener,
        count: failure.count,
        verdicts: failure
            .verdicts
            .iter()
            .map(|(verdict, count)| (verdict.code().to_owned(), *count))
            .collect(),
        first_seen_at: failure.first_seen,
        last_seen_at: failure.last_seen,
        verdict: failure.last.verdict.code().to_owned(),
        versions: failure.last.versions,
        cipher_suites: failure.last.cipher_suites,
        signature_schemes: failure.last.signature_schemes,
        server_name: failure.last.server_name,
        alpn: failure.last.alpn,
        truncated: failure.last.truncated,
        detail: failure.last.detail,
    });
    Page::whole(failures.collect())
}
