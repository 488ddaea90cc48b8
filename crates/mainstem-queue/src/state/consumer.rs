//! One consumer's progress through its topic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::{Entry, Status};
use super::leases::Leases;
use crate::defect::{Defect, is_planted};
use crate::format::event::MessageRecord;

/// One consumer's progress: everything before `next` is done with, but for the entries.
///
/// What is waiting to be seen costs nothing, however much it is. What was seen and is not done with is
/// kept here, by message.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) name: String,
    pub(crate) topic: u16,
    /// The record that is looked at next.
    pub(crate) next: u64,
    /// How many of all messages ever pushed to the topic are before `next`, or not for this consumer.
    pub(crate) passed: u64,
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// What can be delivered now. Like all below, it follows from the entries and the time.
    ready: BTreeSet<u64>,
    leases: Leases,
    /// Messages that are not due yet, by when they are, in ms.
    delays: BTreeSet<(u64, u64)>,
    dead: BTreeSet<u64>,
    keys: HashMap<Arc<[u8]>, KeyQueue>,
    /// Messages that were carried forward, by where they are now.
    carried: BTreeMap<u64, u64>,
}

/// The messages of one ordering key.
#[derive(Clone, Debug, Default)]
struct KeyQueue {
    /// All that are not dead or done with.
    messages: BTreeSet<u64>,
    /// The one that is out, which the others wait for.
    out: Option<u64>,
}

impl Consumer {
    /// Returns a consumer that gets what is pushed from record `next` on, after `passed` messages.
    pub(crate) fn new(name: &str, topic: u16, next: u64, passed: u64) -> Self {
        Self {
            name: name.to_owned(),
            topic,
            next,
            passed,
            entries: BTreeMap::new(),
            ready: BTreeSet::new(),
            leases: Leases::default(),
            delays: BTreeSet::new(),
            dead: BTreeSet::new(),
            keys: HashMap::new(),
            carried: BTreeMap::new(),
        }
    }

    /// Takes up message `id` of this consumer's topic. If nothing keeps it from being delivered, it is
    /// claimed where `claim` says so; returns whether it was.
    pub(crate) fn see(
        &mut self,
        id: u64,
        pushed_ms: u64,
        bytes: u32,
        message: &MessageRecord<'_>,
        claim: bool,
    ) -> bool {
        let mut entry = Entry {
            loc: id,
            bytes,
            pushed_ms,
            attempts: 0,
            status: Status::Ready,
            key: None,
            busy: false,
            is_out: false,
        };
        if claim && message.key.is_empty() && message.due_ms == 0 {
            entry.busy = true;
            self.entries.insert(id, entry);
            return true;
        }
        if !message.key.is_empty() && !is_planted(Defect::KeyIgnored) {
            entry.key = Some(Arc::from(message.key));
        }
        let status = match message.due_ms {
            0 => Status::Ready,
            _ if is_planted(Defect::DelayIgnored) => Status::Ready,
            until_ms => Status::Delayed { until_ms },
        };
        self.insert(id, entry, &status);
        false
    }

    /// Adds an entry with a status.
    pub(crate) fn insert(&mut self, id: u64, entry: Entry, status: &Status) {
        if let Some(key) = &entry.key {
            let queue = self.keys.entry(Arc::clone(key)).or_default();
            queue.messages.insert(id);
        }
        if entry.loc != id {
            self.carried.insert(entry.loc, id);
        }
        self.entries.insert(id, entry);
        self.set_status(id, status);
    }

