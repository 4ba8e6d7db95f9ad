//! `tcp-connect`: stdin to one connection, the connection to stdout.

use std::io::IsTerminal;
use std::time::Duration;

use bytes::Bytes;

use super::alarms;
use super::config::Connect;
use super::connector::{Connector, Progress};
use super::console::{Console, Message, closed_event, is_loss};
use super::feed::{Feed, unreadable};
use super::inlet::Inlet;
use super::run::{Run, SIGNALLED, status_of};
use crate::close::{Cause, CloseReason, Detail};
use crate::error::{Failure, Status};
use crate::event_loop::{End, Event, Handler, Id, Pool, SendOutcome, Signal, TimerKey};
use crate::framing::{FrameError, Framing};
use crate::protocol::relay::Step;
use crate::report::{Event as Report, Name};

/// When a person is told what the program waits for.
const NOTE_AFTER: Duration = Duration::from_secs(3);
/// Bytes that wait for the connection before stdin is paused. The kernel's own buffer is behind
/// them, so few are enough.
const QUEUE: usize = 64 * 1024;

/// The client's session.
pub struct ConnectSession {
    run: Run,
    connector: Connector,
    reconnect: bool,
    link: Option<Link>,
    /// What a lost connection did not send, for the next one.
    carried: Vec<Bytes>,
    /// Why the last attempt failed, as far as it was told.
    last_retry: Option<Failure>,
}

/// The connection, while there is one.
struct Link {
    id: Id,
    peer: String,
    local: String,
    inlet: Inlet,
    peer_ended: bool,
    /// The queue is full, and stdin waits.
    full: bool,
}

impl ConnectSession {
    /// A session on an open console and feed.
    pub fn new(pool: &Pool, config: Connect, console: Console, feed: Feed) -> Self {
        Self {
            connector: Connector::new(&config, pool.now()),
            reconnect: config.reconnect,
            run: Run::new(config.common, console, feed),
            link: None,
            carried: Vec::new(),
            last_retry: None,
        }
    }

    /// Begins to connect.
    pub fn start(&mut self, pool: &mut Pool) {
        self.run.say_starting(pool);
        self.run.start(pool);
        let progress = self.connector.begin(pool);
        self.progressed(pool, progress);
    }

    /// How the run ended.
    pub fn status(&self) -> Status {
        self.run.status()
    }

    fn progressed(&mut self, pool: &mut Pool, progress: Progress) {
        for warning in self.connector.take_warnings() {
            self.run.console.warn(pool, "socket-option", &warning);
        }
        match progress {
            Progress::Pending => {}
            Progress::Connected { id, peer, local } => self.connected(pool, id, peer, local),
            Progress::Retrying { failure, pause } => self.tell_retry(pool, &failure, pause),
            Progress::Failed(failure) => {
                self.run.fail(pool, &failure);
                self.end(pool, CloseReason::HOST);
            }
        }
    }

    /// Tells why it takes another attempt; the same cause over and over is told once.
    fn tell_retry(&mut self, pool: &mut Pool, failure: &Failure, pause: Duration) {
        if self.last_retry.replace(failure.clone()).as_ref() == Some(failure) {
            return;
        }
        let event =
            Report::new(Name::Retry).kind(failure.kind).secs(pause).message(failure.to_string());
        self.run.console.report(pool, &event);
    }

    fn connected(&mut self, pool: &mut Pool, id: Id, peer: String, local: String) {
        let proto = if peer.starts_with("unix") { "unix" } else { "tcp" };
        let event = Report::new(Name::Connected).proto(proto).peer(&peer).local(&local);
        self.run.console.report(pool, &event);
        self.run.console.totals.connections += 1;
        self.last_retry = None;
        pool.set_high_mark(id, QUEUE);
        let inlet = Inlet::new(&self.run.common, pool.now());
        self.link = Some(Link { id, peer, local, inlet, peer_ended: false, full: false });
        if let Some(limit) = self.run.common.idle_timeout {
            pool.arm(TimerKey::of(id, alarms::IDLE), limit);
        }
        if let Some(limit) = self.run.common.read_timeout {
            pool.arm(TimerKey::of(id, alarms::MESSAGE), limit);
        }
        if self.run.console.is_full() {
            pool.pause(id);
        }
        for piece in std::mem::take(&mut self.carried) {
            let outcome = pool.send_shared(id, piece);
            self.sent(pool, outcome);
        }
        if self.run.feed.input().ended {
            self.input_ended(pool);
        } else {
            self.run.feed.resume(pool);
        }
    }

