//! The server: what comes goes back.

use std::io::{Read, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::net::UnixDatagram;

use libc::SIGTERM;
use socket2::SockRef;

use super::{echo, serve};
use crate::multicast::Port;
use crate::support::datagrams::socket;
use crate::support::load::in_some_try;
use crate::support::net::uninterrupted;
use crate::support::net::{connect, connect_narrow, read_all, read_exactly, reset};
use crate::support::proc::peak_kib;
use crate::support::unix;
use crate::support::{PATIENCE, program, wirecat, wirecat_path};

#[track_caller]
fn ask(socket: &UdpSocket, address: &str, text: &[u8]) -> Vec<u8> {
    socket.send_to(text, address).expect("it is sent");
    answer(socket)
}

#[track_caller]
fn answer(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 65_536];
    let (count, _) = uninterrupted(|| socket.recv_from(&mut bytes)).expect("an answer");
    bytes.truncate(count);
    bytes
}

/// SPEC 7: "server on TCP and UDP of ADDR", on the same port.
#[test]
fn streams_and_datagrams_on_one_port() {
    let (server, address) = serve("-v");
    let client = connect(&address);
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let mut writer = client.try_clone().unwrap();
    let sent = bytes.clone();
    let thread = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read_all(&client) == bytes);
    thread.join().unwrap();
    let peer = socket();
    for text in [&b"a\r\n"[..], b"", &[7; 60_000]] {
        assert!(ask(&peer, &address, text) == text);
    }
    server.signal(SIGTERM);
    server.wait().code(0).says("(peer closed)");
}

/// A client that does not read is read no further; another one is served.
#[test]
fn a_stuck_client_holds_up_nobody_and_takes_no_memory() {
    for args in ["", "--delay 1ms"] {
        let (_server, address) = serve(args);
        let mut stuck = connect_narrow(&address);
        SockRef::from(&stuck).set_nonblocking(true).unwrap();
        let mut taken = 0;
        let mut idle = 0;
        // The kernel's buffers and our queues are finite.
        while idle < 50 {
            match stuck.write(&[0; 65_536]) {
                Ok(count) => (taken, idle) = (taken + count, 0),
                Err(_) => {
                    idle += 1;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
            assert!(taken < 64 << 20, "it takes everything");
        }
        let mut other = connect(&address);
        other.write_all(b"hello").unwrap();
        assert_eq!(read_exactly(&other, 5), b"hello");
    }
}

#[test]
fn unix_sockets_of_both_kinds() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("stream");
    let mut server = echo(&format!("unix:{} --stop-word stop", path.display())).start();
    server.wait_for("listening unix");
    let mut client = unix::connect(&path);
    client.write_all(b"one\nstop\n").unwrap();
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"one\n");
    server.wait().code(0);

    let path = directory.path().join("datagrams");
    let mut server = echo(&format!("--udp unix:{}", path.display())).start();
    server.wait_for("listening unix");
    let ours = UnixDatagram::bind(directory.path().join("ours")).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    ours.send_to(b"one", &path).unwrap();
    assert_eq!(uninterrupted(|| ours.recv(&mut [0; 9])).unwrap(), 3);
}

/// SPEC 7: "a group answers by unicast".
#[test]
fn a_member_of_a_group_answers_by_unicast() {
    let port = Port::new().number;
    let mut server = echo(&format!("239.78.0.1:{port}%lo -c 2 -vv --log json")).start();
    server.wait_for("joined");
    let peer = socket();
    SockRef::from(&peer).set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).unwrap();
    for text in [&b"one"[..], b"two"] {
        peer.send_to(text, format!("239.78.0.1:{port}")).unwrap();
        let mut bytes = [0; 9];
        let (count, from) = uninterrupted(|| peer.recv_from(&mut bytes)).expect("an answer");
        assert_eq!((&bytes[..count], from.port()), (text, port));
        assert!(!from.ip().is_multicast(), "{from}");
    }
    let ended = server.wait().code(0);
    let events = ended.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let heard = events.filter(|event: &serde_json::Value| event["event"] == "data");
    let group = format!("239.78.0.1:{port}");
    let told = heard.filter(|event| event["group"] == *group && event["iface"] == "lo");
    assert_eq!(told.count(), 2);
}

