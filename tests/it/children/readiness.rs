//! `--port-file`, `--ready-fd` and `NOTIFY_SOCKET`, on every command.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::support::net::uninterrupted;
use crate::support::net::{accept, listener};
use crate::support::{PATIENCE, Program, Running, program, wirecat, wirecat_path};

const SIGTERM: i32 = 15;

/// wirecat with a pipe as its descriptor 9, by way of a shell: an fd of this test process would
/// be open in every program that other tests start.
fn with_ready_fd(args: &str) -> (Program, crate::support::pipes::PipeReader) {
    let (read, write) = crate::support::pipes::pipe().unwrap();
    let mut command = Command::new("sh");
    let script = format!("exec 9>&1 >&2; exec {} {args} --ready-fd 9", wirecat_path());
    command.arg("-c").arg(script);
    (program(command).stdout(write), read)
}

/// Every command, for those that need no peer.
const COMMANDS: [&str; 4] = [
    "tcp-serve 127.0.0.1:0",
    "udp-listen 127.0.0.1:0",
    "mcast-join 239.77.31.1:54433%lo",
    "mcast-send --test 239.77.31.1:54433%lo",
];

/// SPEC 5: "when ready, write `\n` to fd N and close it".
#[test]
fn a_descriptor_gets_a_newline_and_is_closed() {
    for args in COMMANDS {
        let (program, mut pipe) = with_ready_fd(args);
        let running = program.start();
        let mut told = Vec::new();
        // It comes to an end while wirecat still runs.
        pipe.read_to_end(&mut told).unwrap();
        assert_eq!(told, b"\n", "{args}");
        running.signal(SIGTERM);
        let _ = running.wait_open();
    }
    let (listener, address) = listener();
    let (program, mut pipe) = with_ready_fd(&format!("tcp-connect -n {address}"));
    let running = program.start();
    let peer = accept(&listener);
    let mut told = Vec::new();
    pipe.read_to_end(&mut told).unwrap();
    assert_eq!(told, b"\n");
    drop(peer);
    running.wait_open().code(0);
}

/// A descriptor that cannot be written to is said before anything is opened.
#[test]
fn a_descriptor_that_is_closed_or_for_reading_is_refused() {
    let sh = |line: &str| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec {} {line}", wirecat_path()));
        program(command).run()
    };
    for command in ["tcp-serve", "udp-listen"] {
        let ended = sh(&format!("{command} 127.0.0.1:0 --ready-fd 9 9>&-")).code(7);
        assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
        ended.says("cannot use --ready-fd 9: bad file descriptor");
        sh(&format!("{command} 127.0.0.1:0 --ready-fd 9 9</dev/null")).code(7).says("for writing");
    }
    for number in ["0", "1", "2", "-1", "x"] {
        wirecat(["tcp-serve", "127.0.0.1:0", "--ready-fd", number]).run().code(2);
    }
    // It is there, and fails when it is written to.
    sh("tcp-serve 127.0.0.1:0 --ready-fd 9 9>/dev/full").code(7).says("no space left");
}

/// Starts it with a socket in NOTIFY_SOCKET, and returns what the socket hears.
fn notified(args: &str, name: &str, socket: &UnixDatagram) -> (Running, String) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let program = wirecat(args.split_whitespace()).with(|it| {
        it.env("NOTIFY_SOCKET", name);
    });
    let running = program.start();
    (running, heard(socket))
}

fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 100];
    let count = uninterrupted(|| socket.recv(&mut buffer)).expect("a word");
    String::from_utf8_lossy(&buffer[..count]).trim().to_owned()
}