    fn on_input(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let Some(id) = self.link.as_ref().map(|link| link.id) else { return };
        self.run.feed.saw(bytes);
        if self.run.feed.is_transparent() {
            if !bytes.is_empty() {
                let outcome = pool.send(id, bytes);
                self.sent(pool, outcome);
            }
        } else {
            self.send_messages(pool, id, bytes, eof);
        }
        if eof {
            self.run.feed.end();
            self.input_ended(pool);
        }
    }

    fn send_messages(&mut self, pool: &mut Pool, id: Id, bytes: &[u8], eof: bool) {
        let (batch, result) = self.run.feed.convert(bytes, eof);
        self.run.count_sent(batch.ends.len());
        if self.reconnect {
            // Each message is a piece of its own, so that one that was cut can be sent again.
            for message in batch.messages() {
                let outcome = pool.send_shared(id, Bytes::copy_from_slice(message));
                self.sent(pool, outcome);
            }
        } else if !batch.bytes.is_empty() {
            let outcome = pool.send(id, &batch.bytes);
            self.sent(pool, outcome);
        }
        if let Err(failure) = result {
            self.run.fail(pool, &failure);
            self.end(pool, CloseReason::HOST);
        }
    }

    fn sent(&mut self, pool: &mut Pool, outcome: SendOutcome) {
        if outcome != SendOutcome::Queued {
            // Where the connection is gone, `Closed` tells what that means.
            self.run.feed.pause(pool);
            if let Some(link) = &mut self.link {
                link.full = true;
            }
        }
    }

