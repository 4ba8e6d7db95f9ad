//! Opening listeners of streams and receivers of datagrams: which sockets one address means, one
//! port for all of them, and the words for a name that cannot be had.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};

use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use super::address::{Address, FdName, UnixName};
use super::connect::{INTERFACE, lacks_interface};
use super::endpoint::Endpoint;
use super::inherited::{self, SocketRole};
use super::listen::OpenSocket;
use super::options::SocketOptions;
use super::unix::{self, UnixGuard};
use crate::error::{Failure, Status};
use crate::kind::Kind;

/// How many ports are tried until one is free in both families.
const PORT_ATTEMPTS: usize = 20;

/// A new non-blocking socket. Linux makes it so in the same call; elsewhere it takes another one.
///
/// # Errors
/// Those of socket(2).
pub(super) fn new_socket(domain: Domain, kind: Type) -> io::Result<Socket> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    // socket2 adds SOCK_CLOEXEC, so that no child inherits it.
    return Socket::new(domain, kind.nonblocking(), None);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    {
        let socket = Socket::new(domain, kind, None)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// A new socket that is to be bound to this address. Each family has a socket of its own; with one
/// for both, IPv4 peers appear as ::ffff:….
///
/// # Errors
/// Those of socket(2) and setsockopt(2).
fn new_inet_socket(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = new_socket(Domain::for_address(address), kind)?;
    if address.is_ipv6() {
        // Before bind(2), where it counts; the default is net.ipv6.bindv6only (ipv6(7)).
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// A socket that waits for peers, and what its kind does differently where it is opened.
pub(super) trait Bindable: Sized {
    const TYPE: Type;
    const ROLE: SocketRole;
    /// The protocol of an internet socket, as events name it.
    const PROTO: &'static str;
    /// The command that shows which program has a port.
    const SHOWN_BY: &'static str;

    /// Takes a non-blocking socket.
    fn from_fd(fd: OwnedFd, is_unix: bool) -> Self;

    /// Its own address.
    fn local(&self) -> Endpoint;

    /// What an internet socket needs before bind(2).
    fn before_bind(socket: &Socket, options: &SocketOptions) -> io::Result<()>;

    /// What a socket needs after bind(2).
    fn after_bind(_: &Socket, _: &SocketOptions) -> io::Result<()> {
        Ok(())
    }

    /// What an inherited socket needs.
    fn inherit(socket: &Socket, options: &SocketOptions) -> io::Result<()>;
}

/// Takes a non-blocking socket with its address as the kernel has it.
pub(super) fn opened<S: Bindable>(
    socket: Socket,
    cleanup: Option<UnixGuard>,
) -> io::Result<OpenSocket<S>> {
    // Asked of the kernel, which has chosen a port by now where 0 was given.
    let address = socket.local_addr()?.as_socket();
    let socket = S::from_fd(socket.into(), address.is_none());
    let (proto, local) = match address {
        Some(address) => (S::PROTO, address.to_string()),
        None => ("unix", socket.local().to_string()),
    };
    let port = address.map(|address| address.port());
    Ok(OpenSocket { local, socket, proto, port, cleanup })
}

/// Opens every socket that an address means, with warnings of what the kernel changed. `found` are
/// the addresses of an internet host.
///
/// # Errors
/// `Status::Listen`, or that of an option, of an inherited descriptor or of the activation.
pub(super) fn open_all<S: Bindable>(
    address: &Address,
    found: &[SocketAddr],
    options: &SocketOptions,
) -> Result<(Vec<OpenSocket<S>>, Vec<String>), Failure> {
    let mut binder = Binder { options, warnings: Vec::new() };
    let open = match address {
        Address::Inet { .. } => on_one_port(found, |address| binder.inet(address))?,
        Address::Unix(name) => vec![binder.unix(name)?],
        Address::Fd(FdName::Number(fd)) => vec![binder.inherited(*fd)?],
        Address::Fd(FdName::Activated) => {
            inherited::activated()?.map(|fd| binder.inherited(fd)).collect::<Result<_, _>>()?
        }
    };
    // A buffer has the same warning in both families.
    binder.warnings.dedup();
    Ok((open, binder.warnings))
}

/// Opens one socket after the other, and keeps the warnings.
struct Binder<'a> {
    options: &'a SocketOptions,
    warnings: Vec<String>,
}

impl Binder<'_> {
    fn inet<S: Bindable>(&mut self, address: SocketAddr) -> Result<OpenSocket<S>, Failure> {
        let failed = |error: io::Error| listen_failure(address, S::SHOWN_BY, &error);
        let socket = new_inet_socket(address, S::TYPE).map_err(failed)?;
        self.warnings.extend(self.options.apply(&socket, &address.to_string())?);
        // The options and these come before bind(2), which looks at SO_REUSEADDR and SO_REUSEPORT,
        // and before listen(2): accepted sockets inherit what a listener has.
        S::before_bind(&socket, self.options).map_err(failed)?;
        socket.bind(&address.into()).map_err(failed)?;
        S::after_bind(&socket, self.options).map_err(failed)?;
        opened(socket, None).map_err(failed)
    }

    fn unix<S: Bindable>(&mut self, name: &UnixName) -> Result<OpenSocket<S>, Failure> {
        let failed = |error: io::Error| unix_failure("listen on", name, &error);
        let socket = new_socket(Domain::UNIX, S::TYPE).map_err(failed)?;
        self.warnings.extend(self.options.apply(&socket, &name.to_string())?);
        // Unix names know no sharing: SO_REUSEADDR changes nothing about them.
        let cleanup = match self.options.unix_mode() {
            Some(mode) => unix::bind_with_mode(&socket, name, mode).map_err(failed)?,
            None => unix::bind(&socket, name).map_err(failed)?,
        };
        S::after_bind(&socket, self.options).map_err(failed)?;
        opened(socket, cleanup).map_err(failed)
    }

    fn inherited<S: Bindable>(&mut self, fd: RawFd) -> Result<OpenSocket<S>, Failure> {
        let failed =
            |error: io::Error| Failure::io(Status::Local, "use", format!("fd:{fd}"), &error);
        let (socket, warnings) = inherited::take_with(fd, S::ROLE, self.options)?;
        self.warnings.extend(warnings);
        S::inherit(&socket, self.options).map_err(failed)?;
        opened(socket, None).map_err(failed)
    }
}

/// Opens a socket for each address, all on one port; where that is 0, on one that is free for all
/// of them. Either all are open or none is, but a family that this machine lacks is left out.
///
/// # Errors
/// Those of `open_one`; that of an absent family only where there is no other.
fn on_one_port<S>(
    addresses: &[SocketAddr],
    mut open_one: impl FnMut(SocketAddr) -> Result<OpenSocket<S>, Failure>,
) -> Result<Vec<OpenSocket<S>>, Failure> {
    let is_free_choice = addresses.iter().all(|address| address.port() == 0);
    let mut attempts = 1;
    loop {
        // The kernel picks the port for one family; in the other somebody may have it.
        match on_all(addresses, &mut open_one) {
            Err(failure)
                if is_free_choice
                    && failure.kind == Kind::AddressInUse
                    && attempts < PORT_ATTEMPTS =>
            {
                attempts += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Opens a socket for each address, on the port of the first.
fn on_all<S>(
    addresses: &[SocketAddr],
    mut open_one: impl FnMut(SocketAddr) -> Result<OpenSocket<S>, Failure>,
) -> Result<Vec<OpenSocket<S>>, Failure> {
    let mut open: Vec<OpenSocket<S>> = Vec::new();
    let mut absent = None;
    for address in addresses {
        let mut address = *address;
        // With IPV6_V6ONLY both families can hold one port number; without it the second bind(2) of
        // a wildcard address gives EADDRINUSE.
        if let Some(port) = open.first().and_then(|first| first.port) {
            address.set_port(port);
        }
        match open_one(address) {
            Ok(one) => open.push(one),
            Err(failure) if is_absent_family(address, &failure) => absent = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    match absent {
        Some(failure) if open.is_empty() => Err(failure),
        _ => Ok(open),
    }
}

/// Whether a machine without this family of addresses, or with it turned off, fails so.
fn is_absent_family(address: SocketAddr, failure: &Failure) -> bool {
    let is_everywhere = address.ip().is_loopback() || address.ip().is_unspecified();
    // EAFNOSUPPORT without IPv6 in the kernel; EADDRNOTAVAIL where net.ipv6.conf.all.disable_ipv6
    // has taken ::1 away.
    failure.kind == Kind::FamilyUnavailable
        || (is_everywhere && failure.kind == Kind::AddressNotAvailable)
}

/// Why an internet address cannot be listened on; `ss` is the command that shows who does.
fn listen_failure(address: SocketAddr, ss: &str, error: &io::Error) -> Failure {
    let failure = inet_failure("listen on", address, error);
    match Errno::from_io_error(error) {
        Some(Errno::ADDRINUSE) => failure.fix(format!(
            "another program listens there; `{ss}` shows which, port 0 picks a free one"
        )),
        Some(Errno::AFNOSUPPORT) => failure.kind(Kind::FamilyUnavailable),
        _ => failure,
    }
}

/// Why no socket can have an internet address, with what helps whatever it is for.
pub(crate) fn inet_failure(
    operation: &'static str,
    address: SocketAddr,
    error: &io::Error,
) -> Failure {
    let failure = Failure::io(Status::Listen, operation, address.to_string(), error);
    match Errno::from_io_error(error) {
        // EACCES below net.ipv4.ip_unprivileged_port_start, which is 1024 by default. For port 0
        // the kernel picks from ip_local_port_range.
        Some(Errno::ACCESS) if (1..1024).contains(&address.port()) => {
            failure.fix("ports below 1024 need CAP_NET_BIND_SERVICE")
        }
        Some(Errno::ADDRNOTAVAIL) => failure.fix("no interface has this address"),
        Some(Errno::INVAL) if lacks_interface(&address.to_string()) => failure.fix(INTERFACE),
        _ => failure,
    }
}

/// Why a unix name cannot be listened on, or bound to.
pub(super) fn unix_failure(operation: &'static str, name: &UnixName, error: &io::Error) -> Failure {
    let failure = Failure::io(Status::Listen, operation, name.to_string(), error);
    match (name, Errno::from_io_error(error)) {
        (UnixName::Path(_), Some(Errno::NOENT)) => failure.fix("its directory must exist"),
        // An abstract name ends with its socket, so whoever holds it is alive. A file may be left
        // by the dead: `unix::bind` distinguishes those.
        (UnixName::Abstract(_), Some(Errno::ADDRINUSE)) => {
            failure.fix("another program listens there")
        }
        _ => failure,
    }
}
