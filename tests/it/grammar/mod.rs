//! Framings of a grammar: `delim:`, `octet`, `content-length` and lengths in a header, wherever
//! `--frame` goes. The bytes are those that the standards of seven protocols print.

mod bad;
mod peers;
mod places;

use std::io::Write;
use std::net::Shutdown;

use data_encoding::HEXLOWER;

use crate::support::net::{connect, peer, read_all};
use crate::support::wirecat;

/// MLLP, as HL7 version 2 goes over TCP.
const MLLP: &str = r"delim:\x0b,\x1c\r";
const STX_ETX: &str = r"delim:\x02,\x03";
const MODBUS: &str = "u16@4";
const TPKT: &str = "u16@2-4";
const POSTGRES: &str = "u32@1-4";

/// Some messages of a protocol.
struct Protocol {
    frame: &'static str,
    messages: Vec<Vec<u8>>,
    /// The same on the wire.
    wire: Vec<u8>,
}

fn protocol(frame: &'static str, messages: &[(&[u8], &[u8], &[u8])]) -> Protocol {
    Protocol {
        frame,
        messages: messages.iter().map(|(_, message, _)| message.to_vec()).collect(),
        wire: messages.iter().flat_map(|parts| [parts.0, parts.1, parts.2].concat()).collect(),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.replace([' ', '\n'], "").as_bytes()).expect("hex")
}

/// HL7 2.8, the example of an admission; its acknowledgement.
const ADMISSION: &[u8] = b"MSH|^~\\&|ADT1|GOOD HEALTH HOSPITAL|GHH LAB, INC.|GOOD HEALTH \
HOSPITAL|198808181126|SECURITY|ADT^A01^ADT_A01|MSG00001|P|2.8||\r\
EVN|A01|200708181123||\r\
PID|1||PATID1234^5^M11^ADT1^MR^GOOD HEALTH HOSPITAL~123456789^^^USSSA^SS||EVERYMAN^ADAM^A^III||\
19610615|M||C|2222 HOME STREET^^GREENSBORO^NC^27401-1020|GL|(555) 555-2004|(555)555-2004||S||\
PATID12345001^2^M10^ADT1^AN^A|444333333|987654^NC|\r";
const ACKNOWLEDGEMENT: &[u8] = b"MSH|^~\\&|GHH LAB, INC.|GOOD HEALTH HOSPITAL|ADT1|GOOD HEALTH \
HOSPITAL|198808181127||ACK^A01^ACK|MSG99002|P|2.8\rMSA|AA|MSG00001\r";

/// RFC 5424, section 6.5, examples 1 and 2.
const SYSLOG: [&[u8]; 2] = [
    b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed \
      for lonvick on /dev/pts/8",
    b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the \
      do-nuts.",
];

/// LSP 3.17: a request as its base protocol prints it, and the one that begins a session.
const LSP: [&[u8]; 2] = [
    b"{\n\t\"jsonrpc\": \"2.0\",\n\t\"id\": 1,\n\t\"method\": \"textDocument/completion\",\n\t\
      \"params\": {\n\t\t...\n\t}\n}",
    br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}"#,
];

