//! The batches of one sync, as they are collected and as they are written.

use std::sync::Arc;

use super::batch::Source;
use super::round::Round;
use crate::format::checksum::{FrameHasher, Salt};
use crate::format::frame;
use crate::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use crate::seq::SeqNo;

/// The batches that one sync will make durable.
#[derive(Debug)]
pub(crate) struct Group {
    /// Room for the group header, then unfinished frames.
    bytes: Vec<u8>,
    appends: Vec<Appended>,
    records: u32,
    /// The sequence number of the first record.
    pub(crate) first: SeqNo,
    /// Bytes of budget that are given back when the group's fate is known.
    pub(crate) admitted: u64,
    /// How many blocking callers wait for the group.
    pub(crate) blocking: u32,
    pub(crate) round: Arc<Round>,
}

/// One append in a group: where its frames end, and when they arrived.
#[derive(Clone, Copy, Debug)]
struct Appended {
    end: usize,
    time_ms: u64,
}

/// The memory of a group that is done, for the next one.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    bytes: Vec<u8>,
    appends: Vec<Appended>,
}

/// A frame whose place in the file is settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// Bytes from the start of the group header.
    pub(crate) offset: u64,
    pub(crate) seq: SeqNo,
    pub(crate) time_ms: u64,
}

impl Group {
    pub(crate) fn new(first: SeqNo, spare: Spare) -> Self {
        let Spare {
            mut bytes,
            mut appends,
        } = spare;
        bytes.clear();
        bytes.resize(GROUP_HEADER_BYTES, 0);
        appends.clear();
        Self {
            bytes,
            appends,
            records: 0,
            first,
            admitted: 0,
            blocking: 0,
            round: Arc::new(Round::new()),
        }
    }

    /// Adds the frames of `source`, which arrived at `time_ms`.
    pub(crate) fn push(&mut self, source: Source<'_>, time_ms: u64) {
        source.copy_into(&mut self.bytes);
        self.appends.push(Appended {
            end: self.bytes.len(),
            time_ms,
        });
        self.records = self.records.saturating_add(source.records());
        self.admitted = self.admitted.saturating_add(source.byte_len());
    }

    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    /// Returns the group as it is written, once it is finished.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the size of the group in the file, header included.
    pub(crate) fn byte_len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn oldest_ms(&self) -> u64 {
        self.appends.first().map_or(0, |append| append.time_ms)
    }

    pub(crate) fn newest_ms(&self) -> u64 {
        self.appends.last().map_or(0, |append| append.time_ms)
    }

    /// Gives every record its sequence number, time and checksum, and the group its header; calls
    /// `visit` for each record. Returns the group's chain value.
    pub(crate) fn finish(
        &mut self,
        salt: Salt,
        chain: u32,
        durable_upto: u64,
        newest_s: u32,
        mut visit: impl FnMut(Placed),
    ) -> u32 {
        let mut at = GROUP_HEADER_BYTES;
        let mut seq = self.first;
        let mut hasher = FrameHasher::new(salt);
        for append in &self.appends {
            while at < append.end {
                let Some(frames) = self.bytes.get_mut(at..) else {
                    break;
                };
                let offset = u64::try_from(at).unwrap_or(u64::MAX);
                visit(Placed {
                    offset,
                    seq,
                    time_ms: append.time_ms,
                });
                at = at.saturating_add(frame::finish(frames, seq, append.time_ms, &mut hasher));
                seq = seq.plus(1);
            }
        }
        debug_assert_eq!(at, self.bytes.len(), "frames fill the group");
        debug_assert_eq!(
            seq.since(self.first),
            u64::from(self.records),
            "a number per record"
        );
        let frames = self.bytes.len().saturating_sub(GROUP_HEADER_BYTES);
        let header = GroupHeader {
            bytes: u32::try_from(frames).unwrap_or(u32::MAX),
            records: self.records,
            chain,
            first: self.first,
            durable_upto,
            newest_s,
        };
        let encoded = header.encode(salt);
        if let Some(place) = self.bytes.first_chunk_mut::<GROUP_HEADER_BYTES>() {
            *place = encoded;
        }
        GroupHeader::chain_of(&encoded)
    }

    /// Returns the group's memory for another use.
    pub(crate) fn into_spare(self) -> Spare {
        Spare {
            bytes: self.bytes,
            appends: self.appends,
        }
    }
}

impl Spare {
    /// Returns how many bytes of memory are kept.
    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.capacity()
    }
}
