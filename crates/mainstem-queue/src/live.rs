//! The state as it is at the moment, with what is under way.

use std::collections::BTreeMap;

use mainstem_log::{Cursor, LogError, RecordRef, SeqNo, Shard, Start};

use crate::cursors::Cursors;
use crate::error::QueueError;
use crate::format::event::{Event, EventError};
use crate::state::apply::{State, count};
use crate::state::consumer::Consumer;

/// The state, up to a record, and what is needed to take it further.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) state: State,
    pub(crate) cursors: Cursors,
    /// Reads what is to be applied.
    tail: Cursor,
    /// Bytes of log applied since the state was last written down.
    pub(crate) unsaved_bytes: u64,
    /// Bytes of log applied since space was looked after.
    pub(crate) unlooked_bytes: u64,
    /// Up to which record there was something to apply when space was looked after last.
    pub(crate) applied_lately: u64,
    /// The first record that an opening has to read, with the state as it was written down, durably:
    /// consumers look once more at what they had not seen by then.
    pub(crate) saved: u64,
    /// After how many deliveries the messages of a consumer are dead, for those that somebody received
    /// for: who receives says it.
    pub(crate) attempts_max: BTreeMap<u32, u32>,
    /// Where consumers begin that are being made: what they are to get must stay.
    pub(crate) starts: Vec<u64>,
    /// Messages that are being pushed and were let in.
    pub(crate) reserved: u64,
    /// The next nonce of a delivery.
    nonce: u64,
    /// Why the state is not to be relied on any more.
    broken: Option<QueueError>,
}

impl Live {
    /// Returns `state`, with the log that it is taken further from.
    pub(crate) fn new(state: State, shard: &Shard, nonce: u64) -> Result<Self, QueueError> {
        let tail = match shard.cursor(Start::At(SeqNo(state.applied))) {
            Err(LogError::Trimmed { oldest }) if state.applied == 0 || oldest.0 == 0 => {
                return Err(QueueError::damaged(format!(
                    "the log begins at record {oldest}, and what came before was not written down"
                )));
            }
            Err(LogError::Trimmed { oldest }) => {
                return Err(QueueError::damaged(format!(
                    "records {} to {oldest} are missing",
                    state.applied
                )));
            }
            cursor => cursor?,
        };
        let saved = state.unseen_from();
        Ok(Self {
            state,
            cursors: Cursors::new(shard.clone()),
            tail,
            unsaved_bytes: 0,
            unlooked_bytes: 0,
            applied_lately: 0,
            saved,
            attempts_max: BTreeMap::new(),
            starts: Vec::new(),
            reserved: 0,
            nonce,
            broken: None,
        })
    }

    /// Applies all that is durable.
    pub(crate) fn catch_up(&mut self) -> Result<(), QueueError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        while let Some(record) = self.tail.next()? {
            match apply(&mut self.state, &mut self.cursors, &record) {
                Ok(begins) => self.saved = self.saved.min(begins.unwrap_or(u64::MAX)),
                Err(error) => {
                    // Half of a record may be applied. The log is right, so an opening makes it good.
                    self.broken = Some(error.clone());
                    return Err(error);
                }
            }
            let stored = count(record.payload().len()).saturating_add(FRAME_BYTES);
            self.unsaved_bytes = self.unsaved_bytes.saturating_add(stored);
            self.unlooked_bytes = self.unlooked_bytes.saturating_add(stored);
        }
        Ok(())
    }

    /// Returns a nonce that no delivery has had.
    pub(crate) fn next_nonce(&mut self) -> u64 {
        self.nonce = self.nonce.wrapping_add(1);
        self.nonce
    }

    /// Returns a consumer, or that it is gone.
    pub(crate) fn consumer(&mut self, id: u32) -> Result<&mut Consumer, QueueError> {
        if !self.state.consumers.contains_key(&id) {
            return Err(self.no_such_consumer(&format!("number {id}")));
        }
        self.state
            .consumers
            .get_mut(&id)
            .ok_or(QueueError::Panicked)
    }

    /// Returns that there is no consumer `name`, and which there are.
    pub(crate) fn no_such_consumer(&self, name: &str) -> QueueError {
        let topic = |number: u16| self.state.topics.get(usize::from(number));
        let consumers = self.state.consumers.values();
        let mut there_are: Vec<String> = consumers
            .map(|it| match topic(it.topic) {
                Some(topic) => format!("{}/{}", topic.name, it.name),
                None => it.name.clone(),
            })
            .collect();
        there_are.sort();
        QueueError::NoSuchConsumer {
            name: name.to_owned(),
            there_are,
        }
    }

    /// Returns that there is no topic `name`, and which there are.
    pub(crate) fn no_such_topic(&self, name: &str) -> QueueError {
        let topics = self.state.topics.iter();
        let mut there_are: Vec<String> = topics.map(|topic| topic.name.clone()).collect();
        there_are.sort();
        QueueError::NoSuchTopic {
            name: name.to_owned(),
            there_are,
        }
    }

    /// Returns whether a consumer could get a message now.
    pub(crate) fn has_more(&self, id: u32) -> bool {
        self.state.consumers.get(&id).is_some_and(|consumer| {
            consumer.first_ready().is_some() || self.state.pushed(consumer.topic) > consumer.passed
        })
    }

    /// Is done with messages and writes nothing about it: for a defect that is planted.
    pub(crate) fn finish_unwritten(&mut self, claims: &[(u32, u64)]) {
        for (consumer, id) in claims {
            if let Some(consumer) = self.state.consumers.get_mut(consumer) {
                consumer.finish(*id);
            }
        }
    }

    /// Notes that nothing came of records about messages.
    pub(crate) fn release(&mut self, claims: &[(u32, u64)]) {
        for (consumer, id) in claims {
            if let Some(consumer) = self.state.consumers.get_mut(consumer) {
                consumer.release(*id);
            }
        }
    }
}

/// Applies a record. If it made a consumer, returns where that begins.
fn apply(
    state: &mut State,
    cursors: &mut Cursors,
    record: &RecordRef<'_>,
) -> Result<Option<u64>, QueueError> {
    let seq = record.seq().0;
    let bytes = record.payload();
    let event = Event::read(bytes).map_err(|error| match error {
        EventError::Unsupported(kind) => QueueError::Unsupported {
            what: format!("record {seq} is of kind {kind}"),
        },
        EventError::Malformed => QueueError::damaged(format!("record {seq} says nothing")),
    })?;
    state.apply(cursors, seq, record.time().0, bytes.len(), &event)?;
    Ok(match event {
        Event::ConsumerMade { start, .. } => Some(start),
        _ => None,
    })
}

/// What a record takes up besides its payload: its frame. Source: `docs/format.md`.
const FRAME_BYTES: u64 = 24;
