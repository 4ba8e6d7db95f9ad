//! Standard streams that are neither file, own pipe nor terminal: a socket, as inetd and systemd
//! give it, and a pipe that belongs to another user, which can only be used blocking.

use std::fs::read_dir;
use std::io::{PipeWriter, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::load::in_some_try;
use crate::support::net::{accept, connect, listener, peer, read_all, read_exactly};
use crate::support::pipes::{PipeReader, patient, pipe};
use crate::support::proc::{ends_within, once_there, output, spawn};
use crate::support::proc::{fd_flags, unshared};
use crate::support::unix;
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat, wirecat_path};

/// `O_NONBLOCK` of Linux, as /proc/PID/fdinfo shows it.
const NONBLOCK: u32 = 0o4000;

/// Conformance 8.
#[track_caller]
fn assert_blocking(running: &Running) {
    for fd in 0..3 {
        assert_eq!(fd_flags(running.pid(), fd) & NONBLOCK, 0, "O_NONBLOCK on fd {fd}");
    }
}

/// More than any buffer on the way, and no two pages alike.
fn much() -> Vec<u8> {
    (0..600_000_u32).flat_map(u32::to_be_bytes).collect()
}

/// Sends everything back, and says FIN at the end.
fn echo(mut stream: TcpStream) {
    let bytes = read_all(&stream);
    stream.write_all(&bytes).unwrap();
}

/// A wirecat with both streams on one socket, which talks to an echo server.
fn on_socket(socket: impl Into<OwnedFd>) -> (Running, thread::JoinHandle<()>) {
    let (listener, address) = listener();
    let socket = socket.into();
    let client = wirecat(["tcp-connect", &address]).stdin(socket.try_clone().unwrap());
    let client = client.stdout(socket).start();
    let server = thread::spawn(move || echo(accept(&listener)));
    (client, server)
}

/// SPEC section 6: the rules are those of a pipe; its end half-closes, and the answer to it comes
/// back the same way.
#[test]
fn a_unix_socket_may_be_stdin_and_stdout() {
    let (ours, theirs) = unix::pair();
    let (client, server) = on_socket(theirs);
    assert_blocking(&client);
    (&ours).write_all(b"through a socket").unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    (&ours).read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"through a socket");
    server.join().unwrap();
    client.wait_open().code(0);
}

/// The same of a TCP socket, with more than fits into any buffer and a reader that begins late.
#[test]
fn a_tcp_socket_may_be_stdin_and_stdout() {
    let (outer, address) = listener();
    let ours = connect(&address);
    let (client, server) = on_socket(accept(&outer));
    (&ours).write_all(&much()).unwrap();
    // It has not ended, for it waits for the FIN.
    assert_blocking(&client);
    ours.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&ours) == much(), "the bytes are others");
    server.join().unwrap();
    client.wait_open().code(0);
}

/// A server has no stdin of its own under a superserver either.
#[test]
fn a_server_may_have_a_socket_as_stdout() {
    let (ours, theirs) = unix::pair();
    let mut server =
        wirecat(["tcp-serve", "-1", "127.0.0.1:0"]).stdout(OwnedFd::from(theirs)).start();
    let address = server.address();
    (&connect(&address)).write_all(b"hello").unwrap();
    let mut told = Vec::new();
    (&ours).read_to_end(&mut told).unwrap();
    assert_eq!(told, b"hello");
    server.wait_open().code(0);
}

/// A wirecat that runs as nobody, so that pipes of this process are another user's; `None` where
/// that cannot be arranged.
pub(crate) fn as_nobody(test: &str, args: &[&str]) -> Option<Program> {
    let switch = ["--reuid=65534", "--regid=65534", "--clear-groups", wirecat_path()];
    let mut command = Command::new("setpriv");
    match output(command.args(switch).arg("--version")) {
        Ok(output) if output.status.success() => {}
        outcome => {
            skip(test, &format!("cannot run the binary as nobody ({outcome:?})"));
            return None;
        }
    }
    let mut command = Command::new("setpriv");
    command.args(switch).args(args);
    Some(program(command))
}

/// The names of the threads, which tell how a stream is served.
fn threads(pid: u32) -> Vec<String> {
    let tasks = read_dir(format!("/proc/{pid}/task")).unwrap();
    let name = |path: std::path::PathBuf| std::fs::read_to_string(path.join("comm")).ok();
    tasks.filter_map(|task| name(task.ok()?.path())).map(|name| name.trim().to_owned()).collect()
}

/// A client of these pipes as nobody, which has to serve them with threads.
fn between(test: &str, address: &str) -> Option<(Running, PipeWriter, PipeReader)> {
    let client = as_nobody(test, &["tcp-connect", "-v", address])?;
    let ((their_in, our_in), (our_out, their_out)) = (pipe().unwrap(), pipe().unwrap());
    let mut client = client.stdin(their_in).stdout(their_out).start();
    client.wait_for("connected");
    // A thread has its name only once it runs.
    let is_served = || {
        let threads = threads(client.pid());
        ["stdin", "stdout"].iter().all(|name| threads.iter().any(|thread| thread == name))
    };
    let deadline = Instant::now() + PATIENCE;
    while !is_served() {
        assert!(Instant::now() < deadline, "no thread serves stdin and stdout");
        thread::yield_now();
    }
    Some((client, our_in, our_out))
}