/// Without a framing, options that speak of messages speak of lines; all else stays as it is.
#[test]
fn prefix_and_words_on_lines_and_datagrams() {
    let (server, address) = serve("--prefix >\\x20 --quit-word quit --stop-word stop");
    let mut client = connect(&address);
    client.write_all(b"a\r\n\nb").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"> a\r\n> \n> b");
    let mut client = connect(&address);
    client.write_all(b"quitter\nquit\nmore\n").unwrap();
    assert_eq!(read_all(&client), b"> quitter\n");
    let peer = socket();
    assert_eq!(ask(&peer, &address, b"a"), b"> a");
    // One connection stops for all; what it said before is answered.
    let others = connect(&address);
    let mut client = connect(&address);
    client.write_all(b"last\nstop\n").unwrap();
    assert_eq!(read_all(&client), b"> last\n");
    assert_eq!(read_all(&others), b"");
    server.wait().code(0);
}

#[test]
fn frames_are_echoed_as_frames() {
    let (server, address) = serve("--tcp --frame netstring --prefix : --stop-word stop");
    let mut client = connect(&address);
    client.write_all(b"2:ab,0:,").unwrap();
    assert_eq!(read_exactly(&client, 10), b"3::ab,1::,");
    client.write_all(b"4:stop,").unwrap();
    assert_eq!(read_all(&client), b"");
    server.wait().code(0);
    // Formats with an exchange of their own, with our client as the other side.
    for frame in ["tinyproto", "obj"] {
        let (server, address) = serve(&format!("--tcp --frame {frame}"));
        let args = ["tcp-connect", "--frame", frame, "-c", "2", &address];
        let ended = wirecat(args).input("[1,2]\n\"x\"\n").run().code(0);
        assert_eq!(ended.text().replace(' ', ""), "[1,2]\n\"x\"\n", "{frame}");
        server.signal(SIGTERM);
        server.wait().code(0);
    }
    let (_server, address) = serve("--frame netstring");
    let mut client = connect(&address);
    client.write_all(b"nonsense").unwrap();
    assert_eq!(read_all(&client), b"");
}

/// A flood is no flood of warnings: the first drop and the first answer that fails are told.
#[test]
fn what_is_lost_in_masses_is_reported_once() {
    let (mut server, address) = serve("--udp --prefix > --delay 2s -O rcvbuf=4096");
    let peer = socket();
    for _ in 0..20 {
        peer.send_to(&[7; 65_507], &address).unwrap();
    }
    for _ in 0..50_000 {
        peer.send_to(&[7; 500], &address).unwrap();
    }
    server.wait_for("gets no answer: message too long (later ones are not reported)");
    server.signal(SIGTERM);
    let ended = server.wait().code(0).says("the end says how many");
    let ended = ended.says("datagrams dropped by the kernel: ");
    assert!(ended.stderr.lines().count() <= 6, "{}", ended.stderr);
}

/// `--expect` hears both kinds of socket, and a match across reads of a stream.
#[test]
fn what_is_expected_may_come_either_way() {
    for options in ["", "--frame line"] {
        let (server, address) = serve(&format!("--expect h.llo {options}"));
        assert_eq!(ask(&socket(), &address, b"say hello"), b"say hello");
        server.wait().code(0);
    }
    let (server, address) = serve("--expect a\\nb");
    let mut client = connect(&address);
    client.write_all(b"xa\n").unwrap();
    assert_eq!(read_exactly(&client, 3), b"xa\n");
    client.write_all(b"by").unwrap();
    assert_eq!(read_all(&client), b"by");
    server.wait().code(0);
}

/// SPEC 10.17: "says so once", and serves the rest as places come free.
#[test]
fn more_clients_than_descriptors_are_reported_once() {
    let mut command = std::process::Command::new("sh");
    let line = "ulimit -n 24; exec \"$0\" echo --tcp 127.0.0.1:0";
    command.args(["-c", line, wirecat_path()]);
    let (mut server, address) = program(command).serve();
    let clients: Vec<_> = (0..40).map(|_| connect(&address)).collect();
    server.wait_for("cannot accept more than");
    for mut client in clients {
        client.write_all(b"x").unwrap();
        assert_eq!(read_exactly(&client, 1), b"x");
    }
    server.signal(SIGTERM);
    let ended = server.wait().code(0);
    assert_eq!(ended.stderr.matches("cannot accept").count(), 1, "{}", ended.stderr);
}

