//! A consumer and its deliveries, as users see them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mainstem_log::Record;

use crate::commit::Staged;
use crate::core::to_ms;
use crate::defect::{Defect, is_planted};
use crate::error::QueueError;
use crate::finish::Verdict;
use crate::format::event::{Event, MessageRecord};
use crate::message::MessageId;
use crate::options::{ConsumerOptions, check_visibility};
use crate::queue::Inner;
use crate::receipt::Receipt;
use crate::receive::Picked;
use crate::state::apply::Reader;
use crate::state::entry::Status;
use crate::waiters::Wanted;

/// The most messages that one receive returns.
pub const RECEIVE_MESSAGES_MAX: usize = 10_000;

/// Gets the messages of a topic, each until it is acknowledged. Clones are handles to the same
/// consumer and may be used from any thread.
#[derive(Clone, Debug)]
pub struct Consumer {
    inner: Arc<Inner>,
    id: u32,
    options: ConsumerOptions,
}

/// A message that was delivered. It comes back after the visibility timeout unless it is
/// acknowledged, given back or extended by then; dropping this does nothing of that.
#[derive(Clone)]
pub struct Delivery {
    consumer: Consumer,
    id: MessageId,
    nonce: u64,
    pushed_ms: u64,
    attempts: u32,
    record: Record,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("attempts", &self.attempts)
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}

/// A message that is not delivered any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadMessage {
    /// Which message it is.
    pub id: MessageId,
    /// When it was pushed, in ms since the Unix epoch.
    pub pushed_ms: u64,
    /// When it was given up, in ms since the Unix epoch.
    pub died_ms: u64,
    /// Why.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// What the producer gave.
    pub payload: Vec<u8>,
}

impl Consumer {
    pub(crate) fn new(inner: Arc<Inner>, id: u32, options: ConsumerOptions) -> Self {
        Self { inner, id, options }
    }

    /// Returns the next message, waiting for one at most for `wait`. As [`Consumer::receive_batch`].
    ///
    /// # Errors
    /// As [`Consumer::receive_batch`].
    pub fn receive(&self, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        Ok(self.receive_batch(1, wait)?.pop())
    }

