//! Signals: the first half of conformance 15, and SPEC section 9.

use std::io::Write;
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

use libc::{SIGHUP, SIGINT, SIGTERM};

use super::both_kinds;
use crate::support::load::in_some_try;
use crate::support::net::{accept, connect, connect_narrow, listener, read_all};
use crate::support::proc::wait_until;
use crate::support::{proc, program, wirecat, wirecat_path};

const KIB: usize = 1024;

fn wait_until_read(pipe: impl AsFd) {
    wait_until("stdin is not read", || rustix::io::ioctl_fionread(&pipe) == Ok(0));
}

/// Waits until the process has taken note of the signals sent so far, which the kernel would
/// otherwise make one of.
fn wait_until_delivered(pid: u32) {
    wait_until("the signal is not taken", || {
        u64::from_str_radix(&proc::status(pid, "ShdPnd"), 16) == Ok(0)
    });
}

/// Conformance 15, and more: what the listener has accepted for a client is still sent.
#[test]
fn sigterm_of_a_listener_is_0_and_loses_nothing() {
    let mut server = wirecat(["tcp-serve", "-v", "127.0.0.1:0"]).piped().start();
    let client = connect_narrow(&server.address());
    server.wait_for("accepted #1");
    server.say(vec![b'x'; 512 * KIB]);
    wait_until_read(server.stdin.as_ref().expect("stdin is open"));
    server.signal(SIGTERM);
    assert_eq!(read_all(&client).len(), 512 * KIB);
    drop(client);
    server.wait_open().code(0).says("summary").says("exit 0");
}

/// Conformance 15: a shell's loop ends only if its command died of the signal itself.
#[test]
fn other_signals_end_it_by_themselves_after_the_summary() {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let programs = both_kinds(|program| program.with(|command| _ = command.arg("-v")));
        for (number, (mut program, stream)) in programs.into_iter().enumerate() {
            let is_server = number == 1;
            program.wait_for(if is_server { "accepted" } else { "connected" });
            program.signal(signal);
            let ended = program.wait_open();
            let wanted = if is_server && signal == SIGTERM {
                (Some(0), None, "exit 0".to_owned())
            } else {
                (None, Some(signal), format!("exit {}", 128 + signal))
            };
            let last = ended.stderr.lines().last().unwrap_or_default();
            assert_eq!((ended.code, ended.signal), (wanted.0, wanted.1), "{}", ended.stderr);
            assert!(last.starts_with("summary") && last.ends_with(&wanted.2), "{last:?}");
            drop(stream);
        }
    }
}

/// SPEC section 9: the second signal does not wait for what the first one waits for.
#[test]
fn a_second_sigterm_ends_a_server_that_still_writes() {
    let mut server = wirecat(["tcp-serve", "127.0.0.1:0", "-v"]).piped().start();
    let client = connect_narrow(&server.address());
    server.wait_for("accepted #1");
    server.say(vec![b'x'; 512 * KIB]);
    wait_until_read(server.stdin.as_ref().expect("stdin is open"));
    server.signal(SIGTERM);
    wait_until_delivered(server.pid());
    server.signal(SIGTERM);
    let ended = server.wait_open();
    assert_eq!(ended.signal, Some(SIGTERM), "code {:?}; {}", ended.code, ended.stderr);
    drop(client);
}

/// SPEC section 9: the first one gives a stdout that nobody reads 2 s, the second one no time.
#[test]
fn a_second_sigint_ends_a_run_at_once() {
    let is_at_once = |waited: &Duration| *waited < Duration::from_millis(1500);
    in_some_try(is_at_once, || {
        let (listener, address) = listener();
        let (_unread, stdout) = std::io::pipe().expect("a pipe");
        let client = wirecat(["tcp-connect", "-n", &address]);
        let mut client = client.stdout(stdout).start();
        let mut stream = accept(&listener);
        stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        let bytes = vec![b'x'; 1024 * KIB];
        while stream.write_all(&bytes).is_ok() {}
        client.signal(SIGINT);
        let began = Instant::now();
        wait_until_delivered(client.pid());
        assert!(client.is_running(), "stdout is read");
        client.signal(SIGINT);
        let ended = client.wait_open();
        assert_eq!(ended.signal, Some(SIGINT));
        began.elapsed().saturating_sub(ended.queued)
    });
}

/// SPEC section 9, and what nohup(1) and a script's `&` rely on.
#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    for (name, signal) in [("HUP", SIGHUP), ("INT", SIGINT)] {
        let script = format!("trap '' {name}; exec \"$0\" tcp-serve 127.0.0.1:0");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, wirecat_path()]);
        let (mut server, address) = program(shell).serve();
        assert!(proc::ignores(server.pid(), signal), "SIG{name}");
        server.signal(signal);
        connect(&address).write_all(b"still here").expect("it is taken");
        server.wait_for_output("still here");
        server.signal(SIGTERM);
        server.wait_open().code(0);
    }
}
