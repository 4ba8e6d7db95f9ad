//! Interfaces that were deleted while something was joined on them: a socket learns nothing of that.

use std::time::Duration;

use super::interfaces::{self, Interface};

/// The interfaces that are gone, of those on which something was joined.
#[derive(Debug, Default)]
pub struct InterfaceWatch {
    /// By index: one that was made anew under the same name is another one.
    lost: Vec<u32>,
}

impl InterfaceWatch {
    /// How often to look.
    pub const EVERY: Duration = Duration::from_secs(1);

    /// Looks which of these are gone since the last look. Returns their names, and what there is now.
    pub fn look<'a>(
        &mut self,
        joined: impl Iterator<Item = &'a Interface> + Clone,
    ) -> (Vec<&'a str>, Vec<Interface>) {
        // That the kernel cannot list them now does not mean that they are gone.
        let Ok(now) = interfaces::list() else { return (Vec::new(), Vec::new()) };
        // What was joined anew, or was left, is not waited for any more.
        self.lost.retain(|index| joined.clone().any(|interface| interface.index == *index));
        let is_gone = |interface: &&Interface| now.iter().all(|one| one.index != interface.index);
        let mut names = Vec::new();
        for interface in joined.filter(is_gone) {
            if !self.has_lost(interface) {
                self.lost.push(interface.index);
                names.push(interface.name.as_str());
            }
        }
        (names, now)
    }

    /// Whether this interface is gone.
    pub fn has_lost(&self, interface: &Interface) -> bool {
        self.lost.contains(&interface.index)
    }
}
