//! Dates, times and spans of time: the state that Python's `datetime` pickles, and ISO 8601.

use std::io::Write;

use super::text::take;
use super::tree::NodeKind;
use super::{classes, number};

const DAY: i64 = 86_400;
/// The most days of a timedelta, of either sign.
const MAX_DAYS: i64 = 999_999_999;
/// The bit in the first byte of a month or an hour that marks the second of two equal times when
/// clocks are set back. It is not kept: Python does not compare it either.
const FOLD: u8 = 0x80;

/// A span of time, rounded down to seconds, and the microseconds above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delta {
    seconds: i64,
    micros: u32,
}

impl Delta {
    /// `None` for what is no normalized timedelta.
    pub(super) fn new(days: i64, seconds: i64, micros: i64) -> Option<Self> {
        let fits = (-MAX_DAYS..=MAX_DAYS).contains(&days)
            && (0..DAY).contains(&seconds)
            && (0..1_000_000).contains(&micros);
        fits.then_some(Self { seconds: days * DAY + seconds, micros: micros as u32 })
    }

    fn opposite(self) -> Self {
        match self.micros {
            0 => Self { seconds: -self.seconds, ..self },
            micros => Self { seconds: -self.seconds - 1, micros: 1_000_000 - micros },
        }
    }

    /// The sign and what is behind it.
    fn split(self) -> (bool, Self) {
        if self.seconds < 0 { (true, self.opposite()) } else { (false, self) }
    }

    /// Appends the arguments of a timedelta and its call, behind its class.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let parts = [self.seconds.div_euclid(DAY), self.seconds.rem_euclid(DAY)];
        for part in parts.into_iter().chain([i64::from(self.micros)]) {
            number::encode_i64(part, out);
        }
        out.extend_from_slice(b"\x87R");
    }
}

/// How many bytes of state an instance has.
pub(super) fn width(class: NodeKind) -> usize {
    match class {
        NodeKind::Date => 4,
        NodeKind::Time => 6,
        _ => 10,
    }
}

/// Appends the state of a date (4 bytes), a time (6) or both (10) as text.
pub(super) fn write(state: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let is_whole = state.len() == 10;
    let (date, time) = state.split_at_checked(if state.len() == 6 { 0 } else { 4 })?;
    if let [high, low, month, day] = *date {
        let month = if is_whole { month & !FOLD } else { month };
        let year = u16::from_be_bytes([high, low]);
        is_date(year.into(), month.into(), day.into()).then_some(())?;
        let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    }
    out.extend_from_slice(if is_whole { b"T" } else { b"" });
    if let [hour, minute, second, high, middle, low] = *time {
        let hour = if is_whole { hour } else { hour & !FOLD };
        let micros = u32::from_be_bytes([0, high, middle, low]);
        is_clock(hour.into(), minute.into(), second.into(), micros).then_some(())?;
        let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
        write_micros(micros, out);
    }
    Some(())
}

fn write_micros(micros: u32, out: &mut Vec<u8>) {
    if micros > 0 {
        let _ = write!(out, ".{micros:06}");
    }
}

/// Appends seconds as a decimal.
pub(super) fn write_delta(delta: Delta, out: &mut Vec<u8>) {
    let (is_negative, Delta { seconds, micros }) = delta.split();
    let _ = write!(out, "{}{seconds}", if is_negative { "-" } else { "" });
    write_micros(micros, out);
}

/// Appends an offset from UTC, which is less than a day.
pub(super) fn write_offset(offset: Delta, out: &mut Vec<u8>) -> Option<()> {
    let (is_negative, Delta { seconds, micros }) = offset.split();
    if seconds >= DAY {
        return None;
    }
    let sign = if is_negative { '-' } else { '+' };
    let _ = write!(out, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds % 60 != 0 || micros != 0 {
        let _ = write!(out, ":{:02}", seconds % 60);
        write_micros(micros, out);
    }
    Some(())
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days).contains(&day)
}

fn is_clock(hour: u32, minute: u32, second: u32, micros: u32) -> bool {
    hour < 24 && minute < 60 && second < 60 && micros < 1_000_000
}

