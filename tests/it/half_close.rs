//! The half-close table of SPEC section 6: what stands behind stdin against what the peer does,
//! with the exit status, the bytes and the time of each cell, on both paths that bytes may take.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::data::PATHS;
use crate::support::load::{self, in_some_try};
use crate::support::net::{listener, read_what_comes, reset, try_accept, try_connect};
use crate::support::terminal::pty;
use crate::support::{Ended, Program, Running, program, wirecat, wirecat_path};

/// What stands behind stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stdin {
    /// A regular file with `INPUT`.
    File,
    /// A pipe with `INPUT` and then its end.
    EndedPipe,
    /// A pipe that stays open.
    OpenPipe,
    /// A terminal where nobody types.
    Terminal,
    /// The null device.
    Null,
    /// Nothing: descriptor 0 is closed.
    Closed,
    /// `-n`.
    Absent,
}

/// What the peer does once it has said `ANSWER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    /// Closes without having read anything.
    Closes,
    /// Says FIN, reads to the end, and closes.
    HalfCloses,
    Resets,
    /// Reads to the end, and holds the connection open.
    NeverCloses,
}

/// How wirecat ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By itself and at once, with this status.
    Once(i32),
    /// Not before its stdin has, with this status.
    AfterInput(i32),
    /// `--quit-after` ends it, with 0.
    QuitAfter,
    /// Only `-w` ends it, with 124, for `--quit-after` does not apply.
    Never,
}

use End::{AfterInput, Never, Once, QuitAfter};

const INPUT: &str = "all that stdin has\n";
const LATE: &str = "typed into the pipe later\n";
const ANSWER: &str = "all that the peer has\n";

/// More than the half second that a last close may wait for the peer, which runs from our FIN.
const QUIT_AFTER: Duration = Duration::from_millis(600);
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long anything may take that happens at once (conformance 3 says it of terminals).
const AT_ONCE: Duration = Duration::from_millis(100);

const PEERS: [Peer; 4] = [Peer::Closes, Peer::HalfCloses, Peer::Resets, Peer::NeverCloses];

/// tcp-connect. Bytes that a closed peer will never read are a loss, and so is any reset.
const CLIENT: [(Stdin, [End; 4]); 7] = [
    (Stdin::File, [Once(6), Once(0), Once(6), QuitAfter]),
    (Stdin::EndedPipe, [Once(6), Once(0), Once(6), QuitAfter]),
    (Stdin::OpenPipe, [AfterInput(6), AfterInput(0), Once(6), Never]),
    (Stdin::Terminal, [Once(0), Once(0), Once(6), Never]),
    (Stdin::Null, [Once(0), Once(0), Once(6), QuitAfter]),
    (Stdin::Closed, [Once(0), Once(0), Once(6), QuitAfter]),
    (Stdin::Absent, [Once(0), Once(0), Once(6), Never]),
];

/// tcp-serve -1. It differs where stdin is empty: then it does not half-close first, and has
/// nothing to give up on either.
const SERVER: [(Stdin, [End; 4]); 7] = [
    (Stdin::File, [Once(6), Once(0), Once(6), QuitAfter]),
    (Stdin::EndedPipe, [Once(6), Once(0), Once(6), QuitAfter]),
    (Stdin::OpenPipe, [AfterInput(6), AfterInput(0), Once(6), Never]),
    (Stdin::Terminal, [Once(0), Once(0), Once(6), Never]),
    (Stdin::Null, [Once(0), Once(0), Once(6), Never]),
    (Stdin::Closed, [Once(0), Once(0), Once(6), Never]),
    (Stdin::Absent, [Once(0), Once(0), Once(6), Never]),
];

/// Plays the peer. The stream is given back where it has to stay open; there is none where the other
/// side was not there any more.
fn play(peer: Peer, stream: io::Result<TcpStream>) -> io::Result<(Vec<u8>, Option<TcpStream>)> {
    let mut stream = stream?;
    stream.write_all(ANSWER.as_bytes())?;
    Ok(match peer {
        Peer::Closes => (Vec::new(), None),
        Peer::Resets => {
            reset(stream);
            (Vec::new(), None)
        }
        Peer::HalfCloses => {
            stream.shutdown(Shutdown::Write).unwrap();
            (read_what_comes(&stream), None)
        }
        Peer::NeverCloses => (read_what_comes(&stream), Some(stream)),
    })
}

/// The options of a cell: every limit that may be given, so that those that must not matter show
/// that they do not.
fn limits(stdin: Stdin, end: End) -> Vec<String> {
    let mut options = vec!["-v".to_owned()];
    if matches!(end, QuitAfter | Never) && stdin != Stdin::Absent {
        options.extend(["--quit-after".to_owned(), QUIT_AFTER.as_secs_f64().to_string()]);
    }
    if end == Never {
        options.extend(["-w".to_owned(), TIMEOUT.as_secs_f64().to_string()]);
    }
    if stdin == Stdin::Absent {
        options.push("-n".to_owned());
    }
    options
}

