//! `--exec`: a command as the other side of a connection, on servers and on clients. Conformance
//! 15: it holds no other connection's socket, and its last output is never lost.

mod client;
mod ends;
mod socket;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::data::{assert_same, noise};
use crate::support::net::uninterrupted;
use crate::support::net::{
    accept, answer, connect, connect_narrow, listener, peer, read_all, read_exactly,
    read_what_comes, reset, wait_for_delivery,
};
use crate::support::peers::{Peer, Role};
use crate::support::proc::{unshared, wait_until};
use crate::support::{PATIENCE, Running, proc, program, skip, wirecat, wirecat_path};

/// Says FIN by the socket that is stdin, which no redirection of a shell does.
const HALF_CLOSE: &str = "perl -e 'shutdown STDIN, 1'";

/// A server of this line for the shell, and its address.
fn serve(line: &str, args: &[&str]) -> (Running, String) {
    let command = ["tcp-serve", "--sh", "--exec", line, "127.0.0.1:0"];
    wirecat(command.iter().chain(args)).serve()
}

/// The process whose number comes in a line.
fn process_on(stream: &TcpStream) -> PathBuf {
    let mut pid = String::new();
    while !pid.ends_with('\n') {
        pid.push(char::from(read_exactly(stream, 1)[0]));
    }
    Path::new("/proc").join(pid.trim())
}

/// The children of a process.
fn children(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("a process")
}

/// SPEC 7: per connection, with the names of both ends and the number.
#[test]
fn each_connection_gets_its_own_command() {
    let (server, address) =
        serve("echo $WIRECAT_CONN $WIRECAT_PEER $WIRECAT_LOCAL; tr a-z A-Z", &["--conns", "2"]);
    for number in 1..=2 {
        let mut client = connect(&address);
        let peer = client.local_addr().unwrap();
        client.write_all(b"abc").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let said = String::from_utf8(read_all(&client)).unwrap();
        assert_eq!(said, format!("{number} {peer} {address}\nABC"));
    }
    server.wait().code(0);
}

/// SPEC 7: without `--sh` the words are those of a shell, and nothing else of it is there.
#[test]
fn a_command_is_words_or_a_line_for_the_shell() {
    for (args, wanted) in [
        (&["--exec", "printf '%s|' 'a b' \"c\"d $HOME"][..], "a b|cd|$HOME|"),
        (&["--sh", "--exec", "printf '%s|' $((1+1)) a"], "2|a|"),
    ] {
        let mut server = wirecat(["tcp-serve", "-1", "127.0.0.1:0"].iter().chain(args)).start();
        assert_eq!(answer(&server.address(), ""), wanted);
        server.wait().code(0);
    }
    for (exec, words) in [("'a", "missing closing quote"), (" ", "names no program")] {
        let ended = wirecat(["tcp-serve", "--exec", exec, "0"]).run().code(2);
        ended.says("cannot use --exec").says(words);
    }
}

/// Conformance 15: 100 KB and the end at once, while the client still sends.
#[test]
fn the_last_output_arrives_every_time() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("output");
    let bytes = noise(100_000);
    std::fs::write(&path, &bytes).unwrap();
    let (_server, address) = serve(&format!("cat {}", path.display()), &[]);
    let rounds = |address: &str| {
        for _ in 0..260 {
            let client = connect(address);
            let mut sender = client.try_clone().unwrap();
            // It sends for as long as anybody takes it.
            let sending = thread::spawn(move || while sender.write_all(&[b'x'; 512]).is_ok() {});
            assert_same(&read_what_comes(&client), &bytes);
            // The server would listen to it for another while.
            let _ = client.shutdown(Shutdown::Both);
            sending.join().unwrap();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| rounds(&address));
        rounds(&address);
    });
}

/// The same for a client that takes its time: nothing is thrown away for being slow.
#[test]
fn the_last_output_waits_for_a_slow_client() {
    let (server, address) = serve("head -c 300000 /dev/zero", &["-1"]);
    let mut client = connect_narrow(&address);
    client.write_all(b"never read").unwrap();
    let mut sender = client.try_clone().unwrap();
    let sending = thread::spawn(move || while sender.write_all(&[b'x'; 512]).is_ok() {});
    // Longer than any closed connection is waited for as a rule, which is what is tested.
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(read_exactly(&client, 300_000).len(), 300_000);
    read_what_comes(&client);
    drop(client);
    sending.join().unwrap();
    server.wait().code(0);
}

/// Conformance 15: what a child has open is its own socket and stderr.
#[test]
fn a_child_has_no_descriptor_of_another_connection() {
    let (_server, address) = serve("ls -l /proc/self/fd; cat", &[]);
    let clients: Vec<TcpStream> = (0..5).map(|_| connect(&address)).collect();
    let mut counts = None;
    for mut client in clients {
        client.shutdown(Shutdown::Write).unwrap();
        let mut list = String::new();
        client.read_to_string(&mut list).unwrap();
        let foreign = |line: &&str| {
            let of_others = line.contains("socket:") || line.contains("anon_inode");
            of_others && ![" 0 -> socket:", " 1 -> socket:"].iter().any(|own| line.contains(own))
        };
        assert_eq!(list.lines().find(foreign), None, "{list}");
        let open = list.lines().filter(|line| line.contains(" -> ")).count();
        // Beside its own, it has what the test was started with.
        assert_eq!(*counts.get_or_insert(open), open, "{list}");
    }
}

