//! The virtual clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Elapsed, TimestampMs};

/// Where every simulated clock starts: some time in November 2023.
const START: Duration = Duration::from_secs(1_700_000_000);

#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    wall: Duration,
    elapsed: Duration,
}

/// A clock that moves only when told to, or slept on.
#[derive(Debug)]
pub(super) struct SimClock {
    times: Mutex<Times>,
}

impl SimClock {
    pub(super) fn new() -> Self {
        Self::from(Times {
            wall: START,
            elapsed: Duration::ZERO,
        })
    }

    pub(super) fn times(&self) -> Times {
        *self.locked()
    }

    pub(super) fn set_now(&self, now: TimestampMs) {
        self.locked().wall = Duration::from_millis(now.0);
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut times = self.locked();
        times.wall = times.wall.saturating_add(by);
        times.elapsed = times.elapsed.saturating_add(by);
    }

    pub(super) fn jump_wall(&self, ms: i64) {
        let by = Duration::from_millis(ms.unsigned_abs());
        let mut times = self.locked();
        times.wall = if ms < 0 {
            times.wall.saturating_sub(by)
        } else {
            times.wall.saturating_add(by)
        };
    }

    fn locked(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Times> for SimClock {
    fn from(times: Times) -> Self {
        Self {
            times: Mutex::new(times),
        }
    }
}

impl Clock for SimClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(u64::try_from(self.locked().wall.as_millis()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(self.locked().elapsed)
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}
