//! Recordings that are played: a mock of the server, a client for tests, a listener.

use std::io::Write;
use std::net::Shutdown;

use super::Place;
use crate::support::datagrams::{hear, socket};
use crate::support::net::{connect, connect_narrow, peer, read_all, read_exactly};
use crate::support::{program, wirecat, wirecat_path};

/// A client's session: two questions, each with its answer, and both ends.
const SESSION: &str = r#"
{"ts":10,"event":"connected","proto":"tcp","conn":1}
{"ts":10.1,"event":"data","conn":1,"dir":"out","text":"one?"}
{"ts":10.1,"event":"data","conn":1,"dir":"in","text":"one!"}
{"ts":10.4,"event":"data","conn":1,"dir":"out","text":"two?"}
{"ts":10.4,"event":"eof","conn":1,"dir":"out"}
{"ts":10.4,"event":"data","conn":1,"dir":"in","b64":"/v8="}
{"ts":10.4,"event":"eof","conn":1,"dir":"in"}
{"ts":10.4,"event":"closed","conn":1}
"#;

#[test]
fn a_recorded_client_becomes_a_mock_of_its_server() {
    let place = Place::new();
    let file = place.write("session", SESSION);
    let mut server = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    // The next answer comes as soon as the question is whole, however it is cut.
    client.write_all(b"on").unwrap();
    server.wait_for_output("on");
    client.write_all(b"e?t").unwrap();
    assert_eq!(read_exactly(&client, 4), b"one!");
    client.write_all(b"wo?").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"\xfe\xff");
    assert_eq!(server.wait().code(0).text(), "one?two?");
}

#[test]
fn a_recorded_client_is_a_client_again() {
    let place = Place::new();
    let file = place.write("session", SESSION);
    let peer = peer(|mut stream| {
        assert_eq!(read_exactly(&stream, 4), b"one?");
        for piece in ["o", "ne!"] {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(read_all(&stream), b"two?");
        stream.write_all(b"\xfe\xff").unwrap();
    });
    let ended = wirecat(["tcp-connect", "--replay", &file, &peer.address]).run().code(0);
    assert_eq!(ended.stdout, b"one!\xfe\xff");
    peer.join();
}

#[test]
fn pauses_are_kept_only_where_that_is_asked() {
    let place = Place::new();
    let file = place.write("session", SESSION);
    let run = |option: &[&str]| {
        let (server, address) = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).serve();
        let args = ["tcp-connect", "--replay", &file].into_iter().chain(option.iter().copied());
        let ended = wirecat(args.chain([address.as_str()])).run().code(0);
        server.wait().code(0);
        ended.took
    };
    // 100 ms before the first question and 300 ms before the second.
    assert!(run(&["--replay-timing"]).as_millis() >= 400);
    assert!(run(&[]).as_millis() < 10_000);
}

/// What a server has recorded is played by both roles, over TCP and over a unix socket.
#[test]
fn a_recording_of_either_role_serves_both() {
    let place = Place::new();
    let record = place.arg("server");
    let socket = format!("unix:{}", place.arg("socket"));
    let args = ["tcp-serve", "-1", "--greet", "hello\\n", "--record", &record, &socket];
    let mut server = wirecat(args).piped().start();
    server.wait_for("listening unix");
    let mut client = wirecat(["tcp-connect", &socket]).piped().start();
    client.wait_for_output("hello\n");
    client.say("ask\n");
    server.wait_for_output("ask\n");
    server.say("tell\n");
    client.wait_for_output("tell\n");
    client.end_input();
    server.end_input();
    client.wait().code(0);
    server.wait().code(0);

    let mut mock = wirecat(["tcp-serve", "--replay", &record, "127.0.0.1:0"]).start();
    let ended = wirecat(["tcp-connect", "--replay", &record, &mock.address()]).run().code(0);
    assert_eq!(ended.text(), "hello\ntell\n");
    assert_eq!(mock.wait().code(0).text(), "ask\n");
}

/// Clients that come together may come in any order: their first words tell who they are.
#[test]
fn several_connections_are_distinguished_by_their_first_words() {
    let place = Place::new();
    let mut text = String::new();
    for (conn, name) in [(1, "a"), (2, "b"), (3, "c")] {
        text += &format!(
            "{{\"event\":\"accepted\",\"proto\":\"tcp\",\"conn\":{conn}}}\n\
             {{\"event\":\"data\",\"conn\":{conn},\"dir\":\"in\",\"text\":\"GET {name}\\n\"}}\n\
             {{\"event\":\"data\",\"conn\":{conn},\"dir\":\"out\",\"text\":\"this is {name}\\n\"}}\n\
             {{\"event\":\"eof\",\"conn\":{conn},\"dir\":\"out\"}}\n\
             {{\"event\":\"eof\",\"conn\":{conn},\"dir\":\"in\"}}\n"
        );
    }
    let file = place.write("three", &text);
    let (server, address) = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).serve();
    let clients = ["c", "a", "b"].map(|name| (name, connect(&address)));
    for (name, client) in &clients {
        writeln!(&mut &*client, "GET {name}").unwrap();
        assert_eq!(read_all(client), format!("this is {name}\n").into_bytes());
        client.shutdown(Shutdown::Write).unwrap();
    }
    drop(clients);
    server.wait().code(0);

    // With --conns they begin anew, and fewer are enough.
    let args = ["tcp-serve", "--output", "none", "--conns", "4", "--replay", &file, "127.0.0.1:0"];
    let (server, address) = wirecat(args).serve();
    for name in ["a", "b", "c", "b"] {
        let mut client = connect(&address);
        writeln!(client, "GET {name}").unwrap();
        assert_eq!(read_all(&client), format!("this is {name}\n").into_bytes());
    }
    server.wait().code(0);
}

