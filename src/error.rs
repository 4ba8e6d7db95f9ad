//! Failures as the user meets them: an operation, what it was done to, the cause, the fix, and
//! the exit status that follows.
//!
//! Pure. Every floor reports through [`Failure`], so a message is put together in one place and
//! reads the same everywhere: `cannot listen on 127.0.0.1:80: permission denied (ports below …)`.
//!
//! What makes a failure is `#[cold]`, here and on the other floors: the compiler then inlines nothing on
//! the paths that lead there, which are many. It makes the binary 2 % smaller.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use rustix::io::Errno;

use crate::kind::Kind;

/// The exit statuses of the command line; the numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Done, and nothing was lost.
    Done,
    /// An expectation failed (`--expect`, `--count`).
    Unmet,
    /// Usage, a bad address, an option that cannot apply.
    Usage,
    /// Name resolution.
    Resolve,
    /// Cannot connect.
    Connect,
    /// Cannot bind, listen or join.
    Listen,
    /// Connection lost, input left unsent, bad frame.
    Lost,
    /// Local I/O: stdin, stdout, a file, a descriptor.
    Local,
    /// A handshake above the connection: with a proxy, or of TLS.
    Handshake,
    /// A time limit ran out.
    Timeout,
    /// A command is there and cannot be run.
    NotRunnable,
    /// A command is not there.
    NotFound,
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// What a command that was run ended with.
    Command(u8),
}

impl Status {
    /// The number that the parent process sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Unmet => 1,
            Self::Usage => 2,
            Self::Resolve => 3,
            Self::Connect => 4,
            Self::Listen => 5,
            Self::Lost => 6,
            Self::Local => 7,
            Self::Handshake => 8,
            Self::Timeout => 124,
            Self::NotRunnable => 126,
            Self::NotFound => 127,
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Command(code) => code,
        }
    }
}

/// What helps, where a program that calls the library does something else about it than a user of the
/// command line. The library names its calls, and the command line its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// A multicast group where one machine is meant.
    Groups,
    /// The address of one machine where a group is meant.
    Machines,
    /// The address of one machine where a group is sent to. Each `{}` stands for it.
    SendFrom,
    /// The socket at an address takes datagrams.
    Datagrams,
    /// The socket at an address takes connections.
    Streams,
    /// The socket at an address takes messages in order (SOCK_SEQPACKET).
    Packets,
    /// A broadcast address.
    Broadcast,
    /// A listener whose backlog is full.
    Busy,
    /// A descriptor that was not passed on.
    Inherited,
    /// No descriptors came from the service manager.
    Activation,
    /// The address to bind to is of another family.
    BindFamily,
    /// Where socket options are given.
    Options,
}

/// The words of the command line, once it runs.
static WORDS: OnceLock<fn(Remedy) -> &'static str> = OnceLock::new();

impl Remedy {
    /// Gives the words of all remedies of this process. The first call decides.
    pub(crate) fn set_words(words: fn(Self) -> &'static str) {
        let _ = WORDS.set(words);
    }

    /// What to do about it.
    pub(crate) fn words(self) -> &'static str {
        if let Some(words) = WORDS.get() {
            return words(self);
        }
        match self {
            Self::Groups => "Pool::join receives groups",
            Self::Machines => "Pool::datagrams takes it",
            Self::SendFrom => "GroupOptions has the address to send from",
            Self::Datagrams => "it is a datagram socket: Pool::send_to reaches it",
            Self::Streams => "it is a stream socket: Pool::connect reaches it",
            Self::Packets => "it is a SEQPACKET socket, which is not supported",
            Self::Broadcast => "a broadcast address needs Pool::allow_broadcast",
            Self::Busy => "try again later",
            Self::Inherited => "the parent process must open it, and leave it open",
            Self::Activation => {
                "start the program from a .socket unit or systemd-socket-activate, or name an fd:N"
            }
            Self::BindFamily => "there is no address of this family to bind to",
            Self::Options => "a socket option",
        }
    }
}

/// A failure with everything that its message needs.
///
/// Displays as `cannot OPERATION TARGET: CAUSE (FIX)`; the fix is left out where there is none.
///
/// It is one pointer: what succeeds, which is nearly everything, then returns no 120 bytes of room for
/// what failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Box<FailureParts>);

