//! Options that are right by themselves and cannot apply where they stand: each is refused with
//! exit status 2, and none is ignored in silence (SPEC 1.6, conformance 13).

use crate::support::wirecat;

/// Each command line is refused as `cannot use OPTION: CAUSE`.
#[track_caller]
fn refuse(option: &str, cause: &str, lines: &[&str]) {
    for line in lines {
        let ended = wirecat(line.split_whitespace()).run();
        assert_eq!(ended.code, Some(2), "{line}; stderr:\n{}", ended.stderr);
        let words = format!("wirecat: cannot use {option}: {cause}");
        assert!(ended.stderr.starts_with(&words), "{line}: {words:?} is not:\n{}", ended.stderr);
    }
}

#[test]
fn messages_need_a_framing() {
    let cause = "a stream has no messages without a framing, such as --frame line";
    refuse("--count", cause, &["tcp-connect -c 1 1", "tcp-serve -c 1 0"]);
    refuse("--read-timeout", cause, &["tcp-connect --read-timeout 1 1"]);
    let lines = ["tcp-connect --max-frame 5 1", "tcp-serve --input raw --max-frame 5 0"];
    refuse("--max-frame", cause, &lines);
    refuse(
        "--keep-cr",
        "it needs --frame line",
        &["tcp-connect --keep-cr 1", "tcp-serve --keep-cr --frame u8 0"],
    );
    refuse(
        "--chomp",
        "it needs --input line",
        &["tcp-connect --chomp 1", "tcp-connect --chomp --input hex 1"],
    );
    refuse(
        "fixed:20",
        "it is more than the 10 bytes of --max-frame",
        &[
            "tcp-connect --frame fixed:20 --max-frame 10 1",
            "tcp-connect --input fixed:20 --max-frame 10 1",
        ],
    );
    refuse(
        "fixed:33554432",
        "it is more than the 16777216 bytes of --max-frame",
        &["tcp-serve --frame fixed:32M 0"],
    );
}

#[test]
fn what_speaks_of_stdin_needs_one() {
    let cause = "-n says that there is no stdin";
    for (option, given) in [
        ("--input", "--input line"),
        ("--crlf", "-C"),
        ("--keep-open", "--keep-open"),
        ("--quit-after", "--quit-after 1"),
    ] {
        refuse(option, cause, &[&format!("tcp-connect -n {given} 1")]);
        refuse(option, cause, &[&format!("tcp-serve -n {given} 0")]);
    }
}

#[test]
fn a_handler_without_stdin_takes_no_options_for_it() {
    let cause = "this handler does not send stdin to its clients";
    for handler in ["--reply x", "--discard", "--save d"] {
        for (option, given) in [
            ("--input", "--input hex"),
            ("--crlf", "-C"),
            ("--keep-open", "--keep-open"),
            ("--quit-after", "--quit-after 1"),
        ] {
            refuse(option, cause, &[&format!("tcp-serve {handler} {given} 0")]);
        }
    }
    let cause = "the end of stdin means nothing to the clients of a hub";
    refuse("--keep-open", cause, &["tcp-serve --hub --keep-open 0"]);
    refuse("--quit-after", cause, &["tcp-serve --hub --quit-after 1 0"]);
    let cause = "--discard writes nothing (json shows the events)";
    refuse("--output", cause, &["tcp-serve --discard --output hex 0"]);
}

#[test]
fn a_policy_for_slow_clients_needs_something_to_send_them() {
    let cause = "nothing is sent that clients could be slow for";
    for handler in ["--discard", "--save d", "-n"] {
        refuse("--slow", cause, &[&format!("tcp-serve {handler} --slow kick 0")]);
        refuse("--slow-after", cause, &[&format!("tcp-serve {handler} --slow-after 1 0")]);
        refuse("--queue", cause, &[&format!("tcp-serve {handler} --queue 1M 0")]);
    }
    let lines = ["tcp-serve --slow block --slow-after 1 0"];
    refuse("--slow-after", "--slow block waits for ever", &lines);
}

