//! The same with openssl as the other side, which has words of its own, and curl for its pins.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::certificates::{Certificates, Pair, expired, for_clients, for_servers};
use super::matrix::refused;
use super::{connect, failure, serve, stop};
use crate::support::pipes::patient;
use crate::support::proc::{end, output, spawn};
use crate::support::skip;

/// Whether a program is there.
fn has(program: &str, argument: &str) -> bool {
    output(Command::new(program).arg(argument)).is_ok_and(|output| output.status.success())
}

/// A server of openssl, which ends with the test.
struct Server(Child);

impl Server {
    fn start(pair: &Pair, options: &str) -> (Self, String) {
        let arguments = format!(
            "s_server -accept 127.0.0.1:0 -cert {0} -cert_chain {0} -key {1} {options}",
            pair.certificate, pair.key
        );
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace());
        // At the end of its input it closes.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = spawn(&mut command).expect("openssl");
        let mut lines = BufReader::new(patient(child.stdout.take().expect("a pipe"))).lines();
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("ACCEPT "));
        let line = line.expect("it says where it listens");
        let port = line.rsplit(':').next().expect("a port").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

#[test]
fn each_bad_certificate_of_openssl_is_refused() {
    if !has("openssl", "version") {
        return skip("certificates of openssl", "openssl is not installed");
    }
    let files = Certificates::new();
    for case in refused(&files) {
        for version in ["-tls1_2", "-tls1_3"] {
            let (_server, port) = Server::start(&case.server, version);
            let client = connect(&port, &case.options()).code(8);
            let (kind, message) = failure(&client);
            assert_eq!(kind, case.kind, "{} {version}: {message}", case.what);
            assert!(message.contains(case.words), "{} {version}: {message}", case.what);
        }
    }
}

#[test]
fn a_server_of_openssl_refuses_a_client() {
    if !has("openssl", "version") {
        return skip("certificates of openssl", "openssl is not installed");
    }
    let files = Certificates::new();
    let pair = files.issue("server", for_servers);
    let stranger = files.authority("stranger", None, |_| {});
    let (late, other) =
        (files.issue("late", expired), files.issue_by(&stranger, "other", for_clients));
    let wants = "the server wants a client certificate (give --tls-cert and --tls-key)";
    let refuses = "the server rejects the certificate of this side: ";
    for version in ["-tls1_2", "-tls1_3"] {
        let verify = format!("{version} -Verify 1 -verify_return_error -CAfile {}", files.ca.file);
        for (options, kind, words) in [
            (String::new(), "tls-client-certificate", wants),
            (late.options(), "tls-rejected", refuses),
            (other.options(), "tls-rejected", refuses),
        ] {
            let (_server, port) = Server::start(&pair, &verify);
            let client = connect(&port, &format!("--tls --tls-ca {} {options}", files.ca.file));
            let (found, message) = failure(&client);
            assert_eq!((&*found, client.code), (kind, Some(8)), "{version} {options}: {message}");
            assert!(message.contains(words), "{version} {options}: {message}");
        }
    }
    let (_server, port) = Server::start(&pair, "-tls1_1 -cipher DEFAULT:@SECLEVEL=0");
    let client = connect(&port, &format!("--tls --tls-ca {}", files.ca.file)).code(8);
    let (kind, message) = failure(&client);
    assert_eq!(kind, "tls-version", "{message}");
}

/// What a server says of a client of openssl.
#[test]
fn a_client_of_openssl_is_refused() {
    if !has("openssl", "version") {
        return skip("certificates of openssl", "openssl is not installed");
    }
    let files = Certificates::new();
    let server = files.issue("server", for_servers);
    let late = files.issue("late", expired);
    let stranger = files.authority("stranger", None, |_| {});
    let ca = format!("--tls-client-ca {}", files.ca.file);
    let identity = format!("-cert {} -key {}", late.certificate, late.key);
    let distrust = format!("-verify_return_error -CAfile {}", stranger.file);
    for (options, arguments, kind, words) in [
        ("", "-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "tls-version", "neither TLS 1.2 nor 1.3"),
        ("", &distrust, "tls-rejected", "it does not trust its issuer"),
        (&ca, "-tls1_2", "tls-client-certificate", "has given no certificate"),
        (&ca, "-tls1_3", "tls-client-certificate", "has given no certificate"),
        (&ca, &identity, "tls-expired", "the certificate of the client expired at 2024-02-29"),
    ] {
        let (mut serving, port) = serve(&format!("{} {options}", server.options()));
        let mut command = Command::new("openssl");
        command
            .args(format!("s_client -connect 127.0.0.1:{port} {arguments}").split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut client = spawn(&mut command).expect("openssl");
        let warning = serving.wait_for_event("warning");
        assert_eq!(warning["kind"], kind, "{arguments}: {warning}");
        assert!(warning["message"].as_str().unwrap().contains(words), "{arguments}: {warning}");
        drop(client.stdin.take().map(|mut stdin| stdin.write_all(b"Q\n")));
        end(&mut client);
        stop(serving);
    }
}

/// curl takes the pin that a server shows, and refuses another.
#[test]
fn curl_takes_the_pin_that_is_shown() {
    if !has("curl", "--version") {
        return skip("pins of curl", "curl is not installed");
    }
    let reply = "--reply HTTP/1.0\\x20200\\x20OK\\r\\n\\r\\nhello";
    let (mut server, port) = serve(&format!("--tls-self-signed {reply}"));
    let pin = server.wait_for_event("listening")["pin"].as_str().expect("its pin").to_owned();
    let curl = |pin: &str| {
        let url = format!("https://localhost:{port}/");
        let arguments = ["-sk", "--max-time", "30", "--pinnedpubkey", pin, &url];
        output(Command::new("curl").args(arguments)).expect("curl")
    };
    let output = curl(&pin);
    assert_eq!((&*output.stdout, output.status.code()), (&b"hello"[..], Some(0)));
    let other = format!("sha256//{}=", "A".repeat(43));
    assert_eq!(curl(&other).status.code(), Some(90), "CURLE_SSL_PINNEDPUBKEYNOTMATCH");
    assert_eq!(curl(&format!("{other};{pin}")).status.code(), Some(0));
    stop(server);
}