/// A word is what it means, however it is written.
#[test]
fn a_word_of_obj_is_an_object() {
    let server = serve("--tcp --frame obj --stop-word {\"stop\":true}");
    let (mut server, address) = server;
    server.wait_for("listening tcp");
    let args = ["tcp-connect", "--frame", "obj", &address];
    let ended = wirecat(args).input("[1]\n{ \"stop\" : true }\n").run().code(0);
    assert_eq!(ended.text(), "[1]\n");
    server.wait().code(0);
}

/// The stop word ends the run in order, like SIGTERM, whoever was lost or closed before.
#[test]
fn the_stop_word_is_0_whatever_became_of_others() {
    let (mut server, address) = serve("--tcp --frame netstring --stop-word stop");
    let mut bad = connect(&address);
    bad.write_all(b"nonsense").unwrap();
    assert_eq!(read_all(&bad), b"");
    server.wait_for("in the length of a netstring");
    connect(&address).write_all(b"4:stop,").unwrap();
    server.wait().code(0);
}

/// What the kernel carries goes back; what did not fit whole is no message.
#[test]
fn a_large_datagram_of_a_unix_socket_is_answered_whole_or_not() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("datagrams");
    let mut server = echo(&format!("--udp unix:{}", path.display())).start();
    server.wait_for("listening unix");
    let ours = UnixDatagram::bind(directory.path().join("ours")).unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    for size in [65_600, 65_536, 1] {
        ours.send_to(&vec![7; size], &path).unwrap();
    }
    let mut bytes = vec![0; 70_000];
    assert_eq!(uninterrupted(|| ours.recv(&mut bytes)).unwrap(), 65_536);
    assert_eq!(uninterrupted(|| ours.recv(&mut bytes)).unwrap(), 1);
    server.wait_for("was cut to 65536 bytes, and not answered");
}

/// What is held back is still sent when the server is told to stop, and to whoever has closed.
#[test]
fn held_answers_are_not_lost() {
    let (server, address) = serve("--delay 300ms");
    let mut client = connect(&address);
    client.write_all(b"one").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"one");
    let mut client = connect(&address);
    client.write_all(b"two").unwrap();
    let peer = socket();
    peer.send_to(b"three", &address).unwrap();
    server.signal(SIGTERM);
    assert_eq!(read_all(&client), b"two");
    assert_eq!(answer(&peer), b"three");
    server.wait().code(0);
}

/// Nothing is waited for where no answer is due: sockets of datagrams close with the rest.
#[test]
fn an_idle_server_stops_at_once() {
    for args in ["", "--udp", "--tcp", "--delay 9s"] {
        // The time that unsent answers would have is 2 s.
        let is_at_once = |waited: &std::time::Duration| waited.as_millis() < 1800;
        in_some_try(is_at_once, || {
            let (server, address) = serve(args);
            if args == "--udp" {
                assert_eq!(ask(&socket(), &address, b"one"), b"one");
            }
            let begun = std::time::Instant::now();
            server.signal(SIGTERM);
            let ended = server.wait().code(0);
            begun.elapsed().saturating_sub(ended.queued)
        });
    }
}

/// Answers that wait for a client that has reset are given up with it: who sends and resets again
/// and again would fill the memory.
#[test]
fn nothing_is_kept_for_a_client_that_is_gone() {
    let (mut server, address) = serve("-vv --frame u32 --delay 60s");
    let message = [&(3_u32 << 20).to_be_bytes()[..], &vec![b'x'; 3 << 20]].concat();
    for number in 1..=20 {
        let mut client = connect(&address);
        client.write_all(&message).unwrap();
        server.wait_for(&format!("data #{number} "));
        reset(client);
        server.wait_for(&format!("closed #{number} "));
    }
    let peak = peak_kib(server.pid());
    assert!(peak < 30_000, "{peak} KiB");
    server.signal(SIGTERM);
    server.wait().code(0);
}
