//! Step 3: group commit. Batches join the pending group; one caller leads it through the sink while
//! the next group forms. There is no timer: whatever arrives during a sync is the next group.
//!
//! The lead passes on like this. Whoever finds nobody committing leads, and commits exactly one
//! group. If more are pending then, the lead goes to a blocking caller in the first of them, or, if
//! all of its callers are asynchronous, to a thread of the pool. `committing` stays set while the
//! lead is on its way, and a guard takes it down if a leader panics.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::batch::Source;
use super::budget::Budget;
use super::group::{Group, Spare};
use super::round::{Round, Woken};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::seq::SeqNo;
use crate::sync::{Condvar, Mutex};

/// What makes a group durable. Called by one thread at a time.
pub(crate) trait CommitSink: Send {
    /// Writes and syncs the group, then lets readers see it.
    fn commit(&mut self, group: &mut Group) -> Result<(), CommitFailure>;
}

/// How a commit failed.
#[derive(Debug)]
pub(crate) enum CommitFailure {
    /// Nothing was written; the shard goes on.
    Refused(LogError),
    /// What is on disk is unknown; the shard is poisoned.
    Fatal(LogError),
}

/// Who is asked to lead when no caller can be.
pub(crate) trait Delegate: Send + Sync + fmt::Debug {
    /// Has another thread call [`Committer::lead`] soon.
    fn lead_soon(&self);

    /// Waits for company before a commit, if the shard's options ask for that.
    fn linger(&self) {}

    /// Learns that no append will be taken any more, and why.
    fn poisoned(&self, error: &LogError);
}

/// The place of an append in a group that is not yet durable.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) round: Arc<Round>,
    pub(crate) first: SeqNo,
    pub(crate) records: u32,
    pub(crate) time_ms: u64,
}

/// The group commit of one shard.
#[derive(Debug)]
pub(crate) struct Committer<S> {
    core: Mutex<Core>,
    /// Signalled when nobody commits and nothing is pending any more.
    idle: Condvar,
    sink: Mutex<S>,
    /// Bytes of this shard, and of all shards together.
    pub(crate) budgets: [Arc<Budget>; 2],
    delegate: Box<dyn Delegate>,
    group_bytes_max: u64,
    shard: String,
}

#[derive(Debug)]
struct Core {
    pending: VecDeque<Group>,
    spares: Vec<Spare>,
    /// What the next record will get if all that is pending succeeds.
    next: SeqNo,
    last_time_ms: u64,
    committing: bool,
    /// Threads that wait for [`Committer::idle`]: to wake nobody is a system call all the same.
    closing: u32,
    /// Why no append is taken any more.
    refused: Option<LogError>,
}

/// Groups whose memory is kept: one being committed and one being filled.
const SPARES_MAX: usize = 2;
/// Memory of a group larger than this is given back: 4 MiB, a few groups of the default size.
const SPARE_BYTES_MAX: usize = 4 << 20;

impl<S: CommitSink> Committer<S> {
    pub(crate) fn new(
        shard: String,
        sink: S,
        next: SeqNo,
        last_time_ms: u64,
        group_bytes_max: u64,
        budgets: [Arc<Budget>; 2],
        delegate: Box<dyn Delegate>,
    ) -> Self {
        Self {
            core: Mutex::new(Core {
                pending: VecDeque::new(),
                spares: Vec::new(),
                next,
                last_time_ms,
                committing: false,
                closing: 0,
                refused: None,
            }),
            idle: Condvar::new(),
            sink: Mutex::new(sink),
            budgets,
            delegate,
            group_bytes_max,
            shard,
        }
    }

    /// Appends an admitted batch and blocks until its fate is known.
    pub(crate) fn append(
        &self,
        source: Source<'_>,
        now_ms: u64,
        expected: Option<SeqNo>,
    ) -> Result<Ticket, LogError> {
        let (ticket, leads) = {
            let mut core = self.core.lock();
            let ticket = self.join(&mut core, source, now_ms, expected, 1)?;
            (ticket, !std::mem::replace(&mut core.committing, true))
        };
        let mut woken = if leads {
            Woken::Lead
        } else {
            ticket.round.wait()
        };
        loop {
            match woken {
                Woken::Done(result) => return result.map(|()| ticket),
                Woken::Lead => {
                    self.lead();
                    woken = ticket.round.wait();
                }
            }
        }
    }

    /// Adds an admitted batch to the pending group and sees to it that somebody commits it.
    pub(crate) fn submit(
        &self,
        source: Source<'_>,
        now_ms: u64,
        expected: Option<SeqNo>,
    ) -> Result<Ticket, LogError> {
        let (ticket, lead_needed) = {
            let mut core = self.core.lock();
            let ticket = self.join(&mut core, source, now_ms, expected, 0)?;
            (ticket, !std::mem::replace(&mut core.committing, true))
        };
        if lead_needed {
            self.delegate.lead_soon();
        }
        Ok(ticket)
    }

