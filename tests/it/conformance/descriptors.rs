//! The flags of the descriptors that wirecat inherits: conformance 8.
//!
//! `O_NONBLOCK` belongs to the open file, which others may share: a shell that has it on its
//! terminal afterwards, or a `tee` that has it on its pipe, is broken by it.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::fs::{OFlags, fcntl_getfl};

use super::both_kinds;
use crate::support::data::file_of;
use crate::support::{Program, proc};

/// fds 0 and 1 of a wirecat as its parent keeps them, and their other ends.
struct Ends {
    stdin: OwnedFd,
    stdout: OwnedFd,
    others: Vec<OwnedFd>,
}

fn pipes() -> Ends {
    let (stdin, mut input) = std::io::pipe().expect("a pipe");
    let (output, stdout) = std::io::pipe().expect("a pipe");
    input.write_all(b"ping").expect("room");
    let others = vec![input.into(), output.into()];
    Ends { stdin: stdin.into(), stdout: stdout.into(), others }
}

fn files() -> Ends {
    let (stdin, stdout) = (file_of(b"ping").into(), file_of(b"").into());
    Ends { stdin, stdout, others: vec![] }
}

/// One socket for both, as under inetd.
fn sockets() -> Ends {
    let (inner, mut outer) = UnixStream::pair().expect("a pair");
    outer.write_all(b"ping").expect("room");
    let stdin = inner.try_clone().expect("a descriptor").into();
    Ends { stdin, stdout: inner.into(), others: vec![outer.into()] }
}

fn devices() -> Ends {
    let null = || File::options().read(true).write(true).open("/dev/null").expect("a device");
    Ends { stdin: null().into(), stdout: null().into(), others: vec![] }
}

fn ends(name: &str) -> Ends {
    match name {
        "pipes" => pipes(),
        "files" => files(),
        "sockets" => sockets(),
        _ => devices(),
    }
}

/// Starts a program with copies of these ends, and keeps them.
fn between(ends: Ends, program: Program, kept: &RefCell<Vec<Ends>>) -> Program {
    let copy = |fd: &OwnedFd| fd.try_clone().expect("a descriptor");
    let program = program.stdin(copy(&ends.stdin)).stdout(copy(&ends.stdout));
    kept.borrow_mut().push(ends);
    program.with(|command| _ = command.arg("-vv"))
}

/// Conformance 8, while it runs and after it.
#[test]
fn inherited_descriptors_never_become_nonblocking() {
    for name in ["pipes", "files", "sockets", "devices"] {
        let kept = RefCell::new(Vec::new());
        let programs = both_kinds(|program| between(ends(name), program, &kept));
        for ((mut program, mut stream), ends) in programs.into_iter().zip(kept.into_inner()) {
            stream.write_all(b"pong").expect("it is taken");
            program.wait_for("data ");
            for fd in 0..3 {
                let flags = proc::fd_flags(program.pid(), fd);
                assert_eq!(flags & libc::O_NONBLOCK as u32, 0, "fd {fd} of {name}: {flags:o}");
            }
            program.signal(libc::SIGTERM);
            program.wait_open();
            for fd in ends.others.iter().chain([&ends.stdin, &ends.stdout]) {
                let flags = fcntl_getfl(fd).expect("flags");
                assert!(!flags.contains(OFlags::NONBLOCK), "{name}: {flags:?}");
            }
        }
    }
}
