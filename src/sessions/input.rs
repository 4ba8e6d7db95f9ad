//! stdin on its way to the wire: cut into messages, converted, and framed.
//!
//! `--send` puts texts in the place of stdin, and `--rate` holds back what was read of it. This file
//! owns the stdin channel and what is known of the input. The session decides who gets the result,
//! and when stdin is read.
//!
//! The options choose one of four modes; only a preset turns into another one:
//!
//! ```text
//! mode       chosen by                         channel           what its bytes become
//! Plain      an unframed stream, or -n         stdin; none (-n)  the bytes themselves
//! Cut        --input, --frame, datagrams       stdin or texts    messages
//! Commands   --input commands or json          stdin             commands of ControlInput
//! Preset     --send of a server                none              one batch for each client
//!   | take_preset: the input has ended
//!   +--> Cut (framed) or Plain
//! ```
//!
//! The channel starts paused, and is given up once:
//!
//! ```text
//! paused <-- pause, resume --> reading        close: paused or reading --> closed
//! ```
//!
//! What is read leaves as a `Portion`: at once by `InputReader::read`, or under `--rate` by
//! `InputReader::due`. The channel is then paused until the throttle has released all of it:
//!
//! ```text
//! reading -- read --> holding -- due: Portion, At --> holding
//!                     holding -- due: Nothing --> resume --> reading
//!                     holding -- due: Portion with the end --> ended
//! ```

mod batch;
mod channel;
mod datagrams;
mod mode;
mod throttle;

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::batch::BatchEncoder;
use self::channel::Left;
use self::mode::Mode;
use self::throttle::Throttle;
use super::config::{self, Common, InputSource};
use super::control::ControlInput;
use super::session::Piece;
use super::timers;
use crate::error::{Failure, Status};
use crate::event_loop::stdio::{self, StdioKind};
use crate::event_loop::{Directions, Id, Memory, Pool, TimerKey, Transport};
use crate::framing::FrameError;
use crate::kind::Kind;
use crate::protocol::relay::{self, Source};

pub(crate) use self::batch::Batch;
pub(crate) use self::throttle::Due;

/// What was read of the input and may go now.
#[derive(Debug, Default)]
pub(crate) struct Portion<'a> {
    /// Bytes that go to the wire as they are.
    pub(crate) raw: &'a [u8],
    /// Messages as they go to the wire.
    pub(crate) batch: Batch,
    /// The end of the input comes behind them, in order or not.
    pub(crate) end: Option<Result<(), Failure>>,
}

/// stdin as a source of messages.
pub struct InputReader {
    id: Option<Id>,
    progress: relay::InputState,
    mode: Mode,
    encoder: BatchEncoder,
    /// The memory of the next batch.
    spare: Batch,
    /// How many messages have been read.
    messages: u64,
    /// What it is called in messages.
    name: &'static str,
    /// How many bytes it has in all, where that is known.
    size: Option<u64>,
    /// `--rate` of a stream.
    throttle: Option<Throttle>,
    /// Its last piece was read.
    is_read: bool,
    /// It was reported that a client has missed the input.
    is_noted: bool,
    left: Left,
}

impl InputReader {
    /// Opens stdin, or the texts in its place, paused; or stands for an absent one.
    ///
    /// # Errors
    /// stdin cannot be used at all.
    pub fn open(pool: &mut Pool, common: &Common) -> Result<Self, Failure> {
        match &common.input.source {
            InputSource::Nothing => return Ok(Self::over(None, Source::Absent, common)),
            InputSource::Texts(texts) => return Self::open_texts(pool, texts, common),
            InputSource::Messages { .. } | InputSource::Commands { .. } => {}
        }
        let (transport, kind) = stdio::input().map_err(|error| unreadable(&error))?;
        let source = if kind == StdioKind::Terminal { Source::Terminal } else { Source::Stream };
        let size = stdio::input_size();
        let input = Self::on(pool, common, transport, source);
        input.map(|input| Self { size, ..input }).map_err(|error| unreadable(&error))
    }

    /// Texts are sent like a file; a server sends each client all of them.
    fn open_texts(pool: &mut Pool, texts: &[Bytes], common: &Common) -> Result<Self, Failure> {
        if common.rules.serving {
            return Ok(Self::over(None, Source::Stream, common));
        }
        let texts = Bytes::from(texts.concat());
        let size = Some(texts.len() as u64);
        let input = Self::on(pool, common, Box::new(Memory::new(texts)), Source::Stream);
        input
            .map(|input| Self { size, ..input })
            .map_err(|error| Failure::io(Status::Local, "send", "texts", &error))
    }

