//! Peers that do not keep to TLS: their connection ends, and no other.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;

use super::certificates::Files;
use super::{SERVER, client, events, stop};
use crate::support::net::{accept, connect, listener, until_reset};
use crate::support::peers::installed;
use crate::support::pipes::patient;
use crate::support::proc::{end, spawn};
use crate::support::{PATIENCE, Running, skip, wirecat};

/// A record of a handshake without a byte of one, many times.
const EMPTY: [u8; 5] = *b"\x16\x03\x03\0\0";

/// A server whose events are on its stdout, and its port.
fn serve(files: &Files) -> (Running, u16) {
    let words = files.words(&format!("tcp-serve --output json {SERVER} 127.0.0.1:0"));
    let mut server = wirecat(words).piped().start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    (server, local.rsplit(':').next().unwrap().parse().unwrap())
}

/// Waits until a client which was there before has talked to the server.
#[track_caller]
fn wait_for_word(client: &mut Running, server: &mut Running) {
    client.say("still here\n");
    server.wait_for_output("\"text\":\"still here\\n\"");
}

/// SPEC 1.3 and 6: a client of another protocol is not told by a FIN that what it has sent was taken.
#[test]
fn a_client_without_tls_is_reset() {
    let files = Files::new();
    let (mut server, port) = serve(&files);
    for (before, half_closes) in [false, true].into_iter().enumerate() {
        let mut stream = connect(&format!("127.0.0.1:{port}"));
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is taken");
        if half_closes {
            // The reset may be there already.
            let _ = stream.shutdown(Shutdown::Write);
        }
        assert_eq!(until_reset(&stream), b"");
        let warnings = server.wait_for_events("warning", before + 1);
        assert_eq!(warnings[before]["kind"], "tls-not-tls");
    }
    stop(server);
}

/// Sends records of 0 bytes until nobody takes them any more.
fn send_empty(mut stream: TcpStream) {
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    let many = EMPTY.repeat(1000);
    while stream.write_all(&many).is_ok() {}
}

#[test]
fn records_of_0_bytes_without_end_close_that_connection_only() {
    let files = Files::new();
    let (mut server, port) = serve(&files);
    let mut good = client(&files, "--tls --tls-ca @ca.pem", port).piped().start();
    server.wait_for_event("accepted");
    send_empty(connect(&format!("127.0.0.1:{port}")));
    let warning = server.wait_for_event("warning");
    assert_eq!(warning["kind"], "tls");
    let message = warning["message"].as_str().unwrap();
    assert!(message.contains("the client broke the rules of TLS"), "{message}");
    wait_for_word(&mut good, &mut server);
    drop(good);
    stop(server);

    let (listener, address) = listener();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let words = "--tls --tls-ca @ca.pem --output json -n";
    let client = client(&files, words, port).start();
    let stream = accept(&listener);
    let sender = thread::spawn(move || send_empty(stream));
    let ended = client.wait().code(8);
    assert_eq!(events(&ended, "error")[0]["kind"], "tls");
    sender.join().expect("it is closed");
}

/// A program of openssl that reads commands at the begin of lines, and ends with the test.
struct Openssl(Child);

impl Openssl {
    fn start(arguments: &[String]) -> Self {
        let mut command = Command::new("openssl");
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(spawn(&mut command).expect("openssl"))
    }

    fn say(&mut self, line: &str) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        patient(stdin).write_all(line.as_bytes()).expect("it reads");
    }

    /// Reads a line that begins so, and what follows to the end.
    fn line(&mut self, begin: &str) -> String {
        let stdout = patient(self.0.stdout.take().expect("a pipe"));
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with(begin));
        thread::spawn(move || lines.for_each(drop));
        line.expect("it says so")
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn is_lost(closed: &Value) -> bool {
    closed["reason"] == "error"
}

/// Neither role renegotiates: the peer is told so, and openssl ends the connection then.
#[test]
fn a_peer_that_renegotiates_is_refused_and_the_others_live() {
    if !installed("openssl") {
        return skip("a_peer_that_renegotiates_is_refused_and_the_others_live", "no openssl");
    }
    let files = Files::new();
    let (mut server, port) = serve(&files);
    let mut good = client(&files, "--tls --tls-ca @ca.pem", port).piped().start();
    server.wait_for_event("accepted");
    let words = format!("s_client -tls1_2 -connect 127.0.0.1:{port} -servername localhost");
    let mut bad = Openssl::start(&files.words(&words));
    bad.say("hello\n");
    assert_eq!(server.wait_for_event("data")["text"], "hello\n");
    bad.say("R\n");
    let closed = server.wait_for_event("closed");
    assert!(is_lost(&closed), "{closed}");
    drop(bad);
    wait_for_word(&mut good, &mut server);
    drop(good);
    stop(server);

    let words = "s_server -tls1_2 -accept 127.0.0.1:0 -cert @server.pem -key @server.key";
    let mut bad = Openssl::start(&files.words(words));
    let port = bad.line("ACCEPT ").rsplit(':').next().unwrap().parse().unwrap();
    let mut client = client(&files, "--tls --tls-ca @ca.pem --output json -n", port).start();
    client.wait_for_event("tls");
    bad.say("hello\n");
    assert_eq!(client.wait_for_event("data")["text"], "hello\n");
    bad.say("r\n");
    let ended = client.wait().code(6);
    assert!(is_lost(&events(&ended, "closed")[0]), "{}", ended.stderr);
}
