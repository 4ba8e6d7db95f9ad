//! `--frame obj`: Python objects behind a length in hex, as JSON on stdin and stdout.

mod encoding;
mod events;
mod turns;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;
use wirecat::framing::{FrameError, Framer, Framing};

use crate::support::net::{connect, peer, read_all, read_exactly, read_what_comes};
use crate::support::{PATIENCE, Running, proc, program, skip, wirecat};

const VECTORS: &str = include_str!("../vectors/pickle.jsonl");
const REFUSED: &str = include_str!("../vectors/pickle-refused.jsonl");

fn framer() -> Box<dyn Framer> {
    Framing::Obj.framer(16 << 20).expect("a framing")
}

fn unhex(text: &Value) -> Vec<u8> {
    HEXLOWER.decode(text.as_str().expect("text").as_bytes()).expect("hex")
}

/// Each line of some vectors.
fn vectors(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON"))
}

fn decode(pickle: &[u8]) -> Result<Value, FrameError> {
    let json = framer().decode(pickle)?.into_owned();
    Ok(serde_json::from_slice(&json).expect("JSON"))
}

/// JSON text as a pickle without its header.
fn encode(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    framer().encode(json.as_bytes(), &mut out).expect("it can be encoded");
    out.split_off(8)
}

/// A pickle as it goes over the wire.
fn framed(pickle: &[u8]) -> Vec<u8> {
    [format!("{:8X}", pickle.len()).as_bytes(), pickle].concat()
}

#[test]
fn every_vector_is_decoded_and_comes_back() {
    for vector in vectors(VECTORS) {
        let decoded = decode(&unhex(&vector["pickle"]));
        assert_eq!(decoded.as_ref(), Ok(&vector["json"]), "{vector}");
        assert_eq!(decode(&encode(&vector["json"].to_string())), decoded, "{vector}");
    }
}

/// Python has halves of surrogate pairs in the names of files that are no UTF-8; JSON can write
/// them down.
#[test]
fn halves_of_surrogate_pairs_come_and_go() {
    let json = r#"["a\udcffb","\ude00\ud83d",{"\ud800":1}]"#;
    let pickle = b"\x80\x04](\x8c\x05a\xed\xb3\xbfb\x8c\x06\xed\xb8\x80\xed\xa0\xbd}(\x8c\x03\xed\xa0\x80K\x01ue.";
    assert_eq!(encode(json), pickle);
    assert_eq!(framer().decode(pickle).unwrap().as_ref(), json.as_bytes());
    let old = b"V\\ud83d\\ude00\\ud83dx\\udcff\n.";
    assert_eq!(framer().decode(old).unwrap().as_ref(), "\"😀\\ud83dx\\udcff\"".as_bytes());
    let pair = encode(r#""\ud83d\ude00""#);
    assert_eq!(pair, b"\x80\x04\x8c\x04\xf0\x9f\x98\x80.");
    for broken in
        [&b"\x8c\x02\xed\xa0."[..], b"\x8c\x03\xed\xa0\xc0.", b"\x8c\x01\xff.", b"V\\U00110000\n."]
    {
        assert!(framer().decode(broken).is_err(), "{}", broken.escape_ascii());
    }
}

/// Pickles that are made rather than written down: too deep, too many digits, and the memo in
/// itself.
fn made() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("depth", [&b"\x80\x04"[..], &[b']'; 100_000], &[b'a'; 99_999], b"."].concat()),
        ("digits", [&b"L"[..], &[b'9'; 1_000_000], b"L\n."].concat()),
        ("a list in itself", b"\x80\x04]\x94h\x00a.".to_vec()),
        ("a dict in itself", b"\x80\x04}\x94K\x01h\x00s.".to_vec()),
    ]
}

/// WIRE.md: a hostile pickle is refused at once. The bound is generous for a loaded machine, and
/// far below what expanding any of them would take.
#[test]
fn every_hostile_pickle_is_refused_soon() {
    let written =
        vectors(REFUSED).map(|vector| (vector["name"].to_string(), unhex(&vector["pickle"])));
    let made = made().into_iter().map(|(name, pickle)| (name.to_owned(), pickle));
    // What repeats itself is written up to the limit before it is refused.
    let framer = Framing::Obj.framer(1 << 20).expect("a framing");
    for (name, pickle) in written.chain(made) {
        let started = Instant::now();
        let refused = framer.decode(&pickle).map(|_| ());
        assert!(refused.is_err(), "{name}");
        assert!(started.elapsed() < Duration::from_secs(20), "{name}");
    }
}

