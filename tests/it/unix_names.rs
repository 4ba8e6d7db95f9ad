//! Peers of unix sockets choose their own names, of any bytes and up to the last one that the
//! kernel takes: none of them may harm a server.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::support::net::uninterrupted;
use crate::support::{PATIENCE, Running, wirecat};

/// A socket with a name of a hostile kind, and how the name is written.
type Named = (OwnedFd, String);

/// A path of exactly so many bytes.
fn long(directory: &Path, length: usize) -> PathBuf {
    let start = directory.to_str().expect("UTF-8").len() + 1;
    directory.join("n".repeat(length - start))
}

/// Sockets with every kind of name; the kernel tells the longest of them with a length of 111,
/// where `sockaddr_un` has 110 bytes.
fn named(directory: &Path, kind: SocketType) -> Vec<Named> {
    let paths = [106, 107, 108].map(|length| long(directory, length));
    let id = std::process::id();
    let abstracts = [
        (b"".to_vec(), "unix:@"),
        ([format!("{id:0>9}").as_bytes(), &[b'x'; 98]].concat(), "x"),
        (format!("{id}\0\n\x1b[2J\0").into_bytes(), "@\\n\\x1b[2J@"),
        ([format!("{id}").as_bytes(), b"\xff\xfe"].concat(), "\u{fffd}\u{fffd}"),
    ];
    let of_paths = paths.iter().map(|path| {
        (SocketAddrUnix::new(path).expect("it fits"), format!("unix:{}", path.display()))
    });
    let of_names = abstracts.iter().map(|(name, shown)| {
        (SocketAddrUnix::new_abstract_name(name).expect("it fits"), (*shown).to_owned())
    });
    let named = of_paths.chain(of_names).filter_map(|(address, shown)| {
        let socket = rustix::net::socket(AddressFamily::UNIX, kind, None).expect("a socket");
        // There is one empty abstract name in the system, which another test may have.
        match rustix::net::bind(&socket, &address) {
            Err(rustix::io::Errno::ADDRINUSE) => None,
            outcome => outcome.map(|()| Some((socket, shown))).expect("a name"),
        }
    });
    named.collect()
}

fn connect(socket: OwnedFd, path: &Path) -> UnixStream {
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).expect("it fits")).expect("a server");
    let stream = UnixStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

fn start(command: &str, path: &Path) -> Running {
    let words = command.split_whitespace();
    let mut server = wirecat(words.map(str::to_owned).chain([format!("unix:{}", path.display())]));
    server = server.piped();
    let mut server = server.start();
    server.wait_for("listening unix");
    server
}

/// Servers of streams, each of which goes on serving.
#[test]
fn a_server_takes_clients_of_any_name() {
    let directory = crate::support::tempdir().expect("a directory");
    let files = directory.path().join("files");
    std::fs::create_dir(&files).expect("a directory");
    let capture = directory.path().join("c.pcapng");
    let commands = [
        "tcp-serve -v --hub".to_owned(),
        "tcp-serve -v --sh --exec cat".to_owned(),
        format!("tcp-serve -v --discard --record {}", capture.display()),
        format!("tcp-serve -v --save {}", files.display()),
        "echo -v --tcp".to_owned(),
        "chat -v --host --headless".to_owned(),
    ];
    for command in commands {
        let path = directory.path().join("s");
        let mut server = start(&command, &path);
        for (socket, shown) in named(directory.path(), SocketType::STREAM) {
            let mut client = connect(socket, &path);
            server.wait_for(&shown);
            client.write_all(b"hello\n").expect("it is taken");
            client.shutdown(Shutdown::Write).expect("an end");
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer);
            let answers = command.contains("cat") || command.contains("echo");
            assert!(!answers || answer == b"hello\n", "{command} of {shown}: {answer:?}");
        }
        clear(directory.path());
        assert!(server.is_running(), "{command}");
        server.signal(libc::SIGTERM);
        server.wait_open().code(0);
    }
}

/// Removes the names that were bound.
fn clear(directory: &Path) {
    for length in [106, 107, 108] {
        std::fs::remove_file(long(directory, length)).expect("a name");
    }
}

/// The same of datagrams, which are answered by these names, too.
#[test]
fn a_listener_takes_datagrams_from_any_name() {
    let directory = crate::support::tempdir().expect("a directory");
    for command in ["udp-listen -vv --stats --reply hello", "echo -vv --udp"] {
        let path = directory.path().join("s");
        let mut server = start(command, &path);
        for (socket, shown) in named(directory.path(), SocketType::DGRAM) {
            let peer = UnixDatagram::from(socket);
            peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            uninterrupted(|| peer.send_to(b"hello", &path)).expect("it is taken");
            let mut answer = [0; 9];
            let count = uninterrupted(|| peer.recv(&mut answer)).expect("an answer");
            assert_eq!(&answer[..count], b"hello", "{command} of {shown}");
            server.wait_for(&shown);
        }
        clear(directory.path());
        assert!(server.is_running(), "{command}");
        server.signal(libc::SIGTERM);
        server.wait_open().code(0);
    }
}

/// What a peer passes on beside its bytes (SCM_RIGHTS) fills no table of a server.
#[test]
fn descriptors_that_a_peer_passes_on_are_not_kept() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let directory = crate::support::tempdir().expect("a directory");
    let pass = |socket: &OwnedFd| {
        let passed = [socket.as_fd(); 253];
        let mut space = [std::mem::MaybeUninit::uninit(); 2048];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
        let piece = [std::io::IoSlice::new(b"take these\n")];
        uninterrupted(|| Ok(sendmsg(socket, &piece, &mut control, SendFlags::empty())?))
            .expect("it is taken");
    };
    for (command, kind) in [
        ("tcp-serve -v --hub --output raw", SocketType::STREAM),
        ("tcp-serve -v --hub --frame line", SocketType::STREAM),
        ("udp-listen -v", SocketType::DGRAM),
    ] {
        let path = directory.path().join("s");
        let mut server = start(command, &path);
        let socket = rustix::net::socket(AddressFamily::UNIX, kind, None).expect("a socket");
        rustix::net::connect(&socket, &SocketAddrUnix::new(&path).expect("it fits"))
            .expect("a server");
        pass(&socket);
        server.wait_for_output("take these\n");
        let pid = server.pid();
        let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count();
        let before = open();
        for _ in 0..20 {
            pass(&socket);
        }
        server.wait_for_output("take these\n".repeat(21));
        assert_eq!(open(), before, "{command}");
    }
}

/// A client of a server that has such a name.
#[test]
fn a_client_reaches_a_server_of_a_long_name() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = long(directory.path(), 107);
    let mut server = start("tcp-serve -v --reply hello", &path);
    let ended = wirecat(["tcp-connect", "-v", &format!("unix:{}", path.display())]).run().code(0);
    assert_eq!(ended.text(), "hello");
    assert!(!ended.stderr.contains("\\x00"), "{}", ended.stderr);
    let accepted = server.wait_for("accepted");
    assert!(accepted.ends_with(" unix"), "{accepted:?}");
}
