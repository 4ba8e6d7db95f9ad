//! What goes wrong on the way, and what changes on it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use libc::{SIGCONT, SIGSTOP, SIGTERM, SIGUSR1};

use super::{MIB, assert_counts, last};
use crate::support::data::{PATHS, assert_same, file_of, noise};
use crate::support::net::bounded;
use crate::support::net::{
    accept, connect, is_delivered_within, listener, peer, read_all, read_exactly, reset,
    until_reset,
};
use crate::support::pipes::{PipeReader, pipe};
use crate::support::proc::wait_until;
use crate::support::proc::{output, unshared};
use crate::support::{Program, Running, program, skip, wirecat, wirecat_path};

/// A client and a server on this path whose stdin is a pipe and whose stdout another one, each with
/// the socket of its peer.
fn both_kinds(path: &[&str]) -> Vec<(Running, TcpStream, PipeReader)> {
    let start = |words: &[&str]| {
        let (reader, writer) = pipe().expect("a pipe");
        let words = words.iter().chain(&["-v", "--log", "json"]).chain(path);
        (wirecat(words).piped().stdout(writer).start(), reader)
    };
    let (listener, address) = listener();
    let (client, from_client) = start(&["tcp-connect", &address]);
    let clients_peer = accept(&listener);
    let (mut server, from_server) = start(&["tcp-serve", "-1", "127.0.0.1:0"]);
    let servers_peer = connect(&listening(&mut server));
    vec![(client, clients_peer, from_client), (server, servers_peer, from_server)]
}

/// The address in the `listening` event on stderr.
fn listening(server: &mut Running) -> String {
    let line = server.wait_for("\"listening\"");
    let event: serde_json::Value = serde_json::from_str(&line).expect("an event");
    event["local"].as_str().expect("an address").to_owned()
}

fn read_to_end(mut stdout: PipeReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    stdout.read_to_end(&mut bytes).expect("it can be read");
    bytes
}

/// Whatever has come before a reset is written, also where it waits for the reader of stdout.
#[test]
fn what_waits_for_stdout_outlasts_a_reset() {
    for path in PATHS {
        for (program, mut stream, mut stdout) in both_kinds(path) {
            // More than the pipe takes, which has 64 KiB where the user's pipes are at their limit.
            let length = rustix::pipe::fcntl_getpipe_size(&stdout).expect("a pipe") * 3 / 2;
            stream.write_all(&noise(length)).expect("it is taken");
            // How much the pages of a pipe hold of what is spliced, and how large a window becomes, is up
            // to the kernel.
            let mut come = Vec::new();
            while !is_delivered_within(Duration::from_secs(2), &stream) {
                let mut piece = vec![0; 64 * 1024];
                let count = stdout.read(&mut piece).expect("it can be read");
                come.extend_from_slice(&piece[..count]);
            }
            reset(stream);
            come.extend(read_to_end(stdout));
            assert_same(&come, &noise(length));
            let ended = program.wait_open().code(6);
            assert_eq!(last(&ended, "closed")["in"], length, "{}", ended.stderr);
        }
    }
}

/// What a peer did not take before its reset is a loss, and its count is all that was read of stdin.
#[test]
fn what_waits_for_a_peer_that_resets_is_lost_and_counted() {
    for path in PATHS {
        for (mut program, stream, stdout) in both_kinds(path) {
            // More than the socket takes, and all of it is read.
            let length = 8 * MIB;
            let mut stdin = program.stdin.take().expect("a pipe");
            let feeding = thread::spawn(move || stdin.write_all(&noise(length)));
            assert_same(&read_exactly(&stream, 100_000), &noise(100_000));
            reset(stream);
            unshared(|| drop(stdout));
            let ended = program.wait_open().code(6);
            // It ends with wirecat, or has written everything.
            let _ = feeding.join().expect("it ends");
            assert!(last(&ended, "summary")["out"].as_u64() >= Some(100_000), "{}", ended.stderr);
        }
    }
}

/// A reader that leaves in the middle ends the run quietly.
#[test]
fn a_reader_may_leave_with_bytes_on_the_way() {
    for path in PATHS {
        for (program, mut stream, mut stdout) in both_kinds(path) {
            let flood = thread::spawn(move || while stream.write_all(&noise(MIB)).is_ok() {});
            let mut begun = vec![0; 300_000];
            stdout.read_exact(&mut begun).expect("they come");
            assert_same(&begun, &noise(MIB)[..300_000]);
            unshared(|| drop(stdout));
            let ended = program.wait_open().code(0);
            assert!(!ended.stderr.contains("\"error\""), "{}", ended.stderr);
            flood.join().expect("it ends with the run");
        }
    }
}

