//! Streams and shards as the catalogue knows them.

use std::fmt;

use mainstem_types::{HashKeyRange, KinesisSeq, ShardId, StreamArn, StreamName, limits};

use crate::status::StoredStatus;
use mainstem_log::SeqNo;

/// How a stream's capacity is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the API has these two")]
pub enum StreamMode {
    /// The owner says how many shards there are.
    Provisioned,
    /// The server does.
    OnDemand,
}

impl StreamMode {
    /// Returns the name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "PROVISIONED",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

impl fmt::Display for StreamMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One life of a stream's name: random, so that a recreated stream is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Incarnation(pub(crate) u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A stream.
///
/// # Invariants
/// Shards are sorted by id; the open ones cover the hash keys without gap or overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamMeta {
    pub(crate) incarnation: Incarnation,
    pub(crate) arn: StreamArn,
    pub(crate) mode: StreamMode,
    pub(crate) status: StoredStatus,
    pub(crate) created_ms: u64,
    pub(crate) retention_hours: u32,
    /// Records that arrived before are never shown again, however long the retention is now. Read
    /// with [`StreamMeta::floor_ms`], as the clock may have been wrong when this was set.
    pub(crate) readable_from_ms: u64,
    pub(crate) record_kib_max: u32,
    pub(crate) next_shard_index: u32,
    pub(crate) shards: Vec<ShardMeta>,
}

impl StreamMeta {
    pub(crate) fn name(&self) -> &StreamName {
        &self.arn.name
    }

    pub(crate) fn retention_ms(&self) -> u64 {
        u64::from(self.retention_hours) * MS_PER_HOUR
    }

    /// Returns when the oldest record that may be shown arrived at the earliest.
    pub(crate) fn horizon_ms(&self, now_ms: u64) -> u64 {
        now_ms
            .saturating_sub(self.retention_ms())
            .max(self.floor_ms(now_ms))
    }

    /// Returns when the oldest record arrived that no earlier, shorter retention has hidden.
    ///
    /// A retention never hides what is younger than the shortest retention there is. A time after
    /// that was set while the clock was ahead, and would hide records of today.
    pub(crate) fn floor_ms(&self, now_ms: u64) -> u64 {
        let shortest_ms = u64::from(limits::RETENTION_HOURS_MIN) * MS_PER_HOUR;
        self.readable_from_ms
            .min(now_ms.saturating_sub(shortest_ms))
    }

    pub(crate) fn open_shard_count(&self) -> u32 {
        let open = self.shards.iter().filter(|shard| shard.closed.is_none());
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn record_bytes_max(&self) -> usize {
        usize::try_from(self.record_kib_max).map_or(usize::MAX, |kib| kib.saturating_mul(1024))
    }
}

/// A shard of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardMeta {
    pub(crate) id: ShardId,
    pub(crate) parent: Option<ShardId>,
    pub(crate) adjacent_parent: Option<ShardId>,
    pub(crate) range: HashKeyRange,
    pub(crate) created_ms: u64,
    /// The creation time inside the shard's sequence numbers; differs from `created_ms` only if a
    /// deleted stream of the same name has used that second.
    pub(crate) sequence_epoch_s: u64,
    pub(crate) closed: Option<Closed>,
}

/// How a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) at_ms: u64,
    /// Exclusive end of its records.
    pub(crate) end: SeqNo,
}

impl ShardMeta {
    pub(crate) fn starting_number(&self) -> KinesisSeq {
        KinesisSeq::shard_start(self.sequence_epoch_s, self.id)
    }

    pub(crate) fn ending_number(&self) -> Option<KinesisSeq> {
        self.closed.map(|closed| {
            KinesisSeq::shard_end(self.sequence_epoch_s, self.id, closed.at_ms / 1000)
        })
    }

    /// Tells whether all the shard's records have left a retention that reaches back to
    /// `horizon_ms`.
    pub(crate) fn is_expired(&self, horizon_ms: u64) -> bool {
        self.closed.is_some_and(|closed| closed.at_ms < horizon_ms)
    }
}

/// Milliseconds of an hour, the unit of retention.
pub(crate) const MS_PER_HOUR: u64 = 3_600_000;
