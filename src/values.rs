//! Sizes, durations, percentages and texts as people write them: `64k`, `10MB`, `500ms`, `2.5%`,
//! `a\n`.
//!
//! Pure. The grammar is that of the crates `parse-size` and `humantime`; this file decides what a
//! unit that is left out means, bounds the result and words the errors.

use std::num::IntErrorKind;
use std::time::Duration;

/// The longest duration that is accepted, ten years: added to any `Instant` it cannot overflow.
pub const LONGEST: Duration = Duration::from_secs(10 * 31_557_600);

/// So many of something: `1 byte`, `2 bytes`.
pub fn number(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Parses a number of bytes: `64k` = `64KiB`, `1M` = `1MiB`, `10MB` = 10⁷; zero is accepted.
///
/// # Errors
/// What was wrong and what is right, as a sentence without the name of the option.
pub fn parse_size(text: &str) -> Result<u64, String> {
    // `10MB` is decimal as on a disk's box; `10M` and `10MiB` are binary as in dd and head.
    let decimal = text.ends_with(['b', 'B']);
    let system =
        if decimal { parse_size::UnitSystem::Decimal } else { parse_size::UnitSystem::Binary };
    let config = parse_size::Config::new().with_unit_system(system);
    config.parse_size(text).map_err(|error| match error {
        parse_size::Error::PosOverflow => format!("{text:?} is more than 64 bits can hold"),
        _ => format!("{text:?} is not a size: write bytes, or a unit as in 64k, 1MiB or 10MB"),
    })
}

/// Parses a size as [`parse_size()`] does, and refuses zero.
///
/// # Errors
/// As [`parse_size()`], and for zero.
pub fn parse_nonzero_size(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("the size must be at least 1 byte".to_owned()),
        size => Ok(size),
    }
}

/// Parses the size of a read: 1 byte to 1 MiB.
///
/// # Errors
/// As [`parse_size()`], and for another size.
pub fn parse_read_size(text: &str) -> Result<usize, String> {
    /// Each connection that has as much to read delivers it in one piece.
    const MOST: u64 = 1 << 20;
    match usize::try_from(parse_nonzero_size(text)?) {
        Ok(size) if size as u64 <= MOST => Ok(size),
        _ => Err("the size must be at most 1 MiB".to_owned()),
    }
}

/// Parses the permissions of a file in octal: `0600`, `660`.
///
/// # Errors
/// What was wrong and what is right.
pub fn parse_mode(text: &str) -> Result<u32, String> {
    // `from_str_radix` would also read a sign.
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Ok(mode),
        _ => {
            Err(format!("{text:?} is not a mode: write it in octal, as 0600 or 0660, at most 0777"))
        }
    }
}

/// Parses a number of things, at least one.
///
/// # Errors
/// What was wrong and what is right, as a sentence without the name of the option.
pub fn parse_count(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(count @ 1..) => Ok(count),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
            Err(format!("{text:?} is too large"))
        }
        _ => Err(format!("{text:?} is not a count: write a whole number, 1 or more")),
    }
}

/// Parses a number of threads.
///
/// # Errors
/// What was wrong and what is right, as a sentence without the name of the option.
pub fn parse_threads(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count @ 1..=MOST_THREADS) => Ok(count),
        _ => Err(format!("{text:?} is not a number of threads: write 1 to {MOST_THREADS}")),
    }
}

/// The most threads: each has a poll and a buffer for reading of its own.
const MOST_THREADS: u64 = 64;

/// Parses a duration: `500ms`, `2s`, `1m30s`; a bare number, also `0.5` or `.5`, is seconds.
///
/// # Errors
/// What was wrong and what is right, as a sentence without the name of the option.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write seconds, or 500ms, 2s, 1m30s");
    let too_long = || format!("{text:?} is too long: at most 10 years");
    if has_excessive_number(text) {
        return Err(too_long());
    }
    let is_bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    // humantime wants a digit before the point.
    let zero = if text.starts_with('.') { "0" } else { "" };
    let unit = if is_bare { "s" } else { "" };
    let parsed = humantime::parse_duration(&format!("{zero}{text}{unit}"));
    let duration = parsed.map_err(|_| wrong())?;
    if duration > LONGEST { Err(too_long()) } else { Ok(duration) }
}

/// Parses a percentage from 0 to 100: `0`, `1%`, `2.5%`.
///
/// # Errors
/// What was wrong and what is right, as a sentence without the name of the option.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text);
    // `f64` would also read signs, exponents and `inf`.
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match number.parse() {
        Ok(percent) if is_plain && percent <= 100.0 => Ok(percent),
        _ => Err(format!("{text:?} is not a percentage: write 0 to 100, as in 1% or 2.5")),
    }
}

/// Whether the text holds numbers so large that `humantime` 2.4 could panic on their sum: it does
/// so where the seconds reach 2⁶⁴. It ignores blanks between digits, so they do not count here.
fn has_excessive_number(text: &str) -> bool {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    text.len() > 64 || text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 10)
}

