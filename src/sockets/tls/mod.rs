//! TLS on streams: who is trusted, and who this side is.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The cryptography of all TLS here; nothing else names it.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
