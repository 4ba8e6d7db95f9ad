//! Peers that reset, that have Nagle's algorithm on, or that are one too many.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use super::{client, hear, say, serve};
use crate::support::load::Stopwatch;
use crate::support::net::{accept, connect, listener, read_all, reset, wait_for_delivery};
use crate::support::proc::wait_for_state;
use crate::support::{Running, wirecat};

/// A message goes out whatever is unacknowledged, or the reset behind it would take it back.
fn rude(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("an option");
    stream
}

/// Stops a program, so that it meets at once whatever happens until it goes on.
fn stop(program: &Running) {
    program.signal(libc::SIGSTOP);
    wait_for_state(program.pid(), "T");
}

/// The kernel reports a reset once. Where our answer meets it, reading finds an end that is none.
#[test]
fn a_reset_that_an_answer_meets_is_no_orderly_end() {
    for is_piped in [false, true] {
        let (listener, address) = listener();
        let near = client(&["--log", "json"], &address);
        let mut near = if is_piped { near.piped() } else { near }.start();
        let stream = rude(accept(&listener));
        say(&stream, b"\xff\0\0\0\x02");
        hear(&stream, b"\xff\xff");
        say(&stream, b"ok");
        near.wait_for_output("ok\n");
        stop(&near);
        say(&stream, b"\0\0\0\0");
        wait_for_delivery(&stream);
        reset(stream);
        near.signal(libc::SIGCONT);
        let ended = near.wait_open().code(6);
        assert_eq!(ended.text(), "ok\n\n");
        ended.says("connection reset");
    }
}

/// The same of a server, also in the middle of a message.
#[test]
fn a_client_that_resets_has_not_ended_in_order() {
    for (rest, cut) in [(&b""[..], 0), (b"\0\0", 2), (b"\0\0\0\x05he", 6)] {
        let (mut server, address) = serve(&["-v", "--conns", "1"]);
        let stream = rude(connect(&address));
        say(&stream, b"\xff\0\0\0\x02");
        hear(&stream, b"\xff\xff");
        say(&stream, b"ok");
        server.wait_for_output("ok\n");
        stop(&server);
        say(&stream, b"\0\0\0\0");
        say(&stream, rest);
        wait_for_delivery(&stream);
        reset(stream);
        server.signal(libc::SIGCONT);
        let ended = server.wait().code(6);
        assert_eq!(ended.text(), "ok\n\n");
        let ended = ended.says("was lost: connection reset");
        if cut > 0 {
            ended.says(&format!("undelivered {cut} B"));
        }
    }
}

/// SPEC section 6: what came before the reset is printed, also what was read ahead for a go.
#[test]
fn what_was_read_ahead_of_a_reset_is_printed() {
    let (mut stdout, blocked) = crate::support::pipes::pipe().expect("a pipe");
    let (listener, address) = listener();
    let near = client(&[], &address).stdout(blocked).piped().start();
    let stream = accept(&listener);
    say(&stream, b"\xff");
    hear(&stream, b"\xff");
    let message = [b'x'; 4000];
    let mut said = 0;
    // Until nothing is answered any more: stdout is full, and then the connection is paused.
    loop {
        say(&stream, &(message.len() as u32).to_be_bytes());
        stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
        if (&stream).read_exact(&mut [0]).is_err() {
            break;
        }
        say(&stream, &message);
        said += 1;
    }
    wait_for_delivery(&stream);
    reset(stream);
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).expect("it is read");
        bytes.len()
    });
    near.wait_open().code(6);
    assert_eq!(reader.join().expect("it is read"), said * 4001);
}

/// The library leaves Nagle's algorithm on. Where its answer to an empty message is not acknowledged
/// at once, its next offer waits for that, some 40 ms: 16 s for all of these.
#[test]
fn a_client_with_nagle_on_does_not_wait_for_acknowledgements() {
    let messages = 400;
    for args in [&["tcp-serve", "--reply", ""][..], &["echo", "--tcp"]] {
        let args = [args, &["--frame", "tinyproto", "127.0.0.1:0"]].concat();
        let mut server = wirecat(args).start();
        let stream = connect(&server.address());
        assert!(!stream.nodelay().expect("an option"));
        say(&stream, b"\xff");
        hear(&stream, b"\xff");
        let watch = Stopwatch::start(server.pid());
        for _ in 0..messages {
            say(&stream, b"\0\0\0\0");
            hear(&stream, b"\xff\0\0\0\0");
            say(&stream, b"\xff");
        }
        let waited = watch.waited();
        let limit = Duration::from_millis(20) * messages;
        assert!(waited < limit, "{waited:?} for {messages} messages");
    }
}

/// SPEC section 7: past `--max-clients` a client of tinyproto does not wait, but is told.
#[test]
fn a_client_that_is_one_too_many_is_refused_in_words() {
    for args in [&["tcp-serve"][..], &["chat", "--host", "--headless"]] {
        let args = [args, &["--frame", "tinyproto", "--max-clients", "1", "-v", "127.0.0.1:0"]];
        let (mut server, address) = wirecat(args.concat()).serve();
        let first = connect(&address);
        say(&first, b"\xff");
        hear(&first, b"\xff");
        for _ in 0..100 {
            let late = connect(&address);
            // The library says hello unprompted, and what comes behind it must not be answered by RST.
            say(&late, b"\xff\0\0\0\x05");
            assert_eq!(read_all(&late), b"\xfe");
        }
        server.wait_for("(refused)");
        client(&[], &address).run().code(4).says("takes no more connections");
        drop(first);
        server.wait_for("closed #1");
        let next = connect(&address);
        say(&next, b"\xff");
        hear(&next, b"\xff");
        server.signal(libc::SIGTERM);
        server.wait().code(0);
    }
}