/// Both ways at once, more than any buffer holds.
#[test]
fn every_byte_passes_both_ways() {
    let (server, address) = serve("cat", &["-1"]);
    let client = connect(&address);
    let bytes = noise(8 << 20);
    thread::scope(|scope| {
        let (mut sender, bytes) = (&client, &bytes);
        scope.spawn(move || {
            sender.write_all(bytes).unwrap();
            sender.shutdown(Shutdown::Write).unwrap();
        });
        assert_same(&read_all(&client), bytes);
    });
    server.wait().code(0);
}

/// A command that closes its output at once goes on to read, and is waited for.
#[test]
fn a_command_without_output_reads_to_the_end() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("sorted");
    let line = format!("sort > {0}.part; mv {0}.part {0}", path.display());
    let (server, address) = serve(&format!("exec > /dev/null; {line}"), &["-1"]);
    assert_eq!(answer(&address, "b\na\n"), "");
    server.wait().code(0);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "a\nb\n");
}

/// SPEC 1.4: what is waited for after the last connection is said.
#[test]
fn a_command_that_works_on_is_waited_for_and_named() {
    let line = format!("{HALF_CLOSE}; cat > /dev/null; sleep 60");
    let (mut server, address) = serve(&line, &["-1"]);
    assert_eq!(answer(&address, "x"), "");
    server.wait_for("waiting for the command of #1 127.0.0.1:");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    let server = peer(|stream| assert_eq!(read_all(&stream), b""));
    let mut client = wirecat(["tcp-connect", "--sh", "--exec", &line, &server.address]).start();
    server.join();
    client.wait_for("waiting for the command of 127.0.0.1:");
    client.signal(libc::SIGTERM);
    assert_eq!(client.wait().signal, Some(libc::SIGTERM));
}

/// A child has the limits that wirecat was started with, and not those that it gives itself.
#[test]
fn a_child_has_the_limits_of_our_parent() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 64; exec \"$@\"", "sh", wirecat_path(), "tcp-serve", "-1"]);
    shell.args(["--sh", "--exec", "ulimit -n", "127.0.0.1:0"]);
    let (server, address) = program(shell).serve();
    assert_eq!(answer(&address, ""), "64\n");
    server.wait().code(0);
}

