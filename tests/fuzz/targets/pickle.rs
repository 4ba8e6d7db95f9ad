//! Pickles of `--frame obj`: no bytes do harm, the text is bounded, and what is decoded can be sent
//! on and means the same. In steps of any length they come to the same.

#![no_main]

use std::borrow::Cow;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::framing::{FrameError, Framer, Framing};

/// Opcodes with small arguments, which come to more than bytes at random do.
const PARTS: &[&[u8]] = include!("../../it/vectors/pickle-parts.rs");

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
    let choices = &mut Unstructured::new(data);
    let (Ok(works), Ok(pickle)) = (choices.arbitrary(), made(choices)) else { return };
    check(&pickle, works);
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

fn check(pickle: &[u8], works: [u8; 3]) {
    let mut framer = Framing::Obj.framer(MAX).expect("a framing");
    let decoded = framer.decode(pickle).map(Cow::into_owned);
    assert_eq!(decoded, in_steps(framer.as_mut(), pickle, works));
    let Ok(json) = decoded else { return };
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

/// Decodes a pickle in steps of so much work, in turn.
fn in_steps(
    framer: &mut dyn Framer,
    pickle: &[u8],
    works: [u8; 3],
) -> std::result::Result<Vec<u8>, FrameError> {
    let mut works = works.iter().cycle().map(|work| usize::from(*work) + 1);
    loop {
        let mut work = works.next().unwrap_or(1);
        if let Some(json) = framer.decode_some(pickle, &mut work)? {
            return Ok(json.into_owned());
        }
    }
}

fn encoded(framer: &dyn Framer, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    framer.encode(json, &mut out).expect("what was decoded can be sent on");
    out
}
