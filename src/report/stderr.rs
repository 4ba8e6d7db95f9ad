//! Writing whole lines to stderr, which we share with others and may not change.
//!
//! A stderr that fails is nothing that could be reported anywhere: it is left alone.

use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Writes all of `line`, in one write(2) where the descriptor takes it whole.
///
/// Another process may have set O_NONBLOCK on the description that we inherited; then it is waited
/// for, as a blocking write would. A descriptor that fails ends the attempt.
pub(super) fn write_whole(mut sink: impl Write + AsFd, line: &[u8]) {
    let mut rest = line;
    while !rest.is_empty() {
        match sink.write(rest) {
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && wait(&sink) => {}
            Err(_) => return,
        }
    }
}

/// Waits until the sink takes bytes again, or says by an error that it never will.
fn wait(sink: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(sink, PollFlags::OUT)];
    matches!(poll(&mut fds, None), Ok(_) | Err(Errno::INTR))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn a_non_blocking_stderr_loses_nothing() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let line = vec![b'x'; 1 << 21];
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).map(|_| all)
        });
        write_whole(ours, &line);
        assert_eq!(reader.join().unwrap().unwrap(), line);
    }

    #[test]
    fn a_stderr_without_a_reader_is_left_alone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        write_whole(ours, b"line\n");
    }
}