/// The end of the connection: EOF for the child, and SIGPIPE if it goes on to write.
#[test]
fn a_child_learns_of_the_end_from_its_socket() {
    let directory = crate::support::tempdir().unwrap();
    let mark = |name: &str| directory.path().join(name);
    let line = format!(
        "cat; touch {}; while echo more; do sleep 0.01; done; touch {}",
        mark("eof").display(),
        mark("deaf").display()
    );
    let (server, address) = serve(&line, &[]);
    let mut client = connect(&address);
    client.write_all(b"hello").unwrap();
    assert_eq!(read_exactly(&client, 5), b"hello");
    reset(client);
    wait_until("the end of its input", || mark("eof").exists());
    wait_until("it is reaped", || children(server.pid()).is_empty());
    assert!(!mark("deaf").exists(), "SIGPIPE is ignored");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// An ended command is reaped while the server goes on, and an unlucky one is told of.
#[test]
fn ends_are_reported() {
    let (mut server, address) = serve("exit 3", &[]);
    assert_eq!(answer(&address, ""), "");
    let line = server.wait_for("the command of #1");
    assert!(line.contains("exit status 3"), "{line}");
    wait_until("it is reaped", || children(server.pid()).is_empty());
}

/// SPEC 1.7: a command that cannot start costs the connection only.
#[test]
fn a_command_that_cannot_start_costs_its_client_only() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("command");
    // What a child of another test has open for writing cannot be run (ETXTBSY, execve(2)).
    let make = || {
        unshared(|| std::fs::write(&path, "#!/bin/sh\necho here\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
    };
    make();
    let exec = path.to_str().unwrap();
    let mut server =
        wirecat(["tcp-serve", "--conns", "2", "-v", "--exec", exec, "127.0.0.1:0"]).start();
    let address = server.address();
    std::fs::remove_file(&path).unwrap();
    let client = connect(&address);
    assert_eq!(read_what_comes(&client), b"");
    let line = server.wait_for("cannot run");
    assert!(line.contains("for #1") && line.contains("no such file"), "{line}");
    server.wait_for("(local failure)");
    make();
    assert_eq!(answer(&address, ""), "here\n");
    server.wait().code(127);
}

/// A command that is not there, or that takes a shell, is found before anybody comes.
#[test]
fn a_command_that_cannot_be_run_is_found_at_the_start() {
    for (args, code, says) in [
        (&["tcp-serve", "--exec", "/no/such/command", "0"][..], 127, "cannot run /no/such/command"),
        (
            &["udp-listen", "--exec", "no-such-command-here", "0"],
            127,
            "no directory of PATH has it",
        ),
        (&["tcp-connect", "--exec", "/etc/passwd", "1"], 126, "permission denied"),
        (&["tcp-serve", "--exec", "sort | uniq", "0"], 2, "hint: add --sh"),
        (&["tcp-serve", "0", "--", "/no/such/command"], 127, "cannot run /no/such/command"),
    ] {
        let path = |command: &mut Command| {
            command.env("PATH", "/usr/bin:/bin");
        };
        let ended = wirecat(args).with(path).run().code(code).says(says);
        assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
    }
}

/// A grandchild that keeps the output open goes on talking; a server that is told to stop does not
/// wait for it.
#[test]
fn a_grandchild_talks_on_and_is_not_waited_for_at_the_end() {
    let (server, address) = serve("(sleep 0.3; echo late) & echo early", &["-1"]);
    assert_eq!(answer(&address, ""), "early\nlate\n");
    server.wait().code(0);
    let (server, address) = serve("sleep 60 2>/dev/null & echo early", &[]);
    let client = connect(&address);
    assert_eq!(read_exactly(&client, 6), b"early\n");
    let start = Instant::now();
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    assert!(start.elapsed() < Duration::from_secs(20));
}

/// Who is let in, and how many children at once.
#[test]
fn no_more_children_than_clients_are_allowed() {
    let (server, address) = serve("echo in; cat", &["--max-clients", "1"]);
    let first = connect(&address);
    assert_eq!(read_exactly(&first, 3), b"in\n");
    let second = connect(&address);
    second.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let outcome = uninterrupted(|| (&second).read(&mut [0])).map_err(|error| error.kind());
    assert_eq!(outcome, Err(ErrorKind::WouldBlock));
    assert_eq!(children(server.pid()).split_whitespace().count(), 1);
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read_exactly(&second, 3), b"in\n");
}

/// A stuck client and a stuck command take bounded memory.
#[test]
fn back_pressure_reaches_the_command_and_the_client() {
    let (server, address) = serve("yes", &["--queue", "64k"]);
    let before = proc::peak_kib(server.pid());
    let stuck = connect_narrow(&address);
    let (deaf_server, deaf_address) = serve("sleep 1000", &["--queue", "64k"]);
    let mut flooder = connect(&deaf_address);
    flooder.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let chunk = vec![7; 1 << 20];
    let taken = (0..64).take_while(|_| flooder.write_all(&chunk).is_ok()).count();
    assert!(taken < 64, "everything was taken");
    for pid in [server.pid(), deaf_server.pid()] {
        let grown = proc::peak_kib(pid).saturating_sub(before);
        assert!(grown < 4 << 10, "{grown} KiB");
    }
    drop((stuck, flooder));
    // A server that is only killed could not see to what its shell has started.
    for server in [server, deaf_server] {
        server.signal(libc::SIGTERM);
        server.wait();
    }
}

/// The neighbours as clients of a command.
#[test]
fn other_netcats_talk_to_a_command() {
    for peer in [Peer::Nc, Peer::Ncat, Peer::Socat { block: None }] {
        if !peer.is_installed() {
            skip("exec", &format!("{} is not installed", peer.program()));
            continue;
        }
        let directory = crate::support::tempdir().unwrap();
        let path = directory.path().join("file");
        let bytes = noise(2 << 20);
        let (mut server, _) = serve(&format!("cat > {}", path.display()), &["-1"]);
        let sender = program(peer.connect(Role::Send, server.port())).input(bytes.clone());
        sender.run().code(0);
        server.wait().code(0);
        assert_same(&std::fs::read(&path).unwrap(), &bytes);
        let (mut server, _) = serve(&format!("cat {}", path.display()), &["-1"]);
        let receiver = program(peer.connect(Role::Receive, server.port())).piped().start();
        assert_same(&receiver.wait_open().code(0).stdout, &bytes);
        server.wait().code(0);
    }
}

/// A command that does not read what its lost client said is ended when nobody else is left, though
/// the next client may have taken the slot of the first one.
#[test]
fn a_command_that_outlives_its_client_is_waited_for_and_ended() {
    let line = format!("[ $WIRECAT_CONN = 2 ] && exec cat; echo up; {HALF_CLOSE}; exec sleep 1000");
    let (mut server, address) = serve(&line, &["--conns", "2", "-v"]);
    let mut first = connect(&address);
    assert_eq!(read_all(&first), b"up\n");
    // More than the command's socket holds.
    first.write_all(&noise(300_000)).unwrap();
    wait_for_delivery(&first);
    reset(first);
    server.wait_for("closed #1");
    assert_eq!(answer(&address, "still served"), "still served");
    server.wait().code(6);
}
