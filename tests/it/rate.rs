//! `--rate` on streams (SPEC section 5).

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::net::{connect, peer, read_all, read_exactly};
use crate::support::{PATIENCE, wirecat};

const SIZE: usize = 2_000_000;

fn payload() -> Vec<u8> {
    (0..SIZE).map(|at| (at * 7 % 251) as u8).collect()
}

/// 2 MB at 1 MiB/s take 1.9 s, and not much more. The first piece goes at once, and 100 ms of idling
/// before it are made up for.
fn is_paced(stream: &TcpStream, began: Instant) {
    assert!(read_all(stream) == payload());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1750), "{took:?}");
    assert!(took < PATIENCE, "{took:?}");
}

#[test]
fn a_client_keeps_to_a_rate_of_bytes() {
    let began = Instant::now();
    let server = peer(move |stream: TcpStream| is_paced(&stream, began));
    let client = wirecat(["tcp-connect", "--rate", "1MiB/s", &server.address]).input(payload());
    client.run().code(0);
    server.join();
}

/// The rate of a server is that of stdin, however many clients there are.
#[test]
fn a_server_keeps_to_a_rate_of_bytes() {
    let args = ["tcp-serve", "-v", "--conns", "2", "--rate", "1MiB/s", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).piped().serve();
    let clients = [connect(&address), connect(&address)];
    // Both are to be there before the first byte.
    server.wait_for("accepted #2");
    let began = Instant::now();
    let clients = clients.map(|client| std::thread::spawn(move || is_paced(&client, began)));
    let mut stdin = server.stdin.take().unwrap();
    stdin.write_all(&payload()).unwrap();
    drop(stdin);
    for client in clients {
        client.join().unwrap();
    }
    server.wait().code(0);
}

#[test]
fn messages_keep_to_a_rate() {
    let lines = "line\n".repeat(21);
    for rate in ["20/s", "100B/s"] {
        let expected = lines.clone();
        let began = Instant::now();
        let server = peer(move |stream: TcpStream| {
            assert!(read_all(&stream) == expected.as_bytes());
            assert!(began.elapsed() >= Duration::from_millis(980), "{:?}", began.elapsed());
        });
        let args = ["tcp-connect", "--frame", "line", "--rate", rate, &server.address];
        wirecat(args).input(lines.clone()).run().code(0);
        server.join();
    }
}

/// While the input waits for its time, the answer is read; and a peer that goes is noticed.
#[test]
fn a_slow_sender_still_listens() {
    let server = peer(|mut stream: TcpStream| {
        assert_eq!(read_exactly(&stream, 1), b"a");
        stream.write_all(b"answer").unwrap();
        assert_eq!(read_exactly(&stream, 1), b"b");
    });
    let args = ["tcp-connect", "--rate", "2B/s", &server.address];
    let mut client = wirecat(args).input("abcdefghijklmnopqrstuvwxyz".repeat(10)).start();
    client.wait_for_output("answer");
    server.join();
    // Two minutes of input are left, and the peer has gone.
    let ended = client.wait().code(6);
    assert!(ended.took < PATIENCE, "{:?}", ended.took);
    // What waits for its time is known to be unsent.
    let server = peer(|stream: TcpStream| drop(read_exactly(&stream, 1)));
    let args = ["tcp-connect", "--rate", "1B/s", "--on-peer-close", "exit", &server.address];
    wirecat(args).input("abcdefghijklmnopqrstuvwxyz").run().code(6).says("the rest of stdin");
    server.join();
}

#[test]
fn a_rate_that_cannot_be_is_refused() {
    for (line, words) in [
        ("tcp-connect --rate 0/s", "would never send"),
        ("tcp-serve --rate 0MiB/s", "would never send"),
        ("tcp-connect --rate 10MiB", "write messages a second as in 100/s"),
        ("tcp-connect --rate 10/s", "a stream has no messages without a framing"),
        ("tcp-connect -n --rate 1MiB/s", "-n says that there is no stdin"),
        ("tcp-serve --discard --rate 1MiB/s", "this handler does not send stdin"),
        ("tcp-serve --send x --rate 1MiB/s", "sent the texts of --send at once"),
        ("tcp-connect -z --rate 1MiB/s", "-z sends and receives nothing"),
        ("tcp-connect --input commands --rate 1MiB/s", "commands are obeyed as they come"),
        ("udp-listen --rate 1/s", "cannot use --rate: it is an option of"),
    ] {
        let ended = wirecat(line.split(' ').chain(["127.0.0.1:9"])).run();
        assert_eq!(ended.code, Some(2), "{line}: {}", ended.stderr);
        ended.says(words);
    }
}
