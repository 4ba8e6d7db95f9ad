//! Options that cannot apply where stdin gives commands are refused with 2.

use crate::support::wirecat;

#[test]
fn what_cannot_apply_to_commands_is_refused() {
    for (command, words) in [
        ("tcp-serve --input json --chomp 0", "--chomp"),
        ("tcp-serve --input json --crlf 0", "--crlf"),
        ("tcp-serve --input json -n 0", "--input"),
        ("tcp-serve --input json --keep-open 0", "the end of stdin is /quit"),
        ("tcp-connect --input commands --quit-after 1s :9", "the end of stdin is /quit"),
        ("tcp-serve --input commands --discard 0", "this handler does not send stdin"),
        ("tcp-serve --input json --reply x 0", "this handler does not send stdin"),
        ("udp-listen --input json --to all 0", "each command says whom it is for"),
        ("udp-listen --input json --chomp 0", "--chomp"),
        ("udp-send --input json :9", "a sender reads messages only"),
        ("mcast-send --input commands 239.1.2.3:9", "a sender reads messages only"),
        ("mcast-join --input line 239.1.2.3:9", "use commands or json"),
        ("tcp-serve --input lines 0", "hex, fixed:N, commands or json"),
    ] {
        let ended = wirecat(command.split_whitespace()).run();
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{command}: {}", ended.stderr);
    }
}
