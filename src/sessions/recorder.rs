//! `--record`: what goes over the network, written to a file.
//!
//! It owns the file and its clock; how a record looks is decided in `report`. Records are gathered
//! and written whole at the end of each turn. A FIFO that is not read holds nobody up but those whose
//! bytes would be recorded: the pool reads nothing while too much waits. A file that fails is reported
//! and closed: the run goes on, and ends with the status of a local failure.

mod pending;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;

use super::ready::is_stdout;
use crate::error::{Failure, Status};
use crate::event_loop::Recorder;
use crate::kind::Kind;
use crate::protocol::text::number;
use crate::recording::{Observation, RecordedFlow};
use crate::report::pcapng::Capture;
use crate::report::transcript;
use crate::sockets::datagram::source_address;
#[cfg(feature = "tls")]
use crate::sockets::tls::KeyLogFile;
use crate::sys::fd;
use crate::sys::startup::check_writable;
use pending::PendingRecords;

/// Records are written before the end of a turn from this size on.
const LARGE: usize = 1 << 20;

/// Most bytes that may wait for a FIFO to be read. What the pool has read before it holds still, and
/// what timers have sent, comes on top of its own limit.
const MOST: usize = 64 << 20;
/// How long the end of the run waits for a FIFO to be read.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the end waits for a reader that poll(2) calls ready and write(2) does not.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes that a pipe takes without blocking when it is ready for writing (pipe(7), a page).
const PAGE: usize = 4096;

/// Where a recording goes: FILE, `pcapng:FILE` or `ndjson:FILE`; `-` is stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTarget {
    /// The file, or `-`.
    pub file: PathBuf,
    is_capture: bool,
}

impl RecordTarget {
    /// Reads what was typed. Where it names no form, the extension of the file decides.
    pub fn new(typed: &OsStr) -> Self {
        let bytes = typed.as_bytes();
        let (file, is_capture) = match bytes.strip_prefix(b"pcapng:") {
            Some(file) => (file, Some(true)),
            None => match bytes.strip_prefix(b"ndjson:") {
                Some(file) => (file, Some(false)),
                None => (bytes, None),
            },
        };
        let file = PathBuf::from(OsStr::from_bytes(file));
        let by_name = || file.extension().is_some_and(|end| end.eq_ignore_ascii_case("pcapng"));
        Self { is_capture: is_capture.unwrap_or_else(by_name), file }
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        if self.is_stdout() { "stdout".to_owned() } else { self.file.display().to_string() }
    }

    /// Whether it is stdout.
    pub fn is_stdout(&self) -> bool {
        is_stdout(&self.file)
    }
}

/// Writes down what goes over the network.
pub struct FileRecorder {
    file: File,
    /// What stands in it before is not ours, and it is never cut.
    is_stdout: bool,
    /// What the file is called in messages.
    name: String,
    form: Form,
    /// It is a FIFO or a pipe, whose reader may be slow.
    has_reader: bool,
    pending: PendingRecords,
    /// The secrets of TLS on what is captured.
    #[cfg(feature = "tls")]
    secrets: Option<Arc<KeyLogFile>>,
    clock: Clock,
    state: State,
}

enum Form {
    Transcript,
    Capture(Box<Capture>),
}

enum State {
    Good,
    Failed(Failure),
    /// The failure was reported, or the recording has ended.
    Over,
}

/// The time of day that never goes back, whatever is done to the clock of the machine.
struct Clock {
    started: Instant,
    at: SystemTime,
}

impl Clock {
    fn now(&self) -> SystemTime {
        self.at + self.started.elapsed()
    }
}

