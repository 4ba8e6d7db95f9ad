//! `--frame tinyproto`: the chat of the Python library, among members of ours, plain sockets that
//! keep its rules by hand, and the library itself.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use crate::libraries;
use crate::support::net::{accept, connect, listener, peer, read_all, read_exactly};
use crate::support::{Running, program, wirecat};

const SOMEBODY: &str = "0b5e4b3a-7c1d-4e2f-9a8b-123456789abc";

/// One end of a conversation by hand. It never offers while the other end may.
struct Plain(TcpStream);

impl Plain {
    /// Joins a room.
    #[track_caller]
    fn join(address: &str) -> Self {
        Self::greet(connect(address))
    }

    #[track_caller]
    fn greet(mut stream: TcpStream) -> Self {
        stream.write_all(b"\xff").expect("it is taken");
        assert_eq!(read_exactly(&stream, 1), b"\xff");
        Self(stream)
    }

    #[track_caller]
    fn say(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        self.0.write_all(&length).expect("it is taken");
        assert_eq!(read_exactly(&self.0, 1), b"\xff", "go");
        self.0.write_all(text.as_bytes()).expect("it is taken");
    }

    #[track_caller]
    fn hear(&mut self) -> String {
        let length = read_exactly(&self.0, 4);
        let length = u32::from_be_bytes(length.try_into().unwrap());
        self.0.write_all(b"\xff").expect("it is taken");
        String::from_utf8(read_exactly(&self.0, length as usize)).expect("UTF-8")
    }

    /// Hears these words, and returns who said them.
    #[track_caller]
    fn hears(&mut self, words: &str) -> String {
        let text = self.hear();
        let (uuid, said) = text.split_once(' ').expect("[uuid] words");
        assert_eq!(said, words);
        let uuid = uuid.strip_prefix('[').and_then(|uuid| uuid.strip_suffix(']'));
        let uuid = uuid.expect("[uuid]").to_owned();
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert!(&uuid[14..15] == "4" && "89ab".contains(&uuid[19..20]), "version 4: {uuid}");
        uuid
    }
}

fn host(args: &[&str]) -> (Running, String) {
    let args = [&["chat", "--host", "--frame", "tinyproto"], args, &["127.0.0.1:0"]].concat();
    wirecat(args).piped().serve()
}

fn join(address: &str) -> Running {
    wirecat(["chat", "--frame", "tinyproto", address]).piped().start()
}

/// WIRE.md: all others hear what one says, that it has joined and that it has left; it does not.
#[test]
fn ours_and_plain_sockets_are_in_one_room() {
    let (_host, address) = host(&["--headless"]);
    let mut ann = Plain::join(&address);
    let mut bob = Plain::join(&address);
    let bobs = ann.hears("**joined the chat");
    let mut cid = join(&address);
    let cids = ann.hears("**joined the chat");
    assert_eq!(bob.hears("**joined the chat"), cids);
    let mut dan = join(&address);
    let dans = ann.hears("**joined the chat");
    assert_eq!(bob.hears("**joined the chat"), dans);
    cid.wait_for_output(format!("*** {dans} joined\n"));

    ann.say("hello");
    let anns = bob.hears("hello");
    cid.wait_for_output(format!("<{anns}> hello\n"));
    dan.wait_for_output(format!("<{anns}> hello\n"));
    cid.say("from ours\n/nick cid\n//etc\n");
    for one in [&mut ann, &mut bob] {
        assert_eq!(one.hears("from ours"), cids, "nothing came to ann of what she said");
        assert_eq!(one.hears("/etc"), cids, "a command is nobody else's business");
    }
    dan.wait_for_output(format!("<{cids}> from ours\n<{cids}> /etc\n"));
    cid.wait_for("a chat of tinyproto has no /nick: there is /quit");

    cid.say("/quit\n");
    let ended = cid.wait_open().code(0);
    assert!(!ended.text().contains(&cids), "nothing comes back: {}", ended.text());
    for one in [&mut ann, &mut bob] {
        assert_eq!([one.hears("quit"), one.hears("**left the chat")], [cids.clone(), cids.clone()]);
    }
    dan.wait_for_output(format!("*** {cids} left\n"));
    // The end of stdin is the end of a talk.
    let ended = dan.wait().code(0);
    assert!(ended.text().ends_with(&format!("<{cids}> quit\n*** {cids} left\n")));
    for one in [&mut ann, &mut bob] {
        assert_eq!([one.hears("quit"), one.hears("**left the chat")], [dans.clone(), dans.clone()]);
    }
    bob.say("quit");
    assert_eq!([ann.hears("quit"), ann.hears("**left the chat")], [bobs.clone(), bobs]);
    assert_eq!(read_all(&bob.0), b"", "nothing of his own, and the host closes");
    let mut eve = Plain::join(&address);
    ann.hears("**joined the chat");
    ann.0.shutdown(Shutdown::Both).unwrap();
    assert_eq!(eve.hears("**left the chat"), anns, "the first thing that a newcomer hears");
}

