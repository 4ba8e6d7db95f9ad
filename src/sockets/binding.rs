//! What listeners of streams and receivers of datagrams share: which sockets one address means, one
//! port for all of them, and the words for a name that cannot be had.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use socket2::{Domain, Socket, Type};

use super::address::{Address, FdName, UnixName};
use super::inherited;
use super::resolve::{Family, Purpose, resolve};
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
pub(super) fn new_inet_socket(address: SocketAddr, kind: Type) -> io::Result<Socket> {
    let socket = new_socket(Domain::for_address(address), kind)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// One socket that is to be opened.
pub(super) enum Place<'a> {
    Inet(SocketAddr),
    Unix(&'a UnixName),
    Inherited(RawFd),
}

/// Opens every socket that an address means.
///
/// # Errors
/// What `open_one` says, or that of resolving or of the activation.
pub(super) fn open_all<T>(
    address: &Address,
    family: Family,
    mut open_one: impl FnMut(Place<'_>) -> Result<T, Failure>,
    port_of: impl Fn(&T) -> Option<u16>,
) -> Result<Vec<T>, Failure> {
    match address {
        Address::Inet { host, port } => {
            let addresses = resolve(host, *port, family, Purpose::Listen)?;
            on_one_port(&addresses, |it| open_one(Place::Inet(it)), port_of)
        }
        Address::Unix(name) => Ok(vec![open_one(Place::Unix(name))?]),
        Address::Fd(FdName::Number(fd)) => Ok(vec![open_one(Place::Inherited(*fd))?]),
        Address::Fd(FdName::Activated) => {
            inherited::activated()?.map(|fd| open_one(Place::Inherited(fd))).collect()
        }
    }
}

/// Opens a socket for each address, all on one port; where that is 0, on one that is free for all
/// of them. Either all are open or none is, but a family that this machine lacks is left out.
///
/// # Errors
/// What `open_one` says; that of an absent family only where there is no other.
fn on_one_port<T>(
    addresses: &[SocketAddr],
    mut open_one: impl FnMut(SocketAddr) -> Result<T, Failure>,
    port: impl Fn(&T) -> Option<u16>,
) -> Result<Vec<T>, Failure> {
    let is_free_choice = addresses.iter().all(|address| address.port() == 0);
    let mut attempts = 1;
    loop {
        match on_all(addresses, &mut open_one, &port) {
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
fn on_all<T>(
    addresses: &[SocketAddr],
    mut open_one: impl FnMut(SocketAddr) -> Result<T, Failure>,
    port: impl Fn(&T) -> Option<u16>,
) -> Result<Vec<T>, Failure> {
    let mut open: Vec<T> = Vec::new();
    let mut absent = None;
    for address in addresses {
        let mut address = *address;
        if let Some(port) = open.first().and_then(&port) {
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
    failure.kind == Kind::FamilyUnavailable
        || (is_everywhere && failure.kind == Kind::AddressNotAvailable)
}

/// Why an internet address cannot be listened on; `ss` is the command that shows who does.
pub(super) fn inet_failure(address: SocketAddr, ss: &str, error: &io::Error) -> Failure {
    let failure = Failure::io(Status::Listen, "listen on", address.to_string(), error);
    match error.raw_os_error() {
        Some(libc::EACCES) if (1..1024).contains(&address.port()) => {
            failure.fix("ports below 1024 need CAP_NET_BIND_SERVICE")
        }
        Some(libc::EADDRINUSE) => failure.fix(format!(
            "another program listens there; `{ss}` shows which, port 0 picks a free one"
        )),
        Some(libc::EADDRNOTAVAIL) => failure.fix("no interface has this address"),
        Some(libc::EAFNOSUPPORT) => Failure { kind: Kind::FamilyUnavailable, ..failure },
        _ => failure,
    }
}

/// Why a unix name cannot be listened on.
pub(super) fn unix_failure(name: &UnixName, error: &io::Error) -> Failure {
    let failure = Failure::io(Status::Listen, "listen on", name.to_string(), error);
    match (name, error.raw_os_error()) {
        (UnixName::Path(_), Some(libc::ENOENT)) => failure.fix("its directory must exist"),
        (UnixName::Abstract(_), Some(libc::EADDRINUSE)) => {
            failure.fix("another program listens there")
        }
        _ => failure,
    }
}
