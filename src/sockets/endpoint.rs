//! The address of one end of a connection, kept as a value and written out when it is reported.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::sys::unix::SocketName;

/// One end of a connection: `127.0.0.1:51312`, `unix:/path`, `unix` where it has no name, the name
/// that it was dialed by, or `unknown` where the kernel has forgotten it.
///
/// A server keeps one for each client, so all that is rare or large is boxed: it takes 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint(EndpointAddress);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum EndpointAddress {
    Inet4(SocketAddrV4),
    Inet6(Box<SocketAddrV6>),
    Unix(Box<SocketName>),
    /// A unix socket that was never bound, as most clients are.
    Unnamed,
    /// The same of one that this side has dialed by this name.
    #[expect(clippy::box_collection, reason = "one word wide, for a server has many endpoints")]
    Named(Box<String>),
    /// A TCP connection that was reset before anybody asked for its address.
    #[default]
    Unknown,
}

impl Endpoint {
    /// The end that getsockname(2), getpeername(2) or accept(2) returned for an IP socket.
    pub(super) fn inet(address: io::Result<SocketAddr>) -> Self {
        address.map_or(Self(EndpointAddress::Unknown), Self::from)
    }

    /// The same of a unix socket.
    pub(super) fn unix(name: Option<SocketName>) -> Self {
        let named = name.map(|name| EndpointAddress::Unix(Box::new(name)));
        Self(named.unwrap_or(EndpointAddress::Unnamed))
    }

    /// An end by a name, where nobody but the user knows its address.
    pub fn named(name: impl Into<String>) -> Self {
        Self(EndpointAddress::Named(Box::new(name.into())))
    }

    /// A unix socket of this name, of which an abstract one begins with NUL and a path ends at one. Of
    /// more bytes than a name has it is none.
    #[cfg(feature = "cli")]
    pub(super) fn of_unix_bytes(name: &[u8]) -> Self {
        let end = match name {
            [0, rest @ ..] => rest.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 2),
            path => path.iter().position(|byte| *byte == 0).unwrap_or(path.len()),
        };
        Self::unix(name.get(..end).and_then(SocketName::of_bytes))
    }

    /// The bytes of its name, where it is a unix socket.
    #[cfg(feature = "cli")]
    pub(super) fn unix_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            EndpointAddress::Unix(name) => Some(name.as_bytes()),
            EndpointAddress::Unnamed => Some(&[]),
            _ => None,
        }
    }

    /// Its IP address and port, where it has them.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match &self.0 {
            EndpointAddress::Inet4(address) => Some((*address).into()),
            EndpointAddress::Inet6(address) => Some((**address).into()),
            _ => None,
        }
    }

    /// The protocol as events name it.
    pub fn proto(&self) -> &'static str {
        if matches!(self.0, EndpointAddress::Unix(_) | EndpointAddress::Unnamed) {
            "unix"
        } else {
            "tcp"
        }
    }

    /// Whether the kernel no longer knows the address.
    pub fn is_unknown(&self) -> bool {
        matches!(self.0, EndpointAddress::Unknown)
    }

    /// The IP address, where it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            EndpointAddress::Inet4(address) => Some((*address.ip()).into()),
            EndpointAddress::Inet6(address) => Some((*address.ip()).into()),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self(match address {
            SocketAddr::V4(address) => EndpointAddress::Inet4(address),
            SocketAddr::V6(address) => EndpointAddress::Inet6(Box::new(address)),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            EndpointAddress::Inet4(address) => address.fmt(f),
            EndpointAddress::Inet6(address) => address.fmt(f),
            EndpointAddress::Named(name) => f.pad(name),
            EndpointAddress::Unnamed => f.pad("unix"),
            EndpointAddress::Unknown => f.pad("unknown"),
            EndpointAddress::Unix(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_written_as_an_address_names_it() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%3]:80"] {
            let end = Endpoint::from(text.parse::<SocketAddr>().unwrap());
            assert_eq!(end.to_string(), text);
            assert!(end.ip().is_some());
        }
        assert_eq!(Endpoint::unix(None).to_string(), "unix");
        let gone = Endpoint::inet(Err(io::ErrorKind::NotConnected.into()));
        assert_eq!((gone.to_string().as_str(), gone.is_unknown()), ("unknown", true));
    }

    #[test]
    fn an_end_is_small() {
        assert_eq!(size_of::<Endpoint>(), 16);
    }
}
