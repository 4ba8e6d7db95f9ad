//! The header of the PROXY protocol: no bytes do harm, and a whole one is not whole before its end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirecat::sockets::dialogue::proxy_header::{MOST, parse};

/// The signature of version 2, which no fuzzer would find.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn check(bytes: &[u8]) {
    let Ok(Some(header)) = parse(bytes) else { return };
    assert!(header.length <= bytes.len().min(MOST));
    for end in 0..header.length {
        assert!(matches!(parse(&bytes[..end]), Ok(None)), "whole at {end} of {}", header.length);
    }
    let whole = parse(&bytes[..header.length]).expect("a header").expect("it is whole");
    assert_eq!(whole.length, header.length);
}

fuzz_target!(|data: &[u8]| {
    check(data);
    check(&[b"PROXY ", data].concat());
    check(&[SIGNATURE, data].concat());
});
