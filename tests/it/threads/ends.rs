//! Readiness, statistics, and the end of all loops at once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::{check_order, named, server, talk};
use crate::support::net::{connect, connect_narrow, uninterrupted};
use crate::support::proc::unshared;
use crate::support::{PATIENCE, wirecat};

/// What was accepted is answered: SIGTERM in the middle of a load loses nothing of it.
#[test]
fn sigterm_under_load_loses_nothing() {
    for threads in [2, 4] {
        let (mut server, address) = server(threads, "echo --tcp --frame=line --events=-data");
        let talkers: Vec<_> = (0..100)
            .map(|_| {
                let stream = connect(&address);
                std::thread::spawn(move || {
                    let mut reader = stream.try_clone().unwrap();
                    let writer = std::thread::spawn(move || {
                        let sent = (0..2000).take_while(|_| (&stream).write_all(b"line\n").is_ok());
                        let sent = sent.count() * 5;
                        let _ = stream.shutdown(Shutdown::Write);
                        sent
                    });
                    let mut answers = Vec::new();
                    let is_whole = reader.read_to_end(&mut answers).is_ok();
                    (writer.join().unwrap(), answers.len(), is_whole)
                })
            })
            .collect();
        server.wait_for_events("accepted", 100);
        server.signal(libc::SIGTERM);
        let talkers: Vec<_> = talkers.into_iter().map(|thread| thread.join().unwrap()).collect();
        let ended = server.wait_open();
        let events = ended.events();
        let summary = named(&events, "summary")[0];
        let answered: usize = talkers.iter().map(|(_, answers, _)| answers).sum();
        assert_eq!(named(&events, "closed").len(), 100);
        // Who was cut in the middle of sending has seen a reset, which may have destroyed answers.
        if talkers.iter().all(|(_, _, is_whole)| *is_whole) {
            assert_eq!(summary["in"], answered, "{threads} threads");
            assert_eq!(ended.code, Some(0));
        }
    }
}

/// What is idle ends at once, whatever the signal, with the status of one loop.
#[test]
fn signals_have_the_status_of_one_loop() {
    for (signal, code) in [(libc::SIGTERM, Some(0)), (libc::SIGINT, None), (libc::SIGHUP, None)] {
        let (mut server, address) = server(3, "tcp-serve --discard");
        let clients: Vec<_> = (0..30).map(|_| connect(&address)).collect();
        server.wait_for_events("accepted", 30);
        server.signal(signal);
        let ended = server.wait_open();
        assert_eq!(ended.code, code);
        assert_eq!(ended.signal, code.is_none().then_some(signal));
        if signal == libc::SIGTERM {
            check_order(&ended, 30);
        }
        assert_eq!(ended.text().matches("\"event\":\"closed\"").count(), 30);
        drop(clients);
    }
}

/// A client that takes nothing has 2 s, and costs the status what it costs with one loop.
#[test]
fn a_stuck_client_does_not_hold_the_end_up() {
    for threads in [1, 2] {
        let (mut server, address) = server(threads, "tcp-serve --hub --queue=8MiB");
        let stuck = connect_narrow(&address);
        let mut sender = connect(&address);
        server.wait_for_events("accepted", 2);
        sender.write_all(&vec![b'x'; 6 << 20]).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
        server.wait_for_events("eof", 1);
        server.signal(libc::SIGTERM);
        assert!(server.ends_within(PATIENCE));
        let ended = server.wait_open().code(6);
        assert!(named(&ended.events(), "summary")[0]["unsent"].as_u64() > Some(0));
        drop(stuck);
    }
}

#[test]
fn ready_comes_once() {
    let directory = crate::support::tempdir().unwrap();
    let (ports, log) = (directory.path().join("ports"), directory.path().join("log"));
    let hook = format!("listening=echo once >> {}", log.display());
    let closed = format!("closed=cat >> {}", log.display());
    let args = ["echo", "--tcp", "--threads", "4", "--port-file", ports.to_str().unwrap(), "--on"];
    let (server, address) =
        wirecat(args.iter().chain(&[&*hook, "--on", &closed, "127.0.0.1:0"])).serve();
    let port = std::fs::read_to_string(&ports);
    assert_eq!(talk(&connect(&address), b"x"), b"x");
    assert_eq!(talk(&connect(&address), b"y"), b"y");
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
    // The file may follow the line.
    let port = port.or_else(|_| std::fs::read_to_string(&ports)).unwrap();
    assert_eq!(address, format!("127.0.0.1:{}", port.trim()));
    let log = std::fs::read_to_string(&log).unwrap();
    assert_eq!(log.matches("once").count(), 1, "{log}");
    assert_eq!(log.matches("\"event\":\"closed\"").count(), 2, "{log}");
}

