//! Many links at once, of a user whose pipes are limited.

use std::fs::{read_dir, read_link};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::MIB;
use crate::support::data::{PATHS, assert_same, noise};
use crate::support::net::{accept, connect, listener, read_all, read_exactly};
use crate::support::proc::{may_open, output, wait_until};
use crate::support::{PATIENCE, program, skip, wirecat_path};

/// Connections through the relay at once.
const ALL: usize = 1000;
/// Of which so many get stuck with bytes inside: more than there may be pipes to hold them.
const STUCK: usize = 40;
/// More than the buffers of the sockets take that nobody reads.
const LENGTH: usize = 6 * MIB;
/// A piece that is large enough for the next one to be spliced.
const PIECE: usize = 48 * 1024;
/// 32 pipes are held at most, 4 are kept, and 3 are stdin, stdout and stderr.
const MOST: usize = 39;

/// How many pipes a process has open. Both ends of one have the same name.
fn pipes(pid: u32) -> usize {
    let fds = read_dir(format!("/proc/{pid}/fd")).expect("a process that runs");
    let names = fds.flatten().filter_map(|fd| read_link(fd.path()).ok());
    let mut names: Vec<_> =
        names.filter(|name| name.to_string_lossy().starts_with("pipe:")).collect();
    names.sort();
    names.dedup();
    names.len()
}

/// Of the 64 pipes of 1 MiB that a user without privileges has, tests that wait for pipes to be held do not
/// take all at once.
static BUDGET: Mutex<()> = Mutex::new(());

/// A user without privileges has 64 pipes of 1 MiB (pipe-user-pages-soft, pipe(7)). Links that are stuck
/// hold some of them, and all others go on without.
#[test]
fn a_thousand_connections_share_the_pipes_of_a_user() {
    let name = "a_thousand_connections_share_the_pipes_of_a_user";
    let ids = ["--reuid=64988", "--regid=64988", "--clear-groups"];
    let is_there = output(Command::new("setpriv").args(ids).arg("true"));
    if !is_there.is_ok_and(|output| output.status.success()) {
        return skip(name, "no setpriv, or no root");
    }
    if !may_open(2 * ALL as u64) {
        return;
    }
    let (upstream, target) = listener();
    let mut command = Command::new("setpriv");
    command.args(ids).args([wirecat_path(), "tcp-serve", "--conns", &ALL.to_string()]);
    command.args(["--max-clients", "2000", "--forward", &target, "127.0.0.1:0"]);
    let (relay, address) = program(command).serve();
    let pairs: Vec<_> = (0..ALL).map(|_| (connect(&address), accept(&upstream))).collect();
    pass_pieces(&pairs);
    let (stuck, moving) = pairs.split_at(STUCK);
    let bytes = noise(LENGTH);
    thread::scope(|scope| {
        send_all(scope, stuck, &bytes);
        let until = Instant::now() + PATIENCE;
        while pipes(relay.pid()) < MOST / 2 {
            assert!(Instant::now() < until, "{} pipes", pipes(relay.pid()));
            thread::sleep(Duration::from_millis(20));
        }
        pass_pieces(moving);
        let count = pipes(relay.pid());
        assert!(count <= MOST, "{count} pipes");
        for (_, far) in stuck {
            assert_same(&read_all(far), &bytes);
        }
    });
    pass_pieces(moving);
    drop(pairs);
    relay.wait().code(0);
}

