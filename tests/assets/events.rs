//! `wirecat-events(7)` and the JSON Schema, made from the catalogue of the events.

use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::{Map, Value, json};
use wirecat::close::{Cause, Detail};
use wirecat::kind::Kind;
use wirecat::report::Name;
use wirecat::report::catalogue::{EVENTS, Entry, FIELDS, Field, Form};

use super::check;

const ABOUT: &[&str] = &[
    "wirecat tells what happens as events. For a person they are lines of words on stderr; -q, -v \
     and -vv choose which, and their words may change. For a program they are JSON, and a \
     contract: one object a line, written whole, with --output json on stdout (all of them, the \
     messages included) or with --log json on stderr (those that -q, -v and -vv choose).",
    "A field that does not apply is left out. Fields and kinds may be added in later versions, so \
     pass over what you do not know. Times and rates have six decimals. In strings whatever a \
     terminal could take for a control sequence is escaped, which JSON allows without loss.",
    "The last line is always a summary whose code is the exit status.",
];

const EXAMPLE: &[&str] = &[
    r#"{"ts":1763646660.500000,"event":"listening","proto":"tcp","local":"127.0.0.1:9000"}"#,
    r#"{"ts":1763646662.104377,"event":"accepted","conn":1,"local":"127.0.0.1:9000","peer":"127.0.0.1:51312"}"#,
    r#"{"ts":1763646662.104391,"event":"data","conn":1,"peer":"127.0.0.1:51312","len":6,"text":"hello\n"}"#,
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
    roff.control("TH", ["wirecat-events", "7", "", version, "Events"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("wirecat-events - what wirecat tells, and how programs read it")]);
    roff.control("SH", ["DESCRIPTION"]);
    for paragraph in ABOUT {
        roff.text([roman(*paragraph)]);
        roff.control("PP", []);
    }
    roff.control("SH", ["EVENTS"]);
    EVENTS.iter().for_each(|entry| describe(&mut roff, entry));
    roff.control("SH", ["FIELDS"]);
    for field in FIELDS {
        term(&mut roff, field.name, &format!("{} ({})", field.words, kind_of_value(field.form)));
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
    roff.to_roff()
}

fn describe(roff: &mut Roff, entry: &Entry) {
    term(roff, entry.name.as_str(), entry.words);
    let optional = entry.sometimes.iter().map(|name| format!("[{name}]"));
    let fields: Vec<String> =
        entry.always.iter().map(|name| (*name).to_owned()).chain(optional).collect();
    if !fields.is_empty() {
        roff.control("br", []);
        roff.text([italic(fields.join(" "))]);
    }
}

fn term(roff: &mut Roff, name: &str, words: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(words)]);
}

const fn kind_of_value(form: Form) -> &'static str {
    match form {
        Form::Text => "string",
        Form::Base64 => "string in base64",
        Form::Number => "number",
        Form::Count => "integer",
        Form::Flag => "true",
        Form::Event => "see EVENTS",
        Form::Cause => "error, host, peer or timeout",
        Form::Detail => "see HOW CONNECTIONS END",
        Form::Kind => "see KINDS",
    }
}

/// The schema of one line.
fn schema() -> Value {
    let events: Vec<Value> = EVENTS.iter().map(event).collect();
    let definitions: Map<String, Value> =
        FIELDS.iter().map(|field| (field.name.to_owned(), value(field))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of wirecat's events",
        "oneOf": events,
        "$defs": definitions,
    })
}

fn event(entry: &Entry) -> Value {
    let name = entry.name.as_str();
    let reference = |key: &str| (key.to_owned(), json!({"$ref": format!("#/$defs/{key}")}));
    let mut properties: Map<String, Value> = ["ts", "tag"]
        .iter()
        .chain(entry.always)
        .chain(entry.sometimes)
        .map(|k| reference(k))
        .collect();
    properties.insert("event".into(), json!({"const": name}));
    let required: Vec<&str> = ["ts", "event"].iter().chain(entry.always).copied().collect();
    json!({
        "title": name,
        "description": entry.words,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn value(field: &Field) -> Value {
    let mut value = match field.form {
        Form::Text => json!({"type": "string"}),
        Form::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
        Form::Number => json!({"type": "number"}),
        Form::Count => json!({"type": "integer", "minimum": 0}),
        Form::Flag => json!({"const": true}),
        Form::Event => json!({"enum": Name::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>()}),
        Form::Cause => json!({"enum": Cause::ALL}),
        Form::Detail => json!({"enum": Detail::ALL}),
        Form::Kind => json!({"enum": Kind::ALL}),
    };
    value["description"] = field.words.into();
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
