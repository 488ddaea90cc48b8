//! Which messages wait, for peers that are tables: they are owned by one process, so that it can keep
//! in memory where the next message is, and wake who waits for it. A user of such a store would do
//! the same; the search for the next free row would cost more.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a lease hides its messages.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct Waiting {
    /// The messages that were pushed and never taken since the opening.
    fresh: Range<u64>,
    /// Runs of messages that are out, by their first one.
    out: HashMap<u64, Range<u64>>,
    /// When each run was taken, oldest first; those that are done are still in here.
    leases: VecDeque<(Instant, u64)>,
}

/// The messages that wait. Their ids are dense and rise in the order in which they become durable.
#[derive(Debug)]
pub(crate) struct Inbox {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

impl Inbox {
    /// Returns an inbox in which the messages `stored` wait, all leases being over.
    pub(crate) fn new(stored: Range<u64>) -> Self {
        let waiting = Waiting {
            fresh: stored,
            ..Waiting::default()
        };
        Self {
            waiting: Mutex::new(waiting),
            bell: Condvar::new(),
        }
    }

    /// Says that all messages before `end` are durable, `count` of them new.
    pub(crate) fn pushed(&self, end: u64, count: usize) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.fresh.end = waiting.fresh.end.max(end);
        drop(waiting);
        if count == 1 {
            self.bell.notify_one();
        } else {
            self.bell.notify_all();
        }
    }

    /// Takes a run of up to `most` messages, waiting for the first at most for `wait`. Empty if there
    /// is none.
    pub(crate) fn take(&self, most: usize, wait: Duration) -> Range<u64> {
        let end = Instant::now() + wait;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if let Some(run) = waiting.take(most, now) {
                return run;
            }
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return 0..0;
            }
            let woken = self.bell.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Says that a run is acknowledged.
    pub(crate) fn done(&self, run: &Range<u64>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.out.remove(&run.start);
    }
}

impl Waiting {
    fn take(&mut self, most: usize, now: Instant) -> Option<Range<u64>> {
        while let Some((taken, first)) = self.leases.front().copied() {
            let is_over = now.saturating_duration_since(taken) > VISIBILITY;
            match self.out.get(&first).cloned() {
                Some(run) if is_over => {
                    self.leases.pop_front();
                    self.leases.push_back((now, first));
                    return Some(run);
                }
                Some(_) => break,
                None => drop(self.leases.pop_front()),
            }
        }
        if self.fresh.is_empty() {
            return None;
        }
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let end = self.fresh.end.min(self.fresh.start.saturating_add(most));
        let run = self.fresh.start..end;
        self.fresh.start = end;
        self.out.insert(run.start, run.clone());
        self.leases.push_back((now, run.start));
        Some(run)
    }
}
