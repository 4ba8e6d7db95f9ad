//! What somebody who knows nc types first: each time the answer is the line to write.

use crate::support::wirecat;

#[track_caller]
fn answer(words: &[&str], write: &str) {
    let ended = wirecat(words).run();
    assert_eq!(ended.code, Some(2), "{words:?}; stderr:\n{}", ended.stderr);
    assert_eq!(ended.text(), "", "{words:?} writes to stdout");
    assert!(ended.stderr.contains(write), "{words:?}: {write:?} is not in:\n{}", ended.stderr);
    // What follows `--` is a command, and no value.
    assert!(!ended.stderr.contains("as a value"), "{words:?}:\n{}", ended.stderr);
}

#[test]
fn the_line_of_another_tool_is_answered_by_the_one_to_write() {
    for (words, write) in [
        (&["-l", "9000"][..], "write `wirecat tcp-serve -1 :9000`"),
        (&["-lk", "9000"], "write `wirecat tcp-serve :9000`"),
        (&["localhost", "80"], "write `wirecat tcp-connect localhost:80`"),
        (&["nc", "-u", "localhost", "53"], "write `wirecat udp-send --reply localhost:53`"),
        (&["listen", ":9000"], "write `wirecat tcp-serve :9000`"),
        (&["serve", ":9000"], "write `wirecat tcp-serve :9000`"),
        (&["connect", "localhost:80"], "write `wirecat tcp-connect localhost:80`"),
        (&["socat", "-", "TCP:localhost:80"], "write `wirecat tcp-connect localhost:80`"),
        (&["socat", "-", "SCTP:localhost:80"], "wirecat man from-nc"),
        (&["-v", "tcp-serve", "-k", "9000"], "write `wirecat tcp-serve -v 9000`"),
        (&["-w", "5", "chat", "room:5"], "write `wirecat chat -w 5 room:5`"),
        (&["chat", "-q", "1", "room:5"], "write `wirecat chat -q room:5`"),
        (&["tcp-connect", "localhost", "80"], "write `wirecat tcp-connect localhost:80`"),
        (&["tcp-serve", "-k", "9000"], "write `wirecat tcp-serve 9000`"),
        (&["tcp-serve", "-p", "9000"], "write `wirecat tcp-serve :9000`"),
        (&["tcp-serve", "-u", "9000"], "write `wirecat udp-listen 9000`"),
        (&["tcp-serve", "-e", "cat -n", ":1"], "write `wirecat tcp-serve --exec 'cat -n' :1`"),
        (&["tcp-serve", "-U", "/tmp/s"], "write `wirecat tcp-serve unix:/tmp/s`"),
        (&["tcp-serve", "-N", "9000"], "write `wirecat tcp-serve 9000`"),
        (&["tcp-serve", "-s", "127.0.0.1", "1"], "write `wirecat tcp-serve 127.0.0.1:1`"),
        (&["tcp-serve", "--broker", ":1"], "write `wirecat tcp-serve --hub :1`"),
    ] {
        answer(words, write);
    }
}

#[test]
fn an_option_that_no_tool_has_is_no_value_either() {
    for words in [&["tcp-serve", "-j", "9000"][..], &["chat", "-k", "1"], &["-j"]] {
        answer(words, "-");
    }
}
