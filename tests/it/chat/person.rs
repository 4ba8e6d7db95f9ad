//! A person at a real pseudo-terminal, whose screen a terminal emulator keeps.

use std::num::NonZero;
use std::time::Instant;

use crate::support::terminal::Terminal;
use crate::support::{PATIENCE, wirecat_path};

/// Columns and rows of a usual window.
pub(super) const USUAL: (u16, u16) = (80, 24);

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a window with a cell")
}

/// A person, in a shell that runs one command and says how it ended.
pub(super) struct Person {
    pub(super) terminal: Terminal,
    emulator: vt100::Parser,
    fed: usize,
}

impl Person {
    /// Runs `wirecat chat` with these arguments.
    pub(super) fn chat(args: &str) -> Self {
        Self::run(&format!("'{}' chat {args}", wirecat_path()))
    }

    /// Runs a command; its pid and its exit status are on the screen as well.
    pub(super) fn run(command: &str) -> Self {
        let script = format!(
            "stty cols {} rows {}; echo before the chat; read go; (echo pid=$BASHPID=; exec {command}); \
             echo status=$?=; read end",
            USUAL.0, USUAL.1
        );
        let mut person = Self {
            terminal: Terminal::of_kind("xterm-256color", "bash", &["-c", &script]),
            emulator: vt100::Parser::new(size(USUAL.1), size(USUAL.0), 0),
            fed: 0,
        };
        person.sees("before the chat");
        person
    }

    /// Begins.
    #[track_caller]
    pub(super) fn go(mut self) -> Self {
        self.types("\n");
        self.until("a screen", |screen| screen.alternate_screen() && !screen.contents().is_empty());
        self
    }

    /// Types, or pastes, what a terminal would send.
    pub(super) fn types(&mut self, keys: &str) {
        self.terminal.type_in(keys);
    }

    /// Pastes into a terminal in bracketed mode.
    pub(super) fn pastes(&mut self, text: &str) {
        self.types(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Gives the window another size.
    pub(super) fn resizes(&mut self, columns: u16, rows: u16) {
        self.emulator.screen_mut().set_size(size(rows), size(columns));
        self.terminal.resize(columns, rows);
    }

    /// The screen as it is now.
    pub(super) fn screen(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// The rows of the screen.
    pub(super) fn rows(&self) -> Vec<String> {
        let (_, columns) = self.screen().size();
        self.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect()
    }

    /// The row that begins with these words.
    #[track_caller]
    pub(super) fn row_of(&self, words: &str) -> u16 {
        let row = self.rows().iter().position(|row| row.starts_with(words));
        u16::try_from(row.expect("a row with these words")).expect("a small number")
    }

    /// Waits until the screen shows these words.
    #[track_caller]
    pub(super) fn sees(&mut self, words: &str) {
        self.until(words, |screen| screen.contents().contains(words));
    }

    /// Waits until the line being typed is this, with the cursor in this column.
    #[track_caller]
    pub(super) fn has_typed(&mut self, line: &str, column: u16) {
        self.until(line, |screen| {
            let (rows, columns) = screen.size();
            let last = screen.rows(0, columns.get()).last().unwrap_or_default();
            last.trim_end() == line && screen.cursor_position() == (rows.get() - 1, column)
        });
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self.emulator.screen()) {
            let bytes = self.terminal.more_than(self.fed, deadline);
            let known = self.fed;
            self.fed = bytes.len();
            self.emulator.process(&bytes[known..]);
            let rows = self.rows().join("\n");
            assert!(Instant::now() < deadline, "no {what:?} on the screen:\n{rows}");
        }
    }

    /// The number between `name=` and `=`, as the shell has written it last.
    #[track_caller]
    pub(super) fn number(&mut self, name: &str) -> i32 {
        let find = |bytes: &str| {
            bytes
                .split(&format!("{name}="))
                .skip(1)
                .filter_map(|rest| rest.split('=').next()?.parse().ok())
                .last()
        };
        let deadline = Instant::now() + PATIENCE;
        let mut known = 0;
        loop {
            let bytes = self.terminal.more_than(known, deadline);
            known = bytes.len();
            let text = String::from_utf8_lossy(bytes);
            if let Some(number) = find(&text) {
                return number;
            }
            assert!(Instant::now() < deadline, "no {name}:\n{text}");
        }
    }

    /// Sends a signal to wirecat.
    #[track_caller]
    pub(super) fn signal(&mut self, signal: i32) {
        let pid = rustix::process::Pid::from_raw(self.number("pid")).expect("a pid");
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        rustix::process::kill_process(pid, signal).expect("it is there");
    }

    /// Sends a signal again and again, until nobody is there any more or it was enough.
    pub(super) fn signal_many(&mut self, signal: i32) {
        let pid = rustix::process::Pid::from_raw(self.number("pid")).expect("a pid");
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
        for _ in 0..50 {
            if rustix::process::kill_process(pid, signal).is_err() {
                return;
            }
        }
    }

    /// Waits for the end, which has this status.
    #[track_caller]
    pub(super) fn ended_with(&mut self, status: i32) {
        let seen = self.number("status");
        assert_eq!(seen, status, "{}", self.terminal.shown());
        self.until("all of it", |screen| screen.contents().contains(&format!("status={status}=")));
    }
}
