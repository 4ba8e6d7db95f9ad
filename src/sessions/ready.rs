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
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SendFlags;

use super::core::NOTE_AFTER;
use crate::error::{Failure, Status};
use crate::kind::Kind;
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

/// Whether a name to write to stands for stdout. Opened as a file, one that is a file would be written
/// from its start, over what stands there.
pub(crate) fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

impl ReadyTargets {
    /// Whether the ports go to stdout.
    pub fn use_stdout(&self) -> bool {
        self.port_file.as_deref().is_some_and(is_stdout)
    }
}

/// Notifies everybody who waits for it that this side is ready.
///
/// ```text
/// Unready ── begin ──> Announcing ── all are notified ─> Ready
///                       └──────┘ the port file is a FIFO that nobody reads yet
/// ```
#[derive(Debug)]
pub(crate) struct ReadyNotifier {
    targets: ReadyTargets,
    state: ReadyState,
}

#[derive(Debug)]
enum ReadyState {
    Unready,
    Announcing { locals: Vec<String>, address: String, tries: u32 },
    Ready,
}

/// How an announcement went.
#[derive(Debug)]
pub(crate) enum Announcement {
    /// Everybody is notified.
    Made {
        /// The address for `-- CMD`.
        address: String,
        /// What went wrong without harm, as warnings.
        warning: Option<String>,
    },
    /// It has to be tried again after [`RETRY`]; what is waited for is to be reported now.
    Pending(Option<String>),
}

/// How soon a FIFO without a reader is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(50);

impl ReadyNotifier {
    pub(crate) fn new(targets: ReadyTargets) -> Self {
        Self { targets, state: ReadyState::Unready }
    }

    /// Everything works: `locals` are the addresses of this side, `address` the one for `-- CMD`.
    /// False where that is known already.
    pub(crate) fn begin(&mut self, locals: &[String], address: &str) -> bool {
        let is_first = matches!(self.state, ReadyState::Unready);
        if is_first {
            let (locals, address) = (locals.to_vec(), address.to_owned());
            self.state = ReadyState::Announcing { locals, address, tries: 0 };
        }
        is_first
    }

    /// Notifies everybody. `None` where there is nobody to notify.
    ///
    /// # Errors
    /// `Status::Local`: a file or descriptor that cannot be written.
    pub(crate) fn announce(&mut self) -> Result<Option<Announcement>, Failure> {
        let ReadyState::Announcing { locals, address, tries } = &mut self.state else {
            return Ok(None);
        };
        // The file first: whoever is woken by the other two reads the ports at once.
        if let Some(path) = &self.targets.port_file
            && !write_ports(path, locals)?
        {
            *tries += 1;
            let what = format!("a reader of {} (--port-file)", path.display());
            let is_late = RETRY * *tries == NOTE_AFTER;
            return Ok(Some(Announcement::Pending(is_late.then_some(what))));
        }
        let address = std::mem::take(address);
        self.state = ReadyState::Ready;
        if let Some(fd) = self.targets.ready_fd.take() {
            fd.write().map_err(|error| {
                Failure::io(Status::Local, "write to", format!("--ready-fd {}", fd.0), &error)
            })?;
        }
        let warning = notify("READY=1").err().map(|failure| failure.to_string());
        Ok(Some(Announcement::Made { address, warning }))
    }

    /// Notifies the service manager that the shutdown has begun. A failure of that changes nothing.
    pub(crate) fn announce_end() {
        let _ = notify("STOPPING=1");
    }
}

/// Notifies the service manager, if there is one (sd_notify(3)): a path, or `@` and an abstract name.
fn notify(word: &str) -> Result<(), Failure> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let name = name.to_string_lossy();
    // Whoever did not set the variable has to learn of it, and not of an address that nobody has given.
    send_word(&name, word).map_err(|failure| {
        let target = format!("NOTIFY_SOCKET {name}");
        Failure::new(Status::Local, Kind::Notify, "notify", target, &*failure.cause)
    })
}

fn send_word(name: &str, word: &str) -> Result<(), Failure> {
    let address: Address = format!("unix:{name}").parse()?;
    let target = first_target(&address)?;
    let (opened, _) =
        datagram::connect(&target, None, &SocketOptions::default(), Reach::default())?;
    let sent = rustix::net::send(&opened.socket, word.as_bytes(), SendFlags::NOSIGNAL);
    sent.map(|_| ()).map_err(|error| Failure::io(Status::Local, "send to", name, &error.into()))
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
/// all: it is written under another name and renamed. A pipe or device is written as it is; false
/// where it takes nothing yet.
fn write_ports(path: &Path, locals: &[String]) -> Result<bool, Failure> {
    let mut text = String::new();
    let mut last = None;
    for port in locals.iter().filter_map(|local| local.parse().ok()).map(|it: SocketAddr| it.port())
    {
        if last.replace(port) != Some(port) {
            text.push_str(&format!("{port}\n"));
        }
    }
    let (name, written) = match is_stdout(path) {
        // So few bytes wait for no reader, but of a pipe that others have filled.
        true => ("stdout".to_owned(), io::stdout().write_all(text.as_bytes()).map(|()| true)),
        false => (path.display().to_string(), write_whole(path, text.as_bytes())),
    };
    written.map_err(|error| Failure::io(Status::Local, "write the ports to", name, &error))
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let is_file = fs::metadata(path).map(|metadata| metadata.is_file());
    // What this process was given, such as /dev/stderr, has no name to take the place of. In a file what
    // others have written stays, and what they still write by the same descriptor comes behind this.
    let is_given = fd::is_descriptor(path);
    if is_given && matches!(is_file, Ok(true)) {
        let file = fd::duplicate(path).map_or_else(|| fd::open_to_append(path), Ok)?;
        return fs::File::from(file).write_all(bytes).map(|()| true);
    }
    if is_given || matches!(is_file, Ok(false)) {
        let Some(fd) = fd::open_to_write(path)? else { return Ok(false) };
        // A write to a socket waits where it is full.
        if !matches!(
            poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&Timespec::default())),
            Ok(1..)
        ) {
            return Ok(false);
        }
        return match fs::File::from(fd).write_all(bytes) {
            // A pipe takes less than 4 KiB whole or not at all (PIPE_BUF, pipe(7)).
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            outcome => outcome.map(|()| true),
        };
    }
    // In the same directory, since rename(2) does not cross file systems.
    let (other, mut file) = create_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&other, path));
    if written.is_err() {
        let _ = fs::remove_file(&other);
    }
    written.map(|()| true)
}

/// Creates a file of a name that nobody foresees: in a directory of everybody, somebody could have put
/// a symbolic link under a name that is known.
fn create_beside(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    fd::check_links(path.parent().unwrap_or(path))?;
    for _ in 0..8 {
        let other = path.with_file_name(format!(".wirecat-{:016x}", fastrand::u64(..)));
        // O_EXCL follows no symbolic link, whatever it points to (open(2)).
        match fs::File::create_new(&other) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => return outcome.map(|file| (other, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_an_address_that_reaches_the_listener() {
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