    /// Puts the batch into the last pending group, or a new one; gives its budget back if that
    /// fails.
    fn join(
        &self,
        core: &mut Core,
        source: Source<'_>,
        now_ms: u64,
        expected: Option<SeqNo>,
        blocking: u32,
    ) -> Result<Ticket, LogError> {
        let refusal = match (&core.refused, expected) {
            (Some(error), _) => Some(error.clone()),
            (None, Some(expected))
                if expected != core.next && !is_planted(Defect::ExpectedIgnored) =>
            {
                Some(LogError::UnexpectedPosition {
                    expected,
                    actual: core.next,
                })
            }
            (None, _) => None,
        };
        if let Some(error) = refusal {
            if !is_planted(Defect::RefusedAppendKeepsBytes) {
                self.give_back(source.byte_len());
            }
            return Err(error);
        }
        let bytes = source.byte_len();
        // Arrival times never go back within a shard, whatever the clock does.
        let time_ms = if is_planted(Defect::TimeGoesBack) {
            now_ms
        } else {
            core.last_time_ms.max(now_ms)
        };
        core.last_time_ms = time_ms;
        let first = core.next;
        core.next = first.plus(u64::from(source.records()));
        let fits = |group: &Group| group.byte_len().saturating_add(bytes) <= self.group_bytes_max;
        let mut group = match core.pending.pop_back() {
            Some(group) if fits(&group) => group,
            full => {
                core.pending.extend(full);
                Group::new(first, core.spares.pop().unwrap_or_default())
            }
        };
        group.push(source, time_ms);
        group.blocking = group.blocking.saturating_add(blocking);
        let round = Arc::clone(&group.round);
        core.pending.push_back(group);
        Ok(Ticket {
            round,
            first,
            records: source.records(),
            time_ms,
        })
    }

    /// Commits the first pending group. The caller has the lead and passes it on.
    pub(crate) fn lead(&self) {
        let mut guard = LeadGuard {
            committer: self,
            group: None,
        };
        self.delegate.linger();
        guard.group = self.core.lock().pending.pop_front();
        if is_planted(Defect::AckBeforeCommit)
            && let Some(group) = &guard.group
        {
            group.round.complete(Ok(()));
        }
        let failure = match &mut guard.group {
            Some(group) => self.sink.lock().commit(group).err(),
            None => None,
        };
        self.conclude(guard.disarm(), failure);
    }

