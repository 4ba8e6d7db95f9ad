//! Numbers as JSON, and the integers and floats of JSON as opcodes.

use super::{PickleError, malformed, tag};

/// The most digits of an integer, which is the limit of CPython as well: to convert one costs the
/// square of its length.
const MAX_DIGITS: usize = 4300;
/// The most bytes of one.
const MAX_BYTES: usize = 1786;
/// The longest text of a float.
const MAX_FLOAT: usize = 400;
/// Long integers are converted in words of 32 bits and in groups of nine decimal digits.
const WORD: u64 = 1 << 32;
const DIGITS: usize = 9;
const GROUP: u64 = 1_000_000_000;

fn too_long<T>() -> Result<T, PickleError> {
    malformed(format!("an integer of more than {MAX_DIGITS} digits"))
}

/// The bytes of an integer, if they are not too many.
pub(super) fn check_long(bytes: &[u8]) -> Result<&[u8], PickleError> {
    if bytes.len() <= MAX_BYTES { Ok(bytes) } else { too_long() }
}

/// Digits with or without a sign.
pub(super) fn digits(line: &[u8]) -> Result<&str, PickleError> {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if bare.len() > MAX_DIGITS {
        return too_long();
    }
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return malformed("a number that is none");
    }
    Ok(text)
}

pub(super) fn float(line: &[u8]) -> Result<f64, PickleError> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= MAX_FLOAT);
    let number = text.and_then(|text| text.parse().ok());
    number.map_or_else(|| malformed("a number that is none"), Ok)
}

/// Appends a number as JSON. Writing to memory does not fail.
pub(super) fn write(number: impl serde::Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}

fn write_tagged(tag: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{\"{tag}\":\"{text}\"}}").as_bytes());
}

pub(super) fn write_float(float: f64, out: &mut Vec<u8>) {
    match float {
        _ if float.is_finite() => write(float, out),
        _ if float.is_nan() => write_tagged(tag::FLOAT, "nan", out),
        _ if float > 0.0 => write_tagged(tag::FLOAT, "inf", out),
        _ => write_tagged(tag::FLOAT, "-inf", out),
    }
}

/// Appends an integer in two's complement; returns what that cost, in bytes that could have been
/// written meanwhile.
pub(super) fn write_long(bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, PickleError> {
    if bytes.len() <= 8 {
        let fill = if is_negative(bytes) { 0xff } else { 0 };
        let mut wide = [fill; 8];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        write(i64::from_le_bytes(wide), out);
        return Ok(0);
    }
    write_digits(digits(long_digits(bytes).as_bytes())?, out);
    Ok(bytes.len() * bytes.len() / 64)
}

/// Appends digits as a number, or tagged where they take more than 64 bits.
pub(super) fn write_digits(text: &str, out: &mut Vec<u8>) {
    let (sign, bare) = split_sign(text);
    let bare = bare.trim_start_matches('0');
    let text = format!("{sign}{bare}");
    if bare.is_empty() {
        out.push(b'0');
    } else if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_tagged(tag::INT, &text, out);
    }
}

fn split_sign(text: &str) -> (&str, &str) {
    match text.strip_prefix('-') {
        Some(bare) => ("-", bare),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Appends an integer, given by its digits, as an opcode.
pub(super) fn encode_int(text: &str, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let text = digits(text.as_bytes())?;
    let Ok(int) = text.parse::<i64>() else {
        let bytes = long_bytes(text);
        match u8::try_from(bytes.len()) {
            Ok(len) => out.extend_from_slice(&[0x8a, len]),
            Err(_) => {
                out.push(0x8b);
                out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            }
        }
        out.extend_from_slice(&bytes);
        return Ok(());
    };
    let bytes = int.to_le_bytes();
    let (opcode, width): (&[u8], usize) = match int {
        0..=0xff => (b"K", 1),
        0x100..=0xffff => (b"M", 2),
        _ if i32::try_from(int).is_ok() => (b"J", 4),
        _ => (b"\x8a\x08", 8),
    };
    out.extend_from_slice(opcode);
    out.extend(bytes.iter().take(width));
    Ok(())
}

/// Appends a float as an opcode.
pub(super) fn encode_float(float: f64, out: &mut Vec<u8>) {
    out.push(b'G');
    out.extend_from_slice(&float.to_be_bytes());
}

fn is_negative(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|last| last & 0x80 != 0)
}

/// Replaces a number in two's complement, the least significant byte first, by its opposite.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// A number in another base: its digits, the most significant one first, become digits with the
/// least significant one first.
fn convert<const FROM: u64, const TO: u64>(digits: &[u64]) -> Vec<u64> {
    // The carries of four digits in one pass do not wait for each other.
    const LANES: usize = 4;
    let step = |digit: &mut u64, carries: &mut [u64; LANES]| {
        for carry in carries {
            let value = *digit * FROM + *carry;
            (*digit, *carry) = (value % TO, value / TO);
        }
    };
    let mut converted: Vec<u64> = Vec::new();
    for chunk in digits.rchunks(LANES).rev() {
        let mut carries = [0; LANES];
        carries.iter_mut().rev().zip(chunk.iter().rev()).for_each(|(to, from)| *to = *from);
        converted.iter_mut().for_each(|digit| step(digit, &mut carries));
        while carries != [0; LANES] {
            let mut digit = 0;
            step(&mut digit, &mut carries);
            converted.push(digit);
        }
    }
    converted
}

/// The digits of an integer in two's complement.
fn long_digits(bytes: &[u8]) -> String {
    let mut magnitude = bytes.to_vec();
    if is_negative(bytes) {
        negate(&mut magnitude);
    }
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let words: Vec<u64> = magnitude.chunks(4).rev().map(word).collect();
    let mut groups = convert::<WORD, GROUP>(&words);
    let sign = if is_negative(bytes) { "-" } else { "" };
    let first = format!("{sign}{}", groups.pop().unwrap_or_default());
    let others = groups.iter().rev().map(|group| format!("{group:0DIGITS$}"));
    std::iter::once(first).chain(others).collect()
}

/// The shortest two's complement of an integer, given by its digits.
fn long_bytes(text: &str) -> Vec<u8> {
    let (sign, bare) = split_sign(text);
    let group = |group: &[u8]| group.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    let groups: Vec<u64> = bare.as_bytes().rchunks(DIGITS).rev().map(group).collect();
    let words = convert::<GROUP, WORD>(&groups);
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    bytes.push(0);
    if sign == "-" {
        negate(&mut bytes);
    }
    while let [.., before, last @ (0 | 0xff)] = bytes.as_slice()
        && before & 0x80 == last & 0x80
    {
        bytes.pop();
    }
    bytes
}