#[test]
fn stdin_is_read_for_one_purpose() {
    refuse(
        "@-",
        "stdin can be read for one purpose only (-n frees it)",
        &[
            "tcp-serve --greet @- 0",
            "tcp-serve --hub --greet @- 0",
            "tcp-serve --greet @- --reply @- 0",
        ],
    );
}

#[test]
fn options_of_ip_need_an_ip_address() {
    let cause = "it speaks of IP addresses, and this is another kind of socket";
    refuse(
        "-4",
        cause,
        &["tcp-connect -4 unix:/nosuch/s", "tcp-connect -4 fd:3", "tcp-serve -4 unix:/nosuch/s"],
    );
    refuse("-6", cause, &["tcp-connect -6 unix:@x", "tcp-serve -6 fd:3 unix:/nosuch/s"]);
    refuse("--port-file", "a unix socket has no port", &["tcp-serve --port-file p unix:/nosuch/s"]);
    let cause = "unix:/nosuch/s is an address of another kind";
    refuse("--bind", cause, &["tcp-connect --bind :0 unix:/nosuch/s"]);
    refuse("--bind", ":80 is an address of another kind", &["tcp-connect --bind unix:/x :80"]);
    let cause = "\"fd:3\" cannot be bound to: write ADDRESS, ADDRESS:PORT, :PORT or unix:PATH";
    refuse("--bind", cause, &["tcp-connect --bind fd:3 :80"]);
}

#[test]
fn an_inherited_socket_is_connected_already() {
    let cause = "an inherited socket is connected already";
    refuse("--wait", cause, &["tcp-connect --wait 1 fd:3"]);
    refuse("--connect-timeout", cause, &["tcp-connect --connect-timeout 1 fd:3"]);
    refuse("--reconnect", cause, &["tcp-connect --reconnect fd:3"]);
}

/// What a framing cannot carry is found before anybody connects.
#[test]
fn a_text_that_the_framing_cannot_carry_is_refused() {
    for (line, words) in [
        ("tcp-serve --frame fixed:4 --reply hello 0", "--reply with --frame fixed:4"),
        ("tcp-serve --frame line --greet a\\nb 0", "--greet with --frame line"),
        (
            "tcp-serve --frame netstring --max-frame 4 --greet hello 0",
            "--greet with --frame netstring",
        ),
    ] {
        wirecat(line.split_whitespace()).run().code(2).says(words);
    }
}

/// An option whose default is written out is refused like one with any other value.
#[test]
fn a_default_that_is_typed_is_refused_like_any_value() {
    let cause = "-z sends and receives nothing";
    refuse("--on-peer-close", cause, &["tcp-connect -z --on-peer-close continue 1"]);
    refuse("--frame", cause, &["tcp-connect -z --frame none 1"]);
    let cause = "a half-close is passed on to the other side";
    let lines = [
        "tcp-serve --exec cat --on-peer-close continue 0",
        "tcp-serve --forward 1 --on-peer-close continue 0",
        "tcp-connect --exec cat --on-peer-close continue 1",
    ];
    refuse("--on-peer-close", cause, &lines);
    let cause = "what is relayed is passed on as it is";
    refuse("--frame", cause, &["tcp-serve --exec cat --frame none 0"]);
    let cause = "-n says that there is no stdin";
    let lines =
        ["tcp-connect -n --on-peer-close continue 1", "tcp-serve -n --on-peer-close exit 0"];
    refuse("--on-peer-close", cause, &lines);
    let cause = "this handler does not send stdin to its clients";
    let lines = [
        "tcp-serve --reply x --on-peer-close continue 0",
        "tcp-serve --discard --on-peer-close exit 0",
        "tcp-serve --save d --on-peer-close exit 0",
    ];
    refuse("--on-peer-close", cause, &lines);
    let cause = "-n says that there is no stdin";
    refuse("--to", cause, &["udp-listen -n --to last 0", "udp-listen -n --to all 0"]);
    let cause = "an inherited socket is connected already";
    refuse("--wait", cause, &["echo --ping --wait 0 fd:9"]);
    refuse("--connect-timeout", cause, &["echo --ping --connect-timeout 10 fd:9"]);
}
