//! wirecat: a netcat for people who script, and the event loop underneath it.
//!
//! # The map
//!
//! The house has floors, and imports go down only (`tests/it/layers.rs` checks it).
//!
//! | floor | modules | what lives there |
//! |---|---|---|
//! | 7 | `main`, [`commands`] | options become plain configurations, these become sockets, a session and an exit status |
//! | 5 | [`sessions`] | the handlers behind the commands: the glue between events and pure logic |
//! | 4 | [`event_loop`] | the pool of sources, streams and datagrams, the turn, timers, signals, mail, stdin and stdout |
//! | 3 | [`sockets`], [`multicast`] | addresses, resolving, listening and connecting with options; groups, interfaces, membership |
//! | 2 | [`report`] | events as data, their text and their JSON; recordings as NDJSON and pcapng |
//! | 1 | [`protocol`], [`framing`], [`buffers`], [`close`], [`error`], [`kind`], [`vocabulary`] | pure: no descriptor, no clock, no poll |
//! | 0 | [`sys`] | the only `unsafe` |
//!
//! To follow a byte: stdin is a channel in the [`event_loop::Pool`] like any connection;
//! [`sessions::Feed`] cuts what it delivers into messages and frames them; the session sends them.
//! What a connection delivers is cut by a [`framing::Deframer`] and shown by the
//! [`sessions::Console`]. What all sessions have in common (signals, limits, stdout, the programs
//! that run beside, the steps of the end) an event meets first, in their `run`. When each direction
//! ends is decided by [`protocol::relay`], what becomes of a slow client by [`protocol::slow`].
//!
//! To follow a datagram: the loop receives a batch, `sessions::datagrams::DatagramSession` shows it to
//! the service of the command (listen, send, replay, a member of a group), and what that sends waits in
//! the outbox of its socket while the kernel takes none.
//!
//! Where the two sides have to agree on each message first (`--frame tinyproto`), a transport around
//! the connection keeps that exchange, and nobody above it knows of it.
//!
//! A chat is data on the pure floor ([`protocol::chat`]): the room, its lines, the editor, the
//! scrollback and the keys. The sessions carry it, and draw the screen into the queue of stdout like
//! any other data; only `sessions::chat::terminal` touches the terminal itself.
//!
//! What scripts rely on stands in tables, each word once: the kinds of trouble in [`kind`], causes and
//! details of a close in [`close`], the events and the fields of each in `report/name.rs`, the fields
//! in `report/notice.rs` and `report/figures.rs`. The JSON, the page `wirecat-events(7)` and its
//! schema follow from a change there (`UPDATE=1 cargo test --test assets`).
//!
//! Timers are as fine as the poll, which knows whole milliseconds. Who measures time, or promises
//! it, asks for better ([`event_loop::Pool::keep_exact_time`]): `echo` with `--delay` or `--ping`.
//!
//! Four things grew otherwise than they were first drawn. Channels stand on a trait,
//! [`event_loop::Transport`], rather than on a closed list, so that a simulation can hold the other
//! ends and drive the real loop in virtual time. Plain system calls go through rustix and nix,
//! which leaves little that is unsafe. The keys of a terminal come through the channel of stdin like
//! all input, and are read by termina's parser: crossterm's reader, from which it stems, blocks in
//! the middle of a sequence. And what a user is told is one type, [`error::Failure`], on
//! every floor, so that nothing is lost in translation at the edge.
//!
//! # The library
//!
//! A program on the loop is one type with one method. An echo server for any number of clients,
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

#[doc(hidden)]
pub mod buffers;
pub mod close;
#[doc(hidden)]
pub mod commands;
pub mod error;
pub mod event_loop;
pub mod framing;
pub mod kind;
pub mod multicast;
#[doc(hidden)]
pub mod protocol;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod sessions;
pub mod sockets;
#[doc(hidden)]
pub mod sys;
pub mod vocabulary;
