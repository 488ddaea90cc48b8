//! Step 3: from the last point known durable to the end of the newest segment.

use std::path::Path;

use mainstem_env::{File, Fs, OpenMode};

use super::entries::EntryMaker;
use super::walk::{Expect, NoGroup, Place, Walker};
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::format::frame;
use crate::format::index_entry::{INDEX_ENTRY_BYTES, IndexEntry, Target};
use crate::format::segment_header::SegmentHeader;
use crate::limits::INDEX_STRIDE_BYTES;
use crate::segment::active::entry;
use crate::seq::SeqNo;

/// The entries of an `.idx` file that verify, by position, and what its marks say.
#[derive(Debug, Default)]
pub(crate) struct IndexHints {
    pub(crate) entries: Vec<IndexEntry>,
    /// The newest of the groups that were the last one when they were written.
    pub(crate) last_group: Option<IndexEntry>,
    /// The largest data end that any entry vouches for; 0 if there is none.
    pub(crate) proven_end: u64,
    /// The sequence number after the last record that any entry vouches for; 0 if there is none.
    pub(crate) proven_next: SeqNo,
}

impl IndexHints {
    /// Adds what a note says that was written when all records before `next` were durable and ended
    /// at `end`.
    pub(crate) fn vouch(&mut self, end: u64, next: SeqNo) {
        if is_planted(Defect::IndexProofIgnored) {
            return;
        }
        self.proven_end = self.proven_end.max(end);
        self.proven_next = self.proven_next.max(next);
    }
}

/// Reads the index file at `path`; one that is missing or damaged gives fewer hints.
pub(crate) fn read_index(
    fs: &dyn Fs,
    path: &Path,
    header: &SegmentHeader,
) -> Result<IndexHints, LogError> {
    if fs
        .metadata(path)
        .map_err(LogError::io("look at", path))?
        .is_none()
    {
        return Ok(IndexHints::default());
    }
    let file = fs
        .open(path, OpenMode::Read)
        .map_err(LogError::io("open", path))?;
    let len = file.len().map_err(LogError::io("measure", path))?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read = file
        .read_at(&mut bytes, 0)
        .map_err(LogError::io("read", path))?;
    bytes.truncate(read);
    let mut hints = IndexHints::default();
    for block in bytes.chunks_exact(INDEX_ENTRY_BYTES) {
        let Some(entry) = IndexEntry::decode(block, header.salt) else {
            continue;
        };
        // Each entry was true when it was written, wherever in the file it is found.
        let position = u64::from(entry.position);
        let seq = header.base.plus(entry.seq_offset.into());
        match entry.target {
            Target::Mark => hints.vouch(position, seq),
            Target::Group | Target::Record => {
                hints.vouch(position.saturating_add(1), seq.plus(1));
                hints.entries.push(entry);
            }
            Target::LastGroup => {
                hints.vouch(position.saturating_add(1), seq.plus(1));
                let is_newer = |it: &IndexEntry| entry.position > it.position;
                if hints.last_group.as_ref().is_none_or(is_newer) {
                    hints.last_group = Some(entry);
                }
            }
        }
    }
    hints.entries.sort_unstable_by_key(|entry| entry.position);
    hints.entries.dedup_by_key(|entry| entry.position);
    Ok(hints)
}

/// What the walk found.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Where the walk began.
    pub(crate) start: u64,
    /// The end of the last whole group.
    pub(crate) valid_end: u64,
    pub(crate) next: SeqNo,
    pub(crate) chain: u32,
    pub(crate) newest_ms: u64,
    /// Why the walk stopped.
    pub(crate) stopped: NoGroup,
    /// The position of a later group that proves damage.
    pub(crate) later_group: Option<u64>,
    /// The end of the last word that is not zero, `valid_end` at least.
    pub(crate) used_end: u64,
    /// Index entries for all that is valid.
    pub(crate) entries: Vec<IndexEntry>,
    /// The last whole group, if one was read.
    pub(crate) last_group: Option<IndexEntry>,
    pub(crate) bytes_read: u64,
}

/// Walks the segment in `file` from the newest point that `hints` vouch for.
pub(crate) fn scan(
    file: &dyn File,
    path: &Path,
    header: &SegmentHeader,
    hints: &IndexHints,
) -> Result<Scan, LogError> {
    let len = file.len().map_err(LogError::io("measure", path))?;
    // A file that lost its end may be shorter than its index knows. What is left of it is read, and
    // nobody is let into what is not there.
    // Where entries before the last group are lost, those that are made from there on would not be where a
    // whole index has them: then the walk begins before the gap.
    let last_group = hints.last_group.filter(|last| {
        let mut before = hints.entries.iter().rev();
        let known = before.find(|it| it.position <= last.position);
        known.is_some_and(|known| {
            u64::from(last.position) < u64::from(known.position).saturating_add(INDEX_STRIDE_BYTES)
        })
    });
    let groups = hints
        .entries
        .iter()
        .filter(|entry| entry.target == Target::Group)
        .chain(&last_group);
    let begin = groups
        .filter(|entry| u64::from(entry.position) < len)
        .max_by_key(|entry| entry.position);
    let start = begin.map_or(SegmentHeader::data_start(), |entry| entry.position.into());
    let from = begin.map_or(Place::start_of(header), |entry| Place {
        position: start,
        expect: Expect {
            first: header.base.plus(entry.seq_offset.into()),
            chain: None,
        },
    });
    let mut walker = Walker::new(file, path, header.salt, len, from);
    let mut known: Vec<IndexEntry> = hints.entries.clone();
    known.retain(|entry| u64::from(entry.position) < start);
    let mut entries = EntryMaker::new(header, known);
    // Nothing before the entry is newer than what it points at, whose time it rounds down.
    let before_ms = begin.map_or(0, |entry| {
        let seconds = u64::from(entry.time_s).saturating_add(1);
        header
            .created_ms
            .saturating_add(seconds.saturating_mul(1000))
    });
    let mut newest_ms = before_ms;
    let mut last_group = None;
    let stopped = loop {
        let at = walker.place().position;
        match walker.next_group(Some(&mut entries))? {
            Ok(group) => {
                newest_ms = group.newest_ms;
                last_group = Some(entry(
                    header.base,
                    header.created_ms,
                    group.header.first,
                    at,
                    Target::LastGroup,
                    group.oldest_ms,
                ));
            }
            Err(no_group) => break no_group,
        }
    };
    let Place { position, expect } = walker.place();
    let (later_group, used_end) = walker.later_group(position)?;
    Ok(Scan {
        start,
        valid_end: position,
        next: expect.first,
        chain: expect.chain.unwrap_or(0),
        newest_ms,
        stopped,
        later_group,
        used_end,
        entries: entries.into_entries(),
        last_group,
        bytes_read: walker.bytes_read,
    })
}

/// Returns the arrival time of the first record of a segment that has one, or, if it cannot be
/// read, the segment's creation time, which is never later.
pub(crate) fn oldest_ms(file: &dyn File, header: &SegmentHeader) -> u64 {
    let mut block = [0; 40 + frame::FRAME_HEADER_BYTES];
    let read = file
        .read_at(&mut block, SegmentHeader::data_start())
        .unwrap_or(0);
    let time = frame::time_ms(block.get(40..read).unwrap_or_default()).unwrap_or(0);
    time.max(header.created_ms)
}
