//! The ends of commands, and of what they have started themselves.

use super::*;

/// No child is left behind, whatever it thinks of SIGTERM, and no zombie.
#[test]
fn children_end_with_the_server() {
    for (signal, line) in [
        (libc::SIGTERM, "echo $$; exec sleep 1000"),
        (libc::SIGTERM, "trap '' TERM; echo $$; while :; do sleep 0.05; done"),
        (libc::SIGINT, "echo $$; sleep 1000; echo no"),
        // The leader of the group ends at once, and one of its members never.
        (libc::SIGTERM, "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep 0.05; done\" & wait"),
        (libc::SIGINT, "sh -c \"trap '' TERM; echo \\$\\$; while :; do sleep 0.05; done\" & wait"),
    ] {
        let (server, address) = serve(line, &[]);
        let client = connect(&address);
        let path = process_on(&client);
        server.signal(signal);
        let ended = server.wait();
        let code = if signal == libc::SIGTERM { (Some(0), None) } else { (None, Some(signal)) };
        assert_eq!((ended.code, ended.signal), code, "{line}: {}", ended.stderr);
        wait_until(line, || !path.exists());
    }
}

/// What a command has started has the same time to end as the command itself.
#[test]
fn a_grandchild_that_takes_its_time_is_waited_for() {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("done");
    let slow = format!("sleep 0.5; echo done > {}; exit", path.display());
    let line =
        format!("sh -c \"trap '{slow}' TERM; echo ready; while :; do sleep 0.05; done\" & wait");
    let (server, address) = serve(&line, &[]);
    let client = connect(&address);
    assert_eq!(read_exactly(&client, 6), b"ready\n");
    server.signal(libc::SIGTERM);
    server.wait().code(0);
    assert_eq!(std::fs::read_to_string(path).expect("it has ended in order"), "done\n");
}
