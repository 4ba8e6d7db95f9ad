//! Connections whose bytes are messages: the pool cuts what comes and marks what is sent.
//!
//! A connection has an [`Intake`] once [`Pool::frame`] was called for it, and costs one branch a read
//! otherwise.

use std::cell::Cell;
use std::io::{self, ErrorKind};

use bytes::Bytes;

use super::event::{Event, Handler, SendOutcome};
use super::id::Id;
use super::intake::{Intake, IntakeState};
use super::lifecycle::{ChannelPhase, CloseMode};
use super::marks::Marks;
use super::pool::{Pool, PoolSource};
use crate::buffers::Budget;
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::framing::{FrameError, FrameSettings, Framing};
use crate::kind::Kind;

/// The end of a connection whose unfinished message has to make room.
const OVER_BUDGET: CloseReason = CloseReason::new(Cause::Error, Detail::Limit);

/// The state that messages need in a pool.
pub(super) struct Messages {
    /// What unfinished messages hold on all connections.
    budget: Budget,
    /// The last message that was encoded, whose memory the next one takes.
    wire: Vec<u8>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { budget: Budget::unlimited(), wire: Vec::new() }
    }
}

impl Pool {
    /// Has a connection deliver [`Event::Message`]s in place of [`Event::Data`], and
    /// [`Pool::send_message`] mark what it sends; [`Framing::None`] ends that. It holds from the first
    /// byte on that was not delivered, also in the middle of a stream and within the handler: what came
    /// behind a message is cut anew. Of a listener it holds for all that it accepts from now on.
    ///
    /// ```
    /// use wirecat::event_loop::{Event, EventLoop, Pool};
    /// use wirecat::framing::Framing;
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// let listener = event_loop.pool().listen("127.0.0.1:0")?[0];
    /// event_loop.pool().frame(listener, Framing::Line.max_frame(4096))?;
    /// # let address = event_loop.pool().local(listener).unwrap_or_default().to_string();
    /// # let client = event_loop.pool().connect(&address)?;
    /// # let _ = event_loop.pool().send(client, b"to\nand fro");
    /// # event_loop.pool().finish(client);
    /// # let mut echoed = Vec::new();
    /// event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
    ///     Event::Message { id, payload, .. } => {
    ///         if let Err(error) = pool.send_message(id, payload) {
    ///             eprintln!("no answer for {id:?}: {error}");
    ///         }
    ///     }
    ///     Event::Eof { id } => pool.finish(id),
    /// #   Event::Data { bytes, .. } => echoed.extend_from_slice(bytes),
    /// #   Event::Closed { id, .. } if id == client => pool.stop(),
    ///     Event::Closed { end, .. } => println!("{} ({:?})", end.reason, end.error),
    ///     _ => {}
    /// })?;
    /// # assert_eq!(echoed, b"to\nand fro\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// What is no frame, or one above the limit, closes the connection: [`CloseReason::FRAME`], with
    /// the [`FrameError`] as the error. What the end of the stream cuts is never delivered, but counted
    /// in [`End::undelivered`](super::End::undelivered). A connection holds one unfinished message, and
    /// what one read gave; [`Pool::limit_frames`] limits all of them together.
    ///
    /// # Errors
    /// There is no such connection or listener. [`Framing::Tinyproto`] begins with the connection: it
    /// comes right behind [`Pool::connect`], in [`Event::Accepted`], or of the listener.
    pub fn frame(&mut self, id: Id, how: impl Into<FrameSettings>) -> Result<(), Failure> {
        self.set_framing(id, how.into())
    }

    fn set_framing(&mut self, id: Id, how: FrameSettings) -> Result<(), Failure> {
        let channel = match self.sources.get_mut(id) {
            Some(PoolSource::Channel(channel)) => channel,
            Some(PoolSource::Acceptor(acceptor)) => {
                acceptor.framing = Some(Box::new(how));
                return Ok(());
            }
            Some(PoolSource::Datagrams(_)) => {
                return Err(unframed(Kind::Usage, "a datagram is a message already"));
            }
            Some(PoolSource::Reserved) | None => {
                return Err(unframed(Kind::NotConnected, "it is gone"));
            }
        };
        let has_moved = channel.traffic.received > 0 || channel.traffic.sent > 0;
        let is_new = !has_moved && channel.queue.is_empty() && channel.reading.is_open();
        match (&how.framing, channel.marks.has(Marks::NEGOTIATED)) {
            (_, true) => return Err(unframed(Kind::Usage, "tinyproto lasts as long as it does")),
            (Framing::Tinyproto, false) if !is_new || channel.marks.has(Marks::FRAMED) => {
                return Err(unframed(Kind::Usage, "tinyproto begins with the connection").fix(
                    "call Pool::frame right after Pool::connect, in Event::Accepted, or for the listener",
                ));
            }
            (Framing::Tinyproto, false) => {
                channel.marks.set(Marks::NEGOTIATED, true);
                self.negotiate_framed(id, how.max);
            }
            (_, false) => {}
        }
        self.switch_framing(id, how);
        Ok(())
    }