/// Both directions through threads, with more than any buffer holds, and a reader that begins
/// only when everything has been sent.
#[test]
fn pipes_of_another_user_pass_every_byte() {
    let server = peer(echo);
    let test = "pipes_of_another_user_pass_every_byte";
    let Some((client, mut stdin, mut stdout)) = between(test, &server.address) else { return };
    assert_blocking(&client);
    stdin.write_all(&much()).unwrap();
    drop(stdin);
    let mut answer = Vec::new();
    stdout.read_to_end(&mut answer).unwrap();
    assert!(answer == much(), "the bytes are others");
    server.join();
    client.wait_open().code(0);
}

/// Conformance 7: an idle stdin stops nothing; and the end of the peer is the end of the run once
/// stdin has ended.
#[test]
fn an_idle_pipe_of_another_user_stops_nothing() {
    let server = peer(|stream| {
        (&stream).write_all(b"unasked").unwrap();
        assert_eq!(read_exactly(&stream, 4), b"late");
        read_all(&stream)
    });
    let test = "an_idle_pipe_of_another_user_stops_nothing";
    let Some((client, mut stdin, mut stdout)) = between(test, &server.address) else { return };
    let mut told = [0; 7];
    stdout.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"unasked");
    stdin.write_all(b"late").unwrap();
    drop(stdin);
    assert_eq!(server.join(), b"");
    client.wait_open().code(0);
}

/// Conformance 5: stdout that is closed by its reader ends the run quietly, with 0.
#[test]
fn a_pipe_of_another_user_may_be_left_by_its_reader() {
    let server = peer(|mut stream| while stream.write_all(&much()).is_ok() {});
    let test = "a_pipe_of_another_user_may_be_left_by_its_reader";
    let Some((client, stdin, mut stdout)) = between(test, &server.address) else { return };
    stdout.read_exact(&mut [0; 1000]).unwrap();
    unshared(|| drop(stdout));
    let ended = client.wait_open().code(0);
    assert!(!ended.stderr.contains("wirecat:"), "{}", ended.stderr);
    server.join();
    drop(stdin);
}

/// SPEC section 6, "The end reaches the reader": nobody but the reader of stdout has stdout then,
/// and its number does not go to the next file that is opened.
#[test]
fn the_peers_fin_is_the_end_of_a_pipe_while_stdin_goes_on() {
    let (listener, address) = listener();
    let (mut reader, writer) = pipe().unwrap();
    let client = wirecat(["tcp-connect", "--on", "connected=sleep 2", &address]).piped();
    let mut client = client.stdout(writer).start();
    let mut peer = accept(&listener);
    peer.write_all(b"all there is").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut told = Vec::new();
    reader.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"all there is");
    let stdout = std::fs::read_link(format!("/proc/{}/fd/1", client.pid())).unwrap();
    assert_eq!(stdout.to_str(), Some("/dev/null"));
    client.say("and stdin goes on");
    assert_eq!(read_exactly(&peer, 17), b"and stdin goes on");
    client.signal(libc::SIGTERM);
    assert_eq!(client.wait_open().signal, Some(libc::SIGTERM));
}

/// The same under inetd, where one socket is stdin, stdout and stderr.
#[test]
fn the_peers_fin_reaches_a_socket_while_stdin_goes_on() {
    let (ours, theirs) = unix::pair();
    let (listener, address) = listener();
    let theirs = OwnedFd::from(theirs);
    let client = wirecat(["tcp-connect", &address]).stdin(theirs.try_clone().unwrap());
    let mut client = client.stdout(theirs).start();
    let mut peer = accept(&listener);
    peer.write_all(b"all there is").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut told = Vec::new();
    (&ours).read_to_end(&mut told).unwrap();
    assert_eq!(told, b"all there is");
    (&ours).write_all(b"and stdin goes on").unwrap();
    assert_eq!(read_exactly(&peer, 17), b"and stdin goes on");
    assert!(client.is_running());
    ours.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&peer), b"");
    client.wait_open().code(0);
}

/// The same through a thread.
#[test]
fn the_peers_fin_is_the_end_of_a_pipe_of_another_user() {
    let server = peer(|mut stream| {
        stream.write_all(b"all there is").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&stream)
    });
    let test = "the_peers_fin_is_the_end_of_a_pipe_of_another_user";
    let Some((client, mut stdin, mut stdout)) = between(test, &server.address) else { return };
    let mut told = Vec::new();
    stdout.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"all there is");
    stdin.write_all(b"late").unwrap();
    drop(stdin);
    assert_eq!(server.join(), b"late");
    client.wait_open().code(0);
}

