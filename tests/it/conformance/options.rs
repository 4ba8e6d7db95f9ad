//! What cannot apply is an error, and says so: conformance 13.

use crate::support::wirecat;

/// Asserts that a command line is refused in words that name the culprit.
#[track_caller]
fn refused(line: &str, culprit: &str) {
    // The limit is for a command line that is taken after all, and would go on for ever.
    let ended = wirecat(line.split_whitespace()).with(|command| _ = command.args(["-w", "1s"]));
    let ended = ended.run();
    assert_eq!(ended.code, Some(2), "{line}: {}", ended.stderr);
    assert!(ended.stderr.contains(culprit), "{line}: {culprit:?} is not in {}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{line}");
}

/// Conformance 13.
#[test]
fn a_port_beyond_65535_is_2() {
    for port in ["99999", "65536", "4294967376", "-1"] {
        for place in ["127.0.0.1:", "localhost:", ":", "[::1]:"] {
            refused(&format!("tcp-connect {place}{port}"), port);
            refused(&format!("tcp-serve {place}{port}"), port);
        }
    }
    refused("tcp-connect 99999", "99999");
    refused("tcp-serve 99999", "99999");
    refused("tcp-serve 127.0.0.1:0 127.0.0.1:99999", "99999");
}

/// Conformance 13: a command takes the options that fit it, and no other.
#[test]
fn options_of_another_command_are_2() {
    for option in ["--hub", "--once", "--discard", "--max-clients 1", "--greet x"] {
        refused(&format!("tcp-connect {option} localhost:1"), option.split(' ').next().unwrap());
    }
    for option in ["--reconnect", "--bind 127.0.0.1:0", "--connect-timeout 1s"] {
        refused(&format!("tcp-serve {option} 127.0.0.1:0"), option.split(' ').next().unwrap());
    }
}

/// Conformance 13: an option that could do nothing in its company is refused, not ignored.
#[test]
fn options_that_could_do_nothing_are_2() {
    let connect = [
        // There are no messages.
        ("-c 1", "--count"),
        ("--read-timeout 1s", "--read-timeout"),
        ("--max-frame 1k", "--max-frame"),
        ("--max-frame 1k --input raw", "--max-frame"),
        ("--keep-cr", "--keep-cr"),
        ("--keep-cr --frame u8", "--keep-cr"),
        // There are no lines, or there is no stdin.
        ("--chomp", "--chomp"),
        ("--chomp --input nul", "--chomp"),
        ("-n --input line", "--input"),
        ("-n --crlf", "--crlf"),
        ("-n --keep-open", "--keep-open"),
        ("-n --quit-after 1s", "--quit-after"),
        ("-O backlog=5", "backlog"),
        ("-O nonsense=1", "nonsense"),
        ("--frame u7", "u7"),
        ("-4 -6", "-4"),
        ("-q -v", "--quiet"),
    ];
    for (options, culprit) in connect {
        refused(&format!("tcp-connect {options} localhost:1"), culprit);
    }
    for options in ["-4", "-6", "--bind 127.0.0.1:0"] {
        refused(
            &format!("tcp-connect {options} unix:/nowhere"),
            options.split(' ').next().unwrap(),
        );
    }
    let serve = [
        ("--hub --discard", "--hub"),
        ("--reply x --hub", "--hub"),
        ("--once --conns 2", "--once"),
        // The handler sends nothing of stdin.
        ("--discard --input line", "--input"),
        ("--discard --crlf", "--crlf"),
        ("--reply x --keep-open", "--keep-open"),
        ("--discard --slow drop", "--slow"),
        ("--discard --queue 1k", "--queue"),
        ("--discard --output hex", "--output"),
        ("--hub --quit-after 1s", "--quit-after"),
        // The policy waits for ever.
        ("--slow block --slow-after 2s", "--slow-after"),
        ("--greet @- --reply @-", "@-"),
        ("--queue 0", "--queue"),
        ("--conns 0", "--conns"),
    ];
    for (options, culprit) in serve {
        refused(&format!("tcp-serve {options} 127.0.0.1:0"), culprit);
    }
    for options in ["-4", "-6", "-O nodelay=1", "--port-file f"] {
        let culprit = options.split([' ', '=']).nth(usize::from(options.starts_with("-O")));
        let line = format!("tcp-serve {options} unix:@wirecat-conformance-13");
        refused(&line, culprit.expect("a word"));
    }
}
