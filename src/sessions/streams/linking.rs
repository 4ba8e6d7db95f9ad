//! Where bytes pass between one connection and the standard streams without being looked at: there
//! they are linked ([`Pool::link`]), and the session gets no event but their end.
//!
//! | what looks at the bytes, or keeps them | stdin to it | it to stdout |
//! |---|---|---|
//! | nothing | linked | linked |
//! | a handler, `--frame`, commands, `--record`, a second connection, the end of the run | | |
//! | `--rate`, `--crlf`, `--send`, `--input` but `raw`, a terminal as stdin | | linked |
//! | `--reconnect`, `--slow kick` or `drop` | | linked |
//! | `--output` but `raw`, a terminal as stdout, `data` events that are for anybody | linked | |
//! | `--expect`, `--count`, `--read-timeout`, `--read-size` | linked | |
//!
//! The first line of the table and all options are looked at once, at the first event. What changes
//! during a run is looked at after each event, so that nothing that changes it needs to know of it: the
//! connections, the end of stdin, the end of the run.

use super::{Scope, StreamSession, Streams};
use crate::event_loop::{Id, Pool, READ_SIZE};
use crate::protocol::slow::Policy;
use crate::sessions::core::Core;

/// What looks at bytes or keeps them, and so keeps them from being linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Watchers {
    /// Of both directions: messages, commands, a recording, or a service that does more than to pass on.
    of_all: bool,
    /// Of stdin: it is cut, converted or held back.
    of_input: bool,
    /// What a connection is not sent is for another one, or passed over.
    of_unsent: bool,
    /// Of what goes to stdout: it has another form, or is shown beside that.
    of_output: bool,
    /// Of what a connection sends, piece by piece: it is searched, counted or timed.
    of_pieces: bool,
}

/// Which directions may be linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Allowed {
    input: bool,
    output: bool,
}

impl Watchers {
    fn of(session: &StreamSession, pool: &Pool) -> Self {
        let StreamSession { core, streams, service, .. } = session;
        let (wire, goal) = (&core.common.wire, &core.common.goal);
        let policy = streams.slow.policy();
        Self {
            of_all: !service.relays_stdio()
                || wire.delivers_messages()
                || core.input.has_commands()
                || pool.is_recorded(),
            of_input: core.input.verbatim().is_none(),
            of_unsent: streams.reconnects() || matches!(policy, Some(Policy::Kick | Policy::Drop)),
            of_output: core.console.verbatim().is_none(),
            of_pieces: goal.expect.is_some()
                || goal.count.is_some()
                || core.common.limits.read.is_some()
                || wire.read_size != READ_SIZE,
        }
    }

    fn allow(self) -> Allowed {
        Allowed {
            input: !(self.of_all || self.of_input || self.of_unsent),
            output: !(self.of_all || self.of_output || self.of_pieces),
        }
    }
}

/// The links of a session.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// From the first event on.
    allowed: Option<Allowed>,
    /// The connection that stdin goes to.
    input: Option<Id>,
    /// The connection that goes to stdout.
    output: Option<Id>,
}

impl Links {
    /// Whether stdin goes to a connection by itself.
    pub(super) fn has_input(&self) -> bool {
        self.input.is_some()
    }

    /// Whether a connection is not read on account of stdout. One that waits for its upstream is not
    /// meant.
    pub(super) fn waits_for_stdout(&self, pool: &Pool, id: Id) -> bool {
        self.output == Some(id) && pool.waits_for_sink(id)
    }
}

/// Takes what a connection that is about to be closed has sent, as far as there is room for it.
pub(super) fn read_ahead(streams: &Streams, pool: &mut Pool) {
    if let Some(id) = streams.links.output {
        pool.read_ahead(id);
    }
}

/// Queues what stdin holds for a client that is about to be cut off, as without a link, so that it counts
/// as unsent. If another client may come, that one gets it instead.
pub(super) fn take_rest(core: &Core, streams: &Streams, pool: &mut Pool, id: Id) {
    let is_last = streams.scope() == Scope::Connection && !streams.may_come();
    if let Some(stdin) = core.input.verbatim().filter(|_| is_last)
        && streams.links.input == Some(id)
    {
        pool.read_ahead(stdin);
    }
}

/// Links what may be linked now, and no more.
pub(super) fn update(session: &mut StreamSession, pool: &mut Pool) {
    let allowed = session.streams.links.allowed;
    let Allowed { input, output } = allowed.unwrap_or_else(|| Watchers::of(session, pool).allow());
    let StreamSession { core, streams, .. } = session;
    streams.links.allowed = Some(Allowed { input, output });
    if !(input || output) || core.is_ending() {
        return;
    }
    let mut ids = streams.table.ids();
    // What has come is to be read before the end, and so has to be seen to be there.
    let only = ids.next().filter(|_| ids.next().is_none() && !core.is_draining());
    drop(ids);
    let stdin = core.input.verbatim().filter(|_| input);
    let wanted = only.filter(|_| stdin.is_some());
    if wanted != streams.links.input {
        core.input.note_linked(pool);
        let linked = stdin.zip(wanted).filter(|(stdin, id)| pool.link_whole(*stdin, *id).is_ok());
        if linked.is_none() {
            core.input.unlink(pool);
        }
        streams.links.input = wanted;
    }
    let stdout = core.console.verbatim().filter(|_| output);
    let wanted = only.filter(|_| stdout.is_some());
    if wanted != streams.links.output {
        if let Some(id) = streams.links.output {
            pool.unlink(id);
        }
        if let Some((id, stdout)) = wanted.zip(stdout) {
            // One that is gone by now sends nothing more.
            let _ = pool.link(id, stdout);
        }
        streams.links.output = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_at_bytes_forbids_the_link_that_they_would_take() {
        let none = Watchers::default();
        for (watchers, input, output) in [
            (none, true, true),
            (Watchers { of_all: true, ..none }, false, false),
            (Watchers { of_input: true, ..none }, false, true),
            (Watchers { of_unsent: true, ..none }, false, true),
            (Watchers { of_output: true, ..none }, true, false),
            (Watchers { of_pieces: true, ..none }, true, false),
            (Watchers { of_input: true, of_pieces: true, ..none }, false, false),
        ] {
            assert_eq!(watchers.allow(), Allowed { input, output }, "{watchers:?}");
        }
    }
}
