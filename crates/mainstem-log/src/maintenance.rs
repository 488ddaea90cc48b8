//! What an engine does by itself: rolls by age, retention, giving up what idle shards hold, and
//! verifying what is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mainstem_env::{Elapsed, Env};

use crate::defect::{Defect, is_planted};
use crate::engine::EngineState;
use crate::error::LogError;
use crate::metrics::Counter;
use crate::retention::policy::ClockWatch;
use crate::retention::trim::trim;
use crate::scrub::Scrubber;
use crate::shard::{ShardName, ShardState};
use crate::sync::{Condvar, Mutex};

/// A busy shard's index is made durable when it is so many bytes of data behind: recovery then reads
/// no more than this.
const INDEX_LAG_BYTES_MAX: u64 = 16 << 20;

/// What one pass of maintenance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaintenanceReport {
    /// Segments sealed because of their age.
    pub rolled: usize,
    /// Segments deleted because of the retention.
    pub deleted: usize,
    /// Whether nothing was deleted because wall clock and elapsed time disagree.
    pub clock_held: bool,
    /// Shards at which something failed; each failure was logged, and the next pass tries again.
    pub failures: usize,
}

/// Runs the maintenance of one engine.
#[derive(Debug)]
pub(crate) struct Keeper {
    clock: Mutex<ClockWatch>,
    clock_holds: Counter,
    idle: Mutex<BTreeMap<ShardName, Idle>>,
    scrubber: Scrubber,
    stop: Mutex<Stop>,
    stopped: Condvar,
}

/// Since when a shard has not been used.
#[derive(Clone, Copy, Debug)]
struct Idle {
    uses: u64,
    since: Elapsed,
    closed: bool,
}

#[derive(Debug, Default)]
struct Stop {
    asked: bool,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn new(env: &Env, scrub_bytes_per_s: u64) -> Self {
        Self {
            clock: Mutex::new(ClockWatch::new(env.clock.now(), env.clock.elapsed())),
            clock_holds: Counter::default(),
            idle: Mutex::new(BTreeMap::new()),
            scrubber: Scrubber::new(scrub_bytes_per_s, env.clock.elapsed()),
            stop: Mutex::new(Stop::default()),
            stopped: Condvar::new(),
        }
    }

    /// Starts the thread that runs a pass every `interval_ms`.
    pub(crate) fn start(engine: &Arc<EngineState>, interval_ms: u64) -> Result<(), LogError> {
        let state = Arc::clone(engine);
        let interval = Duration::from_millis(interval_ms);
        let thread = std::thread::Builder::new()
            .name("mainstem-keeper".to_owned())
            .spawn(move || {
                while state.keeper().rest(interval) {
                    state.maintain();
                }
            })
            .map_err(LogError::io("start the maintenance of", "the engine"))?;
        engine.keeper().stop.lock().thread = Some(thread);
        Ok(())
    }

    /// Waits for `interval`; returns whether to go on.
    fn rest(&self, interval: Duration) -> bool {
        let stop = self.stop.lock();
        if stop.asked {
            return false;
        }
        // A wake-up before its time makes for a pass before its time, which does no harm.
        !self.stopped.wait_timeout(stop, interval).asked
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(&self) {
        let thread = {
            let mut stop = self.stop.lock();
            stop.asked = true;
            stop.thread.take()
        };
        self.stopped.notify_all();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the maintenance thread had panicked");
        }
    }

    pub(crate) fn clock_holds(&self) -> u64 {
        self.clock_holds.value()
    }

    pub(crate) fn trust_clock(&self, env: &Env) {
        *self.clock.lock() = ClockWatch::new(env.clock.now(), env.clock.elapsed());
    }

    /// Runs one pass over `shards`.
    pub(crate) fn pass(
        &self,
        env: &Env,
        shards: &[Arc<ShardState>],
        idle_ms: u64,
    ) -> MaintenanceReport {
        let (now, elapsed) = (env.clock.now(), env.clock.elapsed());
        let clock_held = !self.clock.lock().agrees(now, elapsed);
        let mut report = MaintenanceReport {
            clock_held,
            ..Default::default()
        };
        if report.clock_held {
            if self.clock_holds.value() == 0 {
                tracing::warn!("the wall clock jumped; retention deletes nothing until it is back");
            }
            self.clock_holds.add(1);
        }
        self.idle
            .lock()
            .retain(|name, _| shards.iter().any(|shard| shard.name == *name));
        for shard in shards {
            let mut failed = |error: &LogError| {
                report.failures = report.failures.saturating_add(1);
                tracing::warn!(shard = %shard.name, %error, "maintenance failed; will try again");
            };
            if shard.is_writable() {
                let roll = |writer: &mut crate::append::writer::ShardWriter| {
                    writer.roll_by_age(now.0, shard.retention_ms())
                };
                match shard.committer.try_exclusive(roll) {
                    Some(Ok(true)) => report.rolled = report.rolled.saturating_add(1),
                    Some(Ok(false)) | None => {}
                    Some(Err(error)) => failed(&error),
                }
            }
            if !report.clock_held {
                match trim(shard, now) {
                    Ok(deleted) => report.deleted = report.deleted.saturating_add(deleted),
                    Err(error) => failed(&error),
                }
            }
            self.rest_shard(shard, elapsed, idle_ms);
        }
        self.scrubber.pass(shards, elapsed);
        report
    }

    /// Makes the index of a shard durable as it falls idle, and closes its files later on.
    fn rest_shard(&self, shard: &ShardState, now: Elapsed, idle_ms: u64) {
        let uses = shard.uses();
        let mut all = self.idle.lock();
        let fresh = Idle {
            uses,
            since: now,
            closed: false,
        };
        let idle = all.entry(shard.name.clone()).or_insert(fresh);
        if idle.uses != uses {
            *idle = fresh;
        }
        let quiet = now.since(idle.since);
        let close = !idle.closed && quiet >= Duration::from_millis(idle_ms);
        let lag_max = if quiet.is_zero() {
            INDEX_LAG_BYTES_MAX
        } else {
            1
        };
        if idle.closed {
            return;
        }
        if shard.committer.refusal().is_none() {
            let _busy_shards_are_not_idle = shard.committer.try_exclusive(|writer| {
                if !is_planted(Defect::IdleIndexNotSynced) {
                    writer.sync_index(lag_max);
                }
                if close && !is_planted(Defect::IdleFilesKept) {
                    writer.rest()?;
                }
                Ok(())
            });
        }
        if close {
            shard.committer.shrink();
            let segments = shard.segments.snapshot();
            for segment in segments.iter() {
                segment.close_region();
            }
            idle.closed = true;
        }
    }
}
