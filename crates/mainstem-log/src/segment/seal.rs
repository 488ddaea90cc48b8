//! Sealing: the active segment gets its index block and footer, and never changes again.

use super::active::{ActiveSegment, refused, storage_error, sync_failed};
use crate::append::committer::CommitFailure;
use crate::defect::{Defect, is_planted};
use crate::format::footer::{FOOTER_BYTES, Footer};
use crate::format::index_entry::{INDEX_ENTRY_BYTES, IndexEntry};
use crate::format::segment_header::{PreviousSegment, SegmentHeader};
use crate::seq::SeqNo;

/// Seals `active` and returns how its successor names it.
///
/// # Durability
/// On `Ok` the footer survives a power cut. A refusal changed nothing that matters: the segment is
/// still active, with more space allocated at most.
pub(crate) fn seal(active: &mut ActiveSegment) -> Result<PreviousSegment, CommitFailure> {
    // Zeros written behind the footer would make the file longer than it says.
    active.wait_for_prewrite().map_err(CommitFailure::Fatal)?;
    let entries = active.segment.index_entries();
    let (block, footer) = index_and_footer(active, &entries);
    let path = active.segment.path().to_path_buf();
    let file = active.file_for_seal().map_err(refused)?;
    let tail_bytes = u64::try_from(block.len()).unwrap_or(u64::MAX);
    let end = active.data_end.saturating_add(tail_bytes);
    file.allocate(end)
        .map_err(|error| storage_error("extend", &path, error))?;
    let fatal = |error| CommitFailure::Fatal(sync_failed(&path, error));
    file.write_all_at(&block, active.data_end).map_err(fatal)?;
    // Only allocated space beyond the footer goes; nobody can see past the data end.
    file.truncate(end).map_err(fatal)?;
    if !is_planted(Defect::SealNotSynced) {
        file.sync_all().map_err(fatal)?;
    }
    active.segment.set_sealed(active.header, footer, end);
    active.remove_index();
    active.close_files();
    Ok(PreviousSegment {
        base: active.header.base,
        chain: active.chain,
    })
}

fn index_and_footer(active: &ActiveSegment, entries: &[IndexEntry]) -> (Vec<u8>, Footer) {
    let records = active.next.since(active.header.base);
    let totals = Totals {
        data_end: active.data_end,
        records,
        last: SeqNo(
            active
                .header
                .base
                .0
                .saturating_add(records.saturating_sub(1)),
        ),
        oldest_ms: active.oldest_ms,
        newest_ms: active.newest_ms,
        chain: active.chain,
        cut_by_repair: false,
    };
    encode(&active.header, entries, &totals)
}

/// What a footer says apart from the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    pub(crate) data_end: u64,
    pub(crate) records: u64,
    pub(crate) last: SeqNo,
    pub(crate) oldest_ms: u64,
    pub(crate) newest_ms: u64,
    pub(crate) chain: u32,
    pub(crate) cut_by_repair: bool,
}

/// Returns index block and footer as they follow the data, and the footer apart.
pub(crate) fn encode(
    header: &SegmentHeader,
    entries: &[IndexEntry],
    totals: &Totals,
) -> (Vec<u8>, Footer) {
    let len = entries
        .len()
        .saturating_mul(INDEX_ENTRY_BYTES)
        .saturating_add(FOOTER_BYTES);
    let mut bytes = Vec::with_capacity(len);
    for entry in entries {
        bytes.extend_from_slice(&entry.encode(header.salt));
    }
    let footer = Footer {
        data_end: u32::try_from(totals.data_end).unwrap_or(u32::MAX),
        index_entries: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        records: totals.records,
        last: totals.last,
        oldest_ms: totals.oldest_ms,
        newest_ms: totals.newest_ms,
        chain: totals.chain,
        index_crc: crate::format::checksum::salted(&bytes, header.salt),
        cut_by_repair: totals.cut_by_repair,
    };
    bytes.extend_from_slice(&footer.encode(header.salt));
    (bytes, footer)
}
