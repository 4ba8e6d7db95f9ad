//! Other programs that speak TLS, in both roles: every byte arrives, and both ends are ends. The
//! releases of all that is built by `.ci/run` carry 256 MiB, debug builds less.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{SERVER, client, serve};
use crate::support::data::{assert_same, noise};
use crate::support::peers::{Reserved, installed};
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat};
use crate::tls::certificates::Files;

const BYTES: usize = if cfg!(debug_assertions) { 4 << 20 } else { 256 << 20 };
const TRUST: &str = "--tls --tls-ca @ca.pem";

fn has(name: &str) -> bool {
    let is_here = installed(name);
    if !is_here {
        skip("tls", &format!("{name} is not installed"));
    }
    is_here
}

fn other(files: &Files, words: &str) -> Program {
    let mut words = files.words(words).into_iter();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    program(command)
}

/// Starts a server on a port, which does not say when it listens.
fn listening(program: Program, port: u16) -> Running {
    let mut server = program.start();
    let deadline = Instant::now() + PATIENCE;
    // A connection would be the one that it serves: /proc knows who listens.
    let line = format!("0100007F:{port:04X} 00000000:0000 0A");
    let any = format!("00000000:{port:04X} 00000000:0000 0A");
    loop {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("a table");
        if table.contains(&line) || table.contains(&any) {
            return server;
        }
        assert!(Instant::now() < deadline && server.is_running(), "it does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The other program serves, and sends what it has; then it takes what wirecat has.
fn it_serves(files: &Files, sends: &str, takes: &str, status: i32) {
    let bytes = noise(BYTES);
    let reserved = Reserved::new().expect("a port");
    let port = reserved.port;
    let words = sends.replace("PORT", &port.to_string());
    let server = listening(other(files, &words).input(bytes.clone()), port);
    let ended = client(files, &format!("{TRUST} -n"), port).run().code(status);
    assert_same(&ended.stdout, &bytes);
    drop(server);
    let reserved = Reserved::new().expect("a port");
    let port = reserved.port;
    // The end of its own stdin would be that of ncat.
    let server = listening(other(files, &takes.replace("PORT", &port.to_string())).piped(), port);
    let ended = client(files, TRUST, port).input(bytes.clone()).run();
    assert!([Some(0), Some(status)].contains(&ended.code), "{}", ended.stderr);
    assert_same(&server.wait_open().code(0).stdout, &bytes);
}

/// wirecat serves: the other program sends, and then takes.
fn it_connects(files: &Files, words: &str) {
    let bytes = noise(BYTES);
    let (server, port) = serve(files, &format!("-1 -n {SERVER}"));
    let words = words.replace("PORT", &port.to_string());
    let sender = other(files, &words).input(bytes.clone()).start();
    // Not everybody says close_notify, and without it what came may be cut.
    let ended = server.wait();
    assert!(matches!(ended.code, Some(0 | 6)), "{}", ended.stderr);
    assert_same(&ended.stdout, &bytes);
    sender.wait();
    let words_of_server = files.words(&format!("tcp-serve -1 {SERVER} 127.0.0.1:0"));
    let mut server = wirecat(words_of_server).input(bytes.clone()).start();
    let port_now = server.port().to_string();
    let words = words.replace(&port.to_string(), &port_now);
    let mut taker = other(files, &words).piped().start();
    taker.wait_for_length(BYTES);
    let taken = taker.wait();
    assert_same(&taken.stdout, &bytes);
    server.wait();
}

#[test]
fn ncat_sends_and_takes() {
    if !has("ncat") {
        return;
    }
    let files = Files::new();
    let serve = "ncat --ssl --ssl-cert @server.pem --ssl-key @server.key -l 127.0.0.1 PORT";
    // It closes without close_notify: for all that the client knows, what came is cut.
    it_serves(&files, &format!("{serve} --send-only"), &format!("{serve} --recv-only"), 6);
    it_connects(&files, "ncat --ssl --ssl-verify --ssl-trustfile @ca.pem localhost PORT -4");
}

#[test]
fn socat_sends_and_takes() {
    if !has("socat") {
        return;
    }
    let files = Files::new();
    let options = "bind=127.0.0.1,reuseaddr,cert=@server.pem,key=@server.key,verify=0";
    it_serves(
        &files,
        &format!("socat -u - OPENSSL-LISTEN:PORT,{options}"),
        &format!("socat -u OPENSSL-LISTEN:PORT,{options} -"),
        0,
    );
    it_connects(&files, "socat -t 60 - OPENSSL:localhost:PORT,cafile=@ca.pem,pf=ip4");
}

#[test]
fn openssl_of_both_versions_sends_and_takes() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let connect = "openssl s_client -quiet -connect 127.0.0.1:PORT -servername localhost \
                       -verify_return_error -CAfile @ca.pem";
        // -quiet goes on behind the end of stdin.
        let bytes = noise(BYTES);
        let (server, port) = serve(&files, &format!("-1 -n {SERVER} -v"));
        let words = format!("{connect} {version}").replace("PORT", &port.to_string());
        let mut server = server;
        let sender = other(&files, &words).input(bytes.clone()).start();
        server.wait_for_length(BYTES);
        sender.signal(rustix::process::Signal::TERM.as_raw());
        drop(sender);
        let ended = server.wait();
        assert_same(&ended.stdout, &bytes);
        let named = if version == "-tls1_2" { " 1.2 TLS_ECDHE_" } else { " 1.3 TLS_AES_" };
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
        // s_server serves one connection and closes in order: what it serves is its answer.
        let reserved = Reserved::new().expect("a port");
        let port = reserved.port;
        let words = format!(
            "openssl s_server -quiet -accept 127.0.0.1:{port} -naccept 1 -rev {version} \
             -cert @server.pem -key @server.key"
        );
        let server = listening(other(&files, &words), port);
        let ended = client(&files, TRUST, port).input("abc\n").with(|_| ()).start();
        let mut ended = ended;
        ended.wait_for_output("cba\n");
        ended.wait().code(0);
        drop(server);
    }
}

#[test]
fn gnutls_sends_and_takes() {
    if !has("gnutls-cli") {
        return;
    }
    let files = Files::new();
    let (server, port) = serve(&files, &format!("-1 {SERVER} --exec cat"));
    let words = format!(
        "gnutls-cli --logfile=/dev/null --x509cafile @ca.pem --sni-hostname localhost \
         --verify-hostname localhost --port {port} 127.0.0.1"
    );
    let mut peer = other(&files, &words).piped().start();
    peer.say("through cat\n");
    peer.wait_for_output("through cat\n");
    peer.wait().code(0);
    server.wait().code(0);
}

#[test]
fn curl_speaks_to_a_server_of_tls_through_a_relay() {
    if !has("curl") || !has("openssl") {
        return;
    }
    let files = Files::new();
    let reserved = Reserved::new().expect("a port");
    let port = reserved.port;
    let words = format!(
        "openssl s_server -quiet -accept 127.0.0.1:{port} -www -cert @server.pem -key @server.key"
    );
    let upstream = listening(other(&files, &words), port);
    let words = format!("-4 --forward tls:localhost:{port} --tls-ca @ca.pem");
    let (relay, plain) = serve(&files, &words);
    let page = other(&files, &format!("curl -sS http://127.0.0.1:{plain}/")).run().code(0);
    assert!(page.text().contains("s_server"), "{}", page.text());
    super::stop(relay);
    let (relay, own) = serve(&files, &format!("{SERVER} {words}"));
    let words = format!("curl -sS --cacert @ca.pem https://localhost:{own}/ -4");
    let page = other(&files, &words).run().code(0);
    assert!(page.text().contains("s_server"), "{}", page.text());
    super::stop(relay);
    drop(upstream);
}

/// Python's ssl with a certificate of the client, which reads on behind its own end.
#[test]
fn python_shows_a_certificate_and_half_closes() {
    if !has("python3") {
        return;
    }
    let files = Files::new();
    let script = "import socket, ssl, sys
directory, port = sys.argv[1], int(sys.argv[2])
context = ssl.create_default_context(cafile=directory + '/ca.pem')
context.load_cert_chain(directory + '/client.pem', directory + '/client.key')
stream = context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname='localhost')
stream.sendall(b'x' * 3000000)
got = 0
while got < 3000000:
    got += len(stream.recv(65536))
print(stream.version(), got)
stream.unwrap()
";
    let (server, port) =
        serve(&files, &format!("-1 -v {SERVER} --tls-client-ca @ca.pem --exec cat"));
    let directory = files.path("");
    let mut command = Command::new("python3");
    command.arg("-c").arg(script).arg(directory).arg(port.to_string());
    let ended = program(command).run().code(0);
    assert_eq!(ended.text(), "TLSv1.3 3000000\n");
    server.wait().code(0).says("to CN=client");
}
