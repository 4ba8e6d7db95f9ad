//! What newcomers type, and what they are answered.

use super::*;
use crate::commands::{Parsed, usage};

/// The hint for a command line that is wrong.
fn hint_of(line: &str) -> Option<String> {
    let words = shell_words::split(line).expect("words");
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    let all = [OsString::from("wirecat")].into_iter().chain(words.iter().cloned());
    let error = Parsed::of(all).err().unwrap_or_else(|| panic!("{line} is right"));
    usage::failure(&error, &words).fix.clone()
}

/// The line that a hint has one write, and what it says behind it.
fn parts(hint: &str) -> (&str, &str) {
    let rest = hint.strip_prefix("write `wirecat ").unwrap_or_else(|| panic!("no line: {hint}"));
    rest.split_once('`').unwrap_or_else(|| panic!("{hint}"))
}

#[test]
fn what_is_to_be_written_is_named_with_the_arguments_that_were_typed() {
    for (typed, write) in [
        ("-l 9000", "tcp-serve -1 :9000"),
        ("-lk 9000", "tcp-serve :9000"),
        ("-lkp 9000", "tcp-serve :9000"),
        ("-l -p 9000", "tcp-serve -1 :9000"),
        ("-l 127.0.0.1 9000", "tcp-serve -1 127.0.0.1:9000"),
        ("-l -s ::1 9000", "tcp-serve -1 '[::1]:9000'"),
        ("localhost 80", "tcp-connect localhost:80"),
        ("localhost http", "tcp-connect localhost:http"),
        ("::1 80", "tcp-connect '[::1]:80'"),
        ("localhost:80", "tcp-connect localhost:80"),
        ("example.com", "tcp-connect example.com:PORT"),
        ("-zv -w 2 localhost 80", "tcp-connect -z -v --connect-timeout 2 localhost:80"),
        ("-zw2 localhost 80", "tcp-connect -z --connect-timeout 2 localhost:80"),
        ("-q 1 localhost 80", "tcp-connect --quit-after 1 localhost:80"),
        ("-N localhost 80", "tcp-connect localhost:80"),
        ("-nv localhost 80", "tcp-connect -v localhost:80"),
        ("-d localhost 80", "tcp-connect -n localhost:80"),
        ("-u localhost 53", "udp-send --reply localhost:53"),
        ("-u -w 2 localhost 53", "udp-send --reply --idle-timeout 2 localhost:53"),
        ("-u -w2 -q 1 localhost 53", "udp-send --idle-timeout 2 --reply=1 localhost:53"),
        ("-ul 9000", "udp-listen :9000"),
        ("-lu -q 1 9000", "udp-listen :9000"),
        ("-U /tmp/s", "tcp-connect unix:/tmp/s"),
        ("-lU /tmp/s", "tcp-serve -1 unix:/tmp/s"),
        ("nc -lk 9000", "tcp-serve :9000"),
        ("ncat -l 9000 -e '/bin/cat -n'", "tcp-serve -1 --exec '/bin/cat -n' :9000"),
        ("ncat -lk 9000 --sh-exec 'a | b'", "tcp-serve --sh --exec 'a | b' :9000"),
        ("ncat -lk --broker -m 3 9000", "tcp-serve --hub --max-clients 3 :9000"),
        ("nc", "tcp-connect ADDR"),
        ("listen :9000", "tcp-serve :9000"),
        ("serve 9000 --once", "tcp-serve --once 9000"),
        ("connect localhost 80", "tcp-connect localhost:80"),
        ("connect --wait 2s localhost:80", "tcp-connect --wait 2s localhost:80"),
        ("udp localhost 53", "udp-send localhost:53"),
        ("udp -l 9000", "udp-listen 9000"),
        ("ping localhost:7", "echo --ping localhost:7"),
        ("tcp-connect localhost 80", "tcp-connect localhost:80"),
        ("tcp-connect -q 1 localhost 80", "tcp-connect --quit-after 1 localhost:80"),
        ("tcp-connect -c 'cat | x' h:1", "tcp-connect --sh --exec 'cat | x' h:1"),
        ("tcp-connect -p 5 h:80", "tcp-connect --bind :5 h:80"),
        ("tcp-connect -s 10.0.0.1 -p 5 h:80", "tcp-connect --bind 10.0.0.1:5 h:80"),
        ("tcp-connect -l 80", "tcp-serve 80"),
        ("tcp-serve -k 9000", "tcp-serve 9000"),
        ("tcp-serve -k :9000 :9001", "tcp-serve :9000 :9001"),
        ("tcp-serve -p 9000", "tcp-serve :9000"),
        ("tcp-serve -u :9000", "udp-listen :9000"),
        ("tcp-serve -e cat :9000", "tcp-serve --exec cat :9000"),
        ("tcp-serve -U /tmp/s", "tcp-serve unix:/tmp/s"),
        ("tcp-serve -N 9000", "tcp-serve 9000"),
        ("tcp-serve -s 10.0.0.1 9000", "tcp-serve 10.0.0.1:9000"),
        ("tcp-serve --broker :9000", "tcp-serve --hub :9000"),
        ("tcp-serve -k", "tcp-serve ADDR"),
        ("tcp-serve --proxy h:1 :9000", "tcp-serve --forward h:1 :9000"),
        ("ncat --proxy h:1 x 80", "tcp-connect --via http://h:1 x:80"),
        ("ncat --proxy h:1 --proxy-type socks5 x 80", "tcp-connect --via socks5://h:1 x:80"),
        ("nc -x h:1 x 80", "tcp-connect --via socks5://h:1 x:80"),
        ("nc -X connect -x h:1 x 80", "tcp-connect --via http://h:1 x:80"),
        ("tcp-serve -k 0 --frame line -- x -y", "tcp-serve --frame line 0 -- x -y"),
        ("-v tcp-serve -k --greet=a :1", "tcp-serve '--greet=a' :1"),
        ("udp-listen -k 9000", "udp-listen 9000"),
    ] {
        let hint = hint_of(typed).unwrap_or_else(|| panic!("{typed} has no hint"));
        assert!(hint.starts_with("write "), "{typed}: {hint}");
        let (line, _) = parts(&hint);
        assert_eq!(line, write, "{typed}");
        // It is right in itself.
        let words = shell_words::split(line).expect("words");
        let all = ["wirecat".to_owned()].into_iter().chain(words);
        let parsed = Parsed::of(all.map(OsString::from));
        let parsed = parsed.unwrap_or_else(|error| panic!("{typed}: {line}: {error}"));
        let is_whole = !PLACEHOLDERS.iter().any(|place| line.ends_with(place));
        assert!(!is_whole || parsed.check().is_ok(), "{typed}: {line}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls_has_other_names() {
    for (typed, write) in [
        ("ncat --ssl h 443", "tcp-connect --tls h:443"),
        ("ncat -lk --ssl 9000", "tcp-serve --tls-self-signed :9000"),
        ("ncat -lk --ssl --ssl-cert c --ssl-key k 1", "tcp-serve --tls-cert c --tls-key k :1"),
        ("tcp-serve --ssl :9000", "tcp-serve --tls-self-signed :9000"),
        ("ncat --ssl-trustfile f h 1", "tcp-connect --tls-ca f --tls h:1"),
        ("ncat -lk --ssl-alpn h2 1", "tcp-serve --alpn h2 --tls-self-signed :1"),
        ("ncat --ssl-verify --ssl-trustfile f h 1", "tcp-connect --tls --tls-ca f h:1"),
    ] {
        let hint = hint_of(typed).unwrap_or_else(|| panic!("{typed} has no hint"));
        assert_eq!(parts(&hint).0, write, "{typed}");
    }
    // A certificate is for a name, which a unix socket has not.
    for typed in ["nc -U --ssl /tmp/s", "nc -U --ssl-alpn h2 /tmp/s"] {
        assert!(hint_of(typed).is_none_or(|hint| !hint.starts_with("write ")), "{typed}");
    }
}

#[test]
fn a_false_friend_and_the_two_kinds_of_ports_are_explained() {
    for (typed, says) in [
        ("-l 9000", ":9000 is all interfaces, 9000 loopback"),
        ("tcp-serve -p 9000", ":9000 is all interfaces, 9000 loopback"),
        ("listen 9000", "9000 is loopback, :9000 all interfaces"),
        ("tcp-serve -k :1", "it serves client after client; -1 takes one"),
        ("-w 2 h 80", "-w limits the whole run"),
        ("-q 2 h 80", "-q shows errors only"),
        ("-n h 80", "-n does without stdin"),
        ("tcp-connect -c x h:80", "-c N stops after N messages"),
    ] {
        let hint = hint_of(typed).unwrap_or_else(|| panic!("{typed} has no hint"));
        assert!(parts(&hint).1.contains(says), "{typed}: {hint}");
    }
}

#[test]
fn what_is_not_known_is_left_to_the_message() {
    for typed in
        ["frobnicate", "tcp-conect h:1", "chat -k 1", "tcp-serve --nonsense 1", "tcp-serve -c 5x 1"]
    {
        let hint = hint_of(typed).unwrap_or_default();
        assert!(!hint.starts_with("write ") && hint != PAGE, "{typed}: {hint}");
    }
    let hint = hint_of("tcp-conect 80").unwrap_or_default();
    assert!(hint.contains("tcp-connect"), "{hint}");
    // Nor is a line named that is refused in its turn.
    let refused =
        ["-uz h 1", "-u -e cat h 1", "-lu --broker 1", "-b h 1", "-u -x p:1 h 1", "-lz 1"];
    let refused_too = ["-T lowdelay h 1", "-U -s 127.0.0.1 /tmp/s", "-lU -M 3 /tmp/s"];
    let others = ["-j 1", "socat - TCP:h:1", "nc -l -p 1 h"];
    for typed in refused.into_iter().chain(refused_too).chain(others) {
        assert_eq!(hint_of(typed).as_deref(), Some(PAGE), "{typed}");
    }
    let either = "write `wirecat tcp-serve 9` to listen, or `wirecat tcp-connect 9` to connect";
    assert_eq!(hint_of("9").as_deref(), Some(either));
}
