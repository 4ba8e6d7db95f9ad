//! A live service that nobody here has written: a redis session is recorded, mocked, and played
//! against the live one again.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Place;
use crate::support::peers::{Reserved, installed};
use crate::support::{PATIENCE, Running, program, skip, wirecat};

/// A redis server of the test's own, which keeps nothing.
struct Redis {
    port: u16,
    _server: Running,
    _directory: TempDir,
}

impl Redis {
    /// Starts one; says aloud where there is none.
    fn start(test: &str) -> Option<Self> {
        for tool in ["redis-server", "redis-cli"] {
            if !installed(tool) {
                skip(test, &format!("{tool} is not installed"));
                return None;
            }
        }
        let directory = crate::support::tempdir().expect("a temporary directory");
        // It cannot choose a port itself. A reserved one is given to nobody else meanwhile.
        let reserved = Reserved::new().expect("a free port");
        let port = reserved.port;
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--daemonize", "no", "--dir"]).arg(directory.path());
        command.env_remove("REDISCLI_AUTH");
        let server = program(command).stdout(Stdio::null()).start();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { port, _server: server, _directory: directory })
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// What redis-cli prints for one command, on a connection of its own.
fn redis_cli(port: u16, words: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(words);
    program(command).run().code(0).text().to_owned()
}

/// Commands as they stand on the wire, and what the server answers.
const DIALOGUE: [(&str, &str); 3] = [
    ("*1\r\n$4\r\nPING\r\n", "+PONG\r\n"),
    ("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n", "+OK\r\n"),
    ("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "$5\r\nhello\r\n"),
];

#[test]
fn a_scripted_session_is_played_against_the_live_server_and_against_a_mock() {
    let Some(redis) = Redis::start("a recorded redis session") else { return };
    let place = Place::new();
    let record = place.arg("session");
    let mut client =
        wirecat(["tcp-connect", "--record", &record, &redis.address()]).piped().start();
    for (question, answer) in DIALOGUE {
        client.say(question);
        client.wait_for_output(answer);
    }
    let live = client.wait().code(0);

    let again = wirecat(["tcp-connect", "--replay", &record, &redis.address()]).run().code(0);
    assert_eq!(again.text(), live.text());

    let mut mock = wirecat(["tcp-serve", "--replay", &record, "127.0.0.1:0"]).start();
    let mut client = wirecat(["tcp-connect", &mock.address()]).piped().start();
    for (question, answer) in DIALOGUE {
        client.say(question);
        client.wait_for_output(answer);
    }
    assert_eq!(client.wait().code(0).text(), live.text());
    mock.wait().code(0);

    // One byte of what the server said is changed: the live one says something else.
    let changed = place.text("session").replacen("$5\\r\\nhello", "$5\\r\\nhallo", 2);
    let changed = changed.replacen("$5\\r\\nhallo", "$5\\r\\nhello", 1);
    let file = place.write("changed", &changed);
    let ended = wirecat(["tcp-connect", "--replay", &file, &redis.address()]).run().code(1);
    let words = r#"byte 17 (after …"PONG\r\n+OK\r\n$5\r\nh"): expected "allo\r\n", got "ello\r\n""#;
    assert!(ended.stderr.contains(words), "{words} is not in {}", ended.stderr);
}

#[test]
fn redis_cli_cannot_distinguish_the_mock_from_the_server() {
    let Some(redis) = Redis::start("redis-cli and a mock") else { return };
    let place = Place::new();
    let record = place.arg("relayed");
    let commands: [&[&str]; 3] = [&["PING"], &["SET", "k", "hello"], &["GET", "k"]];
    // A relay between redis-cli and the server writes down both sides.
    let args = ["tcp-serve", "--conns", "3", "--record", &record, "--forward", &redis.address()];
    let mut relay = wirecat(args.into_iter().chain(["127.0.0.1:0"])).start();
    let port = relay.port();
    let live = commands.map(|words| redis_cli(port, words));
    assert_eq!(live, ["PONG\n", "OK\n", "hello\n"]);
    relay.wait().code(0);

    let args = ["tcp-serve", "--output", "none", "--replay", &record, "127.0.0.1:0"];
    let mut mock = wirecat(args).start();
    let port = mock.port();
    assert_eq!(commands.map(|words| redis_cli(port, words)), live);
    mock.wait().code(0);

    let args = ["tcp-connect", "--output", "none", "--replay", &record, &redis.address()];
    wirecat(args).run().code(0);
}
