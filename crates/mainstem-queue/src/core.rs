//! What all handles of a queue share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstem_env::{Elapsed, Env};
use mainstem_log::{Append, Engine, Shard};

use crate::commit::{AllUnderWay, Staged};
use crate::error::QueueError;
use crate::live::Live;
use crate::options::QueueOptions;
use crate::reserve::Reserve;
use crate::waiters::Waiters;

/// What all handles of a queue share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) env: Env,
    pub(crate) engine: Engine,
    /// The log: messages, and what happened to them.
    pub(crate) shard: Shard,
    /// Where the state is written down.
    pub(crate) snapshots: Shard,
    pub(crate) options: QueueOptions,
    /// Space for when there is none.
    pub(crate) reserve: Reserve,
    live: Mutex<Live>,
    abandoned: Mutex<Vec<(Append, Staged)>>,
    under_way: Mutex<AllUnderWay>,
    /// Deliveries that nobody has: consumer, nonce and messages.
    let_go: Mutex<Vec<(u32, u64, Vec<u64>)>>,
    pub(crate) waiters: Arc<Waiters>,
    /// Held by whoever frees space.
    pub(crate) reclaiming: Mutex<()>,
    start: (u64, Elapsed),
    pub(crate) is_closed: AtomicBool,
    /// When the keeper looks again, in ms; any time before is told to it.
    keeper_due_ms: AtomicU64,
    nudged: Mutex<bool>,
    /// Whether there may be files to be deleted.
    round_wanted: AtomicBool,
    /// Whether the next round is to be a little later, and not after the usual time.
    pub(crate) round_soon: AtomicBool,
    /// For how many messages a task waits for room, or none.
    room_wanted: AtomicU64,
    nudge: Condvar,
}

impl Core {
    pub(crate) fn new(
        env: &Env,
        engine: Engine,
        shard: Shard,
        snapshots: Shard,
        options: QueueOptions,
        reserve: Reserve,
        live: Live,
    ) -> Arc<Self> {
        Arc::new(Self {
            env: env.clone(),
            engine,
            shard,
            snapshots,
            options,
            reserve,
            live: Mutex::new(live),
            abandoned: Mutex::default(),
            under_way: Mutex::default(),
            let_go: Mutex::default(),
            waiters: Arc::default(),
            reclaiming: Mutex::default(),
            start: (env.clock.now().0, env.clock.elapsed()),
            is_closed: AtomicBool::new(false),
            keeper_due_ms: AtomicU64::new(u64::MAX),
            nudged: Mutex::new(false),
            round_wanted: AtomicBool::new(false),
            round_soon: AtomicBool::new(false),
            room_wanted: AtomicU64::new(0),
            nudge: Condvar::new(),
        })
    }

    /// Returns the state. A thread that panicked while it changed it leaves nothing to rely on.
    pub(crate) fn live(&self) -> Result<MutexGuard<'_, Live>, QueueError> {
        self.live.lock().map_err(|_| QueueError::Panicked)
    }

    pub(crate) fn abandoned(&self) -> MutexGuard<'_, Vec<(Append, Staged)>> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn under_way(&self) -> MutexGuard<'_, AllUnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that nobody has a delivery: it ends once it is written down.
    pub(crate) fn let_go(&self, consumer: u32, nonce: u64, ids: Vec<u64>) {
        let mut all = self.let_go.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((consumer, nonce, ids));
    }

    /// Ends the deliveries that nobody has, those that are written down.
    pub(crate) fn end_let_go(&self) -> Result<(), QueueError> {
        let mut all = self.let_go.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Ok(());
        }
        let mut live = self.live()?;
        live.catch_up()?;
        let mut freed = Vec::new();
        all.retain(|(consumer, nonce, ids)| {
            let Some(it) = live.state.consumers.get_mut(consumer) else {
                return false;
            };
            for id in ids {
                it.abandon(*id, *nonce);
            }
            freed.push((*consumer, ids.len()));
            // While its record is under way, it cannot be ended.
            ids.iter()
                .any(|id| it.entries.get(id).is_some_and(|entry| entry.busy))
        });
        drop(live);
        drop(all);
        for (consumer, messages) in freed {
            self.wake_for(consumer, messages);
        }
        Ok(())
    }

    /// Returns the time that leases and delays go by, in ms: wall-clock time when the queue was
    /// opened and elapsed time from then on, so that nothing happens to them when the clock is set.
    pub(crate) fn now_ms(&self) -> u64 {
        let (wall_ms, elapsed) = self.start;
        wall_ms.saturating_add(to_ms(self.env.clock.elapsed().since(elapsed)))
    }

    /// Returns how many messages a record can name, at 16 bytes each: a record has at most a quarter of
    /// a file.
    pub(crate) fn named_max(&self) -> usize {
        usize::try_from(self.options.segment_bytes / 128).unwrap_or(usize::MAX)
    }

    /// Returns how many messages may die by one batch of records, a hundred bytes each: a batch has at
    /// most half a file.
    pub(crate) fn died_max(&self) -> usize {
        usize::try_from(self.options.segment_bytes / 1024).unwrap_or(usize::MAX)
    }

    /// Returns an error if the queue was closed.
    pub(crate) fn check_open(&self) -> Result<(), QueueError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(mainstem_log::LogError::Closed.into());
        }
        Ok(())
    }

    /// Has the keeper look at once.
    pub(crate) fn nudge(&self) {
        *self.nudged.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.nudge.notify_all();
    }

    /// Has the keeper look when it is `due_ms`.
    pub(crate) fn nudge_at(&self, due_ms: u64) {
        if due_ms < self.keeper_due_ms.load(Ordering::Relaxed) {
            self.nudge();
        }
    }

    /// Has the keeper make room for `messages`.
    pub(crate) fn want_room(&self, messages: u64) {
        self.room_wanted.fetch_max(messages, Ordering::Relaxed);
        self.nudge();
    }

    /// Has the keeper look after space at once.
    pub(crate) fn want_round(&self) {
        self.round_wanted.store(true, Ordering::Relaxed);
        self.nudge();
    }

    /// Returns whether space is to be looked after at once.
    pub(crate) fn take_round_wanted(&self) -> bool {
        self.round_wanted.swap(false, Ordering::Relaxed)
    }

    /// Notes that there was none to be made for `messages`, so that the keeper tries again some time.
    pub(crate) fn still_want_room(&self, messages: u64) {
        self.room_wanted.fetch_max(messages, Ordering::Relaxed);
    }

    /// Returns for how many messages room is waited for.
    pub(crate) fn take_room_wanted(&self) -> u64 {
        self.room_wanted.swap(0, Ordering::Relaxed)
    }

    /// Sleeps until it is `due_ms`, or until nudged.
    pub(crate) fn rest_until(&self, due_ms: u64) {
        let nudged = self.nudged.lock().unwrap_or_else(PoisonError::into_inner);
        self.keeper_due_ms.store(due_ms, Ordering::Relaxed);
        let timeout = Duration::from_millis(due_ms.saturating_sub(self.now_ms()));
        let rested = self
            .nudge
            .wait_timeout_while(nudged, timeout, |nudged| !*nudged);
        let (mut nudged, _) = rested.unwrap_or_else(PoisonError::into_inner);
        *nudged = false;
        // While it looks, it may have looked past whatever comes up: it is told of everything.
        self.keeper_due_ms.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Returns a duration in whole ms, rounded up: nothing is due before its time.
pub(crate) fn to_ms(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms).unwrap_or(u64::MAX)
}
