//! What servers say before TLS: no bytes do harm, and none of them pass for what follows the go-ahead.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirecat::sockets::dialogue::{Conversation, StarttlsProtocol};

/// What a good server says before the bytes of the fuzzer.
const BEGINS: [&[u8]; 6] = [
    b"220 hi\r\n250-STARTTLS\r\n",
    b"* OK hi\r\n",
    b"+OK hi\r\n",
    b"220 hi\r\n",
    b"\x30\x0c\x02\x01\x01\x78",
    b"E\0\0\0",
];

/// Whether the server has gone over to TLS.
fn play(protocol: StarttlsProtocol, said: &[u8], size: usize) -> bool {
    let mut conversation = Conversation::new(protocol.dialogue());
    if conversation.begin(&Default::default()).is_err() {
        return false;
    }
    let mut pieces = said.chunks(size);
    let mut left = said.len();
    while !conversation.is_over() {
        let Some(piece) = pieces.next() else { return false };
        left -= piece.len();
        if conversation.receive(piece).is_err() {
            return false;
        }
        assert!(conversation.outgoing().len() < 256, "a bounded request");
    }
    assert_eq!(conversation.unread(), 0, "nothing follows the go-ahead");
    left == 0
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, said)) = data.split_first() else { return };
    let choice = usize::from(*choice);
    let at = choice % StarttlsProtocol::ALL.len();
    let protocol = StarttlsProtocol::ALL[at];
    for begin in [&b""[..], BEGINS[at]] {
        let said = [begin, said].concat();
        let whole = play(protocol, &said, usize::MAX);
        assert_eq!(whole, play(protocol, &said, 1 + choice / 16));
    }
});
