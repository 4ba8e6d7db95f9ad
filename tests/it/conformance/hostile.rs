//! Peers that misbehave, and disks that are full: that connection is closed with its reason, the
//! others live, and nothing is lost in silence (SPEC sections 1.7 and 6).

use std::fs::read;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::net::{connect, peer, read_what_comes};
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat, wirecat_path};

/// A server that tells its events as JSON on stderr.
struct Server {
    running: Running,
    address: String,
}

impl Server {
    fn start(program: Program) -> Self {
        let mut running = program.piped().start();
        let line = running.wait_for(r#""event":"listening""#);
        let event: Value = serde_json::from_str(&line).expect("an event");
        let address = event["local"].as_str().expect("an address").to_owned();
        Self { running, address }
    }

    fn with(arguments: &[&str]) -> Self {
        let start = ["tcp-serve", "127.0.0.1:0", "-v", "--log", "json"];
        Self::start(wirecat(start.iter().chain(arguments)))
    }

    /// The next client, once it has been accepted under this number.
    fn client(&mut self, number: u32) -> TcpStream {
        let client = connect(&self.address);
        self.running.wait_for(&format!(r#""event":"accepted","conn":{number},"#));
        client
    }

    /// How the connection of this number ended.
    fn closed(&mut self, number: u32) -> Value {
        let line = self.running.wait_for(&format!(r#""event":"closed","conn":{number},"#));
        serde_json::from_str(&line).expect("an event")
    }
}

#[track_caller]
fn assert_reason(closed: &Value, reason: &str, detail: &str) {
    assert_eq!((&closed["reason"], &closed["detail"]), (&reason.into(), &detail.into()));
}

/// `--read-timeout` is for whole messages; bytes that drip in do not put it off.
#[test]
fn a_peer_that_sends_a_byte_now_and_then_meets_the_read_timeout() {
    let mut server = Server::with(&["--hub", "--frame", "line", "--read-timeout", "2s"]);
    let mut dripping = server.client(1);
    let mut good = server.client(2);
    // The pauses are what is tested.
    let drip = thread::spawn(move || {
        while dripping.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let mut talker = good.try_clone().expect("a descriptor");
    let talk = thread::spawn(move || {
        while talker.write_all(b"line\n").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert_reason(&server.closed(1), "timeout", "read-timeout");
    drip.join().expect("the drip ends");
    // The one that sends whole lines is served as before.
    good.write_all(b"still here\n").expect("it is taken");
    server.running.wait_for_output("still here\n");
    good.shutdown(Shutdown::Both).expect("an end");
    talk.join().expect("the talk ends");
    server.running.signal(libc::SIGTERM);
    server.running.wait_open().code(0);
}

#[test]
fn a_client_whose_server_drips_ends_with_124() {
    let peer = peer(|mut stream| {
        while stream.write_all(b".").is_ok() {
            // The pause is what is tested.
            thread::sleep(Duration::from_millis(100));
        }
    });
    let arguments = ["tcp-connect", "-n", "--frame", "line", "--read-timeout", "500ms"];
    let client = wirecat(arguments.into_iter().chain([&*peer.address])).run();
    let ended = client.code(124).says("no whole message within 500ms");
    assert_eq!(ended.text(), "", "what is no message is not delivered");
    peer.join();
}

/// What begins a frame of more than 1,000 bytes, in each framing that can have one.
const LARGE: [(&str, &[u8]); 8] = [
    ("line", &[b'x'; 2000]),
    ("nul", &[b'x'; 2000]),
    ("netstring", b"2000:"),
    ("u16", &[0x07, 0xd0]),
    ("u32", &[0x7f, 0xff, 0xff, 0xff]),
    ("u16le", &[0xd0, 0x07]),
    ("u32le", &[0xff, 0xff, 0xff, 0xff]),
    ("varint", &[0xd0, 0x0f]),
];

#[test]
fn a_frame_over_the_limit_closes_its_connection_only() {
    for (framing, bytes) in LARGE {
        let mut server =
            Server::with(&["--hub", "--frame", framing, "--max-frame", "1000", "--conns", "2"]);
        let mut bad = server.client(1);
        let mut good = server.client(2);
        bad.write_all(bytes).expect("it is taken");
        assert_reason(&server.closed(1), "error", "frame");
        read_what_comes(&bad);
        let (start, message): (&[u8], &[u8]) = match framing {
            "netstring" => (b"2:", b"ok,"),
            "u16" => (&[0, 2], b"ok"),
            "u32" => (&[0, 0, 0, 2], b"ok"),
            "u16le" => (&[2, 0], b"ok"),
            "u32le" => (&[2, 0, 0, 0], b"ok"),
            "varint" => (&[2], b"ok"),
            "nul" => (b"", b"ok\0"),
            _ => (b"", b"ok\n"),
        };
        good.write_all(&[start, message].concat()).expect("it is taken");
        drop(good);
        let ended = server.running.wait().code(6);
        assert_eq!(ended.text(), "ok\n", "--frame {framing}");
    }
}

#[test]
fn a_frame_over_the_limit_is_6_on_a_client() {
    for (framing, bytes) in LARGE {
        let peer = peer(move |mut stream| {
            stream.write_all(bytes).expect("it is taken");
            read_what_comes(&stream);
        });
        let arguments = ["tcp-connect", "-n", "--frame", framing, "--max-frame", "1000"];
        let client = wirecat(arguments.into_iter().chain([&*peer.address])).run();
        assert_eq!(client.code(6).says("cannot read from").text(), "", "--frame {framing}");
        peer.join();
    }
}

/// What was whole is delivered; the rest is counted, and nobody gets it.
#[test]
fn a_frame_cut_by_fin_is_reported_and_not_delivered() {
    let cut: [(&str, &[u8], u64); 4] = [
        ("nul", b"ok\0cut", 3),
        ("u8", b"\x02ok\x09cut", 4),
        ("u32", b"\0\0\0\x02ok\0\0", 2),
        ("netstring", b"2:ok,5:cu", 4),
    ];
    for (framing, bytes, undelivered) in cut {
        let mut server = Server::with(&["--frame", framing, "--conns", "2"]);
        let mut bad = server.client(1);
        let good = server.client(2);
        server.running.end_input();
        bad.write_all(bytes).expect("it is taken");
        drop(bad);
        let closed = server.closed(1);
        assert_eq!(closed["undelivered"], undelivered, "--frame {framing}: {closed}");
        assert_reason(&closed, "error", "frame");
        good.shutdown(Shutdown::Write).expect("a FIN");
        assert_eq!(server.running.wait().code(6).text(), "ok\n");

        let peer = peer(move |mut stream| stream.write_all(bytes).expect("it is taken"));
        let arguments = ["tcp-connect", "-n", "-v", "--log", "json", "--frame", framing];
        let client = wirecat(arguments.into_iter().chain([&*peer.address])).run().code(6);
        assert_eq!(client.text(), "ok\n");
        client.says(&format!(r#""undelivered":{undelivered}"#));
        peer.join();
    }
}

/// Saves two clients' bytes where there is room for one of them; `files` says where they are.
fn fill_the_disk(shell: Command, files: impl Fn(u32) -> PathBuf) {
    let mut server = Server::start(program(shell));
    let mut bad = server.client(1);
    let mut good = server.client(2);
    good.write_all(b"before").expect("it is taken");
    let directory = files(server.running.pid());
    wait_for_file(&directory, "000002-", b"before");
    // It is cut off somewhere in this.
    let _ = bad.write_all(&vec![b'x'; 4 * 1024 * 1024]);
    let closed = server.closed(1);
    assert_reason(&closed, "error", "local");
    good.write_all(b" and after").expect("it is taken");
    wait_for_file(&directory, "000002-", b"before and after");
    let part = file(&directory, "000001-").expect("what fitted is there");
    assert!(!part.is_empty() && part.iter().all(|byte| *byte == b'x'));
    drop(good);
    server.running.wait().code(7).says("cannot save what #1 127.0.0.1:");
}

/// What the file of a connection holds.
fn file(directory: &Path, start: &str) -> Option<Vec<u8>> {
    let mut paths = directory.read_dir().expect("a directory").map(|e| e.expect("one").path());
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let path = paths.find(|path| name(path).is_some_and(|name| name.starts_with(start)))?;
    Some(read(path).expect("a file"))
}

fn wait_for_file(directory: &Path, start: &str, wanted: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    while file(directory, start).as_deref() != Some(wanted) {
        assert!(Instant::now() < deadline, "{:?}", file(directory, start));
        thread::sleep(Duration::from_millis(2));
    }
}

const SERVE: &str = "exec \"$0\" tcp-serve 127.0.0.1:0 -v --log json --conns 2 --save \"$1\"";

/// The limit of a file's size stands for the disk; its signal, SIGXFSZ, must not end the server.
#[test]
fn a_full_disk_under_save_closes_the_client_that_fills_it() {
    let directory = crate::support::tempdir().expect("a directory");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -f 128; {SERVE}"), wirecat_path()]).arg(directory.path());
    fill_the_disk(shell, |_| directory.path().to_owned());
}

/// The same on a file system that is really full.
#[test]
fn a_full_file_system_under_save_closes_the_client_that_fills_it() {
    let name = "a_full_file_system_under_save_closes_the_client_that_fills_it";
    let mounts = |script: &str, directory: &Path| {
        let mut unshare = Command::new("unshare");
        let script = format!("mount -t tmpfs -o size=256k none \"$1\" && {script}");
        unshare.args(["-m", "sh", "-c", &script, wirecat_path()]).arg(directory);
        unshare
    };
    let directory = crate::support::tempdir().expect("a directory");
    if !crate::support::proc::output(&mut mounts("true", directory.path()))
        .is_ok_and(|output| output.status.success())
    {
        return skip(name, "it takes root to mount a file system");
    }
    let path = directory.path().strip_prefix("/").expect("an absolute path");
    // The server has a view of its own of this directory.
    let files = |pid: u32| Path::new("/proc").join(pid.to_string()).join("root").join(path);
    fill_the_disk(mounts(SERVE, directory.path()), files);
}
