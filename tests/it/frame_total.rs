//! `--max-frame-total`: what the unfinished messages of all clients hold together.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use serde_json::Value;

use crate::support::load::in_some_try;
use crate::support::net::{connect, read_exactly};
use crate::support::proc::peak_kib;
use crate::support::{Running, wirecat};

const MIB: usize = 1 << 20;

/// A server on loopback.
fn serve(args: &[&str]) -> (Running, String) {
    wirecat(args.iter().copied().chain(["127.0.0.1:0"])).piped().serve()
}

/// A client that sends so much of a message, and then nothing. The server may leave it unread, or
/// close it.
fn begin_message(address: &str, bytes: &Arc<Vec<u8>>) -> TcpStream {
    let bytes = Arc::clone(bytes);
    let stream = connect(address);
    let mut writer = stream.try_clone().expect("a descriptor");
    thread::spawn(move || writer.write_all(&bytes));
    stream
}

/// `sent` bytes of a message that is said to have `len`.
fn part(len: usize, sent: usize) -> Vec<u8> {
    let mut bytes = (len as u32).to_be_bytes().to_vec();
    bytes.resize(4 + sent, b'x');
    bytes
}

/// A message is taken, and answered.
#[track_caller]
fn is_served(address: &str, message: &[u8], answer: &[u8]) {
    let mut stream = connect(address);
    stream.write_all(message).expect("it is taken");
    assert!(read_exactly(&stream, answer.len()) == answer, "another answer");
}

/// 30 clients that each leave 15 of 16 MiB unfinished would hold 450 MiB. Meanwhile others are
/// served, and the memory of the machine does not have to be that large.
#[test]
fn clients_that_finish_no_message_hold_64_mib_in_all() {
    let (mut server, address) =
        serve(&["tcp-serve", "-v", "--frame", "u32", "--output", "none", "--reply", "ok"]);
    let pid = rustix::process::Pid::from_raw(server.pid() as i32).expect("a pid");
    let size: u64 = crate::support::proc::status(server.pid(), "VmSize").parse().expect("KiB");
    let room = (size + 256 * 1024) * 1024;
    let limit = rustix::process::Rlimit { current: Some(room), maximum: Some(room) };
    rustix::process::prlimit(Some(pid), rustix::process::Resource::As, limit).expect("a limit");
    let begun = Arc::new(part(16 * MIB, 15 * MIB));
    let bad: Vec<TcpStream> = (0..30).map(|_| begin_message(&address, &begun)).collect();
    server.wait_for("unfinished messages hold more than 64.0 MiB");
    for len in [1, 4 * MIB] {
        is_served(&address, &part(len, len), b"\0\0\0\x02ok");
    }
    // The one that may go on says nothing more.
    server.wait_for("into a message, and --max-frame-total is reached");
    server.wait_for("(closed)");
    is_served(&address, &part(4 * MIB, 4 * MIB), b"\0\0\0\x02ok");
    let peak = peak_kib(server.pid());
    assert!(peak < 200 * 1024, "{peak} KiB");
    drop(bad);
    server.signal(libc::SIGTERM);
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("unfinished messages hold").count(), 1);
}

/// Who sends whole messages loses nothing, however little they may hold together.
#[test]
fn whole_messages_arrive_although_they_do_not_fit_together() {
    let args = ["--frame", "u32", "--max-frame", "1MiB", "--max-frame-total", "2MiB"];
    // A hub kicks at once who drains nothing, which a busy machine can make of any client.
    let hub = ["tcp-serve", "--hub", "--slow-after", "30s", "--output", "none", "--conns", "12"];
    let (server, address) = serve(&[&hub[..], &args[..]].concat());
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || {
                let mut stream = connect(&address);
                let mut reader = stream.try_clone().expect("a descriptor");
                let reading = thread::spawn(move || {
                    let mut count = 0;
                    let mut bytes = vec![0; 64 * 1024];
                    while let Ok(more @ 1..) = reader.read(&mut bytes) {
                        count += more;
                    }
                    count
                });
                for _ in 0..3 {
                    stream.write_all(&part(MIB, MIB)).expect("it is taken");
                }
                stream.shutdown(std::net::Shutdown::Write).expect("a FIN");
                reading.join().expect("it is read")
            })
        })
        .collect();
    clients.into_iter().for_each(|client| {
        client.join().expect("a client is content");
    });
    let ended = server.wait_open();
    assert!(!ended.stderr.contains("--max-frame-total is reached"), "{}", ended.stderr);
}

