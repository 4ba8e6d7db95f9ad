//! `tcp-connect --exec`: the one connection is the command's, and so is the status.

use super::*;
use crate::support::net::RefusingPort;

/// SPEC 7, `tcp-connect --exec`: the connection is the command's, and so is the status.
#[test]
fn a_client_hands_its_connection_to_a_command() {
    for (line, status, said) in [
        ("read word; echo \"got $word\"; cat >/dev/null; exit 0", 0, "got hello\n"),
        ("echo bye; exit 3", 3, "bye\n"),
        (&format!("{HALF_CLOSE}; cat >/dev/null; exit 5"), 5, ""),
        ("echo $WIRECAT_CONN${WIRECAT_PEER:+named}; kill -9 $$", 137, "named\n"),
    ] {
        let server = peer(|mut stream| {
            let _ = stream.write_all(b"hello\n");
            let _ = stream.shutdown(Shutdown::Write);
            read_what_comes(&stream)
        });
        let ended = wirecat(["tcp-connect", "--sh", "--exec", line, &server.address]).run();
        assert_eq!(String::from_utf8(server.join()).unwrap(), said, "{line}");
        assert_eq!(ended.code(status).stdout, b"");
    }
}

/// SPEC 9: 126, 127, a lost connection, and nobody there.
#[test]
fn a_client_says_why_there_was_no_command_or_no_connection() {
    let nobody = RefusingPort::new();
    // In a folder of PATH that may not be looked into, a program may be: execvp(3) says EACCES.
    let ended = wirecat(["tcp-connect", "--exec", "no-such-program", &nobody.address])
        .with(|command| {
            command.env("PATH", "/usr/bin:/bin");
        })
        .run();
    ended.code(127).says("cannot run no-such-program");
    let ended = wirecat(["tcp-connect", "--exec", "/etc/passwd", &nobody.address]).run();
    ended.code(126).says("permission denied");
    let server = peer(|stream| {
        assert_eq!(read_exactly(&stream, 2), b"y\n");
        reset(stream);
    });
    let ended = wirecat(["tcp-connect", "--exec", "yes", &server.address]).run().code(6);
    // A reset, or a broken pipe, as reading or writing met it first.
    ended.says("cannot keep the connection to");
    server.join();
    let ended = wirecat(["tcp-connect", "--exec", "yes", &nobody.address]).run().code(4);
    ended.says("refused");
}

/// Conformance 15 on a client: the last output, and a server that does not read all it gets.
#[test]
fn the_last_output_of_a_client_arrives_every_time() {
    let (server, address) = listener();
    let bytes = noise(100_000);
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("output");
    std::fs::write(&path, &bytes).unwrap();
    let exec = format!("cat {}", path.display());
    for _ in 0..20 {
        let client = wirecat(["tcp-connect", "--exec", &exec, &address]).start();
        let stream = accept(&server);
        let mut sender = stream.try_clone().unwrap();
        let sending = thread::spawn(move || while sender.write_all(&[b'x'; 512]).is_ok() {});
        assert_same(&read_exactly(&stream, bytes.len()), &bytes);
        let _ = stream.shutdown(Shutdown::Both);
        client.wait().code(0);
        sending.join().unwrap();
    }
}

/// ^C, SIGTERM and a timeout end the command, too.
#[test]
fn a_client_that_ends_takes_its_command_with_it() {
    for (args, signal, code) in
        [(&[][..], Some(libc::SIGINT), None), (&["-w", "3s"][..], None, Some(124))]
    {
        let (server, address): (TcpListener, String) = listener();
        let command = ["tcp-connect", "--sh", "--exec", "echo $$; sleep 1000; echo no", &address];
        let client = wirecat(command.iter().chain(args)).start();
        let stream = accept(&server);
        let path = process_on(&stream);
        if let Some(signal) = signal {
            client.signal(signal);
        }
        let ended = client.wait();
        assert_eq!((ended.code, ended.signal), (code, signal), "{}", ended.stderr);
        wait_until("the command is gone", || !path.exists());
    }
}

/// SPEC 1.6: what cannot apply is refused.
#[test]
fn options_that_mean_nothing_to_a_command_are_refused() {
    for (args, words) in [
        (&["tcp-connect", "--frame", "line"][..], "cannot use --frame"),
        (&["tcp-connect", "--output", "hex"], "cannot use --output"),
        (&["tcp-connect", "--input", "line"], "cannot use --input"),
        (&["tcp-connect", "--reconnect"], "cannot use --reconnect"),
        (&["tcp-connect", "--send", "x"], "cannot use --send"),
        (&["tcp-connect", "--expect", "x"], "cannot use --expect"),
        (&["tcp-connect", "-z"], "cannot use --exec"),
        (&["tcp-connect", "--rate", "1k/s"], "cannot use --rate"),
        (&["tcp-connect", "--quit-after", "1"], "cannot use --quit-after"),
        (&["tcp-serve", "--slow", "kick"], "cannot use --slow"),
        (&["tcp-serve", "--frame", "line"], "cannot use --frame"),
        (&["tcp-serve", "--connect-timeout", "1"], "only --forward connects"),
        (&["tcp-serve", "--forward", "1"], "cannot be used with"),
    ] {
        wirecat(args.iter().chain(&["--exec", "cat", "127.0.0.1:9"])).run().code(2).says(words);
    }
    wirecat(["tcp-serve", "--sh", "0"]).run().code(2).says("--exec");
}
