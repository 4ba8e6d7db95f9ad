//! `None`, bools and numbers: read from opcodes and written as JSON, and the way back.

use num_bigint::BigInt;

use super::reader::Reader;
use super::{PickleError, malformed, tag};

/// The most digits of an integer, which is the limit of CPython as well: to convert one costs the
/// square of its length.
const MAX_DIGITS: usize = 4300;
/// The most bytes of one.
const MAX_BYTES: usize = 1786;
/// The longest text of a float.
const MAX_FLOAT: usize = 400;

/// A value without parts.
enum Plain<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// Two's complement, the least significant byte first.
    Long(&'a [u8]),
    /// Digits with or without a sign.
    Digits(&'a str),
    Float(f64),
}

/// Reads the argument of an opcode, and refuses what is none.
pub(super) fn check(opcode: u8, reader: &mut Reader<'_>) -> Result<(), PickleError> {
    read(opcode, reader).map(drop)
}

fn read<'a>(opcode: u8, reader: &mut Reader<'a>) -> Result<Plain<'a>, PickleError> {
    Ok(match opcode {
        b'N' => Plain::None,
        0x88 => Plain::Bool(true),
        0x89 => Plain::Bool(false),
        b'I' => match reader.line()? {
            b"00" => Plain::Bool(false),
            b"01" => Plain::Bool(true),
            line => Plain::Digits(digits(line)?),
        },
        b'L' => {
            let line = reader.line()?;
            Plain::Digits(digits(line.strip_suffix(b"L").unwrap_or(line))?)
        }
        b'J' => Plain::Int(i64::from(reader.i32()?)),
        b'K' => Plain::Int(i64::from(reader.u8()?)),
        b'M' => Plain::Int(i64::from(reader.u16()?)),
        0x8a => Plain::Long(reader.short()?),
        0x8b => match reader.signed()? {
            bytes if bytes.len() <= MAX_BYTES => Plain::Long(bytes),
            _ => return too_long(),
        },
        b'G' => Plain::Float(reader.f64()?),
        b'F' => Plain::Float(float(reader.line()?)?),
        _ => return malformed("no number where one belongs"),
    })
}

fn too_long<T>() -> Result<T, PickleError> {
    malformed(format!("an integer of more than {MAX_DIGITS} digits"))
}

fn digits(line: &[u8]) -> Result<&str, PickleError> {
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

fn float(line: &[u8]) -> Result<f64, PickleError> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= MAX_FLOAT);
    let number = text.and_then(|text| text.parse().ok());
    number.map_or_else(|| malformed("a number that is none"), Ok)
}

/// Appends the value whose opcode is at an offset as JSON; returns what that cost beyond what was
/// written.
pub(super) fn write(pickle: &[u8], at: u32, out: &mut Vec<u8>) -> Result<usize, PickleError> {
    let mut reader = Reader::new(pickle, at as usize);
    let opcode = reader.u8()?;
    match read(opcode, &mut reader)? {
        Plain::None => out.extend_from_slice(b"null"),
        Plain::Bool(true) => out.extend_from_slice(b"true"),
        Plain::Bool(false) => out.extend_from_slice(b"false"),
        Plain::Int(int) => append_number(int, out),
        Plain::Float(float) => append_float(float, out),
        Plain::Long(bytes) => return write_long(bytes, out),
        Plain::Digits(text) => append_digits(text, out),
    }
    Ok(0)
}

/// Appends a number as JSON. Writing to memory does not fail.
fn append_number(number: impl serde::Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}

fn append_float(float: f64, out: &mut Vec<u8>) {
    let name = match float {
        _ if float.is_finite() => return append_number(float, out),
        _ if float.is_nan() => "nan",
        _ if float > 0.0 => "inf",
        _ => "-inf",
    };
    append_tagged(tag::FLOAT, name, out);
}

fn append_tagged(tag: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{{\"{tag}\":\"{text}\"}}").as_bytes());
}

fn write_long(bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, PickleError> {
    if bytes.len() <= 8 {
        let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 8];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        append_number(i64::from_le_bytes(wide), out);
        return Ok(0);
    }
    let text = BigInt::from_signed_bytes_le(bytes).to_string();
    if text.len() > MAX_DIGITS + 1 {
        return too_long();
    }
    append_digits(&text, out);
    Ok(bytes.len() * bytes.len() / 64)
}

fn append_digits(text: &str, out: &mut Vec<u8>) {
    let (sign, bare) = match text.strip_prefix('-') {
        Some(bare) => ("-", bare),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let bare = bare.trim_start_matches('0');
    if bare.is_empty() {
        return out.push(b'0');
    }
    let text = format!("{sign}{bare}");
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        out.extend_from_slice(text.as_bytes());
    } else {
        append_tagged(tag::INT, &text, out);
    }
}

/// Appends an integer, given by its digits, as an opcode.
pub(super) fn encode_int(text: &str, out: &mut Vec<u8>) -> Result<(), PickleError> {
    let text = digits(text.as_bytes())?;
    let bytes = match text.parse::<i64>() {
        Ok(int) => {
            match (u8::try_from(int), u16::try_from(int), i32::try_from(int)) {
                (Ok(int), _, _) => out.extend_from_slice(&[b'K', int]),
                (_, Ok(int), _) => {
                    out.push(b'M');
                    out.extend_from_slice(&int.to_le_bytes());
                }
                (_, _, Ok(int)) => {
                    out.push(b'J');
                    out.extend_from_slice(&int.to_le_bytes());
                }
                _ => {
                    out.extend_from_slice(&[0x8a, 8]);
                    out.extend_from_slice(&int.to_le_bytes());
                }
            }
            return Ok(());
        }
        Err(_) => text.parse::<BigInt>().map(|int| int.to_signed_bytes_le()).unwrap_or_default(),
    };
    match u8::try_from(bytes.len()) {
        Ok(len) => out.extend_from_slice(&[0x8a, len]),
        Err(_) => {
            out.push(0x8b);
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(&bytes);
    Ok(())
}

/// Appends a float as an opcode.
pub(super) fn encode_float(float: f64, out: &mut Vec<u8>) {
    out.push(b'G');
    out.extend_from_slice(&float.to_be_bytes());
}
