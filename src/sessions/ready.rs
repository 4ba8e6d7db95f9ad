//! Readiness: the notices that this side is listening, joined or connected, with its addresses.
//!
//! It owns the port file, the descriptor of `--ready-fd` and the notice to the service manager. The
//! session decides when it is ready.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use rustix::net::SendFlags;

use crate::error::{Failure, Status};
use crate::sockets::datagram::Reach;
use crate::sockets::{Address, SocketOptions, datagram, first_target};
use crate::sys::fd;

/// Who waits for this side to be ready.
#[derive(Clone, Debug, Default)]
pub struct ReadyTargets {
    /// Where the local ports are written.
    pub port_file: Option<PathBuf>,
    /// The descriptor that gets a `\n`, and is closed.
    pub ready_fd: Option<ReadyFd>,
}

/// A descriptor that the parent waits on. Its number stands for it until it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyFd(RawFd);

impl ReadyFd {
    /// Checks that there is something to write to under this number, and keeps it from children.
    ///
    /// # Errors
    /// `Status::Local`: it is not open, or not for writing.
    pub fn new(number: RawFd) -> Result<Self, Failure> {
        fd::claim_writable(number).map_err(|error| {
            Failure::io(Status::Local, "use", format!("--ready-fd {number}"), &error).fix(format!(
                "the parent opens it for writing, as the shell does with {number}>FILE"
            ))
        })?;
        Ok(Self(number))
    }

    fn write(self) -> io::Result<()> {
        let fd: OwnedFd = fd::adopt(self.0)?;
        fs::File::from(fd).write_all(b"\n")
    }
}

impl ReadyTargets {
    /// Tells everybody, once everything works. `locals` are the addresses of this side. Returns
    /// what went wrong without doing harm.
    ///
    /// # Errors
    /// `Status::Local`: a file or descriptor that cannot be written.
    pub(crate) fn announce(&mut self, locals: &[String]) -> Result<Option<String>, Failure> {
        // The file first: whoever is woken by the other two reads the ports at once.
        if let Some(path) = self.port_file.take() {
            write_ports(&path, locals)?;
        }
        if let Some(fd) = self.ready_fd.take() {
            fd.write().map_err(|error| {
                Failure::io(Status::Local, "write to", format!("--ready-fd {}", fd.0), &error)
            })?;
        }
        Ok(notify("READY=1").err().map(|failure| failure.to_string()))
    }

    /// Notifies the service manager that the shutdown has begun. A failure of that changes nothing.
    pub(crate) fn announce_end() {
        let _ = notify("STOPPING=1");
    }
}

/// Tells the service manager, if there is one (sd_notify(3)): a path, or `@` and an abstract name.
fn notify(word: &str) -> Result<(), Failure> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address: Address = format!("unix:{}", name.to_string_lossy()).parse()?;
    let (opened, _) = datagram::connect(
        &first_target(&address)?,
        None,
        &SocketOptions::default(),
        Reach::default(),
    )?;
    let sent = rustix::net::send(&opened.socket, word.as_bytes(), SendFlags::NOSIGNAL);
    sent.map(|_| ())
        .map_err(|error| Failure::io(Status::Local, "tell", "NOTIFY_SOCKET", &error.into()))
}

/// What a command that is started in readiness has in its environment: the address, host and port
/// that reach this listener, or that this client talks to.
pub(crate) fn environment(address: &str) -> Vec<(&'static str, OsString)> {
    let mut variables = Vec::new();
    let address = match address.parse::<SocketAddr>() {
        Ok(mut it) => {
            it.set_ip(reachable(it.ip()));
            // An IPv6 address with its interface is written so by `SocketAddr` alone.
            let text = it.to_string();
            let host = text.rsplit_once(':').map_or("", |(host, _)| host);
            variables.push(("WIRECAT_HOST", host.trim_matches(['[', ']']).into()));
            variables.push(("WIRECAT_PORT", it.port().to_string().into()));
            text
        }
        Err(_) => address.to_owned(),
    };
    variables.push(("WIRECAT_ADDR", address.into()));
    variables
}

/// All interfaces are reached by the loopback one, among others.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Writes the ports to a file, one a line, each once. A regular file appears whole or not at
/// all: it is written under another name and renamed. A pipe or device is written as it is.
fn write_ports(path: &Path, locals: &[String]) -> Result<(), Failure> {
    let mut text = String::new();
    let mut last = None;
    for port in locals.iter().filter_map(|local| local.parse().ok()).map(|it: SocketAddr| it.port())
    {
        if last.replace(port) != Some(port) {
            text.push_str(&format!("{port}\n"));
        }
    }
    write_whole(path, text.as_bytes()).map_err(|error| {
        Failure::io(Status::Local, "write the ports to", path.display().to_string(), &error)
    })
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // In the same directory, since rename(2) does not cross file systems; with the process in
    // the name, two runs that start together do not write into one file.
    let other = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&other, bytes).and_then(|()| fs::rename(&other, path));
    if written.is_err() {
        let _ = fs::remove_file(&other);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_reaches_the_listener_is_told_to_commands() {
        for (local, address, host, port) in [
            ("127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", "80"),
            ("0.0.0.0:8080", "127.0.0.1:8080", "127.0.0.1", "8080"),
            ("[::]:8080", "[::1]:8080", "::1", "8080"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80", "fe80::1%2", "80"),
            ("239.1.2.3:5000", "239.1.2.3:5000", "239.1.2.3", "5000"),
        ] {
            let variables = environment(local);
            let expected =
                [("WIRECAT_HOST", host), ("WIRECAT_PORT", port), ("WIRECAT_ADDR", address)];
            assert_eq!(variables, expected.map(|(name, value)| (name, value.into())), "{local}");
        }
        assert_eq!(environment("unix:/run/x"), [("WIRECAT_ADDR", "unix:/run/x".into())]);
    }

    #[test]
    fn a_closed_descriptor_or_one_for_reading_is_refused() {
        use std::os::fd::AsRawFd;
        let failure = ReadyFd::new(9_999).unwrap_err();
        assert_eq!(failure.status, Status::Local);
        assert!(failure.to_string().contains("bad file descriptor"), "{failure}");
        let (read, write) = std::io::pipe().unwrap();
        let failure = ReadyFd::new(read.as_raw_fd()).unwrap_err();
        assert!(failure.to_string().contains("not open for writing"), "{failure}");
        assert!(ReadyFd::new(write.as_raw_fd()).is_ok());
    }
}
