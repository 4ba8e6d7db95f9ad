//! Starting connections, and telling how they turned out.
//!
//! Nothing here waits: a connection is begun, and the event loop says when to look at it again.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::Target;
use super::binding::new_socket;
use super::endpoint::Endpoint;
use super::inherited::{self, SocketRole};
use super::options::SocketOptions;
use super::stream::StreamSocket;
use super::unix::{self, UnixGuard};
use crate::error::{Failure, Status};
use crate::kind::Kind;

/// Begins a connection without waiting for it, with warnings of what the kernel changed.
///
/// `bind` is the address to connect from; it has to be of the target's family.
///
/// # Errors
/// `Status::Connect` where the kernel refuses at once, or that of binding (`Listen`), of an option
/// (`Usage`) or of an inherited descriptor (`Local`).
pub fn start(
    target: &Target,
    bind: Option<&SocketAddr>,
    options: &SocketOptions,
) -> Result<(StreamSocket, Vec<String>), Failure> {
    open(&StreamDialer, target, bind, options)
}

/// A kind of socket that connects to one peer, and what it does differently where it is opened.
pub(super) trait Connectable {
    type Open;
    const TYPE: Type;
    const ROLE: SocketRole;

    /// What an internet socket needs before bind(2) and connect(2).
    fn prepare(&self, socket: &Socket, is_bound: bool) -> io::Result<()>;

    /// The name of a unix socket that connects, which most need not have.
    fn bind_unix(_: &Socket) -> Result<Option<UnixGuard>, Failure> {
        Ok(None)
    }

    /// What an inherited socket needs.
    fn inherit(_: &Socket) {}

    /// Takes a socket that is connected, or about to be.
    fn finish(socket: Socket, domain: Domain, cleanup: Option<UnixGuard>)
    -> io::Result<Self::Open>;

    /// The failure of `target`.
    fn failure(target: &str, error: &io::Error) -> Failure;
}

/// Opens a socket that is connected to `target` or will be, with warnings of what the kernel
/// changed.
pub(super) fn open<K: Connectable>(
    kind: &K,
    target: &Target,
    bind: Option<&SocketAddr>,
    options: &SocketOptions,
) -> Result<(K::Open, Vec<String>), Failure> {
    let name = target.to_string();
    let failed = |error: io::Error| K::failure(&name, &error);
    let (domain, peer) = match (target, bind) {
        (Target::Tcp(address), _) => (Domain::for_address(*address), SockAddr::from(*address)),
        (_, Some(bind)) => return Err(unbindable(target, *bind)),
        (Target::Unix(path), None) => (Domain::UNIX, unix::socket_address(path).map_err(failed)?),
        (Target::Fd(fd), None) => {
            let (socket, warnings) = inherited::take_with(*fd, K::ROLE, options)?;
            K::inherit(&socket);
            let domain = socket.local_addr().map_err(failed)?.domain();
            return Ok((K::finish(socket, domain, None).map_err(failed)?, warnings));
        }
    };
    let socket = new_socket(domain, K::TYPE).map_err(failed)?;
    let warnings = options.apply(&socket, &name)?;
    let mut cleanup = None;
    if domain == Domain::UNIX {
        cleanup = K::bind_unix(&socket)?;
    } else {
        kind.prepare(&socket, bind.is_some()).map_err(failed)?;
    }
    if let Some(bind) = bind {
        socket.bind(&(*bind).into()).map_err(|error| bind_failure(*bind, &error))?;
    }
    // A unix socket connects at once or not at all: EAGAIN is a full backlog (connect(2)).
    match socket.connect(&peer) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => Err(failed(error)),
        _ => Ok((K::finish(socket, domain, cleanup).map_err(failed)?, warnings)),
    }
}

/// Connections.
struct StreamDialer;

impl Connectable for StreamDialer {
    type Open = StreamSocket;
    const TYPE: Type = Type::STREAM;
    const ROLE: SocketRole = SocketRole::Connection;

    fn prepare(&self, socket: &Socket, is_bound: bool) -> io::Result<()> {
        // A fixed port may still be in TIME-WAIT from the last run.
        if is_bound { socket.set_reuse_address(true) } else { Ok(()) }
    }

    fn finish(socket: Socket, domain: Domain, _: Option<UnixGuard>) -> io::Result<StreamSocket> {
        Ok(StreamSocket::from_socket(socket, domain))
    }

    fn failure(target: &str, error: &io::Error) -> Failure {
        failure(target, error)
    }
}

/// Only an internet socket has a local address to choose.
fn unbindable(target: &Target, bind: SocketAddr) -> Failure {
    let cause = format!("{target} is no internet address");
    Failure::new(Status::Usage, Kind::Bind, "bind to", bind.to_string(), cause)
}

