//! What holds for every framing and every form of input, wherever the stream is cut into reads.

use proptest::collection::vec;
use proptest::prelude::*;

use super::delimited::{Delimited, Ending};
use super::{
    Cutter, Deframer, Delimiters, Frame, FrameError, FrameSettings, Framer, Framing, InputFraming,
    pieces as as_it_comes,
};
use std::cell::Cell;

/// Everything that a stream came to: its messages (with whether they were partial), how it ended,
/// and the bytes left over.
type Outcome = (Vec<(Vec<u8>, bool)>, Result<(), FrameError>, usize);

fn settings(framing: &Framing, max: usize, keep_cr: bool) -> FrameSettings {
    FrameSettings { framing: framing.clone(), max, keep_cr }
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![
        Just(Framing::Line),
        Just(Framing::Nul),
        Just(Framing::Netstring),
        Just(Framing::U8),
        Just(Framing::U16),
        Just(Framing::U32),
        Just(Framing::U16Le),
        Just(Framing::U32Le),
        Just(Framing::Varint),
        Just(Framing::Tinyproto),
        (1..300_usize).prop_map(Framing::Fixed),
        Just(Framing::Octet),
        Just(Framing::ContentLength),
        delimiters(),
        length_fields(),
    ]
}

/// Often such that repeat what they begin with, so that a search has to fall back.
fn delimiters() -> impl Strategy<Value = Framing> {
    let mark = || vec(prop::sample::select(&b"aaaab\n\r\x02"[..]), 1..9);
    let start = prop_oneof![Just(Vec::new()), mark()];
    (start, prop_oneof![mark(), Just(b"aab".repeat(80))])
        .prop_map(|(start, end)| Framing::Delimiters(Delimiters::new(&start, &end).unwrap()))
}

fn length_fields() -> impl Strategy<Value = Framing> {
    let names = ["u8", "u16", "u24", "u32", "u64", "u16le", "u24le", "u32le", "u64le"];
    (prop::sample::select(names.to_vec()), 0..12_usize, -9..20_i32).prop_map(
        |(name, offset, extra)| {
            let field = |extra: i32| format!("{name}@{offset}{extra:+}").parse();
            // No length counts more than the header.
            field(extra).or_else(|_| field(0)).unwrap()
        },
    )
}

fn inputs() -> impl Strategy<Value = InputFraming> {
    prop_oneof![
        Just(InputFraming::Raw),
        Just(InputFraming::Line),
        Just(InputFraming::Nul),
        Just(InputFraming::Hex),
        (1..20_usize).prop_map(InputFraming::Fixed),
    ]
}

/// Bytes that are often marks, digits or small lengths, so that garbage gets past a first header.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(&b"\n\n\r\0\0\x01\x02\x800123:,aaaabfAF \t"[..]);
    let bytes = prop_oneof![8 => telling, 1 => any::<u8>()].prop_map(|byte| vec![byte]);
    let texts = [&b"Content-Length: 3\r\n"[..], b"\r\n\r\n", b"aab", b"12 "];
    let texts = prop::sample::select(texts.to_vec()).prop_map(<[u8]>::to_vec);
    vec(prop_oneof![40 => bytes, 1 => texts], 0..200).prop_map(|parts| parts.concat())
}

/// The sizes of the pieces that a stream comes in, used in turn; often single bytes.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), vec(1..8_usize, 1..20), vec(1..2000_usize, 1..20)]
}

/// Cuts `stream` into pieces of these sizes, and whether each is the last; `late_end` puts the
/// end of the stream behind the last byte in an empty piece of its own.
fn pieces<'a>(mut stream: &'a [u8], sizes: &[usize], late_end: bool) -> Vec<(&'a [u8], bool)> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if stream.is_empty() {
            break;
        }
        let (piece, rest) = stream.split_at(stream.len().min(*size));
        stream = rest;
        pieces.push((piece, stream.is_empty() && !late_end));
    }
    if late_end || pieces.is_empty() {
        pieces.push((stream, true));
    }
    pieces
}

