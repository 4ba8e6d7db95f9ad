//! What a person at a terminal is shown, and a script is not.

use std::io::Write;

use crate::support::net::{accept, connect, listener, read_all, read_exactly};
use crate::support::terminal::Terminal;
use crate::support::{wirecat, wirecat_path};

/// A server on a terminal, and its address.
fn server(args: &[&str]) -> (Terminal, String) {
    let all: Vec<&str> = ["tcp-serve", "127.0.0.1:0"].iter().chain(args).copied().collect();
    let mut terminal = Terminal::start(wirecat_path(), &all);
    let shown = terminal.wait_for_match(r"listening tcp 127\.0\.0\.1:\d+\r\n");
    let port = shown.rsplit(':').next().expect("a port").trim().to_owned();
    (terminal, format!("127.0.0.1:{port}"))
}

#[test]
fn a_server_shows_who_comes_what_each_says_and_who_leaves() {
    let (mut terminal, address) = server(&[]);
    let mut first = connect(&address);
    first.write_all(b"alone\nno line end").unwrap();
    terminal.wait_for_match(r"accepted #1 127\.0\.0\.1:\d+\r\nalone\r\nno line end");
    let mut second = connect(&address);
    terminal.wait_for_match(r"no line end\r\naccepted #2 ");
    second.write_all(b"from the second\n").unwrap();
    terminal.wait_for("\r\n#2 from the second\r\n");
    first.write_all(b"from the").unwrap();
    terminal.wait_for("\r\n#1 from the");
    second.write_all(b"between\n").unwrap();
    terminal.wait_for("\r\n#1 from the\r\n#2 between\r\n");
    drop(first);
    terminal
        .wait_for_match(r"closed #1 127\.0\.0\.1:\d+ in 25 B out 0 B \d+\.\d s \(peer closed\)");
    second.write_all(b"still marked\n").unwrap();
    terminal.wait_for("\r\n#2 still marked\r\n");
}

#[test]
fn a_peer_does_not_steer_the_terminal_unless_it_is_asked_for() {
    let hostile = "\x1b[2Jgone?\r\nh\u{f6}he\u{9b}31m\x07\n";
    let (mut terminal, address) = server(&[]);
    let mut client = connect(&address);
    // A character in two pieces stays one, also where a notice comes between them.
    let (head, tail) = hostile.as_bytes().split_at(13);
    client.write_all(head).unwrap();
    terminal.wait_for("gone?");
    client.write_all(tail).unwrap();
    let shown = terminal.wait_for("\\x1b[2Jgone?\r\n");
    assert!(!shown.contains('\x1b'), "{shown:?}");
    terminal.wait_for("\u{f6}he\\u{9b}31m\\x07\r\n");
    let note = "wirecat: control characters are shown escaped (--output raw passes them on)\r\n";
    client.write_all(b"\x07 again\n").unwrap();
    let shown = terminal.wait_for("\\x07 again\r\n");
    assert_eq!(shown.matches(note).count(), 1, "{shown}");

    let (mut terminal, address) = server(&["--output", "raw"]);
    let mut client = connect(&address);
    client.write_all(b"\x1b[1mbold\x1b[0m").unwrap();
    let shown = terminal.wait_for("\x1b[1mbold\x1b[0m");
    drop(client);
    // Neither does an event share a line with bytes that pass as they are.
    terminal.wait_for_match(r"bold\x1b\[0m\r\nclosed #1 ");
    assert!(!shown.contains("escaped"), "{shown:?}");
}

