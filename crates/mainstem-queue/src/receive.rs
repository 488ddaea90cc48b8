//! Step 2 of a message: a consumer gets it, for itself alone for a while.

use std::time::Duration;

use mainstem_log::Record;

use crate::commit::Staged;
use crate::core::{Core, to_ms};
use crate::error::QueueError;
use crate::format::event::{Delivered, Event};
use crate::live::Live;

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
        let mut ids = Vec::new();
        let mut dead = Vec::new();
        while ids.len() < most {
            let Some(id) = self.next_ready(&mut live, consumer)? else {
                break;
            };
            let it = live.consumer(consumer)?;
            it.claim(id);
            if it
                .entries
                .get(&id)
                .is_some_and(|entry| entry.attempts >= attempts_max)
            {
                dead.push(id);
            } else {
                ids.push(id);
            }
        }
        if ids.is_empty() && dead.is_empty() {
            return Ok(None);
        }
        let mut claims: Vec<(u32, u64)> = Vec::with_capacity(ids.len().saturating_add(dead.len()));
        claims.extend(ids.iter().chain(&dead).map(|id| (consumer, *id)));
        let picked = self.pick(&mut live, consumer, &ids, &dead, now_ms, visibility);
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

    /// Returns the next message that a consumer can get, looking further into the log if none of those
    /// that it saw is free.
    fn next_ready(&self, live: &mut Live, consumer: u32) -> Result<Option<u64>, QueueError> {
        let now_ms = self.now_ms();
        loop {
            let it = live.consumer(consumer)?;
            if let Some(id) = it.first_ready() {
                return Ok(Some(id));
            }
            if it.tracked() >= self.options.window {
                return Ok(None);
            }
            let Live { state, cursors, .. } = &mut *live;
            if !state.see_next(cursors, consumer, u64::MAX)? {
                return Ok(None);
            }
            // What is due already was pushed with a delay that is over.
            live.consumer(consumer)?.expire(now_ms);
        }
    }

    /// Reads the messages and stages the record of their delivery.
    fn pick(
        &self,
        live: &mut Live,
        consumer: u32,
        ids: &[u64],
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
        let mut messages = Vec::with_capacity(ids.len());
        let mut delivered = Vec::new();
        for id in ids {
            let Live { state, cursors, .. } = &mut *live;
            let entry = state
                .consumers
                .get(&consumer)
                .and_then(|it| it.entries.get(id));
            let Some(entry) = entry else { continue };
            let attempts = entry.attempts.saturating_add(1);
            let record = cursors.fetch(crate::state::apply::Reader::Fetch(consumer), entry.loc)?;
            Delivered::add(&mut delivered, *id, attempts);
            messages.push(PickedMessage {
                id: *id,
                pushed_ms: entry.pushed_ms,
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
