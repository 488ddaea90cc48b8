//! Making records durable, by a thread or by a task.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use mainstem_log::{Append, AppendOptions, Appended, Batch, LogError};

use crate::core::Core;
use crate::error::QueueError;
use crate::format::bytes::Writer;
use crate::format::event::Event;
use crate::options::WhenFull;
use crate::reserve::{For, is_full};
use crate::waiters::Wanted;

/// Records that are ready to be appended, and what was set aside for them.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(crate) batch: Batch,
    /// Messages that the records are about, by consumer.
    pub(crate) claims: Vec<(u32, u64)>,
    /// Messages that the limits were asked about.
    pub(crate) reserved: u64,
    /// Whether less is stored afterwards.
    pub(crate) frees: bool,
    scratch: Writer,
}

impl Staged {
    /// Adds a record.
    pub(crate) fn push(&mut self, event: &Event<'_>) -> Result<(), LogError> {
        self.scratch.0.clear();
        event.write(&mut self.scratch);
        self.batch.push(&self.scratch.0)
    }

    /// Returns whether the space that is set aside may be used for it. All that is about messages which
    /// were delivered leads to less being stored.
    fn may_use_reserve(&self) -> bool {
        self.frees || !self.claims.is_empty()
    }
}

impl Core {
    /// Makes the records durable and applies them.
    pub(crate) fn commit(&self, staged: &Staged) -> Result<Appended, QueueError> {
        let append = || self.shard.append(&staged.batch, AppendOptions::default());
        let result = match self.refuses_for_space(staged) {
            Some(refusal) => Err(refusal),
            None => match append() {
                Err(error)
                    if is_full(&error)
                        && staged.may_use_reserve()
                        && self.reserve.give_up(For::Records) =>
                {
                    append()
                }
                result => result,
            },
        };
        self.settle(&staged.claims, staged.reserved, result)
    }

    /// As [`Core::commit`], without blocking the thread.
    pub(crate) fn commit_async(self: &Arc<Self>, mut staged: Staged) -> Committing {
        let batch = std::mem::take(&mut staged.batch);
        let mut under_way = UnderWay::default();
        match self.refuses_for_space(&staged) {
            None => {
                let append = self.shard.append_async(batch, AppendOptions::default());
                (under_way.append, under_way.staged) = (Some(append), staged);
            }
            Some(refusal) => {
                let refused = self.settle(&staged.claims, staged.reserved, Err(refusal));
                under_way.result = Some(refused);
            }
        }
        Committing {
            core: Arc::clone(self),
            shared: Arc::new(Mutex::new(under_way)),
            place: None,
        }
    }

    /// Returns why the records must not be appended, if the space they would take is for others.
    fn refuses_for_space(&self, staged: &Staged) -> Option<LogError> {
        let is_refused =
            self.reserve.is_tight() && !staged.may_use_reserve() && !self.reserve.restore();
        is_refused.then(|| self.reserve.refusal())
    }

    /// Notes what became of the records.
    pub(crate) fn settle(
        &self,
        claims: &[(u32, u64)],
        reserved: u64,
        result: Result<Appended, LogError>,
    ) -> Result<Appended, QueueError> {
        if result.as_ref().is_err_and(is_full) {
            self.reserve.note_full();
        }
        if claims.is_empty() && reserved == 0 {
            return Ok(result?);
        }
        let mut live = match (self.live(), &result) {
            (Err(error), Ok(_)) => return Err(error.after_commit()),
            (live, _) => live?,
        };
        live.reserved = live.reserved.saturating_sub(reserved);
        match result {
            Ok(appended) => {
                live.catch_up().map_err(QueueError::after_commit)?;
                let is_round_due = live.unlooked_bytes >= self.options.segment_bytes;
                if is_round_due {
                    live.unlooked_bytes = 0;
                }
                let due_ms = claims
                    .chunk_by(|a, b| a.0 == b.0)
                    .filter_map(|same| live.state.consumers.get(&same.first()?.0)?.next_timer_ms())
                    .min();
                drop(live);
                if is_round_due {
                    self.want_round();
                }
                // Before this the keeper would have found nothing that is due then.
                self.nudge_at(due_ms.unwrap_or(u64::MAX));
                self.waiters.wake(Wanted::Settled, usize::MAX);
                if reserved > 0 && self.options.when_full == WhenFull::DropOldest {
                    // These can be dropped from now on.
                    self.waiters.wake(Wanted::Room, usize::MAX);
                }
                Ok(appended)
            }
            Err(error) => {
                live.release(claims);
                drop(live);
                if is_full(&error) && !claims.is_empty() {
                    // For the next try, if this one was a task's.
                    self.reserve.give_up(For::Records);
                }
                if reserved > 0 {
                    self.waiters.wake(Wanted::Room, usize::MAX);
                }
                self.waiters.wake(Wanted::Settled, usize::MAX);
                for (consumer, _) in claims {
                    self.wake_for(*consumer, 1);
                }
                Err(error.into())
            }
        }
    }

