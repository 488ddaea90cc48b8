//! Models of the commit core, the budget and the durable mark, for loom: each function runs its
//! scenario under every interleaving of its threads, and panics at one that breaks a promise.
//!
//! Loom itself finds the threads that wait for ever. `tests/loom.rs` runs the models; this module is
//! only there under `--cfg mainstem_loom`.
#![expect(
    clippy::missing_panics_doc,
    reason = "to panic at a broken promise is what a model is for"
)]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::thread;

use crate::append::batch::Source;
use crate::append::budget::Budget;
use crate::append::committer::{CommitFailure, CommitSink, Committer, Delegate, Ticket};
use crate::append::group::Group;
use crate::error::{LogError, Outcome};
use crate::seq::SeqNo;
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::watermark::Watermark;

/// Stands for a file: remembers how far it was synced.
#[derive(Debug, Default)]
struct Medium {
    /// The sequence number after the last record that was synced.
    durable: AtomicU64,
    commits: AtomicU64,
}

/// Commits groups to a [`Medium`]; one of the commits may fail.
#[derive(Debug)]
struct ModelSink {
    medium: Arc<Medium>,
    fails: Option<(u64, Failure)>,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Refused,
    Fatal,
}

impl CommitSink for ModelSink {
    fn commit(&mut self, group: &mut Group) -> Result<(), CommitFailure> {
        let commits = self.medium.commits.fetch_add(1, Ordering::Relaxed);
        let durable = self.medium.durable.load(Ordering::Relaxed);
        assert_eq!(group.first, SeqNo(durable), "groups are committed in order");
        assert!(group.records() > 0, "no group is empty");
        if let Some((_, failure)) = self.fails.filter(|(at, _)| *at == commits) {
            let error = LogError::SyncFailed {
                path: "model".into(),
                source: Arc::new(std::io::ErrorKind::Other.into()),
            };
            return Err(match failure {
                Failure::Refused => CommitFailure::Refused(LogError::BatchEmpty),
                Failure::Fatal => CommitFailure::Fatal(error),
            });
        }
        let end = group.first.plus(group.records().into());
        // Relaxed: that callers see it is up to how they are told, which is what is tested.
        self.medium.durable.store(end.0, Ordering::Relaxed);
        Ok(())
    }
}

/// A pool of one thread, which the model runs itself.
#[derive(Debug)]
struct ModelPool {
    state: Mutex<PoolState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PoolState {
    asked: u32,
    is_stopped: bool,
}

impl ModelPool {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(PoolState::default()),
            changed: Condvar::new(),
        })
    }

    fn run(&self, committer: &Committer<ModelSink>) {
        loop {
            let mut state = self.state.lock();
            while state.asked == 0 && !state.is_stopped {
                state = self.changed.wait(state);
            }
            if state.asked == 0 {
                return;
            }
            state.asked = state.asked.saturating_sub(1);
            drop(state);
            committer.lead();
        }
    }

    fn stop(&self) {
        self.state.lock().is_stopped = true;
        self.changed.notify_all();
    }
}

/// The committer's connection to the pool.
#[derive(Debug)]
struct ModelDelegate(Arc<ModelPool>);

impl Delegate for ModelDelegate {
    fn lead_soon(&self) {
        let mut state = self.0.state.lock();
        state.asked = state.asked.saturating_add(1);
        self.0.changed.notify_all();
    }

    fn poisoned(&self, error: &LogError) {
        assert!(matches!(error, LogError::SyncFailed { .. }), "{error:?}");
    }
}

/// A committer, what it commits to, and its pool.
struct Core {
    committer: Arc<Committer<ModelSink>>,
    medium: Arc<Medium>,
    pool: Arc<ModelPool>,
}

impl Core {
    fn new(group_bytes_max: u64, fails: Option<(u64, Failure)>) -> Self {
        let (medium, pool) = (Arc::<Medium>::default(), ModelPool::new());
        let sink = ModelSink {
            medium: Arc::clone(&medium),
            fails,
        };
        let budgets = [1, 2].map(|_| Arc::new(Budget::new(u64::MAX / 2)));
        let committer = Committer::new(
            "model".to_owned(),
            sink,
            SeqNo(0),
            0,
            group_bytes_max,
            budgets,
            Box::new(ModelDelegate(Arc::clone(&pool))),
        );
        Self {
            committer: Arc::new(committer),
            medium,
            pool,
        }
    }

    /// Checks what became of an append.
    fn judge(&self, result: &Result<Ticket, LogError>) {
        let durable = self.medium.durable.load(Ordering::Relaxed);
        match result {
            Ok(ticket) => {
                let end = ticket.first.plus(ticket.records.into());
                assert!(durable >= end.0, "acknowledged, but not durable");
            }
            Err(error) => assert!(
                error.outcome() == Outcome::NotApplied
                    || matches!(error, LogError::SyncFailed { .. }),
                "{error:?}"
            ),
        }
    }

