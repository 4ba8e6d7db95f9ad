//! Bad input: each is an error that says what was wrong and what is right, with the status of
//! SPEC section 9, and before anything was sent or bound.

use std::os::unix::net::UnixListener;

use crate::support::wirecat;

/// A command line, and what its error has to contain besides the status.
type Row = (&'static str, &'static [&'static str]);

#[track_caller]
fn refuse(line: &str, code: i32, words: &[&str]) {
    let ended = wirecat(line.split_whitespace()).run();
    assert_eq!(ended.code, Some(code), "{line}; stderr:\n{}", ended.stderr);
    assert_eq!(ended.text(), "", "{line} writes to stdout");
    for word in words {
        assert!(ended.stderr.contains(word), "{line}: {word:?} is not in:\n{}", ended.stderr);
    }
}

fn refuse_all(rows: &[Row]) {
    for (line, words) in rows {
        refuse(line, 2, words);
    }
}

/// SPEC section 3, conformance 13: an address that is none is exit 2.
#[test]
fn a_bad_address_is_named_with_the_right_form() {
    refuse_all(&[
        ("tcp-connect host:99999", &["port 99999", "between 0 and 65535"]),
        ("tcp-serve 99999", &["port 99999", "between 0 and 65535"]),
        ("tcp-connect host:-1", &["port -1", "between 0 and 65535"]),
        ("tcp-connect host:", &["\"host:\" has no port", "write HOST:PORT"]),
        ("tcp-serve host", &["\"host\" has no port", "host:0 listens on a free port"]),
        ("tcp-serve host 80", &["\"host\" has no port", "did you mean host:80?"]),
        ("udp-send host 80", &["\"host\" has no port", "did you mean host:80?"]),
        ("udp-send --reply 2s host:80", &["\"2s\" has no port", "write --reply=2s"]),
        ("udp-send --reply 2 host:9", &["use 2: behind --reply it is", "write --reply=2;"]),
        ("mcast-send --reply 2s 239.1.2.3:5", &["\"2s\"", "write --reply=2s"]),
        ("tcp-connect /tmp/x", &["\"/tmp/x\" is a path", "write unix:/tmp/x"]),
        ("tcp-serve ./x", &["\"./x\" is a path", "write unix:./x"]),
        ("tcp-connect tcp:h:80", &["begins with tcp:", "hint: write h:80"]),
        ("tcp-connect host", &["\"host\" has no port", "write HOST:PORT"]),
        ("tcp-connect [::1", &["the ] is missing in \"[::1\"", "[::1]:80"]),
        ("tcp-connect [::1]80", &["\"80\" follows the ]", "[::1]:80"]),
        ("tcp-connect ::1:80", &["more than one colon", "[::1]:80"]),
        ("tcp-connect 1.2.3.4.5:80x", &["\"1.2.3.4.5\" is not an IPv4", "four numbers"]),
        ("tcp-connect host:80x", &["\"80x\" is neither a port number", "name of a service"]),
        ("tcp-connect http://host:80", &["is a URL", "write HOST:PORT", "hint: write host:80"]),
        ("tcp-connect --expect a( host:80", &["unclosed group, at byte 1"]),
        ("tcp-connect http://host/x?y", &["is a URL", "hint: write host:80"]),
        ("tcp-connect http://[::1]/", &["is a URL", "hint: write [::1]:80"]),
        ("udp-send http://host:81/", &["is a URL", "hint: write host:81"]),
        ("tcp-serve http://host:", &["is a URL", "write HOST:PORT"]),
        ("tcp-connect :0", &["port 0 cannot be connected to", "name the port"]),
        ("tcp-connect 239.1.2.3:5000", &["multicast group", "mcast-join or mcast-send"]),
        ("tcp-serve [ff02::1]:5000", &["multicast group", "mcast-join or mcast-send"]),
        ("tcp-connect unix:", &["name of a unix socket is missing", "unix:PATH"]),
        ("tcp-connect fd:x", &["\"x\" is not the number", "fd:3"]),
        ("tcp-connect fd:1", &["fd 1 is stdin, stdout or stderr", "fd 3 or above"]),
        ("tcp-connect fd:", &["inherited listeners", "write fd:N"]),
        ("tcp-connect -6 127.0.0.1:80", &["127.0.0.1: it is not an IPv6 address", "-4 and -6"]),
        ("tcp-connect [fe80::1%nosuch0]:80", &["there is no interface nosuch0"]),
    ]);
}

/// A command that can speak TLS with a server is told to.
#[cfg(feature = "tls")]
#[test]
fn a_url_of_tls_is_answered_with_the_option() {
    refuse_all(&[
        ("tcp-connect https://h", &["is a URL", "hint: write --tls h:443"]),
        ("tcp-connect --tls https://h", &["hint: write h:443"]),
        ("tcp-connect tls:h:443", &["\"tls:h:443\" begins with tls:", "hint: write --tls h:443"]),
        ("chat https://h", &["hint: write --tls h:443"]),
        ("chat wss://h:8443/x", &["hint: write --tls h:8443"]),
        ("chat tls:h:443", &["hint: write --tls h:443"]),
        ("echo --ping https://h", &["hint: write --tls h:443"]),
        ("echo https://h", &["hint: write h:443"]),
        ("tcp-serve https://h", &["hint: write h:443"]),
        ("tcp-serve tls:h:443", &["hint: write h:443"]),
        ("udp-send https://h", &["hint: write h:443"]),
    ]);
}

/// What a URL lacks, a hint does not make up.
#[test]
fn a_url_without_a_host_or_a_port_has_no_hint() {
    for url in [
        "http://",
        "http:///x",
        "http://h:",
        "http://h:/x",
        "http://:80/",
        "http://::1/",
        "http://[::1",
        "http://h:99999/",
        "http://[]/",
        "http://joe@h/",
    ] {
        let ended = wirecat(["tcp-connect", url]).run().code(2);
        assert!(!ended.stderr.contains("hint: write"), "{url}:\n{}", ended.stderr);
    }
}

/// SPEC section 9: each floor that fails has its own status.
#[test]
fn a_failure_beyond_the_grammar_has_the_status_of_its_floor() {
    for (line, code, words) in [
        ("tcp-connect nosuch.invalid:80", 3, &["cannot resolve nosuch.invalid", "("]),
        ("tcp-connect unix:/", 4, &["unix:/", "it is a directory, and a socket is a file in one"]),
        ("tcp-serve unix:/", 5, &["unix:/", "it is a directory, and a socket is a file in one"]),
        ("tcp-connect unix:/nosuch/s", 4, &["no such file", "nothing listens there"]),
        ("tcp-serve unix:/nosuch/s", 5, &["no such file", "its directory must exist"]),
        ("tcp-serve 192.0.2.1:0", 5, &["192.0.2.1:0", "no interface has this address"]),
        ("tcp-connect fd:99", 7, &["fd 99: bad file descriptor", "parent process must open it"]),
        ("tcp-serve fd:99", 7, &["fd 99: bad file descriptor", "parent process must open it"]),
        ("tcp-serve fd:", 7, &["LISTEN_PID and LISTEN_FDS are not set", "fd:N"]),
        ("tcp-serve --reply @/nosuch/t 0", 7, &["cannot read /nosuch/t", "no such file"]),
        ("tcp-serve --save /proc/nosuch/d 0", 7, &["cannot create /proc/nosuch/d", "no such file"]),
        ("tcp-serve --port-file /nosuch/p 0", 7, &["the ports to /nosuch/p", "no such file"]),
    ] {
        refuse(line, code, words);
    }
}

/// connect(2) and bind(2) give an ordinary user EACCES for a directory, and root something else: both
/// are told what it is.
#[test]
fn an_ordinary_user_is_shown_what_a_file_is_as_well() {
    for (command, code) in
        [("tcp-connect", 4), ("udp-send", 4), ("tcp-serve", 5), ("udp-listen", 5)]
    {
        for (path, words) in [("/usr", "it is a directory"), ("/etc/passwd", "it is a file, not a")]
        {
            let address = format!("unix:{path}");
            wirecat([command, &address]).run().code(code).says(words);
            let name = "an_ordinary_user_is_shown_what_a_file_is_as_well";
            let Some(program) = crate::stdio::as_nobody(name, &[command, &address]) else { return };
            program.run().code(code).says(words);
        }
    }
}

/// SPEC section 3: a live socket is not replaced, and neither is a file that is no socket.
#[test]
fn a_path_that_is_in_use_is_not_taken() {
    let directory = crate::support::tempdir().unwrap();
    let (live, file) = (directory.path().join("live"), directory.path().join("file"));
    let _listener = UnixListener::bind(&live).unwrap();
    std::fs::write(&file, "precious").unwrap();
    let words = ["cannot listen on", "another program listens there"];
    refuse(&format!("tcp-serve unix:{}", live.display()), 5, &words);
    refuse(&format!("tcp-serve unix:{}", file.display()), 5, &["it is a file, not a socket"]);
    refuse(&format!("tcp-connect unix:{}", file.display()), 4, &["it is a file, not a socket"]);
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

/// SPEC section 4: a value that is none says how it is written.
#[test]
fn a_bad_value_is_named_with_the_right_form() {
    refuse_all(&[
        ("tcp-connect --frame u7 1", &["--frame", "`u7`", "u8, u16, u32", "fixed:N"]),
        ("tcp-connect --frame fixed:0 1", &["--frame", "would never end", "at least 1"]),
        ("tcp-connect --frame fixed:x 1", &["`fixed:x`", "as in fixed:512"]),
        ("tcp-connect --input lines 1", &["--input", "`lines`", "raw, line, nul, hex"]),
        ("tcp-connect --input fixed:0 1", &["--input", "at least 1"]),
        ("tcp-connect --output xml 1", &["--output", "raw, line, nul, hex, dump, json or none"]),
        ("tcp-connect --max-frame 0 1", &["--max-frame", "at least 1 byte"]),
        ("tcp-serve --queue 0 0", &["--queue", "at least 1 byte"]),
        ("tcp-serve --queue -1 0", &["--queue", "\"-1\" is not a size", "64k"]),
        ("tcp-serve --queue 64x 0", &["--queue", "\"64x\" is not a size", "64k"]),
        ("tcp-serve --queue 99999999E 0", &["--queue", "more than 64 bits"]),
        ("tcp-connect -w -5s 1", &["--timeout", "\"-5s\" is not a duration", "500ms, 2s"]),
        ("tcp-connect --quit-after -1 1", &["--quit-after", "\"-1\" is not a duration"]),
        ("tcp-connect --wait 5parsecs 1", &["--wait", "\"5parsecs\" is not a duration"]),
        ("tcp-connect --wait 99999999999999999999 1", &["--wait", "too long", "10 years"]),
        ("tcp-connect --idle-timeout 11y 1", &["--idle-timeout", "too long", "10 years"]),
        ("tcp-serve --count 0 0", &["--count", "\"0\" is not a count", "1 or more"]),
        ("tcp-serve --conns -1 0", &["--conns", "\"-1\" is not a count", "1 or more"]),
        ("tcp-serve --conns 99999999999999999999 0", &["\"99999999999999999999\" is too large"]),
        ("tcp-connect --send @ 1", &["cannot use @: ", "the name of a file", "\\x40 is an @"]),
        ("tcp-serve --forward h:0 0", &["cannot use --forward: port 0 cannot be connected to"]),
        ("tcp-serve --forward h 0", &["cannot use --forward: \"h\" has no port"]),
        ("tcp-serve --max-clients many 0", &["--max-clients", "\"many\"", "1 or more"]),
        ("tcp-serve --ready-fd 2 0", &["--ready-fd 2: 2 is not between 3 and 2147483647"]),
        ("mcast-send --ttl 256 239.1.2.3:5", &["--ttl 256: 256 is not between 0 and 255"]),
        ("tcp-serve --slow wait 0", &["cannot use --slow wait: ", "kick, drop or block"]),
        ("tcp-connect --on-peer-close die 1", &["--on-peer-close die: ", "continue, exit"]),
        ("tcp-connect --log yaml 1", &["--log yaml: ", "text, json"]),
        ("tcp-connect --color blue 1", &["--color blue: ", "auto, always, never"]),
        ("completions tcsh", &["cannot use tcsh: ", "bash, zsh, fish"]),
        ("man tcp-listen", &["cannot use tcp-listen: ", "tcp-connect, tcp-serve"]),
    ]);
}

/// The size of a message is wrong, and not the word before it: no other words are offered.
#[test]
fn a_bad_size_of_input_is_answered_with_a_size_alone() {
    for (value, words) in [("fixed:0", "N is at least 1\n"), ("fixed:x", "as in fixed:512\n")] {
        let ended = wirecat(["tcp-connect", "--input", value, "1"]).run().code(2);
        assert!(ended.stderr.contains(words), "{value}: {}", ended.stderr);
    }
}

/// SPEC section 5: an unknown socket option is exit 2, and so is a value that it does not take.
#[test]
fn a_bad_socket_option_is_named_with_the_right_ones() {
    refuse_all(&[
        ("tcp-connect -O nonsense=1 1", &["unknown socket option \"nonsense\"", "rcvbuf sndbuf"]),
        ("tcp-serve -O nonsense=1 0", &["unknown socket option \"nonsense\"", "user-timeout"]),
        ("tcp-connect -O ttl 1", &["\"ttl\" has no value", "KEY=VALUE"]),
        ("tcp-connect -O= 1", &["cannot use -O: \"\" has no value", "KEY=VALUE"]),
        ("tcp-connect -O ttl=300 1", &["\"300\"", "between 1 and 255"]),
        ("tcp-connect -O mss=87 1", &["\"87\"", "between 88 and 32767"]),
        ("tcp-connect -O mss=32768 1", &["\"32768\"", "between 88 and 32767"]),
        ("tcp-connect -O dscp=af99 1", &["\"af99\" is not a DSCP", "0 to 63, ef"]),
        ("tcp-connect -O nodelay=maybe 1", &["\"maybe\" is neither on nor off"]),
        ("tcp-connect -O rcvbuf=0 1", &["rcvbuf", "at least 1 byte"]),
        ("tcp-connect -O keepalive=1500ms 1", &["\"1500ms\"", "1 to 32767 whole seconds"]),
        ("tcp-connect -O backlog=5 1", &["backlog is an option of listeners"]),
        ("tcp-connect -O ttl=3 unix:/nosuch/s", &["ttl on unix:/nosuch/s", "has no such option"]),
    ]);
}

/// SPEC 1.6: a command's options are its own; one that belongs elsewhere says where.
#[test]
fn an_option_of_another_command_is_sent_there() {
    refuse_all(&[
        ("tcp-connect --hub 1", &["cannot use --hub: ", "an option of tcp-serve"]),
        ("tcp-connect -1 1", &["cannot use -1: ", "an option of tcp-serve"]),
        ("tcp-serve --reconnect 0", &["cannot use --reconnect: ", "an option of tcp-connect"]),
        ("tcp-serve --bind :0 0", &["cannot use --bind: ", "an option of tcp-connect"]),
        ("tcp-serve --frobnicate 0", &["--frobnicate: tcp-serve has no such", "--help"]),
        ("tcp-konnect 1", &["cannot use tcp-konnect: ", "did you mean tcp-connect?"]),
        ("tcp-connect", &["<ADDR> is missing", "`wirecat tcp-connect <ADDR>", "--help"]),
        ("tcp-serve", &["<ADDR> is missing", "`wirecat tcp-serve <ADDR>...", "--help"]),
        ("tcp-connect a:1 b:2", &["cannot use b:2: ", "`wirecat tcp-connect [OPTIONS]"]),
    ]);
}

/// Options of which at most one can be meant.
#[test]
fn two_options_that_exclude_each_other_are_both_named() {
    refuse_all(&[
        ("tcp-serve --hub --discard 0", &["--hub", "--discard", "cannot be used with"]),
        ("tcp-serve --reply x --hub 0", &["--reply", "--hub", "cannot be used with"]),
        ("tcp-serve --save d --reply x 0", &["--save", "--reply", "cannot be used with"]),
        ("tcp-serve -1 --conns 2 0", &["--once", "--conns", "cannot be used with"]),
        ("tcp-connect -4 -6 a:1", &["-4", "-6", "cannot be used with"]),
        ("tcp-connect -q -v 1", &["--quiet", "--verbose", "cannot be used with"]),
    ]);
}

/// `--log json` and `--output json`: an error is an event like any other, and the last line is
/// the summary with the status (SPEC section 8).
#[test]
fn an_error_is_an_event_in_json_too() {
    for (args, on_stdout) in [(["--log", "json"], false), (["--output", "json"], true)] {
        let ended = wirecat(["tcp-connect", args[0], args[1], "host:"]).run().code(2);
        let lines = if on_stdout { ended.text() } else { &ended.stderr };
        let events: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (&events[0]["event"], &events[0]["kind"]),
            (&"error".into(), &"bad-address".into())
        );
        assert_eq!((&events[1]["event"], &events[1]["code"]), (&"summary".into(), &2.into()));
        assert_eq!(events.len(), 2);
    }
}

/// Wrong usage is one line like any other failure, and one with what helps, whoever finds it.
#[test]
fn wrong_usage_reads_as_all_failures_do() {
    for (line, expected) in [
        (
            "tcp-serve -k 9000",
            "wirecat: cannot use -k: tcp-serve has no such option\n\
             hint: write `wirecat tcp-serve 9000` (it serves client after client; -1 takes one; \
             9000 is loopback, :9000 all interfaces)\n",
        ),
        (
            "tcp-serve --frobnicate 9000",
            "wirecat: cannot use --frobnicate: tcp-serve has no such option\n\
             hint: `wirecat tcp-serve --help` says more\n",
        ),
        (
            "udp-send --frame line 1",
            "wirecat: cannot use --frame: it is an option of tcp-connect, tcp-serve, chat and echo\n\
             hint: `wirecat udp-send --help` says more\n",
        ),
        (
            "tcp-serve --hub=1 0",
            "wirecat: cannot use --hub: it takes no value\n\
             hint: `wirecat tcp-serve --help` says more\n",
        ),
        (
            "tcp-connect --frame",
            "wirecat: cannot use --frame: its value is missing\nhint: write --frame <FRAMING>\n",
        ),
        (
            "tcp-connect --log jsn 1",
            "wirecat: cannot use --log jsn: it is none of text, json\nhint: did you mean json?\n",
        ),
        (
            "tcp-serve --onec 0",
            "wirecat: cannot use --onec: tcp-serve has no such option\nhint: did you mean --once?\n",
        ),
        (
            "tcp-connect -4 -4 1",
            "wirecat: cannot use -4: it can be given only once\n\
             hint: `wirecat tcp-connect --help` says more\n",
        ),
        (
            "-q",
            "wirecat: cannot run wirecat: the command is missing\n\
             hint: `wirecat --help` says more\n",
        ),
    ] {
        let ended = wirecat(line.split_whitespace()).run().code(2);
        assert_eq!((ended.stderr.as_str(), ended.text()), (expected.trim_end(), ""), "{line}");
    }
}

#[test]
fn what_is_no_number_is_said_to_be_none() {
    for (option, words) in [
        (
            "udp-send --repeat 0 9",
            "--repeat 0: \"0\" is not a count: write a whole number, 1 or more",
        ),
        ("tcp-serve --ready-fd x 9", "--ready-fd x: \"x\" is not a whole number"),
        (
            "tcp-serve --ready-fd 99999999999999999999 9",
            "--ready-fd 99999999999999999999: \"99999999999999999999\" is too large",
        ),
        ("mcast-send --ttl 1.5 239.1.1.1:9", "--ttl 1.5: \"1.5\" is not a whole number"),
    ] {
        wirecat(option.split(' ')).run().code(2).says(&format!("cannot use {words}"));
    }
}

/// The options that say how events are reported hold wherever they stand, also behind what is wrong,
/// and also where the line says things that exclude each other.
#[test]
fn wrong_usage_is_an_event_in_json_too() {
    for (line, on_stdout) in [
        ("tcp-serve --nonsense --log json --tag t 0", false),
        ("--log=json --tag t tcp-serve --nonsense 0", false),
        ("tcp-serve --nonsense -q --output json -v --tag t 0", true),
        ("nonsense --log json --tag t", false),
    ] {
        let ended = wirecat(line.split_whitespace()).run().code(2);
        let lines = if on_stdout { ended.text() } else { &ended.stderr };
        let events: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [error, summary] = &events[..] else { panic!("{line}: {lines}") };
        assert_eq!((&error["event"], &error["kind"]), (&"error".into(), &"usage".into()), "{line}");
        assert!(error["message"].as_str().unwrap().contains("nonsense"), "{line}: {error}");
        assert!(error["hint"].as_str().unwrap().contains("--help"), "{line}: {error}");
        assert_eq!((&error["tag"], &summary["tag"]), (&"t".into(), &"t".into()), "{line}");
        assert_eq!((&summary["event"], &summary["code"]), (&"summary".into(), &2.into()), "{line}");
    }
}

#[test]
fn a_hook_learns_of_wrong_usage() {
    let line = ["tcp-serve", "--nonsense", "--on", "error=cat >&2", "0"];
    let ended = wirecat(line).run().code(2);
    assert!(ended.stderr.contains(r#""kind":"usage","message":"cannot use --nonsense"#));
}
