//! Every limit of the engine, once.

/// The longest shard name, in bytes: a file name less room for suffixes. Source: `NAME_MAX` is 255
/// on Linux file systems.
pub const SHARD_NAME_BYTES_MAX: usize = 200;

/// The smallest segment size that can be asked for, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
/// The largest segment size, in bytes: what index entries can point into, less room for the index
/// block and the footer, and rounded down to a page.
pub const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64 - (64 << 20) - 4095;

/// A record may take up this fraction of a segment.
pub const RECORD_SEGMENT_FRACTION: u64 = 4;
/// A batch may take up this fraction of a segment.
pub const BATCH_SEGMENT_FRACTION: u64 = 2;

/// An index entry is written for at least every so many bytes of data.
pub const INDEX_STRIDE_BYTES: u64 = 4096;

/// A shard's file grows in these steps, each used once and the last for ever: small shards stay
/// small, busy ones pay for space rarely.
pub const ALLOCATION_STEPS: [u64; 5] = [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// The commit journal is made of so many segments at most: while the newest fills up, what the others hold
/// becomes durable elsewhere, and they go.
pub const JOURNAL_SEGMENTS: u64 = 4;
/// The most that the commit journal can be allowed to take up, in bytes: an opening after a crash reads it
/// into memory.
pub const JOURNAL_BYTES_MAX: u64 = 1 << 30;
/// The largest group that goes through the commit journal, in bytes. What is larger is worth a sync of its
/// own, and writing it twice would cost more than that.
pub const JOURNAL_GROUP_BYTES_MAX: u64 = 64 << 10;

/// One hour, in ms.
pub const HOUR_MS: u64 = 3_600_000;
/// The shortest retention, in ms: one day. Source: Kinesis keeps records for at least 24 hours.
pub const RETENTION_MS_MIN: u64 = 24 * HOUR_MS;
/// The longest retention, in ms: 365 days. Source: Kinesis keeps records for at most 8760 hours.
pub const RETENTION_MS_MAX: u64 = 365 * RETENTION_MS_MIN;

/// In place of a retention: records are kept until they are trimmed, whatever their age.
pub const KEEP_UNTIL_TRIMMED: u64 = u64::MAX;

/// When wall clock and elapsed time disagree by more than this since they last agreed, in ms,
/// nothing is deleted.
pub const CLOCK_DISAGREEMENT_MS_MAX: u64 = HOUR_MS;