impl FileRecorder {
    /// Creates the file, for its owner alone, or takes stdout. `None` is a FIFO that nobody reads yet.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(target: &RecordTarget) -> Result<Option<Self>, Failure> {
        let opened = match target.is_stdout() {
            // A descriptor of its own: that of stdout may be given up before the end.
            true => check_writable(io::stdout())
                .and_then(|()| io::stdout().as_fd().try_clone_to_owned())
                .map(|own| Some(unblocked(own))),
            false => fd::create_to_write(&target.file),
        };
        let opened = opened
            .map_err(|error| Failure::io(Status::Local, "record to", target.name(), &error))?;
        Ok(opened.map(|file| Self::on(target, file.into())))
    }

    fn on(target: &RecordTarget, file: File) -> Self {
        let (name, is_stdout) = (target.name(), target.is_stdout());
        let mut pending = PendingRecords::default();
        let form = if target.is_capture {
            Form::Capture(Box::new(Capture::begin(source_address, pending.buffer())))
        } else {
            Form::Transcript
        };
        let clock = Clock { started: Instant::now(), at: SystemTime::now() };
        let has_reader = !file.metadata().is_ok_and(|metadata| metadata.is_file());
        Self {
            file,
            is_stdout,
            name,
            form,
            has_reader,
            pending,
            #[cfg(feature = "tls")]
            secrets: target.is_capture.then(KeyLogFile::for_capture).flatten(),
            clock,
            state: State::Good,
        }
    }

    /// Puts secrets ahead of the packets that they open, which have come since the last write.
    #[cfg(feature = "tls")]
    fn insert_secrets(&mut self) {
        let Some(lines) = self.secrets.as_ref().map(|secrets| secrets.take()) else { return };
        if !lines.is_empty() {
            // The file itself begins with its head.
            self.pending.insert(Capture::head_len(), Capture::secrets(&lines));
        }
    }

    fn write(&mut self) {
        #[cfg(feature = "tls")]
        self.insert_secrets();
        self.write_pending();
        self.pending.mark();
    }

    fn write_pending(&mut self) {
        if self.pending.len() == 0 || !matches!(self.state, State::Good) {
            return;
        }
        let outcome = match self.has_reader {
            true => self.write_what_is_taken(Duration::ZERO),
            false => {
                let count = self.pending.waiting();
                self.file.write_all(self.pending.rest()).map(|()| self.pending.advance(count))
            }
        };
        match outcome {
            Ok(()) => {
                self.pending.tidy();
                if self.waiting() > MOST {
                    self.give_up();
                }
                debug_assert!(self.waiting() <= MOST, "{} bytes wait", self.waiting());
            }
            Err(error) => {
                // No half record is left behind; a device cannot be cut, and need not be.
                if !self.is_stdout {
                    let _ = self.file.set_len(self.pending.written());
                }
                let failure = Failure::io(Status::Local, "record to", self.name.clone(), &error);
                self.state = State::Failed(failure);
                self.pending.clear();
            }
        }
    }

    /// Writes as long as the reader takes bytes, and waits up to `patience` for it to take some.
    fn write_what_is_taken(&mut self, patience: Duration) -> io::Result<()> {
        let until = Instant::now() + patience;
        while self.pending.waiting() > 0 {
            let rest = self.pending.rest();
            let left = until.saturating_duration_since(Instant::now());
            let left =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
            match poll(&mut fds, Some(&left)) {
                Ok(0) => break,
                Ok(_) => match self.file.write(rest.get(..PAGE).unwrap_or(rest)) {
                    Ok(count) => self.pending.advance(count),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        if left == Timespec::default() {
                            break;
                        }
                        std::thread::sleep(PAUSE);
                    }
                    Err(error) => return Err(error),
                },
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The reader takes too little.
    fn give_up(&mut self) {
        let (waiting, waits) =
            (self.waiting() as u64, if self.waiting() == 1 { "waits" } else { "wait" });
        let cause = format!("{} {waits} for its reader", number(waiting, "byte"));
        let name = self.name.clone();
        self.pending.drop_all();
        let failure = Failure::new(Status::Local, Kind::Timeout, "record to", name, cause);
        self.state = State::Failed(failure);
    }
}

/// A description of stdout whose writes do not wait, where it is no file with a place in it.
///
/// A terminal is ready for writing with room for one byte, and a write that may wait takes all of its
/// bytes or waits for the rest. A socket cannot be opened anew, and takes what a page is when ready.
fn unblocked(own: OwnedFd) -> OwnedFd {
    match rustix::fs::fstat(&own).map(|found| FileType::from_raw_mode(found.st_mode)) {
        Ok(FileType::RegularFile) | Err(_) => own,
        Ok(_) => fd::reopen_nonblocking(&own, fd::FdAccess::Write).unwrap_or(own),
    }
}

impl Recorder for FileRecorder {
    fn record(&mut self, recorded: &RecordedFlow, observation: Observation<'_>) {
        if !matches!(self.state, State::Good) {
            return;
        }
        let now = self.clock.now();
        match &mut self.form {
            Form::Transcript => {
                transcript::write(recorded, &observation, now, self.pending.buffer())
            }
            Form::Capture(capture) => {
                capture.write(recorded, &observation, now, self.pending.buffer())
            }
        }
        if self.pending.len() >= LARGE {
            self.write();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.write();
        #[cfg(feature = "tls")]
        if !matches!(self.state, State::Good)
            && let Some(secrets) = &self.secrets
        {
            secrets.end_capture();
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Failed(failure) => Err(failure),
            state => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn waiting(&self) -> usize {
        self.pending.waiting()
    }

    fn sees_wire(&self) -> bool {
        matches!(self.form, Form::Capture(_))
    }

    fn end(&mut self) -> Result<(), Failure> {
        // The secrets of this turn belong ahead of its packets, which the wait below may write.
        self.write();
        if self.has_reader && matches!(self.state, State::Good) {
            // An error comes again with the next write.
            let is_done = self.write_what_is_taken(PATIENCE);
            if is_done.is_ok() && self.waiting() > 0 {
                self.give_up();
            }
        }
        let outcome = self.flush();
        self.state = State::Over;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::recording::{Direction, Proto, Role};

    fn flow() -> RecordedFlow {
        let local = "127.0.0.1:1".to_owned();
        RecordedFlow { number: 1, proto: Proto::Tcp, role: Role::Connected, local, peer: None }
    }

    #[test]
    fn a_failure_is_reported_once_and_ends_the_recording() {
        let mut recorder =
            FileRecorder::create(&RecordTarget::new("/dev/full".as_ref())).unwrap().unwrap();
        recorder.record(&flow(), Observation::Opened);
        let failure = recorder.flush().unwrap_err();
        assert_eq!((failure.status, failure.kind), (Status::Local, Kind::StorageFull));
        assert_eq!(failure.to_string(), "cannot record to /dev/full: no space left on device");
        recorder.record(&flow(), Observation::Bytes(Direction::In, b"x"));
        assert_eq!((recorder.flush(), recorder.end()), (Ok(()), Ok(())));
    }

    #[test]
    fn the_form_is_typed_or_that_of_the_name() {
        for (typed, file, is_capture) in [
            ("a", "a", false),
            ("a.PCAPNG", "a.PCAPNG", true),
            ("ndjson:a.pcapng", "a.pcapng", false),
            ("pcapng:a", "a", true),
            ("-", "-", false),
            ("pcapng:-", "-", true),
        ] {
            let target = RecordTarget::new(typed.as_ref());
            assert_eq!((target.file.to_str(), target.is_capture), (Some(file), is_capture));
            assert_eq!(target.is_stdout(), file == "-");
        }
    }

    #[test]
    fn nothing_is_written_before_the_turn_is_over_unless_it_is_much() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        let length = || std::fs::metadata(&path).unwrap().len();
        let mut recorder =
            FileRecorder::create(&RecordTarget::new(path.as_os_str())).unwrap().unwrap();
        recorder.record(&flow(), Observation::Opened);
        assert_eq!(length(), 0);
        recorder.record(&flow(), Observation::Bytes(Direction::In, &vec![b'x'; LARGE]));
        assert!(length() > LARGE as u64);
        recorder.end().unwrap();
        recorder.record(&flow(), Observation::Opened);
        let before = length();
        recorder.flush().unwrap();
        assert_eq!(length(), before);
    }
}
