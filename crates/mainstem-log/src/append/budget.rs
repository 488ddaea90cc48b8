//! Step 2: a bound on the bytes that are accepted but not yet durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering, wake_all};

/// A number of bytes that callers take from and give back, in order of arrival.
///
/// # Concurrency
/// A caller for whom there is room takes it with one atomic exchange. Others queue; a queue is
/// never overtaken. Who joins the queue and then finds no room is seen by whoever gives room back
/// afterwards.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    waiting: AtomicU64,
    queue: Mutex<VecDeque<Arc<Waiter>>>,
}

/// A caller in the queue.
#[derive(Debug)]
pub(crate) struct Waiter {
    bytes: u64,
    state: Mutex<WaiterState>,
    granted: Condvar,
}

#[derive(Debug, Default)]
struct WaiterState {
    granted: bool,
    waker: Option<Waker>,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            queue: Mutex::new(VecDeque::new()),
        }
    }

    /// Returns the bytes taken and not yet given back.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }

    /// Returns what `bytes` count for: a batch larger than the whole budget counts as all of it, so
    /// that it gets its turn alone.
    fn cost(&self, bytes: u64) -> u64 {
        bytes.min(self.limit)
    }

    fn try_take(&self, cost: u64) -> bool {
        let mut used = self.used.load(Ordering::SeqCst);
        loop {
            let fits = |after: &u64| *after <= self.limit || is_planted(Defect::BudgetIgnored);
            let Some(after) = used.checked_add(cost).filter(fits) else {
                return false;
            };
            match self
                .used
                .compare_exchange(used, after, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return true,
                Err(now) => used = now,
            }
        }
    }

    /// Takes `bytes` at once, or not at all.
    pub(crate) fn try_acquire(&self, bytes: u64) -> Result<(), LogError> {
        if self.waiting.load(Ordering::SeqCst) == 0 && self.try_take(self.cost(bytes)) {
            return Ok(());
        }
        Err(LogError::QueueFull {
            bytes,
            limit: self.limit,
        })
    }

    /// Takes `bytes`, blocking until there is room.
    pub(crate) fn acquire(&self, bytes: u64) {
        if self.try_acquire(bytes).is_ok() {
            return;
        }
        let Some(waiter) = self.join(bytes) else {
            return;
        };
        let mut state = waiter.state.lock();
        while !state.granted {
            state = waiter.granted.wait(state);
        }
    }

    /// Takes `bytes` when there is room, waking the task of `context` then. `place` is the caller's
    /// place in the queue, kept between calls.
    pub(crate) fn poll_acquire(
        &self,
        bytes: u64,
        place: &mut Option<Arc<Waiter>>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if place.is_none() {
            if self.try_acquire(bytes).is_ok() {
                return Poll::Ready(());
            }
            match self.join(bytes) {
                Some(waiter) => *place = Some(waiter),
                None => return Poll::Ready(()),
            }
        }
        let Some(waiter) = place else {
            return Poll::Ready(());
        };
        let mut state = waiter.state.lock();
        if state.granted {
            drop(state);
            *place = None;
            return Poll::Ready(());
        }
        let old = state.waker.replace(context.waker().clone());
        // Dropping a waker may drop a task with a future of ours in it: not under the lock.
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Gives up a place in the queue; if the room had just been granted, it is given back.
    pub(crate) fn abandon(&self, waiter: &Arc<Waiter>) {
        let left = {
            let mut queue = self.queue.lock();
            let before = queue.len();
            queue.retain(|queued| !Arc::ptr_eq(queued, waiter));
            before != queue.len()
        };
        if left {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.grant();
        } else {
            self.release(waiter.bytes);
        }
    }

    /// Gives `bytes` back and lets those in the queue go on for whom there is now room.
    pub(crate) fn release(&self, bytes: u64) {
        self.used.fetch_sub(self.cost(bytes), Ordering::SeqCst);
        // An exchange rather than a load, here and in `join`: of two exchanges of `waiting` one is
        // first, and the later one sees what the other side did before it. Nothing weaker than a
        // total order of all operations would do for a load, and the models do not have that.
        if self.waiting.fetch_add(0, Ordering::SeqCst) > 0 {
            self.grant();
        }
    }

    /// Joins the queue; `None` if room was found on the way.
    fn join(&self, bytes: u64) -> Option<Arc<Waiter>> {
        let mut queue = self.queue.lock();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if queue.is_empty() && self.try_take(self.cost(bytes)) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
        let waiter = Arc::new(Waiter {
            bytes,
            state: Mutex::new(WaiterState::default()),
            granted: Condvar::new(),
        });
        queue.push_back(Arc::clone(&waiter));
        Some(waiter)
    }

    fn grant(&self) {
        let mut wakers = Vec::new();
        let mut queue = self.queue.lock();
        while let Some(waiter) = queue.front() {
            if !self.try_take(self.cost(waiter.bytes)) {
                break;
            }
            let mut state = waiter.state.lock();
            state.granted = true;
            wakers.extend(state.waker.take());
            drop(state);
            waiter.granted.notify_one();
            queue.pop_front();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        drop(queue);
        wake_all(wakers);
    }
}

#[cfg(all(test, not(mainstem_loom)))]
mod tests {
    use super::*;

    #[test]
    fn bytes_past_the_limit_are_refused_until_some_come_back() {
        let budget = Budget::new(10);
        budget.try_acquire(6).unwrap();
        budget.try_acquire(4).unwrap();
        let refused = budget.try_acquire(1).unwrap_err();
        assert!(matches!(
            refused,
            LogError::QueueFull {
                bytes: 1,
                limit: 10
            }
        ));
        budget.release(4);
        budget.try_acquire(1).unwrap();
        assert_eq!(budget.used(), 7);
    }

    #[test]
    fn a_batch_larger_than_the_budget_gets_all_of_it() {
        let budget = Budget::new(10);
        budget.try_acquire(100).unwrap();
        budget.try_acquire(1).unwrap_err();
        budget.release(100);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn those_who_wait_go_on_in_order_of_arrival() {
        let budget = Budget::new(10);
        budget.try_acquire(10).unwrap();
        let waker = Waker::noop();
        let mut context = Context::from_waker(waker);
        let (mut large, mut small) = (None, None);
        assert!(
            budget
                .poll_acquire(9, &mut large, &mut context)
                .is_pending()
        );
        assert!(
            budget
                .poll_acquire(1, &mut small, &mut context)
                .is_pending()
        );
        budget.release(5);
        // There is room for the small one, but the large one came first.
        assert!(
            budget
                .poll_acquire(1, &mut small, &mut context)
                .is_pending()
        );
        budget.release(5);
        assert!(budget.poll_acquire(9, &mut large, &mut context).is_ready());
        assert!(budget.poll_acquire(1, &mut small, &mut context).is_ready());
        assert_eq!(budget.used(), 10);
    }

    #[test]
    fn one_who_leaves_the_queue_blocks_nobody_and_keeps_nothing() {
        let budget = Budget::new(10);
        budget.try_acquire(10).unwrap();
        let waker = Waker::noop();
        let mut context = Context::from_waker(waker);
        let (mut first, mut second) = (None, None);
        assert!(
            budget
                .poll_acquire(10, &mut first, &mut context)
                .is_pending()
        );
        assert!(
            budget
                .poll_acquire(2, &mut second, &mut context)
                .is_pending()
        );
        budget.abandon(&first.take().unwrap());
        budget.release(10);
        assert_eq!(budget.used(), 2);
        // Granted, and never picked up.
        budget.abandon(&second.take().unwrap());
        assert_eq!(budget.used(), 0);
        budget.try_acquire(10).unwrap();
    }

    #[test]
    fn blocked_callers_all_get_through() {
        let budget = Budget::new(10);
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let budget = &budget;
                scope.spawn(move || {
                    for turn in 0..1000 {
                        let bytes = (caller * 7 + turn) % 12;
                        budget.acquire(bytes);
                        assert!(budget.used() <= 10);
                        budget.release(bytes);
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
