//! A command, and what it takes to play a scene with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::support::peers::is_bindable;
use crate::support::{PATIENCE, Program, Running, program, wirecat_path};

/// The first port of the next stage.
static NEXT: AtomicU16 = AtomicU16::new(26_000);

/// A command with ports and a directory of its own.
pub(super) struct Stage {
    pub(super) command: String,
    pub(super) directory: TempDir,
    /// It keeps the ports behind it from other tests.
    claim: TcpListener,
}

/// Whether nothing is left on a port, not even of the connections of another checkout (TIME_WAIT).
fn is_unused(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    // Without SO_REUSEADDR, which std sets.
    Socket::new(Domain::IPV4, Type::STREAM, None)
        .is_ok_and(|socket| socket.bind(&address.into()).is_ok())
}

impl Stage {
    pub(super) fn new(command: &str) -> Self {
        let bind = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok();
        let directory = crate::support::tempdir().expect("a directory");
        // Below the ports that Linux gives to whoever asks for any. None is taken twice: what is left
        // of a connection (TIME_WAIT) keeps some tools from listening on its port.
        let claim = (26_000..32_000).step_by(3).find_map(|_| {
            let first = NEXT.fetch_add(3, Relaxed);
            let claim = bind(first)?;
            (first + 1..first + 3).all(is_unused).then_some(claim)
        });
        let stage = Self { command: String::new(), directory, claim: claim.expect("free ports") };
        // Of the sockets that have looked, a child that another test is starting may have a copy.
        for port in [stage.port(), stage.port() + 1] {
            patiently(|| is_bindable(Ipv4Addr::UNSPECIFIED, port).then_some(()));
        }
        let socket = stage.path("s").display().to_string();
        let command = command
            .replace("9000", &stage.port().to_string())
            .replace("8000", &(stage.port() + 1).to_string())
            .replace("/tmp/s", &socket)
            .replace(" host:", " 127.0.0.1:")
            .replace(" host ", " 127.0.0.1 ")
            .replace("/host:", "/127.0.0.1:")
            .replace(":host:", ":127.0.0.1:");
        Self { command, ..stage }
    }

    /// The port that stands for 9000; the next one stands for 8000.
    pub(super) fn port(&self) -> u16 {
        self.claim.local_addr().expect("an address").port() + 1
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command as a shell runs it, with a stdin that stays open.
    pub(super) fn start(&self) -> Actor {
        Actor(self.program().piped().start())
    }

    pub(super) fn program(&self) -> Program {
        let binaries = Path::new(wirecat_path()).parent().expect("a directory").to_owned();
        let others = std::env::var_os("PATH").expect("a PATH");
        let all = [binaries].into_iter().chain(std::env::split_paths(&others));
        let mut bash = Command::new("bash");
        bash.args(["-c", &self.command]).current_dir(self.directory.path()).process_group(0);
        program(bash).with(|bash| {
            bash.env("PATH", std::env::join_paths(all).expect("a PATH"));
        })
    }

    /// A client of the command, once it listens.
    pub(super) fn client(&self) -> TcpStream {
        let stream = patiently(|| TcpStream::connect(("127.0.0.1", self.port())).ok());
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    pub(super) fn unix_client(&self) -> UnixStream {
        let stream = patiently(|| UnixStream::connect(self.path("s")).ok());
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// Puts a certificate for localhost there, and its key; false without openssl.
    pub(super) fn make_certificate(&self) -> bool {
        let args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj \
                    /CN=localhost -addext subjectAltName=DNS:localhost -addext \
                    basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem";
        let mut openssl = Command::new("openssl");
        openssl.args(args.split_whitespace()).current_dir(self.directory.path());
        crate::support::proc::output(&mut openssl).is_ok_and(|output| output.status.success())
    }

    /// A server for the command.
    pub(super) fn server(&self) -> TcpListener {
        TcpListener::bind(("127.0.0.1", self.port())).expect("the port is free")
    }

    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }
}

/// The command on the stage; it leaves with all that it started.
pub(super) struct Actor(pub(super) Running);

impl Drop for Actor {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.pid() as i32).expect("a pid");
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl Actor {
    #[track_caller]
    pub(super) fn ends(&mut self) {
        assert!(self.0.ends_within(PATIENCE), "it does not end");
    }
}

#[track_caller]
pub(super) fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come");
        // Nothing is there to wait for in a program that says nothing.
        thread::sleep(Duration::from_millis(10));
    }
}
