//! Options, checked once.

use std::fmt;
use std::sync::Arc;

use crate::error::LogError;
use crate::limits::{
    BATCH_SEGMENT_FRACTION, HOUR_MS, JOURNAL_BYTES_MAX, JOURNAL_SEGMENTS, KEEP_UNTIL_TRIMMED,
    RETENTION_MS_MAX, RETENTION_MS_MIN, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
};
use crate::seq::SeqNo;
use mainstem_env::ReadMode;

/// How an engine works; the same for all of its shards.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The most bytes, over all shards, that may be accepted but not yet durable. Default 256 MiB,
    /// at least 1 MiB. More lets more shards queue; less bounds memory.
    pub queued_bytes_max: u64,
    /// The most threads that commit for asynchronous appends. They start on demand and sleep in the
    /// kernel. Default 64, 1 to 1024. More syncs in flight help until the disk saturates.
    pub sync_threads_max: usize,
    /// Whether reads go through memory maps. Default mapped; choose buffered for media that cannot
    /// be trusted.
    pub read_mode: ReadMode,
    /// Who runs retention, rolls by age and closes idle files. Default: a thread, every second.
    pub maintenance: Maintenance,
    /// A shard without reads and appends for so long gives up its file descriptors and maps, in ms.
    /// Default 30,000, at least 1.
    pub idle_ms: u64,
    /// The most files mapped at a time; beyond it reads copy. Default 16,384, at least 1. Linux
    /// allows a process 65,530 maps unless told otherwise (`vm.max_map_count`).
    pub maps_max: usize,
    /// How fast sealed segments are verified in the background, in bytes per second. Default 1 MiB;
    /// 0 switches it off. Everything is read once a day at most. Damage is logged and counted
    /// ([`ShardMetrics::scrub_errors`](crate::ShardMetrics::scrub_errors)), never touched.
    pub scrub_bytes_per_s: u64,
    /// When shards share their syncs. A shard that does holds three descriptors until it rests: its segment
    /// twice, as a failed sync is told to each descriptor once, and its index.
    pub journal: JournalOptions,
    /// Called once for each shard that is poisoned, with the cause, by the thread that met it. A
    /// server may end its process here. Default none.
    pub on_poison: Option<PoisonHook>,
}

/// When the shards of an engine share their syncs, by way of the commit journal: a log beside them that
/// takes the groups of all of them, and is synced in place of their segments. No acknowledgement comes
/// earlier for it. What the journal holds is written twice, and goes when it is durable in the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalOptions {
    /// How many shards have to be committing at the same time for their groups to go through the
    /// journal. Default 16; 0 never. Fewer syncs for many shards; but a disk can do several at once, and
    /// the bytes are written twice.
    pub commits_min: usize,
    /// The most bytes that the journal may take up. Default 256 MiB, 16 KiB to 1 GiB. It exists only while
    /// it is used. More means that segments are synced more rarely, and that an opening after a crash has
    /// more to read. What does not fit is synced as without a journal; if nobody runs the maintenance, nothing
    /// makes room.
    pub bytes_max: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            commits_min: 16,
            bytes_max: 256 << 20,
        }
    }
}

/// A function that learns that a shard is poisoned.
#[derive(Clone)]
pub struct PoisonHook(Arc<dyn Fn(&LogError) + Send + Sync>);

impl PoisonHook {
    /// Returns a hook that calls `function`, which must not use the engine.
    pub fn new(function: impl Fn(&LogError) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn call(&self, cause: &LogError) {
        (self.0)(cause);
    }
}

impl fmt::Debug for PoisonHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoisonHook")
    }
}

/// Who runs the maintenance of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Maintenance {
    /// A thread of the engine, every so many ms.
    EveryMs(u64),
    /// Whoever calls [`Engine::maintain`](crate::Engine::maintain).
    ByCaller,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            queued_bytes_max: 256 << 20,
            sync_threads_max: 64,
            read_mode: ReadMode::Mapped,
            maintenance: Maintenance::EveryMs(1000),
            idle_ms: 30_000,
            maps_max: 16_384,
            scrub_bytes_per_s: 1 << 20,
            journal: JournalOptions::default(),
            on_poison: None,
        }
    }
}

impl EngineOptions {
    /// Checks that every value is in its range.
    pub(crate) fn validate(&self) -> Result<(), LogError> {
        at_least("queued_bytes_max", self.queued_bytes_max, 1 << 20)?;
        between("sync_threads_max", count(self.sync_threads_max), 1, 1024)?;
        at_least("idle_ms", self.idle_ms, 1)?;
        at_least("maps_max", count(self.maps_max), 1)?;
        between(
            "journal.bytes_max",
            self.journal.bytes_max,
            JOURNAL_SEGMENTS * SEGMENT_BYTES_MIN,
            JOURNAL_BYTES_MAX,
        )?;
        match self.maintenance {
            Maintenance::EveryMs(interval) => at_least("maintenance interval in ms", interval, 1),
            Maintenance::ByCaller => Ok(()),
        }
    }
}

