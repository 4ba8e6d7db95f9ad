//! Conformance 23: a resolver that is dead holds nobody up, whatever a name is for (SPEC section 3).

use libc::{SIGINT, SIGTERM};

use crate::support::resolver::DeadResolver;
use crate::support::{PATIENCE, skip};

/// Every place that takes a name, and whether SIGTERM is its end in order.
const PLACES: [(&str, bool); 13] = [
    ("tcp-serve NAME:0", true),
    ("tcp-serve 127.0.0.1:0 NAME:0", true),
    ("udp-listen -n NAME:0", true),
    ("udp-listen 127.0.0.1:0 --to NAME:9", true),
    ("tcp-serve --allow NAME 127.0.0.1:0", true),
    ("udp-listen -n --deny NAME 127.0.0.1:0", true),
    ("mcast-join --allow NAME 239.77.60.1:5000%lo", true),
    ("echo NAME:0", true),
    ("chat --host --headless NAME:0", true),
    ("mcast-send --send x --bind NAME:0 239.77.60.1:5000%lo", false),
    ("udp-send --send x --bind NAME:0 127.0.0.1:9", false),
    ("tcp-connect -z --bind NAME:0 --connect-timeout 60s 127.0.0.1:9", false),
    ("tcp-connect -z --connect-timeout 60s NAME:9", false),
];

fn resolver(test: &str) -> Option<DeadResolver> {
    DeadResolver::new().map_err(|why| skip(test, &why)).ok()
}

#[test]
fn the_time_of_the_run_ends_a_lookup() {
    let test = "the_time_of_the_run_ends_a_lookup";
    let Some(resolver) = resolver(test) else { return };
    let running = PLACES.map(|(args, _)| {
        let args = args.replace("NAME", "dead.example");
        (resolver.wirecat(&format!("{args} -w 500ms")).start(), args)
    });
    for (program, args) in running {
        let ended = program.wait().code(124).says("the time of 500ms is up");
        assert!(ended.took < PATIENCE, "{args}: {:?}", ended.took);
    }
}

#[test]
fn a_signal_ends_a_lookup() {
    let test = "a_signal_ends_a_lookup";
    for signal in [SIGTERM, SIGINT] {
        let Some(mut resolver) = resolver(test) else { return };
        for (number, (args, listens)) in PLACES.into_iter().enumerate() {
            let label = format!("dead-{number}");
            let args = args.replace("NAME", &format!("{label}.example"));
            let program = resolver.wirecat(&format!("{args} -v")).start();
            resolver.wait_for_question(&label);
            program.signal(signal);
            let ended = program.wait();
            assert!(ended.took < PATIENCE, "{args}: {:?}", ended.took);
            let last = ended.stderr.lines().last().unwrap_or_default();
            assert!(last.starts_with("summary"), "{args}: {}", ended.stderr);
            let wanted =
                if listens && signal == SIGTERM { (Some(0), None) } else { (None, Some(signal)) };
            assert_eq!((ended.code, ended.signal), wanted, "{args}: {}", ended.stderr);
        }
    }
}

/// SPEC principle 4: what a run waits for is said, and a name beside others is found.
#[test]
fn a_lookup_that_takes_long_is_said() {
    let test = "a_lookup_that_takes_long_is_said";
    let Some(resolver) = resolver(test) else { return };
    let mut program = resolver.wirecat("tcp-serve localhost:0 dead.example:0").start();
    program.wait_for("waiting for the resolver to find dead.example");
    program.signal(SIGTERM);
    program.wait().code(0);
}

/// Names that nobody finds take the places of connections in the making, and no time of the one behind
/// them: its own limit begins with its own attempt.
#[test]
fn a_name_behind_many_dead_ones_has_its_time() {
    let test = "a_name_behind_many_dead_ones_has_its_time";
    let Some(resolver) = resolver(test) else { return };
    let mut server = resolver.wirecat("tcp-serve -n 127.0.0.1:0").start();
    let port = server.port();
    let args = "tcp-connect -q --input json --output json --connect-timeout 3s";
    let mut pool = resolver.wirecat(args).piped().start();
    for number in 0..300 {
        pool.say(format!("{{\"connect\":\"dead{number}.example:{port}\"}}\n"));
    }
    pool.say(format!("{{\"connect\":\"localhost:{port}\"}}\n"));
    assert_eq!(pool.wait_for_event("connected")["line"], 301);
    pool.wait_for_events("connect-failed", 300);
    pool.wait().code(0);
}

/// Each question to the resolver has a thread, which outlives an attempt that is given up.
#[test]
fn the_threads_of_many_names_have_a_bound() {
    let test = "the_threads_of_many_names_have_a_bound";
    let Some(resolver) = resolver(test) else { return };
    let args = "tcp-connect -q --input json --output json --connect-timeout 1s";
    let mut pool = resolver.wirecat(args).piped().start();
    let lines: Vec<String> =
        (0..1000).map(|number| format!("{{\"connect\":\"dead{number}.example:9\"}}\n")).collect();
    pool.say(lines.concat());
    pool.wait_for_events("connect-failed", 1000);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", pool.pid())).expect("a process");
    let threads = tasks.count();
    assert!((1..=520).contains(&threads), "{threads} threads");
    pool.wait().code(0);
}
