//! The state of a stream as a function of what is stored and the time; no timer is needed.

use std::fmt;

/// The state of a stream as clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the API has these four")]
pub enum StreamStatus {
    /// Being made; it has no shards yet.
    Creating,
    /// In service.
    Active,
    /// In service while it is being changed.
    Updating,
    /// About to be gone.
    Deleting,
}

impl StreamStatus {
    /// Returns the name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for StreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the catalogue says about a stream's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredStatus {
    /// CREATING since then, ACTIVE after the transition time.
    Creating { since_ms: u64 },
    /// ACTIVE.
    Active,
    /// DELETING since then, gone after the transition time.
    Deleting { since_ms: u64 },
}

impl StoredStatus {
    /// Returns the state at `now_ms`, or `None` for a stream that is gone.
    ///
    /// A clock that went back ends a transition early: it must not hold a stream in it for long.
    pub(crate) fn at(self, now_ms: u64, transition_ms: u64) -> Option<StreamStatus> {
        let over = |since_ms: u64| {
            now_ms
                .checked_sub(since_ms)
                .is_none_or(|elapsed_ms| elapsed_ms >= transition_ms)
        };
        match self {
            Self::Creating { since_ms } if !over(since_ms) => Some(StreamStatus::Creating),
            Self::Creating { .. } | Self::Active => Some(StreamStatus::Active),
            Self::Deleting { since_ms } if !over(since_ms) => Some(StreamStatus::Deleting),
            Self::Deleting { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_at_each_side_of_its_edge() {
        use StoredStatus::{Active, Creating, Deleting};
        let since_ms = 1000;
        let cases = [
            (Creating { since_ms }, 1000, Some(StreamStatus::Creating)),
            (Creating { since_ms }, 1099, Some(StreamStatus::Creating)),
            (Creating { since_ms }, 1100, Some(StreamStatus::Active)),
            (Creating { since_ms }, 999, Some(StreamStatus::Active)),
            (Active, 0, Some(StreamStatus::Active)),
            (Deleting { since_ms }, 1099, Some(StreamStatus::Deleting)),
            (Deleting { since_ms }, 1100, None),
            (Deleting { since_ms }, 999, None),
        ];
        for (stored, now_ms, expected) in cases {
            assert_eq!(stored.at(now_ms, 100), expected, "{stored:?} at {now_ms}");
        }
        assert_eq!(Deleting { since_ms }.at(since_ms, 0), None);
    }
}
