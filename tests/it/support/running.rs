//! A program that runs: what it is told, what is waited for, and how it ends.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::{Ended, PATIENCE, load, pipes, proc};

/// Reads to the end in a thread; gives the bytes so far to whoever asks.
pub(super) fn collect(mut from: impl Read + Send + 'static) -> Output {
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

pub(super) struct Output {
    receiver: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    thread: JoinHandle<Duration>,
}

/// A program that runs. Dropping it kills it.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// What is typed behind the name of the binary under test.
    pub(super) words: Option<Vec<OsString>>,
    pub(crate) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<Output>,
    pub(super) lines: Receiver<String>,
    pub(super) reader: Option<JoinHandle<Duration>>,
    pub(super) seen: Vec<String>,
    pub(super) started: Instant,
    /// That of this thread when it started.
    pub(super) queued: Duration,
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
        let stdin = self.stdin.as_mut().expect("stdin is open");
        if let Err(error) = pipes::patient(stdin).write_all(bytes.as_ref()) {
            self.fail(&format!("stdin does not take it: {error}"));
        }
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

    /// The same, and whether they came before stdout had its end.
    pub(crate) fn comes_to_output(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let wanted = bytes.as_ref();
        let is_there = |output: &[u8]| output.windows(wanted.len()).any(|window| window == wanted);
        self.try_until(is_there).is_ok()
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
        if let Err(error) = self.try_until(is_enough) {
            let bytes = &self.stdout.as_ref().expect("stdout is collected").bytes;
            let (length, tail) = (bytes.len(), bytes.len().min(500));
            let tail = String::from_utf8_lossy(&bytes[length - tail..]).into_owned();
            self.fail(&format!("stdout has {length} bytes, at last {tail:?} ({error})"));
        }
    }

    fn try_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> Result<(), RecvTimeoutError> {
        let deadline = Instant::now() + PATIENCE;
        let output = self.stdout.as_mut().expect("stdout is collected");
        while !is_enough(&output.bytes) {
            let left = deadline.saturating_duration_since(Instant::now());
            output.bytes.extend(output.receiver.recv_timeout(left)?);
        }
        Ok(())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: i32) {
        let pid = rustix::process::Pid::from_raw(self.pid() as i32).expect("a pid");
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        rustix::process::kill_process(pid, signal).expect("the process is there");
    }

    /// How long ago it was started.
    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits so long for its end, and says whether it came.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        proc::ends_within(time, &mut self.child)
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
        self.wait_for_zombie(deadline);
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

    /// Waits until it has ended and is a zombie, whose figures can be read; one that was looked after
    /// before is none any more. Its output may have ended long before, or have gone elsewhere.
    #[track_caller]
    fn wait_for_zombie(&mut self, deadline: Instant) {
        let id = WaitId::Pid(Pid::from_child(&self.child));
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while let Ok(None) = waitid(id.clone(), options) {
            if Instant::now() >= deadline {
                self.fail("it does not end");
            }
            thread::sleep(Duration::from_millis(1));
        }
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
        proc::end(&mut self.child);
    }
}
