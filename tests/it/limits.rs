//! The limits of time of both stream commands, and what ends a connection: `-w`, `--idle-timeout`,
//! `--read-timeout`, `--wait`, `--connect-timeout`, `--quit-after`, `--keep-open`,
//! `--on-peer-close` and `-n`.

use std::io::{ErrorKind, Read, Write, pipe};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::support::data::PATHS;
use crate::support::load::in_some_try;
use crate::support::net::uninterrupted;
use crate::support::net::{RefusingPort, accept, connect, listener, peer, read_all, read_exactly};
use crate::support::unix;
use crate::support::{PATIENCE, Running, program, skip, wirecat, wirecat_path};

/// A limit that a test waits for, in the words of the command line.
const SHORT: &str = "300ms";
const SHORT_TIME: Duration = Duration::from_millis(300);

/// SPEC section 5: the whole run must end within D, whatever flows.
#[test]
fn timeout_ends_a_run_in_full_flow() {
    let server = peer(|mut stream| while stream.write_all(&[b'x'; 1000]).is_ok() {});
    let ended = wirecat(["tcp-connect", "-w", SHORT, "--output", "none", &server.address]).run();
    let ended = ended.code(124).says("cannot finish the run: the time of 300ms is up");
    assert!(ended.took >= SHORT_TIME, "{:?}", ended.took);
    server.join();
    let ended = wirecat(["tcp-serve", "--timeout", SHORT, "127.0.0.1:0"]).run();
    assert!(ended.code(124).took >= SHORT_TIME);
}

/// SPEC section 5: the whole run ends in time, though stdout is full and nobody reads it, and the
/// connection is over.
#[test]
fn a_full_stdout_does_not_outlast_the_timeout() {
    // Where the kernel passes them on, a pipe holds pages of many sizes.
    for (path, count) in PATHS.into_iter().zip([24 << 20, 1_200_000]) {
        let server = peer(move |mut stream: TcpStream| stream.write_all(&vec![b'x'; count]));
        let (_unread, stdout) = pipe().unwrap();
        let words = ["tcp-connect", "-n", "-w", "5s", &server.address];
        let client = wirecat([&words[..], path].concat()).stdout(stdout);
        client.start().wait().code(124).says("the time of 5s is up");
    }
}

/// SPEC sections 1.4 and 5: the peer takes nothing of what is left to be sent at the end.
#[test]
fn a_peer_that_takes_nothing_is_named_at_the_end() {
    let (listener, address) = listener();
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
    let args = ["tcp-connect", "-w", "9s", "--input", "hex", "-O", "sndbuf=4k", &address];
    let line = format!("{}\n", "41".repeat(1000));
    let mut client = wirecat(args).input(format!("{}not hex\n", line.repeat(60))).start();
    let _peer = accept(&listener);
    client.wait_for("waiting for the peer to take what is left (-w limits this)");
    client.wait().code(7);
}

/// SPEC section 5: a client without traffic for D ends with 124; traffic either way keeps it.
#[test]
fn an_idle_client_ends_and_a_busy_one_does_not() {
    let server = peer(|mut stream: TcpStream| {
        for _ in 0..10 {
            stream.write_all(b".").unwrap();
            // The pauses are what must not end it: together they are longer than the limit.
            thread::sleep(Duration::from_millis(500));
        }
        read_all(&stream)
    });
    let client = wirecat(["tcp-connect", "--idle-timeout", "3", &server.address]).piped();
    let ended = client.start().wait_open().code(124).says("no traffic for 3s");
    assert_eq!(ended.text(), "..........");
    assert!(ended.took >= Duration::from_millis(7500), "{:?}", ended.took);
    server.join();
}

/// On servers the limit is that of each connection; it is closed, and the others live.
#[test]
fn an_idle_client_of_a_server_is_closed_alone() {
    let (mut server, address) =
        wirecat(["tcp-serve", "-v", "--idle-timeout", "2s", "127.0.0.1:0"]).serve();
    let idle = connect(&address);
    assert_eq!(read_all(&idle), b"");
    server.wait_for("is closed: no traffic for 2s");
    server.wait_for("(idle)");
    let mut next = connect(&address);
    next.write_all(b"next\n").unwrap();
    server.wait_for_output("next\n");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// SPEC section 7: one whole message must arrive within D; a drip of bytes is none.
#[test]
fn a_peer_that_drips_a_message_is_too_late() {
    let drip = |mut stream: TcpStream| {
        stream.write_all(b"whole\npart").unwrap();
        while stream.write_all(b".").is_ok() {
            // A byte now and then is traffic, and yet no message.
            thread::sleep(Duration::from_millis(50));
        }
    };
    let framed = ["-v", "--frame", "line", "--read-timeout", "2s"];
    let server = peer(drip);
    let client = wirecat([&["tcp-connect"], &framed[..], &[&server.address]].concat()).piped();
    let ended = client.start().wait_open().code(124).says("no whole message within 2s");
    assert_eq!(ended.text(), "whole\n");
    server.join();
    let mut server =
        wirecat([&["tcp-serve", "-1"], &framed[..], &["127.0.0.1:0"]].concat()).start();
    let client = connect(&server.address());
    let dripping = thread::spawn(move || drip(client));
    let ended = server.wait().code(124).says("(no whole message in time)");
    assert_eq!(ended.text(), "whole\n");
    dripping.join().unwrap();
}

/// SPEC section 5: patience of a client, for a server that comes up later.
#[test]
fn wait_is_patience_for_a_tcp_server() {
    let late = RefusingPort::new();
    let client = wirecat(["tcp-connect", "--wait", "60", &late.address]).input("hello");
    let mut client = client.start();
    client.wait_for("retry in");
    let peer = accept(&late.listen());
    assert_eq!(read_all(&peer), b"hello");
    drop(peer);
    client.wait().code(0);
}

#[test]
fn wait_is_patience_for_a_unix_socket() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let client = wirecat(["tcp-connect", "--wait", "30", &format!("unix:{}", path.display())]);
    let mut client = client.input("hello").start();
    client.wait_for("retry in");
    let listener = UnixListener::bind(&path).unwrap();
    let mut received = Vec::new();
    unix::accept(&listener).read_to_end(&mut received).unwrap();
    assert_eq!(received, b"hello");
    client.wait().code(0);
}