#[test]
fn the_host_takes_part() {
    let (mut host, address) = host(&[]);
    let mut ann = Plain::join(&address);
    host.wait_for_output(" joined\n");
    host.say("welcome\n/who\n");
    let hosts = ann.hears("welcome");
    host.wait_for_output(format!("*** you are {hosts}\n*** here: {hosts}\n"));
    host.wait_for_output("*** a chat of tinyproto has no /who: there is /quit");
    ann.say("/nick \x1b[2J\nx");
    host.wait_for_output("> /nick \\x1b[2J\\nx\n");
    host.say("/quit\n");
    assert_eq!(ann.hears("quit"), hosts);
    assert_eq!(read_all(&ann.0), b"", "the room is closed");
    let _ = host.wait_open().code(0);
}

/// A member joins any server of this chat, and leaves it with the word for it.
#[test]
fn one_of_ours_joins_a_plain_server() {
    let server = peer(|stream| {
        let mut member = Plain::greet(stream);
        member.say(&format!("[{SOMEBODY}] **joined the chat"));
        member.say(&format!("[{SOMEBODY}] hi"));
        member.say("of no form");
        assert_eq!(member.hear(), "hello");
        member.say(&format!("[{SOMEBODY}] **left the chat"));
        assert_eq!(member.hear(), "quit");
        assert_eq!(read_all(&member.0), b"");
    });
    let mut ann = join(&server.address);
    ann.wait_for_output("of no form\n");
    ann.say("hello\n");
    ann.wait_for_output(" left\n");
    ann.say("/who\n/msg x y\n/quit\nnot said\n");
    let ended = ann.wait_open().code(0);
    let shown =
        format!("*** {SOMEBODY} joined\n<{SOMEBODY}> hi\nof no form\n*** {SOMEBODY} left\n");
    assert_eq!(ended.text(), shown);
    server.join();
}

#[test]
fn a_script_says_what_it_has_and_leaves() {
    let server = peer(|stream| {
        let mut member = Plain::greet(stream);
        assert_eq!([member.hear(), member.hear(), member.hear()], ["one", "two", "quit"]);
    });
    let args = ["chat", "--frame", "tinyproto", "--send", "one", "--send", "two", &server.address];
    let _ = wirecat(args).run().code(0);
    server.join();
}

/// What was said while there was no host is said to the next one.
#[test]
fn a_lost_host_is_found_again() {
    let (listener, address) = listener();
    let args = ["chat", "--reconnect", "--frame", "tinyproto", &address];
    let mut ann = wirecat(args).piped().start();
    drop(Plain::greet(accept(&listener)));
    ann.wait_for("retry");
    ann.say("is anybody there?\n");
    let mut member = Plain::greet(accept(&listener));
    assert_eq!(member.hear(), "is anybody there?");
    ann.say("/quit\n");
    assert_eq!(member.hear(), "quit");
    drop(member);
    let _ = ann.wait_open().code(0);
}

/// 4096 bytes are a line; a member that offers more is refused, and the room lives.
#[test]
fn a_line_that_is_too_long_costs_its_sender() {
    let (mut host, address) = host(&["--headless"]);
    let mut ann = Plain::join(&address);
    let mut eve = Plain::join(&address);
    let eves = ann.hears("**joined the chat");
    let most = "\x07".repeat(4096);
    eve.say(&most);
    assert_eq!(ann.hears(&"\\x07".repeat(4096)), eves);
    eve.0.write_all(&4097_u32.to_be_bytes()).unwrap();
    assert_eq!(read_exactly(&eve.0, 1), b"\0");
    host.wait_for("4097 bytes long");
    assert_eq!(ann.hears("**left the chat"), eves);
    let mut browser = connect(&address);
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    host.wait_for("not tinyproto: it begins with 0x47");
    let mut bob = Plain::join(&address);
    let bobs = ann.hears("**joined the chat");
    ann.say("who came was no member");
    bob.hears("who came was no member");
    bob.say("quit");
    assert_eq!([ann.hears("quit"), ann.hears("**left the chat")], [bobs.clone(), bobs]);
}

