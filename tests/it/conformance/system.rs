//! What the parent made of the process: conformance 21, and standard streams that are closed.

use std::io::{Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use libc::{SIGHUP, SIGINT, SIGKILL, SIGTERM};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, listener, read_all};
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat, wirecat_path};

/// A wirecat whose parent has blocked some signals, with env(1) of coreutils 8.31 and on.
fn with_blocked(signals: &str, args: &[&str]) -> Option<Program> {
    let block = format!("--block-signal={signals}");
    let able = crate::support::proc::output(Command::new("env").args([&block, "true"]));
    if !able.is_ok_and(|output| output.status.success()) {
        skip("conformance 21", "no env --block-signal");
        return None;
    }
    let mut command = Command::new("env");
    command.args([&block, wirecat_path()]).args(args);
    Some(program(command))
}

/// Conformance 21: without SIGCHLD nothing would say that a child has ended.
#[test]
fn children_are_reaped_where_the_parent_blocks_sigchld() {
    let serve = ["tcp-serve", "-v", "127.0.0.1:0"];
    let command = [&serve[..], &["--", "sh", "-c", "exit 3"]].concat();
    let Some(main) = with_blocked("CHLD", &command) else { return };
    main.run().code(3);
    let hook =
        [&serve[..], &["-1", "--on", "closed=echo hooked >&2; grep SigBlk /proc/self/status >&2"]]
            .concat();
    let mut server = with_blocked("CHLD,USR2", &hook).expect("as before").start();
    drop(connect(&server.address()));
    server.wait().code(0).says("hooked").says("SigBlk:\t0000000000000000");
    let exec = [&serve[..], &["-1", "-w", "30", "--sh", "--exec", "cat; exit 5"]].concat();
    let mut server = with_blocked("CHLD", &exec).expect("as before").start();
    let mut client = connect(&server.address());
    client.write_all(b"there and back").expect("it is taken");
    client.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(read_all(&client), b"there and back");
    let ended = server.wait().code(0).says("exit status 5");
    assert!(ended.took < PATIENCE, "{:?}", ended.took);
}

/// A blocked SIGTERM or SIGINT would leave SIGKILL alone.
#[test]
fn signals_end_it_where_the_parent_blocks_them() {
    let args = ["tcp-serve", "127.0.0.1:0"];
    for (signal, end) in [(SIGTERM, (Some(0), None)), (SIGINT, (None, Some(SIGINT)))] {
        let Some(server) = with_blocked("TERM,INT,HUP", &args) else { return };
        let mut server = server.start();
        server.port();
        server.signal(signal);
        let ended = server.wait_open();
        assert_eq!((ended.code, ended.signal), end, "{}", ended.stderr);
    }
}

/// A wirecat that is the first process of a PID namespace, as in a container, and its number here.
fn first_process(args: &str) -> Option<(Running, Pid)> {
    let able = crate::support::proc::output(Command::new("unshare").args([
        "-pf",
        "--kill-child",
        "--mount-proc",
        "true",
    ]));
    if !able.is_ok_and(|output| output.status.success()) {
        skip("conformance 21", "no PID namespace can be made (root may)");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["-pf", "--kill-child", "--mount-proc", wirecat_path()])
        .args(args.split_whitespace());
    let mut running = program(command).piped().start();
    running.wait_for("listening tcp");
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let child = std::fs::read_to_string(children).expect("unshare waits");
    let pid = child.trim().parse().ok().and_then(Pid::from_raw).expect("a child");
    Some((running, pid))
}

/// Conformance 21: the kernel spares the first process of a namespace the default of a signal.
#[test]
fn as_pid_1_it_ends_with_128_and_the_signal() {
    for signal in [SIGINT, SIGHUP] {
        let Some((running, pid)) = first_process("tcp-serve -v 127.0.0.1:0") else { return };
        kill_process(pid, Signal::from_named_raw(signal).expect("a signal")).expect("it runs");
        let ended = running.wait_open();
        assert_eq!(ended.code, Some(128 + signal), "{:?}: {}", ended.signal, ended.stderr);
        ended.says(&format!("exit {}", 128 + signal));
    }
    let Some((running, pid)) = first_process("tcp-serve -v 127.0.0.1:0") else { return };
    kill_process(pid, Signal::TERM).expect("it runs");
    running.wait_open().code(0);
}

/// The same of the second signal, which waits for nothing.
#[test]
fn as_pid_1_a_second_signal_ends_it_at_once() {
    let args = "tcp-serve -v 127.0.0.1:0 --on stopping=sleep${IFS}100";
    let Some((mut running, pid)) = first_process(args) else { return };
    kill_process(pid, Signal::TERM).expect("it runs");
    running.wait_for("stopping");
    kill_process(pid, Signal::TERM).expect("it still runs");
    running.wait_open().code(143);
}

/// The first process inherits all orphans, which would stay as zombies.
#[test]
fn as_pid_1_it_reaps_what_its_children_have_left_behind() {
    let args = "tcp-serve -v 127.0.0.1:0 --sh --exec sleep${IFS}0.1&echo${IFS}left";
    let Some((mut running, pid)) = first_process(args) else { return };
    for _ in 0..3 {
        read_all(&connect(&running.address()));
    }
    let pid = pid.as_raw_nonzero();
    let children = format!("/proc/{pid}/task/{pid}/children");
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&children).expect("it runs").is_empty() {
        assert!(Instant::now() < deadline, "zombies are left");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(SIGKILL);
}

