//! Events for people: one line each, and more where there are round trips, with a little colour.
//!
//! It makes strings and writes nowhere. Nothing that a peer chose can break the line or reach the
//! terminal as a control sequence: the words are escaped here, whatever they quote.

use std::fmt::Display;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::figures::{Figures, size};
use super::name::Name;
use super::notice::{Fields, Notice};
use crate::close::CloseReason;
use crate::kind::Kind;
use crate::protocol::text::{escape_words, number};

/// How the parts of a line look; the default is plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Palette {
    error: Style,
    warning: Style,
    rest: Style,
}

impl Palette {
    /// Errors and warnings stand out, and what is merely good to know steps back.
    pub(super) const COLOURED: Self = Self {
        error: AnsiColor::Red.on_default().bold(),
        warning: AnsiColor::Yellow.on_default(),
        rest: Style::new().dimmed(),
    };
}

/// The line of a notice, with its newline.
pub(super) fn line(notice: &Notice<'_>, tag: Option<&str>, palette: &Palette) -> String {
    let tag = tag.map(|tag| format!("[{}] ", escape_words(tag))).unwrap_or_default();
    // The whole line at once, so that no field that quotes a peer can be forgotten.
    let words = escape_words(&words(notice));
    let Palette { error, warning, rest } = palette;
    match notice.name {
        Name::Error => {
            let hint = notice.fields.hint.as_deref().map(escape_words);
            let hint = hint.map(|hint| format!("{tag}{rest}hint:{rest:#} {hint}\n"));
            format!("{tag}{error}wirecat:{error:#} {words}\n{}", hint.unwrap_or_default())
        }
        Name::Warning | Name::SendFailed => {
            format!("{tag}{warning}wirecat: warning:{warning:#} {words}\n")
        }
        name => {
            let lines = std::iter::once(words).chain(further_lines(notice));
            let indent = " ".repeat(name.as_str().len());
            let line = |(at, words): (usize, String)| match at {
                0 => format!("{rest}{tag}{words}{rest:#}\n"),
                _ => format!("{rest}{tag}{indent} {words}{rest:#}\n"),
            };
            lines.enumerate().map(line).collect()
        }
    }
}

/// What does not fit the first line of a notice beside its figures: round trips, and the traffic.
fn further_lines(notice: &Notice<'_>) -> Vec<String> {
    let Some(trips) = notice.fields.figures.and_then(Figures::trips) else { return Vec::new() };
    let traffic = TextLine { words: String::new(), fields: &notice.fields }.traffic().counts();
    trips.into_iter().chain([traffic.words.trim_start().to_owned()]).collect()
}

/// A line that is no event, for people alone.
pub(super) fn words_line(words: &str, palette: &Palette) -> String {
    let rest = palette.rest;
    format!("{rest}wirecat: {}{rest:#}\n", escape_words(words))
}

/// The text of a notice, for a person: a field that adds nothing is left out.
fn words(notice: &Notice<'_>) -> String {
    let (name, fields) = (notice.name, &notice.fields);
    let line = TextLine { words: name.as_str().to_owned(), fields };
    let line = match name {
        Name::Error | Name::Warning | Name::SendFailed => return troubles(notice),
        Name::Starting | Name::Stopping | Name::Stopped => line,
        Name::Listening => {
            let number = fields.conn.map(|conn| format!("#{conn}"));
            let line = line.maybe(fields.proto).maybe(fields.local).labelled("as", number);
            line.labelled("pin", fields.pin)
        }
        Name::Connected => {
            line.conn().maybe(fields.proto).maybe(fields.peer).labelled("from", fields.local)
        }
        Name::ConnectFailed => line.conn().maybe(fields.proto).maybe(fields.peer).message(),
        Name::Connecting | Name::Accepted | Name::Negotiated | Name::Eof => {
            line.conn().maybe(fields.peer)
        }
        Name::Tls => line.conn().maybe(fields.peer).maybe(fields.tls).labelled("pin", fields.pin),
        Name::Data => line.who().maybe(fields.len.map(bytes)).maybe(fields.direction),
        Name::Sent => line.who().maybe(fields.len.map(bytes)).labelled("to", fields.count).queued(),
        Name::Drained => line.who(),
        Name::Tick => line.maybe(fields.count),
        Name::Closed => line.conn().maybe(fields.peer.or(fields.local)).traffic().reason().losses(),
        Name::Retry => line.labelled("in", fields.secs.map(pause)).message(),
        Name::Joined | Name::Left => line.maybe(fields.group).labelled("on", fields.iface),
        Name::List => {
            let line = line.conn().maybe(fields.peer).maybe(fields.group);
            let line = line.labelled("on", fields.iface).traffic().queued();
            let line = line.labelled("unread", fields.unread.map(size));
            line.maybe(fields.count.map(|count| format!("{count} in all")))
        }
        Name::Stats if !further_lines(notice).is_empty() => line.flow(),
        Name::Stats => line.flow().traffic().counts(),
        Name::Summary => line.traffic().counts().losses().labelled("exit", fields.code),
    };
    line.words
}

