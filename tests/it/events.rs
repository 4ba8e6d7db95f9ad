//! What is told on stderr and how: `-v`, `-vv`, `-q`, `--log`, `--tag`, `--color`, SIGUSR1.

use std::io::Write;
use std::net::TcpStream;

use crate::support::net::{RefusingPort, connect, peer};
use crate::support::proc::once_there;
use crate::support::terminal::Terminal;
use crate::support::{Ended, wirecat, wirecat_path};

const ESCAPE: char = '\x1b';

/// A client whose peer says hello and closes.
fn greeted(args: &[&str]) -> Ended {
    let server = peer(|mut stream: TcpStream| stream.write_all(b"hello").unwrap());
    let ended = wirecat([args, &[&server.address]].concat()).run().code(0);
    server.join();
    ended
}

/// A client that nobody answers, so that it has an error to tell.
fn refused(args: &[&str]) -> Ended {
    let nobody = RefusingPort::new();
    wirecat([args, &[&nobody.address]].concat()).run().code(4)
}

/// Which events the lines of text are.
fn names(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.split([' ', ':']).next()).collect()
}

/// SPEC section 5: nothing without need; `-v` adds connections and the summary, `-vv` each
/// message. The options may stand before the command as well.
#[test]
fn verbosity_adds_events() {
    let connections = ["starting", "connected", "eof", "closed", "stopping", "stopped", "summary"];
    assert_eq!(greeted(&["tcp-connect"]).stderr, "");
    assert_eq!(names(&greeted(&["tcp-connect", "-v"]).stderr), connections);
    assert_eq!(names(&greeted(&["-v", "tcp-connect"]).stderr), connections);
    let mut messages = connections.to_vec();
    messages.insert(2, "data");
    for args in [&["tcp-connect", "-vv"][..], &["-v", "tcp-connect", "-v"]] {
        let ended = greeted(args).says("5 B");
        assert_eq!(names(&ended.stderr), messages, "{args:?}");
    }
}

/// `-q` leaves errors only: no `listening`, no warnings.
#[test]
fn quiet_leaves_errors() {
    assert!(refused(&["tcp-connect", "-q"]).stderr.starts_with("wirecat: cannot connect to"));
    let args = ["tcp-serve", "-q", "-w", "100ms", "-O", "sndbuf=1", "127.0.0.1:0"];
    let ended = wirecat(args).run().code(124);
    assert_eq!(ended.stderr, "wirecat: cannot finish the run: the time of 100ms is up (-w)");
}

