//! The options of tcp-serve: whom it serves, what it says to them, and what it does with what
//! they send.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::net::{answer, connect, is_silent, read_all, read_exactly};
use crate::support::unix;
use crate::support::{PATIENCE, Running, wirecat};

/// A server on a free port of loopback with these options, and its address.
fn serve(args: &[&str]) -> (Running, String) {
    wirecat([&["tcp-serve"], args, &["127.0.0.1:0"]].concat()).serve()
}

/// The same, with a pipe as stdin.
fn serve_piped(args: &[&str]) -> (Running, String) {
    wirecat([&["tcp-serve"], args, &["127.0.0.1:0"]].concat()).piped().serve()
}

/// SPEC section 7: several addresses, all served by one run.
#[test]
fn several_addresses_are_all_served() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = format!("unix:{}", path.display());
    let args =
        ["tcp-serve", "--conns", "3", "--reply", "hello", "127.0.0.1:0", "127.5.5.10:0", &unix];
    let mut server = wirecat(args).start();
    let first = server.wait_for("listening tcp 127.0.0.1:");
    let second = server.wait_for("listening tcp 127.5.5.10:");
    server.wait_for("listening unix");
    for line in [first, second] {
        assert_eq!(answer(line.rsplit(' ').next().unwrap(), ""), "hello");
    }
    let mut told = String::new();
    let mut client = unix::connect(&path);
    client.read_to_string(&mut told).unwrap();
    assert_eq!(told, "hello");
    drop(client);
    server.wait().code(0);
}

/// One address that cannot be had is the end of the run, before anybody is served.
#[test]
fn all_addresses_or_none() {
    let (_server, address) = serve(&[]);
    let ended = wirecat(["tcp-serve", "127.0.0.1:0", &address]).run().code(5);
    let ended = ended.says("address already in use").says("port 0 picks a free one");
    assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
}

/// SPEC section 7: `-1` and `--conns N` accept so many in all, serve them to their end, and end.
#[test]
fn so_many_connections_and_no_more() {
    for (args, count) in [(&["-1"][..], 1), (&["--once"], 1), (&["--conns", "3"], 3)] {
        let (server, address) = serve(&[args, &["--frame", "line", "--reply", "x"]].concat());
        let clients: Vec<TcpStream> = (0..count).map(|_| connect(&address)).collect();
        for mut client in &clients {
            client.write_all(b"question\n").unwrap();
            assert_eq!(read_exactly(client, 2), b"x\n");
        }
        // Everybody is in and nobody has left, but the door is closed already.
        assert!(is_refused_soon(&address), "{args:?}");
        drop(clients);
        assert_eq!(server.wait().code(0).text(), "question\n".repeat(count));
    }
}

/// Whether nobody is let in any more; the door may close a moment after the last one was served.
fn is_refused_soon(address: &str) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        if Instant::now() > deadline {
            return false;
        }
    }
    true
}

