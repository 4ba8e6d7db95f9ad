use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::super::event::{End, Event};
use super::super::lifecycle::{CloseMode, Directions};
use super::super::stdio::{own_pipe, own_socket};
use super::super::transport::Transport;
use super::super::{EventLoop, Id};
use super::*;
use crate::close::CloseReason;
use crate::sockets::StreamSocket;

/// The same, without a descriptor for the kernel: what a recorder does to a link.
struct Opaque(Box<dyn Transport>);

impl Transport for Opaque {
    fn inner(&self) -> Option<&dyn Transport> {
        Some(&*self.0)
    }
    fn inner_mut(&mut self) -> Option<&mut dyn Transport> {
        Some(&mut *self.0)
    }
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
    fn write(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(pieces)
    }
}

/// What two ends of a link are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// TCP on both sides, through a pipe of the kernel.
    Sockets,
    /// The same, with nothing for the kernel to move.
    Copied,
    /// A pipe into TCP.
    PipeToSocket,
    /// TCP into a pipe.
    SocketToPipe,
    /// A unix socket of a child into TCP.
    ChildToSocket,
}

pub(super) const ENDS: [Ends; 5] =
    [Ends::Sockets, Ends::Copied, Ends::PipeToSocket, Ends::SocketToPipe, Ends::ChildToSocket];

/// The far ends of a link: what is written to `writer` goes through the loop to `reader`.
pub(super) struct Far {
    pub(super) writer: OwnedFd,
    pub(super) reader: OwnedFd,
}

pub(super) fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (one, listener.accept().unwrap().0)
}

pub(super) fn near_tcp(stream: TcpStream) -> Box<dyn Transport> {
    stream.set_nonblocking(true).unwrap();
    Box::new(StreamSocket::Tcp(mio::net::TcpStream::from_std(stream)))
}

/// A loop with a link, and its far ends.
pub(super) fn linked(ends: Ends) -> (EventLoop, [Id; 2], Far) {
    let mut event_loop = EventLoop::new().unwrap();
    let wrap = |transport: Box<dyn Transport>| match ends {
        Ends::Copied => Box::new(Opaque(transport)) as Box<dyn Transport>,
        _ => transport,
    };
    let (from, writer): (_, OwnedFd) = match ends {
        Ends::PipeToSocket => {
            let (reader, writer) = io::pipe().unwrap();
            (own_pipe(reader.into()).unwrap(), writer.into())
        }
        Ends::ChildToSocket => {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let [_, source] = own_socket(ours.into()).unwrap();
            (source, theirs.into())
        }
        _ => {
            let (far, near) = tcp();
            (near_tcp(near), far.into())
        }
    };
    let (to, reader): (_, OwnedFd) = match ends {
        Ends::SocketToPipe => {
            let (reader, writer) = io::pipe().unwrap();
            (own_pipe(writer.into()).unwrap(), reader.into())
        }
        _ => {
            let (far, near) = tcp();
            (near_tcp(near), far.into())
        }
    };
    let pool = event_loop.pool();
    let directions = match ends {
        Ends::PipeToSocket | Ends::ChildToSocket => Directions::Read,
        _ => Directions::Both,
    };
    let from = pool.add_channel(wrap(from), directions).unwrap();
    let directions = if ends == Ends::SocketToPipe { Directions::Write } else { Directions::Both };
    let to = pool.add_channel(wrap(to), directions).unwrap();
    pool.link(from, to).unwrap();
    (event_loop, [from, to], Far { writer, reader })
}

pub(super) fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 / 7 + at / 251) as u8).collect()
}

pub(super) fn file(fd: OwnedFd) -> std::fs::File {
    fd.into()
}

/// A writer that sends `chunks` and ends, as a thread.
pub(super) fn write_all(writer: OwnedFd, bytes: Vec<u8>, chunk: usize) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut writer = file(writer);
        bytes.chunks(chunk).for_each(|chunk| writer.write_all(chunk).unwrap());
    })
}

pub(super) fn read_all(reader: OwnedFd) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        file(reader).read_to_end(&mut bytes).unwrap();
        bytes
    })
}

pub(super) fn mover(pool: &Pool, from: Id) -> Mover {
    pool.channel(from).unwrap().link().unwrap().mover
}

#[test]
fn every_byte_arrives_in_order_and_then_the_end() {
    for ends in ENDS {
        let (mut event_loop, [from, to], far) = linked(ends);
        let bytes = content(20 << 20);
        let writer = write_all(far.writer, bytes.clone(), 1 << 20);
        let reader = read_all(far.reader);
        let (mut movers, mut received) = (Vec::new(), 0);
        let mut end = None;
        event_loop.turn_until(&mut |pool, event| match event {
            Event::Eof { id } if id == from => {
                movers.push(mover(pool, from));
                received = pool.traffic(from).unwrap().received;
                pool.close(to, CloseReason::HOST, CloseMode::Linger);
                false
            }
            Event::Closed { id, end: ended } if id == to => end.replace(ended).is_none(),
            Event::Data { .. } | Event::Drained { .. } => panic!("{ends:?}: {event:?}"),
            _ => false,
        });
        assert!(reader.join().unwrap() == bytes, "{ends:?}");
        writer.join().unwrap();
        let end = end.unwrap();
        let counts = (received, end.traffic.sent, end.unsent.len());
        assert_eq!(counts, (20 << 20, 20 << 20, 0), "{ends:?}");
        let is_spliced = matches!(movers[0], Mover::Splicing(_));
        assert_eq!(is_spliced, ends != Ends::Copied, "{ends:?}: {movers:?}");
    }
}