/// The command of the run ends it, with its status.
#[test]
fn the_command_ends_all_loops() {
    let args = ["echo", "--tcp", "--threads", "2", "127.0.0.1:0", "--", "sh", "-c"];
    let script = "printf hello | timeout 20 bash -c 'exec 3<>/dev/tcp/$WIRECAT_HOST/$WIRECAT_PORT; cat >&3; head -c 5 <&3'; exit 7";
    let ended = wirecat(args.iter().chain(&[script])).run().code(7);
    assert_eq!(ended.text(), "hello");
}

#[test]
fn statistics_are_of_all_loops() {
    let (mut server, address) = server(4, "echo --tcp --frame=line");
    for _ in 0..10 {
        assert_eq!(talk(&connect(&address), b"12345\n"), b"12345\n");
    }
    let mut open: Vec<TcpStream> = (0..10).map(|_| connect(&address)).collect();
    for stream in &mut open {
        stream.write_all(b"12345\n").unwrap();
        stream.read_exact(&mut [0; 6]).unwrap();
    }
    server.wait_for_events("closed", 10);
    server.signal(libc::SIGUSR1);
    let stats = server.wait_for_event("stats");
    assert_eq!((&stats["connections"], &stats["clients"]), (&20.into(), &10.into()));
    assert_eq!((&stats["in"], &stats["out"]), (&120.into(), &120.into()));
    assert_eq!(stats["messages_in"], 20);
    server.signal(libc::SIGUSR1);
    server.wait_for_events("stats", 2);
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let events = ended.events();
    assert_eq!(named(&events, "stats").len(), 2);
    let summary = named(&events, "summary")[0];
    assert_eq!((&summary["in"], &summary["messages_in"]), (&120.into(), &20.into()));
}

/// The reader of stdout leaves: the run ends quietly. A stdout that fails is 7.
#[test]
fn the_end_of_stdout_ends_all_loops() {
    let (reader, writer) = crate::support::pipes::pipe().unwrap();
    let args = ["tcp-serve", "-n", "--threads", "2", "127.0.0.1:0"];
    let (server, address) = wirecat(args).stdout(writer).serve();
    let mut clients: Vec<_> = (0..4).map(|_| connect(&address)).collect();
    unshared(|| drop(reader));
    for client in &mut clients {
        // The end of the run may come before all have sent.
        let _ = client.write_all(b"nobody reads this\n");
    }
    server.wait_open().code(0);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut server = wirecat(args).stdout(full).start();
    let mut client = connect(&server.address());
    client.write_all(b"no room\n").unwrap();
    server.wait_open().code(7).says("cannot write to stdout");
}

/// A stdout that is not read has all loops wait, and nothing is lost.
#[test]
fn a_slow_stdout_paces_all_loops() {
    let (mut reader, writer) = crate::support::pipes::pipe().unwrap();
    let args = ["tcp-serve", "-n", "--conns", "4", "--threads", "2", "127.0.0.1:0"];
    let (server, address) = wirecat(args).stdout(writer).serve();
    let clients: Vec<_> = (0..4_u8)
        .map(|number| {
            let mut stream = connect(&address);
            std::thread::spawn(move || {
                stream.write_all(&vec![number; 8 << 20]).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let _ = uninterrupted(|| stream.read(&mut [0]));
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let peak = crate::support::proc::peak_kib(server.pid());
    let mut got = Vec::new();
    reader.read_to_end(&mut got).unwrap();
    clients.into_iter().for_each(|client| client.join().unwrap());
    server.wait_open().code(0);
    for number in 0..4_u8 {
        assert_eq!(got.iter().filter(|byte| **byte == number).count(), 8 << 20);
    }
    assert!(peak < 60 << 10, "{peak} KiB");
}
