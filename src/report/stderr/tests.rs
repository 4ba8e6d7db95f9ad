use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;

use super::*;

#[test]
fn a_non_blocking_stderr_loses_nothing() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let line = vec![b'x'; 1 << 21];
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).map(|_| all)
    });
    write_whole(ours, &line);
    assert_eq!(reader.join().unwrap().unwrap(), line);
}

/// Lines into a pipe, on a machine without room for a thread.
fn without_thread() -> (io::PipeReader, LineWriter) {
    let (reader, writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let own = File::from(std::os::fd::OwnedFd::from(writer));
    let access = StderrAccess::Reopened(own);
    (reader, LineWriter { access, start: |_| false, ..LineWriter::new() })
}

/// A stderr that takes a part of a line.
#[test]
fn a_line_that_is_begun_is_never_cut() {
    let (mut reader, mut lines) = without_thread();
    let line = |letter: u8| [vec![letter; 99_999], b"\n".to_vec()].concat();
    assert!(lines.write(&line(b'a')), "its rest waits");
    assert!(!lines.write(&line(b'b')), "there is no place for another");
    let mut read = vec![0; 100_000];
    reader.read_exact(&mut read[..50_000]).unwrap();
    assert!(lines.write(b"c\n"), "the rest goes first");
    reader.read_exact(&mut read[50_000..]).unwrap();
    assert_eq!(read, line(b'a'));
    reader.read_exact(&mut read[..2]).unwrap();
    assert_eq!(read[..2], *b"c\n");
}

#[test]
fn the_end_tries_once_more_to_write_where_no_thread_does() {
    let (mut reader, mut lines) = without_thread();
    assert!(lines.write(&[b'x'; 100_000]), "its rest waits");
    assert!(!lines.finish(), "the pipe is full");
    let mut read = vec![0; 100_000];
    reader.read_exact(&mut read[..50_000]).unwrap();
    assert!(lines.finish());
    reader.read_exact(&mut read[50_000..]).unwrap();
    assert_eq!(read, [b'x'; 100_000]);
}

#[test]
fn a_stderr_without_a_reader_is_left_alone() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    write_whole(ours, b"line\n");
}

/// An end that has waited for stdout already has less time for stderr, which counts from its last lines
/// on: commands may take theirs before.
#[test]
fn an_end_in_a_hurry_waits_less() {
    let mut writer = LineWriter::new();
    writer.hurry();
    let before = Instant::now();
    writer.finish();
    let end = writer.end.unwrap();
    assert!((before + LEAST..=Instant::now() + LEAST).contains(&end), "{:?}", end - before);
    writer.hurry();
    writer.finish();
    assert_eq!(writer.end, Some(end));
}
