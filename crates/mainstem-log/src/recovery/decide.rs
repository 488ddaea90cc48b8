//! Step 4: torn or corrupt? The whole decision, as a table.

use crate::defect::{Defect, is_planted};

/// What was found where the walk over the newest segment stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The position of the first bytes that are not a whole group.
    pub(crate) valid_end: u64,
    /// The position up to which an index entry, a mark or an orderly close says data was durable.
    pub(crate) proven_end: u64,
    /// Whether a whole group header lies beyond that was written when more than `valid_end` bytes
    /// were durable.
    pub(crate) later_group: bool,
    /// Whether anything but zeros lies at `valid_end` or beyond.
    pub(crate) remains: bool,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The data ends here, as it should.
    Whole,
    /// A write was under way that nobody was told had succeeded: cut it off.
    Torn,
    /// Acknowledged data is missing or changed: touch nothing.
    Corrupt,
}

/// Decides. Whatever proves that data beyond the valid end was durable makes it corrupt; only bytes
/// that nothing vouches for may be cut.
pub(crate) fn decide(evidence: Evidence) -> Verdict {
    match (
        evidence.proven_end > evidence.valid_end,
        evidence.later_group,
        evidence.remains,
    ) {
        (true, _, _) | (false, true, _) if is_planted(Defect::DamageCutAsTorn) => Verdict::Torn,
        (true, _, _) | (false, true, _) => Verdict::Corrupt,
        (false, false, true) => Verdict::Torn,
        (false, false, false) => Verdict::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_its_row() {
        let verdict = |proven_end, later_group, remains| {
            decide(Evidence {
                valid_end: 100,
                proven_end,
                later_group,
                remains,
            })
        };
        for proven in [0, 99, 100] {
            assert_eq!(verdict(proven, false, false), Verdict::Whole);
            assert_eq!(verdict(proven, false, true), Verdict::Torn);
            assert_eq!(verdict(proven, true, true), Verdict::Corrupt);
            assert_eq!(verdict(proven, true, false), Verdict::Corrupt);
        }
        for (later_group, remains) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(verdict(101, later_group, remains), Verdict::Corrupt);
        }
    }
}