    /// Has the transport keep the exchange of tinyproto.
    pub(super) fn negotiate_framed(&mut self, id: Id, max: usize) {
        let budget = self.messages.budget.clone();
        self.negotiate(id, max, &budget);
    }

    /// The framing of what is sent on a connection.
    pub(super) fn framing(&self, id: Id) -> Option<&FrameSettings> {
        self.intakes.get(id).map(|intake| &intake.settings)
    }

    fn switch_framing(&mut self, id: Id, how: FrameSettings) {
        let (framer, encoder) = (how.framer(), how.framer());
        if let Some(inbox) = &self.inbox {
            inbox.set_framing(id, how.clone());
        }
        if !self.intakes.contains(id) {
            if framer.is_none() {
                return;
            }
            // Its messages are for the handler.
            self.unlink(id);
            let share = self.messages.budget.share();
            let state = IntakeState::Bytes(Bytes::new());
            let settings = how.clone();
            self.intakes.insert(id, Intake { state, settings, encoder: None, share });
        }
        if let Some(intake) = self.intakes.get_mut(id) {
            let state = std::mem::replace(&mut intake.state, IntakeState::Delivering);
            intake.state = state.switch(framer);
            (intake.encoder, intake.settings) = (encoder, how);
        }
        self.note_rest(id);
    }

    /// Limits what unfinished messages hold on all connections together, in bytes; there is no limit at
    /// first. Whoever holds most when it is exceeded is closed, as an error with the detail `limit`. What
    /// has been framed before counts for itself.
    pub fn limit_frames(&mut self, bytes: usize) {
        self.messages.budget = Budget::new(bytes);
    }

    /// Sends one message, marked as the framing of the connection has it, or as it is where there is
    /// none. Messages of one turn leave together at its end, and in pieces of 64 KiB before.
    ///
    /// # Errors
    /// The framing cannot carry it: it is above the limit, or holds what ends a message. Nothing is
    /// sent then.
    pub fn send_message(&mut self, id: Id, payload: &[u8]) -> Result<SendOutcome, FrameError> {
        let now = self.now;
        let mut wire = std::mem::take(&mut self.messages.wire);
        wire.clear();
        match self.intakes.get(id).and_then(|intake| intake.encoder.as_ref()) {
            Some(encoder) => encoder.encode(payload, &mut wire)?,
            None => wire.extend_from_slice(payload),
        }
        let outcome = match self.channel_mut(id) {
            Some(channel) => channel.send_gathered(&wire, now),
            None => SendOutcome::Gone,
        };
        self.mark_dirty(id);
        // A large one is rare, and its memory is better spent elsewhere.
        wire.shrink_to(64 * 1024);
        self.messages.wire = wire;
        Ok(outcome)
    }

    /// Bytes that came on a connection and are part of no whole message: at [`Event::Eof`], what the end
    /// of the stream has cut.
    pub fn undelivered(&self, id: Id) -> u64 {
        match self.intakes.get(id).map(|intake| &intake.state) {
            Some(IntakeState::Frames(deframer)) => deframer.pending() as u64,
            _ => 0,
        }
    }
}

impl Pool {
    /// The connection is gone: the bytes that were not delivered.
    pub(super) fn forget_intake(&mut self, id: Id) -> u64 {
        self.deadlines.remove(id);
        match self.intakes.remove(id).map(|intake| intake.state) {
            Some(IntakeState::Frames(deframer)) => deframer.undelivered() as u64,
            Some(IntakeState::Bytes(rest)) => rest.len() as u64,
            _ => 0,
        }
    }
}

/// What the turn does with what comes on a connection that is marked `Marks::SPECIAL`.
impl Pool {
    /// Hands a piece of the stream over, as messages where it has a framing.
    pub(super) fn deliver(&mut self, id: Id, piece: &[u8], handler: &mut dyn Handler) {
        self.note_negotiated(id, handler);
        if self.intakes.contains(id) {
            self.deliver_messages(id, (piece, false), usize::MAX, handler);
            // A peer that writes the length and then the message sends the second one only once the
            // first is acknowledged, where Nagle's algorithm is on: 40 ms a message, else. Behind a
            // full read there is more to read already.
            if piece.len() < self.read_size(id) && self.undelivered(id) > 0 {
                self.acknowledge(id);
            }
        } else {
            self.stop_expecting(id);
            handler.on(self, Event::Data { id, bytes: piece });
        }
    }

    /// The stream has ended: what the framing makes of its tail comes before that.
    pub(super) fn deliver_end(&mut self, id: Id, handler: &mut dyn Handler) {
        self.note_negotiated(id, handler);
        if self.intakes.contains(id) {
            self.deliver_messages(id, (&[], true), usize::MAX, handler);
        }
        self.stop_expecting(id);
    }

