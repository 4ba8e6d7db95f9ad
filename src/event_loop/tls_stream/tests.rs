use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::*;
use crate::sockets::tls::provider;

/// One direction of a wire in memory.
#[derive(Default)]
struct Flow {
    bytes: VecDeque<u8>,
    has_ended: bool,
    /// All that went in.
    total: usize,
    /// Bytes that it takes at once; none is without a limit.
    room: Option<usize>,
    /// Bytes that one read gives; none is without a limit.
    portion: Option<usize>,
    /// What comes behind so many bytes is lost, and an end in its place.
    cut: Option<usize>,
}

struct Wire {
    from: Arc<Mutex<Flow>>,
    to: Arc<Mutex<Flow>>,
}

fn lock(flow: &Arc<Mutex<Flow>>) -> MutexGuard<'_, Flow> {
    flow.lock().unwrap()
}

impl Transport for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut flow = lock(&self.from);
        let most = into.len().min(flow.portion.unwrap_or(usize::MAX)).min(flow.bytes.len());
        if most == 0 {
            return if flow.has_ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        for byte in &mut into[..most] {
            *byte = flow.bytes.pop_front().unwrap();
        }
        Ok(most)
    }

    fn is_empty_after_short_read(&self) -> bool {
        lock(&self.from).portion.is_none()
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut flow = lock(&self.to);
        let mut count = 0;
        for byte in pieces.iter().flat_map(|piece| piece.iter()) {
            if flow.room.is_some_and(|room| flow.bytes.len() >= room) {
                break;
            }
            if flow.cut.is_none_or(|cut| flow.total < cut) {
                flow.bytes.push_back(*byte);
            } else {
                flow.has_ended = true;
            }
            flow.total += 1;
            count += 1;
        }
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    fn finish(&mut self) -> io::Result<()> {
        lock(&self.to).has_ended = true;
        Ok(())
    }
}

struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Configs {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = own.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider());
        let client = client.with_protocol_versions(&[version]).unwrap();
        let server = ServerConfig::builder_with_provider(provider());
        let server = server.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        let mut client = client.with_root_certificates(roots).with_no_client_auth();
        // A handshake that is resumed is shorter.
        client.resumption = Resumption::disabled();
        Self {
            client: Arc::new(client),
            server: Arc::new(server.with_single_cert(vec![certificate], key).unwrap()),
        }
    }

    fn pair(&self) -> Pair {
        let (up, down) = (Arc::default(), Arc::default());
        let client_end = Wire { from: Arc::clone(&down), to: Arc::clone(&up) };
        let server_end = Wire { from: Arc::clone(&up), to: Arc::clone(&down) };
        let name = ServerName::try_from("localhost").unwrap();
        let client = UnbufferedClientConnection::new(self.client.clone(), name).unwrap();
        let server = UnbufferedServerConnection::new(self.server.clone()).unwrap();
        let client = TlsStream::new(Box::new(client_end), TlsSession::of_client(client));
        let server = TlsStream::new(Box::new(server_end), TlsSession::of_server(server));
        Pair { client, server, up, down }
    }
}

/// Both sides, and what is on its way between them.
struct Pair {
    client: TlsStream,
    server: TlsStream,
    up: Arc<Mutex<Flow>>,
    down: Arc<Mutex<Flow>>,
}

/// Enough for handshakes that go byte by byte.
const ROUNDS: usize = 20_000;

impl Pair {
    /// Goes on with the handshakes to their ends.
    fn connect(&mut self) -> (io::Result<()>, io::Result<()>) {
        let (mut client, mut server) = (None::<io::Result<()>>, None);
        for _ in 0..ROUNDS {
            // As the channel does it once it is up.
            for (outcome, stream) in [(&client, &mut self.client), (&server, &mut self.server)] {
                if matches!(outcome, Some(Ok(()))) {
                    let _ = stream.flush();
                }
            }
            if client.is_none() {
                client = self.client.connected().map(|up| up.map(drop)).transpose();
            }
            if server.is_none() {
                server = self.server.connected().map(|up| up.map(drop)).transpose();
            }
            match (client.take(), server.take()) {
                (Some(client), Some(server)) => return (client, server),
                // A side that has given up has ended its direction.
                (Some(Err(error)), None) => {
                    lock(&self.up).has_ended = true;
                    (client, server) = (Some(Err(error)), None);
                }
                (None, Some(Err(error))) => {
                    lock(&self.down).has_ended = true;
                    (client, server) = (None, Some(Err(error)));
                }
                other => (client, server) = other,
            }
        }
        let of =
            |it: &TlsStream| (it.handshake.is_open(), it.incoming.partial.len(), it.outgoing.len());
        panic!("a handshake hangs: {:?} {:?}", of(&self.client), of(&self.server));
    }

