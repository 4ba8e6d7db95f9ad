//! `-- CMD`: when it runs, what it finds, and what its end means.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{long, processes_with, wait_until, with_command};
use crate::support::gate::Gate;
use crate::support::net::{RefusingPort, accept, listener, read_all};
use crate::support::{PATIENCE, proc, program, skip, wirecat, wirecat_path};

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

/// A shell line that sends words to the listener; bash has TCP and UDP built in.
fn say(words: &str, proto: &str) -> String {
    format!("exec bash -c 'printf \"{words}\" >/dev/{proto}/$WIRECAT_HOST/$WIRECAT_PORT'")
}

/// SPEC 2: "exits with CMD's status, or with its own where CMD's was 0".
#[test]
fn the_end_of_the_command_is_the_end_of_the_run() {
    for (line, code) in [("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("kill -9 $$", 137)] {
        let ended = with_command("tcp-serve 127.0.0.1:0", line).run().code(code);
        assert_eq!(ended.stderr.contains("sh: "), code != 0, "{}", ended.stderr);
    }
    with_command("udp-listen 127.0.0.1:0", "exit 3").run().code(3).says("sh: exit status 3");
    with_command("mcast-join 239.77.30.1:54431%lo", "exit 3").run().code(3);
}

/// A machine without devices, such as a bare container, has no null device: CMD runs all the same.
#[test]
fn the_command_runs_where_there_is_no_null_device() {
    let test = "the_command_runs_where_there_is_no_null_device";
    let script = "mount -t tmpfs none /dev || exit 99; exec \"$0\" tcp-serve 127.0.0.1:0 -- cat";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, wirecat_path()]);
    let ended = program(command).run();
    if ended.code != Some(0) && !ended.stderr.contains("wirecat") {
        return skip(test, "no mount namespace can be made here (root may)");
    }
    ended.code(0);
}

/// SPEC 2: "wirecat drains": what CMD has sent is delivered, every time.
#[test]
fn nothing_that_the_command_has_sent_is_lost() {
    for _ in 0..10 {
        let ended = with_command("tcp-serve 127.0.0.1:0", &say("last words", "tcp")).run();
        assert_eq!(ended.code(0).text(), "last words");
        let ended = with_command("udp-listen 127.0.0.1:0", &say("last words", "udp")).run();
        assert_eq!(ended.code(0).text(), "last words");
    }
    let many = "exec bash -c 'head -c 3000000 /dev/zero >/dev/tcp/$WIRECAT_HOST/$WIRECAT_PORT'";
    let ended = with_command("tcp-serve 127.0.0.1:0", many).run().code(0);
    assert_eq!(ended.stdout.len(), 3_000_000);
}

/// SPEC 2: "checks its own expectations".
#[test]
fn what_was_expected_and_has_not_come_shows_after_a_good_command() {
    with_command("udp-listen -c 2 127.0.0.1:0", &say("one", "udp")).run().code(1).says("1 came");
    with_command("udp-listen -c 1 127.0.0.1:0", &say("one", "udp")).run().code(0);
    let fails = format!("({}); exit 9", say("one", "udp"));
    with_command("udp-listen -c 2 127.0.0.1:0", &fails).run().code(9);
}

/// SPEC 9: 126 and 127, and nothing is left running.
#[test]
fn a_command_that_cannot_start_says_why() {
    // In a folder of PATH that may not be looked into, a program may be: execvp(3) says EACCES.
    let in_path = |command: &mut Command| {
        command.env("PATH", "/usr/bin:/bin");
    };
    let run = |name: &str| wirecat(["tcp-serve", "127.0.0.1:0", "--", name]).with(in_path).run();
    run("no-such-program-in-path").code(127).says("cannot run no-such-program-in-path");
    run("/no/such/file").code(127);
    run("/etc/passwd").code(126).says("cannot run /etc/passwd: permission denied");
    run("/").code(126);
    let (_listener, address) = listener();
    wirecat(["tcp-connect", &address, "--", "/etc/passwd"]).run().code(126);
}