/// How one shard works. Retention can be changed while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardOptions {
    /// For how long records are kept, in ms. Default 24 h, 1 to 365 days, or
    /// [`KEEP_UNTIL_TRIMMED`]: only [`Shard::trim_before`](crate::Shard::trim_before) deletes then.
    pub retention_ms: u64,
    /// The size at which a segment is sealed and the next begun, in bytes of data. Default 128 MiB,
    /// 4 KiB to almost 4 GiB, rounded up to a multiple of 4 KiB. Bigger segments mean fewer files and
    /// coarser deletion.
    pub segment_bytes: u64,
    /// The age at which a segment that holds records is sealed even without traffic, in ms. Default
    /// `None`: 1 h or 1/24 of the retention, whichever is less. At least 1.
    pub roll_age_ms: Option<u64>,
    /// The most bytes that may be accepted but not yet durable. Default 8 MiB, at least 64 KiB.
    pub queued_bytes_max: u64,
    /// The most bytes that are made durable by one sync, unless a single batch is larger. Default
    /// 1 MiB, at least 4 KiB and at most half a segment.
    pub group_bytes_max: u64,
    /// How long a commit waits for company before it begins, in µs. Default 0: the next group forms
    /// while the last one syncs, which needs no waiting. At most 1,000,000.
    pub linger_us: u64,
    /// How far ahead of the data of a busy shard space is filled with zeros, in bytes. Default 8 MiB;
    /// 0 switches it off, 64 KiB at least otherwise. Syncs into space that was written before are
    /// cheaper, for twice the bytes written. A shard is busy above 300 syncs per second, unless its
    /// groups are larger than 64 KiB, where it would not pay.
    pub prewrite_bytes: u64,
}

impl Default for ShardOptions {
    fn default() -> Self {
        Self {
            retention_ms: RETENTION_MS_MIN,
            segment_bytes: 128 << 20,
            roll_age_ms: None,
            queued_bytes_max: 8 << 20,
            group_bytes_max: 1 << 20,
            linger_us: 0,
            prewrite_bytes: 8 << 20,
        }
    }
}

impl ShardOptions {
    /// Checks that every value is in its range, and rounds the segment size.
    pub(crate) fn validated(mut self) -> Result<Self, LogError> {
        check_retention_ms(self.retention_ms)?;
        between(
            "segment_bytes",
            self.segment_bytes,
            SEGMENT_BYTES_MIN,
            SEGMENT_BYTES_MAX,
        )?;
        self.segment_bytes = self.segment_bytes.next_multiple_of(4096);
        at_least("roll_age_ms", self.roll_age_ms.unwrap_or(1), 1)?;
        at_least("queued_bytes_max", self.queued_bytes_max, 64 << 10)?;
        let half = self.segment_bytes / BATCH_SEGMENT_FRACTION;
        self.group_bytes_max = self.group_bytes_max.min(half);
        at_least("group_bytes_max", self.group_bytes_max, half.min(4096))?;
        if self.prewrite_bytes > 0 {
            at_least("prewrite_bytes", self.prewrite_bytes, 64 << 10)?;
        }
        between("linger_us", self.linger_us, 0, 1_000_000)?;
        Ok(self)
    }
}

/// How one append is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendOptions {
    /// If given, the append is refused with
    /// [`LogError::UnexpectedPosition`](crate::LogError::UnexpectedPosition) unless its first record
    /// gets this sequence number. Default `None`.
    pub expected: Option<SeqNo>,
}

impl AppendOptions {
    /// Returns options that refuse the append unless its first record gets `expected`.
    pub fn expecting(expected: SeqNo) -> Self {
        Self {
            expected: Some(expected),
        }
    }
}

/// Checks that a retention is between one day and 365, or none.
pub(crate) fn check_retention_ms(retention_ms: u64) -> Result<(), LogError> {
    if retention_ms == KEEP_UNTIL_TRIMMED {
        return Ok(());
    }
    between(
        "retention_ms",
        retention_ms,
        RETENTION_MS_MIN,
        RETENTION_MS_MAX,
    )
}

/// Returns the age at which a segment rolls if the options do not say, in ms.
pub(crate) fn default_roll_age_ms(retention_ms: u64) -> u64 {
    HOUR_MS.min(retention_ms / 24)
}

fn at_least(option: &'static str, value: u64, least: u64) -> Result<(), LogError> {
    if value >= least {
        return Ok(());
    }
    Err(LogError::InvalidOption {
        option,
        value,
        range: format!("at least {least}"),
    })
}

fn between(option: &'static str, value: u64, least: u64, most: u64) -> Result<(), LogError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(LogError::InvalidOption {
        option,
        value,
        range: format!("{least} to {most}"),
    })
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        EngineOptions::default().validate().unwrap();
        let checked = ShardOptions::default().validated().unwrap();
        assert_eq!(checked, ShardOptions::default());
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        let retention = |retention_ms| ShardOptions {
            retention_ms,
            ..Default::default()
        };
        assert!(retention(RETENTION_MS_MIN).validated().is_ok());
        assert!(retention(RETENTION_MS_MIN - 1).validated().is_err());
        assert!(retention(RETENTION_MS_MAX).validated().is_ok());
        assert!(retention(RETENTION_MS_MAX + 1).validated().is_err());
        assert!(retention(KEEP_UNTIL_TRIMMED).validated().is_ok());
        let segment = |segment_bytes| ShardOptions {
            segment_bytes,
            ..Default::default()
        };
        assert!(segment(SEGMENT_BYTES_MIN).validated().is_ok());
        assert!(segment(SEGMENT_BYTES_MIN - 1).validated().is_err());
        assert!(segment(SEGMENT_BYTES_MAX).validated().is_ok());
        assert!(segment(SEGMENT_BYTES_MAX + 1).validated().is_err());
        let linger = |linger_us| ShardOptions {
            linger_us,
            ..Default::default()
        };
        assert!(linger(1_000_000).validated().is_ok());
        assert!(linger(1_000_001).validated().is_err());
        let queue = |queued_bytes_max| ShardOptions {
            queued_bytes_max,
            ..Default::default()
        };
        assert!(queue(64 << 10).validated().is_ok());
        assert!(queue((64 << 10) - 1).validated().is_err());
    }
}
