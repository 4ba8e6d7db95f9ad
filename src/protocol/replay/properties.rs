//! The course of a replay, by tables and for any cut.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const IN: Direction = Direction::In;
const OUT: Direction = Direction::Out;

/// A recording of one line; each thing happens 100 ms after the one before.
fn recording(proto: Proto, role: Role, events: &[RecordedEvent]) -> Recording {
    let mut recording = Recording::default();
    recording.open(1, proto, role, Duration::ZERO).unwrap();
    for (index, event) in events.iter().enumerate() {
        let at = Duration::from_millis(100 * (index as u64 + 1));
        let recorded = Recorded { at, peer: Some("x".into()), event: event.clone() };
        recording.add(1, recorded).unwrap();
    }
    recording
}

fn data(direction: Direction, text: &str) -> RecordedEvent {
    RecordedEvent::Data(direction, text.into())
}

fn sends(text: &str) -> Next {
    Next::Send(Send::Bytes(text.to_owned().into()))
}

fn player(script: &Script, timing: bool, now: Instant) -> Player {
    Player::new(Arc::new(script.clone()), timing, now)
}

#[test]
fn the_role_decides_which_side_is_played() {
    let talk = [data(OUT, "q"), data(IN, "a")];
    let table = [
        (Role::Connected, Role::Connected, sends("q")),
        (Role::Connected, Role::Accepted, Next::Receive),
        (Role::Accepted, Role::Accepted, sends("q")),
        (Role::Accepted, Role::Connected, Next::Receive),
    ];
    for (recorded, played, next) in table {
        let scripts = recording(Proto::Tcp, recorded, &talk).streams(played);
        let now = Instant::now();
        assert_eq!(player(&scripts[0], false, now).next(now), next, "{recorded:?} {played:?}");
    }
    // A relay's recording holds both of its sides.
    let mut relay = recording(Proto::Tcp, Role::Accepted, &talk);
    relay.open(2, Proto::Tcp, Role::Connected, Duration::ZERO).unwrap();
    assert_eq!(relay.streams(Role::Accepted).len(), 1);
    assert!(relay.streams(Role::Connected)[0].is_empty());
    assert!(relay.datagrams().is_empty());
}

#[test]
fn each_side_waits_for_what_the_other_had_said() {
    let talk = [
        data(IN, "hello"),
        data(OUT, "welcome"),
        data(IN, "bye"),
        RecordedEvent::Eof(IN),
        RecordedEvent::Eof(OUT),
        RecordedEvent::Closed { reset: false },
    ];
    let script = &recording(Proto::Tcp, Role::Accepted, &talk).streams(Role::Accepted)[0];
    let now = Instant::now();
    let mut player = player(script, false, now);
    assert_eq!(player.next(now), Next::Receive);
    player.receive(b"hell", now).unwrap();
    assert_eq!(player.next(now), Next::Receive);
    // What comes early is taken, and the end is an end at any time.
    player.receive(b"obye", now).unwrap();
    player.end(now).unwrap();
    assert_eq!(player.next(now), sends("welcome"));
    assert!(!player.is_done());
    assert_eq!(player.next(now), Next::Send(Send::Fin));
    assert_eq!(player.next(now), Next::Done);
    assert_eq!(player.receive(b"!", now).unwrap_err().offset, 8);
}

#[test]
fn an_early_end_is_a_difference() {
    let talk = [data(IN, "hello"), data(OUT, "x")];
    let script = &recording(Proto::Unix, Role::Accepted, &talk).streams(Role::Accepted)[0];
    let now = Instant::now();
    let mut player = player(script, false, now);
    player.receive(b"hel", now).unwrap();
    assert_eq!(player.end(now).unwrap_err().offset, 3);
}

#[test]
fn pauses_are_kept_where_that_is_asked() {
    let talk = [data(IN, "a"), data(OUT, "b"), data(OUT, "c")];
    let script = &recording(Proto::Tcp, Role::Accepted, &talk).streams(Role::Accepted)[0];
    let now = Instant::now();
    let at = |millis| now + Duration::from_millis(millis);
    let mut player = player(script, true, now);
    player.receive(b"a", at(1000)).unwrap();
    assert_eq!(player.next(at(1000)), Next::At(at(1100)));
    assert_eq!(player.next(at(1150)), sends("b"));
    assert_eq!(player.next(at(1150)), Next::At(at(1200)));
    assert_eq!(player.next(at(1200)), sends("c"));
}

