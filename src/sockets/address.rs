//! What an address can be, how it is written, and what is wrong with one that is not.
//!
//! Plain data: nothing here is resolved or opened. The reading of it is in `grammar`.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::str::FromStr;

use super::grammar;
use crate::error::{Failure, Remedy, Status};
use crate::kind::Kind;

/// An address as the user wrote it. `Display` writes it so that it can be read again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A host and a port.
    Inet {
        /// Which machine, or which interfaces of this one.
        host: Host,
        /// The port; 0 lets the kernel choose one to listen on.
        port: u16,
    },
    /// `unix:/path` or `unix:@abstract`.
    Unix(UnixName),
    /// `fd:3` or `fd:`.
    Fd(FdName),
}

/// The host part of an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A port alone (`8080`): this machine, and nobody else.
    Loopback,
    /// A colon and a port (`:8080`): all interfaces; to connect, this machine.
    Any,
    /// A literal address, with the interface of a link-local one (`fe80::1%eth0`).
    Ip(IpAddr, Option<String>),
    /// A name for the resolver.
    Name(String),
}

/// The name of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// A socket file.
    Path(PathBuf),
    /// A name that lives in no file system (Linux only, unix(7)); without its leading NUL.
    Abstract(Vec<u8>),
}

/// An inherited socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FdName {
    /// The descriptor of this number.
    Number(RawFd),
    /// All that socket activation passed on (`LISTEN_FDS`, sd_listen_fds(3)).
    Activated,
}

/// One thing to connect to or to bind to, with nothing left to resolve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An internet address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(UnixName),
    /// An inherited socket, which is connected already.
    Fd(RawFd),
}

/// What is wrong with an address, and what is right. Always exit status 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was written.
    #[error("the address is empty: write HOST:PORT, :PORT, PORT, unix:PATH or fd:N")]
    Empty,
    /// Bytes that are no text, where they are no name of a unix socket.
    #[error("{0:?} is not UTF-8: only unix:PATH need not be")]
    NotText(String),
    /// A host alone.
    #[error("{0:?} has no port: write HOST:PORT")]
    NoPort(String),
    /// A path where a socket file may be meant.
    #[error("{0:?} is a path: write unix:{0} for a socket there")]
    Path(String),
    /// A word for a protocol in front, as other tools have it.
    #[error("{:?} begins with {scheme}:, which no address does", format!("{scheme}:{rest}"))]
    Scheme {
        /// What stands before the first colon.
        scheme: &'static str,
        /// What follows it.
        rest: String,
    },
    /// A number that is no port.
    #[error("port {0} is not between 0 and 65535")]
    PortRange(String),
    /// A word that is no port.
    #[error("{0:?} is neither a port number nor the name of a service")]
    UnknownService(String),
    /// Port 0 to connect to.
    #[error("port 0 cannot be connected to: name the port that the other side listens on")]
    ConnectToPortZero,
    /// An opening bracket without its counterpart.
    #[error("the ] is missing in {0:?}: an IPv6 address is written [::1]:80")]
    MissingBracket(String),
    /// Something other than a port behind the bracket.
    #[error("{0:?} follows the ]: an IPv6 address is written [::1]:80")]
    AfterBracket(String),
    /// More than one colon, and no brackets.
    #[error("{0:?} has more than one colon: an IPv6 address goes in brackets, as in [::1]:80")]
    NoBrackets(String),
    /// A URL.
    #[error("{0:?} is a URL: write HOST:PORT")]
    Url(String),
    /// All digits and dots, and no IPv4 address.
    #[error("{0:?} is not an IPv4 address: write four numbers from 0 to 255")]
    NotIpv4(String),
    /// Brackets around something else than an IPv6 address.
    #[error("{0:?} is not an IPv6 address: brackets are for those, and for names")]
    NotIpv6(String),
    /// An interface that cannot be one, or does not belong there.
    #[error("%{0} does not fit: only a link-local address (fe80::/10) takes %INTERFACE")]
    Scope(String),
    /// A name that no host can have.
    #[error("{name:?} is not a host name: it has {problem}")]
    HostName {
        /// The name.
        name: String,
        /// What it has that a name has not.
        problem: &'static str,
    },
    /// A multicast group where one machine is meant.
    #[error("{0} is a multicast group: {fix}", fix = Remedy::Groups.words())]
    Group(IpAddr),
    /// `unix:` without a name, or one with a NUL.
    #[error("the name of a unix socket is missing or has a NUL: write unix:PATH or unix:@NAME")]
    UnixName,
    /// A name that does not fit into `sockaddr_un`.
    #[error("the name of a unix socket has at most {limit} bytes, this one has {length}")]
    UnixNameTooLong {
        /// Bytes of the name.
        length: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// `fd:` and something that is no descriptor.
    #[error("{0:?} is not the number of a file descriptor: write fd:3")]
    FdNumber(String),
    /// The standard streams are no sockets to connect or listen on.
    #[error("fd {0} is stdin, stdout or stderr: pass a socket as fd 3 or above")]
    StandardFd(RawFd),
    /// `fd:` passes listeners on, which cannot be connected.
    #[error("fd: stands for inherited listeners: to use an inherited connection write fd:N")]
    ConnectActivated,
    /// `--bind` with a descriptor.
    #[error("{0:?} cannot be bound to: write ADDRESS, ADDRESS:PORT, :PORT or unix:PATH")]
    Bind(String),
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        Self::new(Status::Usage, Kind::BadAddress, "use", "the address", error.to_string())
    }
}

