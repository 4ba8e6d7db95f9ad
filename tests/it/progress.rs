//! `--progress`: on a terminal, and nowhere else.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::datagrams::{hear, socket};
use crate::support::net::{accept, listener, peer, read_all, read_exactly};
use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, wirecat, wirecat_path};

/// wirecat on a terminal that can move its cursor, through a shell that redirects.
fn on_terminal(line: &str) -> Terminal {
    let line = format!("TERM=xterm exec {} {line}", wirecat_path());
    Terminal::start("sh", &["-c", &line])
}

/// What is left on the screen: what follows the last time that its line was cleared.
fn left_over(shown: &str) -> &str {
    shown.rsplit("\x1b[2K").next().unwrap_or(shown)
}

/// With a file as stdin there is a time left, and the line gives way to events and to the end.
#[test]
fn a_person_sees_how_far_a_file_has_come() {
    let directory = crate::support::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, vec![b'x'; 100_000]).unwrap();
    let server = peer(|stream: TcpStream| read_all(&stream).len());
    let args = "--progress -v --rate 50kB/s";
    let line = format!("tcp-connect {args} {} < {}", server.address, file.display());
    let mut terminal = on_terminal(&line);
    terminal.wait_for("in 0 B out 0 B 0 B/s [");
    // A loaded machine draws this line seldom, so that no one figure is sure to be on it.
    terminal.wait_for_match(r"[1-9]\d% ETA [12]s");
    terminal.wait_for_code(0);
    let shown = terminal.wait_for("exit 0");
    // The event came on a line of its own, and nothing of the progress stands beside the end.
    assert!(shown.contains("\x1b[2K\x1b[2mclosed 127"), "{shown:?}");
    assert!(!left_over(&shown).contains("ETA"), "{shown:?}");
    assert_eq!(server.join(), 100_000);
}

/// Data on the same terminal is not torn: each of its lines is whole.
#[test]
fn data_and_progress_share_a_terminal() {
    let (listener, address) = listener();
    let mut terminal = on_terminal(&format!("tcp-connect --progress {address}"));
    let mut peer = accept(&listener);
    for (before, number) in [("in 0 B", 0), ("in 7 B", 1)] {
        terminal.wait_for(before);
        peer.write_all(format!("line {number}\n").as_bytes()).unwrap();
        // It follows what clears the line, and nothing else.
        terminal.wait_for(&format!("\x1b[2Kline {number}\r\n"));
    }
    terminal.wait_for("in 14 B");
    terminal.type_in("\x03");
    assert!(!terminal.wait().success());
    // Its last word may still be on its way to the screen.
    let deadline = Instant::now() + PATIENCE;
    while left_over(&terminal.shown()).contains("in 14 B") {
        assert!(Instant::now() < deadline, "{:?}", terminal.shown());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn senders_and_servers_show_it_too() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let sender = format!("udp-send --progress --rate 5/s {address}");
    let mut terminal = on_terminal(&format!("{sender} --send a --send b --send c --send d"));
    terminal.wait_for("out ");
    assert_eq!(hear(&peer).0, b"a");
    terminal.wait_for_code(0);
    let mut terminal = on_terminal("tcp-serve -1 --progress 127.0.0.1:0");
    let shown = terminal.wait_for("\r\n");
    let (_, port) = shown.split_once("127.0.0.1:").unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let mut client = crate::support::net::connect(&format!("127.0.0.1:{port}"));
    client.write_all(b"twelve bytes").unwrap();
    terminal.wait_for("twelve bytes");
    drop(client);
    terminal.wait_for_code(0);
}

/// Where stderr is no terminal, nothing is shown of it.
#[test]
fn a_pipe_sees_nothing_of_it() {
    let server = peer(|mut stream: TcpStream| {
        stream.write_all(b"answer").unwrap();
        read_exactly(&stream, 40)
    });
    let args = ["tcp-connect", "--progress", "--rate", "100B/s", &server.address];
    let ended = wirecat(args).input("x".repeat(40)).run().code(0);
    assert_eq!((ended.text(), ended.stderr.as_str()), ("answer", ""));
    server.join();
}
