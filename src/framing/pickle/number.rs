//! Numbers as JSON, and the integers and floats of JSON as opcodes.

use std::io::Write;

use super::{FLOAT, INT, PickleError, malformed};

/// The most digits of an integer, which is the limit of CPython as well: to convert one costs the
/// square of its length.
const MAX_DIGITS: usize = 4300;
/// The most bytes of one.
// 4300 digits take up to 14,285 bits, and the sign one more.
const MAX_BYTES: usize = 1786;
/// The longest text of a float.
const MAX_FLOAT: usize = 400;
/// Long integers are converted between limbs of 64 bits and chunks of 19 decimal digits. The base of
/// the chunks has its highest bit set, as [`divide`] wants it.
const DIGITS: usize = 19;
const CHUNK: u64 = 10_u64.pow(DIGITS as u32);
/// 2^128 / CHUNK - 2^64, rounded down.
const RECIPROCAL: u64 = (u128::MAX / CHUNK as u128 - (1 << 64)) as u64;

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
    let (_, bare) = split_sign(text);
    if bare.len() > MAX_DIGITS {
        return too_long();
    }
    if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return malformed("a malformed number");
    }
    Ok(text)
}

/// The minus, if there is one, and the digits.
fn split_sign(text: &str) -> (&str, &str) {
    match text.strip_prefix('-') {
        Some(bare) => ("-", bare),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

pub(super) fn float(line: &[u8]) -> Result<f64, PickleError> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= MAX_FLOAT);
    let number = text.and_then(|text| text.parse().ok());
    number.map_or_else(|| malformed("a malformed number"), Ok)
}

/// Appends a number as JSON. Writing to memory does not fail, here and below.
pub(super) fn write(number: impl serde_core::Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}

pub(super) fn write_float(float: f64, out: &mut Vec<u8>) {
    // JSON has neither infinities nor NaN (RFC 8259, section 6).
    let name = match float {
        _ if float.is_finite() => return write(float, out),
        _ if float.is_nan() => "nan",
        _ if float > 0.0 => "inf",
        _ => "-inf",
    };
    let _ = write!(out, "{{\"{FLOAT}\":\"{name}\"}}");
}

/// Appends an integer, tagged where it takes more than 64 bits.
fn write_int(int: i128, out: &mut Vec<u8>) {
    // Beyond 64 bits many readers of JSON make a number a float, and lose its last digits.
    if i64::try_from(int).is_ok() || u64::try_from(int).is_ok() {
        write(int, out);
    } else {
        let _ = write!(out, "{{\"{INT}\":\"{int}\"}}");
    }
}

/// The same for its digits.
pub(super) fn write_digits(text: &str, out: &mut Vec<u8>) {
    match text.parse() {
        Ok(int) => write_int(int, out),
        Err(_) => {
            let (sign, bare) = split_sign(text);
            let bare = bare.trim_start_matches('0');
            let _ = write!(out, "{{\"{INT}\":\"{sign}{bare}\"}}");
        }
    }
}