/// A command is started once wirecat works, and never where it does not.
#[test]
fn a_command_is_not_started_without_readiness() {
    let closed = RefusingPort::new();
    let args = format!("tcp-connect {}", closed.address);
    let ended = with_command(&args, "echo started >&2").run().code(4);
    assert!(!ended.stderr.contains("started"), "{}", ended.stderr);
}

/// SPEC 2: the address, host and port, which one can connect to.
#[test]
fn the_command_knows_the_address() {
    let line = "echo $WIRECAT_ADDR $WIRECAT_HOST $WIRECAT_PORT >&2; \
                exec bash -c ': >/dev/tcp/$WIRECAT_HOST/$WIRECAT_PORT'";
    for address in ["127.0.0.1:0", "0", ":0", "0.0.0.0:0"] {
        let ended = with_command(&format!("tcp-serve {address}"), line).run().code(0);
        let port = ended.stderr.split_once("listening tcp ").expect("a port").1;
        let port = port.lines().next().unwrap().rsplit(':').next().unwrap();
        let words = format!("127.0.0.1:{port} 127.0.0.1 {port}");
        ended.says(&words);
    }
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("socket");
    let args = format!("tcp-serve unix:{}", path.display());
    let unset = "echo $WIRECAT_ADDR ${WIRECAT_PORT-unset} >&2";
    let ended = with_command(&args, unset)
        .with(|it| {
            it.env("WIRECAT_PORT", "1");
        })
        .run();
    ended.code(0).says(&format!("unix:{} unset", path.display()));
    // A client is told whom it talks to.
    let (listener, address) = listener();
    let running = with_command(&format!("tcp-connect {address}"), "echo $WIRECAT_ADDR >&2").start();
    let _peer = accept(&listener);
    running.wait_open().code(0).says(&address);
    let ended = with_command(&format!("udp-send {address}"), "echo $WIRECAT_ADDR >&2").run();
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    let line = "echo $WIRECAT_ADDR $WIRECAT_HOST $WIRECAT_PORT >&2";
    with_command("mcast-join 239.77.30.2:54432%lo", line)
        .run()
        .code(0)
        .says("239.77.30.2:54432 239.77.30.2 54432");
}

/// SPEC 2: CMD has neither stdin nor stdout where wirecat uses them for data, else both.
#[test]
fn the_command_has_the_streams_that_are_free() {
    let line = "echo to-stdout; cat";
    let ended = with_command("tcp-serve 127.0.0.1:0", line).input("mine").run().code(0);
    assert_eq!(ended.text(), "");
    ended.says("to-stdout");
    let ended = with_command("tcp-serve --discard 127.0.0.1:0", line).input("yours").run().code(0);
    assert_eq!(ended.text(), "to-stdout\nyours");
    let ended = with_command("udp-listen -n 127.0.0.1:0", line).input("yours").run().code(0);
    assert_eq!(ended.text(), "");
    ended.says("yours");
}

