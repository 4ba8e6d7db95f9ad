//! What many holders of bytes hold together, counted in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit on what all shares hold together, which is looked at and not enforced here. Clones are
/// one budget.
#[derive(Clone, Debug)]
pub struct Budget {
    held: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { held: Arc::default(), limit }
    }

    /// A budget that nothing exceeds.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// Bytes that are held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Bytes that may be held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether more is held than may be.
    pub fn is_exceeded(&self) -> bool {
        self.held() > self.limit
    }

    /// The share of one more holder, who holds nothing yet.
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), own: 0 }
    }
}

/// What one holder holds; gone with it.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    own: usize,
}

impl Share {
    /// The holder holds so many bytes from now on.
    pub fn set(&mut self, bytes: usize) {
        let held = &self.budget.held;
        // Shares of one loop change in one thread; the counter is atomic because a share may move.
        if bytes >= self.own {
            held.fetch_add(bytes - self.own, Ordering::Relaxed);
        } else {
            held.fetch_sub(self.own - bytes, Ordering::Relaxed);
        }
        self.own = bytes;
    }

    /// Bytes that this one holds.
    pub fn held(&self) -> usize {
        self.own
    }

    /// Whether all shares together hold more than they may.
    pub fn is_short(&self) -> bool {
        self.budget.is_exceeded()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_given_back() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.share(), budget.share());
        one.set(8);
        other.set(2);
        assert_eq!((budget.held(), one.is_short()), (10, false));
        other.set(3);
        assert!(one.is_short() && budget.is_exceeded());
        one.set(1);
        assert_eq!(budget.held(), 4);
        drop(other);
        assert_eq!(budget.held(), 1);
        drop(one);
        assert_eq!(budget.held(), 0);
    }
}
