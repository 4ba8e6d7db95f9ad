//! TLS on streams: who is trusted, who this side is, what was agreed, and why a handshake failed.
//!
//! Nothing here reads or writes a socket. [`ClientTls`] and [`ServerTls`] are made once from options,
//! read the files, and give a [`TlsSession`] for each connection: records in, records out, and what
//! errors mean.
//!
//! ```text
//! ClientTlsOptions ──> ClientTls ── session(host) ──┐
//!                                                   ├──> TlsSession ── process ──> HandshakeError
//! ServerTlsOptions ──> ServerTls ── session() ──────┘         └── agreed ──> Agreed
//! ```
//!
//! No session is resumed, so that each connection is verified, and a server holds nothing for clients
//! that have left.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;

mod certificate;
mod client;
mod identity;
mod key_log;
pub mod pem;
mod pin;
pub(crate) mod records;
mod server;
mod session;
mod trust;
mod words;

pub use certificate::PeerCertificate;
pub use client::{ClientTls, ClientTlsOptions};
pub use identity::IdentityFiles;
pub use key_log::KeyLogFile;
pub use pin::{Pin, Pins};
pub use server::{ServerIdentity, ServerTls, ServerTlsOptions};
pub(crate) use session::TlsProgress;
pub use session::{Agreed, TlsSession};
pub(crate) use words::TOO_LONG;
pub use words::looks_like_tls;

/// The cryptography of all TLS here; nothing else names it.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;

/// The SHA-256 of some bytes.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let suites = provider().cipher_suites.clone();
    let hash = suites.iter().filter_map(|suite| suite.tls13()).find_map(|suite| {
        let hash = suite.common.hash_provider;
        (hash.algorithm() == HashAlgorithm::SHA256).then_some(hash)
    });
    debug_assert!(hash.is_some(), "TLS 1.3 has a cipher suite with it in any provider");
    let output = hash.map(|hash| hash.hash(bytes));
    output.and_then(|output| output.as_ref().try_into().ok()).unwrap_or_default()
}
