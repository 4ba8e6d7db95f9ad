//! The recipes of TLS.

use libc::SIGTERM;

use super::{Kitchen, port};
use crate::support::wirecat;
use crate::tls::certificates::Files;

#[test]
fn a_server_of_a_run_is_known_by_its_pin() {
    let kitchen = Kitchen::new();
    let mut server = kitchen.recipe("--tls-self-signed").start();
    let line = server.wait_for("sha256//");
    let pin = line.split_whitespace().find(|word| word.contains("sha256//")).expect("a pin");
    let pin = pin.trim_matches(|c: char| "(),;".contains(c)).trim_start_matches("pin=");
    let other = pin.replacen("sha256//", "", 1);
    let other =
        format!("sha256//{}{}", if other.starts_with('A') { 'B' } else { 'A' }, &other[1..]);
    for (pin, status, answer) in [(pin, 0, "HELLO\n"), (&other, 8, "")] {
        let client = kitchen.recipe("--tls-pin").with(|client| {
            client.env("PIN", pin);
        });
        assert_eq!(client.run().code(status).text(), answer);
    }
    server.signal(SIGTERM);
    server.wait();
}

#[test]
fn a_certificate_is_trusted_and_lasts() {
    let (kitchen, files) = (Kitchen::new(), Files::new());
    let words = "tcp-serve --discard --tls-cert @server.pem --tls-key @server.key";
    let words = format!("{words} 127.0.0.1:{}", port(7039));
    let mut server = wirecat(files.words(&words)).start();
    server.wait_for("listening");
    for (trusted, status) in [("ca.pem", 0), ("client.pem", 8)] {
        let client = kitchen.recipe("--tls-min-days").with(|client| {
            client.env("SSL_CERT_FILE", files.path(trusted)).env_remove("SSL_CERT_DIR");
        });
        client.run().code(status);
    }
    server.signal(SIGTERM);
    server.wait();
}
