//! The index entries that belong to what was read.

use crate::format::group_header::GROUP_HEADER_BYTES;
use crate::format::index_entry::{IndexEntry, Target};
use crate::format::segment_header::SegmentHeader;
use crate::limits::INDEX_STRIDE_BYTES;
use crate::segment::active::entry;
use crate::seq::SeqNo;

/// Makes the index entries that a segment's writer would have made.
#[derive(Debug)]
pub(crate) struct EntryMaker<'a> {
    header: &'a SegmentHeader,
    entries: Vec<IndexEntry>,
}

impl<'a> EntryMaker<'a> {
    /// Goes on after `entries`.
    pub(crate) fn new(header: &'a SegmentHeader, entries: Vec<IndexEntry>) -> Self {
        Self { header, entries }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes back the entries of a group that turned out not to be whole.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
    }

    /// Makes an entry for the record at `position` of the group at `group_at` if one is due.
    pub(crate) fn visit(&mut self, group_at: u64, position: u64, seq: SeqNo, time_ms: u64) {
        let first_at = group_at.saturating_add(GROUP_HEADER_BYTES as u64);
        let is_first = position == first_at;
        let (at, target) = if is_first {
            (group_at, Target::Group)
        } else {
            (position, Target::Record)
        };
        let due = self
            .entries
            .last()
            .is_none_or(|last| at >= u64::from(last.position).saturating_add(INDEX_STRIDE_BYTES));
        if due {
            let (base, created_ms) = (self.header.base, self.header.created_ms);
            self.entries
                .push(entry(base, created_ms, seq, at, target, time_ms));
        }
    }

    pub(crate) fn into_entries(self) -> Vec<IndexEntry> {
        self.entries
    }
}
