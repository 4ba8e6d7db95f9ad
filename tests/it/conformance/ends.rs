//! The end of each direction: conformance 19.
//!
//! The twelve cases of the public nc-warts matrix: a client and a server, each with one direction
//! that is quiet, filled or done, while ten bytes and then the end pass in the other one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ChildStdin;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::both_kinds_into_pipes;
use crate::support::net::uninterrupted;
use crate::support::pipes::PipeReader;
use crate::support::{PATIENCE, Running};

/// How long something takes nothing before it counts as filled.
const STUCK: Duration = Duration::from_millis(500);

/// A wirecat between two pipes and a connection.
struct Between {
    program: Running,
    peer: TcpStream,
    stdout: PipeReader,
}

impl Between {
    /// On each path one of each kind: first the client, then the server.
    fn both() -> impl Iterator<Item = Self> {
        let all = both_kinds_into_pipes().into_iter();
        all.map(|(program, peer, stdout)| Self { program, peer, stdout })
    }

    /// Ten bytes pass from the peer to the reader of stdout, one after the other.
    fn pass_in(&mut self) {
        for byte in b'0'..=b'9' {
            self.peer.write_all(&[byte]).expect("the peer may send");
            assert_eq!(self.read(), [byte], "a byte for stdout");
        }
    }

    /// The peer's FIN passes to the reader of stdout.
    fn end_in(&mut self) {
        self.peer.shutdown(Shutdown::Write).expect("a FIN");
        assert_eq!(self.read(), b"", "the end of stdout");
    }

    /// Ten bytes pass from stdin to the peer, one after the other.
    fn pass_out(&mut self) {
        for byte in b'0'..=b'9' {
            self.program.say([byte]);
            let mut read = [0; 2];
            let count = uninterrupted(|| self.peer.read(&mut read)).expect("a byte comes");
            assert_eq!(read[..count], [byte], "a byte for the peer");
        }
    }

    /// The end of stdin passes to the peer.
    fn end_out(&mut self) {
        self.program.end_input();
        assert_eq!(
            uninterrupted(|| self.peer.read(&mut [0])).expect("a FIN comes"),
            0,
            "the end for the peer"
        );
    }

    /// One read of stdout.
    fn read(&mut self) -> Vec<u8> {
        let is_ready = within(PATIENCE, PollFd::new(&self.stdout, PollFlags::IN));
        assert!(is_ready, "stdout gives nothing, not even its end");
        let mut bytes = vec![0; 16];
        let count = self.stdout.read(&mut bytes).expect("stdout can be read");
        bytes.truncate(count);
        bytes
    }

    /// Stops it where a direction is filled, and can have no end.
    fn stop(mut self) {
        assert!(self.program.is_running(), "the other direction goes on");
        self.program.signal(libc::SIGTERM);
        drop((self.stdout, self.peer));
        self.program.wait_open();
    }
}

fn within(time: Duration, fd: PollFd<'_>) -> bool {
    let time = Timespec::try_from(time).expect("a short time");
    poll(&mut [fd], Some(&time)).expect("it can be polled") > 0
}

/// Writes until nothing is taken any more.
fn fill(pipe: &ChildStdin) {
    // Only this end of the pipe: the other one is a description of its own.
    rustix::io::ioctl_fionbio(pipe, true).expect("a flag");
    while within(STUCK, PollFd::new(pipe, PollFlags::OUT)) {
        match rustix::io::write(pipe, &[b'x'; 64 * 1024]) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(error) => panic!("the pipe breaks: {error}"),
        }
    }
}

#[test]
fn input_and_its_end_pass_while_stdin_is_quiet() {
    for mut between in Between::both() {
        between.pass_in();
        between.end_in();
        assert!(between.program.is_running(), "stdin has not ended");
        between.end_out();
        between.program.wait_open().code(0);
    }
}

#[test]
fn output_and_its_end_pass_while_the_peer_is_quiet() {
    for mut between in Between::both() {
        between.pass_out();
        between.end_out();
        assert!(between.program.is_running(), "the peer has not ended");
        between.end_in();
        between.program.wait_open().code(0);
    }
}

#[test]
fn input_and_its_end_pass_while_stdin_is_filled() {
    for mut between in Between::both() {
        fill(between.program.stdin.as_ref().expect("stdin is a pipe"));
        between.pass_in();
        between.end_in();
        between.stop();
    }
}

#[test]
fn output_and_its_end_pass_while_the_peer_fills_stdout() {
    for mut between in Between::both() {
        between.peer.set_write_timeout(Some(STUCK)).expect("a timeout");
        while between.peer.write(&[b'x'; 64 * 1024]).is_ok() {}
        between.pass_out();
        between.end_out();
        between.stop();
    }
}

#[test]
fn input_and_its_end_pass_when_stdin_is_done() {
    for mut between in Between::both() {
        // A server whose stdin is empty does not half-close first.
        between.pass_out();
        between.end_out();
        between.pass_in();
        between.end_in();
        between.program.wait_open().code(0);
    }
}

#[test]
fn output_and_its_end_pass_when_the_peer_is_done() {
    for mut between in Between::both() {
        between.end_in();
        between.pass_out();
        between.end_out();
        between.program.wait_open().code(0);
    }
}