fn deframe(deframer: &mut Deframer, pieces: &[(&[u8], bool)]) -> Outcome {
    let mut frames = Vec::new();
    let mut fed = Ok(());
    for (piece, eof) in pieces {
        let deliver = &mut |frame: Frame<'_>| frames.push((frame.payload.to_vec(), frame.partial));
        fed = deframer.feed(piece, *eof, deliver);
    }
    (frames, fed, deframer.pending())
}

fn cut_input(cutter: &mut Cutter, pieces: &[(&[u8], bool)]) -> Outcome {
    let mut messages = Vec::new();
    let mut fed = Ok(());
    for (piece, eof) in pieces {
        fed = cutter.feed(piece, *eof, &mut |message| messages.push((message.to_vec(), false)));
    }
    (messages, fed, 0)
}

/// Takes a stream one message at a time, each with the next of these framers.
fn one_by_one(
    framers: &mut dyn Iterator<Item = Box<dyn Framer>>,
    pieces: &[(&[u8], bool)],
) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut messages, stop) = (Vec::new(), Cell::new(false));
    let mut deframer = Deframer::new(framers.next().unwrap());
    for (piece, _) in pieces {
        let mut piece = *piece;
        loop {
            stop.set(false);
            let mut deliver = |frame: Frame<'_>| {
                messages.push(frame.payload.to_vec());
                stop.set(true);
            };
            deframer.feed_until(piece, false, &stop, &mut deliver).unwrap();
            if !stop.get() {
                break;
            }
            let Some(framer) = framers.next() else { break };
            deframer.switch(framer);
            piece = b"";
        }
    }
    (messages, deframer.into_rest())
}

