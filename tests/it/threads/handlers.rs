//! Each handler with several loops, and clients by the hundred.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Instant;

use super::{check_order, clients, named, server, talk};
use crate::support::data::noise;
use crate::support::net::uninterrupted;
use crate::support::net::{RefusingPort, connect, read_all};
use crate::support::unix;
use crate::support::{PATIENCE, wirecat};

#[test]
fn echo_answers_each_client_with_its_own_bytes() {
    for threads in [2, 4] {
        let (server, address) = server(threads, "echo --tcp");
        let answers = clients(300, &address, |number, stream| {
            let text = format!("client {number}\n").repeat(200);
            talk(&stream, text.as_bytes()) == text.as_bytes()
        });
        assert!(answers.into_iter().all(|is_same| is_same));
        server.signal(libc::SIGTERM);
        check_order(&server.wait_open().code(0), 300);
    }
}

#[test]
fn a_large_stream_is_echoed_whole() {
    let (server, address) = server(2, "echo --tcp --events=-data");
    let same = clients(4, &address, |_, stream| {
        let bytes = noise(4 << 20);
        let reader = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            (&stream).write_all(&noise(4 << 20)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        let got = read_all(&reader);
        sender.join().unwrap();
        got == bytes
    });
    assert_eq!(same, [true; 4]);
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
}

/// Each peer is answered from the address and port that it has asked.
#[test]
fn udp_is_answered_from_the_socket_that_was_asked() {
    let args = ["echo", "--udp", "--threads", "2", "--output", "json", ":0"];
    let mut server = wirecat(args).start();
    let local = server.wait_for_event("listening")["local"].as_str().unwrap().to_owned();
    let port: u16 = local.rsplit(':').next().unwrap().parse().unwrap();
    for number in 0..200 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let asked = format!("127.0.0.{}:{port}", 1 + number % 3);
        socket.connect(&asked).unwrap();
        let text = format!("datagram {number}");
        socket.send(text.as_bytes()).unwrap();
        let mut answer = [0; 64];
        // A connected socket takes none from another address.
        let count = uninterrupted(|| socket.recv(&mut answer)).unwrap();
        assert_eq!(&answer[..count], text.as_bytes());
    }
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let events = ended.events();
    assert_eq!(named(&events, "data").len(), 200);
    assert_eq!(named(&events, "summary")[0]["messages_in"], 200);
}

#[test]
fn another_program_is_refused_the_port() {
    let args = ["echo", "--threads", "2", "127.0.0.1:0"];
    let (_server, address) = wirecat(args).serve();
    for words in ["echo --threads 2", "echo --udp --threads 2", "echo --tcp --threads 2"] {
        let words = words.split(' ').chain([&*address]);
        wirecat(words).run().code(5).says("address already in use");
    }
}

/// From the first moment at which the port takes clients, each of them is served.
#[test]
fn no_client_is_lost_while_the_loops_get_their_listeners() {
    let port = RefusingPort::new();
    for words in ["echo --tcp", "tcp-serve --reply hi"].into_iter().cycle().take(30) {
        let words = words.split(' ').chain(["--threads", "8", &*port.address]);
        let mut server = wirecat(words).start();
        let begin = Instant::now();
        let client = loop {
            match TcpStream::connect(&port.address) {
                Ok(client) => break client,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            }
            assert!(begin.elapsed() < PATIENCE);
        };
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(talk(&client, b"hi"), b"hi");
        server.address();
        server.signal(libc::SIGTERM);
        server.wait_open().code(0);
    }
}

#[test]
fn reply_discard_and_the_default_without_stdin() {
    let (server, address) = server(4, "tcp-serve --reply hello");
    let answers = clients(200, &address, |_, stream| talk(&stream, b""));
    assert!(answers.iter().all(|answer| answer == b"hello"));
    server.signal(libc::SIGTERM);
    check_order(&server.wait_open().code(0), 200);

    let (server, address) =
        wirecat(["tcp-serve", "--discard", "--threads", "2", "-v", "0"]).serve();
    assert!(clients(100, &address, |_, stream| talk(&stream, b"gone")).iter().all(Vec::is_empty));
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    assert!(ended.stderr.ends_with("100 connections exit 0"), "{}", ended.stderr);
    assert!(ended.stderr.contains("summary in 400 B"), "{}", ended.stderr);

    let args = "tcp-serve -n --frame line --output line --threads 2 --send hi 0";
    let (server, address) = wirecat(args.split(' ').filter(|word| *word != "-n")).serve();
    let answers = clients(100, &address, |number, stream| {
        talk(&stream, format!("line {number}\n").as_bytes())
    });
    assert!(answers.iter().all(|answer| answer == b"hi\n"));
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let text = ended.text();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut wanted: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    wanted.sort_unstable();
    assert_eq!(lines, wanted);
}

