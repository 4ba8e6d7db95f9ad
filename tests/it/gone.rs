//! Peers that are gone while stdin is silent: what is noticed without a write, and what is not.
//!
//! A FIN alone says that the peer sends no more; whether it still reads, TCP does not say. So a FIN
//! keeps a connection to which stdin may still have something to send, and a reset ends it.

use std::fs::{read_dir, read_to_string};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::Instant;

use crate::support::net::uninterrupted;
use crate::support::net::{accept, connect, listener, read_exactly, reset};
use crate::support::unix;
use crate::support::{PATIENCE, Running, program, wirecat, wirecat_path};

/// A server whose stdin is silent, with what it needs beside its address.
fn silent_server(arguments: &[&str]) -> Running {
    let mut all = vec!["tcp-serve", "-v", "127.0.0.1:0"];
    all.extend(arguments);
    wirecat(all).piped().start()
}

/// The client says FIN and is heard.
fn say_fin(server: &mut Running, client: &TcpStream) {
    client.shutdown(Shutdown::Write).unwrap();
    server.wait_for("eof #");
}

/// The descriptors that the process has on sockets.
fn sockets(server: &Running) -> usize {
    let entries = read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn a_reset_of_a_client_that_said_fin_frees_its_place_while_stdin_is_silent() {
    let mut server = silent_server(&[]);
    let address = server.address();
    let idle = sockets(&server);
    let client = connect(&address);
    (&client).write_all(b"question\n").unwrap();
    say_fin(&mut server, &client);
    assert_eq!(sockets(&server), idle + 1, "a FIN alone keeps it");
    reset(client);
    server.wait_for("closed #1");
    assert_eq!(sockets(&server), idle);
    // Another one is not disturbed.
    let other = connect(&address);
    server.say("news\n");
    assert_eq!(read_exactly(&other, 5), b"news\n");
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait_open().code(0).text(), "question\n");
}

/// SPEC 1.3: what was not sent to a client that is gone stands in the same warning.
#[test]
fn a_client_that_leaves_in_the_middle_is_one_warning() {
    let mut server = wirecat(["tcp-serve", "--reply", "@-", "-v", "127.0.0.1:0"])
        .input(vec![b'x'; 64 << 20])
        .start();
    let client = connect(&server.address());
    assert_eq!(read_exactly(&client, 1), b"x");
    reset(client);
    server.wait_for("closed #1");
    server.signal(libc::SIGTERM);
    let said = server.wait().stderr;
    let warnings: Vec<_> = said.lines().filter(|line| line.contains("warning")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("was lost: connection reset by peer; "), "{said}");
    assert!(warnings[0].ends_with(" for it were not sent"), "{said}");
}

/// FIN and RST are there before the server has looked once.
#[test]
fn a_reset_right_behind_a_fin_is_noticed() {
    let mut server = silent_server(&[]);
    let address = server.address();
    for number in 1..=20 {
        let client = connect(&address);
        client.shutdown(Shutdown::Write).unwrap();
        reset(client);
        server.wait_for(&format!("closed #{number} "));
    }
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
}

#[test]
fn a_reset_after_the_peers_fin_ends_a_client_at_once() {
    let (listener, address) = listener();
    let mut client = wirecat(["tcp-connect", "-v", &address]).piped().start();
    let peer = accept(&listener);
    (&peer).write_all(b"answer").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    client.wait_for("eof");
    assert!(client.is_running());
    reset(peer);
    assert_eq!(client.wait_open().code(6).says("cannot keep the connection").text(), "answer");
}

/// The upstream has said FIN, and the client is quiet.
#[test]
fn a_reset_of_one_side_of_a_relay_reaches_the_other_side() {
    let (upstream, address) = listener();
    let mut relay = silent_server(&["--forward", &address]);
    let client = connect(&relay.address());
    let upstream = accept(&upstream);
    upstream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(uninterrupted(|| client.peek(&mut [0])).unwrap(), 0);
    reset(upstream);
    relay.wait_for("closed #1");
    let mut one = [0];
    let error = std::io::Read::read(&mut &client, &mut one);
    assert!(matches!(error, Ok(0) | Err(_)), "nothing more comes");
    relay.signal(libc::SIGTERM);
    relay.wait_open();
}

