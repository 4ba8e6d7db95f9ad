//! Bytes to send, and how to tell that they arrived.

use std::fs::File;
use std::io::Write;

/// What a stream takes two ways through wirecat: straight through the kernel where both ends can, and
/// through its memory, because a recorder looks at each byte. All else is to be the same.
pub(crate) const PATHS: [&[&str]; 2] = [&[], &["--record", "/dev/null"]];

/// Bytes without a pattern that a mistake could hide in, alike at each call.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(0x77_69_72_65);
    let mut bytes = vec![0; count];
    random.fill(&mut bytes);
    bytes
}

/// Asserts that two long pieces of bytes are the same, without printing them.
#[track_caller]
pub(crate) fn assert_same(got: &[u8], wanted: &[u8]) {
    assert_eq!(got.len(), wanted.len(), "the length");
    assert!(got == wanted, "the bytes differ");
}

/// An unnamed file with these bytes, at its start.
pub(crate) fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    std::io::Seek::rewind(&mut file).expect("a start");
    file
}
