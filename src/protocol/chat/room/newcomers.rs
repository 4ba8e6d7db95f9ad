//! Newcomers to a room, who are sent what was said before.

use std::time::Duration;

use super::{MemberId, Outlook, Room, RoomAction, Stage};
use crate::protocol::chat::history::sent_size;
use crate::protocol::chat::line::ChatLine;
use crate::protocol::chat::pace::Pace;

/// How long a newcomer may take nothing of the history before it is closed.
const CATCH_UP: Duration = Duration::from_secs(10);

impl Room {
    /// Sends a member what was said before, as far as its queue takes it, then who is there, and
    /// announces it to the others; returns whether it is present now.
    pub(super) fn announce(&mut self, id: MemberId, Outlook { now, space }: Outlook<'_>) -> bool {
        let Some(member) = self.members.get_mut(id) else { return false };
        let (mut next, since) = match member.state.stage {
            Stage::Unannounced(_) => (0, now),
            Stage::CatchingUp(next, since) => (next, since),
            Stage::Present => return true,
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
            member.state.stage = Stage::CatchingUp(next, since);
            return false;
        }
        member.state.stage = Stage::Present;
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
        let Stage::CatchingUp(_, since) = self.members.get(id)?.state.stage else { return None };
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
            let Stage::CatchingUp(mut next, _) = member.state.stage else { continue };
            while let Some((line, number, _)) = self.history.next(next) {
                self.actions.push(RoomAction::Send(vec![id], line.clone()));
                next = number + 1;
            }
        }
    }
}
