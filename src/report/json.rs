//! Events for programs: one JSON object a line (NDJSON).
//!
//! It appends to a buffer and writes nowhere. A line is serialised straight into the buffer, for
//! with `--output json` every message passes here. What a terminal could take for a control
//! sequence is escaped, which JSON allows without loss.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::notice::Notice;
use crate::protocol::text::is_unprintable;

/// Appends a notice and a newline. `now` is its `ts`.
pub(super) fn write(notice: &Notice<'_>, tag: Option<&str>, now: SystemTime, out: &mut Vec<u8>) {
    // A clock before 1970 is a machine that does not know the time: 0 stands for that.
    let ts = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Style);
    // It cannot fail: a Vec takes every byte, and no field refuses to be serialised.
    let _ = notice.object(tag, ts).serialize(&mut serializer);
    out.push(b'\n');
}

/// Appends a part of a text as between the quotes of a string.
pub(crate) fn escape_json(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    // It cannot fail either.
    let _ = text.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Style));
    out.pop();
    out.remove(start);
}

/// Compact JSON whose fractions have six decimals, nine where they have more, and whose strings are
/// fit for a terminal.
struct Style;

impl Formatter for Style {
    /// Mostly seconds. An f64 holds the microseconds of a date exactly enough until 2242, and the
    /// nanoseconds of what takes less than a month.
    fn write_f64<W: io::Write + ?Sized>(&mut self, out: &mut W, number: f64) -> io::Result<()> {
        if (1e6..1e15).contains(&number) {
            // Exact: so large a number has 33 bits behind the point at most.
            let micros = ((number - number.trunc()) * 1e6).round_ties_even() as u64;
            let seconds = number as u64 + micros / 1_000_000;
            return write!(out, "{seconds}.{:06}", micros % 1_000_000);
        }
        let text = format!("{number:.9}");
        out.write_all(text.strip_suffix("000").unwrap_or(&text).as_bytes())
    }

