//! Files of a file system in user space (fuse(4)), whose server may be slow, give less than was asked
//! for, or be gone.

use std::fs::{self, File};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{MIB, assert_counts, last};
use crate::support::data::{PATHS, assert_same, noise};
use crate::support::net::{accept, connect, listener, peer, read_all, read_exactly, until_reset};
use crate::support::{PATIENCE, proc, skip, wirecat};

/// No multiple of a page.
const LENGTH: usize = 3 * MIB + 1234;

/// A directory that bindfs(1) shows at another place, through a server in user space.
struct Mount {
    behind: TempDir,
    shown: TempDir,
    server: Child,
}

impl Mount {
    /// Nothing, and a note of it, where there is no bindfs or nothing can be mounted.
    fn new() -> Option<Self> {
        let (behind, shown) = (TempDir::new().expect("a place"), TempDir::new().expect("a place"));
        let mut command = Command::new("bindfs");
        command.arg("-f").args([behind.path(), shown.path()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(server) = proc::spawn(&mut command) else {
            skip("a file system in user space", "bindfs is not installed");
            return None;
        };
        let mut mount = Self { behind, shown, server };
        let until = Instant::now() + PATIENCE;
        while !mount.is_mounted() {
            let ended = mount.server.try_wait().expect("it is a child");
            if ended.is_some() || Instant::now() > until {
                skip("a file system in user space", "bindfs cannot mount it here");
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Some(mount)
    }

    fn is_mounted(&self) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|data| data.dev()).ok();
        let (behind, shown) = (device(self.behind.path()), device(self.shown.path()));
        shown.is_some() && behind != shown
    }

    fn shown(&self, name: &str) -> PathBuf {
        self.shown.path().join(name)
    }

    fn behind(&self, name: &str) -> PathBuf {
        self.behind.path().join(name)
    }

    fn end(&mut self) {
        proc::end(&mut self.server);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let mut command = Command::new("fusermount3");
        command.arg("-uzq").arg(self.shown.path());
        let _ = proc::output(&mut command);
        self.end();
    }
}

#[test]
fn a_file_of_a_server_in_user_space_is_sent_whole() {
    let Some(mount) = Mount::new() else { return };
    fs::write(mount.behind("source"), noise(LENGTH)).expect("room for it");
    for path in PATHS {
        let server = peer(|stream| read_all(&stream));
        let words = ["tcp-connect", "-v", "--log", "json", &*server.address];
        let stdin = File::open(mount.shown("source")).expect("a file");
        let ended = wirecat(words.iter().chain(path)).stdin(stdin).run().code(0);
        assert_same(&server.join(), &noise(LENGTH));
        assert_counts(&ended, 0, LENGTH);
    }
}

#[test]
fn a_file_of_a_server_in_user_space_takes_all_that_comes() {
    let Some(mount) = Mount::new() else { return };
    let target = mount.shown("target");
    for (is_appended, before) in [(false, &b""[..]), (true, b"what was there before")] {
        for path in PATHS {
            fs::write(&target, before).expect("room for it");
            let stdout = File::options().write(true).append(is_appended).open(&target);
            let (listener, address) = listener();
            let words = ["tcp-connect", "-n", "-v", "--log", "json", &*address];
            let client = wirecat(words.iter().chain(path)).stdout(stdout.expect("a file")).start();
            let mut stream = accept(&listener);
            stream.write_all(&noise(LENGTH)).expect("it is taken");
            drop(stream);
            let ended = client.wait_open().code(0);
            let wanted = [before, &noise(LENGTH)].concat();
            assert_same(&fs::read(mount.behind("target")).expect("it is there"), &wanted);
            assert_counts(&ended, LENGTH, 0);
        }
    }
}

/// The rest of the file cannot be read: what was sent is not all, and the peer sees that it is not.
#[test]
fn a_file_whose_server_ends_is_no_whole_file() {
    for path in PATHS {
        let Some(mut mount) = Mount::new() else { return };
        let length = 64 * MIB;
        fs::write(mount.behind("source"), noise(length)).expect("room for it");
        let (listener, address) = listener();
        let words = ["tcp-connect", "-v", "--log", "json", &*address];
        let stdin = File::open(mount.shown("source")).expect("a file");
        let client = wirecat(words.iter().chain(path)).stdin(stdin).start();
        let stream = accept(&listener);
        let begun = read_exactly(&stream, MIB);
        mount.end();
        let received = [begun, until_reset(&stream)].concat();
        assert_same(&received, &noise(length)[..received.len()]);
        let ended = client.wait_open().code(7).says("cannot read stdin");
        let out = last(&ended, "summary")["out"].as_u64().expect("a count");
        assert!(out < length as u64 && received.len() as u64 <= out, "{}", ended.stderr);
    }
}

#[test]
fn a_file_whose_server_ends_takes_no_more() {
    for path in PATHS {
        let Some(mut mount) = Mount::new() else { return };
        let stdout = File::create(mount.shown("target")).expect("a file");
        let words = ["tcp-serve", "-1n", "127.0.0.1:0"];
        let mut server = wirecat(words.iter().chain(path)).stdout(stdout).start();
        let mut stream = connect(&server.address());
        stream.write_all(&noise(1000)).expect("it is taken");
        let until = Instant::now() + PATIENCE;
        while fs::metadata(mount.behind("target")).is_ok_and(|data| data.len() < 1000) {
            assert!(Instant::now() < until, "nothing is written");
            thread::sleep(Duration::from_millis(5));
        }
        mount.end();
        stream.write_all(&noise(1000)).expect("it is taken");
        let _ = stream.shutdown(Shutdown::Write);
        server.wait_open().code(7).says("cannot write to stdout");
    }
}