/// A wirecat with this stdin. What keeps a terminal alive is its other end.
fn with_stdin(stdin: Stdin, args: Vec<String>) -> (Program, Option<std::fs::File>) {
    match stdin {
        Stdin::File => {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(INPUT.as_bytes()).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            (wirecat(args).stdin(file), None)
        }
        Stdin::EndedPipe => (wirecat(args).input(INPUT), None),
        Stdin::OpenPipe | Stdin::Absent => (wirecat(args).piped(), None),
        Stdin::Terminal => {
            let (master, slave) = pty();
            (wirecat(args).stdin(slave), Some(master))
        }
        Stdin::Null => (wirecat(args), None),
        Stdin::Closed => {
            let mut shell = Command::new("sh");
            shell.args(["-c", r#"exec "$0" "$@" <&-"#, wirecat_path()]).args(args);
            (program(shell), None)
        }
    }
}

/// Waits for the end of a cell; along the way stdin gets its late bytes where it is open. An error is
/// that the limit came before this could look at it.
fn conclude(mut running: Running, end: End) -> Result<Ended, String> {
    if matches!(end, QuitAfter | Never) {
        let is_waiting = running.comes_to_output(ANSWER) && running.is_running();
        if !is_waiting && running.took() >= least(end) && !running.is_running() {
            return Err(format!("looked at after {:?}", running.took()));
        }
        assert!(is_waiting, "it did not wait for the peer");
        return Ok(running.wait_open());
    }
    running.wait_for_output(ANSWER);
    match end {
        Once(_) | QuitAfter | Never => {}
        AfterInput(_) => {
            running.wait_for("eof");
            // Time has to pass here: no hidden timer may end it meanwhile (SPEC 1.4).
            thread::sleep(Duration::from_millis(200));
            assert!(running.is_running(), "it did not wait for its stdin");
            running.say(LATE);
            running.end_input();
        }
    }
    Ok(running.wait_open())
}

/// Runs one cell, and returns whether it was in time, where other load does not count.
fn run_cell(
    path: &[&str],
    serve: bool,
    (stdin, peer): (Stdin, Peer),
    end: End,
) -> Result<(), String> {
    let mut args = vec![if serve { "tcp-serve" } else { "tcp-connect" }.to_owned()];
    args.extend(limits(stdin, end));
    args.extend(path.iter().map(|word| (*word).to_owned()));
    let cell = format!("{path:?}, serve {serve}, {stdin:?}, {peer:?}, {end:?}");
    let (ended, (played, queued)) = if serve {
        args.extend(["-1".to_owned(), "127.0.0.1:0".to_owned()]);
        let (server, _terminal) = with_stdin(stdin, args);
        let (server, address) = server.serve();
        let peer = thread::spawn(move || timed(|| play(peer, try_connect(&address))));
        (conclude(server, end), peer.join().unwrap())
    } else {
        let (listener, address) = listener();
        args.push(address);
        let (client, _terminal) = with_stdin(stdin, args);
        let client = client.start();
        let peer = thread::spawn(move || timed(|| play(peer, try_accept(&listener))));
        (conclude(client, end), peer.join().unwrap())
    };
    let ended = ended.map_err(|why| format!("{cell}: {why}"))?;
    let (received, _held) = played.unwrap_or_else(|error| panic!("{cell}: {error}"));
    let ended = Ended { queued: ended.queued + queued, ..ended };
    judge(&cell, stdin, peer, end, &ended, &received);
    let limit = least(end) + AT_ONCE;
    let is_late = ended.waited() >= limit;
    if is_late { Err(format!("{cell} waited for {:?}", ended.waited())) } else { Ok(()) }
}

/// What a thread has done, and the time that other load may have added.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let outcome = work();
    (outcome, load::of_this_thread())
}

/// What a cell takes at least.
fn least(end: End) -> Duration {
    match end {
        Once(_) => Duration::ZERO,
        AfterInput(_) => Duration::from_millis(200),
        QuitAfter => QUIT_AFTER,
        Never => TIMEOUT,
    }
}

fn judge(cell: &str, stdin: Stdin, peer: Peer, end: End, ended: &Ended, received: &[u8]) {
    let code = match end {
        Once(code) | AfterInput(code) => code,
        QuitAfter => 0,
        Never => 124,
    };
    assert_eq!(ended.code, Some(code), "{cell}; stderr:\n{}", ended.stderr);
    assert_eq!(ended.text(), ANSWER, "{cell}");
    let sent = match stdin {
        _ if matches!(peer, Peer::Closes | Peer::Resets) => "",
        Stdin::File | Stdin::EndedPipe => INPUT,
        Stdin::OpenPipe if matches!(end, AfterInput(_)) => LATE,
        _ => "",
    };
    assert_eq!(String::from_utf8_lossy(received), sent, "{cell}");
    assert!(ended.took >= least(end), "{cell} took only {:?}", ended.took);
}

/// Runs one column of the table.
fn run(serve: bool, peer: Peer) {
    let column = PEERS.iter().position(|one| *one == peer).unwrap();
    for (stdin, ends) in if serve { SERVER } else { CLIENT } {
        let end = ends[column];
        for path in PATHS {
            in_some_try(Result::is_ok, || run_cell(path, serve, (stdin, peer), end));
        }
    }
}

#[test]
fn a_client_whose_peer_closes_first() {
    run(false, Peer::Closes);
}

#[test]
fn a_client_whose_peer_half_closes() {
    run(false, Peer::HalfCloses);
}

#[test]
fn a_client_whose_peer_resets() {
    run(false, Peer::Resets);
}

#[test]
fn a_client_whose_peer_never_closes() {
    run(false, Peer::NeverCloses);
}

#[test]
fn a_server_whose_client_closes_first() {
    run(true, Peer::Closes);
}

#[test]
fn a_server_whose_client_half_closes() {
    run(true, Peer::HalfCloses);
}

#[test]
fn a_server_whose_client_resets() {
    run(true, Peer::Resets);
}

#[test]
fn a_server_whose_client_never_closes() {
    run(true, Peer::NeverCloses);
}
