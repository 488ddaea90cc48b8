//! The state of a queue, and what each record does to it.

use std::collections::{BTreeMap, BTreeSet};

use super::consumer::Consumer;
use super::dedup::Dedup;
use super::entry::Status;
use crate::format::event::{Event, MessageRecord};
use crate::format::runs::{Run, Runs};

/// A record as it is read from the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    /// Its number.
    pub(crate) seq: u64,
    /// When it arrived, in ms.
    pub(crate) time_ms: u64,
    pub(crate) bytes: &'a [u8],
}

/// Who reads the log, so that each can go on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reader {
    /// A consumer on its way.
    Scan(u32),
    /// A consumer getting what it found.
    Fetch(u32),
    /// Whoever counts.
    Count,
}

/// The log, to be read from anywhere.
pub(crate) trait Source {
    /// Why it cannot be read.
    type Error;

    /// Shows `look` the first record from `from` on, if there is one.
    fn record<T>(
        &mut self,
        reader: Reader,
        from: u64,
        look: impl FnOnce(Stored<'_>) -> T,
    ) -> Result<Option<T>, Self::Error>;
}

/// The default topic and its first consumer are always there.
pub(crate) const MAIN: &str = "main";

/// A named sequence of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// Messages ever pushed, repeats left out.
    pub(crate) pushed: u64,
}

/// A message that a consumer saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    /// When it was pushed, in ms.
    pub(crate) pushed_ms: u64,
    /// Whether it was claimed.
    pub(crate) is_claimed: bool,
}

/// What the records before `applied` add up to.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The record that is applied next.
    pub(crate) applied: u64,
    /// By number.
    pub(crate) topics: Vec<Topic>,
    pub(crate) consumers: BTreeMap<u32, Consumer>,
    /// The number of the next consumer.
    pub(crate) next_consumer: u32,
    pub(crate) dedup: Dedup,
    /// Messages that repeat another one, for as long as they are stored.
    pub(crate) repeats: BTreeSet<u64>,
    /// Messages pushed before this one are gone.
    pub(crate) dropped_before: u64,
    /// How many messages a consumer still wanted when they were dropped, over all consumers.
    pub(crate) dropped: u64,
    /// The user's values.
    pub(crate) values: BTreeMap<String, Vec<u8>>,
}

impl Default for State {
    fn default() -> Self {
        let topic = Topic {
            name: MAIN.to_owned(),
            pushed: 0,
        };
        Self {
            applied: 0,
            topics: vec![topic],
            consumers: BTreeMap::from([(0, Consumer::new(MAIN, 0, 0, 0))]),
            next_consumer: 1,
            dedup: Dedup::default(),
            repeats: BTreeSet::new(),
            dropped_before: 0,
            dropped: 0,
            values: BTreeMap::new(),
        }
    }
}

impl State {
    /// Returns the number of the topic `name`.
    pub(crate) fn topic(&self, name: &str) -> Option<u16> {
        let at = self.topics.iter().position(|topic| topic.name == name)?;
        u16::try_from(at).ok()
    }

    /// Returns the number of the consumer `name` of a topic.
    pub(crate) fn consumer(&self, topic: u16, name: &str) -> Option<u32> {
        let mut all = self.consumers.iter();
        all.find(|(_, it)| it.topic == topic && it.name == name)
            .map(|(id, _)| *id)
    }

    /// Returns how many messages ever pushed to a topic were no repeats.
    pub(crate) fn pushed(&self, topic: u16) -> u64 {
        let topic = self.topics.get(usize::from(topic));
        topic.map_or(0, |topic| topic.pushed)
    }

    /// Returns how many messages a consumer is not done with.
    pub(crate) fn depth(&self, consumer: &Consumer) -> u64 {
        let unseen = self.pushed(consumer.topic).saturating_sub(consumer.passed);
        unseen.saturating_add(count(consumer.entries.len()))
    }

    /// Returns the first record that anybody still needs.
    pub(crate) fn needs_from(&self) -> u64 {
        let needs = self.consumers.values().map(Consumer::needs_from);
        needs.fold(self.applied, u64::min)
    }

    /// Returns the first record that a consumer has not looked at: where the state that is written down
    /// now will have it go on.
    pub(crate) fn unseen_from(&self) -> u64 {
        let next = self.consumers.values().map(|it| it.next);
        next.fold(self.applied, u64::min)
    }

    /// Lets consumers that have seen all messages of their topics pass by those of others, which they
    /// would keep otherwise until somebody asks for a message.
    pub(crate) fn pass_by(&mut self) {
        for consumer in self.consumers.values_mut() {
            let topic = self.topics.get(usize::from(consumer.topic));
            if topic.is_some_and(|topic| topic.pushed == consumer.passed) {
                consumer.next = consumer.next.max(self.applied);
            }
        }
    }

