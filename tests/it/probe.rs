//! `tcp-connect -z`, and `--settle` (SPEC section 7).

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use crate::support::net::{RefusingPort, accept, listener, peer, read_all, read_what_comes, reset};
use crate::support::wirecat;

/// A connection is made and nothing else: no byte either way, and stdin is not read.
#[test]
fn a_probe_connects_and_says_nothing() {
    let server = peer(|mut stream: TcpStream| {
        // It may be gone already.
        let _ = stream.write_all(b"greeting");
        read_what_comes(&stream)
    });
    let probe = wirecat(["tcp-connect", "-z", "-v", &server.address]).input("not this");
    let ended = probe.run().code(0).says("connected tcp");
    assert_eq!(ended.text(), "");
    assert_eq!(server.join(), b"");
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    wirecat(["tcp-connect", "--probe", &format!("unix:{}", path.display())]).run().code(0);
}

#[test]
fn a_probe_of_nothing_fails_as_a_connection_does() {
    let nobody = RefusingPort::new();
    let address = nobody.address.as_str();
    let ended = wirecat(["tcp-connect", "-z", address]).run().code(4);
    ended.says("connection refused (nothing listens there)");
    wirecat(["tcp-connect", "-z", "nosuch.invalid:80"]).run().code(3);
    let ended = wirecat(["tcp-connect", "-z", "--wait", "300ms", address]).run().code(4);
    assert!(ended.took >= Duration::from_millis(300), "{:?}", ended.took);
}

/// What accepts and closes at once is a proxy with nothing behind it, whichever way it closes.
#[test]
fn a_proxy_that_drops_its_clients_is_no_server() {
    for rude in [false, true] {
        let (proxy, address) = listener();
        thread::spawn(move || {
            while let Ok((stream, _)) = proxy.accept() {
                if rude { reset(stream) } else { drop(stream) }
            }
        });
        let ended = wirecat(["tcp-connect", "-z", "--settle", "10m", &address]).run().code(4);
        ended.says("it was accepted and closed again");
        let waits = ["tcp-connect", "-z", "--settle", "10m", "--wait", "2", &address];
        wirecat(waits).run().code(4).says("retry in").says("closed again");
    }
}

/// One that has closed will not stand any more, however long it was to.
#[test]
fn a_peer_that_closes_is_not_waited_for() {
    let (proxy, address) = listener();
    let proxy = thread::spawn(move || drop(accept(&proxy)));
    let ended = wirecat(["tcp-connect", "-z", "--settle", "10m", &address]).run().code(4);
    ended.says("it was accepted and closed");
    proxy.join().unwrap();
}

/// With --wait it is tried again until something really stands.
#[test]
fn a_probe_waits_behind_a_proxy_for_the_service() {
    let (proxy, address) = listener();
    let proxy = thread::spawn(move || {
        for _ in 0..3 {
            drop(accept(&proxy));
        }
        read_all(&accept(&proxy))
    });
    let waits = ["tcp-connect", "-z", "--settle", "3s", "--wait", "60", &address];
    wirecat(waits).run().code(0).says("closed again");
    assert_eq!(proxy.join().unwrap(), b"");
}

/// A peer that speaks before it closes was there.
#[test]
fn a_peer_that_speaks_and_closes_is_up() {
    let server = peer(|mut stream: TcpStream| stream.write_all(b"bye").unwrap());
    wirecat(["tcp-connect", "-z", "--settle", "300ms", &server.address]).run().code(0);
    server.join();
}

/// Without -z the connection is used once it has stood; nothing of it is lost.
#[test]
fn a_connection_that_settles_is_used() {
    let (proxy, address) = listener();
    let proxy = thread::spawn(move || {
        drop(accept(&proxy));
        let mut stream = accept(&proxy);
        stream.write_all(b"answer").unwrap();
        read_all(&stream)
    });
    let args = ["tcp-connect", "--settle", "3s", "--wait", "60", &address];
    let ended = wirecat(args).input("question").run().code(0);
    assert_eq!(ended.text(), "answer");
    assert_eq!(proxy.join().unwrap(), b"question");
}