/// A run that is stopped, and goes on, has lost nothing.
#[test]
fn a_run_may_be_stopped_in_the_middle() {
    for path in PATHS {
        for (mut program, stream, stdout) in both_kinds(path) {
            let length = 12 * MIB;
            let mut stdin = program.stdin.take().expect("a pipe");
            let feeding = thread::spawn(move || stdin.write_all(&noise(length)));
            let mut sender = stream.try_clone().expect("a descriptor");
            let sending = thread::spawn(move || {
                sender.write_all(&noise(length)).expect("it is taken");
                sender.shutdown(Shutdown::Write).expect("it is open");
            });
            let begun = read_exactly(&stream, MIB);
            program.signal(SIGSTOP);
            // Time has to pass while everything fills up.
            thread::sleep(Duration::from_millis(200));
            program.signal(SIGCONT);
            let written = thread::spawn(move || read_to_end(stdout));
            let received = [begun, read_all(&stream)].concat();
            feeding.join().expect("it ends").expect("it is taken");
            sending.join().expect("it is sent");
            assert_same(&received, &noise(length));
            assert_same(&written.join().expect("it is read"), &noise(length));
            assert_counts(&program.wait_open().code(0), length, length);
        }
    }
}

/// What `stats` counts in the middle is what has moved so far, and no more than there is.
#[test]
fn statistics_count_what_has_moved() {
    for path in PATHS {
        for (mut program, mut stream, mut stdout) in both_kinds(path) {
            program.say(noise(5000));
            assert_same(&read_exactly(&stream, 5000), &noise(5000));
            stream.write_all(&noise(7000)).expect("it is taken");
            let mut begun = vec![0; 7000];
            stdout.read_exact(&mut begun).expect("they come");
            program.signal(SIGUSR1);
            let stats: serde_json::Value =
                serde_json::from_str(&program.wait_for("\"stats\"")).expect("an event");
            assert_eq!((&stats["in"], &stats["out"]), (&7000.into(), &5000.into()), "{stats}");
            program.end_input();
            drop(stream);
            assert_counts(&program.wait_open().code(0), 7000, 5000);
        }
    }
}

/// The limit of idle time is one of the peer, not of a stdout that nobody reads.
#[test]
fn a_stdout_that_is_not_read_is_no_silence_of_the_peer() {
    for path in PATHS {
        let bytes = noise(4 * MIB);
        let server = peer(move |mut stream: TcpStream| {
            stream.write_all(&bytes).expect("it is taken");
            stream.shutdown(Shutdown::Write).expect("it is open");
            read_all(&stream);
        });
        let words = ["tcp-connect", "-n", "--idle-timeout", "2s", &server.address];
        let (stdout, writer) = pipe().expect("a pipe");
        let client = wirecat(words.iter().chain(path)).stdout(writer).start();
        // Time has to pass, twice the limit.
        thread::sleep(Duration::from_secs(4));
        assert_same(&read_to_end(stdout), &noise(4 * MIB));
        client.wait_open().code(0);
        server.join();
    }
}

/// Bytes keep a connection, whichever way they take.
#[test]
fn traffic_is_no_silence() {
    for path in PATHS {
        let server = peer(|mut stream: TcpStream| {
            for _ in 0..10 {
                stream.write_all(b".").expect("it is taken");
                // The pauses are what must not end it.
                thread::sleep(Duration::from_millis(500));
            }
            read_all(&stream)
        });
        let words = ["tcp-connect", "--idle-timeout", "4s", &server.address];
        let client = wirecat(words.iter().chain(path)).piped().start();
        assert_eq!(client.wait_open().code(124).says("no traffic for 4s").text(), "..........");
        server.join();
    }
}

/// The clock of `--quit-after` begins when all is out, not when it was read.
#[test]
fn quit_after_waits_for_what_is_on_its_way() {
    for path in PATHS {
        let (listener, address) = listener();
        let words = ["tcp-connect", "--quit-after", "0", &address];
        let client = wirecat(words.iter().chain(path)).input(noise(8 * MIB)).start();
        let stream = accept(&listener);
        // Time has to pass in which nothing is taken.
        thread::sleep(Duration::from_millis(300));
        assert_same(&read_all(&stream), &noise(8 * MIB));
        client.wait_open().code(0);
    }
}

/// A run that is told to stop with bytes on their way does not look whole to its peer.
#[test]
fn a_cut_is_one_on_either_path() {
    for path in PATHS {
        let (listener, address) = listener();
        let words = ["tcp-connect", "-v", "--log", "json", &address];
        let client = wirecat(words.iter().chain(path)).stdin(file_of(&noise(16 * MIB))).start();
        let stream = accept(&listener);
        assert_eq!(read_exactly(&stream, MIB).len(), MIB);
        client.signal(SIGTERM);
        // It is not read meanwhile, and so what is queued does not get out.
        thread::sleep(Duration::from_secs(3));
        let rest = until_reset(&stream);
        assert!(rest.len() < 15 * MIB);
        let ended = client.wait_open().says("bytes of stdin were not sent");
        assert_eq!(ended.signal, Some(SIGTERM));
        let summary = last(&ended, "summary");
        let (out, unsent) = (summary["out"].as_u64().unwrap(), summary["unsent"].as_u64().unwrap());
        assert!(out + unsent <= 16 * MIB as u64 && unsent > 0, "{summary}");
    }
}