    /// Hands over what a pause, a switch or the length of a turn has left, up to about `budget` bytes.
    /// Returns whether the connection may be read on.
    pub(super) fn deliver_held(
        &mut self,
        id: Id,
        budget: usize,
        handler: &mut dyn Handler,
    ) -> bool {
        match self.intakes.get_mut(id).map(|intake| &mut intake.state) {
            Some(IntakeState::Bytes(rest)) => {
                let piece = rest.split_to(rest.len().min(super::READ_SIZE));
                self.stop_expecting(id);
                handler.on(self, Event::Data { id, bytes: &piece });
                self.note_rest(id);
            }
            Some(_) => self.deliver_messages(id, (&[], false), budget, handler),
            None => {}
        }
        self.channel(id).is_some_and(|channel| !channel.marks.has(Marks::HELD) || channel.paused)
    }

    fn deliver_messages(
        &mut self,
        id: Id,
        (piece, eof): (&[u8], bool),
        mut budget: usize,
        handler: &mut dyn Handler,
    ) {
        let Some(intake) = self.intakes.get_mut(id) else { return };
        let mut deframer = match std::mem::replace(&mut intake.state, IntakeState::Delivering) {
            IntakeState::Frames(deframer) => deframer,
            other => {
                // The framing was ended, and what came behind it is delivered.
                intake.state = other;
                if !piece.is_empty() {
                    self.stop_expecting(id);
                    handler.on(self, Event::Data { id, bytes: piece });
                }
                return;
            }
        };
        let stop = Cell::new(false);
        let outcome = deframer.feed_until(piece, eof, &stop, &mut |frame| {
            // At the end of the stream there is no next call: what comes out then is delivered, unless
            // the connection is closed.
            if stop.get() && !(eof && self.is_read(id)) {
                return;
            }
            self.stop_expecting(id);
            let (payload, partial) = (frame.payload, frame.partial);
            handler.on(self, Event::Message { id, payload, partial });
            budget = budget.saturating_sub(payload.len().max(1));
            stop.set(budget == 0 || !self.takes_messages(id));
        });
        let Some(intake) = self.intakes.get_mut(id) else { return };
        let is_switched = matches!(intake.state, IntakeState::Switching(_));
        let now = std::mem::replace(&mut intake.state, IntakeState::Frames(deframer));
        if let IntakeState::Switching(to) = now {
            let state = std::mem::replace(&mut intake.state, IntakeState::Delivering);
            intake.state = state.switch(to);
        }
        match outcome {
            Err(error) if !is_switched && self.is_read(id) => self.fail_frame(id, error),
            _ => self.note_rest(id),
        }
    }

    /// Whether what comes on a connection is for the handler.
    fn is_read(&self, id: Id) -> bool {
        let is_read = |channel: &super::channel::Channel| {
            channel.phase == ChannelPhase::Open && channel.closed.is_none()
        };
        self.channel(id).is_some_and(is_read)
    }

    /// Whether the next message is for the handler, now, and of this framing.
    fn takes_messages(&self, id: Id) -> bool {
        let state = self.intakes.get(id).map(|intake| &intake.state);
        let is_switched = !matches!(state, Some(IntakeState::Delivering));
        self.is_read(id) && !self.is_paused(id) && !is_switched
    }

    /// Notes what a connection holds, and whether it has something to deliver without a read.
    fn note_rest(&mut self, id: Id) {
        let Some(PoolSource::Channel(channel)) = self.sources.get_mut(id) else { return };
        let Some(intake) = self.intakes.get_mut(id) else { return };
        let has_rest = intake.state.has_rest();
        channel.marks.set(Marks::FRAMED, true);
        channel.marks.set(Marks::HELD, has_rest);
        if has_rest {
            // The poll is silent about bytes that have left the kernel.
            channel.readable = true;
            self.queue_for_read(id);
        }
        let Some(intake) = self.intakes.get_mut(id) else { return };
        match &intake.state {
            IntakeState::Frames(deframer) => {
                intake.share.set(deframer.held_in_all());
                if intake.share.is_short() {
                    self.make_room();
                }
            }
            IntakeState::Bytes(rest) if rest.is_empty() => {
                self.intakes.remove(id);
                if let Some(channel) = self.channel_mut(id) {
                    channel.marks.set(Marks::FRAMED, false);
                }
            }
            _ => intake.share.set(0),
        }
    }

    /// Closes those that hold most, until the others are within the limit.
    fn make_room(&mut self) {
        while self.messages.budget.is_exceeded() {
            let held = self.intakes.iter().map(|(id, intake)| (intake.share.held(), id));
            let Some((1.., id)) = held.max() else { return };
            if let Some(intake) = self.intakes.get_mut(id) {
                intake.share.set(0);
            }
            self.abort(id, OVER_BUDGET);
        }
    }

    fn fail_frame(&mut self, id: Id, error: FrameError) {
        if let Some(channel) = self.channel_mut(id) {
            channel.ending().bad_frame = Some(io::Error::new(ErrorKind::InvalidData, error));
        }
        if let Some(intake) = self.intakes.get_mut(id) {
            intake.share.set(0);
        }
        // What was sent before is still written.
        self.close(id, CloseReason::FRAME, CloseMode::Linger);
    }
}

fn unframed(kind: Kind, cause: &str) -> Failure {
    Failure::new(Status::Usage, kind, "frame", "a connection", cause)
}

#[cfg(test)]
mod tests;