/// Everywhere unfinished messages are held.
#[test]
fn every_server_of_messages_has_the_limit() {
    let kib = |count: usize| count * 1024;
    let (line, body) = (vec![b'x'; kib(3)], vec![b'x'; kib(200)]);
    let head = b"Content-Length: 250000\r\n\r\n";
    let tinyproto = [&b"\xff"[..], &part(kib(250), kib(200))].concat();
    for (args, begun) in [
        (&["echo", "--tcp", "--frame", "u32"][..], part(kib(250), kib(200))),
        (&["tcp-serve", "--hub", "--frame", "u32"], part(kib(250), kib(200))),
        (&["tcp-serve", "--frame", "line"], vec![b'x'; kib(200)]),
        (&["tcp-serve", "--frame", "tinyproto"], tinyproto),
        (&["tcp-serve", "--frame", "delim:\\x02,\\x03"], [b"\x02", &body[..]].concat()),
        (&["tcp-serve", "--hub", "--frame", "octet"], [b"250000 ", &body[..]].concat()),
        (&["echo", "--tcp", "--frame", "u32@0+2"], part(kib(249), kib(200))),
        (&["tcp-serve", "--frame", "content-length"], [head, &body[..]].concat()),
        (&["chat", "--host", "--headless"], line),
    ] {
        let (max, total) = if args[0] == "chat" { ("", "9KiB") } else { ("250KiB", "600KiB") };
        let begun = Arc::new(begun);
        let max: &[&str] = if max.is_empty() { &[] } else { &["--max-frame", max] };
        let (mut server, address) = serve(&[args, max, &["--max-frame-total", total]].concat());
        let _bad: Vec<TcpStream> = (0..8).map(|_| begin_message(&address, &begun)).collect();
        server.wait_for("unfinished messages hold more than");
        server.wait_for("into a message, and --max-frame-total is reached");
        assert!(server.is_running(), "{args:?}");
    }
}

/// A paused connection of tinyproto has its message read ahead, for the go that comes behind it.
#[test]
fn what_tinyproto_reads_ahead_counts_as_well() {
    let (mut server, address) = serve(&["echo", "--tcp", "--frame", "tinyproto"]);
    // The answer to each message is offered, and never taken: its queue fills, and then it is not
    // read; but the peer could say go behind the message that it has begun.
    let begun = [b"\xff", &part(MIB, MIB)[..], &part(16 * MIB, 15 * MIB)].concat();
    let begun = Arc::new(begun);
    let bad: Vec<_> = (0..30).map(|_| begin_message(&address, &begun)).collect();
    server.wait_for("unfinished messages hold more than 64.0 MiB");
    server.wait_for("into a message, and --max-frame-total is reached");
    let peak = peak_kib(server.pid());
    assert!(peak < 250 * 1024, "{peak} KiB");
    drop(bad);
}

#[test]
fn the_limit_is_refused_where_it_cannot_apply() {
    for (args, words) in [
        (&["tcp-serve", "--max-frame-total", "1MiB", "0"][..], "a stream has no messages"),
        (&["echo", "--max-frame-total", "1MiB", "0"], "a stream has no messages"),
        (&["tcp-serve", "--frame", "line", "--max-frame-total", "1MiB", "0"], "one message may"),
        (&["chat", "--max-frame-total", "1MiB", "localhost:9"], "it needs --host"),
    ] {
        wirecat(args).run().code(2).says(words);
    }
    let small = ["tcp-serve", "--frame", "line", "--max-frame", "1k", "--max-frame-total", "1k"];
    let (server, _) = serve(&small);
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// `within` of a read runs on while the message waits for those of others. A server that is held up may
/// find only then that the client stands still as well.
#[test]
fn a_read_is_late_although_its_message_has_to_wait() {
    in_some_try(|detail: &Value| detail == "read-timeout", read_beside_others);
}

/// Why the one is closed that is to send a message in time.
fn read_beside_others() -> Value {
    let limits = ["--max-frame", "100k", "--max-frame-total", "100k"];
    let args = ["tcp-serve", "--frame", "u32", "--input", "json", "--output", "json", "--paused"];
    let mut server = wirecat([&args[..], &limits, &["127.0.0.1:0"]].concat()).piped().start();
    let listening = server.wait_for_event("listening");
    let address = listening["local"].as_str().expect("text");
    let [mut one, mut two, mut three] = [(); 3].map(|()| connect(address));
    server.wait_for_events("accepted", 3);
    // What is read is there before the time begins, which is shorter than that of a client that is silent.
    one.write_all(&part(100 << 10, 90 << 10)).expect("it is taken");
    two.write_all(&part(100 << 10, 20 << 10)).expect("it is taken");
    server.say("{\"read\":1,\"within\":\"400ms\"}\n{\"read\":2}\n{\"read\":3}\n");
    server.wait_for_event("warning");
    // The first one to send more may go on, and the others wait.
    three.write_all(&part(100 << 10, 1 << 10)).expect("it is taken");
    let closed = server.wait_for_event("closed");
    assert_eq!(closed["conn"], 1);
    closed["detail"].clone()
}
