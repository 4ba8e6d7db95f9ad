//! An event loop for programs that talk over streams, datagrams and groups: one thread, one poll, and
//! no callbacks but one.
//!
//! The [`EventLoop`] gives each [`Event`] to a [`Handler`], which is a closure or a type with one method,
//! and the handler answers through the [`Pool`] of connections, listeners, datagram sockets and groups.
//! Nothing in it blocks but the lookup of a name that is no address. Each queue has a bound, and each
//! end has a reason.
//!
//! # A server with messages
//!
//! It takes lines of up to 4,096 bytes, each within 30 s, and answers them. [`Pool::frame`] has a
//! connection, or all connections of a listener, deliver [`Event::Message`]: lines, lengths, netstrings,
//! Python objects and more ([`Framing`]). Without it, each read is one [`Event::Data`].
//!
//! ```
//! use std::time::Duration;
//! use wirecat::{Event, EventLoop, Framing, Pool};
//!
//! let mut event_loop = EventLoop::new()?;
//! let listener = event_loop.pool().listen("127.0.0.1:0")?[0];
//! event_loop.pool().frame(listener, Framing::Line.max_frame(4096))?;
//! # let address = event_loop.pool().local(listener).unwrap_or_default().to_string();
//! # let client = std::thread::spawn(move || {
//! #     use std::io::{Read, Write};
//! #     let mut stream = std::net::TcpStream::connect(address).unwrap();
//! #     stream.write_all(b"to\nand fro\n").unwrap();
//! #     stream.shutdown(std::net::Shutdown::Write).unwrap();
//! #     std::io::read_to_string(stream).unwrap()
//! # });
//! event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
//!     Event::Accepted { id, .. } => pool.expect_within(id, Duration::from_secs(30)),
//!     Event::Message { id, payload, .. } => {
//!         if let Err(error) = pool.send_message(id, payload) {
//!             eprintln!("no answer: {error}");
//!         }
//!         pool.expect_within(id, Duration::from_secs(30));
//!     }
//!     Event::Eof { id } => pool.finish(id),
//!     Event::Closed { end, .. } => {
//!         println!("{}, {} bytes came", end.reason, end.traffic.received);
//! #       // The example ends with its first client; a real server goes on.
//! #       pool.stop();
//!     }
//!     _ => {}
//! })?;
//! # assert_eq!(client.join().unwrap(), "to\nand fro\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A client
//!
//! What is sent before the connection is up waits. [`Pool::finish`] ends one direction, as `shutdown(2)`
//! does, and [`Pool::stop`] ends the loop once what was sent is written, or after 2 s.
//!
//! ```
//! use wirecat::{Event, EventLoop, Framing, Pool};
//!
//! # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = server.local_addr()?.to_string();
//! # let server = std::thread::spawn(move || {
//! #     use std::io::Write;
//! #     let (mut stream, _) = server.accept().unwrap();
//! #     stream.write_all(b"one\ntwo\n").unwrap();
//! #     stream.shutdown(std::net::Shutdown::Write).unwrap();
//! #     std::io::read_to_string(stream).unwrap()
//! # });
//! let mut event_loop = EventLoop::new()?;
//! let pool = event_loop.pool();
//! let server = pool.connect(&address)?;
//! # let served = server;
//! pool.frame(server, Framing::Line)?;
//! let _ = pool.send_message(server, b"HELP")?;
//! pool.finish(server);
//! # let mut lines = 0;
//! event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| match event {
//!     Event::Message { payload, .. } => {
//!         println!("{}", payload.escape_ascii());
//! #       lines += 1;
//!     }
//!     Event::ConnectFailed { error, .. } => {
//!         eprintln!("cannot connect: {error}");
//!         pool.stop();
//!     }
//!     Event::Closed { .. } => pool.stop(),
//!     _ => {}
//! })?;
//! # assert_eq!(lines, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Datagrams and groups
//!
//! ```
//! use wirecat::{Event, EventLoop, GroupOptions, Pool};
//!
//! let mut event_loop = EventLoop::new()?;
//! let pool = event_loop.pool();
//! let socket = pool.datagrams("127.0.0.1:0")?[0];
//! # let address = pool.local(socket).unwrap_or_default().to_string();
//! let group = "239.1.2.3:5000";
//! # let group = &address.replace("127.0.0.1", "239.255.7.2");
//! pool.join(&format!("{group}%lo"))?;
//! let sender = pool.group_sender(&format!("{group}%lo"), &GroupOptions::default())?;
//! pool.send_to(socket, b"to one", &address)?;
//! pool.send_to(sender, b"to all", group)?;
//! # let mut received = 0;
//! event_loop.run(&mut |pool: &mut Pool, event: Event<'_>| {
//!     let Event::Datagrams { id, batch } = event else { return };
//!     for datagram in batch {
//!         println!("{} sent {} bytes", datagram.from, datagram.payload.len());
//!         if let Err(failure) = pool.answer(id, datagram, b"thanks") {
//!             eprintln!("{failure}");
//!         }
//!     }
//! #   received += batch.len();
//! #   if received >= 4 { pool.stop() }
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # More
//!
//! | what | how |
//! |---|---|
//! | the beginning and the end of the loop | [`Event::Started`], [`Event::Stopping`], [`Event::Stopped`] |
//! | a peer that is not there yet | [`Pool::connect_with`], [`ConnectPolicy`], [`Event::Retrying`] |
//! | bounds on what messages hold | [`Framing::max_frame`], [`Pool::limit_frames`] |
//! | bytes that go from one connection into another, inside the kernel where it can | [`Pool::link`], [`Pool::unlink`] |
//! | a handshake before a connection counts | [`Pool::accept_through`], [`event_loop::Transport`] |
//! | a client that reads slowly | [`SendOutcome::Full`], [`Event::Drained`], [`Pool::pause`], [`Pool::resume`] |
//! | messages from other threads, work for the loop from other threads | [`Sender`], [`Mailbox::call`] |
//! | several loops, connections that move between them | [`Pool::detach`], [`Pool::attach`] |
//! | a loop of the program's own | [`EventLoop::run_once`], [`EventLoop::timeout`] |
//! | time | [`Pool::expect_within`], [`Pool::arm`], [`Event::Timer`] |
//! | data for each connection | [`IdMap`] |
//! | what is in the pool | [`Pool::connections`], [`Pool::peer`], [`Pool::local`], [`Pool::groups`] |
//! | sending to groups with a TTL, by an interface | [`Pool::group_sender`], [`GroupOptions`] |
//! | sockets of the program's own | [`Pool::adopt`], [`Pool::descriptor`] |
//! | options of sockets | [`sockets::SocketOptions`], [`Pool::add_listener`], [`Pool::dial`] |
//! | stdin and stdout, signals | [`Pool::stdin`], [`Pool::stdout`], [`EventLoop::watch_signals`] |
//! | how a connection ended, and what was lost | [`End`], [`CloseReason`] |
//!
//! `tests/examples` has an echo server, a line client, a hub with threads, and the programs of five
//! Python libraries; `cargo run --example echo_server` runs one.
//!
//! The command line is the feature `cli`, which is on by default. A program that only uses the library
//! leaves it out, and has fewer than 30 crates to build instead of some 130:
//!
//! ```toml
//! [dependencies]
//! wirecat = { version = "0.1", default-features = false }
//! ```
//!
//! # The map, for maintainers
//!
//! The house has floors, and imports go down only (`tests/it/layers.rs` checks it).
//!
//! | floor | modules | what lives there |
//! |---|---|---|
//! | 7 | `main`, `commands` | one file a command: its options, its configuration, and the session that it launches |
//! | 6 | `threads` | `--threads N`: loops that serve the clients of one run, and share nothing but mailboxes |
//! | 5 | `sessions` | one life for all sessions, the sessions of streams and of datagrams, and the services on them |
//! | 4 | [`event_loop`] | the pool of sources, streams and their messages, links and handshakes, datagrams and groups, the turn, timers, signals, other threads, stdin and stdout |
//! | 3 | [`sockets`], [`multicast`] | addresses, resolving, listening and connecting with options; groups, interfaces, membership |
//! | 2 | `report` | notices as data, their text and their JSON; recordings as NDJSON and pcapng |
//! | 1 | `protocol`, [`framing`], `buffers`, [`close`], [`error`], [`kind`], [`recording`], `values`, `vocabulary`, `fields` | pure: no descriptor, no clock, no poll |
//! | 0 | `sys` | the only `unsafe`, and all that names libc |
//!
//! The feature `cli`, which is on by default, has the floors 7, 6, 5 and 2, `protocol` and `fields`, the
//! dialogues of the floors 4 and 3 (proxies, the PROXY protocol), and with them most of the crates. The
//! feature `tls`, on by default as well, needs `cli`; it has `sockets::tls`, the stream inside TLS
//! (`event_loop/tls_stream.rs`) and the options of TLS (`commands/tls.rs`). Nothing else depends on them.
//!
//! A command is a chain of four: clap fills its arguments, `commands/rules.rs` refuses what cannot
//! apply, `config()` makes a plain configuration, and `commands/launch.rs` looks names up, opens the
//! listeners and runs a session. Errors are [`error::Failure`] on every floor; `anyhow` adds context in
//! `commands` alone.
//!
//! Every session is a `sessions::Session`. One function is the loop's `Handler` for all of them: the
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
//!   Where nothing looks at the bytes and there is one peer (`sessions/streams/linking.rs`), stdin is
//!   linked with it (`Pool::link`), and the session gets no event but the end.
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
//! | an option | its argument in `commands/<command>.rs` (or the group in `commands/args.rs`, `stream.rs`, `datagram.rs`), its place in `sessions/config.rs`, a rule in `commands/rules/table.rs` if it excludes others (a rule that names its heading in the help has it already), other words for one command in `commands/help_text.rs`, its id in `commands/help.rs` if `-h` is to show it, the words of its values in `tests/assets/completions.rs`; then `UPDATE=1 cargo test --test assets` |
//! | an event or a field of one | `report/name.rs`, `report/notice.rs`, `report/figures.rs`, who reports it in `commands/rules/emitters.rs`; JSON, `wirecat-events(7)` and the schema follow (`UPDATE=1 cargo test --test assets`) |
//! | a kind of trouble, a close detail | [`kind`], [`close`]: one line in a table |
//! | a framing | a `Framer` in `framing/`, its name or its grammar in `framing/mod.rs`, the lists in `commands/stream.rs` and `commands/help_text.rs` |
//! | a command of `--input` | `protocol/command/`, then `streams/commands.rs` and `datagrams/commands.rs` of `sessions` |
//! | what the library offers | an `impl Pool` in `event_loop/`; the words that name its calls in a failure, beside those of the command line: `error::Remedy`, `commands/cli.rs` |
//! | what a server does with its clients | a `StreamService` in `sessions/services/`, chosen in `services/mod.rs` |
//! | what two sides exchange before a stream carries data (proxies, STARTTLS) | a `Dialogue` in `sockets/dialogue/`, applied in `sessions/config/routes.rs` |
//! | what is done with datagrams | a `DatagramService` in `sessions/datagrams/` |
//! | what a run waits for before it has a session | `sessions/startup.rs` |
//! | how far a run is, what decides its status, how long its end may take | `sessions/core/state.rs`; who acts on it in `core/shutdown.rs` and `core/stop.rs` |
//! | how long a connection is tried, and when it is tried again | `sessions/connector/patience.rs` |
//! | which clients are admitted, and what becomes of the others | `sessions/streams/admission.rs`, `sessions/streams/refusing.rs` |
//! | which connections commands have read (`pause`, `read`) | `sessions/streams/reads.rs` |
//! | whose turn it is to be read | `sessions/streams/turns.rs` |
//! | a command | `commands/<command>.rs`, its variant in `commands/cli.rs`, its session |
//! | what `--threads` excludes, who accepts for several loops | `commands/rules/table.rs`, `threads/mod.rs` |
//! | which bytes pass without being looked at, and how | `sessions/streams/linking.rs`, `event_loop/link/movers.rs` |
//! | when a direction ends, what becomes of a slow client | `protocol::relay`, `protocol::slow` |
//! | who is trusted, the words for a handshake of TLS that fails | `sockets/tls/trust.rs`, `sockets/tls/words.rs` |
//! | what bounds what a peer can make grow | its constant and its `debug_assert!`, and its row in `commands/limits/table.rs` |
//!
//! # What to know
//!
//! Where the two sides have to agree on each message first (`--frame tinyproto`), a transport around
//! the connection keeps that exchange, and nothing above it depends on it. Transports that wrap others
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
//! Four decisions that may surprise, and their reasons. Channels stand on a trait, [`event_loop::Transport`],
//! rather than on a closed list, so that a simulation can hold the other ends and drive the real loop
//! in virtual time. Plain system calls go through rustix, which leaves little that is unsafe. The keys
//! of a terminal come through the channel of stdin like all input, and termina's parser reads them:
//! crossterm's reader, from which it stems, blocks in the middle of a sequence. And what a user reads
//! is one type, [`error::Failure`], on every floor, so that nothing is lost in translation at the edge.

// What the command line alone calls is not dead; a build with it shows what is.
#![cfg_attr(not(feature = "cli"), allow(dead_code))]

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
    Arrival, CloseMode, ConnectPolicy, End, Event, EventLoop, GroupOptions, Handler, Id, IdMap,
    Mailbox, Pool, SendOutcome, Sender, SenderError, TimerKey,
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
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod threads;
