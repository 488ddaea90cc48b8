//! One consumer's progress through its topic.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::{Entry, Status};
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
    /// Leases that have not run out, by when they do, in ms.
    leases: BTreeSet<(u64, u64)>,
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
            leases: BTreeSet::new(),
            delays: BTreeSet::new(),
            dead: BTreeSet::new(),
            keys: HashMap::new(),
            carried: BTreeMap::new(),
        }
    }

    /// Takes up message `id` of this consumer's topic.
    pub(crate) fn see(&mut self, id: u64, pushed_ms: u64, bytes: u32, message: &MessageRecord<'_>) {
        let key: Option<Arc<[u8]>> = (!message.key.is_empty()).then(|| Arc::from(message.key));
        let status = match message.due_ms {
            0 => Status::Ready,
            until_ms => Status::Delayed { until_ms },
        };
        let entry = Entry {
            loc: id,
            bytes,
            pushed_ms,
            attempts: 0,
            status: Status::Ready,
            key,
            busy: false,
        };
        self.insert(id, entry, &status);
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
        let key = entry.key.clone();
        self.untime(id, &old);
        match status {
            Status::Ready => {}
            Status::Leased { until_ms, .. } => {
                self.leases.insert((*until_ms, id));
            }
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

    fn untime(&mut self, id: u64, status: &Status) {
        match status {
            Status::Ready => {}
            Status::Leased { until_ms, .. } => {
                self.leases.remove(&(*until_ms, id));
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
                Status::Leased { until_ms, .. } => !self.leases.contains(&(until_ms, id)),
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
            Status::Leased { until_ms, .. } => entry.busy || self.leases.contains(&(until_ms, id)),
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
                        queue.out = Some(id);
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
        let mut freed = 0_usize;
        while let Some((until_ms, id)) = self.leases.first().copied()
            && until_ms <= now_ms
        {
            self.leases.pop_first();
            self.place(id);
            freed = freed.saturating_add(1);
        }
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
        let leases = std::mem::take(&mut self.leases);
        for (_, id) in leases {
            self.place(id);
        }
    }

    /// Returns when the next lease or delay ends, in ms.
    pub(crate) fn next_timer_ms(&self) -> Option<u64> {
        let first = |times: &BTreeSet<(u64, u64)>| times.first().map(|(ms, _)| *ms);
        let (lease, delay) = (first(&self.leases), first(&self.delays));
        lease.into_iter().chain(delay).min()
    }

    /// Returns the first message that can be delivered.
    pub(crate) fn first_ready(&self) -> Option<u64> {
        self.ready.first().copied()
    }

    /// Returns all messages that can be delivered.
    pub(crate) fn ready(&self) -> impl Iterator<Item = u64> + '_ {
        self.ready.iter().copied()
    }

    /// Notes that a record about a message is under way.
    pub(crate) fn claim(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        entry.busy = true;
        if entry.key.is_none() {
            self.ready.remove(&id);
        } else {
            self.place(id);
        }
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
        if let Some(entry) = self.entries.get(&id)
            && let Status::Leased {
                until_ms,
                nonce: its,
            } = entry.status
            && its == nonce
        {
            self.leases.remove(&(until_ms, id));
            self.place(id);
        }
    }

    /// Returns the entry that a receipt is for: none if the message is done with, dead, or was
    /// delivered again, or if there is a record about it under way.
    pub(crate) fn entry_of(&self, id: u64, nonce: u64) -> Option<&Entry> {
        let entry = self.entries.get(&id)?;
        let is_its = matches!(entry.status, Status::Leased { nonce: its, .. } if its == nonce);
        (is_its && !entry.busy).then_some(entry)
    }

    /// Is done with a message; returns its entry.
    pub(crate) fn finish(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.untime(id, &entry.status);
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
