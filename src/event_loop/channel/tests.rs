use super::*;
use crate::event_loop::pool::PoolSource;

/// An idle client of a server costs one of these, of which the pool keeps a table.
#[test]
fn a_channel_is_small() {
    assert!(size_of::<Channel>() <= 128, "{}", size_of::<Channel>());
    assert!(size_of::<PoolSource>() <= 136, "{}", size_of::<PoolSource>());
}

/// A peer that sends records without data, as fast as they are read.
struct Fruitless;

impl Transport for Fruitless {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::Interrupted.into())
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn needs_read(&self) -> bool {
        true
    }

    fn read_ahead(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn reads_that_give_nothing_leave_the_others_their_turn() {
    let now = Instant::now();
    let mut channel = Channel::new(Box::new(Fruitless), Directions::Both, ChannelPhase::Open, now);
    channel.readable = true;
    for is_paused in [false, true] {
        channel.paused = is_paused;
        assert!(matches!(channel.read(&mut [0; 100], now), ReadOutcome::Nothing));
        // It is looked at again in the next turn.
        assert!(channel.wants_reading());
    }
}