/// SPEC section 7: past `--max-clients` clients wait in the backlog, until a place comes free.
#[test]
fn clients_beyond_the_limit_wait_for_a_place() {
    let (mut server, address) = serve(&["-v", "--max-clients", "2", "--greet", "welcome"]);
    let [first, second, third] = [(); 3].map(|()| connect(&address));
    assert_eq!(read_exactly(&first, 7), b"welcome");
    assert_eq!(read_exactly(&second, 7), b"welcome");
    assert!(is_silent(&third));
    drop(first);
    assert_eq!(read_exactly(&third, 7), b"welcome");
    server.wait_for("accepted #3");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// The default: stdin to all, all to stdout.
#[test]
fn stdin_goes_to_all_and_all_to_stdout() {
    let (mut server, address) = serve_piped(&["-v", "--conns", "2"]);
    let mut clients = [connect(&address), connect(&address)];
    server.wait_for("accepted #2");
    server.say("to all\n");
    for client in &mut clients {
        assert_eq!(read_exactly(client, 7), b"to all\n");
    }
    for (client, text) in clients.iter_mut().zip(["one\n", "two\n"]) {
        client.write_all(text.as_bytes()).unwrap();
        server.wait_for_output(text);
    }
    server.end_input();
    for client in &clients {
        assert_eq!(read_all(client), b"");
    }
    drop(clients);
    server.wait().code(0);
}

/// stdin waits for the first client: what was typed before it came is not lost.
#[test]
fn stdin_waits_for_somebody_to_receive_it() {
    let (mut server, address) = serve_piped(&["-1"]);
    server.say("early\n");
    server.end_input();
    assert_eq!(answer(&address, "hello"), "early\n");
    assert_eq!(server.wait().code(0).text(), "hello");
}

/// SPEC section 7: `--reply` on accept, then FIN; what the client sends goes to stdout.
#[test]
fn reply_answers_on_accept() {
    let (mut server, address) = serve(&["--reply", "caf\\xc3\\xa9\\tbar\\n"]);
    let client = connect(&address);
    assert_eq!(read_all(&client), "café\tbar\n".as_bytes());
    (&client).write_all(b"thanks").unwrap();
    server.wait_for_output("thanks");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// With a framing, it answers each message.
#[test]
fn reply_answers_each_message() {
    let (server, address) = serve(&["-1", "--frame", "line", "--reply", "yes"]);
    assert_eq!(answer(&address, "a\nb\n"), "yes\nyes\n");
    assert_eq!(server.wait().code(0).text(), "a\nb\n");
    let (server, address) = serve(&["-1", "--frame", "u8", "--reply", "yes"]);
    assert_eq!(answer(&address, "\x01a\x02bc"), "\x03yes\x03yes");
    assert_eq!(server.wait().code(0).text(), "a\nbc\n");
}

/// SPEC section 4: a TEXT of a file is taken as it is, and `@-` is stdin.
#[test]
fn texts_come_from_files_and_from_stdin() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("page");
    fs::write(&path, "as \\n it is").unwrap();
    let (server, address) = serve(&["-1", "--reply", &format!("@{}", path.display())]);
    assert_eq!(answer(&address, ""), "as \\n it is");
    server.wait().code(0);
    let server =
        wirecat(["tcp-serve", "-1", "--reply", "@-", "127.0.0.1:0"]).input("\\n from stdin");
    let (server, address) = server.serve();
    assert_eq!(answer(&address, ""), "\\n from stdin");
    server.wait().code(0);
}

/// SPEC section 7: `--greet` is said first, whatever follows.
#[test]
fn greet_is_said_first() {
    let (server, address) =
        serve(&["-1", "--greet", "220 ready\\r\\n", "--reply", "221 bye\\r\\n"]);
    assert_eq!(answer(&address, "x"), "220 ready\r\n221 bye\r\n");
    server.wait().code(0);
    let (server, address) = serve(&["-1", "--greet", "hi", "--frame", "u8", "--hub"]);
    assert_eq!(answer(&address, "\x01x"), "\x02hi");
    assert_eq!(server.wait().code(0).text(), "x\n");
    let (server, address) = serve(&["-1", "--greet", "hi", "--discard"]);
    assert_eq!(answer(&address, "x"), "hi");
    server.wait().code(0);
}

/// SPEC section 7: `--hub` passes each client's messages to all others and to stdout; stdin goes
/// to all, and its end means nothing to them.
#[test]
fn hub_passes_messages_to_the_others() {
    let (mut server, address) = serve_piped(&["-v", "--hub", "--frame", "line", "--conns", "3"]);
    let mut clients = [(); 3].map(|()| connect(&address));
    server.wait_for("accepted #3");
    clients[0].write_all(b"half ").unwrap();
    clients[1].write_all(b"whole\n").unwrap();
    for client in [&clients[0], &clients[2]] {
        assert_eq!(read_exactly(client, 6), b"whole\n");
    }
    clients[0].write_all(b"and half\n").unwrap();
    for client in &clients[1..] {
        assert_eq!(read_exactly(client, 14), b"half and half\n");
    }
    server.say("from the host\n");
    server.end_input();
    for client in &clients {
        assert_eq!(read_exactly(client, 14), b"from the host\n");
        assert!(is_silent(client));
    }
    drop(clients);
    assert_eq!(server.wait().code(0).text(), "whole\nhalf and half\n");
}

/// SPEC section 7: `--discard` reads everything and keeps nothing.
#[test]
fn discard_keeps_nothing() {
    let (server, address) = serve(&["-1", "-v", "--discard"]);
    assert_eq!(answer(&address, &"x".repeat(3 << 20)), "");
    let ended = server.wait().code(0).says("in 3.0 MiB out 0 B");
    assert_eq!(ended.text(), "");
}

/// The names and contents of what was saved.
fn saved(directory: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let name = |file: &fs::DirEntry| file.file_name().into_string().unwrap();
    files.map(|file| (name(&file), fs::read_to_string(file.path()).unwrap())).collect()
}

/// SPEC section 7: `--save DIR` is one file a connection. DIR is made, and files that are there
/// stay as they are.
#[test]
fn save_is_one_file_a_connection() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("made/for/it");
    let name = path.to_str().unwrap();
    let mut wanted = BTreeMap::new();
    for _ in 0..2 {
        let (server, address) = serve(&["--save", name, "--conns", "2"]);
        let mut clients = [connect(&address), connect(&address)];
        for (index, client) in clients.iter_mut().enumerate() {
            let text = format!("bytes of {index}\0\n");
            client.write_all(text.as_bytes()).unwrap();
            let peer = client.local_addr().unwrap().to_string().replace(':', "-");
            wanted.insert(format!("{:06}-{peer}", index + 1), text);
        }
        drop(clients);
        assert_eq!(server.wait().code(0).text(), "");
        assert_eq!(saved(&path), wanted);
    }
    // The form of the output is that of the file.
    let path = directory.path().join("forms");
    let name = path.to_str().unwrap();
    let (server, address) = serve(&["-1", "--save", name, "--frame", "u8", "--output", "hex"]);
    assert_eq!(answer(&address, "\x01a\x02bc"), "");
    server.wait().code(0);
    assert_eq!(saved(&path).values().collect::<Vec<_>>(), ["61\n6263\n"]);
}

