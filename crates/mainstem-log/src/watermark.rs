//! The one value that writing and reading share: the exclusive end of what is durable and visible.

use std::task::{Context, Poll, Waker};

use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::seq::SeqNo;
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering, wake_all};

/// A shard's durable mark, and those who wait for it to move.
#[derive(Debug)]
pub(crate) struct Watermark {
    next: AtomicU64,
    waiters: Mutex<Waiters>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Waiters {
    /// Asynchronous waiters, by a number that is theirs alone.
    wakers: Vec<(u64, Waker)>,
    last_waiter: u64,
    blocked: u32,
    /// Why the mark will not move any more.
    ended: Option<LogError>,
}

impl Waiters {
    /// Takes the waker of the waiter `number` off the list.
    fn take(&mut self, number: u64) -> Option<Waker> {
        let at = self.wakers.iter().position(|(other, _)| *other == number)?;
        Some(self.wakers.swap_remove(at).1)
    }
}

impl Watermark {
    pub(crate) fn new(next: SeqNo) -> Self {
        Self {
            next: AtomicU64::new(next.0),
            waiters: Mutex::new(Waiters::default()),
            moved: Condvar::new(),
        }
    }

    /// Returns the sequence number after the last durable record.
    pub(crate) fn next(&self) -> SeqNo {
        // Partner of the store in `publish`: who sees the mark sees the records before it.
        SeqNo(self.next.load(Ordering::Acquire))
    }

    /// Moves the mark, after the records before it became durable, and wakes all who wait.
    pub(crate) fn publish(&self, next: SeqNo) {
        let waiters = self.waiters.lock();
        debug_assert!(next >= self.next(), "the durable mark never goes back");
        // Partner of the load in `next`. Under the lock, so that a waiter that has checked the mark
        // and is about to wait is not missed.
        self.next.store(next.0, Ordering::Release);
        if is_planted(Defect::ReadersForgotten) {
            return;
        }
        self.wake(waiters);
    }

    /// Tells all who wait, now and later, that the mark will not move any more.
    pub(crate) fn end(&self, error: LogError) {
        let mut waiters = self.waiters.lock();
        if waiters.ended.is_none() {
            waiters.ended = Some(error);
        }
        self.wake(waiters);
    }

    fn wake(&self, mut waiters: MutexGuard<'_, Waiters>) {
        if waiters.blocked > 0 {
            self.moved.notify_all();
        }
        let wakers = std::mem::take(&mut waiters.wakers);
        drop(waiters);
        wake_all(wakers.into_iter().map(|(_, waker)| waker));
    }

    /// Blocks until the mark is past `seen`, or `time_left` answers `None` instead of the time left.
    pub(crate) fn wait_beyond_until(
        &self,
        seen: SeqNo,
        mut time_left: impl FnMut() -> Option<std::time::Duration>,
    ) -> Result<Option<SeqNo>, LogError> {
        let mut waiters = self.waiters.lock();
        loop {
            if let Some(answer) = self.answer(&waiters, seen) {
                return answer.map(Some);
            }
            let Some(time_left) = time_left() else {
                return Ok(None);
            };
            waiters.blocked = waiters.blocked.saturating_add(1);
            waiters = self.moved.wait_timeout(waiters, time_left);
            waiters.blocked = waiters.blocked.saturating_sub(1);
        }
    }

    /// Returns the mark if it is past `seen`; otherwise the task of `context` is woken when it moves.
    /// `waiter` is the caller's number, kept between calls.
    pub(crate) fn poll_beyond(
        &self,
        seen: SeqNo,
        waiter: &mut Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Result<SeqNo, LogError>> {
        let mut waiters = self.waiters.lock();
        if let Some(answer) = self.answer(&waiters, seen) {
            return Poll::Ready(answer);
        }
        let number = *waiter.get_or_insert_with(|| {
            waiters.last_waiter = waiters.last_waiter.wrapping_add(1);
            waiters.last_waiter
        });
        let old = waiters.take(number);
        waiters.wakers.push((number, context.waker().clone()));
        // Dropping a waker may drop a task with a future of ours in it: not under the lock.
        drop(waiters);
        drop(old);
        Poll::Pending
    }

    /// Takes a waiter that has lost interest off the list.
    pub(crate) fn forget(&self, waiter: u64) {
        let old = self.waiters.lock().take(waiter);
        drop(old);
    }

    fn answer(&self, waiters: &Waiters, seen: SeqNo) -> Option<Result<SeqNo, LogError>> {
        let next = self.next();
        if next > seen {
            return Some(Ok(next));
        }
        waiters.ended.clone().map(Err)
    }
}
