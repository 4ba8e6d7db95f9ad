//! Starts connections, and finds out whether they were made.
//!
//! Nothing here waits: a connection is begun, and the event loop knows when to look at it again.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::Target;
use super::binding::{inet_failure, new_socket, unix_failure as unix_bind_failure};
use super::endpoint::Endpoint;
use super::inherited::{self, SocketRole};
use super::options::SocketOptions;
use super::stream::StreamSocket;
use super::unix::{self, UnixGuard};
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;

/// Begins a connection without waiting for it, with warnings of what the kernel changed.
///
/// `bind` is the address to connect from; it has to be of the target's kind and family.
///
/// # Errors
/// `Status::Connect` where the kernel refuses at once, or that of binding (`Listen`), of an option
/// (`Usage`) or of an inherited descriptor (`Local`).
pub fn start(
    target: &Target,
    bind: Option<&Target>,
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
    bind: Option<&Target>,
    options: &SocketOptions,
) -> Result<(K::Open, Vec<String>), Failure> {
    let name = target.to_string();
    let failed = |error: io::Error| K::failure(&name, &error);
    let (domain, peer) = match (target, bind) {
        (Target::Tcp(address), Some(Target::Tcp(_)) | None) => {
            (Domain::for_address(*address), SockAddr::from(*address))
        }
        (Target::Unix(path), Some(Target::Unix(_)) | None) => {
            (Domain::UNIX, unix::socket_address(path).map_err(failed)?)
        }
        (_, Some(bind)) => return Err(unbindable(target, bind)),
        (Target::Fd(fd), None) => {
            let (socket, warnings) = inherited::take_with(*fd, K::ROLE, options)?;
            K::inherit(&socket);
            let domain = socket.local_addr().map_err(failed)?.domain();
            return Ok((K::finish(socket, domain, None).map_err(failed)?, warnings));
        }
    };
    let socket = new_socket(domain, K::TYPE).map_err(failed)?;
    let warnings = options.apply(&socket, &name)?;
    if domain != Domain::UNIX {
        kind.prepare(&socket, bind.is_some()).map_err(failed)?;
    }
    let cleanup = bind_socket::<K>(&socket, domain, bind)?;
    // A unix socket connects at once or not at all: EAGAIN is a full backlog (connect(2)).
    match socket.connect(&peer) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => Err(failed(error)),
        _ => Ok((K::finish(socket, domain, cleanup).map_err(failed)?, warnings)),
    }
}

/// Gives a socket the name that was asked for, or the one that its kind has without.
pub(super) fn bind_socket<K: Connectable>(
    socket: &Socket,
    domain: Domain,
    bind: Option<&Target>,
) -> Result<Option<UnixGuard>, Failure> {
    match bind {
        Some(Target::Tcp(address)) => {
            let bound = socket.bind(&(*address).into());
            bound.map(|()| None).map_err(|error| bind_failure(*address, &error))
        }
        Some(Target::Unix(name)) => {
            unix::bind(socket, name).map_err(|error| unix_bind_failure("bind to", name, &error))
        }
        Some(Target::Fd(_)) | None if domain == Domain::UNIX => K::bind_unix(socket),
        Some(Target::Fd(_)) | None => Ok(None),
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

    fn finish(
        socket: Socket,
        domain: Domain,
        cleanup: Option<UnixGuard>,
    ) -> io::Result<StreamSocket> {
        Ok(StreamSocket::from_socket(socket, domain, cleanup))
    }

    fn failure(target: &str, error: &io::Error) -> Failure {
        failure(target, error)
    }
}

/// A socket file sends to socket files, and an internet address to internet addresses; an inherited
/// socket has its address already.
fn unbindable(target: &Target, bind: &Target) -> Failure {
    let cause = format!("{target} is an address of another kind");
    Failure::new(Status::Usage, Kind::Bind, "bind to", bind.to_string(), cause)
}

fn bind_failure(address: SocketAddr, error: &io::Error) -> Failure {
    let failure = inet_failure("bind to", address, error);
    match Errno::from_io_error(error) {
        Some(Errno::ADDRINUSE) => failure.fix("another program uses it; port 0 picks a free one"),
        Some(Errno::AFNOSUPPORT | Errno::INVAL) if failure.fix.is_none() => {
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
        None => tcp_failure(failure, target, error),
    }
}

fn tcp_failure(failure: Failure, target: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::InvalidInput if lacks_interface(target) => failure.fix(INTERFACE),
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

/// What a link-local address lacks (EINVAL, RFC 4007 section 6).
pub(crate) const INTERFACE: &str =
    "a link-local address needs its interface: [ADDRESS%INTERFACE]:PORT";

/// Whether this is a link-local address without an interface.
pub(crate) fn lacks_interface(address: &str) -> bool {
    match address.parse() {
        Ok(SocketAddr::V6(address)) => {
            address.ip().is_unicast_link_local() && address.scope_id() == 0
        }
        _ => false,
    }
}

pub(super) fn unix_failure(failure: Failure, name: &str, error: &io::Error) -> Failure {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN) => failure
            .kind(Kind::Busy)
            .cause("the listener's backlog is full")
            .fix(Remedy::Busy.words()),
        Some(Errno::NOENT) => failure.fix("nothing listens there"),
        // An ordinary user may not write to `/` either, and that is not what is wrong with it.
        Some(Errno::ACCESS) => match foreign_file(name) {
            Some(cause) => failure.cause(cause),
            None => failure.fix("connecting needs the right to write to the file"),
        },
        Some(Errno::PROTOTYPE) if unix::is_seqpacket(name) => failure.fix(Remedy::Packets.words()),
        Some(Errno::PROTOTYPE) => failure.fix(Remedy::Datagrams.words()),
        Some(Errno::CONNREFUSED) => refused_by_file(failure, name),
        _ => failure,
    }
}

/// The kernel refuses alike where the listener is gone and where the file is no socket at all.
fn refused_by_file(failure: Failure, path: &str) -> Failure {
    match foreign_file(path) {
        Some(cause) => failure.cause(cause),
        None => failure.fix("nothing listens there any more"),
    }
}

/// What the file at `path` is, where it is no socket.
fn foreign_file(path: &str) -> Option<String> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    (!kind.is_socket()).then(|| unix::foreign(kind).to_owned())
}
