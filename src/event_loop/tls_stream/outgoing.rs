//! Records on their way to the wire.

use std::io::{self, ErrorKind, IoSlice};

use super::waiting::Waiting;
use crate::event_loop::transport::Transport;

/// Records that the wire has not taken yet; they keep their order.
#[derive(Debug, Default)]
pub(super) struct OutgoingRecords {
    waiting: Waiting,
}

impl OutgoingRecords {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Where rustls puts records of its own.
    pub(super) fn back(&mut self) -> &mut Vec<u8> {
        self.waiting.back()
    }

    /// Writes records at once, and keeps those that do not fit. None may wait.
    pub(super) fn send(&mut self, wire: &mut dyn Transport, records: &[u8]) -> io::Result<()> {
        debug_assert!(self.is_empty(), "records keep their order");
        let mut rest = records;
        while !rest.is_empty() {
            match wire.write(&[IoSlice::new(rest)]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(0) => break,
                outcome => rest = rest.get(outcome?..).unwrap_or_default(),
            }
        }
        self.waiting.back().extend_from_slice(rest);
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// `WouldBlock` where some of it does so further on.
    pub(super) fn flush(&mut self, wire: &mut dyn Transport) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match wire.write(&[IoSlice::new(self.waiting.rest())]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) => return Err(ErrorKind::WouldBlock.into()),
                outcome => self.waiting.advance(outcome?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wire that takes three bytes at once, after an interruption, and only so many in all.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
        is_interrupted: bool,
    }

    impl Narrow {
        fn new(room: usize) -> Self {
            Self { taken: Vec::new(), room, is_interrupted: false }
        }
    }

    impl Transport for Narrow {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            self.is_interrupted = !self.is_interrupted;
            if self.is_interrupted {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = pieces[0].len().min(3).min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&pieces[0][..count]);
            Ok(count)
        }

        fn finish(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_waits_and_goes_out_in_order() {
        let (mut outgoing, mut wire) = (OutgoingRecords::default(), Narrow::new(4));
        outgoing.send(&mut wire, b"0123456789").unwrap();
        assert_eq!((&wire.taken[..], outgoing.len()), (&b"0123"[..], 6));
        let error = outgoing.flush(&mut wire).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        outgoing.back().extend_from_slice(b"alert");
        wire.room = 5;
        assert!(outgoing.flush(&mut wire).is_err());
        assert_eq!(outgoing.len(), 6);
        wire.room = 100;
        outgoing.flush(&mut wire).unwrap();
        assert!(outgoing.is_empty());
        assert_eq!(wire.taken, b"0123456789alert");
    }
}
