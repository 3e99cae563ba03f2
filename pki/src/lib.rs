//! Issue, describe and check X.509 certificates: bytes in, bytes out.
//!
//! For: the built-in certificate authority of a Workpoint server, the certificates of its
//! listeners and of phones, and everything an administrator uploads. Time is an argument and so
//! are the bytes of a serial number; only key generation takes its randomness from the operating
//! system, because the library underneath does not let it be passed in.
//!
//! Refuses to know: files, databases, sockets, TLS sessions and who may do what.
//!
//! One authority signs everything. Its key is RSA ([`AUTHORITY_KEY`]), because phones check that
//! chain in secure mode and EC certificates are not known to work on them (`wpi.md` §2.5); the
//! certificate below it may have either kind of key ([`PHONE_LISTENER_KEY`], [`CONSOLE_KEY`], D-11).
//!
//! Input is bounded before it is parsed ([`MAX_CERTIFICATE_INPUT`], [`MAX_KEY_INPUT`],
//! [`MAX_CHAIN`]), and nothing in here panics on bytes from outside.

mod authority;
mod inspect;
mod key;
mod lint;
mod name;
mod pair;
mod pem;

pub use authority::{
    Authority, AuthorityError, ClientRequest, IssueError, Issued, SerialSeed, ServerRequest,
};
pub use inspect::{CertificateInfo, InspectError, KeyAlgorithm, KeyDescription, inspect};
pub use key::{KeyError, KeyKind, PrivateKeyPem};
pub use lint::{Finding, Role};
pub use name::{Name, NameError, Subject};
pub use pair::{CheckedPair, PairError, check_pair};

/// Largest certificate or chain that is looked at, in bytes, PEM or DER.
pub const MAX_CERTIFICATE_INPUT: usize = 64 * 1024;

/// Largest private key that is looked at, in bytes of PEM. An RSA-4096 key has about 3,300.
pub const MAX_KEY_INPUT: usize = 16 * 1024;

/// Most certificates in one chain, the leaf included.
pub const MAX_CHAIN: usize = 8;

/// Smallest RSA key accepted from outside, in bits (`landscape.md` C4: 1024 is refused).
pub const MIN_RSA_BITS: usize = 2048;

/// Key of the built-in authority: RSA with 128-bit security, so that phones can check the chain.
pub const AUTHORITY_KEY: KeyKind = KeyKind::Rsa3072;

/// Key of the certificates on phone listeners and of phone certificates (D-11).
pub const PHONE_LISTENER_KEY: KeyKind = KeyKind::Rsa2048;

/// Key of the certificates on the console, API and metrics listeners (D-11).
pub const CONSOLE_KEY: KeyKind = KeyKind::EcdsaP256;
