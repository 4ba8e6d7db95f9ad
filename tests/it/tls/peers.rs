//! Other programs that speak TLS, in both roles: every byte arrives, and both ends are ends. `.ci/run`
//! has the release carry 256 MiB each way; the build of the tests carries less.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use super::{SERVER, client, serve, stop};
use crate::support::data::noise;
use crate::support::peers::{Reserved, installed};
use crate::support::{PATIENCE, Program, Running, is_full_size, program, skip, wirecat};
use crate::tls::certificates::Files;

const TRUST: &str = "--tls --tls-ca @ca.pem";

/// How much goes each way.
fn bytes() -> usize {
    if is_full_size() { 256 << 20 } else { 4 << 20 }
}

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

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asserts that all of it came. ncat may close before it has sent or taken all: then it has taken the
/// begin, and wirecat knows of a cut.
#[track_caller]
fn assert_whole(name: &str, got: &[u8], wanted: &[u8], status: Option<i32>) {
    if name == "ncat" && status == Some(6) && got.len() < wanted.len() && wanted.starts_with(got) {
        let (came, of) = (got.len(), wanted.len());
        return skip("tls", &format!("ncat itself cut a stream behind {came} of {of} bytes"));
    }
    assert_eq!((got.len(), hash(got)), (wanted.len(), hash(wanted)), "{name}");
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

/// A server of these words on a port of its own.
fn serving(files: &Files, words: &str, input: Option<Vec<u8>>) -> (Running, u16, Reserved) {
    let reserved = Reserved::new().expect("a port");
    let port = reserved.port;
    let program = other(files, &words.replace("PORT", &port.to_string()));
    let program = match input {
        Some(input) => program.input(input),
        None => program.piped(),
    };
    (listening(program, port), port, reserved)
}

/// The other program serves, and sends what it has; then it takes what wirecat has.
fn it_serves(name: &str, files: &Files, sends: &str, takes: &str, status: i32) {
    let bytes = noise(bytes());
    let (server, port, _reserved) = serving(files, sends, Some(bytes.clone()));
    let ended = client(files, &format!("{TRUST} -n"), port).run().code(status);
    assert_whole(name, &ended.stdout, &bytes, ended.code);
    drop(server);
    // The end of its own stdin would be that of ncat.
    let (server, port, _reserved) = serving(files, takes, None);
    let ended = client(files, TRUST, port).input(bytes.clone()).run();
    assert!([Some(0), Some(status)].contains(&ended.code), "{}", ended.stderr);
    let taken = server.wait_open();
    assert!(taken.code == Some(0) || ended.code == Some(6), "{taken:?}");
    assert_whole(name, &taken.stdout, &bytes, ended.code);
}

/// wirecat serves: the other program sends, and then takes.
fn it_connects(name: &str, files: &Files, words: &str) {
    let bytes = noise(bytes());
    let (server, port) = serve(files, &format!("-1 -n {SERVER}"));
    let sender = other(files, &words.replace("PORT", &port.to_string()));
    let sender = sender.input(bytes.clone()).start();
    // Not everybody says close_notify, and without it what came may be cut.
    let ended = server.wait();
    assert!(matches!(ended.code, Some(0 | 6)), "{}", ended.stderr);
    assert_whole(name, &ended.stdout, &bytes, ended.code);
    sender.wait();
    let words_of_server = files.words(&format!("tcp-serve -1 {SERVER} 127.0.0.1:0"));
    let mut server = wirecat(words_of_server).input(bytes.clone()).start();
    let taker = other(files, &words.replace("PORT", &server.port().to_string()));
    let mut taker = taker.piped().start();
    // With its stdin at an end it may leave, and with its stdin open it stays.
    taker.wait_for_length(bytes.len());
    let taken = taker.wait();
    let ended = server.wait();
    assert!(matches!(ended.code, Some(0 | 6)), "{}", ended.stderr);
    assert_whole(name, &taken.stdout, &bytes, ended.code);
}

#[test]
fn ncat_sends_and_takes() {
    if !has("ncat") {
        return;
    }
    let files = Files::new();
    let serve = "ncat --ssl --ssl-cert @server.pem --ssl-key @server.key -l 127.0.0.1 PORT";
    let (sends, takes) = (format!("{serve} --send-only"), format!("{serve} --recv-only"));
    // It closes without close_notify: for all that the client knows, what came is cut.
    it_serves("ncat", &files, &sends, &takes, 6);
    let connect = "ncat --ssl --ssl-verify --ssl-trustfile @ca.pem localhost PORT -4";
    it_connects("ncat", &files, connect);
}

#[test]
fn socat_sends_and_takes() {
    if !has("socat") {
        return;
    }
    let files = Files::new();
    let options = "bind=127.0.0.1,reuseaddr,cert=@server.pem,key=@server.key,verify=0";
    let sends = format!("socat -u - OPENSSL-LISTEN:PORT,{options}");
    let takes = format!("socat -u OPENSSL-LISTEN:PORT,{options} -");
    it_serves("socat", &files, &sends, &takes, 0);
    it_connects("socat", &files, "socat -t 60 - OPENSSL:localhost:PORT,cafile=@ca.pem,pf=ip4");
}

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn the_client_of_openssl_sends_and_takes_in_both_versions() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    let bytes = noise(bytes());
    for version in VERSIONS {
        // -quiet goes on behind the end of stdin.
        let connect = format!(
            "openssl s_client -quiet -connect 127.0.0.1:PORT -servername localhost \
             -verify_return_error -CAfile @ca.pem {version}"
        );
        let (mut server, port) = serve(&files, &format!("-1 -n {SERVER} -v"));
        let sender = other(&files, &connect.replace("PORT", &port.to_string()));
        let sender = sender.input(bytes.clone()).start();
        server.wait_for_length(bytes.len());
        sender.signal(Signal::TERM.as_raw());
        drop(sender);
        let ended = server.wait();
        assert_whole("s_client", &ended.stdout, &bytes, ended.code);
        let named = if version == "-tls1_2" { " 1.2 TLS_ECDHE_" } else { " 1.3 TLS_AES_" };
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
        let words = files.words(&format!("tcp-serve -1 {SERVER} 127.0.0.1:0"));
        let mut server = wirecat(words).input(bytes.clone()).start();
        let taker = other(&files, &connect.replace("PORT", &server.port().to_string()));
        let taken = taker.piped().run();
        assert_whole("s_client", &taken.stdout, &bytes, None);
        server.wait().code(0);
    }
}

