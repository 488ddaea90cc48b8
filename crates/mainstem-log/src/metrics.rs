//! Counters of what happened, for whoever runs the engine.

use std::sync::atomic::{AtomicU64, Ordering};

/// Adds up one kind of event. Counters are independent of each other, so no ordering is needed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) records: Counter,
    pub(crate) bytes: Counter,
    pub(crate) groups: Counter,
    pub(crate) refused: Counter,
    pub(crate) rolls: Counter,
    pub(crate) trimmed_segments: Counter,
    pub(crate) trimmed_bytes: Counter,
    pub(crate) read_errors: Counter,
    pub(crate) index_faults: Counter,
    pub(crate) torn_bytes: Counter,
    pub(crate) recovered_bytes: Counter,
    pub(crate) poisoned: Counter,
    pub(crate) scrubbed_bytes: Counter,
    pub(crate) scrub_errors: Counter,
}

impl ShardCounters {
    pub(crate) fn committed(&self, records: u32, bytes: u64) {
        self.groups.add(1);
        self.records.add(records.into());
        self.bytes.add(bytes);
    }

    pub(crate) fn rolled(&self) {
        self.rolls.add(1);
    }
}

/// What happened in a shard since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardMetrics {
    /// Records made durable.
    pub records: u64,
    /// Bytes written for them, headers and padding included.
    pub bytes: u64,
    /// Groups committed, each with one sync.
    pub groups: u64,
    /// Appends that ended with an error.
    pub refused: u64,
    /// Bytes accepted and not yet durable.
    pub queued_bytes: u64,
    /// Segments sealed.
    pub rolls: u64,
    /// Segments deleted by retention.
    pub trimmed_segments: u64,
    /// Bytes of their files.
    pub trimmed_bytes: u64,
    /// Bytes of deleted segments that readers still hold.
    pub pinned_bytes: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Index entries that did not verify; the reads went on without them.
    pub index_faults: u64,
    /// Bytes read by recovery when the shard was opened.
    pub recovered_bytes: u64,
    /// Bytes after the last whole group that recovery cut off: never acknowledged.
    pub torn_bytes: u64,
    /// Bytes of sealed segments verified in the background.
    pub scrubbed_bytes: u64,
    /// Sealed segments that did not verify then.
    pub scrub_errors: u64,
    /// Segments at present.
    pub segments: u64,
    /// Ranges ahead of the data that are being filled with zeros at present: 1 or 0.
    pub prewrites: u64,
    /// Commits that wait for that at present: 1 or 0.
    pub prewrite_waits: u64,
    /// Whether appends are refused until the engine is opened again: 1 or 0.
    pub poisoned: u64,
}

/// What happened in an engine since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineMetrics {
    /// Shards opened.
    pub shards_open: u64,
    /// Bytes accepted and not yet durable, over all shards.
    pub queued_bytes: u64,
    /// Files mapped.
    pub maps: u64,
    /// Threads started for asynchronous commits.
    pub sync_threads: u64,
    /// Maintenance passes that deleted nothing because the clocks disagreed.
    pub clock_holds: u64,
    /// Groups made durable in the commit journal, and not by a sync of their own segment.
    pub journaled_groups: u64,
}
