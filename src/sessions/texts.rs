//! `--send`: finds the texts again in what stands in for stdin, which is all of them in a row.

use std::collections::VecDeque;

use bytes::Bytes;

/// Cuts pieces of any size into the texts; an empty text is a message too.
pub(super) struct Texts {
    lengths: VecDeque<usize>,
    /// The beginning of the first of them.
    part: Vec<u8>,
}

impl Texts {
    pub(super) fn new(texts: &[Bytes]) -> Self {
        Self { lengths: texts.iter().map(Bytes::len).collect(), part: Vec::new() }
    }

    pub(super) fn feed(&mut self, mut piece: &[u8], deliver: &mut dyn FnMut(&[u8])) {
        while let Some(length) = self.lengths.front() {
            let count = piece.len().min(length - self.part.len());
            let (head, rest) = piece.split_at(count);
            self.part.extend_from_slice(head);
            piece = rest;
            if self.part.len() < *length {
                return;
            }
            deliver(&self.part);
            self.part.clear();
            self.lengths.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_found_again_however_they_are_cut(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 1..6),
            size in 1..9_usize,
        ) {
            let texts: Vec<Bytes> = texts.into_iter().map(Bytes::from).collect();
            let (mut cutter, mut found) = (Texts::new(&texts), Vec::new());
            let mut add = |text: &[u8]| found.push(text.to_vec());
            texts.concat().chunks(size).for_each(|piece| cutter.feed(piece, &mut add));
            // The end of the input, before which empty texts may not have been asked for.
            cutter.feed(b"", &mut add);
            prop_assert_eq!(found, texts);
        }
    }
}
