//! What a peer sends behind the close_notify of this side.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};

use super::certificates::Files;
use super::{SERVER, client, events, serve};
use crate::support::net::{accept, connect, listener};
use crate::support::wirecat;

/// A record that no key has made.
const BROKEN: [u8; 37] = *b"\x17\x03\x03\x00\x2032 bytes that nobody has sealed.";

fn server(files: &Files, version: &'static SupportedProtocolVersion) -> Connection {
    let certificate = CertificateDer::from_pem_file(files.path("server.pem")).expect("PEM");
    let key = PrivateKeyDer::from_pem_file(files.path("server.key")).expect("PEM");
    let config = ServerConfig::builder_with_provider(wirecat::sockets::tls::provider());
    let config = config.with_protocol_versions(&[version]).expect("a version");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key);
    ServerConnection::new(Arc::new(config.expect("a key that fits"))).expect("a server").into()
}

fn peer(files: &Files, version: &'static SupportedProtocolVersion) -> Connection {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files.path("ca.pem")).expect("PEM")).expect("a root");
    let config = ClientConfig::builder_with_provider(wirecat::sockets::tls::provider());
    let config = config.with_protocol_versions(&[version]).expect("a version");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client").into()
}

/// Says `hello`, reads to the close_notify, and sends a broken record then. Returns what was read.
fn break_late(mut tls: Connection, mut stream: TcpStream) -> Vec<u8> {
    tls.writer().write_all(b"hello").expect("a buffer takes it");
    let (mut read, mut is_closed) = (Vec::new(), false);
    loop {
        while tls.wants_write() {
            tls.write_tls(&mut stream).expect("it is taken");
        }
        if is_closed {
            break;
        }
        let count = tls.read_tls(&mut stream).expect("something comes");
        assert_ne!(count, 0, "it ends without a close_notify");
        let state = tls.process_new_packets().expect("the rules are kept");
        let mut plain = vec![0; state.plaintext_bytes_to_read()];
        tls.reader().read_exact(&mut plain).expect("what was announced");
        read.extend(plain);
        is_closed = state.peer_has_closed();
    }
    stream.write_all(&BROKEN).expect("it is taken");
    read
}

/// To have said one's last is no reason to believe all that comes, or to lose what came before.
#[test]
fn a_broken_record_behind_the_close_notify_of_this_side_is_an_error_as_any_other() {
    let files = Files::new();
    for version in [&TLS12, &TLS13] {
        let (listener, address) = listener();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let words = "--tls --tls-ca @ca.pem --output json";
        let client = client(&files, words, port).input("a question").start();
        let said = break_late(server(&files, version), accept(&listener));
        assert_eq!(said, b"a question");
        let ended = client.wait().code(6);
        assert_eq!(events(&ended, "data")[0]["text"], "hello");
        assert_eq!(events(&ended, "error")[0]["kind"], "tls-broken");

        let (server, port) = serve(&files, &format!("-1 {SERVER} --reply bye"));
        let said = break_late(peer(&files, version), connect(&format!("127.0.0.1:{port}")));
        assert_eq!(said, b"bye");
        server.wait().code(6).says("a record of TLS was altered on its way");
    }
}

/// What a client sends that no key of its handshake has made says nothing about a certificate.
#[test]
fn a_broken_record_in_a_handshake_is_called_what_it_is() {
    let files = Files::new();
    let words = files.words(&format!("tcp-serve --output json {SERVER} 127.0.0.1:0"));
    let mut server = wirecat(words).start();
    let address = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let mut stream = connect(&address);
    peer(&files, &TLS13).write_tls(&mut stream).expect("it is taken");
    stream.write_all(&BROKEN).expect("it is taken");
    let warning = server.wait_for_event("warning");
    let message = warning["message"].as_str().unwrap();
    assert!(message.ends_with("was altered on its way, or has other keys"), "{message}");
    super::stop(server);
}

/// Who is trusted may be read from a pipe that has no end: `-w` ends the run all the same.
#[test]
fn a_trust_store_without_an_end_does_not_keep_a_run_beyond_its_time() {
    let files = Files::new();
    let fifo = files.path("fifo");
    crate::support::pipes::fifo(&fifo);
    for words in [
        "tcp-connect --tls localhost:9",
        "tcp-connect --starttls smtp localhost:9",
        "tcp-serve --forward tls:localhost:9 127.0.0.1:0",
        "echo --ping --tls localhost:9",
        "chat --tls --send hello localhost:9",
    ] {
        let words: Vec<_> = words.split(' ').chain(["-w", "1"]).collect();
        let program = wirecat(words).with(|command| {
            command.env("SSL_CERT_FILE", &fifo).env_remove("SSL_CERT_DIR");
        });
        let ended = program.run().code(124);
        ended.says(&format!("the time of 1s is up, and {} has not ended", fifo.display()));
    }
    // Where it is not looked at, nobody waits for it.
    let program = wirecat(files.words("tcp-connect --tls --tls-ca @none.pem -w 60 localhost:9"));
    let program = program.with(|command| {
        command.env("SSL_CERT_FILE", &fifo).env_remove("SSL_CERT_DIR");
    });
    program.run().code(7);
}

/// Whether the reset is met by connecting or by the first read is a matter of time, and what is said is not.
#[test]
fn a_server_that_resets_each_connection_has_shaken_hands_with_nobody() {
    let files = Files::new();
    let (listener, address) = listener();
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let linger = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            linger.expect("a socket");
        }
    });
    let options = "--tls --tls-ca @ca.pem";
    for _ in 0..10 {
        let ended = client(&files, options, port).input("secret").run().code(8);
        ended.says("cannot connect to").says("closed without an answer to the TLS handshake");
    }
    for _ in 0..5 {
        let ended = client(&files, &format!("{options} -z"), port).run().code(8);
        ended.says("closed without an answer to the TLS handshake");
    }
}
