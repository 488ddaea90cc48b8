//! Threads that commit for asynchronous appends. They start on demand and sleep in the kernel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::shard::ShardState;
use crate::sync::{Condvar, Mutex};

/// A small pool of threads; each takes the next shard with a pending group and leads its commit.
#[derive(Debug)]
pub(crate) struct SyncPool {
    threads_max: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Shards whose lead is on offer. A shard is in it once at most, so the shards bound it.
    queue: VecDeque<Arc<ShardState>>,
    threads: usize,
    idle: usize,
    stopped: bool,
}

impl SyncPool {
    pub(crate) fn new(threads_max: usize) -> Self {
        Self {
            threads_max,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.state.lock().threads
    }

    /// Has a thread lead the commit of `shard`.
    pub(crate) fn submit(self: &Arc<Self>, shard: Arc<ShardState>) {
        let mut state = self.state.lock();
        state.queue.push_back(shard);
        if state.idle >= state.queue.len() {
            drop(state);
            self.work.notify_one();
            return;
        }
        if state.threads < self.threads_max {
            state.threads = state.threads.saturating_add(1);
            drop(state);
            let pool = Arc::clone(self);
            let started = std::thread::Builder::new()
                .name("mainstem-sync".to_owned())
                .spawn(move || pool.run());
            if let Err(error) = started {
                let alone = {
                    let mut state = self.state.lock();
                    state.threads = state.threads.saturating_sub(1);
                    state.threads == 0
                };
                tracing::warn!(%error, "no further thread for commits");
                if alone {
                    // Better to block this caller than to leave the group lying.
                    self.drain();
                }
            }
        }
    }

    fn drain(&self) {
        while let Some(shard) = { self.state.lock().queue.pop_front() } {
            shard.committer.lead();
        }
    }

    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(shard) = state.queue.pop_front() {
                drop(state);
                // A panic has poisoned the shard by the time it arrives here; the thread goes on.
                let led = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    shard.committer.lead();
                }));
                if led.is_err() {
                    tracing::error!(shard = %shard.name, "a commit panicked");
                }
                drop(shard);
                state = self.state.lock();
            } else if state.stopped {
                state.threads = state.threads.saturating_sub(1);
                return;
            } else {
                state.idle = state.idle.saturating_add(1);
                state = self.work.wait(state);
                state.idle = state.idle.saturating_sub(1);
            }
        }
    }

    /// Lets the threads end once the queue is empty.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.work.notify_all();
    }
}
