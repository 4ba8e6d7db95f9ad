//! The table LIMITS of wirecat(1), and whether it is what the source has.

use std::time::Duration;

use clap_mangen::roff::{Roff, bold, roman};
use regex::Regex;
use wirecat::commands::limits::{Amount, LIMITS};

use super::read;

/// Adds the section to a page.
pub(super) fn render(roff: &mut Roff) {
    roff.control("SH", ["LIMITS"]);
    roff.text([roman("What others can make grow, or have wait, ends somewhere:")]);
    for limit in LIMITS {
        if !limit.part.is_empty() {
            roff.control("SS", [limit.part]);
        }
        roff.control("TP", []);
        roff.text([bold(limit.what)]);
        roff.text([roman(format!("{}: {}", limit.bound(), limit.then))]);
    }
}

/// Each amount is that of its constant, and a `debug_assert!` names each one that nothing exceeds.
#[test]
fn limits_are_those_of_the_source() {
    for (amount, place) in LIMITS.iter().flat_map(|limit| limit.amounts) {
        let (path, name) = place.split_once(' ').expect("a file and a constant");
        let source = read(&format!("src/{path}"));
        let declared = Regex::new(&format!(r"const {name}: \w+ =\s+([^;]+);")).unwrap();
        let value = declared.captures(&source).unwrap_or_else(|| panic!("{place} is not there"));
        let value = evaluate(&value[1]);
        let expected = match *amount {
            Amount::Bytes(value) | Amount::Mark(value) => value,
            Amount::Count(value) | Amount::Turn(value) => value,
            Amount::Time(time) => u64::try_from(time.as_nanos()).unwrap(),
        };
        assert_eq!(value, expected, "{place}");
        let is_asserted = Regex::new(&format!(r"debug_assert(_eq)?!\([^;]*\b{name}\b")).unwrap();
        let needs_assertion = matches!(amount, Amount::Bytes(_) | Amount::Count(_));
        assert!(
            !needs_assertion || is_asserted.is_match(&source),
            "no debug_assert! names {place}"
        );
    }
}

/// Each row has its test, and as many amounts as places for them.
#[test]
fn limits_have_their_tests() {
    for limit in LIMITS {
        let (path, name) = limit.test.split_once(' ').expect("a file and a test");
        let declared = format!("fn {name}()");
        assert!(read(path).contains(&declared), "{path} has no {declared}");
        assert_eq!(limit.bound.matches("{}").count(), limit.amounts.len(), "{}", limit.what);
    }
}

/// What an expression of a constant comes to; times are nanoseconds.
fn evaluate(text: &str) -> u64 {
    let of = |text: &str, unit: &str| -> Option<u64> {
        Some(evaluate(text.strip_prefix(unit)?.strip_suffix(')')?))
    };
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
    if let Some(seconds) = of(text, "Duration::from_secs(") {
        return nanos(Duration::from_secs(seconds));
    }
    if let Some(millis) = of(text, "Duration::from_millis(") {
        return nanos(Duration::from_millis(millis));
    }
    if let Some((value, shift)) = text.split_once("<<") {
        return evaluate(value.trim()) << evaluate(shift.trim());
    }
    text.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().unwrap()).product()
}
