//! Purposes of the sessions' timers: the numbers behind [`TimerKey::purpose`].
//!
//! [`TimerKey::purpose`]: crate::event_loop::TimerKey::purpose

use std::time::Duration;

/// `--timeout`: the whole run.
pub(crate) const TOTAL: u8 = 1;
/// `--wait` of a listener or sender: the first client, message or answer.
pub(crate) const FIRST_PEER: u8 = 2;
/// `--read-timeout` of one connection.
pub(crate) const READ: u8 = 4;
/// `--quit-after` of one connection, and the rest of the input of datagram commands.
pub(crate) const QUIT: u8 = 5;
/// `--slow-after` of one connection.
pub(crate) const SLOW: u8 = 6;
/// The warning that names what the program waits for.
pub(crate) const NOTE: u8 = 7;
/// The next address of a name; the resolver has taken long for a name in a command.
pub(crate) const NEXT_ADDRESS: u8 = 8;
/// `--connect-timeout`: one attempt over all addresses.
pub(crate) const CONNECT: u8 = 9;
/// The next attempt to connect.
pub(crate) const RETRY: u8 = 10;
/// The end of the time to flush: of the whole run, or of one connection that is too late.
pub(crate) const GRACE: u8 = 11;
/// `--interval` of the statistics.
pub(crate) const INTERVAL: u8 = 12;
/// `--rejoin`.
pub(crate) const REJOIN: u8 = 13;
/// The next message that a rate allows.
pub(crate) const PACE: u8 = 14;
/// `--wait` of a sender: the next repetition.
pub(crate) const RESEND: u8 = 15;
/// `--reply` of a sender: silence after the last answer.
pub(crate) const ANSWERS: u8 = 16;
/// Half of `--wait` has passed in silence: probe other interfaces too.
pub(crate) const PROBE: u8 = 17;
/// `--settle`: a new connection has stood for long enough.
pub(crate) const SETTLE: u8 = 18;
/// The next drawing of `--progress`.
pub(crate) const PROGRESS: u8 = 19;
/// The handshake of a new connection, where the framing has one.
pub(crate) const HELLO: u8 = 20;
/// Input that has arrived is read before the run ends.
pub(crate) const DRAIN: u8 = 21;
/// Commands that had to wait go on.
pub(crate) const COMMANDS: u8 = 22;
/// Children that were asked to end are killed.
pub(crate) const CHILDREN: u8 = 23;
/// Hooks that wait are started.
pub(crate) const HOOKS: u8 = 24;
/// The room of a chat has lines to send again.
pub(crate) const CHAT: u8 = 25;
/// What a client of `echo` is to get is due.
pub(crate) const ANSWER_DUE: u8 = 26;
/// The next probe of a connection is due, or the last answer overdue.
pub(crate) const NEXT_PROBE: u8 = 27;
/// The interfaces of groups are looked at again.
pub(crate) const INTERFACES: u8 = 28;
/// `--max-frame-total`: whoever was to finish its message may have stood still.
pub(crate) const FRAMES: u8 = 29;
/// `--idle-timeout` of the peers of `udp-listen --exec`.
pub(crate) const FLOWS: u8 = 30;
/// `--port-file` is a FIFO without a reader, and tried again.
pub(crate) const READY: u8 = 31;
/// Events that were left out on stderr are summed up.
pub(crate) const SUMS: u8 = 32;
/// Messages that were too many for one turn go on.
pub(crate) const READ_ON: u8 = 33;
/// `within` of a read that a command asks for.
pub(crate) const WITHIN: u8 = 34;
/// `tick` of the commands.
pub(crate) const TICK: u8 = 35;
/// A long event on stdout goes on.
pub(crate) const LONG_EVENT: u8 = 36;
/// The first purpose that a session of streams, or one of datagrams, has for itself alone.
pub(crate) const OWN: u8 = 64;

/// What is left of a limit on silence; `None` where it has run out. It begins anew where it is held,
/// which is while nothing could come.
pub(crate) fn left(limit: Duration, silent: Duration, is_held: bool) -> Option<Duration> {
    match limit.saturating_sub(silent) {
        Duration::ZERO => is_held.then_some(limit),
        left => Some(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_begins_anew_while_nothing_could_come() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(3), seconds(1), false), Some(seconds(2)));
        assert_eq!(left(seconds(3), seconds(3), false), None);
        assert_eq!(left(seconds(3), seconds(4), true), Some(seconds(3)));
    }
}
