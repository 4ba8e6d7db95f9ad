//! Names of unix sockets, as a peer chose them and the kernel returns them.
//!
//! A name may fill all of `sun_path` (108 bytes on Linux), and the kernel then returns a length that
//! is one byte larger than `sockaddr_un`, for a NUL that it has no room for (unix(7), BUGS). The
//! readers of the standard library, mio and rustix take that NUL for granted, and some of them
//! panic; here a name is clipped to what there is.

use std::fmt;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::SocketAddrAny;

/// Where the name begins in a `sockaddr_un`.
const START: usize = offset_of!(libc::sockaddr_un, sun_path);
/// Bytes that a name may have.
const MOST: usize = size_of::<libc::sockaddr_un>() - START;

/// The name of a unix socket: a path, or NUL and an abstract name. `Display` writes it as an
/// address is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketName {
    length: u8,
    /// Zero behind `length`.
    bytes: [u8; MOST],
}

impl SocketName {
    /// The name in an address that the kernel wrote; `None` where the socket has none, or is of
    /// another family.
    pub(super) fn read(address: &SocketAddrAny) -> Option<Self> {
        if address.address_family() != rustix::net::AddressFamily::UNIX {
            return None;
        }
        let told = usize::try_from(address.addr_len()).ok()?;
        let length = told.min(size_of::<libc::sockaddr_un>()).checked_sub(START)?;
        let mut bytes = [0; MOST];
        // SAFETY: the storage of an address is larger than `sockaddr_un`, and initialised for the
        // length that was given; no more than that and no more than `bytes` has is copied.
        unsafe {
            let path = address.as_ptr().cast::<u8>().add(START);
            std::ptr::copy_nonoverlapping(path, bytes.as_mut_ptr(), length);
        }
        // All bytes of an abstract name count; a path ends at the first NUL, if it has one.
        let length = match bytes.first() {
            Some(0) => length,
            _ => bytes.iter().take(length).position(|byte| *byte == 0).unwrap_or(length),
        };
        let length = u8::try_from(length).ok().filter(|length| *length > 0)?;
        Some(Self { length, bytes })
    }

    /// A name of these bytes, of which an abstract one begins with NUL; `None` where there are none,
    /// or too many.
    pub fn of_bytes(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; MOST];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        let length = u8::try_from(name.len()).ok().filter(|length| *length > 0)?;
        Some(Self { length, bytes })
    }

    /// The same name as an address to send to.
    pub(super) fn address(&self) -> SocketAddrAny {
        // SAFETY: an all-zero sockaddr_un is valid.
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, from) in address.sun_path.iter_mut().zip(self.bytes) {
            *to = from as libc::c_char;
        }
        // The NUL behind a path may be missing (unix(7)), and would belong to an abstract name.
        let length = START + usize::from(self.length);
        // SAFETY: `address` is initialised, and `length` is at most its size.
        unsafe { SocketAddrAny::read((&raw const address).cast(), length as _) }
    }

    /// Its bytes, of which an abstract one begins with NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or(&self.bytes)
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_bytes() {
            // As in /proc/net/unix: no environment and no file name takes a NUL.
            [0, name @ ..] => {
                write!(out, "unix:@{}", String::from_utf8_lossy(name).replace('\0', "@"))
            }
            path => write!(out, "unix:{}", String::from_utf8_lossy(path)),
        }
    }
}

impl fmt::Debug for SocketName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// The name of a unix socket, if it has one (getsockname(2)).
pub fn local_name(socket: impl AsFd) -> Option<SocketName> {
    SocketName::read(&rustix::net::getsockname(socket).ok()?)
}

/// The name of the socket on the other end, if it has one (getpeername(2)).
pub fn peer_name(socket: impl AsFd) -> Option<SocketName> {
    SocketName::read(&rustix::net::getpeername(socket).ok()??)
}

/// Accepts a connection without its peer's name, as a non-blocking socket that children do not get.
///
/// # Errors
/// Those of accept(2).
pub fn accept(listener: impl AsFd) -> io::Result<OwnedFd> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        use rustix::net::SocketFlags;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        Ok(rustix::net::accept_with(listener, flags)?)
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    {
        let socket = rustix::net::accept(listener)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::sys::mmsg::{ReturnPath, SenderAddress, answer};
    use std::os::unix::net::{UnixDatagram, UnixListener};

    /// Binds to exactly these bytes, as no safe call does.
    fn bind(name: &[u8]) -> OwnedFd {
        use rustix::net::{AddressFamily, SocketType, bind, socket};
        let mut bytes = [0; MOST];
        bytes[..name.len()].copy_from_slice(name);
        let name = SocketName { length: u8::try_from(name.len()).unwrap(), bytes };
        let socket = socket(AddressFamily::UNIX, SocketType::DGRAM, None).unwrap();
        bind(&socket, &name.address()).unwrap();
        socket
    }

    /// Names of every length that stand in `directory`.
    fn names(directory: &str) -> Vec<Vec<u8>> {
        let path = |length| format!("{directory}/{:x<1$}", "", length - directory.len() - 1);
        let abstracts = [1, 107].map(|length| [&[0], &vec![b'\xff'; length][..]].concat());
        let paths = [90, 106, 107, 108].map(|length: usize| path(length).into_bytes());
        abstracts.into_iter().chain(paths).chain([b"\0\0\n\0".to_vec()]).collect()
    }

    #[test]
    fn every_name_that_the_kernel_allows_is_read_and_answered() {
        let directory = tempfile::tempdir().unwrap();
        for name in names(directory.path().to_str().unwrap()) {
            let socket = bind(&name);
            let read = local_name(&socket).unwrap();
            assert_eq!(read.as_bytes(), name, "{read:?}");
            let sender = UnixDatagram::unbound().unwrap();
            let path = ReturnPath { to: SenderAddress::Unix(Some(Box::new(read))), from: None };
            answer(&sender, b"x", &path).unwrap();
            assert_eq!(UnixDatagram::from(socket).recv(&mut [0; 9]).unwrap(), 1);
        }
    }

    #[test]
    fn a_socket_without_a_name_has_none() {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let client = std::os::unix::net::UnixStream::connect(directory.path().join("s")).unwrap();
        let server = accept(&listener).unwrap();
        assert_eq!((local_name(&client), peer_name(&server)), (None, None));
        assert_eq!(peer_name(&client), local_name(&listener));
        assert_eq!(local_name(std::net::UdpSocket::bind("127.0.0.1:0").unwrap()), None);
    }
}
