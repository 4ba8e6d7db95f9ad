//! What a deframer holds, lends and leaves.

use super::*;
use crate::framing::Framing;

const MIB: usize = 1 << 20;

fn deframer(framing: Framing, max: usize) -> Deframer {
    Deframer::new(framing.framer(max).unwrap())
}

/// However often the receiver wants no more, each frame comes once, and in its order.
#[test]
fn who_wants_no_more_gets_the_rest_with_the_next_call() {
    let mut lines = deframer(Framing::Line, 100);
    let (stop, mut seen) = (Cell::new(false), Vec::new());
    for piece in [&b"a\nb"[..], b"b\nc\n\nd\ne", b"", b"\nf", b"", b"", b"", b""] {
        stop.set(false);
        let mut deliver = |frame: Frame<'_>| {
            seen.push(String::from_utf8(frame.payload.to_vec()).unwrap());
            stop.set(true);
        };
        lines.feed_until(piece, false, &stop, &mut deliver).unwrap();
    }
    assert_eq!(seen, ["a", "bb", "c", "", "d", "e"]);
    assert!(!lines.has_unread());
    lines.feed(b"", true, &mut |frame| assert_eq!(frame.payload, b"f")).unwrap();
}

/// What comes, and how many messages it is.
type Came<'a> = (&'a [u8], usize);

#[test]
fn lines_in_a_row_come_as_one_where_they_may() {
    let cases: [(&[u8], &[Came<'_>]); 5] = [
        (b"a\n\nbc\nd", &[(b"a\n\nbc\n", 3)]),
        (b"a\nb\nc\r\nd\ne\n", &[(b"a\nb\n", 2), (b"c", 1), (b"d", 1), (b"e", 1)]),
        (b"a\r\nb\n", &[(b"a", 1), (b"b", 1)]),
        // One line alone comes without its LF, as ever.
        (b"a\nb", &[(b"a", 1)]),
        (b"abcdef\nghij\n", &[(b"abcdef", 1), (b"ghij", 1)]),
    ];
    for (piece, expected) in cases {
        let (mut lines, mut came) = (deframer(Framing::Line, 8), Vec::new());
        lines.join_lines();
        let deliver = &mut |frame: Frame<'_>| came.push((frame.payload.to_vec(), frame.count));
        lines.feed(piece, false, deliver).unwrap();
        let expected: Vec<_> = expected.iter().map(|(it, count)| (it.to_vec(), *count)).collect();
        assert_eq!(came, expected, "{}", piece.escape_ascii());
    }
}

/// To take one message at a time copies what is left of a piece once, and not with each of them.
#[test]
fn many_small_steps_through_a_large_piece_are_quick() {
    let (mut lines, stop, mut count) = (deframer(Framing::Line, 100), Cell::new(false), 0);
    let mut piece = &b"ab\n".repeat(1 << 18)[..];
    while count < 1 << 18 {
        stop.set(false);
        let mut deliver = |_: Frame<'_>| {
            count += 1;
            stop.set(true);
        };
        lines.feed_until(piece, false, &stop, &mut deliver).unwrap();
        piece = b"";
    }
    assert_eq!((lines.has_unread(), lines.unread.bytes.capacity()), (false, 0));
}

#[test]
fn another_framing_sees_what_the_first_one_has_held() {
    let mut frames = deframer(Framing::Netstring, 100);
    assert_eq!(feed(&mut frames, b"1:a,25:", false), [(b"a".to_vec(), false)]);
    assert_eq!((frames.pending(), frames.has_unread()), (3, false));
    frames.switch(Framing::Line.framer(100).unwrap());
    assert_eq!((frames.pending(), frames.has_unread()), (0, true));
    assert_eq!(feed(&mut frames, b"x\nrest", false), [(b"25:x".to_vec(), false)]);
    assert_eq!(frames.into_rest(), b"rest");
}

/// Netstrings whose messages are never made.
struct Never(Box<dyn Framer>);

impl Framer for Never {
    fn step(&mut self, input: &[u8], eof: bool) -> Result<Step, FrameError> {
        self.0.step(input, eof)
    }

    fn encode(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.0.encode(payload, out)
    }

    fn makes_messages(&self) -> bool {
        true
    }

    fn decode_some<'a>(
        &mut self,
        _payload: &'a [u8],
        _work: &mut usize,
    ) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        Ok(None)
    }
}

