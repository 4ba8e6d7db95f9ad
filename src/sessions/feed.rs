//! stdin on its way to the wire: cut into messages, converted, and framed.
//!
//! `--send` puts texts in the place of stdin, and `--rate` holds back what was read of it. This file
//! owns the stdin channel and what is known of the input. To whom the result goes, and when stdin
//! is read at all, the session decides.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::config::{self, Common, InputSource};
use super::control::ControlInput;
use super::texts::Texts;
use super::throttle::{Due, Throttle};
use super::timers;
use crate::error::{Failure, Status};
use crate::event_loop::stdio::{self, StdioKind};
use crate::event_loop::{Directions, Id, Memory, Pool, TimerKey, Transport};
use crate::framing::{Cutter, FrameError, Framer, Framing, Input};
use crate::kind::Kind;
use crate::protocol::crlf::Crlf;
use crate::protocol::relay::{self, Source};

/// stdin as a source of messages.
pub struct Feed {
    id: Option<Id>,
    input: relay::Input,
    cut: Cut,
    control: Option<ControlInput>,
    commands: bool,
    framer: Option<Box<dyn Framer>>,
    crlf: Option<Crlf>,
    /// The framing is made of LF itself, which `crlf` converts.
    lines: bool,
    messages: u64,
    /// What it is called in messages.
    name: &'static str,
    /// Texts that every client of a server is sent.
    words: Option<Bytes>,
    /// How many bytes it has in all, where that is known.
    size: Option<u64>,
    /// `--rate` of a stream.
    throttle: Option<Throttle>,
}

/// How the input is cut into messages.
enum Cut {
    /// Not at all: an unframed stream is passed on as it comes.
    Nowhere,
    /// As `--input` says.
    Input(Cutter),
    /// Into the texts that it was made of.
    Texts(Texts),
}

impl Cut {
    fn feed(
        &mut self,
        piece: &[u8],
        eof: bool,
        add: &mut dyn FnMut(&[u8]),
    ) -> Result<(), FrameError> {
        match self {
            Self::Nowhere if piece.is_empty() => {}
            Self::Nowhere => add(piece),
            Self::Texts(texts) => texts.feed(piece, add),
            Self::Input(cutter) => return cutter.feed(piece, eof, add),
        }
        Ok(())
    }
}

/// What one piece of stdin became: bytes for the wire.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where each message ends in `bytes`.
    pub(crate) ends: Vec<usize>,
}