    /// An input on a transport of the caller's, paused.
    ///
    /// # Errors
    /// The transport cannot be registered.
    pub fn on(
        pool: &mut Pool,
        common: &Common,
        transport: Box<dyn Transport>,
        source: Source,
    ) -> io::Result<Self> {
        let id = pool.add_channel(transport, Directions::Read)?;
        // What is read before anybody is there to take it would have to be kept.
        pool.pause(id);
        if common.wire.datagrams {
            datagrams::fit_reads(pool, id, &common.input.source);
        }
        Ok(Self::over(Some(id), source, common))
    }

    fn over(id: Option<Id>, source: Source, common: &Common) -> Self {
        let Common { input: config::InputConfig { source: from, rate }, wire, .. } = common;
        let mode = Mode::new(common);
        debug_assert!(id.is_none() || source != Source::Absent, "an absent input has no channel");
        debug_assert!(id.is_none() || !matches!(mode, Mode::Preset(..)), "nor has a preset");
        Self {
            id,
            progress: relay::InputState::new(source),
            mode,
            encoder: BatchEncoder::new(wire),
            spare: Batch::default(),
            messages: 0,
            name: if matches!(from, InputSource::Texts(_)) { "--send" } else { "stdin" },
            size: None,
            throttle: rate.filter(|_| !wire.datagrams).map(Throttle::new),
            is_read: false,
            is_noted: false,
            left: Left::default(),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a client that comes now misses what stdin had for those before it; true once.
    pub(crate) fn is_missed(&mut self) -> bool {
        let relay::InputState { source, ended, empty } = self.progress;
        let is_over = ended && !empty && source == Source::Stream;
        let is_stdin = self.name == "stdin" && !self.has_commands();
        is_over && is_stdin && !std::mem::replace(&mut self.is_noted, true)
    }

    /// Whether `id` is stdin.
    pub(crate) fn is(&self, id: Id) -> bool {
        self.id == Some(id)
    }

    /// How far the input has come.
    pub(crate) fn progress(&self) -> relay::InputState {
        self.progress
    }

    /// How many bytes it has in all, where that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes of it have been read and released, as far as is known.
    pub(crate) fn bytes_read(&self, pool: &Pool) -> u64 {
        let traffic = self.id.and_then(|id| pool.traffic(id));
        let read = traffic.map_or(self.size.unwrap_or(0), |traffic| traffic.received);
        let waiting = self.throttle.as_ref().map_or(0, Throttle::waiting);
        read.saturating_sub(waiting as u64)
    }

    /// The input has ended.
    pub(crate) fn end(&mut self) {
        self.progress.ended = true;
    }

    pub(crate) fn pause(&self, pool: &mut Pool) {
        if let Some(id) = self.id {
            pool.pause(id);
        }
    }

    /// Reads on; what was read and waits comes first.
    pub(crate) fn resume(&self, pool: &mut Pool) {
        let Some(id) = self.id else { return };
        if self.is_busy() {
            pool.pause(id);
            // An event of its own in the next turn: this call stands behind some other event.
            pool.arm(TimerKey::global(timers::COMMANDS), Duration::ZERO);
        } else {
            pool.resume(id);
        }
    }

    /// Whether commands wait, or messages behind a long one that is framed in many steps.
    fn is_busy(&self) -> bool {
        match &self.mode {
            Mode::Commands(control) => control.is_waiting(),
            mode => self.encoder.pending() > 0 || mode.has_unread(),
        }
    }

    /// Gives stdin up, and keeps how much of it is left.
    pub(crate) fn close(&mut self, pool: &mut Pool) {
        let left = self.left(pool);
        if self.id.is_some() {
            self.dismiss(pool);
            self.left.behind = left;
        }
    }

    /// Gives stdin up because no more of it is wanted.
    pub(crate) fn dismiss(&mut self, pool: &mut Pool) {
        if let Some(id) = self.id.take() {
            pool.abort(id, crate::close::CloseReason::HOST);
        }
    }

    /// Notes that it cannot be read or sent any further, so that the rest is unknown.
    pub(crate) fn fail(&mut self) {
        self.left.failed = true;
    }

    /// Whether it has not been given up.
    pub(crate) fn is_open(&self) -> bool {
        self.id.is_some()
    }

    /// `--send` of a server: what every client is sent when it comes, as it goes to the wire; for
    /// a client that is all of the input, which has ended behind it.
    pub(crate) fn take_preset(&mut self) -> Result<Option<Batch>, Failure> {
        let Mode::Preset(texts, cutting) = &mut self.mode else { return Ok(None) };
        let (texts, cutting) = (std::mem::take(texts), cutting.take());
        self.mode = cutting.map_or(Mode::Plain, Mode::Cut);
        self.progress = relay::InputState { ended: true, empty: false, ..self.progress };
        let mut batch = Batch::default();
        self.is_read = true;
        self.convert(&texts, &mut batch)?;
        // Nobody waits yet.
        while self.is_busy() {
            self.convert(&[], &mut batch)?;
        }
        Ok(Some(batch))
    }

    /// Whether stdin gives commands instead of messages.
    pub(crate) fn has_commands(&self) -> bool {
        matches!(self.mode, Mode::Commands(_))
    }

    /// What reads the commands, for the session that executes them.
    pub(crate) fn control(&mut self) -> Option<&mut ControlInput> {
        match &mut self.mode {
            Mode::Commands(control) => Some(control),
            _ => None,
        }
    }

    /// Bytes of a long message that is not framed yet.
    pub(crate) fn unframed(&self) -> usize {
        self.encoder.pending()
    }

    /// The message of a command as it goes to the wire; `None` where that takes another call, which
    /// goes on with it.
    pub(crate) fn encode(&mut self, payload: Vec<u8>) -> Result<Option<Vec<u8>>, FrameError> {
        debug_assert!(self.has_commands(), "the messages of stdin follow each other");
        self.encoder.encode_alone(payload)
    }

    /// Takes what was read of stdin, which gives no commands.
    /// Under `--rate` all of it waits until it is due, and the portion is empty. A long message may take
    /// more calls, for which [`InputReader::resume`] asks.
    pub(crate) fn read<'a>(&mut self, piece: Piece<'a>) -> Portion<'a> {
        let (piece, eof) = (piece.bytes(), piece.is_end());
        self.note_bytes(piece);
        // A stream without messages and without a throttle costs no copy.
        if matches!(self.mode, Mode::Plain) && self.encoder.is_plain() && self.throttle.is_none() {
            self.progress.ended |= eof;
            return Portion { raw: piece, end: eof.then_some(Ok(())), ..Portion::default() };
        }
        self.is_read |= eof;
        let mut batch = std::mem::take(&mut self.spare);
        let outcome = self.convert(piece, &mut batch);
        let eof = self.is_read && !self.is_busy();
        let end = if eof || outcome.is_err() { Some(outcome) } else { None };
        let has_messages = self.encoder.is_framed();
        match &mut self.throttle {
            Some(throttle) => {
                throttle.hold(batch, has_messages);
                // Under a rate the input ends when its last part is released, not when it is read.
                end.into_iter().for_each(|end| throttle.end(end));
                Portion::default()
            }
            None => {
                self.progress.ended |= eof;
                Portion { batch, end, ..Portion::default() }
            }
        }
    }

