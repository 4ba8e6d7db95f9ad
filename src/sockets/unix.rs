//! Unix sockets: their names as the kernel takes them, and the socket file of a listener, which
//! replaces a dead one, never a live one, and is removed at the end.

use std::ffi::OsString;
use std::fs::{self, FileType, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, fchmod};
use rustix::io::Errno;
use rustix::process::umask;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::UnixName;

/// How often a file that comes and goes is looked at again before giving up.
const ATTEMPTS: usize = 3;
/// The permissions within the mode of a file.
const MODE_BITS: u32 = 0o777;

/// Removes a socket file when it is dropped, unless another one has taken its place.
#[derive(Debug)]
pub struct UnixGuard {
    path: PathBuf,
    identity: (u64, u64),
}

impl UnixGuard {
    /// Guards the file that is at `path` now.
    fn new(path: &Path) -> io::Result<Self> {
        // Absolute, because the working directory may change until the end.
        Ok(Self { path: std::path::absolute(path)?, identity: identity(path)? })
    }

    /// Gives the file what the umask took from its mode.
    fn widen(&self, mode: u32) -> io::Result<()> {
        if fs::symlink_metadata(&self.path)?.mode() & MODE_BITS == mode {
            return Ok(());
        }
        if cfg!(any(target_os = "android", target_os = "linux")) {
            // chmod(2) follows a symbolic link that has taken the place of the file. The descriptor is
            // of what was there, and O_PATH opens a socket file as well.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::open(&self.path, flags, Mode::empty())?;
            let metadata = rustix::fs::fstat(&file)?;
            if (metadata.st_dev as u64, metadata.st_ino as u64) != self.identity {
                return Err(occupied("another file has taken its place"));
            }
            let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
            return fs::set_permissions(opened, Permissions::from_mode(mode));
        }
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(chmodat(CWD, &self.path, Mode::from_raw_mode(mode as _), flags)?)
    }
}

impl Drop for UnixGuard {
    fn drop(&mut self) {
        // unlink(2) knows names and no inodes: in the moment between the two calls another file may
        // come, which cannot be helped.
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The device and inode of a file, which distinguish it from another of the same name.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    // lstat(2): a symbolic link that stands there now is another file.
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The name as the kernel takes it.
///
/// # Errors
/// The name is too long, or abstract where there are no abstract names.
pub(super) fn socket_address(name: &UnixName) -> io::Result<SockAddr> {
    match name {
        UnixName::Path(path) => SockAddr::unix(path),
        UnixName::Abstract(name) if cfg!(any(target_os = "android", target_os = "linux")) => {
            // The NUL marks it as abstract; all bytes behind it count, NULs as well (unix(7)).
            let with_nul = std::iter::once(0).chain(name.iter().copied()).collect();
            SockAddr::unix(PathBuf::from(OsString::from_vec(with_nul)))
        }
        UnixName::Abstract(_) => Err(io::Error::other("abstract names exist on Linux only")),
    }
}

/// Binds a socket to a name, replacing the file that a dead listener left behind.
///
/// # Errors
/// `AddrInUse` with the words for what is there, or those of bind(2).
pub(super) fn bind(socket: &Socket, name: &UnixName) -> io::Result<Option<UnixGuard>> {
    let address = socket_address(name)?;
    // An abstract name needs no guard: the kernel frees it with the socket. It is of the network
    // namespace, and no permissions of files protect it (unix(7)).
    let UnixName::Path(path) = name else {
        socket.bind(&address)?;
        return Ok(None);
    };
    for _ in 0..ATTEMPTS {
        // bind(2) makes the file and never replaces one. The kernel does not remove it at the end.
        match socket.bind(&address) {
            // Between `clear` and the next bind(2) another program may take the name.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => clear(path, &address)?,
            Err(error) => return Err(error),
            Ok(()) => return UnixGuard::new(path).map(Some),
        }
    }
    socket.bind(&address)?;
    UnixGuard::new(path).map(Some)
}

/// Binds a socket to a name, whose file has this mode and at no moment a wider one.
///
/// # Errors
/// Those of [`bind`], or the mode cannot be set.
pub(super) fn bind_with_mode(
    socket: &Socket,
    name: &UnixName,
    mode: u32,
) -> io::Result<Option<UnixGuard>> {
    // bind(2) makes the file with the mode of the socket less the umask (unix_bind() in Linux). Other
    // systems have no mode of a socket, and there the umask alone limits that of the file.
    let has_mode = fchmod(socket, Mode::from_raw_mode(mode as _)).is_ok();
    let narrow = (!has_mode).then(|| Umask::without(mode));
    let guard = bind(socket, name)?;
    drop(narrow);
    if let Some(guard) = &guard {
        guard.widen(mode)?;
    }
    Ok(guard)
}

/// A umask that leaves no more than some mode, until it is dropped.
struct Umask {
    before: Mode,
    // The umask is of the whole process: two at once would restore each other's.
    _alone: MutexGuard<'static, ()>,
}

impl Umask {
    fn without(mode: u32) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that another thread makes meanwhile have less of a mode, and never more.
        let before = umask(Mode::RWXU | Mode::RWXG | Mode::RWXO);
        umask(before | !Mode::from_raw_mode(mode as _));
        Self { before, _alone: alone }
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        umask(self.before);
    }
}

/// Binds a socket to a name that nobody else has: one that the kernel makes up (autobind, unix(7)),
/// or a file for temporary things where there are no abstract names.
///
/// # Errors
/// Those of bind(2).
pub(super) fn bind_anywhere(socket: &Socket) -> io::Result<Option<UnixGuard>> {
    if cfg!(any(target_os = "android", target_os = "linux")) {
        // An address of the family alone asks for five hexadecimal digits in the abstract
        // namespace.
        return socket.bind(&SockAddr::unix("")?).map(|()| None);
    }
    // Its keys are random.
    let random = RandomState::new().build_hasher().finish();
    let name = format!("wirecat-{}-{:x}", std::process::id(), random);
    bind(socket, &UnixName::Path(std::env::temp_dir().join(name)))
}

/// Removes what is at `path` if it is the file of a socket that nobody listens on.
fn clear(path: &Path, address: &SockAddr) -> io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        return Err(occupied(foreign(metadata.file_type())));
    }
    if is_live(address)? {
        return Err(occupied("another program listens there"));
    }
    // Only the file that was found dead: a new listener may have replaced it meanwhile.
    match identity(path) {
        Ok(now) if now == (metadata.dev(), metadata.ino()) => fs::remove_file(path),
        _ => Ok(()),
    }
}