/// The client has said FIN, and its upstream has not answered yet.
#[test]
fn a_reset_of_the_client_of_a_relay_reaches_its_upstream_and_is_one_loss() {
    let (upstream, address) = listener();
    let mut relay = silent_server(&["--forward", &address]);
    let client = connect(&relay.address());
    let upstream = accept(&upstream);
    say_fin(&mut relay, &client);
    assert_eq!(uninterrupted(|| upstream.peek(&mut [0])).unwrap(), 0);
    reset(client);
    relay.wait_for("was lost");
    // After its FIN the reset shows in what is written.
    let deadline = Instant::now() + PATIENCE;
    while (&upstream).write_all(b"an answer").is_ok() {
        assert!(Instant::now() < deadline, "the upstream may go on for ever");
        std::thread::yield_now();
    }
    relay.signal(libc::SIGTERM);
    let ended = relay.wait_open().code(0);
    let losses = ended.stderr.lines().filter(|line| line.contains("was lost")).count();
    assert_eq!(losses, 1, "{}", ended.stderr);
}

/// Paused because nobody reads stdout. What a client has left unread keeps it, and nothing else does.
#[test]
fn a_reset_of_a_paused_client_that_left_nothing_unread_frees_its_place() {
    let (mut reader, writer) = crate::support::pipes::pipe().unwrap();
    let (mut server, address) =
        wirecat(["tcp-serve", "-v", "127.0.0.1:0"]).piped().stdout(writer).serve();
    let flooder = connect(&address);
    flooder.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    while (&flooder).write_all(&[b'x'; 65536]).is_ok() {}
    let idle = sockets(&server);
    for number in 2..10 {
        let client = connect(&address);
        server.wait_for(&format!("accepted #{number} "));
        reset(client);
        server.wait_for(&format!("closed #{number} "));
    }
    assert_eq!(sockets(&server), idle);
    let unread = connect(&address);
    (&unread).write_all(b"the end").unwrap();
    server.wait_for("accepted #10 ");
    reset(unread);
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut all).unwrap();
        all
    });
    server.wait_for("closed #10 ");
    drop(flooder);
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
    let all = reader.join().unwrap();
    assert!(all.windows(7).any(|seven| seven == b"the end"), "what was unread is printed");
}

/// A unix socket says that nobody reads any more, and so the client needs not be kept.
#[test]
fn a_client_of_a_unix_socket_that_has_closed_is_gone() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let address = format!("unix:{}", path.display());
    let mut server = wirecat(["tcp-serve", "-v", &address]).piped().start();
    server.wait_for("listening unix");
    let idle = sockets(&server);
    let kept = unix::connect(&path);
    kept.shutdown(Shutdown::Write).unwrap();
    server.wait_for("eof #1");
    for number in 2..10 {
        let mut client = unix::connect(&path);
        client.write_all(b"x").unwrap();
        drop(client);
        server.wait_for(&format!("closed #{number} "));
    }
    assert_eq!(sockets(&server), idle + 1, "a FIN alone keeps it");
    server.say("late");
    let mut late = [0; 4];
    std::io::Read::read_exact(&mut &kept, &mut late).unwrap();
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    assert!(!ended.stderr.contains("lost"), "they left in order: {}", ended.stderr);
}

/// 40 checks that close, for 32 descriptors. Nothing tells them from clients that wait for an
/// answer, but there is no other place for the one that is still there.
#[test]
fn clients_that_said_fin_make_room_where_descriptors_run_out() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 32; exec \"$@\"", "sh", wirecat_path()]);
    shell.args(["tcp-serve", "127.0.0.1:0"]);
    let (mut server, address) = program(shell).piped().serve();
    for _ in 0..40 {
        let mut check = connect(&address);
        check.write_all(b"x").unwrap();
    }
    let live = connect(&address);
    (&live).write_all(b"here I am").unwrap();
    server.wait_for_output("here I am");
    server.say("news\n");
    assert_eq!(read_exactly(&live, 5), b"news\n");
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let made = ended.stderr.lines().filter(|line| line.contains("may be gone")).count();
    assert_eq!(made, 1, "{}", ended.stderr);
}

/// A client that has closed is forgotten by its kernel after a minute, which then answers a probe
/// with RST; one that still reads answers as it should.
#[test]
fn the_kernel_probes_a_quiet_client_that_said_fin() {
    let mut server = silent_server(&[]);
    let port = server.port();
    let client = connect(&format!("127.0.0.1:{port}"));
    say_fin(&mut server, &client);
    // Local address, peer, state 08 (CLOSE-WAIT), the queues, and timer 02 (keepalive).
    let local = format!("0100007F:{port:04X}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let table = read_to_string("/proc/net/tcp").unwrap();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut rows = rows.filter(|row| row[1] == local && row[3] == "08");
        if rows.any(|row| row[5].starts_with("02:")) {
            return;
        }
        assert!(Instant::now() < deadline, "no keepalive timer in:\n{table}");
        std::thread::yield_now();
    }
}
