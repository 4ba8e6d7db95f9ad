//! `udp-listen --exec`: one command for each peer (SPEC section 7).

use std::fs::File;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::datagrams::{hear, hear_all, hear_nothing, socket};
use crate::support::load::in_some_try;
use crate::support::{Running, proc, wirecat};

fn listen(options: &[&str]) -> Running {
    wirecat([&["udp-listen", "-4", ":0"], options].concat()).start()
}

/// A client that is connected to one address of the listener: it hears no other.
fn client(listener: &mut Running, host: &str) -> UdpSocket {
    let client = socket();
    client.connect((host, listener.udp_port())).unwrap();
    client
}

#[test]
fn each_peer_has_a_command_of_its_own_that_keeps_its_state() {
    let line =
        "n=0; while read x; do n=$((n+1)); echo \"$n $x $WIRECAT_PEER $WIRECAT_LOCAL\"; done";
    let mut listener = listen(&["--sh", "--exec", line]);
    let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    let port = listener.udp_port();
    let clients = hosts.map(|host| client(&mut listener, host));
    for round in 1..=3 {
        for (client, host) in clients.iter().zip(hosts) {
            client.send(b"ask\n").unwrap();
            let peer = client.local_addr().unwrap();
            hear_all(client, [format!("{round} ask {peer} {host}:{port}\n")]);
        }
    }
    assert!(listener.is_running());
}

#[test]
fn its_output_is_cut_into_lines_or_reads() {
    for (options, answers) in [
        (&["--exec", "cat"][..], &["one\n", "two\n"][..]),
        (&["--exec", "cat", "--chomp"], &["one", "two"]),
        (&["--exec", "cat", "--input", "raw"], &["one\ntwo\n"]),
        (&["--exec", "cat", "--input", "fixed:4"], &["one\n", "two\n"]),
    ] {
        let mut listener = listen(options);
        let client = client(&mut listener, "127.0.0.1");
        client.send(b"one\ntwo\n").unwrap();
        hear_all(&client, answers);
    }
}

/// The count ends the run; the command has the end of its stdin, and its last output is heard.
#[test]
fn the_last_output_is_not_lost() {
    let mut listener = listen(&["-c", "2", "--exec", "sort"]);
    let client = client(&mut listener, "127.0.0.1");
    client.send(b"pear\napple\n").unwrap();
    client.send(b"cherry\n").unwrap();
    hear_all(&client, ["apple\n", "cherry\n", "pear\n"]);
    listener.wait().code(0);
}

#[test]
fn silence_ends_a_command_and_the_next_datagram_begins_another() {
    let line = "sort; echo \"end of $WIRECAT_CONN\"";
    let mut listener = listen(&["--idle-timeout", "200ms", "--sh", "--exec", line]);
    let client = client(&mut listener, "127.0.0.1");
    for number in 1..=2 {
        client.send(b"b\na\n").unwrap();
        hear_all(&client, ["a\n".to_owned(), "b\n".to_owned(), format!("end of {number}\n")]);
    }
    assert!(listener.is_running(), "only the peer was silent for too long");
}

/// It has 2 s for its last words, however short the silence was that ended it.
#[test]
fn a_command_that_is_slow_to_end_is_heard() {
    in_some_try(Option::is_some, || {
        let home = tempfile::tempdir().unwrap();
        let fifo = home.path().join("go");
        crate::support::pipes::fifo(&fifo);
        // Open for both, it waits for no reader.
        let mut go = File::options().read(true).write(true).open(&fifo).unwrap();
        let last = format!("read x <{}; echo late", fifo.display());
        let line = format!("sort; [ $WIRECAT_CONN != 1 ] || {{ {last}; }}");
        let mut listener = listen(&["--idle-timeout", "50ms", "--sh", "--exec", &line]);
        let [slow, quick] = [(); 2].map(|()| client(&mut listener, "127.0.0.1"));
        slow.send(b"first\n").unwrap();
        hear_all(&slow, ["first\n"]);
        // Each time that the command of one is asked to end, the other one has been silent for long.
        for _ in 0..3 {
            quick.send(b"x\n").unwrap();
            hear_all(&quick, ["x\n"]);
        }
        go.write_all(b"\n").unwrap();
        slow.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        let mut words = [0; 9];
        slow.recv(&mut words).ok().filter(|length| words[..*length] == *b"late\n")
    });
}