/// Seconds as a decimal, with up to six digits behind the point.
pub(super) fn parse_delta(text: &[u8]) -> Option<Delta> {
    let mut rest = text;
    let is_negative = accept(&mut rest, b'-');
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // The most seconds have 14 digits.
    let (digits, behind) = rest.split_at_checked(len).filter(|_| (1..=14).contains(&len))?;
    let seconds = std::str::from_utf8(digits).ok()?.parse().ok()?;
    rest = behind;
    let delta = Delta { seconds, micros: parse_micros(&mut rest)? };
    let delta = if is_negative { delta.opposite() } else { delta };
    let days = delta.seconds.div_euclid(DAY);
    (rest.is_empty() && (-MAX_DAYS..=MAX_DAYS).contains(&days)).then_some(delta)
}

/// Appends the state that this text stands for, and the call that makes it, behind its class.
pub(super) fn encode(class: NodeKind, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    out.extend_from_slice(&[b'C', width(class) as u8]);
    if class != NodeKind::Time {
        let [year, month, day] = numbers(&mut rest, [4, 2, 2], b'-')?;
        is_date(year, month, day).then_some(())?;
        out.extend_from_slice(&[(year >> 8) as u8, year as u8, month as u8, day as u8]);
    }
    if class == NodeKind::Datetime && !accept(&mut rest, b'T') {
        return None;
    }
    if class != NodeKind::Date {
        let [hour, minute, second] = numbers(&mut rest, [2, 2, 2], b':')?;
        let micros = parse_micros(&mut rest)?;
        is_clock(hour, minute, second, micros).then_some(())?;
        let [_, high, middle, low] = micros.to_be_bytes();
        out.extend_from_slice(&[hour as u8, minute as u8, second as u8, high, middle, low]);
        if let Some(sign) = take(&mut rest) {
            classes::import(NodeKind::Timezone, out);
            classes::import(NodeKind::Timedelta, out);
            parse_offset(sign, &mut rest)?.encode(out);
            out.extend_from_slice(b"\x85R\x86R");
            return rest.is_empty().then_some(());
        }
    }
    out.extend_from_slice(b"\x85R");
    rest.is_empty().then_some(())
}

/// What follows the sign of an offset, or `Z`.
fn parse_offset(sign: u8, rest: &mut &[u8]) -> Option<Delta> {
    if sign == b'Z' {
        return Some(Delta { seconds: 0, micros: 0 });
    }
    let [hour, minute] = numbers(rest, [2, 2], b':')?;
    let has_seconds = accept(rest, b':');
    let [second] = if has_seconds { numbers(rest, [2], b':')? } else { [0] };
    let micros = if has_seconds { parse_micros(rest)? } else { 0 };
    is_clock(hour, minute, second, micros).then_some(())?;
    let delta = Delta { seconds: i64::from(hour * 3600 + minute * 60 + second), micros };
    match sign {
        b'+' => Some(delta),
        b'-' => Some(delta.opposite()),
        _ => None,
    }
}

/// One to six digits behind a point, if there is one.
fn parse_micros(rest: &mut &[u8]) -> Option<u32> {
    if !accept(rest, b'.') {
        return Some(0);
    }
    let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let places = u32::try_from(len).ok().filter(|places| (1..=6).contains(places))?;
    let [number] = numbers(rest, [len], b'.')?;
    Some(number * 10_u32.pow(6 - places))
}

/// Numbers of so many digits, up to six, with a mark between them.
fn numbers<const COUNT: usize>(
    rest: &mut &[u8],
    widths: [usize; COUNT],
    mark: u8,
) -> Option<[u32; COUNT]> {
    let mut numbers = [0; COUNT];
    for (at, (number, width)) in numbers.iter_mut().zip(widths).enumerate() {
        if at > 0 && !accept(rest, mark) {
            return None;
        }
        let (digits, behind) = rest.split_at_checked(width)?;
        let digit = |number, byte: &u8| Some(number * 10 + char::from(*byte).to_digit(10)?);
        *number = digits.iter().try_fold(0, digit)?;
        *rest = behind;
    }
    Some(numbers)
}

fn accept(rest: &mut &[u8], mark: u8) -> bool {
    let found = rest.first() == Some(&mark);
    *rest = rest.get(usize::from(found)..).unwrap_or_default();
    found
}