impl Feed {
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
        let feed = Self::on(pool, common, transport, source);
        feed.map(|feed| Self { size, ..feed }).map_err(|error| unreadable(&error))
    }

    /// Texts are sent like a file; a server sends each client all of them.
    fn open_texts(pool: &mut Pool, texts: &[Bytes], common: &Common) -> Result<Self, Failure> {
        let texts = Bytes::from(texts.concat());
        if common.rules.serving {
            let feed = Self::over(None, Source::Stream, common);
            return Ok(Self { words: Some(texts), ..feed });
        }
        let size = Some(texts.len() as u64);
        let feed = Self::on(pool, common, Box::new(Memory::new(texts)), Source::Stream);
        feed.map(|feed| Self { size, ..feed })
            .map_err(|error| Failure::io(Status::Local, "send", "texts", &error))
    }

    /// A feed on a transport of the caller's, paused.
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
        pool.pause(id);
        Ok(Self::over(Some(id), source, common))
    }

    fn over(id: Option<Id>, source: Source, common: &Common) -> Self {
        let Common { input: config::Input { source: from, rate }, wire, .. } = common;
        let longest = wire.framing.longest_input(wire.max);
        let cut = match from {
            InputSource::Nothing | InputSource::Commands { .. } => Cut::Nowhere,
            InputSource::Messages { form: Input::Raw, .. } | InputSource::Texts(_)
                if !wire.has_messages() =>
            {
                Cut::Nowhere
            }
            InputSource::Texts(texts) => Cut::Texts(Texts::new(texts)),
            InputSource::Messages { form, chomp } => {
                Cut::Input(Cutter::new(*form, *chomp, longest))
            }
        };
        let control = match from {
            InputSource::Commands { form, chomp } => {
                Some(ControlInput::new(*form, longest, *chomp))
            }
            _ => None,
        };
        Self {
            id,
            input: relay::Input::new(source),
            cut,
            commands: control.is_some(),
            control,
            framer: wire.framer(),
            crlf: wire.crlf.then(Crlf::default),
            lines: wire.framing == Framing::Line,
            messages: 0,
            name: if matches!(from, InputSource::Texts(_)) { "--send" } else { "stdin" },
            words: None,
            size: None,
            throttle: rate.filter(|_| !wire.datagrams).map(Throttle::new),
        }
    }

    /// Whether `id` is stdin.
    pub(crate) fn is(&self, id: Id) -> bool {
        self.id == Some(id)
    }

    /// How far the input has come.
    pub(crate) fn input(&self) -> relay::Input {
        self.input
    }

    /// How many bytes it has in all, where that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes of it have been read and let go, as far as is known.
    pub(crate) fn passed(&self, pool: &Pool) -> u64 {
        let traffic = self.id.and_then(|id| pool.traffic(id));
        let read = traffic.map_or(self.size.unwrap_or(0), |traffic| traffic.received);
        let waiting = self.throttle.as_ref().map_or(0, Throttle::waiting);
        read.saturating_sub(waiting as u64)
    }

    /// The input has ended.
    pub(crate) fn end(&mut self) {
        self.input.ended = true;
    }

    pub(crate) fn pause(&self, pool: &mut Pool) {
        if let Some(id) = self.id {
            pool.pause(id);
        }
    }

    /// Reads on; commands that wait come first.
    pub(crate) fn resume(&self, pool: &mut Pool) {
        let Some(id) = self.id else { return };
        if self.control.as_ref().is_some_and(ControlInput::wait) {
            pool.arm(TimerKey::global(timers::COMMANDS), Duration::ZERO);
        } else {
            pool.resume(id);
        }
    }

    /// Gives stdin up.
    pub(crate) fn close(&mut self, pool: &mut Pool) {
        if let Some(id) = self.id.take() {
            pool.abort(id, crate::close::CloseReason::HOST);
        }
    }

    /// Whether it has not been given up.
    pub(crate) fn is_open(&self) -> bool {
        self.id.is_some()
    }

    /// Whether pieces of stdin go to the wire as they are, so that [`Feed::convert`] is not
    /// needed.
    pub(crate) fn is_transparent(&self) -> bool {
        matches!(self.cut, Cut::Nowhere) && self.framer.is_none() && self.crlf.is_none()
    }

    /// `--send` of a server: what every client is sent when it comes, as it goes to the wire; for
    /// a client that is all of the input, which has ended behind it.
    pub(crate) fn take_preset(&mut self) -> Result<Option<Batch>, Failure> {
        let Some(words) = self.words.take() else { return Ok(None) };
        self.input = relay::Input { ended: true, empty: false, ..self.input };
        let (batch, outcome) = self.convert(&words, true);
        outcome.map(|()| Some(batch))
    }

    /// Whether stdin gives commands instead of messages.
    pub(crate) fn commands(&self) -> bool {
        self.commands
    }

    /// Lends what reads the commands to whom has the session, which obeys them.
    pub(crate) fn take_control(&mut self) -> Option<ControlInput> {
        self.control.take()
    }

    /// Gives back what was lent.
    pub(crate) fn put_control(&mut self, control: ControlInput) {
        self.control = Some(control);
    }

    /// The message of a command as it goes to the wire.
    pub(crate) fn encode(&self, payload: Vec<u8>) -> Result<Vec<u8>, FrameError> {
        if self.framer.is_none() && self.crlf.is_none() {
            return Ok(payload);
        }
        let mut batch = Batch::default();
        // The message before may have gone elsewhere: each is converted by itself.
        let mut crlf = self.crlf.as_ref().map(|_| Crlf::default());
        batch.add(&payload, self.framer.as_deref(), crlf.as_mut(), self.lines)?;
        Ok(batch.bytes)
    }

    /// Whether what is read has to wait until it is due.
    pub(crate) fn is_throttled(&self) -> bool {
        self.throttle.is_some()
    }

    /// Whether something of what was read waits.
    pub(crate) fn is_holding(&self) -> bool {
        self.throttle.as_ref().is_some_and(Throttle::is_holding)
    }

    /// Takes a piece of stdin that has to wait, with all that is behind it.
    pub(crate) fn hold(&mut self, pool: &mut Pool, piece: &[u8], eof: bool) {
        self.pause(pool);
        let (batch, outcome) = self.convert(piece, eof);
        let has_messages = self.framer.is_some();
        if let Some(throttle) = &mut self.throttle {
            throttle.hold(batch, has_messages);
            if eof || outcome.is_err() {
                throttle.end(outcome);
            }
        }
    }

    /// What of the input is to be sent now.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        self.throttle.as_mut().map_or(Due::Nothing, |throttle| throttle.due(now))
    }

    /// Notes that bytes of stdin were seen.
    pub(crate) fn note_bytes(&mut self, bytes: &[u8]) {
        self.input.empty &= bytes.is_empty();
    }

    /// Turns a piece of stdin into what goes to the wire; `eof` says that it is the last one.
    /// What was converted before a failure is in the batch and is to be sent.
    pub(crate) fn convert(&mut self, piece: &[u8], eof: bool) -> (Batch, Result<(), Failure>) {
        let mut batch = Batch::default();
        let Self { cut, framer, crlf, messages, lines, name, .. } = self;
        let mut refused = None;
        let mut add = |payload: &[u8]| {
            if refused.is_none() {
                *messages += 1;
                refused = batch.add(payload, framer.as_deref(), crlf.as_mut(), *lines).err();
            }
        };
        let cut = cut.feed(piece, eof, &mut add);
        let number = *messages;
        let outcome = match (refused, cut) {
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
        };
        (batch, outcome)
    }
}

impl Batch {
    fn add(
        &mut self,
        payload: &[u8],
        framer: Option<&dyn Framer>,
        crlf: Option<&mut Crlf>,
        lines: bool,
    ) -> Result<(), FrameError> {
        let mut converted = Vec::new();
        match (framer, crlf) {
            (Some(framer), Some(crlf)) if lines => {
                framer.encode(payload, &mut converted)?;
                crlf.convert(&converted, &mut self.bytes);
            }
            (Some(framer), Some(crlf)) => {
                crlf.convert(payload, &mut converted);
                framer.encode(&converted, &mut self.bytes)?;
            }
            (Some(framer), None) => framer.encode(payload, &mut self.bytes)?,
            (None, Some(crlf)) => crlf.convert(payload, &mut self.bytes),
            (None, None) => self.bytes.extend_from_slice(payload),
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// The messages one by one, as they go to the wire.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|index| self.message(index))
    }

    /// Some of the messages, which stand in these bytes.
    pub(crate) fn part(&self, messages: Range<usize>, bytes: Range<usize>) -> Self {
        let ends = self.ends.get(messages).unwrap_or_default();
        Self {
            ends: ends.iter().map(|end| end - bytes.start).collect(),
            bytes: self.bytes.get(bytes).unwrap_or_default().to_vec(),
        }
    }

    /// One message; empty beyond the last.
    pub(crate) fn message(&self, index: usize) -> &[u8] {
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
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
