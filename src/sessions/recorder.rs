//! `--record`: what goes over the network, written to a file.
//!
//! It owns the file and its clock; how a record looks is decided in `report`. Records are gathered
//! and written whole at the end of each turn. A file that fails is reported and closed: the run
//! goes on, and ends with the status of a local failure.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use crate::error::{Failure, Status};
use crate::event_loop::Recorder;
use crate::protocol::recording::{Observation, RecordedFlow};
use crate::report::pcapng::Capture;
use crate::report::transcript;
use crate::sockets::datagram::source_address;
use crate::sys::fd;
use crate::sys::startup::check_writable;

/// Records are written before the end of a turn from this size on.
const LARGE: usize = 1 << 20;

/// Where a recording goes: FILE, `pcapng:FILE` or `ndjson:FILE`; `-` is stdout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTarget {
    /// The file, or `-`.
    pub file: PathBuf,
    is_capture: bool,
}

impl RecordTarget {
    /// Reads what was typed. Where it does not say the form, the name of the file does.
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
        self.file.as_os_str() == "-"
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
    /// Records that are not written yet.
    pending: Vec<u8>,
    /// Bytes of whole records in the file.
    written: u64,
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
                .map(Some),
            false => fd::open_to_write(&target.file, true).and_then(|file| {
                file.as_ref().map_or(Ok(()), fd::set_blocking)?;
                Ok(file)
            }),
        };
        let opened = opened
            .map_err(|error| Failure::io(Status::Local, "record to", target.name(), &error))?;
        Ok(opened.map(|file| Self::on(target, file.into())))
    }

    fn on(target: &RecordTarget, file: File) -> Self {
        let (name, is_stdout) = (target.name(), target.is_stdout());
        let mut pending = Vec::new();
        let form = if target.is_capture {
            Form::Capture(Box::new(Capture::begin(source_address, &mut pending)))
        } else {
            Form::Transcript
        };
        let clock = Clock { started: Instant::now(), at: SystemTime::now() };
        Self { file, is_stdout, name, form, pending, written: 0, clock, state: State::Good }
    }

    fn write(&mut self) {
        if self.pending.is_empty() || !matches!(self.state, State::Good) {
            return;
        }
        match self.file.write_all(&self.pending) {
            Ok(()) => self.written += self.pending.len() as u64,
            Err(error) => {
                // No half record is left behind; a device cannot be cut, and need not be.
                if !self.is_stdout {
                    let _ = self.file.set_len(self.written);
                }
                let failure = Failure::io(Status::Local, "record to", self.name.clone(), &error);
                self.state = State::Failed(failure);
            }
        }
        self.pending.clear();
    }
}

impl Recorder for FileRecorder {
    fn record(&mut self, recorded: &RecordedFlow, observation: Observation<'_>) {
        if !matches!(self.state, State::Good) {
            return;
        }
        let now = self.clock.now();
        match &mut self.form {
            Form::Transcript => transcript::write(recorded, &observation, now, &mut self.pending),
            Form::Capture(capture) => capture.write(recorded, &observation, now, &mut self.pending),
        }
        if self.pending.len() >= LARGE {
            self.write();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.write();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Failed(failure) => Err(failure),
            state => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        let outcome = self.flush();
        self.state = State::Over;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::protocol::output::Direction;
    use crate::protocol::recording::{Proto, Role};

    fn flow() -> RecordedFlow {
        let local = "127.0.0.1:1".to_owned();
        RecordedFlow { number: 1, proto: Proto::Tcp, role: Role::Connected, local, peer: None }
    }

    #[test]
    fn a_failure_is_told_once_and_ends_the_recording() {
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