/// Who connects and says no hello, or half a one, is no member yet: nobody hears of it.
#[test]
fn who_only_knocks_is_not_announced() {
    let (mut host, address) = host(&[]);
    let silent = connect(&address);
    for _ in 0..5 {
        drop(connect(&address));
    }
    let mut ann = Plain::join(&address);
    host.wait_for_output(" joined\n");
    // A first message right behind the hello, in one piece, is heard.
    let mut bob = connect(&address);
    bob.write_all(b"\xff\0\0\0\x02hi").unwrap();
    let bobs = ann.hears("**joined the chat");
    assert_eq!(ann.hears("hi"), bobs);
    drop((silent, bob));
    assert_eq!(ann.hears("**left the chat"), bobs);
    host.say("/quit\n");
    let ended = host.wait_open().code(0);
    assert_eq!(ended.text().matches(" joined\n").count(), 2, "{}", ended.text());
    assert_eq!(ended.text().matches(" left").count(), 1, "{}", ended.text());
}

/// A client of the library, as its example has it: it says the lines of stdin, and prints.
const CLIENT: &str = "
import queue, sys, threading, time
try:
    from tinyproto.connection import TinyProtoConnection
    from tinyproto.client import TinyProtoClient
    from tinyproto.connection_details import TinyProtoConnectionDetails as Details
except ImportError:
    from tinyproto.tinyproto import TinyProtoConnection, TinyProtoClient
    Details = None

lines = queue.Queue()

class Talk(TinyProtoConnection):
    def transmission_received(self, message):
        if not self.shutdown:
            print(bytes(message).decode(), flush=True)
    def loop_pass(self):
        while not lines.empty():
            line = lines.get()
            self.transmit(line.encode())
            if line == 'quit':
                self.shutdown = True

client = TinyProtoClient()
client.set_conn_handler(Talk)
address = ('127.0.0.1', int(sys.argv[1]))
one = client.connect_to(Details(*address)) if Details else client.connect_to(*address)
for line in sys.stdin:
    lines.put(line.rstrip('\\n'))
    if line == 'quit\\n':
        break
while client.active_connections[one].is_alive():
    time.sleep(0.01)
";

#[test]
fn clients_of_the_library_are_in_the_room() {
    for version in libraries::versions("clients_of_the_library_are_in_the_room") {
        let (_host, address) = host(&["--headless"]);
        let (_, port) = address.rsplit_once(':').unwrap();
        let start = || {
            let mut command = Command::new("python3");
            command.env("PYTHONPATH", &version).args(["-c", CLIENT, port]);
            program(command).piped().start()
        };
        let mut ann = Plain::join(&address);
        let mut one = start();
        let ones = ann.hears("**joined the chat");
        let mut two = start();
        let twos = ann.hears("**joined the chat");
        one.wait_for_output(format!("[{twos}] **joined the chat\n"));
        let mut ours = join(&address);
        let our = ann.hears("**joined the chat");
        one.wait_for_output(format!("[{our}] **joined the chat\n"));
        two.wait_for_output(format!("[{our}] **joined the chat\n"));
        one.say("hello\n");
        two.wait_for_output(format!("[{ones}] hello\n"));
        ours.wait_for_output(format!("<{ones}> hello\n"));
        assert_eq!(ann.hears("hello"), ones);
        ours.say("good day\n");
        one.wait_for_output(format!("[{our}] good day\n"));
        two.wait_for_output(format!("[{our}] good day\n"));
        two.say("quit\n");
        ours.wait_for_output(format!("*** {twos} left\n"));
        one.wait_for_output(format!("[{twos}] **left the chat\n"));
        one.say("quit\n");
        let ended = one.wait_open().code(0);
        assert!(!ended.text().contains(&ones), "{}", ended.text());
    }
}
