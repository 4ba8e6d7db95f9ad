//! Whether a room did right by its members and its host: nobody misses a line between two that came,
//! nobody hears itself, and those who stay to the end have heard the same.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use wirecat::close::{Cause, CloseReason, Detail};
use wirecat::error::Status;
use wirecat::event_loop::Signal;
use wirecat::protocol::chat::ChatLine;
use wirecat::protocol::chat::members::REFILL;

use super::actor::{Actor, Temper};
use super::guest::Left;
use super::room::{Host, Present, Seat, Speaker, is_closing};
use super::verdict::check_told;
use super::world::World;

/// A member with more waiting lines is removed (src/protocol/chat/room.rs).
const FLOOD: usize = 1000;

/// How long a connection may take to close once it is asked to: the time that the room gives it, and
/// the linger behind that.
const CLOSING: Duration = Duration::from_millis(3100);

/// How long a newcomer may take nothing of the history (src/protocol/chat/room/newcomers.rs).
const CATCH_UP: Duration = Duration::from_secs(10);

/// What somebody saw of the room.
struct Seen<'a> {
    who: &'a str,
    /// How many lines of each speaker there were up to the last one seen.
    counts: BTreeMap<&'a str, usize>,
    /// Why others left.
    partings: BTreeMap<String, Option<String>>,
    /// It saw that the room was closed.
    is_closed: bool,
}

pub(super) fn judge(host: &Host, world: &World, status: Status) {
    let events = host.stage.events(status);
    let speakers: Vec<&Speaker> =
        host.seats.iter().map(|seat| &seat.speaker).chain(&host.user).collect();
    let mut witnesses = Vec::new();
    if let Some(user) = &host.user {
        let seen = see(user, &world.actors[0].received, &speakers);
        let is_whole = host.stage.is_whole() && world.actors[0].is_reliable();
        let is_in_order =
            host.outside.signalled != Some(Signal::Interrupt) && !host.outside.timed_out;
        witnesses.extend(Some(seen).filter(|_| is_whole && is_in_order));
    }
    for (seat, number) in host.seats.iter().zip(1..) {
        let actor = &world.actors[seat.actor];
        let left = seat.left.unwrap_or_else(|| panic!("{} was never closed", actor.name));
        check_told(&events, Some(number), &left);
        check_reason(host, seat, actor, &left);
        check_end(host, seat, &left);
        let seen = see(&seat.speaker, &actor.received, &speakers);
        let is_last = host.outside.signalled == Some(Signal::Terminate)
            && left.reason == CloseReason::new(Cause::Host, Detail::Signal)
            && left.unsent == 0
            && actor.is_reliable()
            && !actor.was_reset;
        assert!(!is_last || seen.is_closed, "{} was not told of the end", actor.name);
        witnesses.extend(Some(seen).filter(|seen| seen.is_closed));
    }
    for speaker in &speakers {
        check_heard(host, speaker, &witnesses);
    }
    check_status(host, status);
}