/// An error or a warning speaks for itself; without words its kind does.
fn troubles(notice: &Notice<'_>) -> String {
    let Fields { message, kind, .. } = &notice.fields;
    let kind = kind.map(Kind::as_str);
    message.as_deref().or(kind).unwrap_or(notice.name.as_str()).to_owned()
}

/// A line in the making: words with a blank between them, and the fields that they come from.
struct TextLine<'a> {
    words: String,
    fields: &'a Fields<'a>,
}

impl TextLine<'_> {
    fn maybe(mut self, word: Option<impl Display>) -> Self {
        if let Some(word) = word {
            self.words += &format!(" {word}");
        }
        self
    }

    fn labelled(self, label: &str, word: Option<impl Display>) -> Self {
        self.maybe(word.map(|word| format!("{label} {word}")))
    }

    fn message(mut self) -> Self {
        if let Some(message) = &self.fields.message {
            self.words += &format!(": {message}");
        }
        self
    }

    fn conn(self) -> Self {
        let conn = self.fields.conn;
        self.maybe(conn.map(|conn| format!("#{conn}")))
    }

    /// The connection where they are numbered, else the peer.
    fn who(self) -> Self {
        let Fields { conn, peer, .. } = *self.fields;
        if conn.is_some() { self.conn() } else { self.maybe(peer) }
    }

    /// A flow: who, to which group, and its figures.
    fn flow(self) -> Self {
        let Fields { peer, count, group, iface, figures, .. } = *self.fields;
        let sources = count.map(|count| format!("({})", number(count as u64, "source")));
        self.maybe(peer).maybe(sources).labelled("to", group).labelled("on", iface).maybe(figures)
    }

    fn traffic(self) -> Self {
        let Fields { received, sent, messages_in, messages_out, secs, .. } = *self.fields;
        let messages = |n| format!("({})", number(n, "message"));
        self.labelled("in", received.map(size))
            .maybe(messages_in.map(messages))
            .labelled("out", sent.map(size))
            .maybe(messages_out.map(messages))
            .maybe(secs.map(|secs| format!("{:.1} s", secs.as_secs_f64())))
    }

    fn queued(self) -> Self {
        let queued = self.fields.queued;
        self.labelled("queued", queued.map(bytes))
    }

    fn counts(self) -> Self {
        let Fields { connections, clients, .. } = *self.fields;
        self.maybe(connections.map(|n| number(n, "connection")))
            .maybe(clients.map(|n| number(n, "client")))
    }

    fn reason(self) -> Self {
        let Fields { cause, detail, .. } = *self.fields;
        let reason = cause.zip(detail).map(|(cause, detail)| CloseReason::new(cause, detail));
        self.maybe(reason.map(|reason| format!("({reason})")))
    }

    fn losses(self) -> Self {
        let Fields { undelivered, unsent, .. } = *self.fields;
        self.labelled("undelivered", undelivered.map(size)).labelled("unsent", unsent.map(size))
    }
}

fn bytes(len: usize) -> String {
    size(len as u64)
}

