//! What one side of an exchange sends beside its messages.

use super::{ERROR, OK};

/// The bytes of our own that are due: hello first, then go for each offer, then a refusal.
#[derive(Debug, Default)]
pub(super) struct OwnBytes {
    /// Hello has been written.
    pub(super) greeted: bool,
    /// How many times go is due.
    pub(super) go: u32,
    /// A refusal is due: a message is too large.
    pub(super) refuses: bool,
}

impl OwnBytes {
    /// The next one.
    pub(super) fn next(&self) -> Option<u8> {
        let answer = if self.go > 0 { Some(OK) } else { self.refuses.then_some(ERROR) };
        if self.greeted { answer } else { Some(OK) }
    }

    /// It has been written.
    pub(super) fn written(&mut self) {
        if !std::mem::replace(&mut self.greeted, true) {
            return;
        }
        match self.go.checked_sub(1) {
            Some(go) => self.go = go,
            None => self.refuses = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_comes_before_go_and_go_before_a_refusal() {
        let mut own = OwnBytes { go: 2, refuses: true, ..OwnBytes::default() };
        for due in [OK, OK, OK, ERROR] {
            assert_eq!(own.next(), Some(due));
            own.written();
        }
        assert_eq!(own.next(), None);
    }
}
