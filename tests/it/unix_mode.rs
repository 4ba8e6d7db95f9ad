//! SPEC 7: `--unix-mode`: who may connect to a unix socket that has a path.

use std::fs::symlink_metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::support::{Running, program, wirecat, wirecat_path};

/// Commands that listen on a unix socket, up to its address.
const LISTENERS: &[&str] =
    &["tcp-serve", "udp-listen", "echo --tcp", "echo --udp", "chat --host --headless"];

/// The permissions of a file.
fn mode(path: &Path) -> Option<u32> {
    symlink_metadata(path).ok().map(|metadata| metadata.mode() & 0o777)
}

/// Looks at a file without a pause, and returns each of its modes in their order.
fn watch(path: PathBuf, stop: Arc<AtomicBool>) -> JoinHandle<Vec<u32>> {
    thread::spawn(move || {
        let mut modes = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let now = mode(&path);
            if let Some(now) = now.filter(|now| modes.last() != Some(now)) {
                modes.push(now);
            }
        }
        modes
    })
}

/// A listener on a unix socket, started with this umask.
fn listening(umask: &str, line: &str, path: &Path) -> Running {
    let mut command = Command::new("/bin/sh");
    let script = format!("umask {umask}; exec {} {line} unix:{}", wirecat_path(), path.display());
    command.args(["-c", &script]);
    let mut running = program(command).start();
    running.wait_for("listening");
    running
}

/// The file has its mode from the first moment, whatever the umask is.
#[test]
fn the_mode_holds_from_the_first_moment() {
    let directory = crate::support::tempdir().unwrap();
    for (round, line) in LISTENERS.iter().cycle().take(15).enumerate() {
        for (umask, option, wanted) in [
            ("000", "", 0o600),
            ("022", "--unix-mode 0660", 0o660),
            ("077", "--unix-mode 666", 0o666),
        ] {
            let path = directory.path().join(format!("s{round}"));
            let stop = Arc::new(AtomicBool::new(false));
            let watching = watch(path.clone(), Arc::clone(&stop));
            let running = listening(umask, &format!("{line} {option}"), &path);
            stop.store(true, Ordering::Relaxed);
            let seen = watching.join().unwrap();
            assert_eq!(mode(&path), Some(wanted), "{line} {option}");
            assert!(seen.iter().all(|mode| mode & !wanted == 0), "{line} {option}: {seen:?}");
            running.signal(libc::SIGTERM);
            running.wait().code(0);
            assert_eq!(mode(&path), None, "{line}");
        }
    }
}

/// The file that a dead listener left behind gives its mode to nobody.
#[test]
fn a_dead_socket_leaves_no_mode() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut first = listening("000", "tcp-serve --unix-mode 777", &path);
    first.child.kill().unwrap();
    first.wait();
    assert_eq!(mode(&path), Some(0o777));
    let _second = listening("000", "tcp-serve", &path);
    assert_eq!(mode(&path), Some(0o600));
}

/// A client that binds a name is no listener: its peer has to answer it, and the umask decides.
#[test]
fn a_client_keeps_the_mode_of_the_umask() {
    let directory = crate::support::tempdir().unwrap();
    let (server, own) = (directory.path().join("s"), directory.path().join("own"));
    let mut listener = listening("022", "tcp-serve -v", &server);
    let line = format!("tcp-connect -n -v --bind unix:{}", own.display());
    let script = format!("umask 022; exec {} {line} unix:{}", wirecat_path(), server.display());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script]);
    let mut client = program(command).start();
    client.wait_for("connected");
    listener.wait_for("accepted");
    assert_eq!(mode(&own), Some(0o755));
}

/// What a command has a run listen on is as safe.
#[test]
fn a_command_listens_with_the_mode() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    for (line, wanted) in [
        ("tcp-connect", 0o600),
        ("tcp-connect --unix-mode 660", 0o660),
        ("tcp-serve 127.0.0.1:0 --unix-mode 666", 0o666),
    ] {
        let words = line.split(' ').chain(["--input", "json", "--output", "json"]);
        let mut pool = wirecat(words).piped().start();
        pool.say(format!("{{\"listen\":\"unix:{}\"}}\n", path.display()));
        pool.wait_for_output("\"proto\":\"unix\"");
        assert_eq!(mode(&path), Some(wanted), "{line}");
        pool.wait().code(0);
    }
}

#[test]
fn a_mode_needs_a_file() {
    let nowhere = "cannot use --unix-mode: no ADDR is a unix socket that has a path, and so a file";
    for (line, why) in [
        ("tcp-serve --unix-mode 600 0", nowhere),
        ("tcp-serve --unix-mode 600 unix:@x", nowhere),
        ("tcp-serve --unix-mode 600 fd:3", nowhere),
        ("udp-listen --unix-mode 600 0", nowhere),
        ("echo --unix-mode 600", nowhere),
        ("echo --unix-mode 600 239.1.2.3:5000", nowhere),
        ("chat --host --unix-mode 600 0", nowhere),
        ("chat --unix-mode 600 unix:/x", "it needs --host"),
        ("echo --ping --unix-mode 600 unix:/x", "--ping knows what it expects, and serves nobody"),
        ("tcp-connect --unix-mode 600 unix:/x", "it listens only where commands have it"),
        ("tcp-serve --unix-mode rw unix:/x", "\"rw\" is not a mode: write it in octal, as 0600"),
        ("tcp-serve --unix-mode 1777 unix:/x", "is not a mode"),
        ("tcp-serve --unix-mode -1 unix:/x", "is not a mode"),
        (
            "udp-send --unix-mode 600 unix:/x",
            "cannot use --unix-mode: it is an option of tcp-connect, tcp-serve, udp-listen",
        ),
    ] {
        wirecat(line.split(' ')).run().code(2).says(why);
    }
}
