//! A command of a shell that goes on once its test says so.

use tempfile::TempDir;

/// Closed for as long as its directory is there, so that the end of the test opens it as well.
pub(crate) struct Gate(TempDir);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(super::tempdir().expect("a directory"))
    }

    /// What a shell waits with until it is open.
    pub(crate) fn line(&self) -> String {
        format!("while [ -d '{}' ]; do sleep 0.01; done", self.0.path().display())
    }

    pub(crate) fn open(self) {
        self.0.close().expect("it is removed");
    }
}