/// A second client has part of what comes from there on, and its own is written as well.
#[test]
fn a_second_client_shares_what_one_has_had_alone() {
    for path in PATHS {
        let words = ["tcp-serve", "-v", "--log", "json", "127.0.0.1:0"].iter().chain(path);
        let mut server = wirecat(words).piped().start();
        let address = listening(&mut server);
        let mut first = connect(&address);
        server.say("to one");
        assert_eq!(read_exactly(&first, 6), b"to one");
        first.write_all(b"of one").expect("it is taken");
        server.wait_for_output("of one");
        let mut second = connect(&address);
        server.wait_for("\"conn\":2");
        server.say("to both");
        for stream in [&first, &second] {
            assert_eq!(read_exactly(stream, 7), b"to both");
        }
        for (stream, text) in [(&mut first, "first"), (&mut second, "second")] {
            stream.write_all(text.as_bytes()).expect("it is taken");
            server.wait_for_output(text);
        }
        reset(first);
        server.wait_for("\"closed\"");
        // The one that is left has it alone again.
        let reading = thread::spawn(move || {
            second.write_all(&noise(4 * MIB)).expect("it is taken");
            read_all(&second)
        });
        server.say(noise(4 * MIB));
        server.end_input();
        server.wait_for_length(4 * MIB + 17);
        assert_same(&reading.join().expect("it reads"), &noise(4 * MIB));
        server.signal(SIGTERM);
        let ended = server.wait_open().code(0);
        assert_same(&ended.stdout[17..], &noise(4 * MIB));
        let summary = last(&ended, "summary");
        assert_eq!(summary["in"], 17 + 4 * MIB, "{summary}");
        assert_eq!(summary["out"], 6 + 14 + 4 * MIB, "{summary}");
    }
}

/// The connection of a client, unless it ends without one.
fn accept_while(client: &mut Running, listener: &TcpListener) -> Option<TcpStream> {
    listener.set_nonblocking(true).expect("a flag");
    let mut found = None;
    wait_until("it connects, or ends", || {
        found = listener.accept().ok();
        found.is_some() || !client.is_running()
    });
    let (stream, _) = found?;
    stream.set_nonblocking(false).expect("a flag");
    Some(bounded(stream))
}

/// Passes a lot both ways through a client that is started with these words behind others, and has
/// to come through, once it connects; returns whether it does.
fn passes_through(start: impl FnOnce(&[&str]) -> Program, path: &[&str]) -> bool {
    let length = 3 * MIB;
    let (listener, address) = listener();
    let words = [&["tcp-connect"], path, &[&*address]].concat();
    let mut client = start(&words).input(noise(length)).start();
    let Some(stream) = accept_while(&mut client, &listener) else { return false };
    let mut sender = stream.try_clone().expect("a descriptor");
    let sending = thread::spawn(move || {
        sender.write_all(&noise(length)).expect("it is taken");
        sender.shutdown(Shutdown::Write).expect("it is open");
    });
    assert_same(&read_all(&stream), &noise(length));
    sending.join().expect("it is sent");
    assert_same(&client.wait_open().code(0).stdout, &noise(length));
    true
}

/// The binary behind a line of the shell.
fn behind(script: &str, words: &[&str]) -> Program {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{script} exec \"$0\" \"$@\""), wirecat_path()]).args(words);
    program(shell)
}

/// Little memory, and hardly a descriptor to spare: what takes more goes without.
#[test]
fn limits_of_the_process_cost_no_byte() {
    for path in PATHS {
        assert!(passes_through(|words| behind("ulimit -v 100000;", words), path));
        // With fewer it is not there at all.
        let passed = (9..18).filter(|count| {
            passes_through(|words| behind(&format!("ulimit -n {count};"), words), path)
        });
        assert!(passed.count() >= 3);
    }
}

/// A user who may have no more pipes of 1 MiB has smaller ones.
#[test]
fn pipes_that_cannot_be_enlarged_cost_no_byte() {
    // 64 pipes of 1 MiB are all that a user has without privileges (pipe-user-pages-soft, pipe(7)).
    let script = "import fcntl, os, sys
for _ in range(80):
    try:
        r, w = os.pipe()
        fcntl.fcntl(w, 1031, 1 << 20)
    except PermissionError:
        pass
    os.set_inheritable(r, True)
    os.set_inheritable(w, True)
os.execv(sys.argv[1], sys.argv[1:])";
    let ids = ["--reuid=64987", "--regid=64987", "--clear-groups"];
    let mut probe = Command::new("setpriv");
    let is_there = output(probe.args(ids).args(["/usr/bin/python3", "-c", "pass"]));
    if !is_there.is_ok_and(|output| output.status.success()) {
        return skip("pipes_that_cannot_be_enlarged_cost_no_byte", "no setpriv, root or python3");
    }
    for path in PATHS {
        let came = passes_through(
            |words| {
                let mut command = Command::new("setpriv");
                command
                    .args(ids)
                    .args(["/usr/bin/python3", "-c", script, wirecat_path()])
                    .args(words);
                program(command)
            },
            path,
        );
        assert!(came, "it does not start");
    }
}
