//! Answers come from the address that was asked, on a machine that has several (SPEC section 7).
//!
//! All of 127.0.0.0/8 is this machine, and a client that is connected to one of its addresses hears
//! nothing from another.

use std::net::UdpSocket;

use crate::support::datagrams::{hear, hear_all, socket, socket_on};
use crate::support::{Running, wirecat};

/// A client of 127.0.0.1 that is connected to this address, and has said `ask`.
fn client(host: &str, port: u16) -> UdpSocket {
    let client = socket();
    client.connect((host, port)).expect("a connected socket");
    client.send(b"ask\n").expect("a question");
    client
}

fn listen(args: &str) -> (Running, u16) {
    let words = ["udp-listen"].into_iter().chain(args.split_whitespace()).chain(["-4", ":0"]);
    let mut listener = wirecat(words).piped().start();
    let port = listener.udp_port();
    (listener, port)
}

const HOSTS: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.9.9.9"];

#[test]
fn a_listener_answers_from_the_address_that_was_asked() {
    let (_listener, port) = listen("--reply pong");
    for host in HOSTS {
        hear_all(&client(host, port), ["pong"]);
    }
}

#[test]
fn stdin_goes_to_the_last_peer_from_the_address_that_it_asked() {
    let (mut listener, port) = listen("--to last");
    let mut heard = String::new();
    for host in HOSTS {
        let client = client(host, port);
        heard.push_str("ask\n");
        listener.wait_for_output(&heard);
        listener.say(host.to_owned() + "\n");
        hear_all(&client, [host.to_owned() + "\n"]);
    }
}

#[test]
fn stdin_goes_to_all_peers_each_from_the_address_that_it_asked_last() {
    let (mut listener, port) = listen("--to all");
    let roaming = socket();
    for host in HOSTS {
        roaming.send_to(b"ask\n", (host, port)).expect("a question");
    }
    let clients = HOSTS.map(|host| client(host, port));
    listener.wait_for_output("ask\n".repeat(6));
    listener.say("all\n");
    clients.iter().for_each(|client| hear_all(client, ["all\n"]));
    assert_eq!(hear(&roaming).1.to_string(), format!("{}:{port}", HOSTS[2]));
}

/// The address of the user is a peer like any other once it was heard.
#[test]
fn stdin_goes_to_an_address_from_the_one_that_it_asked() {
    let client = socket();
    let to = client.local_addr().expect("an address").to_string();
    let (mut listener, port) = listen(&format!("--to {to}"));
    client.connect(("127.0.0.2", port)).expect("a connected socket");
    client.send(b"ask\n").expect("a question");
    listener.wait_for_output("ask\n");
    listener.say("answer\n");
    hear_all(&client, ["answer\n"]);
}

#[test]
fn commands_send_from_the_address_that_was_asked() {
    let (mut listener, port) = listen("--input commands --output json");
    let client = client("127.0.0.2", port);
    listener.wait_for_event("data");
    let peer = client.local_addr().expect("an address");
    listener.say(format!("/to {peer} one\n/all two\n"));
    hear_all(&client, ["one\n", "two\n"]);
}

#[test]
fn an_echo_comes_from_the_address_that_was_asked() {
    for delay in ["0s", "20ms"] {
        let mut server = wirecat(["echo", "--udp", "-4", "--delay", delay, ":0"]).start();
        let port = server.udp_port();
        for host in HOSTS {
            hear_all(&client(host, port), ["ask\n"]);
        }
    }
}

#[test]
fn a_replay_answers_from_the_address_that_was_asked() {
    let directory = crate::support::tempdir().expect("a directory");
    let record = directory.path().join("record").display().to_string();
    let (listener, port) = listen(&format!("--reply pong -c 1 --record {record}"));
    hear_all(&client("127.0.0.2", port), ["pong"]);
    listener.wait().code(0);
    // What is recorded has the addresses of the datagrams, and not that of the socket.
    let recorded = std::fs::read_to_string(&record).expect("a recording");
    let local = format!("\"local\":\"127.0.0.2:{port}\"");
    assert_eq!(recorded.matches(&local).count(), 2, "{recorded}");
    let (listener, port) = listen(&format!("--replay {record} -n"));
    hear_all(&client("127.0.0.3", port), ["pong"]);
    listener.wait().code(0);
}

/// What the kernel delivers to a broadcast address cannot be answered from there: it chooses.
#[test]
fn a_broadcast_is_answered_all_the_same() {
    let (_listener, port) = listen("--reply pong");
    let asker = socket_on("127.0.0.1:0");
    asker.set_broadcast(true).expect("broadcasts");
    asker.send_to(b"ask\n", ("127.255.255.255", port)).expect("a question");
    let (answer, from) = hear(&asker);
    assert_eq!((&answer[..], from.port()), (&b"pong"[..], port));
}
