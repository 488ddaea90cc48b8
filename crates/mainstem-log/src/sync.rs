//! The locks and atomics of the commit path: the standard library's, or loom's when its models run
//! (`--cfg mainstem_loom`).
//!
//! A lock whose holder panicked is taken all the same: what the holder left behind is made safe by
//! guards that poison the shard, not by the lock.

#[cfg(mainstem_loom)]
use loom::sync as imp;
#[cfg(not(mainstem_loom))]
use std::sync as imp;

use std::sync::PoisonError;

pub(crate) use imp::MutexGuard;
pub(crate) use imp::atomic::{AtomicU64, Ordering};

/// Wakes tasks. Called without any lock of ours held: a waker may poll at once, or drop the last
/// reference to a future of ours, and both take locks. One that panics must not keep the others from
/// being woken, nor be taken for a failure of whoever wakes.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = std::task::Waker>) {
    for waker in wakers {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake())).is_err() {
            tracing::error!("a task's waker panicked");
        }
    }
}

/// A mutex that ignores the panic of an earlier holder.
#[derive(Debug)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(imp::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `timeout`; the caller checks its condition and the time again.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: std::time::Duration,
    ) -> MutexGuard<'a, T> {
        let (guard, _) = self
            .0
            .wait_timeout(guard, timeout)
            .unwrap_or_else(PoisonError::into_inner);
        guard
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
