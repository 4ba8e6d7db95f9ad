//! One client of a server, as the session knows it.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Instant;

use crate::sessions::inlet::Inlet;

/// A client from accept to close.
pub(super) struct Client {
    /// Counts from 1 in the order of accepting; the id in events.
    pub(super) number: u64,
    pub(super) peer: String,
    pub(super) local: String,
    pub(super) inlet: Inlet,
    /// Its FIN has come.
    pub(super) peer_ended: bool,
    /// Where `--save` puts what it sends.
    pub(super) file: Option<File>,
    pub(super) lag: Lag,
}

/// How a client keeps up with what it is sent.
#[derive(Default)]
pub(super) struct Lag {
    /// Its queue has reached the limit and not drained since.
    pub(super) full: bool,
    /// When that was.
    pub(super) full_since: Option<Instant>,
    /// It is passed over until it drains.
    pub(super) skips: bool,
    /// Messages that it was not sent.
    pub(super) skipped: u64,
}

impl Client {
    /// `#3 127.0.0.1:51312`, as it is called in messages.
    pub(super) fn title(&self) -> String {
        format!("#{} {}", self.number, self.peer)
    }
}

/// Creates the file of one connection; one that is there already is never overwritten.
pub(super) fn create_file(directory: &Path, number: u64, peer: &str) -> io::Result<File> {
    let safe: String = peer
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || char == '.' { char } else { '-' })
        .collect();
    let mut name = format!("{number:06}-{safe}");
    for again in 1.. {
        match OpenOptions::new().write(true).create_new(true).open(directory.join(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                name = format!("{number:06}-{safe}.{again}");
            }
            outcome => return outcome,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            let mut file = create_file(directory.path(), 1, "[::1]:5/../x").unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        let mut names: Vec<_> =
            directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["000001----1--5-..-x", "000001----1--5-..-x.1"]);
        let first = std::fs::read(directory.path().join(&names[0])).unwrap();
        assert_eq!(first, b"first");
    }
}