/// The same for two's complement; returns what that cost, in bytes that could have been written
/// meanwhile.
pub(super) fn write_long(bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, PickleError> {
    let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let fill = if is_negative { 0xff } else { 0 };
    if bytes.len() <= size_of::<i128>() {
        let mut wide = [fill; size_of::<i128>()];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        write_int(i128::from_le_bytes(wide), out);
    } else {
        let limb = |bytes: &[u8]| {
            (0..8).rev().fold(0, |limb, at| limb << 8 | u64::from(*bytes.get(at).unwrap_or(&fill)))
        };
        let mut limbs: Vec<u64> = bytes.chunks(8).map(limb).collect();
        if is_negative {
            negate(&mut limbs);
        }
        let mut chunks = to_chunks(limbs);
        let mut text = if is_negative { b"-".to_vec() } else { Vec::new() };
        write(chunks.pop().unwrap_or_default(), &mut text);
        for chunk in chunks.iter().rev() {
            let _ = write!(text, "{chunk:0DIGITS$}");
        }
        write_digits(digits(&text)?, out);
    }
    Ok(bytes.len() * bytes.len() / 64)
}

/// An integer as it is mostly written, with up to 18 digits.
pub(super) fn short_int(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let add = |int, digit: &u8| digit.is_ascii_digit().then(|| int * 10 + i64::from(digit - b'0'));
    let is_short = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= 18;
    let int = if is_short { digits.iter().try_fold(0, add)? } else { return None };
    Some(if digits.len() < text.len() { -int } else { int })
}

/// RFC 8259, section 6.
pub(super) fn is_number(text: &[u8]) -> bool {
    let digits = |text: &mut &[u8]| {
        let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = text.get(len..).unwrap_or_default();
        len
    };
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let has_zero = rest.first() == Some(&b'0');
    let mut is_right = matches!((digits(&mut rest), has_zero), (1, _) | (2.., false));
    if let [b'.', behind @ ..] = rest {
        rest = behind;
        is_right &= digits(&mut rest) > 0;
    }
    if let [b'e' | b'E', b'+' | b'-', behind @ ..] | [b'e' | b'E', behind @ ..] = rest {
        rest = behind;
        is_right &= digits(&mut rest) > 0;
    }
    is_right && rest.is_empty()
}

/// Appends an integer, given by its digits, as an opcode.
pub(super) fn encode_int(text: &str, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let text = digits(text.as_bytes())?;
    let Ok(int) = text.parse::<i64>() else {
        let bytes = to_bytes(text);
        // LONG1 has a length of one byte, LONG4 one of four (PEP 307).
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
    encode_i64(int, out);
    Ok(())
}

/// Appends an integer as an opcode.
pub(super) fn encode_i64(int: i64, out: &mut Vec<u8>) {
    // BININT1 and BININT2 have no sign, so every negative number takes at least BININT.
    let (opcode, width): (&[u8], usize) = match int {
        0..=0xff => (b"K", 1),
        0x100..=0xffff => (b"M", 2),
        _ if i32::try_from(int).is_ok() => (b"J", 4),
        _ => (b"\x8a\x08", 8),
    };
    out.extend_from_slice(opcode);
    out.extend(int.to_le_bytes().iter().take(width));
}

/// Appends a float as an opcode.
pub(super) fn encode_float(float: f64, out: &mut Vec<u8>) {
    out.push(b'G');
    out.extend_from_slice(&float.to_be_bytes());
}

/// Replaces a number in two's complement, the least significant limb first, by its opposite.
fn negate(limbs: &mut [u64]) {
    let mut carry = true;
    for limb in limbs {
        (*limb, carry) = (!*limb).overflowing_add(u64::from(carry));
    }
}

/// Divides `high * 2^64 + low` by [`CHUNK`], where `high` is smaller than that: quotient and rest.
///
/// Two multiplications in place of a division of 128 bits, which takes ten times as long. The first
/// gives a quotient that is right or next to it (N. Möller and T. Granlund, "Improved division by
/// invariant integers", 2011, algorithm 4).
fn divide(high: u64, low: u64) -> (u64, u64) {
    debug_assert!(high < CHUNK, "a quotient of more than 64 bits");
    let guess =
        u128::from(RECIPROCAL) * u128::from(high) + (u128::from(high) << 64 | u128::from(low));
    // Wrapping is part of the algorithm: a guess that is one too high makes the rest negative.
    let mut quotient = ((guess >> 64) as u64).wrapping_add(1);
    let mut rest = low.wrapping_sub(quotient.wrapping_mul(CHUNK));
    if rest > guess as u64 {
        quotient = quotient.wrapping_sub(1);
        rest = rest.wrapping_add(CHUNK);
    }
    if rest >= CHUNK { (quotient + 1, rest - CHUNK) } else { (quotient, rest) }
}

/// The chunks of a number, the least significant one first, as its limbs are.
fn to_chunks(mut limbs: Vec<u64>) -> Vec<u64> {
    // Each pass divides four times: a division works on the quotient of the one before it as that
    // comes, and the processor overlaps them.
    const LANES: usize = 4;
    let mut chunks = Vec::with_capacity(limbs.len() + limbs.len() / 64 + LANES);
    while !limbs.is_empty() {
        let mut rests = [0; LANES];
        for limb in limbs.iter_mut().rev() {
            for rest in &mut rests {
                (*limb, *rest) = divide(*rest, *limb);
            }
        }
        chunks.extend_from_slice(&rests);
        trim(&mut limbs);
    }
    trim(&mut chunks);
    chunks
}

fn trim(limbs: &mut Vec<u64>) {
    while limbs.pop_if(|last| *last == 0).is_some() {}
}

/// The shortest two's complement of an integer, given by its digits.
fn to_bytes(text: &str) -> Vec<u8> {
    let (sign, bare) = split_sign(text);
    let mut limbs: Vec<u64> = Vec::new();
    for chunk in bare.as_bytes().rchunks(DIGITS).rev() {
        let mut carry = chunk.iter().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0'));
        for limb in &mut limbs {
            // (2^64 - 1) · 10^19 + 2^64 - 1 is below 2^128.
            let wide = u128::from(*limb) * u128::from(CHUNK) + u128::from(carry);
            (*limb, carry) = (wide as u64, (wide >> 64) as u64);
        }
        limbs.push(carry);
    }
    // Room for the sign.
    limbs.push(0);
    if sign == "-" {
        negate(&mut limbs);
    }
    let mut bytes: Vec<u8> = limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect();
    while let [.., before, last @ (0 | 0xff)] = bytes.as_slice()
        && before & 0x80 == last & 0x80
    {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_of_json() {
        for right in ["0", "-0", "12", "-1.5", "0.0", "1e5", "1E+5", "1.25e-7"] {
            assert!(is_number(right.as_bytes()), "{right}");
        }
        for wrong in ["", "-", "01", "+1", "1.", ".5", "1e", "1e+", "1.5.2", "0x1", "1-2"] {
            assert!(!is_number(wrong.as_bytes()), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn divisions_are_right(high in prop_oneof![Just(CHUNK - 1), 0..CHUNK], low: u64) {
            let whole = u128::from(high) << 64 | u128::from(low);
            let (quotient, rest) = divide(high, low);
            prop_assert_eq!(u128::from(quotient) * u128::from(CHUNK) + u128::from(rest), whole);
            prop_assert!(rest < CHUNK);
        }
    }
}