fn occupied(cause: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, cause)
}

/// What a file is that is no socket.
pub(super) fn foreign(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "it is a directory, and a socket is a file in one"
    } else if kind.is_symlink() {
        "it is a symbolic link, not a socket"
    } else {
        "it is a file, not a socket"
    }
}

/// Whether the live socket of a name is one of SEQPACKET, which neither streams nor datagrams can be
/// connected to (EPROTOTYPE); only where the kernel lists it under the name that it was bound to.
pub(super) fn is_seqpacket(name: &str) -> bool {
    // Num RefCount Protocol Flags Type St Inode Path; a path is as the socket's owner wrote it.
    let list = fs::read("/proc/net/unix").unwrap_or_default();
    // Somebody's name may be of any bytes.
    let list = String::from_utf8_lossy(&list);
    let sockets = list.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        Some((fields.nth(4)?, fields.nth(2)?))
    });
    let wanted = identity(Path::new(name)).ok();
    let is_it =
        |path: &str| path == name || (wanted.is_some() && identity(Path::new(path)).ok() == wanted);
    // SOCK_SEQPACKET is 5 (socket(2)).
    sockets.filter(|(kind, _)| *kind == "0005").any(|(_, path)| is_it(path))
}

/// Whether a socket holds the name. Connecting to a file that none holds is refused (unix(7)); a
/// datagram socket finds out without being a client that a stream listener would have to serve.
fn is_live(address: &SockAddr) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    match probe.connect(address) {
        Ok(()) => Ok(true),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
            // A socket of another type; a datagram socket that receives from one peer only.
            Some(Errno::PROTOTYPE | Errno::PERM) => Ok(true),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Socket {
        Socket::new(Domain::UNIX, Type::STREAM, None).unwrap()
    }

    #[test]
    fn the_guard_leaves_a_newer_socket_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let name = UnixName::Path(path.clone());
        let (first, second) = (stream(), stream());
        let guard = bind(&first, &name).unwrap();
        // Its inode is kept until the new one exists.
        fs::hard_link(&path, directory.path().join("kept")).unwrap();
        drop(first);
        let newer = bind(&second, &name).unwrap();
        drop(guard);
        assert!(path.exists());
        drop(newer);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_has_its_mode_however_it_is_given() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let name = UnixName::Path(path.clone());
        let mode = || fs::symlink_metadata(&path).unwrap().mode() & MODE_BITS;
        for wanted in [0o600, 0o666, 0o777, 0o060, 0o000] {
            let socket = stream();
            let guard = bind_with_mode(&socket, &name, wanted).unwrap().unwrap();
            assert_eq!(mode(), wanted, "{wanted:o}");
            drop(guard);
            let (socket, narrow) = (stream(), Umask::without(wanted));
            let guard = bind(&socket, &name).unwrap().unwrap();
            drop(narrow);
            assert_eq!(mode() & !wanted, 0, "{wanted:o}");
            guard.widen(wanted).unwrap();
            assert_eq!(mode(), wanted, "{wanted:o}");
        }
    }

    #[test]
    fn the_mode_of_a_file_in_its_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("s"), directory.path().join("other"));
        fs::write(&other, "").unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
        let socket = stream();
        let guard = bind(&socket, &UnixName::Path(path.clone())).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(guard.widen(0o666).is_err());
        assert_eq!(fs::metadata(&other).unwrap().mode() & MODE_BITS, 0o600);
    }

    #[test]
    fn a_live_socket_of_any_type_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        for (kind, listens) in [
            (Type::DGRAM, false),
            (Type::SEQPACKET, true),
            (Type::STREAM, true),
            (Type::STREAM, false),
        ] {
            let path = directory.path().join("s");
            let live = Socket::new(Domain::UNIX, kind, None).unwrap();
            live.bind(&SockAddr::unix(&path).unwrap()).unwrap();
            live.set_nonblocking(true).unwrap();
            if listens {
                live.listen(1).unwrap();
            }
            let error = bind(&stream(), &UnixName::Path(path.clone())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            // Nor does it notice that somebody has looked.
            assert!(!listens || live.accept().unwrap_err().kind() == io::ErrorKind::WouldBlock);
            fs::remove_file(path).unwrap();
        }
    }
}
