//! Reading without taking: for those who want a log.

use std::sync::Arc;
use std::time::Duration;

use mainstem_log::{Cursor, LogError, Start as At};

use crate::error::QueueError;
use crate::format::event::{Event, MessageRecord};
use crate::message::MessageId;
use crate::options::Start;
use crate::queue::Inner;

/// A message as a cursor shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// Which message it is.
    pub id: MessageId,
    /// When it was pushed, in ms since the Unix epoch.
    pub pushed_ms: u64,
    /// Its ordering key; empty if it has none.
    pub key: Vec<u8>,
    /// What the producer gave.
    pub payload: Vec<u8>,
}

/// Reads the messages of a topic in the order in which they were pushed, whoever else gets them.
///
/// It keeps nothing from being deleted: what it has not read by the time that all consumers are done
/// with it may be gone, and is passed over. Messages that were carried forward are not shown again.
#[derive(Debug)]
pub struct QueueCursor {
    inner: Arc<Inner>,
    topic: u16,
    cursor: Cursor,
}

impl QueueCursor {
    pub(crate) fn open(inner: Arc<Inner>, topic: &str, start: Start) -> Result<Self, QueueError> {
        let topic = {
            let mut live = inner.core.live()?;
            live.catch_up()?;
            let number = live.state.topic(topic);
            number.ok_or_else(|| live.no_such_topic(topic))?
        };
        let cursor = inner.core.shard.cursor(match start {
            Start::Oldest => At::Oldest,
            Start::Newest => At::End,
        })?;
        Ok(Self {
            inner,
            topic,
            cursor,
        })
    }

    /// Returns the next message, or `None` if there is none yet.
    ///
    /// # Errors
    /// [`QueueError::Log`] if it cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "it goes on after None, and may fail"
    )]
    pub fn next(&mut self) -> Result<Option<StoredMessage>, QueueError> {
        self.inner.core.check_open()?;
        loop {
            let record = match self.cursor.next() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(None),
                Err(LogError::Trimmed { oldest }) => {
                    self.cursor = self.inner.core.shard.cursor(At::At(oldest))?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let Ok(Event::Message(message)) = Event::read(record.payload()) else {
                continue;
            };
            let id = record.seq().0;
            if message.topic == self.topic && is_first(&self.inner, id, &message)? {
                return Ok(Some(StoredMessage {
                    id: MessageId(id),
                    pushed_ms: record.time().0,
                    key: message.key.to_vec(),
                    payload: message.payload.to_vec(),
                }));
            }
        }
    }

    /// Blocks until there may be a message to read, at most for `timeout`; returns whether there may.
    ///
    /// # Errors
    /// [`QueueError::Log`] if there will be no further one.
    pub fn wait(&self, timeout: Duration) -> Result<bool, QueueError> {
        self.inner.core.check_open()?;
        Ok(self.cursor.wait(timeout)?)
    }
}

/// Returns whether message `id` is neither a repeat nor one carried forward.
fn is_first(inner: &Inner, id: u64, message: &MessageRecord<'_>) -> Result<bool, QueueError> {
    if message.carried.is_some() {
        return Ok(false);
    }
    if message.dedup.is_none() {
        return Ok(true);
    }
    let mut live = inner.core.live()?;
    live.catch_up()?;
    Ok(!live.state.repeats.contains(&id))
}