/// Changes `payload` into one that the framing carries unharmed.
fn make_representable(framing: &Framing, keep_cr: bool, payload: &mut Vec<u8>) {
    match framing {
        Framing::Line => {
            payload.retain(|byte| *byte != b'\n');
            while !keep_cr && payload.ends_with(b"\r") {
                payload.pop();
            }
        }
        Framing::Nul => payload.retain(|byte| *byte != b'\0'),
        Framing::U8 => payload.truncate(255),
        Framing::Fixed(size) => payload.resize(*size, b'x'),
        Framing::Octet if payload.is_empty() => payload.push(b'x'),
        // A delimiter begins nowhere then.
        Framing::Delimiters(texts) => payload.retain(|byte| *byte != texts.end()[0]),
        Framing::LengthField(field) => field.stamp(payload),
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_is_encoded_arrives_wherever_it_is_cut(
        framing in framings(),
        keep_cr: bool,
        mut payloads in vec(prop_oneof![garbage(), vec(any::<u8>(), 0..600)], 0..20),
        sizes in cuts(),
        late_end: bool,
    ) {
        let mut deframer = Deframer::new(settings(&framing, 600, keep_cr).framer().unwrap());
        let mut stream = Vec::new();
        for payload in &mut payloads {
            make_representable(&framing, keep_cr, payload);
            deframer.encode(payload, &mut stream).unwrap();
        }
        let expected = payloads.into_iter().map(|payload| (payload, false)).collect();
        let outcome = deframe(&mut deframer, &pieces(&stream, &sizes, late_end));
        prop_assert_eq!(outcome, (expected, Ok(()), 0));
    }

    #[test]
    fn each_message_may_have_a_framing_of_its_own_wherever_the_stream_is_cut(
        mut messages in vec((framings(), prop_oneof![garbage(), vec(any::<u8>(), 0..600)]), 1..20),
        behind in garbage(),
        sizes in cuts(),
    ) {
        let framer = |framing: &Framing| settings(framing, 600, true).framer().unwrap();
        let mut stream = Vec::new();
        for (framing, payload) in &mut messages {
            make_representable(framing, true, payload);
            framer(framing).encode(payload, &mut stream).unwrap();
        }
        stream.extend_from_slice(&behind);
        // The last one stops the deframer before it looks at what comes behind.
        let framers = messages.iter().map(|(framing, _)| framer(framing));
        let mut framers = framers.chain([Framing::Fixed(600).framer(600).unwrap()]);
        let (taken, rest) = one_by_one(&mut framers, &pieces(&stream, &sizes, false));
        let expected: Vec<Vec<u8>> = messages.into_iter().map(|(_, payload)| payload).collect();
        prop_assert_eq!((taken, rest), (expected, behind));
    }

    /// Lines with their ends, blocks and pieces are the bytes themselves.
    #[test]
    fn no_byte_is_lost_or_moved_between_the_forms(
        forms in vec(0..12_usize, 1..20),
        stream in garbage(),
        sizes in cuts(),
    ) {
        let framer = |form: &usize| -> Box<dyn Framer> {
            match form {
                0..4 => Box::new(Delimited::line(Ending::Keep, 400)),
                4..8 => as_it_comes(form - 3),
                _ => Framing::Fixed(form - 7).framer(400).unwrap(),
            }
        };
        let mut framers = forms.iter().map(framer).cycle();
        let (taken, rest) = one_by_one(&mut framers, &pieces(&stream, &sizes, false));
        prop_assert_eq!([taken.concat(), rest].concat(), stream);
    }

    #[test]
    fn garbage_comes_to_the_same_wherever_it_is_cut(
        framing in prop_oneof![9 => framings(), 1 => Just(Framing::Obj)],
        max in 0..40_usize,
        keep_cr: bool,
        stream in garbage(),
        sizes in cuts(),
        late_end: bool,
    ) {
        let deframer = || Deframer::new(settings(&framing, max, keep_cr).framer().unwrap());
        let whole = deframe(&mut deframer(), &[(&stream, true)]);
        let cut = deframe(&mut deframer(), &pieces(&stream, &sizes, late_end));
        // The JSON text of a pickle may be longer.
        let fits = |payload: &[u8]| framing == Framing::Obj || payload.len() <= max;
        prop_assert!(whole.0.iter().all(|(payload, _)| fits(payload)));
        prop_assert_eq!(cut, whole);
    }

    /// Written to lines, messages come to the same whether lines are joined or not, and as many.
    #[test]
    fn joined_lines_come_to_the_same_lines(
        framing in prop_oneof![9 => Just(Framing::Line), 1 => framings()],
        max in prop_oneof![1 => 0..40_usize, 3 => 40..400_usize],
        keep_cr: bool,
        stream in garbage(),
        sizes in cuts(),
        late_end: bool,
    ) {
        let pieces = pieces(&stream, &sizes, late_end);
        let lines = |joins: bool| {
            let mut deframer = Deframer::new(settings(&framing, max, keep_cr).framer().unwrap());
            if joins {
                deframer.join_lines();
            }
            let (mut lines, mut count, mut fed) = (Vec::new(), 0, Ok(()));
            for (piece, eof) in &pieces {
                let deliver = &mut |frame: Frame<'_>| {
                    lines.extend_from_slice(frame.payload);
                    lines.extend((!frame.payload.ends_with(b"\n")).then_some(b'\n'));
                    count += frame.count;
                };
                fed = deframer.feed(piece, *eof, deliver);
            }
            (lines, count, fed, deframer.pending())
        };
        prop_assert_eq!(lines(true), lines(false));
    }

    #[test]
    fn input_comes_to_the_same_wherever_it_is_cut(
        input in inputs(),
        chomp: bool,
        max in 0..40_usize,
        stream in garbage(),
        sizes in cuts(),
        late_end: bool,
    ) {
        let cutter = || Cutter::new(input, chomp, max);
        let whole = cut_input(&mut cutter(), &[(&stream, true)]);
        let cut = cut_input(&mut cutter(), &pieces(&stream, &sizes, late_end));
        prop_assert!(whole.0.iter().all(|(message, _)| message.len() <= max));
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn what_cannot_be_encoded_leaves_the_output_alone(
        framing in framings(),
        max in 0..400_usize,
        payload in prop_oneof![garbage(), vec(any::<u8>(), 0..600)],
    ) {
        let deframer = Deframer::new(framing.framer(max).unwrap());
        let mut out = b"before".to_vec();
        if deframer.encode(&payload, &mut out).is_err() {
            prop_assert_eq!(out, b"before");
        } else {
            prop_assert!(out.starts_with(b"before") && payload.len() <= max);
        }
    }
}
