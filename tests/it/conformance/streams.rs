//! Bytes through one connection: conformance 1, 2, 4 and 7.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, recv};

use super::{both_kinds, both_kinds_into_pipes};
use crate::support::data::{assert_same, file_of, noise};
use crate::support::net::{accept, listener, peer, read_all, read_exactly};
use crate::support::wirecat;

const MIB: usize = 1024 * 1024;

/// Conformance 1. The one byte that the server does not read turns its close into an RST, which
/// arrives right behind the answer.
#[test]
fn an_answer_with_a_reset_behind_it_is_printed_1000_times_of_1000() {
    let (server, address) = listener();
    let server = thread::spawn(move || answer_and_reset(&server, 1000));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || {
                for _ in 0..250 {
                    let ended = wirecat(["tcp-connect", &address]).input("ruok\n").run();
                    assert_eq!(ended.text(), "imok", "{}", ended.stderr);
                    ended.code(6);
                }
            })
        })
        .collect();
    askers.into_iter().for_each(|asker| asker.join().expect("every answer is printed"));
    server.join().expect("the server is content");
}

fn answer_and_reset(server: &TcpListener, times: usize) {
    for _ in 0..times {
        let mut client = accept(server);
        // All five are there before one of them is left behind.
        let flags = RecvFlags::PEEK | RecvFlags::WAITALL;
        let (_, there) =
            retry_on_intr(|| recv(&client, &mut [0; 5], flags)).expect("the question comes");
        assert_eq!(there, 5);
        read_exactly(&client, 4);
        client.write_all(b"imok").expect("the client listens");
    }
}

/// Reads everything, after saying that it will never say anything.
fn mute(stream: TcpStream) -> Vec<u8> {
    stream.shutdown(Shutdown::Write).expect("a FIN");
    read_all(&stream)
}

/// Conformance 2.
#[test]
fn fifty_megabytes_reach_a_peer_that_half_closed_at_once() {
    let bytes = noise(50 * MIB);
    let peer = peer(mute);
    wirecat(["tcp-connect", &peer.address]).stdin(file_of(&bytes)).run().code(0);
    assert_same(&peer.join(), &bytes);
}

/// Conformance 2: the same through a pipe, and with a pause in which a hidden timer would strike.
#[test]
fn a_pause_of_the_input_does_not_end_the_run_after_the_peers_fin() {
    let bytes = noise(2 * MIB);
    let peer = peer(mute);
    let mut client = wirecat(["tcp-connect", &peer.address]).piped().start();
    client.say(&bytes[..MIB]);
    // The pause is what is tested.
    thread::sleep(Duration::from_millis(1200));
    client.say(&bytes[MIB..]);
    client.wait().code(0);
    assert_same(&peer.join(), &bytes);
}

/// Conformance 2, the other side of it: what did not arrive is not called done.
#[test]
fn a_peer_that_leaves_in_the_middle_makes_it_6() {
    let peer = peer(|stream| {
        stream.shutdown(Shutdown::Write).expect("a FIN");
        read_exactly(&stream, MIB);
    });
    let ended = wirecat(["tcp-connect", &peer.address]).stdin(file_of(&noise(50 * MIB))).run();
    ended.code(6).says("cannot");
    peer.join();
}

/// Conformance 4: nothing but the peer's FIN ends the wait for an answer.
#[test]
fn an_answer_after_our_fin_is_waited_for() {
    for pause in [Duration::ZERO, Duration::from_secs(2)] {
        let peer = peer(move |mut stream| {
            assert_eq!(read_all(&stream), b"question\n");
            // The pause is what is tested.
            thread::sleep(pause);
            stream.write_all(b"answer\n").expect("the client listens");
        });
        let ended = wirecat(["tcp-connect", &peer.address]).input("question\n").run().code(0);
        assert_eq!(ended.text(), "answer\n", "after {pause:?}");
        peer.join();
    }
}

/// Conformance 7.
#[test]
fn input_flows_while_stdout_is_blocked() {
    let bytes = noise(8 * MIB);
    for (mut program, stream, mut reader) in both_kinds_into_pipes() {
        let flooder = flood_until_stuck(&stream);
        let sink = stream.try_clone().expect("a descriptor");
        let reads = thread::spawn(move || read_exactly(&sink, 8 * MIB));
        program.say(&bytes);
        assert_same(&reads.join().expect("all of stdin arrives"), &bytes);
        // Only now is stdout read, and nothing of it was lost meanwhile.
        let sent = flooder.join().expect("the flood ends");
        program.end_input();
        let mut output = vec![0; sent];
        reader.read_exact(&mut output).expect("what was sent is printed");
        assert_same(&output, &vec![b'x'; sent]);
        drop(stream);
        program.wait().code(0);
    }
}

/// Writes until nothing is taken any more for a while, then says FIN; gives how much was taken.
fn flood_until_stuck(stream: &TcpStream) -> thread::JoinHandle<usize> {
    let mut stream = stream.try_clone().expect("a descriptor");
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    thread::spawn(move || {
        let (chunk, mut sent) = ([b'x'; 64 * 1024], 0);
        loop {
            match stream.write(&chunk) {
                Ok(count) => sent += count,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    stream.shutdown(Shutdown::Write).expect("a FIN");
                    return sent;
                }
            }
        }
    })
}

/// Conformance 7.
#[test]
fn output_flows_while_stdin_is_idle() {
    let bytes = noise(8 * MIB);
    for (mut program, mut stream) in both_kinds(|program| program) {
        program.say("first");
        assert_eq!(read_exactly(&stream, 5), b"first");
        stream.write_all(&bytes).expect("it is all taken");
        program.wait_for_length(8 * MIB);
        assert!(program.is_running(), "stdin has not ended");
        drop(stream);
        assert_same(&program.wait().code(0).stdout, &bytes);
    }
}

/// Conformance 7, the other way round.
#[test]
fn output_flows_while_the_peer_takes_no_input() {
    let bytes = noise(8 * MIB);
    for (mut program, mut stream) in both_kinds(|program| program) {
        let mut stdin = program.stdin.take().expect("stdin is a pipe");
        let writer = thread::spawn(move || stdin.write_all(&noise(32 * MIB)));
        stream.write_all(&bytes).expect("it is all taken");
        program.wait_for_length(8 * MIB);
        assert!(!writer.is_finished(), "the input is too small to block");
        assert_same(&read_exactly(&stream, 32 * MIB), &noise(32 * MIB));
        writer.join().expect("a thread").expect("all of the input is taken");
        drop(stream);
        assert_same(&program.wait().code(0).stdout, &bytes);
    }
}
