//! What this process inherited, as it was before Rust's runtime and this program changed it.

use std::backtrace::Backtrace;
use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::signals;

/// Which of stdin, stdout and stderr the parent left closed: bit N is descriptor N.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Notes what is closed before `main`, and before Rust's runtime: that opens the null device in
/// place of what is missing, so that no file ever gets these numbers, and would let data vanish.
/// Afterwards it looks like a null device of the parent's: Python's `DEVNULL` is open for
/// reading and writing as well.
///
/// The C library runs the functions of this section before it calls `main` (ELF, `DT_INIT_ARRAY`).
#[used]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static NOTE_CLOSED: extern "C" fn() = note_closed;

extern "C" fn note_closed() {
    for fd in STANDARD {
        // SAFETY: F_GETFD takes no pointer and touches no memory; a bad number is an error.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
            stand_in();
        }
    }
}

/// Opens something in place of the lowest number that is closed, where there is no null device: the
/// runtime would abort. A pipe that nobody writes to is as empty.
fn stand_in() {
    let mut ends = [-1; 2];
    // SAFETY: the path ends in NUL, and access(2) only reads it; pipe(2) fills an array of two.
    let made = unsafe {
        libc::access(c"/dev/null".as_ptr(), libc::R_OK | libc::W_OK) == -1
            && libc::pipe(ends.as_mut_ptr()) == 0
    };
    if made {
        // SAFETY: this end is new, and nothing else knows its number.
        unsafe { libc::close(ends[1]) };
    }
}

const STANDARD: [c_int; 3] = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];

/// Whether the parent left this standard stream closed.
fn was_closed(stream: impl AsFd) -> bool {
    // Named here, so that no linker takes it for unused.
    std::hint::black_box(&NOTE_CLOSED);
    let fd = stream.as_fd().as_raw_fd();
    STANDARD.contains(&fd) && CLOSED.load(Ordering::Relaxed) & (1 << fd) != 0
}

/// Checks that the parent has left a standard stream open for writing.
///
/// # Errors
/// It has not. In place of one that was closed stands the null device: what is written would vanish.
pub fn check_writable(stream: impl AsFd) -> io::Result<()> {
    if was_closed(&stream) {
        return Err(io::Error::other("the parent process left it closed"));
    }
    // Opened once more, it could be written to all the same.
    match rustix::fs::fcntl_getfl(stream)? & OFlags::RWMODE {
        OFlags::RDONLY => Err(io::Error::other("it is not open for writing")),
        _ => Ok(()),
    }
}

/// When this process has begun to read what may have no end.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// The time of the run begins now, rather than with its loop.
pub fn begin_clock() {
    BEGAN.get_or_init(Instant::now);
}

/// How long ago [`begin_clock`] was called; no time where it was not.
pub fn age() -> Duration {
    BEGAN.get().map_or(Duration::ZERO, Instant::elapsed)
}

/// Prepares the process; to be called first, by the only thread.
///
/// Signals that the parent had blocked are delivered: a blocked SIGCHLD never reports that a child has
/// ended, and execve(2) keeps the mask. What was closed is closed for children that inherit it.
///
/// # Errors
/// Those of pthread_sigmask(3).
pub fn begin() -> io::Result<()> {
    disable_backtraces();
    for fd in STANDARD {
        // SAFETY: the runtime has opened what was closed, and nothing closes these three.
        let stream = unsafe { BorrowedFd::borrow_raw(fd) };
        if was_closed(stream) {
            rustix::io::fcntl_setfd(stream, rustix::io::FdFlags::CLOEXEC)?;
        }
    }
    signals::unblock_all()
}

/// Errors take no backtrace, whatever RUST_BACKTRACE asks for: a release has no symbols and no frames
/// to find one by, and the unwinder of a static binary aborts where it has no frames.
fn disable_backtraces() {
    const NAME: &str = "RUST_LIB_BACKTRACE";
    let inherited = std::env::var_os(NAME);
    // SAFETY: this is the only thread, so nothing else reads the environment meanwhile.
    unsafe { std::env::set_var(NAME, "0") };
    // The standard library looks at the variable once. Children inherit what this process did.
    let _ = Backtrace::capture();
    match inherited {
        // SAFETY: as above.
        Some(value) => unsafe { std::env::set_var(NAME, value) },
        // SAFETY: as above.
        None => unsafe { std::env::remove_var(NAME) },
    }
}
