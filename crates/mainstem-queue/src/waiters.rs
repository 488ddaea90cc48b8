//! Those who wait for something to be delivered, or for room.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// A message for a consumer.
    Message(u32),
    /// Room for a push.
    Room,
    /// That what is under way about messages is done.
    Settled,
}

/// All who wait, by what they wait for, each list first come first woken.
///
/// Whoever waits enters the list, looks whether there is something, and sleeps if there is not. Whoever
/// makes something available wakes afterwards. One of the two sees the other. A woken waiter that goes
/// away without having looked again wakes the next.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    lists: Mutex<BTreeMap<Wanted, VecDeque<Arc<Slot>>>>,
    /// How many are in the lists.
    listed: AtomicUsize,
}

#[derive(Debug, Default)]
struct Slot {
    state: Mutex<SlotState>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct SlotState {
    is_woken: bool,
    waker: Option<Waker>,
    /// When a task that waits is to be woken whatever happened, in ms.
    deadline_ms: Option<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slot {
    /// Wakes whoever sleeps here. No lock is held while a task is woken: its waker is not ours.
    fn wake(&self) {
        let waker = {
            let mut state = lock(&self.state);
            state.is_woken = true;
            state.waker.take()
        };
        self.woken.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Waiters {
    /// Wakes up to `most` of those who wait for `wanted`.
    pub(crate) fn wake(&self, wanted: Wanted, most: usize) {
        // Partner of the fence in `arm`: what was made available before is seen by whoever is not
        // seen here.
        fence(Ordering::SeqCst);
        if self.listed.load(Ordering::Relaxed) == 0 {
            return;
        }
        let woken: Vec<Arc<Slot>> = {
            let mut lists = lock(&self.lists);
            let Some(list) = lists.get_mut(&wanted) else {
                return;
            };
            let most = most.min(list.len());
            self.listed.fetch_sub(most, Ordering::Relaxed);
            list.drain(..most).collect()
        };
        for slot in woken {
            slot.wake();
        }
    }

    /// Wakes up to `most` of those who wait for a message, for each consumer.
    pub(crate) fn wake_consumers(&self, most: usize) {
        fence(Ordering::SeqCst);
        if self.listed.load(Ordering::Relaxed) == 0 {
            return;
        }
        let wanted: Vec<Wanted> = lock(&self.lists).keys().copied().collect();
        for wanted in wanted {
            if matches!(wanted, Wanted::Message(_)) {
                self.wake(wanted, most);
            }
        }
    }

    /// Wakes the tasks whose time is over at `now_ms`.
    pub(crate) fn wake_overdue(&self, now_ms: u64) {
        let overdue = |slot: &Arc<Slot>| {
            let mut state = lock(&slot.state);
            let overdue = state
                .deadline_ms
                .take_if(|deadline_ms| *deadline_ms <= now_ms);
            overdue.is_some()
        };
        // They stay in the list: it is they who leave it.
        let slots: Vec<Arc<Slot>> = {
            let lists = lock(&self.lists);
            let all = lists.values().flatten();
            all.filter(|slot| overdue(slot)).cloned().collect()
        };
        for slot in slots {
            slot.wake();
        }
    }

    /// Returns when the time of the first task is over, in ms.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let lists = lock(&self.lists);
        let deadlines = lists.values().flatten();
        deadlines
            .filter_map(|slot| lock(&slot.state).deadline_ms)
            .min()
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        let wanted: Vec<Wanted> = lock(&self.lists).keys().copied().collect();
        for wanted in wanted {
            self.wake(wanted, usize::MAX);
        }
    }

    /// Returns a place for one who waits.
    pub(crate) fn place(self: &Arc<Self>, wanted: Wanted) -> Waiting {
        Waiting {
            waiters: Arc::clone(self),
            wanted,
            slot: Arc::default(),
        }
    }
}

/// One who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    waiters: Arc<Waiters>,
    wanted: Wanted,
    slot: Arc<Slot>,
}

impl Waiting {
    /// Enters the list. Whoever waits looks after this whether there is something.
    pub(crate) fn arm(&self) {
        let mut lists = lock(&self.waiters.lists);
        let list = lists.entry(self.wanted).or_default();
        lock(&self.slot.state).is_woken = false;
        if !list.iter().any(|slot| Arc::ptr_eq(slot, &self.slot)) {
            list.push_back(Arc::clone(&self.slot));
            self.waiters.listed.fetch_add(1, Ordering::Relaxed);
        }
        drop(lists);
        // Partner of the fences in `wake`.
        fence(Ordering::SeqCst);
    }

    /// Sleeps until woken, at most for `timeout`.
    pub(crate) fn sleep(&self, timeout: Duration) {
        let state = lock(&self.slot.state);
        let slept = self
            .slot
            .woken
            .wait_timeout_while(state, timeout, |state| !state.is_woken);
        drop(slept.unwrap_or_else(PoisonError::into_inner));
    }

    /// Says when a task is to be woken whatever happened, before the keeper is told to look.
    pub(crate) fn set_deadline(&self, deadline_ms: u64) {
        lock(&self.slot.state).deadline_ms = Some(deadline_ms);
    }

    /// Is ready when woken, or when it is `deadline_ms` and the keeper noticed.
    pub(crate) async fn woken(&self, deadline_ms: Option<u64>) {
        poll_fn(|context| {
            let mut state = lock(&self.slot.state);
            if state.is_woken {
                return Poll::Ready(());
            }
            state.deadline_ms = deadline_ms;
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        {
            let mut lists = lock(&self.waiters.lists);
            if let Some(list) = lists.get_mut(&self.wanted) {
                let before = list.len();
                list.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
                let left = before.saturating_sub(list.len());
                self.waiters.listed.fetch_sub(left, Ordering::Relaxed);
                if list.is_empty() {
                    lists.remove(&self.wanted);
                }
            }
        }
        // What woke this one may be for the next.
        if lock(&self.slot.state).is_woken {
            self.waiters.wake(self.wanted, 1);
        }
    }
}
