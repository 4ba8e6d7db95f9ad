//! A connection without a kernel: two bounded pipes with a transport of the loop at one end and
//! the simulation at the other. As with TCP, bytes that arrived before a reset can be read, and a
//! reset destroys what the other side has not read, as does a close with unread input.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::Registry;
use wirecat::event_loop::{Id, Readiness, Ready, Registration, Transport};
use wirecat::sockets::Endpoint;

/// Of so many calls, one says `WouldBlock` without need.
const HICCUPS: u32 = 12;

/// How a wire behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Bytes that each direction holds.
    pub(super) capacity: usize,
    /// A standard stream: it is no socket, its end is no FIN, and it is not reset.
    pub(super) plain: bool,
    /// When this much was written, the disk is full.
    pub(super) disk: Option<usize>,
}

/// What has become of a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reset {
    Never,
    /// The kernel knows, and the program does not.
    Untold,
    Told,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    shape: Shape,
    now: Instant,
    /// From the simulation to the loop.
    inbound: VecDeque<u8>,
    inbound_ended: bool,
    /// From the loop to the simulation.
    outbound: VecDeque<u8>,
    outbound_ended: bool,
    reset: Reset,
    /// The loop's end was closed in a way that resets the far end.
    resets_far: bool,
    /// Closing the loop's end resets the far end, whatever was read.
    resets_on_close: bool,
    /// The loop's end is closed.
    gone: bool,
    /// The far end reads no more.
    left: bool,
    written: usize,
    last_write: Instant,
    last_offer: Instant,
    /// The loop has met a pipe without room and waits to hear of some.
    wants_room: bool,
    /// A needless `WouldBlock` is made good at this time.
    hiccup: Option<Instant>,
    /// A connection in the making: when it is there, or why it never will be.
    connecting: Option<(Instant, Result<(), ErrorKind>)>,
    ready: Option<Waker>,
    calls: u64,
}

/// The handle to the pool, with the id that it is for.
struct Waker {
    ready: Ready,
    id: Id,
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(out)
    }
}

/// The end that the loop gets.
pub(super) struct Near(Arc<Mutex<State>>);

/// The end that the simulation holds.
#[derive(Clone)]
pub(super) struct Far(Arc<Mutex<State>>);

/// What the far end may find.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Bytes(Vec<u8>),
    Nothing,
    Fin,
    Reset,
}

pub(super) fn wire(mut rng: Rng, shape: Shape, now: Instant) -> (Near, Far) {
    let state = State {
        rng: rng.fork(),
        shape,
        now,
        inbound: VecDeque::new(),
        inbound_ended: false,
        outbound: VecDeque::new(),
        outbound_ended: false,
        reset: Reset::Never,
        resets_far: false,
        resets_on_close: false,
        gone: false,
        left: false,
        written: 0,
        last_write: now,
        last_offer: now,
        wants_room: false,
        hiccup: None,
        connecting: None,
        ready: None,
        calls: 0,
    };
    let shared = Arc::new(Mutex::new(state));
    (Near(Arc::clone(&shared)), Far(shared))
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics in here")
}

impl State {
    fn wake(&self) {
        if let Some(waker) = &self.ready {
            waker.ready.ready();
        }
    }

    /// Whether this call says `WouldBlock` for no reason, to be called again soon.
    fn has_hiccup(&mut self) -> bool {
        self.calls += 1;
        let hiccup = self.hiccup.is_some() || self.rng.u32(..HICCUPS) == 0;
        if hiccup && self.hiccup.is_none() {
            self.hiccup = Some(self.now + Duration::from_micros(self.rng.u64(..3000)));
        }
        hiccup
    }

    fn report_reset(&mut self) -> io::Error {
        self.reset = Reset::Told;
        ErrorKind::ConnectionReset.into()
    }

    fn some(&mut self, most: usize) -> usize {
        if self.rng.bool() { most } else { self.rng.usize(1..=most) }
    }
}

