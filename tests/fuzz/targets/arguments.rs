//! What is typed on the command line: each grammar by itself, and whole lines of words. What can
//! be written again means the same.

#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use clap::Parser;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use wirecat::commands::{Cli, InputForm};
use wirecat::framing::{Framing, InputFraming};
use wirecat::multicast::GroupAddress;
use wirecat::protocol::chat::Nick;
use wirecat::protocol::command::CommandForm;
use wirecat::protocol::expect::{Expect, Lookout};
use wirecat::protocol::output::Output;
use wirecat::protocol::pacer::Rate;
use wirecat::protocol::sequence_field::SequenceField;
use wirecat::protocol::slow::Policy;
use wirecat::protocol::text;
use wirecat::sessions::config::Hook;
use wirecat::sockets::{Address, SocketOptions};
use wirecat::values;

/// Words that lead further than letters at random.
const WORDS: &[&str] = &[
    "tcp-serve",
    "tcp-connect",
    "udp-send",
    "udp-listen",
    "mcast-join",
    "mcast-send",
    "echo",
    "chat",
    "-w",
    "1s",
    "--idle-timeout",
    "-c",
    "3",
    "--expect",
    "x+",
    "--send",
    "a\\n",
    "-n",
    "--input",
    "hex",
    "--output",
    "json",
    "--rate",
    "10/s",
    "--frame",
    "u32",
    "--max-frame",
    "1M",
    "-O",
    "mark=1",
    "--on",
    "closed=true",
    "--tag",
    "-v",
    "-q",
    "--log",
    "127.0.0.1:0",
    ":80",
    "239.1.2.3:5000%all",
    "unix:@a",
    "fd:3",
    "--",
    "-z",
    "--reply",
    "--hub",
    "--deny",
    "::/0",
    "--queue",
    "64k",
    "--slow",
    "kick",
    "--ttl",
    "--seq",
    "u32@8",
    "--max-loss",
    "1%",
    "--ping",
    "--interval",
    "0",
    "--nick",
    "ann",
    "--host",
    "--forward",
    "--exec",
    "--once",
];

fuzz_target!(|data: &[u8]| {
    let _ = check(&mut Unstructured::new(data));
});

fn check(choices: &mut Unstructured<'_>) -> Result<()> {
    match choices.int_in_range(0..=5)? {
        0 => words(choices),
        1 => expectation(choices),
        _ => {
            let bytes = choices.bytes(choices.len())?;
            value(&String::from_utf8_lossy(bytes));
            shown(bytes);
            Ok(())
        }
    }
}

fn words(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut words = vec!["wirecat".to_owned()];
    for _ in 0..choices.int_in_range(0..=12)? {
        words.push(match choices.ratio(7, 8)? {
            true => (*choices.choose(WORDS)?).to_owned(),
            false => choices.arbitrary()?,
        });
    }
    let _ = Cli::try_parse_from(words);
    Ok(())
}

/// Whether a text matches is the same wherever it is cut, but that each cut may be the end (`$`).
fn expectation(choices: &mut Unstructured<'_>) -> Result<()> {
    let pattern: String = choices.arbitrary()?;
    let size = choices.int_in_range(1..=9)?;
    let text = choices.bytes(choices.len())?;
    if let Ok(expect) = pattern.parse::<Expect>() {
        let whole = Lookout::new(&expect).feed(text);
        let mut cut = Lookout::new(&expect);
        let mut found = text.is_empty() && cut.feed(text);
        for piece in text.chunks(size) {
            found |= cut.feed(piece);
        }
        let knows_ends = pattern.contains(['$', '\\']);
        assert!(found == whole || found && knows_ends, "{pattern:?}");
    }
    Ok(())
}

fn value(text: &str) {
    again::<Address>(text);
    again::<GroupAddress>(text);
    again::<Framing>(text);
    again::<InputFraming>(text);
    let _ = text.parse::<InputForm>();
    again::<Output>(text);
    again::<SequenceField>(text);
    again::<CommandForm>(text);
    again::<Nick>(text);
    let _ = text.parse::<Rate>();
    let _ = text.parse::<Policy>();
    let _ = text.parse::<Hook>();
    let _ = values::parse_size(text);
    let _ = values::parse_nonzero_size(text);
    let _ = values::parse_count(text);
    let _ = values::parse_duration(text);
    let _ = values::parse_percent(text);
    let _ = SocketOptions::default().set(text);
    let _ = values::unescape(text);
}

/// What is read can be written and read again.
fn again<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert!(written.parse::<T>().is_ok_and(|again| again == value), "{text:?}: {written:?}");
    }
}

/// What is shown disturbs no terminal, and without anything unusual in it stands for its bytes.
fn shown(bytes: &[u8]) {
    let line = text::escape(bytes);
    assert!(!line.contains(text::is_unprintable), "{line:?}");
    assert!(!text::escape_keeping_newlines(bytes).contains('\x1b'));
    if !line.contains("\\u{") {
        assert_eq!(values::unescape(&line), bytes, "{line:?}");
    }
}
