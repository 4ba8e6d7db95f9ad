//! The recipes of the README, run as they stand there but for their ports:
//! those of the README may be taken, here or by the tests of another checkout.

mod more;
#[cfg(feature = "tls")]
mod tls;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

use libc::SIGTERM;
use regex::{Captures, Regex};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::support::data::noise;
use crate::support::net::{accept, connect, read_all, read_exactly, read_what_comes};
use crate::support::peers::is_bindable;
use crate::support::proc::unshared;
use crate::support::unix;
use crate::support::{PATIENCE, Program, Running, program, skip, wirecat_path};

/// What tells the recipes apart.
const RECIPES: &[&str] = &[
    "> copy",
    "< original",
    "| tar x",
    "tar c docs",
    "--save uploads",
    "echo ruok",
    "echo ping",
    "unix:api.sock",
    "-n --output dump",
    "| jq",
    "tail",
    "'sort -u'",
    "session.pcapng",
    "--output dump 7007",
    "-z --wait",
    "--expect",
    "--port-file",
    "--on '",
    "--reply 'HTTP",
    "./run-tests",
    "--record session.ndjson",
    "--replay",
    "| wirecat udp-send localhost",
    "--reply=2s",
    "udp-listen 70",
    "./send-metrics",
    "--seq rtp",
    "-- wirecat mcast-send",
    "--stats --max-loss",
    "--duration 1s",
    "--wait 5s",
    "wirecat echo 70",
    "--interval 10ms",
    "--conns 50",
    "--delay",
    "--prefix",
    "chat --host",
    "chat localhost",
    "chat 239",
    "--hub --frame line 70",
    "delim:",
    "octet",
    "u16@4",
    "--frame obj",
    "--tls-self-signed",
    "--tls-pin",
    "--tls-min-days",
];

/// The README's port from which all others count.
const FIRST: u16 = 7000;
const PORTS: u16 = 40;

/// The port that stands for FIRST. The ones behind it are the tests' own as long as they run: one
/// that looks for ports claims them by a listener on the first, which no recipe has.
fn first_port() -> u16 {
    static CLAIM: LazyLock<(TcpListener, u16)> = LazyLock::new(|| {
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
        // Below the ports that Linux gives to whoever asks for any.
        let claim = (20_000..26_000).step_by(usize::from(PORTS)).find_map(|first| {
            let claim = bind(first)?;
            let are_free =
                (first + 1..first + PORTS).all(|port| is_bindable(Ipv4Addr::LOCALHOST, port));
            are_free.then_some((claim, first))
        });
        claim.expect("free ports")
    });
    CLAIM.1
}

/// The port that stands for one of the README.
fn port(readme: u16) -> u16 {
    first_port() + (readme - FIRST)
}

/// The address of a port of the README.
fn local(readme: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port(readme)).into()
}

/// A text of the README with the ports that stand for its own.
fn with_free_ports(text: &str) -> String {
    let ports = Regex::new(r"\b70\d\d\b").expect("an expression");
    let replace = |found: &Captures<'_>| port(found[0].parse().expect("a port")).to_string();
    ports.replace_all(text, replace).into_owned()
}

fn lines() -> Vec<&'static str> {
    let readme = include_str!("../../../README.md");
    let chapter = readme.split("## Recipes").nth(1).expect("the chapter");
    let chapter = chapter.split("\n## ").next().expect("its text");
    let blocks = chapter.split("```sh\n").skip(1);
    blocks.flat_map(|block| block.split("```").next().expect("its end").lines()).collect()
}

#[test]
fn every_recipe_has_its_test() {
    let lines = lines();
    assert_eq!(lines.len(), RECIPES.len());
    for line in lines {
        let known = RECIPES.iter().filter(|words| line.contains(**words)).count();
        assert_eq!(known, 1, "{line}");
    }
}

/// The picture of a chat is the one that a test of the chat makes.
#[test]
fn the_picture_is_fresh() {
    let picture = include_str!("../chat/screen.txt");
    assert!(
        include_str!("../../../README.md").contains(picture),
        "README.md has another screen.txt"
    );
}

/// A directory to run recipes in.
struct Kitchen(TempDir);

