//! `--forward` and `--exec` with `--output dump` or `json`: what passes is shown, and goes on as it is.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use super::{relay, through};
use crate::support::data::{assert_same, noise};
use crate::support::net::{accept, connect, listener, read_all, read_exactly};
use crate::support::{proc, wirecat};

#[test]
fn both_directions_are_dumped_while_they_pass() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["--output", "dump", "--conns", "1"]);
    let (mut client, mut far) = through(&address, &upstream);
    let own = client.local_addr().unwrap();
    client.write_all(b"question").unwrap();
    assert_eq!(read_exactly(&far, 8), b"question");
    server.wait_for_output(format!("< {own} 8 B\n0000:   71 75 65 73 74 69 6f 6e "));
    far.write_all(b"answer").unwrap();
    assert_eq!(read_exactly(&client, 6), b"answer");
    server.wait_for_output(format!("> {own} 6 B\n0000:   61 6e 73 77 65 72 "));
    drop((client, far));
    server.wait().code(0);
}

#[test]
fn both_directions_are_events_with_their_client() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["--output", "json", "--conns", "1"]);
    let (mut client, mut far) = through(&address, &upstream);
    client.write_all(b"question").unwrap();
    assert_eq!(read_exactly(&far, 8), b"question");
    let event = server.wait_for_event("data");
    assert_eq!((&event["dir"], &event["text"]), (&"in".into(), &"question".into()));
    far.write_all(b"answer").unwrap();
    assert_eq!(read_exactly(&client, 6), b"answer");
    let events = server.wait_for_events("data", 2);
    let event = events.last().unwrap();
    assert_eq!((&event["dir"], &event["text"]), (&"out".into(), &"answer".into()));
    let peer = client.local_addr().unwrap().to_string();
    assert!(events.iter().all(|event| event["conn"] == 1 && event["peer"] == peer), "{events:?}");
    drop((client, far));
    server.wait().code(0);
    // Who wants the events alone has the bytes pass by the kernel.
    let (mut server, address) = relay(&target, &["--output=json", "--events=-data", "--conns=1"]);
    let (mut client, far) = through(&address, &upstream);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&far), b"question");
    drop((client, far));
    server.wait_for_event("closed");
    assert!(!server.wait().code(0).text().contains("\"data\""));
}

/// The conversation of a command is shown in the same way.
#[test]
fn a_command_is_dumped_too() {
    let mut server =
        wirecat(["tcp-serve", "-1", "--exec", "cat", "--output", "dump", "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    client.write_all(b"echoed").unwrap();
    assert_eq!(read_exactly(&client, 6), b"echoed");
    server.wait_for_output("> ");
    drop(client);
    let text = server.wait().code(0).text().to_owned();
    assert_eq!(text.matches("65 63 68 6f 65 64").count(), 2, "{text}");
}

/// Bytes of both directions come through unaltered, and all of them are shown.
#[test]
fn what_is_watched_is_not_altered() {
    let (upstream, target) = listener();
    let count = 3 << 20;
    let (server, address) = relay(&target, &["--output", "json", "--conns", "1"]);
    let (mut client, mut far) = through(&address, &upstream);
    let (there, back) = (noise(count), noise(count).into_iter().rev().collect::<Vec<u8>>());
    let (sent, returned) = (there.clone(), back.clone());
    let (mut client_writer, mut far_writer) =
        (client.try_clone().unwrap(), far.try_clone().unwrap());
    let writers = [
        thread::spawn(move || {
            client_writer.write_all(&sent).unwrap();
            client_writer.shutdown(Shutdown::Write).unwrap();
        }),
        thread::spawn(move || {
            far_writer.write_all(&returned).unwrap();
            far_writer.shutdown(Shutdown::Write).unwrap();
        }),
    ];
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        far.read_to_end(&mut all).unwrap();
        all
    });
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert_same(&all, &back);
    assert_same(&reader.join().unwrap(), &there);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let ended = server.wait().code(0);
    for (way, expected) in [("in", count), ("out", count)] {
        let shown: u64 = ended
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|event| event["event"] == "data" && event["dir"] == way)
            .map(|event| event["len"].as_u64().unwrap())
            .sum();
        assert_eq!(shown, expected as u64, "{way}");
    }
}

