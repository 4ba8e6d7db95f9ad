//! `--record` and `--replay` (SPEC section 5): transcripts, captures that tshark reads, and both
//! sides of a recording played.

mod captures;
mod differences;
mod live;
mod replays;
mod stdout;
mod stuck;
mod transcripts;

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

/// A directory with recordings in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(crate::support::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as an argument.
    fn arg(&self, name: &str) -> String {
        self.path(name).to_str().expect("a plain path").to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("room for it");
        self.arg(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a text file")
    }

    /// A transcript's lines, all of them whole.
    #[track_caller]
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.text(name);
        assert!(text.is_empty() || text.ends_with('\n'), "a line is cut: {text}");
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }
}

/// A transcript's lines in short: `1 in abc`.
fn in_short(lines: &[Value]) -> Vec<String> {
    let short = |line: &Value| {
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let words = [line["conn"].to_string(), word("event"), word("dir"), word("text")];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    lines.iter().map(short).collect()
}
