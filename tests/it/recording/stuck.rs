//! A recording to a FIFO whose reader does not read: nothing is lost, memory is bounded, and the end
//! comes.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use crate::support::net::{connect, push, read_all};
use crate::support::pipes::{fifo, patient};
use crate::support::{Running, proc, wirecat};

const MIB: usize = 1 << 20;

/// A server that records to a FIFO, and the end of it that is to be read.
fn serve(args: &[&str]) -> (Running, String, File) {
    let directory = crate::support::tempdir().unwrap();
    let path = directory.path().join("record");
    fifo(&path);
    // Open both ways it has a reader from the start.
    let both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let line = [&["tcp-serve", "--record", path.to_str().unwrap()], args, &["127.0.0.1:0"]];
    let (server, address) = wirecat(line.concat()).serve();
    // Its end comes with that of the server, which is the only writer from here on.
    let end = File::open(&path).unwrap();
    drop(both);
    (server, address, end)
}

/// How many bytes a speaker gets rid of before it is held back.
fn speak(address: &str, total: usize) -> usize {
    push(&connect(address), &[b'x'; 64 * 1024], total)
}

#[test]
fn a_recording_that_nobody_reads_pauses_the_clients_and_not_the_end() {
    let (server, address, _end) = serve(&["--discard"]);
    let sent = speak(&address, 100 * MIB);
    assert!(sent < 100 * MIB, "nobody was held back");
    let peak = proc::peak_kib(server.pid());
    assert!(peak < 40 * 1024, "{peak} KiB");
    server.signal(libc::SIGTERM);
    server.wait_open().code(7).says("bytes wait for its reader");
}

#[test]
fn a_recording_that_is_read_late_is_whole() {
    let (server, address, end) = serve(&["--reply", "ok", "--frame", "line"]);
    // Each line is a record of some hundred bytes, out and in.
    let count = 30_000;
    let client = connect(&address);
    let asking = thread::spawn({
        let mut client = client.try_clone().unwrap();
        move || {
            for _ in 0..count / 100 {
                client.write_all("what?\n".repeat(100).as_bytes()).unwrap();
            }
            client.shutdown(std::net::Shutdown::Write).unwrap();
        }
    });
    // Time has to pass for nobody to read.
    thread::sleep(Duration::from_millis(500));
    let reading = thread::spawn(move || {
        let mut text = String::new();
        patient(end).read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(read_all(&client), "ok\n".repeat(count).into_bytes());
    asking.join().unwrap();
    server.signal(libc::SIGTERM);
    server.wait_open().code(0);
    let text = reading.join().unwrap();
    // A read may cut a line.
    let said = text.matches('?').count();
    assert_eq!(said, count, "{}", text.len());
}
