//! `tcp-serve --forward`: what goes through it, how each side's end reaches the other one, and
//! what it says of what was lost.

mod limits;
mod live;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::data::{assert_same, noise};
use crate::support::net::wait_for_delivery;
use crate::support::net::{
    accept, connect, connect_narrow, listener, listener_with_backlog, read_all, read_exactly,
    read_what_comes, reset,
};
use crate::support::peers::{Peer, Role};
use crate::support::unix;
use crate::support::{PATIENCE, Running, proc, program, skip, wirecat, wirecat_path};

/// A relay to `upstream` on a free port of loopback, and its address.
fn relay(upstream: &str, args: &[&str]) -> (Running, String) {
    let command = ["tcp-serve", "--forward", upstream, "127.0.0.1:0"];
    wirecat(command.iter().chain(args)).serve()
}

/// A connection through a relay, as both its ends.
fn through(address: &str, upstream: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(address);
    (client, accept(upstream))
}

/// How a stream ended that was to be reset: everything before, and the failure.
fn read_to_reset(mut stream: &TcpStream) -> (Vec<u8>, ErrorKind) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).expect_err("a reset, not a FIN");
    (bytes, error.kind())
}

/// SPEC 7: both ways, half-closes and all, and the events of it.
#[test]
fn each_half_close_is_passed_on_by_itself() {
    let (upstream, target) = listener();
    let (server, address) = relay(&target, &["--conns", "2", "-v"]);
    let (mut client, mut far) = through(&address, &upstream);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&far), b"question");
    far.write_all(b"the answer").unwrap();
    drop(far);
    assert_eq!(read_all(&client), b"the answer");
    let (mut client, mut far) = through(&address, &upstream);
    far.write_all(b"banner").unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"banner");
    client.write_all(b"late words").unwrap();
    drop(client);
    assert_eq!(read_all(&far), b"late words");
    let ended = server.wait().code(0).says("connected #1 tcp").says("eof #2");
    assert!(ended.stderr.contains("in 8 B out 10 B"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("(peer closed)").count(), 2, "{}", ended.stderr);
}

