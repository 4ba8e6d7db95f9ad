//! What is in a transcript, of each command, and what becomes of a file that fails.

use std::io::Write;
use std::net::Shutdown;

use super::{Place, in_short};
use crate::multicast::Port;
use crate::support::data::noise;
use crate::support::datagrams::{hear, socket};
use crate::support::net::{connect, peer, read_all, read_exactly};
use crate::support::wirecat;

#[test]
fn a_client_writes_down_both_directions() {
    let place = Place::new();
    let peer = peer(|mut stream| {
        assert_eq!(read_all(&stream), b"question\n");
        stream.write_all(b"answer\n").unwrap();
    });
    let address = peer.address.clone();
    let record = place.arg("record");
    wirecat(["tcp-connect", "--record", &record, &address]).input("question\n").run().code(0);
    let lines = place.lines("record");
    let expected = [
        "1 connected",
        "1 data out question\n",
        "1 eof out",
        "1 data in answer\n",
        "1 eof in",
        "1 closed",
    ];
    assert_eq!(in_short(&lines), expected);
    for line in &lines {
        assert_eq!((&line["proto"], &line["peer"]), (&"tcp".into(), &address.as_str().into()));
        assert!(line["local"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert!(line["ts"].as_f64().unwrap() > 1.7e9, "{line}");
    }
    let times: Vec<f64> = lines.iter().map(|line| line["ts"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!((&lines[5]["reason"], &lines[5]["detail"]), (&"peer".into(), &"fin".into()));
    peer.join();
}

#[test]
fn bytes_that_are_no_text_are_in_base64_and_whole() {
    let place = Place::new();
    let sent = noise(300_000);
    let expected = sent.clone();
    let peer = peer(move |stream| assert!(read_all(&stream) == expected));
    let record = place.arg("record");
    let args = ["tcp-connect", "--record", &record, &peer.address];
    wirecat(args).input(sent.clone()).run().code(0);
    peer.join();
    let out = place.lines("record");
    let out = out.iter().filter(|line| line["event"] == "data" && line["dir"] == "out");
    let bytes: Vec<u8> = out
        .flat_map(|line| match line["b64"].as_str() {
            Some(b64) => data_encoding::BASE64.decode(b64.as_bytes()).unwrap(),
            None => line["text"].as_str().unwrap().as_bytes().to_vec(),
        })
        .collect();
    assert!(bytes == sent);
}

#[test]
fn a_server_numbers_its_clients() {
    let place = Place::new();
    let record = place.arg("record");
    let args = ["tcp-serve", "--record", &record, "--conns", "2", "-n", "127.0.0.1:0"];
    let (mut server, address) = wirecat(args).serve();
    for text in ["one", "two"] {
        let mut client = connect(&address);
        client.write_all(text.as_bytes()).unwrap();
        server.wait_for_output(text);
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&client);
    }
    server.wait().code(0);
    let lines = in_short(&place.lines("record"));
    for (number, text) in [(1, "one"), (2, "two")] {
        let own: Vec<_> =
            lines.iter().filter(|line| line.starts_with(&number.to_string())).collect();
        let expected = [
            format!("{number} accepted"),
            format!("{number} data in {text}"),
            format!("{number} eof in"),
            format!("{number} eof out"),
            format!("{number} closed"),
        ];
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn each_connection_of_reconnect_is_a_new_one() {
    let place = Place::new();
    let (listener, address) = crate::support::net::listener();
    let record = place.arg("record");
    let mut client =
        wirecat(["tcp-connect", "--reconnect", "--record", &record, &address]).piped().start();
    drop(crate::support::net::accept(&listener));
    let second = crate::support::net::accept(&listener);
    client.say("again");
    assert_eq!(read_exactly(&second, 5), b"again");
    client.end_input();
    assert_eq!(read_all(&second), b"");
    drop(second);
    client.wait().code(0);
    let lines = in_short(&place.lines("record"));
    for line in ["1 connected", "1 eof in", "1 closed", "2 connected", "2 data out again"] {
        assert!(lines.iter().any(|one| one == line), "{line} is not in {lines:?}");
    }
}

#[test]
fn datagrams_have_their_peers() {
    let place = Place::new();
    let (heard, sent) = (place.arg("heard"), place.arg("sent"));
    let args = ["udp-listen", "-c", "2", "--reply", "ok", "--record", &heard, "127.0.0.1:0"];
    let mut listener = wirecat(args).start();
    let address = listener.udp_address();
    let peer = socket();
    peer.send_to(b"", &address).unwrap();
    assert_eq!(hear(&peer).0, b"ok");
    wirecat(["udp-send", "-c", "1", "--record", &sent, &address]).input("hi\n").run().code(0);
    listener.wait().code(0);
    let lines = place.lines("heard");
    let expected = ["1 listening", "1 data in", "1 data out ok", "1 data in hi\n", "1 data out ok"];
    assert_eq!(in_short(&lines), expected);
    let own = peer.local_addr().unwrap().to_string();
    assert_eq!((&lines[1]["peer"], &lines[2]["peer"]), (&own.as_str().into(), &own.into()));
    assert_eq!((&lines[1]["len"], &lines[1]["text"]), (&0.into(), &"".into()));
    let lines = place.lines("sent");
    assert_eq!(in_short(&lines), ["1 connected", "1 data out hi\n", "1 data in ok"]);
    assert_eq!(lines[1]["peer"], address);
}

#[test]
fn groups_are_named() {
    let place = Place::new();
    let (heard, sent) = (place.arg("heard"), place.arg("sent"));
    let port = Port::new().number;
    let group = format!("239.77.3.9:{port}");
    let on_lo = format!("{group}%lo");
    let mut listener = wirecat(["mcast-join", "-c", "1", "--record", &heard, &on_lo]).start();
    listener.wait_for("joined");
    wirecat(["mcast-send", "--record", &sent, &on_lo]).input("hi\n").run().code(0);
    listener.wait().code(0);
    for (name, dir) in [("heard", "in"), ("sent", "out")] {
        let lines = place.lines(name);
        assert_eq!(in_short(&lines), ["1 listening".to_owned(), format!("1 data {dir} hi\n")]);
        assert_eq!(lines[1]["group"], group, "{name}");
    }
}

/// SPEC 1.3: what is missing in the record was lost, whatever else went well.
#[test]
fn a_full_disk_is_reported_and_the_run_goes_on() {
    let peer = peer(|stream| assert_eq!(read_all(&stream), b"text\n"));
    let args = ["tcp-connect", "--record", "/dev/full", &peer.address];
    let ended = wirecat(args).input("text\n").run().code(7);
    assert_eq!(ended.stderr, "wirecat: cannot record to /dev/full: no space left on device");
    peer.join();
    let mut server = wirecat(["tcp-serve", "--record", "/dev/full", "-n", "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    client.write_all(b"first").unwrap();
    server.wait_for("cannot record to /dev/full");
    client.write_all(b"second").unwrap();
    server.wait_for_output("second");
    server.signal(libc::SIGTERM);
    server.wait().code(7);
    let listener = ["udp-listen", "-c", "1", "--record", "/dev/full", "127.0.0.1:0"];
    let mut listener = wirecat(listener).start();
    socket().send_to(b"x", listener.udp_address()).unwrap();
    let ended = listener.wait().code(7).says("cannot record to /dev/full");
    assert_eq!(ended.text(), "x");
}

#[test]
fn a_file_that_cannot_be_made_ends_it_before_it_begins() {
    let ended = wirecat(["tcp-connect", "--record", "/no/such/place", "127.0.0.1:1"]).run();
    ended.code(7).says("cannot record to /no/such/place: no such file or directory");
}

/// Two runs that write from the start of one file would leave no line of either whole.
#[test]
fn a_file_that_another_run_records_to_is_refused_and_left_alone() {
    let place = Place::new();
    let file = place.arg("t.ndjson");
    let (server, address) = wirecat(["tcp-serve", "--record", &file, "127.0.0.1:0"]).serve();
    let ended = wirecat(["tcp-connect", "--send", "one\n", "--record", &file, &address]).run();
    ended.code(7).says("another process has locked it");
    wirecat(["tcp-connect", "--send", "two\n", &address]).run().code(0);
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    let lines = in_short(&place.lines("t.ndjson"));
    assert!(lines.contains(&"1 data in two\n".to_owned()), "{lines:?}");
    // It is free again.
    let mut server = wirecat(["tcp-serve", "--record", &file, "127.0.0.1:0"]).start();
    server.address();
}