/// The bytes that a TEXT option stands for: `\n \r \t \0 \\ \xNN` are C escapes, and a backslash
/// before anything else is itself.
pub fn unescape(text: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
    let mut rest = text.as_ref();
    let mut out = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let (byte, taken) = match rest {
            [b'\\', b'n', ..] => (b'\n', 2),
            [b'\\', b'r', ..] => (b'\r', 2),
            [b'\\', b't', ..] => (b'\t', 2),
            // NUL alone: digits behind it are text, not octal as in C.
            [b'\\', b'0', ..] => (b'\0', 2),
            [b'\\', b'\\', ..] => (b'\\', 2),
            // Two digits exactly. In C, `\x` takes all digits that follow, also those of the text.
            [b'\\', b'x', high, low, ..] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => ((high << 4 | low) as u8, 4),
                _ => (*first, 1),
            },
            _ => (*first, 1),
        };
        out.push(byte);
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mode_is_octal() {
        for (text, mode) in [("0600", 0o600), ("660", 0o660), ("0", 0), ("00777", 0o777)] {
            assert_eq!(parse_mode(text), Ok(mode), "{text}");
        }
        for text in ["", "rw", "0o600", "+600", "-1", "680", "1000", "01777", "77777777777777"] {
            assert!(parse_mode(text).unwrap_err().contains("0600"), "{text}");
        }
    }

    #[test]
    fn text_options_take_c_escapes() {
        assert_eq!(unescape(r"a\n\r\t\0\\\x7f\xFFé"), b"a\n\r\t\0\\\x7f\xff\xc3\xa9");
        assert_eq!(unescape(r"\q\x1"), br"\q\x1");
        // What is no escape does not take the next one with it.
        assert_eq!(unescape(r"\x\n\xf\\\"), b"\\x\n\\xf\\\\");
    }

    #[test]
    fn a_unit_of_one_letter_is_binary_and_one_with_b_is_decimal() {
        let sizes = [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("64k", 65_536),
            ("64KiB", 65_536),
            ("1M", 1 << 20),
            ("1MiB", 1 << 20),
            ("1Mi", 1 << 20),
            ("10MB", 10_000_000),
            ("0.5k", 512),
        ];
        for (text, size) in sizes {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
    }

    #[test]
    fn a_bad_size_is_answered_with_a_good_one() {
        for text in ["", "-1", "k", "64x", "1 2 x"] {
            assert!(parse_size(text).unwrap_err().contains("64k"), "{text}");
        }
        assert!(parse_size("99999999E").unwrap_err().contains("64 bits"));
        assert!(parse_nonzero_size("0").unwrap_err().contains("at least 1"));
        assert_eq!(parse_nonzero_size("1k"), Ok(1024));
    }

    #[test]
    fn a_count_is_a_whole_number_from_one_on() {
        assert_eq!(parse_count("1"), Ok(1));
        for text in ["", "0", "-1", "x", "1.5"] {
            assert!(parse_count(text).unwrap_err().contains("1 or more"), "{text}");
        }
        let large = parse_count("99999999999999999999").unwrap_err();
        assert_eq!(large, "\"99999999999999999999\" is too large");
    }

    #[test]
    fn a_bare_number_is_seconds() {
        let durations = [
            ("0", 0),
            ("2", 2_000),
            ("0.5", 500),
            (".5", 500),
            (".5s", 500),
            (".25m", 15_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1.5s", 1_500),
        ];
        for (text, milliseconds) in durations {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_bad_duration_is_answered_with_a_good_one() {
        for text in ["", " ", "-1", "-1s", "s", "1.2.3", ".", "5x", "inf", "nan"] {
            assert!(parse_duration(text).unwrap_err().contains("1m30s"), "{text}");
        }
        for text in ["11y", "18446744073709551615", "18446744073709551615s1000ms"] {
            assert!(parse_duration(text).unwrap_err().contains("10 years"), "{text}");
        }
        assert!(parse_duration("10y").is_ok());
    }

    #[test]
    fn a_percentage_may_have_its_sign_and_a_fraction() {
        for (text, percent) in
            [("0", 0.0), ("0%", 0.0), ("2.5%", 2.5), (".5", 0.5), ("100", 100.0), ("100%", 100.0)]
        {
            assert_eq!(parse_percent(text), Ok(percent), "{text}");
        }
        for text in ["", "%", ".", "-1", "+1", "100.1", "1e1", "nan", "inf", "5 %", "5%%", "x"] {
            assert!(parse_percent(text).unwrap_err().contains("0 to 100"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,24}|[0-9 .a-zA-Z]{0,70}") {
            let _ = (parse_size(&text), parse_percent(&text));
            if let Ok(duration) = parse_duration(&text) {
                prop_assert!(std::time::Instant::now().checked_add(duration).is_some());
            }
        }
    }
}