impl Address {
    /// The address, where its host is a name.
    pub(crate) fn name(&self) -> Option<String> {
        matches!(self, Self::Inet { host: Host::Name(_), .. }).then(|| self.to_string())
    }

    /// Reads the value of `--bind`: an address, or an IP address alone with port 0 understood.
    ///
    /// # Errors
    /// What is wrong with it; a descriptor has its address already.
    pub fn parse_bind(text: &(impl AsRef<OsStr> + ?Sized)) -> Result<Self, AddressError> {
        let text = text.as_ref();
        let ip = text.to_str().and_then(|text| grammar::ip(grammar::bare(text)));
        let address = match ip {
            Some(host) => Self::Inet { host: host?, port: 0 },
            None => text.try_into()?,
        };
        match address {
            Self::Inet { .. } | Self::Unix(_) => Ok(address),
            Self::Fd(_) => Err(AddressError::Bind(text.to_string_lossy().into_owned())),
        }
    }

    /// Whether a socket that is bound to this address can be connected to the other one.
    ///
    /// # Errors
    /// Why not.
    pub fn check_bound(&self, to: &Self) -> Result<(), String> {
        match (self, to) {
            (_, Self::Fd(_)) => Err("an inherited socket has its address already".to_owned()),
            (Self::Inet { .. }, Self::Inet { .. }) | (Self::Unix(_), Self::Unix(_)) => Ok(()),
            _ => Err(format!("{to} is an address of another kind")),
        }
    }

    /// Whether this address can be connected to: it names a port, and no listener.
    ///
    /// # Errors
    /// Port 0, and `fd:` alone.
    pub fn check_connect(&self) -> Result<(), AddressError> {
        match self {
            Self::Inet { port: 0, .. } => Err(AddressError::ConnectToPortZero),
            Self::Fd(FdName::Activated) => Err(AddressError::ConnectActivated),
            _ => Ok(()),
        }
    }
}

impl TryFrom<&OsStr> for Address {
    type Error = AddressError;

    /// Reads an address of the command line, which need not be UTF-8.
    fn try_from(text: &OsStr) -> Result<Self, AddressError> {
        grammar::os_address(text)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        grammar::address(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host: Host::Loopback, port } => write!(out, "{port}"),
            Self::Inet { host, port } => write!(out, "{host}:{port}"),
            Self::Unix(name) => name.fmt(out),
            Self::Fd(FdName::Number(fd)) => write!(out, "fd:{fd}"),
            Self::Fd(FdName::Activated) => out.write_str("fd:"),
        }
    }
}

impl Address {
    /// The name of the machine that it means; nothing where it means none.
    #[cfg(feature = "tls")]
    pub(crate) fn host_name(&self) -> String {
        match self {
            Self::Inet { host: Host::Any, .. } => Host::Loopback.to_string(),
            Self::Inet { host, .. } => host.to_string(),
            Self::Unix(_) | Self::Fd(_) => String::new(),
        }
    }
}

impl fmt::Display for Host {
    /// What stands before the colon.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => out.write_str("localhost"),
            Self::Any => Ok(()),
            Self::Ip(IpAddr::V4(ip), _) => write!(out, "{ip}"),
            Self::Ip(IpAddr::V6(ip), None) => write!(out, "[{ip}]"),
            Self::Ip(IpAddr::V6(ip), Some(scope)) => write!(out, "[{ip}%{scope}]"),
            Self::Name(name) => out.write_str(name),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(out, "unix:{}", path.display()),
            Self::Abstract(name) => write!(out, "unix:@{}", String::from_utf8_lossy(name)),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Unix(name) => name.fmt(out),
            Self::Fd(fd) => write!(out, "fd:{fd}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_ip_address_can_be_bound_to() {
        let bound = |text| Address::parse_bind(text).map(|address| address.to_string());
        for (text, address) in [
            ("10.0.0.1", "10.0.0.1:0"),
            ("::1", "[::1]:0"),
            ("[::1]", "[::1]:0"),
            ("fe80::1%eth0", "[fe80::1%eth0]:0"),
            ("10.0.0.1:53", "10.0.0.1:53"),
            ("[::1]:53", "[::1]:53"),
            (":5000", ":5000"),
            ("localhost:0", "localhost:0"),
            ("unix:/x", "unix:/x"),
            ("unix:@x", "unix:@x"),
        ] {
            assert_eq!(bound(text).as_deref(), Ok(address), "{text}");
        }
        assert_eq!(bound("fd:3"), Err(AddressError::Bind("fd:3".to_owned())));
        assert!(matches!(bound("239.1.2.3"), Err(AddressError::Group(_))));
        assert!(matches!(bound("localhost"), Err(AddressError::NoPort(_))));
    }

    #[test]
    fn only_a_peer_can_be_connected_to() {
        let check = |text: &str| text.parse::<Address>().unwrap().check_connect();
        assert_eq!(check("localhost:0"), Err(AddressError::ConnectToPortZero));
        assert_eq!(check("0"), Err(AddressError::ConnectToPortZero));
        assert_eq!(check("fd:"), Err(AddressError::ConnectActivated));
        for text in ["8080", "[::1]:80", "unix:/x", "fd:3"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_bad_address_is_a_usage_failure() {
        let error = "99999".parse::<Address>().unwrap_err();
        let failure = Failure::from(error);
        assert_eq!(failure.status, Status::Usage);
        assert_eq!(
            failure.to_string(),
            "cannot use the address: port 99999 is not between 0 and 65535"
        );
    }
}
