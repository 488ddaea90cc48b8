//! Step 1 of a message: it is let in and becomes a record.

use std::sync::Arc;
use std::time::Duration;

use mainstem_log::LogError;
use mainstem_log::limits::RECORD_SEGMENT_FRACTION;

use crate::commit::Staged;
use crate::core::{Core, to_ms};
use crate::error::QueueError;
use crate::format::event::{Event, MessageRecord};
use crate::live::Live;
use crate::message::{Message, MessageId, Pushed};
use crate::options::{WhenFull, check, check_name};
use crate::state::apply::count;
use crate::waiters::Wanted;

/// Messages on their way, and which of them become records.
#[derive(Debug)]
pub(crate) struct Pushing {
    pub(crate) staged: Staged,
    /// For each message the one that it repeats, or `None` if it has a record.
    repeats: Vec<Option<u64>>,
    /// The deduplication ids of those that have one.
    ids: Vec<Option<[u8; 16]>>,
    /// How many records stand before the messages.
    skipped: u64,
}

impl Core {
    /// Lets `messages` in and stages them behind what is in `staged`.
    ///
    /// Topics that are new come to be with their first message.
    pub(crate) fn stage_push(
        &self,
        messages: &[Message],
        staged: Staged,
    ) -> Result<Pushing, QueueError> {
        let mut pushing = Pushing {
            skipped: crate::state::apply::count(staged.batch.len()),
            staged,
            repeats: Vec::with_capacity(messages.len()),
            ids: Vec::with_capacity(messages.len()),
        };
        let now_ms = self.now_ms();
        let mut topics = Topics::default();
        let mut new_ids = 0_usize;
        for message in messages {
            message.validate()?;
            self.check_can_be_carried(message)?;
            let repeats = match &message.dedup {
                Some(id) => self.find_repeated(id, new_ids)?,
                None => None,
            };
            new_ids =
                new_ids.saturating_add(usize::from(message.dedup.is_some() && repeats.is_none()));
            pushing.repeats.push(repeats);
            pushing.ids.push(message.dedup);
            if repeats.is_some() {
                continue;
            }
            let due_ms = match message.delay {
                Duration::ZERO => 0,
                delay => now_ms.saturating_add(to_ms(delay)),
            };
            let window_ms = to_ms(self.options.dedup_window);
            let topic = topics.number(self, &message.topic)?;
            pushing.staged.push(&Event::Message(MessageRecord {
                topic,
                due_ms,
                dedup: message.dedup.map(|id| (id, window_ms)),
                key: &message.key,
                carried: None,
                payload: &message.payload,
            }))?;
        }
        Ok(pushing)
    }

    /// Refuses a message that would be too long for a record if it were carried forward.
    fn check_can_be_carried(&self, message: &Message) -> Result<(), QueueError> {
        let bytes = count(message.payload.len().saturating_add(message.key.len()));
        let bytes = bytes.saturating_add(AROUND_CARRIED_BYTES);
        let limit = self.options.segment_bytes / RECORD_SEGMENT_FRACTION;
        if bytes > limit {
            return Err(LogError::RecordTooLarge { bytes, limit }.into());
        }
        Ok(())
    }

    /// Returns the message whose deduplication id this is, if it is known. If not, there has to be room
    /// for it and `others` that are pushed with it.
    fn find_repeated(&self, id: &[u8; 16], others: usize) -> Result<Option<u64>, QueueError> {
        let mut live = self.live()?;
        live.catch_up()?;
        let limit = self.options.dedup_ids_max;
        let now_ms = self.env.clock.now().0;
        let found = live.state.dedup.find(id, now_ms);
        let is_full = || live.state.dedup.known_at(now_ms, limit) >= limit.saturating_sub(others);
        if found.is_none() && is_full() {
            return Err(QueueError::DeduplicationFull { limit });
        }
        Ok(found)
    }

