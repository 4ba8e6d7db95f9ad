//! Driving the real binary: start it with a chosen stdin, wait for what it says, and judge how it
//! ends. Every wait has a deadline, and a program that misses one is killed and quoted.

mod binary;
pub(crate) mod daemon;
pub(crate) mod data;
pub(crate) mod datagrams;
mod ended;
pub(crate) mod load;
pub(crate) mod namespaces;
pub(crate) mod net;
pub(crate) mod peers;
pub(crate) mod proc;
#[path = "../../../src/sockets/refusing.rs"]
mod refusing;
pub(crate) mod resolver;
pub(crate) mod schema;
mod skipped;
pub(crate) mod terminal;

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

#[cfg(feature = "tls")]
pub(crate) use self::binary::is_full_size;
pub(crate) use self::binary::wirecat_path;
pub(crate) use self::ended::{Ended, named};
pub(crate) use self::skipped::skip;

/// How long anything may take that should be quick, on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A wirecat that has not started yet; stdin is the null device.
pub(crate) fn wirecat<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Program {
    let mut command = Command::new(wirecat_path());
    command.args(args);
    forget_colors(&mut command);
    program(command)
}

/// Takes away what decides about colours in the environment of whoever runs the tests. With `CI` even a
/// dumb terminal has them.
pub(crate) fn forget_colors(command: &mut Command) {
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
}

/// Any program, driven alike; stdin is the null device.
pub(crate) fn program(mut command: Command) -> Program {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program { command, input: None }
}

pub(crate) struct Program {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Program {
    /// stdin is a pipe that the test writes to.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// stdin is a pipe with these bytes, then its end.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self.piped()
    }

    /// stdin is this file, pipe or socket.
    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// stdout is this file, pipe or socket, and not collected.
    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Anything else about the process.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        proc::let_children_hear_signals();
        let (started, queued) = (Instant::now(), load::of_this_thread());
        let mut child = proc::spawn(&mut self.command).expect("the program starts");
        let stdin = child.stdin.take();
        let stdin = match (self.input, stdin) {
            (Some(bytes), Some(mut stdin)) => {
                // The program may end without reading all of it, which is its own affair.
                thread::spawn(move || stdin.write_all(&bytes));
                None
            }
            (_, stdin) => stdin,
        };
        let stdout = child.stdout.take().map(collect);
        let (sender, lines) = channel();
        let stderr = child.stderr.take().expect("stderr is piped");
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
            load::of_this_thread()
        });
        let is_ours = self.command.get_program() == wirecat_path();
        let words = is_ours.then(|| self.command.get_args().map(Into::into).collect());
        let seen = Vec::new();
        Running { child, words, stdin, stdout, lines, reader: Some(reader), seen, started, queued }
    }

    /// Starts a server; its [address](Running::address) as well.
    #[track_caller]
    pub(crate) fn serve(self) -> (Running, String) {
        let mut server = self.start();
        let address = server.address();
        (server, address)
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// Reads to the end in a thread; gives the bytes so far to whoever asks.
fn collect(mut from: impl Read + Send + 'static) -> Output {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            if sender.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
        load::of_this_thread()
    });
    Output { receiver, bytes: Vec::new(), thread }
}