/// A stdout that is not read has both sides wait, and costs little memory; one that is gone has nobody
/// wait.
#[test]
fn a_view_that_is_not_read_holds_back_and_one_that_is_gone_does_not() {
    let (upstream, target) = listener();
    let args = ["tcp-serve", "--forward", &target, "--output", "dump", "127.0.0.1:0"];
    let (viewer, stdout) = crate::support::pipes::pipe().unwrap();
    let (server, address) = wirecat(args).stdout(stdout).serve();
    let (mut client, mut far) = through(&address, &upstream);
    let count = 64 << 20;
    let writer = thread::spawn(move || {
        let piece = vec![b'x'; 1 << 16];
        (0..count / piece.len()).for_each(|_| client.write_all(&piece).unwrap());
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&client)
    });
    // As much as fits into all the buffers on the way comes, and then no more.
    far.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    let (mut came, mut piece) = (0, vec![0; 1 << 16]);
    while let Ok(read @ 1..) = far.read(&mut piece) {
        came += read;
    }
    assert!(came < count / 2, "{came} bytes passed unseen");
    let peak = proc::peak_kib(server.pid());
    assert!(peak < 100 * 1024, "{peak} KiB");
    drop(viewer);
    far.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).unwrap();
    assert_eq!(came + rest.len(), count);
    far.write_all(b"thanks").unwrap();
    drop(far);
    assert_eq!(writer.join().unwrap(), b"thanks");
    // Others are served as well.
    let mut client = connect(&address);
    let far = accept(&upstream);
    client.write_all(b"more").unwrap();
    assert_eq!(read_exactly(&far, 4), b"more");
    drop((client, far));
    server.signal(15);
    let ended = server.wait().code(0);
    assert!(!ended.stderr.contains("stdout"), "{}", ended.stderr);
}

#[test]
fn other_forms_do_not_say_which_way_it_went() {
    for form in ["raw", "line", "hex", "nul"] {
        let args = ["tcp-serve", "--forward", "127.0.0.1:9", "--output", form, "127.0.0.1:0"];
        wirecat(args).run().code(2).says("what passes both ways is shown by dump and json alone");
    }
}

#[test]
fn several_loops_show_what_passes() {
    let (upstream, target) = listener();
    let (mut server, address) = relay(&target, &["--output", "json", "--threads", "2"]);
    for number in 1..=4 {
        let (mut client, far) = through(&address, &upstream);
        client.write_all(b"question").unwrap();
        assert_eq!(read_exactly(&far, 8), b"question");
        let events = server.wait_for_events("data", number);
        assert_eq!(events.last().unwrap()["text"], "question");
    }
    server.signal(15);
    server.wait().code(0);
}

/// The events of a connection come in their order, also where stdout is behind: what has passed, its end,
/// and that it is closed.
#[test]
fn what_passes_is_shown_before_its_end() {
    let (upstream, target) = listener();
    let args = ["tcp-serve", "--forward", &target, "--output", "json", "127.0.0.1:0"];
    let (mut viewer, stdout) = crate::support::pipes::pipe().unwrap();
    let (server, address) = wirecat(args).stdout(stdout).serve();
    let (mut first, mut other) = through(&address, &upstream);
    let (mut client, far) = through(&address, &upstream);
    // The pipe is full, and so is what waits for it; half of what may wait to be shown does.
    let count = rustix::pipe::fcntl_getpipe_size(&viewer).unwrap() + (256 << 10) + (512 << 10);
    let writer =
        thread::spawn(move || client.write_all(&vec![b'x'; count]).map(|()| client).unwrap());
    read_exactly(&far, count);
    let client = writer.join().unwrap();
    first.write_all(b"question").unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&other), b"question");
    other.write_all(b"answer").unwrap();
    drop(other);
    // Nothing more passes, as there is no room to show it.
    first.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    assert!(first.read(&mut [0; 8]).is_err(), "it passes unseen");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        viewer.read_to_string(&mut text).map(|_| text).unwrap()
    });
    first.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    assert_eq!(read_all(&first), b"answer");
    drop((client, far, first));
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    let text = reader.join().unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_first: Vec<_> = events
        .filter(|event| event["conn"] == 1)
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_first, ["accepted", "connected", "data", "eof", "data", "closed"]);
}
