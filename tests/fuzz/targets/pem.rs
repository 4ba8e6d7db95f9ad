//! Files of certificates and keys, and pins: no bytes do harm, and what is read of a file stands in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wirecat::sockets::tls::{Pins, pem};

fn check(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match pem::sections(bytes) {
        Ok(sections) => {
            assert!(!sections.is_empty());
            assert!(sections.iter().all(|section| (1..=lines).contains(&section.line)));
            assert!(sections.windows(2).all(|pair| pair[0].line <= pair[1].line));
            let held: usize = sections.iter().map(|section| section.der.len()).sum();
            assert!(held <= bytes.len());
        }
        Err(bad) => {
            assert!(bad.line.is_none_or(|line| (1..=lines).contains(&line)));
            assert!(!bad.cause.contains('\n') && bad.cause.len() <= bytes.len() * 10 + 200);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    let label = "-----BEGIN CERTIFICATE-----\n";
    let end = "\n-----END CERTIFICATE-----\n";
    check(&[label.as_bytes(), data].concat());
    check(&[label.as_bytes(), data, end.as_bytes()].concat());
    check(&[data, end.as_bytes(), label.as_bytes(), data, end.as_bytes()].concat());
    let Ok(text) = std::str::from_utf8(data) else { return };
    for text in [text, &format!("sha256//{text}")] {
        if let Ok(pins) = text.parse::<Pins>() {
            assert_eq!(pins.to_string().parse(), Ok(pins));
        }
    }
});