    fn append(&self) -> Result<Ticket, LogError> {
        let source = Source::One(b"", 0);
        self.admit(source);
        let result = self.committer.append(source, 0, None);
        self.judge(&result);
        result
    }

    fn append_async(&self) -> Result<Ticket, LogError> {
        let source = Source::One(b"", 0);
        self.admit(source);
        let ticket = self.committer.submit(source, 0, None)?;
        let mut slot = None;
        let result = block_on(|context| ticket.round.poll(&mut slot, context));
        let result = result.map(|()| ticket);
        self.judge(&result);
        result
    }

    fn admit(&self, source: Source<'_>) {
        for budget in &self.committer.budgets {
            budget.acquire(source.byte_len());
        }
    }

    fn durable(&self) -> u64 {
        self.medium.durable.load(Ordering::Relaxed)
    }

    /// Checks that nothing is left behind when all callers are done: a lead that nobody has, or a
    /// group that nobody commits, would hold up the close for ever.
    fn assert_settled(&self) {
        self.committer.close(LogError::Closed, |_| ());
        for budget in &self.committer.budgets {
            assert_eq!(budget.used(), 0, "all that was admitted is given back");
        }
    }
}

/// Wakes a thread of the model.
#[derive(Debug)]
struct Parker {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock() = true;
        self.woken.notify_one();
    }
}

/// Polls until ready, waiting to be woken in between.
fn block_on<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let parker = Arc::new(Parker {
        is_woken: Mutex::new(false),
        woken: Condvar::new(),
    });
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(poll_fn(poll));
    loop {
        if let Poll::Ready(value) = std::future::Future::poll(future.as_mut(), &mut context) {
            return value;
        }
        let mut is_woken = parker.is_woken.lock();
        while !*is_woken {
            is_woken = parker.woken.wait(is_woken);
        }
        *is_woken = false;
    }
}

/// Explores every interleaving in which at most `preemptions` threads are interrupted while they
/// could go on; most errors need no more than two.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Large enough for all records of a model to share a group.
const ROOMY: u64 = 1 << 20;
/// So small that each append gets a group of its own.
const TIGHT: u64 = 1;

/// Two blocking appends: both are durable when they return, whoever leads.
pub fn two_blocking_appends() {
    for group_bytes_max in [ROOMY, TIGHT] {
        explore(3, move || {
            let core = Arc::new(Core::new(group_bytes_max, None));
            let other = Arc::clone(&core);
            let thread = thread::spawn(move || other.append().is_ok());
            assert!(core.append().is_ok());
            assert!(thread.join().unwrap_or(false));
            assert_eq!(core.durable(), 2);
            core.assert_settled();
        });
    }
}

/// Three blocking appends: in groups of their own, the lead is handed from one to the next; in one
/// group, all who wait for it are woken.
pub fn the_lead_is_handed_over() {
    for group_bytes_max in [ROOMY, TIGHT] {
        explore(2, move || {
            let core = Arc::new(Core::new(group_bytes_max, None));
            let threads = [1, 2].map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || core.append().is_ok())
            });
            assert!(core.append().is_ok());
            for thread in threads {
                assert!(thread.join().unwrap_or(false));
            }
            assert_eq!(core.durable(), 3);
            core.assert_settled();
        });
    }
}

/// A blocking and an asynchronous append, with a pool to lead for the latter.
pub fn a_blocking_and_an_asynchronous_append() {
    for group_bytes_max in [ROOMY, TIGHT] {
        explore(2, move || {
            let core = Arc::new(Core::new(group_bytes_max, None));
            let of_pool = Arc::clone(&core);
            let pool = thread::spawn(move || of_pool.pool.run(&of_pool.committer));
            let other = Arc::clone(&core);
            let thread = thread::spawn(move || other.append().is_ok());
            assert!(core.append_async().is_ok());
            assert!(thread.join().unwrap_or(false));
            assert_eq!(core.durable(), 2);
            core.pool.stop();
            assert!(pool.join().is_ok());
            core.assert_settled();
        });
    }
}

/// A commit fails for good: everyone is told, and no later append is taken.
pub fn a_failed_commit_wakes_everyone() {
    for failing in [0, 1] {
        explore(2, move || {
            let core = Arc::new(Core::new(TIGHT, Some((failing, Failure::Fatal))));
            let threads = [1, 2].map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || core.append().is_ok())
            });
            let mut acked = u64::from(core.append().is_ok());
            for thread in threads {
                acked = acked.saturating_add(u64::from(thread.join().unwrap_or(false)));
            }
            assert_eq!(acked, failing, "those before the failure, and no others");
            assert_eq!(core.durable(), failing);
            let refused = core.append();
            assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
            core.assert_settled();
        });
    }
}

