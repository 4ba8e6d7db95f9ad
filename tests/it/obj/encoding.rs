//! A large text is encoded in many turns of the loop: others are served in between, and what comes
//! behind it waits.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

use super::turns::{MIB, TUPLES, pickle, round_trip, small};
use super::{encode, framed};
use crate::support::net::{connect, peer, read_all, read_exactly, reset, until_reset};
use crate::support::{Running, proc, wirecat};

/// What takes long to encode, each in another part of the encoder: what it starts with, repeats and
/// ends with.
const SHAPES: &[(&str, &str, &str)] = &[
    ("[", "{\"$tuple\":[]},", "0]"),
    ("[", "7,", "0]"),
    ("[", "0.12345678901234567,", "0]"),
    ("[", "{\"$datetime\":\"2026-11-27T14:00:00.000001\"},", "0]"),
    ("{", "\"a\":{},", "\"b\":0}"),
    ("{\"$dict\":[", "[1,\"a\"],", "[1,1]]}"),
    ("\"", "\\u0001", "\""),
    ("{\"", "\\ud83d\\ude00", "\":1}"),
    ("{\"$bytes\":\"", "AAAA", "\"}"),
    ("[", "{\"$int\":\"123456789012345678901234567890\"},", "0]"),
];

fn json((start, unit, end): (&str, &str, &str), len: usize) -> String {
    [start, &unit.repeat(len / unit.len()), end].concat()
}

fn serve(args: &[&str]) -> (Running, String) {
    let args = [&["tcp-serve", "--frame", "obj"], args, &["127.0.0.1:0"]].concat();
    wirecat(args).piped().serve()
}

/// A hub with three clients.
fn hub(args: &[&str]) -> (Running, [TcpStream; 3]) {
    let args = [&["--hub", "--queue", "16MiB", "--output", "none"], args].concat();
    let (server, address) = serve(&args);
    let clients = [(); 3].map(|()| connect(&address));
    // All are in.
    pass(&clients);
    (server, clients)
}

/// The second client sends something small to the two others.
fn pass([one, two, three]: &[TcpStream; 3]) {
    send(two, &small());
    for to in [one, three] {
        assert_eq!(read_exactly(to, small().len()), small());
    }
}

fn send(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("it is taken");
}

/// The order of events: while the server stands still, something large becomes whole, by `complete`,
/// and the second client sends something small behind it, which the third one gets first.
fn is_overtaken(server: &mut Running, clients: &[TcpStream; 3], complete: impl Fn(&mut Running)) {
    server.signal(libc::SIGSTOP);
    proc::wait_for_state(server.pid(), "T");
    complete(server);
    send(&clients[1], &small());
    server.signal(libc::SIGCONT);
    assert_eq!(read_exactly(&clients[2], small().len()), small());
}

#[test]
fn others_are_served_while_a_large_text_is_encoded() {
    for form in ["line", "json"] {
        let (mut server, clients) = hub(&["--input", form]);
        for shape in SHAPES {
            let text = json(*shape, MIB);
            server.say(match form {
                "json" => serde_json::json!({ "send": text, "to": 3 }).to_string(),
                _ => text.clone(),
            });
            // Until the server has read it, at 256 KiB a turn or less.
            (0..MIB / (32 << 10)).for_each(|_| pass(&clients));
            is_overtaken(&mut server, &clients, |server| server.say("\n"));
            let expected = framed(&encode(&text));
            let whole = || read_exactly(&clients[2], expected.len()) == expected;
            assert!(whole(), "{form}: {}", &text[..20]);
            assert_eq!(read_exactly(&clients[0], small().len()), small());
            if form == "line" {
                let at = |at: usize| read_exactly(&clients[at], expected.len()) == expected;
                assert!(at(0) && at(1), "{form}: {}", &text[..20]);
            }
        }
    }
}

/// A hub decodes what comes and encodes it again. Messages of others overtake it; those of the same
/// client come behind it.
#[test]
fn a_hub_serves_others_while_it_passes_on_what_is_large() {
    let (mut server, clients) = hub(&[]);
    let object = pickle(TUPLES, MIB / 4);
    let frame = framed(&object);
    let (most, last) = frame.split_at(frame.len() - 1);
    send(&clients[0], most);
    (0..most.len() / (32 << 10)).for_each(|_| pass(&clients));
    let number = framed(&encode("2"));
    let behind = [last, &number].concat();
    is_overtaken(&mut server, &clients, |_| send(&clients[0], &behind));
    // The same with the protocol in front.
    let expected = [framed(&[b"\x80\x04", &object[..]].concat()), number].concat();
    assert!(read_exactly(&clients[2], expected.len()) == expected);
    assert!(read_exactly(&clients[1], expected.len()) == expected);
}

/// An echo is the same.
#[test]
fn an_echo_serves_others_while_it_answers_what_is_large() {
    let args = ["echo", "--tcp", "--frame", "obj", "127.0.0.1:0"];
    let (_server, address) = wirecat(args).stdout(Stdio::null()).serve();
    let (one, other) = (connect(&address), connect(&address));
    let frame = framed(&encode(&json(SHAPES[0], 4 * MIB)));
    let (most, last) = frame.split_at(frame.len() - 1);
    send(&one, most);
    (0..most.len() / (32 << 10)).for_each(|_| round_trip(&other));
    send(&one, &[last, &small()].concat());
    (0..2).for_each(|_| round_trip(&other));
    one.shutdown(Shutdown::Write).expect("a FIN");
    assert!(read_all(&one) == [frame, small()].concat());
}

