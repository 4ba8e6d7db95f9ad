//! SPEC 5: `--read-size`: the most bytes that one `data` of an unframed stream has.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use serde_json::Value;

use crate::support::data::{assert_same, noise};
use crate::support::net::{connect, peer, read_all};
use crate::support::unix;
use crate::support::{Ended, proc, wirecat};

/// The bytes of each `data` event, in hexadecimal digits or text.
fn pieces(ended: &Ended) -> Vec<Vec<u8>> {
    let piece = |event: Value| {
        let bytes = match (event["text"].as_str(), event["b64"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (_, Some(base64)) => data_encoding::BASE64.decode(base64.as_bytes()).expect("base64"),
            _ => panic!("no bytes in {event}"),
        };
        assert_eq!(event["len"], bytes.len(), "{event}");
        bytes
    };
    let events = ended.events().into_iter();
    events.filter(|event| event["event"] == "data").map(piece).collect()
}

/// What a peer sends arrives whole and in order, in pieces of at most `size` bytes, by `wirecat` with
/// these words.
#[track_caller]
fn arrives(words: &[&str], size: usize, count: usize) {
    let bytes = noise(count);
    let sent = bytes.clone();
    let server = peer(move |mut stream: TcpStream| stream.write_all(&sent).unwrap());
    let args = [&["tcp-connect", "-n", "--output", "json"], words, &[&server.address]].concat();
    let ended = wirecat(args).run().code(0);
    server.join();
    let pieces = pieces(&ended);
    assert_same(&pieces.concat(), &bytes);
    let largest = pieces.iter().map(Vec::len).max().unwrap();
    assert!(largest <= size, "{words:?}: {largest}");
    assert!(pieces.len() >= count.div_ceil(size), "{words:?}: {}", pieces.len());
}

#[test]
fn no_data_is_larger_and_none_is_lost() {
    arrives(&[], 128 << 10, 3_000_000);
    arrives(&["--read-size", "1M"], 1 << 20, 3_000_000);
    arrives(&["--read-size", "1000"], 1000, 300_000);
    arrives(&["--read-size", "1"], 1, 3000);
    arrives(&["--read-size", "64k", "--frame", "none"], 64 << 10, 1_000_000);
    let directory = crate::support::tempdir().unwrap();
    let record = directory.path().join("r");
    arrives(&["--read-size", "7", "--record", record.to_str().unwrap()], 7, 3000);
}

/// A read may give more than the 128 KiB of the default, where it was asked for and as much is
/// there.
#[test]
fn a_read_may_be_larger_than_the_default() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    // Both sides of a unix socket: as much waits to be read as the sender's buffer holds.
    let args = ["tcp-serve", "-1", "-n", "--output", "json", "--read-size", "1M"];
    let mut server = wirecat(args.iter().chain(&["-O", "sndbuf=1M", &address])).start();
    server.wait_for_event("listening");
    let bytes = noise(2_000_000);
    let mut client = unix::connect(&path);
    let sent = bytes.clone();
    thread::spawn(move || client.write_all(&sent).unwrap());
    assert_same(&pieces(&server.wait_open().code(0)).concat(), &bytes);
}

/// Servers, a hub and echo read alike, and the answers of echo are whole.
#[test]
fn servers_read_so_too() {
    let bytes = noise(20_000);
    for words in [
        &["tcp-serve", "-1", "-n"][..],
        &["tcp-serve", "-1", "-n", "--hub"],
        &["tcp-serve", "-1", "--reply", "x"],
        &["tcp-serve", "-1", "--input", "json"],
        &["echo", "--tcp"],
    ] {
        let args = ["--output", "json", "--read-size", "100", "127.0.0.1:0"];
        let mut server = wirecat(words.iter().chain(&args)).piped().start();
        let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
        let mut client = connect(&local);
        let (writer, sent) = (client.try_clone().unwrap(), bytes.clone());
        let writing = thread::spawn(move || {
            client.write_all(&sent).unwrap();
            client.shutdown(std::net::Shutdown::Write).unwrap();
        });
        if words[0] == "echo" {
            assert_same(&read_all(&writer), &bytes);
        } else {
            server.wait_for_event("eof");
            drop(writer);
        }
        writing.join().unwrap();
        server.signal(libc::SIGTERM);
        let pieces = pieces(&server.wait_open().code(0));
        assert_same(&pieces.concat(), &bytes);
        assert!(pieces.iter().all(|piece| piece.len() <= 100), "{words:?}");
    }
}

/// Each byte in an event of its own makes a hundred of them: a program that does not read them keeps
/// the bytes in the network rather than in memory.
#[test]
fn small_reads_cost_no_memory() {
    let server = peer(|mut stream: TcpStream| {
        // It takes what fits into the buffers of both kernels.
        stream.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
        let _ = stream.write_all(&noise(4 << 20));
    });
    let (reader, writer) = crate::support::pipes::pipe().unwrap();
    let args = ["tcp-connect", "-n", "--output", "json", "--read-size", "1", &server.address];
    let running = wirecat(args).stdout(writer).start();
    server.join();
    let peak = proc::peak_kib(running.pid());
    assert!(peak < 40_000, "{peak} KiB");
    drop(reader);
}

#[test]
fn what_has_no_unframed_data_has_no_size_of_it() {
    let whole = "a message is as large as its sender made it (--max-frame limits it)";
    for (line, why) in [
        ("tcp-connect --read-size 5 --frame line 1", whole),
        ("tcp-serve --read-size 128k --frame u8 0", whole),
        ("echo --read-size 5 --prefix x 0", whole),
        ("echo --read-size 5 --udp 0", "datagrams have no connection"),
        ("echo --read-size 5 --ping 1", "--ping knows what it expects, and serves nobody"),
        ("tcp-serve --read-size 5 --discard 0", "what comes is shown nowhere"),
        ("tcp-serve --read-size 5 --forward 1 0", "what comes is shown nowhere"),
        ("tcp-connect --read-size 5 -z 1", "-z sends and receives nothing"),
        ("tcp-connect --read-size 0 1", "the size must be at least 1 byte"),
        ("tcp-connect --read-size 1048577 1", "the size must be at most 1 MiB"),
        ("tcp-connect --read-size -5 1", "is not a size"),
        ("udp-listen --read-size 5 0", "cannot use --read-size: it is an option of"),
    ] {
        wirecat(line.split(' ')).run().code(2).says(why);
    }
}