#[test]
fn datagrams_are_whole_and_each_peer_has_its_own() {
    let mut recording = Recording::default();
    recording.open(1, Proto::Udp, Role::Bound, Duration::ZERO).unwrap();
    for (peer, direction, text) in
        [("a", IN, "1"), ("b", IN, ""), ("a", OUT, "one"), ("b", OUT, "none"), ("a", IN, "2")]
    {
        let recorded =
            Recorded { at: Duration::ZERO, peer: Some(peer.into()), event: data(direction, text) };
        recording.add(1, recorded).unwrap();
    }
    let scripts = recording.datagrams();
    let now = Instant::now();
    let mut players: Vec<Player> =
        scripts.iter().map(|script| player(script, false, now)).collect();
    players[1].receive(b"", now).unwrap();
    assert_eq!(players[1].next(now), sends("none"));
    assert_eq!(players[1].next(now), Next::Done);
    players[0].receive(b"1", now).unwrap();
    assert_eq!(players[0].next(now), sends("one"));
    let difference = players[0].receive(b"2!", now).unwrap_err();
    assert_eq!((difference.datagram, difference.offset), (Some(2), 1));
}

/// Plays a script against bytes that come cut at these places; what was said, and when by the
/// count of bytes received.
fn play(script: &Script, received: &[u8], cuts: &[usize]) -> Result<Vec<u8>, Difference> {
    let now = Instant::now();
    let mut player = player(script, false, now);
    let mut said = Vec::new();
    let mut speak = |player: &mut Player| {
        while let Next::Send(send) = player.next(now) {
            match send {
                Send::Bytes(bytes) => said.extend_from_slice(&bytes),
                Send::Fin => said.push(b'$'),
            }
        }
    };
    let mut rest = received;
    speak(&mut player);
    for cut in cuts {
        let (piece, tail) = rest.split_at((*cut).min(rest.len()));
        player.receive(piece, now)?;
        rest = tail;
        speak(&mut player);
    }
    player.receive(rest, now)?;
    player.end(now)?;
    speak(&mut player);
    assert!(player.is_done());
    Ok(said)
}

fn events() -> impl Strategy<Value = Vec<RecordedEvent>> {
    let bytes = prop::collection::vec(b'a'..=b'c', 0..6);
    prop::collection::vec((any::<bool>(), bytes), 1..12).prop_map(|talk| {
        talk.into_iter()
            .map(|(ours, bytes)| RecordedEvent::Data(if ours { OUT } else { IN }, bytes))
            .chain([RecordedEvent::Eof(IN), RecordedEvent::Eof(OUT)])
            .collect()
    })
}

fn all(talk: &[RecordedEvent], wanted: Direction) -> Vec<u8> {
    talk.iter()
        .flat_map(|event| match event {
            RecordedEvent::Data(direction, bytes) if *direction == wanted => bytes.clone(),
            _ => Vec::new(),
        })
        .collect()
}

proptest! {
    #[test]
    fn however_the_stream_is_cut_the_same_is_said(
        talk in events(),
        cuts in prop::collection::vec(0usize..5, 0..20),
    ) {
        let script = &recording(Proto::Tcp, Role::Accepted, &talk).streams(Role::Accepted)[0];
        let mut said = all(&talk, OUT);
        said.push(b'$');
        prop_assert_eq!(play(script, &all(&talk, IN), &cuts).unwrap(), said);
    }

    #[test]
    fn one_changed_byte_is_found_at_its_place(
        talk in events(),
        cuts in prop::collection::vec(0usize..5, 0..20),
        place: prop::sample::Index,
    ) {
        let mut received = all(&talk, IN);
        prop_assume!(!received.is_empty());
        let offset = place.index(received.len());
        received[offset] = b'x';
        let script = &recording(Proto::Tcp, Role::Accepted, &talk).streams(Role::Accepted)[0];
        prop_assert_eq!(play(script, &received, &cuts).unwrap_err().offset, offset);
    }

    #[test]
    fn both_sides_of_a_recording_satisfy_each_other(talk in events()) {
        let recording = recording(Proto::Tcp, Role::Accepted, &talk);
        let now = Instant::now();
        let [server, client] = [Role::Accepted, Role::Connected].map(|role| recording.streams(role));
        let mut sides = [player(&server[0], false, now), player(&client[0], false, now)];
        let mut at_rest = 0;
        for turn in 0.. {
            if at_rest == 2 {
                break;
            }
            let [one, other] = &mut sides;
            let (sender, receiver) = if turn % 2 == 0 { (one, other) } else { (other, one) };
            match sender.next(now) {
                Next::Send(Send::Bytes(bytes)) => receiver.receive(&bytes, now).unwrap(),
                Next::Send(Send::Fin) => receiver.end(now).unwrap(),
                Next::Receive | Next::Done => {
                    at_rest += 1;
                    continue;
                }
                Next::At(_) => unreachable!("no pauses"),
            }
            at_rest = 0;
        }
        prop_assert!(sides.iter().all(Player::is_done));
    }
}