/// Patience that runs out ends with the last cause, and not before its time.
#[test]
fn wait_that_runs_out_ends_with_the_last_cause() {
    let nobody = RefusingPort::new();
    for (address, code, words) in [
        (nobody.address.clone(), 4, "connection refused (nothing listens there)"),
        ("unix:/nosuch/s".to_owned(), 4, "no such file or directory"),
        ("nosuch.invalid:80".to_owned(), 3, "cannot resolve nosuch.invalid"),
    ] {
        // Within it a name server has to be asked, and there is time left for another try.
        let ended = wirecat(["tcp-connect", "--wait", "3s", &address]).run().code(code);
        let ended = ended.says("retry in").says(words);
        assert!(ended.took >= Duration::from_secs(3), "{address}: {:?}", ended.took);
    }
}

/// Patience of a server, for its first client; then 124.
#[test]
fn wait_is_patience_for_the_first_client() {
    let ended = wirecat(["tcp-serve", "--wait", SHORT, "127.0.0.1:0"]).run().code(124);
    assert!(ended.says("nobody connected within 300ms").took >= SHORT_TIME);
    let mut server = wirecat(["tcp-serve", "--wait", "3s", "127.0.0.1:0"]).start();
    drop(connect(&server.address()));
    // It has had its client: the limit must pass without effect.
    thread::sleep(Duration::from_secs(4));
    assert!(server.is_running());
}

/// A name for SYNs that nobody answers: on-link, with a neighbour who is not there. The rest of
/// the script runs in a network of its own.
const BLACK_HOLE: &str = "ip link set lo up && ip link add hole type veth peer name end \
    && ip addr add 10.9.9.1/24 dev hole && ip link set hole up && ip link set end up \
    && ip neigh add 10.9.9.9 lladdr 02:00:00:00:00:09 dev hole || exit 99; exec \"$0\" \"$@\"";

/// SPEC section 7: `--connect-timeout` is for one attempt, and `-w` counts while connecting.
#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    for (args, words) in [
        (
            &["--connect-timeout", SHORT][..],
            "cannot connect to 10.9.9.9:80: no answer within 300ms",
        ),
        (&["-w", SHORT], "the time of 300ms is up"),
        (&["--connect-timeout", "100ms", "--wait", SHORT], "no answer within 100ms"),
    ] {
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", BLACK_HOLE, wirecat_path(), "tcp-connect"]);
        command.args(args).args(["--events", "connect-failed", "10.9.9.9:80"]);
        let ended = program(command).run();
        if ended.code == Some(99) || ended.stderr.contains("unshare:") {
            skip("a_server_that_does_not_answer_is_a_timeout", &ended.stderr);
            return;
        }
        let ended = ended.code(124).says(words);
        assert!(ended.took >= SHORT_TIME, "{args:?}");
        // An attempt that its limit ends has failed at each address that had not answered.
        let has_failed = ended.stderr.contains("connect-failed 10.9.9.9:80: no answer within ");
        assert_eq!(has_failed, args[0] == "--connect-timeout", "{}", ended.stderr);
    }
}

/// SPEC section 6: after the end of stdin, give up after D; at 0 as soon as all is sent.
#[test]
fn quit_after_zero_sends_everything_first() {
    let much = vec![b'x'; 4 << 20];
    let server = peer(|stream| (read_all(&stream), stream));
    let client = wirecat(["tcp-connect", "--quit-after", "0", &server.address]);
    client.input(much.clone()).run().code(0);
    assert!(server.join().0 == much);
}