fn protocols() -> Vec<Protocol> {
    // MODBUS Messaging on TCP/IP, the MBAP header; MODBUS Application Protocol, 6.3: registers 108
    // to 110 are asked for, and are 555, 0 and 100.
    let modbus = bytes(
        "1501 0000 0006 ff 03 006b 0003
         1501 0000 0009 ff 03 06 022b 0000 0064",
    );
    // MS-RDPBCGR, 4.1.1 and 4.1.2: X.224 Connection Request and Connection Confirm.
    let tpkt = bytes(
        "0300002c 27e00000 00000043 6f6f6b69 653a206d 73747368 6173683d 656c746f 6e730d0a
         01000800 00000000
         03000013 0ed00000 12340002 00080000 000000",
    );
    let query = b"Q\0\0\0\x0dSELECT 1\0";
    let ready = b"Z\0\0\0\x05I";
    let startup = b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0";
    let lengths = LSP.map(|message| format!("Content-Length: {}\r\n\r\n", message.len()));
    vec![
        protocol(MLLP, &[(b"\x0b", ADMISSION, b"\x1c\r"), (b"\x0b", ACKNOWLEDGEMENT, b"\x1c\r")]),
        protocol(STX_ETX, &[(b"\x02", b"1H|\\^&", b"\x03"), (b"\x02", b"", b"\x03")]),
        protocol("octet", &[(b"110 ", SYSLOG[0], b""), (b"99 ", SYSLOG[1], b"")]),
        protocol(MODBUS, &[(b"", &modbus[..12], b""), (b"", &modbus[12..], b"")]),
        protocol(TPKT, &[(b"", &tpkt[..44], b""), (b"", &tpkt[44..], b"")]),
        protocol("u32@0-4", &[(b"", startup, b"")]),
        protocol(POSTGRES, &[(b"", query, b""), (b"", ready, b"")]),
        protocol(
            "content-length",
            &[(lengths[0].as_bytes(), LSP[0], b""), (lengths[1].as_bytes(), LSP[1], b"")],
        ),
        // Where a comma ends a message, and where it begins with what also ends it.
        protocol(r"delim:\x2c", &[(b"", b"a\n", b","), (b"", b"", b",")]),
        protocol("delim:||,||", &[(b"||", b"a|b", b"||"), (b"||", b"", b"||")]),
        // HTTP/2 (RFC 9113, 4.1): a SETTINGS frame; MySQL: COM_PING.
        protocol("u24@0+6", &[(b"", b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", b"")]),
        protocol("u24le@0+1", &[(b"", b"\x01\0\0\0\x0e", b"")]),
    ]
}

/// The messages as `--output hex` and `--input hex` have them. A message without a byte is a blank
/// line, which means nothing in the input.
fn hex_lines(messages: &[Vec<u8>]) -> String {
    messages.iter().map(|message| HEXLOWER.encode(message) + "\n").collect()
}

/// Those that lines of hex can say.
fn sayable(protocol: &Protocol) -> bool {
    protocol.messages.iter().all(|message| !message.is_empty())
}

#[test]
fn seven_protocols_are_framed_as_their_standards_print_them() {
    for protocol in protocols().into_iter().filter(sayable) {
        let (frame, lines, wire) = (protocol.frame, hex_lines(&protocol.messages), protocol.wire);
        let forms = ["--frame", frame, "--input", "hex", "--output", "hex"];
        // The peer echoes what it is sent, byte by byte, so that each byte may be a read.
        let echo = peer(move |mut stream| {
            stream.set_nodelay(true).expect("an option");
            let bytes = read_all(&stream);
            bytes.iter().for_each(|byte| stream.write_all(&[*byte]).expect("it is taken"));
            bytes
        });
        let ended = wirecat([&["tcp-connect"], &forms[..], &[&echo.address]].concat());
        let ended = ended.input(lines.clone()).run().code(0);
        assert_eq!(ended.text(), lines, "{frame}");
        assert_eq!(echo.join(), wire, "{frame}");

        let server = wirecat([&["tcp-serve", "-1"], &forms[..], &["127.0.0.1:0"]].concat());
        let mut server = server.input(lines.clone()).start();
        let mut client = connect(&server.address());
        client.write_all(&wire).expect("it is taken");
        client.shutdown(Shutdown::Write).expect("a FIN");
        assert_eq!(read_all(&client), wire, "{frame}");
        assert_eq!(server.wait().code(0).text(), lines, "{frame}");
    }
}

/// By default stdin and stdout are one message a line, without its LF; none is added on the wire.
#[test]
fn lines_carry_what_has_no_line_end_in_it() {
    for (frame, lines, wire) in [
        (STX_ETX, "1H|\\^&\n\nlast\n", &b"\x021H|\\^&\x03\x02\x03\x02last\x03"[..]),
        (r"delim:\n\n", "a\nb\n", b"a\n\nb\n\n"),
        ("octet", "<1>a\n<2>bc\n", b"4 <1>a5 <2>bc"),
        ("content-length", "{}\n", b"Content-Length: 2\r\n\r\n{}"),
        ("u8@1", "a\u{1}b\nc\u{0}\n", b"a\x01bc\0"),
        ("u8@0-1", "\u{1}\n\u{3}ab\n", b"\x01\x03ab"),
    ] {
        let server = peer(move |mut stream| {
            stream.write_all(wire).expect("it is taken");
            read_all(&stream)
        });
        let client = wirecat(["tcp-connect", "--frame", frame, &server.address]);
        let ended = client.input(lines).run().code(0);
        assert_eq!((ended.text(), server.join().as_slice()), (lines, wire), "{frame}");
    }
}