/// SPEC 10.17: "says so once", and plays with the rest as places come free.
#[test]
fn more_clients_than_descriptors_are_reported_once() {
    let place = Place::new();
    let file = place.write("session", SESSION);
    let mut shell = std::process::Command::new("sh");
    let line =
        "ulimit -n 14; exec \"$0\" tcp-serve --conns 40 --output none --replay \"$1\" 127.0.0.1:0";
    shell.args(["-c", line, wirecat_path(), &file]);
    let (mut server, address) = program(shell).serve();
    let clients: Vec<_> = (0..40).map(|_| connect(&address)).collect();
    server.wait_for("cannot accept");
    // The loop tries again every 100 ms: what is tested is that this is not told.
    std::thread::sleep(std::time::Duration::from_millis(500));
    for mut client in clients {
        client.write_all(b"one?two?").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), b"one!\xfe\xff");
    }
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("cannot accept").count(), 1, "{}", ended.stderr);
}

/// Nothing but its own conversation waits for a client that reads late: it is not too slow.
#[test]
fn a_client_may_send_first_and_read_later() {
    const PIECES: usize = 40;
    let piece = "x".repeat(100_000);
    let mut session = String::from(
        r#"{"ts":1,"event":"connected","proto":"tcp","conn":1}
{"ts":1,"event":"data","conn":1,"dir":"out","text":"all?"}
"#,
    );
    for _ in 0..PIECES {
        let line = format!(r#"{{"ts":1,"event":"data","conn":1,"dir":"in","text":"{piece}"}}"#);
        session.extend([line.as_str(), "\n"]);
    }
    session.push_str(r#"{"ts":1,"event":"closed","conn":1}"#);
    session.push('\n');
    let place = Place::new();
    let file = place.write("session", &session);
    let args = ["tcp-serve", "--conns", "2", "-O", "sndbuf=32k", "--replay", &file, "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).serve();
    let (mut late, mut other) = (connect_narrow(&address), connect(&address));
    late.write_all(b"all?").unwrap();
    server.wait_for_output("all?");
    // Time has to pass for nothing to happen: who is too slow is closed after a second.
    std::thread::sleep(std::time::Duration::from_millis(1800));
    assert!(read_all(&late) == piece.repeat(PIECES).into_bytes());
    other.write_all(b"all?").unwrap();
    assert!(read_all(&other) == piece.repeat(PIECES).into_bytes());
    drop((late, other));
    server.wait().code(0);
}

#[test]
fn a_listener_is_played_with_each_of_its_peers() {
    let place = Place::new();
    let record = place.arg("record");
    let args = ["udp-listen", "-c", "3", "--reply", "ok", "--record", &record, "127.0.0.1:0"];
    let mut listener = wirecat(args).start();
    let address = listener.udp_address();
    let peers = [socket(), socket()];
    for (peer, text) in [(0, "x"), (1, "y"), (0, "z")] {
        peers[peer].send_to(text.as_bytes(), &address).unwrap();
        assert_eq!(hear(&peers[peer]).0, b"ok");
    }
    listener.wait().code(0);

    let mut mock = wirecat(["udp-listen", "--replay", &record, "127.0.0.1:0"]).start();
    let address = mock.udp_address();
    let peers = [socket(), socket()];
    for (peer, text) in [(1, "y"), (0, "x"), (0, "z")] {
        peers[peer].send_to(text.as_bytes(), &address).unwrap();
        assert_eq!(hear(&peers[peer]).0, b"ok");
    }
    mock.wait().code(0);

    // What a sender has recorded becomes its listener.
    let sent = place.arg("sent");
    let echo = socket();
    let to = echo.local_addr().unwrap().to_string();
    let mut sender = wirecat(["udp-send", "-c", "1", "--record", &sent, &to]).piped().start();
    sender.say("ping");
    sender.end_input();
    let (_, from) = hear(&echo);
    echo.send_to(b"pong", from).unwrap();
    sender.wait().code(0);
    let mut mock = wirecat(["udp-listen", "--replay", &sent, "127.0.0.1:0"]).start();
    let peer = socket();
    peer.send_to(b"ping", mock.udp_address()).unwrap();
    assert_eq!(hear(&peer).0, b"pong");
    mock.wait().code(0);
}
