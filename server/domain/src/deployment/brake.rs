//! When what templates bring on their own is not brought any further, because it fails on too many phones. A job that
//! somebody made has limits of its own; the jobs of templates are many and small, and nobody looks at them.

/// Phones that are looked at: those that were through with it last.
pub const LOOKED_AT: u64 = 100;

/// Phones that must have failed: of fewer it may be the phones themselves.
const FEWEST: u64 = 10;

/// How a file fares on the phones that were through with it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Phones on which it failed.
    pub failed: u64,
    /// All of them.
    pub of: u64,
}

impl Share {
    /// Whether no more phones get it, when so many of 100 may fail. With 0 it is always brought.
    pub fn stops(self, percent: u64) -> bool {
        percent > 0
            && self.failed >= FEWEST
            && self.failed.saturating_mul(100) > percent.saturating_mul(self.of)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FEWEST, Share};

    #[test]
    fn a_bad_file_stops_after_a_few_phones_and_a_good_one_never() {
        let stops = |failed, of| Share { failed, of }.stops(25);
        assert!(!stops(FEWEST - 1, FEWEST - 1), "these may be the phones");
        assert!(stops(FEWEST, FEWEST));
        assert!(!stops(25, 100) && stops(26, 100));
        assert!(!Share { failed: 100, of: 100 }.stops(0), "switched off");
        assert!(!Share { failed: 100, of: 100 }.stops(100), "as many may fail as there are");
    }

    proptest! {
        #[test]
        fn one_that_does_less_well_is_not_treated_better(failed in 0_u64..100, good in 0_u64..100, percent in 1_u64..100) {
            let stops = |failed, good| Share { failed, of: failed + good }.stops(percent);
            if stops(failed, good) {
                prop_assert!(stops(failed + 1, good));
                prop_assert!(good == 0 || stops(failed, good - 1));
            }
        }
    }
}
