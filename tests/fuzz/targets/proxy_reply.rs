//! What proxies reply: no bytes do harm, how they are cut makes no difference, and what follows a reply is
//! the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirecat::sockets::Address;
use wirecat::sockets::dialogue::{Conversation, Dialogue, ViaChain};

/// Proxies, and what a good one says before the bytes of the fuzzer.
const PROXIES: [(&str, &[u8]); 6] = [
    ("socks5://p:1", b""),
    ("socks5://p:1", b"\x05\0\x05\0\0"),
    ("socks5://joe@p:1", b"\x05\x02"),
    ("socks5://joe@p:1", b"\x05\x02\x01\0"),
    ("http://p:1", b""),
    ("http://joe@p:1", b"HTTP/1.1 "),
];

fn dialogue(url: &str) -> Box<dyn Dialogue> {
    let mut chain: ViaChain = url.parse().expect("a URL");
    if chain.users() > 0 {
        chain = chain.with_passwords(&[b"secret".to_vec()]).expect("one password");
    }
    let destination: Address = "h.test:80".parse().expect("an address");
    chain.dialogues(&destination).remove(0)
}

/// What was sent and what is left, or why there is no stream.
fn play(url: &str, said: &[u8], size: usize) -> Option<Result<(Vec<u8>, Vec<u8>), String>> {
    let mut conversation = Conversation::new(dialogue(url));
    let mut sent = Vec::new();
    if let Err(error) = conversation.begin(&Default::default()) {
        return Some(Err(error.cause));
    }
    let mut pieces = said.chunks(size);
    while !conversation.is_over() {
        sent.append(conversation.outgoing());
        let piece = pieces.next()?;
        if let Err(error) = conversation.receive(piece) {
            assert!(!error.cause.contains("secret"));
            return Some(Err(error.cause));
        }
    }
    sent.append(conversation.outgoing());
    assert!(sent.len() < 1024, "a bounded request");
    let mut rest = std::mem::take(conversation.rest());
    pieces.for_each(|piece| rest.extend_from_slice(piece));
    assert!(said.ends_with(&rest));
    Some(Ok((sent, rest)))
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, said)) = data.split_first() else { return };
    let (url, begin) = PROXIES[usize::from(*choice) % PROXIES.len()];
    let said = [begin, said].concat();
    let whole = play(url, &said, usize::MAX);
    let slow = play(url, &said, 1 + usize::from(*choice) / 16);
    match (&whole, &slow) {
        // A refusal that is whole may be told by a shorter part, in other words.
        (Some(Err(_)), Some(Err(_))) => {}
        _ => assert_eq!(whole, slow),
    }
});