/// SPEC 1.1: 20 MB each way at once.
#[test]
fn every_byte_passes_both_ways_at_once() {
    let (upstream, target) = listener();
    let (server, address) = relay(&target, &["-1"]);
    let (client, far) = through(&address, &upstream);
    let (there, back) = (noise(20 << 20), noise(21 << 20));
    thread::scope(|scope| {
        for (mut stream, bytes) in [(&client, &there), (&far, &back)] {
            scope.spawn(move || {
                stream.write_all(bytes).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
        }
        let got = scope.spawn(|| read_all(&far));
        assert_same(&read_all(&client), &back);
        assert_same(&got.join().unwrap(), &there);
    });
    server.wait().code(0);
}

/// SPEC 3: unix sockets on either side, and names.
#[test]
fn it_leads_from_any_kind_of_address_to_any_other() {
    let directory = crate::support::tempdir().unwrap();
    let path = |name: &str| format!("unix:{}", directory.path().join(name).display());
    let inner = UnixListener::bind(directory.path().join("inner")).unwrap();
    let (server, address) = relay(&path("inner"), &["-1"]);
    let (mut client, mut far) = (connect(&address), unix::accept(&inner));
    client.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
    drop((client, far));
    server.wait().code(0);

    let (upstream, target) = listener();
    let name = target.replace("127.0.0.1", "localhost");
    let args = ["tcp-serve", "-1", "--forward", &name, &path("outer")];
    let mut server = wirecat(args).start();
    server.wait_for("listening unix");
    let mut client = unix::connect(directory.path().join("outer"));
    let far = accept(&upstream);
    client.write_all(b"y").unwrap();
    assert_eq!(read_exactly(&far, 1), b"y");
    drop((client, far));
    server.wait().code(0);
}

/// SPEC 1.7: who cannot be relayed is reset and told of; the next one is served.
#[test]
fn a_refusing_upstream_costs_its_client_only() {
    // Bound and not listening, it refuses, and nobody else gets the port.
    let upstream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    upstream.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let target = upstream.local_addr().unwrap().as_socket().unwrap().to_string();
    let (mut server, address) = relay(&target, &["--conns", "2", "-v"]);
    let mut client = connect(&address);
    // Nothing of it is read, and it may be reset at any time. The kernel reports a reset once.
    match client.write_all(b"to nobody") {
        Ok(()) => assert_eq!(read_to_reset(&client).0, b""),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    let line = server.wait_for("wirecat: cannot connect to");
    assert!(line.contains(&format!("{target} for #1 127.0.0.1:")), "{line}");
    assert!(line.contains("connection refused (nothing listens there)"), "{line}");
    server.wait_for("closed #1");
    assert!(server.has_said("(upstream lost)"));
    upstream.listen(1).unwrap();
    upstream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut client, far) = through(&address, &upstream.into());
    client.write_all(b"again").unwrap();
    drop(client);
    assert_eq!(read_all(&far), b"again");
    drop(far);
    server.wait().code(4);
}

/// A reset is passed on, behind everything that came before it, and costs exit status 6.
#[test]
fn a_reset_reaches_the_other_side_behind_the_data() {
    for from_upstream in [true, false] {
        let (upstream, target) = listener();
        let (mut server, address) = relay(&target, &["-1", "-v"]);
        let (client, far) = through(&address, &upstream);
        let (mut rude, other) = if from_upstream { (far, client) } else { (client, far) };
        rude.write_all(b"last words").unwrap();
        // RST throws away what is still on its way.
        wait_for_delivery(&rude);
        assert_eq!(read_exactly(&other, 4), b"last");
        reset(rude);
        assert_eq!(read_to_reset(&other), (b" words".to_vec(), ErrorKind::ConnectionReset));
        server.wait_for("was lost: connection reset by peer");
        let why = if from_upstream { "(upstream lost)" } else { "(reset by the peer)" };
        server.wait().code(6).says(why);
    }
}

/// SPEC 6: a cut transfer never looks whole. A write to the upstream may meet its reset first, and
/// reading from there then finds an end that is none: no FIN goes to the client.
#[test]
fn a_reset_that_a_write_meets_is_no_end() {
    let (upstream, target) = listener();
    let (server, address) = relay(&target, &["--conns", "40"]);
    for _ in 0..40 {
        let (mut client, mut far) = through(&address, &upstream);
        far.write_all(b"a part").unwrap();
        assert_eq!(read_exactly(&client, 6), b"a part");
        // Both are there when it looks again, most often in the order in which they came.
        server.signal(libc::SIGSTOP);
        proc::wait_for_state(server.pid(), "T");
        client.write_all(b"more").unwrap();
        wait_for_delivery(&client);
        reset(far);
        server.signal(libc::SIGCONT);
        assert_eq!(read_to_reset(&client), (Vec::new(), ErrorKind::ConnectionReset));
    }
    server.wait().code(6).says("connection reset by peer");
}

/// Conformance 1 through a relay: RST behind an answer destroys none of it.
#[test]
fn an_answer_with_a_reset_behind_it_arrives_every_time() {
    let (upstream, target) = listener();
    let (_server, address) = relay(&target, &[]);
    let answers = thread::spawn(move || {
        for _ in 0..300 {
            let mut far = accept(&upstream);
            assert_eq!(read_exactly(&far, 4), b"ruok");
            far.write_all(b"imok").unwrap();
            // The fifth byte is unread: closing is a reset.
        }
    });
    for round in 0..300 {
        let mut client = connect(&address);
        client.write_all(b"ruok\n").unwrap();
        // The reset may be here already, and then there is nothing to shut down (ENOTCONN).
        let _ = client.shutdown(Shutdown::Write);
        assert_eq!(read_what_comes(&client), b"imok", "round {round}");
    }
    answers.join().unwrap();
}

/// SPEC 1.7, conformance 16: a stuck side stops whoever feeds it, takes bounded memory, and hurts
/// nobody else.
#[test]
fn a_stuck_client_stalls_only_its_own_upstream() {
    let (upstream, target) = listener();
    let (server, address) = relay(&target, &["--queue", "64k"]);
    let stuck = connect_narrow(&address);
    let mut flooder = accept(&upstream);
    flooder.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let before = proc::peak_kib(server.pid());
    let chunk = vec![7; 1 << 20];
    let taken = (0..64).take_while(|_| flooder.write_all(&chunk).is_ok()).count();
    assert!(taken < 64, "everything was taken");
    let grown = proc::peak_kib(server.pid()).saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB for one stuck client");
    let (mut client, far) = through(&address, &upstream);
    client.write_all(b"alive").unwrap();
    assert_eq!(read_exactly(&far, 5), b"alive");
    drop(stuck);
}

/// 1000 at once, by way of a name, each with its own bytes.
#[test]
fn a_thousand_clients_are_relayed_at_once() {
    const CLIENTS: usize = 1000;
    if !proc::may_open(2 * CLIENTS as u64) {
        return;
    }
    // Whom a short backlog drops comes again after a second, then after three, then seven.
    let (upstream, target) = listener_with_backlog(CLIENTS);
    let echo = thread::spawn(move || {
        let streams: Vec<TcpStream> = (0..CLIENTS).map(|_| accept(&upstream)).collect();
        for mut stream in streams {
            let question = read_all(&stream);
            stream.write_all(&question).unwrap();
        }
    });
    let name = target.replace("127.0.0.1", "localhost");
    let (server, address) = relay(&name, &["--conns", "1000"]);
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&address)).collect();
    for (number, mut client) in clients.iter().enumerate() {
        client.write_all(format!("I am {number}").as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(read_all(client), format!("I am {number}").as_bytes());
    }
    echo.join().unwrap();
    server.wait().code(0);
}

/// A unix listener whose backlog is full refuses like nobody else does: it is tried again.
#[test]
fn clients_wait_for_a_place_in_the_backlog_of_a_unix_socket() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let upstream = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    upstream.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    upstream.listen(0).unwrap();
    let upstream = UnixListener::from(upstream);
    let (server, address) = relay(&format!("unix:{}", path.display()), &["--conns", "6"]);
    let clients: Vec<TcpStream> = (0..6).map(|_| connect(&address)).collect();
    for client in &clients {
        client.shutdown(Shutdown::Write).unwrap();
    }
    for _ in &clients {
        unix::accept(&upstream).write_all(b"served").unwrap();
    }
    for client in clients {
        assert_eq!(read_all(&client), b"served");
    }
    server.wait().code(0);
}