impl Transport for Near {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        if state.has_hiccup() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !state.inbound.is_empty() {
            let most = state.inbound.len().min(into.len());
            let count = state.some(most);
            for (to, from) in into.iter_mut().zip(state.inbound.drain(..count)) {
                *to = from;
            }
            return Ok(count);
        }
        match state.reset {
            Reset::Untold => Err(state.report_reset()),
            Reset::Told => Ok(0),
            Reset::Never if state.inbound_ended => Ok(0),
            Reset::Never => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Like TCP, but for the notice of an end, which the simulation has no event for.
    fn is_empty_after_short_read(&self) -> bool {
        let state = lock(&self.0);
        state.inbound.is_empty() && !state.inbound_ended && state.reset == Reset::Never
    }

    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        if state.has_hiccup() {
            return Err(ErrorKind::WouldBlock.into());
        }
        match state.reset {
            Reset::Untold => return Err(state.report_reset()),
            Reset::Told => return Err(ErrorKind::BrokenPipe.into()),
            Reset::Never if state.left => return Err(ErrorKind::BrokenPipe.into()),
            Reset::Never => {}
        }
        if state.shape.disk.is_some_and(|disk| state.written >= disk) {
            return Err(ErrorKind::StorageFull.into());
        }
        let room = state.shape.capacity - state.outbound.len();
        let len = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        assert!(len > 0, "a write of nothing");
        if room == 0 {
            state.wants_room = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = state.some(room.min(len));
        state.outbound.extend(pieces.iter().flat_map(|piece| piece.iter()).take(count));
        state.written += count;
        state.last_write = state.now;
        Ok(count)
    }

    fn connected(&mut self) -> io::Result<Option<(Endpoint, Endpoint)>> {
        let mut state = lock(&self.0);
        match state.connecting {
            Some((at, _)) if at > state.now => return Ok(None),
            Some((_, Err(kind))) => return Err(kind.into()),
            _ => state.connecting = None,
        }
        Ok(Some((Endpoint::named("there"), Endpoint::named("here"))))
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut state = lock(&self.0);
        assert!(!state.outbound_ended, "one FIN is enough");
        if state.shape.plain && !state.outbound.is_empty() && !state.left {
            state.wants_room = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        if state.reset != Reset::Never {
            return Err(ErrorKind::NotConnected.into());
        }
        state.outbound_ended = true;
        Ok(())
    }

    fn register(&mut self, registration: &Registration<'_>) -> io::Result<Readiness> {
        let waker = Waker { ready: registration.waker(), id: registration.id() };
        waker.ready.ready();
        lock(&self.0).ready = Some(waker);
        Ok(Readiness::Evented)
    }

    fn deregister(&mut self, _: &Registry) {
        lock(&self.0).ready = None;
    }

    fn reset(&mut self) {
        lock(&self.0).resets_on_close = true;
    }

    fn take_error(&mut self) -> Option<io::Error> {
        let mut state = lock(&self.0);
        (state.reset == Reset::Untold).then(|| state.report_reset())
    }

    fn unread(&self) -> u64 {
        lock(&self.0).inbound.len() as u64
    }

    fn unacknowledged(&self) -> u64 {
        let state = lock(&self.0);
        if state.shape.plain { 0 } else { state.outbound.len() as u64 }
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.gone = true;
        if !state.shape.plain && (state.resets_on_close || !state.inbound.is_empty()) {
            state.resets_far = true;
            state.outbound.clear();
        }
    }
}

impl Far {
    pub(super) fn id(&self) -> Option<Id> {
        lock(&self.0).ready.as_ref().map(|waker| waker.id)
    }

    /// How often the loop has tried something.
    pub(super) fn calls(&self) -> u64 {
        lock(&self.0).calls
    }

    /// Sets the time; a hiccup that is over is made good. Returns when the next one is.
    pub(super) fn set_now(&self, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.0);
        state.now = now;
        let connecting = state.connecting.map(|(at, _)| at);
        if state.hiccup.is_some_and(|at| at <= now) {
            state.hiccup = None;
            state.wake();
        }
        if connecting.is_some_and(|at| at <= now) {
            state.wake();
        }
        state.hiccup.into_iter().chain(connecting.filter(|at| *at > now)).min()
    }

    /// It is a connection in the making, which comes about at that time, or fails.
    pub(super) fn connect_at(&self, at: Instant, outcome: Result<(), ErrorKind>) {
        lock(&self.0).connecting = Some((at, outcome));
    }

    /// Whether the connection has come about.
    pub(super) fn is_connected(&self) -> bool {
        lock(&self.0).connecting.is_none()
    }

    /// Puts as much into the pipe as fits; `None` where the loop's end is closed.
    pub(super) fn offer(&self, bytes: &[u8]) -> Option<usize> {
        let mut state = lock(&self.0);
        if state.gone {
            if !state.shape.plain {
                // A closed socket answers data with RST, and what it had not sent yet is lost.
                state.resets_far = true;
                state.outbound.clear();
            }
            return None;
        }
        let count = bytes.len().min(state.shape.capacity - state.inbound.len());
        state.inbound.extend(&bytes[..count]);
        state.last_offer = state.now;
        state.wake();
        Some(count)
    }

    pub(super) fn take(&self, most: usize) -> Taken {
        let mut state = lock(&self.0);
        if state.resets_far {
            return Taken::Reset;
        }
        if !state.outbound.is_empty() {
            let count = most.min(state.outbound.len());
            let bytes = state.outbound.drain(..count).collect();
            if std::mem::take(&mut state.wants_room) {
                state.wake();
            }
            return Taken::Bytes(bytes);
        }
        if state.outbound_ended || state.gone { Taken::Fin } else { Taken::Nothing }
    }

    /// The far end sends no more.
    pub(super) fn end(&self) {
        let mut state = lock(&self.0);
        state.inbound_ended = true;
        state.wake();
    }

    /// The far end is gone: what it has not read is lost.
    pub(super) fn reset(&self) {
        let mut state = lock(&self.0);
        state.outbound.clear();
        state.left = true;
        if !state.shape.plain && state.reset == Reset::Never {
            state.reset = Reset::Untold;
        }
        state.wake();
    }

    /// Whether a take would give something new.
    pub(super) fn has_news(&self) -> bool {
        let state = lock(&self.0);
        !state.outbound.is_empty() || state.outbound_ended || state.gone || state.resets_far
    }

    pub(super) fn has_room(&self) -> bool {
        let state = lock(&self.0);
        state.gone || state.inbound.len() < state.shape.capacity
    }

    /// Bytes that the loop has not read.
    pub(super) fn unread(&self) -> usize {
        lock(&self.0).inbound.len()
    }

    pub(super) fn last_write(&self) -> Instant {
        lock(&self.0).last_write
    }

    pub(super) fn last_offer(&self) -> Instant {
        lock(&self.0).last_offer
    }
}

impl std::fmt::Debug for Far {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = lock(&self.0);
        let (inbound, outbound) = (state.inbound.len(), state.outbound.len());
        let (ends, hiccup) = ((state.inbound_ended, state.outbound_ended), state.hiccup.is_some());
        let (reset, gone) = (state.reset, state.gone);
        write!(out, "{inbound} in, {outbound} out, ended {ends:?} {reset:?} {gone} {hiccup}")
    }
}
