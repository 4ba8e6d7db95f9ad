//! A large object is decoded in many turns of the loop: others are served in between.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

use libc::{SIGCONT, SIGSTOP, SIGTERM};

use super::{encode, framed};
use crate::support::net::uninterrupted;
use crate::support::net::{connect, peer, read_all, read_exactly, reset, until_reset};
use crate::support::{PATIENCE, Running, proc, wirecat};

/// What a pickle starts with, repeats and ends with.
pub(super) type Shape = (&'static [u8], &'static [u8], &'static [u8]);

pub(super) const TUPLES: Shape = (b"(", b")", b"t.");

/// What takes long to decode, each in another part of the decoder.
const SHAPES: &[Shape] = &[
    TUPLES,
    (b"(", b"K\x07", b"l."),
    (b"(", b"G\x3f\xb9\x99\x99\x99\x99\x99\x9a", b"l."),
    (b"(", b"\x8a\x40ABCDEFGHABCDEFGHABCDEFGHABCDEFGHABCDEFGHABCDEFGHABCDEFGHABCDEFGH", b"l."),
    (b"(", b"}\x8c\x01aK\x01s", b"l."),
    (b"}(", b"\x8c\x01aN", b"u."),
    (
        b"cdatetime\ndatetime\n\x94C\x0a\x07\xea\x0b\x1b\x0e\x00\x00\x00\x00\x01\x94(",
        b"h\x00h\x01\x85R",
        b"l.",
    ),
    (b"V", b"\\u0001", b"\n."),
    (b"S'", b"\\x01", b"'\n."),
    (b"\x80\x04(](K\x00K\x01K\x02K\x03K\x04K\x05K\x06K\x07K\x08e\x94", b"h\x00", b"l."),
    (b"N", b"\x94", b"."),
];

pub(super) fn pickle((start, unit, end): Shape, len: usize) -> Vec<u8> {
    [start, &unit.repeat(len / unit.len()), end].concat()
}

/// Control characters, whose length stands in front of them.
fn controls(len: usize) -> Vec<u8> {
    [b"\x8d", &(len as u64).to_le_bytes()[..], &vec![1; len], b"."].concat()
}

pub(super) const MIB: usize = 1 << 20;

fn serve(args: &[&str]) -> (Running, String) {
    let reply: &[&str] = &["tcp-serve", "--frame", "obj", "--reply", "[1]", "127.0.0.1:0"];
    wirecat([reply, args].concat()).stdout(Stdio::null()).serve()
}

pub(super) fn small() -> Vec<u8> {
    framed(&encode("[1]"))
}

/// One small object there, and the answer back.
pub(super) fn round_trip(mut stream: &TcpStream) {
    stream.write_all(&small()).expect("it is taken");
    assert_eq!(read_exactly(stream, small().len()), small());
}

/// Sends all of a frame but its last byte, and waits until the server has read that.
fn send_most(mut stream: &TcpStream, other: &TcpStream, frame: &[u8]) {
    stream.write_all(&frame[..frame.len() - 1]).expect("it is taken");
    // A turn reads 64 KiB of each connection.
    (0..frame.len().div_ceil(64 << 10) + 2).for_each(|_| round_trip(other));
}

/// The server is stopped while both are sent, what is large first: how fast anyone runs is no matter to
/// the order of the ends.
#[test]
fn others_are_served_while_a_large_object_is_decoded() {
    let args = ["--output", "json", "--events", "listening,closed"];
    let reply = ["tcp-serve", "--frame", "obj", "--reply", "[1]", "127.0.0.1:0"];
    let mut server = wirecat([&reply[..], &args[..]].concat()).start();
    let address = server.wait_for_event("listening")["local"].as_str().expect("text").to_owned();
    let len = 3 * MIB / 2;
    let pickles = SHAPES.iter().map(|shape| pickle(*shape, len)).chain([controls(len)]);
    for (index, pickle) in pickles.enumerate() {
        let (frame, mut one, mut other) = (framed(&pickle), connect(&address), connect(&address));
        send_most(&one, &other, &frame);
        server.signal(SIGSTOP);
        proc::wait_for_state(server.pid(), "T");
        one.write_all(&frame[frame.len() - 1..]).expect("it is taken");
        one.shutdown(Shutdown::Write).expect("a FIN");
        other.write_all(&small().repeat(2)).expect("it is taken");
        other.shutdown(Shutdown::Write).expect("a FIN");
        server.signal(SIGCONT);
        assert_eq!(read_all(&one), small());
        assert_eq!(read_all(&other), small().repeat(2));
        let closed = server.wait_for_events("closed", 2 * index + 2);
        let ends = [2 * index, 2 * index + 1].map(|place| closed[place]["conn"].as_u64());
        let [large, quick] = [2 * index as u64 + 1, 2 * index as u64 + 2];
        let start = pickle[..20].escape_ascii();
        assert_eq!(ends, [Some(quick), Some(large)], "{start} is decoded before others are heard");
    }
}

/// Many large objects at once: they wait for each other, and each gets its answer. What is made of
/// one is 14 times as long, and is not made of all at the same time.
#[test]
fn many_large_objects_are_decoded_one_by_one() {
    const CLIENTS: usize = 8;
    for limit in ["64MiB", "300KiB"] {
        let (server, address) =
            serve(&["--max-frame", "150KiB", "--max-frame-total", limit, "--queue", "1MiB"]);
        let frame = framed(&pickle(TUPLES, MIB / 8));
        let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&address)).collect();
        clients.iter().for_each(round_trip);
        let before = proc::peak_kib(server.pid());
        std::thread::scope(|scope| {
            for mut client in &clients {
                let frame = &frame;
                scope.spawn(move || {
                    client.write_all(&frame.repeat(2)).expect("it is taken");
                    assert_eq!(read_exactly(client, 2 * small().len()), small().repeat(2));
                });
            }
        });
        // One takes 23 times its own length, which is 3 MiB.
        let cost = proc::peak_kib(server.pid()).saturating_sub(before);
        assert!(cost < 12 * 1024, "{cost} KiB");
    }
}

