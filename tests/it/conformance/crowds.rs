//! More clients than descriptors: conformance 17.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::net::{connect, read_all, read_exactly, reset};
use crate::support::{PATIENCE, Running, proc, program, wirecat_path};

/// A server that may open 32 descriptors, and greets each client that it has accepted.
fn poor_server(arguments: &[&str]) -> Running {
    let mut shell = Command::new("sh");
    // Without -S or -H this sets the soft and the hard limit, so that it cannot be raised.
    shell.args(["-c", "ulimit -n 32; exec \"$@\"", "sh", wirecat_path()]);
    shell.args(["tcp-serve", "127.0.0.1:0", "--greet", "hi\\n"]).args(arguments);
    program(shell).piped().start()
}

/// Whether the client has been greeted, as far as can be seen now.
fn is_greeted(client: &TcpStream) -> bool {
    client.set_nonblocking(true).expect("a socket");
    let outcome = client.peek(&mut [0; 3]);
    client.set_nonblocking(false).expect("a socket");
    match outcome {
        Ok(count) => count == 3,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
            false
        }
    }
}

/// Conformance 17.
#[test]
fn more_clients_than_descriptors_wait_for_a_place() {
    let mut server = poor_server(&[]);
    let address = server.address();
    let mut waiting: Vec<TcpStream> = (0..80).map(|_| connect(&address)).collect();
    let warning = server.wait_for("cannot accept more than");
    let places: usize = warning.split(' ').find_map(|word| word.parse().ok()).expect("a number");
    assert!((10..32).contains(&places), "{warning}");
    let mut served = Vec::new();
    while served.len() < places {
        served.extend(wait_for_greeted(&mut waiting));
    }
    assert_eq!(served.len(), places);

    // The pause is what is tested: for a second there is nothing to do.
    let before = proc::cpu_time(server.pid());
    std::thread::sleep(Duration::from_secs(1));
    let busy = proc::cpu_time(server.pid()) - before;
    assert!(busy < Duration::from_millis(150), "{busy:?} of work in a second of waiting");

    // Those that it has, it serves.
    served.iter().for_each(|client| assert_eq!(read_exactly(client, 3), b"hi\n"));
    server.say("news\n");
    served.iter().for_each(|client| assert_eq!(read_exactly(client, 5), b"news\n"));
    (&served[0]).write_all(b"thanks\n").expect("it is taken");
    server.wait_for_output("thanks\n");

    // As places come free, the rest take them. (A FIN frees none: stdin has not ended.)
    served.into_iter().for_each(reset);
    while !waiting.is_empty() {
        let greeted = wait_for_greeted(&mut waiting);
        for client in greeted {
            assert_eq!(read_exactly(&client, 3), b"hi\n");
            reset(client);
        }
    }
    server.signal(libc::SIGTERM);
    let ended = server.wait_open().code(0);
    let warnings = ended.stderr.lines().filter(|line| line.contains("cannot accept")).count();
    assert_eq!(warnings, 1, "{}", ended.stderr);
}

/// Takes those out of `waiting` that have been accepted meanwhile, at least one.
fn wait_for_greeted(waiting: &mut Vec<TcpStream>) -> Vec<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let greeted: Vec<_> = waiting.extract_if(.., |client| is_greeted(client)).collect();
        if !greeted.is_empty() {
            return greeted;
        }
        assert!(Instant::now() < deadline, "{} clients wait for ever", waiting.len());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A flood past the limit whose clients come and go is served to the last one, too.
#[test]
fn a_flood_of_short_connections_past_the_limit_is_served_to_the_last() {
    let mut server = poor_server(&["--reply", "bye\\n", "--conns", "300"]);
    let address = server.address();
    let clients: Vec<TcpStream> = (0..300).map(|_| connect(&address)).collect();
    for client in &clients {
        client.shutdown(std::net::Shutdown::Write).expect("a FIN");
    }
    for client in clients {
        assert_eq!(read_all(&client), b"hi\nbye\n");
    }
    let ended = server.wait().code(0);
    let warnings = ended.stderr.lines().filter(|line| line.contains("cannot accept")).count();
    assert!(warnings <= 1, "{}", ended.stderr);
}