/// SPEC section 8: one JSON object a line, with `ts`, `event` and what applies; the last line is
/// the summary with the status.
#[test]
fn log_json_is_one_object_a_line() {
    for (ended, expected) in [
        (greeted(&["tcp-connect", "--log", "json"]), &["summary"][..]),
        (refused(&["tcp-connect", "--log", "json"]), &["error", "summary"]),
        (refused(&["--log", "text", "tcp-connect", "--log", "json"]), &["error", "summary"]),
    ] {
        let events: Vec<serde_json::Value> =
            ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(names, expected);
        assert!(events.iter().all(|event| event["ts"].as_f64().unwrap() > 1.0e9));
        assert_eq!(events.last().unwrap()["code"].as_i64(), ended.code.map(i64::from));
    }
    let ended = refused(&["tcp-connect", "--log", "json"]);
    assert!(ended.stderr.contains(r#""kind":"refused""#), "{}", ended.stderr);
}

/// SPEC section 5: `--tag` is carried in every event, in text, in JSON, and on stdout.
#[test]
fn tag_is_carried_in_every_event() {
    let ended = greeted(&["tcp-connect", "-vv", "--tag", "left side"]);
    assert!(ended.stderr.lines().all(|line| line.starts_with("[left side] ")), "{}", ended.stderr);
    assert!(refused(&["--tag", "x", "tcp-connect"]).stderr.starts_with("[x] wirecat: "));
    let ended = greeted(&["tcp-connect", "-vv", "--log", "json", "--output", "json", "--tag", "x"]);
    for line in ended.stderr.lines().chain(ended.text().lines()) {
        assert!(line.contains(r#""tag":"x""#), "{line}");
    }
    // A tag is one line, whatever it holds.
    assert_eq!(refused(&["tcp-connect", "--tag", "a\nb"]).stderr.lines().count(), 1);
}

/// SPEC section 5: `--color` is for stderr, which is no terminal here.
#[test]
fn color_is_given_when_it_is_asked_for() {
    let colored = |args: &[&str]| refused(args).stderr.contains(ESCAPE);
    assert!(colored(&["tcp-connect", "--color", "always"]));
    assert!(!colored(&["tcp-connect"]));
    assert!(!colored(&["tcp-connect", "--color", "never"]));
    let forced = |args: &[&str]| {
        let nobody = RefusingPort::new();
        let program = wirecat([args, &[&nobody.address]].concat());
        let program = program.with(|command| {
            command.env("CLICOLOR_FORCE", "1");
        });
        program.run().code(4).stderr.contains(ESCAPE)
    };
    assert!(forced(&["tcp-connect"]));
    assert!(!forced(&["tcp-connect", "--color", "never"]));
}

/// On a terminal there is colour, unless somebody does not want any.
#[test]
fn a_terminal_has_color_unless_asked_otherwise() {
    for (environment, args, colored) in [
        ("TERM=xterm", &[][..], true),
        ("TERM=xterm", &["--color", "never"], false),
        ("TERM=dumb", &[], false),
        ("NO_COLOR=1", &[], false),
        ("NO_COLOR=1", &["--color", "always"], true),
    ] {
        let words = ["TERM=xterm", environment, wirecat_path(), "tcp-connect"];
        let line = [&words[..], args, &["127.0.0.1:1"]].concat();
        let mut terminal = Terminal::start("env", &line);
        terminal.wait_for_code(4);
        let shown = terminal.wait_for("nothing listens there)");
        assert_eq!(shown.contains(ESCAPE), colored, "{environment} {args:?}: {shown:?}");
    }
}

/// SPEC section 8: SIGUSR1 prints `stats` and goes on, for clients and servers.
#[test]
fn sigusr1_prints_stats_and_goes_on() {
    let (mut server, address) = wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).serve();
    let mut client = wirecat(["tcp-connect", "-v", &address]).piped().start();
    client.wait_for("connected");
    client.say("hello");
    server.wait_for_output("hello");
    server.signal(libc::SIGUSR1);
    let line = server.wait_for("stats");
    assert!(line.starts_with("stats in 5 B out 0 B"), "{line}");
    assert!(line.ends_with("1 connection 1 client"), "{line}");
    client.signal(libc::SIGUSR1);
    let line = client.wait_for("stats");
    assert!(line.starts_with("stats in 0 B out 5 B"), "{line}");
    client.say(" again");
    client.wait().code(0);
    assert_eq!(server.wait().code(0).text(), "hello again");
}

/// The commands of datagrams do so, too; where stdout is JSON, the answer is there.
#[test]
fn sigusr1_is_answered_by_every_command() {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = port.local_addr().expect("an address");
    for command in [
        "udp-listen 127.0.0.1:0".to_owned(),
        format!("udp-send {address}"),
        format!("mcast-join 239.77.3.1:{}%lo", address.port()),
        format!("mcast-send 239.77.3.1:{}%lo", address.port()),
        "tcp-serve --input json 127.0.0.1:0".to_owned(),
    ] {
        let args = command.split_whitespace().chain(["--output", "json"]);
        let mut running = wirecat(args).piped().start();
        running.wait_for_event("starting");
        running.signal(libc::SIGUSR1);
        running.wait_for_event("stats");
        assert!(running.is_running(), "{command}");
    }
}

/// SPEC section 8: what servers say of each connection, with its number.
#[test]
fn a_server_numbers_its_connections() {
    let (mut server, address) =
        wirecat(["tcp-serve", "-vv", "--conns", "2", "127.0.0.1:0"]).serve();
    for (number, text) in [(1, "a"), (2, "bc")] {
        let mut client = connect(&address);
        let name = client.local_addr().unwrap();
        server.wait_for(&format!("accepted #{number} {name}"));
        client.write_all(text.as_bytes()).unwrap();
        server.wait_for(&format!("data #{number} {number} B"));
        drop(client);
        server.wait_for(&format!("eof #{number} {name}"));
        let line = server.wait_for(&format!("closed #{number} {name} in {number} B out 0 B"));
        assert!(line.ends_with("(peer closed)"), "{line}");
    }
    server.wait().code(0).says("2 connections exit 0");
}

/// How many events a text on stderr stands for, and its lines: past ten a second those of one kind are
/// summed up.
fn told(stderr: &str, words: &str) -> (usize, usize) {
    let lines: Vec<&str> = stderr.lines().filter(|line| line.contains(words)).collect();
    let more = lines.iter().filter_map(|line| line.split_once(" (and ")?.1.split(' ').next());
    let more: usize = more.map(|count| count.parse::<usize>().unwrap()).sum();
    (lines.len() + more, lines.len())
}

/// Many clients that do the same cost no line each; programs are told everything.
#[test]
fn what_many_clients_do_alike_is_summed_up_for_people() {
    const CUT: &str = "it closed in the middle of a message";
    for (args, is_summed) in [(&["-q"][..], true), (&["-v"], true), (&["--log", "json"], false)] {
        let directory = crate::support::tempdir().unwrap();
        let file = directory.path().join("port");
        let serve = ["tcp-serve", "--frame", "u32", "--conns", "150", "127.0.0.1:0"];
        let line = [&serve[..], &["--port-file", file.to_str().unwrap()], args].concat();
        let server = wirecat(line).start();
        let port = once_there(&file);
        for _ in 0..150 {
            connect(&format!("127.0.0.1:{}", port.trim())).write_all(b"\0\0\0\x05ab").unwrap();
        }
        let ended = server.wait().code(6);
        let (events, lines) = told(&ended.stderr, CUT);
        assert_eq!(events, 150, "{}", ended.stderr);
        // Ten a second and a sum, however slow it all is.
        assert!(if is_summed { lines < 100 } else { lines == 150 }, "{}", ended.stderr);
    }
}
