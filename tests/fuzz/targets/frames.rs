//! Every framing of `--frame`, and every form of `--input`: a stream comes to the same messages
//! wherever it is cut, and what is encoded comes back.

#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::framing::{
    Cutter, Deframer, Delimiters, FrameError, FrameSettings, Framing, InputFraming, Line, Lines,
};

const FRAMINGS: [Framing; 15] = [
    Framing::Line,
    Framing::Nul,
    Framing::Netstring,
    Framing::U8,
    Framing::U16,
    Framing::U32,
    Framing::U16Le,
    Framing::U32Le,
    Framing::Varint,
    Framing::Obj,
    Framing::Tinyproto,
    Framing::Fixed(1),
    Framing::Fixed(7),
    Framing::Octet,
    Framing::ContentLength,
];
const INPUTS: [InputFraming; 5] = [
    InputFraming::Raw,
    InputFraming::Line,
    InputFraming::Nul,
    InputFraming::Hex,
    InputFraming::Fixed(3),
];
/// What may be held beside a message: its header, or its delimiters.
const MARKS: usize = 64;
/// The most bytes of a block of headers.
const HEADERS: usize = 8192;

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});

fn check(choices: &mut Unstructured<'_>) -> Result<()> {
    let framing = framing(choices)?;
    let input = *choices.choose(&INPUTS)?;
    let flag = choices.arbitrary()?;
    let max = choices.int_in_range(0..=300)?;
    let sizes: [u8; 4] = choices.arbitrary()?;
    let stream = choices.bytes(choices.len())?;
    let cuts = pieces(stream, sizes);

    assert_eq!(framing.to_string().parse().as_ref(), Ok(&framing));
    let whole = deframe(&framing, flag, &[(stream, true)], max);
    assert_eq!(deframe(&framing, flag, &cuts, max), whole, "{framing}");
    for (message, partial) in &whole.0 {
        assert!(framing == Framing::Obj || message.len() <= max, "{framing}");
        if !partial {
            comes_back(&framing, flag, message);
        }
    }
    if framing != Framing::Obj {
        comes_back(&framing, flag, stream);
    }

    let cutter = || Cutter::new(input, flag, max);
    let whole = cut(&mut cutter(), &[(stream, true)]);
    assert_eq!(cut(&mut cutter(), &cuts), whole, "{input}");
    assert!(whole.0.iter().all(|message| message.len() <= max), "{input}");
    assert_eq!(lines(&cuts, max), lines(&[(stream, true)], max));
    Ok(())
}

/// One that has a name, or one of the grammar: delimiters that often repeat themselves, or a length
/// anywhere.
fn framing(choices: &mut Unstructured<'_>) -> Result<Framing> {
    let text = match choices.int_in_range(0..=3)? {
        0 | 1 => return Ok(choices.choose(&FRAMINGS)?.clone()),
        2 => {
            let mut mark = |least| -> Result<Vec<u8>> {
                let len = choices.int_in_range(least..=8)?;
                let bytes = b"aaab\r\n\x02\x03";
                (0..len).map(|_| Ok(*choices.choose(bytes)?)).collect()
            };
            let delimiters = Delimiters::new(&mark(0)?, &mark(1)?);
            return Ok(Framing::Delimiters(delimiters.expect("of the right size")));
        }
        _ => {
            let name = choices.choose(&["u8", "u16", "u24le", "u32", "u64", "u16le"])?;
            let (offset, extra) = (choices.int_in_range(0..=9)?, choices.int_in_range(-12..=12)?);
            format!("{name}@{offset}{extra:+}")
        }
    };
    // A length counts no more than the header.
    Ok(text.parse().unwrap_or(Framing::ContentLength))
}

/// The stream in pieces of these sizes, in turn, and whether each is the last.
fn pieces(mut stream: &[u8], sizes: [u8; 4]) -> Vec<(&[u8], bool)> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = stream.split_at(stream.len().min(usize::from(*size) + 1));
        stream = rest;
        pieces.push((piece, stream.is_empty()));
        if stream.is_empty() {
            return pieces;
        }
    }
    pieces
}

type Frames = (Vec<(Vec<u8>, bool)>, std::result::Result<(), FrameError>, usize);

fn settings(framing: &Framing, max: usize, keep_cr: bool) -> FrameSettings {
    FrameSettings { framing: framing.clone(), max, keep_cr }
}

fn deframe(framing: &Framing, flag: bool, pieces: &[(&[u8], bool)], max: usize) -> Frames {
    let mut deframer = Deframer::new(settings(framing, max, flag).framer().expect("a framing"));
    let (mut frames, mut fed) = (Vec::new(), Ok(()));
    for (piece, eof) in pieces {
        fed = deframer.feed(piece, *eof, &mut |frame| {
            frames.push((frame.payload.to_vec(), frame.partial));
        });
        let marks = if *framing == Framing::ContentLength { HEADERS } else { MARKS };
        assert!(deframer.pending() <= max + marks, "{} bytes are held", deframer.pending());
    }
    (frames, fed, deframer.pending())
}

/// What a framing takes, it gives back.
fn comes_back(framing: &Framing, keep_cr: bool, message: &[u8]) {
    let mut deframer =
        Deframer::new(settings(framing, 1 << 20, keep_cr).framer().expect("a framing"));
    let mut wire = b"before".to_vec();
    if deframer.encode(message, &mut wire).is_err() {
        return assert_eq!(wire, b"before", "{framing}");
    }
    // The line ends in CRLF then, which is what a reader drops.
    let drops_cr = *framing == Framing::Line && !keep_cr;
    let message = message.strip_suffix(b"\r").filter(|_| drops_cr).unwrap_or(message);
    let mut got = Vec::new();
    let wire = wire.strip_prefix(b"before").expect("what was there");
    let fed = deframer.feed(wire, true, &mut |frame| got.push(frame.payload.to_vec()));
    assert_eq!((fed, got.as_slice()), (Ok(()), &[message.to_vec()][..]), "{framing}");
    assert_eq!(deframer.pending(), 0, "{framing}");
}

fn cut(
    cutter: &mut Cutter,
    pieces: &[(&[u8], bool)],
) -> (Vec<Vec<u8>>, std::result::Result<(), FrameError>) {
    let (mut messages, mut fed) = (Vec::new(), Ok(()));
    for (piece, eof) in pieces {
        fed = cutter.feed(piece, *eof, &mut |message| messages.push(message.to_vec()));
    }
    (messages, fed)
}

fn lines(pieces: &[(&[u8], bool)], longest: usize) -> Vec<Line> {
    let mut lines = Lines::new(longest);
    let mut got = Vec::new();
    for (piece, eof) in pieces {
        lines.push(piece);
        if *eof {
            lines.end();
        }
        got.extend(std::iter::from_fn(|| lines.next_line()));
    }
    assert!(lines.is_over());
    got
}
