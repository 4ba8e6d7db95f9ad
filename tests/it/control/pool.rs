//! Connections and listeners that a program asks for while a run goes on (SPEC section 5): one pool,
//! whatever command has started it.

use serde_json::{Value, json};

use super::{driven, named, server};
use crate::support::net::{
    RefusingPort, accept, connect, listener, narrow_listener, read_all, read_exactly, reset,
};
use crate::support::resolver::DeadResolver;
use crate::support::{Ended, Running, skip, wirecat};

/// A pool without a connection of the command line.
pub(super) fn pool(options: &str) -> Running {
    driven(&format!("tcp-connect {options}")).start()
}

pub(super) fn order(running: &mut Running, commands: &[Value]) {
    let lines: Vec<String> = commands.iter().map(|command| format!("{command}\n")).collect();
    running.say(lines.concat());
}

pub(super) fn local(running: &mut Running, count: usize) -> String {
    let events = running.wait_for_events("listening", count);
    events[count - 1]["local"].as_str().expect("an address").to_owned()
}

/// The one event of this name that answers a line.
#[track_caller]
pub(super) fn answer(ended: &Ended, name: &str, line: u64) -> Value {
    let events = ended.events();
    let of_line: Vec<_> =
        named(&events, name).into_iter().filter(|event| event["line"] == line).collect();
    assert_eq!(of_line.len(), 1, "{name} for line {line}: {of_line:?}");
    of_line[0].clone()
}

