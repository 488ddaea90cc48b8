//! A clock that goes on by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstem_env::sim::Sim;
use mainstem_env::{Clock, Elapsed, Env, TimestampMs};

/// The clock of a simulated machine, which goes on a bit with each reading. It notes what it showed
/// after which operation of the disk, as nobody else can know.
#[derive(Debug)]
pub(super) struct TickingClock {
    sim: Sim,
    tick_ms: AtomicU64,
    readings: Mutex<Vec<(u64, TimestampMs)>>,
}

impl TickingClock {
    /// Returns the environment of `sim` with such a clock, which goes on by `tick_ms` with each reading.
    pub(super) fn put_into(sim: &Sim, tick_ms: u64) -> (Env, Arc<Self>) {
        let clock = Arc::new(Self {
            sim: sim.clone(),
            tick_ms: AtomicU64::new(tick_ms),
            readings: Mutex::default(),
        });
        let env = Env {
            clock: Arc::<Self>::clone(&clock),
            ..sim.env()
        };
        (env, clock)
    }

    /// Goes on by `tick_ms` with each reading from now on.
    pub(super) fn set_tick(&self, tick_ms: u64) {
        self.tick_ms.store(tick_ms, Ordering::SeqCst);
    }

    /// Returns what it has shown since it was last asked.
    pub(super) fn take_readings(&self) -> Vec<(u64, TimestampMs)> {
        std::mem::take(&mut self.readings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn go_on(&self) {
        let tick_ms = self.tick_ms.load(Ordering::SeqCst);
        if tick_ms > 0 {
            let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
            self.sim.advance(Duration::from_millis(tick_ms));
            readings.push((self.sim.op_count(), self.sim.now()));
        }
    }
}

impl Clock for TickingClock {
    fn now(&self) -> TimestampMs {
        self.go_on();
        self.sim.now()
    }

    fn elapsed(&self) -> Elapsed {
        self.go_on();
        self.sim.env().clock.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        self.sim.advance(duration);
    }
}