/// Reads what somebody received, line by line.
fn see<'a>(you: &'a Speaker, received: &[u8], speakers: &[&'a Speaker]) -> Seen<'a> {
    let (counts, partings) = (BTreeMap::new(), BTreeMap::new());
    let mut seen = Seen { who: &you.name, counts, partings, is_closed: false };
    let (mut present, mut nick, mut is_live) = (Present::default(), String::new(), false);
    // The last line may be cut.
    let whole = received.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    for line in received[..whole].split_inclusive(|byte| *byte == b'\n') {
        let line = ChatLine::read(line.strip_suffix(b"\n").expect("a whole line"));
        assert!(!seen.is_closed, "{} is sent {line} behind the end", seen.who);
        seen.is_closed = is_closing(&line);
        is_live |= matches!(line, ChatLine::You(_));
        if is_live {
            present.note(&line, &mut nick);
        }
        match &line {
            ChatLine::Said(author, text) | ChatLine::Did(author, text) => {
                let acts = matches!(line, ChatLine::Did(..));
                seen.note(author.as_str(), text, acts, speakers);
            }
            ChatLine::Left(gone, why) => {
                seen.partings.insert(gone.to_string(), why.clone());
            }
            ChatLine::Other(_) | ChatLine::Whispered(..) | ChatLine::Confided(..) => {
                panic!("{} is sent {line}", seen.who)
            }
            _ => {}
        }
    }
    seen
}

impl<'a> Seen<'a> {
    /// Takes a message, which is the next one of its speaker.
    fn note(&mut self, author: &str, text: &str, acts: bool, speakers: &[&'a Speaker]) {
        let mut words = text.splitn(3, ' ');
        let name = words.next().unwrap_or_default();
        let number: usize = words.next().and_then(|word| word.parse().ok()).expect("a number");
        let speaker = speakers.iter().find(|speaker| speaker.name == name).expect("a speaker");
        assert_ne!(name, self.who, "{name} hears itself");
        assert_eq!(author, speaker.nick, "{} is told of another {name}", self.who);
        assert_eq!((text, acts), (&*speaker.text(number), Speaker::acts(number)));
        let next = self.counts.insert(&speaker.name, number + 1);
        assert!(
            next.is_none_or(|next| next == number),
            "{}: {number} of {name} after {next:?}",
            self.who
        );
    }
}

/// Those who stay to the end agree on what a speaker has said, which is all where it has left by itself.
fn check_heard(host: &Host, speaker: &Speaker, witnesses: &[Seen<'_>]) {
    let others = || witnesses.iter().filter(|seen| seen.who != speaker.name);
    let counts = || others().filter_map(|seen| seen.counts.get(&*speaker.name));
    let Some(most) = counts().max() else { return };
    assert!(counts().all(|count| count == most), "not all heard {most} lines of {speaker:?}");
    let seat = host.seats.iter().find(|seat| seat.speaker.name == speaker.name);
    let left = seat.and_then(|seat| seat.left);
    let has_quit = others().any(|seen| {
        seen.partings.get(&speaker.nick).is_some_and(|why| why.as_deref() == Some("bye"))
    });
    if has_quit || left.is_some_and(|left| left.reason == CloseReason::PEER) {
        assert_eq!(*most, speaker.lines, "lines of {speaker:?}");
    }
}

/// A member is closed for what it does, or with the room.
fn check_reason(host: &Host, seat: &Seat, actor: &Actor, left: &Left) {
    let speaker = &seat.speaker;
    let explained = match (left.reason.cause, left.reason.detail) {
        (Cause::Peer, Detail::Fin) => !speaker.quits() && !speaker.breaks(),
        // The host has left.
        (Cause::Host, Detail::Limit) if host.stage.input_ended => true,
        (Cause::Host, Detail::Limit) => speaker.quits() || speaker.lines > FLOOD,
        (Cause::Host, Detail::Signal) => host.outside.signalled.is_some(),
        (Cause::Host, Detail::Local) => host.stage.trouble().is_some(),
        (Cause::Host, Detail::Slow) => seat.peak >= host.queue,
        (Cause::Timeout, Detail::Slow) => seat.temper != Temper::Good,
        (Cause::Timeout, Detail::Timeout) => host.outside.timed_out,
        (Cause::Error, Detail::Frame) => speaker.breaks(),
        _ => !actor.is_reliable(),
    };
    assert!(explained, "{} did nothing to end so: {seat:?}", actor.name);
}

/// A member that sends no more is closed once its lines have passed, however little it takes; a newcomer
/// whose queue is full has more time to take the history.
fn check_end(host: &Host, seat: &Seat, left: &Left) {
    if let Some(ended) = seat.ended {
        let lines = u32::try_from(seat.speaker.lines).expect("a few lines");
        let took = left.at - ended;
        let catch_up = if seat.peak >= host.queue { CATCH_UP } else { Duration::ZERO };
        assert!(
            took <= REFILL * lines + catch_up + CLOSING,
            "closed {took:?} after its FIN: {seat:?}"
        );
    }
}

/// What becomes of the members is no matter of the status.
fn check_status(host: &Host, status: Status) {
    let stdout = match host.stage.trouble() {
        None => None,
        Some(ErrorKind::BrokenPipe) => Some(Status::Done),
        Some(_) => Some(Status::Local),
    };
    let time = host.outside.timed_out.then_some(Status::Timeout);
    let right = match host.outside.signalled {
        Some(Signal::Interrupt) => status == Status::Interrupt,
        Some(_) if host.stage.is_cut() => status == Status::Local || Some(status) == time,
        Some(_) => status == Status::Done || Some(status) == time,
        None if stdout.is_none() && time.is_none() => status == Status::Done,
        None => [stdout, time].contains(&Some(status)),
    };
    assert!(right, "ended with {status:?}: {:?} {stdout:?} {time:?}", host.outside.signalled);
}
