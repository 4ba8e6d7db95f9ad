//! File descriptors: taking over inherited ones, and opening the same file once more.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Takes over a descriptor that the parent process left open.
///
/// Call it once for each number: the result closes the descriptor when it is dropped.
///
/// # Errors
/// `EBADF` where the number is not open.
pub fn adopt(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD takes no pointer and touches no memory; a bad number is an error.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and the caller promises to adopt it once, so this is the
    // only owner in this process.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Checks that a number stands for something that can be written to, and keeps it from children.
/// It stays open until it is adopted.
///
/// # Errors
/// `EBADF` if `fd` is not open; `ErrorKind::Other` if it is open for reading only.
pub fn claim_writable(fd: RawFd) -> io::Result<()> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the descriptor is used for the calls below only, of which the first fails where it
    // is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // The access mode is a number of two bits and O_RDONLY is 0, so no single bit stands for it
    // (fcntl(2), F_GETFL).
    if rustix::fs::fcntl_getfl(fd)? & OFlags::RWMODE == OFlags::RDONLY {
        return Err(io::Error::other("it is not open for writing"));
    }
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?)
}

/// What a descriptor is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdAccess {
    /// For reading.
    Read,
    /// For writing.
    Write,
}

/// Opens the file behind `fd` once more, non-blocking.
///
/// `O_NONBLOCK` belongs to the open file description, which an inherited descriptor shares with
/// every process on that pipe or terminal; a description of our own can have it without anybody
/// noticing (proc(5), `/proc/pid/fd`).
///
/// # Errors
/// Sockets cannot be reopened (`ENXIO`), nor files that now belong to another user (`EACCES`),
/// nor anything where `/proc` is not mounted.
pub fn reopen_nonblocking(fd: impl AsFd, access: FdAccess) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    // A pipe that nobody reads any more cannot be opened for writing (ENXIO, fifo(7)).
    let access = match access {
        FdAccess::Read => OFlags::RDONLY,
        FdAccess::Write => OFlags::WRONLY,
    };
    // Without O_NOCTTY the leader of a session that has no terminal would make this one its own
    // (open(2)).
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens a file that is there to write to it, without waiting: `None` is a FIFO that nobody reads
/// (fifo(7)). The description is non-blocking, but that of a socket that this process was given, of which
/// there is one.
///
/// # Errors
/// Those of open(2); `ErrorKind::Other` for what another user may have placed there.
pub fn open_to_write(path: &Path) -> io::Result<Option<OwnedFd>> {
    Ok(open_with(path, OFlags::empty())?.map(|(file, _)| file.into()))
}

/// The same, but a file that is not there is created for its owner alone, and one that is there is
/// emptied; a file and a FIFO stay locked while they are open.
///
/// # Errors
/// As those of [`open_to_write`]; `ErrorKind::Other` also for a file that another process has locked, as
/// one does that has opened it by this function.
pub fn create_to_write(path: &Path) -> io::Result<Option<OwnedFd>> {
    let Some((file, found)) = open_with(path, OFlags::CREATE)? else { return Ok(None) };
    // A FIFO takes no more than a page whole (pipe(7), PIPE_BUF).
    if found.is_file() || found.file_type().is_fifo() {
        claim(&file)?;
    }
    // Not by O_TRUNC, which would have emptied a file that is refused.
    if found.is_file() {
        file.set_len(0)?;
    }
    Ok(Some(file.into()))
}

fn open_with(path: &Path, flags: OFlags) -> io::Result<Option<(File, Metadata)>> {
    let place = Place::of(path)?;
    match place.open(flags) {
        // A socket file says so, too.
        Err(rustix::io::Errno::NXIO) => match std::fs::metadata(&place.path) {
            Ok(found) if found.file_type().is_fifo() => place.check(&found).map(|()| None),
            // No socket can be opened, and one that this process was given is open already.
            Ok(found) => match duplicate(path) {
                Some(given) => Ok(Some((given.into(), found))),
                None => Err(rustix::io::Errno::NXIO.into()),
            },
            Err(_) => Err(rustix::io::Errno::NXIO.into()),
        },
        outcome => {
            let file = File::from(outcome?);
            let found = file.metadata()?;
            place.check(&found)?;
            Ok(Some((file, found)))
        }
    }
}

