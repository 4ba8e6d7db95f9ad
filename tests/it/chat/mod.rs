//! `chat` from outside: members over plain sockets, over nc and telnet, and other wirecats; and a
//! person at a terminal.

mod group;
mod hostile;
mod pace;
mod person;
mod picture;
mod refusals;
mod restored;
mod room;
mod screen;
mod tinyproto;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::support::{Running, net, wirecat};

/// A relay on a free port, and its address.
fn relay() -> (Running, String) {
    wirecat(["chat", "--host", "--headless", "127.0.0.1:0"]).serve()
}

/// A member by a plain socket, as a person with nc is one.
struct Guest {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Guest {
    /// Joins under a name, and reads to the end of the greeting.
    #[track_caller]
    fn join(address: &str, nick: &str) -> Self {
        let mut guest = Self::connect(address);
        guest.say(&format!("/nick {nick}"));
        guest.hears(&format!("*** you are {nick}"));
        guest.hears("*** here: ");
        guest
    }

    /// Connects, and says nothing.
    fn connect(address: &str) -> Self {
        let stream = net::connect(address);
        let lines = BufReader::new(stream.try_clone().expect("a descriptor"));
        Self { stream, lines }
    }

    #[track_caller]
    fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes());
    }

    #[track_caller]
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the host takes it");
    }

    /// The next line, whatever it is; `None` at the end.
    #[track_caller]
    fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.lines.read_line(&mut line).expect("UTF-8 in time");
        (count > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// Reads up to a line with these words, and returns it.
    #[track_caller]
    fn hears(&mut self, words: &str) -> String {
        let mut before = Vec::new();
        while let Some(line) = self.next() {
            if line.contains(words) {
                return line;
            }
            before.push(line.chars().take(60).collect::<String>());
        }
        panic!("no {words:?} to the end, but {before:#?}");
    }

    /// The rest of the lines, to the end.
    #[track_caller]
    fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
