//! Several things at once, or none of them.

use std::sync::Arc;

use crate::commit::Staged;
use crate::defect::{Defect, is_planted};
use crate::error::QueueError;
use crate::finish::Verdict;
use crate::format::event::Event;
use crate::message::{Message, Pushed};
use crate::options::check;
use crate::push::Pushing;
use crate::queue::Inner;
use crate::receipt::Receipt;

/// The longest key of a value that a queue keeps for its user, in bytes.
pub const VALUE_KEY_BYTES_MAX: usize = 256;
/// The longest such value, in bytes: all values are part of the state that is written down.
pub const VALUE_BYTES_MAX: usize = 64 << 10;

/// Acknowledgements, pushes and values of the user's that happen together or not at all, whatever
/// fails in between. Nothing happens before [`Transaction::commit`].
///
/// A program that takes its input from a queue, and keeps what it makes of it in the same queue, so
/// does everything exactly once, though each step may be tried more than once.
#[derive(Debug)]
#[must_use = "nothing happens before it is committed"]
pub struct Transaction {
    inner: Arc<Inner>,
    receipts: Vec<Receipt>,
    messages: Vec<Message>,
    values: Vec<(String, Option<Vec<u8>>)>,
}

impl Transaction {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self {
            inner,
            receipts: Vec::new(),
            messages: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Acknowledges a message, of any consumer.
    pub fn ack(mut self, receipt: Receipt) -> Self {
        self.receipts.push(receipt);
        self
    }

    /// Pushes a message.
    pub fn push(mut self, message: impl Into<Message>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// Keeps a value of at most 64 KiB under a key of 1 to 256 bytes, in place of the one that was
    /// there.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.values.push((key.into(), Some(value.into())));
        self
    }

    /// Keeps no value under a key any more.
    pub fn remove(mut self, key: impl Into<String>) -> Self {
        self.values.push((key.into(), None));
        self
    }

    /// Does it all, and returns once it is durable. A transaction that acknowledges something is let
    /// past the limits of the queue: to hold one up could keep the queue full for ever.
    ///
    /// All of it is one batch of records, which has at most half of `segment_bytes`.
    ///
    /// # Durability
    /// On `Ok` all of it survives a crash; after a crash before that, or an error, all of it or
    /// nothing is found.
    ///
    /// # Errors
    /// [`QueueError::StaleReceipt`] if one of the messages is not the caller's any more, and
    /// [`QueueError::Full`]: nothing was done. Otherwise see [`QueueError::outcome`].
    pub fn commit(self) -> Result<Vec<Pushed>, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        let records = self.new_messages();
        let admitted = records > 0 && self.receipts.is_empty() && core.is_limited();
        if admitted {
            core.admit(records)?;
        }
        let reserved = if admitted { records } else { 0 };
        let stage = || {
            let mut staged = self.stage_values()?;
            if is_planted(Defect::TransactionInParts) {
                core.commit(&std::mem::take(&mut staged))?;
            }
            let mut acks = Staged::default();
            let has_acks = !is_planted(Defect::InputNotAcknowledged);
            let to = if has_acks { &mut staged } else { &mut acks };
            let stale = core.claim(&self.receipts, Verdict::Ack, to)?;
            if !has_acks {
                core.live()?.finish_unwritten(&acks.claims);
            }
            self.stage_messages(staged, &stale)
        };
        let mut pushing = stage().inspect_err(|_| core.unreserve(reserved))?;
        pushing.staged.reserved = reserved;
        let staged = std::mem::take(&mut pushing.staged);
        if staged.batch.is_empty() {
            core.unreserve(reserved);
            return core.pushed(&pushing, 0);
        }
        let appended = core.commit(&staged)?;
        core.answered(&self.receipts);
        self.inner.tell(records);
        core.pushed(&pushing, appended.seqs.start.0)
    }

    /// As [`Transaction::commit`], for tasks.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    ///
    /// # Cancel safety
    /// Dropped, it may or may not be done, but never in part.
    pub async fn commit_async(self) -> Result<Vec<Pushed>, QueueError> {
        let core = &self.inner.core;
        core.check_open()?;
        let records = self.new_messages();
        for message in &self.messages {
            core.make_topic_async(&message.topic).await?;
        }
        let mut staged = self.stage_values()?;
        let stale = core
            .claim_async(&self.receipts, Verdict::Ack, &mut staged)
            .await?;
        // Nothing is claimed where there is something to be admitted, so that nothing is left behind
        // if this is dropped here.
        let admitted = records > 0 && self.receipts.is_empty() && core.is_limited();
        if admitted {
            core.admit_async(records).await?;
        }
        let reserved = if admitted { records } else { 0 };
        let pushing = self.stage_messages(staged, &stale);
        let mut pushing = pushing.inspect_err(|_| core.unreserve(reserved))?;
        pushing.staged.reserved = reserved;
        let staged = std::mem::take(&mut pushing.staged);
        if staged.batch.is_empty() {
            core.unreserve(reserved);
            return core.pushed(&pushing, 0);
        }
        let appended = core.commit_async(staged).await?;
        core.answered(&self.receipts);
        self.inner.tell(records);
        core.pushed(&pushing, appended.seqs.start.0)
    }

    fn new_messages(&self) -> u64 {
        crate::state::apply::count(self.messages.len())
    }

    /// Begins the batch that all of it is in: the log keeps a batch as a whole or not at all.
    fn stage_values(&self) -> Result<Staged, QueueError> {
        let mut staged = Staged::default();
        for (key, value) in &self.values {
            check(
                (1..=VALUE_KEY_BYTES_MAX).contains(&key.len()),
                "the length of a value's key",
                key.len(),
                "1 to 256 bytes",
            )?;
            let value = value.as_deref();
            check(
                value.is_none_or(|value| value.len() <= VALUE_BYTES_MAX),
                "the length of a value",
                value.map_or(0, <[u8]>::len),
                "at most 64 KiB",
            )?;
            staged.push(&Event::StateSet { key, value })?;
        }
        Ok(staged)
    }

    /// Puts the messages into the batch, unless there are receipts that are stale.
    fn stage_messages(&self, staged: Staged, stale: &[Receipt]) -> Result<Pushing, QueueError> {
        let core = &self.inner.core;
        let claims = staged.claims.clone();
        let release = |error| {
            if let Ok(mut live) = core.live() {
                live.release(&claims);
            }
            error
        };
        if !stale.is_empty() {
            return Err(release(QueueError::StaleReceipt));
        }
        core.stage_push(&self.messages, staged).map_err(release)
    }
}
