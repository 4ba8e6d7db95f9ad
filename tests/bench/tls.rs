//! TLS: one stream through a pair of processes, and handshakes a second.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::Fallible;
use crate::contest::{self, Column, Entrant, Kind, Sample};
use crate::ends::wait_for_listener;
use crate::peers::{Peer, Reserved, Role, installed};
use crate::plan::{Binary, Outcome, Plan};
use crate::process::Process;
use crate::tools::{BLOCK, Tool};
use crate::transfer;

/// The most that is moved: to encrypt it takes its time.
const MOST: u64 = 1 << 30;
/// One client alone would wait while the server works, and the server while it does.
const CLIENTS: usize = 4;
/// `s_time` ends within the second after this.
const SECONDS: u32 = 3;
/// The share of a core from which on the clients are what limits the rate.
const BUSY: f64 = 0.9;
const COLUMNS: [Column; 2] = [Column::more("/s", 0), Column::less("µs CPU each", 0)];

/// A certificate for 127.0.0.1 and its key (ECDSA, P-256), which all tools use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(place: &TempDir) -> Fallible<Self> {
        let files = Self {
            certificate: place.path().join("certificate.pem"),
            key: place.path().join("key.pem"),
        };
        let mut command = Command::new("openssl");
        command
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&files.key)
            .arg("-out")
            .arg(&files.certificate)
            .stdin(Stdio::null());
        let output = command.output()?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{command:?}: {}: {words}", output.status).into());
        }
        Ok(files)
    }

    /// The address of socat that listens.
    fn socat(&self, port: u16, more: &str) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        // It would ask for a certificate of the client.
        let files = format!("cert={certificate},key={key},verify=0");
        format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,{files}{more}")
    }

    /// The certificate, which stands for itself.
    #[cfg(feature = "tls")]
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The options of a server of wirecat.
    pub(crate) fn of_server(&self) -> [String; 4] {
        let shown = |path: &Path| path.display().to_string();
        let (certificate, key) = (shown(&self.certificate), shown(&self.key));
        ["--tls-cert".to_owned(), certificate, "--tls-key".to_owned(), key]
    }

    fn wirecat(&self, command: &mut Command) {
        command.args(self.of_server());
    }

    fn ncat(&self, command: &mut Command) {
        command.arg("--ssl").arg("--ssl-cert").arg(&self.certificate);
        command.arg("--ssl-key").arg(&self.key);
    }
}

/// A tool at both ends of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    by: By,
    files: Files,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    Wirecat(Binary),
    Ncat,
    /// With a block size.
    Socat(Option<u32>),
}

impl Pair {
    /// A server of one connection that writes what it receives to its stdout.
    pub(crate) fn receiver(&self, port: u16) -> Command {
        match &self.by {
            By::Wirecat(binary) => {
                let mut command =
                    binary.command(&["-q", "tcp-serve", "-1", &format!("127.0.0.1:{port}")]);
                self.files.wirecat(&mut command);
                command
            }
            By::Ncat => {
                let mut command = Peer::Ncat.serve(Role::Receive, port);
                self.files.ncat(&mut command);
                command
            }
            By::Socat(block) => socat(*block, &self.files.socat(port, ""), "STDOUT"),
        }
    }

    /// A client that sends its stdin.
    pub(crate) fn sender(&self, port: u16) -> Command {
        let certificate = &self.files.certificate;
        match &self.by {
            By::Wirecat(binary) => {
                let mut command =
                    binary.command(&["-q", "tcp-connect", "--tls", &format!("127.0.0.1:{port}")]);
                command.arg("--tls-ca").arg(certificate);
                command
            }
            By::Ncat => {
                let mut command = Peer::Ncat.connect(Role::Send, port);
                command.arg("--ssl");
                command
            }
            By::Socat(block) => {
                let trust = format!("cafile={},commonname=localhost", certificate.display());
                socat(*block, "STDIN", &format!("OPENSSL:127.0.0.1:{port},{trust}"))
            }
        }
    }
}

fn socat(block: Option<u32>, from: &str, to: &str) -> Command {
    let mut command = Command::new("socat");
    command.arg("-u").args(block.map(|size| format!("-b{size}"))).args([from, to]);
    command
}

/// A stream from a pipe to a pipe.
pub(crate) fn stream(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let Some((_place, files)) = prepare(plan)? else { return Ok(vec![]) };
    let tool = |by| Tool::Tls(Pair { by, files: files.clone() });
    let peer = |name, by| Entrant::new(name, Kind::Peer, tool(by));
    let others = vec![
        ("ncat", peer("ncat --ssl", By::Ncat)),
        ("socat", peer("socat OPENSSL", By::Socat(None))),
        ("socat", peer("socat -b262144 OPENSSL", By::Socat(Some(BLOCK)))),
    ];
    let entrants = plan.entrants(|binary| tool(By::Wirecat(binary)), others);
    let size = plan.size.min(MOST);
    let case = transfer::pipes(plan, "TLS 1.3: pipe → net → pipe", size, &entrants)?;
    let size = bytesize::ByteSize(size);
    let intro =
        format!("{size} by TLS over loopback, sender and receiver of one kind, CPU of both.");
    Ok(vec![Outcome { intro, columns: transfer::COLUMNS.to_vec(), cases: vec![case] }])
}