    /// Makes a topic if there is none of that name, and returns its number.
    pub(crate) fn make_topic(&self, name: &str) -> Result<u16, QueueError> {
        if let Some(staged) = self.stage_topic(name)? {
            self.commit(&staged)?;
        }
        self.topic_number(name)
    }

    /// As [`Core::make_topic`], without blocking the thread.
    pub(crate) async fn make_topic_async(self: &Arc<Self>, name: &str) -> Result<(), QueueError> {
        if name == crate::state::apply::MAIN {
            return Ok(());
        }
        if let Some(staged) = self.stage_topic(name)? {
            self.commit_async(staged).await?;
        }
        Ok(())
    }

    fn topic_number(&self, name: &str) -> Result<u16, QueueError> {
        let mut live = self.live()?;
        live.catch_up()?;
        let made = live.state.topic(name);
        made.ok_or_else(|| QueueError::damaged(format!("topic {name:?} did not come to be")))
    }

    /// Stages a topic, if there is none of that name.
    fn stage_topic(&self, name: &str) -> Result<Option<Staged>, QueueError> {
        check_name("the name of a topic", name)?;
        let mut live = self.live()?;
        live.catch_up()?;
        if live.state.topic(name).is_some() {
            return Ok(None);
        }
        if live.state.topics.len() >= usize::from(u16::MAX) {
            return Err(QueueError::Full {
                unit: "topics",
                used: u64::from(u16::MAX),
                limit: u64::from(u16::MAX),
            });
        }
        let mut staged = Staged::default();
        staged.push(&Event::TopicMade { name })?;
        Ok(Some(staged))
    }

    /// Tells each message what became of it. `first` is the number of the first record.
    pub(crate) fn pushed(&self, pushing: &Pushing, first: u64) -> Result<Vec<Pushed>, QueueError> {
        let mut all = Vec::with_capacity(pushing.repeats.len());
        let mut next = first.saturating_add(pushing.skipped);
        let mut live = None;
        for (repeats, id) in pushing.repeats.iter().zip(&pushing.ids) {
            let own = next;
            let id = match (repeats, id) {
                (Some(first), _) => *first,
                (None, None) => own,
                // Another one may have come first; the log knows.
                (None, Some(id)) => {
                    let live = match &mut live {
                        Some(live) => live,
                        none => none.insert(self.live().map_err(QueueError::after_commit)?),
                    };
                    live.catch_up().map_err(QueueError::after_commit)?;
                    let arrived_ms = 0;
                    live.state.dedup.find(id, arrived_ms).unwrap_or(own)
                }
            };
            if repeats.is_none() {
                next = next.saturating_add(1);
            }
            all.push(Pushed {
                id: MessageId(id),
                is_repeat: id != own || repeats.is_some(),
            });
        }
        Ok(all)
    }

    /// Returns whether there are limits that a push has to ask about.
    pub(crate) fn is_limited(&self) -> bool {
        let limits = &self.options.limits;
        limits.messages_max.is_some() || limits.bytes_max.is_some()
    }

    /// Lets in `messages` more if the limits have room for them, and sets the room aside; says what
    /// there is too much of if not.
    fn try_admit(&self, messages: u64) -> Result<Option<QueueError>, QueueError> {
        self.check_open()?;
        let mut live = self.live()?;
        live.catch_up()?;
        let full = self.lacks_room(&live, messages)?;
        if full.is_none() {
            live.reserved = live.reserved.saturating_add(messages);
        }
        Ok(full)
    }

    /// Returns what there is too much of for `messages` more.
    fn lacks_room(&self, live: &Live, messages: u64) -> Result<Option<QueueError>, QueueError> {
        if let Some(limit) = self.options.limits.messages_max {
            let depths = live.state.consumers.values().map(|it| live.state.depth(it));
            let used = depths.max().unwrap_or(0).saturating_add(live.reserved);
            if used.saturating_add(messages) > limit {
                let unit = MESSAGES;
                return Ok(Some(QueueError::Full { unit, used, limit }));
            }
        }
        if let Some(limit) = self.options.limits.bytes_max {
            let used = self.stored_bytes()?;
            if used > limit {
                let unit = "bytes";
                return Ok(Some(QueueError::Full { unit, used, limit }));
            }
        }
        Ok(None)
    }

