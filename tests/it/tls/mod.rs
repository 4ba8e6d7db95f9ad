//! SPEC 7, TLS: both roles, with each other and with other programs.

pub(crate) mod certificates;
mod ends;
mod handshakes;
mod hostile;
mod peers;
mod secrets;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::data::{assert_same, noise};
use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, listener, read_all};
use crate::support::{Ended, Running, wirecat};
use certificates::Files;

const SERVER: &str = "--tls-cert @server.pem --tls-key @server.key";

/// A server with these words, and its port.
fn serve(files: &Files, words: &str) -> (Running, u16) {
    let words = format!("tcp-serve {words} 127.0.0.1:0");
    let mut server = wirecat(files.words(&words)).piped().start();
    let port = server.port();
    (server, port)
}

fn client(files: &Files, words: &str, port: u16) -> crate::support::Program {
    wirecat(files.words(&format!("tcp-connect {words} localhost:{port} -4")))
}

fn stop(server: Running) -> Ended {
    server.signal(Signal::TERM.as_raw());
    server.wait().code(0)
}

/// The events of this name.
fn events(ended: &Ended, name: &str) -> Vec<Value> {
    let lines = ended.text().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.filter(|event| event["event"] == name).collect()
}

#[test]
fn both_sides_tell_what_was_agreed_on() {
    let files = Files::new();
    let words =
        format!("--output json -1 --alpn b,a {SERVER} --tls-client-ca @ca.pem --port-file @port");
    let server = wirecat(files.words(&format!("tcp-serve {words} 127.0.0.1:0")));
    let mut server = server.input("from the server").start();
    let local = server.wait_for_event("listening");
    let port = local["local"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let client_words = "--output json --tls --tls-ca @ca.pem --alpn a,c \
                        --tls-cert @client.pem --tls-key @client.key";
    let client = client(&files, client_words, port).input("from the client").run().code(0);
    let server = server.wait().code(0);
    let of_client = events(&client, "tls").swap_remove(0);
    assert_eq!((&of_client["version"], &of_client["alpn"]), (&"1.3".into(), &"a".into()));
    assert_eq!(of_client["subject"], "CN=server");
    assert_eq!(of_client["names"], serde_json::json!(["localhost", "127.0.0.1"]));
    assert_eq!(of_client["pin"], local["pin"]);
    assert!(of_client["not_after"].as_f64().unwrap() > 0.0);
    let of_server = events(&server, "tls").swap_remove(0);
    assert_eq!((&of_server["conn"], &of_server["subject"]), (&1.into(), &"CN=client".into()));
    assert_eq!(events(&client, "data")[0]["text"], "from the server");
    assert_eq!(events(&server, "data")[0]["text"], "from the client");
    // Bytes are counted as they were said, not as they were wrapped.
    assert_eq!(events(&server, "closed")[0]["in"], 15);
    assert_eq!(events(&client, "closed")[0]["detail"], "fin");
}

#[test]
fn each_direction_carries_its_bytes_and_ends_by_itself() {
    let files = Files::new();
    for words in ["tcp-serve --exec cat", "echo --tcp --threads 2"] {
        let mut server = wirecat(files.words(&format!("{words} {SERVER} 127.0.0.1:0"))).start();
        let port = server.port();
        let bytes = noise(3 << 20);
        for words in ["--tls --tls-ca @ca.pem", "--tls --tls-ca @ca.pem --frame u32 --output raw"] {
            let framed = words.contains("--frame");
            // cat sees the end, and ends behind it.
            let sent = if framed { b"a line\n".to_vec() } else { bytes.clone() };
            let ended = client(&files, words, port).input(sent.clone()).run().code(0);
            let read = if framed { b"a line".to_vec() } else { sent };
            assert_same(&ended.stdout, &read);
        }
        stop(server);
    }
}

#[test]
fn a_client_says_why_it_does_not_trust_and_ends_with_8() {
    let files = Files::new();
    files.issue("other", &["other.example"]);
    let (server, port) = serve(&files, &format!("{SERVER} --discard"));
    let (other, other_port) = serve(&files, "--tls-cert @other.pem --tls-key @other.key --discard");
    let (needs, needs_port) = serve(&files, &format!("{SERVER} --tls-client-ca @ca.pem"));
    let (plain, plain_port) = serve(&files, "--greet hello");
    let pin = format!("sha256//{}=", "A".repeat(43));
    for (words, port, kind) in [
        ("--tls --tls-ca @client.pem", port, "tls-untrusted"),
        ("--tls --tls-ca @ca.pem", other_port, "tls-name"),
        (&*format!("--tls --tls-pin {pin}"), port, "tls-pin"),
        ("--tls --tls-ca @ca.pem --tls-min-days 100000000", port, "tls-expires-soon"),
        ("--tls --tls-ca @ca.pem", needs_port, "tls-client-certificate"),
        ("--tls --tls-ca @ca.pem", plain_port, "tls-not-tls"),
    ] {
        let ended = client(&files, &format!("{words} --output json -n"), port).run().code(8);
        let errors = events(&ended, "error");
        assert_eq!(errors.last().expect("an error")["kind"], kind, "{errors:?}");
    }
    // The others live: by another name, and by its pin.
    let ended = client(&files, "--tls=other.example --tls-ca @ca.pem -z -v", other_port).run();
    let line = ended.code(0).stderr;
    let pin = line.split("pin ").nth(1).expect("a pin").split_whitespace().next().unwrap();
    let ended = client(&files, &format!("--tls --tls-pin {pin} -z"), other_port);
    ended.run().code(0);
    client(&files, "--tls --tls-insecure -z", other_port).run().code(0).says("--tls-insecure");
    client(&files, "-z --tls --tls-ca @ca.pem", port).run().code(0);
    client(&files, "-z --tls --tls-ca @ca.pem --wait 0", other_port).run().code(8);
    stop(server);
    stop(other);
    assert!(stop(needs).stderr.contains("was closed"));
    stop(plain);
}

#[test]
fn an_end_without_close_notify_is_a_cut_stream() {
    let files = Files::new();
    let words = files.words(&format!("tcp-serve --output json -1 {SERVER} 127.0.0.1:0"));
    let mut server = wirecat(words).start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let port = local.rsplit(':').next().unwrap().parse().unwrap();
    let mut cut = client(&files, "--tls --tls-ca @ca.pem", port).piped().start();
    cut.say("half of it");
    server.wait_for_event("data");
    cut.signal(Signal::KILL.as_raw());
    let ended = server.wait().code(6);
    let closed = events(&ended, "closed").swap_remove(0);
    assert_eq!((&closed["reason"], &closed["detail"]), (&"error".into(), &"tls".into()));
    // In order, it is an end.
    let (server, port) = serve(&files, &format!("-1 {SERVER}"));
    let mut client = client(&files, "--tls --tls-ca @ca.pem -v", port).piped().start();
    client.wait_for("tls ");
    client.signal(Signal::TERM.as_raw());
    client.wait();
    server.wait().code(0);
}

#[test]
fn a_relay_speaks_tls_on_either_side() {
    let files = Files::new();
    let (echo, echo_port) = serve(&files, &format!("{SERVER} --exec cat"));
    let (plain_echo, plain_port) = serve(&files, "--exec cat");
    let bytes = noise(300_000);
    for (own, to, from) in [
        ("", format!("tls:localhost:{echo_port} --tls-ca @ca.pem"), ""),
        (SERVER, format!("tls:localhost:{echo_port} --tls-ca @ca.pem"), "--tls --tls-ca @ca.pem"),
        (SERVER, format!("localhost:{plain_port}"), "--tls --tls-ca @ca.pem"),
    ] {
        let (relay, port) = serve(&files, &format!("{own} -4 --forward {to}"));
        let ended = client(&files, from, port).input(bytes.clone()).run().code(0);
        assert_same(&ended.stdout, &bytes);
        stop(relay);
    }
    // An upstream that is not trusted is no upstream, and the client learns that it is lost.
    let (relay, port) =
        serve(&files, &format!("-4 --forward tls:localhost:{echo_port} --tls-ca @client.pem"));
    client(&files, "-n", port).run().code(6);
    let ended = stop(relay);
    assert!(ended.stderr.contains("not issued by a trusted authority"), "{}", ended.stderr);
    stop(echo);
    stop(plain_echo);
}

#[test]
fn hubs_rooms_probes_and_recordings_work_on_it() {
    let files = Files::new();
    let (hub, port) = serve(&files, &format!("{SERVER} --hub --frame line -v"));
    let mut listener = client(&files, "--tls --tls-ca @ca.pem --frame line", port).piped().start();
    let words = "--tls --tls-ca @ca.pem --frame line --send to-all";
    let mut hub = hub;
    hub.wait_for("tls #1");
    client(&files, words, port).run().code(0);
    listener.wait_for_output("to-all\n");
    stop(hub);
    listener.wait().code(0);

    let words = files.words(&format!("echo --tcp {SERVER} 127.0.0.1:0"));
    let mut echo = wirecat(words).start();
    let port = echo.port();
    let words = format!(
        "echo --ping --tls --tls-ca @ca.pem --conns 3 -c 5 --interval 0 localhost:{port} -4"
    );
    wirecat(files.words(&words)).run().code(0);
    stop(echo);

    let words = files.words(&format!("chat --host --headless {SERVER} -v 127.0.0.1:0"));
    let mut room = wirecat(words).start();
    let port = room.port();
    let words = format!("chat --tls --tls-ca @ca.pem --nick ann --send hello localhost:{port} -4");
    wirecat(files.words(&words)).run().code(0);
    stop(room);

    // What was said is recorded as it was said, and played again.
    let (server, port) = serve(&files, &format!("-1 {SERVER} --reply pong --record @said.ndjson"));
    client(&files, "--tls --tls-ca @ca.pem --send ping", port).run().code(0);
    server.wait().code(0);
    let said = std::fs::read_to_string(files.path("said.ndjson")).unwrap();
    assert!(said.contains("\"pong\"") && said.contains("\"ping\""), "{said}");
    let (server, port) = serve(&files, &format!("-1 {SERVER} --replay @said.ndjson"));
    let ended = client(&files, "--tls --tls-ca @ca.pem --send ping", port).run().code(0);
    assert_eq!(ended.text(), "pong");
    server.wait().code(0);
}

#[test]
fn a_client_connects_again_when_the_connection_is_lost() {
    let files = Files::new();
    let (server, port) = serve(&files, &format!("{SERVER} -v"));
    let words = "--tls --tls-ca @ca.pem --reconnect -v";
    let mut client = client(&files, words, port).piped().start();
    client.wait_for("tls ");
    server.signal(Signal::KILL.as_raw());
    drop(server);
    client.wait_for("retry");
    let words = format!("tcp-serve {SERVER} 127.0.0.1:{port}");
    let mut again = wirecat(files.words(&words)).piped().start();
    again.say("back");
    client.wait_for_output("back");
    client.signal(Signal::TERM.as_raw());
    drop(client);
    stop(again);
}

#[test]
fn what_cannot_apply_is_wrong_usage() {
    let files = Files::new();
    for words in [
        "tcp-connect --tls-ca @ca.pem localhost:1",
        "tcp-connect --alpn a localhost:1",
        "tcp-connect --tls --tls-insecure --tls-pin 00 localhost:1",
        "tcp-connect --tls --tls-insecure --tls-ca @ca.pem localhost:1",
        "tcp-connect --tls --tls-key @client.key localhost:1",
        "tcp-connect --tls --tls-pin 00 localhost:1",
        "tcp-connect --tls unix:/tmp/socket",
        "tcp-connect --tls=a..b localhost:1",
        "tcp-connect --tls --tls-ca @ca.pem --alpn a,,b localhost:1",
        "tcp-serve --tls-client-ca @ca.pem 127.0.0.1:0",
        "tcp-serve --tls-self-signed --tls-cert @server.pem 127.0.0.1:0",
        "tcp-serve --tls-self-signed --tls-key @client.key 127.0.0.1:0",
        "tcp-serve --tls-ca @ca.pem --forward localhost:1 127.0.0.1:0",
        "tcp-serve --tls-cert @server.pem --tls-key @client.key 127.0.0.1:0",
        "tcp-serve --tls-cert @server.pem 127.0.0.1:0",
        "tcp-serve --forward tls:unix:/tmp/socket 127.0.0.1:0",
        "udp-send --tls localhost:1",
        "echo --tls-self-signed 127.0.0.1:0",
        "echo --udp --tls-self-signed 127.0.0.1:0",
        "echo --tls-ca @ca.pem 127.0.0.1:0",
        "chat --tls-self-signed localhost:1",
        "chat --tls --host localhost:1",
        "chat --tls 239.1.2.3:5",
    ] {
        let ended = wirecat(files.words(words)).run();
        assert_eq!(ended.code, Some(2), "{words}: {}", ended.stderr);
    }
    wirecat(files.words("tcp-connect --tls --tls-ca @none.pem localhost:1")).run().code(7);
}

/// Who listens on a wildcard is reached by any address of this machine.
#[test]
fn a_certificate_of_a_run_is_for_each_address_that_is_listened_on() {
    let files = Files::new();
    let interfaces = wirecat::multicast::interfaces::list().expect("the interfaces");
    let all: Vec<_> = interfaces.into_iter().flat_map(|interface| interface.addresses).collect();
    for (address, is_wildcard) in [("0.0.0.0:0", true), (":0", true), ("127.0.0.2:0", false)] {
        let words = format!("tcp-serve --discard --tls-self-signed -4 {address}");
        let mut server = wirecat(files.words(&words)).start();
        let port = server.port();
        let host = if is_wildcard { "127.0.0.1" } else { "127.0.0.2" };
        let words = format!("tcp-connect --output json --tls --tls-insecure {host}:{port}");
        let ended = wirecat(files.words(&words)).input("").run().code(0);
        let names = &events(&ended, "tls")[0]["names"];
        let has = |name: &str| names.as_array().unwrap().iter().any(|it| it == name);
        assert!(has("localhost") && has(host), "{names}");
        assert!(!is_wildcard || all.iter().all(|it| has(&it.to_string())), "{names}: {all:?}");
        assert!(!has("0.0.0.0") && !has("::"), "{names}");
        stop(server);
    }
}

/// Bytes that are read with the end of the handshake are the client's first.
#[test]
fn what_comes_right_behind_the_handshake_is_read() {
    let files = Files::new();
    let (proxy, address) = listener();
    let (server, port) = serve(&files, &format!("-1 -n {SERVER}"));
    // A relay that gathers what the client sends, so that its finished and its data come at once.
    let relay = std::thread::spawn(move || {
        let mut down = accept(&proxy);
        let mut up = connect(&format!("127.0.0.1:{port}"));
        let mut back = (up.try_clone().unwrap(), down.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut back.0, &mut back.1);
            let _ = back.1.shutdown(Shutdown::Write);
        });
        let mut hello = vec![0; 1 << 16];
        let count = uninterrupted(|| down.read(&mut hello)).unwrap();
        up.write_all(&hello[..count]).unwrap();
        let rest = read_all(&down);
        up.write_all(&rest).unwrap();
        up.shutdown(Shutdown::Write).unwrap();
        drop::<TcpStream>(up);
    });
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    client(&files, "--tls --tls-ca @ca.pem --send all-at-once", port).run().code(0);
    relay.join().unwrap();
    assert_eq!(server.wait().code(0).text(), "all-at-once");
}
