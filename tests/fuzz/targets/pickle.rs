//! Pickles of `--frame obj`: no bytes do harm, the text is bounded, and what is decoded can be sent
//! on and means the same.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::framing::{Framer, Framing};

/// Opcodes with small arguments, which come to more than bytes at random do.
const PARTS: &[&[u8]] = &[
    b"N",
    b"\x88",
    b"K\x01",
    b"M\x00\x01",
    b"J\xff\xff\xff\xff",
    b"I01\n",
    b"I7\n",
    b"L-9L\n",
    b"F1.5\n",
    b"G\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"\x8a\x01\x80",
    b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x80",
    b"\x8b\x01\x00\x00\x00\x7f",
    b"S'a\\x00'\n",
    b"U\x01\xff",
    b"U\x01a",
    b"T\x01\x00\x00\x00a",
    b"V\\ud83d\\ude00\n",
    b"X\x02\x00\x00\x00\xc3\xa9",
    b"\x8c\x01$",
    b"\x8c\x01a",
    b"\x8c\x00",
    b"\x8d\x01\x00\x00\x00\x00\x00\x00\x00a",
    b"B\x01\x00\x00\x00a",
    b"C\x01\x00",
    b"\x8e\x01\x00\x00\x00\x00\x00\x00\x00a",
    b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a",
    b"]",
    b"}",
    b")",
    b"\x8f",
    b"(",
    b"l",
    b"d",
    b"t",
    b"\x91",
    b"\x85",
    b"\x86",
    b"\x87",
    b"a",
    b"s",
    b"e",
    b"u",
    b"\x90",
    b"0",
    b"1",
    b"2",
    b"\x94",
    b"q\x00",
    b"q\x07",
    b"p1\n",
    b"r\x00\x01\x00\x00",
    b"h\x00",
    b"h\x01",
    b"h\x02",
    b"h\x07",
    b"g1\n",
    b"j\x00\x01\x00\x00",
    b"c_codecs\nencode\n",
    b"c__builtin__\nset\n",
    b"cbuiltins\nfrozenset\n",
    b"c__builtin__\nbytearray\n",
    b"c__builtin__\nbytes\n",
    b"cdatetime\ndatetime\nC\x0a\x07\xea\x0b\x1b\x0e\x00\x00\x00\x00\x01",
    b"cdatetime\ntimezone\n",
    b"cdatetime\ntimedelta\nK\x01K\x02K\x03",
    b"cdecimal\nDecimal\n\x8c\x031.5",
    b"cbuiltins\ncomplex\n",
    b"ccollections\nOrderedDict\n)R",
    b"cuuid\nUUID\n)\x81",
    b"\x8c\x03intK\x05",
    b"b",
    b"\x8c\x06latin1",
    b"\x8c\x08builtins",
    b"\x8c\x03set",
    b"\x93",
    b"R",
    b"\x80\x04",
    b"\x95\x01\x00\x00\x00\x00\x00\x00\x00",
    b"]\x94(KxKye",
    b"}\x94(\x8c\x01aNu",
];

/// `--max-frame`.
const MAX: usize = 1 << 20;

/// What Python has written, to begin with.
static VECTORS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| include_str!("../../it/vectors/pickle.jsonl").lines().map(pickle).collect());

fn pickle(line: &str) -> Vec<u8> {
    let vector: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let digits = vector["pickle"].as_str().expect("text").as_bytes();
    let digit = |at: usize| char::from(digits[at]).to_digit(16).expect("hex") as u8;
    (0..digits.len() / 2).map(|at| digit(2 * at) << 4 | digit(2 * at + 1)).collect()
}

fuzz_target!(|data: &[u8]| {
    if let Ok(pickle) = made(&mut Unstructured::new(data)) {
        check(&pickle);
    }
});

/// Bytes as they are, opcodes, or what Python has written with some bytes changed.
fn made(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    match choices.int_in_range(0..=2)? {
        0 => choices.bytes(choices.len()).map(<[u8]>::to_vec),
        1 => {
            let parts = choices.bytes(choices.len())?.iter();
            let parts = parts.map(|byte| PARTS[usize::from(*byte) % PARTS.len()]);
            Ok([&parts.collect::<Vec<_>>().concat()[..], b"."].concat())
        }
        _ => {
            let mut pickle = choices.choose(&VECTORS)?.clone();
            while !choices.is_empty() {
                let at = choices.choose_index(pickle.len())?;
                pickle[at] = choices.arbitrary()?;
            }
            Ok(pickle)
        }
    }
}

fn check(pickle: &[u8]) {
    let framer = Framing::Obj.framer(MAX, false).expect("a framing");
    let Ok(json) = framer.decode(pickle) else { return };
    // One leaf may lie across the limit.
    let most = MAX.max((64 << 10) + 16 * pickle.len()) + 6 * pickle.len();
    assert!(json.len() <= most, "{} bytes", json.len());
    let text = std::str::from_utf8(&json).expect("UTF-8");
    assert!(!text.contains(|char| char < ' '), "{text}");
    // Half of a surrogate pair that stands alone is an escape, which JSON has and serde_json refuses.
    let whole = "89abcdef".chars().fold(text.to_owned(), |text, digit| {
        text.replace(&format!("\\ud{digit}"), &format!("\\uf{digit}"))
    });
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&whole) {
        // serde_json goes less deep.
        assert!(error.to_string().contains("recursion limit"), "{error}: {text}");
    }
    let again = encoded(framer.as_ref(), &json);
    let decoded = framer.decode(&again[8..]).expect("what was encoded can be decoded");
    assert_eq!(decoded, json);
}

fn encoded(framer: &dyn Framer, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    framer.encode(json, &mut out).expect("what was decoded can be sent on");
    out
}
