//! The library tinyproto itself, in both roles. `.ci/run` installs its versions where
//! `WIRECAT_TEST_TINYPROTO` says; without that these tests are skipped.

use std::path::PathBuf;
use std::process::Command;

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
fn the_client_of_tinyproto_hears_every_reply() {
    for version in versions("the_client_of_tinyproto_hears_every_reply") {
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
