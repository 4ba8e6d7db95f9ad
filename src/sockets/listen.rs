//! Opening listeners.
//!
//! One address may mean several sockets; all of them are open, on one port, or none is.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::net::{TcpListener, UnixListener};
use socket2::Type;

use super::address::Address;
use super::binding::{Bindable, open_all};
use super::endpoint::Endpoint;
use super::inherited::SocketRole;
use super::options::SocketOptions;
use super::resolve::{Family, local_addresses};
use super::stream::keep_urgent_byte;
use super::unix::UnixGuard;
use crate::error::{Failure, Status};
use crate::sys::unix::local_name;

/// Opens every listener that an address means, with warnings of what the kernel changed. A name is
/// looked up in place.
///
/// # Errors
/// `Status::Listen`, or that of resolving, of an option, or of an inherited descriptor.
pub fn listen(
    address: &Address,
    family: Family,
    options: &SocketOptions,
) -> Result<(Vec<OpenListener>, Vec<String>), Failure> {
    listen_at(address, &local_addresses(address, family)?, options)
}

/// The same where the addresses of an internet host are known; the others have none.
///
/// # Errors
/// Those of [`listen`], but for resolving.
pub fn listen_at(
    address: &Address,
    found: &[SocketAddr],
    options: &SocketOptions,
) -> Result<(Vec<OpenListener>, Vec<String>), Failure> {
    let (listening, changed) = open_all(address, found, options)?;
    let warnings = backlog_warning(options).into_iter().chain(changed).collect();
    Ok((listening, warnings))
}

/// Linux cuts the backlog without a word (listen(2)).
fn backlog_warning(options: &SocketOptions) -> Option<String> {
    let asked = options.asked_backlog()?;
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?;
    let limit = limit.trim().parse::<i32>().ok()?;
    (asked > limit)
        .then(|| format!("backlog {asked} was cut to {limit} by the kernel (net.core.somaxconn)"))
}

/// An open socket, non-blocking, and what is to be known of it.
#[derive(Debug)]
pub struct OpenSocket<S> {
    /// The socket.
    pub socket: S,
    /// Its own address: `127.0.0.1:43211`, `unix:/path`, or `unix` where it has no name.
    pub local: String,
    /// `tcp`, `udp` or `unix`.
    pub proto: &'static str,
    /// The TCP or UDP port.
    pub port: Option<u16>,
    /// Removes the socket file.
    pub cleanup: Option<UnixGuard>,
}

impl<S: AsFd> OpenSocket<S> {
    /// Lets sockets share the port that ask for it with SO_REUSEPORT, and are of the same user. This one
    /// has shown that nobody else has the port, which one with SO_REUSEPORT does not; set after bind(2),
    /// the option counts for those that come later (socket(7)).
    pub(crate) fn share_port(&self) -> Result<(), Failure> {
        let fail = |error| Failure::io(Status::Listen, "share the port of", &*self.local, &error);
        socket2::SockRef::from(&self.socket).set_reuse_port(true).map_err(fail)
    }
}

/// A listening socket of either kind.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

/// An open listener.
pub type OpenListener = OpenSocket<Listener>;

impl Bindable for Listener {
    const TYPE: Type = Type::STREAM;
    const ROLE: SocketRole = SocketRole::Listener;
    const PROTO: &'static str = "tcp";
    const SHOWN_BY: &'static str = "ss -ltnp";

    fn from_fd(fd: OwnedFd, is_unix: bool) -> Self {
        // Linux hands it on to what is accepted, on TCP.
        keep_urgent_byte(&fd);
        match is_unix {
            true => Self::Unix(UnixListener::from_std(fd.into())),
            false => Self::Tcp(TcpListener::from_std(fd.into())),
        }
    }

    fn local(&self) -> Endpoint {
        match self {
            Self::Tcp(listener) => Endpoint::inet(listener.local_addr()),
            Self::Unix(listener) => Endpoint::unix(local_name(listener)),
        }
    }

    fn before_bind(socket: &socket2::Socket, _: &SocketOptions) -> io::Result<()> {
        // Old connections in TIME-WAIT keep a port for 60 s. A socket that listens keeps it all the
        // same on Linux (socket(7)).
        socket.set_reuse_address(true)
    }