    /// Takes what was begun by tasks that are gone to its end, as far as that goes without waiting;
    /// the keeper looks again when it can go on.
    pub(crate) fn finish_abandoned(self: &Arc<Self>) {
        let begun = std::mem::take(&mut *self.abandoned());
        let waker = Waker::from(Arc::new(Nudge(Arc::downgrade(self))));
        let mut context = Context::from_waker(&waker);
        for (mut append, staged) in begun {
            match Pin::new(&mut append).poll(&mut context) {
                Poll::Ready(result) => {
                    if let Err(error) = self.settle(&staged.claims, staged.reserved, result) {
                        tracing::debug!(%error, "a call that nobody waited for failed");
                    }
                    // It may have been a message or an acknowledgement that others waited for, or
                    // their room.
                    self.waiters.wake_consumers(1);
                    self.waiters.wake(Wanted::Room, 1);
                }
                Poll::Pending => self.abandoned().push((append, staged)),
            }
        }
    }
}

/// Has the keeper look.
struct Nudge(Weak<Core>);

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        if let Some(core) = self.0.upgrade() {
            core.nudge();
        }
    }
}

/// Records on their way to the disk, which a task waits for. Others drive them too: the task may not be
/// polled any more, while what it set aside is waited for.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    append: Option<Append>,
    staged: Staged,
    /// What became of them, until the task asks.
    result: Option<Result<Appended, QueueError>>,
    /// Wakes the task.
    waker: Option<Waker>,
}

type Shared = Arc<Mutex<UnderWay>>;

fn lock(shared: &Shared) -> MutexGuard<'_, UnderWay> {
    // Nothing in it is left half done by a panic.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All records on their way that something was set aside for.
#[derive(Debug, Default)]
pub(crate) struct AllUnderWay {
    next: u64,
    all: BTreeMap<u64, Shared>,
}

impl Core {
    /// Takes what tasks have begun further, as far as that goes without waiting.
    pub(crate) fn drive(&self) {
        let all: Vec<Shared> = self.under_way().all.values().cloned().collect();
        for shared in all {
            // Its task polls it at the moment.
            let Ok(mut it) = shared.try_lock() else {
                continue;
            };
            let Some((mut append, waker)) = it.append.take().zip(it.waker.clone()) else {
                continue;
            };
            // By its waker, so that the task is woken as if nobody else had asked.
            match Pin::new(&mut append).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => it.append = Some(append),
                Poll::Ready(result) => {
                    let staged = std::mem::take(&mut it.staged);
                    drop(it);
                    let result = self.settle(&staged.claims, staged.reserved, result);
                    let waker = {
                        let mut it = lock(&shared);
                        it.result = Some(result);
                        it.waker.take()
                    };
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            }
        }
    }
}

/// Records on their way to the disk.
///
/// # Cancel safety
/// Dropped, they are made durable all the same if that was begun, and the queue takes note.
#[derive(Debug)]
pub(crate) struct Committing {
    core: Arc<Core>,
    shared: Shared,
    /// Where it is among all that others may drive.
    place: Option<u64>,
}

impl Future for Committing {
    type Output = Result<Appended, QueueError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut it = lock(&this.shared);
        if let Some(result) = it.result.take() {
            return Poll::Ready(result);
        }
        let polled = it.append.as_mut().map(|it| Pin::new(it).poll(context));
        match polled {
            Some(Poll::Ready(result)) => {
                it.append = None;
                let staged = std::mem::take(&mut it.staged);
                drop(it);
                Poll::Ready(this.core.settle(&staged.claims, staged.reserved, result))
            }
            // Or somebody else is about to say what became of it.
            Some(Poll::Pending) | None => {
                it.waker = Some(context.waker().clone());
                let sets_aside = !it.staged.claims.is_empty() || it.staged.reserved > 0;
                drop(it);
                if sets_aside && this.place.is_none() {
                    let mut under_way = this.core.under_way();
                    let place = under_way.next;
                    under_way.next = place.wrapping_add(1);
                    under_way.all.insert(place, Arc::clone(&this.shared));
                    this.place = Some(place);
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.core.under_way().all.remove(&place);
        }
        let (append, staged) = {
            let mut it = lock(&self.shared);
            let append = it.append.take();
            let staged = append.is_some().then(|| std::mem::take(&mut it.staged));
            (append, staged.unwrap_or_default())
        };
        if let Some(append) = append {
            self.core.abandoned().push((append, staged));
            self.core.nudge();
        }
    }
}