/// A wirecat whose stdin, stdout or stderr is closed from the start.
fn closed(redirection: &str, args: &str) -> Program {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" {args} {redirection}"), wirecat_path()]);
    program(shell)
}

/// SPEC 6: what would be written to a stdout that is closed from the start is not swallowed.
#[test]
fn a_stdout_that_is_closed_from_the_start_is_a_local_failure() {
    let (listener, address) = listener();
    let port = listener.local_addr().expect("an address").port();
    let forms = ["raw", "line", "nul", "hex", "dump", "json"];
    let mut all: Vec<String> = forms
        .iter()
        .flat_map(|form| {
            let serve = format!("tcp-serve -w 30 -1 --output {form} 127.0.0.1:0");
            let listen = format!("udp-listen -w 30 --output {form} 127.0.0.1:0");
            [format!("tcp-connect -w 30 --output {form} {address}"), serve, listen]
        })
        .collect();
    all.extend([
        format!("mcast-join -w 30 239.77.41.2:{port}%lo"),
        format!("mcast-send -w 30 --reply 239.77.41.2:{port}%lo"),
        format!("udp-send -w 30 --reply {address}"),
        format!("echo --ping -w 30 -c 1 --output json {address}"),
        "chat -w 30 --host 127.0.0.1:0".to_owned(),
        format!("chat -w 30 {address}"),
        format!("tcp-connect -w 30 -n --frame line -c 1 {address}"),
        "tcp-serve -1 --discard --record - 127.0.0.1:0".to_owned(),
        "man tcp-serve".to_owned(),
        "completions bash".to_owned(),
        "--help".to_owned(),
        "tcp-serve --help".to_owned(),
        "--version".to_owned(),
    ]);
    for args in all {
        let ended = closed(">&-", &args).run();
        assert_eq!(ended.code, Some(7), "{args}: {}", ended.stderr);
        assert!(ended.stderr.contains(" to stdout: the parent"), "{args}: {}", ended.stderr);
    }
}

/// Nor is one that is open for reading only opened for writing behind the back of the parent.
#[test]
fn a_stdout_that_is_open_for_reading_only_is_a_local_failure() {
    for args in ["tcp-serve -w 30 -1 127.0.0.1:0", "udp-listen -w 30 127.0.0.1:0", "man"] {
        let ended = closed("1</dev/null", args).run().code(7);
        ended.says("cannot write to stdout: it is not open for writing");
    }
}

/// Whoever writes nothing needs no stdout.
#[test]
fn a_closed_stdout_harms_nobody_who_does_not_write_to_it() {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    receiver.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = receiver.local_addr().expect("an address");
    closed(">&-", &format!("udp-send --send hello {address}")).run().code(0);
    assert_eq!(uninterrupted(|| receiver.recv(&mut [0; 9])).expect("a datagram"), 5);
    let (listener, address) = listener();
    let client = closed(">&-", &format!("tcp-connect --output none --send hello {address}"));
    let client = client.start();
    assert_eq!(read_all(&accept(&listener)), b"hello");
    client.wait().code(0);
    let mut server = closed(">&-", "tcp-serve -1 --output none --send hello 127.0.0.1:0").start();
    let stream = connect(&server.address());
    stream.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(read_all(&stream), b"hello");
    server.wait().code(0);
}

/// A null device is no closed stdout, whoever opened it and however.
#[test]
fn a_null_device_takes_everything() {
    for redirection in [">/dev/null", "1<>/dev/null"] {
        let mut server = closed(redirection, "tcp-serve -1 127.0.0.1:0").start();
        connect(&server.address()).write_all(b"hello").expect("it is taken");
        server.wait().code(0);
    }
}

/// A command that inherits a closed stdout finds it closed, and no null device in its place.
#[test]
fn a_command_inherits_a_stdout_that_is_closed() {
    let line = "echo x 2>/dev/null && echo open >&2 || echo closed >&2";
    let args = format!("tcp-serve --discard -n 127.0.0.1:0 -- sh -c '{line}'");
    let ended = closed(">&-", &args).run().code(0);
    assert!(ended.stderr.ends_with("closed"), "{}", ended.stderr);
}

/// A closed stdin is an empty one, and a closed stderr takes no events: neither is a failure.
#[test]
fn a_closed_stdin_is_empty_and_a_closed_stderr_is_silent() {
    let (listener, address) = listener();
    let client = closed("<&- 2>&-", &format!("tcp-connect -v {address}")).start();
    let mut stream = accept(&listener);
    assert_eq!(uninterrupted(|| stream.read(&mut [0; 1])).expect("FIN"), 0);
    stream.write_all(b"answer").expect("it is taken");
    drop(stream);
    let ended = client.wait().code(0);
    assert_eq!((ended.text(), ended.stderr.as_str()), ("answer", ""));
    // The number of stderr is nobody else's: no event goes into a connection.
    let ended = closed("<&- 2>&-", "tcp-connect -v 127.0.0.1:9 --wait 1ms").run();
    assert_eq!(ended.code, Some(4), "{ended:?}");
}
/// Conformance 21.
#[test]
fn sigterm_ends_a_server_whose_reader_does_not_read() {
    let (_unread, stdout) = std::io::pipe().expect("a pipe");
    let mut server = wirecat(["tcp-serve", "-v", "127.0.0.1:0"]).stdout(stdout).start();
    let mut client = connect(&server.address());
    client.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    while client.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    server.signal(SIGTERM);
    // 2 s, and generous for a machine that is busy; without a bound it is there for ever.
    assert!(server.ends_within(Duration::from_secs(20)), "it does not end");
    server.wait_open().code(7).says("undelivered");
}
