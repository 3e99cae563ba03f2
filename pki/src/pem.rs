//! PEM text (RFC 7468): writing it, and reading certificates out of it within bounds.
//!
//! Refuses to know what is inside the blocks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

/// Characters per line of base64 (RFC 7468 §2).
const LINE: usize = 64;

/// Bytes that make one such line.
const LINE_BYTES: usize = LINE / 4 * 3;

/// One PEM block. The text is wiped when dropped, since the block may hold a private key.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    // Room for everything at once: a growing buffer would leave copies of a key behind.
    let lines = der.len().div_ceil(LINE_BYTES);
    let mut text = Zeroizing::new(String::with_capacity(lines * (LINE + 1) + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in der.chunks(LINE_BYTES) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// The PEM text of one certificate.
pub(crate) fn certificate(der: &[u8]) -> String {
    encode("CERTIFICATE", der).to_string()
}

/// Every certificate in a PEM text, at most `limit + 1` so that the caller can tell "too many".
/// Blocks of other kinds are skipped.
pub(crate) fn certificates(
    text: &[u8],
    limit: usize,
) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(text).take(limit + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_block_reads_back_whatever_its_length() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der: Vec<u8> = (0..length).map(|byte: usize| (byte % 251) as u8).collect();
            let text = certificate(&der);
            assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
            let read = certificates(text.as_bytes(), 4).expect("the block is well formed");
            assert_eq!(read.first().map(AsRef::as_ref), Some(der.as_slice()));
        }
    }

    #[test]
    fn reading_stops_one_past_the_limit() {
        let text = certificate(b"x").repeat(9);
        assert_eq!(certificates(text.as_bytes(), 3).expect("well formed").len(), 4);
    }
}
