//! What newcomers type, and what they are answered.

use super::line::PLACEHOLDERS;
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

/// The line that a hint has one write, and the reason behind it.
fn parts(hint: &str) -> (&str, &str) {
    let rest = hint.strip_prefix("write `wirecat ").unwrap_or_else(|| panic!("no line: {hint}"));
    rest.split_once('`').unwrap_or_else(|| panic!("{hint}"))
}

/// Checks the line that is written for one that was typed.
#[track_caller]
fn check_written(typed: &str, write: &str) {
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
        ("-v tcp-serve -k --greet=a :1", "tcp-serve '--greet=a' -v :1"),
        ("udp-listen -k 9000", "udp-listen 9000"),
    ] {
        check_written(typed, write);
    }
}

#[test]
fn what_stands_before_the_command_is_not_lost() {
    for (typed, write) in [
        ("-v --log json tcp-serve -k :1 -- x", "tcp-serve -v --log json :1 -- x"),
        ("-q listen 9000", "tcp-serve -q 9000"),
        ("-q tcp-serve 9000 -k", "tcp-serve -q 9000"),
        ("-v nc -lk 9000", "tcp-serve -v :9000"),
        ("-w 5 listen 5", "tcp-serve -w 5 5"),
        ("-w 5 connect host 9", "tcp-connect -w 5 host:9"),
        ("ncat -l --broker 9000", "tcp-serve --hub :9000"),
        ("-w 5 tcp-connect localhost 80", "tcp-connect -w 5 localhost:80"),
        ("-w 5 tcp-connect localhost:80", "tcp-connect -w 5 localhost:80"),
        ("-v --once tcp-serve 1 -- x", "tcp-serve -v --once 1 -- x"),
        ("--time chat room:5", "chat --time room:5"),
        ("--ping echo h:7", "echo --ping h:7"),
        ("chat room 5", "chat room:5"),
        ("chat --time room 5", "chat --time room:5"),
        ("chat -q 1 room:5", "chat -q room:5"),
        ("-v chat room 5", "chat -v room:5"),
    ] {
        check_written(typed, write);
    }
}

/// Lines of the table for users of nc that a hint writes in other words, which mean the same.
#[cfg(feature = "tls")]
const OTHER_WORDS: [&str; 6] = [
    "nc -l 127.0.0.1 9000",
    "nc -6 ::1 9000",
    "ncat -lk 9000 -e /bin/cat",
    "ncat host 9000 -e /bin/cat",
    "ncat -lk --chat 9000",
    "ncat --ssl host 9000",
];

