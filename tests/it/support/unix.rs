//! Stream sockets of the file system, as [`super::net`] has those of the network: whatever they wait for
//! has a limit.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use socket2::SockRef;

use super::{PATIENCE, watchdog};

/// The next connection.
pub(crate) fn accept(listener: &UnixListener) -> UnixStream {
    // On Linux the limit of a listener's reads is that of its accepts.
    SockRef::from(listener).set_read_timeout(Some(PATIENCE)).expect("a timeout");
    bounded(listener.accept().expect("somebody connects").0)
}

/// A connection to a server.
pub(crate) fn connect(path: impl AsRef<Path>) -> UnixStream {
    bounded(UnixStream::connect(path).expect("the server accepts"))
}

/// Two ends, the first of which is the test's.
pub(crate) fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    (bounded(ours), theirs)
}

fn bounded(stream: UnixStream) -> UnixStream {
    watchdog::watch();
    stream.set_read_timeout(Some(4 * PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(4 * PATIENCE)).expect("a timeout");
    stream
}