/// Where the certificate is, until it is dropped; nothing where that cannot be measured here.
pub(crate) fn prepare(plan: &Plan) -> Fallible<Option<(TempDir, Files)>> {
    if !cfg!(feature = "tls") {
        plan.skip("TLS: this wirecat is built without it");
        return Ok(None);
    }
    if !installed("openssl") {
        plan.skip("TLS: openssl, which makes the certificate, is not installed");
        return Ok(None);
    }
    let place = TempDir::new()?;
    let files = Files::new(&place)?;
    Ok(Some((place, files)))
}

/// A server that shakes hands.
enum Server {
    Wirecat(Binary),
    OpenSsl,
    Ncat,
    /// A process for each client.
    Socat,
}

impl Server {
    fn start(&self, port: u16, files: &Files) -> Fallible<Process> {
        let address = format!("127.0.0.1:{port}");
        let mut command = match self {
            Self::Wirecat(binary) => {
                let mut command = binary.command(&["-q", "tcp-serve", "--discard", &address]);
                files.wirecat(&mut command);
                command
            }
            Self::OpenSsl => {
                let mut command = Command::new("openssl");
                // Without -www it would take its stdin for what to send.
                command.args(["s_server", "-www", "-accept", &address]);
                command.arg("-cert").arg(&files.certificate).arg("-key").arg(&files.key);
                command
            }
            Self::Ncat => {
                let mut command = Command::new("ncat");
                command.args(["-lk", "127.0.0.1", &port.to_string()]);
                files.ncat(&mut command);
                command
            }
            Self::Socat => socat(None, &files.socat(port, ",fork,backlog=128"), "STDOUT"),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::start(command)?;
        wait_for_listener(port, &mut process)?;
        process.pin(Some(0))?;
        Ok(process)
    }
}

/// Clients that connect, shake hands and close, one after the other.
pub(crate) fn handshakes(plan: &Plan) -> Fallible<Vec<Outcome>> {
    let Some((_place, files)) = prepare(plan)? else { return Ok(vec![]) };
    let others = vec![
        ("openssl", Entrant::new("openssl s_server", Kind::Peer, Server::OpenSsl)),
        ("ncat", Entrant::new("ncat -k --ssl", Kind::Peer, Server::Ncat)),
        ("socat", Entrant::new("socat OPENSSL,fork", Kind::Peer, Server::Socat)),
    ];
    let entrants = plan.entrants(Server::Wirecat, others);
    let seconds = if plan.quick || plan.brief { 1 } else { SECONDS };
    let case = contest::measure(
        plan,
        "TLS 1.3: connect, handshake, close",
        &entrants,
        contest::no_proof,
        |server| shake(server, &files, seconds),
    );
    let intro = format!(
        "Full handshakes (ECDSA, P-256) with {CLIENTS} clients, each an openssl s_time -new; server \
         and clients on a core each, CPU of the server."
    );
    Ok(vec![Outcome { intro, columns: COLUMNS.to_vec(), cases: vec![case] }])
}

fn shake(server: &Server, files: &Files, seconds: u32) -> Fallible<Sample> {
    let port = Reserved::new()?;
    let process = server.start(port.port, files)?;
    let before = process.cpu()?;
    let started = Instant::now();
    let clients: Vec<Process> =
        (0..CLIENTS).map(|_| client(port.port, seconds)).collect::<Fallible<_>>()?;
    let mut count = 0;
    let mut busy = 0.0;
    for mut client in clients {
        let mut text = String::new();
        client.stdout().ok_or("no stdout of s_time")?.read_to_string(&mut text)?;
        let used = client.wait().map_err(|error| format!("openssl s_time: {error}"))?;
        count += counted(&text)?;
        busy += used.cpu.as_secs_f64();
    }
    let elapsed = started.elapsed().as_secs_f64();
    process.wait_for_children()?;
    let cpu = process.stop()?.cpu.saturating_sub(before).as_secs_f64();
    if count == 0 {
        return Err("no handshake came to its end".into());
    }
    let count = count as f64;
    let values = vec![count / elapsed, cpu * 1e6 / count];
    Ok(Sample { values, at_limit: busy / elapsed > BUSY })
}

fn client(port: u16, seconds: u32) -> Fallible<Process> {
    let mut command = Command::new("openssl");
    command.args(["s_time", "-new", "-time", &seconds.to_string()]);
    command.args(["-connect", &format!("127.0.0.1:{port}")]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let process = Process::start(command)?;
    process.pin(Some(1))?;
    Ok(process)
}

/// Of `466 connections in 0.32s; 1456.25 connections/user sec, bytes read 0`.
fn counted(text: &str) -> Fallible<u64> {
    let number = text.lines().find_map(|line| line.split_once(" connections in ")?.0.parse().ok());
    Ok(number.ok_or("openssl s_time did not count its connections")?)
}
