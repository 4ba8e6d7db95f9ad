//! The library tinyproto itself, in both roles. `.ci/run` installs its versions where
//! `WIRECAT_TEST_TINYPROTO` says; without that these tests are skipped.

use std::path::PathBuf;
use std::process::Command;

use crate::support::net::{connect, read_all};
use crate::support::{PATIENCE, Running, program, skip, wirecat};

/// An echo server or a client of the library, whichever version it is.
const PEER: &str = "
import os, sys, time
try:
    from tinyproto.connection import TinyProtoConnection
    from tinyproto.server import TinyProtoServer
    from tinyproto.client import TinyProtoClient
    from tinyproto.connection_details import TinyProtoConnectionDetails as Details
except ImportError:
    from tinyproto.tinyproto import TinyProtoConnection, TinyProtoServer, TinyProtoClient
    Details = None

role, port = sys.argv[1], int(sys.argv[2])
sizes = [0, 1, 5, 1000, 65536, 4 << 20]
heard = []

class Echo(TinyProtoConnection):
    def transmission_received(self, message):
        if not self.shutdown:
            self.transmit(bytes(message))

class Ask(TinyProtoConnection):
    def pre_loop(self):
        self.transmit(b'x' * sizes[0])
    def transmission_received(self, message):
        heard.append(bytes(message))
        if len(heard) < len(sizes):
            self.transmit(b'x' * sizes[len(heard)])

if role == 'server':
    if Details:
        server = TinyProtoServer([Details('127.0.0.1', port)], Echo)
    else:
        server = TinyProtoServer()
        server.set_conn_handler(Echo)
        server.add_addr('127.0.0.1', port)
    server.start()
else:
    client = TinyProtoClient()
    client.set_conn_handler(Ask)
    client.connect_to(Details('127.0.0.1', port)) if Details else client.connect_to('127.0.0.1', port)
    end = time.monotonic() + float(sys.argv[3])
    while len(heard) < len(sizes) and time.monotonic() < end:
        time.sleep(0.01)
    print('heard', len(heard), set(heard), file=sys.stderr, flush=True)
    os._exit(0)
";

/// The folders of the versions that can be imported.
pub(crate) fn versions(test: &str) -> Vec<PathBuf> {
    let all = std::env::var_os("WIRECAT_TEST_TINYPROTO").unwrap_or_default();
    let found: Vec<PathBuf> = std::env::split_paths(&all).filter(|path| path.is_dir()).collect();
    if found.is_empty() {
        skip(test, "WIRECAT_TEST_TINYPROTO names no folder with the library tinyproto");
    }
    found
}

fn python(version: &PathBuf, args: &[&str]) -> Running {
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", version).args(["-c", PEER]).args(args);
    program(command).start()
}

/// A port that was free a moment ago: the library takes no other.
fn free_port() -> String {
    let (listener, _) = crate::support::net::listener();
    listener.local_addr().expect("an address").port().to_string()
}

#[test]
fn the_server_of_tinyproto_echoes_what_it_is_sent() {
    for version in versions("the_server_of_tinyproto_echoes_what_it_is_sent") {
        let port = free_port();
        let _server = python(&version, &["server", &port]);
        for size in [0, 1, 5, 1000, 65_536, 4 << 20] {
            let message = crate::support::data::noise(size);
            let args = ["tcp-connect", "--frame", "tinyproto", "--wait", "30s", "-c", "1"];
            let input: &[&str] = match size {
                0 => &["--send", ""],
                _ => &["--input", "raw"],
            };
            let args = [&args, input, &["--output", "raw", &port]].concat();
            let client = wirecat(args);
            let client = if size == 0 { client } else { client.input(message.clone()) };
            let ended = client.run().code(0);
            assert!(ended.stdout == message, "{size} bytes, {}", version.display());
        }
    }
}

#[test]
fn the_client_of_tinyproto_receives_every_reply() {
    for version in versions("the_client_of_tinyproto_receives_every_reply") {
        let args = ["tcp-serve", "--frame", "tinyproto", "--reply", "pong", "--output", "none"];
        let mut server = wirecat(args.iter().chain(&["--conns", "1", "127.0.0.1:0"])).start();
        let port = server.port().to_string();
        let patience = PATIENCE.as_secs().to_string();
        let mut client = python(&version, &["client", &port, &patience]);
        client.wait_for("heard 6 {b'pong'}");
        drop(client);
        server.wait().code(0);
    }
}

/// One pool of three connections: dialed to the echo servers of both versions, and accepted from a
/// client of one of them. A fourth, beyond `--max-clients`, is sent `fe`, which the library
/// takes for a refusal.
#[test]
fn one_pool_speaks_with_both_versions_in_both_roles() {
    let versions = versions("one_pool_speaks_with_both_versions_in_both_roles");
    let Some(last) = versions.last() else { return };
    let args = ["tcp-serve", "--frame", "tinyproto", "--input", "json", "--output", "json"];
    let limits = ["--max-clients", "1", "127.0.0.1:0"];
    let mut pool = wirecat(args.iter().chain(&limits)).piped().start();
    let local = pool.wait_for_event("listening")["local"].as_str().expect("an address").to_owned();
    let port = local.rsplit(':').next().expect("a port").to_owned();
    let servers: Vec<(Running, String)> = versions
        .iter()
        .map(|version| {
            let port = free_port();
            (python(version, &["server", &port]), port)
        })
        .collect();
    for (number, (_, port)) in servers.iter().enumerate() {
        // The library says nowhere that it listens.
        wirecat(["tcp-connect", "-z", "--wait", "30s", port]).run().code(0);
        pool.say(format!("{{\"connect\":\"127.0.0.1:{port}\"}}\n"));
        let connected = pool.wait_for_events("connected", number + 1);
        let conn = &connected[number]["conn"];
        pool.say(format!("{{\"send\":\"echo {number}\",\"to\":{conn}}}\n"));
        let echoes = pool.wait_for_events("data", number + 1);
        assert_eq!(echoes[number]["text"], format!("echo {number}"));
        assert_eq!(&echoes[number]["conn"], conn);
    }
    let patience = PATIENCE.as_secs().to_string();
    let mut client = python(last, &["client", &port, &patience]);
    let number = servers.len();
    let asked = pool.wait_for_events("data", number + 1).pop().expect("a message");
    assert_eq!(asked["len"], 0);
    pool.say("{\"list\":true}\n");
    pool.wait_for_events("list", number + 2);
    // No place is left for one more: the bytes of its refusal, and the refusal of the library.
    assert_eq!(read_all(&connect(&local)), b"\xfe");
    let turned_away = wirecat(["tcp-connect", "--frame", "tinyproto", "--send", "x", &local]);
    turned_away.run().code(4).says("takes no more connections");
    let conn = &asked["conn"];
    for count in 1..6 {
        pool.say(format!("{{\"send\":\"pong\",\"to\":{conn}}}\n"));
        pool.wait_for_events("data", number + 1 + count);
    }
    pool.say(format!("{{\"send\":\"pong\",\"to\":{conn}}}\n{{\"list\":true}}\n"));
    client.wait_for("heard 6 {b'pong'}");
    pool.say("{\"close\":null}\n");
    pool.wait_for_events("closed", number + 3);
    pool.say("{\"quit\":true}\n");
    pool.wait_open();
}