/// SPEC section 5: `--port-file` has the ports, one a line, when the server is ready.
#[test]
fn port_file_has_the_ports() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("ports");
    let args = ["tcp-serve", "--port-file", path.to_str().unwrap(), "-4", "0", "127.0.0.1:0"];
    let mut server = wirecat(args).start();
    server.wait_for("listening tcp");
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline);
        // There is no event for it, which is what `--ready-fd` will be for.
        std::thread::sleep(Duration::from_millis(1));
    }
    let ports = fs::read_to_string(&path).unwrap();
    assert_eq!(ports.lines().count(), 2, "{ports:?}");
    for port in ports.lines() {
        drop(connect(&format!("127.0.0.1:{port}")));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "a file too many");
}

/// SPEC section 5: `-c N` counts over all clients, and stops the server.
#[test]
fn count_is_over_all_clients() {
    let (mut server, address) = serve(&["--frame", "line", "-c", "3"]);
    let mut clients = [connect(&address), connect(&address)];
    clients[0].write_all(b"a\n").unwrap();
    server.wait_for_output("a\n");
    clients[1].write_all(b"b\nc\nd\n").unwrap();
    assert_eq!(server.wait().code(0).text(), "a\nb\nc\n");
    let (server, address) = serve(&["-1", "--frame", "line", "-c", "3"]);
    assert_eq!(answer(&address, "a\n"), "");
    server.wait().code(1).says("cannot receive 3 messages: 1 came");
}

/// SPEC 1.7: a client that breaks the framing is closed with its reason, and the others live.
#[test]
fn a_bad_frame_costs_its_client_only() {
    let args = ["-v", "--frame", "netstring", "--max-frame", "10", "--conns", "3"];
    let (mut server, address) = serve(&args);
    let mut good = connect(&address);
    good.write_all(b"4:be").unwrap();
    for (bad, reason) in [
        ("x", "cannot read from #2"),
        ("11:", "11 bytes long, and the limit is 10 (--max-frame sets it)"),
    ] {
        let mut client = connect(&address);
        client.write_all(bad.as_bytes()).unwrap();
        server.wait_for(reason);
        let mut rest = Vec::new();
        // FIN or RST: it is gone.
        let _ = client.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
    good.write_all(b"fo,").unwrap();
    server.wait_for_output("befo\n");
    drop(good);
    let ended = server.wait().code(6);
    assert_eq!(ended.stderr.matches("(bad frame)").count(), 2, "{}", ended.stderr);
}