/// Where more may come, the end does not: of another connection, or of the run as JSON.
#[test]
fn stdout_stays_open_while_more_may_be_written() {
    let args = ["tcp-serve", "-v", "--conns", "2", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).piped().serve();
    for word in ["first", "second"] {
        let mut client = connect(&address);
        client.write_all(word.as_bytes()).unwrap();
        server.wait_for_output(word);
        client.shutdown(Shutdown::Write).unwrap();
        server.wait_for("eof #");
        drop(client);
    }
    assert_eq!(server.wait().code(0).text(), "firstsecond");
    let server = peer(|stream| stream.shutdown(Shutdown::Write).unwrap());
    let mut client = wirecat(["tcp-connect", "--output", "json", &server.address]).piped().start();
    client.wait_for_event("eof");
    assert!(client.wait().code(0).text().contains("\"event\":\"summary\""));
    server.join();
}

/// The same of a chat whose host is gone.
#[test]
fn the_end_of_a_chat_reaches_its_reader_while_stdin_goes_on() {
    let mut host = wirecat(["chat", "--host", "127.0.0.1:0", "--nick", "host"]).piped().start();
    let (mut reader, writer) = pipe().unwrap();
    let guest = wirecat(["chat", &host.address(), "--nick", "guest"]).piped();
    let mut guest = guest.stdout(writer).start();
    guest.say("hello\n");
    host.wait_for_output("hello");
    host.signal(libc::SIGTERM);
    let mut told = String::new();
    reader.read_to_string(&mut told).unwrap();
    assert!(told.ends_with("closed the room\n"), "{told}");
    assert!(guest.is_running(), "stdin has not ended");
    host.wait_open().code(0);
    guest.wait();
}

/// Conformance 7, for stderr: nobody waits for its reader. What it does not take is counted, and the
/// end does not wait for it either.
#[test]
fn a_stderr_that_is_not_read_holds_nobody_up() {
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("port");
    let (mut events, stderr) = pipe().unwrap();
    let mut command = Command::new(wirecat_path());
    command.args(["tcp-serve", "-vv", "--hub", "--frame", "line", "127.0.0.1:0", "--port-file"]);
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let mut server = spawn(&mut command).unwrap();
    drop(command);
    let port = once_there(&file);
    let address = format!("127.0.0.1:{}", port.trim());
    // Events of about 30 bytes each: more than a pipe and the queue behind it hold.
    let (talker, listener) = (connect(&address), connect(&address));
    let count = 60_000;
    let talk = thread::spawn(move || {
        (&talker).write_all("hi\n".repeat(count).as_bytes()).unwrap();
        talker
    });
    assert!(read_exactly(&listener, 3 * count) == "hi\n".repeat(count).into_bytes());
    let talker = talk.join().unwrap();
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    drop((talker, listener));
    assert!(ends_within(PATIENCE, &mut server), "it does not end");
    assert_eq!(server.wait().unwrap().code(), Some(0));
    let mut text = String::new();
    events.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("starting\nlistening tcp 127.0.0.1:"), "{text:?}");
}

/// A reader of stderr that is late is told how many events it has missed, also where it takes longer to
/// read than the end waits for one that reads nothing. A machine that stands still makes a try void.
#[test]
fn a_late_reader_of_stderr_learns_what_it_has_missed() {
    let count = 100_000;
    let is_told = |(shown, missed): &_| *missed > 0 && shown + missed >= count;
    in_some_try(is_told, || read_late(count));
}

/// How many of so many events such a reader sees, and how many it has missed as it is told.
fn read_late(count: usize) -> (usize, usize) {
    let (mut events, stderr) = pipe().unwrap();
    let mut command = Command::new(wirecat_path());
    command.args(["tcp-connect", "-vv", "--frame", "line", "--on-peer-close", "continue"]);
    let server = peer(move |mut stream: TcpStream| {
        stream.write_all("hi\n".repeat(count).as_bytes()).unwrap();
        // Once it has all been read, the events are read too.
        let mut word = [0; 3];
        stream.read_exact(&mut word).unwrap();
    });
    command.arg(&server.address).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
    let mut client = spawn(&mut command).unwrap();
    drop(command);
    let mut lines = vec![0; 3 * count];
    patient(client.stdout.take().unwrap()).read_exact(&mut lines).unwrap();
    // Some 45 pages wait beside what the pipe has, so that this takes more than a second.
    let reading = thread::spawn(move || {
        let (mut text, mut page) = (Vec::new(), [0; 4096]);
        while let read @ 1.. = events.read(&mut page).unwrap() {
            text.extend_from_slice(&page[..read]);
            thread::sleep(Duration::from_millis(30));
        }
        String::from_utf8(text).unwrap()
    });
    client.stdin.take().unwrap().write_all(b"ok\n").unwrap();
    server.join();
    assert!(ends_within(PATIENCE, &mut client), "it does not end");
    assert_eq!(client.wait().unwrap().code(), Some(0));
    let text = reading.join().unwrap();
    let shown = text.lines().filter(|line| line.starts_with("data ")).count();
    let missed = text.lines().filter_map(|line| {
        let (events, _) = line.split_once(" left out, because stderr was not read")?;
        events.rsplit(' ').nth(1)?.parse::<usize>().ok()
    });
    (shown, missed.sum())
}