#[test]
fn the_server_of_openssl_sends_and_takes_in_both_versions() {
    if !has("openssl") {
        return;
    }
    let files = Files::new();
    let bytes = noise(bytes());
    for version in VERSIONS {
        let serve = format!(
            "openssl s_server -quiet -nbio -accept 127.0.0.1:PORT -naccept 1 {version} \
             -cert @server.pem -key @server.key"
        );
        // Without -nbio it may wait in a read for a client that has nothing to send. It goes on behind the
        // end of its stdin, and its death is no close_notify.
        let (mut server, port, _reserved) = serving(&files, &serve, None);
        let mut taker = client(&files, &format!("{TRUST} -n"), port).start();
        server.say(&bytes);
        taker.wait_for_length(bytes.len());
        drop(server);
        let taken = taker.wait().code(6);
        assert_whole("s_server", &taken.stdout, &bytes, taken.code);
        let (server, port, _reserved) = serving(&files, &serve, None);
        client(&files, TRUST, port).input(bytes.clone()).run().code(0);
        let taken = server.wait_open().code(0);
        assert_whole("s_server", &taken.stdout, &bytes, None);
    }
}

#[test]
fn gnutls_sends_and_takes() {
    if !has("gnutls-cli") {
        return;
    }
    let files = Files::new();
    let words = "gnutls-cli --logfile=/dev/null --x509cafile @ca.pem --sni-hostname localhost \
                 --verify-hostname localhost --port PORT 127.0.0.1";
    it_connects("gnutls-cli", &files, words);
}

#[test]
fn curl_speaks_to_a_server_of_tls_through_a_relay() {
    if !has("curl") || !has("openssl") {
        return;
    }
    let files = Files::new();
    let bytes = noise(bytes());
    std::fs::write(files.path("page"), &bytes).expect("room for it");
    let words = "openssl s_server -quiet -accept 127.0.0.1:PORT -WWW -cert @server.pem \
                 -key @server.key";
    let reserved = Reserved::new().expect("a port");
    let port = reserved.port;
    let upstream = other(&files, &words.replace("PORT", &port.to_string()));
    let upstream = upstream.with(|command| {
        command.current_dir(files.path(""));
    });
    let upstream = listening(upstream, port);
    let words = format!("-4 --forward tls:localhost:{port} --tls-ca @ca.pem");
    let (relay, plain) = serve(&files, &words);
    let page = other(&files, &format!("curl -sS http://127.0.0.1:{plain}/page")).run().code(0);
    assert_whole("curl", &page.stdout, &bytes, page.code);
    stop(relay);
    let (relay, own) = serve(&files, &format!("{SERVER} {words}"));
    let words = format!("curl -sS --cacert @ca.pem https://localhost:{own}/page -4");
    let page = other(&files, &words).run().code(0);
    assert_whole("curl", &page.stdout, &bytes, page.code);
    stop(relay);
    drop(upstream);
}

