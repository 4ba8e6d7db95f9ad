//! A command of a shell that goes on once its test says so.

use tempfile::TempDir;

/// Closed for as long as its directory is there, so that the end of the test opens it as well.
pub(crate) struct Gate(TempDir);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(super::tempdir().expect("a directory"))
    }

    /// What a shell waits with until it is open, for some minutes at most: nobody opens the gate of a test
    /// that is killed.
    pub(crate) fn line(&self) -> String {
        let path = self.0.path().display();
        format!("i=0; while [ -d '{path}' ] && [ $((i+=1)) -lt 20000 ]; do sleep 0.01; done")
    }

    pub(crate) fn open(self) {
        self.0.close().expect("it is removed");
    }
}
