//! Limits that hold for the whole run, however many loops serve it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::{check_order, clients, named, server, talk};
use crate::support::net::{bounded, connect, read_all, try_connect, until_turned_away};
use crate::support::wirecat;

/// So many are served, and the rest wait in the backlog.
#[test]
fn max_clients_holds_for_all_loops() {
    for threads in [2, 4] {
        let words = "tcp-serve --reply hi --frame=line --max-clients=5";
        let (mut server, address) = server(threads, words);
        let mut all: Vec<_> = (0..8).map(|_| connect(&address)).collect();
        server.wait_for_events("accepted", 5);
        for client in all.drain(..5).collect::<Vec<_>>() {
            assert_eq!(talk(&client, b"x\n"), b"hi\n");
        }
        server.wait_for_events("accepted", 8);
        all.iter().for_each(|client| assert_eq!(talk(client, b"x\n"), b"hi\n"));
        server.signal(libc::SIGTERM);
        let ended = server.wait_open().code(0);
        check_order(&ended, 8);
        let (mut open, mut most) = (0_i32, 0);
        for event in ended.events() {
            open += match event["event"].as_str() {
                Some("accepted") => 1,
                Some("closed") => -1,
                _ => 0,
            };
            most = most.max(open);
        }
        assert_eq!(most, 5);
    }
}

#[test]
fn max_per_address_holds_for_all_loops() {
    let (mut server, address) = server(4, "tcp-serve --reply hi --frame=line --max-per-address=3");
    let held: Vec<_> = (0..3).map(|_| connect(&address)).collect();
    server.wait_for_events("accepted", 3);
    for _ in 0..20 {
        assert_eq!(read_all(&connect(&address)), b"");
    }
    for client in held {
        assert_eq!(talk(&client, b"x\n"), b"hi\n");
    }
    server.wait_for_events("closed", 23);
    assert_eq!(talk(&connect(&address), b"x\n"), b"hi\n");
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    assert_eq!(named(&ended.events(), "accepted").len(), 4);
    assert_eq!(named(&ended.events(), "warning").len(), 1);
}

/// So many are served in all, and then the run ends.
#[test]
fn conns_and_once_are_exact() {
    for threads in [2, 4] {
        let (server, address) = server(threads, "tcp-serve --reply hi --conns=50");
        // Behind the last one the port is refused, and the backlog reset.
        let client = |address: String| {
            let mut answer = Vec::new();
            let stream = TcpStream::connect(address).map(bounded);
            let _ = stream.and_then(|mut stream| stream.read_to_end(&mut answer));
            answer == b"hi"
        };
        let start = |_| {
            let address = address.clone();
            std::thread::spawn(move || client(address))
        };
        let clients: Vec<_> = (0..60).map(start).collect();
        let served = clients.into_iter().filter_map(|thread| thread.join().unwrap().then_some(()));
        assert_eq!(served.count(), 50);
        check_order(&server.wait_open().code(0), 50);
    }
    let (once, address) = wirecat(["tcp-serve", "-n", "--once", "--threads", "2", "0"]).serve();
    talk(&connect(&address), b"all of it");
    assert_eq!(once.wait_open().code(0).text(), "all of it");
}

/// A client that is lost makes the run of so many fail, as with one loop.
#[test]
fn a_loss_in_any_loop_decides_the_status() {
    for threads in [1, 2] {
        let words = ["tcp-serve", "--discard", "--conns", "4", "-v", "--threads"];
        let threads = threads.to_string();
        let (mut server, address) = wirecat(words.iter().chain(&[&*threads, "0"])).serve();
        for _ in 0..3 {
            talk(&connect(&address), b"in order");
        }
        let lost = connect(&address);
        socket2::SockRef::from(&lost).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        server.wait_for("accepted #4");
        drop(lost);
        server.wait_open().code(6).says("#4 ");
    }
}

/// So many messages are taken, counted and answered, and not one more.
#[test]
fn count_is_exact_to_the_message() {
    for threads in [1, 2, 4] {
        let (server, address) = server(threads, "echo --tcp --frame=line --count=500");
        let answers: usize = clients(20, &address, |_, mut stream| {
            let mut writer = stream.try_clone().unwrap();
            let sender = std::thread::spawn(move || {
                // The end of the run may cut it.
                (0..100).all(|_| writer.write_all(b"line\n").is_ok())
            });
            let mut answers = Vec::new();
            let _ = stream.read_to_end(&mut answers);
            sender.join().unwrap();
            answers.len() / 5
        })
        .into_iter()
        .sum();
        let ended = server.wait_open().code(0);
        let events = ended.events();
        assert_eq!(named(&events, "data").len(), 500, "{threads} threads");
        assert_eq!(named(&events, "summary")[0]["messages_in"], 500);
        assert!(answers <= 500, "{answers}");
    }
    let (server, address) = server(2, "tcp-serve --discard --frame=line --count=10");
    clients(3, &address, |_, stream| talk(&stream, b"a\nb\n"));
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(1);
    assert_eq!(named(&ended.events(), "error")[0]["message"], "cannot receive 10 messages: 6 came");
}