/// Clients of all loops hear each other, the lines of each sender in its order, and stdout has them.
#[test]
fn a_hub_keeps_the_order_of_each_sender() {
    const CLIENTS: usize = 12;
    const LINES: usize = 300;
    for threads in [2, 4] {
        let (mut server, address) = server(threads, "tcp-serve --hub --frame=line --queue=16MiB");
        let streams: Vec<_> = (0..CLIENTS).map(|_| connect(&address)).collect();
        server.wait_for_events("accepted", CLIENTS);
        let threads: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| {
                let mut writer = stream.try_clone().unwrap();
                let sender = std::thread::spawn(move || {
                    for line in 0..LINES {
                        writer.write_all(format!("{number} {line}\n").as_bytes()).unwrap();
                    }
                });
                let reader = std::thread::spawn(move || {
                    let mut next: HashMap<usize, usize> = HashMap::new();
                    let lines = BufReader::new(&stream).lines();
                    for line in lines.take((CLIENTS - 1) * LINES) {
                        let line = line.unwrap();
                        let (from, at) = line.split_once(' ').unwrap();
                        let (from, at): (usize, usize) =
                            (from.parse().unwrap(), at.parse().unwrap());
                        let next: &mut usize = next.entry(from).or_default();
                        assert_eq!(*next, at, "of {from}, to {number}");
                        *next += 1;
                    }
                    assert!(!next.contains_key(&number));
                    assert!(
                        next.values().all(|count| *count == LINES) && next.len() == CLIENTS - 1
                    );
                    stream
                });
                (sender, reader)
            })
            .collect();
        let streams = threads.into_iter().map(|(sender, reader)| {
            sender.join().unwrap();
            reader.join().unwrap()
        });
        drop(streams.collect::<Vec<_>>());
        server.wait_for_events("closed", CLIENTS);
        server.signal(libc::SIGTERM);
        let ended = server.wait_open().code(0);
        check_order(&ended, CLIENTS as u64);
        let events = ended.events();
        assert_eq!(named(&events, "data").len(), CLIENTS * LINES);
        assert_eq!(named(&events, "summary")[0]["messages_in"], CLIENTS * LINES);
    }
}

/// stdin goes to the clients of all loops.
#[test]
fn a_hub_sends_stdin_to_all() {
    let args = ["tcp-serve", "--hub", "--threads", "3", "--frame", "line", "-v", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).piped().serve();
    let streams: Vec<_> = (0..60).map(|_| connect(&address)).collect();
    server.wait_for("accepted #60 ");
    let text: String = (0..2000).map(|number| format!("from stdin {number}\n")).collect();
    server.say(&text);
    for stream in &streams {
        let mut got = vec![0; text.len()];
        (&*stream).read_exact(&mut got).unwrap();
        assert!(got == text.as_bytes());
    }
    drop(streams);
    server.wait_for("closed #");
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
}

#[test]
fn save_has_one_whole_file_a_connection() {
    let directory = crate::support::tempdir().unwrap();
    let words = format!("tcp-serve --save {}", directory.path().display());
    let (server, address) = server(4, &words);
    clients(100, &address, |number, stream| talk(&stream, &[number as u8; 10_000]));
    server.signal(libc::SIGTERM);
    check_order(&server.wait_open().code(0), 100);
    let mut seen = Vec::new();
    for entry in directory.path().read_dir().unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(bytes.len() == 10_000 && bytes.iter().all(|byte| *byte == bytes[0]));
        seen.push(bytes[0]);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..100).collect::<Vec<u8>>());
}

#[test]
fn forward_relays_each_connection() {
    let mut upstream = wirecat(["echo", "--tcp", "127.0.0.1:0"]).start();
    let words = format!("tcp-serve --forward {}", upstream.address());
    let (server, address) = server(2, &words);
    let same = clients(100, &address, |number, stream| {
        let text = format!("client {number}\n").repeat(500);
        talk(&stream, text.as_bytes()) == text.as_bytes()
    });
    assert!(same.into_iter().all(|is_same| is_same));
    server.signal(libc::SIGTERM);
    check_order(&server.wait_open().code(0), 100);
}

/// Where a port cannot be shared, connections are handed over all the same.
#[test]
fn unix_listeners_and_inherited_ones_are_served_by_all_loops() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = format!("unix:{}", path.display());
    let mut server = wirecat(["echo", "--tcp", "--threads", "2", "-v", &unix]).start();
    server.wait_for("listening unix");
    for _ in 0..50 {
        let mut stream = unix::connect(&path);
        stream.write_all(b"over unix").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "over unix");
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait_open().code(0).stderr.contains("50 connections"));
}

#[test]
fn what_stands_in_one_order_is_refused() {
    for (words, why) in [
        ("tcp-serve --threads 2 0", "one loop sends stdin to all clients"),
        ("tcp-serve --threads 2 --input json 0", "commands are obeyed one after the other"),
        ("tcp-serve --threads 2 --hub --input commands 0", "commands are obeyed one after"),
        ("tcp-serve --threads 2 --exec cat 0", "a process of its own"),
        ("tcp-serve --threads 2 --discard --record x 0", "a recording has one order"),
        ("echo --threads 2 --record x 0", "a recording has one order"),
        ("echo --threads 2 --udp unix:/x", "only plain UDP has a socket for each loop"),
        ("echo --threads 2 239.1.2.3:5000", "only plain UDP has a socket for each loop"),
        ("echo --threads 2 --ping 1", "--ping knows what it expects"),
        ("tcp-serve --threads 0 --discard 0", "is not a number of threads: write 1 to 64"),
        ("tcp-serve --threads 65 --discard 0", "is not a number of threads: write 1 to 64"),
        ("tcp-serve --threads 2 --replay x 0", "--replay"),
        ("udp-listen --threads 2 0", "--threads"),
    ] {
        wirecat(words.split(' ')).run().code(2).says(why);
    }
}