#[test]
fn what_asks_for_more_than_data_is_called_unsafe() {
    let named = ["REDUCE", "GLOBAL", "INST", "OBJ", "BUILD", "PERSID", "EXT", "NEWOBJ", "_codecs"];
    let mut seen = 0;
    for vector in vectors(REFUSED) {
        let name = vector["name"].to_string();
        if named.iter().any(|word| name.contains(word)) {
            let error = framer().decode(&unhex(&vector["pickle"])).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), wirecat::kind::Kind::UnsafePickle, "{name}: {error}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

/// Python that loads pairs of pickles in hex and compares the objects, types included.
const COMPARE: &str = "
import pickle, sys
for line in sys.stdin:
    ours, theirs = (pickle.loads(bytes.fromhex(part)) for part in line.split())
    # A signaling NaN cannot be compared.
    same = repr(ours) == repr(theirs) or ours == theirs and type(ours) is type(theirs)
    assert same, (ours, theirs)
print('same')
";

fn has_python() -> bool {
    crate::support::proc::output(Command::new("python3").arg("--version"))
        .is_ok_and(|output| output.status.success())
}

#[test]
fn cpython_loads_the_same_object() {
    if !has_python() {
        return skip("cpython_loads_the_same_object", "there is no python3");
    }
    let mut lines = String::new();
    for vector in vectors(VECTORS) {
        let ours = HEXLOWER.encode(&encode(&vector["json"].to_string()));
        lines.push_str(&format!("{ours} {}\n", vector["pickle"].as_str().expect("text")));
    }
    let mut python = Command::new("python3");
    python.args(["-c", COMPARE]);
    assert_eq!(program(python).input(lines).run().code(0).text(), "same\n");
}

/// The library as a server of one client: an echo in every protocol from 0 to 5 in turn.
const SERVER: &str = "
import pickle, socket, sys
listener = socket.create_server(('127.0.0.1', 0))
print('listening', listener.getsockname()[1], file=sys.stderr, flush=True)
stream = listener.accept()[0].makefile('rwb')
protocol = 0
while header := stream.read(8):
    thing = pickle.loads(stream.read(int(header, 16)))
    data = pickle.dumps(thing, protocol % 6)
    protocol += 1
    stream.write(b'%8X' % len(data) + data)
    stream.flush()
";

#[test]
fn a_python_peer_echoes_every_object() {
    if !has_python() {
        return skip("a_python_peer_echoes_every_object", "there is no python3");
    }
    let mut command = Command::new("python3");
    command.args(["-c", SERVER]);
    let mut python = crate::support::program(command).start();
    let port = python.wait_for("listening").rsplit(' ').next().expect("a port").to_owned();
    let lines: Vec<Value> = vectors(VECTORS).map(|vector| vector["json"].clone()).collect();
    let input: String = lines.iter().map(|json| format!("{json}\n")).collect();
    let ended = wirecat(["tcp-connect", "--frame", "obj", &port]).input(input).run().code(0);
    let echoed: Vec<Value> = vectors(ended.text()).collect();
    assert_eq!(echoed, lines);
    python.wait().code(0);
}

fn serve(args: &[&str]) -> (Running, String) {
    let args = [&["tcp-serve", "--frame", "obj"], args, &["127.0.0.1:0"]].concat();
    wirecat(args).serve()
}

#[test]
fn an_unsafe_pickle_costs_its_sender_the_connection_and_nobody_else() {
    let (mut server, address) = serve(&["--hub", "--conns", "3"]);
    let (good, other) = (connect(&address), connect(&address));
    let mut evil = connect(&address);
    evil.write_all(&framed(b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R."))
        .expect("it is taken");
    assert_eq!(read_what_comes(&evil), b"");
    server.wait_for("unsafe pickle: it asks for posix.system");
    (&good).write_all(&framed(&encode(r#"{"a":[1,{"$tuple":[]}]}"#))).expect("it is taken");
    let expected = framed(&encode(r#"{"a":[1,{"$tuple":[]}]}"#));
    assert_eq!(read_exactly(&other, expected.len()), expected);
    drop((good, other));
    let ended = server.wait().code(6);
    assert_eq!(ended.text(), "{\"a\":[1,{\"$tuple\":[]}]}\n");
}

#[test]
fn an_unsafe_pickle_has_a_kind_of_its_own() {
    let server = peer(|mut stream| {
        let _ = stream.write_all(&framed(b"cos\nsystem\n."));
    });
    let args = ["tcp-connect", "--frame", "obj", "--log", "json", &server.address];
    wirecat(args).run().code(6).says("\"kind\":\"unsafe-pickle\"");
    server.join();
}

#[test]
fn a_bad_header_or_a_cut_object_is_an_error() {
    for (wire, words) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "is not a length in hex"),
        (b"       0", "an object of 0 bytes"),
        (b"       5\x80\x04N.N", "bytes behind its end"),
        (b" 2000000", "33554432 bytes long, and the limit is 16777216 (--max-frame sets it)"),
        (b"       9\x80\x04N", "in the middle of a message"),
    ] {
        let server = peer(move |mut stream| {
            // A client that has seen enough may be gone.
            let _ = stream.write_all(wire);
        });
        let args = ["tcp-connect", "--frame", "obj", &server.address];
        wirecat(args).run().code(6).says(words);
        server.join();
    }
}

#[test]
fn what_is_no_json_is_not_sent() {
    let server = peer(|stream| read_all(&stream));
    let args = ["tcp-connect", "--frame", "obj", &server.address];
    let ended = wirecat(args).input("[1]\n{\"a\":}\n[2]\n").run().code(6);
    ended.says("cannot send message 2 of stdin: not JSON at byte 5");
    assert_eq!(server.join(), framed(&encode("[1]")));
    let args = ["tcp-serve", "--frame", "obj", "--reply", "no JSON", "127.0.0.1:0"];
    wirecat(args).run().code(2).says("not JSON");
}

/// Each connection has a decoder of its own: fragments of many objects, in turn.
#[test]
fn many_clients_do_not_disturb_each_other() {
    const CLIENTS: usize = 2000;
    if !proc::may_open(CLIENTS as u64) {
        return;
    }
    let (server, address) = serve(&["--conns", &CLIENTS.to_string()]);
    let object = |client: usize| format!("{{\"client\":{client},\"text\":\"{client:0>300}\"}}");
    let clients: Vec<(TcpStream, Vec<u8>)> =
        (0..CLIENTS).map(|client| (connect(&address), framed(&encode(&object(client))))).collect();
    for part in 0..4 {
        for (client, wire) in &clients {
            let step = wire.len().div_ceil(4);
            let end = wire.len().min((part + 1) * step);
            let mut client = client;
            client.write_all(&wire[part * step..end]).expect("it is taken");
        }
    }
    clients.iter().for_each(|(client, _)| client.shutdown(Shutdown::Write).expect("a FIN"));
    let ended = server.wait().code(0);
    let mut lines: Vec<&str> = ended.text().lines().collect();
    let mut expected: Vec<String> = (0..CLIENTS).map(object).collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

/// `--max-frame` is about the pickle, on both sides.
#[test]
fn max_frame_is_about_the_pickle() {
    let server = peer(|stream| read_all(&stream));
    let args = ["tcp-connect", "--frame", "obj", "--max-frame", "20", &server.address];
    // 40 bytes of JSON, 14 of pickle.
    let json = "[[],[],{\"$tuple\":[]},{\"$tuple\":[]},{}]";
    wirecat(args).input(json).run().code(0);
    assert_eq!(server.join(), framed(&encode(json)));
    let server = peer(|stream| read_all(&stream));
    let args = ["tcp-connect", "--frame", "obj", "--max-frame", "20", &server.address];
    wirecat(args).input("\"more than twenty bytes\"").run().code(6).says("the limit is 20");
    server.join();
}

/// Rows that are one object are written once each: 4 kB of pickle, 2 MB of text.
fn shared_rows() -> Vec<u8> {
    let row = [&b"(]\x94("[..], &b"K\x00".repeat(1000), b"e"].concat();
    [b"\x80\x04", &row[..], &b"h\x00".repeat(999), b"l."].concat()
}

/// What stays within `--max-frame` as text is taken, however often the memo repeats it.
#[test]
fn what_repeats_itself_is_taken_up_to_max_frame() {
    let json = framer().decode(&shared_rows()).expect("it is taken").into_owned();
    let row = format!("[{}]", ["0"; 1000].join(","));
    assert!(json == format!("[{}]", [row.as_str(); 1000].join(",")).into_bytes());
    let narrow = Framing::Obj.framer(1 << 20).expect("a framing");
    let error = narrow.decode(&shared_rows()).map(|_| ()).expect_err("it is too long");
    assert!(error.to_string().contains("to more than 1048576 bytes of JSON"), "{error}");
    // Without any repetition a pickle may come to more text than that.
    let small = Framing::Obj.framer(1000).expect("a framing");
    let tuples = [&b"("[..], &[b')'; 900], b"t."].concat();
    assert_eq!(small.decode(&tuples).map(|json| json.len()), Ok(12_612));
}

/// One read may hold many objects that come to much text: what nobody reads is not made.
#[test]
fn many_objects_that_repeat_themselves_wait_for_their_reader() {
    let (mut stdout, unread) = crate::support::pipes::pipe().expect("a pipe");
    let args = ["tcp-serve", "--frame", "obj", "--conns", "1", "127.0.0.1:0"];
    let mut server = wirecat(args).stdout(unread).start();
    let mut client = connect(&server.address());
    let before = proc::peak_kib(server.pid());
    let objects = 16;
    client.write_all(&framed(&shared_rows()).repeat(objects)).expect("it is taken");
    client.shutdown(Shutdown::Write).expect("a FIN");
    let mut begun = [PollFd::new(&stdout, PollFlags::IN)];
    let patience = PATIENCE.try_into().expect("a time");
    assert_eq!(poll(&mut begun, Some(&patience)), Ok(1));
    // All of them are 32 MB.
    let cost = proc::peak_kib(server.pid()).saturating_sub(before);
    assert!(cost < 16 * 1024, "{cost} KiB");
    let mut length = 0;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(count @ 1..) = std::io::Read::read(&mut stdout, &mut buffer) {
        length += count;
    }
    assert_eq!(length, objects * 2_002_002);
    server.wait().code(0);
}

/// What a pickle starts with, repeats and ends with, and its cost.
type Dense = (&'static [u8], &'static [u8], &'static [u8], u64);

/// What a pickle of the same opcodes over and over costs its receiver at most, in bytes for each
/// of its own: itself, what its values and groups take, and the text, which has up to 14. There is
/// a slack of about a fifth. The text goes to a stdout that nobody reads.
const DENSE: &[Dense] = &[
    (b"(", b"N", b"t.", 13),
    (b"(", b"]", b"t.", 11),
    (b"(", b")", b"t.", 23),
    (b"(", b"]2", b"t.", 16),
    (b"(", b"]\x94", b"t.", 14),
    (b"(", b"N\x85", b"t.", 20),
    (b"(", b"])a", b"t.", 15),
    (b"]", b"K\x01a", b".", 5),
    (b"(", b"\x8c\x00", b"t.", 7),
    (b"}(", b"KxN", b"u.", 9),
    (b"N\x94(", b"h\x00", b"t.", 8),
    (b"N", b"2", b".", 7),
    (b"N", b"\x94", b".", 7),
    (b"N", b"(", b"t.", 7),
    (b")", b"\x85", b".", 11),
    (b"cdatetime\ndate\n\x94C\x04\x07\xea\x0b\x1b\x94(", b"h\x00h\x01\x85R", b"t.", 13),
    (b"cuuid\nUUID\n\x94}\x8c\x03intK\x01s\x94(", b"h\x00)\x81h\x01b", b"t.", 14),
];

/// WIRE.md: what a hostile pickle costs is in proportion to its size.
#[test]
fn the_densest_pickles_have_a_bounded_cost() {
    const LEN: usize = 2 << 20;
    for (start, unit, end, times) in DENSE {
        let pickle = [*start, &unit.repeat(LEN / unit.len()), end].concat();
        let (stdout, unread) = crate::support::pipes::pipe().expect("a pipe");
        let mut server =
            wirecat(["tcp-serve", "--frame", "obj", "127.0.0.1:0"]).stdout(unread).start();
        let mut client = connect(&server.address());
        let before = proc::peak_kib(server.pid());
        client.write_all(&framed(&pickle)).expect("it is taken");
        if unit == b"\x85" {
            server.wait_for("nested deeper than 1024");
        } else {
            let mut begun = [PollFd::new(&stdout, PollFlags::IN)];
            let patience = PATIENCE.try_into().expect("a time");
            assert_eq!(poll(&mut begun, Some(&patience)), Ok(1), "{}", unit.escape_ascii());
            // What is told of now comes behind all that the pickle has caused.
            server.signal(libc::SIGUSR1);
            server.wait_for("stats");
        }
        let grown = proc::peak_kib(server.pid()).saturating_sub(before) << 10;
        let name = unit.escape_ascii();
        assert!(grown <= LEN as u64 * times, "{name}: {:.1}", grown as f64 / LEN as f64);
    }
}
