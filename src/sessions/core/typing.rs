//! A person who types, and sees on the same terminal what becomes of it.

use super::{Core, Disposition};
use crate::event_loop::{Event, Pool};
use crate::protocol::relay::Source;

impl Core {
    /// An event that the core does not handle. A terminal has shown what is read of it.
    pub(super) fn own(&mut self, event: &Event<'_>) -> Disposition {
        if let Event::Data { id, bytes } = event
            && self.input.is(*id)
            && self.input.progress().source == Source::Terminal
        {
            self.console.note_typed(bytes);
        }
        self.unless_over(Disposition::Own)
    }

    /// Says to a person that ^D was taken, and what goes on.
    pub(crate) fn confirm_end_of_typing(&mut self, pool: &mut Pool, what_follows: &str) {
        if self.input.progress().source == Source::Terminal && self.console.converses() {
            self.console.show_words(pool, &format!("^D taken: {what_follows}"));
        }
    }
}