    /// Makes room for `messages` more, as far as that can be done; returns whether it helped.
    pub(crate) fn make_room(&self, messages: u64) -> Result<bool, QueueError> {
        if self.reclaim()? > 0 {
            return Ok(true);
        }
        Ok(self.options.when_full == WhenFull::DropOldest && self.drop_oldest(messages)?)
    }

    /// Lets in `messages` more: at once, or once there is room, or never, as the options have it.
    pub(crate) fn admit(&self, messages: u64) -> Result<(), QueueError> {
        self.check_fits(messages)?;
        let waiting = self.waiters.place(Wanted::Room);
        loop {
            let Some(full) = self.try_admit(messages)? else {
                return Ok(());
            };
            if self.make_room(messages)? {
                continue;
            }
            match (self.options.when_full, &full) {
                (WhenFull::Block, _) => {}
                // What is being pushed by others has the room, and can be dropped once it is there.
                (WhenFull::DropOldest, QueueError::Full { unit: MESSAGES, .. }) => {
                    if self.live()?.reserved == 0 {
                        continue;
                    }
                }
                (WhenFull::DropOldest | WhenFull::Refuse, _) => return Err(full),
            }
            waiting.arm();
            if self.try_admit(messages)?.is_none() {
                return Ok(());
            }
            waiting.sleep(ROOM_LOOK);
        }
    }

    /// As [`Core::admit`], without blocking the thread: the keeper makes the room.
    pub(crate) async fn admit_async(self: &Arc<Self>, messages: u64) -> Result<(), QueueError> {
        self.check_fits(messages)?;
        let waiting = self.waiters.place(Wanted::Room);
        loop {
            waiting.arm();
            let Some(full) = self.try_admit(messages)? else {
                return Ok(());
            };
            self.want_room(messages);
            if self.options.when_full == WhenFull::Refuse {
                return Err(full);
            }
            waiting.woken(None).await;
        }
    }

    /// Refuses so many messages that even an empty queue has no room for them.
    fn check_fits(&self, messages: u64) -> Result<(), QueueError> {
        let limit = self.options.limits.messages_max;
        check(
            limit.is_none_or(|limit| messages <= limit),
            "the number of messages pushed together",
            messages,
            "at most messages_max of the queue's limits",
        )
    }

    /// Gives back the room for messages that are not pushed after all.
    pub(crate) fn unreserve(&self, messages: u64) {
        if let Ok(mut live) = self.live() {
            live.reserved = live.reserved.saturating_sub(messages);
        }
        self.waiters.wake(Wanted::Room, 1);
    }
}

/// What there is too much of if messages are counted.
const MESSAGES: &str = "messages";
/// How often a push that waits for room looks again, should nobody tell it.
const ROOM_LOOK: Duration = Duration::from_secs(1);
/// What a record has around payload and key when its message was carried forward, at most: its frame
/// and padding, and the fields of a message. Source: `docs/format.md` and `docs/format-queue.md`.
const AROUND_CARRIED_BYTES: u64 = 32 + 24;

/// Topics by name, looked up once for a push.
#[derive(Debug, Default)]
struct Topics {
    last: Option<(String, u16)>,
}

impl Topics {
    fn number(&mut self, core: &Core, name: &str) -> Result<u16, QueueError> {
        if name == crate::state::apply::MAIN {
            return Ok(0);
        }
        match &self.last {
            Some((last, topic)) if last == name => Ok(*topic),
            _ => {
                let topic = core.make_topic(name)?;
                self.last = Some((name.to_owned(), topic));
                Ok(topic)
            }
        }
    }
}
