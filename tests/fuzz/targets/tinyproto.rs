//! The exchange of `--frame tinyproto`: whatever two sides say and when, nothing is lost; and
//! nothing that a peer says does harm.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::framing::{Exchange, ExchangeError};

const MAX: u32 = 1 << 16;

/// One side: what it still has to send, as messages behind their lengths, and what it has received.
struct Side {
    exchange: Exchange,
    stream: Vec<u8>,
    received: Vec<u8>,
}

impl Side {
    fn new(stream: Vec<u8>) -> Self {
        Self { exchange: Exchange::new(MAX), stream, received: Vec::new() }
    }

    /// Writes up to `most` bytes, as a socket that takes no more.
    fn write(&mut self, most: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        while wire.len() < most {
            if let Some(own) = self.exchange.own() {
                wire.push(own);
                self.exchange.own_written();
                continue;
            }
            if self.stream.first().is_some_and(|first| self.exchange.would_pass_for_go(*first)) {
                self.exchange.resume_answers();
                continue;
            }
            let allowed = self.exchange.window().unwrap_or(0);
            let now = self.stream.len().min(allowed).min(most - wire.len());
            if now == 0 {
                break;
            }
            let piece: Vec<u8> = self.stream.drain(..now).collect();
            self.exchange.wrote(&piece);
            wire.extend(piece);
        }
        wire
    }

    fn receive(&mut self, wire: &[u8]) -> std::result::Result<(), ExchangeError> {
        self.exchange.receive(wire, &mut self.received)
    }

    fn end(&mut self) -> std::result::Result<(), ExchangeError> {
        self.exchange.receive_end(&mut self.received)
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Unstructured::new(data);
    let _ = match choices.arbitrary() {
        Ok(true) => talk(&mut choices),
        _ => harm(&mut choices),
    };
});

/// Messages, mostly short, of bytes that mean something on the wire, too.
fn messages(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut stream = Vec::new();
    for _ in 0..choices.int_in_range(0..=12)? {
        let len: u8 = choices.int_in_range(0..=20)?;
        stream.extend(u32::from(len).to_be_bytes());
        for _ in 0..len {
            stream.push(*choices.choose(b"\xff\x00\xfe\xfd\x01a")?);
        }
    }
    Ok(stream)
}

fn talk(choices: &mut Unstructured<'_>) -> Result<()> {
    let said = [messages(choices)?, messages(choices)?];
    let mut sides = [Side::new(said[0].clone()), Side::new(said[1].clone())];
    // What is under way to each side.
    let mut wires = [Vec::new(), Vec::new()];
    while !choices.is_empty() {
        let turn: u8 = choices.arbitrary()?;
        let (side, most) = (usize::from(turn & 1), usize::from(turn >> 3) + 1);
        match turn >> 1 & 3 {
            0 => wires[1 - side].extend(sides[side].write(most)),
            1 if most > 8 => sides[side].exchange.withhold_answers(),
            1 => sides[side].exchange.resume_answers(),
            _ => receive(&mut sides, &mut wires, side, most),
        }
    }
    sides.iter_mut().for_each(|side| side.exchange.resume_answers());
    for _ in 0..200 {
        for side in 0..2 {
            wires[1 - side].extend(sides[side].write(usize::MAX));
            receive(&mut sides, &mut wires, side, usize::MAX);
        }
    }
    for (side, other) in [(0, 1), (1, 0)] {
        assert_eq!(sides[side].received, said[other]);
        assert!(sides[side].exchange.may_finish() && !sides[side].exchange.is_mid_message());
        assert_eq!(sides[side].end(), Ok(()));
        assert_eq!(sides[side].received, said[other]);
    }
    Ok(())
}

fn receive(sides: &mut [Side; 2], wires: &mut [Vec<u8>; 2], side: usize, most: usize) {
    let now = wires[side].len().min(most);
    let wire: Vec<u8> = wires[side].drain(..now).collect();
    sides[side].receive(&wire).expect("what another exchange says is right");
}

/// A peer that says anything, between what is written to it.
fn harm(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut side = Side::new(messages(choices)?);
    let mut came = 0;
    while !choices.is_empty() {
        let turn: u8 = choices.arbitrary()?;
        match turn & 7 {
            0 if turn & 8 == 0 => side.exchange.withhold_answers(),
            0 => side.exchange.resume_answers(),
            1 | 2 => drop(side.write(usize::from(turn >> 3))),
            _ => {
                let piece = choices.bytes(usize::from(turn >> 3).min(choices.len()))?;
                came += piece.len();
                if side.receive(piece).is_err() {
                    // The last word is written, and that is all.
                    side.write(16);
                    return Ok(());
                }
                assert!(side.received.len() <= came, "more was received than came");
                follows_the_lengths(&side.received, side.exchange.is_mid_message());
            }
        }
    }
    let _ = side.end();
    assert!(side.received.len() <= came, "more was received than came");
    side.write(16);
    side.exchange.finish();
    assert!(side.exchange.own().is_none_or(|own| own == 0xff));
    Ok(())
}

/// What was received is messages behind their lengths; only the last may be cut.
fn follows_the_lengths(mut received: &[u8], is_cut: bool) {
    while let Some((length, rest)) = received.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        assert!(length <= MAX);
        let Some(rest) = rest.get(length as usize..) else { return assert!(is_cut) };
        received = rest;
    }
    assert!(received.is_empty(), "half of a length was received");
}