    /// The input has ended, and there is a connection that may be told.
    fn input_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &self.link else { return };
        match self.run.common.rules.input_ended(self.run.feed.input(), link.peer_ended) {
            Step::HalfClose => pool.finish(link.id),
            Step::Close | Step::Leave => pool.close(link.id, CloseReason::PEER),
            Step::Continue => {}
        }
        if self.run.common.rules.quit_after.is_some() {
            pool.await_flush(link.id);
        } else {
            pool.arm(TimerKey::global(alarms::NOTE), NOTE_AFTER);
        }
    }

    fn on_data(&mut self, pool: &mut Pool, bytes: &[u8], eof: bool) {
        let Some(link) = &mut self.link else { return };
        let (run, peer) = (&mut self.run, link.peer.as_str());
        let result = link.inlet.feed(bytes, eof, pool.now(), &mut |frame| {
            if run.take_message() {
                let (payload, partial) = (frame.payload, frame.partial);
                run.console.deliver(pool, &Message { payload, partial, conn: None, peer });
            }
        });
        run.console.commit(pool);
        if run.console.is_full() {
            pool.pause(link.id);
        }
        if let Err(error) = result {
            self.bad_frame(pool, &error);
        } else if self.run.count_met() {
            self.end(pool, CloseReason::HOST);
        } else if eof {
            self.peer_ended(pool);
        }
    }

    fn bad_frame(&mut self, pool: &mut Pool, error: &FrameError) {
        let Some(link) = &self.link else { return };
        let failure =
            Failure::new(Status::Lost, "frame", "read from", link.peer.clone(), error.to_string());
        pool.abort(link.id, CloseReason::FRAME);
        self.run.fail(pool, &failure);
        self.end(pool, CloseReason::FRAME);
    }

    fn peer_ended(&mut self, pool: &mut Pool) {
        let Some(link) = &mut self.link else { return };
        link.peer_ended = true;
        let (id, peer) = (link.id, link.peer.clone());
        self.run.console.report(pool, &Report::new(Name::Eof).peer(&peer));
        self.tell_undelivered(pool);
        let input = self.run.feed.input();
        if self.reconnect && !(input.ended && pool.queued(id) == 0) {
            pool.close(id, CloseReason::PEER);
            return;
        }
        match self.run.common.rules.peer_ended(input) {
            Step::Leave => self.leave(pool, id),
            Step::Close | Step::HalfClose => pool.close(id, CloseReason::PEER),
            Step::Continue => {}
        }
    }

    /// `--on-peer-close exit`: input that is known to be unsent makes it a loss.
    fn leave(&mut self, pool: &mut Pool, id: Id) {
        let waits = self.link.as_ref().is_some_and(|link| link.full);
        if waits || pool.queued(id) > 0 {
            let failure = Failure::new(
                Status::Lost,
                "unsent",
                "send",
                "the rest of stdin",
                "the peer closed before it was sent",
            );
            self.run.fail(pool, &failure);
        }
        self.run.ending = true;
        pool.abort(id, CloseReason::PEER);
    }

    /// A message that was cut by the peer's FIN is not delivered, but told.
    fn tell_undelivered(&mut self, pool: &mut Pool) {
        let Some(link) = &self.link else { return };
        let count = link.inlet.undelivered();
        if count > 0 {
            let cause = "the peer closed in the middle of a message";
            let failure =
                Failure::new(Status::Lost, "cut-frame", "read from", link.peer.clone(), cause);
            let event = Report::error(&failure).undelivered(count);
            self.run.console.report(pool, &event);
            self.run.decide(Status::Lost);
        }
    }

    fn on_drained(&mut self, pool: &mut Pool, id: Id) {
        if self.run.console.is(id) {
            self.run.console.drained();
            if let Some(link) = &self.link {
                pool.resume(link.id);
            }
        } else if let Some(link) = self.link.as_mut().filter(|link| link.id == id) {
            link.full = false;
            self.run.feed.resume(pool);
            if let (true, Some(patience)) =
                (self.run.feed.input().ended, self.run.common.rules.quit_after)
            {
                pool.arm(TimerKey::of(id, alarms::QUIT), patience);
            }
        }
    }

    fn on_closed(&mut self, pool: &mut Pool, id: Id, end: &End) {
        if self.run.console.is(id) {
            if let Some(reason) = self.run.stdout_closed(pool, end) {
                self.end_now(pool, reason);
            }
        } else if self.run.feed.is(id) {
            if let Some(error) = &end.error {
                self.run.fail(pool, &unreadable(error));
                self.end(pool, CloseReason::HOST);
            }
        } else if self.link.as_ref().is_some_and(|link| link.id == id) {
            self.link_closed(pool, end);
        }
    }

    fn link_closed(&mut self, pool: &mut Pool, end: &End) {
        let Some(link) = self.link.take() else { return };
        self.run.console.count(&end.traffic);
        pool.disarm(TimerKey::global(alarms::NOTE));
        let undelivered = link.inlet.undelivered();
        let event = closed_event(&link.peer, &link.local, end, undelivered, pool.now());
        self.run.console.report(pool, &event);
        if self.wants_another(end) {
            self.connect_again(pool, &link, end);
            return;
        }
        if is_loss(end) {
            self.tell_loss(pool, &link, end);
        }
        self.run.ending = true;
        self.run.finish(pool);
    }

    fn tell_loss(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        let cause = match &end.error {
            Some(error) => crate::error::plain(error),
            None => end.reason.to_string(),
        };
        let mut failure =
            Failure::new(Status::Lost, "reset", "keep the connection to", link.peer.clone(), cause);
        if !end.unsent.is_empty() {
            failure = failure.fix(format!("{} bytes of input were not sent", end.unsent.len()));
        }
        // What decided the status before has been told.
        if !self.run.is_decided() {
            self.run.fail(pool, &failure);
        }
    }

    /// Whether the connection is worth making again: something is left to send or to hear.
    fn wants_another(&self, end: &End) -> bool {
        let done = self.run.feed.input().ended && !is_loss(end);
        self.reconnect && !self.run.ending && !done
    }

    fn connect_again(&mut self, pool: &mut Pool, link: &Link, end: &End) {
        self.run.feed.pause(pool);
        let framed = self.run.common.framing != Framing::None;
        let pause = self.connector.begin_again(pool, end.traffic.received > 0);
        if end.unacknowledged > 0 {
            let count = end.unacknowledged;
            let text = format!("up to {count} bytes sent to {} may be lost", link.peer);
            self.run.console.warn(pool, "may-be-lost", &text);
            self.run.decide(Status::Lost);
        }
        let event = Report::new(Name::Retry)
            .kind("lost")
            .secs(pause)
            .message(format!("connection to {} ended: {}", link.peer, end.reason));
        self.run.console.report(pool, &event);
        self.carried = end.unsent.clone().into_pieces(framed);
    }

    fn on_timer(&mut self, pool: &mut Pool, key: TimerKey) {
        match (key.purpose, &self.link) {
            (alarms::TOTAL, _) => {
                let reason = self.run.time_is_up(pool);
                self.end_now(pool, reason);
            }
            (alarms::NOTE, Some(_)) if std::io::stderr().is_terminal() => {
                let text = "waiting for the peer to close (--quit-after limits this)";
                self.run.console.warn(pool, "waiting", text);
            }
            (alarms::QUIT, Some(link)) => {
                pool.close(link.id, CloseReason::HOST);
                self.run.ending = true;
            }
            (alarms::IDLE, Some(link)) => {
                let id = link.id;
                self.check_idle(pool, id);
            }
            (alarms::MESSAGE, Some(_)) => self.check_message(pool),
            _ => {}
        }
    }

    fn check_idle(&mut self, pool: &mut Pool, id: Id) {
        let (Some(limit), Some(traffic)) = (self.run.common.idle_timeout, pool.traffic(id)) else {
            return;
        };
        let idle = pool.now().saturating_duration_since(traffic.last_active);
        if idle < limit {
            pool.arm(TimerKey::of(id, alarms::IDLE), limit - idle);
            return;
        }
        let cause = format!("no traffic for {}", humantime::format_duration(limit));
        self.late(pool, Detail::Idle, cause);
    }

    fn check_message(&mut self, pool: &mut Pool) {
        let (Some(limit), Some(link)) = (self.run.common.read_timeout, &self.link) else { return };
        let left = link.inlet.time_left(limit, pool.now());
        if link.peer_ended {
            return;
        }
        // While stdout is blocked, it is not the peer that is late.
        if let Some(left) = left.or(self.run.console.is_full().then_some(limit)) {
            pool.arm(TimerKey::of(link.id, alarms::MESSAGE), left);
            return;
        }
        let cause = format!("no whole message within {}", humantime::format_duration(limit));
        self.late(pool, Detail::ReadTimeout, cause);
    }

    fn late(&mut self, pool: &mut Pool, detail: Detail, cause: String) {
        let Some(link) = &self.link else { return };
        let peer = link.peer.clone();
        let failure = Failure::new(Status::Timeout, "timeout", "hear from", peer, cause);
        self.run.fail(pool, &failure);
        self.end_now(pool, CloseReason::new(Cause::Timeout, detail));
    }

    fn on_signal(&mut self, pool: &mut Pool, signal: Signal) {
        match status_of(signal) {
            Some(status) => {
                self.run.overrule(status);
                self.end_now(pool, SIGNALLED);
            }
            None => {
                let open = self.link.as_ref().and_then(|link| pool.traffic(link.id));
                let stats = self.run.console.sums(Name::Stats, pool, open.as_slice());
                self.run.console.report(pool, &stats);
            }
        }
    }

    /// Closes in order: what is queued goes out first.
    fn end(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.run.ending = true;
        self.connector.call_off(pool);
        self.run.feed.close(pool);
        match &self.link {
            Some(link) => pool.close(link.id, reason),
            None => self.run.finish(pool),
        }
    }

    /// Ends at once.
    fn end_now(&mut self, pool: &mut Pool, reason: CloseReason) {
        self.run.ending = true;
        self.run.hurried = true;
        self.connector.call_off(pool);
        self.run.feed.close(pool);
        match &self.link {
            Some(link) => pool.abort(link.id, reason),
            None => self.run.finish(pool),
        }
    }
}

impl Handler for ConnectSession {
    fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
        let progress = self.connector.on(pool, &event);
        if !matches!(progress, Progress::Pending) {
            return self.progressed(pool, progress);
        }
        match event {
            Event::Data { id, bytes } if self.run.feed.is(id) => self.on_input(pool, bytes, false),
            Event::Data { bytes, .. } => self.on_data(pool, bytes, false),
            Event::Eof { id } if self.run.feed.is(id) => self.on_input(pool, &[], true),
            Event::Eof { .. } => self.on_data(pool, &[], true),
            Event::Drained { id } => self.on_drained(pool, id),
            Event::Closed { id, end } => self.on_closed(pool, id, &end),
            Event::Timer { key } => self.on_timer(pool, key),
            Event::Signal(signal) => self.on_signal(pool, signal),
            _ => {}
        }
    }
}
