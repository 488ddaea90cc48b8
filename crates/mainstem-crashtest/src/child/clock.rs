//! A clock that runs fast, so that retention deletes within a second what it keeps for days.

use std::sync::Arc;
use std::time::Duration;

use mainstem_env::{Clock, Elapsed, Env, TimestampMs};

/// A clock of which every process of a machine shows the same time until that starts anew.
///
/// # Invariants
/// Wall clock and elapsed time run alike, as deletion demands, and neither jumps: both are made of the
/// machine's elapsed time.
#[derive(Debug)]
struct FastClock {
    inner: Arc<dyn Clock>,
    factor: u32,
}

/// What the wall clock shows when the machine starts, in ms: the year 2020.
const START_MS: u64 = 1_577_836_800_000;
const SECONDS_PER_DAY: u32 = 24 * 60 * 60;

/// The most days that may go by in a second: the engine believes a clock only if its two times are read
/// within an hour of each other, which are 2 ms then.
pub(crate) const DAYS_PER_SECOND_MAX: u32 = 20;

/// Returns the environment of a machine on which `days` go by in a second, at most
/// [`DAYS_PER_SECOND_MAX`]; without a number, the real one.
pub(crate) fn env(days: Option<u32>) -> Env {
    let env = Env::real();
    let Some(days) = days else { return env };
    let clock = FastClock {
        inner: Arc::clone(&env.clock),
        factor: days
            .min(DAYS_PER_SECOND_MAX)
            .saturating_mul(SECONDS_PER_DAY),
    };
    Env {
        clock: Arc::new(clock),
        ..env
    }
}

impl FastClock {
    fn since_start(&self) -> Duration {
        self.inner.elapsed().0.saturating_mul(self.factor)
    }
}

impl Clock for FastClock {
    fn now(&self) -> TimestampMs {
        let since_start = u64::try_from(self.since_start().as_millis());
        TimestampMs(START_MS).plus_ms(since_start.unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Elapsed {
        Elapsed(self.since_start())
    }

    fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_run_fast_and_alike() {
        let (real, fast) = (Env::real().clock, env(Some(5)).clock);
        let begin = (real.elapsed(), fast.elapsed(), fast.now());
        real.sleep(Duration::from_millis(2));
        let two_ms_of_it = Duration::from_millis(2).saturating_mul(5 * SECONDS_PER_DAY);
        let by_the_wall = Duration::from_millis(fast.now().0 - begin.2.0);
        let went_by = fast.elapsed().since(begin.1);
        let most = real
            .elapsed()
            .since(begin.0)
            .saturating_mul(5 * SECONDS_PER_DAY);
        // What goes by between two looks at a clock comes on top.
        assert!(two_ms_of_it <= by_the_wall + Duration::from_millis(1));
        assert!(two_ms_of_it <= went_by && went_by <= most);
        assert_eq!(env(None).clock.elapsed().since(real.elapsed()).as_secs(), 0);
    }
}
