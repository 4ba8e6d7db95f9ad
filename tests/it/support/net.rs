//! Plain std sockets to hold against wirecat. Whatever they wait for is bounded by PATIENCE.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use wirecat::sys::socket::unacknowledged;

use super::PATIENCE;
use super::refusing::{self, RefusingListener};
use super::watchdog::watch;

/// A listener on a free port of loopback, and its address.
pub(crate) fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    // On Linux the limit of a listener's reads is that of its accepts.
    SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// The same where many connect at once.
pub(crate) fn listener_with_backlog(backlog: usize) -> (TcpListener, String) {
    let (listener, address) = listener();
    // A second listen(2) changes the backlog of a listener, and nothing else.
    let backlog = i32::try_from(backlog).expect("a small number");
    SockRef::from(&listener).listen(backlog).expect("a longer backlog");
    (listener, address)
}

/// The same, whose connections take next to nothing that is not read.
pub(crate) fn narrow_listener() -> (TcpListener, String) {
    let (listener, address) = listener();
    // An accepted connection has the buffers of its listener (tcp(7)).
    SockRef::from(&listener).set_recv_buffer_size(4096).expect("a small buffer");
    (listener, address)
}

/// A port of loopback that refuses who connects.
pub(crate) struct RefusingPort {
    port: refusing::RefusingPort,
    pub(crate) address: String,
}

impl RefusingPort {
    pub(crate) fn new() -> Self {
        Self::of(refusing::RefusingPort::new())
    }

    /// The same of another address of loopback.
    pub(crate) fn on(host: &str) -> Self {
        Self::of(refusing::RefusingPort::on(host.parse().expect("an address")))
    }

    fn of(port: refusing::RefusingPort) -> Self {
        let address = port.address().to_string();
        Self { port, address }
    }

    /// A listener on it; once that is dropped, the port refuses again.
    pub(crate) fn listen(&self) -> RefusingListener {
        let listener = self.port.listen();
        SockRef::from(&*listener).set_read_timeout(Some(PATIENCE)).expect("a timeout");
        listener
    }
}

/// The next connection.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let socket = SockRef::from(listener);
    if socket.read_timeout().expect("a timeout").is_none() {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    }
    try_accept(listener).expect("somebody connects")
}

/// The same of a [`listener`] where somebody may end before they connect.
pub(crate) fn try_accept(listener: &TcpListener) -> io::Result<TcpStream> {
    listener.accept().map(|(stream, _)| bounded(stream))
}

/// A connection to a server.
pub(crate) fn connect(address: &str) -> TcpStream {
    try_connect(address).expect("the server accepts")
}

/// The same to a server that may be gone, or that resets whom it does not let in.
pub(crate) fn try_connect(address: &str) -> io::Result<TcpStream> {
    TcpStream::connect(address).map(bounded)
}

/// A connection whose kernel takes next to nothing that is not read.
pub(crate) fn connect_narrow(address: &str) -> TcpStream {
    let address: SocketAddr = address.parse().expect("an address");
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.connect(&address.into()).expect("the server accepts");
    bounded(socket.into())
}

/// A connection to a server from another address of loopback.
pub(crate) fn connect_from(ip: Ipv4Addr, address: &str) -> TcpStream {
    try_connect_from(ip, address).expect("the server accepts")
}

/// The same to a server that may turn it away.
pub(crate) fn try_connect_from(ip: Ipv4Addr, address: &str) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((ip, 0)).into()).expect("an address of loopback");
    let address: SocketAddr = address.parse().expect("an address");
    socket.connect(&address.into()).map(|()| bounded(socket.into()))
}

/// The same connection, with a limit for each call.
pub(crate) fn bounded(stream: TcpStream) -> TcpStream {
    watch();
    // As long as for the end of a program: the other side may have much to do before.
    stream.set_read_timeout(Some(4 * PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(4 * PATIENCE)).expect("a timeout");
    stream
}

/// A server for one connection, in a thread of its own.
pub(crate) struct Peer<T> {
    pub(crate) address: String,
    thread: JoinHandle<T>,
}

/// Serves the next connection.
pub(crate) fn peer<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> Peer<T> {
    let (listener, address) = listener();
    let thread = thread::spawn(move || serve(accept(&listener)));
    Peer { address, thread }
}

impl<T> Peer<T> {
    /// Waits for its end.
    #[track_caller]
    pub(crate) fn join(self) -> T {
        self.thread.join().expect("the peer is content")
    }
}

/// Ends a connection with RST.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a linger time");
}

/// Tries again where a signal interrupted it: a receive with a time limit is not restarted by the
/// kernel, not even after a mere stop and continue (signal(7)).
pub(crate) fn uninterrupted<T>(mut receive: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match receive() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Everything up to the end, which must be a FIN.
#[track_caller]
pub(crate) fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the stream ends in order");
    bytes
}

/// Everything up to the end, in whatever way it ends.
pub(crate) fn read_what_comes(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {} bytes", bytes.len());
    }
    bytes
}

/// Everything up to a reset, in which it has to end.
#[track_caller]
pub(crate) fn until_reset(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).expect_err("it ends with a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "after {} bytes", bytes.len());
    bytes
}

/// The same of somebody who is turned away, which may come before connect(2) has returned.
#[track_caller]
pub(crate) fn until_turned_away(connected: io::Result<TcpStream>) -> Vec<u8> {
    let failed = |error: io::Error| {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it may not connect");
        Vec::new()
    };
    connected.map_or_else(failed, |stream| until_reset(&stream))
}

/// Exactly so many bytes.
#[track_caller]
pub(crate) fn read_exactly(mut stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("the bytes come");
    bytes
}

/// Waits until the other kernel has everything.
#[track_caller]
pub(crate) fn wait_for_delivery(stream: &TcpStream) {
    assert!(is_delivered_within(PATIENCE, stream), "the data is not taken");
}

/// Waits so long until the other kernel has everything, and returns whether it has.
pub(crate) fn is_delivered_within(time: Duration, stream: &TcpStream) -> bool {
    let deadline = Instant::now() + time;
    while unacknowledged(stream) > 0 {
        if Instant::now() > deadline {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// Sends `chunk` over and over, until so many bytes are sent or none is taken for a second; returns
/// how many were. A server that is merely late passes for one that holds the sender back.
pub(crate) fn push(stream: &TcpStream, chunk: &[u8], total: usize) -> usize {
    let (mut stream, chunk) = (stream.try_clone().unwrap(), chunk.to_vec());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    thread::spawn(move || {
        while count.load(Ordering::Relaxed) < total {
            // It ends with its connection.
            let Ok(taken) = stream.write(&chunk) else { return };
            count.fetch_add(taken, Ordering::Relaxed);
        }
    });
    let (mut last, mut since) = (0, Instant::now());
    while last < total && since.elapsed() < Duration::from_secs(1) {
        thread::sleep(Duration::from_millis(20));
        let now = sent.load(Ordering::Relaxed);
        if now > last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// What a server answers to one who says all of this at once.
#[track_caller]
pub(crate) fn answer(address: &str, question: &str) -> String {
    let mut client = connect(address);
    client.write_all(question.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    String::from_utf8(read_all(&client)).unwrap()
}

/// Whether nothing comes for a while: the pause in time is what is tested.
#[track_caller]
pub(crate) fn is_silent(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let outcome = uninterrupted(|| stream.read(&mut [0]));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    outcome.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