/// What a [`Failure`] consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureParts {
    /// The exit status that this failure leads to when it ends the run.
    pub status: Status,
    /// The stable word for programs.
    pub kind: Kind,
    /// What was tried, as it follows "cannot": `connect to`, `listen on`, `write to`.
    pub operation: &'static str,
    /// What it was tried on: an address, a file, `stdout`.
    pub target: String,
    /// Why it failed, in lower case, without a full stop.
    pub cause: String,
    /// What the user can do about it.
    pub fix: Option<String>,
}

impl std::error::Error for Failure {}

impl Deref for Failure {
    type Target = FailureParts;

    fn deref(&self) -> &FailureParts {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut FailureParts {
        &mut self.0
    }
}

impl Failure {
    /// A failure without a fix.
    #[cold]
    pub fn new(
        status: Status,
        kind: Kind,
        operation: &'static str,
        target: impl Into<String>,
        cause: impl Into<String>,
    ) -> Self {
        let (target, cause) = (target.into(), cause.into());
        Self(Box::new(FailureParts { status, kind, operation, target, cause, fix: None }))
    }

    /// The same failure with a word on what to do about it.
    #[must_use]
    #[cold]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The same failure as one of another kind.
    #[must_use]
    #[cold]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same failure with a better cause.
    #[must_use]
    #[cold]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds what mends it, where something does.
    #[must_use]
    #[cold]
    pub fn maybe_fix(self, fix: Option<&str>) -> Self {
        match fix {
            Some(fix) => self.fix(fix),
            None => self,
        }
    }

    /// A failure of the operating system; the kind follows from the error. One that stands for a
    /// handshake that has failed brings its own status, kind and fix.
    #[cold]
    pub fn io(
        status: Status,
        operation: &'static str,
        target: impl Into<String>,
        error: &io::Error,
    ) -> Self {
        match HandshakeError::of(error) {
            Some(HandshakeError { kind, cause, fix }) => {
                let failure =
                    Self::new(Status::Handshake, *kind, operation, target, cause.as_str());
                failure.maybe_fix(fix.as_deref())
            }
            None => {
                let is_full = Errno::from_io_error(error) == Some(Errno::MFILE);
                let fix = is_full.then_some("raise the limit of open files, `ulimit -n`");
                let failure = Self::new(status, Kind::from(error), operation, target, plain(error));
                failure.maybe_fix(fix)
            }
        }
    }
}

/// Why a handshake above a connection has failed: with a proxy, before TLS, or of TLS. It travels as
/// the inner error of an [`io::Error`], and ends with exit status 8.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct HandshakeError {
    /// The stable word for programs.
    pub kind: Kind,
    /// Why, in lower case, without a full stop. What the other side said stands in it escaped.
    pub cause: String,
    /// What the user can do about it.
    pub fix: Option<String>,
}

impl HandshakeError {
    /// One without a fix.
    #[cold]
    pub fn new(kind: Kind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), fix: None }
    }

    /// The same with a word on what to do about it.
    #[must_use]
    #[cold]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }

    /// The one that an error of the operating system stands for.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        Self::other(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {} {}: {}", self.operation, self.target, self.cause)?;
        match &self.fix {
            Some(fix) => write!(out, " ({fix})"),
            None => Ok(()),
        }
    }
}

/// An operating system's error as a cause: `connection refused`, not
/// `Connection refused (os error 111)`.
#[cold]
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_operation_target_cause_fix() {
        let error = io::Error::from(rustix::io::Errno::ACCESS);
        let failure = Failure::io(Status::Listen, "listen on", "127.0.0.1:80", &error)
            .fix("ports below 1024 need CAP_NET_BIND_SERVICE");
        assert_eq!(
            failure.to_string(),
            "cannot listen on 127.0.0.1:80: permission denied \
             (ports below 1024 need CAP_NET_BIND_SERVICE)"
        );
        assert_eq!((failure.kind, failure.status.code()), (Kind::PermissionDenied, 5));
    }

    #[test]
    fn a_handshake_that_failed_has_its_own_status_and_fix() {
        let error = HandshakeError::new(Kind::Refused, "the proxy refuses").fix("name another one");
        let failure = Failure::io(Status::Connect, "connect to", "host:80", &error.into());
        assert_eq!(
            failure.to_string(),
            "cannot connect to host:80: the proxy refuses (name another one)"
        );
        assert_eq!((failure.kind, failure.status.code()), (Kind::Refused, 8));
    }
}