/// Large and small lines come in their order, the last one without its end, and the FIN is behind
/// them; the same under a rate, and of commands.
#[test]
fn the_end_of_the_input_comes_behind_a_large_text() {
    let large = json(SHAPES[1], MIB);
    let texts = ["1", &large, &large, "2", &large];
    let expected: Vec<u8> = texts.iter().flat_map(|text| framed(&encode(text))).collect();
    let lines = texts.join("\n");
    let command = |text: &&str| serde_json::json!({ "send": *text }).to_string() + "\n";
    let commands = texts.iter().map(command).collect::<String>() + "{\"quit\":true}\n";
    for (args, input) in [
        (&["--input", "line"][..], &lines),
        (&["--input", "line", "--rate", "1GiB/s"], &lines),
        (&["--input", "json"], &commands),
    ] {
        let server = peer(|stream| read_all(&stream));
        let args = [&["tcp-connect", "--frame", "obj"], args, &[&server.address]].concat();
        wirecat(args).input(input.as_str()).run().code(0);
        assert!(server.join() == expected);
    }
    let server = peer(|stream| read_all(&stream));
    let args = ["tcp-connect", "--frame", "obj", "--input", "json", &server.address];
    let ended = wirecat(args).input(commands.as_str()).run().code(0);
    assert!(server.join() == expected);
    let sent = ended.text().lines().filter(|line| line.contains("\"event\":\"sent\""));
    let lens = sent.map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        event["len"].as_u64().expect("a number") as usize
    });
    assert!(ended.text().is_empty() || lens.eq(texts.map(str::len)));
}

/// What cannot be sent ends as it does where it is short.
#[test]
fn a_large_text_that_cannot_be_sent_is_refused() {
    let large = json(SHAPES[1], MIB);
    for (text, words) in [
        (
            format!("{large},"),
            "cannot send message 2 of stdin: not JSON: something follows at byte",
        ),
        (format!("[{large}{large}]"), "cannot send message 2 of stdin: not JSON"),
        (large.replace('7', "123456789"), "longer than the limit of 1048576 bytes"),
    ] {
        let server = peer(|stream| read_all(&stream));
        let args = ["tcp-connect", "--frame", "obj", "--max-frame", "1MiB", &server.address];
        let ended = wirecat(args).input(format!("[1]\n{text}\n[2]\n")).run().code(6);
        ended.says(words);
        assert_eq!(server.join(), small());
    }
    let (mut server, address) =
        serve(&["--input", "json", "--output", "json", "--max-frame", "64k"]);
    let one = connect(&address);
    server.say(serde_json::json!({ "send": large }).to_string() + "\n{\"send\":\"[1]\"}\n");
    let failed = server.wait_for_event("send-failed");
    assert_eq!(failed["line"], 1);
    assert_eq!(read_exactly(&one, small().len()), small());
}

/// A run that is told to stop does not wait for what it has not encoded: whoever was to get it is cut.
#[test]
fn a_run_that_ends_cuts_those_who_lack_what_is_not_encoded() {
    let (mut server, [one, two, three]) = hub(&["--input", "line"]);
    server.say(json(SHAPES[1], 8 * MIB));
    let (one, clients) = (one.try_clone().expect("a socket"), [one, two, three]);
    (0..8 * MIB / (32 << 10)).for_each(|_| pass(&clients));
    is_overtaken(&mut server, &clients, |server| {
        server.say("\n");
        server.signal(libc::SIGTERM);
    });
    assert_eq!(until_reset(&one), small());
    server.wait().code(6);
}

/// A sender that resets while a hub decodes and encodes what it has sent: the others go on.
#[test]
fn a_reset_ends_the_encoding() {
    let (mut server, [one, two, three]) = hub(&[]);
    send(&one, &framed(&pickle(TUPLES, MIB)));
    reset(one);
    server.wait_for("was lost");
    send(&two, &small());
    let mut came = read_exactly(&three, small().len());
    if came != small() {
        // It was encoded before the reset came.
        came = read_exactly(&three, MIB + 5);
        assert!(came.ends_with(&small()));
    }
}

/// What a hub holds of one large object is in proportion to it: itself, its values, its text, and
/// what goes out.
#[test]
fn to_pass_on_what_is_large_has_a_bounded_cost() {
    let (server, [one, mut two, _three]) = hub(&[]);
    let frame = framed(&pickle(TUPLES, MIB / 2));
    let before = proc::peak_kib(server.pid());
    send(&one, &frame);
    let mut header = [0; 8];
    two.read_exact(&mut header).expect("a header");
    assert_eq!(header, *b"   80005");
    let cost = proc::peak_kib(server.pid()).saturating_sub(before);
    assert!(cost < 13 * 1024, "{cost} KiB");
}
