//! `wirecat-events(7)` and the JSON Schema, made from the tables of the events.

use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::{Map, Value, json};
use wirecat::close::Detail;
use wirecat::commands::emitters;
use wirecat::fields::{Field, FieldForm};
use wirecat::kind::Kind;
use wirecat::report::{Name, keys};
use wirecat::vocabulary::Word;

use super::check;
use super::manual::{DATE, finish};

const ABOUT: &[&str] = &[
    "wirecat reports what happens as events. For a person they are lines of words on stderr; -q, -v, \
     -vv and --events choose which, and their words may change. For a program they are JSON, and a \
     contract: one object a line, written whole, with --output json on stdout (all of them, the \
     messages included, or those that --events names) or with --log json on stderr (those that -q, \
     -v, -vv and --events choose).",
    "A field that does not apply is left out. Fields and kinds may be added in later versions, so \
     ignore what you do not know. Times and rates have six decimals, and nine where these say more, as \
     of a short time. In strings whatever a \
     terminal could take for a control sequence is escaped, which JSON allows without loss.",
    "The last line is always a summary whose code is the exit status.",
];

const EXAMPLE: &[&str] = &[
    r#"{"ts":1763646660.500000,"event":"listening","proto":"tcp","local":"127.0.0.1:9000"}"#,
    r#"{"ts":1763646662.104377,"event":"accepted","conn":1,"local":"127.0.0.1:9000","peer":"127.0.0.1:51312"}"#,
    r#"{"ts":1763646662.104391,"event":"data","conn":1,"peer":"127.0.0.1:51312","len":6,"text":"hello\n"}"#,
];

