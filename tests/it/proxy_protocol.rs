//! SPEC 7, proxies: `--accept-proxy` and `--proxy-protocol`, against plain sockets and haproxy.

mod crowd;
mod nginx;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::data::{assert_same, noise};
use crate::support::net::{accept, connect, listener, peer, read_all, until_reset};
use crate::support::proc::{end, output, spawn};
use crate::support::unix;
use crate::support::{Ended, Running, skip, wirecat};

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn serve(words: &str) -> (Running, String) {
    let words = format!("tcp-serve --accept-proxy --output json {words} 127.0.0.1:0");
    let mut server = wirecat(words.split_whitespace()).start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    (server, local)
}

fn stop(server: Running) -> Ended {
    server.signal(Signal::TERM.as_raw());
    server.wait().code(0)
}

fn named(events: &[Value], name: &str) -> Vec<Value> {
    events.iter().filter(|event| event["event"] == name).cloned().collect()
}

/// Sends these bytes in pieces of `size`, ends the stream, and returns what comes.
fn ask(address: &str, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut client = connect(address);
    client.set_nodelay(true).unwrap();
    for piece in bytes.chunks(size) {
        client.write_all(piece).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    read_all(&client)
}

fn v2(family: u8, addresses: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    [V2, &[0x21, family], &length[..], addresses].concat()
}

/// Whole and cut at each byte, with what belongs to the stream right behind it.
#[test]
fn the_peer_is_whom_the_header_names() {
    let unix = [&b"/run/client.sock"[..], &[0; 92], b"/run/server.sock", &[0; 92]].concat();
    let inet6 = [&[0x20, 1, 13, 0xb8][..], &[0; 11], &[1], &[0; 15], &[1, 0, 7, 1, 187]].concat();
    for (header, expected) in [
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 7 443\r\n".to_vec(), "192.0.2.1:7"),
        (b"PROXY TCP6 2001:db8::1 ::1 7 443\r\n".to_vec(), "[2001:db8::1]:7"),
        (v2(0x11, &[192, 0, 2, 1, 198, 51, 100, 2, 0, 7, 1, 187]), "192.0.2.1:7"),
        (v2(0x21, &inet6), "[2001:db8::1]:7"),
        (v2(0x31, &unix), "unix:/run/client.sock"),
        (v2(0x32, &unix), "unix:/run/client.sock"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1:"),
        (v2(0, &[]), "127.0.0.1:"),
        ([V2, &[0x20, 0, 0, 0]].concat(), "127.0.0.1:"),
    ] {
        let (server, address) = serve("--reply hi\\n");
        for size in [1, 7, 1000] {
            let answer = ask(&address, &[&header[..], b"to the server"].concat(), size);
            assert_eq!(answer, b"hi\n");
        }
        let events = stop(server).events();
        let accepted = named(&events, "accepted");
        assert_eq!(accepted.len(), 3);
        for event in accepted {
            let peer = event["peer"].as_str().unwrap();
            assert!(peer.starts_with(expected), "{peer} for {}", header.escape_ascii());
        }
        for closed in named(&events, "closed") {
            assert_eq!(closed["in"], b"to the server".len());
        }
    }
}

/// No event of the poll follows on what has come with the header, however much it is.
#[test]
fn all_that_comes_with_the_header_is_read() {
    let (server, address) = serve("--frame line --reply whole");
    for length in [100, 470, 3000, 200_000] {
        let mut client = connect(&address);
        let line = [&b"PROXY UNKNOWN\r\n"[..], &vec![b'x'; length], b"\n"].concat();
        client.write_all(&line).unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"whole\n", "{length}");
    }
    let _ = stop(server);
}

/// Behind the headers the kernel may move the bytes, in both directions.
#[test]
fn bulk_data_passes_from_proxy_to_proxy_whole() {
    let (plain, upstream) = listener();
    let words = format!("--forward {upstream} --proxy-protocol v1");
    let (server, address) = serve(&words);
    let bytes = noise(16 << 20);
    // A header has to come within 3 s of the connection.
    let sent = bytes.clone();
    let client = connect(&address);
    let mut sender = client.try_clone().unwrap();
    let sending = thread::spawn(move || {
        sender.write_all(b"PROXY TCP4 10.1.2.3 10.0.0.1 7 80\r\n").unwrap();
        sender.write_all(&sent).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut behind = accept(&plain);
    let came = read_all(&behind);
    let (header, rest) = came.split_at(came.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    assert_eq!(header, b"PROXY TCP4 10.1.2.3 10.0.0.1 7 80\r\n");
    assert_same(rest, &bytes);
    let answer = thread::spawn(move || read_all(&client));
    behind.write_all(&bytes).unwrap();
    drop(behind);
    assert_same(&answer.join().unwrap(), &bytes);
    sending.join().unwrap();
    let _ = stop(server);
}

/// A proxy on the same machine, which comes by a unix socket.
#[test]
fn lists_hold_for_the_clients_of_a_proxy_that_comes_by_a_unix_socket() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let words = "tcp-serve --accept-proxy --output json --allow 10.0.0.0/8 --max-per-address 1 -n";
    let mut server = wirecat(words.split_whitespace().chain([&*address])).start();
    server.wait_for_event("listening");
    let came = |last: u8| {
        let mut client = unix::connect(&path);
        write!(client, "PROXY TCP4 {last}.1.2.3 10.0.0.1 7 80\r\nx").unwrap();
        client
    };
    let first = came(10);
    server.wait_for_event("accepted");
    for last in [10, 192] {
        let mut refused = came(last);
        // An end, or a reset where its byte was left unread.
        assert!(matches!(refused.read(&mut [0; 1]), Ok(0) | Err(_)), "{last}");
    }
    // An allow list of networks refuses all others, those without an address among them.
    let ends = [&b"/run/client.sock"[..], &[0; 92], b"/run/server.sock", &[0; 92]].concat();
    for header in [v2(0x31, &ends), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut refused = unix::connect(&path);
        refused.write_all(&header).unwrap();
        assert!(matches!(refused.read(&mut [0; 1]), Ok(0) | Err(_)), "{}", header.escape_ascii());
    }
    drop(first);
    assert_eq!(named(&stop(server).events(), "accepted").len(), 1);
}

#[test]
fn lists_files_and_commands_are_about_the_named_client() {
    let directory = crate::support::tempdir().unwrap();
    let (server, address) =
        serve(&format!("--deny 192.0.2.0/24 --save {}", directory.path().display()));
    let header = |last| format!("PROXY TCP4 {last} 10.0.0.1 7 80\r\nx").into_bytes();
    ask(&address, &header("10.1.2.3"), 1000);
    // It does not end what it sends: a socket that is reset by then cannot.
    let mut denied = connect(&address);
    denied.write_all(&header("192.0.2.9")).unwrap();
    assert_eq!(until_reset(&denied), b"");
    let events = stop(server).events();
    assert_eq!(named(&events, "accepted").len(), 1);
    let refused = &named(&events, "closed")[..];
    assert!(refused.iter().any(|event| event["peer"] == "192.0.2.9:7"));
    let names: Vec<_> =
        directory.path().read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["000001-10.1.2.3-7"]);

    let mut server = wirecat(["tcp-serve", "-1", "--accept-proxy", "--sh"]);
    server = server.with(|command| {
        command.args(["--exec", "echo $WIRECAT_PEER $WIRECAT_LOCAL", "127.0.0.1:0"]);
    });
    let mut server = server.start();
    let answer = ask(&server.address(), &header("10.1.2.3"), 1000);
    assert_eq!(answer, b"10.1.2.3:7 10.0.0.1:80\n");
    let _ = server.wait().code(0);
}

/// What came right behind the header goes with the connection to the loop that serves it.
#[test]
fn every_loop_serves_clients_of_proxies() {
    let (server, address) = serve("--threads 3 --hub --frame line");
    let mut clients: Vec<_> = (0..6).map(|_| connect(&address)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let header = format!("PROXY TCP4 10.0.0.{number} 10.1.1.1 7 80\r\nfrom {number}\n");
        client.write_all(header.as_bytes()).unwrap();
    }
    let mut server = server;
    let said = server.wait_for_events("data", 6);
    for event in said {
        let text = event["text"].as_str().unwrap();
        assert_eq!(event["peer"], format!("10.0.0.{}:7", text.trim_start_matches("from ")));
    }
    let _ = stop(server);
}

/// What is no header closes its own connection, and others live.
#[test]
fn a_bad_header_harms_nobody_else() {
    let (mut server, address) = serve("--hub --frame line");
    let mut good = connect(&address);
    good.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    server.wait_for_event("accepted");
    let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
    let long = [V2, &[0x21, 0x11, 0xff, 0xff]].concat();
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"PROXY TCP4 1.2.3.4\r\n--", &endless, &long] {
        let mut client = connect(&address);
        client.write_all(bytes).unwrap();
        // It does not take for an orderly end what nobody has taken.
        assert_eq!(until_reset(&client), b"");
    }
    drop(connect(&address));
    let warnings = server.wait_for_events("warning", 5);
    for warning in &warnings {
        assert_eq!(warning["kind"], "proxy");
        assert!(warning["message"].as_str().unwrap().contains("PROXY protocol"), "{warning}");
    }
    let mut other = connect(&address);
    other.write_all(b"PROXY UNKNOWN\r\nto all\n").unwrap();
    let mut line = [0; 7];
    good.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"to all\n");
    let _ = stop(server);
}