#[test]
fn one_program_has_a_server_its_clients_and_a_unix_socket() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let name = format!("unix:{}", path.display());
    let mut pool = pool("--frame line");
    order(&mut pool, &[json!({"listen": "127.0.0.1:0"}), json!({"listen": name})]);
    let address = local(&mut pool, 1);
    assert_eq!(local(&mut pool, 2), name);
    order(
        &mut pool,
        &[
            json!({"connect": address}),
            json!({"connect": address, "another": true}),
            json!({"connect": address, "another": true}),
            json!({"connect": name}),
        ],
    );
    let connected = pool.wait_for_events("connected", 4);
    let accepted = pool.wait_for_events("accepted", 4);
    let mut numbers: Vec<_> =
        connected.iter().chain(&accepted).map(|event| event["conn"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    // Each listener has a number as well.
    assert_eq!(numbers, (3..=10).collect::<Vec<u64>>());
    order(&mut pool, &[json!({"send": "to all"})]);
    let data = pool.wait_for_events("data", 8);
    assert!(data.iter().all(|event| event["text"] == "to all"), "{data:?}");
    order(
        &mut pool,
        &[json!({"list": true}), json!({"send": "to one", "to": accepted[0]["conn"]})],
    );
    assert_eq!(pool.wait_for_events("list", 9)[8]["count"], 8);
    pool.wait_for_output("\"text\":\"to one\"");
    assert!(path.exists());
    order(&mut pool, &[json!({"close": null})]);
    pool.wait_for_events("closed", 8);
    order(&mut pool, &[json!({"list": true}), json!({"quit": true})]);
    let ended = pool.wait_open().code(0);
    assert!(!path.exists(), "the socket file is left");
    assert_eq!(ended.events().last().expect("a summary")["connections"], 8);
    assert_eq!(answer(&ended, "sent", 7)["count"], 8);
}

#[test]
fn a_server_dials_and_its_clients_are_in_the_same_lists() {
    let (upstream, upstream_address) = listener();
    let (mut server, address) = server("--frame line --hub");
    let client = connect(&address);
    server.wait_for_event("accepted");
    order(&mut server, &[json!({"connect": upstream_address})]);
    let upstream = accept(&upstream);
    let connected = server.wait_for_event("connected");
    assert_eq!((&connected["conn"], &connected["line"]), (&json!(2), &json!(1)));
    order(&mut server, &[json!({"send": "hello"})]);
    assert_eq!(read_exactly(&client, 6), b"hello\n");
    assert_eq!(read_exactly(&upstream, 6), b"hello\n");
    std::io::Write::write_all(&mut &upstream, b"from above\n").expect("it is taken");
    assert_eq!(read_exactly(&client, 11), b"from above\n");
    reset(upstream);
    assert_eq!(server.wait_for_event("closed")["conn"], 2);
    order(&mut server, &[json!({"send": "you live"})]);
    assert_eq!(read_exactly(&client, 9), b"you live\n");
    // As the loss of a client would.
    server.wait().code(6);
}

#[test]
fn the_same_address_is_dialed_once_unless_another_is_asked_for() {
    let (listener, address) = listener();
    let mut pool = driven(&format!("tcp-connect {address}")).start();
    let first = accept(&listener);
    pool.wait_for_event("connected");
    order(&mut pool, &[json!({"connect": address})]);
    pool.wait_for_event("error");
    // The listener is number 2, and keeps the run when no connection is left.
    order(&mut pool, &[json!({"listen": "127.0.0.1:0"})]);
    order(&mut pool, &[json!({"connect": address, "another": true})]);
    let second = accept(&listener);
    pool.wait_for_events("connected", 2);
    order(&mut pool, &[json!({"close": 1})]);
    assert_eq!(read_all(&first), b"");
    drop(first);
    pool.wait_for_event("closed");
    order(&mut pool, &[json!({"connect": address}), json!({"close": 3})]);
    assert_eq!(read_all(&second), b"");
    drop(second);
    pool.wait_for_events("closed", 2);
    order(&mut pool, &[json!({"connect": address})]);
    let third = accept(&listener);
    pool.wait_for_events("connected", 3);
    order(&mut pool, &[json!({"close": 2}), json!({"close": 4})]);
    // Neither a listener nor a connection is left, and nothing is in the making: that is the end.
    assert_eq!(read_all(&third), b"");
    drop(third);
    let ended = pool.wait_open().code(0);
    for (line, other) in [(1, "#1"), (5, "#3")] {
        let error = answer(&ended, "error", line);
        assert_eq!((&error["kind"], &error["code"]), (&json!("already-connected"), &json!(1000)));
        assert!(error["message"].as_str().expect("words").contains(other), "{error}");
    }
}

#[test]
fn the_connection_of_the_command_line_is_one_of_many_in_a_pool() {
    let (listener, address) = listener();
    let (other, other_address) = self::listener();
    let mut pool = driven(&format!("tcp-connect --frame line {address}")).start();
    let first = accept(&listener);
    pool.wait_for_event("connected");
    order(&mut pool, &[json!({"connect": other_address})]);
    let second = accept(&other);
    pool.wait_for_events("connected", 2);
    reset(first);
    pool.wait_for_event("closed");
    order(&mut pool, &[json!({"send": "still here"})]);
    assert_eq!(read_exactly(&second, 11), b"still here\n");
    drop(second);
    pool.wait_for_event("eof");
    order(&mut pool, &[json!({"close": 2})]);
    let ended = pool.wait_open().code(6);
    let events = ended.events();
    let warnings = named(&events, "warning");
    let words = warnings[0]["message"].as_str().expect("words");
    assert!(words.starts_with(&format!("#1 {address} was lost")), "{words}");
}

/// Each is answered by an `error` with its kind and the line, and ends nothing.
#[test]
fn what_cannot_be_opened_is_an_error_with_its_line() {
    let (_taken, taken) = listener();
    let directory = crate::support::tempdir().expect("a directory");
    let lines = [
        (json!({"connect": "nonsense"}), "bad-address"),
        (json!({"connect": "239.1.2.3:5000"}), "bad-address"),
        (json!({"listen": "[ff05::1]:5000"}), "bad-address"),
        (json!({"connect": "127.0.0.1:0"}), "bad-address"),
        (json!({"connect": "fd:"}), "bad-address"),
        (json!({"connect": "fd:1"}), "bad-address"),
        (json!({"connect": "fd:9999"}), "io"),
        (json!({"connect": "x".repeat(1 << 20)}), "bad-address"),
        (json!({"listen": format!("unix:{}/no/s", directory.path().display())}), "not-found"),
        (json!({"listen": taken}), "address-in-use"),
        (json!({"listen": "192.0.2.254:0"}), "address-not-available"),
        (json!({"connect": "wirecat.invalid:5"}), "resolver"),
        (json!({"close": 99}), "not-connected"),
        (json!({"close": u64::MAX}), "not-connected"),
        (json!({"close": "bob"}), "bad-command"),
        (json!({"connect": 5}), "bad-command"),
        (json!({"connect": "127.0.0.1:1", "another": false}), "bad-command"),
        (json!({"connect": "127.0.0.1:1", "to": 1}), "bad-command"),
    ];
    let raw = [
        format!("{{\"connect\":{}", "[".repeat(1 << 20)),
        "{\"close\":18446744073709551616}".to_owned(),
    ];
    for command in ["tcp-connect", "tcp-serve 127.0.0.1:0"] {
        let mut run = driven(command).start();
        let commands: Vec<Value> = lines.iter().map(|(line, _)| line.clone()).collect();
        order(&mut run, &commands);
        run.say(raw.join("\n") + "\n");
        let ended = run.wait().code(0);
        for (line, (_, kind)) in (1..).zip(&lines) {
            let error = answer(&ended, "error", line);
            // A machine without a name server says so, and one that has one that there is no such name.
            let is_unknown = *kind == "resolver" && error["kind"] != "bad-address";
            assert!(error["kind"] == *kind || is_unknown, "{command}: {error} is no {kind}");
            assert_eq!(error["code"] == 1005, *kind == "address-in-use");
        }
        for line in [19, 20] {
            assert_eq!(answer(&ended, "error", line)["kind"], "bad-command");
        }
    }
}

/// The options of all connections are those of dialed ones as well.
#[test]
fn a_dialed_connection_has_the_limits_of_all() {
    let directory = crate::support::tempdir().expect("a directory");
    let (record, said) = (directory.path().join("r.ndjson"), directory.path().join("said"));
    let (listener, address) = listener();
    let mut server = driven(&format!(
        "tcp-serve --frame u32 --max-frame 100 --idle-timeout 3s --record {} 127.0.0.1:0",
        record.display()
    ))
    .with(|command| {
        command.arg("--on").arg(format!("connected=cat > {}", said.display()));
    })
    .start();
    server.wait_for_event("listening");
    order(&mut server, &[json!({"connect": address})]);
    let mut peer = accept(&listener);
    server.wait_for_event("connected");
    std::io::Write::write_all(&mut peer, b"\0\0\0\x02hi\0\0\x10\0").expect("it is taken");
    assert_eq!(server.wait_for_event("data")["text"], "hi");
    let closed = server.wait_for_event("closed");
    assert_eq!((&closed["conn"], &closed["detail"]), (&json!(1), &json!("frame")));
    order(&mut server, &[json!({"connect": address})]);
    let _quiet = accept(&listener);
    let closed = server.wait_for_events("closed", 2);
    assert_eq!((&closed[1]["conn"], &closed[1]["detail"]), (&json!(2), &json!("idle")));
    server.wait().code(6);
    let record = std::fs::read_to_string(record).expect("a recording");
    assert!(record.contains("\"event\":\"connected\""), "{record}");
    let said = std::fs::read_to_string(said).expect("the hook has run");
    assert!(said.contains("\"event\":\"connected\""), "{said}");
}

/// One that takes nothing is no reason to wait for the others.
#[test]
fn a_stuck_peer_of_a_pool_meets_the_slow_policy() {
    let (stuck, stuck_address) = narrow_listener();
    let (good, good_address) = listener();
    let mut pool = pool("");
    order(&mut pool, &[json!({"connect": stuck_address}), json!({"connect": good_address})]);
    let (_stuck, good) = (accept(&stuck), accept(&good));
    pool.wait_for_events("connected", 2);
    let text = "x".repeat(1 << 20);
    let reader = std::thread::spawn(move || read_all(&good).len());
    for _ in 0..8 {
        order(&mut pool, &[json!({"send": text})]);
    }
    assert_eq!(pool.wait_for_event("closed")["detail"], "slow");
    let ended = pool.wait().code(6);
    assert_eq!(reader.join().expect("a reader"), 8 << 20);
    assert_eq!(named(&ended.events(), "sent").len(), 8);
}

#[test]
fn a_name_that_takes_long_holds_up_nothing() {
    let mut resolver = match DeadResolver::new() {
        Ok(resolver) => resolver,
        Err(why) => return skip("a_name_that_takes_long_holds_up_nothing", &why),
    };
    let mut pool = resolver
        .wirecat("tcp-connect --input json --output json -q --connect-timeout 2s")
        .piped()
        .start();
    order(&mut pool, &[json!({"connect": "slow.test:80"}), json!({"listen": "slower.test:80"})]);
    resolver.wait_for_question("slow");
    order(&mut pool, &[json!({"listen": "127.0.0.1:0"})]);
    let address = local(&mut pool, 1);
    order(&mut pool, &[json!({"connect": address})]);
    pool.wait_for_event("connected");
    assert_eq!(pool.wait_for_event("connect-failed")["kind"], "timeout");
    order(&mut pool, &[json!({"quit": true})]);
    let ended = pool.wait_open().code(0);
    assert_eq!(answer(&ended, "error", 2)["kind"], "cancelled");
}

/// The addresses of a name race as those of the command line do, and each is reported by the number.
#[test]
fn a_name_is_dialed_at_all_its_addresses() {
    let (listener, address) = listener();
    let port = address.rsplit_once(':').expect("a port").1;
    let mut pool = pool("");
    order(&mut pool, &[json!({"connect": format!("localhost:{port}")})]);
    let _peer = accept(&listener);
    let connected = pool.wait_for_event("connected");
    assert_eq!((&connected["line"], &connected["peer"]), (&json!(1), &json!(address)));
    let ended = pool.wait().code(0);
    for failed in named(&ended.events(), "connect-failed") {
        assert_eq!((&failed["conn"], failed.get("line")), (&json!(1), None), "{failed}");
    }
}

/// In words, for a person: what fails is shown.
#[test]
fn a_person_connects_and_listens_in_words() {
    let port = RefusingPort::new();
    let nobody = &port.address;
    let mut pool = wirecat(["tcp-connect", "-v", "--input", "commands"]).piped().start();
    pool.say(format!("/connect {nobody}\n/listen 127.0.0.1:0\n"));
    pool.wait_for(&format!("connect-failed #1 {nobody}: connection refused"));
    let line = pool.wait_for("listening tcp");
    let words: Vec<&str> = line.split(' ').collect();
    let ["listening", "tcp", address, "as", "#2"] = words[..] else { panic!("{line}") };
    pool.say(format!("/connect {address}\nhello\n"));
    pool.wait_for("accepted #4");
    let client = connect(address);
    pool.wait_for("accepted #5");
    pool.say("there\n");
    assert_eq!(read_exactly(&client, 6), b"there\n");
    pool.say("/close\n/quit\n");
    pool.wait_open().code(0);
}

#[test]
fn options_that_need_an_address_are_refused_without_one() {
    for (words, cause) in [
        ("tcp-connect", "<ADDR> is missing"),
        ("tcp-connect --input line", "unless --input commands or json say where to"),
        ("tcp-connect --input json -z", "cannot use --probe: it needs the ADDR to connect to"),
        ("tcp-connect --input json --wait 1s", "cannot use --wait: it needs the ADDR"),
        ("tcp-connect --input json --reconnect", "cannot use --reconnect: it needs the ADDR"),
        ("tcp-connect --input json --exec cat", "cannot use --exec: it needs the ADDR"),
        ("tcp-connect --input json --port-file p", "cannot use --port-file: it needs the ADDR"),
        ("tcp-connect --input json -- true", "cannot use -- CMD: it needs the ADDR"),
        (
            "tcp-serve --connect-timeout 1s 0",
            "only --forward connects to anybody, or what --input commands or json",
        ),
    ] {
        let ended = wirecat(words.split_whitespace()).run();
        assert_eq!(ended.code, Some(2), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains(cause), "{words}: {}", ended.stderr);
    }
}
