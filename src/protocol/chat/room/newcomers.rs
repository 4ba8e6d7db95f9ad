//! Newcomers to a room, and what was said before that they are shown: bounded in lines and in bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::{MemberId, MemberPhase, Outlook, Room, RoomAction};
use crate::protocol::chat::line::ChatLine;
use crate::protocol::chat::pace::Pace;

/// Messages that a newcomer is shown.
pub(crate) const HISTORY: usize = 200;
/// Bytes of messages that a newcomer is shown, as they are sent. Escaped, 200 lines that disturb a
/// terminal would be 3 MiB, more than a queue holds.
pub(crate) const HISTORY_BYTES: usize = 256 * 1024;

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
fn sent_size(line: &ChatLine) -> usize {
    line.to_string().len() + 1
}

/// How long a newcomer may take nothing of the history before it is closed.
const CATCH_UP: Duration = Duration::from_secs(10);

impl Room {
    /// Sends a member what was said before, as far as its queue takes it, then who is there, and
    /// announces it to the others; returns whether it is present now.
    pub(super) fn announce(&mut self, id: MemberId, Outlook { now, space }: Outlook<'_>) -> bool {
        let Some(member) = self.members.get_mut(id) else { return false };
        let (mut next, since) = match member.state.phase {
            MemberPhase::Unannounced(_) => (0, now),
            MemberPhase::CatchingUp(next, since) => (next, since),
            MemberPhase::Present => return true,
        };
        let (start, mut space) = (next, space(id));
        while let Some((line, number, size)) = self.history.next(next)
            && space > 0
        {
            if next == 0 {
                self.actions.push(RoomAction::Send(vec![id], ChatLine::Earlier));
                space = space.saturating_sub(sent_size(&ChatLine::Earlier));
            }
            self.actions.push(RoomAction::Send(vec![id], line.clone()));
            space = space.saturating_sub(size);
            next = number + 1;
        }
        // A queue that is full has no room for who is there, which is one with what follows.
        if space == 0 {
            let since = if next > start { now } else { since };
            member.state.phase = MemberPhase::CatchingUp(next, since);
            return false;
        }
        member.state.phase = MemberPhase::Present;
        let Some(nick) = member.nick().cloned() else { return false };
        self.send(id, ChatLine::You(nick.clone()));
        self.list(id);
        if self.pace != Pace::default() {
            self.notice(id, &self.pace.announcement());
        }
        self.broadcast(Some(id), &ChatLine::Joined(nick));
        true
    }

    /// How long a newcomer may still take nothing; removes one that has done so for too long.
    pub(super) fn patience(&mut self, id: MemberId, outlook: Outlook<'_>) -> Option<Duration> {
        let MemberPhase::CatchingUp(_, since) = self.members.get(id)?.state.phase else {
            return None;
        };
        let left = (since + CATCH_UP).saturating_duration_since(outlook.now);
        if left.is_zero() {
            self.actions.push(RoomAction::Drop(id));
            self.remove_member(id, None);
            return None;
        }
        Some(left)
    }

    /// Sends newcomers the rest of the history, at most 256 KiB each, as the room is closed: all who
    /// learn of that have then received the same.
    pub fn end(&mut self) {
        for (id, member) in self.members.iter() {
            let MemberPhase::CatchingUp(mut next, _) = member.state.phase else { continue };
            while let Some((line, number, _)) = self.history.next(next) {
                self.actions.push(RoomAction::Send(vec![id], line.clone()));
                next = number + 1;
            }
        }
    }
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
