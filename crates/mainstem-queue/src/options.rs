//! Options, checked once.

use std::time::Duration;

use mainstem_log::limits::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};

use crate::error::QueueError;

/// How a queue works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueOptions {
    /// The size at which a file of the queue is sealed and the next begun, in bytes. Space comes back
    /// by whole files. Default 16 MiB, 4 KiB to almost 4 GiB. A message has at most a quarter of it.
    pub segment_bytes: u64,
    /// How much the queue may hold.
    pub limits: Limits,
    /// What happens to a push that would be too much.
    pub when_full: WhenFull,
    /// What becomes of deliveries that were neither acknowledged nor given back when the queue was
    /// closed or its process ended. Default: they are delivered again at once.
    pub leases: Leases,
    /// How long a deduplication id is remembered, by wall-clock time: setting the clock ahead by more than
    /// this has all ids forgotten. Default 5 minutes, 1 ms to 1 day. Source: that of
    /// Amazon SQS.
    pub dedup_window: Duration,
    /// The most deduplication ids that are remembered, some 100 bytes of memory each. Default
    /// 1,000,000, at least 1.
    pub dedup_ids_max: usize,
    /// The most messages that a consumer has seen and is not done with, some 200 bytes of memory each:
    /// those that are out, not due, or held up by their ordering key. What comes after waits, unseen.
    /// Default 100,000, at least 1. Source: the 120,000 in flight of Amazon SQS, rounded.
    pub window: usize,
    /// After so many bytes of log the state is written down: an opening after a crash reads no more
    /// than that. Default 16 MiB, at least 512 bytes.
    pub snapshot_bytes: u64,
    /// How much space is set aside in the queue's directory, in bytes, once for records and once for the
    /// state: with it, messages can be received, acknowledged and deleted while the disk is full. No push
    /// takes more than half of it. Default 1 MiB, of which half is some 2,500 messages received and
    /// acknowledged one by one; 0 switches it off.
    pub reserve_bytes: u64,
    /// How far ahead of the messages space is filled with zeros while the queue is busy, in bytes.
    /// Default 8 MiB; 0 switches it off. See
    /// [`ShardOptions::prewrite_bytes`](mainstem_log::ShardOptions::prewrite_bytes).
    pub prewrite_bytes: u64,
    /// Who frees space, wakes those who wait for a time, and gives up on messages. Default: a thread
    /// of the queue.
    pub upkeep: Upkeep,
}

/// How much a queue may hold. Nothing is limited by default.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Limits {
    /// The most messages that the consumer with the most of them is not done with. Opened with a lower
    /// number than there are, [`WhenFull::DropOldest`] drops the excess at the next push, 10,000 at a
    /// time; other calls wait while each step reads what it drops.
    pub messages_max: Option<u64>,
    /// The most bytes on disk, give or take a file of `segment_bytes`; at least four of these.
    pub bytes_max: Option<u64>,
    /// Messages older than this are dropped, whoever still wants them, dead ones included.
    pub age_max: Option<Duration>,
}

/// What happens to a push for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits until there is.
    #[default]
    Block,
    /// It is refused with [`QueueError::Full`].
    Refuse,
    /// The oldest messages are dropped, whoever still wants them.
    DropOldest,
}

/// What becomes of deliveries when the process that they were made in has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leases {
    /// They are over: those who got the messages are gone with the process.
    #[default]
    EndWithTheQueue,
    /// They go on until their time is over, 12 hours after an opening at most: whoever has a receipt may
    /// use it in another process.
    Persist,
}

/// Who keeps a queue in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upkeep {
    /// A thread of the queue.
    #[default]
    ByThread,
    /// Whoever calls [`Queue::upkeep`](crate::Queue::upkeep).
    ByCaller,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            limits: Limits::default(),
            when_full: WhenFull::default(),
            leases: Leases::default(),
            dedup_window: Duration::from_mins(5),
            dedup_ids_max: 1_000_000,
            window: 100_000,
            snapshot_bytes: 16 << 20,
            reserve_bytes: 1 << 20,
            prewrite_bytes: 8 << 20,
            upkeep: Upkeep::default(),
        }
    }
}