    /// Begins to commit the first pending group, as `write` does it: if that returns a value, the group is
    /// written and no more. The caller has the lead.
    pub(crate) fn begin<T>(
        &self,
        write: impl FnOnce(&mut S, &mut Group) -> Result<Option<T>, CommitFailure>,
    ) -> Beginning<'_, S, T> {
        let mut guard = LeadGuard {
            committer: self,
            group: None,
        };
        guard.group = self.core.lock().pending.pop_front();
        let written = match &mut guard.group {
            Some(group) => write(&mut self.sink.lock(), group),
            None => Ok(None),
        };
        match written {
            Ok(Some(written)) => Beginning::Begun(Begun(guard), written),
            Ok(None) => {
                let group = guard.disarm();
                if let Some(group) = group {
                    self.core.lock().pending.push_front(group);
                }
                Beginning::Alone
            }
            Err(failure) => {
                self.conclude(guard.disarm(), Some(failure));
                Beginning::Over
            }
        }
    }

    /// Ends the commit of `group`, and passes on the lead.
    fn conclude(&self, group: Option<Group>, failure: Option<CommitFailure>) {
        match failure {
            None => {
                if is_planted(Defect::NextGroupReleased)
                    && let Some(next) = self.core.lock().pending.front()
                {
                    next.round.complete(Ok(()));
                }
                self.pass_on();
                if let Some(group) = group {
                    self.settle(group, &Ok(()));
                }
            }
            // What was accepted after the refused group must not overtake it: it is refused too.
            Some(CommitFailure::Refused(error)) => self.fail_all(group, &error, false),
            Some(CommitFailure::Fatal(error)) => self.fail_all(group, &error, true),
        }
    }

    /// Gives the lead to whoever should commit the next pending group, or puts it down.
    fn pass_on(&self) {
        let mut core = self.core.lock();
        let Some(front) = core.pending.front() else {
            self.put_down(&mut core);
            return;
        };
        if front.blocking > 0 {
            front.round.offer_lead();
        } else {
            drop(core);
            self.delegate.lead_soon();
        }
    }

    /// Puts the lead down.
    fn put_down(&self, core: &mut Core) {
        core.committing = false;
        if core.closing > 0 {
            self.idle.notify_all();
        }
    }

    /// Tells the callers of a group its fate, and frees what it used.
    fn settle(&self, group: Group, result: &Result<(), LogError>) {
        let admitted = group.admitted;
        group.round.complete(result.clone());
        self.give_back(admitted);
        let spare = group.into_spare();
        if spare.byte_len() <= SPARE_BYTES_MAX {
            let mut core = self.core.lock();
            if core.spares.len() < SPARES_MAX {
                core.spares.push(spare);
            }
        }
    }

    /// Fails `group` and all that is pending with `error`, puts the lead down, and, if `poison`, ends
    /// appending for good.
    fn fail_all(&self, group: Option<Group>, error: &LogError, poison: bool) {
        let poison = poison && !is_planted(Defect::PoisonForgotten);
        let pending = {
            let mut core = self.core.lock();
            // A shard that is poisoned while it closes must not pass for one that closed well.
            let known = matches!(
                core.refused,
                Some(LogError::Poisoned(_) | LogError::ReadOnly { .. })
            );
            if poison && !known {
                core.refused = Some(poisoned_by(error));
            }
            if let Some(first) = group
                .as_ref()
                .or(core.pending.front())
                .map(|group| group.first)
                .filter(|_| !is_planted(Defect::NumbersNotTakenBack))
            {
                core.next = first;
            }
            self.put_down(&mut core);
            std::mem::take(&mut core.pending)
        };
        // Only the group that was being written may be on disk.
        let after = match (poison, error) {
            (true, error) => poisoned_by(error),
            (false, error) => error.clone(),
        };
        if let Some(group) = group {
            self.settle(group, &Err(error.clone()));
        }
        for group in pending {
            self.settle(group, &Err(after.clone()));
        }
        // Last: what is told here is not ours, and nobody may have to wait for it.
        if poison {
            self.delegate.poisoned(error);
        }
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        for budget in &self.budgets {
            budget.release(bytes);
        }
    }

    /// Runs `work` on the sink if nobody commits at the moment; `None` if somebody does, or if no
    /// append is taken any more. A fatal failure poisons.
    pub(crate) fn try_exclusive<T>(
        &self,
        work: impl FnOnce(&mut S) -> Result<T, CommitFailure>,
    ) -> Option<Result<T, LogError>> {
        {
            let mut core = self.core.lock();
            // After a close, what was written down about the shard must stay true.
            if core.committing || core.refused.is_some() {
                return None;
            }
            core.committing = true;
        }
        let guard = LeadGuard {
            committer: self,
            group: None,
        };
        let result = work(&mut self.sink.lock());
        guard.disarm();
        Some(match result {
            Ok(value) => {
                self.pass_on();
                Ok(value)
            }
            Err(CommitFailure::Refused(error)) => {
                self.pass_on();
                Err(error)
            }
            Err(CommitFailure::Fatal(error)) => {
                self.fail_all(None, &error, true);
                Err(error)
            }
        })
    }

    /// Takes no more appends, waits until all that were taken are settled, and runs `work` on the
    /// sink. Later appends get `error`.
    pub(crate) fn close<T>(&self, error: LogError, work: impl FnOnce(&mut S) -> T) -> T {
        let mut core = self.core.lock();
        if core.refused.is_none() {
            core.refused = Some(error);
        }
        while core.committing || !core.pending.is_empty() {
            core.closing = core.closing.saturating_add(1);
            core = self.idle.wait(core);
            core.closing = core.closing.saturating_sub(1);
        }
        drop(core);
        work(&mut self.sink.lock())
    }

    /// Returns why no append is taken, if that is so.
    pub(crate) fn refusal(&self) -> Option<LogError> {
        self.core.lock().refused.clone()
    }

    /// Gives back the memory kept for later groups.
    pub(crate) fn shrink(&self) {
        self.core.lock().spares = Vec::new();
    }
}

/// Returns what later appends are told after `error`.
fn poisoned_by(error: &LogError) -> LogError {
    match error {
        LogError::Poisoned(_) => error.clone(),
        error => LogError::Poisoned(Arc::new(error.clone())),
    }
}

/// What became of the beginning of a commit.
#[derive(Debug)]
pub(crate) enum Beginning<'a, S: CommitSink, T> {
    /// The group is written.
    Begun(Begun<'a, S>, T),
    /// It has to be led by itself. The lead is still the caller's.
    Alone,
    /// It failed, and the lead was passed on.
    Over,
}

/// The lead of a shard whose group is written.
#[derive(Debug)]
pub(crate) struct Begun<'a, S: CommitSink>(LeadGuard<'a, S>);

impl<S: CommitSink> Begun<'_, S> {
    /// Ends the commit as `finish` does it.
    pub(crate) fn finish(
        self,
        finish: impl FnOnce(&mut S, &mut Group) -> Result<(), CommitFailure>,
    ) {
        let mut guard = self.0;
        let committer = guard.committer;
        let failure = match &mut guard.group {
            Some(group) => finish(&mut committer.sink.lock(), group).err(),
            None => None,
        };
        committer.conclude(guard.disarm(), failure);
    }
}

/// Poisons the shard if its leader does not get to the end.
#[derive(Debug)]
struct LeadGuard<'a, S: CommitSink> {
    committer: &'a Committer<S>,
    group: Option<Group>,
}

impl<S: CommitSink> LeadGuard<'_, S> {
    /// Ends the guard's watch and returns the group.
    fn disarm(mut self) -> Option<Group> {
        let group = self.group.take();
        std::mem::forget(self);
        group
    }
}

impl<S: CommitSink> Drop for LeadGuard<'_, S> {
    fn drop(&mut self) {
        if is_planted(Defect::LeadLostInPanic) {
            return;
        }
        let error = LogError::CommitterPanicked {
            shard: self.committer.shard.clone(),
        };
        self.committer.fail_all(self.group.take(), &error, true);
    }
}