    /// Lets a consumer see up to the next message of its topic, or up to `end`; returns the one that it
    /// saw. With `claim` it is claimed if nothing keeps it from being delivered.
    pub(crate) fn see_next<S: Source>(
        &mut self,
        source: &mut S,
        id: u32,
        end: u64,
        claim: bool,
    ) -> Result<Option<Seen>, S::Error> {
        let end = end.min(self.applied);
        let Some(consumer) = self.consumers.get_mut(&id) else {
            return Ok(None);
        };
        let topic = self.topics.get(usize::from(consumer.topic));
        let has_more = topic.is_some_and(|topic| topic.pushed > consumer.passed);
        while has_more && consumer.next < end {
            let next = consumer.next;
            let (repeats, dropped_before) = (&self.repeats, self.dropped_before);
            let seen = source.record(Reader::Scan(id), consumer.next, |record| {
                if record.seq >= end {
                    return None;
                }
                consumer.next = record.seq.saturating_add(1);
                let message = message_of(consumer.topic, repeats, &record)?;
                consumer.passed = consumer.passed.saturating_add(1);
                if record.seq < dropped_before {
                    return None;
                }
                let bytes = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
                let (id, pushed_ms) = (record.seq, record.time_ms);
                let is_claimed = consumer.see(id, pushed_ms, bytes, &message, claim);
                Some(Seen {
                    id,
                    pushed_ms,
                    is_claimed,
                })
            })?;
            match seen {
                Some(Some(seen)) => return Ok(Some(seen)),
                Some(None) if consumer.next > next => {}
                // There is no further record before the end.
                Some(None) | None => break,
            }
        }
        consumer.next = consumer.next.max(end);
        Ok(None)
    }

    /// Lets a consumer see everything before `end`.
    fn see_all<S: Source>(&mut self, source: &mut S, id: u32, end: u64) -> Result<(), S::Error> {
        while self.see_next(source, id, end, false)?.is_some() {}
        Ok(())
    }

    /// Takes the record that is next.
    pub(crate) fn apply<S: Source>(
        &mut self,
        source: &mut S,
        seq: u64,
        time_ms: u64,
        bytes: usize,
        event: &Event<'_>,
    ) -> Result<(), S::Error> {
        self.dedup.forget(time_ms);
        match event {
            Event::Message(message) => self.apply_message(seq, time_ms, bytes, message),
            Event::Delivered {
                consumer,
                until_ms,
                nonce,
                messages,
            } => {
                let (until_ms, nonce) = (*until_ms, *nonce);
                let status = Status::Leased { until_ms, nonce };
                for message in messages {
                    self.each(source, *consumer, message.run, |it, id| {
                        it.set_status(id, &status);
                        it.set_attempts(id, message.attempts);
                    })?;
                }
            }
            Event::Acked { consumer, ids } => {
                self.all(source, *consumer, ids, |it, id| {
                    it.finish(id);
                })?;
            }
            Event::Returned {
                consumer,
                due_ms,
                ids,
            } => {
                let until_ms = *due_ms;
                let status = Status::Delayed { until_ms };
                self.all(source, *consumer, ids, |it, id| it.set_status(id, &status))?;
            }
            Event::Extended {
                consumer,
                until_ms,
                ids,
            } => {
                self.all(source, *consumer, ids, |it, id| it.prolong(id, *until_ms))?;
            }
            Event::Died {
                consumer,
                id,
                at_ms,
                reason,
            } => {
                let status = Status::Dead {
                    at_ms: *at_ms,
                    reason: Box::from(*reason),
                };
                self.each(source, *consumer, Run::one(*id), |it, id| {
                    it.set_status(id, &status);
                })?;
            }
            Event::Redriven { consumer, ids } => {
                self.all(source, *consumer, ids, |it, id| {
                    it.set_status(id, &Status::Ready);
                    it.set_attempts(id, 0);
                })?;
            }
            Event::TopicMade { name } => {
                if self.topic(name).is_none() {
                    self.topics.push(Topic {
                        name: (*name).to_owned(),
                        pushed: 0,
                    });
                    self.make_consumer(source, name, MAIN, seq)?;
                }
            }
            Event::ConsumerMade { topic, name, start } => {
                self.applied = seq;
                self.make_consumer(source, topic, name, (*start).min(seq))?;
            }
            Event::ConsumerRemoved { consumer } => {
                self.consumers.remove(consumer);
            }
            Event::StateSet { key, value } => match value {
                Some(value) => {
                    self.values.insert((*key).to_owned(), value.to_vec());
                }
                None => {
                    self.values.remove(*key);
                }
            },
            Event::Dropped { before } => self.drop_before(source, *before)?,
        }
        self.applied = seq.saturating_add(1);
        Ok(())
    }