/// Conformance 17, where each client takes two descriptors: nobody is let in who cannot be served.
#[test]
fn more_clients_than_descriptors_wait_for_a_place() {
    let (upstream, target) = listener();
    let echo = thread::spawn(move || {
        for _ in 0..60 {
            let mut stream = accept(&upstream);
            let question = read_all(&stream);
            stream.write_all(&question).unwrap();
        }
    });
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 40; exec \"$@\"", "sh", wirecat_path(), "tcp-serve"]);
    shell.args(["--conns", "60", "--forward", &target, "127.0.0.1:0"]);
    let (mut server, address) = program(shell).serve();
    let clients: Vec<TcpStream> = (0..60).map(|_| connect(&address)).collect();
    server.wait_for("cannot accept more than");
    for mut client in clients {
        client.write_all(b"mine").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&client), b"mine");
    }
    echo.join().unwrap();
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("cannot accept").count(), 1, "{}", ended.stderr);
}

/// SPEC 1.6: what cannot apply is refused.
#[test]
fn options_that_mean_nothing_to_a_relay_are_refused() {
    for (args, words) in [
        (&["--frame", "line"][..], "cannot use --frame"),
        (&["--output", "hex"], "cannot use --output"),
        (&["--slow", "kick"], "cannot use --slow"),
        (&["--slow-after", "1s"], "cannot use --slow-after"),
        (&["--input", "line"], "cannot use --input"),
        (&["-C"], "cannot use --crlf"),
        (&["--quit-after", "1s"], "cannot use --quit-after"),
        (&["--on-peer-close", "exit"], "cannot use --on-peer-close"),
        (&["--discard"], "cannot be used with"),
    ] {
        let command = ["tcp-serve", "--forward", "127.0.0.1:9", "127.0.0.1:0"];
        wirecat(command.iter().chain(args)).run().code(2).says(words);
    }
    for (args, words) in [
        (&["--forward", "fd:3", "0"][..], "cannot use --forward"),
        (&["--forward", "127.0.0.1:0", "0"], "port 0 cannot be connected to"),
        (&["--connect-timeout", "1s", "0"], "only --forward connects"),
        (&["--allow", "127.0.0.1", "unix:@wirecat-test"], "cannot use --allow"),
    ] {
        wirecat(["tcp-serve"].iter().chain(args)).run().code(2).says(words);
    }
}

/// The neighbours as clients: a stream through the relay, sent and received by each.
#[test]
fn other_netcats_are_relayed() {
    for peer in [Peer::Nc, Peer::Ncat, Peer::Socat { block: None }] {
        if !peer.is_installed() {
            skip("forward", &format!("{} is not installed", peer.program()));
            continue;
        }
        let bytes = noise(3 << 20);
        let (upstream, target) = listener();
        let (mut server, _) = relay(&target, &["--conns", "2"]);
        let port = server.port();
        let sender = program(peer.connect(Role::Send, port)).input(bytes.clone()).start();
        let far = accept(&upstream);
        assert_same(&read_all(&far), &bytes);
        drop(far);
        sender.wait().code(0);
        let receiver = program(peer.connect(Role::Receive, port)).piped().start();
        let mut far = accept(&upstream);
        far.write_all(&bytes).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
        let ended = receiver.wait_open().code(0);
        assert_same(&ended.stdout, &bytes);
        drop(far);
        server.wait().code(0);
    }
}
