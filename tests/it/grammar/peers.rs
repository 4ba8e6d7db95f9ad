//! Peers of the standard library of Python, which frame by their own code.

use std::process::Command;

use super::MLLP;
use crate::support::peers::installed;
use crate::support::{Running, program, skip, wirecat};

/// A server of HL7 that acknowledges each message by its control number.
const HL7: &str = r#"
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        buffer = b""
        while piece := self.request.recv(7):
            buffer += piece
            while (end := buffer.find(b"\x1c\x0d")) >= 0:
                message, buffer = buffer[:end], buffer[end + 2:]
                assert message[:1] == b"\x0b", message
                number = message[1:].split(b"\r")[0].split(b"|")[9]
                self.wfile.write(b"\x0bMSH|^~\\&|\rMSA|AA|" + number + b"\r\x1c\x0d")
server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
print("listening tcp 127.0.0.1:%d" % server.server_address[1], file=sys.stderr, flush=True)
server.handle_request()
"#;

/// A language server on its standard streams, as an editor starts it: wirecat stands between.
const LSP: &str = r#"
import email, json, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print("listening tcp 127.0.0.1:%d" % listener.getsockname()[1], file=sys.stderr, flush=True)
stream = listener.accept()[0].makefile("rwb")
while True:
    headers = b""
    while not headers.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line: sys.exit(0 if not headers else 1)
        headers += line
    length = int(email.message_from_bytes(headers)["Content-Length"])
    request = json.loads(stream.read(length))
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": {"capabilities": {}}}
    if request["method"] != "initialize": answer["result"] = "é" * 3
    body = json.dumps(answer, ensure_ascii=False).encode()
    head = "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    stream.write(head.encode() % len(body) + body)
    stream.flush()
"#;

fn python(script: &str) -> Running {
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    program(command).start()
}

#[test]
fn a_server_of_hl7_acknowledges_each_message() {
    if !installed("python3") {
        return skip("a_server_of_hl7_acknowledges_each_message", "python3 is not installed");
    }
    let mut server = python(HL7);
    let header = r"MSH|^~\&|A|B|C|D|20260101||ADT^A01|";
    let message = |number: u32| format!("{header}{number}|P|2.8\rPID|1|{}\n", "x".repeat(3000));
    let args = ["tcp-connect", "--frame", MLLP, "--output", "raw", &server.address()];
    let ended = wirecat(args).input(message(41) + &message(42)).run().code(0);
    let answer = |number: u32| format!("MSH|^~\\&|\rMSA|AA|{number}\r");
    assert_eq!(ended.text(), answer(41) + &answer(42));
    server.wait().code(0);
}

#[test]
fn a_language_server_answers_what_it_is_asked() {
    if !installed("python3") {
        return skip("a_language_server_answers_what_it_is_asked", "python3 is not installed");
    }
    let mut server = python(LSP);
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"rootUri":null}}"#;
    let hover = r#"{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{"é":1}}"#;
    let args = ["tcp-connect", "--frame", "content-length", &server.address()];
    let ended = wirecat(args).input(format!("{initialize}\n{hover}\n")).run().code(0);
    let lines = [
        r#"{"jsonrpc": "2.0", "id": 0, "result": {"capabilities": {}}}"#,
        r#"{"jsonrpc": "2.0", "id": 1, "result": "ééé"}"#,
    ];
    assert_eq!(ended.text(), format!("{}\n{}\n", lines[0], lines[1]));
    server.wait().code(0);
}
