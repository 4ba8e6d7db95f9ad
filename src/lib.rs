//! The library of wirecat: streams, datagrams and groups in one thread, on one poll.
//!
//! A program on the loop is one type with one method. [`Pool::stop`](event_loop::Pool::stop) ends it
//! once what was sent is written, or after 2 s. An echo server for any number of clients,
//! which holds back a client that sends faster than it reads:
//!
//! ```
//! use wirecat::event_loop::{Event, EventLoop, Handler, Pool, SendOutcome};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
//!         match event {
//!             Event::Data { id, bytes } if pool.send(id, bytes) == SendOutcome::Full => pool.pause(id),
//!             Event::Drained { id } => pool.resume(id),
//!             Event::Eof { id } => pool.finish(id),
//! #           // The example ends with its first client; a real server goes on.
//! #           Event::Closed { .. } => pool.stop(),
//!             _ => {}
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut event_loop = EventLoop::new()?;
//! let listeners = event_loop.pool().listen("127.0.0.1:0")?;
//! println!("listening on {:?}", event_loop.pool().local_address(listeners[0]));
//! # let address = event_loop.pool().local_address(listeners[0]).unwrap().to_owned();
//! # let client = std::thread::spawn(move || {
//! #     use std::io::{Read, Write};
//! #     let mut stream = std::net::TcpStream::connect(address).unwrap();
//! #     stream.write_all(b"to and fro").unwrap();
//! #     stream.shutdown(std::net::Shutdown::Write).unwrap();
//! #     let mut answer = String::new();
//! #     stream.read_to_string(&mut answer).unwrap();
//! #     answer
//! # });
//! event_loop.run(&mut Echo)?;
//! # assert_eq!(client.join().unwrap(), "to and fro");
//! # Ok(())
//! # }
//! ```
//!
//! A client that asks one question and prints the lines of the answer, however the stream cuts
//! them:
//!
//! ```
//! use wirecat::event_loop::{Event, EventLoop, Handler, Pool};
//! use wirecat::framing::{Deframer, Framing};
//!
//! struct Lines(Deframer);
//!
//! impl Handler for Lines {
//!     fn on(&mut self, pool: &mut Pool, event: Event<'_>) {
//!         let (bytes, eof) = match event {
//!             Event::Data { bytes, .. } => (bytes, false),
//!             Event::Eof { .. } => (&[][..], true),
//!             Event::Closed { .. } | Event::ConnectFailed { .. } => return pool.stop(),
//!             _ => return,
//!         };
//!         let lines = self.0.feed(bytes, eof, &mut |line| println!("{:?}", line.payload));
//!         lines.unwrap_or_else(|error| eprintln!("bad line: {error}"));
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = server.local_addr()?.to_string();
//! # let server = std::thread::spawn(move || {
//! #     use std::io::{Read, Write};
//! #     let (mut stream, _) = server.accept().unwrap();
//! #     let mut question = String::new();
//! #     stream.read_to_string(&mut question).unwrap();
//! #     stream.write_all(b"one\ntwo\n").unwrap();
//! #     question
//! # });
//! let lines = Framing::Line.framer(65536, false).expect("lines are a framing");
//! let mut event_loop = EventLoop::new()?;
//! let id = event_loop.pool().connect(&address)?;
//! let _ = event_loop.pool().send(id, b"HELP\n");
//! event_loop.pool().finish(id);
//! event_loop.run(&mut Lines(Deframer::new(lines)))?;
//! # assert_eq!(server.join().unwrap(), "HELP\n");
//! # Ok(())
//! # }
//! ```
//!
//! # The map, for maintainers
//!
//! The house has floors, and imports go down only (`tests/it/layers.rs` checks it).
//!
//! | floor | modules | what lives there |
//! |---|---|---|
//! | 7 | `main`, `commands` | one file a command: its options, its configuration, and the session that it launches |
//! | 5 | `sessions` | one life for all sessions, the sessions of streams and of datagrams, and the services on them |
//! | 4 | [`event_loop`] | the pool of sources, streams and datagrams, the turn, timers, signals, mail, stdin and stdout |
//! | 3 | [`sockets`], [`multicast`] | addresses, resolving, listening and connecting with options; groups, interfaces, membership |
//! | 2 | `report` | notices as data, their text and their JSON; recordings as NDJSON and pcapng |
//! | 1 | `protocol`, [`framing`], `buffers`, [`close`], [`error`], [`kind`], [`recording`], `values`, `vocabulary`, `fields` | pure: no descriptor, no clock, no poll |
//! | 0 | `sys` | the only `unsafe`, and all that names libc |
//!
//! The feature `cli`, which is on by default, has the floors 7, 5 and 2, `protocol` and `fields`, and
//! with them three of four crates. Nothing else depends on it.
//!
//! A command is a chain of four: clap fills its arguments, `commands/rules.rs` refuses what cannot
//! apply, `config()` makes a plain configuration, and `commands/launch.rs` looks names up, opens the
//! listeners and runs a session. Errors are [`error::Failure`] on every floor; `anyhow` adds context in `commands` alone.
//!
//! Every session is a `sessions::Session`. One `impl` of the loop's `Handler` serves all of them: the
//! core looks at an event first (signals, limits, stdout, children, statistics, progress,
//! the steps of the shutdown), and what is left reaches `Session::event`. There are two:
//!
//! * A `StreamSession` listens, or dials, or both where commands ask for more (`streams/opening`), and
//!   has a `StreamService`: `tcp-serve` and `tcp-connect`
//!   (`sessions/services`), `chat --host` and `chat ADDR` (`sessions/chat`), `echo` (`sessions/echo`)
//!   and `echo --ping` (`sessions/ping`). The last two have datagram sockets of their own as well.
//! * A `DatagramSession` has a `DatagramService`: `udp-listen`, `udp-send`, `mcast-*`
//!   (`sessions/datagrams`) and `chat GROUP`.
//!
//! # Five paths
//!
//! * **A byte of stdin to a peer**: stdin is a channel in the [`event_loop::Pool`] like any connection.
//!   The turn reads it into the one scratch buffer; the session's input cuts it into messages and
//!   frames them, or passes it on as it is; `Pool::send` writes it at once and queues what is left.
//! * **A message in a hub**: `Data` → `StreamSession::on_data` → `Receiver::feed` cuts it with a
//!   [`framing::Deframer`] → `Hub::message` encodes it once, behind the others of the same read →
//!   `Streams::broadcast` puts one handle of them into each queue → one writev(2) a client at the end
//!   of the turn.
//! * **A datagram with `--stats`**: recvmmsg(2) fills a batch → `DatagramSession` → the service of
//!   listeners counts it per peer (`protocol`: sequence, jitter, latency) and delivers it to stdout.
//! * **`--expect` to the exit status**: the automaton runs over each message in the core's goal, or over
//!   an unframed stream in the `Receiver`; a match closes the session (`ShutdownMode::Enough`), and the
//!   core's shutdown decides the status once stdout has drained.
//! * **A failure to the user**: [`error::Failure`] names operation, target, cause and fix → a
//!   `Notice` of `report` → text or JSON on stderr or stdout → its `status` is the exit status.
//!
//! # Where do I change …
//!
//! | what | where |
//! |---|---|
//! | an option | its argument in `commands/<command>.rs` (or the group in `commands/args.rs`, `stream.rs`, `datagram.rs`), its place in `sessions/config.rs`, a rule in `commands/rules.rs` if it excludes others (a rule that names its heading in the help has it already), other words for one command in `commands/help_text.rs`; then `UPDATE=1 cargo test --test assets` |
//! | an event or a field of one | `report/name.rs`, `report/notice.rs`, `report/figures.rs`, who reports it in `commands/rules/emitters.rs`; JSON, `wirecat-events(7)` and the schema follow (`UPDATE=1 cargo test --test assets`) |
//! | a kind of trouble, a close detail | [`kind`], [`close`]: one line in a table |
//! | a framing | a `Framer` in `framing/`, its name in `framing/mod.rs` |
//! | what a server does with its clients | a `StreamService` in `sessions/services/`, chosen in `services/mod.rs` |
//! | what is done with datagrams | a `DatagramService` in `sessions/datagrams/` |
//! | a command | `commands/<command>.rs`, its variant in `commands/cli.rs`, its session |
//! | when a direction ends, what becomes of a slow client | `protocol::relay`, `protocol::slow` |
//!
//! # What to know
//!
//! Where the two sides have to agree on each message first (`--frame tinyproto`), a transport around
//! the connection keeps that exchange, and nobody above it knows of it. Transports that wrap others
//! delegate through `Transport::inner`.
//!
//! A chat is data on the pure floor (`protocol::chat`): the room, its lines, the editor, the
//! scrollback and the keys. The sessions carry it, and draw the screen into the queue of stdout like
//! any other data; only `sessions::chat::terminal` touches the terminal itself.
//!
//! Timers are as fine as the poll, which knows whole milliseconds; one that is armed in a turn fires
//! in a later turn. `echo` with `--delay` or `--ping` measures time, and so asks for finer ones
//! ([`event_loop::Pool::keep_exact_time`]).
//!
//! Four things differ from the first drawing. Channels stand on a trait, [`event_loop::Transport`],
//! rather than on a closed list, so that a simulation can hold the other ends and drive the real loop
//! in virtual time. Plain system calls go through rustix, which leaves little that is unsafe. The keys
//! of a terminal come through the channel of stdin like all input, and termina's parser reads them:
//! crossterm's reader, from which it stems, blocks in the middle of a sequence. And what a user reads
//! is one type, [`error::Failure`], on every floor, so that nothing is lost in translation at the edge.

pub mod close;
pub mod error;
pub mod event_loop;
pub mod framing;
pub mod kind;
pub mod multicast;
pub mod recording;
pub mod sockets;

pub use close::CloseReason;
pub use error::Failure;
pub use event_loop::{
    Arrival, CloseMode, End, Event, EventLoop, GroupOptions, Handler, Id, IdMap, Pool, SendOutcome,
    TimerKey,
};
pub use framing::Framing;

// What they are made of; it changes without notice.
#[doc(hidden)]
pub mod buffers;
#[doc(hidden)]
pub mod sys;
#[doc(hidden)]
pub mod values;
#[doc(hidden)]
pub mod vocabulary;

// The command line, which is no interface for other programs.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod commands;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod fields;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod protocol;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod report;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod sessions;