/// A framer that is not asked to make a message would make none.
#[test]
fn what_makes_no_messages_lends_them() {
    let parts = [r"delim:\x0b,\x1c\r", "fixed:7", "u16@4"].map(|text| text.parse().unwrap());
    let names = crate::framing::NAMES.into_iter().map(|(_, framing)| framing);
    for framing in names.chain(parts) {
        let Some(mut framer) = framing.framer(100) else { continue };
        assert_eq!(framer.makes_messages(), framing == Framing::Obj, "{framing}");
        if !framer.makes_messages() {
            let message = framer.decode_some(b"payload", &mut 0).unwrap();
            assert!(matches!(message, Some(Cow::Borrowed(b"payload"))), "{framing}");
        }
    }
}

/// A frame whose message is being made is still its bytes.
#[test]
fn another_framing_sees_a_frame_whose_message_is_not_made_yet() {
    let wire = b"3:abc,behind";
    for cut in 0..=wire.len() {
        let mut frames = Deframer::new(Box::new(Never(Framing::Netstring.framer(9).unwrap())));
        for piece in [&wire[..cut], &wire[cut..], b""] {
            assert_eq!(feed(&mut frames, piece, false), []);
        }
        assert!(frames.is_making());
        frames.switch(Framing::Line.framer(100).unwrap());
        assert_eq!(feed(&mut frames, b"\nrest", false), [(b"3:abc,behind".to_vec(), false)]);
        assert_eq!(frames.into_rest(), b"rest", "{cut}");
    }
}

/// Feeds one piece; the frames that came, with whether they were partial.
fn feed(deframer: &mut Deframer, piece: &[u8], eof: bool) -> Vec<(Vec<u8>, bool)> {
    let mut frames = Vec::new();
    let deliver = &mut |frame: Frame<'_>| frames.push((frame.payload.to_vec(), frame.partial));
    deframer.feed(piece, eof, deliver).unwrap();
    frames
}

#[test]
fn frames_cross_pieces_and_the_end_is_partial() {
    let mut lines = deframer(Framing::Line, 16);
    assert_eq!(feed(&mut lines, b"one\r\ntw", false), [(b"one".to_vec(), false)]);
    assert_eq!(lines.pending(), 2);
    let expected = [(b"two".to_vec(), false), (b"".to_vec(), false)];
    assert_eq!(feed(&mut lines, b"o\n\nthree", false), expected);
    assert_eq!(feed(&mut lines, b"", true), [(b"three".to_vec(), true)]);
    assert_eq!(lines.pending(), 0);
}

#[test]
fn a_frame_cut_by_the_end_is_pending() {
    let mut frames = deframer(Framing::U16, 16);
    assert_eq!(feed(&mut frames, b"\x00\x01a\x00\x05abc", true), [(b"a".to_vec(), false)]);
    assert_eq!(frames.pending(), 5);
}

#[test]
fn whole_frames_are_lent_and_nothing_is_held() {
    let mut lines = deframer(Framing::Line, MIB);
    assert_eq!(feed(&mut lines, b"ab", false), []);
    let piece = b"cd\nef\n".repeat(10_000);
    let mut lent = 0;
    let within = piece.as_ptr_range();
    let deliver = &mut |frame: Frame<'_>| {
        lent += usize::from(within.contains(&frame.payload.as_ptr()));
    };
    lines.feed(&piece, false, deliver).unwrap();
    assert_eq!(lent, 20_000 - 1);
    assert_eq!(lines.tail.capacity(), 0);
}

#[test]
fn a_short_tail_does_not_keep_room_for_a_piece() {
    let mut lines = deframer(Framing::Line, MIB);
    feed(&mut lines, b"ab", false);
    feed(&mut lines, &[&b"\n".repeat(60_000)[..], b"xyz"].concat(), false);
    assert_eq!(lines.pending(), 3);
    assert!(lines.tail.capacity() < 64);
}

#[test]
fn a_large_frame_in_small_pieces_is_quick() {
    for framing in [Framing::Line, Framing::Netstring, Framing::U32, Framing::Varint] {
        let mut frames = deframer(framing.clone(), 16 * MIB);
        let mut wire = Vec::new();
        frames.encode(&vec![b'x'; 16 * MIB], &mut wire).unwrap();
        let mut lens = Vec::new();
        for piece in wire.chunks(1024) {
            let deliver = &mut |frame: Frame<'_>| lens.push(frame.payload.len());
            frames.feed(piece, false, deliver).unwrap();
        }
        assert_eq!((lens, frames.pending()), (vec![16 * MIB], 0), "{framing}");
    }
}