/// A command that takes no notice of the end of its stdin is killed.
#[test]
fn a_command_that_does_not_end_makes_room_in_the_end() {
    let line = "echo here; exec sleep 600";
    let options = ["--max-flows", "1", "--idle-timeout", "100ms", "--sh", "--exec", line];
    let mut listener = listen(&options);
    let clients = [(); 2].map(|()| client(&mut listener, "127.0.0.1"));
    clients[0].send(b"x").unwrap();
    hear_all(&clients[0], ["here\n"]);
    clients[1].send(b"x").unwrap();
    listener.wait_for("finds no place: 1 command runs");
    hear_nothing(&clients[1]);
    // What is lost there is asked again, as with all datagrams.
    clients[1].set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let answered = |_: &usize| {
        clients[1].send(b"x").unwrap();
        clients[1].recv(&mut [0; 9]).is_ok()
    };
    assert!((0..600).find(answered).is_some(), "it stays without a place");
}

#[test]
fn a_command_that_reads_nothing_costs_no_memory() {
    let mut listener = listen(&["--sh", "--exec", "echo here; exec sleep 600"]);
    let stuck = client(&mut listener, "127.0.0.1");
    stuck.send(b"x").unwrap();
    hear_all(&stuck, ["here\n"]);
    for _ in 0..20_000 {
        stuck.send(&[7; 8000]).unwrap();
    }
    listener.wait_for("does not read: datagrams to it are dropped");
    // Another peer is served all the same, behind all of that.
    let other = client(&mut listener, "127.0.0.1");
    other.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
    let answered = |_: &usize| {
        other.send(b"x").unwrap();
        other.recv(&mut [0; 9]).is_ok()
    };
    assert!((0..300).find(answered).is_some(), "the other waits for the stuck one");
    let peak = proc::peak_kib(listener.pid());
    assert!(peak < 40 * 1024, "{peak} KiB");
}

#[test]
fn what_a_signal_ends_leaves_no_command_behind() {
    let mut listener = listen(&["--sh", "--exec", "echo $$; exec sleep 600"]);
    let client = client(&mut listener, "127.0.0.1");
    client.send(b"x").unwrap();
    let (said, _) = hear(&client);
    let pid = String::from_utf8(said).unwrap().trim().to_owned();
    assert!(Path::new("/proc").join(&pid).exists());
    listener.signal(Signal::TERM.as_raw());
    listener.wait().code(0);
    assert!(!Path::new("/proc").join(&pid).exists(), "{pid} lives on");
}

/// The end of its stdin is asked for, and waited for 2 s.
#[test]
fn a_command_that_never_ends_does_not_hold_the_end_up() {
    let mut listener = listen(&["-c", "1", "--exec", "sleep 600"]);
    client(&mut listener, "127.0.0.1").send(b"x").unwrap();
    listener.wait().code(0).says("commands that were killed, because they did not end: 1");
}

#[test]
fn a_command_that_fails_or_is_not_there_is_reported() {
    let mut listener = listen(&["--sh", "--exec", "read x; exit 3"]);
    let asker = client(&mut listener, "127.0.0.1");
    asker.send(b"x\n").unwrap();
    listener.wait_for("the command of #1 127.0.0.1:");
    assert!(listener.is_running());
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("command");
    std::fs::copy("/bin/cat", &path).unwrap();
    let mut listener = listen(&["-c", "1", "--exec", path.to_str().unwrap()]);
    let asker = client(&mut listener, "127.0.0.1");
    std::fs::remove_file(&path).unwrap();
    asker.send(b"x\n").unwrap();
    listener.wait().code(127).says("no such file");
}

#[test]
fn what_cannot_go_with_it_is_refused() {
    for (options, says) in [
        (&["--send", "x"][..], "--send"),
        (&["--to", "all"], "--to"),
        (&["--reply", "x"], "--reply"),
        (&["--input", "commands"], "--input commands"),
        (&["--output", "hex"], "--output"),
    ] {
        let arguments = [&["udp-listen", "--exec", "cat", "127.0.0.1:0"], options].concat();
        wirecat(arguments).run().code(2).says(&format!("cannot use {says}"));
    }
    for option in [&["--sh"][..], &["--max-flows", "3"]] {
        let arguments = [&["udp-listen", "127.0.0.1:0"], option].concat();
        wirecat(arguments).run().code(2).says("--exec <CMD>");
    }
}
