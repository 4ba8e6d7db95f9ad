//! Captures, as tshark reads them: nothing is malformed, and the bytes come back.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::Place;
use crate::support::data::noise;
use crate::support::datagrams::{hear, socket_on};
use crate::support::net::{connect, peer, read_all, reset};
use crate::support::peers::installed;
use crate::support::{program, skip, wirecat};

fn is_here(test: &str) -> bool {
    let installed = installed("tshark");
    if !installed {
        skip(test, "tshark is not installed");
    }
    installed
}

/// What tshark says of a capture.
#[track_caller]
fn tshark(capture: &Path, args: &[&str]) -> String {
    let mut command = Command::new("tshark");
    // Checksums are looked at, and no port means a protocol to look into.
    let checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"];
    for check in checks {
        command.args(["-o", &format!("{check}:TRUE")]);
    }
    command.arg("-n").arg("-r").arg(capture).args(args);
    program(command).run().code(0).text().to_owned()
}

/// Fields of all packets, one line each.
#[track_caller]
fn fields(capture: &Path, names: &[&str]) -> Vec<String> {
    let mut args = vec!["-T", "fields", "-E", "separator=/s"];
    names.iter().for_each(|name| args.extend(["-e", name]));
    tshark(capture, &args).lines().map(str::to_owned).collect()
}

/// tshark has nothing to complain of: neither errors nor warnings, and of notes only those that
/// tell how connections end.
#[track_caller]
fn assert_sound(capture: &Path) {
    let expert = tshark(capture, &["-q", "-z", "expert"]);
    for line in expert.lines() {
        assert!(!line.starts_with("Errors") && !line.starts_with("Warns"), "{expert}");
    }
    let bad = "tcp.analysis.flags || _ws.malformed || ip.checksum.status == Bad \
        || tcp.checksum.status == Bad || udp.checksum.status == Bad";
    assert_eq!(tshark(capture, &["-Y", bad]), "");
}

/// The bytes of a stream: those of the side that connected, and those of the other one.
#[track_caller]
fn follow(capture: &Path, stream: usize) -> (Vec<u8>, Vec<u8>) {
    let text = tshark(capture, &["-q", "-z", &format!("follow,tcp,raw,{stream}")]);
    let hex = |digits: &str| data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hex");
    let (mut client, mut server) = (Vec::new(), Vec::new());
    for line in text.lines().skip_while(|line| !line.starts_with("Node 1")).skip(1) {
        match line.strip_prefix('\t') {
            Some(digits) => server.extend(hex(digits)),
            None if line.starts_with('=') => {}
            None => client.extend(hex(line)),
        }
    }
    (client, server)
}

#[test]
fn streams_of_both_families_come_back_whole() {
    if !is_here("captures of streams") {
        return;
    }
    let place = Place::new();
    let capture = place.path("server.pcapng");
    let record = place.arg("server.pcapng");
    let answer = noise(20_000);
    let file = place.path("answer");
    std::fs::write(&file, &answer).unwrap();
    let reply = format!("@{}", place.arg("answer"));
    let args =
        ["tcp-serve", "--conns", "2", "--reply", &reply, "--record", &record, "--output", "none"];
    let (mut server, fourth) = wirecat(args.into_iter().chain(["127.0.0.1:0", "[::1]:0"])).serve();
    let sixth = server.wait_for("listening tcp [::1]").replace("listening tcp ", "");
    let questions = [noise(70_000), b"short".to_vec()];
    for (address, question) in [fourth, sixth].iter().zip(&questions) {
        let args = ["tcp-connect", address];
        let ended = wirecat(args).input(question.clone()).run().code(0);
        assert!(ended.stdout == answer);
    }
    server.wait().code(0);
    assert_sound(&capture);
    for (stream, question) in questions.iter().enumerate() {
        let (client, server) = follow(&capture, stream);
        assert!(client == *question && server == answer, "stream {stream}");
    }
    let names = ["ip.version", "tcp.flags.str"];
    let handshake: Vec<String> = fields(&capture, &names).into_iter().take(3).collect();
    assert_eq!(handshake, ["4 ··········S·", "4 ·······A··S·", "4 ·······A····"]);
    let lengths: BTreeSet<usize> =
        fields(&capture, &["tcp.len"]).iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(lengths.last(), Some(&1460));
    let versions: BTreeSet<_> = fields(&capture, &["ipv6.version"]).into_iter().collect();
    assert!(versions.contains("6"), "{versions:?}");
}

