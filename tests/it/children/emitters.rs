//! `--on EVENT` where the command reports EVENT: what never comes is refused, and what is taken comes.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{net, wirecat};

/// SPEC 5, `--on`: no option is silently ignored, so that a hook that would never run is refused.
#[test]
fn a_hook_on_what_is_never_reported_is_2() {
    const A: &str = "127.0.0.1:0";
    let only_with_commands = "only with --input commands or json";
    let table: &[(&[&str], &str, &str)] = &[
        (&["tcp-serve", A], "sent", only_with_commands),
        (&["tcp-serve", A], "drained", only_with_commands),
        (&["tcp-serve", A], "send-failed", only_with_commands),
        (&["tcp-connect", "127.0.0.1:1"], "sent", only_with_commands),
        (&["tcp-connect", "127.0.0.1:1"], "list", only_with_commands),
        (&["tcp-connect", "127.0.0.1:1"], "retry", "only with --wait, or with --reconnect"),
        (&["tcp-connect", "127.0.0.1:1"], "accepted", only_with_commands),
        (&["tcp-connect", "127.0.0.1:1"], "joined", "tcp-connect never reports it, but start"),
        (&["tcp-connect", "-z", "127.0.0.1:1"], "data", "only where it takes messages"),
        (&["tcp-serve", A, "--discard"], "data", "only without --discard and --save"),
        (&["tcp-serve", A], "connected", "only with --forward"),
        (&["tcp-serve", A], "joined", "never reports it"),
        (&["udp-listen", A], "drained", only_with_commands),
        (&["udp-listen", A], "closed", "never reports it"),
        (&["udp-listen", "--exec", "cat", A], "data", "only without --exec"),
        (&["udp-send", "127.0.0.1:1"], "sent", only_with_commands),
        (&["udp-send", "127.0.0.1:1"], "data", "only with --reply, or with --wait"),
        (&["mcast-join", "239.1.2.3:5000"], "left", only_with_commands),
        (&["mcast-send", "239.1.2.3:5000"], "drained", only_with_commands),
        (&["mcast-send", "239.1.2.3:5000"], "left", "never reports it"),
        (&["chat", "--host", A], "sent", "never reports it"),
        (&["chat", "--host", A], "eof", "only in a room that is hosted elsewhere"),
        (&["chat", "239.1.2.3:5000"], "closed", "only outside of a group"),
        (&["echo", A], "connected", "only with --ping"),
        (&["echo", "--udp", A], "accepted", "only where it serves streams"),
        (&["echo", "--ping", "127.0.0.1:1"], "data", "only without --ping"),
    ];
    for (args, event, why) in table {
        let hook = format!("{event}=true");
        let ended = wirecat(args.iter().copied().chain(["--on", &hook])).run().code(2);
        ended.says(&format!("cannot use --on {event}: ")).says(why);
    }
}

/// The words of a file that hooks write, sorted, each once.
fn heard(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut words: Vec<String> = text.lines().map(str::to_owned).collect();
    words.sort();
    words.dedup();
    words
}

/// One hook for each of these events, which writes the name of its event.
fn hooks(events: &str, path: &Path) -> Vec<String> {
    let hook =
        |event: &str| ["--on".to_owned(), format!("{event}=echo {event} >>{}", path.display())];
    events.split(' ').flat_map(hook).collect()
}

#[track_caller]
fn assert_heard(events: &str, path: &Path) {
    let mut expected: Vec<&str> = events.split(' ').collect();
    expected.sort_unstable();
    assert_eq!(heard(path), expected);
}

