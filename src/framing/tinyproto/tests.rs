//! The captures byte by byte in both roles, and two exchanges talking to each other.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// One side: its exchange, what it still has to send, and what it has received.
struct Side {
    exchange: Exchange,
    stream: Vec<u8>,
    received: Vec<u8>,
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let frame = |message: &Vec<u8>| [&(message.len() as u32).to_be_bytes()[..], message].concat();
    messages.iter().flat_map(frame).collect()
}

impl Side {
    fn new(messages: &[Vec<u8>]) -> Self {
        Self { exchange: Exchange::new(1 << 20), stream: framed(messages), received: Vec::new() }
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

    fn receive(&mut self, wire: &[u8]) -> Result<(), ExchangeError> {
        self.exchange.receive(wire, &mut self.received)
    }
}

/// Plays a capture: what the other side sends, and what must be answered at once.
fn play(side: &mut Side, script: &[(&[u8], &[u8])]) {
    for (at, (from_peer, answer)) in script.iter().enumerate() {
        side.receive(from_peer).unwrap();
        assert_eq!(side.write(usize::MAX), *answer, "step {at}");
    }
}

#[test]
fn the_client_of_the_capture() {
    let mut client = Side::new(&[vec![0, 1, 2, 3, 4], vec![]]);
    let script: [(&[u8], &[u8]); 6] = [
        (b"", b"\xff"),
        (b"\xff", b"\0\0\0\x05"),
        // The second message is offered behind the first.
        (b"\xff", b"\0\x01\x02\x03\x04\0\0\0\0"),
        // The echo collides with it.
        (b"\0\0\0\x05", b"\xff"),
        (b"\0\x01\x02\x03\x04", b""),
        (b"\xff", b""),
    ];
    play(&mut client, &script);
    assert_eq!(client.received, framed(&[vec![0, 1, 2, 3, 4]]));
    assert!(client.exchange.may_finish());
    assert_eq!(client.exchange.receive_end(&mut Vec::new()), Ok(()));
}

#[test]
fn the_server_of_the_capture() {
    let mut server = Side::new(&[]);
    let script: [(&[u8], &[u8]); 4] = [
        (b"\xff", b"\xff"),
        (b"\0\0\0\x05", b"\xff"),
        (b"\0\x01\x02\x03\x04", b""),
        (b"\0\0\0\0", b"\xff"),
    ];
    play(&mut server, &script);
    server.stream = framed(&[vec![0, 1, 2, 3, 4]]);
    assert_eq!(server.write(usize::MAX), b"\0\0\0\x05");
    play(&mut server, &[(b"\xff", b"\0\x01\x02\x03\x04")]);
    assert_eq!(server.received, framed(&[vec![0, 1, 2, 3, 4], vec![]]));
    let error = ExchangeError::TooLarge { len: 0xf100_0000, max: 1 << 20 };
    assert_eq!(server.receive(b"\xf1\0\0\0"), Err(error));
    assert_eq!(server.exchange.own(), Some(0));
}

#[test]
fn a_peer_without_a_sense_of_collisions_sends_its_message_before_go() {
    let mut side = Side::new(&[b"ours".to_vec()]);
    let script: [(&[u8], &[u8]); 4] =
        [(b"\xff", b"\xff\0\0\0\x04"), (b"\0\0\0\x03", b"\xff"), (b"abc", b""), (b"\xff", b"ours")];
    play(&mut side, &script);
    assert_eq!(side.received, b"\0\0\0\x03abc");
}

#[test]
fn hellos_that_are_none() {
    for (byte, error) in [
        (0x00, ExchangeError::NotWelcome),
        (0xfe, ExchangeError::NotWelcome),
        (b'H', ExchangeError::NoHello(b'H')),
    ] {
        assert_eq!(Side::new(&[]).receive(&[byte; 254]), Err(error));
    }
    assert_eq!(Exchange::new(1).receive_end(&mut Vec::new()), Err(ExchangeError::Silent));
}

#[test]
fn a_refusal_is_a_zero_and_the_end() {
    let mut side = Side::new(&[b"ours".to_vec()]);
    play(&mut side, &[(b"\xff", b"\xff\0\0\0\x04"), (b"\0", b"")]);
    assert_eq!(side.exchange.receive_end(&mut Vec::new()), Err(ExchangeError::Refused { len: 4 }));
    let mut side = Side::new(&[b"ours".to_vec()]);
    play(&mut side, &[(b"\xff", b"\xff\0\0\0\x04")]);
    assert_eq!(side.receive(b"\xfe"), Err(ExchangeError::Refused { len: 4 }));
}

#[test]
fn the_end_of_the_peer_in_place_of_go() {
    let mut side = Side::new(&[b"ours".to_vec()]);
    play(&mut side, &[(b"\xff", b"\xff\0\0\0\x04")]);
    assert_eq!(side.exchange.receive_end(&mut Vec::new()), Err(ExchangeError::Closed));
    assert_eq!(side.exchange.window(), Err(ExchangeError::Closed));
    // One that has said go may be sent what it took.
    let mut side = Side::new(&[b"ours".to_vec()]);
    play(&mut side, &[(b"\xff", b"\xff\0\0\0\x04")]);
    side.receive(b"\xff").unwrap();
    assert_eq!(side.exchange.receive_end(&mut Vec::new()), Ok(()));
    assert_eq!(side.write(usize::MAX), b"ours");
}

/// Both sides always offer before they read each other: every message collides.
#[test]
fn ten_thousand_collisions_lose_nothing() {
    let messages = |salt: u8| -> Vec<Vec<u8>> {
        (0..10_000_u32).map(|n| vec![0xff ^ salt; n as usize % 7]).collect()
    };
    let (ours, theirs) = (messages(0), messages(1));
    let (mut a, mut b) = (Side::new(&ours), Side::new(&theirs));
    let mut collisions = 0;
    while !(a.stream.is_empty() && b.stream.is_empty()) {
        let (from_a, from_b) = (a.write(usize::MAX), b.write(usize::MAX));
        assert!(!(from_a.is_empty() && from_b.is_empty()), "nobody may say anything");
        a.receive(&from_b).unwrap();
        b.receive(&from_a).unwrap();
        collisions += usize::from(a.exchange.collided && b.exchange.collided);
    }
    let (last_a, last_b) = (a.write(usize::MAX), b.write(usize::MAX));
    a.receive(&last_b).unwrap();
    b.receive(&last_a).unwrap();
    assert!(a.received == framed(&theirs) && b.received == framed(&ours));
    assert!(collisions > 5_000, "{collisions}");
}

/// One side sends and does not read; the other side's offer waits.
#[test]
fn withheld_answers_do_not_hold_up_our_own_messages() {
    let mut side = Side::new(&[b"one".to_vec(), b"two".to_vec(), b"\xffthree".to_vec()]);
    side.exchange.withhold_answers();
    let script: [(&[u8], &[u8]); 6] = [
        (b"\xff", b"\xff\0\0\0\x03"),
        (b"\0\0\0\x05\xff", b"one\0\0\0\x03"),
        (b"\xff", b"two\0\0\0\x06"),
        // This one begins like go.
        (b"\xff", b"\xff\xffthree"),
        (b"hello", b""),
        (b"", b""),
    ];
    play(&mut side, &script);
    assert_eq!(side.received, b"\0\0\0\x05hello");
}

proptest! {
    #[test]
    fn two_exchanges_understand_each_other(
        ours in vec(vec(any::<u8>(), 0..20), 0..12),
        theirs in vec(vec(any::<u8>(), 0..20), 0..12),
        turns in vec((0..6_u8, 1..9_usize), 1..40),
    ) {
        let mut sides = [Side::new(&ours), Side::new(&theirs)];
        // What is under way to each side.
        let mut wires = [Vec::new(), Vec::new()];
        for (turn, most) in turns.iter().cycle().take(600) {
            let side = usize::from(*turn & 1);
            if *turn > 3 {
                // A side that is read no further for a while.
                match *most > 4 {
                    true => sides[side].exchange.withhold_answers(),
                    false => sides[side].exchange.resume_answers(),
                }
            } else if turn & 2 == 0 {
                let wire = sides[side].write(*most);
                wires[1 - side].extend(wire);
            } else {
                let now = wires[side].len().min(*most);
                let wire: Vec<u8> = wires[side].drain(..now).collect();
                sides[side].receive(&wire).unwrap();
            }
        }
        // Whatever is left is done in order.
        sides.iter_mut().for_each(|side| side.exchange.resume_answers());
        for _ in 0..100 {
            for side in 0..2 {
                let wire = sides[side].write(usize::MAX);
                wires[1 - side].extend(wire);
                let wire = std::mem::take(&mut wires[side]);
                sides[side].receive(&wire).unwrap();
            }
        }
        prop_assert_eq!(&sides[0].received, &framed(&theirs));
        prop_assert_eq!(&sides[1].received, &framed(&ours));
    }

    #[test]
    fn no_bytes_do_harm(wire in vec(prop_oneof![Just(0xff_u8), Just(0), 0..6_u8, any::<u8>()], 0..60)) {
        let mut side = Side::new(&[b"ours".to_vec(), vec![]]);
        for byte in wire {
            side.write(3);
            if side.receive(&[byte]).is_err() {
                break;
            }
        }
        let _ = side.exchange.receive_end(&mut Vec::new());
    }
}