    /// The part of the input that `--rate` allows to be sent now.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        let due = self.throttle.as_mut().map_or(Due::Nothing, |throttle| throttle.due(now));
        self.progress.ended |= matches!(&due, Due::Portion(Portion { end: Some(Ok(())), .. }));
        due
    }

    /// Notes that bytes of stdin were seen.
    pub(crate) fn note_bytes(&mut self, bytes: &[u8]) {
        self.progress.empty &= bytes.is_empty();
    }

    /// Turns a piece of stdin into what goes to the wire. What was converted before a failure is in the
    /// batch and is to be sent.
    fn convert(&mut self, piece: &[u8], batch: &mut Batch) -> Result<(), Failure> {
        let Self { mode, encoder, messages, name, is_read, .. } = self;
        let mut refused = encoder.go_on(batch).err();
        let stop = Cell::new(encoder.pending() > 0);
        let mut add = |payload: &[u8]| {
            if refused.is_none() {
                *messages += 1;
                refused = encoder.begin(payload.into(), batch).err();
                stop.set(encoder.pending() > 0);
            }
        };
        let cut = mode.cut(piece, *is_read, &stop, &mut add);
        let number = *messages;
        match (refused, cut) {
            (Some(error), _) => Err(unsendable(number, name, &error)),
            (None, Err(error)) if error.is_limit() => Err(unsendable(number + 1, name, &error)),
            (None, Err(error)) => Err(Failure::new(
                Status::Local,
                Kind::Input,
                "read messages from",
                *name,
                error.to_string(),
            )),
            (None, Ok(())) => Ok(()),
        }
    }
}

/// The failure of reading stdin.
pub(crate) fn unreadable(error: &io::Error) -> Failure {
    Failure::io(Status::Local, "read", "stdin", error)
}

fn unsendable(number: u64, name: &str, error: &FrameError) -> Failure {
    let target = format!("message {number} of {name}");
    Failure::new(Status::Lost, Kind::Frame, "send", target, error.to_string())
}