    fn after_bind(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<()> {
        socket.listen(options.backlog())
    }

    /// It listens already; only a backlog that was asked for replaces the parent's.
    fn inherit(socket: &socket2::Socket, options: &SocketOptions) -> io::Result<()> {
        // listen(2) on a listener only sets the backlog.
        options.asked_backlog().map_or(Ok(()), |backlog| socket.listen(backlog))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::kind::Kind;
    use crate::sockets::inherited::tests::inherit;

    fn open(address: &str) -> Result<Vec<OpenListener>, Failure> {
        let address = address.parse::<Address>()?;
        listen(&address, Family::Any, &SocketOptions::default()).map(|(listening, _)| listening)
    }

    fn refusal(address: &str) -> String {
        let failure = open(address).unwrap_err();
        assert_eq!(failure.status, Status::Listen, "{failure}");
        failure.to_string()
    }

    #[test]
    fn loopback_and_any_have_one_port_in_both_families() {
        for address in ["0", ":0", "localhost:0"] {
            let open = open(address).unwrap();
            let port = open[0].port.unwrap();
            for one in &open {
                assert_eq!((one.port, one.proto), (Some(port), "tcp"));
                assert!(one.local.ends_with(&format!(":{port}")));
                assert!(TcpStream::connect(one.local.as_str()).is_ok());
            }
            let refusal = refusal(&open[0].local);
            assert!(refusal.contains("address already in use (another program"), "{refusal}");
        }
    }

    #[test]
    fn a_refused_family_closes_the_other() {
        // A machine without IPv6 has nothing to refuse.
        let Ok(v6_only) = open("[::1]:0") else { return };
        let port = v6_only[0].port.unwrap();
        assert!(refusal(&port.to_string()).contains(&format!("[::1]:{port}")));
        assert!(open(&format!("127.0.0.1:{port}")).is_ok());
    }

    #[test]
    fn a_foreign_address_is_not_ours_to_listen_on() {
        let refusal = refusal("192.0.2.254:0");
        assert!(refusal.ends_with("(no interface has this address)"), "{refusal}");
    }

    #[test]
    fn a_dead_socket_file_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let address = format!("unix:{}", path.display());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let live = open(&address).unwrap();
        assert_eq!(
            (live[0].local.as_str(), live[0].proto, live[0].port),
            (&*address, "unix", None)
        );
        assert!(UnixStream::connect(&path).is_ok());
        assert!(refusal(&address).ends_with("another program listens there"));
        drop(live);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "precious").unwrap();
        let at = |path: &std::path::Path| refusal(&format!("unix:{}", path.display()));
        assert!(at(&file).ends_with(": it is a file, not a socket"));
        assert!(
            at(directory.path()).ends_with(": it is a directory, and a socket is a file in one")
        );
        assert!(at(&directory.path().join("no/s")).ends_with("(its directory must exist)"));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_name_needs_no_file() {
        let address = format!("unix:@wirecat-test-{}", std::process::id());
        let live = open(&address).unwrap();
        assert_eq!(live[0].local, address);
        assert!(refusal(&address).contains("another program listens there"));
    }

    #[test]
    fn an_inherited_listener_is_named_by_its_address() {
        let parent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let local = parent.local_addr().unwrap().to_string();
        let taken = open(&format!("fd:{}", inherit(parent))).unwrap();
        assert_eq!((taken[0].local.as_str(), taken[0].proto), (local.as_str(), "tcp"));
        assert!(TcpStream::connect(local).is_ok());
        assert_eq!(open("fd:9999").unwrap_err().status, Status::Local);
        assert_eq!(open("fd:").unwrap_err().kind, Kind::NoActivation);
    }

    #[test]
    fn warnings_come_once() {
        let mut options = SocketOptions::default();
        options.set("backlog=2147483647").unwrap();
        options.set("sndbuf=1").unwrap();
        let (open, warnings) = listen(&"0".parse().unwrap(), Family::Any, &options).unwrap();
        assert_eq!(open[0].proto, "tcp");
        let raised = warnings.iter().filter(|warning| warning.contains("was raised")).count();
        assert_eq!(raised, 1);
        if cfg!(target_os = "linux") {
            assert!(warnings[0].starts_with("backlog 2147483647 was cut to "));
        }
    }
}