/// Locks a file against other processes that do the same: two that write from the start of one file leave
/// neither's text whole. By fcntl(2), so that who runs this program under flock(1) is not in its way.
fn claim(file: &File) -> io::Result<()> {
    match lock(file).map_err(|error| error.raw_os_error()) {
        Err(Some(libc::EAGAIN | libc::EACCES)) => {
            Err(io::Error::other("another process has locked it"))
        }
        // A file system without locks is no reason not to write.
        _ => Ok(()),
    }
}

/// Locks all of a file for its description: a lock of the process would go as soon as the process closes
/// any descriptor of that file, such as one that has read it (fcntl(2)).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: numbers only, for which 0 is valid: from the start of the file to its end, of no process.
    let mut whole: libc::flock64 = unsafe { std::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as _;
    // SAFETY: the call reads `whole`, which outlives it.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const whole) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Locks all of a file for this process.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn lock(file: &File) -> io::Result<()> {
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    Ok(rustix::fs::fcntl_lock(file, exclusive)?)
}

/// Opens a file to add to it, by whole writes. One that is not there is created for its owner alone.
///
/// # Errors
/// Those of open(2); `ErrorKind::Other` for what another user may have placed there.
pub fn open_to_append(path: &Path) -> io::Result<OwnedFd> {
    let place = Place::of(path)?;
    let file = File::from(place.open(OFlags::APPEND | OFlags::CREATE)?);
    place.check(&file.metadata()?)?;
    Ok(file.into())
}

/// Checks a directory in which files are created anew: no link of another user leads there.
///
/// # Errors
/// `ErrorKind::Other` for such a link.
pub fn check_links(directory: &Path) -> io::Result<()> {
    follow(directory).map(drop)
}

/// Whether a path leads to what some process has open already: `/dev/fd/3`, `/dev/stderr`.
pub fn is_descriptor(path: &Path) -> bool {
    follow(path).is_ok_and(|path| path.starts_with("/proc"))
}

/// Checks that a path which leads to a descriptor of this process, such as `/dev/fd/3`, leads to one that
/// is open. Before this process opens anything of its own, that is one that it was given.
///
/// # Errors
/// `EBADF` where it is not open.
pub fn check_given(path: &Path) -> io::Result<()> {
    let Some(number) = number_of(path) else { return Ok(()) };
    // SAFETY: the descriptor is used for this call only, which fails where it is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number.into()) };
    Ok(rustix::io::fcntl_getfd(fd).map(drop)?)
}

/// The number of the descriptor of this process that a path leads to.
fn number_of(path: &Path) -> Option<u16> {
    follow(path).ok()?.strip_prefix("/proc/self/fd").ok()?.to_str()?.parse().ok()
}

/// The descriptor of this process that a path leads to, such as `/dev/fd/3`, once more and as it is: to open
/// the path again would begin at the start of a file, where this goes on. `None` where it leads to none.
pub fn duplicate(path: &Path) -> Option<OwnedFd> {
    let number = number_of(path)?;
    // SAFETY: the descriptor is used for this call only, which fails where it is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number.into()) };
    // Not as a standard stream that is closed.
    rustix::io::fcntl_dupfd_cloexec(fd, 3).ok()
}

/// Symbolic links behind which another one is an error, as in Linux (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Follows the symbolic links of a path, as open(2) does, but none that another user has placed: in the
/// last place anywhere, and before it in a directory of everybody. The result has no links but those of
/// /proc, which lead to what is open, whatever they read as.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut at = if path.is_absolute() { PathBuf::from("/") } else { std::env::current_dir()? };
    let (mut left, mut links) = (parts(path), 0);
    while let Some(part) = left.pop() {
        // One that is absolute, or that begins with the root, takes the place of the whole.
        let next = at.join(part);
        match std::fs::symlink_metadata(&next) {
            Ok(found) if found.is_symlink() && !at.starts_with("/proc") => {
                if is_foreign(found.uid()) && (left.is_empty() || shared_by(&next).is_some()) {
                    let what = if next == path { "it".into() } else { next.to_string_lossy() };
                    return Err(io::Error::other(format!(
                        "{what} is a symbolic link of another user"
                    )));
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                left.extend(parts(&std::fs::read_link(&next)?));
            }
            _ => at = next,
        }
    }
    Ok(at)
}

