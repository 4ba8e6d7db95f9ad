//! The exchange of `--frame tinyproto`: who may send what and when, on one connection.
//!
//! Pure. On the wire a message is offered by its length and sent when the other side has answered go;
//! above this, the stream in either direction is messages behind a length of four bytes, as with
//! `--frame u32`. [`Exchange`] turns one into the other: it takes hellos and answers out of what
//! is read, and gives how much of what is to be written may go out, and which bytes of its own go
//! in between.
//!
//! Both sides may offer at once. Each then finds the other's length where it waits for go,
//! answers it, and goes on waiting. A peer that does the same sends go before its message;
//! one that knows no collisions sends its message first and then go. Which it is shows in
//! its next byte.

mod own;

use own::OwnBytes;

/// Go, and hello.
const OK: u8 = 0xff;
/// The message is too large, or (at hello) no.
const ERROR: u8 = 0x00;
/// No more connections.
const LIMIT: u8 = 0xfe;
/// What a server that takes no more connections sends in the place of its hello.
pub const FULL: &[u8] = &[LIMIT];
/// The request conflicts with another one.
const CONFLICT: u8 = 0xfd;

/// The longest message there is.
// No length begins with f1 or more, so none can pass for an answer (fd, fe, ff).
pub(super) const LONGEST: u32 = 0xf0ff_ffff;

/// How an exchange fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The peer takes no connection from us.
    #[error("refused by the peer, which takes no more connections")]
    NotWelcome,
    /// The first byte is no hello.
    #[error("not tinyproto: it begins with 0x{0:02x} in place of 0xff")]
    NoHello(u8),
    /// The peer closed before it sent hello.
    #[error("closed by the peer before its hello")]
    Silent,
    /// A message is larger than we take; the peer has got the refusal.
    #[error("{} long, and the limit is {max}", super::framer::bytes((*.len).into()))]
    TooLarge {
        /// Bytes of the message.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// The peer does not take a message.
    #[error("the peer refused a message of {}", super::framer::bytes((*.len).into()))]
    Refused {
        /// Bytes of the message.
        len: u32,
    },
    /// The peer closed, and can send go no more.
    #[error("the peer closed before it took everything")]
    Closed,
}

/// What is being read.
///
/// ```text
/// Hello ── ff ──> Length ── 4 bytes ──> Message ── its bytes ──> Length
///   │               │ │ too large, FIN     │ FIN
///   └── FIN, no ff ─┴─┴─────────────────> Ended
/// ```
///
/// An answer is one byte between two lengths, or between the length of a collision and its message;
/// it changes `Outgoing` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    Hello,
    /// A length, of which so many bytes are here.
    Length {
        bytes: [u8; 4],
        have: u8,
    },
    /// A message, of which so many bytes are missing, and whether it has begun.
    Message {
        left: u32,
        begun: bool,
    },
    /// Nothing any more.
    Ended,
}

const BETWEEN: Incoming = Incoming::Length { bytes: [0; 4], have: 0 };

/// What is being written.
///
/// ```text
/// Length ── 4 bytes ──> Offered ── ff comes ──> Message ── its bytes ──> Length
///   └── finish ──> Finished
/// ```
///
/// Our own hello and answers go out where [`Exchange::own`] has a place for them: before a length,
/// while go is waited for, and before the first byte of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outgoing {
    /// A length, of which so many bytes are written.
    Length { bytes: [u8; 4], have: u8 },
    /// The length is written, and go is waited for.
    Offered { len: u32 },
    /// A message, of which so many bytes are missing, and whether it has begun.
    Message { left: u32, begun: bool },
    /// Nothing any more.
    Finished,
}

const UNOFFERED: Outgoing = Outgoing::Length { bytes: [0; 4], have: 0 };

/// One connection's state.
#[derive(Debug)]
pub struct Exchange {
    max: u32,
    incoming: Incoming,
    outgoing: Outgoing,
    own: OwnBytes,
    /// The peer's last length came where go was expected, and its message has not begun.
    collided: bool,
    /// The peer's offers are left unanswered.
    withholds: bool,
}

impl Exchange {
    /// An exchange on a new connection; `max` limits the messages that are taken.
    pub fn new(max: u32) -> Self {
        Self {
            max: max.min(LONGEST),
            incoming: Incoming::Hello,
            outgoing: UNOFFERED,
            own: OwnBytes::default(),
            collided: false,
            withholds: false,
        }
    }

    /// Whether the peer has sent hello.
    pub fn is_open(&self) -> bool {
        self.incoming != Incoming::Hello
    }