#[test]
fn expect_ends_the_run_in_whatever_loop_it_is_met() {
    for word in ["magic", "never"] {
        let (server, address) = server(4, &format!("tcp-serve --discard --expect={word}"));
        let idle: Vec<_> = (0..20).map(|_| connect(&address)).collect();
        let mut client = connect(&address);
        client.write_all(b"this is ma").unwrap();
        client.write_all(b"gic, is it not").unwrap();
        if word == "never" {
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(&client), b"");
            drop(idle);
            server.signal(libc::SIGTERM);
            server.wait_open().code(1);
        } else {
            server.wait_open().code(0);
        }
    }
}

#[test]
fn who_is_denied_reaches_no_loop() {
    let (server, address) = server(2, "tcp-serve --reply hi --deny=127.0.0.0/8");
    for _ in 0..10 {
        assert!(until_turned_away(try_connect(&address)).is_empty());
    }
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    assert_eq!(named(&ended.events(), "accepted").len(), 0);
}

#[test]
fn nobody_within_wait_is_a_timeout() {
    let args = ["tcp-serve", "--discard", "--threads", "2", "--wait", "200ms", "0"];
    wirecat(args).run().code(124).says("nobody connected within 200ms");
    let args = ["echo", "--threads", "2", "-w", "200ms", "0"];
    wirecat(args).run().code(124).says("the time of 200ms is up");
}

/// An idle client is closed by its loop, and its place is free again.
#[test]
fn an_idle_client_leaves_its_place() {
    let words = "tcp-serve --discard --idle-timeout=300ms --max-clients=1";
    let (mut server, address) = server(2, words);
    for _ in 0..3 {
        let client = connect(&address);
        assert_eq!(read_all(&client), b"");
    }
    let closed = server.wait_for_events("closed", 3);
    assert!(closed.iter().all(|event| event["detail"] == "idle"), "{closed:?}");
    server.signal(libc::SIGTERM);
    check_order(&server.wait_open().code(0), 3);
}

/// More clients than descriptors: the loops serve those that they have, say so once, and serve the rest
/// as places come free.
#[test]
fn descriptors_that_run_out_are_reported_once() {
    for words in ["echo --tcp", "tcp-serve --forward"] {
        let (_upstream, upstream) = wirecat(["echo", "--tcp", "127.0.0.1:0"]).serve();
        let mut line = String::from("ulimit -n 80; exec \"$0\" ") + words;
        if words.contains("forward") {
            line += &format!(" {upstream}");
        }
        line += " --threads 3 --output json 127.0.0.1:0";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line, crate::support::wirecat_path()]);
        let mut server = crate::support::program(command).start();
        let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
        let clients: Vec<_> = (0..200).map(|_| connect(&local)).collect();
        let threads: Vec<_> = clients
            .into_iter()
            .map(|client| std::thread::spawn(move || talk(&client, b"hello")))
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), b"hello");
        }
        server.signal(libc::SIGTERM);
        let ended = server.wait_open();
        let events = ended.events();
        let starved: Vec<_> = named(&events, "warning")
            .into_iter()
            .filter(|event| event["kind"] == "starved")
            .collect();
        assert_eq!(starved.len(), 1, "{words}");
        let message = starved[0]["message"].as_str().unwrap();
        assert!(message.contains("too many open files"), "{message}");
        assert_eq!(named(&events, "closed").len(), 200);
    }
}

/// What the loops themselves take is not there for clients: all are served, however few descriptors are
/// left.
#[test]
fn a_relay_lets_in_no_client_that_its_loops_have_no_descriptors_for() {
    let (_upstream, upstream) = wirecat(["echo", "--tcp", "127.0.0.1:0"]).serve();
    let line =
        format!("ulimit -n 40; exec \"$0\" tcp-serve --forward {upstream} --threads 4 127.0.0.1:0");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line, crate::support::wirecat_path()]);
    let (mut server, address) = crate::support::program(command).serve();
    let clients: Vec<_> = (0..60).map(|_| connect(&address)).collect();
    server.wait_for("cannot accept more than");
    for client in clients {
        assert_eq!(talk(&client, b"mine"), b"mine");
    }
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
}

/// Each loop has a listener where nothing counts the clients, and the main loop has one where
/// something does.
#[test]
fn loops_share_a_port_where_nothing_counts_clients() {
    if !cfg!(target_os = "linux") {
        return;
    }
    for (words, listeners) in [
        ("echo --tcp", 3),
        ("tcp-serve --hub", 3),
        ("tcp-serve --discard --conns=9", 1),
        ("tcp-serve --discard --max-clients=9", 1),
        ("tcp-serve --discard --max-per-address=9", 1),
        ("tcp-serve --save=.", 1),
    ] {
        let (_server, address) = server(3, words);
        let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
        // The local address in hexadecimal, and the state LISTEN (proc_net_tcp(5)).
        let mark = format!("0100007F:{port:04X} 00000000:0000 0A");
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert_eq!(table.matches(&mark).count(), listeners, "{words}");
    }
}
