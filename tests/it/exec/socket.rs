//! The socket that a command gets as stdin and stdout, as inetd gives it.

use super::*;

/// The command works on one socket, in both directions and by either descriptor.
#[test]
fn a_command_has_one_socket_for_both() {
    let line = "stat -Lc %F /dev/stdin /proc/$$/fd/1; echo by stdin >&0; \
                [ $(readlink /proc/$$/fd/0) = $(readlink /proc/$$/fd/1) ] && echo one";
    let (server, address) = serve(line, &["-1"]);
    let said = answer(&address, "");
    assert_eq!(said, "socket\nsocket\nby stdin\none\n");
    server.wait().code(0);
    let server = peer(|stream| String::from_utf8(read_all(&stream)).unwrap());
    let client = wirecat(["tcp-connect", "--sh", "--exec", line, &server.address]);
    client.run().code(0);
    assert_eq!(server.join(), said);
}

/// shutdown(2) of either direction reaches the client, and the other one goes on.
#[test]
fn a_command_shuts_each_direction_down_by_itself() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("heard");
    let line = format!("echo bye; {HALF_CLOSE}; cat > {}", path.display());
    let (server, address) = serve(&line, &["-1"]);
    let mut client = connect(&address);
    assert_eq!(read_all(&client), b"bye\n");
    let bytes = noise(1 << 20);
    client.write_all(&bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    server.wait().code(0);
    assert_same(&std::fs::read(&path).unwrap(), &bytes);
    // One that reads no more still speaks, and what it is sent is thrown away.
    let (server, address) =
        serve("perl -e 'shutdown STDIN, 0'; echo deaf; read go < /dev/tty; echo bye", &["-1"]);
    let mut client = connect(&address);
    assert_eq!(read_exactly(&client, 5), b"deaf\n");
    client.write_all(&bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"bye\n");
    server.wait().code(0);
}

/// Conformance 15: input that the command left unread resets its socket behind the last output, and
/// takes none of it away.
#[test]
fn the_last_output_of_a_command_that_does_not_read_arrives() {
    let (server, address) =
        serve("head -c 1; head -c 300000 /dev/zero; exit 0", &["--conns", "20"]);
    for _ in 0..20 {
        let mut client = connect(&address);
        client.write_all(&[b'x'; 50_000]).unwrap();
        assert_eq!(read_what_comes(&client).len(), 300_001);
    }
    server.wait().code(0);
}

/// A service that was written for inetd.
#[test]
fn rsync_as_a_daemon_serves_a_module() {
    let installed = crate::support::proc::output(Command::new("rsync").arg("--version"));
    if !installed.is_ok_and(|output| output.status.success()) {
        return skip("exec", "rsync is not installed");
    }
    let directory = crate::support::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let bytes = noise(3 << 20);
    std::fs::create_dir(path("module")).unwrap();
    std::fs::write(path("module/file"), &bytes).unwrap();
    // Of a daemon of root, nobody reads it, whatever the umask is.
    for (name, mode) in [("module", 0o755), ("module/file", 0o644)] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path(name), mode).unwrap();
    }
    let config = format!("use chroot = no\n[module]\npath = {}\n", path("module"));
    std::fs::write(path("conf"), config).unwrap();
    let line = format!("rsync --daemon --config {}", path("conf"));
    let mut server = wirecat(["tcp-serve", "-1", "--exec", &line, "127.0.0.1:0"]).start();
    let from = format!("rsync://{}/module/file", server.address());
    let mut rsync = Command::new("rsync");
    rsync.args([&from, &path("copy")]);
    program(rsync).run().code(0);
    assert_same(&std::fs::read(path("copy")).unwrap(), &bytes);
    server.wait().code(0);
}