/// Pipes that are stuck give their descriptors to clients that come after them, who are all served, as
/// without zero copy.
#[test]
fn pipes_take_no_descriptors_that_clients_need() {
    let _budget = BUDGET.lock().unwrap_or_else(PoisonError::into_inner);
    const STUCK: usize = 20;
    const LATE: usize = 29;
    // With an odd number a client gets the last one, and its upstream none.
    for (limit, path) in [(120, PATHS[0]), (121, PATHS[0]), (121, PATHS[1])] {
        let (upstream, target) = listener();
        let mut shell = Command::new("sh");
        let line = format!("ulimit -n {limit}; exec \"$@\"");
        shell.args(["-c", &line, "sh", wirecat_path(), "tcp-serve", "--forward", &target]);
        shell.args(path).arg("127.0.0.1:0");
        let (relay, address) = program(shell).serve();
        let bytes = noise(LENGTH);
        let join = || (connect(&address), accept(&upstream));
        let stuck: Vec<_> = (0..STUCK).map(|_| join()).collect();
        pass_pieces(&stuck);
        thread::scope(|scope| {
            send_all(scope, &stuck, &bytes);
            if path.is_empty() {
                wait_until("the pipes are held", || pipes(relay.pid()) >= STUCK);
            }
            let late: Vec<_> = (0..LATE).map(|_| join()).collect();
            pass_pieces(&late);
            for (_, far) in &stuck {
                assert_same(&read_all(far), &bytes);
            }
        });
        relay.signal(libc::SIGTERM);
        let ended = relay.wait();
        assert!(!ended.stderr.contains("cannot connect"), "{}", ended.stderr);
    }
}

/// The pipes of one loop give theirs to the clients of another, which are served as well.
#[test]
fn pipes_take_no_descriptors_that_another_loop_needs() {
    let _budget = BUDGET.lock().unwrap_or_else(PoisonError::into_inner);
    const CLIENTS: usize = 32;
    let (upstream, target) = listener();
    let mut shell = Command::new("sh");
    let line = "ulimit -n 121; exec \"$@\"";
    shell.args(["-c", line, "sh", wirecat_path(), "tcp-serve", "--forward", &target]);
    shell.args(["--threads", "2", "-v", "127.0.0.1:0"]);
    let (relay, address) = program(shell).serve();
    let bytes = noise(LENGTH);
    let join = || (connect(&address), accept(&upstream));
    // Each loop gets every second one; all of one loop leave.
    let (mut stay, mut leave) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS / 2 {
        stay.push(join());
        leave.push(join());
    }
    pass_pieces(&stay);
    let same = |socket: &TcpStream| socket.try_clone().expect("a socket");
    let back: Vec<_> = stay.iter().map(|(client, far)| (same(far), same(client))).collect();
    for (client, far) in leave {
        drop(client);
        assert_eq!(read_all(&far), b"");
    }
    thread::scope(|scope| {
        send_all(scope, &stay, &bytes);
        send_all(scope, &back, &bytes);
        wait_until("the pipes are held", || pipes(relay.pid()) >= CLIENTS - 10);
        let late: Vec<_> = (0..CLIENTS / 2).map(|_| join()).collect();
        pass_pieces(&late);
        for (_, far) in stay.iter().chain(&back) {
            assert_same(&read_all(far), &bytes);
        }
    });
    relay.signal(libc::SIGTERM);
    let ended = relay.wait();
    assert!(!ended.stderr.contains("cannot connect"), "{}", ended.stderr);
}

/// Sends the bytes and FIN on each connection at once; those that are stuck take them in the end.
fn send_all<'scope, 'env>(
    scope: &'scope thread::Scope<'scope, 'env>,
    stuck: &'env [(TcpStream, TcpStream)],
    bytes: &'env [u8],
) {
    for (mut client, _) in stuck.iter().map(|(client, far)| (client, far)) {
        scope.spawn(move || {
            client.write_all(bytes).expect("it is taken in the end");
            client.shutdown(Shutdown::Write).expect("it is open");
        });
    }
}

/// Passes two pieces through each connection, one connection after the other.
fn pass_pieces(pairs: &[(TcpStream, TcpStream)]) {
    let piece = noise(PIECE);
    for (mut client, far) in pairs.iter().chain(pairs).map(|(client, far)| (client, far)) {
        client.write_all(&piece).expect("the relay takes it");
        assert_same(&read_exactly(far, PIECE), &piece);
    }
}
