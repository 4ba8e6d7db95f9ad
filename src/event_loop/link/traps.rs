//! What a link meets besides an orderly end.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use super::super::EventLoop;
use super::super::event::Event;
use super::super::lifecycle::{CloseMode, Directions};
use super::super::transport::{Readiness, Registration, Transport};
use super::tests::{
    Ends, closed, content, fill, linked, mover, near_tcp, read_all, tcp, write_all,
};
use super::*;
use crate::close::CloseReason;
use crate::event_loop::transport::KernelEnd;

/// A file opened with these flags, as stdout may be.
struct FileSink(std::fs::File);

impl Transport for FileSink {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }
    fn write(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(pieces)
    }
    fn kernel_end(&self) -> Option<KernelEnd<'_>> {
        Some(KernelEnd::File(std::os::fd::AsFd::as_fd(&self.0)))
    }
    fn register(&mut self, _: &Registration<'_>) -> io::Result<Readiness> {
        Ok(Readiness::Always)
    }
}

#[test]
fn a_file_for_which_nothing_waits_gets_more_at_once_than_a_socket() {
    let (mut event_loop, [_, socket], _far) = linked(Ends::Sockets);
    let sink = Box::new(FileSink(tempfile::tempfile().unwrap()));
    let pool = event_loop.pool();
    let file = pool.add_channel(sink, Directions::Write).unwrap();
    for (mark, most) in [(256 * 1024, 1024 * 1024), (1000, 4000), (usize::MAX, usize::MAX)] {
        [socket, file].into_iter().for_each(|id| pool.set_high_mark(id, mark));
        let at_once = |id| pool.channel(id).unwrap().most_at_once();
        assert_eq!((at_once(socket), at_once(file)), (mark, most));
    }
}

#[test]
fn a_peer_that_resets_leaves_what_is_in_the_pipe_unsent() {
    for ends in [Ends::Sockets, Ends::Copied, Ends::ChildToSocket] {
        let (mut event_loop, [from, to], far) = linked(ends);
        fill(&mut event_loop, from, &far.writer, &content(1 << 20));
        let queued = event_loop.pool().queued(to);
        assert!(queued > 0, "{ends:?}");
        // Unread bytes make it a reset.
        drop(far.reader);
        let end = closed(&mut event_loop, to);
        assert_eq!((end.reason, end.unsent.len()), (CloseReason::RESET, queued), "{ends:?}");
        assert!(end.error.is_some());
        assert!(event_loop.pool().is_alive(from));
    }
}

#[test]
fn a_pipe_that_nobody_reads_fails_with_bytes_unsent_by_either_mover() {
    let (mut event_loop, [from, to], far) = linked(Ends::SocketToPipe);
    fill(&mut event_loop, from, &far.writer, &content(1 << 20));
    assert_eq!(event_loop.pool().queued(to), 0);
    drop(far.reader);
    let end = closed(&mut event_loop, to);
    let error = end.error.unwrap();
    assert_eq!((error.kind(), end.unsent.is_empty()), (ErrorKind::BrokenPipe, false));
}

#[test]
fn a_source_that_resets_fails_and_its_sink_gets_what_came_first() {
    for ends in [Ends::Sockets, Ends::Copied, Ends::SocketToPipe] {
        let (mut event_loop, [from, to], far) = linked(ends);
        let writer = TcpStream::from(far.writer);
        let bytes = content(400_000);
        let reader = read_all(far.reader);
        let peer = writer.try_clone().unwrap();
        let sender = bytes.clone();
        let sending = thread::spawn(move || (&writer).write_all(&sender).unwrap());
        let mut received = 0;
        while received < bytes.len() as u64 {
            event_loop
                .run_once(Duration::from_secs(60), &mut |_: &mut Pool, _: Event<'_>| {})
                .unwrap();
            received = event_loop.pool().traffic(from).unwrap().received;
        }
        sending.join().unwrap();
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        let end = closed(&mut event_loop, from);
        assert_eq!(end.reason, CloseReason::RESET, "{ends:?}");
        event_loop.pool().close(to, CloseReason::HOST, CloseMode::Linger);
        closed(&mut event_loop, to);
        assert!(reader.join().unwrap() == bytes, "{ends:?}");
    }
}

#[test]
fn a_file_that_is_appended_to_refuses_to_be_spliced_to_and_gets_everything() {
    let directory = tempfile::tempdir().unwrap();
    for append in [false, true] {
        let path = directory.path().join(format!("{append}"));
        let opened = std::fs::OpenOptions::new()
            .create(true)
            .write(!append)
            .append(append)
            .open(&path)
            .unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        let (far, near) = tcp();
        let pool = event_loop.pool();
        let from = pool.add_channel(near_tcp(near), Directions::Both).unwrap();
        let to = pool.add_channel(Box::new(FileSink(opened)), Directions::Write).unwrap();
        pool.link(from, to).unwrap();
        let bytes = content(3 << 20);
        let writer = write_all(far.into(), bytes.clone(), 1 << 20);
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Eof { .. }));
        writer.join().unwrap();
        let now = mover(event_loop.pool(), from);
        assert_eq!(now == Mover::Forbidden, append, "{now:?}");
        event_loop.pool().close(to, CloseReason::HOST, CloseMode::Linger);
        assert!(closed(&mut event_loop, to).unsent.is_empty());
        assert!(std::fs::read(&path).unwrap() == bytes, "{append}");
    }
}

#[test]
fn an_urgent_byte_passes_a_link_that_splices() {
    for ends in [Ends::Sockets, Ends::SocketToPipe] {
        let (mut event_loop, [from, to], far) = linked(ends);
        let writer = TcpStream::from(far.writer);
        let pool = event_loop.pool();
        crate::sockets::keep_urgent_byte(pool.descriptor(from).unwrap());
        pool.channel_mut(from).unwrap().note_mover(|_| Mover::Splicing(0));
        (&writer).write_all(b"before ").unwrap();
        rustix::net::send(&writer, b"!", rustix::net::SendFlags::OOB).unwrap();
        (&writer).write_all(b" after").unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
        let reader = read_all(far.reader);
        event_loop.turn_until(&mut |_, event| matches!(event, Event::Eof { .. }));
        event_loop.pool().close(to, CloseReason::HOST, CloseMode::Linger);
        closed(&mut event_loop, to);
        assert_eq!(reader.join().unwrap(), b"before ! after", "{ends:?}");
    }
}