/// Sends and takes at once, half-closes, reads on to the end, and prints what that was. Between memory
/// and the socket stands the script: unwrap() of a socket reads behind its own end, and drops data.
const PYTHON: &str = "import hashlib, select, socket, ssl, sys
directory, role, port, left = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
is_server = role == 'server'
purpose = ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH
context = ssl.create_default_context(purpose, cafile=directory + '/ca.pem')
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(directory + '/%s.pem' % role, directory + '/%s.key' % role)
if is_server:
    listener = socket.create_server(('127.0.0.1', 0))
    print('listening tcp 127.0.0.1:%d' % listener.getsockname()[1], file=sys.stderr, flush=True)
    plain = listener.accept()[0]
else:
    plain = socket.create_connection(('127.0.0.1', port))
plain.setblocking(False)
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
name = None if is_server else 'localhost'
stream = context.wrap_bio(incoming, outgoing, server_side=is_server, server_hostname=name)
chunk = bytes(range(256)) * 256
pending, came, is_up, has_ended, is_whole = b'', 0, False, False, False
taken = hashlib.sha256()
while pending or not (has_ended and is_whole):
    try:
        if not is_up:
            stream.do_handshake()
            is_up = True
        while not is_whole:
            data = stream.read(1 << 20)
            is_whole = not data
            came += len(data)
            taken.update(data)
    except ssl.SSLWantReadError:
        pass
    except ssl.SSLZeroReturnError:
        is_whole = True
    try:
        if is_up and not pending and left:
            left -= stream.write(chunk[:min(left, len(chunk))])
        elif is_up and not left and not has_ended:
            has_ended = True
            stream.unwrap()
    except ssl.SSLWantReadError:
        pass
    pending += outgoing.read()
    wants = bool(pending) or (is_up and left > 0)
    if is_whole and not wants:
        continue
    ready = select.select([] if is_whole else [plain], [plain] if wants else [], [], 60)
    assert ready != ([], [], []), 'nothing moves'
    if ready[0]:
        data = plain.recv(1 << 18)
        incoming.write(data) if data else incoming.write_eof()
    if ready[1]:
        pending = pending[plain.send(pending):]
print(came, taken.hexdigest())
";

fn python(files: &Files, role: &str, port: u16, length: usize) -> Program {
    let mut command = Command::new("python3");
    command.arg("-c").arg(PYTHON).arg(files.path("")).arg(role);
    command.arg(port.to_string()).arg(length.to_string());
    program(command)
}

/// Python's ssl with a certificate of the client: both directions are full at once, and each ends by
/// itself.
#[test]
fn python_shows_a_certificate_and_half_closes() {
    if !has("python3") {
        return;
    }
    let files = Files::new();
    let bytes = noise(bytes());
    let pattern: Vec<u8> = (0..=u8::MAX).cycle().take(bytes.len()).collect();
    let printed = format!("{} {}\n", bytes.len(), hash(&bytes));
    let words = format!("tcp-serve -1 -v {SERVER} --tls-client-ca @ca.pem 127.0.0.1:0");
    let mut server = wirecat(files.words(&words)).input(bytes.clone()).start();
    let ended = python(&files, "client", server.port(), bytes.len()).run().code(0);
    assert_eq!(ended.text(), printed);
    let ended = server.wait().code(0).says("to CN=client");
    assert_whole("python", &ended.stdout, &pattern, ended.code);

    // One of the two is done long before the other.
    for (ours, theirs) in [(bytes.len(), 1), (1, bytes.len()), (bytes.len(), bytes.len())] {
        let mut server = python(&files, "server", 0, theirs).start();
        let words = format!("{TRUST} --tls-cert @client.pem --tls-key @client.key");
        let client = client(&files, &words, server.port());
        let ended = client.input(&bytes[..ours]).run().code(0);
        assert_whole("python", &ended.stdout, &pattern[..theirs], ended.code);
        let served = server.wait().code(0);
        assert_eq!(served.text(), format!("{ours} {}\n", hash(&bytes[..ours])));
    }
}
