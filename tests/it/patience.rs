//! `--wait` of those who connect and send (SPEC section 5): they keep trying, and end with the
//! last cause.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;

use crate::support::datagrams::{ClosedPort, hear, socket};
use crate::support::net::uninterrupted;
use crate::support::net::{RefusingPort, accept, read_all};
use crate::support::proc::unshared;
use crate::support::unix;
use crate::support::{PATIENCE, program, skip, wirecat};

fn listen_at(path: &Path) -> UnixDatagram {
    let peer = UnixDatagram::bind(path).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer
}

/// Answers the next datagram.
fn answer(peer: &UnixDatagram) -> Vec<u8> {
    let mut buffer = [0; 100];
    let (size, from) = uninterrupted(|| peer.recv_from(&mut buffer)).unwrap();
    peer.send_to_addr(b"answer", &from).unwrap();
    buffer[..size].to_vec()
}

/// The service of each kind comes up after 3 s.
#[test]
fn a_service_that_comes_up_late_is_reached() {
    let directory = crate::support::tempdir().unwrap();
    let (stream, datagram) = (directory.path().join("s"), directory.path().join("d"));
    let late = RefusingPort::new();
    let closed = ClosedPort::new();
    let clients = [
        ("tcp-connect", late.address.clone()),
        ("tcp-connect", format!("unix:{}", stream.display())),
        ("udp-send", format!("127.0.0.1:{}", closed.port)),
        ("udp-send", format!("unix:{}", datagram.display())),
    ];
    let clients = clients.map(|(command, address)| {
        wirecat([command, "--wait", "60", "--send", "hello", &address]).start()
    });
    thread::sleep(Duration::from_secs(3));
    let streams = (late.listen(), UnixListener::bind(&stream).unwrap());
    let datagrams: (UdpSocket, _) = (closed.open("127.0.0.1"), listen_at(&datagram));
    assert_eq!(read_all(&accept(&streams.0)), b"hello");
    let mut received = Vec::new();
    unix::accept(&streams.1).read_to_end(&mut received).unwrap();
    assert_eq!(received, b"hello");
    let (question, from) = hear(&datagrams.0);
    assert_eq!(question, b"hello");
    datagrams.0.send_to(b"answer", from).unwrap();
    assert_eq!(answer(&datagrams.1), b"hello");
    for (client, expected) in clients.into_iter().zip(["", "", "answer", "answer"]) {
        let ended = client.wait().code(0);
        assert_eq!(ended.text(), expected);
        assert!(ended.took >= Duration::from_secs(3), "{:?}", ended.took);
    }
}

/// Patience that runs out ends with the last cause, whichever way it cannot be sent; without
/// patience that is the end at once.
#[test]
fn a_sender_ends_with_the_last_cause() {
    let directory = crate::support::tempdir().unwrap();
    let dead = directory.path().join("dead");
    unshared(|| drop(UnixDatagram::bind(&dead).unwrap()));
    for (address, code, words) in [
        ("unix:/nosuch/s".to_owned(), 4, "no such file or directory"),
        (format!("unix:{}", dead.display()), 4, "nothing listens there any more"),
        ("nosuch.invalid:80".to_owned(), 3, "cannot resolve nosuch.invalid"),
    ] {
        let began = Instant::now();
        // Within it a name server has to be asked, and there is time left for another try.
        let waits = wirecat(["udp-send", "--wait", "3s", "--send", "x", &address]).run();
        waits.code(code).says(words).says("retry in");
        assert!(began.elapsed() >= Duration::from_secs(3), "{address}");
        let ended = wirecat(["udp-send", "--send", "x", &address]).run().code(code);
        assert!(!ended.says(words).stderr.contains("retry"));
    }
    let silent = socket();
    let address = silent.local_addr().unwrap().to_string();
    let args = ["udp-send", "--wait", "2500ms", "--send", "x", &address];
    let ended = wirecat(args).run().code(124);
    assert!(
        Regex::new(r"none within 2s 500ms, though it was sent \d times")
            .unwrap()
            .is_match(&ended.stderr)
    );
    let closed = RefusingPort::new();
    let args = ["tcp-connect", "--wait", "2500ms", &closed.address];
    let ended = wirecat(args).run().code(4);
    let tried = Regex::new(r"refused \(nothing listens there; tried \d+ times in (\d+s )?\d+ms\)");
    assert!(tried.unwrap().is_match(&ended.stderr), "{}", ended.stderr);
    // What waiting cannot mend ends it at once.
    let hopeless = ["udp-send", "--wait", "60", "--send", "x", "fd:99"];
    wirecat(hopeless).run().code(7).says("bad file descriptor");
}

