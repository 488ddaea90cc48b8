//! What the files of a shard say before any record is read. Opening and verifying ask the same.

use std::path::Path;
use std::sync::Arc;

use mainstem_env::{File, OpenMode};

use super::listing::Listing;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::files::Files;
use crate::format::checksum;
use crate::format::footer::Footer;
use crate::format::index_entry::INDEX_ENTRY_BYTES;
use crate::format::manifest::CleanShard;
use crate::format::names;
use crate::format::segment_header::SegmentHeader;
use crate::segment::shared::{read_footer, read_header};
use crate::seq::SeqNo;

/// What is wrong with a segment that a repair cut if nothing follows it.
pub(crate) const UNFINISHED_REPAIR: &str =
    "a repair cut records off here, and the segment that was to follow is missing";

/// How the newest files of a shard are not as they should be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Newest {
    /// The base of a segment that there must be and that is not there.
    pub(crate) missing: Option<SeqNo>,
    /// The base of a file that a crash left of a segment that was never born.
    pub(crate) unborn: Option<SeqNo>,
}

/// Looks at the newest files. What is unborn is no segment, hence taken out of `listing`.
pub(crate) fn look_at_newest(
    files: &Arc<Files>,
    dir: &Path,
    shard_hash: u32,
    listing: &mut Listing,
    clean: Option<&CleanShard>,
) -> Result<Newest, LogError> {
    let unborn = find_unborn(files, dir, shard_hash, listing, clean)?;
    if unborn.is_some() {
        listing.segments.pop();
    }
    // A repair that was stopped can leave an unborn file newer than the segment that is missing.
    let closed = clean
        .map(|clean| clean.segment)
        .filter(|base| Some(*base) != unborn);
    // An index is made only after the first group of its segment is durable.
    let indexed = listing.indexes.last().copied();
    let missing = closed
        .max(indexed)
        .filter(|base| Some(base) > listing.segments.last());
    Ok(Newest { missing, unborn })
}

/// Returns the base of the newest file if a crash during its creation left it without a whole header.
///
/// Nothing is written behind a header before it is durable, so such a file is never longer than one,
/// and has no index beside it. After a segment that a repair cut there is none: its successor was
/// durable first.
fn find_unborn(
    files: &Arc<Files>,
    dir: &Path,
    shard_hash: u32,
    listing: &Listing,
    clean: Option<&CleanShard>,
) -> Result<Option<SeqNo>, LogError> {
    let Some((newest, before)) = listing.segments.split_last() else {
        return Ok(None);
    };
    if is_planted(Defect::UnbornTakenForDamage) {
        return Ok(None);
    }
    let had_records =
        clean.is_some_and(|it| it.segment == *newest && it.data_end > SegmentHeader::data_start());
    if had_records || listing.indexes.contains(newest) {
        return Ok(None);
    }
    let path = dir.join(names::segment(*newest));
    let file = open(files, &path)?;
    let len = file.len().map_err(LogError::io("measure", &path))?;
    if len > SegmentHeader::data_start() {
        return Ok(None);
    }
    match read_header(&*file, &path, *newest, shard_hash) {
        Ok(_) => return Ok(None),
        Err(LogError::Corrupt { .. }) => {}
        Err(error) => return Err(error),
    }
    if let Some(before) = before.last() {
        let path = dir.join(names::segment(*before));
        let file = open(files, &path)?;
        let footer = match read_header(&*file, &path, *before, shard_hash) {
            Ok(header) => read_footer(&*file, &path, &header)?,
            Err(LogError::Corrupt { .. }) => None,
            Err(error) => return Err(error),
        };
        if footer.is_some_and(|footer| footer.cut_by_repair) {
            return Ok(None);
        }
    }
    Ok(Some(*newest))
}

/// Returns whether the index block of a sealed segment is what its footer says.
pub(crate) fn index_is_whole(
    file: &dyn File,
    path: &Path,
    header: &SegmentHeader,
    footer: &Footer,
) -> Result<bool, LogError> {
    let len = usize::try_from(footer.index_entries)
        .unwrap_or(0)
        .saturating_mul(INDEX_ENTRY_BYTES);
    let mut block = vec![0; len];
    let read = file
        .read_at(&mut block, footer.data_end.into())
        .map_err(LogError::io("read", path))?;
    Ok(read == len && checksum::salted(&block, header.salt) == footer.index_crc)
}

fn open(files: &Arc<Files>, path: &Path) -> Result<Arc<dyn File>, LogError> {
    files
        .env
        .fs
        .open(path, OpenMode::Read)
        .map_err(LogError::io("open", path))
}
