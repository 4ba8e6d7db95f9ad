//! Interop: 256 MiB of random bytes between wirecat and each of
//! nc.openbsd, ncat and socat, in all four roles. Every byte arrives (SPEC section 1, number 1),
//! and both sides end by themselves with 0 (numbers 3 and 4).

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::ChildStdin;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use sha2::digest::Output;
use sha2::{Digest, Sha256};

use crate::support::data::PATHS;
use crate::support::peers::{Peer, Reserved, Role};
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat};

const BYTES: usize = 256 << 20;
/// What passes with a recorder on the way, which looks at each byte.
const RECORDED: usize = 32 << 20;
const CHUNK: usize = 128 << 10;

#[test]
fn every_byte_passes_between_wirecat_and_nc_in_all_roles_and_both_end() {
    all_roles(Peer::Nc);
}

#[test]
fn every_byte_passes_between_wirecat_and_ncat_in_all_roles_and_both_end() {
    all_roles(Peer::Ncat);
}

#[test]
fn every_byte_passes_between_wirecat_and_socat_in_all_roles_and_both_end() {
    all_roles(Peer::Socat { block: None });
}

fn all_roles(peer: Peer) {
    if !peer.is_installed() {
        return skip("interop", &format!("{} is not installed", peer.program()));
    }
    for [peer_role, wirecat_role] in [[Role::Receive, Role::Send], [Role::Send, Role::Receive]] {
        for (path, bytes) in PATHS.into_iter().zip([BYTES, RECORDED]) {
            peer_serves(peer, [peer_role, wirecat_role], (path, bytes));
            wirecat_serves(peer, [peer_role, wirecat_role], (path, bytes));
        }
    }
}

fn peer_serves(peer: Peer, [peer_role, wirecat_role]: [Role; 2], (path, bytes): (&[&str], usize)) {
    let reserved = Reserved::new().expect("a port");
    let address = format!("127.0.0.1:{}", reserved.port);
    let mut flow = Flow::new(bytes);
    let server = flow.attach(program(peer.serve(peer_role, reserved.port)), peer_role).start();
    // --wait, because nc does not say when it listens. A receiver takes -n: the null device is an
    // input that has ended, of which a client tells its peer, and nc stops sending at the peer's
    // FIN, with 0 and in silence, whatever is left of its own input.
    let no_stdin = (wirecat_role == Role::Receive).then_some("-n");
    let client = ["tcp-connect", "--wait", "30s", &address];
    let client = wirecat(client.into_iter().chain(no_stdin).chain(path.iter().copied()));
    let client = flow.attach(client, wirecat_role).start();
    flow.run(&format!("{peer:?} serves, {peer_role:?}"), [server, client]);
}

fn wirecat_serves(
    peer: Peer,
    [peer_role, wirecat_role]: [Role; 2],
    (path, bytes): (&[&str], usize),
) {
    let mut flow = Flow::new(bytes);
    let server = wirecat([&["tcp-serve", "-1", "127.0.0.1:0"], path].concat());
    let mut server = flow.attach(server, wirecat_role).start();
    let client = program(peer.connect(peer_role, server.port()));
    let client = flow.attach(client, peer_role).start();
    flow.run(&format!("{peer:?} connects, {peer_role:?}"), [server, client]);
}

/// A stream from one program's stdin to the other one's stdout, hashed on its way in and out.
struct Flow {
    sink: Option<PipeWriter>,
    drain: PipeReader,
    bytes: usize,
}

impl Flow {
    fn new(bytes: usize) -> Self {
        let (drain, sink) = pipe().expect("a pipe");
        Self { sink: Some(sink), drain, bytes }
    }

    fn attach(&mut self, program: Program, role: Role) -> Program {
        match role {
            Role::Send => program.piped(),
            Role::Receive => program.stdout(self.sink.take().expect("one receiver")),
        }
    }

    fn run(self, case: &str, mut ends: [Running; 2]) {
        let stdin = ends.iter_mut().find_map(|end| end.stdin.take()).expect("a sender");
        let fed = thread::spawn(move || feed(stdin, self.bytes));
        let (progress, come) = channel();
        let drained = thread::spawn(move || drain(self.drain, &progress));
        // As long as bytes come, it goes on, however busy the machine is.
        let stopped = std::iter::repeat_with(|| come.recv_timeout(PATIENCE)).find_map(Result::err);
        assert_eq!(stopped, Some(RecvTimeoutError::Disconnected), "{case}: nothing comes any more");
        for end in ends {
            let ended = end.wait();
            assert_eq!(ended.code, Some(0), "{case}: {ended:?}");
            assert!(ended.stdout.is_empty(), "{case}: the sender has an output");
        }
        let fed = fed.join().expect("the feeder ends");
        let (count, drained) = drained.join().expect("the drain ends");
        assert_eq!(count, self.bytes, "{case}");
        assert_eq!(fed, drained, "{case}: the bytes differ");
    }
}

/// Writes random bytes (xorshift64 with a fixed seed) and then ends the input.
fn feed(mut stdin: ChildStdin, bytes: usize) -> Output<Sha256> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chunk = vec![0; CHUNK];
    let mut hash = Sha256::new();
    for _ in 0..bytes / CHUNK {
        for word in chunk.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        hash.update(&chunk);
        if stdin.write_all(&chunk).is_err() {
            // The receiving side tells how much is missing.
            break;
        }
    }
    hash.finalize()
}

fn drain(mut from: PipeReader, progress: &Sender<()>) -> (usize, Output<Sha256>) {
    let mut chunk = vec![0; CHUNK];
    let mut hash = Sha256::new();
    let mut sum = 0;
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        hash.update(&chunk[..count]);
        sum += count;
        let _ = progress.send(());
    }
    (sum, hash.finalize())
}
