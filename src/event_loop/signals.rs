//! Signals as events of the loop.
//!
//! What the parent chose to ignore (`nohup`, a background job of a script) stays ignored. The
//! first terminating signal becomes an event; a second one ends the process at once, even where
//! the loop is stuck in a blocking write.

use std::io;

use mio::Registry;
use mio::net::UnixStream;
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;

use super::SIGNALS;
use crate::sys::signals::{self, SIGPIPE, SIGTTIN, SIGTTOU, SIGXFSZ};

/// A signal that the loop hands to its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`: ^C.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGHUP`: the terminal is gone.
    Hangup,
    /// `SIGUSR1`: report the state.
    Report,
    /// `SIGCHLD`: a child of the process may have ended. Several ends may share one signal.
    Child,
    /// `SIGWINCH`: the window has another size.
    Resize,
    /// `SIGTSTP`: the shell wants the terminal.
    Suspend,
    /// `SIGCONT`: the shell gave it back.
    Continue,
}

impl Signal {
    fn of(number: i32) -> Option<Self> {
        match number {
            SIGINT => Some(Self::Interrupt),
            SIGTERM => Some(Self::Terminate),
            SIGHUP => Some(Self::Hangup),
            SIGUSR1 => Some(Self::Report),
            SIGCHLD => Some(Self::Child),
            SIGWINCH => Some(Self::Resize),
            SIGTSTP => Some(Self::Suspend),
            SIGCONT => Some(Self::Continue),
            _ => None,
        }
    }
}

/// The signals that a loop watches.
pub(super) struct Signals {
    source: SignalDelivery<UnixStream, WithRawSiginfo>,
    /// What ends the process at a second signal.
    at_once: Vec<SigId>,
}

impl Signals {
    /// Takes over the terminating signals, `SIGUSR1` and `SIGCHLD`, and survives those of job control, and
    /// those that would end the process where a write can fail instead.
    pub(super) fn watch(registry: &Registry) -> io::Result<Self> {
        // With the signal ignored the call returns an error that a channel can report: EIO for
        // reading in the background, EPIPE for writing without a reader, EFBIG beyond the limit of
        // a file.
        for signal in [SIGTTIN, SIGTTOU, SIGPIPE, SIGXFSZ] {
            signals::ignore(signal)?;
        }
        let wanted: Vec<i32> =
            [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|s| !signals::is_ignored(*s)).collect();
        let mut at_once = Vec::new();
        for signal in &wanted {
            at_once.push(signals::die_of_second(*signal)?);
        }
        let (read, write) = UnixStream::pair()?;
        let all = wanted.into_iter().chain([SIGUSR1, SIGCHLD]);
        let mut source = SignalDelivery::with_pipe(read, write, WithRawSiginfo, all)?;
        registry.register(source.get_read_mut(), SIGNALS, mio::Interest::READABLE)?;
        Ok(Self { source, at_once })
    }

    /// Watches `SIGWINCH` and the signals of job control as well, and leaves every signal to the loop:
    /// the terminal has to be put back before the process ends or stops.
    pub(super) fn watch_terminal(&mut self) -> io::Result<()> {
        for kill in self.at_once.drain(..) {
            signal_hook::low_level::unregister(kill);
        }
        for signal in [SIGWINCH, SIGTSTP, SIGCONT] {
            if !signals::is_ignored(signal) {
                self.source.handle().add_signal(signal)?;
            }
        }
        Ok(())
    }

    /// The signals that came since the last call, each with whether the terminal sent it.
    pub(super) fn pending(&mut self) -> Vec<(Signal, bool)> {
        // Classic signals do not queue (signal(7)): one SIGCHLD may stand for several children.
        let come = self.source.pending();
        come.filter_map(|info| Some((Signal::of(info.si_signo)?, signals::is_of_the_kernel(&info))))
            .collect()
    }
}