/// Also while it waits, the whole run has its limit, and a signal ends it.
#[test]
fn waiting_can_be_ended() {
    let waits = ["udp-send", "--wait", "60", "--send", "x", "unix:/nosuch/s"];
    let limited = waits.iter().chain(&["-w", "500ms"]);
    wirecat(limited).run().code(124).says("the time of 500ms is up");
    let mut sender = wirecat(waits).start();
    sender.wait_for("retry in");
    sender.signal(libc::SIGINT);
    assert_eq!(sender.wait().signal, Some(libc::SIGINT));
}

/// One that listened on the unix socket and went away before it answered may come back.
#[test]
fn a_unix_peer_that_is_replaced_is_reached() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let first = listen_at(&path);
    let address = format!("unix:{}", path.display());
    let sender = wirecat(["udp-send", "--wait", "60", "--send", "a", "--send", "b", &address]);
    let sender = sender.start();
    assert_eq!(uninterrupted(|| first.recv(&mut [0; 10])).unwrap(), 1);
    drop(first);
    std::fs::remove_file(&path).unwrap();
    let second = listen_at(&path);
    assert_eq!(answer(&second), b"a");
    let ended = sender.wait().code(0);
    assert_eq!(ended.text(), "answer");
}

/// A network without a route that gets one: the name service is a file, and the route is set by
/// hand.
const ROUTE: &str = "ip link set lo up && ip link add one type veth peer name two && \
    ip link set one up && ip link set two up && \
    { sleep 1.5; ip address add 192.0.2.1/24 dev one; } & \
    exec \"$@\"";

#[test]
fn a_route_that_comes_late_is_used() {
    let unshare = |args: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-n", "sh", "-c", ROUTE, "sh", crate::support::wirecat_path()]).args(args);
        program(command)
    };
    let probe = crate::support::proc::output(
        std::process::Command::new("unshare").args(["-n", "ip", "link"]),
    );
    if !probe.is_ok_and(|output| output.status.success()) {
        return skip("a_route_that_comes_late_is_used", "no namespaces");
    }
    for command in ["udp-send", "tcp-connect"] {
        let args = [command, "--send", "x", "192.0.2.1:9"];
        let ended = unshare(&args).run().code(4).says("unreachable");
        assert!(!ended.stderr.contains("retry"));
    }
    // The address is our own by then, and nobody is there: that answer is the last cause.
    let args = ["tcp-connect", "--wait", "4", "--send", "x", "192.0.2.1:9"];
    unshare(&args).run().code(4).says("retry in").says("refused (nothing listens there; tried ");
    let args = ["udp-send", "--wait", "4", "--send", "x", "192.0.2.1:9"];
    unshare(&args).run().code(124).says("retry in").says("no route leads there");
}

/// A peer that is there and does not answer, here to the hello of tinyproto, ends the wait in time.
#[test]
fn a_peer_that_does_not_answer_makes_the_wait_no_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asks = ["tcp-connect", "-n", "--frame", "tinyproto", &address];
    for (limits, said) in [
        (&["--wait", "1500ms"][..], "no answer within 1s 500ms"),
        (&["--wait", "1500ms", "--connect-timeout", "100ms"], "no answer within 100ms"),
        (&["--connect-timeout", "200ms"], "no answer within 200ms"),
    ] {
        wirecat(asks.iter().chain(limits)).run().code(124).says(said);
    }
}
