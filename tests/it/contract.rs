//! The contract of the events where something goes wrong: what is rarely told in JSON keeps the
//! schema, too. Every line of every test is held against it; these make such lines.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::net::{RefusingPort, read_what_comes, try_connect};
use crate::support::{Ended, Running, wirecat};

/// A server that reports everything on stdout as JSON, and its address.
fn server(args: &[&str]) -> (Running, String) {
    let args = [&["tcp-serve", "--output", "json"], args, &["127.0.0.1:0"]].concat();
    let mut server = wirecat(args).start();
    let listening = server.wait_for_event("listening");
    let address = listening["local"].as_str().expect("an address").to_owned();
    (server, address)
}

/// The events of this name on stdout.
fn events(ended: &Ended, name: &str) -> Vec<Value> {
    let events =
        ended.text().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events.filter(|event| event["event"] == name).collect()
}

/// The kinds of the events of this name.
fn kinds(ended: &Ended, name: &str) -> Vec<String> {
    let kind = |event: &Value| event["kind"].as_str().expect("a kind").to_owned();
    events(ended, name).iter().map(kind).collect()
}

#[test]
fn a_client_whose_upstream_refuses_is_closed_for_it() {
    let nobody = RefusingPort::new();
    let (mut server, address) = server(&["--forward", &nobody.address]);
    let _ = try_connect(&address).map(|client| read_what_comes(&client));
    assert_eq!(server.wait_for_event("closed")["detail"], "upstream");
    server.signal(libc::SIGTERM);
    let ended = server.wait();
    assert_eq!(events(&ended, "connect-failed")[0]["kind"], "refused");
}

#[test]
fn a_command_that_fails_is_a_warning() {
    let (server, address) = server(&["-1", "--exec", "false"]);
    let _ = try_connect(&address).map(|client| read_what_comes(&client));
    assert_eq!(kinds(&server.wait(), "warning"), ["command"]);
}

#[test]
fn a_client_that_is_turned_away_is_closed_without_counts() {
    let (mut server, address) = server(&["--deny", "127.0.0.0/8"]);
    let _ = try_connect(&address).map(|client| read_what_comes(&client));
    let closed = server.wait_for_event("closed");
    assert_eq!((&closed["detail"], &closed["in"]), (&"refused".into(), &Value::Null));
    server.signal(libc::SIGTERM);
    let _ = server.wait();
}

/// unix(7): with a full backlog connect(2) fails with EAGAIN at once.
#[test]
fn a_unix_listener_without_room_is_busy() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("full");
    let full = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    full.bind(&SockAddr::unix(&path).expect("an address")).expect("it is free");
    full.listen(0).expect("it listens");
    let _waiting = UnixStream::connect(&path).expect("there is room for one");
    let address = format!("unix:{}", path.display());
    let ended = wirecat(["tcp-connect", "--output", "json", &address]).run().code(4);
    assert_eq!(kinds(&ended, "error"), ["busy"]);
}

#[test]
fn a_name_that_nobody_knows_is_an_error() {
    let ended = wirecat(["tcp-connect", "--output", "json", "name.invalid:1"]).run().code(3);
    let kind = &kinds(&ended, "error")[0];
    // Without a network the resolver itself fails.
    assert!(["unknown-name", "resolver"].contains(&kind.as_str()), "{kind}");
}

#[test]
fn a_line_of_a_chat_that_is_no_command_is_a_warning() {
    let mut host =
        wirecat(["chat", "--host", "--headless", "--frame", "tinyproto", "127.0.0.1:0"]).start();
    let args = ["chat", "--frame", "tinyproto", "--log", "json", &host.address()];
    let mut member = wirecat(args).piped().start();
    member.say("/nonsense\n");
    let warning = member.wait_for("\"kind\":\"chat\"");
    assert!(warning.contains("\"event\":\"warning\""), "{warning}");
    member.end_input();
    let _ = member.wait();
}