#[test]
fn a_silent_client_is_closed_and_has_a_place_until_then() {
    let (mut server, address) = serve("--max-clients 1 --reply hi");
    let silent = connect(&address);
    // Its place is taken, and so this one waits in the backlog until the other is gone.
    let answer = ask(&address, b"PROXY UNKNOWN\r\n", 1000);
    assert_eq!(answer, b"hi");
    assert_eq!(until_reset(&silent), b"");
    let warning = server.wait_for_event("warning");
    assert!(warning["message"].as_str().unwrap().contains("within 3 s"), "{warning}");
    let _ = stop(server);
}

#[test]
fn a_server_that_stops_waits_for_no_header() {
    let (server, address) = serve("--discard");
    let silent = connect(&address);
    let good = connect(&address);
    (&good).write_all(b"PROXY UNKNOWN\r\n").unwrap();
    let mut server = server;
    server.wait_for_event("accepted");
    drop(good);
    let _ = stop(server);
    assert_eq!(read_all(&silent), b"");
}

#[test]
fn a_client_names_its_own_ends() {
    for (version, begin) in [("v1", &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]), ("v2", V2)] {
        let server = peer(|stream| read_all(&stream));
        let words = ["tcp-connect", "--proxy-protocol", version, &server.address];
        let _ = wirecat(words).input("hello").run().code(0);
        let came = server.join();
        assert!(came.starts_with(begin) && came.ends_with(b"hello"), "{}", came.escape_ascii());
    }
    let server = peer(|stream| read_all(&stream));
    let _ = wirecat(["tcp-connect", "-z", "--proxy-protocol", "v1", &server.address]).run().code(0);
    assert!(server.join().starts_with(b"PROXY TCP4 "));
}

