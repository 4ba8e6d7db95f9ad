//! The tools that wirecat must work with and is measured against, each with the flags that make
//! it pass a stream on whole and end by itself. The tests and the bench share them.
//!
//! The bench is no test to the compiler, so nothing here may panic.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use socket2::{Domain, Socket, Type};

/// Which way the stream goes, as the tool sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// stdin to the wire.
    Send,
    /// The wire to stdout.
    Receive,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The netcat of OpenBSD, which Debian installs as `nc`.
    Nc,
    /// The netcat of Nmap.
    Ncat,
    /// socat, with its own block size (8 KiB) or another one.
    Socat { block: Option<u32> },
}

impl Peer {
    pub(crate) fn program(self) -> &'static str {
        match self {
            // `nc` may be any of several netcats; this name is only this one's.
            Self::Nc => "nc.openbsd",
            Self::Ncat => "ncat",
            Self::Socat { .. } => "socat",
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        installed(self.program())
    }

    /// The tool as a server of one connection on a port of 127.0.0.1.
    pub(crate) fn serve(self, role: Role, port: u16) -> Command {
        self.command(role, &["-l"], port, format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr"))
    }

    /// The tool as a client of that port.
    pub(crate) fn connect(self, role: Role, port: u16) -> Command {
        self.command(role, &[], port, format!("TCP:127.0.0.1:{port}"))
    }

    fn command(self, role: Role, listen: &[&str], port: u16, socat_address: String) -> Command {
        let mut command = Command::new(self.program());
        match (self, role) {
            // -N: FIN at the end of stdin; without it nc keeps the connection open, and the
            // receiver waits for ever.
            (Self::Nc, Role::Send) => command.arg("-N"),
            // -d: no stdin, so that nothing but the sender's FIN ends it.
            (Self::Nc, Role::Receive) => command.arg("-d"),
            // Without these ncat closes only when both directions have ended.
            (Self::Ncat, Role::Send) => command.arg("--send-only"),
            (Self::Ncat, Role::Receive) => command.arg("--recv-only"),
            // -u: one direction. In both, socat cuts off what comes later than half a second
            // after the first end (-t).
            (Self::Socat { .. }, _) => command.arg("-u"),
        };
        match (self, role) {
            (Self::Nc | Self::Ncat, _) => {
                command.args(listen).arg("127.0.0.1").arg(port.to_string());
            }
            (Self::Socat { block }, role) => {
                command.args(block.map(|size| format!("-b{size}")));
                match role {
                    Role::Send => command.args(["STDIN", &socat_address]),
                    Role::Receive => command.args([&socat_address, "STDOUT"]),
                };
            }
        }
        command
    }
}

/// Whether a program is in the path.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Whether a port can be bound as servers do, with `SO_REUSEADDR`. Nobody listens on it meanwhile: a child that
/// another test is starting has a copy of the socket until its exec, and that may not be in the way of a server.
pub(crate) fn is_bindable(address: Ipv4Addr, port: u16) -> bool {
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| {
        let address = SocketAddrV4::new(address, port).into();
        socket.set_reuse_address(true).and_then(|()| socket.bind(&address)).is_ok()
    })
}

/// A port of 127.0.0.1 that the operating system gives nobody else, for a tool that cannot ask
/// for a free one itself.
pub(crate) struct Reserved {
    pub(crate) port: u16,
    _socket: Socket,
}

impl Reserved {
    /// Binds a port and never listens on it. With `SO_REUSEADDR` on both sides, as every server
    /// here sets it, another socket may then bind the port by its number and listen (socket(7)),
    /// while port 0 never gives it.
    pub(crate) fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?.as_socket();
        let port = address.map(|address| address.port()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { port, _socket: socket })
    }
}
