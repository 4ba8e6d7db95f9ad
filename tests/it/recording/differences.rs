//! What is not as recorded, and recordings that cannot be played.

use std::io::Write;

use super::Place;
use crate::support::datagrams::{hear_nothing, socket};
use crate::support::net::{connect, peer, read_all, read_what_comes, reset};
use crate::support::wirecat;

const ASK: &str = r#"
{"event":"accepted","proto":"tcp","conn":1}
{"event":"data","conn":1,"dir":"in","text":"hello world\n"}
{"event":"data","conn":1,"dir":"out","text":"welcome\n"}
{"event":"eof","conn":1,"dir":"in"}
"#;

/// What a client says to a mock that expects `hello world`, and what the mock says of it.
#[test]
fn a_difference_is_shown_where_it_is() {
    let place = Place::new();
    let file = place.write("ask", ASK);
    let table: [(&[u8], &str); 4] = [
        (b"hello WORLD\n", r#"byte 6 (after "hello "): expected "world\n", got "WORLD\n""#),
        (b"hello", r#"byte 5 (after "hello"): expected " world\n", which did not come"#),
        (
            b"hello world\nmore",
            r#"byte 12 (after "hello world\n"): expected nothing more, got "more""#,
        ),
        (b"hel\0", r#"byte 3 (after [68 65 6c]): expected [6c 6f 20 77"#),
    ];
    for (said, words) in table {
        let mut server = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).start();
        let mut client = connect(&server.address());
        client.write_all(said).unwrap();
        // A difference that the server has seen by now has reset it.
        let _ = client.shutdown(std::net::Shutdown::Write);
        read_what_comes(&client);
        let ended = server.wait().code(1);
        let line = ended.stderr.lines().find(|line| line.contains("cannot replay"));
        let line = line.unwrap_or_else(|| panic!("no difference in {}", ended.stderr));
        assert!(line.starts_with("wirecat: cannot replay #1 127.0.0.1:"), "{line}");
        assert!(line.contains(words), "{words} is not in {line}");
    }
}

#[test]
fn a_difference_of_one_client_does_not_hurt_another() {
    let place = Place::new();
    let file = place.write("two", &format!("{ASK}{}", ASK.replace("\"conn\":1", "\"conn\":2")));
    let (mut server, address) = wirecat(["tcp-serve", "--replay", &file, "127.0.0.1:0"]).serve();
    let mut good = connect(&address);
    good.write_all(b"hello ").unwrap();
    server.wait_for_output("hello ");
    let mut bad = connect(&address);
    bad.write_all(b"bye").unwrap();
    read_what_comes(&bad);
    good.write_all(b"world\n").unwrap();
    good.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_all(&good), b"welcome\n");
    server.wait().code(1);
}

#[test]
fn a_client_reports_a_difference_and_ends() {
    let place = Place::new();
    let file = place.write("ask", ASK);
    let other = peer(|mut stream| {
        stream.write_all(b"go away\n").unwrap();
        read_what_comes(&stream);
    });
    let ended = wirecat(["tcp-connect", "--replay", &file, &other.address]).run().code(1);
    assert!(ended.stderr.contains(r#"expected "welcome\n", got "go away\n""#), "{}", ended.stderr);
    other.join();
    let cutting = peer(reset);
    let args = ["tcp-connect", "--replay", &file, &cutting.address];
    wirecat(args).run().code(6).says("reset by the peer");
    cutting.join();
    let silent = peer(|stream| read_what_comes(&stream));
    let args = ["tcp-connect", "--idle-timeout", "300ms", "--replay", &file, &silent.address];
    wirecat(args).run().code(124).says(r#"expected "welcome\n", which did not come"#);
    silent.join();
    // All has come but the end.
    let open = peer(|mut stream| {
        stream.write_all(b"welcome\n").unwrap();
        read_what_comes(&stream)
    });
    let end = |dir| format!("\"eof\",\"conn\":1,\"dir\":\"{dir}\"");
    let file = place.write("end", &ASK.replace(&end("in"), &end("out")));
    let args = ["tcp-connect", "--idle-timeout", "3s", "--replay", &file, &open.address];
    wirecat(args).run().code(124).says("expected the end, which did not come");
    open.join();
}

#[test]
fn datagrams_differ_too() {
    let place = Place::new();
    let text = r#"
{"event":"listening","proto":"udp","conn":1}
{"event":"data","conn":1,"peer":"a","dir":"in","text":"ping"}
{"event":"data","conn":1,"peer":"a","dir":"out","text":"pong"}
"#;
    let file = place.write("udp", text);
    let mut mock = wirecat(["udp-listen", "--replay", &file, "127.0.0.1:0"]).start();
    let peer = socket();
    peer.send_to(b"pin", mock.udp_address()).unwrap();
    mock.wait().code(1).says(r#"datagram 1, byte 3 (after "pin"): expected "g", got """#);
    hear_nothing(&peer);
    let args = ["udp-listen", "--idle-timeout", "100ms", "--replay", &file, "127.0.0.1:0"];
    wirecat(args).run().code(1).says("0 of 1 peers were played to the end");
}

/// Before anything is opened: the address cannot be listened on, and nobody gets to know.
#[test]
fn a_bad_recording_is_refused_by_its_line() {
    let place = Place::new();
    let table = [
        ("", "there is no stream in it"),
        (
            "{\"event\":\"accepted\",\"proto\":\"tcp\",\"conn\":1}\n{\"event\"\n",
            "line 2: not JSON: ",
        ),
        (
            "{\"event\":\"data\",\"conn\":1,\"dir\":\"in\",\"text\":\"\"}",
            "line 1: conn 1 is not open",
        ),
        ("{\"event\":\"listening\",\"proto\":\"udp\",\"conn\":1}\n", "there is no stream in it"),
        ("\n\r\r\n", "it is pcapng"),
    ];
    for (text, cause) in table {
        let file = place.write("bad", text);
        for command in ["tcp-serve", "tcp-connect"] {
            let ended = wirecat([command, "--replay", &file, "192.0.2.1:1"]).run().code(2);
            let words = format!("cannot replay {file}: {cause}");
            assert!(ended.stderr.contains(&words), "{words} is not in {}", ended.stderr);
        }
    }
    let ended = wirecat(["tcp-serve", "--replay", "/no/such/file", "0"]).run().code(7);
    ended.says("cannot read /no/such/file: no such file or directory");
}

#[test]
fn options_that_a_recording_decides_are_refused() {
    let place = Place::new();
    let file = place.write("ask", ASK);
    let table = [
        ("tcp-serve", "--hub --discard --greet=x --reply=x --frame=line --crlf --slow=kick"),
        ("tcp-serve", "--forward=1 --input=line --queue=5 --max-clients=5 --allow=::1/128"),
        (
            "tcp-connect",
            "--reconnect --frame=line --input=line --keep-open --quit-after=1 --send=x --expect=x",
        ),
        ("udp-listen", "--reply=x --first-peer --to=all --stats --max-loss=1 --count=1"),
    ];
    for (command, options) in table {
        for option in options.split(' ') {
            let ended = wirecat([command, "--replay", &file, option, "1"]).run();
            assert_eq!(ended.code, Some(2), "{command} {option}: {}", ended.stderr);
        }
    }
    let ended = wirecat(["tcp-serve", "--replay", &file, "--record", &file, "0"]).run().code(2);
    ended.says(&format!("cannot use --record {file}: --replay {file} is the same file"));
    assert_eq!(place.text("ask"), ASK);
    wirecat(["tcp-serve", "--replay-timing", "0"]).run().code(2).says("it needs --replay");
}
