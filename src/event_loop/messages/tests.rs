use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::*;
use crate::event_loop::{End, EventLoop};
use crate::framing::FrameSettings;

/// What a handler saw, in words.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ends: Vec<End>,
}

impl Log {
    fn note(&mut self, event: Event<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.lines.push(match event {
            Event::Message { payload, partial: true, .. } => format!("~{}", text(payload)),
            Event::Message { payload, .. } => text(payload),
            Event::Data { bytes, .. } => format!("[{}]", text(bytes)),
            Event::Eof { .. } => "eof".to_owned(),
            Event::Closed { end, .. } => {
                self.ends.push(end);
                return;
            }
            _ => return,
        });
    }
}

/// A loop with a listener of this framing, and a client that is connected to it.
fn server(framing: impl Into<FrameSettings>) -> (EventLoop, TcpStream) {
    let mut event_loop = EventLoop::new().unwrap();
    let listener = event_loop.pool().listen("127.0.0.1:0").unwrap()[0];
    event_loop.pool().frame(listener, framing).unwrap();
    let address = event_loop.pool().local(listener).unwrap().to_string();
    (event_loop, TcpStream::connect(address).unwrap())
}

/// Turns until `handler` says that it has enough.
fn turn(event_loop: &mut EventLoop, handler: &mut dyn FnMut(&mut Pool, Event<'_>) -> bool) {
    let mut is_over = false;
    while !is_over {
        let mut on = |pool: &mut Pool, event: Event<'_>| is_over |= handler(pool, event);
        event_loop.run_once(Duration::from_secs(60), &mut on).unwrap();
    }
}

/// Runs until the connection is closed, and notes what came.
fn log_of(mut event_loop: EventLoop) -> Log {
    let mut log = Log::default();
    turn(&mut event_loop, &mut |pool, event| {
        if let Event::Eof { id } = event {
            pool.finish(id);
        }
        log.note(event);
        !log.ends.is_empty()
    });
    log
}

#[test]
fn messages_arrive_whole_and_the_last_line_is_partial() {
    let (event_loop, mut client) = server(Framing::Line);
    let sender = std::thread::spawn(move || {
        for piece in ["one\r\ntw", "o\n", "\nthr", "ee"] {
            client.write_all(piece.as_bytes()).unwrap();
            std::thread::yield_now();
        }
        client.shutdown(Shutdown::Write).unwrap();
        client
    });
    let log = log_of(event_loop);
    assert_eq!(log.lines, ["one", "two", "", "~three", "eof"]);
    assert_eq!((log.ends[0].reason, log.ends[0].undelivered), (CloseReason::PEER, 0));
    sender.join().unwrap();
}

#[test]
fn what_the_end_cuts_is_counted() {
    let (mut event_loop, mut client) = server(Framing::U16);
    client.write_all(b"\0\x03abc\0\x05de").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut log, mut cut) = (Log::default(), 0);
    turn(&mut event_loop, &mut |pool, event| {
        if let Event::Eof { id } = event {
            cut = pool.undelivered(id);
            pool.finish(id);
        }
        log.note(event);
        !log.ends.is_empty()
    });
    assert_eq!((log.lines, cut), (vec!["abc".to_owned(), "eof".to_owned()], 4));
    assert_eq!((log.ends[0].undelivered, log.ends[0].is_loss()), (4, true));
}

#[test]
fn a_bad_frame_closes_behind_the_good_ones_and_after_their_answers() {
    let (mut event_loop, mut client) = server(Framing::U8.max_frame(4));
    client.write_all(b"\x02hi\x09more").unwrap();
    let mut log = Log::default();
    turn(&mut event_loop, &mut |pool, event| {
        if let Event::Message { id, payload, .. } = event {
            assert_eq!(pool.send_message(id, payload), Ok(SendOutcome::Queued));
            assert_eq!(
                pool.send_message(id, b"larger"),
                Err(FrameError::TooLarge { len: 6, max: 4 })
            );
        }
        log.note(event);
        !log.ends.is_empty()
    });
    assert_eq!(log.lines, ["hi"]);
    let error = log.ends[0].error.as_ref().unwrap();
    let frame_error = error.get_ref().unwrap().downcast_ref::<FrameError>();
    assert_eq!(log.ends[0].reason, CloseReason::FRAME);
    assert_eq!(frame_error, Some(&FrameError::TooLarge { len: 9, max: 4 }));
    let mut answer = [0; 3];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x02hi");
}