    fn apply_message(&mut self, seq: u64, time_ms: u64, bytes: usize, message: &MessageRecord<'_>) {
        if let Some((id, _)) = message.carried {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            for consumer in self.consumers.values_mut() {
                if consumer.topic == message.topic {
                    consumer.move_to(id, seq, bytes);
                }
            }
            return;
        }
        if let Some((id, window_ms)) = message.dedup
            && self.dedup.note(id, seq, time_ms, window_ms).is_some()
        {
            self.repeats.insert(seq);
            return;
        }
        if let Some(topic) = self.topics.get_mut(usize::from(message.topic)) {
            topic.pushed = topic.pushed.saturating_add(1);
        }
    }

    /// Lets a consumer see messages, and changes those of them that it is not done with.
    fn all<S: Source>(
        &mut self,
        source: &mut S,
        consumer: u32,
        ids: &Runs,
        mut change: impl FnMut(&mut Consumer, u64),
    ) -> Result<(), S::Error> {
        for run in ids.iter() {
            self.each(source, consumer, run, &mut change)?;
        }
        Ok(())
    }

    /// As [`State::all`], for one run.
    fn each<S: Source>(
        &mut self,
        source: &mut S,
        consumer: u32,
        run: Run,
        mut change: impl FnMut(&mut Consumer, u64),
    ) -> Result<(), S::Error> {
        let last = run.last();
        self.see_all(source, consumer, last.saturating_add(1))?;
        let Some(consumer) = self.consumers.get_mut(&consumer) else {
            return Ok(());
        };
        let mut next = Some(run.first);
        while let Some(first) = next
            && let Some((id, _)) = consumer.entries.range(first..=last).next()
        {
            let id = *id;
            next = id.checked_add(1).filter(|next| *next <= last);
            change(consumer, id);
        }
        Ok(())
    }

    /// Makes a consumer that gets what was pushed from record `start` on.
    fn make_consumer<S: Source>(
        &mut self,
        source: &mut S,
        topic: &str,
        name: &str,
        start: u64,
    ) -> Result<(), S::Error> {
        let Some(topic) = self.topic(topic) else {
            return Ok(());
        };
        if self.consumer(topic, name).is_some() {
            return Ok(());
        }
        let start = start.max(self.dropped_before.min(self.applied));
        let mut unseen = 0_u64;
        let mut at = start;
        while at < self.applied {
            let end = self.applied;
            let repeats = &self.repeats;
            let read = source.record(Reader::Count, at, |record| {
                let is_one = record.seq < end && message_of(topic, repeats, &record).is_some();
                (record.seq, is_one)
            })?;
            let Some((seq, is_one)) = read else { break };
            unseen = unseen.saturating_add(u64::from(is_one));
            at = seq.saturating_add(1);
        }
        let passed = self.pushed(topic).saturating_sub(unseen);
        let consumer = Consumer::new(name, topic, start, passed);
        self.consumers.insert(self.next_consumer, consumer);
        self.next_consumer = self.next_consumer.saturating_add(1);
        Ok(())
    }

    /// Forgets all messages that were pushed before record `before`.
    fn drop_before<S: Source>(&mut self, source: &mut S, before: u64) -> Result<(), S::Error> {
        let before = before.min(self.applied);
        self.dropped_before = self.dropped_before.max(before);
        let ids: Vec<u32> = self.consumers.keys().copied().collect();
        for id in ids {
            let passed = |state: &Self| state.consumers.get(&id).map_or(0, |it| it.passed);
            let passed_before = passed(self);
            self.see_all(source, id, before)?;
            let unseen = passed(self).saturating_sub(passed_before);
            self.dropped = self.dropped.saturating_add(unseen);
            let Some(consumer) = self.consumers.get_mut(&id) else {
                continue;
            };
            let gone: Vec<u64> = consumer
                .entries
                .range(..before)
                .map(|(id, _)| *id)
                .collect();
            self.dropped = self.dropped.saturating_add(count(gone.len()));
            for id in gone {
                consumer.finish(id);
            }
        }
        Ok(())
    }

    /// Forgets which of the messages before `first` were repeats: they are not stored any more.
    pub(crate) fn forget_repeats_before(&mut self, first: u64) {
        self.repeats = self.repeats.split_off(&first);
    }
}

/// Returns the message in a record, if it is one of `topic` and no repeat, nor one carried forward.
fn message_of<'a>(
    topic: u16,
    repeats: &BTreeSet<u64>,
    record: &Stored<'a>,
) -> Option<MessageRecord<'a>> {
    match Event::read(record.bytes) {
        Ok(Event::Message(message))
            if message.topic == topic
                && message.carried.is_none()
                && !repeats.contains(&record.seq) =>
        {
            Some(message)
        }
        _ => None,
    }
}

/// Returns a count as it is stored.
pub(crate) fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