fn bind_failure(address: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::io(Status::Listen, "bind to", address.to_string(), error);
    match Errno::from_io_error(error) {
        Some(Errno::ACCESS) if (1..1024).contains(&address.port()) => {
            failure.fix("ports below 1024 need CAP_NET_BIND_SERVICE")
        }
        Some(Errno::ADDRNOTAVAIL) => failure.fix("no interface has this address"),
        Some(Errno::ADDRINUSE) => failure.fix("another program uses it; port 0 picks a free one"),
        Some(Errno::AFNOSUPPORT | Errno::INVAL) => {
            failure.fix("it must be of the same family as the address to connect to")
        }
        _ => failure,
    }
}

/// The peer and the local end of a connection that was begun, once it is up: `None` means that it
/// is still under way. To be asked when the stream is first writable, as
/// `mio::net::TcpStream::connect` describes.
///
/// # Errors
/// Why there will be no connection.
pub fn finished(stream: &StreamSocket) -> io::Result<Option<(Endpoint, Endpoint)>> {
    let up = || Ok(Some((stream.peer(), stream.local())));
    let StreamSocket::Tcp(tcp) = stream else {
        // connect(2) of a unix socket has succeeded by now.
        return stream.take_error()?.map_or_else(up, Err);
    };
    // ENOTCONN as long as the handshake goes on, and after it has failed (getpeername(2)).
    match tcp.peer_addr() {
        Ok(peer) => {
            let local = tcp.local_addr()?;
            // With nobody listening, a connection to a port of this machine's ephemeral range can
            // meet itself (RFC 9293 section 3.5, simultaneous open): that is nobody.
            if local == peer {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Ok(Some((peer.into(), local.into())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotConnected => match is_over_already(tcp)? {
            true => up(),
            false => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// Whether a connection that has no peer had one, which sent something and then reset: it is to be
/// read like any other. Asking for the error would take it from whoever reads.
fn is_over_already(tcp: &TcpStream) -> io::Result<bool> {
    use io::ErrorKind::{NotConnected, WouldBlock};
    match tcp.peek(&mut [0]) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), WouldBlock | NotConnected) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The failure of a connection that could not be made to `target`, as a `Target` displays.
pub fn failure(target: &str, error: &io::Error) -> Failure {
    // A reset comes from a peer that was there, and so does nonsense: an early loss.
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::InvalidData];
    let is_lost = kinds.contains(&error.kind());
    let status = if is_lost { Status::Lost } else { Status::Connect };
    let failure = Failure::io(status, "connect to", target, error);
    match target.strip_prefix("unix:") {
        Some(name) => unix_failure(failure, name, error),
        None => tcp_failure(failure, error),
    }
}

fn tcp_failure(failure: Failure, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused if error.raw_os_error().is_some() => {
            failure.fix("nothing listens there")
        }
        io::ErrorKind::TimedOut => failure.fix("nothing answers there"),
        io::ErrorKind::AddrNotAvailable => {
            failure.fix("this machine has no such address, or no local port is left")
        }
        _ => failure,
    }
}

pub(super) fn unix_failure(failure: Failure, name: &str, error: &io::Error) -> Failure {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN) => Failure {
            kind: Kind::Busy,
            cause: "the listener's backlog is full".to_owned(),
            ..failure.fix("try again later, or use --wait")
        },
        Some(Errno::NOENT) => failure.fix("nothing listens there"),
        // An ordinary user may not write to `/` either, and that is not what is wrong with it.
        Some(Errno::ACCESS) => match foreign_file(name) {
            Some(cause) => Failure { cause, ..failure },
            None => failure.fix("connecting needs the right to write to the file"),
        },
        Some(Errno::PROTOTYPE) => failure.fix("it is a datagram socket: use udp-send"),
        Some(Errno::CONNREFUSED) => refused_by_file(failure, name),
        _ => failure,
    }
}

/// The kernel refuses alike where the listener is gone and where the file is no socket at all.
fn refused_by_file(failure: Failure, path: &str) -> Failure {
    match foreign_file(path) {
        Some(cause) => Failure { cause, ..failure },
        None => failure.fix("nothing listens there any more"),
    }
}

/// What the file at `path` is, where it is no socket.
fn foreign_file(path: &str) -> Option<String> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    (!kind.is_socket()).then(|| unix::foreign(kind).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::address::UnixName;
    use crate::sockets::inherited::tests::inherit;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::path::Path;
    use std::time::Duration;

    use socket2::SockRef;

    fn begin(target: &Target) -> Result<StreamSocket, Failure> {
        start(target, None, &SocketOptions::default()).map(|(stream, _)| stream)
    }

    fn refusal(target: &Target) -> String {
        let failure = begin(target).unwrap_err();
        assert_eq!(failure.status, Status::Connect, "{failure}");
        failure.to_string()
    }

    fn unix_target(path: &Path) -> Target {
        Target::Unix(UnixName::Path(path.to_owned()))
    }

    /// What becomes of a connection, once it is writable.
    fn outcome(stream: &StreamSocket) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, poll};
        poll(&mut [PollFd::new(stream, PollFlags::OUT)], None)?;
        finished(stream).map(|addresses| addresses.is_some())
    }

    #[test]
    fn a_tcp_connection_comes_up_and_has_names() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = begin(&Target::Tcp(address)).unwrap();
        assert!(outcome(&stream).unwrap());
        let (_, client) = listener.accept().unwrap();
        assert_eq!(stream.peer().to_string(), address.to_string());
        assert_eq!(stream.local().to_string(), client.to_string());
    }

    #[test]
    fn a_refusal_is_known_at_the_first_readiness() {
        // Nothing listens on a port that is bound and no more.
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let address = bound.local_addr().unwrap().as_socket().unwrap();
        let error = match begin(&Target::Tcp(address)) {
            Ok(stream) => outcome(&stream).unwrap_err(),
            Err(failure) => panic!("{failure}"),
        };
        assert_eq!(
            failure("127.0.0.1:9", &error).to_string(),
            "cannot connect to 127.0.0.1:9: connection refused (nothing listens there)"
        );
    }

    #[test]
    fn a_connection_that_meets_itself_is_refused() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = SocketOptions::default();
        let (stream, _) = start(&Target::Tcp(free), Some(&free), &options).unwrap();
        assert_eq!(outcome(&stream).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn what_was_sent_before_an_early_reset_can_be_read() {
        for said in ["last words", ""] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let stream = begin(&Target::Tcp(listener.local_addr().unwrap())).unwrap();
            let (mut peer, _) = listener.accept().unwrap();
            io::Write::write_all(&mut peer, said.as_bytes()).unwrap();
            SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
            drop(peer);
            let reset = match (outcome(&stream), &stream) {
                (Ok(true), StreamSocket::Tcp(tcp)) => {
                    let mut buffer = [0; 20];
                    let count = io::Read::read(&mut &*tcp, &mut buffer).unwrap();
                    assert_eq!(&buffer[..count], said.as_bytes());
                    io::Read::read(&mut &*tcp, &mut buffer).unwrap_err()
                }
                (outcome, _) => outcome.unwrap_err(),
            };
            assert_eq!(failure("x", &reset).status, Status::Lost, "{said:?}: {reset}");
        }
    }

    #[test]
    fn a_connection_comes_from_where_it_is_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target::Tcp(listener.local_addr().unwrap());
        let bound = |from: &str| {
            let from = from.parse::<SocketAddr>().unwrap();
            start(&target, Some(&from), &SocketOptions::default())
        };
        assert!(bound("127.0.0.2:0").unwrap().0.local().to_string().starts_with("127.0.0.2:"));
        let failure = bound("192.0.2.254:0").unwrap_err();
        assert_eq!(failure.status, Status::Listen);
        assert!(failure.to_string().starts_with("cannot bind to 192.0.2.254:0: "));
        assert!(bound("[::1]:0").unwrap_err().to_string().contains("of the same family"));
    }

    #[test]
    fn a_unix_connection_has_the_name_of_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let stream = begin(&unix_target(&path)).unwrap();
        assert!(finished(&stream).unwrap().is_some());
        assert_eq!(stream.peer().to_string(), format!("unix:{}", path.display()));
        assert_eq!(stream.local().to_string(), "unix");
    }

    #[test]
    fn what_cannot_be_connected_to_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let ending = |name: &str| refusal(&unix_target(&at(name)));
        drop(UnixListener::bind(at("dead")).unwrap());
        let _datagrams = UnixDatagram::bind(at("datagrams")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        assert!(ending("none").ends_with("no such file or directory (nothing listens there)"));
        assert!(ending("dead").ends_with("refused (nothing listens there any more)"));
        assert!(ending("datagrams").ends_with("(it is a datagram socket: use udp-send)"));
        assert!(ending("file").ends_with(": it is a file, not a socket"));
        assert!(ending(".").ends_with(": it is a directory, and a socket is a file in one"));
    }

    #[test]
    fn a_full_backlog_is_not_called_a_temporary_lack_of_resources() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        listener.listen(0).unwrap();
        let _first = begin(&unix_target(&path)).unwrap();
        assert!(refusal(&unix_target(&path)).contains("the listener's backlog is full"));
    }

    #[test]
    fn an_inherited_connection_is_taken_over() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let stream = begin(&Target::Fd(inherit(ours))).unwrap();
        assert!(finished(&stream).unwrap().is_some());
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(io::Read::read(&mut &theirs, &mut [0]).unwrap(), 0);
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let failure = begin(&Target::Fd(inherit(datagrams))).unwrap_err();
        assert_eq!(failure.status, Status::Local);
    }
}