const DAY: Duration = Duration::from_hours(24);

impl QueueOptions {
    pub(crate) fn validate(&self) -> Result<(), QueueError> {
        let segment = self.segment_bytes;
        check(
            (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment),
            "segment_bytes",
            segment,
            "4 KiB to almost 4 GiB",
        )?;
        let window = self.dedup_window;
        check(
            window >= Duration::from_millis(1) && window <= DAY,
            "dedup_window",
            format!("{window:?}"),
            "1 ms to 1 day",
        )?;
        check(self.dedup_ids_max > 0, "dedup_ids_max", 0, "at least 1")?;
        check(self.window > 0, "window", 0, "at least 1")?;
        check(
            self.snapshot_bytes >= 512,
            "snapshot_bytes",
            self.snapshot_bytes,
            "at least 512",
        )?;
        if let Some(bytes) = self.limits.bytes_max {
            let least = segment.saturating_mul(4);
            check(
                bytes >= least,
                "bytes_max",
                bytes,
                "at least four times segment_bytes",
            )?;
        }
        if let Some(messages) = self.limits.messages_max {
            check(messages > 0, "messages_max", 0, "at least 1")?;
        }
        if let Some(age) = self.limits.age_max {
            check(
                age >= Duration::from_millis(1),
                "age_max",
                "0",
                "at least 1 ms",
            )?;
        }
        Ok(())
    }
}

/// How a consumer gets its messages. Not stored: whoever asks for the consumer says it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConsumerOptions {
    /// Which topic it reads. Default the one that messages go to that name none.
    pub topic: String,
    /// Where it begins, if there is no such consumer yet. Default the oldest message that is stored.
    pub start: Start,
    /// For how long a delivery hides a message from others, unless the receive says otherwise.
    /// Default 30 s, at most 12 h. Source: those of Amazon SQS.
    pub visibility: Duration,
    /// After so many deliveries that came to nothing a message is dead. Default 10, at least 1. Upkeep
    /// goes by that of the last receive.
    /// Source: the default of Amazon SQS.
    pub attempts_max: u32,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the oldest message that is stored.
    #[default]
    Oldest,
    /// At the next one that is pushed.
    Newest,
}

/// The longest time for which a delivery hides a message. Source: that of Amazon SQS.
pub(crate) const VISIBILITY_MAX: Duration = Duration::from_hours(12);

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            topic: crate::state::apply::MAIN.to_owned(),
            start: Start::default(),
            visibility: Duration::from_secs(30),
            attempts_max: 10,
        }
    }
}

impl ConsumerOptions {
    pub(crate) fn validate(&self) -> Result<(), QueueError> {
        check_name("the name of a topic", &self.topic)?;
        check_visibility(self.visibility)?;
        check(self.attempts_max > 0, "attempts_max", 0, "at least 1")
    }
}

pub(crate) fn check_visibility(visibility: Duration) -> Result<(), QueueError> {
    check(
        visibility >= Duration::from_millis(1) && visibility <= VISIBILITY_MAX,
        "the visibility timeout",
        format!("{visibility:?}"),
        "1 ms to 12 h",
    )
}

/// Checks the name of a topic or a consumer.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), QueueError> {
    let fits = (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
    check(
        fits,
        what,
        format!("{name:?}"),
        "1 to 200 bytes without control characters",
    )
}

/// Refuses what was given if it is not in its range.
pub(crate) fn check(
    is_right: bool,
    what: &'static str,
    given: impl std::fmt::Display,
    range: &'static str,
) -> Result<(), QueueError> {
    if is_right {
        return Ok(());
    }
    Err(QueueError::Invalid {
        what,
        given: given.to_string(),
        range,
    })
}
