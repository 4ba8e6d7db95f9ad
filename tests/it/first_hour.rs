//! The first hour of someone who knows nc: what they type into a shell, and what they read there.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use crate::support::net::{RefusingPort, accept, connect, listener, read_all, read_exactly};
use crate::support::proc::wait_until;
use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, wirecat_path};

/// A shell on a terminal of 80 columns, whose prompt shows how the last command ended.
struct Shell {
    terminal: Terminal,
    /// What was read of the screen.
    read: usize,
}

impl Shell {
    fn start() -> Self {
        let shell = ["--norc", "--noprofile", "--noediting", "-i"];
        let terminal = Terminal::start("bash", &shell);
        terminal.resize(80, 24);
        let mut shell = Self { terminal, read: 0 };
        shell.terminal.wait_for("$ ");
        let directory = Path::new(wirecat_path()).parent().expect("a directory");
        shell.types(&format!("PS1='<$?> '; PATH='{}':$PATH\n", directory.display()));
        shell.ends_with(0);
        shell
    }

    fn types(&mut self, keys: &str) {
        self.terminal.type_in(keys);
    }

    /// Waits until this stands behind what was read before, and returns all up to there.
    #[track_caller]
    fn reads(&mut self, pattern: &str) -> String {
        let expression = regex::Regex::new(pattern).expect("an expression");
        let deadline = Instant::now() + PATIENCE;
        let mut known = 0;
        loop {
            let bytes = self.terminal.more_than(known, deadline);
            known = bytes.len();
            let shown = String::from_utf8_lossy(bytes);
            let new = shown.get(self.read..).unwrap_or_default();
            if let Some(found) = expression.find(new) {
                let text = new[..found.end()].to_owned();
                self.read += found.end();
                return text;
            }
            assert!(Instant::now() < deadline, "no {pattern:?} on the screen:\n{new}");
        }
    }

    /// Waits for the prompt behind a command that has ended so.
    #[track_caller]
    fn ends_with(&mut self, status: i32) -> String {
        let text = self.reads(r"<\d+> ");
        assert!(text.ends_with(&format!("<{status}> ")), "not {status}:\n{text}");
        text
    }

    /// Types a command, and returns what is shown up to the prompt.
    #[track_caller]
    fn runs(&mut self, command: &str, status: i32) -> String {
        self.types(&format!("{command}\n"));
        let text = self.ends_with(status);
        text.split_once("\r\n").expect("what was typed").1.replace("\r\n", "\n")
    }

    /// The same where it is said what to type instead.
    #[track_caller]
    fn is_told(&mut self, command: &str, words: &[&str]) {
        let text = self.runs(command, 2);
        for word in words {
            assert!(text.contains(word), "{command}: no {word:?} in\n{text}");
        }
        assert!(text.starts_with("wirecat: "), "{text}");
        assert!(!text.contains("-- -"), "what follows -- is a command: {text}");
    }
}