impl Kitchen {
    fn new() -> Self {
        Self(crate::support::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Puts a program there. What a child of another test has open for writing cannot be run (ETXTBSY,
    /// execve(2)).
    fn script(&self, name: &str, text: &str) {
        unshared(|| {
            let mut options = File::options();
            let file = options.write(true).create_new(true).mode(0o755).open(self.path(name));
            write!(file.expect("a new file"), "#!/bin/bash\n{text}\n").expect("it is written");
        });
    }

    /// The recipe with these words, as a shell runs it.
    fn recipe(&self, words: &str) -> Program {
        assert!(RECIPES.contains(&words));
        let line = lines().into_iter().find(|line| line.contains(words)).expect("the recipe");
        self.shell(&with_free_ports(line))
    }

    /// A line as a shell runs it, in a process group of its own.
    fn shell(&self, line: &str) -> Program {
        let binaries = Path::new(wirecat_path()).parent().expect("a directory").to_owned();
        let others = std::env::var_os("PATH").expect("a PATH");
        let all = [binaries].into_iter().chain(std::env::split_paths(&others));
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", line]).current_dir(self.0.path()).process_group(0);
        program(bash).with(|bash| {
            bash.env("PATH", std::env::join_paths(all).expect("a PATH"));
        })
    }
}

#[test]
fn a_suite_finds_its_mock_server() {
    for (expected, status) in [("ready", 0), ("steady", 1)] {
        let kitchen = Kitchen::new();
        let talk = format!(
            "exec 3<>\"/dev/tcp/$WIRECAT_HOST/$WIRECAT_PORT\"; read -r line <&3; [[ $line = {expected} ]]"
        );
        kitchen.script("run-tests", &talk);
        kitchen.recipe("./run-tests").run().code(status);
    }
}

#[test]
fn a_health_check_distinguishes_the_healthy_from_the_sick() {
    let listener = TcpListener::bind(local(7003)).unwrap();
    let answers = thread::spawn(move || {
        for status in ["200 OK", "503 Service Unavailable"] {
            let client = accept(&listener);
            let mut head = BufReader::new(&client).lines().map_while(Result::ok);
            assert_eq!(head.next().as_deref(), Some("GET /health HTTP/1.0"));
            (&client).write_all(format!("HTTP/1.0 {status}\r\n\r\n").as_bytes()).unwrap();
        }
    });
    for status in [0, 1] {
        Kitchen::new().recipe("--expect").run().code(status);
    }
    answers.join().unwrap();
}

#[test]
fn a_file_arrives_whole() {
    let (here, there) = (Kitchen::new(), Kitchen::new());
    let original = noise(3 << 20);
    fs::write(here.path("original"), &original).unwrap();
    let takes = there.recipe("> copy").start();
    here.recipe("< original").run().code(0);
    takes.wait().code(0);
    assert!(fs::read(there.path("copy")).unwrap() == original);
}

#[test]
fn three_datagrams_are_counted() {
    for (count, status) in [(3, 0), (2, 1)] {
        let kitchen = Kitchen::new();
        let send = format!("seq {count} | wirecat udp-send \"$WIRECAT_ADDR\"");
        kitchen.script("send-metrics", &send);
        let ended = kitchen.recipe("./send-metrics").run();
        assert_eq!(ended.code, Some(status), "{}", ended.stderr);
    }
}

#[test]
fn a_log_is_seen_by_many() {
    let kitchen = Kitchen::new();
    let mut log = File::create(kitchen.path("app.log")).unwrap();
    let mut server = kitchen.recipe("tail").start();
    server.wait_for("listening tcp");
    let viewers = [(); 2].map(|()| connect(&local(7006).to_string()));
    let views = viewers.map(|viewer| thread::spawn(move || read_exactly(&viewer, 9)));
    // Who comes a moment later sees the next line.
    let deadline = Instant::now() + PATIENCE;
    while !views.iter().all(thread::JoinHandle::is_finished) && Instant::now() < deadline {
        log.write_all(b"one line\n").unwrap();
        thread::sleep(std::time::Duration::from_millis(20));
    }
    for view in views {
        assert_eq!(view.join().unwrap(), b"one line\n");
    }
    end_group(&server);
}

#[test]
fn a_forward_is_captured() {
    let kitchen = Kitchen::new();
    let backend = TcpListener::bind(local(7008)).unwrap();
    let mut server = kitchen.recipe("session.pcapng").start();
    server.wait_for("listening tcp");
    let mut client = connect(&local(7007).to_string());
    client.write_all(b"over there").unwrap();
    let far = accept(&backend);
    assert_eq!(read_exactly(&far, 10), b"over there");
    drop((client, far));
    server.signal(SIGTERM);
    server.wait().code(0);
    let capture = fs::read(kitchen.path("session.pcapng")).unwrap();
    assert!(capture.starts_with(b"\x0a\x0d\x0d\x0a"), "not pcapng");
    assert!(capture.windows(10).any(|window| window == b"over there"));
    let mut server = kitchen.recipe("--output dump 7007").start();
    server.wait_for("listening tcp");
    let client = connect(&local(7007).to_string());
    (&accept(&backend)).write_all(b"and back").unwrap();
    assert_eq!(read_exactly(&client, 8), b"and back");
    server.wait_for_output(" 8 B\n0000:   61 6e 64 20 62 61 63 6b ");
    drop(client);
    server.signal(SIGTERM);
    server.wait();
}

#[test]
fn a_session_becomes_a_mock_of_the_service() {
    let kitchen = Kitchen::new();
    let service = TcpListener::bind(local(7009)).unwrap();
    let mut relay = kitchen.recipe("--record session.ndjson").start();
    relay.wait_for("listening tcp");
    let answers = std::thread::spawn(move || {
        let real = accept(&service);
        for (question, answer) in [(&b"PING\r\n"[..], "+PONG\r\n"), (b"QUIT\r\n", "+OK\r\n")] {
            assert_eq!(read_exactly(&real, question.len()), question);
            (&real).write_all(answer.as_bytes()).unwrap();
        }
    });
    // A client that waits for each answer, as most do.
    let ask = |last: &[u8]| {
        let mut client = connect(&local(7010).to_string());
        client.write_all(b"PING\r\n").unwrap();
        assert_eq!(read_exactly(&client, 7), b"+PONG\r\n");
        client.write_all(last).unwrap();
        read_what_comes(&client)
    };
    assert_eq!(ask(b"QUIT\r\n"), b"+OK\r\n");
    answers.join().unwrap();
    relay.wait().code(0);
    // Whoever says something else is cut off.
    for (last, answer, status) in [(b"QUIT\r\n", &b"+OK\r\n"[..], 0), (b"EXIT\r\n", b"", 1)] {
        let mut mock = kitchen.recipe("--replay").start();
        mock.wait_for("listening tcp");
        assert_eq!(ask(last), answer);
        mock.wait().code(status);
    }
}

#[test]
fn multicast_works_on_this_machine() {
    Kitchen::new().recipe("-- wirecat mcast-send").run().code(0);
}

#[test]
fn an_api_answers_on_its_socket() {
    let kitchen = Kitchen::new();
    let api = UnixListener::bind(kitchen.path("api.sock")).unwrap();
    let answers = thread::spawn(move || {
        let mut client = unix::accept(&api);
        let mut request = [0; 25];
        client.read_exact(&mut request).unwrap();
        assert_eq!(&request, b"GET /version HTTP/1.0\r\n\r\n");
        client.write_all(b"HTTP/1.0 200 OK\r\n\r\n1.2").unwrap();
    });
    let ended = kitchen.recipe("unix:api.sock").run().code(0);
    assert_eq!(ended.stdout, b"HTTP/1.0 200 OK\r\n\r\n1.2");
    answers.join().unwrap();
}

#[test]
fn a_command_learns_of_every_guest() {
    let kitchen = Kitchen::new();
    let mut server = kitchen.recipe("--on '").start();
    server.wait_for("listening tcp");
    let guests = [(); 2].map(|()| connect(&local(7012).to_string()));
    guests[0].shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&guests[0]), b"");
    server.signal(SIGTERM);
    server.wait().code(0);
    let visitors = fs::read_to_string(kitchen.path("visitors")).unwrap();
    assert_eq!(visitors.lines().count(), 2, "{visitors}");
    assert!(visitors.lines().all(|line| line.contains("\"event\":\"accepted\"")), "{visitors}");
}

#[test]
fn the_program_in_the_readme_is_a_server() {
    let readme = include_str!("../../../README.md");
    let text = readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next());
    let kitchen = Kitchen::new();
    let text = with_free_ports(text.expect("a program"));
    fs::write(kitchen.path("server.py"), text).unwrap();
    if crate::support::proc::output(Command::new("python3").arg("--version")).is_err() {
        return skip("recipes::the_program", "python3 is not installed");
    }
    let mut server = kitchen.shell("exec python3 server.py").start();
    server.wait_for("listening tcp");
    let mut client = connect(&local(7013).to_string());
    client.write_all(b"hello\nthere\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"HELLO\nTHERE\n");
    // Bytes that are no text come back as they are.
    let mut bytes = noise(20_000);
    bytes.push(b'\n');
    let mut client = connect(&local(7013).to_string());
    client.write_all(&bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let whole = read_all(&client);
    assert_eq!(whole.len(), bytes.len());
    let lines =
        |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    for (sent, came) in lines(&bytes).into_iter().zip(lines(&whole)) {
        let expected =
            str::from_utf8(&sent).map_or(sent.clone(), |text| text.to_uppercase().into());
        assert_eq!(came, expected);
    }
}

/// Ends a pipeline whose parts would not end with the shell.
fn end_group(running: &Running) {
    let group = Pid::from_raw(running.pid() as i32).expect("a pid");
    kill_process_group(group, Signal::TERM).expect("the group is there");
}