/// What stands at a path to write to, where another user may have placed it, in a directory of everybody
/// such as /tmp: a symbolic link or a second name of a file of this user, to have it overwritten, or a
/// file or a FIFO of their own, to read what is secret. Linux refuses most of that itself where
/// fs.protected_symlinks, protected_hardlinks, protected_regular and protected_fifos are set
/// (proc_sys_fs(5)); their default is 0.
struct Place {
    /// Without symbolic links; one that comes there later is not followed (ELOOP).
    path: PathBuf,
    /// The owner of the directory that the file is in, where everybody may write to it.
    shared: Option<u32>,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let path = follow(path)?;
        Ok(Self { shared: shared_by(&path), path })
    }

    /// Opens it, to write.
    fn open(&self, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let is_proc = self.path.starts_with("/proc");
        let follow = if is_proc { OFlags::empty() } else { OFlags::NOFOLLOW };
        let flags = flags | follow | OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        rustix::fs::open(&self.path, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
    }

    /// Judges what is open: as the kernel does, it trusts the owner of the directory.
    fn check(&self, found: &Metadata) -> io::Result<()> {
        let Some(owner) = self.shared else { return Ok(()) };
        let is_file = found.is_file();
        if !is_file && !found.file_type().is_fifo() {
            return Ok(());
        }
        if is_foreign(found.uid()) && found.uid() != owner {
            return Err(io::Error::other(
                "it belongs to another user, in a directory of everybody",
            ));
        }
        if is_file && found.nlink() > 1 {
            let why = "it has a second name (a hard link), in a directory of everybody";
            return Err(io::Error::other(why));
        }
        Ok(())
    }
}

/// Whether this is the user of somebody else; root can do everything anyway.
fn is_foreign(uid: u32) -> bool {
    uid != 0 && uid != rustix::process::geteuid().as_raw()
}

/// The owner of the directory that an absolute path is in, where everybody may write to it.
fn shared_by(path: &Path) -> Option<u32> {
    let found = std::fs::metadata(path.parent()?).ok()?;
    (found.mode() & 0o002 != 0).then(|| found.uid())
}

/// Asks for a larger pipe buffer; a refusal changes nothing.
///
/// The default of 64 KiB costs a wake-up for every 64 KiB that pass (pipe(7)).
pub fn widen_pipe(fd: impl AsFd, size: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // EPERM above /proc/sys/fs/pipe-max-size, 1 MiB by default, and for a user whose pipes hold
    // pipe-user-pages-soft pages already (pipe(7)).
    let _ = rustix::pipe::fcntl_setpipe_size(fd, size);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (fd, size);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_number_that_is_not_open_cannot_be_adopted() {
        let error = adopt(1_000_000).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn the_symbolic_link_of_another_user_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(create_to_write(&link).unwrap().is_some());
        assert!(file.exists());
        if std::os::unix::fs::lchown(&link, Some(65534), None).is_err() {
            println!("SKIPPED the link of another user: this needs root");
            return;
        }
        let error = create_to_write(&link).unwrap_err();
        assert_eq!(error.to_string(), "it is a symbolic link of another user");
    }

    /// Also where this process has opened and closed the file beside it.
    #[test]
    fn a_file_that_is_written_to_is_locked_until_it_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let file = create_to_write(&path).unwrap();
        drop(File::open(&path).unwrap());
        let error = create_to_write(&path).unwrap_err();
        assert_eq!(error.to_string(), "another process has locked it");
        drop(file);
        // The child of another test may have the file until it execs.
        while create_to_write(&path).is_err() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_reopened_pipe_does_not_block_and_leaves_the_inherited_end_as_it_was() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut ours = File::from(reopen_nonblocking(&reader, FdAccess::Read).unwrap());
        let mut byte = [0];
        assert_eq!(ours.read(&mut byte).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        writer.write_all(b"x").unwrap();
        assert_eq!(ours.read(&mut byte).unwrap(), 1);
        let flags = rustix::fs::fcntl_getfl(&reader).unwrap();
        assert!(!flags.contains(OFlags::NONBLOCK));
    }
}