/// A pause to the millisecond: jitter makes it ragged below that.
fn pause(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Failure, Status};
    use crate::protocol::ping::RoundTrips;
    use crate::report::figures::SequenceFigures;

    const MIB: u64 = 1 << 20;

    fn plain(event: &Notice<'_>) -> String {
        line(event, None, &Palette::default())
    }

    #[test]
    fn connections_from_first_to_last() {
        let secs = Duration::from_millis(3210);
        let event = Notice::new;
        let table = [
            (event(Name::Starting), "starting"),
            (
                event(Name::Listening).proto("tcp").local("127.0.0.1:43211"),
                "listening tcp 127.0.0.1:43211",
            ),
            (
                event(Name::Accepted).proto("tcp").conn(1).local("[::1]:2").peer("[::1]:5"),
                "accepted #1 [::1]:5",
            ),
            (
                event(Name::Connected).proto("tcp").local("127.0.0.1:5").peer("127.0.0.1:80"),
                "connected tcp 127.0.0.1:80 from 127.0.0.1:5",
            ),
            (
                event(Name::ConnectFailed)
                    .proto("tcp")
                    .peer("[::1]:80")
                    .message("connection refused"),
                "connect-failed tcp [::1]:80: connection refused",
            ),
            (event(Name::Data).conn(1).peer("[::1]:5").bytes(b"hello world\n"), "data #1 12 B"),
            (event(Name::Data).peer("[::1]:5").bytes(b""), "data [::1]:5 0 B"),
            (event(Name::Eof).conn(1).peer("[::1]:5"), "eof #1 [::1]:5"),
            (
                event(Name::Closed)
                    .conn(1)
                    .peer("127.0.0.1:51312")
                    .traffic(MIB * 6 / 5, 340)
                    .secs(secs)
                    .closed(CloseReason::PEER),
                "closed #1 127.0.0.1:51312 in 1.2 MiB out 340 B 3.2 s (peer closed)",
            ),
            (
                event(Name::Closed)
                    .peer("[::1]:80")
                    .traffic(0, 5)
                    .secs(secs)
                    .closed(CloseReason::RESET)
                    .undelivered(3)
                    .unsent(12),
                "closed [::1]:80 in 0 B out 5 B 3.2 s (reset by the peer) undelivered 3 B unsent 12 B",
            ),
            (
                event(Name::Retry).secs(Duration::from_micros(50_700)).message("cannot connect"),
                "retry in 50ms: cannot connect",
            ),
            (event(Name::Stopping), "stopping"),
            (event(Name::Stopped), "stopped"),
        ];
        for (event, expected) in table {
            assert_eq!(plain(&event), format!("{expected}\n"));
        }
    }

    #[test]
    fn answers_to_commands() {
        let event = Notice::new;
        let secs = Duration::from_secs(3);
        let table = [
            (
                event(Name::Sent).conn(3).peer("[::1]:5").line(4).len(5).queued(9),
                "sent #3 5 B queued 9 B",
            ),
            (event(Name::Sent).line(4).len(5).queued(0).count(2), "sent 5 B to 2"),
            (event(Name::Drained).conn(3).peer("[::1]:5"), "drained #3"),
            (
                event(Name::List).conn(3).peer("[::1]:5").traffic(1, 2).secs(secs),
                "list #3 [::1]:5 in 1 B out 2 B 3.0 s",
            ),
            (event(Name::List).group("239.1.2.3:5").iface("lo"), "list 239.1.2.3:5 on lo"),
            (event(Name::List).count(2), "list 2 in all"),
            (Notice::send_failed(Kind::Slow, "cannot send"), "wirecat: warning: cannot send"),
        ];
        for (event, expected) in table {
            assert_eq!(plain(&event), format!("{expected}\n"));
        }
    }

    #[test]
    fn sums() {
        let secs = Duration::from_millis(3210);
        let summary = Notice::new(Name::Summary).traffic(MIB * 6 / 5, 340).secs(secs).code(0);
        assert_eq!(plain(&summary), "summary in 1.2 MiB out 340 B 3.2 s exit 0\n");
        assert_eq!(
            plain(&summary.messages(12, 1).connections(5)),
            "summary in 1.2 MiB (12 messages) out 340 B (1 message) 3.2 s 5 connections exit 0\n"
        );
        assert_eq!(
            plain(&Notice::new(Name::Stats).traffic(1, 2).secs(secs).connections(9).clients(1)),
            "stats in 1 B out 2 B 3.2 s 9 connections 1 client\n"
        );
    }

    #[test]
    fn round_trips_have_lines_that_fit_a_terminal() {
        let sequence = Some(SequenceFigures { expected: 2, ..SequenceFigures::default() });
        let times = [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|time| time * 1e-4);
        let [min, mean, p50, p90, p99, p999, max] = times;
        let trips = Some(RoundTrips { min, mean, p50, p90, p99, p999, max });
        let figures = Figures { probes: Some(2), sequence, trips, ..Figures::default() };
        let stats = Notice::new(Name::Stats).peer("a:7").traffic(112, 112).messages(2, 2);
        let stats = stats.secs(Duration::from_secs(1)).connections(1).figures(&figures);
        assert_eq!(
            line(&stats, Some("x"), &Palette::default()),
            "[x] stats a:7 2 probes lost 0 (0.00 %)\n\
             [x]       rtt min 50.0 µs avg 100.0 µs max 600.0 µs\n\
             [x]       rtt p50 200.0 µs p90 300.0 µs p99 400.0 µs p99.9 500.0 µs\n\
             [x]       in 112 B (2 messages) out 112 B (2 messages) 1.0 s 1 connection\n"
        );
    }

    #[test]
    fn troubles_name_the_program() {
        let failure =
            Failure::new(Status::Connect, Kind::Refused, "connect to", "[::1]:1", "refused");
        assert_eq!(
            plain(&Notice::error(&failure)),
            "wirecat: cannot connect to [::1]:1: refused\n"
        );
        assert_eq!(plain(&Notice::warning(Kind::Io, "is odd")), "wirecat: warning: is odd\n");
        assert_eq!(plain(&Notice::new(Name::Error).kind(Kind::Io)), "wirecat: io\n");
    }

    #[test]
    fn a_line_stays_a_line_and_shows_its_tag() {
        let event = Notice::new(Name::Eof).peer("unix:/a\n\x1b[2J");
        assert_eq!(
            line(&event, Some("b\r1"), &Palette::default()),
            "[b\\r1] eof unix:/a\\n\\x1b[2J\n"
        );
    }

    #[test]
    fn colours_are_modest() {
        let coloured = |event| line(&event, None, &Palette::COLOURED);
        assert_eq!(
            coloured(Notice::new(Name::Error).kind(Kind::Io)),
            "\x1b[1m\x1b[31mwirecat:\x1b[0m io\n"
        );
        assert_eq!(
            coloured(Notice::warning(Kind::Io, "odd")),
            "\x1b[33mwirecat: warning:\x1b[0m odd\n"
        );
        assert_eq!(coloured(Notice::new(Name::Stopped)), "\x1b[2mstopped\x1b[0m\n");
    }
}
