//! What cannot be done is refused with words that help (SPEC 1.6, sections 3, 5 and 9).

use crate::support::datagrams::socket;
use crate::support::wirecat;

/// Runs what must be exit 2 and say all of this. The input is a line, in case it is read.
#[track_caller]
fn refused(arguments: &[&str], says: &[&str]) {
    let ended = wirecat(arguments).input("x\n").run().code(2);
    says.iter().fold(ended, |ended, words| ended.says(words));
}

/// Section 3: a group given to udp-* is an error that names the right command.
#[test]
fn a_group_is_for_the_mcast_commands() {
    for group in ["239.1.2.3:5000", "[ff15::1]:5000"] {
        refused(&["udp-send", group], &["multicast group", "mcast-send"]);
        refused(&["udp-listen", group], &["multicast group", "mcast-join"]);
    }
}

#[test]
fn an_option_of_another_command_names_that_command() {
    let table = [
        (["udp-send", "--ttl=3"], "mcast-send"),
        (["udp-send", "--to=last"], "udp-listen"),
        (["udp-send", "--allow=::1"], "udp-listen"),
        (["udp-listen", "--repeat=3"], "udp-send"),
        (["udp-listen", "--any-source"], "udp-send"),
        (["udp-listen", "--bind=127.0.0.1:0"], "udp-send"),
        (["udp-listen", "--rate=3/s"], "udp-send"),
        (["udp-listen", "--rejoin=3"], "mcast-join"),
        (["udp-listen", "--once"], "tcp-serve"),
    ];
    for ([command, option], other) in table {
        let name = option.split('=').next().unwrap();
        refused(
            &[command, option, "127.0.0.1:9"],
            &[&format!("cannot use {name}: it is an option of"), other],
        );
    }
}

#[test]
fn options_that_cannot_apply_to_a_sender_are_refused() {
    let table: [(&[&str], &[&str]); 12] = [
        (&["-n", "127.0.0.1:9"], &["cannot use -n", "nothing to send"]),
        (&["--input", "fixed:65508", "127.0.0.1:9"], &["fixed:65508", "65507"]),
        (&["--input", "lines", "127.0.0.1:9"], &["line", "nul", "fixed:N"]),
        (&["--chomp", "--input", "nul", "127.0.0.1:9"], &["--chomp", "--input line"]),
        (&["--output", "hex", "127.0.0.1:9"], &["--output", "--reply"]),
        (&["--broadcast", "unix:@nobody"], &["--broadcast"]),
        (&["--bind", "127.0.0.1:0", "unix:@nobody"], &["--bind"]),
        (
            &["--bind", "unix:@x", "127.0.0.1:9"],
            &["cannot use --bind", "127.0.0.1:9 is an address of another kind"],
        ),
        (&["127.0.0.1:0"], &["port 0"]),
        (&["127.0.0.1:99999"], &["99999", "65535"]),
        (&["-O", "nodelay=1", "127.0.0.1:9"], &["nodelay", "streams"]),
        (&["-O", "nonsense=1", "127.0.0.1:9"], &["nonsense", "rcvbuf"]),
    ];
    for (arguments, says) in table {
        refused(&[&["udp-send"], arguments].concat(), says);
    }
}

#[test]
fn options_that_cannot_apply_to_a_listener_are_refused() {
    let table: [(&[&str], &[&str]); 15] = [
        (&["--allow", "10.0.0.0/8", "unix:@nobody"], &["--allow", "IP addresses"]),
        (&["-4", "unix:@nobody"], &["-4", "IP addresses"]),
        (&["--to", "first", "127.0.0.1:0"], &["--to", "last", "all", "10.0.0.5:5000"]),
        (&["--to", "127.0.0.1:0", "127.0.0.1:0"], &["--to", "port 0"]),
        (&["--to", "127.0.0.1:99999", "127.0.0.1:0"], &["--to", "port 99999 is not between"]),
        (&["--to", "239.1.2.3:5000", "127.0.0.1:0"], &["--to", "multicast group", "mcast-send"]),
        (&["--to", "::1:80", "[::1]:0"], &["--to", "goes in brackets"]),
        (&["--interval", "1s", "127.0.0.1:0"], &["--interval", "--stats"]),
        (&["--stats", "--interval", "0", "127.0.0.1:0"], &["--interval", "longer than 0"]),
        (&["--seq", "rtp", "127.0.0.1:0"], &["--seq", "--stats"]),
        (&["--stats", "--seq", "u33@0", "127.0.0.1:0"], &["u33@0", "u32@N"]),
        (&["--max-loss", "101", "127.0.0.1:0"], &["101", "percentage"]),
        (&["--allow", "10.0.0.0/33", "127.0.0.1:0"], &["10.0.0.0/33", "10.0.0.0/8", "or a name"]),
        (&["-n", "--input", "nul", "127.0.0.1:0"], &["--input", "-n"]),
        (&["--port-file", "/dev/null", "unix:@nobody"], &["--port-file", "no port"]),
    ];
    for (arguments, says) in table {
        refused(&[&["udp-listen"], arguments].concat(), says);
    }
}

/// SPEC 1.6: no option is silently ignored: without a socket of its family an address is never
/// sent to.
#[test]
fn an_address_that_no_socket_can_speak_to_is_refused() {
    for listener in ["127.0.0.1:0", "unix:@wirecat-nobody-speaks"] {
        refused(&["udp-listen", "-w", "10", "--to", "[::1]:5", listener], &["--to", "[::1]:5"]);
    }
}

/// Section 9: 5 where a port is taken, 3 where a name is not known.
#[test]
fn a_taken_port_is_5() {
    let taken = socket();
    let address = taken.local_addr().unwrap().to_string();
    wirecat(["udp-listen", &address]).run().code(5).says("address already in use");
    let arguments = ["udp-send", "--bind", &address, "127.0.0.1:9"];
    wirecat(arguments).input("x\n").run().code(5).says("address already in use");
}

/// A datagram of 65508 bytes is refused before any of it is sent; what came before it went out.
#[test]
fn a_message_above_65507_bytes_is_a_clear_error() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    for form in ["raw", "line", "nul"] {
        let input = vec![b'x'; 65508];
        let ended = wirecat(["udp-send", "--input", form, &address]).input(input).run();
        assert_ne!(ended.code, Some(0));
        ended.says("65507 bytes");
    }
    crate::support::datagrams::hear_nothing(&peer);
    let input = [b"first\n".to_vec(), vec![b'x'; 65508]].concat();
    let ended = wirecat(["udp-send", &address]).input(input).run();
    assert_ne!(ended.code, Some(0));
    crate::support::datagrams::hear_all(&peer, ["first\n"]);
}

/// What is no hex names its line, and the lines before it have gone out.
#[test]
fn bad_hex_names_its_line() {
    let peer = socket();
    let address = peer.local_addr().unwrap().to_string();
    let ended = wirecat(["udp-send", "--input", "hex", &address]).input("00ff\nno\n").run();
    assert_ne!(ended.code, Some(0));
    ended.says("line 2");
    crate::support::datagrams::hear_all(&peer, [[0, 0xff]]);
}
