//! The contract of the events, held against whatever the program prints in any test.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;
use wirecat::commands::Parsed;
use wirecat::report::Name;

const SCHEMA: &str = include_str!("../../../man/wirecat-events.schema.json");

/// Lines that are looked at from each end of an output; a flood is the same all over.
const ENOUGH: usize = 2000;

/// Every line of events starts like this, and hardly anything else.
const START: &str = "{\"ts\":";

/// The schema of each event by its name. One at a time is quicker than the choice of all.
static VALIDATORS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let each = schema["oneOf"].as_array().expect("one schema an event").iter().cloned();
    each.map(|mut event| {
        let name = event["title"].as_str().expect("a title").to_owned();
        event["$defs"] = schema["$defs"].clone();
        (name, jsonschema::validator_for(&event).expect("a schema"))
    })
    .collect()
});

/// What is wrong with the first whole line of events that does not keep the contract.
pub(crate) fn first_breach(output: &str) -> Option<String> {
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    let lines: Vec<&str> = whole.lines().filter(|line| line.starts_with(START)).collect();
    let (head, tail) = lines.split_at(lines.len().min(ENOUGH));
    let tail = &tail[tail.len().saturating_sub(ENOUGH)..];
    head.iter().chain(tail).find_map(|line| breach(line))
}

/// The first event that this command line is not known to tell (`src/commands/rules/emitters.rs`).
pub(crate) fn first_stranger(words: &[OsString], output: &str) -> Option<String> {
    let name = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        Name::of_word(value["event"].as_str()?)
    };
    let lines = output.lines().filter(|line| line.starts_with(START)).take(ENOUGH);
    let names: HashSet<Name> = lines.filter_map(name).collect();
    // A line that is refused tells only of that.
    let parsed = Parsed::of(words.iter().cloned()).ok().filter(|_| !names.is_empty())?;
    let is_strange = |name: &&Name| parsed.check().is_ok() && !parsed.emits(**name);
    names.iter().find(is_strange).map(ToString::to_string)
}

fn breach(line: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return Some(format!("{error}: {line}")),
    };
    let Some(validator) = value["event"].as_str().and_then(|name| VALIDATORS.get(name)) else {
        return Some(format!("an event that the schema does not know: {line}"));
    };
    validator.validate(&value).err().map(|error| format!("{error}: {line}"))
}

#[test]
fn a_breach_is_found_and_a_cut_line_is_none() {
    let good = "{\"ts\":0.5,\"event\":\"stopped\"}\n";
    assert_eq!(first_breach(good), None);
    assert_eq!(first_breach(&format!("{good}{{\"ts\":0.5,\"ev")), None);
    for bad in [
        "{\"ts\":0.5,\"event\":\"halted\"}\n",
        "{\"ts\":0.5,\"event\":\"stopped\",\"peer\":\"x\"}\n",
        "{\"ts\":0.5,\"event\":\"eof\"}\n",
        "{\"ts\":0.5,\"event\":\"warning\",\"kind\":\"new\",\"message\":\"m\"}\n",
        "{\"ts\":\n",
    ] {
        assert!(first_breach(&format!("{good}{bad}")).is_some(), "{bad}");
    }
}