/// The same bytes and the same events as ever, where stdout is a pipe or a file, and stderr no terminal.
#[test]
fn a_script_sees_bytes_as_they_are_and_no_more_events() {
    let (server, address) = wirecat(["tcp-serve", "127.0.0.1:0", "--conns", "2"]).serve();
    let (mut first, mut second) = (connect(&address), connect(&address));
    for client in [&mut first, &mut second] {
        client.write_all(b"\x1b[2J\x07\r\n\xff").unwrap();
    }
    drop((first, second));
    let done = server.wait();
    assert_eq!(done.stdout, b"\x1b[2J\x07\r\n\xff\x1b[2J\x07\r\n\xff");
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

/// stdout decides for the bytes: a pipe from a terminal has them as they came.
#[test]
fn a_pipe_from_a_terminal_is_a_pipe() {
    let (listener, address) = listener();
    let script = format!("'{}' tcp-connect {address} | od -An -c", wirecat_path());
    let mut terminal = Terminal::start("bash", &["-c", &script]);
    let mut peer = accept(&listener);
    peer.write_all(b"\x1b\x07a\r\n").unwrap();
    drop(peer);
    let shown = terminal.wait_for_match(r"033 +\\a +a +\\r +\\n");
    assert!(!shown.contains("escaped"), "{shown}");
    terminal.wait_for_code(0);
}

#[test]
fn control_d_is_confirmed() {
    let (mut terminal, address) = server(&[]);
    let client = connect(&address);
    terminal.wait_for("accepted #1");
    terminal.type_in("hello\n");
    assert_eq!(read_exactly(&client, 6), b"hello\n");
    terminal.type_in("\x04");
    terminal.wait_for(
        "wirecat: ^D taken: clients see the end of input; serving goes on (^C ends it)\r\n",
    );
    assert_eq!(read_all(&client), b"");
    drop(client);
    terminal.wait_for("closed #1");

    let (listener, address) = listener();
    let mut terminal = Terminal::start(wirecat_path(), &["tcp-connect", &address]);
    let mut peer = accept(&listener);
    terminal.type_in("\x04");
    terminal
        .wait_for("^D taken: the peer sees the end; what it sends is still shown (^C ends it)\r\n");
    peer.write_all(b"the answer\n").unwrap();
    terminal.wait_for("the answer\r\n");
    drop(peer);
    terminal.wait_for_code(0);

    // Before anybody is there to be answered, nothing is read.
    let mut terminal = Terminal::start(wirecat_path(), &["udp-listen", "127.0.0.1:0"]);
    let shown = terminal.wait_for_match(r"listening udp \S+\r\n");
    let address = shown.split_whitespace().nth(2).expect("an address");
    wirecat(["udp-send", "--send", "hello", address]).run().code(0);
    terminal.wait_for("hello");
    terminal.type_in("\x04");
    terminal.wait_for("^D taken: nothing more is sent; listening goes on (^C ends it)\r\n");
}

#[test]
fn a_probe_answers_in_one_line() {
    let (_listener, address) = listener();
    let port = address.rsplit(':').next().unwrap();
    let probe = |args: &[&str]| {
        let args: Vec<&str> = ["tcp-connect", "-z"].iter().chain(args).copied().collect();
        let mut terminal = Terminal::start(wirecat_path(), &args);
        terminal.wait();
        // The last of it may still be on its way.
        let end = if args.iter().filter(|arg| **arg == "-v").count() == 2 {
            "exit 0"
        } else if args.iter().filter(|arg| **arg == "-v").count() == 1 {
            r"open \S+( \(\S+\))? in \d+\.\d ms\r\n"
        } else {
            ""
        };
        terminal.wait_for_match(end)
    };
    let shown = probe(&["-v", &address]);
    assert!(shown.starts_with(&format!("open {address} in ")), "{shown}");
    assert_eq!(shown.lines().count(), 1, "{shown}");
    let shown = probe(&["-v", "-4", &format!("localhost:{port}")]);
    assert!(shown.starts_with(&format!("open localhost:{port} ({address}) in ")), "{shown}");
    assert_eq!(probe(&[&address]), "");
    let shown = probe(&["-v", "--settle", "1ms", "-v", &address]);
    assert!(shown.contains("connected tcp"), "{shown}");
    let run = wirecat(["tcp-connect", "-z", "-v", &address]).run();
    run.code(0).says("connected tcp").says("summary in 0 B out 0 B");
}

/// `tcp-serve | less`, and q: it ends without a word.
#[test]
fn a_viewer_that_leaves_is_no_warning() {
    let script =
        format!("'{}' tcp-serve 127.0.0.1:0 | head -1; echo ${{PIPESTATUS[*]}}", wirecat_path());
    let mut terminal = Terminal::start("bash", &["-c", &script]);
    let shown = terminal.wait_for_match(r"listening tcp 127\.0\.0\.1:\d+\r\n");
    let port = shown.rsplit(':').next().expect("a port").trim().to_owned();
    let mut clients: Vec<_> = (0..2).map(|_| connect(&format!("127.0.0.1:{port}"))).collect();
    for client in &mut clients {
        let _ = client.write_all("a line\n".repeat(1000).as_bytes());
    }
    terminal.wait_for("a line\r\n");
    let flood = std::thread::spawn(move || {
        while clients.iter_mut().all(|client| client.write_all(b"more\n").is_ok()) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    terminal.wait_for_code(0);
    let shown = terminal.wait_for("0 0\r\n");
    flood.join().unwrap();
    assert!(!shown.contains("warning") && !shown.contains("accepted"), "{shown}");
}

/// SPEC 7: a file on stdin is for the clients that are there, which the next one is told of.
#[test]
fn a_client_that_comes_behind_a_file_is_a_warning() {
    let (server, address) = wirecat(["tcp-serve", "127.0.0.1:0"]).input("from the file\n").serve();
    assert_eq!(read_all(&connect(&address)), b"from the file\n");
    let words = "#2 127.0.0.1:";
    let rest = "gets nothing of stdin, which went to those that came before (--reply @FILE sends a \
                file to each client)";
    for _ in 0..2 {
        assert_eq!(read_all(&connect(&address)), b"");
    }
    server.signal(15);
    let said = server.wait().code(0).stderr;
    assert!(said.contains(words) && said.matches(rest).count() == 1, "{said}");
    // Texts are for each, an empty stdin is for nobody.
    for (args, input) in [(vec!["--send", "each"], ""), (vec![], "")] {
        let all = ["tcp-serve", "127.0.0.1:0"].iter().chain(&args);
        let (server, address) = wirecat(all).input(input).serve();
        for _ in 0..2 {
            let client = connect(&address);
            client.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(read_all(&client), args.last().unwrap_or(&"").as_bytes());
        }
        server.signal(15);
        let said = server.wait().code(0).stderr;
        assert!(!said.contains("warning"), "{said}");
    }
}
