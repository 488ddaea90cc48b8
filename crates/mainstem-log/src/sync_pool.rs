//! Threads that commit for asynchronous appends, and write zeros ahead of busy segments. They start
//! on demand and sleep in the kernel.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::journal::joint;
use crate::segment::prewrite::Filling;
use crate::shard::ShardState;
use crate::sync::{Condvar, Mutex};

/// What a thread of the pool is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Lead the commit of a shard's pending group, by itself or together with others. There is at most one for
    /// each shard.
    Lead(Arc<ShardState>),
    /// Lead the commit of a shard's pending group by itself.
    LeadAlone(Arc<ShardState>),
    /// Fill a range with zeros. There is at most one for each shard.
    Prewrite(Filling),
}

impl Job {
    fn run(self) {
        match self {
            Self::Lead(shard) | Self::LeadAlone(shard) => shard.committer.lead(),
            Self::Prewrite(filling) => filling.fill(),
        }
    }
}

/// The most leads that a thread takes together.
const LEADS_MAX: usize = 128;

/// A small pool of threads; each takes the next job, or many.
#[derive(Debug)]
pub(crate) struct SyncPool {
    threads_max: usize,
    /// From how many leads on one thread takes them together; 0 means never.
    together_min: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The shards bound it: each has two jobs in it at most.
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    stopped: bool,
    /// A caller does the jobs itself, as no thread could be started.
    draining: bool,
}

impl SyncPool {
    pub(crate) fn new(threads_max: usize, together_min: usize) -> Self {
        Self {
            threads_max,
            together_min,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.state.lock().threads
    }

    /// Has a thread do `job`.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state.lock();
        let joins = matches!(job, Job::Lead(_)) && self.together_min > 0;
        state.queue.push_back(job);
        // Whoever comes for those before it takes it, too.
        if joins && state.queue.len() > self.together_min {
            return;
        }
        if state.idle >= state.queue.len() {
            drop(state);
            self.work.notify_one();
            return;
        }
        // One who does jobs itself finds this one in the queue, and does not begin anew for it.
        if state.threads < self.threads_max && !state.draining {
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
                    state.draining |= state.threads == 0;
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
        loop {
            let job = {
                let mut state = self.state.lock();
                let job = state.queue.pop_front();
                state.draining = job.is_some();
                job
            };
            let Some(job) = job else { return };
            guarded(|| job.run());
        }
    }

    /// Takes the leads at the head of the queue, which `job` was taken from, if there are enough to take them
    /// together; the first of them is `job`.
    fn leads(&self, job: &Job, state: &mut State) -> Vec<Arc<ShardState>> {
        let mut leads = Vec::new();
        let Job::Lead(first) = job else { return leads };
        let rest = state.queue.iter().take(LEADS_MAX.saturating_sub(1));
        let rest = rest.take_while(|job| matches!(job, Job::Lead(_))).count();
        if self.together_min == 0 || rest.saturating_add(1) < self.together_min {
            return leads;
        }
        leads.push(Arc::clone(first));
        leads.extend(state.queue.drain(..rest).filter_map(|job| match job {
            Job::Lead(shard) => Some(shard),
            Job::LeadAlone(_) | Job::Prewrite(_) => None,
        }));
        leads
    }

    fn run(self: &Arc<Self>) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                let leads = self.leads(&job, &mut state);
                // Others may have been left to this thread alone.
                if !leads.is_empty() && !state.queue.is_empty() && state.idle > 0 {
                    self.work.notify_one();
                }
                drop(state);
                guarded(|| match &*leads {
                    [] => job.run(),
                    leads => joint::lead(leads, |shard| {
                        self.submit(Job::LeadAlone(Arc::clone(shard)));
                    }),
                });
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

/// Does `work`. A panic in a commit has poisoned the shard by the time it arrives here, and one in filling
/// with zeros has given the filling up; whoever works goes on.
fn guarded(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        tracing::error!("a commit, or filling with zeros ahead of one, panicked");
    }
}
