//! stdin on its way into datagrams: how much of it is read at once, and in whose memory the messages
//! are made.
//!
//! Microseconds of CPU for each of 300,000 datagrams of 1,200 bytes, from a file on ext4 to a socket of
//! loopback that nobody reads, by programs that do nothing else (SCHED_FIFO, Linux 6.18, medians of 3):
//!
//! | a read takes | calls of sendmsg(2) | each message is copied | is sent from where it was read |
//! |---|---|---|---|
//! | 512 KiB | 6,193 | 0.69 | 0.66 |
//! | 256 KiB | 6,881 | 0.69 | |
//! | 259,200 B, four runs | 5,556 | 0.69 | 0.65 |
//! | 129,600 B, two runs | 5,556 | 0.67 | 0.66 |
//! | 64,800 B, one run | 5,556 | 0.68 | 0.66 |
//!
//! `udp-send` takes 0.71; it took 0.80 with reads of 512 KiB, runs cut by their end, and a batch that grew
//! anew in fresh memory for each. A quarter is the read itself. A read takes whole runs, of some 256 KiB:
//! calls of sendmsg(2) beyond them are for nothing, and so are those of read(2) and epoll_wait(2) for
//! less.

use super::{Batch, InputReader};
use crate::event_loop::{Id, Pool};
use crate::framing::InputFraming;
use crate::sessions::config::InputSource;
use crate::sys::mmsg::longest_run;

/// Bytes that a read takes at most; the table above has why.
const READ: usize = 256 * 1024;
/// Memory of a batch that is kept for the next one: that of a read, and what growing may add.
const MOST_SPARE: usize = 2 * READ;

/// Has reads of stdin take what leaves in whole runs, where messages of one size are cut from it.
pub(super) fn fit_reads(pool: &mut Pool, id: Id, source: &InputSource) {
    // Less where stdin is a short file, or no file.
    let most = pool.read_size(id).min(READ);
    let run = match source {
        InputSource::Messages { form: InputFraming::Fixed(size), .. } => {
            size.saturating_mul(longest_run(*size))
        }
        _ => 1,
    };
    pool.set_read_size(id, whole_runs(most, run));
}

/// The most bytes up to `most` that are whole runs.
fn whole_runs(most: usize, run: usize) -> usize {
    match most - most.checked_rem(run).unwrap_or(0) {
        0 => most,
        whole => whole,
    }
}

impl InputReader {
    /// Takes a batch that was sent, so that the next one needs no memory of its own.
    pub(crate) fn reuse(&mut self, mut batch: Batch) {
        if batch.bytes.capacity() <= MOST_SPARE {
            batch.bytes.clear();
            batch.ends.clear();
            self.spare = batch;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_takes_whole_runs_where_one_fits() {
        assert_eq!(whole_runs(READ, 54 * 1200), 4 * 54 * 1200);
        assert_eq!(whole_runs(READ, 64 * 64), READ);
        assert_eq!(whole_runs(READ, 1), READ);
        assert_eq!(whole_runs(READ, READ + 1), READ);
        assert_eq!(whole_runs(READ, 0), READ);
    }
}