#[test]
fn the_end_is_reported_by_the_side_that_ended() {
    if !is_here("captures of ends") {
        return;
    }
    let place = Place::new();
    let record = place.arg("reset.pcapng");
    let cutting = peer(|stream| {
        crate::support::net::read_exactly(&stream, 1);
        reset(stream);
    });
    let args = ["tcp-connect", "--record", &record, &cutting.address];
    let mut client = wirecat(args).piped().start();
    client.say("x");
    client.wait_open().code(6);
    let port = cutting.address.rsplit(':').next().unwrap().to_owned();
    cutting.join();
    let capture = place.path("reset.pcapng");
    let last = fields(&capture, &["tcp.srcport", "tcp.flags.reset"]).pop();
    assert_eq!(last, Some(format!("{port} 1")));

    let record = place.arg("fin.pcapng");
    let server = peer(|stream| assert_eq!(read_all(&stream), b"x"));
    wirecat(["tcp-connect", "--record", &record, &server.address]).input("x").run().code(0);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    server.join();
    let capture = place.path("fin.pcapng");
    assert_sound(&capture);
    let fins = tshark(&capture, &["-Y", "tcp.flags.fin == 1", "-T", "fields", "-e", "tcp.srcport"]);
    assert_eq!(fins.lines().count(), 2);
    assert_eq!(fins.lines().last(), Some(port.as_str()));
}

#[test]
fn unix_sockets_have_ports_of_their_own_and_say_so() {
    if !is_here("captures of unix sockets") {
        return;
    }
    let place = Place::new();
    let (record, socket) = (place.arg("unix.pcapng"), format!("unix:{}", place.arg("socket")));
    let args = ["tcp-serve", "-1", "--reply", "hi", "--record", &record, &socket];
    let mut server = wirecat(args).start();
    server.wait_for("listening unix");
    wirecat(["tcp-connect", &socket]).input("ho").run().code(0);
    server.wait().code(0);
    let capture = place.path("unix.pcapng");
    assert_sound(&capture);
    assert_eq!(follow(&capture, 0), (b"ho".to_vec(), b"hi".to_vec()));
    let comments = fields(&capture, &["frame.comment"]);
    assert!(comments[0].contains(&socket), "{comments:?}");
}

#[test]
fn datagrams_have_the_addresses_of_the_network() {
    if !is_here("captures of datagrams") {
        return;
    }
    let place = Place::new();
    let names = ["ip.src", "udp.srcport", "ip.dst", "udp.dstport", "udp.payload"];
    let record = place.arg("udp.pcapng");
    // On all addresses: the one that it came to is that of the route.
    let args = ["udp-listen", "-c", "2", "--reply", "ok", "--record", &record, "0.0.0.0:0"];
    let mut listener = wirecat(args).start();
    let port = listener.udp_port();
    let peer = socket_on("127.0.0.1:0");
    let own = peer.local_addr().unwrap().port();
    for payload in [&b"x"[..], b""] {
        peer.send_to(payload, ("127.0.0.1", port)).unwrap();
        assert_eq!(hear(&peer).0, b"ok");
    }
    listener.wait().code(0);
    let capture = place.path("udp.pcapng");
    assert_sound(&capture);
    let (there, back) =
        (format!("127.0.0.1 {own} 127.0.0.1 {port}"), format!("127.0.0.1 {port} 127.0.0.1 {own}"));
    let expected = [
        format!("{there} 78"),
        format!("{back} 6f6b"),
        format!("{there} "),
        format!("{back} 6f6b"),
    ];
    assert_eq!(fields(&capture, &names), expected);

    let record = place.arg("group.pcapng");
    let group = format!("239.77.3.8:{own}");
    let mut listener =
        wirecat(["mcast-join", "-c", "1", "--record", &record, &format!("{group}%lo")]).start();
    listener.wait_for("joined");
    wirecat(["mcast-send", &format!("{group}%lo")]).input("hi\n").run().code(0);
    listener.wait().code(0);
    let capture = place.path("group.pcapng");
    assert_sound(&capture);
    let row = fields(&capture, &names).remove(0);
    assert!(row.ends_with(&format!(" 239.77.3.8 {own} 68690a")), "{row}");
}

/// IPv6 with the largest datagram, whose checksum may not be left out.
#[test]
fn the_largest_datagram_fits() {
    if !is_here("captures of large datagrams") {
        return;
    }
    let place = Place::new();
    let record = place.arg("large.pcapng");
    let args = ["udp-listen", "-c", "1", "--output", "none", "--record", &record, "[::1]:0"];
    let mut listener = wirecat(args).start();
    let port = listener.udp_port();
    socket_on("[::1]:0").send_to(&noise(65_507), ("::1", port)).unwrap();
    listener.wait().code(0);
    let capture = place.path("large.pcapng");
    assert_sound(&capture);
    assert_eq!(fields(&capture, &["udp.length"]), ["65515"]);
}

/// Each turn is written whole: a reader may look while the run goes on.
#[test]
fn a_capture_can_be_read_while_it_grows() {
    if !is_here("captures that grow") {
        return;
    }
    let place = Place::new();
    let record = place.arg("grows.pcapng");
    let mut server = wirecat(["tcp-serve", "-n", "--record", &record, "127.0.0.1:0"]).start();
    let mut client = connect(&server.address());
    client.write_all(b"so far").unwrap();
    server.wait_for_output("so far");
    // The data is on stdout before the turn is over, and the file is written at its end.
    client.write_all(b"!").unwrap();
    server.wait_for_output("!");
    let (client, _) = follow(&place.path("grows.pcapng"), 0);
    assert!(client.starts_with(b"so far"));
    server.signal(libc::SIGTERM);
    server.wait().code(0);
}