/// A link whose sink takes nothing more: its far end does not read. Returns what was written.
pub(super) fn fill(event_loop: &mut EventLoop, from: Id, writer: &OwnedFd, piece: &[u8]) -> usize {
    rustix::io::ioctl_fionbio(writer, true).unwrap();
    event_loop.pool().note_mover(from, |_| Mover::Splicing(0));
    let mut written = 0;
    loop {
        match rustix::io::write(writer, piece.get(written % piece.len()..).unwrap()) {
            Ok(count) => written += count,
            Err(Errno::AGAIN) => {}
            Err(error) => panic!("{error}"),
        }
        let before = event_loop.pool().traffic(from).unwrap().received;
        while event_loop.run_once(Duration::ZERO, &mut |_: &mut Pool, _: Event<'_>| {}).unwrap() {}
        for _ in 0..20 {
            event_loop
                .run_once(Duration::from_millis(1), &mut |_: &mut Pool, _: Event<'_>| {})
                .unwrap();
        }
        let is_stuck = event_loop.pool().traffic(from).unwrap().received == before;
        let is_waiting = event_loop.pool().channel(from).unwrap().marks.has(Marks::WAITS);
        if is_stuck && is_waiting {
            return written;
        }
    }
}

pub(super) fn closed(event_loop: &mut EventLoop, of: Id) -> End {
    let mut end = None;
    event_loop.turn_until(&mut |_, event| match event {
        Event::Closed { id, end: ended } if id == of => end.replace(ended).is_none(),
        _ => false,
    });
    end.unwrap()
}

#[test]
fn what_a_stuck_sink_holds_is_bounded_counted_and_handed_back_at_the_end() {
    for ends in ENDS {
        let (mut event_loop, [from, to], far) = linked(ends);
        let bytes = content(1 << 20);
        let written = fill(&mut event_loop, from, &far.writer, &bytes);
        let pool = event_loop.pool();
        let queued = pool.queued(to);
        let (received, sent) =
            (pool.traffic(from).unwrap().received, pool.traffic(to).unwrap().sent);
        assert_eq!(received, sent + queued as u64, "{ends:?}");
        assert!(queued <= (256 + 128) << 10, "{ends:?}: {queued}");
        let is_direct = matches!(ends, Ends::PipeToSocket | Ends::SocketToPipe);
        assert_eq!(queued == 0, is_direct && pool.unread(from) > 0, "{ends:?}: {queued}");
        assert!(written as u64 >= received);
        pool.abort(to, CloseReason::HOST);
        let end = closed(&mut event_loop, to);
        assert_eq!((end.unsent.len(), end.traffic.sent), (queued, sent), "{ends:?}");
        let unsent = end.unsent.into_pieces(false).concat();
        let expected: Vec<u8> =
            (sent..received).map(|at| bytes[at as usize % bytes.len()]).collect();
        assert!(unsent == expected, "{ends:?}");
        assert_eq!(event_loop.pool().linked(from), None);
    }
}

#[test]
fn a_sink_that_reads_again_gets_all_of_it_and_what_the_handler_sent_meanwhile_behind_that() {
    for ends in ENDS {
        let (mut event_loop, [from, to], far) = linked(ends);
        let bytes = content(1 << 20);
        let _written = fill(&mut event_loop, from, &far.writer, &bytes);
        let pool = event_loop.pool();
        let received = pool.traffic(from).unwrap().received;
        pool.unlink(from);
        pool.pause(from);
        let _ = pool.send(to, b"behind");
        assert_eq!(pool.traffic(to).unwrap().sent + pool.queued(to) as u64, received + 6);
        pool.close(to, CloseReason::HOST, CloseMode::UntilAcked);
        let reader = read_all(far.reader);
        let end = closed(&mut event_loop, to);
        assert_eq!(end.unsent.len(), 0, "{ends:?}");
        let expected: Vec<u8> =
            (0..received).map(|at| bytes[at as usize % bytes.len()]).chain(*b"behind").collect();
        assert!(reader.join().unwrap() == expected, "{ends:?}");
        // What is left is for the handler again.
        event_loop.pool().resume(from);
        if ends != Ends::Copied && event_loop.pool().unread(from) > 0 {
            let is_data =
                |event: &Event<'_>| matches!(event, Event::Data { id, .. } if *id == from);
            event_loop.turn_until(&mut |_, event| is_data(&event));
        }
    }
}

#[test]
fn small_pieces_are_copied_again() {
    let mut mover = Mover::Copying.after_read(1000).after_read(LARGE - 1);
    assert_eq!(mover, Mover::Copying);
    mover = mover.after_read(LARGE);
    for _ in 1..FEW {
        mover = mover.after_splice(SMALL - 1);
    }
    assert_eq!(mover.after_splice(SMALL), Mover::Splicing(0));
    assert_eq!(mover.after_splice(1), Mover::Copying);
    assert_eq!(Mover::Forbidden.after_read(LARGE), Mover::Forbidden);
}

#[test]
fn a_link_is_refused_where_it_cannot_be() {
    let (mut event_loop, [from, to], _far) = linked(Ends::Sockets);
    let pool = event_loop.pool();
    let (far, near) = tcp();
    let other = pool.add_channel(near_tcp(near), Directions::Both).unwrap();
    for (from, to) in [(from, from), (other, to)] {
        assert!(pool.link(from, to).is_err());
    }
    pool.frame(other, crate::framing::Framing::Line).unwrap();
    assert!(pool.link(other, from).is_err());
    // To frame a channel ends its link.
    pool.frame(from, crate::framing::Framing::Line).unwrap();
    assert_eq!(pool.linked(from), None);
    pool.link(to, from).unwrap();
    pool.abort(from, CloseReason::HOST);
    closed(&mut event_loop, from);
    assert_eq!(event_loop.pool().linked(to), None);
    assert!(event_loop.pool().link(to, from).is_err());
    drop(far);
}
