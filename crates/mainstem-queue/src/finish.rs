//! Step 3 of a message: its consumer is done with it, or is not.

use std::sync::Arc;
use std::time::Duration;

use crate::commit::Staged;
use crate::core::{Core, to_ms};
use crate::defect::{Defect, is_planted};
use crate::error::QueueError;
use crate::format::event::Event;
use crate::format::runs::Runs;
use crate::receipt::Receipt;
use crate::state::entry::Status;
use crate::waiters::Wanted;

/// What a consumer says about messages that it got.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict<'a> {
    /// It is done with them.
    Ack,
    /// It wants them again, after a delay.
    Nack(Duration),
    /// It needs more time, from now on.
    Extend(Duration),
    /// Nobody should get them again, for a reason.
    Reject(&'a str),
}

/// How often an answer looks whether what is under way is done, should nobody tell it: the task that
/// began it may not be polled.
const SETTLED_LOOK: Duration = Duration::from_millis(10);
/// What is kept of a reason, in bytes.
const REASON_BYTES_MAX: usize = 1024;

impl Core {
    /// Wakes those who wait for what was freed by an answer for `receipts`.
    pub(crate) fn answered(&self, receipts: &[Receipt]) {
        for same in receipts.chunk_by(|a, b| a.consumer == b.consumer) {
            if let Some(first) = same.first() {
                self.tell_freed(first.consumer, same.len());
            }
        }
    }

    /// Wakes those who wait for `messages` of a consumer, or for their room.
    pub(crate) fn tell_freed(&self, consumer: u32, messages: usize) {
        self.wake_for(consumer, messages);
        if self.is_limited() {
            self.waiters.wake(Wanted::Room, messages);
        }
    }

    /// Stages what is said about the messages of `receipts`, and returns those that are stale.
    ///
    /// If something else is under way about one of them, such as an extension, what comes of that is
    /// waited for: it decides whether the receipt is good.
    pub(crate) fn claim(
        self: &Arc<Self>,
        receipts: &[Receipt],
        verdict: Verdict<'_>,
        staged: &mut Staged,
    ) -> Result<Vec<Receipt>, QueueError> {
        if let Some(stale) = self.stage_verdict(receipts, verdict, staged)? {
            return Ok(stale);
        }
        let waiting = self.waiters.place(Wanted::Settled);
        loop {
            waiting.arm();
            self.finish_abandoned();
            self.drive();
            if let Some(stale) = self.stage_verdict(receipts, verdict, staged)? {
                return Ok(stale);
            }
            waiting.sleep(SETTLED_LOOK);
        }
    }

    /// As [`Core::claim`], without blocking the thread.
    pub(crate) async fn claim_async(
        self: &Arc<Self>,
        receipts: &[Receipt],
        verdict: Verdict<'_>,
        staged: &mut Staged,
    ) -> Result<Vec<Receipt>, QueueError> {
        if let Some(stale) = self.stage_verdict(receipts, verdict, staged)? {
            return Ok(stale);
        }
        let waiting = self.waiters.place(Wanted::Settled);
        loop {
            waiting.arm();
            self.drive();
            if let Some(stale) = self.stage_verdict(receipts, verdict, staged)? {
                return Ok(stale);
            }
            let look_ms = self.now_ms().saturating_add(to_ms(SETTLED_LOOK));
            waiting.set_deadline(look_ms);
            self.nudge_at(look_ms);
            waiting.woken(Some(look_ms)).await;
        }
    }