    fn connected(mut self) -> Self {
        let (client, server) = self.connect();
        client.unwrap();
        server.unwrap();
        self
    }
}

/// Reads until nothing is there, and returns how it ended: with an end, or else an error.
fn read_all(stream: &mut TlsStream, at_once: usize, read: &mut Vec<u8>) -> io::Result<()> {
    let mut into = vec![0; at_once];
    loop {
        match stream.read(&mut into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) => return Ok(()),
            outcome => read.extend_from_slice(&into[..outcome?]),
        }
    }
}

fn is_pending(outcome: &io::Result<()>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Whether a handshake was cut.
fn is_cut(error: &io::Error) -> bool {
    HandshakeError::of(error).is_some_and(|error| error.kind == Kind::TlsCut)
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Sends all of it, while the other side reads.
fn carry(from: &mut TlsStream, to: &mut TlsStream, bytes: &[u8], at_once: usize) -> Vec<u8> {
    let (mut sent, mut read) = (0, Vec::new());
    let mut ended = false;
    for _ in 0..ROUNDS {
        if sent < bytes.len() {
            match from.write(&[IoSlice::new(&bytes[sent..])]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        } else if !ended {
            match from.finish() {
                Ok(()) => ended = true,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        match read_all(to, at_once, &mut read) {
            Ok(()) => return read,
            outcome => assert!(is_pending(&outcome), "{outcome:?}"),
        }
        // What is kept has a bound, whatever waits.
        assert!(to.incoming.plain.len() <= LEAST && to.incoming.partial.len() <= LEAST);
        assert!(from.outgoing.len() <= sealed(WRITTEN));
    }
    panic!("{sent} bytes are sent, and {} read", read.len());
}

#[test]
fn both_directions_carry_bytes_and_end_by_themselves() {
    for version in [&TLS12, &TLS13] {
        let mut pair = Configs::new(version).pair().connected();
        let bytes = text(300_000);
        assert_eq!(carry(&mut pair.client, &mut pair.server, &bytes, 1 << 17), bytes);
        // One direction is over, and the other is not.
        assert_eq!(carry(&mut pair.server, &mut pair.client, &bytes, 5000), bytes);
    }
}

#[test]
fn a_wire_that_gives_little_and_takes_little_carries_all_the_same() {
    for version in [&TLS12, &TLS13] {
        let configs = Configs::new(version);
        for (portion, room, at_once) in
            [(1, 1, 1 << 17), (7, 100, 1), (16 * 1024 + 21, 1 << 16, 3), (1 << 20, 17, 4096)]
        {
            let mut pair = configs.pair();
            for flow in [&pair.up, &pair.down] {
                (lock(flow).portion, lock(flow).room) = (Some(portion), Some(room));
            }
            pair = pair.connected();
            let bytes = text(if room < 1000 { 900 } else { 70_000 });
            assert_eq!(carry(&mut pair.client, &mut pair.server, &bytes, at_once), bytes);
            assert_eq!(carry(&mut pair.server, &mut pair.client, &bytes, at_once), bytes);
        }
    }
}

#[test]
fn a_handshake_that_is_cut_at_any_byte_fails_on_both_sides() {
    for version in [&TLS12, &TLS13] {
        let configs = Configs::new(version);
        let pair = configs.pair().connected();
        let (up, down) = (lock(&pair.up).total, lock(&pair.down).total);
        for cut in 0..up {
            let mut pair = configs.pair();
            lock(&pair.up).cut = Some(cut);
            let error = pair.connect().1.unwrap_err();
            assert!(is_cut(&error), "{cut} of {up}: {error}");
        }
        // Behind the handshake of TLS 1.3 a server sends tickets.
        for cut in 0..down {
            let mut pair = configs.pair();
            lock(&pair.down).cut = Some(cut);
            if let Err(error) = pair.connect().0 {
                assert!(is_cut(&error), "{cut} of {down}: {error}");
                continue;
            }
            if cut >= lock(&pair.down).total {
                // Signatures differ in their length by a byte or two: nothing is missing.
                continue;
            }
            assert!(cut > down / 2, "{cut} of {down}");
            let error = read_all(&mut pair.client, 100, &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut} of {down}: {error}");
        }
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_gives_whole_records_and_then_an_error() {
    for version in [&TLS12, &TLS13] {
        let configs = Configs::new(version);
        let mut sizes = Vec::new();
        let mut pair = configs.pair().connected();
        let begin = lock(&pair.up).total;
        for _ in 0..3 {
            pair.client.write(&[IoSlice::new(b"0123456789")]).unwrap();
            sizes.push(lock(&pair.up).total - begin);
        }
        pair.client.finish().unwrap();
        let all = lock(&pair.up).total - begin;
        for cut in 0..all {
            let mut pair = configs.pair().connected();
            lock(&pair.up).cut = Some(begin + cut);
            for _ in 0..3 {
                pair.client.write(&[IoSlice::new(b"0123456789")]).unwrap();
            }
            pair.client.finish().unwrap();
            let mut read = Vec::new();
            let error = read_all(&mut pair.server, 1 << 17, &mut read).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut} of {all}: {error}");
            let whole = sizes.iter().filter(|size| **size <= cut).count();
            assert_eq!(read.len(), whole * 10, "{cut} of {all}");
        }
        let mut read = Vec::new();
        read_all(&mut pair.server, 7, &mut read).unwrap();
        assert_eq!(read.len(), 30);
    }
}

#[test]
fn a_byte_that_is_changed_ends_the_stream_behind_what_came_before() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    pair.client.write(&[IoSlice::new(b"good")]).unwrap();
    let good = lock(&pair.up).bytes.len();
    pair.client.write(&[IoSlice::new(b"bad")]).unwrap();
    lock(&pair.up).bytes[good + 6] ^= 1;
    let mut read = Vec::new();
    let error = read_all(&mut pair.server, 1 << 17, &mut read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{error}");
    assert_eq!(read, b"good");
    // The other side learns of it by the alert.
    let error = read_all(&mut pair.client, 1 << 17, &mut read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{error}");
}

#[test]
fn small_pieces_share_a_record() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    let begin = lock(&pair.up).bytes.len();
    let pieces = [IoSlice::new(b"a"), IoSlice::new(b""), IoSlice::new(b"bc"), IoSlice::new(b"d")];
    assert_eq!(pair.client.write(&pieces).unwrap(), 4);
    assert_eq!(lock(&pair.up).bytes.len() - begin, 5 + 4 + 1 + 16);
    let mut read = Vec::new();
    assert!(is_pending(&read_all(&mut pair.server, 3, &mut read)));
    assert_eq!(read, b"abcd");
}

#[test]
fn a_paused_side_keeps_one_read_and_sees_the_end() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    // Tickets are no data.
    assert!(pair.client.needs_read());
    assert!(is_pending(&pair.client.read_ahead().and_then(|()| pair.client.read_ahead())));
    assert!(!pair.client.has_buffered_input() && !pair.client.has_ended().unwrap());
    pair.server.write(&[IoSlice::new(b"kept")]).unwrap();
    pair.client.read_ahead().unwrap();
    assert!(!pair.client.needs_read() && pair.client.has_buffered_input());
    assert_eq!((pair.client.buffered(), pair.client.unread()), (4, 4));
    pair.server.finish().unwrap();
    let mut read = Vec::new();
    read_all(&mut pair.client, 2, &mut read).unwrap();
    assert_eq!(read, b"kept");
}

/// The peer decides how many records carry nothing: the loop is asked before each further read.
#[test]
fn a_read_that_gives_nothing_goes_back_to_the_loop() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    pair.server.write(&[IoSlice::new(b"in parts")]).unwrap();
    lock(&pair.down).portion = Some(1);
    let error = pair.client.read(&mut [0; 100]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(!lock(&pair.down).bytes.is_empty());
    let mut read = Vec::new();
    assert!(is_pending(&read_all(&mut pair.client, 100, &mut read)));
    assert_eq!(read, b"in parts");
}

#[test]
fn close_notify_is_no_data_that_is_missing() {
    let mut pair = Configs::new(&TLS13).pair().connected();
    lock(&pair.up).room = Some(0);
    pair.client.write(&[IoSlice::new(b"kept back")]).unwrap();
    assert!(pair.client.needs_flush());
    assert!(pair.client.unacknowledged() > 9);
    assert_eq!(pair.client.finish().unwrap_err().kind(), ErrorKind::WouldBlock);
    lock(&pair.up).room = None;
    pair.client.finish().unwrap();
    assert!(!pair.client.needs_flush());
    assert_eq!(pair.client.unacknowledged(), 0);
}

mod handshakes;
