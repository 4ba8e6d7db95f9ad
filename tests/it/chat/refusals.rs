//! What cannot work is refused, with exit status 2.

use crate::support::wirecat;

#[test]
fn options_that_cannot_apply_are_refused() {
    let table = [
        ("--headless 127.0.0.1:1", "--headless: it needs --host"),
        ("--max-clients 3 127.0.0.1:1", "--max-clients: it needs --host"),
        ("--queue 1k 127.0.0.1:1", "--queue: it needs --host"),
        ("--host --reconnect 127.0.0.1:0", "--reconnect: it is for those who join"),
        ("--host --bind 127.0.0.1 127.0.0.1:0", "--bind: it is for those who join"),
        ("--host --headless --nick a 127.0.0.1:0", "--nick: with --headless"),
        ("--host --headless --time 127.0.0.1:0", "--time: with --headless"),
        ("--host --headless -n 127.0.0.1:0", "--no-stdin: with --headless"),
        ("--host --headless --output hex 127.0.0.1:0", "--output: with --headless"),
        ("--host --port-file x unix:/tmp/x", "a unix socket has no port"),
        ("--frame tinyproto 239.1.2.3:9%lo", "--frame: a room in a group is made of datagrams"),
        ("--frame tinyproto --nick a 127.0.0.1:1", "--nick: the chat of tinyproto has no names"),
        ("--frame tinyproto -O nodelay=off 127.0.0.1:1", "-O nodelay"),
        ("--frame u32 127.0.0.1:1", "--frame u32: a chat is of lines, or of tinyproto"),
        ("-4 unix:/tmp/x", "-4"),
        ("--nick <x> 127.0.0.1:1", "a nick is 1 to 20 letters"),
        ("127.0.0.1:99999", "99999"),
        ("127.0.0.1:0", "port"),
    ];
    for (args, words) in table {
        let args = format!("chat {args}");
        let _ = wirecat(args.split_whitespace()).run().code(2).says(words);
    }
}

#[test]
fn nobody_there_is_4_and_a_port_that_is_taken_is_5() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let _ = wirecat(["chat", "--host", &address]).run().code(5);
    drop(taken);
    let _ = wirecat(["chat", &address]).run().code(4);
}

/// SPEC 5: `--wait` of a host is for the first member.
#[test]
fn a_host_that_nobody_comes_to_gives_up() {
    let args = ["chat", "--host", "--headless", "--wait", "50ms", "127.0.0.1:0"];
    let _ = wirecat(args).run().code(124).says("nobody came within 50ms");
}