/// A commit is refused: what was pending is refused with it, and later appends go on without a gap.
pub fn a_refused_commit_leaves_no_gap() {
    explore(2, || {
        let core = Arc::new(Core::new(TIGHT, Some((0, Failure::Refused))));
        let other = Arc::clone(&core);
        let thread = thread::spawn(move || other.append().is_ok());
        let mut acked = u64::from(core.append().is_ok());
        acked = acked.saturating_add(u64::from(thread.join().unwrap_or(false)));
        assert!(acked < 2, "one of them was refused at least");
        assert_eq!(core.durable(), acked);
        let next = core.append().map(|ticket| ticket.first);
        assert_eq!(next.ok(), Some(SeqNo(acked)));
        core.assert_settled();
    });
}

/// Closing waits for what was taken, and takes no more.
pub fn closing_settles_what_was_taken() {
    explore(3, || {
        let core = Arc::new(Core::new(TIGHT, None));
        let threads = [1, 2].map(|_| {
            let core = Arc::clone(&core);
            thread::spawn(move || core.append().is_ok())
        });
        core.committer.close(LogError::Closed, |_| ());
        let durable = core.durable();
        let mut acked = 0_u64;
        for thread in threads {
            acked = acked.saturating_add(u64::from(thread.join().unwrap_or(false)));
        }
        assert_eq!(acked, durable, "nothing was made durable after the close");
        assert_eq!(core.durable(), durable);
    });
}

/// Somebody who waits for the durable mark is woken when it moves, however the two meet.
pub fn no_wake_up_of_a_follower_is_lost() {
    explore(4, || {
        let watermark = Arc::new(Watermark::new(SeqNo(0)));
        let blocking = Arc::clone(&watermark);
        let blocking = thread::spawn(move || {
            let long = || Some(Duration::from_secs(1));
            blocking.wait_beyond_until(SeqNo(1), long)
        });
        let polling = Arc::clone(&watermark);
        let polling = thread::spawn(move || {
            let mut waiter = None;
            block_on(|context| polling.poll_beyond(SeqNo(0), &mut waiter, context))
        });
        watermark.publish(SeqNo(1));
        watermark.publish(SeqNo(2));
        let seen = blocking.join();
        assert!(matches!(seen, Ok(Ok(Some(SeqNo(2))))), "{seen:?}");
        let seen = polling.join();
        assert!(matches!(seen, Ok(Ok(SeqNo(1 | 2)))), "{seen:?}");
    });
}

/// Somebody who waits for the durable mark is told that it will not move any more.
pub fn a_follower_is_told_of_the_end() {
    explore(4, || {
        let watermark = Arc::new(Watermark::new(SeqNo(0)));
        let blocking = Arc::clone(&watermark);
        let blocking = thread::spawn(move || {
            let long = || Some(Duration::from_secs(1));
            blocking.wait_beyond_until(SeqNo(1), long)
        });
        watermark.publish(SeqNo(1));
        watermark.end(LogError::Closed);
        let told = blocking.join();
        assert!(matches!(told, Ok(Err(LogError::Closed))), "{told:?}");
    });
}

/// Those who wait for room get it, one who gives up takes none with him, and all comes back.
pub fn room_that_is_given_back_is_found() {
    explore(3, || {
        let budget = Arc::new(Budget::new(1));
        budget.acquire(1);
        let waiting = Arc::clone(&budget);
        let waiting = thread::spawn(move || {
            waiting.acquire(1);
            waiting.release(1);
        });
        let leaving = Arc::clone(&budget);
        let leaving = thread::spawn(move || {
            let mut place = None;
            let mut context = Context::from_waker(Waker::noop());
            match leaving.poll_acquire(1, &mut place, &mut context) {
                Poll::Ready(()) => leaving.release(1),
                Poll::Pending => {
                    if let Some(waiter) = place {
                        leaving.abandon(&waiter);
                    }
                }
            }
        });
        budget.release(1);
        assert!(waiting.join().is_ok());
        assert!(leaving.join().is_ok());
        assert_eq!(budget.used(), 0);
        assert!(
            budget.try_acquire(1).is_ok(),
            "nobody is in the queue any more"
        );
    });
}

/// Two who need all the room there is take turns.
pub fn a_full_budget_is_shared() {
    explore(3, || {
        let budget = Arc::new(Budget::new(2));
        let inside = Arc::new(AtomicU64::new(0));
        let turn = |budget: &Budget, inside: &AtomicU64| {
            budget.acquire(2);
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "room for one");
            inside.fetch_sub(1, Ordering::SeqCst);
            budget.release(2);
        };
        let threads = [1, 2].map(|_| {
            let (budget, inside) = (Arc::clone(&budget), Arc::clone(&inside));
            thread::spawn(move || turn(&budget, &inside))
        });
        turn(&budget, &inside);
        for thread in threads {
            assert!(thread.join().is_ok());
        }
        assert_eq!(budget.used(), 0);
    });
}