#[test]
fn what_speaks_of_data_is_refused() {
    for option in [
        "--send x",
        "--input line",
        "--output line",
        "--expect x",
        "--frame line",
        "--crlf",
        "--idle-timeout 1",
        "--quit-after 1",
        "--keep-open",
        "--on-peer-close exit",
        "--reconnect",
    ] {
        let args = ["tcp-connect", "-z", "9"].into_iter().chain(option.split(' '));
        let ended = wirecat(args).run();
        assert_eq!(ended.code, Some(2), "{option}: {}", ended.stderr);
        ended.says("-z sends and receives nothing");
    }
    let ended = wirecat(["tcp-connect", "-z", "--output", "json", "127.0.0.1:1"]).run().code(4);
    assert!(ended.text().contains(r#""code":4"#), "{}", ended.text());
}

/// SPEC 7: several ADDRs are all waited for, and what follows comes behind the last of them.
#[test]
fn several_peers_are_all_waited_for() {
    let [(_one, first), (_two, second)] = [(); 2].map(|()| listener());
    let asked = ["tcp-connect", "-z", "-v", &first, &second];
    let ended = wirecat(asked).run().code(0);
    ended.says(&format!("connected tcp {first} ")).says(&format!("connected tcp {second} "));
    let script = ["--", "sh", "-c", "echo $WIRECAT_ADDR"];
    let ended = wirecat(["tcp-connect", "-z", &first, &second].into_iter().chain(script)).run();
    assert_eq!(ended.code(0).text(), format!("{second}\n"));
}

/// The first one that is not there is the cause, and those behind it are not asked.
#[test]
fn one_of_several_peers_that_is_not_there_is_named() {
    let (last, behind) = listener();
    let (_first, first) = listener();
    let nobody = RefusingPort::new();
    for wait in [&[][..], &["--wait", "300ms"]] {
        let asked = ["tcp-connect", "-z", &first, &nobody.address, &behind];
        let ended = wirecat(asked.into_iter().chain(wait.iter().copied())).run().code(4);
        ended.says(&format!("cannot connect to {}: connection refused", nobody.address));
    }
    last.set_nonblocking(true).unwrap();
    assert!(last.accept().is_err(), "it was asked");
}

/// One that comes up late is waited for behind one that is up already.
#[test]
fn the_second_of_two_peers_may_come_late() {
    let folder = crate::support::tempdir().unwrap();
    let path = folder.path().join("late");
    let (_first, first) = listener();
    let late = format!("unix:{}", path.display());
    let mut probe = wirecat(["tcp-connect", "-z", "--wait", "60", &first, &late]).start();
    probe.wait_for("retry in");
    let _listener = UnixListener::bind(&path).unwrap();
    probe.wait().code(0);
}

/// Without -z there is one connection, and a port of its own is a habit of nc.
#[test]
fn a_connection_has_one_address() {
    for (words, hint) in [
        ("tcp-connect 127.0.0.1:1 127.0.0.1:2", "its usage is `wirecat tcp-connect"),
        ("tcp-connect -z localhost 80", "`wirecat tcp-connect -z localhost:80`"),
        ("tcp-connect -z 127.0.0.1 80", "`wirecat tcp-connect -z 127.0.0.1:80`"),
    ] {
        let ended = wirecat(words.split(' ')).run().code(2);
        ended.says("it is one argument too many").says(hint);
    }
    let ended = wirecat("tcp-connect -z 127.0.0.1:1 localhost".split(' ')).run().code(2);
    ended.says("localhost");
    let ended = wirecat("tcp-connect -z fd:3 127.0.0.1:1 fd:3".split(' ')).run().code(2);
    ended.says("one may be an inherited socket");
}
