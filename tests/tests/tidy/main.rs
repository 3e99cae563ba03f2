//! The rules that a reviewer would otherwise repeat: how files open, how long they are, which layer may name which
//! library, which crate may depend on which, which licences are allowed, that documents hang together.
//!
//! Each rule is one test; a failure lists every place as `file:line: what`. The rules are data at the top of their
//! file, each with its reason: whoever needs an exception adds it there and says why. What the compiler or clippy can
//! check is not repeated here. Knows nothing of the product: it reads text and `cargo metadata`.

#![expect(clippy::expect_used, clippy::panic, reason = "every function here runs inside a test")]

mod console;
mod crates;
mod documents;
mod layers;
mod licences;
mod lints;
mod markdown;
mod mask;
mod snapshots;
mod source;
mod spdx;
mod text;
mod tree;
