use std::io::{ErrorKind, Write};
use std::time::Duration;

use proptest::prelude::*;

use super::super::Id;
use super::super::event::Event;
use super::super::lifecycle::CloseMode;
use super::super::pool::Pool;
use super::tests::{ENDS, file, linked, read_all};
use crate::close::CloseReason;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is written in whatever pieces, paused, unlinked and linked in between: the same bytes
    /// arrive by each mover.
    #[test]
    fn whatever_happens_in_between_the_bytes_arrive(
        which in 0..ENDS.len(),
        steps in proptest::collection::vec((0u8..6, 1usize..300_000), 1..24),
    ) {
        let (mut event_loop, [from, to], far) = linked(ENDS[which]);
        let reader = read_all(far.reader);
        let mut writer = file(far.writer);
        let (mut expected, mut at) = (Vec::<u8>::new(), 0);
        for (step, size) in steps {
            let pool = event_loop.pool();
            match step {
                0 => pool.pause(from),
                1 => pool.resume(from),
                2 => pool.unlink(from),
                3 => pool.link(from, to).unwrap(),
                _ => {
                    pool.resume(from);
                    let piece: Vec<u8> = (at..at + size).map(|at| (at % 251) as u8).collect();
                    at += size;
                    expected.extend(&piece);
                    let mut rest = &piece[..];
                    rustix::io::ioctl_fionbio(&writer, true).unwrap();
                    while !rest.is_empty() {
                        match writer.write(rest) {
                            Ok(count) => rest = &rest[count..],
                            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                        }
                        event_loop.run_once(Duration::ZERO, &mut relay(from, to)).unwrap();
                    }
                }
            }
            event_loop.run_once(Duration::ZERO, &mut relay(from, to)).unwrap();
        }
        drop(writer);
        event_loop.pool().resume(from);
        let mut handler = relay(from, to);
        let mut is_done = false;
        while !is_done {
            event_loop.run_once(Duration::from_secs(60), &mut |pool: &mut Pool, event: Event<'_>| {
                is_done |= matches!(event, Event::Closed { id, .. } if id == to);
                handler(pool, event);
            }).unwrap();
        }
        assert!(reader.join().unwrap() == expected);
    }
}

/// What a handler does for a link that is not there.
fn relay(from: Id, to: Id) -> impl FnMut(&mut Pool, Event<'_>) {
    move |pool, event| match event {
        Event::Data { id, bytes } if id == from => {
            let _ = pool.send(to, bytes);
        }
        Event::Eof { id } if id == from => pool.close(to, CloseReason::HOST, CloseMode::Linger),
        _ => {}
    }
}
