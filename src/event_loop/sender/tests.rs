use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use super::super::staging::STAGING_SIZE;
use super::*;
use crate::close::CloseReason;
use crate::event_loop::{CloseMode, Event, EventLoop, Mailbox};
use crate::framing::Framing;

const LONG: Duration = Duration::from_secs(60);

/// A loop in a thread of its own that serves one client, and what reaches them.
struct Served {
    sender: Sender,
    mailbox: Mailbox,
    id: Id,
    client: TcpStream,
    run: thread::JoinHandle<()>,
}

fn serve(framing: Framing) -> Served {
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    let listener = pool.listen("127.0.0.1:0").unwrap()[0];
    pool.frame(listener, framing).unwrap();
    let (sender, mailbox) = (pool.sender(), pool.mailbox());
    let client = TcpStream::connect(pool.local(listener).unwrap().to_string()).unwrap();
    let (accepted, id) = mpsc::channel();
    let run = thread::spawn(move || {
        event_loop
            .run(&mut |_: &mut Pool, event: Event<'_>| {
                if let Event::Accepted { id, .. } = event {
                    let _ = accepted.send(id);
                }
            })
            .unwrap();
    });
    Served { sender, mailbox, id: id.recv().unwrap(), client, run }
}

impl Served {
    /// Asks the loop something.
    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Pool) -> T + Send + 'static) -> T {
        let (answer, answered) = mpsc::channel();
        self.mailbox.call(move |pool| answer.send(question(pool)).unwrap()).unwrap();
        answered.recv().unwrap()
    }

    fn stop(self) {
        self.mailbox.call(Pool::stop).unwrap();
        self.run.join().unwrap();
        assert_eq!(self.sender.try_send(self.id, b"x"), Err(SenderError::Gone));
        assert_eq!(self.mailbox.call(|_| {}), Err(SenderError::Gone));
    }
}

/// Messages of many threads reach a client that reads slowly whole, in the order of each thread, and
/// neither the buffer nor the queue grows beyond its mark.
#[test]
fn eight_threads_share_one_slow_client() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 10_000;
    let served = serve(Framing::Line);
    let workers: Vec<_> = (0..THREADS)
        .map(|worker| {
            let (sender, id) = (served.sender.clone(), served.id);
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    let padding = "x".repeat(number % 90);
                    let line = format!("{worker} {number} {padding}");
                    sender.send_message(id, line.as_bytes(), LONG).unwrap();
                }
            })
        })
        .collect();
    let mut next: HashMap<usize, usize> = HashMap::new();
    let mut most = (0, 0);
    let mut lines = BufReader::with_capacity(4096, served.client.try_clone().unwrap()).lines();
    for count in 0..THREADS * MESSAGES {
        let line = lines.next().unwrap().unwrap();
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (worker, number) = (number(), number());
        assert_eq!(words.next().unwrap().len(), number % 90);
        assert_eq!(std::mem::replace(next.entry(worker).or_default(), number + 1), number);
        if count % 500 == 0 {
            let id = served.id;
            let queued = served.ask(move |pool| pool.queued(id));
            most = (most.0.max(queued), most.1.max(served.sender.waiting(id)));
        }
    }
    for worker in workers {
        worker.join().unwrap();
    }
    assert!(most.0 <= 256 * 1024 && most.1 <= STAGING_SIZE, "{most:?}");
    assert!(most.1 > 0, "nobody ever waited: {most:?}");
    served.stop();
}

#[test]
fn a_full_buffer_is_full_for_one_connection_and_a_wait_ends() {
    let served = serve(Framing::None);
    let other = TcpStream::connect(served.client.peer_addr().unwrap()).unwrap();
    let piece = [b'x'; 64 * 1024];
    let mut sent = 0;
    // The kernel takes some MiB, then the queue and the buffer are full.
    while served.sender.send(served.id, &piece, Duration::from_millis(100)).is_ok() {
        sent += piece.len();
        assert!(sent < 64 << 20, "there is no end of it");
    }
    assert_eq!(served.sender.try_send(served.id, &piece), Err(SenderError::Full));
    assert!(served.sender.waiting(served.id) <= STAGING_SIZE);
    let first = served.id;
    let find = move |pool: &mut Pool| pool.connections().find(|id| *id != first);
    let other_id = std::iter::repeat_with(|| served.ask(find)).flatten().next().unwrap();
    served.sender.try_send(other_id, b"hello").unwrap();
    let mut hello = [0; 5];
    (&other).read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    // In the loop it would wait for itself.
    let (sender, id) = (served.sender.clone(), served.id);
    let refusal = served.ask(move |_| sender.send(id, &[b'x'; 64 * 1024], LONG));
    assert_eq!(refusal, Err(SenderError::Full));
    let (sender, id) = (served.sender.clone(), served.id);
    let waiting = thread::spawn(move || sender.send(id, &piece, LONG));
    let mut left = sent + piece.len();
    let mut read = vec![0; 65536];
    while left > 0 {
        left -= (&served.client).read(&mut read).unwrap();
    }
    assert_eq!(waiting.join().unwrap(), Ok(()));
    served.stop();
}

/// Also before it has taken anything, and where the sender is made in it.
#[test]
fn the_thread_of_the_loop_never_waits_for_itself() {
    let mut event_loop = EventLoop::new().unwrap();
    let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
    let address = event_loop.pool().local(listener).unwrap().to_string();
    let _client = TcpStream::connect(address).unwrap();
    let mut refused = Vec::new();
    event_loop
        .run(&mut |pool: &mut Pool, event: Event<'_>| {
            if let Event::Accepted { id, .. } = event {
                let sender = pool.sender();
                let from = std::time::Instant::now();
                let outcomes = (0..5).map(|_| sender.send(id, &[b'x'; STAGING_SIZE / 4], LONG));
                refused.extend(outcomes.filter_map(Result::err));
                assert!(from.elapsed() < LONG, "it has waited");
                pool.halt();
            }
        })
        .unwrap();
    assert_eq!(refused, [SenderError::Full]);
}

