//! What a queue does by itself: wakes those who wait for a time, gives up on messages, writes its
//! state down and frees space.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mainstem_env::TimestampMs;
use mainstem_log::Start;

use crate::commit::Staged;
use crate::core::{Core, to_ms};
use crate::error::QueueError;
use crate::format::event::Event;
use crate::receive::EXHAUSTED;
use crate::state::consumer::Consumer;
use crate::waiters::Wanted;

/// How often space is looked after at least, in ms. It is, too, whenever the log has grown by a file.
const ROUND_MS: u64 = 1000;
/// When space is looked after again, in ms, to see whether a queue is left alone.
const SOON_MS: u64 = 250;
/// How many messages may be found dead at a time.
const DEAD_PER_ROUND_MAX: usize = 10_000;

/// What one round of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepReport {
    /// Messages that were given up because they were delivered too often.
    pub died: usize,
    /// Messages that were carried forward, so that the file they were in could go.
    pub carried: usize,
    /// Files deleted.
    pub deleted: usize,
}

/// Runs the upkeep of `core` until it is closed.
pub(crate) fn run(core: &Arc<Core>) {
    let mut next_round_ms = 0;
    while !core.is_closed.load(Ordering::Acquire) {
        let now_ms = core.now_ms();
        if core.take_round_wanted() || now_ms >= next_round_ms {
            if let Err(error) = core.upkeep() {
                tracing::warn!(%error, "upkeep failed; will try again");
            }
            let is_soon = core.round_soon.swap(false, Ordering::Relaxed);
            let pause_ms = if is_soon { SOON_MS } else { ROUND_MS };
            next_round_ms = now_ms.saturating_add(pause_ms);
        } else if let Err(error) = core.look() {
            tracing::warn!(%error, "could not look after those who wait; will try again");
        }
        core.rest_until(core.next_due_ms().min(next_round_ms));
    }
}

impl Core {
    /// Wakes those for whom something is due, and makes room where it is waited for.
    fn look(self: &Arc<Self>) -> Result<(), QueueError> {
        self.finish_abandoned();
        self.end_let_go()?;
        let wanted = self.take_room_wanted();
        if wanted > 0 {
            if self.make_room(wanted)? {
                self.waiters.wake(Wanted::Room, usize::MAX);
            } else {
                self.still_want_room(wanted);
            }
        }
        let now_ms = self.now_ms();
        let due: Vec<(u32, usize)> = {
            let mut live = self.live()?;
            live.catch_up()?;
            let consumers = live.state.consumers.iter_mut();
            consumers.map(|(id, it)| (*id, it.expire(now_ms))).collect()
        };
        for (consumer, freed) in due {
            if freed > 0 {
                self.wake_for(consumer, freed);
            }
        }
        self.waiters.wake_overdue(now_ms);
        Ok(())
    }

    /// Returns when something is due, in ms.
    fn next_due_ms(&self) -> u64 {
        let Ok(live) = self.live() else {
            return u64::MAX;
        };
        let timers = live
            .state
            .consumers
            .values()
            .filter_map(Consumer::next_timer_ms);
        timers
            .chain(self.waiters.next_deadline_ms())
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Runs one round.
    pub(crate) fn upkeep(self: &Arc<Self>) -> Result<UpkeepReport, QueueError> {
        self.drive();
        let mut report = UpkeepReport::default();
        // What fails must not keep files from being deleted: for want of space it may be that it failed.
        let looked = self.look();
        let settled = self.settle_due(&mut report);
        let mut deleted = self.reclaim();
        let tidied = self.tidy(&mut report);
        if matches!(tidied, Ok(true)) {
            deleted = deleted.and_then(|some| Ok(some.saturating_add(self.reclaim()?)));
        }
        if self.reserve.is_tight() && self.reserve.restore() {
            tracing::info!("there is space again");
        }
        looked?;
        settled?;
        report.deleted = deleted?;
        tidied?;
        Ok(report)
    }

    /// Gives up on messages, drops those that are too old, and writes the state down if that is due.
    fn settle_due(&self, report: &mut UpkeepReport) -> Result<(), QueueError> {
        report.died = self.give_up()?;
        self.drop_aged()?;
        self.save_if_due()
    }

    /// Carries messages forward; returns whether there may be more files to delete.
    fn tidy(&self, report: &mut UpkeepReport) -> Result<bool, QueueError> {
        report.carried = self.carry_forward()?;
        Ok(report.carried > 0 || self.roll_if_idle()?)
    }

    /// Gives up on messages that were delivered too often, without waiting for somebody to ask.
    fn give_up(&self) -> Result<usize, QueueError> {
        let mut died = 0_usize;
        while died < DEAD_PER_ROUND_MAX {
            let more = self.give_up_some()?;
            if more == 0 {
                break;
            }
            died = died.saturating_add(more);
        }
        Ok(died)
    }

    /// Gives up on as many as one batch of records can name.
    fn give_up_some(&self) -> Result<usize, QueueError> {
        let mut staged = Staged::default();
        let now_ms = self.now_ms();
        let mut live = self.live()?;
        let limits = live.attempts_max.clone();
        for (consumer, attempts_max) in limits {
            let Some(it) = live.state.consumers.get_mut(&consumer) else {
                continue;
            };
            let is_spent = |id: &u64| {
                it.entries
                    .get(id)
                    .is_some_and(|it| it.attempts >= attempts_max)
            };
            let spent: Vec<u64> = it
                .ready()
                .filter(is_spent)
                .take(self.died_max().saturating_sub(staged.claims.len()))
                .collect();
            for id in spent {
                staged.push(&Event::Died {
                    consumer,
                    id,
                    at_ms: now_ms,
                    reason: EXHAUSTED,
                })?;
                it.claim(id);
                staged.claims.push((consumer, id));
            }
        }
        drop(live);
        let died = staged.claims.len();
        if died > 0 {
            self.commit(&staged)?;
            self.waiters.wake_consumers(1);
        }
        Ok(died)
    }

    /// Drops messages that are older than the limits allow.
    pub(crate) fn drop_aged(&self) -> Result<(), QueueError> {
        let Some(age_max) = self.options.limits.age_max else {
            return Ok(());
        };
        // By the clock that would drop less: one that was set while the queue is open drops nothing.
        let now_ms = self.env.clock.now().0.min(self.now_ms());
        let horizon = TimestampMs(now_ms).minus_ms(to_ms(age_max));
        let first = self
            .shard
            .cursor(Start::Time(TimestampMs(horizon.0)))?
            .position();
        let is_news = {
            let mut live = self.live()?;
            live.catch_up()?;
            // Only if there is somebody who still wants one of them.
            let wants =
                |it: &Consumer| live.state.depth(it) > 0 && it.needs_from().min(it.next) < first.0;
            first.0 > live.state.dropped_before && live.state.consumers.values().any(wants)
        };
        if is_news {
            self.drop_before(first.0)?;
            self.reclaim()?;
        }
        Ok(())
    }
}
