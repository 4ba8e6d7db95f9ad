//! `--on EVENT=CMD`.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::{processes_with, wait_until};
use crate::support::{Running, proc, wirecat};

const SIGTERM: i32 = 15;

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A udp-listen with a hook, and a socket that sends to it.
fn hooked(hook: &str, args: &[&str]) -> (Running, UdpSocket) {
    let base = ["udp-listen", "127.0.0.1:0", "--on", hook];
    let mut running = wirecat(base.iter().chain(args)).start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", running.udp_port())).unwrap();
    (running, socket)
}

/// SPEC 5: each event, as JSON, on stdin; those of the end too.
#[test]
fn a_hook_gets_its_event() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("events");
    let append = format!("cat >>{}", path.display());
    let hooks = ["starting", "listening", "data", "stopping", "stopped", "summary"];
    let hooks: Vec<String> = hooks.iter().map(|name| format!("{name}={append}")).collect();
    let args = hooks[1..].iter().flat_map(|hook| ["--on", hook]).chain(["-c", "1", "--tag", "t"]);
    let (running, socket) = hooked(&hooks[0], &args.collect::<Vec<_>>());
    socket.send(b"hello").unwrap();
    assert_eq!(running.wait_open().code(0).text(), "hello");
    let events: Vec<Value> =
        lines(&path).iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(events.len(), 6, "{events:#?}");
    let named = |name: &str| events.iter().find(|event| event["event"] == name).expect(name);
    assert_eq!((&named("data")["text"], &named("data")["tag"]), (&"hello".into(), &"t".into()));
    assert_eq!(named("summary")["code"], 0);
    assert_eq!(events.last().unwrap()["event"], "summary");
}

/// Two hooks of one event both run, and what they print is no data.
#[test]
fn hooks_are_repeatable_and_print_to_stderr() {
    let (running, socket) = hooked("data=echo first", &["--on", "data=echo second", "-c", "1"]);
    socket.send(b"x").unwrap();
    let ended = running.wait_open().code(0);
    assert_eq!(ended.text(), "x");
    ended.says("first").says("second");
    // Where stdout is free, it is the hook's.
    let args = ["tcp-serve", "--discard", "127.0.0.1:0", "--on", "summary=echo bye", "--", "true"];
    assert_eq!(wirecat(args).run().code(0).text(), "bye\n");
}

/// SPEC 5: "an unknown event is exit 2", which lists the known ones.
#[test]
fn an_unknown_event_is_2() {
    let refused = |hook: &str| wirecat(["tcp-serve", "127.0.0.1:0", "--on", hook]).run().code(2);
    refused("opened=true").says("starting listening connecting connected").says("summary");
    refused("data").says("EVENT=CMD");
    refused("data=").says("no command");
}

/// A hook that fails is a warning, with its kind; the run goes on, and does not loop.
#[test]
fn a_hook_that_fails_is_a_warning() {
    let args = ["-c", "2", "--on", "warning=false"];
    let (running, socket) = hooked("data=exit 9", &args);
    socket.send(b"x").unwrap();
    socket.send(b"y").unwrap();
    let ended = running.wait_open().code(0);
    let warning = "wirecat: warning: --on data=exit 9: exit status 9";
    let told = ended.stderr.lines().filter(|line| line.contains("warning"));
    assert_eq!(told.collect::<Vec<_>>(), [warning, warning]);
}

/// SPEC 5: "at most 16 at once, the rest queue", and none is lost.
#[test]
fn at_most_16_hooks_run_at_once() {
    let directory = crate::support::tempdir().unwrap();
    let (gate, path) = (directory.path().join("gate"), directory.path().join("events"));
    let hook = format!(
        "data=while [ ! -e {} ]; do sleep 0.0375; done; cat >>{}",
        gate.display(),
        path.display()
    );
    let (mut running, socket) = hooked(&hook, &[]);
    for number in 0..40 {
        socket.send(format!("{number}\n").as_bytes()).unwrap();
    }
    running.wait_for_output("39\n");
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let count = || fs::read_to_string(&children).unwrap().split_whitespace().count();
    wait_until("16 run", || count() == 16);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!((count(), lines(&path).len()), (16, 0));
    // The end waits for those in the queue.
    running.signal(SIGTERM);
    running.wait_for("listening");
    fs::write(&gate, "").unwrap();
    running.wait_open().code(0);
    assert_eq!(lines(&path).len(), 40);
}

/// A flood of events pauses reading, and memory has a bound.
#[test]
fn a_flood_of_events_pauses_what_makes_them() {
    let directory = crate::support::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let hook = format!("data=while [ ! -e {} ]; do sleep 0.0875; done", gate.display());
    let args = ["tcp-serve", "127.0.0.1:0", "--frame", "u32", "--on", &hook];
    let (running, address) = wirecat(args).stdout(Stdio::null()).serve();
    let pid = running.pid();
    let message = [&100_000u32.to_be_bytes()[..], &[b'x'; 100_000]].concat();
    let client = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        // 1 GB, of which it takes a little.
        (0..10_000).take_while(|_| stream.write_all(&message).is_ok()).count()
    });
    let taken = client.join().unwrap();
    assert!(taken < 1000, "{taken} messages were taken");
    assert!(proc::peak_kib(pid) < 100_000, "{} KiB", proc::peak_kib(pid));
    fs::write(&gate, "").unwrap();
    running.signal(SIGTERM);
    let _ = running.wait_open();
}

/// `-w` cuts hooks off, and says so.
#[test]
fn the_time_limit_cuts_hooks_off() {
    let time = super::long(6);
    let (running, socket) = hooked(&format!("data=sleep {time}"), &["-w", "3s"]);
    socket.send(b"x").unwrap();
    running.wait_open().code(124).says("cut off");
    assert!(processes_with(&time).is_empty());
}

/// Without hooks of an event nothing is made of it; with `--output json` both get it.
#[test]
fn json_and_hooks_agree() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("events");
    let hook = format!("data=cat >{}", path.display());
    let (running, socket) = hooked(&hook, &["--output", "json", "-c", "1"]);
    socket.send(b"hello").unwrap();
    let ended = running.wait_open().code(0);
    let shown = ended.text().lines().find(|line| line.contains("\"data\"")).expect("an event");
    let [shown, heard]: [Value; 2] =
        [shown, lines(&path)[0].as_str()].map(|line| serde_json::from_str(line).unwrap());
    assert_eq!((&shown["text"], &shown["peer"]), (&heard["text"], &heard["peer"]));
    let last = ended.text().lines().last().unwrap();
    assert!(last.contains("\"summary\""), "{last}");
}

/// A run that fails before it has begun ends in the same two events.
#[test]
fn a_start_that_fails_has_hooks_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("events");
    let append = format!("cat >>{}", path.display());
    let [error, summary] = ["error", "summary"].map(|name| format!("{name}={append}"));
    let args = ["tcp-serve", &address, "--on", &error, "--on", &summary];
    wirecat(args).run().code(5).says("address already in use");
    let told: Vec<Value> =
        lines(&path).iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|event| event["event"] == "summary" && event["code"] == 5));
    assert!(told.iter().any(|event| event["kind"] == "address-in-use"));
}
