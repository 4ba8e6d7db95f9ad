//! `SSLKEYLOGFILE`, and captures that tshark reads by it.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{SERVER, client, serve, stop};
use crate::support::peers::installed;
use crate::support::{program, skip, wirecat};
use crate::tls::certificates::Files;

/// What tshark finds of the data of TLS in a capture, which has the secrets itself.
fn opened(capture: &std::path::Path) -> String {
    let mut command = Command::new("tshark");
    // Any data but that of a known port is taken for what it is: bytes.
    command.args(["-n", "-r"]).arg(capture).args(["-q", "-z", "follow,tls,ascii,0"]);
    String::from_utf8_lossy(&program(command).run().code(0).stdout).into_owned()
}

#[test]
fn a_capture_carries_the_secrets_that_open_it() {
    let files = Files::new();
    let (log, capture) = (files.path("secrets"), files.path("said.pcapng"));
    std::fs::write(&log, "# kept\n").unwrap();
    for role in ["client", "server"] {
        let server = format!("{SERVER} -1 --send from-the-server");
        let record = format!("--record {}", capture.display());
        let of = |own: &str| if own == role { record.clone() } else { String::new() };
        let words = files.words(&format!("tcp-serve {server} {} 127.0.0.1:0", of("server")));
        let mut server = crate::support::wirecat(words);
        if role == "server" {
            server = server.with(|command| {
                command.env("SSLKEYLOGFILE", &log);
            });
        }
        let mut server = server.start();
        let port = server.port();
        let words = format!("--tls --tls-ca @ca.pem --send from-the-client {}", of("client"));
        let mut program = client(&files, &words, port);
        if role == "client" {
            program = program.with(|command| {
                command.env("SSLKEYLOGFILE", &log);
            });
        }
        program.run().code(0);
        server.wait().code(0);
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(
            text.starts_with("# kept\n") && text.contains("CLIENT_TRAFFIC_SECRET_0 "),
            "{text}"
        );
        if !installed("tshark") {
            skip("secrets", "tshark is not installed");
            continue;
        }
        let said = opened(&capture);
        assert!(said.contains("from-the-client") && said.contains("from-the-server"), "{said}");
    }
}

/// The types of the blocks that a capture consists of, each of which names its length at both ends.
#[track_caller]
fn blocks(mut capture: &[u8]) -> Vec<u32> {
    let word = |bytes: &[u8], at: usize| {
        u32::from_ne_bytes(bytes.get(at..at + 4).expect("a word").try_into().unwrap())
    };
    let mut types = Vec::new();
    while !capture.is_empty() {
        let length = word(capture, 4) as usize;
        assert!((12..=capture.len()).contains(&length), "{length} behind {types:x?}");
        assert_eq!(word(capture, length - 4) as usize, length, "behind {types:x?}");
        types.push(word(capture, 0));
        capture = &capture[length..];
    }
    types
}

/// A run that ends in the turn of its handshake has secrets and packets to write at its end.
#[test]
fn a_capture_in_a_pipe_is_whole_where_its_secrets_come_last() {
    const SECRETS: u32 = 0xa;
    const PACKET: u32 = 6;
    let files = Files::new();
    let (server, port) = serve(&files, SERVER);
    let log = files.path("log");
    let ended = client(&files, "--tls --tls-ca @ca.pem -z --record pcapng:-", port)
        .with(|command| {
            command.env("SSLKEYLOGFILE", &log);
        })
        .run()
        .code(0);
    let types = blocks(&ended.stdout);
    let secrets = types.iter().position(|one| *one == SECRETS).expect("a block of secrets");
    // Those of the handshake itself may be written in an earlier turn.
    assert!(types[secrets..].contains(&PACKET), "{types:x?}");
    stop(server);
}

#[test]
fn a_log_of_secrets_is_for_its_owner_alone() {
    let files = Files::new();
    let (server, port) = serve(&files, SERVER);
    let log = files.path("new");
    let ask = || client(&files, "--tls --tls-ca @ca.pem -z", port);
    ask()
        .with(|command| {
            command.env("SSLKEYLOGFILE", &log);
        })
        .run()
        .code(0);
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let nowhere = files.path("none/log");
    ask()
        .with(|command| {
            command.env("SSLKEYLOGFILE", &nowhere);
        })
        .run()
        .code(7);
    stop(server);
}

/// A line of secrets is one small write, which does not disturb what else goes into a pipe.
#[test]
fn secrets_may_go_to_the_pipe_of_stderr() {
    let server = wirecat(["tcp-serve", "--tls-self-signed", "127.0.0.1:0", "--", "true"]);
    let server = server.with(|command| {
        command.env("SSLKEYLOGFILE", "/dev/stderr");
    });
    server.run().code(0);
}

/// One would be written over the other. What stands in the log is left alone.
#[test]
fn a_log_of_secrets_takes_no_recording() {
    let files = Files::new();
    let log = files.path("both");
    std::fs::write(&log, "precious\n").unwrap();
    let server = wirecat(["tcp-serve", "--tls-self-signed", "127.0.0.1:0", "--record"]);
    let server = server.with(|command| {
        command.arg(&log).env("SSLKEYLOGFILE", &log);
    });
    server.run().code(2).says("SSLKEYLOGFILE is the same file");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "precious\n");
}