/// Two in a chain: the one behind knows the client of the one in front.
#[test]
fn a_forwarder_names_its_client() {
    for version in ["v1", "v2"] {
        let (mut back, address) = serve("--reply hi");
        let words =
            ["tcp-serve", "-1", "--forward", &address, "--proxy-protocol", version, "127.0.0.1:0"];
        let mut front = wirecat(words).start();
        let client = connect(&front.address());
        let own = client.local_addr().unwrap().to_string();
        assert_eq!(back.wait_for_event("accepted")["peer"], own);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), b"hi");
        let _ = front.wait().code(0);
        let _ = stop(back);
    }
}

#[test]
fn what_cannot_apply_is_refused() {
    for words in [
        "tcp-serve --proxy-protocol v1 0",
        "tcp-serve --forward :1 --proxy-protocol v3 0",
        "tcp-connect --proxy-protocol v1 fd:0",
    ] {
        let _ = wirecat(words.split(' ')).run().code(2);
    }
}

/// One that ends with the test, also where that fails.
struct Haproxy(Child);

impl Haproxy {
    fn start(configuration: &Path) -> Self {
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(configuration);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(spawn(&mut command).expect("haproxy starts"))
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// haproxy in front with send-proxy and send-proxy-v2, and behind with accept-proxy.
#[test]
fn haproxy_speaks_the_same() {
    if output(Command::new("haproxy").arg("-v")).is_err() {
        return skip("haproxy_speaks_the_same", "haproxy is not installed");
    }
    let directory = crate::support::tempdir().unwrap();
    for (send, version) in [("send-proxy", "v1"), ("send-proxy-v2", "v2")] {
        let (mut server, address) = serve("--reply hi");
        let (plain, upstream) = listener();
        let [front, behind] = ["front", "behind"].map(|name| directory.path().join(name));
        let config = format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n\
             frontend f\n bind unix@{} \n default_backend b\n\
             backend b\n server s {address} {send}\n\
             frontend g\n bind unix@{} accept-proxy\n default_backend c\n\
             backend c\n server t {upstream} send-proxy\n",
            front.display(),
            behind.display(),
        );
        let file = directory.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let _haproxy = Haproxy::start(&file);
        // It makes a socket under another name and renames it, so that it listens once it is there.
        let unix = |path: &Path| format!("unix:{}", path.display());
        let asked = ["tcp-connect", "--wait", "30s", &unix(&front)];
        let ended = wirecat(asked).input("x").run().code(0);
        assert_eq!(ended.text(), "hi");
        // Its client came by a unix socket, which version 1 has no name for.
        server.wait_for_event("accepted");
        let behind = unix(&behind);
        let client = thread::spawn(move || {
            let asked = ["tcp-connect", "--wait", "30s", "--proxy-protocol", version, &behind];
            wirecat(asked).input("through").run().code(0)
        });
        let came = read_all(&accept(&plain));
        assert!(came.starts_with(b"PROXY ") && came.ends_with(b"through"), "{came:?}");
        let _ = client.join().unwrap();
        let _ = stop(server);
    }
}