    /// Whether our next message waits for what the peer sends: hello, go, or the rest of a message
    /// that it was let send.
    pub fn waits(&self) -> bool {
        match self.outgoing {
            _ if !self.is_open() => true,
            Outgoing::Offered { .. } => true,
            Outgoing::Length { have: 0, .. } => self.is_mid_message() && !self.is_unanswered(),
            _ => false,
        }
    }

    /// Whether the peer is in the middle of a message.
    pub fn is_mid_message(&self) -> bool {
        !matches!(self.incoming, Incoming::Length { have: 0, .. } | Incoming::Ended)
    }

    /// Leaves the peer's offers unanswered from now on, so that nothing more comes. Messages of our own go
    /// out all the same.
    pub fn withhold_answers(&mut self) {
        self.withholds = true;
    }

    /// Answers them again.
    pub fn resume_answers(&mut self) {
        self.withholds = false;
    }

    /// Whether a message of ours that begins with `first` would pass for go, because the peer
    /// waits for one that is withheld.
    pub fn would_pass_for_go(&self, first: u8) -> bool {
        let is_due = self.withholds && self.own.go > 0;
        is_due && first == OK && matches!(self.outgoing, Outgoing::Message { begun: false, .. })
    }

    /// Whether the peer has offered a message and was not answered.
    fn is_unanswered(&self) -> bool {
        let begun = matches!(self.incoming, Incoming::Message { begun: true, .. });
        self.withholds && self.own.go > 0 && !begun
    }

    /// Takes bytes from the wire and appends to `stream` what of them belongs to messages.
    ///
    /// # Errors
    /// The peer breaks the rules or refuses; nothing more is to be read then.
    pub fn receive(&mut self, wire: &[u8], stream: &mut Vec<u8>) -> Result<(), ExchangeError> {
        let mut rest = wire;
        while let Some((byte, behind)) = rest.split_first() {
            match self.incoming {
                Incoming::Message { left, begun } if begun || !self.is_go(*byte) => {
                    // A message goes through in one piece, whatever its bytes are.
                    let (now, behind) = rest.split_at(rest.len().min(left as usize));
                    stream.extend_from_slice(now);
                    self.collided = false;
                    self.on_message(left - now.len() as u32);
                    rest = behind;
                    continue;
                }
                Incoming::Message { .. } => self.on_answer(*byte)?,
                Incoming::Hello => self.on_hello(*byte)?,
                Incoming::Length { have: 0, .. } if self.is_answer(*byte) => {
                    self.on_answer(*byte)?;
                }
                Incoming::Length { mut bytes, have } => {
                    if let Some(place) = bytes.get_mut(usize::from(have)) {
                        *place = *byte;
                    }
                    self.incoming = Incoming::Length { bytes, have: have + 1 };
                    if have == 3 {
                        self.on_length(bytes, stream)?;
                    }
                }
                Incoming::Ended => {}
            }
            rest = behind;
        }
        Ok(())
    }