/// SPEC 5: "NOTIFY_SOCKET is honoured by itself", as a path and as an abstract name.
#[test]
fn the_service_manager_is_notified() {
    let directory = crate::support::tempdir().unwrap();
    for (number, args) in COMMANDS.iter().enumerate() {
        let path = directory.path().join(number.to_string());
        let socket = UnixDatagram::bind(&path).unwrap();
        let (running, word) = notified(args, path.to_str().unwrap(), &socket);
        assert_eq!(word, "READY=1", "{args}");
        running.signal(SIGTERM);
        assert_eq!(heard(&socket), "STOPPING=1", "{args}");
        let _ = running.wait_open();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_of_the_service_manager_is_notified() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("wirecat-notify-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let (running, word) = notified(COMMANDS[0], &format!("@{name}"), &socket);
    assert_eq!(word, "READY=1");
    running.signal(SIGTERM);
    running.wait_open().code(0);
}

/// Nobody there to be told is odd, and no reason to fail.
#[test]
fn a_service_manager_that_is_gone_is_a_warning() {
    let program = wirecat(["tcp-serve", "127.0.0.1:0", "--", "true"]);
    let ended = program
        .with(|it| {
            it.env("NOTIFY_SOCKET", "/no/such/socket");
        })
        .run()
        .code(0);
    ended.says("warning: cannot notify NOTIFY_SOCKET /no/such/socket: no such file or directory");
}

/// The name of the second destination is looked up, while the socket to the first one is open.
#[test]
fn the_port_file_of_a_sender_has_a_port_for_each_destination() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("ports");
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    let args = format!("udp-send -4 127.0.0.1:{port} localhost:{port} --port-file");
    let ended = wirecat(args.split_whitespace())
        .with(|it| {
            it.arg(&path);
        })
        .input("x")
        .run();
    ended.code(0);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
}

/// SPEC 5: the port file is there for every command that has a port: its own.
#[test]
fn the_port_file_holds_the_local_port() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("ports");
    let with_file = |args: &str| {
        wirecat(args.split_whitespace()).with(|it| {
            it.arg("--port-file").arg(&path);
        })
    };
    let ports = || fs::read_to_string(&path).unwrap_or_default();
    let (listener, address) = listener();
    let running = with_file(&format!("tcp-connect -n {address}")).start();
    let peer = accept(&listener);
    super::wait_until("the file is there", || path.exists());
    assert_eq!(ports(), format!("{}\n", peer.peer_addr().unwrap().port()));
    drop(peer);
    running.wait_open().code(0);
    with_file("mcast-join --idle-timeout 10ms 239.77.31.2:54434%lo").run().code(1);
    assert_eq!(ports(), "54434\n");
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap();
    for command in [format!("udp-send {to}"), "mcast-send 239.77.31.2:54434%lo".to_owned()] {
        fs::remove_file(&path).unwrap();
        with_file(&command).input("x").run().code(0);
        assert!(ports().trim().parse::<u16>().is_ok_and(|port| port > 0), "{command}: {}", ports());
    }
    for command in ["tcp-connect", "tcp-serve", "udp-send", "udp-listen"] {
        with_file(&format!("{command} unix:/tmp/x")).run().code(2).says("has no port");
    }
    with_file("tcp-serve 127.0.0.1:0")
        .with(|it| {
            it.args(["--", "true"]);
        })
        .run()
        .code(0);
    let missing = ["tcp-serve", "127.0.0.1:0", "--port-file", "/no/such/directory/file"];
    wirecat(missing).run().code(7).says("cannot write the ports to");
}

/// SPEC 3: `fd:` takes the sockets of the service manager, for streams and datagrams.
#[test]
fn activated_sockets_are_listened_on() {
    let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let cases: [(&str, std::os::fd::OwnedFd, u16); 2] = [
        ("tcp-serve", stream.try_clone().unwrap().into(), stream.local_addr().unwrap().port()),
        (
            "udp-listen",
            datagrams.try_clone().unwrap().into(),
            datagrams.local_addr().unwrap().port(),
        ),
    ];
    for (command, socket, port) in cases {
        let mut shell = Command::new("sh");
        let line = "test -z \"$LISTEN_FDS$LISTEN_PID\" && echo clean; echo $WIRECAT_PORT";
        shell.arg("-c").arg(format!(
            "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; \
             exec {} {command} fd: -- sh -c '{line}'",
            wirecat_path()
        ));
        let ended = program(shell).stdin(socket).run().code(0);
        ended.says(&format!("127.0.0.1:{port}")).says(&format!("clean\n{port}"));
    }
}