    /// Returns up to `most` messages: as many as there are, or, if there is none, what comes first
    /// within `wait`. Nobody else gets them from this consumer before their visibility timeout is
    /// over.
    ///
    /// # Durability
    /// That they were delivered is written down before they are: however a process ends, its
    /// deliveries are counted.
    ///
    /// # Errors
    /// [`QueueError::Invalid`] for 0 or more than 10,000 messages; [`QueueError::NoSuchConsumer`] if
    /// the consumer was removed; [`QueueError::Log`] if the log cannot be read or written.
    pub fn receive_batch(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, QueueError> {
        let core = &self.inner.core;
        if let Some(deliveries) = self.try_receive(most)? {
            return Ok(deliveries);
        }
        let end_ms = core.now_ms().saturating_add(to_ms(wait));
        let waiting = core.waiters.place(Wanted::Message(self.id));
        loop {
            waiting.arm();
            if let Some(deliveries) = self.try_receive(most)? {
                return Ok(deliveries);
            }
            let now_ms = core.now_ms();
            if now_ms >= end_ms {
                return Ok(Vec::new());
            }
            let due_ms = core.next_timer_ms(self.id).unwrap_or(u64::MAX).min(end_ms);
            waiting.sleep(Duration::from_millis(due_ms.saturating_sub(now_ms)));
        }
    }

    /// As [`Consumer::receive`], for tasks.
    ///
    /// # Errors
    /// As [`Consumer::receive_batch`].
    ///
    /// # Cancel safety
    /// Dropped, it takes no message, or takes one and lets it go at once: it is delivered again, and
    /// the delivery is counted.
    pub async fn receive_async(&self, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        Ok(self.receive_batch_async(1, wait).await?.pop())
    }

    /// As [`Consumer::receive_batch`], for tasks. The time that is waited for is kept by the queue's
    /// upkeep.
    ///
    /// # Errors
    /// As [`Consumer::receive_batch`].
    ///
    /// # Cancel safety
    /// As [`Consumer::receive_async`].
    pub async fn receive_batch_async(
        &self,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let core = &self.inner.core;
        let end_ms = core.now_ms().saturating_add(to_ms(wait));
        let waiting = core.waiters.place(Wanted::Message(self.id));
        loop {
            waiting.arm();
            while let Some(picked) = self.pick(most)? {
                let (staged, rest) = split(picked);
                let held = Held::new(self, &rest);
                core.commit_async(staged).await?;
                held.keep();
                if !rest.messages.is_empty() {
                    return Ok(self.deliveries(rest));
                }
            }
            if core.now_ms() >= end_ms {
                return Ok(Vec::new());
            }
            waiting.set_deadline(end_ms);
            core.nudge_at(core.next_timer_ms(self.id).unwrap_or(end_ms).min(end_ms));
            waiting.woken(Some(end_ms)).await;
        }
    }

    /// Returns messages if there are some; `None` otherwise.
    fn try_receive(&self, most: usize) -> Result<Option<Vec<Delivery>>, QueueError> {
        while let Some(picked) = self.pick(most)? {
            let (staged, rest) = split(picked);
            if !is_planted(Defect::DeliveryNotWritten) {
                self.inner.core.commit(&staged)?;
            }
            if !rest.messages.is_empty() {
                return Ok(Some(self.deliveries(rest)));
            }
        }
        Ok(None)
    }

    fn pick(&self, most: usize) -> Result<Option<Picked>, QueueError> {
        crate::options::check(
            (1..=RECEIVE_MESSAGES_MAX).contains(&most),
            "the number of messages to receive",
            most,
            "1 to 10,000",
        )?;
        let (visibility, attempts_max) = (self.options.visibility, self.options.attempts_max);
        self.inner
            .core
            .stage_receive(self.id, most, visibility, attempts_max)
    }

    fn deliveries(&self, picked: Picked) -> Vec<Delivery> {
        let nonce = picked.nonce;
        let delivery = |it: crate::receive::PickedMessage| Delivery {
            consumer: self.clone(),
            id: MessageId(it.id),
            nonce,
            pushed_ms: it.pushed_ms,
            attempts: it.attempts,
            record: it.record,
        };
        picked.messages.into_iter().map(delivery).collect()
    }

    /// Is done with a message: it never comes back.
    ///
    /// # Durability
    /// On `Ok` it stays away after a crash too. Without an answer, or after
    /// [`Outcome::Unknown`](mainstem_log::Outcome::Unknown), it may come back.
    ///
    /// # Errors
    /// [`QueueError::StaleReceipt`] if the receipt is not good any more.
    pub fn ack(&self, receipt: Receipt) -> Result<(), QueueError> {
        self.one(receipt, Verdict::Ack)
    }

    /// Is done with messages; returns the receipts that were stale.
    ///
    /// It is one step up to `segment_bytes` / 128 receipts, 131,072 by default, and several steps for
    /// more, each by itself.
    ///
    /// # Errors
    /// As [`Consumer::ack`], but for stale receipts. What was done in the steps before the one that
    /// failed is done: with the same receipts again, these are stale.
    pub fn ack_batch(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>, QueueError> {
        self.all(receipts, Verdict::Ack)
    }

    /// Gives a message back, to be delivered again after `delay`.
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    pub fn nack(&self, receipt: Receipt, delay: Duration) -> Result<(), QueueError> {
        self.one(receipt, Verdict::Nack(delay))
    }

    /// Keeps a message for itself for `visibility` from now on.
    ///
    /// # Errors
    /// As [`Consumer::ack`]; [`QueueError::Invalid`] for more than 12 hours.
    pub fn extend(&self, receipt: Receipt, visibility: Duration) -> Result<(), QueueError> {
        check_visibility(visibility)?;
        self.one(receipt, Verdict::Extend(visibility))
    }

    /// Gives a message up for good: it becomes a dead one, with a reason, of which 1 KiB is kept.
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    pub fn reject(&self, receipt: Receipt, reason: &str) -> Result<(), QueueError> {
        self.one(receipt, Verdict::Reject(reason))
    }

    /// As [`Consumer::ack`], for tasks.
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    ///
    /// # Cancel safety
    /// Dropped, it may or may not be done.
    pub async fn ack_async(&self, receipt: Receipt) -> Result<(), QueueError> {
        self.one_async(receipt, Verdict::Ack).await
    }

    /// As [`Consumer::nack`], for tasks.
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    ///
    /// # Cancel safety
    /// Dropped, it may or may not be done.
    pub async fn nack_async(&self, receipt: Receipt, delay: Duration) -> Result<(), QueueError> {
        self.one_async(receipt, Verdict::Nack(delay)).await
    }

    /// As [`Consumer::extend`], for tasks.
    ///
    /// # Errors
    /// As [`Consumer::extend`].
    ///
    /// # Cancel safety
    /// Dropped, it may or may not be done.
    pub async fn extend_async(
        &self,
        receipt: Receipt,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        check_visibility(visibility)?;
        self.one_async(receipt, Verdict::Extend(visibility)).await
    }

    fn one(&self, receipt: Receipt, verdict: Verdict<'_>) -> Result<(), QueueError> {
        let stale = self.all(&[receipt], verdict)?;
        if stale.is_empty() {
            Ok(())
        } else {
            Err(QueueError::StaleReceipt)
        }
    }

    fn all(&self, receipts: &[Receipt], verdict: Verdict<'_>) -> Result<Vec<Receipt>, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        let mut all_stale = Vec::new();
        for some in receipts.chunks(core.named_max()) {
            let mut staged = Staged::default();
            let stale = core.claim(some, verdict, &mut staged)?;
            if !staged.batch.is_empty() {
                if matches!(verdict, Verdict::Ack) && is_planted(Defect::AckNotWritten) {
                    core.live()?.finish_unwritten(&staged.claims);
                } else {
                    core.commit(&staged)?;
                }
                core.answered(some);
            }
            all_stale.extend(stale);
        }
        Ok(all_stale)
    }

    async fn one_async(&self, receipt: Receipt, verdict: Verdict<'_>) -> Result<(), QueueError> {
        let core = &self.inner.core;
        let mut staged = Staged::default();
        let stale = core.claim_async(&[receipt], verdict, &mut staged).await?;
        if !stale.is_empty() {
            return Err(QueueError::StaleReceipt);
        }
        core.commit_async(staged).await?;
        core.answered(&[receipt]);
        Ok(())
    }

    /// Returns dead messages, oldest first: up to `most`, from the one after `after` on.
    ///
    /// # Errors
    /// [`QueueError::Log`] if they cannot be read.
    pub fn dead(
        &self,
        after: Option<MessageId>,
        most: usize,
    ) -> Result<Vec<DeadMessage>, QueueError> {
        self.inner.core.check_open()?;
        let mut live = self.inner.core.live()?;
        live.catch_up()?;
        let first = after.map_or(0, |after| after.0.saturating_add(1));
        let ids: Vec<u64> = live
            .consumer(self.id)?
            .dead()
            .range(first..)
            .take(most)
            .copied()
            .collect();
        let mut dead = Vec::with_capacity(ids.len());
        for id in ids {
            let crate::live::Live { state, cursors, .. } = &mut *live;
            let entry = state
                .consumers
                .get(&self.id)
                .and_then(|it| it.entries.get(&id));
            let Some(entry) = entry else { continue };
            let Status::Dead { at_ms, reason } = &entry.status else {
                continue;
            };
            let record = cursors.fetch(Reader::Fetch(self.id), entry.loc)?;
            dead.push(DeadMessage {
                id: MessageId(id),
                pushed_ms: entry.pushed_ms,
                died_ms: *at_ms,
                reason: reason.to_string(),
                attempts: entry.attempts,
                payload: message_in(&record)
                    .map(|it| it.payload.to_vec())
                    .unwrap_or_default(),
            });
        }
        Ok(dead)
    }

    /// Has dead messages delivered again, as if for the first time: those named, or all; returns how
    /// many. A message with an ordering key goes before those that were pushed after it.
    ///
    /// # Errors
    /// [`QueueError::Log`] if that cannot be written. Many messages take several steps, and those
    /// before the one that failed are done.
    pub fn redrive(&self, named: Option<&[MessageId]>) -> Result<usize, QueueError> {
        self.settle_dead(named, true)
    }

    /// Forgets dead messages: those named, or all; returns how many.
    ///
    /// # Errors
    /// [`QueueError::Log`] if that cannot be written.
    pub fn discard_dead(&self, named: Option<&[MessageId]>) -> Result<usize, QueueError> {
        self.settle_dead(named, false)
    }

    fn settle_dead(
        &self,
        named: Option<&[MessageId]>,
        is_redriven: bool,
    ) -> Result<usize, QueueError> {
        let core = &self.inner.core;
        let named: Option<BTreeSet<u64>> = named.map(|ids| ids.iter().map(|id| id.0).collect());
        let named: Option<Vec<u64>> = named.map(|ids| ids.into_iter().collect());
        let mut settled = 0_usize;
        loop {
            let mut staged = Staged::default();
            let some = core.stage_dead(self.id, named.as_deref(), is_redriven, &mut staged)?;
            if some == 0 {
                return Ok(settled);
            }
            core.commit(&staged)?;
            core.tell_freed(self.id, some);
            settled = settled.saturating_add(some);
        }
    }
}

/// Takes the records out of what was picked.
fn split(mut picked: Picked) -> (Staged, Picked) {
    (std::mem::take(&mut picked.staged), picked)
}

/// Lets messages go that were picked for a task that is gone.
struct Held<'a> {
    consumer: &'a Consumer,
    nonce: u64,
    ids: Vec<u64>,
}

impl<'a> Held<'a> {
    fn new(consumer: &'a Consumer, picked: &Picked) -> Self {
        Self {
            consumer,
            nonce: picked.nonce,
            ids: picked.messages.iter().map(|it| it.id).collect(),
        }
    }

