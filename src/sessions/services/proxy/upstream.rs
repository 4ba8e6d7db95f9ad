//! The upstream of one connection: its channels, and how it ends. It knows no pool.

use crate::event_loop::Id;

/// The channels of an upstream, as far as they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// Another connection, which is one channel, and is lost as a whole.
    Connection(Option<Id>),
    /// The two directions of a child's socket.
    Child {
        /// It is sent what the connection sends.
        sink: Option<Id>,
        /// What it sends goes to the connection.
        source: Option<Id>,
    },
}

impl Channels {
    /// Another connection.
    pub(super) fn connection(id: Id) -> Self {
        Self::Connection(Some(id))
    }

    /// What is sent what the connection sends.
    pub(super) fn sink(self) -> Option<Id> {
        match self {
            Self::Connection(sink) | Self::Child { sink, .. } => sink,
        }
    }

    /// What sends to the connection.
    pub(super) fn source(self) -> Option<Id> {
        match self {
            Self::Connection(source) | Self::Child { source, .. } => source,
        }
    }

    /// The direction to the connection alone, where it can be closed by itself.
    pub(super) fn source_alone(self) -> Option<Id> {
        match self {
            Self::Connection(_) => None,
            Self::Child { source, .. } => source,
        }
    }

    /// Whether it is another connection.
    pub(super) fn is_connection(self) -> bool {
        matches!(self, Self::Connection(_))
    }

    /// A channel is gone.
    pub(super) fn forget(&mut self, channel: Id) {
        match self {
            Self::Connection(id) => {
                id.take_if(|id| *id == channel);
            }
            Self::Child { sink, source } => {
                sink.take_if(|sink| *sink == channel);
                source.take_if(|source| *source == channel);
            }
        }
    }
}

/// How a child that is an upstream ends, as far as that decides what its connection is told. Another
/// connection always lives.
///
/// ```text
///        it closes its socket by its end          it ended by itself
/// Lives ────────────────────────────────> Exiting ─────────────────> Ended
///   ├──────────── it ended by itself ────────────────────────────────^
///   └──────────── a signal killed it ────────┴────────────────────> Killed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its FIN is passed on when it comes.
    Lives,
    /// Its end is passed on once it is known how it ended.
    Exiting,
    /// The same as while it lived, though nobody reads what is sent to it, and its socket may still be
    /// open.
    Ended,
    /// Nobody reads, and what it has sent is cut: the connection gets that, and a reset behind it.
    Killed,
}

impl Fate {
    /// Whether its FIN is passed on as it is.
    pub(super) fn passes_fin(self) -> bool {
        matches!(self, Self::Lives | Self::Ended)
    }

    /// Whether its process is gone.
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::Ended | Self::Killed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_connection_goes_as_a_whole() {
        let [id, other] = [1, 2].map(Id::for_tests);
        let mut upstream = Channels::connection(id);
        assert!(upstream.is_connection() && upstream.source_alone().is_none());
        upstream.forget(other);
        assert_eq!((upstream.sink(), upstream.source()), (Some(id), Some(id)));
        upstream.forget(id);
        assert_eq!((upstream.sink(), upstream.source()), (None, None));
    }

    #[test]
    fn a_child_loses_one_direction_after_the_other() {
        let [sink, source] = [1, 2].map(Id::for_tests);
        let mut upstream = Channels::Child { sink: Some(sink), source: Some(source) };
        assert!(!upstream.is_connection());
        assert_eq!(upstream.source_alone(), Some(source));
        upstream.forget(sink);
        assert_eq!((upstream.sink(), upstream.source()), (None, Some(source)));
        upstream.forget(source);
        assert_eq!(upstream, Channels::Child { sink: None, source: None });
    }

    #[test]
    fn a_fin_waits_for_how_the_child_ended() {
        let fates = [Fate::Lives, Fate::Exiting, Fate::Ended, Fate::Killed];
        assert_eq!(fates.map(Fate::passes_fin), [true, false, true, false]);
        assert_eq!(fates.map(Fate::is_known), [false, false, true, true]);
    }
}
