//! Signal dispositions that `signal-hook` does not offer: ignoring, asking what was inherited, and
//! giving everything back to a program that is about to be executed.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use signal_hook::SigId;

pub use libc::{SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM, SIGTTIN, SIGTTOU, SIGXFSZ, siginfo_t};

/// The signals that are ignored by this program's own choice; bit N is signal N.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Signals beyond the classic ones are not used here.
const CLASSIC: std::ops::Range<i32> = 1..32;

/// Ignores a signal for the whole process.
///
/// Needed for `SIGTTIN` and `SIGTTOU`: with a handler the kernel restarts the read and signals
/// again for ever, while an ignored one makes a background read fail with `EIO` (termios(3),
/// `__tty_check_change` in the kernel).
///
/// # Errors
/// Those of `sigaction(2)`.
pub fn ignore(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_IGN installs no handler code; `signal` touches no memory of ours.
    let previous = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if previous == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    if previous != libc::SIG_IGN && CLASSIC.contains(&signal) {
        IGNORED.fetch_or(1 << signal, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether the parent started us with this signal ignored, as `nohup` and `&` in scripts do.
pub fn is_ignored(signal: i32) -> bool {
    disposition(signal) == Some(libc::SIG_IGN)
}

/// Gives each signal back the meaning that it had when this program was started: what is handled
/// or was ignored here does its default again, and what the parent ignored stays ignored.
///
/// For a process that is about to execute another program. It is async-signal-safe, as is needed
/// between fork and exec.
pub(super) fn restore() {
    let ignored_here = IGNORED.load(Ordering::Relaxed);
    // execve(2) resets what is handled and keeps what is ignored (signal(7)). Handlers are reset
    // here all the same: until then they would run in the child.
    for signal in CLASSIC {
        let changed = match disposition(signal) {
            Some(libc::SIG_IGN) => ignored_here & (1 << signal) != 0,
            Some(disposition) => disposition != libc::SIG_DFL,
            None => false,
        };
        // SIGKILL and SIGSTOP always do their default, so the refusal to change them is never met.
        if changed {
            // SAFETY: SIG_DFL installs no handler code; `signal` touches no memory of ours.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

/// Whether no process sent a signal (`SI_KERNEL`, sigaction(2)): ^C, or a terminal that hung up. Such
/// a signal went to the whole foreground process group. Only Linux has the mark.
pub fn is_of_the_kernel(info: &siginfo_t) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return info.si_code == libc::SI_KERNEL;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = info;
        false
    }
}

/// Blocks every signal in this thread; returns what was blocked before.
///
/// # Errors
/// Those of pthread_sigmask(3).
pub(super) fn block_all() -> io::Result<libc::sigset_t> {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: sigfillset(3) initialises the whole set, and cannot fail on a valid pointer.
    let all = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        all.assume_init()
    };
    // SAFETY: the call reads `all` and writes a whole set to `before`.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, before.as_mut_ptr()) } {
        // SAFETY: the call succeeded.
        0 => Ok(unsafe { before.assume_init() }),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Blocks no signal in this thread, nor in those that it starts.
///
/// # Errors
/// Those of pthread_sigmask(3).
pub fn unblock_all() -> io::Result<()> {
    set_mask(&set_of(&[]))
}

/// The signals that end a run.
const ENDS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Holds back what ends a run, or asks for its figures, in this thread and those that it starts from now
/// on, until [`unblock_all`]: [`take_held`] finds it.
///
/// # Errors
/// Those of pthread_sigmask(3).
pub fn hold_ends() -> io::Result<()> {
    let held = set_of(&[SIGINT, SIGTERM, SIGHUP, libc::SIGUSR1]);
    // SAFETY: as in `set_mask`.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const held, ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Takes a signal that was to end the run, and was held back. One that asks for figures, of which there are
/// none yet, is forgotten: by default it would end the process.
pub fn take_held() -> Option<i32> {
    take_one_of(&[libc::SIGUSR1]);
    take_one_of(&ENDS)
}

fn take_one_of(signals: &[i32]) -> Option<i32> {
    let mut pending = set_of(&[]);
    // SAFETY: sigpending(2) writes to a set, and sigismember(3) reads it.
    let is_held = |signal: &i32| unsafe {
        libc::sigpending(&raw mut pending) == 0
            && libc::sigismember(&raw const pending, *signal) == 1
    };
    // One that is blocked is pending even where it is ignored (`sig_ignored()`, Linux 6.18).
    let signal = signals.iter().copied().filter(|signal| !is_ignored(*signal)).find(is_held)?;
    let (only, mut taken) = (set_of(&[signal]), 0);
    // SAFETY: it reads the set and writes a number. It does not wait: the signal is pending.
    unsafe { libc::sigwait(&raw const only, &raw mut taken) };
    Some(signal)
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset(3) initialises the whole set; the numbers are those of signals.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Ends the process by a signal, so that the parent sees of which it died; where that has no effect
/// by 128 and its number, which a shell makes of it. It is async-signal-safe.
///
/// The first process of a PID namespace ignores its own signals by default (pid_namespaces(7)).
pub fn die(signal: i32) -> ! {
    // SAFETY: SIG_DFL installs no handler code; raise(3) and _exit(2) touch no memory of ours.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        // A handler has its own signal blocked.
        let _ = unblock_all();
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}

/// Has the second of these signals from now on end the process at once, and returns what undoes
/// this. It has no part in what else is done about the signal.
///
/// # Errors
/// Those of sigaction(2).
pub fn die_of_second(signal: i32) -> io::Result<SigId> {
    let seen = AtomicBool::new(false);
    let action = move || {
        if seen.swap(true, Ordering::SeqCst) {
            die(signal);
        }
    };
    // SAFETY: swapping a flag and `die` are async-signal-safe, and neither unwinds.
    unsafe { signal_hook::low_level::register(signal, action) }
}

/// Blocks these signals in this thread, and no others. It is async-signal-safe.
///
/// # Errors
/// Those of pthread_sigmask(3).
pub(super) fn set_mask(mask: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: the call reads `mask`; the pointer for what was blocked before may be null.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Stops this process as job control does (`SIGTSTP`), until somebody lets it go on. Where no shell
/// could do so, because the process group is orphaned, it goes on at once.
pub fn stop() {
    by_default(libc::SIGTSTP, || {
        // SAFETY: it touches no memory; a signal to oneself is delivered before it returns.
        unsafe { libc::raise(libc::SIGTSTP) }
    });
}

/// Does something while a signal does its default.
pub fn by_default<T>(signal: i32, action: impl FnOnce() -> T) -> T {
    // SAFETY: an all-zero sigaction is valid: SIG_DFL, no flags, nothing blocked.
    let (default, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid; SIG_DFL installs no handler code.
    let changed = unsafe { libc::sigaction(signal, &raw const default, &raw mut before) } == 0;
    let result = action();
    if changed {
        // SAFETY: `before` is what the kernel has just written.
        unsafe { libc::sigaction(signal, &raw const before, std::ptr::null_mut()) };
    }
    result
}

fn disposition(signal: i32) -> Option<libc::sighandler_t> {
    // SAFETY: an all-zero sigaction is a valid value for the kernel to overwrite.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only queries; `current` is valid for writing.
    let outcome = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut current) };
    (outcome == 0).then_some(current.sa_sigaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_known_to_be() {
        assert!(!is_ignored(libc::SIGWINCH));
        ignore(libc::SIGWINCH).unwrap();
        assert!(is_ignored(libc::SIGWINCH));
    }
}
