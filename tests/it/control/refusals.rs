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
        ("udp-send --input json --rate 1/s :9", "commands are obeyed as they come"),
        ("udp-send --input json --repeat 2 :9", "each command is obeyed once"),
        ("udp-send --input commands --wait 1s :9", "--reply=D awaits answers"),
        ("udp-send --input json --crlf :9", "--crlf"),
        ("udp-send --input json --send x :9", "--input"),
        ("udp-send --input json -n :9", "--input"),
        ("mcast-send --input json --chomp 239.1.2.3:9", "--chomp"),
        ("mcast-send --input json --test 239.1.2.3:9", "--test sends probes"),
        ("udp-send --input line", "ADDR is missing"),
        ("mcast-send --input hex", "GROUP is missing"),
        ("mcast-join --input line 239.1.2.3:9", "use commands or json"),
        ("tcp-serve --input lines 0", "hex, fixed:N, commands or json"),
    ] {
        let ended = wirecat(command.split_whitespace()).run();
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{command}: {}", ended.stderr);
    }
}