    /// serde_json itself escapes the control characters below the blank, as JSON demands.
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Below 0x7f nothing is left to escape: the control characters are not part of a fragment.
        // None of UTF-8 is 0xff, so the sum never wraps; without an early end, many are taken at once.
        if fragment.bytes().fold(0, |all, byte| all | byte.wrapping_add(1)) < 0x80 {
            return out.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, char)) = rest.char_indices().find(|&(_, char)| is_unprintable(char)) {
            let (kept, tail) = rest.split_at(at);
            // All unprintable characters have four digits at most, so none needs a surrogate pair.
            write!(out, "{kept}\\u{:04x}", u32::from(char))?;
            rest = tail.strip_prefix(char).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::name::Name;
    use super::*;
    use crate::close::CloseReason;
    use crate::error::{Failure, Status};
    use crate::kind::Kind;

    fn json(event: &Notice<'_>, tag: Option<&str>) -> String {
        let mut out = Vec::new();
        let now = UNIX_EPOCH + Duration::from_micros(1_763_646_660_500_000);
        write(event, tag, now, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_come_in_their_order_and_only_where_they_apply() {
        let event = Notice::new;
        let secs = Duration::from_micros(3_200_001);
        let failure = Failure::new(Status::Listen, Kind::AddressInUse, "listen on", ":1", "in use");
        let table = [
            (event(Name::Stopped), r#""event":"stopped""#),
            (
                event(Name::Accepted).peer("[::1]:5").local("[::1]:2").conn(1).proto("tcp"),
                r#""event":"accepted","proto":"tcp","conn":1,"local":"[::1]:2","peer":"[::1]:5""#,
            ),
            (event(Name::Data).bytes(b"a\n\"\\"), r#""event":"data","len":4,"text":"a\n\"\\""#),
            (
                event(Name::Data).bytes(b"\xff\x00a").partial(),
                r#""event":"data","len":3,"b64":"/wBh","partial":true"#,
            ),
            (
                event(Name::Closed)
                    .traffic(1, 2)
                    .secs(secs)
                    .closed(CloseReason::FRAME)
                    .unsent(4)
                    .undelivered(3),
                r#""event":"closed","in":1,"out":2,"secs":3.200001,"reason":"error","detail":"frame","undelivered":3,"unsent":4"#,
            ),
            (
                Notice::error(&failure),
                r#""event":"error","kind":"address-in-use","code":1005,"message":"cannot listen on :1: in use""#,
            ),
            (
                event(Name::Sent).line(4).conn(2).len(5).queued(9),
                r#""event":"sent","conn":2,"line":4,"len":5,"queued":9"#,
            ),
            (
                event(Name::Sent).line(4).len(5).queued(0).count(3),
                r#""event":"sent","line":4,"len":5,"count":3"#,
            ),
            (
                Notice::send_failed(Kind::NotConnected, "no").conn(2).line(4),
                r#""event":"send-failed","conn":2,"line":4,"kind":"not-connected","code":1001,"message":"no""#,
            ),
            (
                event(Name::Summary).messages(3, 4).connections(5).clients(6).code(0),
                r#""event":"summary","messages_in":3,"messages_out":4,"connections":5,"clients":6,"code":0"#,
            ),
        ];
        for (event, expected) in table {
            assert_eq!(json(&event, None), format!("{{\"ts\":1763646660.500000,{expected}}}\n"));
        }
    }

    #[test]
    fn the_tag_stands_before_the_payload() {
        let line = json(&Notice::new(Name::Data).conn(7).bytes(b"x"), Some("a"));
        assert!(line.contains(r#""conn":7,"tag":"a","len":1,"#), "{line}");
    }

    #[test]
    fn strings_are_fit_for_a_terminal_and_lose_nothing() {
        let text = "\x1b\x7f é\u{9b}\u{202e}✓";
        let line = json(&Notice::new(Name::Data).bytes(text.as_bytes()), None);
        assert!(line.contains(r#""text":"\u001b\u007f é\u009b\u202e✓""#), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["text"], text);
    }

    #[test]
    fn short_times_are_written_to_the_nanosecond() {
        for (nanos, text) in [(16_123, "0.000016123"), (2_000, "0.000002"), (1, "0.000000001")] {
            let line = json(&Notice::new(Name::Stats).secs(Duration::from_nanos(nanos)), None);
            assert!(line.ends_with(&format!("\"secs\":{text}}}\n")), "{line}");
        }
    }

    #[test]
    fn microseconds_survive_in_any_year() {
        for micros in [0, 1, 1_763_646_660_123_456, 4_102_444_799_999_999, 8_583_000_000_000_001] {
            let mut out = Vec::new();
            let now = UNIX_EPOCH + Duration::from_micros(micros);
            write(&Notice::new(Name::Stopped), None, now, &mut out);
            let ts = format!("{{\"ts\":{}.{:06},", micros / 1_000_000, micros % 1_000_000);
            assert!(out.starts_with(ts.as_bytes()), "{ts}");
        }
    }

    proptest! {
        #[test]
        fn fractions_are_those_of_the_standard_library(
            exponent in 1043_u64..1090,
            mantissa in 0..1_u64 << 52,
            whole in 1_000_001..1_u64 << 33,
            half in 0_u32..2_000_000,
        ) {
            let any = f64::from_bits(exponent << 52 | mantissa);
            for number in [any, whole as f64 + f64::from(half) / 2e6, whole as f64 - 1e-7] {
                let mut out = Vec::new();
                Style.write_f64(&mut out, number).unwrap();
                let text = String::from_utf8(out).unwrap();
                prop_assert_eq!(text, format!("{number:.6}"), "{:e}", number);
            }
        }

        #[test]
        fn every_line_is_one_line_of_json(
            bytes: Vec<u8>,
            text in "(?s)[\\x00-\u{ff}\u{2000}-\u{2070}]*",
            secs: Duration,
            count: u64,
        ) {
            for payload in [bytes.as_slice(), text.as_bytes()] {
                let event = Notice::new(Name::Data).peer(&text).bytes(payload);
                let event = event.message(text.as_str()).secs(secs).traffic(count, 0);
                let line = json(&event, Some(&text));
                let object = line.strip_suffix('\n').unwrap();
                prop_assert!(!object.contains(is_unprintable));
                let value: Value = serde_json::from_str(object).unwrap();
                prop_assert_eq!(value["peer"].as_str(), Some(text.as_str()));
                prop_assert_eq!(value["in"].as_u64(), Some(count));
            }
        }
    }
}
