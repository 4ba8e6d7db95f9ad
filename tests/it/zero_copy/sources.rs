//! Files that are more, or less, than they were when the run began, and those that do not say how
//! long they are.

use std::fs::{self, File};
use std::io::Write;

use tempfile::NamedTempFile;

use super::{MIB, assert_counts, last};
use crate::support::data::{PATHS, assert_same, noise};
use crate::support::net::{accept, listener, peer, read_all};
use crate::support::proc::wait_until;
use crate::support::wirecat;

/// More than the socket of a client whose peer does not read.
const LENGTH: usize = 12 * MIB;

/// A file of so many bytes.
fn file(length: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(&noise(length)).expect("room for it");
    file
}

/// Sends a file, of which something becomes while its peer does not read; returns what has come.
fn send(path: &[&str], file: &NamedTempFile, change: impl FnOnce(&File)) -> Vec<u8> {
    let (listener, address) = listener();
    let words = [&["tcp-connect", "-v", "--log", "json", &*address], path].concat();
    let stdin = file.reopen().expect("a file");
    let client = wirecat(words).stdin(stdin.try_clone().expect("a descriptor")).start();
    let stream = accept(&listener);
    // The position of both descriptors is the same: it has begun.
    wait_until("it begins", || rustix::fs::tell(&stdin).expect("a position") > 0);
    change(file.as_file());
    let received = read_all(&stream);
    drop(stream);
    let ended = client.wait_open().code(0);
    assert_counts(&ended, 0, received.len());
    received
}

#[test]
fn what_a_file_grows_by_while_it_is_sent_is_sent_as_well() {
    for path in PATHS {
        let growing = file(LENGTH);
        let received = send(path, &growing, |mut file| {
            file.write_all(b"and the rest").expect("room for it");
        });
        assert_same(&received, &[&noise(LENGTH)[..], b"and the rest"].concat());
    }
}

/// Its end is where it is found. What was read before that is what was in the file.
#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_early_and_in_order() {
    for path in PATHS {
        for left in [0, 1, MIB + 1] {
            let received = send(path, &file(LENGTH), |file| {
                file.set_len(left as u64).expect("it is shortened");
            });
            assert!((left..LENGTH).contains(&received.len()), "{} bytes", received.len());
            assert_same(&received, &noise(LENGTH)[..received.len()]);
        }
    }
}

/// What was passed over on the way into wirecat is not sent, as with `(read line; wirecat …) <file`.
#[test]
fn a_file_is_sent_from_where_it_stands() {
    for path in PATHS {
        let server = peer(|stream| read_all(&stream));
        let sent = file(2 * MIB);
        let stdin = sent.reopen().expect("a file");
        rustix::fs::seek(&stdin, rustix::fs::SeekFrom::Start(12345)).expect("a position");
        let words = [&["tcp-connect", &*server.address], path].concat();
        wirecat(words).stdin(stdin).run().code(0);
        assert_same(&server.join(), &noise(2 * MIB)[12345..]);
    }
}

/// Files of proc(5) and sysfs(5) have no length, and some give a page at a time.
#[test]
fn a_file_of_the_kernel_is_sent_whole() {
    for name in
        ["/proc/filesystems", "/proc/kallsyms", "/sys/kernel/notes", "/proc/sys/kernel/ostype"]
    {
        let Ok(wanted) = fs::read(name) else { continue };
        for path in PATHS {
            let server = peer(|stream| read_all(&stream));
            let words = ["tcp-connect", "-v", "--log", "json", &*server.address];
            let words = [&words[..], path].concat();
            let ended = wirecat(words).stdin(File::open(name).expect("a file")).run().code(0);
            let received = server.join();
            // A module that is loaded meanwhile is no mistake of wirecat.
            if fs::read(name).is_ok_and(|now| now == wanted) {
                assert_same(&received, &wanted);
            }
            assert_eq!(last(&ended, "summary")["out"], received.len(), "{name}");
        }
    }
}
