//! Large objects as events: the text of one is escaped in many turns, and its line is whole all the same.

use std::net::Shutdown;

use serde_json::Value;

use super::turns::{MIB, TUPLES, pickle, small};
use super::{encode, framed};
use crate::support::net::{connect, read_exactly};
use crate::support::{proc, wirecat};

/// Each line of a run's output.
fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Objects of one client come in their order; every line is whole, whatever is in the text.
#[test]
fn a_large_object_is_one_event_among_others() {
    let texts = ["{\"$tuple\":[]},", "\"\\u0001\\\"\u{7f}é\u{202e}\u{1f600}\","];
    let texts = texts.map(|unit| format!("[{}0]", unit.repeat(3 * MIB / unit.len())));
    let all = ["1", &texts[0], "2", &texts[1], &texts[1], "[3]"];
    let wire: Vec<u8> = all.iter().flat_map(|text| framed(&encode(text))).collect();
    let args = ["tcp-serve", "--frame", "obj", "--output", "json", "-1", "--reply", "[1]"];
    let mut server = wirecat([&args[..], &["127.0.0.1:0"]].concat()).start();
    let address = server.wait_for_event("listening")["local"].as_str().expect("text").to_owned();
    let client = connect(&address);
    std::io::Write::write_all(&mut &client, &wire).expect("it is taken");
    assert_eq!(read_exactly(&client, all.len() * small().len()), small().repeat(all.len()));
    client.shutdown(Shutdown::Write).expect("a FIN");
    let ended = server.wait().code(0);
    let events = events(ended.text());
    let names = events.iter().map(|event| event["event"].as_str().expect("text"));
    let names: Vec<&str> = names.skip_while(|name| *name != "accepted").collect();
    let expected = [&["accepted"][..], &["data"; 6], &["eof", "closed"]].concat();
    assert!(names.starts_with(&expected), "{names:?}");
    for (event, text) in events.iter().filter(|event| event["event"] == "data").zip(all) {
        let same: Value = serde_json::from_str(text).expect("JSON");
        let text = event["text"].as_str().expect("text");
        assert_eq!(
            (event["conn"].as_u64(), event["len"].as_u64()),
            (Some(1), Some(text.len() as u64))
        );
        assert!(serde_json::from_str::<Value>(text).expect("JSON") == same, "{}", &text[..20]);
    }
}

/// A reader of stdout that takes nothing holds the text, and not what would become of it: 14 bytes
/// for each of the pickle, and not 18 more.
#[test]
fn a_large_event_is_escaped_as_it_is_read() {
    let (mut stdout, unread) = crate::support::pipes::pipe().expect("a pipe");
    let args = ["tcp-serve", "--frame", "obj", "--output", "json", "-1", "127.0.0.1:0"];
    let mut server = wirecat(args).stdout(unread).start();
    let client = connect(&server.address());
    let before = proc::peak_kib(server.pid());
    let wire = framed(&pickle(TUPLES, MIB));
    std::io::Write::write_all(&mut &client, &wire).expect("it is taken");
    let mut output = vec![0; 64 << 10];
    // The beginning of the text is there.
    while !output.ends_with(b"$tuple") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut stdout, &mut byte).expect("output");
        output.extend_from_slice(&byte);
    }
    let cost = proc::peak_kib(server.pid()).saturating_sub(before);
    assert!(cost < 26 * 1024, "{cost} KiB");
    client.shutdown(Shutdown::Write).expect("a FIN");
    std::io::Read::read_to_end(&mut stdout, &mut output).expect("output");
    let text = String::from_utf8(output.split_off(64 << 10)).expect("text");
    let line = text.lines().find(|line| line.contains("\"closed\"")).expect("the connection's end");
    assert!(serde_json::from_str::<Value>(line).is_ok());
    assert!(text.contains("\"}]}\",\"partial\"") || text.contains("[]}]}\"}\n"), "{}", &text[..99]);
    server.wait().code(0);
}

/// A run that is told to stop in the middle of an event ends its line.
#[test]
fn a_run_that_ends_ends_the_line() {
    let args = ["tcp-serve", "--frame", "obj", "--output", "json", "127.0.0.1:0"];
    let mut server = wirecat(args).start();
    let address = server.wait_for_event("listening")["local"].as_str().expect("text").to_owned();
    let client = connect(&address);
    // More than any pipe holds, and little enough for the time that stdout has behind a signal.
    let count = MIB / 8;
    std::io::Write::write_all(&mut &client, &framed(&pickle(TUPLES, count))).expect("it is taken");
    server.wait_for_output("$tuple");
    server.signal(libc::SIGTERM);
    let events = events(server.wait().text());
    assert!(events.iter().any(|event| event["len"] == 14 * count as u64 + 12));
    assert_eq!(events.last().expect("an event")["event"], "summary");
}