#[test]
fn an_error_stays() {
    let mut frames = deframer(Framing::U8, 4);
    let mut seen = 0;
    let error = frames.feed(b"\x01a\x09", false, &mut |_| seen += 1).unwrap_err();
    assert_eq!((&error, seen), (&FrameError::TooLarge { len: 9, max: 4 }, 1));
    let again = frames.feed(b"\x01a", true, &mut |_| seen += 1);
    assert_eq!((again, seen, frames.pending()), (Err(error), 1, 0));
}

/// Messages that take many calls to make come once, in order, wherever the stream is cut, and also
/// where what was made of one is dropped in between.
#[test]
fn what_takes_long_to_make_comes_in_its_order() {
    let obj = |pickle: &[u8]| [format!("{:8X}", pickle.len()).as_bytes(), pickle].concat();
    let (small, large) = (obj(b"N."), obj(&[b"(", &b")".repeat(100_000)[..], b"l."].concat()));
    let wire = [&small[..], &large, &small, &large, &large, &small].concat();
    let mut expected = Vec::new();
    let mut whole = deframer(Framing::Obj, MIB);
    whole.feed(&wire, true, &mut |frame| expected.push(frame.payload.to_vec())).unwrap();
    assert_eq!(expected.len(), 6);
    for size in [wire.len(), 70_000, 99_999] {
        let (mut frames, mut seen, mut calls) = (deframer(Framing::Obj, MIB), Vec::new(), 0);
        for mut piece in wire.chunks(size) {
            while !piece.is_empty() || frames.has_unread() {
                let deliver = &mut |frame: Frame<'_>| seen.push(frame.payload.to_vec());
                frames.feed_until(piece, false, &Cell::new(false), deliver).unwrap();
                assert_eq!(frames.is_making(), frames.held_whole() > 0);
                (piece, calls) = (&[], calls + 1);
                if calls == 3 {
                    frames.begin_anew();
                }
            }
        }
        assert!(seen == expected && calls > 10, "{calls} calls");
        assert_eq!(frames.pending(), 0);
    }
}

/// What is passed on is encoded in steps as well, behind those that make the message.
#[test]
fn what_is_passed_on_is_encoded_in_steps() {
    let pickle = [b"(", &b")".repeat(200_000)[..], b"l."].concat();
    let (header, large) = (format!("{:8X}", pickle.len()), pickle.as_slice());
    let wire = [header.as_bytes(), large, b"       2N."].concat();
    let mut steps = [0, 0, 0];
    for (at, steps) in steps.iter_mut().enumerate() {
        let mut frames = deframer(Framing::Obj, MIB);
        if at > 0 {
            frames.pass_on();
        }
        let (mut piece, mut seen) = (&wire[..], Vec::new());
        while !piece.is_empty() || frames.has_unread() {
            let mut deliver = |frame: Frame<'_>| {
                seen.push((frame.payload.to_vec(), frame.wire.cloned().map(Result::unwrap)));
            };
            frames.feed_until(piece, false, &Cell::new(false), &mut deliver).unwrap();
            (piece, *steps) = (&[], *steps + 1);
            if at == 2 && *steps == 15 {
                frames.begin_anew();
            }
        }
        let mut again = Vec::new();
        frames.encode(&seen[0].0, &mut again).unwrap();
        let expected =
            [(seen[0].0.clone(), (at > 0).then(|| again.into())), (b"null".to_vec(), None)];
        assert!(seen == expected);
    }
    // The text has 14 times the bytes of the pickle.
    assert!(steps[1] >= steps[0] + 10 && steps[2] >= steps[1] + 10, "{steps:?}");
}

#[test]
fn what_cannot_be_passed_on_is_delivered_all_the_same() {
    let row = [&b"(]\x94("[..], &b"K\x00".repeat(1000), b"e"].concat();
    let pickle = [b"\x80\x04", &row[..], &b"h\x00".repeat(999), b"l."].concat();
    let wire = [format!("{:8X}", pickle.len()).as_bytes(), &pickle].concat();
    // The text has 2,002,002 bytes, and a few less than the pickle of it.
    let mut frames = deframer(Framing::Obj, 2_002_500);
    frames.pass_on();
    let mut seen = 0;
    let mut deliver = |frame: Frame<'_>| {
        assert!(matches!(frame.wire, Some(Err(error)) if error.is_limit()));
        seen += 1;
    };
    frames.feed(&wire, true, &mut deliver).unwrap();
    assert_eq!(seen, 1);
}