    /// The peer's FIN came. A length that it cuts belongs to the stream, as a message does.
    ///
    /// # Errors
    /// It came before hello, or in place of go.
    pub fn receive_end(&mut self, stream: &mut Vec<u8>) -> Result<(), ExchangeError> {
        let before = std::mem::replace(&mut self.incoming, Incoming::Ended);
        match (before, self.outgoing) {
            (Incoming::Hello, _) => Err(ExchangeError::Silent),
            // The zero was no length after all.
            (Incoming::Length { bytes: [ERROR, ..], have: 1 }, Outgoing::Offered { len }) => {
                Err(ExchangeError::Refused { len })
            }
            (incoming, outgoing) => {
                if let Incoming::Length { bytes, have } = incoming {
                    stream.extend(bytes.iter().take(usize::from(have)));
                }
                match outgoing {
                    Outgoing::Offered { .. } | Outgoing::Length { have: 1.., .. } => {
                        Err(ExchangeError::Closed)
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The next byte of our own, if this is a place for it: not within a length or a message.
    pub fn own(&self) -> Option<u8> {
        let place = match self.outgoing {
            Outgoing::Length { have, .. } => have == 0,
            Outgoing::Offered { .. } => true,
            // Where both sides have offered, go comes before the message.
            Outgoing::Message { begun, .. } => !begun,
            Outgoing::Finished => false,
        };
        // Hello comes before all else, and is withheld from nobody.
        self.own.next().filter(|_| !self.own.greeted || place && !self.withholds)
    }

    /// That byte has been written.
    pub fn own_written(&mut self) {
        debug_assert!(self.own().is_some(), "no byte of our own was due");
        self.own.written();
    }

    /// How many bytes of the stream may be written next; 0 while there are bytes of our own.
    ///
    /// # Errors
    /// Nothing can be written any more.
    pub fn window(&self) -> Result<usize, ExchangeError> {
        match self.outgoing {
            _ if self.own().is_some() => Ok(0),
            Outgoing::Message { left, .. } => Ok(left as usize),
            // Go would never come.
            _ if self.incoming == Incoming::Ended => Err(ExchangeError::Closed),
            // While the peer is in the middle of a message, it receives ours first.
            Outgoing::Length { have: 0, .. } if self.is_mid_message() && !self.is_unanswered() => {
                Ok(0)
            }
            Outgoing::Length { have, .. } => Ok(4 - usize::from(have)),
            Outgoing::Offered { .. } | Outgoing::Finished => Ok(0),
        }
    }

    /// These bytes of the stream, no more than allowed, have been written.
    pub fn wrote(&mut self, bytes: &[u8]) {
        debug_assert!(self.own().is_none(), "a byte of our own comes first");
        debug_assert!(
            self.window().is_ok_and(|window| bytes.len() <= window),
            "more was written than may be"
        );
        let mut rest = bytes;
        if let Outgoing::Length { bytes: mut length, have } = self.outgoing {
            let mut have = usize::from(have);
            while let (Some(place), Some((byte, behind))) =
                (length.get_mut(have), rest.split_first())
            {
                *place = *byte;
                have += 1;
                rest = behind;
            }
            let unbegun = matches!(self.incoming, Incoming::Message { begun: false, .. });
            self.collided |= have == 4 && self.own.go > 0 && unbegun;
            self.outgoing = match have {
                4 => Outgoing::Offered { len: u32::from_be_bytes(length) },
                _ => Outgoing::Length { bytes: length, have: have as u8 },
            };
        } else if let Outgoing::Message { left, .. } = self.outgoing {
            self.outgoing = match left.saturating_sub(rest.len() as u32) {
                0 => UNOFFERED,
                left => Outgoing::Message { left, begun: true },
            };
        }
    }

    /// Whether FIN may be sent: no message of ours is under way, and no answer is due.
    pub fn may_finish(&self) -> bool {
        let is_between = matches!(self.outgoing, Outgoing::Length { have: 0, .. });
        self.own.greeted && self.own.go == 0 && is_between
    }

    /// FIN has been sent: nothing is answered any more.
    pub fn finish(&mut self) {
        self.outgoing = Outgoing::Finished;
    }

    fn is_answer(&self, byte: u8) -> bool {
        matches!(self.outgoing, Outgoing::Offered { .. }) && [OK, LIMIT, CONFLICT].contains(&byte)
    }

    /// Whether a byte in the place of a message's first is the go that a collision holds up.
    fn is_go(&self, byte: u8) -> bool {
        self.collided && byte == OK && self.is_answer(byte)
    }

    fn on_hello(&mut self, byte: u8) -> Result<(), ExchangeError> {
        match byte {
            OK => {
                self.incoming = BETWEEN;
                Ok(())
            }
            ERROR | LIMIT | CONFLICT => Err(ExchangeError::NotWelcome),
            other => Err(ExchangeError::NoHello(other)),
        }
    }

    fn on_answer(&mut self, byte: u8) -> Result<(), ExchangeError> {
        let Outgoing::Offered { len } = self.outgoing else { return Ok(()) };
        if byte != OK {
            return Err(ExchangeError::Refused { len });
        }
        self.collided = false;
        self.outgoing = match len {
            0 => UNOFFERED,
            left => Outgoing::Message { left, begun: false },
        };
        Ok(())
    }

    fn on_length(&mut self, bytes: [u8; 4], stream: &mut Vec<u8>) -> Result<(), ExchangeError> {
        let len = u32::from_be_bytes(bytes);
        if len > self.max {
            self.own.refuses = true;
            self.incoming = Incoming::Ended;
            return Err(ExchangeError::TooLarge { len, max: self.max });
        }
        self.own.go = self.own.go.saturating_add(1);
        // Ours is on its way already, and crosses the peer's: go may come before the message.
        self.collided =
            matches!(self.outgoing, Outgoing::Offered { .. } | Outgoing::Length { have: 1.., .. });
        stream.extend_from_slice(&bytes);
        // An empty message is over with its length.
        self.on_message(len);
        if len > 0 {
            self.incoming = Incoming::Message { left: len, begun: false };
        }
        Ok(())
    }

    fn on_message(&mut self, left: u32) {
        self.incoming = match left {
            0 => BETWEEN,
            _ => Incoming::Message { left, begun: true },
        };
    }
}

#[cfg(test)]
mod tests;
