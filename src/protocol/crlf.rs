//! `--crlf`: LF becomes CR LF in what is sent. Pure.

use memchr::memchr_iter;

/// Turns each LF that has no CR before it into CR LF, across pieces.
#[derive(Debug, Default)]
pub struct Crlf {
    after_cr: bool,
}

impl Crlf {
    /// Appends the converted `piece` to `out`.
    pub fn convert(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut start = 0;
        for at in memchr_iter(b'\n', piece) {
            let has_cr = match at.checked_sub(1) {
                Some(before) => piece.get(before) == Some(&b'\r'),
                // The LF begins this piece, and its CR may have ended the one before.
                None => self.after_cr,
            };
            out.extend_from_slice(piece.get(start..at).unwrap_or_default());
            out.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            start = at + 1;
        }
        out.extend_from_slice(piece.get(start..).unwrap_or_default());
        // An empty piece changes nothing: the CR before it still counts.
        if let Some(last) = piece.last() {
            self.after_cr = *last == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut crlf, mut out) = (Crlf::default(), Vec::new());
        pieces.iter().for_each(|piece| crlf.convert(piece, &mut out));
        out
    }

    #[test]
    fn only_a_bare_lf_changes() {
        assert_eq!(convert(&[b"a\nb\r\nc\r", b"\nd\n"]), b"a\r\nb\r\nc\r\nd\r\n");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(text in "[a\r\n]{0,20}", cut in 0usize..20) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(convert(&[head, tail]), convert(&[bytes]));
        }
    }
}