/// What was accepted before the connection was closed is written, and who waits is not forgotten.
#[test]
fn a_close_writes_what_was_sent_and_refuses_the_rest() {
    let served = serve(Framing::None);
    let (sender, id) = (served.sender.clone(), served.id);
    served.ask(move |pool| {
        sender.try_send(id, b"goodbye").unwrap();
        pool.close(id, CloseReason::HOST, CloseMode::NoWait);
        assert_eq!(sender.try_send(id, b"too late"), Err(SenderError::Gone));
    });
    assert_eq!(std::io::read_to_string(&served.client).unwrap(), "goodbye");
    let gone = Id::for_tests(99);
    assert_eq!(served.sender.try_send_message(gone, b"x"), Err(SenderError::Gone));
    served.stop();
}

#[test]
fn a_stop_writes_what_was_sent_before_it() {
    let served = serve(Framing::Line);
    let (sender, id) = (served.sender.clone(), served.id);
    served.ask(move |pool| {
        sender.try_send_message(id, b"the last line").unwrap();
        pool.stop();
    });
    assert_eq!(std::io::read_to_string(&served.client).unwrap(), "the last line\n");
    served.run.join().unwrap();
}

/// Whoever waits for room when the loop ends learns of it.
#[test]
fn a_loop_that_ends_leaves_nobody_waiting() {
    let served = serve(Framing::None);
    let piece = [b'x'; 64 * 1024];
    while served.sender.send(served.id, &piece, Duration::from_millis(50)).is_ok() {}
    let (sender, id) = (served.sender.clone(), served.id);
    let waiting = thread::spawn(move || sender.send(id, &piece, LONG));
    served.mailbox.call(Pool::halt).unwrap();
    served.run.join().unwrap();
    assert_eq!(waiting.join().unwrap(), Err(SenderError::Gone));
}

/// Also while the loop and its connections are still there.
#[test]
fn a_loop_that_was_halted_takes_nothing() {
    let mut event_loop = EventLoop::new().unwrap();
    let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
    let address = event_loop.pool().local(listener).unwrap().to_string();
    let _client = TcpStream::connect(address).unwrap();
    let sender = event_loop.pool().sender();
    let mut waiting = None;
    event_loop
        .run(&mut |pool: &mut Pool, event: Event<'_>| {
            if let Event::Accepted { id, .. } = event {
                sender.try_send(id, &[b'x'; STAGING_SIZE]).unwrap();
                let sender = sender.clone();
                waiting = Some((id, thread::spawn(move || sender.send(id, b"more", LONG))));
                pool.halt();
            }
        })
        .unwrap();
    let (id, waiting) = waiting.unwrap();
    assert_eq!(waiting.join().unwrap(), Err(SenderError::Gone));
    assert_eq!(sender.try_send(id, b"x"), Err(SenderError::Gone));
    assert!(event_loop.pool().takes(id));
}

#[test]
fn a_message_that_the_framing_cannot_carry_is_refused() {
    let served = serve(Framing::Line);
    let refusal = served.sender.try_send_message(served.id, b"two\nlines").unwrap_err();
    assert!(matches!(refusal, SenderError::Frame(_)), "{refusal:?}");
    served.stop();
}

#[test]
fn so_many_calls_wait_and_no_more() {
    let mut event_loop = EventLoop::new().unwrap();
    let mailbox = event_loop.pool().mailbox();
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let call = || {
        let count = count.clone();
        mailbox.call(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    assert!((0..1024).all(|_| call().is_ok()));
    assert_eq!(call(), Err(SenderError::Full));
    let mut nobody = |_: &mut Pool, _: Event<'_>| {};
    event_loop.run_once(LONG, &mut nobody).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1024);
    assert_eq!(call(), Ok(()));
    drop(event_loop);
    assert_eq!(call(), Err(SenderError::Gone));
}

/// A message that is longer than the buffer goes in alone: others wait behind it, or the buffer would
/// never be empty.
#[test]
fn a_long_message_is_not_kept_waiting_by_short_ones() {
    let mut event_loop = EventLoop::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let id = event_loop.pool().connect(&listener.local_addr().unwrap().to_string()).unwrap();
    let staging = event_loop.pool().sender().staging;
    staging.put(id, &[b's'; STAGING_SIZE], None).unwrap();
    let long = {
        let staging = staging.clone();
        thread::spawn(move || {
            staging.put(id, &[b'l'; STAGING_SIZE + 1], Some(Duration::from_secs(60)))
        })
    };
    let inbox = event_loop.pool().inbox.as_ref().unwrap();
    assert_eq!(inbox.take(id, STAGING_SIZE / 2).0.len(), STAGING_SIZE / 2);
    // There is room, until the long one waits.
    while staging.put(id, b"s", None).is_ok() {
        inbox.take(id, 1);
        thread::yield_now();
    }
    assert!(inbox.take(id, STAGING_SIZE).0.iter().all(|byte| *byte == b's'));
    assert_eq!(long.join().unwrap(), Ok(()));
    assert_eq!(inbox.take(id, usize::MAX).0.len(), STAGING_SIZE + 1);
    assert_eq!(staging.put(id, b"s", None), Ok(()));
}