    /// Stages what is said about the messages of `receipts`, and returns those that are stale; `None`,
    /// with nothing staged, if something else is under way about one of them.
    fn stage_verdict(
        &self,
        receipts: &[Receipt],
        verdict: Verdict<'_>,
        staged: &mut Staged,
    ) -> Result<Option<Vec<Receipt>>, QueueError> {
        self.check_open()?;
        let now_ms = self.now_ms();
        let mut live = self.live()?;
        live.catch_up()?;
        let mut stale = Vec::new();
        let mut good: Vec<Receipt> = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            let Some(it) = live.state.consumers.get_mut(&receipt.consumer) else {
                stale.push(*receipt);
                continue;
            };
            // What another message of its key is out for cannot be out as well.
            let keeps = matches!(verdict, Verdict::Extend(_));
            if keeps && it.is_overtaken(receipt.id) {
                stale.push(*receipt);
            } else if it.claim_delivered(receipt.id, receipt.nonce) {
                good.push(*receipt);
            } else if it.is_under_way(receipt.id, receipt.nonce) && !good.contains(receipt) {
                let claims: Vec<(u32, u64)> = good.iter().map(|it| (it.consumer, it.id)).collect();
                live.release(&claims);
                return Ok(None);
            } else {
                stale.push(*receipt);
            }
        }
        let claims: Vec<(u32, u64)> = good.iter().map(|it| (it.consumer, it.id)).collect();
        good.sort_by_key(|receipt| receipt.consumer);
        for same in good.chunk_by(|a, b| a.consumer == b.consumer) {
            let Some(consumer) = same.first().map(|it| it.consumer) else {
                continue;
            };
            // So that there are no more of them than fit into a record.
            for same in same.chunks(self.named_max()) {
                let ids: Runs = same.iter().map(|it| it.id).collect();
                let pushed = self.push_verdict(consumer, ids, verdict, now_ms, staged);
                if let Err(error) = pushed {
                    live.release(&claims);
                    return Err(error);
                }
            }
        }
        staged.claims.extend(claims);
        Ok(Some(stale))
    }

    fn push_verdict(
        &self,
        consumer: u32,
        ids: Runs,
        verdict: Verdict<'_>,
        now_ms: u64,
        staged: &mut Staged,
    ) -> Result<(), QueueError> {
        let later_ms = |by: Duration| {
            let due_ms = now_ms.saturating_add(to_ms(by));
            self.nudge_at(due_ms);
            due_ms
        };
        match verdict {
            Verdict::Ack => staged.push(&Event::Acked { consumer, ids })?,
            Verdict::Nack(delay) => staged.push(&Event::Returned {
                consumer,
                due_ms: later_ms(delay),
                ids,
            })?,
            Verdict::Extend(by) => staged.push(&Event::Extended {
                consumer,
                until_ms: later_ms(by),
                ids,
            })?,
            Verdict::Reject(reason) => {
                let mut reason = shorten(reason, REASON_BYTES_MAX);
                if is_planted(Defect::ReasonLost) {
                    reason = "";
                }
                for id in ids.ids() {
                    staged.push(&Event::Died {
                        consumer,
                        id,
                        at_ms: now_ms,
                        reason,
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Stages that dead messages of a consumer are delivered again, or are gone for good: those named,
    /// or all, as many of them as one record can name. Returns how many.
    pub(crate) fn stage_dead(
        &self,
        consumer: u32,
        named: Option<&[u64]>,
        is_redriven: bool,
        staged: &mut Staged,
    ) -> Result<usize, QueueError> {
        self.check_open()?;
        let mut live = self.live()?;
        live.catch_up()?;
        let it = live.consumer(consumer)?;
        let is_free = |id: &u64| {
            let entry = it.entries.get(id);
            entry.is_some_and(|it| !it.busy && matches!(it.status, Status::Dead { .. }))
        };
        let ids: Vec<u64> = match named {
            Some(ids) => ids
                .iter()
                .copied()
                .filter(is_free)
                .take(self.named_max())
                .collect(),
            None => {
                let free = it.dead().iter().copied().filter(is_free);
                free.take(self.named_max()).collect()
            }
        };
        if ids.is_empty() {
            return Ok(0);
        }
        let runs: Runs = ids.iter().copied().collect();
        let event = if is_redriven {
            Event::Redriven {
                consumer,
                ids: runs,
            }
        } else {
            Event::Acked {
                consumer,
                ids: runs,
            }
        };
        staged.push(&event)?;
        for id in &ids {
            it.claim(*id);
            staged.claims.push((consumer, *id));
        }
        Ok(ids.len())
    }
}

/// Returns as much of `text` as has at most `bytes_max` bytes.
fn shorten(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}
