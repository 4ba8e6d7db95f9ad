//! One child and the peer that it is for: how far it is, and how its output becomes datagrams.

use std::time::Instant;

use bytes::Bytes;

use crate::event_loop::Id;
use crate::framing::{Cutter, FrameError, InputFraming};
use crate::sessions::config::PeerCommand;
use crate::sessions::session::Piece;
use crate::sys::mmsg::{MAX_PAYLOAD, ReturnPath};

/// How far a child is.
///
/// ```text
///    ┌───── part ──────────────┐
///    │                         v
/// Serving ── ask ─> Asked ─> Ending ── reap ──> Reaped ── its output ends ──> gone
///                       part
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChildPhase {
    /// It is sent the datagrams of its peer.
    Serving,
    /// The same, though it was asked to end: until the end of the event at hand, or until its output
    /// is closed.
    Asked,
    /// It is sent nothing more: the next datagram of the same peer starts another child.
    Ending {
        /// It was asked to end: what becomes of it is our doing.
        asked: bool,
    },
    /// Its process is gone; others may still hold its output open.
    Reaped,
}

/// How the output of a child becomes datagrams.
enum OutputCut {
    /// Each read is one.
    Reads,
    Messages(Box<Cutter>),
}

/// A child, and the peer that it is for.
pub(super) struct ChildFlow {
    number: u64,
    pub(super) socket: Id,
    pub(super) path: ReturnPath,
    pub(super) sink: Option<Id>,
    pub(super) source: Option<Id>,
    cut: OutputCut,
    pub(super) last_active: Instant,
    /// More waits for it than it may: datagrams to it are dropped.
    pub(super) is_full: bool,
    phase: ChildPhase,
}

impl ChildFlow {
    /// The child of this number for a peer of a socket, with its stdin and its stdout.
    pub(super) fn new(
        (number, config): (u64, &PeerCommand),
        (socket, path): (Id, ReturnPath),
        (sink, source): (Option<Id>, Option<Id>),
        now: Instant,
    ) -> Self {
        let cut = match config.cut {
            InputFraming::Raw => OutputCut::Reads,
            cut => OutputCut::Messages(Box::new(Cutter::new(cut, config.chomp, MAX_PAYLOAD))),
        };
        let (last_active, is_full, phase) = (now, false, ChildPhase::Serving);
        Self { number, socket, path, sink, source, cut, last_active, is_full, phase }
    }

    /// What the peer is called in messages.
    pub(super) fn title(&self) -> String {
        format!("#{} {}", self.number, self.path.to)
    }

    /// Cuts output of the child.
    pub(super) fn cut(&mut self, piece: Piece<'_>) -> (Vec<Bytes>, Result<(), FrameError>) {
        let mut datagrams = Vec::new();
        let mut add = |payload: &[u8]| datagrams.push(Bytes::copy_from_slice(payload));
        let outcome = match &mut self.cut {
            OutputCut::Reads => {
                piece.bytes().chunks(MAX_PAYLOAD).for_each(&mut add);
                Ok(())
            }
            OutputCut::Messages(cutter) => cutter.feed(piece.bytes(), piece.is_end(), &mut add),
        };
        (datagrams, outcome)
    }

    /// Whether it is sent what its peer sends.
    pub(super) fn serves(&self) -> bool {
        matches!(self.phase, ChildPhase::Serving | ChildPhase::Asked)
    }

    /// Whether its end is our doing.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.phase, ChildPhase::Asked | ChildPhase::Ending { asked: true })
    }

    /// It is asked to end, or terminated.
    pub(super) fn ask(&mut self) {
        self.phase = match self.phase {
            ChildPhase::Serving | ChildPhase::Asked => ChildPhase::Asked,
            ChildPhase::Ending { .. } => ChildPhase::Ending { asked: true },
            ChildPhase::Reaped => ChildPhase::Reaped,
        };
    }

    /// It has no part in its peer any more. True the first time.
    pub(super) fn part(&mut self) -> bool {
        let served = self.serves();
        if served {
            self.phase = ChildPhase::Ending { asked: self.is_asked() };
        }
        served
    }

    /// Its process has ended. Returns whether it did so by itself. It has no part in its peer before
    /// that ([`ChildFlow::part`]).
    pub(super) fn reap(&mut self) -> bool {
        debug_assert!(!self.serves(), "what is reaped is sent nothing");
        let by_itself = !self.is_asked();
        self.phase = ChildPhase::Reaped;
        by_itself
    }

    /// Its output, where others hold it open though its process has ended.
    pub(super) fn orphan(&self) -> Option<Id> {
        self.source.filter(|_| self.phase == ChildPhase::Reaped)
    }

    /// Whether nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.phase == ChildPhase::Reaped && self.source.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::sessions::children::Program;

    fn flow(cut: InputFraming) -> ChildFlow {
        let program = Program::new(["true".into()]).unwrap();
        let config = PeerCommand { program, most: 1, idle: <_>::default(), cut, chomp: true };
        let peer = SocketAddr::from(([127, 0, 0, 1], 7));
        let [socket, sink, source] = [1, 2, 3].map(Id::for_tests);
        let channels = (Some(sink), Some(source));
        ChildFlow::new((4, &config), (socket, peer.into()), channels, Instant::now())
    }

    #[test]
    fn a_child_that_ends_by_itself_is_over_once_its_output_is() {
        let mut flow = flow(InputFraming::Raw);
        assert!(flow.serves() && flow.part() && !flow.part() && !flow.serves());
        assert_eq!(flow.orphan(), None, "its process lives");
        assert!(flow.reap() && !flow.is_over());
        assert_eq!(flow.orphan(), flow.source);
        flow.source = None;
        assert!(flow.is_over() && !flow.part());
    }

    #[test]
    fn what_is_asked_to_end_does_not_end_by_itself() {
        for parts_first in [true, false] {
            let mut flow = flow(InputFraming::Raw);
            assert!(!parts_first || flow.part());
            flow.ask();
            assert_eq!(flow.serves(), !parts_first);
            assert_eq!(flow.part(), !parts_first);
            assert!(flow.is_asked() && !flow.reap());
        }
    }

    #[test]
    fn output_is_cut_as_it_is_read_or_into_messages() {
        let long = vec![b'a'; MAX_PAYLOAD + 1];
        let mut reads = flow(InputFraming::Raw);
        let lengths: Vec<usize> = reads.cut(Piece::Bytes(&long)).0.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [MAX_PAYLOAD, 1]);
        assert!(reads.cut(Piece::End).0.is_empty());
        let mut lines = flow(InputFraming::Line);
        assert_eq!(lines.cut(Piece::Bytes(b"one\ntwo")).0, [&b"one"[..]]);
        assert_eq!(lines.cut(Piece::End).0, [&b"two"[..]]);
        assert!(lines.cut(Piece::Bytes(&long)).1.is_err());
        assert_eq!(lines.title(), "#4 127.0.0.1:7");
    }
}
