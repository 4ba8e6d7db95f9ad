//! Files that wirecat writes: whose they are, where they go, and FIFOs that nobody reads yet.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::net::{accept, connect, listener, read_all};
use crate::support::pipes::{self, read_fifo, write_fifo};
use crate::support::proc::spawn;
use crate::support::{Ended, PATIENCE, Program, program, wirecat, wirecat_path};

fn fifo(directory: &Path) -> PathBuf {
    let path = directory.join("fifo");
    pipes::fifo(&path);
    path
}

/// A server whose option names a file.
fn server(option: &str, path: &Path, more: &[&str]) -> Program {
    wirecat(["tcp-serve", "127.0.0.1:0", option]).with(|command| {
        command.arg(path).args(more);
    })
}

/// In a directory of everybody, anybody can foresee the number of a process.
#[test]
fn the_port_file_is_written_through_no_link_that_somebody_put_there() {
    let directory = crate::support::tempdir().expect("a directory");
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").expect("a file");
    let mut shell = Command::new("sh");
    let line =
        "ln -s victim .ports.$$; exec \"$0\" tcp-serve 127.0.0.1:0 --port-file ports -- true";
    shell.args(["-c", line, wirecat_path()]).current_dir(directory.path());
    program(shell).run().code(0);
    assert_eq!(fs::read_to_string(victim).expect("a file"), "precious");
    let ports = directory.path().join("ports");
    assert!(fs::symlink_metadata(&ports).expect("a file").is_file());
    assert!(fs::read_to_string(ports).expect("ports").trim().parse::<u16>().is_ok());
    // Nothing else is left: the victim, the link and the ports.
    assert_eq!(directory.path().read_dir().expect("a directory").count(), 3);
}

/// What goes over the network is nobody else's affair, whatever the umask.
#[test]
fn recordings_and_saved_files_are_for_their_owner_alone() {
    let directory = crate::support::tempdir().expect("a directory");
    let saved = directory.path().join("saved");
    fs::create_dir(&saved).expect("a directory");
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    for name in ["r.ndjson", "r.pcapng"] {
        let path = directory.path().join(name);
        let more = ["-1", "--save", saved.to_str().expect("UTF-8")];
        let mut running = server("--record", &path, &more).start();
        drop(connect(&running.address()));
        running.wait().code(0);
        assert_eq!(mode(&path), 0o600, "{name}");
    }
    let files: Vec<PathBuf> =
        saved.read_dir().expect("a directory").flatten().map(|entry| entry.path()).collect();
    assert_eq!(files.iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o600; 2]);
    // One that is there keeps what its owner gave it.
    let path = directory.path().join("r.ndjson");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("its owner");
    server("--record", &path, &["--", "true"]).run().code(0);
    assert_eq!(mode(&path), 0o640);
}

/// What a shell says that runs a line in a directory, with its status.
fn line(directory: &Path, line: &str) -> Ended {
    let mut shell = Command::new("sh");
    shell.args(["-c", line, wirecat_path()]).current_dir(directory);
    program(shell).run()
}

/// Each would write over the other, from a place of its own. What stands in the file is left alone.
#[test]
fn no_two_outputs_are_one_file() {
    let directory = crate::support::tempdir().expect("a directory");
    let directory = directory.path();
    fifo(directory);
    for (options, words) in [
        ("--record log >>log", "--record log: stdout is the same file"),
        ("--record ./log --discard 2>>log", "--record ./log: stderr is the same file"),
        ("--record pcapng:log --port-file log", "--port-file log: --record log is the same file"),
        ("--record new --port-file ./new", "--port-file ./new: --record new is the same file"),
        ("--port-file log >>log", "--port-file log: stdout is the same file"),
        (
            "--port-file /dev/stderr --hub 2>>log",
            "--port-file /dev/stderr: stderr is the same file",
        ),
        ("--record /dev/stdout >>log", "--record -: stdout carries the data"),
        ("--port-file /dev/fd/1 >>log", "--port-file -: stdout carries the data"),
        ("--record fifo 3<>fifo >fifo", "--record fifo: stdout is the same file"),
        ("--record log <log", "--record log: stdin is the same file"),
    ] {
        fs::write(directory.join("log"), "precious\n").expect("a file");
        let command = format!("exec \"$0\" tcp-serve 127.0.0.1:0 -w 9 {options}");
        let ended = line(directory, &command).code(2);
        let log = fs::read_to_string(directory.join("log")).expect("a file");
        let said = log.strip_prefix("precious\n").unwrap_or_else(|| panic!("{options}: {log}"));
        assert!(format!("{said}{}", ended.stderr).contains(words), "{options}: {}", ended.stderr);
    }
}

