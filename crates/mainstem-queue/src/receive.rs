//! Step 2 of a message: a consumer gets it, for itself alone for a while.

use std::time::Duration;

use mainstem_log::Record;

use crate::commit::Staged;
use crate::core::{Core, to_ms};
use crate::error::QueueError;
use crate::format::event::{Delivered, Event};
use crate::live::Live;
use crate::state::apply::Reader;
use crate::state::entry::Entry;

/// Messages that were picked for a delivery, which is to be written down.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) staged: Staged,
    pub(crate) nonce: u64,
    pub(crate) messages: Vec<PickedMessage>,
}

/// A message that was picked.
#[derive(Debug)]
pub(crate) struct PickedMessage {
    pub(crate) id: u64,
    pub(crate) pushed_ms: u64,
    pub(crate) attempts: u32,
    pub(crate) record: Record,
}

/// A message that can be delivered.
#[derive(Clone, Copy, Debug)]
struct Found {
    id: u64,
    /// The record that it is in.
    loc: u64,
    pushed_ms: u64,
    /// How often it was delivered before.
    attempts: u32,
}

impl Found {
    fn new(id: u64, entry: &Entry) -> Self {
        Self {
            id,
            loc: entry.loc,
            pushed_ms: entry.pushed_ms,
            attempts: entry.attempts,
        }
    }
}

/// Returns what was claimed for a consumer.
fn claims_of(consumer: u32, found: &[Found], dead: &[u64]) -> Vec<(u32, u64)> {
    let ids = found.iter().map(|it| it.id).chain(dead.iter().copied());
    ids.map(|id| (consumer, id)).collect()
}

/// What is said of a message that was delivered too often.
pub(crate) const EXHAUSTED: &str = "delivered too often without being acknowledged";

impl Core {
    /// Picks up to `most` messages for a consumer; `None` if there is nothing to be written down.
    pub(crate) fn stage_receive(
        &self,
        consumer: u32,
        most: usize,
        visibility: Duration,
        attempts_max: u32,
    ) -> Result<Option<Picked>, QueueError> {
        self.check_open()?;
        let mut live = self.live()?;
        live.catch_up()?;
        let now_ms = self.now_ms();
        live.consumer(consumer)?.expire(now_ms);
        live.attempts_max.insert(consumer, attempts_max);
        let mut found = Vec::new();
        let mut dead = Vec::new();
        let most = most.min(self.named_max());
        while found.len() < most && dead.len() < self.died_max() {
            let next = match self.claim_next(&mut live, consumer, now_ms) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(error) => {
                    live.release(&claims_of(consumer, &found, &dead));
                    return Err(error);
                }
            };
            if next.attempts >= attempts_max {
                dead.push(next.id);
            } else {
                found.push(next);
            }
        }
        if found.is_empty() && dead.is_empty() {
            return Ok(None);
        }
        let claims = claims_of(consumer, &found, &dead);
        let picked = self.pick(&mut live, consumer, &found, &dead, now_ms, visibility);
        match picked {
            Ok(mut picked) => {
                picked.staged.claims = claims;
                if live.has_more(consumer) {
                    drop(live);
                    self.wake_for(consumer, 1);
                }
                Ok(Some(picked))
            }
            Err(error) => {
                live.release(&claims);
                Err(error)
            }
        }
    }

    /// Claims the next message that a consumer can get, looking further into the log if none of those
    /// that it saw is free.
    fn claim_next(
        &self,
        live: &mut Live,
        consumer: u32,
        now_ms: u64,
    ) -> Result<Option<Found>, QueueError> {
        loop {
            let it = live.consumer(consumer)?;
            if let Some(id) = it.first_ready() {
                return Ok(it.claim(id).map(|entry| Found::new(id, entry)));
            }
            if it.tracked() >= self.options.window {
                return Ok(None);
            }
            let Live { state, cursors, .. } = &mut *live;
            match state.see_next(cursors, consumer, u64::MAX, true)? {
                None => return Ok(None),
                Some(seen) if seen.is_claimed => {
                    return Ok(Some(Found {
                        id: seen.id,
                        loc: seen.id,
                        pushed_ms: seen.pushed_ms,
                        attempts: 0,
                    }));
                }
                // What is due already was pushed with a delay that is over.
                Some(_) => live.consumer(consumer)?.expire(now_ms),
            };
        }
    }

    /// Reads the messages and stages the record of their delivery.
    fn pick(
        &self,
        live: &mut Live,
        consumer: u32,
        found: &[Found],
        dead: &[u64],
        now_ms: u64,
        visibility: Duration,
    ) -> Result<Picked, QueueError> {
        let mut staged = Staged::default();
        for id in dead {
            staged.push(&Event::Died {
                consumer,
                id: *id,
                at_ms: now_ms,
                reason: EXHAUSTED,
            })?;
        }
        let nonce = live.next_nonce();
        let mut messages = Vec::with_capacity(found.len());
        let mut delivered = Vec::new();
        for it in found {
            let reader = Reader::Fetch(consumer);
            let record = live.cursors.fetch(reader, it.loc)?;
            let attempts = it.attempts.saturating_add(1);
            Delivered::add(&mut delivered, it.id, attempts);
            messages.push(PickedMessage {
                id: it.id,
                pushed_ms: it.pushed_ms,
                attempts,
                record,
            });
        }
        if !delivered.is_empty() {
            let until_ms = now_ms.saturating_add(to_ms(visibility));
            self.nudge_at(until_ms);
            staged.push(&Event::Delivered {
                consumer,
                until_ms,
                nonce,
                messages: delivered,
            })?;
        }
        Ok(Picked {
            staged,
            nonce,
            messages,
        })
    }

    /// Returns when something is due for a consumer, in ms.
    pub(crate) fn next_timer_ms(&self, consumer: u32) -> Option<u64> {
        let live = self.live().ok()?;
        live.state.consumers.get(&consumer)?.next_timer_ms()
    }

    /// Wakes those who wait for messages of a consumer.
    pub(crate) fn wake_for(&self, consumer: u32, most: usize) {
        self.waiters
            .wake(crate::waiters::Wanted::Message(consumer), most);
    }
}