struct Output {
    receiver: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    thread: JoinHandle<Duration>,
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// What is typed behind the name of the binary under test.
    words: Option<Vec<OsString>>,
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<Output>,
    lines: Receiver<String>,
    reader: Option<JoinHandle<Duration>>,
    seen: Vec<String>,
    started: Instant,
    /// That of this thread when it started.
    queued: Duration,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line on stderr that contains `words`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(words)) {
            return line.clone();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(error) => self.fail(&format!("no {words:?} on stderr ({error})")),
            }
        }
    }

    /// Whether stderr has had `words` so far.
    pub(crate) fn has_said(&mut self, words: &str) -> bool {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().any(|line| line.contains(words))
    }

    /// The port of the first `listening` line.
    #[track_caller]
    pub(crate) fn port(&mut self) -> u16 {
        let line = self.wait_for("listening tcp");
        // Behind it a listener of TLS shows its pin.
        let address = line.split(" pin ").next().unwrap_or_default();
        address.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect("a port")
    }

    /// `127.0.0.1:PORT` of the first `listening` line.
    #[track_caller]
    pub(crate) fn address(&mut self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Writes to stdin.
    #[track_caller]
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin
            .as_mut()
            .expect("stdin is open")
            .write_all(bytes.as_ref())
            .expect("stdin takes it");
    }

    /// Ends stdin.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until stdout contains `bytes`.
    #[track_caller]
    pub(crate) fn wait_for_output(&mut self, bytes: impl AsRef<[u8]>) {
        let wanted = bytes.as_ref();
        self.wait_until(|output| output.windows(wanted.len()).any(|window| window == wanted));
    }

    /// Waits for the first event of this name on stdout, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_event(&mut self, name: &str) -> serde_json::Value {
        self.wait_for_events(name, 1).swap_remove(0)
    }

    /// Waits for so many events of this name on stdout, and returns them.
    #[track_caller]
    pub(crate) fn wait_for_events(&mut self, name: &str, count: usize) -> Vec<serde_json::Value> {
        let mark = format!("\"event\":\"{name}\"");
        let events = |output: &[u8]| {
            let text = String::from_utf8_lossy(output).into_owned();
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            let lines = whole.lines().filter(|line| line.contains(&mark));
            lines.map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<_>>()
        };
        self.wait_until(|output| events(output).len() >= count);
        events(&self.stdout.as_ref().expect("stdout is collected").bytes)
    }

    /// Waits until stdout has given so many bytes, as long as more come.
    #[track_caller]
    pub(crate) fn wait_for_length(&mut self, count: usize) {
        loop {
            let come = self.stdout.as_ref().expect("stdout is collected").bytes.len();
            if come >= count {
                return;
            }
            self.wait_until(|output| output.len() > come);
        }
    }

    #[track_caller]
    fn wait_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.stdout.as_mut().expect("stdout is collected");
            if is_enough(&output.bytes) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match output.receiver.recv_timeout(left) {
                Ok(more) => output.bytes.extend(more),
                Err(error) => {
                    let (length, tail) = (output.bytes.len(), output.bytes.len().min(500));
                    let tail = String::from_utf8_lossy(&output.bytes[length - tail..]).into_owned();
                    self.fail(&format!("stdout has {length} bytes, at last {tail:?} ({error})"));
                }
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).expect("a pid");
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        rustix::process::kill_process(pid, signal).expect("the process is there");
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits so long for its end, and says whether it came.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while self.is_running() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Closes stdin and waits for the end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        self.stdin = None;
        self.wait_open()
    }

    /// Waits for the end with stdin left open.
    #[track_caller]
    pub(crate) fn wait_open(mut self) -> Ended {
        let deadline = Instant::now() + 4 * PATIENCE;
        let mut stdout = Vec::new();
        if let Some(output) = &mut self.stdout {
            stdout.append(&mut output.bytes);
            loop {
                match output
                    .receiver
                    .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                {
                    Ok(more) => stdout.extend(more),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => self.fail("it does not end"),
                }
            }
        }
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.fail("it does not end"),
            }
        }
        let id = WaitId::Pid(Pid::from_child(&self.child));
        // It stays a zombie, whose figures can be read; one that was looked after before is none any more.
        let _ = waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let (took, queued) = (self.started.elapsed(), self.queued());
        let status = self.child.wait().expect("a child");
        let ended = Ended {
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr: self.seen.join("\n"),
            took,
            queued,
        };
        ended.keeps_the_contract(self.words.take().unwrap_or_default());
        ended
    }

    /// What it and its watchers have had to do, once its output has ended.
    fn queued(&mut self) -> Duration {
        let readers = [self.stdout.take().map(|output| output.thread), self.reader.take()];
        let readers = readers.into_iter().flatten().filter_map(|thread| thread.join().ok());
        let own = load::of_this_thread().saturating_sub(self.queued);
        own + load::of_process(self.pid()) + readers.sum::<Duration>()
    }

    #[track_caller]
    fn fail(&mut self, problem: &str) -> ! {
        let _ = self.child.kill();
        self.seen.extend(self.lines.try_iter());
        panic!("{problem}; stderr:\n{}", self.seen.join("\n"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that ends with its test, whose path leaves room for the name of a socket: of 108 bytes
/// (unix(7)) a TMPDIR may take most.
pub(crate) fn tempdir() -> std::io::Result<tempfile::TempDir> {
    let is_long = std::env::temp_dir().as_os_str().len() > 60;
    if is_long { tempfile::tempdir_in("/tmp") } else { tempfile::tempdir() }
}
