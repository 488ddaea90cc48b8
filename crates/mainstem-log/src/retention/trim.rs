//! Deleting expired segments, oldest first.

use std::sync::Arc;

use mainstem_env::TimestampMs;

use super::policy;
use crate::error::LogError;
use crate::segment::shared::Segment;
use crate::shard::ShardState;

/// Segments deleted in one pass over a shard. Unlinking a large file takes tens of ms, which must not
/// keep other shards waiting.
const SEGMENTS_PER_PASS_MAX: usize = 16;

/// Deletes the shard's expired segments and returns how many.
///
/// No directory sync is needed: a segment that a crash brings back is deleted again.
pub(crate) fn trim(shard: &ShardState, now: TimestampMs) -> Result<usize, LogError> {
    let mut deleted = 0;
    while deleted < SEGMENTS_PER_PASS_MAX {
        let segments = shard.segments.snapshot();
        let Some(oldest) = segments.first() else {
            break;
        };
        // The newest stays, expired or not: its name keeps the sequence numbers going.
        let last = segments.len() <= 1;
        if last || oldest.footer()?.is_none() || !is_expired(oldest, shard, now)? {
            break;
        }
        delete(shard, oldest)?;
        deleted = deleted.saturating_add(1);
    }
    Ok(deleted)
}

fn is_expired(segment: &Segment, shard: &ShardState, now: TimestampMs) -> Result<bool, LogError> {
    let retention_ms = shard.retention_ms();
    let expired = |(_, newest_ms)| policy::is_expired(newest_ms, now, retention_ms);
    // A segment that a repair left empty has nothing to wait for.
    Ok(segment.times_ms()?.is_none_or(expired))
}

fn delete(shard: &ShardState, segment: &Arc<Segment>) -> Result<(), LogError> {
    let fs = &shard.files.env.fs;
    let path = segment.path();
    let len = fs
        .metadata(path)
        .map_err(LogError::io("measure", path))?
        .map_or(0, |it| it.len);
    // Readers stop finding it before it goes, so that none opens a file that is no longer there.
    if !shard.segments.remove_oldest(segment) {
        return Ok(());
    }
    shard.pin(segment, len);
    fs.unlink(path).map_err(LogError::io("remove", path))?;
    shard.counters.trimmed_segments.add(1);
    shard.counters.trimmed_bytes.add(len);
    tracing::debug!(path = %path.display(), bytes = len, "deleted a segment past the retention");
    Ok(())
}