/// SPEC section 6: at 0 it leaves as soon as all is sent, though the peer never closes. A machine
/// under load may be late, but not each time.
#[test]
fn quit_after_zero_does_not_wait_for_the_peer() {
    let leaves_after = |running: Running, peer: TcpStream| {
        assert_eq!(read_all(&peer), b"question");
        let said = Instant::now();
        let ended = running.wait().code(0);
        said.elapsed().saturating_sub(ended.queued)
    };
    let is_at_once = |waited: &Duration| *waited < Duration::from_millis(250);
    in_some_try(is_at_once, || {
        let (listener, address) = listener();
        let client = wirecat(["tcp-connect", "--quit-after", "0", &address]).input("question");
        leaves_after(client.start(), accept(&listener))
    });
    in_some_try(is_at_once, || {
        let server = wirecat(["tcp-serve", "-1", "--quit-after", "0", "127.0.0.1:0"]);
        let mut server = server.input("question").start();
        let client = connect(&server.address());
        leaves_after(server, client)
    });
}

/// SPEC section 6: `--keep-open` sends no FIN, and the answer is waited for all the same.
#[test]
fn keep_open_does_not_half_close() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "--keep-open", &address]).input("question").start();
    let mut peer = accept(&listener);
    assert_eq!(read_exactly(&peer, 8), b"question");
    peer.set_read_timeout(Some(SHORT_TIME)).unwrap();
    let error = uninterrupted(|| peer.read(&mut [0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(client.is_running());
    peer.write_all(b"answer").unwrap();
    drop(peer);
    assert_eq!(client.wait().code(0).text(), "answer");
    let server = wirecat(["tcp-serve", "-1", "--keep-open", "127.0.0.1:0"]);
    let mut server = server.input("question").start();
    let client = connect(&server.address());
    assert_eq!(read_exactly(&client, 8), b"question");
    client.set_read_timeout(Some(SHORT_TIME)).unwrap();
    assert_eq!(
        uninterrupted(|| (&client).read(&mut [0])).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"");
    server.wait().code(0);
}

/// With `--keep-open` it is `--quit-after` alone that ends the wait.
#[test]
fn keep_open_can_be_limited() {
    let (listener, address) = listener();
    let args = ["tcp-connect", "--keep-open", "--quit-after", SHORT, &address];
    let client = wirecat(args).input("question").start();
    let peer = accept(&listener);
    assert_eq!(read_all(&peer), b"question");
    assert!(client.wait().code(0).took >= SHORT_TIME);
}

/// SPEC section 6: `--on-peer-close exit` leaves at once, though stdin may have more.
#[test]
fn on_peer_close_exit_does_not_wait_for_stdin() {
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", "--on-peer-close", "exit", &address]).piped().start();
    let mut peer = accept(&listener);
    peer.write_all(b"bye").unwrap();
    drop(peer);
    assert_eq!(client.wait_open().code(0).text(), "bye");
    let server = wirecat(["tcp-serve", "-1", "--on-peer-close", "exit", "127.0.0.1:0"]).piped();
    let mut server = server.start();
    drop(connect(&server.address()));
    server.wait_open().code(0);
}

/// It is 6 where input is known to be unsent.
#[test]
fn on_peer_close_exit_with_unsent_input_is_a_loss() {
    let (listener, address) = listener();
    let (stdin, mut input) = pipe().unwrap();
    let client = wirecat(["tcp-connect", "--on-peer-close", "exit", &address]).stdin(stdin).start();
    let peer = accept(&listener);
    // The peer reads nothing, and the input is stuck when a second brings no room for more.
    rustix::io::ioctl_fionbio(&input, true).unwrap();
    let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
    while poll(&mut [PollFd::new(&input, PollFlags::OUT)], Some(&second)).unwrap() > 0 {
        let _ = input.write(&[b'x'; 65536]);
    }
    peer.shutdown(Shutdown::Write).unwrap();
    client.wait_open().code(6).says("the rest of stdin: the peer closed before it was sent");
}

/// SPEC section 5: with `-n` stdin is absent, and neither sent nor at its end.
#[test]
fn no_stdin_sends_nothing() {
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", "-n", &address]).input("not for the wire").start();
    let peer = accept(&listener);
    peer.set_read_timeout(Some(SHORT_TIME)).unwrap();
    assert_eq!(uninterrupted(|| (&peer).read(&mut [0])).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(peer);
    client.wait().code(0);
}

/// SPEC 1.4: nothing hangs. A client that is late with its message, and does not read what is
/// queued for it either, is closed all the same.
#[test]
fn a_late_client_that_reads_nothing_does_not_stay() {
    let args = ["tcp-serve", "-1", "-v", "--frame", "line", "--read-timeout", "200ms"];
    let mut server = wirecat(args.iter().chain(&["127.0.0.1:0"])).piped().start();
    let client = TcpStream::connect(server.address()).unwrap();
    let line = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
    let mut stdin = server.stdin.take().unwrap();
    let feeder = thread::spawn(move || while stdin.write_all(&line).is_ok() {});
    server.wait_for("no whole message");
    server.wait_open().code(124);
    drop(client);
    feeder.join().unwrap();
}
