//! What was said in a room, as far as newcomers are shown it: bounded in lines and in bytes.

use std::collections::VecDeque;

use super::line::ChatLine;

/// Messages that a newcomer is shown.
pub const HISTORY: usize = 200;
/// Bytes of messages that a newcomer is shown, as they are sent. Escaped, 200 lines that disturb a
/// terminal would be 3 MiB, more than a queue holds.
pub const HISTORY_BYTES: usize = 256 * 1024;

/// The last messages. Each has a number, by which a newcomer that takes them in parts goes on.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<(ChatLine, usize)>,
    /// The number of the first line.
    first: u64,
    bytes: usize,
}

impl History {
    /// Adds a message, and forgets the oldest ones beyond the bounds.
    pub(super) fn push(&mut self, line: ChatLine) {
        let size = sent_size(&line);
        self.bytes += size;
        self.lines.push_back((line, size));
        while self.lines.len() > HISTORY || self.bytes > HISTORY_BYTES {
            let Some((_, size)) = self.lines.pop_front() else { break };
            self.bytes -= size;
            self.first += 1;
        }
        debug_assert!(self.lines.len() <= HISTORY && self.bytes <= HISTORY_BYTES);
        debug_assert_eq!(self.bytes, self.lines.iter().map(|(_, size)| size).sum::<usize>());
    }

    /// The next message of this number or a higher one, with its number and its size as it is sent.
    pub(super) fn next(&self, number: u64) -> Option<(&ChatLine, u64, usize)> {
        let skipped = number.saturating_sub(self.first);
        let (line, size) = self.lines.get(usize::try_from(skipped).ok()?)?;
        Some((line, self.first + skipped, *size))
    }
}

/// The bytes that a line takes with its end.
pub(super) fn sent_size(line: &ChatLine) -> usize {
    line.to_string().len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(length: usize) -> ChatLine {
        ChatLine::Said("ann".parse().unwrap(), "x".repeat(length))
    }

    fn rest(history: &History, mut number: u64) -> (usize, usize) {
        let mut seen = (0, 0);
        while let Some((_, found, size)) = history.next(number) {
            seen = (seen.0 + 1, seen.1 + size);
            number = found + 1;
        }
        seen
    }

    #[test]
    fn it_is_bounded_in_lines_and_in_bytes() {
        let mut history = History::default();
        for _ in 0..1000 {
            history.push(said(1));
        }
        assert_eq!(rest(&history, 0), (HISTORY, HISTORY * "<ann> x\n".len()));
        assert_eq!(rest(&history, 900), (100, 100 * "<ann> x\n".len()), "as it goes on");
        for _ in 0..100 {
            history.push(said(16 * 1024));
        }
        let (lines, bytes) = rest(&history, 0);
        assert!(lines == 15 && bytes <= HISTORY_BYTES && bytes > HISTORY_BYTES - 17 * 1024);
        assert!(history.next(1100).is_none());
    }
}