#[cfg(feature = "tls")]
#[test]
fn each_line_for_users_of_nc_is_what_a_hint_writes() {
    let readme = include_str!("../../../README.md");
    let table = readme.split("<!-- from nc -->\n").nth(1).expect("the table");
    let table = table.split("<!-- end of from nc -->").next().expect("its end");
    let mut count = 0;
    for row in table.lines().skip(2) {
        let (foreign, ours) = row.trim_matches('|').split_once(" | ").expect("two cells");
        let (foreign, ours) = (foreign.trim().trim_matches('`'), ours.trim().trim_matches('`'));
        // A hint does not see what the shell redirects.
        let typed = foreign.split([' ', '<', '>']).collect::<Vec<_>>();
        let is_redirected = foreign.contains(" < ") || foreign.contains(" > ");
        let typed = match is_redirected {
            true => typed[..typed.len() - 3].join(" "),
            false => foreign.to_owned(),
        };
        if OTHER_WORDS.contains(&&*typed) || is_redirected && !foreign.starts_with("socat") {
            continue;
        }
        let hint = hint_of(&typed).unwrap_or_else(|| panic!("{typed} has no hint"));
        let ours = if is_redirected { ours.split(" < ").next().unwrap_or(ours) } else { ours };
        assert_eq!(format!("wirecat {}", parts(&hint).0), ours, "{typed}");
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

#[cfg(feature = "tls")]
#[test]
fn a_line_of_socat_is_answered_by_that_of_wirecat() {
    for (typed, write) in [
        ("- TCP:h:1", "tcp-connect h:1"),
        ("TCP4:h:1 STDIO", "tcp-connect -4 h:1"),
        ("TCP6-LISTEN:9,fork PIPE", "echo --tcp -6 :9"),
        ("-d -d -b8192 -T 5 - tcp:[::1]:80", ""),
        ("-d -d -b8192 - tcp:[::1]:80", "tcp-connect '[::1]:80'"),
        ("-u TCP:h:1 -", "tcp-connect -n h:1"),
        ("-U - TCP:h:1", "tcp-connect -n h:1"),
        ("-u FILE:x TCP:h:1", "tcp-connect --output none h:1 < x"),
        ("-u TCP:h:1 CREATE:'x y'", "tcp-connect -n h:1 > 'x y'"),
        ("FILE:x TCP:h:1", ""),
        ("- TCP-LISTEN:9", "tcp-serve -1 :9"),
        ("-u TCP:h:1 OPEN:x,creat,trunc", "tcp-connect -n h:1 > x"),
        ("-u TCP:h:1 GOPEN:x,append", "tcp-connect -n h:1 >> x"),
        ("-u TCP:h:1 OPEN:x", ""),
        ("-u TCP:h:1 GOPEN:x", ""),
        ("-u - TCP-LISTEN:9,fork", "tcp-serve --output none :9"),
        ("-u FILE:x TCP-LISTEN:9", "tcp-serve -1 --output none :9 < x"),
        ("- TCP-LISTEN:9,retry=5", ""),
        ("TCP-L:9,fork,reuseaddr,range=10.0.0.0/8 -", "tcp-serve --allow 10.0.0.0/8 :9"),
        ("TCP:h:1 TCP-LISTEN:9,fork", "tcp-serve --forward h:1 :9"),
        ("TCP:h TCP-LISTEN:9,fork", ""),
        ("-u TCP:h:1 TCP-LISTEN:9,fork", ""),
        ("-v TCP-LISTEN:9 UNIX:/s", "tcp-serve -1 --forward unix:/s --output dump :9"),
        ("TCP-LISTEN:9,fork EXEC:'cat -n',stderr", "tcp-serve --exec 'cat -n' :9"),
        ("TCP-LISTEN:9,fork SYSTEM:'a | b'", "tcp-serve --sh --exec 'a | b' :9"),
        ("TCP-LISTEN:9,fork EXEC:sh,pty", ""),
        ("EXEC:cat TCP:h:1", "tcp-connect --exec cat h:1"),
        ("UNIX-LISTEN:/s,fork,mode=0660 EXEC:cat", "tcp-serve --exec cat --unix-mode 0660 unix:/s"),
        ("UNIX-LISTEN:/s,fork PIPE", "echo unix:/s"),
        ("- OPENSSL:h:1,verify=0", "tcp-connect --tls --tls-insecure h:1"),
        ("- OPENSSL:h:1,cafile=c", "tcp-connect --tls --tls-ca c h:1"),
        (
            "OPENSSL-LISTEN:9,fork,cert=c,key=k,verify=0 EXEC:cat",
            "tcp-serve --exec cat --tls-cert c --tls-key k :9",
        ),
        (
            "OPENSSL-LISTEN:9,fork,cert=c,key=k,cafile=a EXEC:cat",
            "tcp-serve --exec cat --tls-cert c --tls-key k --tls-client-ca a :9",
        ),
        ("OPENSSL-LISTEN:9,fork,cert=c,key=k EXEC:cat", ""),
        ("TCP-LISTEN:9,fork OPENSSL:h:1", ""),
        ("- UDP:h:1", "udp-send --reply h:1"),
        ("-u - UDP-SENDTO:h:1,broadcast", "udp-send --broadcast h:1"),
        ("UDP-RECVFROM:9,fork PIPE", "echo --udp :9"),
        ("-u UDP-RECV:9 -", "udp-listen -n :9"),
        ("- TCP:h:1,retry=x", ""),
        ("- TCP:h:1 TCP:h:2", ""),
        ("-", ""),
    ] {
        let hint = hint_of(&format!("socat {typed}")).unwrap_or_default();
        match write {
            "" => assert_eq!(hint, PAGE, "{typed}"),
            _ => assert_eq!(hint, format!("write `wirecat {write}`"), "{typed}"),
        }
    }
}

/// An option that stands before another tool is one of wirecat, with another meaning there.
#[test]
fn options_before_another_tool_have_no_line() {
    for typed in ["-w 5 nc -l 80", "-w 5 nc host 80", "-v socat - TCP:h:1", "-q socat - TCP:h:1"] {
        assert_eq!(hint_of(typed).as_deref(), Some(PAGE), "{typed}");
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
    for (typed, reason) in [
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
        assert!(parts(&hint).1.contains(reason), "{typed}: {hint}");
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
    // An option is meant by another only where they differ by a slip.
    for (typed, meant) in [
        ("chat --telnet a:1", None),
        ("chat --tme a:1", Some("did you mean --time?")),
        ("tcp-serve --onec 1", Some("did you mean --once?")),
        ("tcp-serve --max-cleints 1 1", Some("did you mean --max-clients?")),
        ("tcp-connect --progess a:1", Some("did you mean --progress?")),
        ("tcp-connect --idle 1 a:1", Some("did you mean --idle-timeout?")),
    ] {
        let hint = hint_of(typed).filter(|hint| hint.starts_with("did"));
        assert_eq!(hint.as_deref(), meant, "{typed}");
    }
    let hint = hint_of("tcp-conect 80").unwrap_or_default();
    assert!(hint.contains("tcp-connect"), "{hint}");
    // Nor is a line named that is refused in its turn.
    let refused =
        ["-uz h 1", "-u -e cat h 1", "-lu --broker 1", "-b h 1", "-u -x p:1 h 1", "-lz 1"];
    let refused_too = ["-T lowdelay h 1", "-U -s 127.0.0.1 /tmp/s", "-lU -M 3 /tmp/s"];
    let others = ["-j 1", "socat - SCTP:h:1", "socat - TCP:h:1,su=x", "socat - -", "nc -l -p 1 h"];
    for typed in refused.into_iter().chain(refused_too).chain(others) {
        assert_eq!(hint_of(typed).as_deref(), Some(PAGE), "{typed}");
    }
    let either = "write `wirecat tcp-serve 9` to listen, or `wirecat tcp-connect 9` to connect";
    assert_eq!(hint_of("9").as_deref(), Some(either));
}

#[test]
fn who_asks_another_name_for_help_is_shown_whose_help_it_is() {
    for typed in ["udp -h", "udp --help"] {
        assert_eq!(hint_of(typed).as_deref(), Some("write `wirecat udp-send --help`"), "{typed}");
    }
}