    fn keep(mut self) {
        self.ids.clear();
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.ids.is_empty() {
            return;
        }
        let core = &self.consumer.inner.core;
        core.let_go(self.consumer.id, self.nonce, std::mem::take(&mut self.ids));
        core.nudge();
    }
}

/// Returns the message in a record.
fn message_in(record: &Record) -> Option<MessageRecord<'_>> {
    match Event::read(record.payload()) {
        Ok(Event::Message(message)) => Some(message),
        _ => None,
    }
}

impl Delivery {
    /// Returns which message it is.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Returns what the producer gave. It lies in the queue's file, and no byte of it was copied.
    pub fn payload(&self) -> &[u8] {
        message_in(&self.record)
            .map(|it| it.payload)
            .unwrap_or_default()
    }

    /// Returns the ordering key; empty if the message has none.
    pub fn key(&self) -> &[u8] {
        message_in(&self.record)
            .map(|it| it.key)
            .unwrap_or_default()
    }

    /// Returns how often the message was delivered to this consumer, this time included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns when it was pushed, in ms since the Unix epoch.
    pub fn pushed_ms(&self) -> u64 {
        self.pushed_ms
    }

    /// Returns what stands for this delivery.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            consumer: self.consumer.id,
            id: self.id.0,
            nonce: self.nonce,
        }
    }

    /// As [`Consumer::ack`].
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    pub fn ack(&self) -> Result<(), QueueError> {
        self.consumer.ack(self.receipt())
    }

    /// As [`Consumer::nack`].
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    pub fn nack(&self, delay: Duration) -> Result<(), QueueError> {
        self.consumer.nack(self.receipt(), delay)
    }

    /// As [`Consumer::extend`].
    ///
    /// # Errors
    /// As [`Consumer::extend`].
    pub fn extend(&self, visibility: Duration) -> Result<(), QueueError> {
        self.consumer.extend(self.receipt(), visibility)
    }

    /// As [`Consumer::reject`].
    ///
    /// # Errors
    /// As [`Consumer::ack`].
    pub fn reject(&self, reason: &str) -> Result<(), QueueError> {
        self.consumer.reject(self.receipt(), reason)
    }
}