/// A screen of help has what there is and how to go on.
#[test]
fn one_who_types_the_name_alone_sees_one_screen() {
    let mut shell = Shell::start();
    for command in ["wirecat", "wirecat -h", "wirecat tcp-serve -h"] {
        let status = if command == "wirecat" { 2 } else { 0 };
        let text = shell.runs(command, status);
        assert!(text.contains("Usage: wirecat") && text.contains("--help"), "{text}");
        assert!(text.contains("wirecat tcp-serve 9000"), "{text}");
        assert!(text.lines().count() <= 25, "with the prompt: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

/// In a pipe the help has the width of the terminal that it is read on.
#[test]
fn help_in_a_pager_fits_the_terminal() {
    let text = Shell::start().runs("wirecat tcp-serve --help | cat", 0);
    assert!(text.contains("--max-frame-total"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

/// What is kept in a file does not depend on the terminal that it is made at.
#[test]
fn help_in_a_file_does_not_have_the_width_of_the_terminal() {
    let directory = crate::support::tempdir().unwrap();
    let (narrow, bare) = (directory.path().join("narrow"), directory.path().join("bare"));
    let mut shell = Shell::start();
    shell.runs(&format!("wirecat tcp-serve --help > {}", narrow.display()), 0);
    shell.runs(&format!("wirecat tcp-serve --help > {} 2>&1", bare.display()), 0);
    let [narrow, bare] = [narrow, bare].map(|file| std::fs::read_to_string(file).unwrap());
    assert!(narrow.contains("--max-frame-total"), "{narrow}");
    assert_eq!(narrow, bare);
}

/// What comes is the source of a page, and its last line says how to read it.
#[test]
fn a_man_page_at_a_terminal_says_how_to_read_it() {
    let mut shell = Shell::start();
    let text = shell.runs("wirecat man from-nc", 0);
    let hint = "hint: to read it, append ` | man -l -`";
    assert_eq!(text.contains(hint), cfg!(target_os = "linux"), "{text}");
    let text = shell.runs("wirecat man from-nc | tail -n 1", 0);
    assert!(!text.contains("hint:"), "{text}");
}

/// What nc, ncat and socat would take is answered with the line to write.
#[test]
fn a_line_of_nc_is_answered_with_one_to_write() {
    let mut shell = Shell::start();
    shell.is_told("wirecat -l 9000", &["`wirecat tcp-serve -1 :9000`"]);
    shell.is_told("wirecat localhost 80", &["`wirecat tcp-connect localhost:80`"]);
    shell.is_told("wirecat tcp-serve -k 9000", &["`wirecat tcp-serve 9000`", "loopback"]);
    shell.is_told("wirecat serve 9000", &["`wirecat tcp-serve 9000`"]);
    shell.is_told("wirecat tcp-connect localhost", &["has no port", "HOST:PORT"]);
    shell.is_told("wirecat tcp-connect http://localhost/", &["is a URL", "HOST:PORT"]);
    shell.is_told("wirecat tcp-serve", &["ADDR", "--help"]);
}

#[test]
fn a_server_is_talked_to_until_control_c() {
    let mut shell = Shell::start();
    shell.types("wirecat tcp-serve 0\n");
    let text = shell.reads(r"listening tcp 127\.0\.0\.1:\d+\r\n");
    let address = text.trim().rsplit(' ').next().expect("an address").to_owned();
    let mut client = connect(&address);
    shell.reads(r"accepted #1 127\.0\.0\.1:\d+\r\n");
    client.write_all(b"hello\n").unwrap();
    shell.reads("\r\nhello\r\n|^hello\r\n");
    shell.types("hello yourself\n");
    assert_eq!(read_exactly(&client, 15), b"hello yourself\n");
    let mut other = connect(&address);
    shell.reads(r"accepted #2 127\.0\.0\.1:\d+\r\n");
    other.write_all(b"me too\x1b[2J").unwrap();
    shell.reads(
        r"#2 me too\\x1b\[2J\r\nwirecat: control characters are shown escaped \(--output raw ",
    );
    drop(other);
    shell.reads(r"closed #2 127\.0\.0\.1:\d+ in 10 B out 0 B \d+\.\d s \(peer closed\)\r\n");
    shell.types("\x04");
    shell.reads(
        r"wirecat: \^D taken: clients see the end of input; serving goes on \(\^C ends it\)\r\n",
    );
    assert_eq!(read_all(&client), b"");
    drop(client);
    shell.reads("closed #1 ");
    shell.types("\x03");
    shell.ends_with(130);
}

#[test]
fn a_client_ends_when_the_server_does() {
    let (listener, address) = listener();
    let mut shell = Shell::start();
    shell.types(&format!("wirecat tcp-connect {address}\n"));
    let mut peer = accept(&listener);
    peer.write_all(b"welcome\r\n").unwrap();
    shell.reads("welcome\r\n");
    shell.types("bye\n");
    assert_eq!(read_exactly(&peer, 4), b"bye\n");
    drop(peer);
    shell.ends_with(0);

    shell.types(&format!("wirecat tcp-connect {address}\n"));
    let peer = accept(&listener);
    shell.types("\x04");
    shell.reads(
        r"\^D taken: the peer sees the end; what it sends is still shown \(\^C ends it\)\r\n",
    );
    assert_eq!(read_all(&peer), b"");
    shell.types("\x03");
    shell.ends_with(130);
}

#[test]
fn whether_a_port_is_open_is_one_line() {
    let (_listener, address) = listener();
    let mut shell = Shell::start();
    let text = shell.runs(&format!("wirecat tcp-connect -z -v {address}"), 0);
    let line = text.strip_suffix("<0> ").expect("a prompt");
    let expected = format!(r"^open {} in \d+\.\d ms\n$", regex::escape(&address));
    assert!(regex::Regex::new(&expected).unwrap().is_match(line), "{line:?}");
    let nobody = RefusingPort::new();
    let address = &nobody.address;
    let text = shell.runs(&format!("wirecat tcp-connect -z -v {address}"), 4);
    let line = "connection refused (nothing listens there)";
    assert!(text.replace('\n', "").contains(line), "{text}");
    assert_eq!(text.matches("wirecat: ").count(), 1, "{text}");
}

/// A viewer has the screen, and leaves without a word of wirecat.
#[test]
fn a_viewer_is_left_in_peace() {
    let mut shell = Shell::start();
    shell.types("wirecat tcp-serve 0 | (read line; echo got $line)\n");
    let text = shell.reads(r"listening tcp 127\.0\.0\.1:\d+\r\n");
    let address = text.trim().rsplit(' ').next().expect("an address").to_owned();
    let mut client = connect(&address);
    client.write_all(b"a line\n").unwrap();
    let text = shell.reads("got a line\r\n");
    assert!(!text.contains("accepted"), "{text}");
    wait_until("the end of who has no reader", || client.write_all(b"more\n").is_err());
    let text = shell.ends_with(0);
    assert!(!text.contains("wirecat"), "{text}");
}