/// Conformance 15: a child holds no socket of ours, nor what else we opened.
#[test]
fn the_command_has_no_descriptor_of_ours() {
    let gate = Gate::new();
    let list = format!("{}; ls -l /proc/self/fd >&2", gate.line());
    let mut running = with_command("tcp-serve -v --on accepted=true 127.0.0.1:0", &list).start();
    let _client = TcpStream::connect(running.address()).unwrap();
    running.wait_for("accepted #1");
    gate.open();
    let ended = running.wait_open().code(0);
    let told = ended.stderr.lines().filter(|line| line.contains(" -> "));
    let foreign: Vec<&str> = told
        .filter(|line| !["0 -> ", "1 -> ", "2 -> "].iter().any(|own| line.contains(own)))
        .filter(|line| ["socket:", "anon_inode:", "eventpoll"].iter().any(|it| line.contains(it)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(ended.stderr.contains("0 -> /dev/null"), "{}", ended.stderr);
}

/// What wirecat ignores and handles is its own affair, and what systemd told it as well.
#[test]
fn the_command_starts_with_signals_and_environment_as_they_were() {
    let line = "grep -e SigIgn -e SigBlk -e SigCgt /proc/self/status >&2; \
                env | grep -e LISTEN_ -e NOTIFY_ >&2; \
                kill -PIPE $$; echo survived >&2";
    let program = with_command("tcp-serve 127.0.0.1:0", line).with(|command| {
        command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").env("LISTEN_FDNAMES", "x");
    });
    let ended = program.run().code(141);
    ended.says("SigBlk:\t0000000000000000");
    let ended = with_command("tcp-serve 127.0.0.1:0", "env >&2").run().code(0);
    for name in ["LISTEN_", "NOTIFY_"] {
        assert!(!ended.stderr.contains(name), "{}", ended.stderr);
    }
    for signal in [13, 21, 22, 25] {
        let line = format!("kill -{signal} $$; echo deaf to {signal} >&2");
        if !proc::ignores(std::process::id(), signal) || signal == 13 {
            let ended = with_command("tcp-serve -w 20 127.0.0.1:0", &line).start();
            // A stopped child is no ended one: SIGTTIN and SIGTTOU stop it.
            if [21, 22].contains(&signal) {
                let name = format!("deaf to {signal}");
                stop_and_go(ended, &name);
            } else {
                ended.wait_open().code(128 + signal);
            }
        }
    }
}

/// A child that the signal has stopped is continued, and goes on.
fn stop_and_go(running: crate::support::Running, words: &str) {
    let parent = running.pid();
    let child = || {
        let tasks = format!("/proc/{parent}/task/{parent}/children");
        let children = std::fs::read_to_string(tasks).unwrap_or_default();
        children.split_whitespace().next().and_then(|pid| pid.parse::<u32>().ok())
    };
    wait_until("the child stops", || {
        child().is_some_and(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| stat.contains(") T "))
        })
    });
    let pid = rustix::process::Pid::from_raw(child().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    running.wait_open().code(0).says(words);
}

/// A run whose work is done waits for its command.
#[test]
fn a_command_may_go_on_when_the_work_is_done() {
    let line = format!("({}); sleep 0.5; exit 5", say("x", "tcp"));
    let ended = with_command("tcp-serve -1 127.0.0.1:0", &line).run().code(5);
    assert!(ended.took >= Duration::from_millis(500));
    assert_eq!(ended.text(), "x");
    with_command("udp-send --input raw 127.0.0.1:9", "sleep 0.2; exit 6").run().code(6);
}

/// A run that has failed ends its command, and the status is its own.
#[test]
fn a_command_does_not_outlive_a_run_that_failed() {
    let (listener, address) = listener();
    let time = long(1);
    let line = format!("sleep {time}");
    let running = with_command(&format!("tcp-connect {address}"), &line).piped().start();
    let peer = accept(&listener);
    wait_until("the command runs", || !processes_with(&time).is_empty());
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    running.wait_open().code(6);
    assert!(processes_with(&time).is_empty());
}

/// `-w` limits the command as well, and one that does not listen is killed.
#[test]
fn the_time_limit_ends_the_command_too() {
    let begun = Instant::now();
    let time = long(2);
    let line = format!("sleep {time}");
    let ended = with_command("tcp-serve -w 300ms 127.0.0.1:0", &line).run().code(124);
    assert!(begun.elapsed() < PATIENCE, "{}", ended.stderr);
    let deaf = format!("trap '' TERM; : {time}; while :; do sleep 0.05; done");
    with_command("tcp-serve -w 300ms 127.0.0.1:0", &deaf).run().code(124);
    assert!(processes_with(&time).is_empty());
}

/// SPEC 2: "Signals are passed on"; the status is that of SPEC 9, whatever CMD made of it.
#[test]
fn signals_are_passed_on() {
    for (signal, name) in [(SIGINT, "INT"), (SIGTERM, "TERM"), (SIGHUP, "HUP")] {
        let line = format!(
            "trap 'echo heard {name} >&2; exit 0' {name}; echo set >&2; \
                            while :; do sleep 0.02; done"
        );
        let mut running = with_command("tcp-serve 127.0.0.1:0", &line).start();
        running.wait_for("set");
        running.signal(signal);
        let ended = running.wait_open();
        assert!(ended.stderr.contains(&format!("heard {name}")), "{}", ended.stderr);
        match signal {
            SIGTERM => assert_eq!(ended.code, Some(0), "a listener was asked to end"),
            _ => assert_eq!(ended.signal, Some(signal)),
        }
    }
    // What it does not heed ends it all the same, and so does a failure while ending.
    let time = long(3);
    let mut running = with_command("tcp-serve 127.0.0.1:0", &format!("sleep {time}")).start();
    running.wait_for("listening");
    wait_until("the command runs", || !processes_with(&time).is_empty());
    running.signal(SIGTERM);
    running.wait_open().code(0);
    assert!(processes_with(&time).is_empty());
    let line = "trap 'exit 7' TERM; echo set >&2; while :; do sleep 0.02; done";
    let mut running = with_command("tcp-serve 127.0.0.1:0", line).start();
    running.wait_for("set");
    running.signal(SIGTERM);
    running.wait_open().code(7);
}

/// A client's SIGTERM is its status, and the command gets it too.
#[test]
fn a_client_with_a_command_dies_of_the_signal() {
    let (listener, address) = listener();
    let time = long(4);
    let line = format!("sleep {time}");
    let running = with_command(&format!("tcp-connect {address}"), &line).piped().start();
    let _peer = accept(&listener);
    wait_until("the command runs", || !processes_with(&time).is_empty());
    running.signal(SIGTERM);
    assert_eq!(running.wait_open().signal, Some(SIGTERM));
    assert!(processes_with(&time).is_empty());
}

/// No orphan even where wirecat is killed.
#[test]
#[cfg(target_os = "linux")]
fn a_killed_run_leaves_no_command_behind() {
    let time = long(5);
    let running = with_command("tcp-serve 127.0.0.1:0", &format!("exec sleep {time}")).start();
    wait_until("the command runs", || !processes_with(&time).is_empty());
    drop(running);
    wait_until("the command ends", || processes_with(&time).is_empty());
}

/// An ended command is waited for while wirecat goes on: no zombie.
#[test]
fn an_ended_command_is_no_zombie() {
    let mut running = wirecat("udp-listen 127.0.0.1:0 --on data=true".split(' ')).start();
    let address = format!("127.0.0.1:{}", running.udp_port());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let pid = running.pid();
    for _ in 0..40 {
        socket.send_to(b"x", &address).unwrap();
    }
    running.wait_for_length(40);
    let children = format!("/proc/{pid}/task/{pid}/children");
    wait_until("no child is left", || {
        std::fs::read_to_string(&children).is_ok_and(|text| text.trim().is_empty())
    });
    running.signal(SIGTERM);
    running.wait_open().code(0);
}

/// A client reads what the server sends until its command has ended, and a bit longer.
#[test]
fn a_client_ends_with_its_command() {
    let (listener, address) = listener();
    let args = format!("tcp-connect {address}");
    let gate = Gate::new();
    let mut running = with_command(&args, &gate.line()).piped().start();
    let mut peer = accept(&listener);
    peer.write_all(b"hello").unwrap();
    running.wait_for_output("hello");
    gate.open();
    let ended = running.wait_open().code(0);
    assert_eq!(ended.text(), "hello");
    assert_eq!(read_all(&peer), b"");
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
}

/// SPEC 2: "With tcp-connect -z CMD replaces wirecat (exec)".
#[test]
fn a_probe_hands_over_to_the_command() {
    let (_listener, address) = listener();
    let line = "echo $WIRECAT_ADDR; cat; kill -PIPE $$";
    let running = with_command(&format!("tcp-connect -z {address}"), line).input("mine").start();
    let pid = running.pid();
    let ended = running.wait_open();
    assert_eq!((ended.signal, ended.text()), (Some(13), format!("{address}\nmine").as_str()));
    let ended = with_command(&format!("tcp-connect -z {address}"), "echo $$").run().code(0);
    assert_ne!(ended.text().trim(), pid.to_string());
    wirecat(["tcp-connect", "-z", &address, "--", "/no/such"]).run().code(127);
    let closed = RefusingPort::new();
    let args = format!("tcp-connect -z {}", closed.address);
    let ended = with_command(&args, "echo started").run().code(4);
    assert_eq!(ended.text(), "");
}