/// What a run reads first is not written over by what it writes, under whatever name.
#[test]
fn no_output_is_a_file_that_is_read() {
    let directory = crate::support::tempdir().expect("a directory");
    let directory = directory.path();
    for (options, words) in [
        ("--send @log --record log", "--record log: --send log is the same file"),
        ("--greet @log --record pcapng:./log", "--record ./log: --greet log is the same file"),
        ("--reply @log --port-file log", "--port-file log: --reply log is the same file"),
        ("--replay log --record link", "--record link: --replay log is the same file"),
        #[cfg(feature = "tls")]
        (
            "--tls-cert log --tls-key log --record log",
            "--record log: --tls-cert log is the same file",
        ),
        #[cfg(feature = "tls")]
        (
            "--tls-self-signed --tls-client-ca log --port-file link",
            "--port-file link: --tls-client-ca log is the same file",
        ),
    ] {
        fs::write(directory.join("log"), "precious\n").expect("a file");
        let _ = std::os::unix::fs::symlink("log", directory.join("link"));
        let command = format!("exec \"$0\" tcp-serve 127.0.0.1:0 -w 9 {options}");
        line(directory, &command).code(2).says(words);
        let log = fs::read_to_string(directory.join("log")).expect("a file");
        assert_eq!(log, "precious\n", "{options}");
    }
    if cfg!(feature = "tls") {
        let command = "SSLKEYLOGFILE=link exec \"$0\" tcp-connect --tls --tls-ca log 127.0.0.1:9";
        let words = "SSLKEYLOGFILE link: --tls-ca log is the same file";
        line(directory, command).code(2).says(words);
    }
    // What `-` is no file, whatever stands there under this name.
    fs::write(directory.join("-"), "precious\n").expect("a file");
    for options in
        ["--send @./- --record -", "--send @./- --record /dev/stdout >>-", "--send @- --record ./-"]
    {
        let command =
            format!("exec \"$0\" tcp-serve 127.0.0.1:0 --output none {options} </dev/null -- true");
        line(directory, &command).code(0);
    }
}

/// A device takes what one likes, and one small write does not disturb a pipe.
#[test]
fn outputs_may_share_what_takes_both() {
    let directory = crate::support::tempdir().expect("a directory");
    let directory = directory.path();
    for options in [
        "--record /dev/null >/dev/null",
        "--discard --record /dev/stdout >log",
        "--port-file /dev/stderr",
        "--discard --port-file /dev/stdout >log",
        "--port-file /dev/fd/3 3>log",
    ] {
        line(directory, &format!("exec \"$0\" tcp-serve 127.0.0.1:0 {options} -- true")).code(0);
    }
    let port = fs::read_to_string(directory.join("log")).expect("a file");
    assert!(port.trim().parse::<u16>().is_ok(), "{port}");
}

/// What others have written to a file behind a descriptor stays, and what they write after that follows.
#[test]
fn ports_stand_where_a_descriptor_is_in_its_file() {
    let directory = crate::support::tempdir().expect("a directory");
    let log = directory.path().join("log");
    let serve = "\"$0\" tcp-serve 127.0.0.1:0 --port-file /dev/fd/3 -- true";
    for (command, before, after) in [
        (format!("exec {serve} 3>>log"), "precious, and longer than a port\n", ""),
        (format!("exec 3>log; echo one >&3; {serve} && echo two >&3"), "one\n", "two\n"),
    ] {
        fs::write(&log, "precious, and longer than a port\n").expect("a file");
        line(directory.path(), &command).code(0);
        let text = fs::read_to_string(&log).expect("a file");
        let port = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
        assert!(port.expect(&text).trim().parse::<u16>().is_ok(), "{command}: {text}");
    }
}

/// What has the number of a descriptor which was not given may be something that this process needs.
#[test]
fn a_descriptor_that_was_not_given_is_written_to_by_nobody() {
    let directory = crate::support::tempdir().expect("a directory");
    for option in ["--port-file", "--record", "--record pcapng:"] {
        for number in 3..=9 {
            let file = format!("/dev/fd/{number}");
            let option = if option.ends_with(':') { option.into() } else { format!("{option} ") };
            let command =
                format!("exec \"$0\" tcp-serve 127.0.0.1:0 -w 9 {option}{file} {number}>&-");
            let ended = line(directory.path(), &command).code(7);
            ended.says(&format!("{file}: bad file descriptor (the parent opens it for writing"));
        }
    }
}

/// Some parents have sockets where others have pipes, and no socket can be opened again.
#[test]
fn a_socket_that_was_given_takes_the_ports_and_a_recording() {
    for option in ["--port-file", "--record"] {
        let (mut ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut shell = Command::new("sh");
        let words = "exec \"$0\" tcp-serve 127.0.0.1:0 \"$1\" /dev/fd/3 -- true 3<&0 </dev/null";
        shell.args(["-c", words, wirecat_path(), option]).stdin(OwnedFd::from(theirs));
        shell.stderr(Stdio::piped());
        let child = spawn(&mut shell).expect("a shell");
        drop(shell);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut text = String::new();
        ours.read_to_string(&mut text).expect("text and an end");
        match option {
            "--record" => assert_eq!(text, "", "nobody came"),
            _ => assert!(text.trim().parse::<u16>().is_ok(), "{text}"),
        }
    }
}

/// A line beyond a page is not written whole beside what another process writes.
#[test]
fn a_fifo_takes_one_recording_at_a_time() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = fifo(directory.path());
    let mut first = server("--record", &path, &["-1", "-w", "60"]).start();
    let reading = read_fifo(&path);
    let address = first.address();
    server("--record", &path, &["-w", "9"]).run().code(7).says("another process has locked it");
    drop(connect(&address));
    first.wait().code(0);
    assert!(reading.recv_timeout(PATIENCE).expect("text").contains("closed"));
}

