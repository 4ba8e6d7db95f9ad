//! Plain datagram sockets as the other side, and what the tests of the datagram commands read
//! from wirecat.

use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::net::uninterrupted;
use super::{Ended, PATIENCE, Running};

/// How long silence must last to be taken for nothing, where there is no event for it.
const SILENCE: Duration = Duration::from_millis(200);

impl Running {
    /// The port of the first `listening udp` line.
    #[track_caller]
    pub(crate) fn udp_port(&mut self) -> u16 {
        let line = self.wait_for("listening udp");
        line.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect("a port")
    }

    /// `127.0.0.1:PORT` of the first `listening udp` line.
    #[track_caller]
    pub(crate) fn udp_address(&mut self) -> String {
        format!("127.0.0.1:{}", self.udp_port())
    }
}

impl Ended {
    /// stdout as NDJSON: every line parses, and the last one is the summary, whose code is the
    /// exit status (SPEC section 8).
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("every line is JSON");
        let events: Vec<Value> = self.text().lines().map(parse).collect();
        let last = events.last().expect("a summary");
        assert_eq!(last["event"], "summary", "{last}");
        assert_eq!(last["code"].as_i64(), self.code.map(i64::from), "{last}");
        events
    }

    /// The texts of the `data` events.
    #[track_caller]
    pub(crate) fn texts(&self) -> Vec<String> {
        let events = self.events();
        let data = events.iter().filter(|event| event["event"] == "data");
        data.map(|event| event["text"].as_str().expect("text").to_owned()).collect()
    }
}

/// A plain socket on a free port of 127.0.0.1, which waits for a bounded time only.
pub(crate) fn socket() -> UdpSocket {
    socket_on("127.0.0.1:0")
}

/// A plain socket on this address.
#[track_caller]
pub(crate) fn socket_on(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// The next datagram, and where it came from.
#[track_caller]
pub(crate) fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65536];
    let (size, from) = uninterrupted(|| socket.recv_from(&mut buffer)).expect("a datagram in time");
    buffer.truncate(size);
    (buffer, from)
}

/// The next datagrams, which must be these.
#[track_caller]
pub(crate) fn hear_all<T: AsRef<[u8]>>(socket: &UdpSocket, expected: impl IntoIterator<Item = T>) {
    for one in expected {
        let (datagram, expected) = (hear(socket).0, one.as_ref());
        assert!(
            datagram == expected,
            "{} B {:?} are not {} B {:?}",
            datagram.len(),
            String::from_utf8_lossy(&datagram[..datagram.len().min(80)]),
            expected.len(),
            String::from_utf8_lossy(&expected[..expected.len().min(80)]),
        );
    }
}

/// Nothing waits in the socket. On loopback a datagram is there before its sender goes on.
#[track_caller]
pub(crate) fn hear_nothing(socket: &UdpSocket) {
    socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let error = uninterrupted(|| socket.recv_from(&mut [0; 8])).expect_err("silence");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
}

/// A port that answers everybody with "port unreachable", and that nobody else is given: its
/// socket is connected to itself elsewhere, so it takes datagrams of that peer only (udp(7)).
pub(crate) struct ClosedPort {
    pub(crate) port: u16,
    _socket: Socket,
    _sixth: Socket,
}

impl ClosedPort {
    /// A closed port on 127.0.0.1 and on ::1, with the same number.
    pub(crate) fn new() -> Self {
        for _ in 0..100 {
            let fourth = deaf(&"127.0.0.1:0".parse().expect("an address")).expect("a free port");
            let local = fourth.local_addr().expect("an address").as_socket().expect("UDP");
            let sixth = deaf(&SocketAddr::from((Ipv6Addr::LOCALHOST, local.port())));
            if let Ok(_sixth) = sixth {
                return Self { port: local.port(), _socket: fourth, _sixth };
            }
        }
        panic!("no port is free in both families");
    }

    /// A plain socket takes the port over, on the loopback address of one family; the other
    /// family stays closed.
    pub(crate) fn open(&self, host: &str) -> UdpSocket {
        let address: SocketAddr = format!("{host}:{}", self.port).parse().expect("an address");
        let socket = shared(&address).expect("a shared port");
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }
}

/// A bound socket that leaves room for another one on its port.
fn shared(address: &SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*address), Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&(*address).into())?;
    Ok(socket)
}

fn deaf(address: &SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(*address), Type::DGRAM, None)?;
    // It shares the port once it has it: else it might be given one that another shares.
    socket.bind(&(*address).into())?;
    socket.set_reuse_address(true)?;
    let mut nobody = *address;
    nobody.set_port(9);
    socket.connect(&nobody.into())?;
    Ok(socket)
}
