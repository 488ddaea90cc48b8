//! The asynchronous form of an append.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mainstem_env::TimestampMs;

use super::batch::{Batch, Source};
use super::budget::Waiter;
use super::committer::Ticket;
use crate::config::AppendOptions;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::seq::SeqNo;
use crate::shard::ShardState;

/// Where the records of an append ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Their sequence numbers, in the order of the batch.
    pub seqs: Range<SeqNo>,
    /// Their arrival time: never before that of an earlier append.
    pub time: TimestampMs,
}

impl Appended {
    pub(crate) fn new(ticket: &Ticket) -> Self {
        let end = ticket.first.plus(u64::from(ticket.records));
        Self {
            seqs: ticket.first..end,
            time: TimestampMs(ticket.time_ms),
        }
    }
}

/// An append that is under way; becomes ready when the batch is durable or refused.
///
/// # Cancel safety
/// Dropping it before it was first polled, or while it waits for room in the queue, appends nothing.
/// Dropped later, the batch is appended all the same, and nobody is told.
#[must_use = "nothing is appended before it is polled"]
#[derive(Debug)]
pub struct Append {
    shard: Arc<ShardState>,
    batch: Batch,
    options: AppendOptions,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Waiting for room in the budget of this index.
    Admit(usize, Option<Arc<Waiter>>),
    /// Waiting for the group's fate, at this place in its list.
    Commit(Ticket, Option<usize>),
    Done,
}

impl Append {
    pub(crate) fn new(shard: Arc<ShardState>, batch: Batch, options: AppendOptions) -> Self {
        Self {
            shard,
            batch,
            options,
            step: Step::Admit(0, None),
        }
    }
}

impl Future for Append {
    type Output = Result<Appended, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let result = loop {
            match &mut this.step {
                Step::Admit(index, place) => {
                    if *index == 0
                        && place.is_none()
                        && let Err(error) = this.shard.check(Source::Batch(&this.batch))
                    {
                        break Err(error);
                    }
                    let bytes = Source::Batch(&this.batch).byte_len();
                    let committer = &this.shard.committer;
                    if let Some(budget) = committer.budgets.get(*index) {
                        if budget.poll_acquire(bytes, place, context).is_pending() {
                            return Poll::Pending;
                        }
                        this.step = Step::Admit(index.saturating_add(1), None);
                        continue;
                    }
                    // Admitted: from here on the committer answers for the bytes.
                    this.step = Step::Done;
                    let now = this.shard.now_ms();
                    let source = Source::Batch(&this.batch);
                    match committer.submit(source, now, this.options.expected) {
                        Ok(ticket) => {
                            this.batch = Batch::new();
                            this.step = Step::Commit(ticket, None);
                        }
                        Err(error) => break Err(error),
                    }
                }
                Step::Commit(ticket, slot) => match ticket.round.poll(slot, context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(result) => break result.map(|()| Appended::new(ticket)),
                },
                Step::Done => break Err(LogError::Closed),
            }
        };
        this.step = Step::Done;
        this.shard.count_append(&result);
        Poll::Ready(result)
    }
}

impl Drop for Append {
    fn drop(&mut self) {
        if is_planted(Defect::DroppedAppendKeepsBytes) {
            return;
        }
        match &mut self.step {
            Step::Admit(index, place) => {
                let bytes = Source::Batch(&self.batch).byte_len();
                let budgets = &self.shard.committer.budgets;
                if let (Some(waiter), Some(budget)) = (place.take(), budgets.get(*index)) {
                    budget.abandon(&waiter);
                }
                for budget in budgets.iter().take(*index) {
                    budget.release(bytes);
                }
            }
            Step::Commit(ticket, Some(slot)) => ticket.round.forget(*slot),
            Step::Commit(_, None) | Step::Done => {}
        }
    }
}