#[test]
fn a_fin_behind_a_large_object_comes_after_it() {
    let wire = [framed(&pickle(TUPLES, MIB)), small()].concat();
    let mut server = wirecat(["tcp-serve", "--frame", "obj", "-1", "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    client.write_all(&wire).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a FIN");
    server.wait_for_length(14 * MIB);
    let ended = server.wait().code(0);
    assert!(ended.stdout.ends_with(b"{\"$tuple\":[]}]}\n[1]\n"));
    // The same of a client.
    let server = peer(move |mut stream| {
        stream.write_all(&wire).expect("it is taken");
        stream.shutdown(Shutdown::Write).expect("a FIN");
        read_all(&stream)
    });
    let ended = wirecat(["tcp-connect", "--frame", "obj", &server.address]).run().code(0);
    assert!(ended.stdout.ends_with(b"{\"$tuple\":[]}]}\n[1]\n"));
    server.join();
}

/// What is not decoded when its sender resets the connection is undelivered, and the next one is
/// decoded.
#[test]
fn a_reset_ends_the_decoding() {
    let frame = framed(&pickle(TUPLES, 8 * MIB));
    let args = ["tcp-serve", "--frame", "obj", "--reply", "[1]", "--output", "json", "127.0.0.1:0"];
    let mut server = wirecat(args).start();
    let address = server.wait_for_event("listening")["local"].as_str().expect("text").to_owned();
    let (mut one, mut next, other) = (connect(&address), connect(&address), connect(&address));
    send_most(&one, &other, &frame);
    one.write_all(&frame[frame.len() - 1..]).expect("it is taken");
    round_trip(&other);
    next.write_all(&framed(&pickle(TUPLES, MIB))).expect("it is taken");
    reset(one);
    let closed = server.wait_for_event("closed");
    assert_eq!((closed["conn"].as_u64(), closed["reason"].as_str()), (Some(1), Some("error")));
    assert_eq!(closed["undelivered"].as_u64(), Some(frame.len() as u64), "{closed}");
    assert_eq!(read_exactly(&next, small().len()), small());
    round_trip(&other);
}

/// A run that is told to stop does not wait for what it has not decoded, whose sender is cut.
#[test]
fn a_run_that_ends_cuts_the_sender_of_what_is_not_decoded() {
    let frame = framed(&pickle(TUPLES, 8 * MIB));
    let (server, address) = serve(&[]);
    let (mut one, other) = (connect(&address), connect(&address));
    send_most(&one, &other, &frame);
    one.write_all(&frame[frame.len() - 1..]).expect("it is taken");
    round_trip(&other);
    server.signal(SIGTERM);
    assert_eq!(until_reset(&one), b"");
    assert_eq!(uninterrupted(|| (&other).read(&mut [0])).expect("a FIN"), 0);
    server.wait();
}

/// An object that has come in time is not late while it is decoded.
#[test]
fn to_decode_takes_nothing_of_the_time_to_read() {
    let frame = framed(&pickle(TUPLES, 8 * MIB));
    let (mut server, address) = serve(&["--read-timeout", "5s", "--idle-timeout", "5s"]);
    let mut one = connect(&address);
    one.set_read_timeout(Some(4 * PATIENCE)).expect("a timeout");
    one.write_all(&frame).expect("it is taken");
    assert_eq!(read_exactly(&one, small().len()), small());
    // Then it is.
    assert_eq!(uninterrupted(|| one.read(&mut [0])).expect("a FIN"), 0);
    server.wait_for("no ");
}