/// However a stream is cut, and whatever framing a message asks for, none of its bytes is lost.
#[test]
fn a_switch_within_a_piece_loses_nothing() {
    let stream = b"u8\n\x02ab\x04lineone\ntwo\nbytes\nraw\n and more";
    let expected = "u8|ab|line|one|two|bytes|<raw\n and more>|eof";
    for cut in 0..stream.len() {
        let (mut event_loop, mut client) = server(Framing::Line);
        let (first, second) = stream.split_at(cut);
        client.set_nodelay(true).unwrap();
        client.write_all(first).unwrap();
        let mut rest = Some(second);
        let (mut seen, mut raw) = (Vec::new(), Vec::new());
        turn(&mut event_loop, &mut |pool, event| {
            let mut is_over = false;
            match event {
                Event::Message { id, payload, .. } => {
                    let word = String::from_utf8(payload.to_vec()).unwrap();
                    match word.as_str() {
                        "u8" => pool.frame(id, Framing::U8).unwrap(),
                        "line" => pool.frame(id, Framing::Line).unwrap(),
                        "bytes" => pool.frame(id, Framing::None).unwrap(),
                        _ => {}
                    }
                    seen.push(word);
                }
                Event::Data { bytes, .. } => raw.extend_from_slice(bytes),
                Event::Eof { .. } => is_over = true,
                _ => {}
            }
            if let Some(rest) = rest.take() {
                client.write_all(rest).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            }
            is_over
        });
        seen.push(format!("<{}>", String::from_utf8(raw).unwrap()));
        seen.push("eof".to_owned());
        assert_eq!(seen.join("|"), expected, "cut at {cut}");
    }
}