/// The tags of Python objects, and what each stands for.
const OBJECT_TAGS: &[(&str, &str)] = &[
    (r#"{"$tuple":[1,2]}, $set, $frozenset"#, "a tuple, a set"),
    (r#"{"$dict":[[1,"a"]]}, {"$ordereddict":[["a",1]]}"#, "a dict whose keys are not all text"),
    (r#"{"$bytes":"AP8="}, $bytearray"#, "bytes, in base64"),
    (r#"{"$int":"..."}, {"$float":"nan"}"#, "a number that JSON does not have"),
    (r#"{"$datetime":"2026-11-27T14:00:00.000001+00:00"}"#, "a date and a time, without its fold"),
    (r#"{"$date":"2026-11-27"}, {"$time":"14:00:00"}"#, "one of them"),
    (r#"{"$timedelta":"-1.500000"}"#, "a number of seconds"),
    (r#"{"$decimal":"1.50"}, {"$complex":[1.0,2.0]}"#, "other numbers"),
    (r#"{"$uuid":"..."}"#, "a UUID"),
];

#[test]
fn the_page_of_the_events_is_fresh() {
    check("man/wirecat-events.7", &page());
}

#[test]
fn the_schema_of_the_events_is_fresh() {
    let text = serde_json::to_string_pretty(&schema()).expect("JSON");
    check("man/wirecat-events.schema.json", &(text + "\n"));
}

#[test]
fn the_schema_knows_every_word_of_the_tables() {
    let words = &schema()["$defs"];
    assert_eq!(words["kind"]["enum"], json!(Kind::WORDS));
    assert_eq!(words["detail"]["enum"], json!(Detail::WORDS));
    assert_eq!(words["event"]["enum"], json!(Name::WORDS));
}

/// The example on the page is what the program would print.
#[test]
fn the_example_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    for line in EXAMPLE {
        let value: Value = serde_json::from_str(line).expect("JSON");
        assert!(validator.is_valid(&value), "{line}");
    }
    assert!(!validator.is_valid(&json!({"ts": 0.5, "event": "eof"})), "the peer is missing");
    assert!(!validator.is_valid(&json!({"ts": 0.5, "event": "stopped", "peer": "x"})));
}

fn page() -> String {
    let mut roff = Roff::new();
    let version = concat!("wirecat ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["wirecat-events", "7", DATE, version, "Events"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("wirecat-events - what wirecat reports, and how programs read it")]);
    roff.control("SH", ["DESCRIPTION"]);
    for (at, paragraph) in ABOUT.iter().enumerate() {
        if at > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*paragraph)]);
    }
    roff.control("SH", ["EVENTS"]);
    Name::ALL.iter().for_each(|name| describe(&mut roff, *name));
    roff.control("SH", ["FIELDS"]);
    for field in keys() {
        term(&mut roff, field.key, &format!("{} ({})", field.meaning, kind_of_value(&field)));
    }
    roff.control("SH", ["HOW CONNECTIONS END"]);
    roff.text([roman("The details of a closed event, and how the text form puts them:")]);
    for detail in Detail::ALL {
        term(&mut roff, detail.as_str(), detail.meaning());
    }
    roff.control("SH", ["KINDS"]);
    for kind in Kind::ALL {
        term(&mut roff, kind.as_str(), kind.meaning());
    }
    roff.text([roman(format!("Some kinds carry a number as well: {}.", numbered_kinds()))]);
    roff.control("SH", ["PYTHON OBJECTS"]);
    roff.text([roman("What --frame obj carries is JSON. What JSON lacks has a tag, both ways:")]);
    for (tag, meaning) in OBJECT_TAGS {
        term(&mut roff, tag, meaning);
    }
    roff.control("PP", []);
    roff.text([roman("Timezones are fixed offsets. Every other class is refused by its name.")]);
    roff.control("SH", ["EXAMPLE"]);
    roff.control("nf", []);
    for line in EXAMPLE {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "wirecat(1). The same as a JSON Schema (draft 2020-12): wirecat man events-schema",
    )]);
    finish(&roff.to_roff())
}

fn describe(roff: &mut Roff, name: Name) {
    term(roff, name.as_str(), name.meaning());
    let always = name.always().iter().map(|key| (*key).to_owned());
    let sometimes = name.sometimes().into_iter().map(|key| format!("[{key}]"));
    let fields: Vec<String> = always.chain(sometimes).collect();
    if !fields.is_empty() {
        roff.control("br", []);
        roff.text([italic(fields.join(" "))]);
    }
    roff.control("br", []);
    roff.text([roman(format!("Reported by {}.", emitters(name)))]);
}

fn term(roff: &mut Roff, name: &str, words: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(words)]);
}

fn kind_of_value(field: &Field) -> String {
    let plain = match (field.key, field.form) {
        ("event", _) => "see EVENTS",
        ("detail", _) => "see HOW CONNECTIONS END",
        ("kind", _) => "see KINDS",
        (_, FieldForm::Text) => "string",
        (_, FieldForm::Texts) => "array of strings",
        (_, FieldForm::Base64) => "string in base64",
        (_, FieldForm::Number) => "number",
        (_, FieldForm::Count) => "integer",
        (_, FieldForm::Flag) => "true",
        (_, FieldForm::Word(words)) => return alternatives(words),
        (key, FieldForm::Fields(_)) => panic!("{key} is no key of its own"),
    };
    plain.to_owned()
}

/// `a, b or c`.
fn alternatives(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// The schema of one line.
fn schema() -> Value {
    let events: Vec<Value> = Name::ALL.iter().map(|name| event(*name)).collect();
    let definitions: Map<String, Value> =
        keys().iter().map(|field| (field.key.to_owned(), value(field))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of wirecat's events",
        "oneOf": events,
        "$defs": definitions,
    })
}

fn event(name: Name) -> Value {
    let reference = |key: &str| (key.to_owned(), json!({"$ref": format!("#/$defs/{key}")}));
    let keys = ["ts", "tag"].into_iter().chain(name.always().iter().copied());
    let mut properties: Map<String, Value> = keys.chain(name.sometimes()).map(reference).collect();
    properties.insert("event".into(), json!({"const": name.as_str()}));
    let required: Vec<&str> =
        ["ts", "event"].into_iter().chain(name.always().iter().copied()).collect();
    json!({
        "title": name.as_str(),
        "description": name.meaning(),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn value(field: &Field) -> Value {
    let mut value = match field.form {
        FieldForm::Text => json!({"type": "string"}),
        FieldForm::Texts => json!({"type": "array", "items": {"type": "string"}}),
        FieldForm::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
        FieldForm::Number => json!({"type": "number"}),
        FieldForm::Count => json!({"type": "integer", "minimum": 0}),
        FieldForm::Flag => json!({"const": true}),
        FieldForm::Word(words) => json!({"enum": words}),
        FieldForm::Fields(_) => panic!("{} is no key of its own", field.key),
    };
    value["description"] = field.meaning.into();
    value
}

/// `not-connected 1001, …`, in the order of the numbers.
fn numbered_kinds() -> String {
    let mut numbered: Vec<(u32, Kind)> =
        Kind::ALL.iter().filter_map(|kind| Some((kind.code()?, *kind))).collect();
    numbered.sort_by_key(|(code, _)| *code);
    let words: Vec<String> = numbered.iter().map(|(code, kind)| format!("{kind} {code}")).collect();
    words.join(", ")
}
