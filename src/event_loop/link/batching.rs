//! Fewer and larger moves: a socket that is kept busy wakes the loop for [`BATCH`] bytes at once.
//!
//! ```text
//!              STEADY bytes are spliced               PAUSE without a move, or the link ends
//! each segment ────────────────────────> SO_RCVLOWAT ──────────────────────────────────────> each segment
//! ```
//!
//! Without it the loop is woken for each segment of 64 KiB, and wakes whoever reads behind it as often:
//! three processes take turns for a little work each. What is less than a batch waits until the pause is
//! noticed, which takes 1 to 3 ms, once in [`STEADY`] bytes. An end, a reset and an urgent byte do not
//! wait: the poll reports them whatever the mark is (tcp_poll() in Linux 6.18), as it does a full window.
//!
//! A relay of 1 GiB over loopback, Reno, two cores beside other work, medians of 7:
//!
//! | mark | none | 64 KiB | 128 | 192 | 256 | 384 | 512 |
//! |---|---|---|---|---|---|---|---|
//! | GB/s | 1.77 | 1.94 | 2.21 | 2.41 | 2.23 | 2.08 | 2.10 |
//! | CPU of the relay, s/GB | 0.226 | 0.214 | 0.146 | 0.115 | 0.124 | 0.132 | 0.147 |

use std::time::Duration;

use crate::event_loop::channel::Channel;
use crate::event_loop::id::Id;
use crate::event_loop::pool::Pool;
use crate::event_loop::timers::OwnPurpose;
use crate::event_loop::transport::KernelEnd;
use crate::sys::socket::set_receive_low_mark;

/// Bytes of a batch: three segments of loopback.
const BATCH: usize = 192 * 1024;
/// A link that has moved this many bytes is busy: 13 ms of 20 Gbit/s, beside which a pause is little.
/// Tests have less to do.
const STEADY: usize = if cfg!(test) { 4 } else { 32 } * 1024 * 1024;
/// How long nothing may come before what has come is taken.
const PAUSE: Duration = Duration::from_millis(1);

/// How a link is kept busy.
#[derive(Default)]
pub(super) struct Batching {
    /// Bytes spliced since it was last found idle.
    run: usize,
    /// Its socket has the mark.
    is_on: bool,
    /// Something was moved since the timer was set.
    has_moved: bool,
}

impl Pool {
    /// Notes that a splice has moved something.
    pub(super) fn note_flow(&mut self, from: Id, count: usize) {
        let Some(source) = self.channel_mut(from) else { return };
        let batching = &mut source.extras().batching;
        batching.has_moved = true;
        batching.run = batching.run.saturating_add(count);
        if batching.is_on || batching.run < STEADY {
            return;
        }
        batching.run = 0;
        if set_mark(source, BATCH) {
            source.extras().batching.is_on = true;
            self.arm_own(Some(from), OwnPurpose::Batch, PAUSE);
        }
    }

    /// Looks whether a link is still busy.
    pub(in crate::event_loop) fn check_batching(&mut self, from: Id) {
        let Some(source) = self.channel_mut(from) else { return };
        let batching = &mut source.extras().batching;
        if !batching.is_on {
            return;
        }
        match std::mem::take(&mut batching.has_moved) {
            true => self.arm_own(Some(from), OwnPurpose::Batch, PAUSE),
            false => self.stop_batching(from),
        }
    }

    /// Has each segment wake the loop again. What is there already does so now (tcp_set_rcvlowat()).
    pub(super) fn stop_batching(&mut self, from: Id) {
        let Some(source) = self.channel_mut(from) else { return };
        if std::mem::take(&mut source.extras().batching).is_on {
            // It was set before; a socket that refuses it now has failed, and its read returns why.
            let _ = set_mark(source, 1);
        }
    }
}

/// Sets how many bytes wake the loop. False where there is no such mark.
fn set_mark(source: &Channel, bytes: usize) -> bool {
    match source.transport.kernel_end() {
        Some(KernelEnd::Socket(fd)) => set_receive_low_mark(fd, bytes).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::thread;

    use super::super::tests::{Ends, Far, content, file, linked};
    use super::*;
    use crate::event_loop::EventLoop;
    use crate::event_loop::event::Event;
    use crate::sys::socket::receive_low_mark;

    const LEN: usize = STEADY * 4;

    fn is_on(pool: &Pool, from: Id) -> bool {
        let source = pool.channel(from).unwrap();
        let Some(KernelEnd::Socket(fd)) = source.transport.kernel_end() else {
            panic!("it is a socket")
        };
        let is_on = source.extras.as_ref().is_some_and(|extras| extras.batching.is_on);
        assert_eq!(receive_low_mark(fd).unwrap(), if is_on { BATCH } else { 1 });
        is_on
    }

    fn turn(event_loop: &mut EventLoop) {
        let mut on = |_: &mut Pool, _: Event<'_>| {};
        event_loop.run_once(Duration::from_millis(5), &mut on).unwrap();
    }

    /// Sends so many bytes through a link and no end behind them, and returns it once all have arrived:
    /// less than a batch does not wait for more. The writer is kept open.
    fn pass(ends: Ends, len: usize) -> (EventLoop, Id, bool, Far) {
        let (mut event_loop, [from, _], far) = linked(ends);
        let bytes = content(len);
        let sent = bytes.clone();
        let mut to = file(far.writer.try_clone().unwrap());
        let writer =
            thread::spawn(move || sent.chunks(1 << 20).for_each(|it| to.write_all(it).unwrap()));
        let mut from_loop = file(far.reader.try_clone().unwrap());
        let reader = thread::spawn(move || {
            let mut came = vec![0; bytes.len()];
            from_loop.read_exact(&mut came).unwrap();
            assert!(came == bytes, "other bytes came");
        });
        let mut was_on = false;
        while !reader.is_finished() {
            turn(&mut event_loop);
            was_on |= is_on(event_loop.pool(), from);
        }
        reader.join().unwrap();
        writer.join().unwrap();
        (event_loop, from, was_on, far)
    }

    #[test]
    fn a_link_that_is_kept_busy_waits_for_more_and_never_for_long() {
        for ends in [Ends::Sockets, Ends::SocketToPipe] {
            // Ends that are kept from a processor do not keep the link busy.
            let mut tries = (0..20).map(|_| pass(ends, LEN + 100));
            let busy = tries.find(|(_, _, was_on, _)| *was_on);
            let Some((mut event_loop, from, _, _far)) = busy else {
                panic!("{ends:?} never waits for more")
            };
            while is_on(event_loop.pool(), from) {
                turn(&mut event_loop);
            }
            let (_event_loop, _, was_on, _far) = pass(ends, STEADY / 2);
            assert!(!was_on, "{ends:?}");
        }
    }

    #[test]
    fn the_end_of_a_link_ends_the_wait() {
        let (mut event_loop, from, _, _far) = pass(Ends::Sockets, 100);
        event_loop.pool().note_flow(from, STEADY);
        assert!(is_on(event_loop.pool(), from));
        event_loop.pool().unlink(from);
        assert!(!is_on(event_loop.pool(), from));
    }

    #[test]
    fn an_end_comes_whether_or_not_it_waits() {
        let (mut event_loop, from, _, far) = pass(Ends::Sockets, 100);
        event_loop.pool().note_flow(from, STEADY);
        // The link is busy, as far as the timer finds.
        event_loop.pool().note_flow(from, 1);
        drop(far.writer);
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Eof { id } if id == from));
    }
}
