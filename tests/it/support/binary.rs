//! Which binary the tests are about.

use std::sync::LazyLock;

/// The variable that names another binary to test, such as the release.
const BINARY: &str = "WIRECAT_TEST_BINARY";

/// The binary under test: the one of this build, or that of the environment.
pub(crate) fn wirecat_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        std::env::var(BINARY).unwrap_or_else(|_| env!("CARGO_BIN_EXE_wirecat").to_owned())
    });
    &PATH
}

/// Whether the environment names the binary, as one does to try the release at full size.
#[cfg(feature = "tls")]
pub(crate) fn is_full_size() -> bool {
    std::env::var_os(BINARY).is_some()
}
