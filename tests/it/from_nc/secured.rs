//! The scenes with a proxy, and those with TLS, whose other side wirecat plays.

use std::io::Write;
use std::net::TcpListener;

use super::stage::Stage;
use crate::support::net::{accept, read_exactly};
use crate::support::{Running, skip, wirecat};

/// A SOCKS5 proxy for one client, which is the server behind it as well.
pub(super) fn a_server_is_asked_by_socks(stage: &Stage) {
    let proxy = TcpListener::bind(("127.0.0.1", stage.port() + 1)).expect("the port is free");
    let mut actor = stage.start();
    let mut client = accept(&proxy);
    let methods = read_exactly(&client, 2);
    read_exactly(&client, methods[1].into());
    client.write_all(&[5, 0]).unwrap();
    let request = read_exactly(&client, 10);
    assert_eq!(request[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
    assert_eq!(request[8..], stage.port().to_be_bytes());
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    actor.0.say("question\n");
    assert_eq!(read_exactly(&client, 9), b"question\n");
}

/// The same for HTTP CONNECT.
pub(super) fn a_server_is_asked_by_http(stage: &Stage) {
    let proxy = TcpListener::bind(("127.0.0.1", stage.port() + 1)).expect("the port is free");
    let mut actor = stage.start();
    let mut client = accept(&proxy);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.extend(read_exactly(&client, 1));
    }
    let asked = format!("CONNECT 127.0.0.1:{} HTTP/1.", stage.port());
    assert!(request.starts_with(asked.as_bytes()), "{}", request.escape_ascii());
    client.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    actor.0.say("question\n");
    assert_eq!(read_exactly(&client, 9), b"question\n");
}

/// Answers one client that speaks TLS.
fn tls_server(stage: &Stage, options: &str) -> Running {
    let line = format!("tcp-serve -1 --send answer\\n {options} 127.0.0.1:{}", stage.port());
    let server = wirecat(line.split_whitespace()).with(|wirecat| {
        wirecat.current_dir(stage.directory.path());
    });
    let mut server = server.start();
    server.wait_for("listening tcp 127.0.0.1");
    server
}

fn ask_by_tls(stage: &Stage, mut server: Running) {
    let mut actor = stage.start();
    actor.0.say("question\n");
    server.wait_for_output("question\n");
    actor.0.wait_for_output("answer\n");
}

pub(super) fn a_tls_server_is_asked(stage: &Stage) {
    ask_by_tls(stage, tls_server(stage, "--tls-self-signed"));
}

pub(super) fn a_tls_server_is_verified(stage: &Stage) {
    if !stage.make_certificate() {
        return skip("from_nc", "openssl is not installed");
    }
    ask_by_tls(stage, tls_server(stage, "--tls-cert cert.pem --tls-key key.pem"));
}

pub(super) fn a_tls_client_talks(stage: &Stage) {
    if !stage.make_certificate() {
        return skip("from_nc", "openssl is not installed");
    }
    let mut actor = stage.start();
    let address = format!("127.0.0.1:{}", stage.port());
    let args = [
        "tcp-connect",
        "--tls",
        "--tls-insecure",
        "--wait",
        "60s",
        "--send",
        "question\\n",
        &address,
    ];
    let _client = wirecat(args).start();
    actor.0.wait_for_output("question\n");
}
