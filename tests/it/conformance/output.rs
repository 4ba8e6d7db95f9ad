//! Where stdout goes wrong: conformance 5 and 6.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use wirecat::sys::socket::unacknowledged;

use super::{both_kinds, both_kinds_into_pipes};
use crate::support::data::{assert_same, noise};
use crate::support::load::in_some_try;
use crate::support::net::{peer, reset, wait_for_delivery};
use crate::support::pipes::PipeReader;
use crate::support::{PATIENCE, program, wirecat, wirecat_path};

/// What `head -1` does: takes one line, and leaves.
fn take_one_line(stdout: PipeReader) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, stdout).read_line(&mut line).expect("a line");
    line
}

/// What stderr has beside the `listening` of a server.
fn complaints(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| !line.starts_with("listening tcp")).collect()
}

/// Conformance 5: the first write that nobody reads ends the run, quietly.
///
/// While another test forks, its child has the reading end too until it execs, so a write may
/// find a reader where there is none. One try without that will do.
#[test]
fn head_1_on_a_drip_ends_it_with_the_next_drop() {
    in_some_try(|drops| *drops == [1; 4], drops_until_the_end);
}

/// How many drops after the end of `head -1` each kind of wirecat takes.
fn drops_until_the_end() -> Vec<usize> {
    let mut taken = Vec::new();
    for (mut program, mut stream, stdout) in both_kinds_into_pipes() {
        stream.write_all(b"first\n").expect("it is taken");
        assert_eq!(take_one_line(stdout), "first\n");
        let deadline = Instant::now() + PATIENCE;
        let ends = (1..).take_while(|_| Instant::now() < deadline).find(|_| {
            let _ = stream.write_all(b"next\n");
            program.ends_within(Duration::from_secs(3))
        });
        taken.push(ends.expect("it ends at all"));
        let ended = program.wait_open().code(0);
        assert!(complaints(&ended.stderr).is_empty(), "{}", ended.stderr);
    }
    taken
}

/// Conformance 5: so does a flood, without anything that would have to drain first.
#[test]
fn head_1_on_a_flood_ends_it_quietly() {
    for (program, mut stream, stdout) in both_kinds_into_pipes() {
        // Its end is the error of a write to a wirecat that is gone.
        let flood = thread::spawn(move || while stream.write_all(b"line\n").is_ok() {});
        assert_eq!(take_one_line(stdout), "line\n");
        let ended = program.wait_open().code(0);
        assert!(complaints(&ended.stderr).is_empty(), "{}", ended.stderr);
        flood.join().expect("the flood ends");
    }
}

fn dev_full() -> std::fs::File {
    std::fs::File::options().write(true).open("/dev/full").expect("a full device")
}

/// Conformance 6.
#[test]
fn a_full_disk_is_7_with_a_message() {
    for output in ["raw", "line", "hex", "dump", "json"] {
        let peer = peer(|mut stream| stream.write_all(b"data").expect("it is taken"));
        let client = wirecat(["tcp-connect", "-n", "--output", output, &peer.address]);
        let ended = client.stdout(dev_full()).run().code(7);
        let message = "wirecat: cannot write to stdout: no space left on device";
        assert_eq!(ended.says(message).stderr.lines().count(), 1, "--output {output}");
        peer.join();
    }
    for (program, mut stream) in both_kinds(|program| program.stdout(dev_full())) {
        stream.write_all(b"data").expect("it is taken");
        program.wait_open().code(7).says("cannot write to stdout: no space left on device");
    }
}

/// Conformance 6: a file that may grow no more is like a disk that is full. Its signal, SIGXFSZ,
/// must not take the message away.
#[test]
fn a_file_at_its_limit_is_7_with_a_message() {
    // It may be cut off somewhere in this.
    let peer = peer(|mut stream| _ = stream.write_all(&noise(512 * 1024)));
    let output = tempfile::NamedTempFile::new().expect("a file");
    let mut shell = Command::new("sh");
    let script = "ulimit -f 128; exec \"$0\" tcp-connect -n \"$1\"";
    shell.args(["-c", script, wirecat_path(), &peer.address]);
    let file = output.reopen().expect("a file");
    program(shell).stdout(file).run().code(7).says("cannot write to stdout: file too large");
    let part = std::fs::read(output.path()).expect("a file");
    assert!(!part.is_empty());
    assert_same(&part, &noise(512 * 1024)[..part.len()]);
    peer.join();
}

/// Conformance 6: little enough that it is all printed before the reset is seen, or not.
#[test]
fn what_came_before_a_reset_is_printed() {
    for count in [1, 1000, 60_000] {
        let peer = peer(move |mut stream| {
            stream.write_all(&noise(count)).expect("it is taken");
            wait_for_delivery(&stream);
            reset(stream);
        });
        // Its stdin stays open, so that nothing but the reset can end it.
        let ended = wirecat(["tcp-connect", &peer.address]).piped().start().wait_open();
        peer.join();
        assert_same(&ended.code(6).says("connection reset").stdout, &noise(count));
    }
}

/// Conformance 6: stdout is blocked, so that most of it still waits in the kernel when the reset
/// comes.
#[test]
fn what_waits_in_the_kernel_when_a_reset_comes_is_printed() {
    for (program, stream, mut stdout) in both_kinds_into_pipes() {
        let bytes = noise(64 * 1024 * 1024);
        let taken = write_until_stuck(stream, &bytes);
        let output = thread::spawn(move || {
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).expect("a pipe");
            output
        });
        program.wait_open().code(6).says("connection reset");
        let output = output.join().expect("a thread");
        assert!(output.len() >= taken, "{} of {taken} bytes are printed", output.len());
        assert_same(&output, &bytes[..output.len()]);
    }
}

/// Writes as much as is taken, and resets the connection; returns how much wirecat's kernel has.
fn write_until_stuck(mut stream: TcpStream, bytes: &[u8]) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut sent = 0;
    while let Ok(count) = stream.write(&bytes[sent..]) {
        sent += count;
    }
    assert!(sent < bytes.len(), "stdout is not blocked");
    let taken = sent - unacknowledged(&stream) as usize;
    reset(stream);
    taken
}