/// A framing that begins in the middle of a stream, and from outside of a delivery.
#[test]
fn a_timer_may_switch_what_waits_in_a_tail() {
    let (mut event_loop, mut client) = server(Framing::U32);
    client.write_all(b"a\nb\n").unwrap();
    let (mut log, mut id) = (Log::default(), None);
    turn(&mut event_loop, &mut |_, event| {
        if let Event::Accepted { id: new, .. } = event {
            id = Some(new);
        }
        id.is_some()
    });
    let id = id.unwrap();
    // "a\nb\n" begins a message of 1.6 GB, which is above the limit once it is looked at.
    event_loop.pool().frame(id, Framing::Fixed(64)).unwrap();
    while event_loop.pool().traffic(id).unwrap().received < 4 {
        event_loop.run_once(Duration::from_secs(60), &mut |_: &mut Pool, _: Event<'_>| {}).unwrap();
    }
    assert_eq!(event_loop.pool().undelivered(id), 4);
    event_loop.pool().frame(id, Framing::Line).unwrap();
    turn(&mut event_loop, &mut |_, event| {
        log.note(event);
        log.lines.len() == 2
    });
    assert_eq!(log.lines, ["a", "b"]);
}

/// A connection that is paused after each message holds what it has read, and reads no more.
#[test]
fn a_pause_in_a_piece_keeps_the_rest_and_the_end() {
    let (mut event_loop, mut client) = server(Framing::Line);
    let text: String = (0..500).map(|number| format!("{number}\n")).collect();
    client.write_all(text.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut log = Log::default();
    let mut paused = None;
    turn(&mut event_loop, &mut |pool, event| {
        match event {
            Event::Message { id, .. } => {
                assert!(paused.is_none(), "a message while it is paused");
                pool.pause(id);
                pool.arm(crate::event_loop::TimerKey::of(id, 0), Duration::ZERO);
                paused = Some(id);
            }
            Event::Timer { .. } => pool.resume(paused.take().unwrap()),
            _ => {}
        }
        let is_over = matches!(event, Event::Eof { .. });
        log.note(event);
        is_over
    });
    let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    assert_eq!(log.lines[..500], expected);
    assert_eq!(log.lines[500..], ["eof"]);
}

/// A reset does not destroy what was read before it.
#[test]
fn messages_that_wait_outlive_a_reset() {
    let (mut event_loop, mut client) = server(Framing::Line);
    client.write_all(b"one\ntwo\nthree\n").unwrap();
    let (mut log, mut id) = (Log::default(), None);
    turn(&mut event_loop, &mut |pool, event| {
        if let Event::Message { id: from, .. } = event {
            pool.pause(from);
            id = Some(from);
        }
        log.note(event);
        id.is_some()
    });
    let id = id.unwrap();
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let mut nobody = |_: &mut Pool, event: Event<'_>| panic!("{event:?}");
    while event_loop.pool().channel(id).is_some_and(|channel| !channel.marks.has(Marks::HUNG_UP)) {
        event_loop.run_once(Duration::from_secs(60), &mut nobody).unwrap();
    }
    event_loop.pool().resume(id);
    turn(&mut event_loop, &mut |_, event| {
        log.note(event);
        !log.ends.is_empty()
    });
    assert_eq!(log.lines, ["one", "two", "three"]);
    assert_eq!((log.ends[0].reason, log.ends[0].undelivered), (CloseReason::RESET, 0));
}

#[test]
fn whoever_holds_most_makes_room() {
    let (mut event_loop, mut small) = server(Framing::Line.max_frame(1 << 20));
    event_loop.pool().limit_frames(100_000);
    let mut large = TcpStream::connect(small.peer_addr().unwrap()).unwrap();
    small.write_all(&[b'x'; 1000]).unwrap();
    large.write_all(&[b'x'; 200_000]).unwrap();
    let mut log = Log::default();
    turn(&mut event_loop, &mut |_, event| {
        log.note(event);
        !log.ends.is_empty()
    });
    assert_eq!(log.ends[0].reason, OVER_BUDGET);
    assert!(log.ends[0].traffic.received > 1000);
    small.write_all(b"\n").unwrap();
    turn(&mut event_loop, &mut |_, event| {
        log.note(event);
        !log.lines.is_empty()
    });
    assert_eq!(log.lines, ["x".repeat(1000)]);
}

#[test]
fn tinyproto_begins_with_the_connection_and_lasts() {
    let mut event_loop = EventLoop::new().unwrap();
    let pool = event_loop.pool();
    let listener = pool.listen("127.0.0.1:0").unwrap()[0];
    pool.frame(listener, Framing::Tinyproto).unwrap();
    let address = pool.local(listener).unwrap().to_string();
    let client = pool.connect(&address).unwrap();
    pool.frame(client, Framing::Tinyproto).unwrap();
    let refusal = pool.frame(client, Framing::Line).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "cannot frame a connection: tinyproto lasts as long as it does"
    );
    let message = "x".repeat(300_000);
    let mut log = Log::default();
    turn(&mut event_loop, &mut |pool, event| {
        match event {
            Event::Connected { id, .. } => {
                let _ = pool.send_message(id, b"hello").unwrap();
                let _ = pool.send_message(id, message.as_bytes()).unwrap();
            }
            Event::Message { id, payload, .. } if id != client => {
                let _ = pool.send_message(id, payload).unwrap();
            }
            Event::Eof { id } => pool.finish(id),
            event => {
                log.note(event);
                // A half-close waits for that of the peer: to take a message is to answer.
                if log.lines.len() == 2 {
                    pool.close(client, CloseReason::HOST, CloseMode::Linger);
                }
            }
        }
        log.ends.len() == 2
    });
    assert!(log.lines == ["hello".to_owned(), message]);
    let ended = |reason| log.ends.iter().filter(|end| end.reason == reason).count();
    assert_eq!((ended(CloseReason::HOST), ended(CloseReason::PEER)), (1, 1), "{:?}", log.ends);
}

#[test]
fn tinyproto_is_refused_once_something_has_moved() {
    let (mut event_loop, mut client) = server(Framing::None);
    client.write_all(b"x").unwrap();
    turn(&mut event_loop, &mut |pool, event| {
        let Event::Data { id, .. } = event else { return false };
        let refusal = pool.frame(id, Framing::Tinyproto).unwrap_err().to_string();
        assert!(refusal.contains("Pool::frame right after Pool::connect"), "{refusal}");
        pool.abort(id, CloseReason::HOST);
        assert!(pool.frame(id, Framing::Line).is_ok());
        true
    });
    let gone = Id::for_tests(77);
    assert_eq!(event_loop.pool().frame(gone, Framing::Line).unwrap_err().kind, Kind::NotConnected);
    assert_eq!(event_loop.pool().send_message(gone, b"x"), Ok(SendOutcome::Gone));
}

#[test]
fn a_message_that_does_not_come_in_time_is_a_timeout() {
    let (mut event_loop, mut client) = server(Framing::Line);
    let mut log = Log::default();
    client.write_all(b"in time\nno end").unwrap();
    turn(&mut event_loop, &mut |pool, event| {
        match event {
            Event::Accepted { id, .. } => pool.expect_within(id, Duration::from_secs(60)),
            Event::Message { id, .. } => pool.expect_within(id, Duration::from_millis(20)),
            _ => {}
        }
        log.note(event);
        !log.ends.is_empty()
    });
    assert_eq!(log.lines, ["in time"]);
    let end = &log.ends[0];
    assert_eq!((end.reason.to_string().as_str(), end.undelivered), ("no whole message in time", 6));
    assert_eq!(end.reason.cause, Cause::Timeout);
}

#[test]
fn a_byte_is_enough_where_there_is_no_framing_and_a_pause_stops_the_clock() {
    let (mut event_loop, mut client) = server(Framing::None);
    client.write_all(b"x").unwrap();
    let (mut log, mut fired) = (Log::default(), false);
    turn(&mut event_loop, &mut |pool, event| {
        match event {
            Event::Accepted { id, .. } => pool.expect_within(id, Duration::from_secs(60)),
            Event::Data { id, .. } => {
                assert!(!pool.timers.is_set(crate::event_loop::timers::AnyTimer::own(
                    Some(id),
                    crate::event_loop::timers::OwnPurpose::Expected
                )));
                pool.expect_within(id, Duration::from_millis(1));
                pool.pause(id);
                pool.arm(crate::event_loop::TimerKey::of(id, 0), Duration::from_millis(30));
            }
            Event::Timer { key } => {
                fired = true;
                pool.resume(key.id.unwrap());
            }
            _ => {}
        }
        log.note(event);
        !log.ends.is_empty()
    });
    assert!(fired, "it was closed while it was paused");
    assert_eq!(log.ends[0].reason.cause, Cause::Timeout);
}