    /// Gives a message another status; what was under way about it no longer is.
    pub(crate) fn set_status(&mut self, id: u64, status: &Status) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let was_busy = std::mem::replace(&mut entry.busy, false);
        let old = std::mem::replace(&mut entry.status, status.clone());
        let is_out = matches!(status, Status::Leased { .. });
        let was_out = std::mem::replace(&mut entry.is_out, is_out);
        let key = entry.key.clone();
        self.untime(id, &old, was_out);
        match status {
            Status::Ready => {}
            Status::Leased { until_ms, nonce } => self.leases.add(*until_ms, *nonce, id),
            Status::Delayed { until_ms } => {
                self.delays.insert((*until_ms, id));
            }
            Status::Dead { .. } => {
                self.dead.insert(id);
            }
        }
        let Some(key) = key else {
            // Nothing but its status decides, which is new: its time cannot be over. This is the way
            // of every message of a queue without keys, so it looks nothing up again.
            match status {
                Status::Ready => {
                    self.ready.insert(id);
                }
                // What is busy was taken out when it was claimed.
                _ if was_busy => {}
                _ => {
                    self.ready.remove(&id);
                }
            }
            return;
        };
        let queue = self.keys.entry(Arc::clone(&key)).or_default();
        if self.dead.contains(&id) {
            queue.messages.remove(&id);
        } else {
            queue.messages.insert(id);
        }
        self.place(id);
    }

    /// Sets how often a message was delivered.
    pub(crate) fn set_attempts(&mut self, id: u64, attempts: u32) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.attempts = attempts;
        }
    }

    /// Has the lease of a message end at another time.
    pub(crate) fn prolong(&mut self, id: u64, until_ms: u64) {
        if let Some(Entry {
            status: Status::Leased { nonce, .. },
            ..
        }) = self.entries.get(&id)
        {
            let nonce = *nonce;
            self.set_status(id, &Status::Leased { until_ms, nonce });
        }
    }

    fn untime(&mut self, id: u64, status: &Status, was_out: bool) {
        match status {
            Status::Ready => {}
            Status::Leased { until_ms, nonce } => {
                if was_out {
                    self.leases.remove(*until_ms, *nonce);
                }
            }
            Status::Delayed { until_ms } => {
                self.delays.remove(&(*until_ms, id));
            }
            Status::Dead { .. } => {
                self.dead.remove(&id);
            }
        }
    }

    /// Returns whether nothing but the order keeps a message from being delivered.
    fn is_free(&self, id: u64, entry: &Entry) -> bool {
        !entry.busy
            && match entry.status {
                Status::Ready => true,
                Status::Leased { .. } => !entry.is_out,
                Status::Delayed { until_ms } => !self.delays.contains(&(until_ms, id)),
                Status::Dead { .. } => false,
            }
    }

    /// Puts a message among those that can be delivered, or takes it out, as its entry has it.
    fn place(&mut self, id: u64) {
        self.ready.remove(&id);
        let Some(entry) = self.entries.get(&id) else {
            return;
        };
        let is_free = self.is_free(id, entry);
        let is_out = match entry.status {
            Status::Leased { .. } => entry.busy || entry.is_out,
            Status::Ready | Status::Delayed { .. } => entry.busy,
            // It has left its order.
            Status::Dead { .. } => false,
        };
        match entry.key.clone() {
            None if is_free => {
                self.ready.insert(id);
            }
            None => {}
            Some(key) => {
                if let Some(queue) = self.keys.get_mut(&key) {
                    if is_out {
                        // Another one may be out: what is said of this one was on its way then.
                        queue.out.get_or_insert(id);
                    } else if queue.out == Some(id) {
                        queue.out = None;
                    }
                }
                self.offer(&key);
            }
        }
    }

    /// Puts the first message of `key` among those that can be delivered, if it can.
    fn offer(&mut self, key: &Arc<[u8]>) {
        let Some(queue) = self.keys.get(key) else {
            return;
        };
        if queue.messages.is_empty() {
            self.keys.remove(key);
            return;
        }
        let first = queue.messages.first().copied();
        for id in &queue.messages {
            self.ready.remove(id);
            // Only the first one was ever put there, or the one behind one that came back to life.
            if Some(*id) != first {
                break;
            }
        }
        if queue.out.is_none()
            && let Some(first) = first
            && let Some(entry) = self.entries.get(&first)
            && self.is_free(first, entry)
        {
            self.ready.insert(first);
        }
    }

    /// Frees what is due at `now_ms`: leases that ran out, delays that are over. Returns how many.
    pub(crate) fn expire(&mut self, now_ms: u64) -> usize {
        let mut freed = self.end_leases_until(now_ms);
        while let Some((until_ms, id)) = self.delays.first().copied()
            && until_ms <= now_ms
        {
            self.delays.pop_first();
            self.place(id);
            freed = freed.saturating_add(1);
        }
        freed
    }

    /// Ends all leases: those who had them are gone.
    pub(crate) fn end_leases(&mut self) {
        self.end_leases_until(u64::MAX);
    }

    /// Has leases that end after `last_ms` end then.
    pub(crate) fn cap_leases(&mut self, last_ms: u64) {
        let is_beyond = |entry: &Entry| match entry.status {
            Status::Leased { until_ms, .. } => entry.is_out && until_ms > last_ms,
            _ => false,
        };
        let beyond = self.entries.iter().filter(|(_, entry)| is_beyond(entry));
        let beyond: Vec<u64> = beyond.map(|(id, _)| *id).collect();
        for id in beyond {
            self.prolong(id, last_ms);
        }
    }

    /// Ends the leases that end by `now_ms`. Returns how many.
    fn end_leases_until(&mut self, now_ms: u64) -> usize {
        let mut ended = 0_usize;
        while let Some((until_ms, nonce, runs)) = self.leases.pop_over(now_ms) {
            let status = Status::Leased { until_ms, nonce };
            for id in runs.iter().flat_map(|run| run.ids()) {
                let entry = self.entries.get_mut(&id);
                let its = entry.filter(|entry| entry.is_out && entry.status == status);
                if let Some(entry) = its {
                    entry.is_out = false;
                    self.place(id);
                    ended = ended.saturating_add(1);
                }
            }
        }
        ended
    }

    /// Returns when the next lease or delay ends, in ms.
    pub(crate) fn next_timer_ms(&self) -> Option<u64> {
        let delay = self.delays.first().map(|(until_ms, _)| *until_ms);
        self.leases.first_ms().into_iter().chain(delay).min()
    }

    /// Returns the first message that can be delivered.
    pub(crate) fn first_ready(&self) -> Option<u64> {
        self.ready.first().copied()
    }

    /// Returns all messages that can be delivered.
    pub(crate) fn ready(&self) -> impl Iterator<Item = u64> + '_ {
        self.ready.iter().copied()
    }

    /// Notes that a record about a message is under way; returns its entry.
    pub(crate) fn claim(&mut self, id: u64) -> Option<&Entry> {
        let entry = self.entries.get_mut(&id)?;
        entry.busy = true;
        if entry.key.is_some() {
            self.place(id);
        } else if !entry.is_out {
            self.ready.remove(&id);
        }
        self.entries.get(&id)
    }

    /// Notes that nothing came of the record that was under way.
    pub(crate) fn release(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.busy = false;
        }
        self.place(id);
    }

    /// Ends the lease of a message, if it is the one with `nonce`: nobody has the receipt.
    pub(crate) fn abandon(&mut self, id: u64, nonce: u64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if let Status::Leased {
            until_ms,
            nonce: its,
        } = entry.status
            && its == nonce
            && std::mem::take(&mut entry.is_out)
        {
            self.leases.remove(until_ms, nonce);
            self.place(id);
        }
    }

    /// Notes that a record about a delivered message is under way; returns whether its receipt, with
    /// `nonce`, is good: not if the message is done with, dead, or was delivered again, or if there is
    /// a record about it under way.
    pub(crate) fn claim_delivered(&mut self, id: u64, nonce: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        let is_its = matches!(entry.status, Status::Leased { nonce: its, .. }
            if its == nonce || is_planted(Defect::NonceNotChecked));
        if !is_its || entry.busy {
            return false;
        }
        if entry.is_out && entry.key.is_none() {
            // It is among nothing that it would have to be taken out of.
            entry.busy = true;
        } else {
            self.claim(id);
        }
        true
    }

    /// Returns whether another message of the key of message `id` is out: one before it that came back
    /// to life when its own lease had run out.
    pub(crate) fn is_overtaken(&self, id: u64) -> bool {
        let key = self.entries.get(&id).and_then(|entry| entry.key.as_ref());
        let queue = key.and_then(|key| self.keys.get(key));
        queue.is_some_and(|queue| queue.out.is_some_and(|out| out != id))
    }

    /// Returns whether a record is under way about the message that the receipt with `nonce` is for.
    pub(crate) fn is_under_way(&self, id: u64, nonce: u64) -> bool {
        self.entries.get(&id).is_some_and(|entry| {
            entry.busy && matches!(entry.status, Status::Leased { nonce: its, .. } if its == nonce)
        })
    }

    /// Is done with a message; returns its entry.
    pub(crate) fn finish(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.untime(id, &entry.status, entry.is_out);
        if !entry.busy {
            self.ready.remove(&id);
        }
        if entry.loc != id {
            self.carried.remove(&entry.loc);
        }
        if let Some(key) = &entry.key {
            if let Some(queue) = self.keys.get_mut(key) {
                queue.messages.remove(&id);
                if queue.out == Some(id) {
                    queue.out = None;
                }
            }
            self.offer(key);
        }
        Some(entry)
    }

    /// Notes that message `id` is at `loc` now.
    pub(crate) fn move_to(&mut self, id: u64, loc: u64, bytes: u32) {
        if let Some(entry) = self.entries.get_mut(&id) {
            if entry.loc != id {
                self.carried.remove(&entry.loc);
            }
            entry.loc = loc;
            entry.bytes = bytes;
            self.carried.insert(loc, id);
        }
    }

    /// Returns the first record that this consumer still needs.
    pub(crate) fn needs_from(&self) -> u64 {
        if is_planted(Defect::WantedDeleted) {
            return self.next;
        }
        let own = self.entries.iter().find(|(id, entry)| entry.loc == **id);
        let own = own.map(|(id, _)| *id);
        let carried = self.carried.keys().next().copied();
        own.into_iter().chain(carried).fold(self.next, u64::min)
    }

    /// Returns how many messages are seen, not done with and not dead.
    pub(crate) fn tracked(&self) -> usize {
        self.entries.len().saturating_sub(self.dead.len())
    }

    /// Returns how many messages are out.
    pub(crate) fn in_flight(&self) -> usize {
        self.leases.len()
    }

    /// Returns how many messages are not due yet, of those seen.
    pub(crate) fn delayed(&self) -> usize {
        self.delays.len()
    }

    /// Returns the dead messages, oldest first.
    pub(crate) fn dead(&self) -> &BTreeSet<u64> {
        &self.dead
    }
}