/// `-w` and the first signal end a run that waits for the reader of a FIFO.
#[test]
fn a_fifo_without_a_reader_keeps_nobody_from_ending() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = fifo(directory.path());
    for option in ["--port-file", "--record"] {
        let ended = server(option, &path, &["-w", "300ms"]).run().code(124);
        assert!(ended.stderr.contains("the time of 300ms is up"), "{}", ended.stderr);
        let mut running = server(option, &path, &[]).start();
        let words = format!("waiting for a reader of {} ({option}", path.display());
        running.wait_for(&words);
        running.signal(libc::SIGTERM);
        let ended = running.wait_open();
        // One that listens already has done what it was to do.
        let expected = match option {
            "--port-file" => (Some(0), None),
            _ => (None, Some(libc::SIGTERM)),
        };
        assert_eq!((ended.code, ended.signal), expected, "{option}: {}", ended.stderr);
    }
}

/// The command is started once the ports are read.
#[test]
fn a_fifo_gets_the_ports_when_somebody_reads_it() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = fifo(directory.path());
    let (mut running, address) = server("--port-file", &path, &["--", "echo", "started"]).serve();
    // It serves meanwhile.
    drop(connect(&address));
    assert!(!running.has_said("started"));
    let ports = read_fifo(&path).recv_timeout(PATIENCE).expect("ports");
    assert_eq!(format!("127.0.0.1:{}", ports.trim()), address);
    running.wait().code(0).says("started");
}

/// The recording begins with the reader, and lacks nothing.
#[test]
fn a_fifo_gets_the_whole_recording_when_somebody_reads_it() {
    let directory = crate::support::tempdir().expect("a directory");
    let path = fifo(directory.path());
    let mut running = server("--record", &path, &["-1", "-w", "30"]).start();
    running.wait_for("waiting for a reader");
    let reading = read_fifo(&path);
    drop(connect(&running.address()));
    running.wait().code(0);
    let text = reading.recv_timeout(PATIENCE).expect("text");
    assert!(text.contains("accepted") && text.contains("closed"), "{text}");
}

/// What is read before the run begins may have no end: `-w` ends the run all the same, and what it waits
/// for is said.
#[test]
fn a_file_without_an_end_does_not_keep_a_run_beyond_its_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let fifo = fifo(directory.path());
    let fifo = fifo.to_str().expect("a name");
    let text = format!("@{fifo}");
    for options in [
        &["tcp-connect", "--send", &text, "127.0.0.1:9"][..],
        &["tcp-connect", "--replay", fifo, "127.0.0.1:9"],
        &["tcp-serve", "--replay", fifo, "127.0.0.1:0"],
        &["tcp-serve", "--reply", &text, "127.0.0.1:0"],
        &["tcp-serve", "--greet", &text, "127.0.0.1:0"],
        &["udp-listen", "--replay", fifo, "127.0.0.1:0"],
        &["udp-send", "--send", &text, "127.0.0.1:9"],
        &["mcast-send", "--send", &text, "239.255.7.7:9"],
        &["echo", "--prefix", &text, "127.0.0.1:0"],
    ] {
        let ended = wirecat([&["-v"], options, &["-w", "1"]].concat()).run().code(124);
        let ended = ended.says(&format!("the time of 1s is up, and {fifo} has not ended"));
        assert!(ended.stderr.contains("exit 124"), "{}", ended.stderr);
    }
    let stdin = wirecat(["tcp-connect", "--send", "@-", "-w", "1", "127.0.0.1:9"]).piped().start();
    stdin.wait_open().code(124).says("stdin has not ended");
    for (signal, code) in [(libc::SIGTERM, 143), (libc::SIGINT, 130), (libc::SIGHUP, 129)] {
        let mut patient = wirecat(["tcp-connect", "-v", "--send", &text, "127.0.0.1:9"]).start();
        patient.wait_for(&format!("waiting for the end of {fifo} (-w limits this)"));
        // There are no figures yet, and nobody wants it to end by that.
        patient.signal(libc::SIGUSR1);
        patient.signal(signal);
        let ended = patient.wait();
        assert_eq!(ended.signal, Some(signal), "{}", ended.stderr);
        ended.says(&format!("summary exit {code}"));
    }
    // One that ends in time is read as any file.
    let (listener, address) = listener();
    let client = wirecat(["tcp-connect", "--send", &text, "-w", "60", &address]).start();
    write_fifo(Path::new(fifo), b"late\n");
    let peer = accept(&listener);
    assert_eq!(read_all(&peer), b"late\n");
    drop(peer);
    client.wait().code(0);
}
