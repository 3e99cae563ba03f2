//! The contact gap: how often a phone lets itself be called (`wpi.md` §1.5). Time is passed in.

use std::time::Duration;

use tokio::time::Instant;

/// Remembers the last contact-me that was followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContactGap {
    last: Option<Instant>,
}

impl ContactGap {
    /// Whether a contact-me that arrives `now` is followed. One inside `gap` after the last followed one
    /// is ignored and does not lengthen the gap.
    pub fn admit(&mut self, now: Instant, gap: Duration) -> bool {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < gap) {
            return false;
        }
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_contact_me_counts_only_after_the_gap() {
        let gap = Duration::from_secs(300);
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut contacts = ContactGap::default();
        assert!(contacts.admit(begin, gap));
        assert!(!contacts.admit(after(299), gap));
        assert!(contacts.admit(after(300), gap), "an ignored one does not lengthen the gap");
        assert!(!contacts.admit(after(301), gap));
        assert!(contacts.admit(after(301), Duration::ZERO));
    }
}