#[test]
fn a_server_with_commands_reports_all_that_its_hooks_may_ask_for() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("heard");
    let events = "starting listening accepted list data sent drained eof closed error stats stopping \
                  stopped summary";
    let args =
        ["tcp-serve", "127.0.0.1:0", "--input", "json", "--output", "json", "-O", "sndbuf=4k"];
    let hooks = hooks(events, &path);
    let mut server =
        wirecat(args.into_iter().chain(hooks.iter().map(String::as_str))).piped().start();
    let address = server.address();
    let mut client = net::connect_narrow(&address);
    client.write_all(b"hello").unwrap();
    server.wait_for_event("data");
    let long = "x".repeat(1 << 20);
    server.say(format!("{{\"send\":\"{long}\"}}\n{{\"list\":true}}\n{{\"stats\":true}}\nwhat\n"));
    server.wait_for_event("sent");
    client.shutdown(std::net::Shutdown::Write).unwrap();
    std::io::copy(&mut std::io::Read::take(&client, 1 << 20), &mut std::io::sink()).unwrap();
    server.wait_for_event("drained");
    server.wait_for_event("eof");
    drop(client);
    server.wait().code(0);
    assert_heard(events, &path);
}

#[test]
fn a_client_and_a_listener_of_datagrams_report_what_their_hooks_may_ask_for() {
    let directory = crate::support::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (_echo, address) = wirecat(["echo", "--quit-word", "bye", "127.0.0.1:0"]).serve();
    let of_client = "starting connected data sent eof closed stopping stopped summary";
    let hooks_of_client = hooks(of_client, &path("client"));
    let args = ["tcp-connect", &address, "--input", "commands", "--output", "json", "-w", "60s"];
    let client = wirecat(args.into_iter().chain(hooks_of_client.iter().map(String::as_str)));
    let mut client = client.piped().start();
    client.say("hello\n");
    client.wait_for_event("data");
    client.say("bye\n");
    client.wait_for_event("eof");
    client.wait().code(0);
    assert_heard(of_client, &path("client"));
    let of_listener = "starting listening data sent list send-failed stopping stopped summary";
    let hooks_of_listener = hooks(of_listener, &path("listener"));
    let args = ["udp-listen", "127.0.0.1:0", "--input", "commands", "--output", "json"];
    let listener = wirecat(args.into_iter().chain(hooks_of_listener.iter().map(String::as_str)));
    let mut listener = listener.piped().start();
    let port = listener.wait_for("listening udp").rsplit(':').next().unwrap().to_owned();
    listener.say("too early\n");
    listener.wait_for_event("send-failed");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"x", format!("127.0.0.1:{port}")).unwrap();
    listener.wait_for_event("data");
    listener.say("hello\n/list\n");
    listener.wait_for_event("sent");
    listener.wait().code(0);
    assert_heard(of_listener, &path("listener"));
}

/// What ends without ever having been in, and what a relay tells of its two sides, is as the schema says,
/// which is checked wherever a test reads JSON.
#[test]
fn a_relay_and_a_client_that_is_turned_away_keep_to_the_schema() {
    let (_behind, upstream) = wirecat(["echo", "127.0.0.1:0"]).serve();
    let args = ["tcp-serve", "--once", "127.0.0.1:0", "--forward", &upstream, "--output", "json"];
    let mut relay = wirecat(args).start();
    let there = ["tcp-connect", &relay.address(), "--output", "json"];
    wirecat(there).input("hello").run().code(0);
    let events = events(&relay.wait_open().code(0).stdout);
    assert_eq!(events.iter().filter(|event| event["event"] == "connected").count(), 1);
    let closed = |events: &[Value]| {
        events.iter().filter(|event| event["event"] == "closed").cloned().collect::<Vec<_>>()
    };
    assert_eq!(closed(&events).len(), 1);
    let args = ["tcp-serve", "--deny", "127.0.0.0/8", "127.0.0.1:0", "--output", "json"];
    let mut server = wirecat(args).start();
    let _ = net::connect(&server.address());
    let turned_away = server.wait_for_event("closed");
    assert_eq!((&turned_away["detail"], &turned_away["in"]), (&json!("refused"), &Value::Null));
    server.signal(15);
    server.wait_open().code(0);
}

fn events(output: &[u8]) -> Vec<Value> {
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}
