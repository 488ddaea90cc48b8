//! Deleting segments that are expired or not wanted any more, oldest first.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mainstem_env::TimestampMs;

use super::policy;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::format::names;
use crate::segment::shared::Segment;
use crate::seq::SeqNo;
use crate::shard::ShardState;

/// Segments deleted in one pass over a shard. Unlinking a large file takes tens of ms, which must not
/// keep other shards waiting.
const SEGMENTS_PER_PASS_MAX: usize = 16;

/// Where the deletion of a shard's segments stands. Held by whoever deletes.
#[derive(Debug, Default)]
pub(crate) struct Trimming {
    /// A segment that readers find no more and whose file is still to be removed.
    leaving: Option<PathBuf>,
    /// Whether nothing is deleted any more: the shard was removed, or a directory sync failed. Which
    /// names a power cut brings back is then unknown, and deleting a later segment could leave a hole.
    ended: bool,
    /// Whether the segment before the oldest is known to stay away: see [`keep_away`].
    is_front_sure: bool,
}

impl Trimming {
    /// Deletes nothing any more.
    pub(crate) fn end(&mut self) {
        *self = Self {
            leaving: None,
            ended: true,
            is_front_sure: false,
        };
    }
}

/// Deletes the shard's expired segments and returns how many.
///
/// # Durability
/// Each removal is durable before the next one is begun. Otherwise a power cut could bring back an
/// older segment without a newer one, and what is left would have a hole.
pub(crate) fn trim(shard: &ShardState, now: TimestampMs) -> Result<usize, LogError> {
    let mut trimming = shard.trimming.lock();
    let mut deleted = 0;
    // What could not be removed last time goes before anything newer does.
    finish(shard, &mut trimming)?;
    while deleted < SEGMENTS_PER_PASS_MAX && !trimming.ended {
        let segments = shard.segments.snapshot();
        let Some(oldest) = segments.first() else {
            break;
        };
        // The newest stays, expired or not: its name keeps the sequence numbers going.
        let Some(successor) = segments.get(1) else {
            break;
        };
        if !is_expired(oldest, successor, shard, now)? {
            break;
        }
        if is_planted(Defect::RetentionNewestFirst) {
            delete_younger(shard, &segments, now)?;
        }
        delete(shard, oldest, &mut trimming)?;
        deleted = deleted.saturating_add(1);
    }
    Ok(deleted)
}

/// Deletes the segments all of whose records are before `before`, and returns how many.
///
/// # Durability
/// As [`trim`].
pub(crate) fn trim_before(shard: &ShardState, before: SeqNo) -> Result<usize, LogError> {
    let mut trimming = shard.trimming.lock();
    let mut deleted = 0_usize;
    finish(shard, &mut trimming)?;
    while !trimming.ended {
        let segments = shard.segments.snapshot();
        let (Some(oldest), Some(successor)) = (segments.first(), segments.get(1)) else {
            break;
        };
        if successor.base > before {
            break;
        }
        delete(shard, oldest, &mut trimming)?;
        deleted = deleted.saturating_add(1);
    }
    Ok(deleted)
}

fn is_expired(
    segment: &Segment,
    successor: &Segment,
    shard: &ShardState,
    now: TimestampMs,
) -> Result<bool, LogError> {
    let expired = |newest_ms| policy::is_expired(newest_ms, now, shard.retention_ms());
    match segment.times_ms() {
        Ok(Some((oldest_ms, _))) if is_planted(Defect::RetentionByOldest) => Ok(expired(oldest_ms)),
        Ok(Some((_, newest_ms))) => Ok(expired(newest_ms)),
        // A segment that a repair left empty has nothing to wait for.
        Ok(None) => Ok(true),
        // A damaged footer must not keep everything behind it for ever: no record in the segment is
        // newer than the next segment.
        Err(LogError::Corrupt { .. }) => Ok(expired(successor.header()?.created_ms)),
        Err(error) => Err(error),
    }
}

/// Deletes the expired segments but the oldest, the newest first.
fn delete_younger(
    shard: &ShardState,
    segments: &[Arc<Segment>],
    now: TimestampMs,
) -> Result<(), LogError> {
    let fs = &shard.files.env.fs;
    for pair in segments.windows(2).skip(1).rev() {
        if let [segment, successor] = pair
            && is_expired(segment, successor, shard, now)?
        {
            let path = segment.path();
            let gone = fs
                .unlink(path)
                .and_then(|()| fs.sync_dir(path.parent().unwrap_or(path)));
            gone.map_err(LogError::io("remove", path))?;
        }
    }
    Ok(())
}

fn delete(
    shard: &ShardState,
    segment: &Arc<Segment>,
    trimming: &mut Trimming,
) -> Result<(), LogError> {
    keep_away(shard, segment, trimming)?;
    let path = segment.path();
    let len = shard
        .files
        .env
        .fs
        .metadata(path)
        .map_err(LogError::io("measure", path))?
        .map_or(0, |it| it.len);
    // Readers stop finding it before it goes, so that none opens a file that is no longer there.
    if !shard.segments.remove_oldest(segment) {
        return Ok(());
    }
    shard.pin(segment, len);
    trimming.leaving = Some(path.to_path_buf());
    shard.counters.trimmed_segments.add(1);
    shard.counters.trimmed_bytes.add(len);
    finish(shard, trimming)?;
    tracing::debug!(path = %path.display(), bytes = len, "deleted a segment");
    Ok(())
}

/// Makes durable, before the first deletion of a process, that the segment before `oldest` is gone.
///
/// The sync of its removal may have failed in a process that is no more. A power cut then brings it back,
/// whatever is synced later: what a failed sync left behind is marked clean. Without `oldest` it would
/// leave a hole. A name that is used again, and synced, has nothing left behind; that of a directory
/// means nothing to anybody, should a crash leave it there.
fn keep_away(
    shard: &ShardState,
    oldest: &Segment,
    trimming: &mut Trimming,
) -> Result<(), LogError> {
    if trimming.is_front_sure {
        return Ok(());
    }
    let before = match oldest.header() {
        Ok(header) => header.previous,
        // Who came before it cannot be found out, and damage must not keep everything for ever.
        Err(LogError::Corrupt { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(before) = before {
        let dir = oldest.path().parent().unwrap_or(oldest.path());
        let path = dir.join(names::segment(before.base));
        let fs = &shard.files.env.fs;
        match fs.create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // On a full disk, deleting comes first: it is what gives space back.
            Err(error) if is_want_of_space(&error) => return Ok(()),
            created => created.map_err(LogError::io("create", &path))?,
        }
        fs.remove_dir(&path)
            .map_err(LogError::io("remove", &path))?;
        fs.sync_dir(dir).map_err(|error| {
            trimming.ended = true;
            LogError::io("sync", dir)(error)
        })?;
    }
    trimming.is_front_sure = true;
    Ok(())
}

fn is_want_of_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Removes the file of the segment that is leaving, durably.
fn finish(shard: &ShardState, trimming: &mut Trimming) -> Result<(), LogError> {
    let Some(path) = &trimming.leaving else {
        return Ok(());
    };
    let fs = &shard.files.env.fs;
    match fs.unlink(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(LogError::io("remove", path)(error));
        }
        _ => {}
    }
    let dir = path.parent().unwrap_or(path).to_path_buf();
    trimming.leaving = None;
    if is_planted(Defect::UnlinkNotSynced) {
        return Ok(());
    }
    fs.sync_dir(&dir).map_err(|error| {
        trimming.ended = true;
        LogError::io("sync", dir)(error)
    })
}
