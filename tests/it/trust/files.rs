//! Files of certificates and keys that are wrong: what is said, before anything is sent.

use std::os::unix::fs::PermissionsExt;

use super::certificates::Certificates;
use super::{connect, serve, stop};
use crate::support::pipes::write_fifo;
use crate::support::wirecat;

#[test]
fn a_file_that_is_wrong_is_named_with_its_line_and_what_is_right() {
    let files = Certificates::new();
    let (one, other) = (files.issue("one", |_| {}), files.issue("other", |_| {}));
    let write = |name: &str, text: &str| {
        let path = files.path(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let text = std::fs::read_to_string(&one.key).unwrap();
    let encrypted = write("encrypted", &text.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    let (empty, broken) = (write("empty", ""), write("broken", &text.replacen('M', "!", 1)));
    let cut = write("cut", text.split_once("-----END").unwrap().0);
    let missing = files.path("missing").display().to_string();
    let certificate = |key: &str| format!("--tls-cert {} --tls-key {key}", one.certificate);
    for (options, code, words) in [
        (certificate(&other.key), 2, "other.key:1: it does not fit the certificate in "),
        (
            certificate(&encrypted),
            2,
            "encrypted:1: the key is encrypted\nhint: decrypt it: openssl pkey -in ",
        ),
        (certificate(&empty), 2, "empty: it is empty"),
        (certificate(&broken), 2, "broken:2: `!` is not a character of base64"),
        (certificate(&cut), 2, "cut:1: BEGIN PRIVATE KEY has no END: the file is cut"),
        (certificate(&one.certificate), 2, "there is a CERTIFICATE, and no key"),
        (certificate(&missing), 7, "cannot take a key from "),
        (
            format!("--tls-cert {0} --tls-key {0}", one.key),
            2,
            "there is a PRIVATE KEY, and no cert",
        ),
        (format!("{} --tls-client-ca /", one.options()), 7, "from /: is a directory (name a file"),
    ] {
        let words_of_server = format!("tcp-serve {options} 127.0.0.1:0");
        let ended = wirecat(words_of_server.split_whitespace()).run();
        assert!(ended.stderr.contains(words), "{words:?} is not in {}", ended.stderr);
        ended.code(code);
    }
    let client = |options: &str| {
        let words = format!("tcp-connect {options} 127.0.0.1:9");
        wirecat(words.split_whitespace()).run()
    };
    client("--tls --tls-ca /").code(7).says("is a directory");
    client(&format!("--tls --tls-ca {empty}")).code(2).says("it is empty");
    client(&format!("--tls --tls-ca {}", one.key)).code(2).says("and no certificate");
    client("--tls=a..b").code(2).says("cannot use --tls=a..b: it is no host name: ");
    client(&format!("--tls={}", "a".repeat(64))).code(2).says("more than 63 between two dots");
    client("--tls=b\u{fc}cher.example").code(2).says("write it as xn--...");
    // That of a variable that is not set.
    client("--tls=").code(2).says("cannot use --tls: its value is missing");
    client("--tls --tls-pin sha1//AAAA").code(2).says("only SHA-256 is supported");
    client("--tls --tls-pin 00").code(2).says("a pin has 32 bytes, this has 1");
    let both = format!("--tls --tls-insecure --tls-pin {}", "00".repeat(32));
    client(&both).code(2);
}

#[test]
fn a_key_that_others_can_read_is_a_warning() {
    let files = Certificates::new();
    let pair = files.issue("server", |_| {});
    for (mode, count) in [(0o600, 0), (0o604, 1)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&pair.key, permissions).unwrap();
        let (server, port) = serve(&pair.options());
        connect(&port, &format!("--tls --tls-ca {}", files.ca.file)).code(0);
        let events = stop(server).events();
        let warnings = events.iter().filter(|event| event["kind"] == "exposed");
        assert_eq!(warnings.count(), count, "{mode:o}");
    }
}

/// Without a trust store nobody can be verified; with one of a user's own, those can.
#[test]
fn whom_to_trust_is_what_the_machine_or_a_variable_says() {
    let files = Certificates::new();
    let pair = files.issue("server", |_| {});
    let (server, port) = serve(&pair.options());
    let client = |file: &str| {
        let words = format!("tcp-connect --tls localhost:{port}");
        let program = wirecat(words.split_whitespace()).input("hello\n");
        program.with(|command| {
            command.env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        })
    };
    client(&files.ca.file).run().code(0);
    let stranger = files.authority("stranger", None, |_| {});
    client(&stranger.file).run().code(8).says("not issued by a trusted authority");
    let missing = files.path("missing").display().to_string();
    let ended = client(&missing).run().code(8);
    let words =
        format!("SSL_CERT_FILE is {missing}, which has no certificates (--tls-ca FILE names");
    ended.says("cannot verify any server: ").says(&words);
    // What has no end, or is far too long, is not read to its end.
    client("/dev/zero").run().code(7).says("cannot take certificates from /dev/zero: it is larger");
    let large = files.path("large");
    let file = std::fs::File::create(&large).expect("a file");
    file.set_len((16 << 20) + 1).expect("holes take no room");
    let large = large.display().to_string();
    client(&large).run().code(7).says(&format!("from {large}: it is larger than 16 MiB"));
    client("/dev/null").run().code(8).says("SSL_CERT_FILE is /dev/null, which has no certificates");
    // A pipe can be read but once.
    let fifo = files.path("fifo").display().to_string();
    crate::support::pipes::fifo(&fifo);
    let certificates = std::fs::read(&files.ca.file).expect("a file");
    let running = client(&fifo).start();
    write_fifo(fifo.as_ref(), &certificates);
    running.wait().code(0);
    stop(server);
}
