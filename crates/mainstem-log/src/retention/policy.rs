//! What is too old, and whether the clock can be believed.

use mainstem_env::{Elapsed, TimestampMs};

use crate::defect::{Defect, is_planted};
use crate::limits::CLOCK_DISAGREEMENT_MS_MAX;

/// Returns the arrival time before which records are hidden, in ms.
pub(crate) fn horizon_ms(now: TimestampMs, retention_ms: u64) -> u64 {
    now.0.saturating_sub(retention_ms)
}

/// Returns whether everything in a segment whose newest record arrived at `newest_ms` is too old.
pub(crate) fn is_expired(newest_ms: u64, now: TimestampMs, retention_ms: u64) -> bool {
    let is_at_the_edge = newest_ms == horizon_ms(now, retention_ms);
    newest_ms < horizon_ms(now, retention_ms)
        || (is_at_the_edge && is_planted(Defect::RetentionOffByOne))
}

/// Holds deletion back when the wall clock jumps.
///
/// Deleting cannot be undone, so a clock that says that hours went by while the machine counted
/// minutes is not believed until it comes back, the engine is opened again, or the operator says
/// that it is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockWatch {
    wall: TimestampMs,
    elapsed: Elapsed,
}

impl ClockWatch {
    /// Starts believing the clock as it is now.
    pub(crate) fn new(wall: TimestampMs, elapsed: Elapsed) -> Self {
        Self { wall, elapsed }
    }

    /// Returns whether wall clock and elapsed time agree on what went by since they last did.
    pub(crate) fn agrees(&mut self, wall: TimestampMs, elapsed: Elapsed) -> bool {
        if is_planted(Defect::ClockBelieved) {
            return true;
        }
        let went_by = elapsed.since(self.elapsed).as_millis();
        let went_by = u64::try_from(went_by).unwrap_or(u64::MAX);
        let expected = self.wall.plus_ms(went_by);
        if wall.0.abs_diff(expected.0) > CLOCK_DISAGREEMENT_MS_MAX {
            return false;
        }
        // Small corrections add up to nothing.
        *self = Self::new(wall, elapsed);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::HOUR_MS;

    #[test]
    fn a_record_is_kept_for_exactly_the_retention() {
        let now = TimestampMs(1_000_000);
        assert!(!is_expired(900_000, now, 100_000));
        assert!(is_expired(899_999, now, 100_000));
        assert!(
            !is_expired(0, TimestampMs(5), 100),
            "nothing expires before the epoch"
        );
    }

    #[test]
    fn a_clock_that_jumps_is_not_believed_until_it_comes_back() {
        let at = |seconds| Elapsed(Duration::from_secs(seconds));
        let start = TimestampMs(10 * HOUR_MS);
        let mut watch = ClockWatch::new(start, at(0));
        assert!(watch.agrees(start.plus_ms(60_000), at(60)));
        assert!(
            watch.agrees(start.plus_ms(120_000 + HOUR_MS), at(120)),
            "an hour is tolerated"
        );
        let mut watch = ClockWatch::new(start, at(0));
        assert!(!watch.agrees(start.plus_ms(HOUR_MS + 1), at(0)));
        assert!(
            !watch.agrees(start.plus_ms(5 * HOUR_MS), at(3600)),
            "still ahead"
        );
        assert!(
            watch.agrees(start.plus_ms(2 * HOUR_MS), at(7200)),
            "back again"
        );
        assert!(!watch.agrees(start, at(7200)), "backwards counts too");
    }
}
