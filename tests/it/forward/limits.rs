//! Who is relayed, for how long, and how it ends.

use std::time::Instant;

use socket2::SockRef;

use crate::support::net::{try_connect, until_reset, until_turned_away};

use super::*;

/// SPEC 5: traffic in either direction keeps a pair alive; none ends both its sides.
#[test]
fn idle_time_is_that_of_both_directions() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["-1", "-v", "--idle-timeout", "3s"]);
    let (client, mut far) = through(&address, &upstream);
    for _ in 0..8 {
        // The pauses add up to more than the limit, which is what is tested.
        thread::sleep(Duration::from_millis(500));
        far.write_all(b".").unwrap();
    }
    assert!(!server.has_said("no traffic"));
    assert_eq!(read_what_comes(&client), b"........");
    assert_eq!(read_what_comes(&far), b"");
    server.wait_for("no traffic for 3s");
    server.wait().code(124).says("(idle)");
}

/// SPEC 5: an upstream that reads nothing stops its client, and that is no traffic.
#[test]
fn idle_time_runs_while_the_upstream_takes_nothing() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["-v", "--idle-timeout", "2s"]);
    let (client, far) = through(&address, &upstream);
    client.set_nonblocking(true).unwrap();
    let bytes = noise(1 << 20);
    let started = Instant::now();
    let error = loop {
        assert!(started.elapsed() < PATIENCE, "the client is still there");
        match (&client).write(&bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    server.wait_for("no traffic for 2s");
    server.wait_for("(idle)");
    drop(far);
    // Behind SIGTERM it would be the loss of what is still to be drained.
    server.wait_for("was lost");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}

/// SPEC 9: SIGTERM writes what was taken, to both sides, and is a good end.
#[test]
fn sigterm_drains_both_ways() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["-v"]);
    let (mut client, far) = through(&address, &upstream);
    server.wait_for("connected #1");
    client.write_all(b"on its way").unwrap();
    assert_eq!(read_exactly(&far, 2), b"on");
    server.signal(libc::SIGTERM);
    // Neither had said FIN, and neither is to take what came for all of it.
    assert_eq!(until_reset(&far), b" its way");
    assert_eq!(until_reset(&client), b"");
    server.wait().code(0);
}

/// ^C while nobody answers: it ends at once.
#[test]
fn an_interrupt_does_not_wait_for_connections_in_the_making() {
    // A backlog that is full answers no more.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let target = full.local_addr().unwrap().as_socket().unwrap().to_string();
    let _waiting = TcpStream::connect(&target).unwrap();
    let (mut server, address) = relay(&target, &["-v"]);
    let _client = connect(&address);
    server.wait_for("accepted #1");
    server.signal(libc::SIGINT);
    let ended = server.wait();
    assert_eq!(ended.signal, Some(libc::SIGINT), "{}", ended.stderr);
}

/// `--connect-timeout`: nobody is kept waiting for an upstream that does not answer.
#[test]
fn an_upstream_that_does_not_answer_is_given_up() {
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let target = full.local_addr().unwrap().as_socket().unwrap().to_string();
    let _waiting = TcpStream::connect(&target).unwrap();
    let (server, address) = relay(&target, &["-1", "--connect-timeout", "300ms"]);
    let client = connect(&address);
    assert_eq!(read_to_reset(&client).0, b"");
    server.wait().code(124).says("no answer within 300ms");
}

/// SPEC 7: `--allow` and `--deny`. Who is refused is told so, and does not count.
#[test]
fn networks_are_let_in_or_not() {
    for (args, admitted) in [
        (&["--allow", "127.0.0.0/8"][..], true),
        (&["--allow", "10.0.0.0/8"], false),
        (&["--allow", "127.0.0.1", "--deny", "127.0.0.0/8"], false),
        (&["--deny", "127.0.0.2"], true),
        (&["--deny", "::ffff:127.0.0.1"], false),
        (&["--deny", "::ffff:0:0/96"], false),
        (&["--allow", "::ffff:127.0.0.0/104"], true),
        (&["--allow", "localhost"], true),
        (&["--deny", "localhost"], false),
        (&["--allow", "localhost", "--deny", "127.0.0.0/8"], false),
    ] {
        let command = ["tcp-serve", "--conns", "1", "-v", "--reply", "in", "127.0.0.1:0"];
        let mut server = wirecat(command.iter().chain(args)).start();
        let client = try_connect(&server.address());
        if admitted {
            let client = client.expect("it is let in");
            assert_eq!(read_all(&client), b"in", "{args:?}");
            drop(client);
            server.wait().code(0);
            continue;
        }
        assert_eq!(until_turned_away(client), b"", "{args:?}");
        server.wait_for("is not let in (--allow, --deny)");
        let line = server.wait_for("closed 127.0.0.1:");
        assert!(line.contains("(refused)"), "{line}");
        assert!(!server.has_said("accepted") && server.is_running());
    }
}

/// An upstream that is not done when its client goes keeps its own place in the count, though the
/// next client may take the slot of the first one.
#[test]
fn an_upstream_that_outlives_its_client_ends_by_itself() {
    for is_lost in [false, true] {
        let (upstream, target) = listener();
        SockRef::from(&upstream).set_recv_buffer_size(4096).unwrap();
        let (mut server, address) = relay(&target, &["--conns", "2", "-v"]);
        let (mut first, mut late) = through(&address, &upstream);
        let bytes = noise(100_000);
        first.write_all(&bytes).unwrap();
        late.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&first), b"");
        drop(first);
        server.wait_for("closed #1");
        // The first upstream has not read yet.
        let (mut second, mut far) = through(&address, &upstream);
        second.write_all(b"question").unwrap();
        second.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&far), b"question");
        far.write_all(b"answer").unwrap();
        drop(far);
        assert_eq!(read_all(&second), b"answer");
        drop(second);
        server.wait_for("closed #2");
        if is_lost {
            assert_eq!(read_exactly(&late, 1), bytes[..1]);
            reset(late);
            server.wait().code(6).says("for #1 ").says(" was lost: ");
        } else {
            let mut taken = Vec::new();
            late.read_to_end(&mut taken).unwrap();
            assert_same(&taken, &bytes);
            server.wait().code(0);
        }
    }
}
