//! Step 2: reading groups, every byte verified.

use std::path::Path;

use mainstem_env::File;

use super::entries::EntryMaker;
use crate::defect::{Defect, is_planted};
use crate::error::LogError;
use crate::format::checksum::{FrameHasher, Salt};
use crate::format::frame::{self, FrameError};
use crate::format::group_header::{GROUP_HEADER_BYTES, GroupHeader};
use crate::format::segment_header::SegmentHeader;
use crate::seq::SeqNo;

/// A group that verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeGroup {
    pub(crate) header: GroupHeader,
    /// What the next group carries as its chain.
    pub(crate) chain: u32,
    /// The exclusive end of its last frame.
    pub(crate) end: u64,
    /// The arrival times of its first and last record, in ms.
    pub(crate) oldest_ms: u64,
    pub(crate) newest_ms: u64,
}

impl WholeGroup {
    /// Returns the sequence number after its last record.
    pub(crate) fn next(&self) -> SeqNo {
        self.header.first.plus(self.header.records.into())
    }
}

/// Where and why the bytes at a position are not a whole group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoGroup {
    pub(crate) position: u64,
    pub(crate) what: String,
}

/// What a group must be to follow what was read before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expect {
    pub(crate) first: SeqNo,
    /// The chain value; unknown when reading begins in the middle of a segment.
    pub(crate) chain: Option<u32>,
}

/// A place between two groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: u64,
    /// What the group that begins there must be.
    pub(crate) expect: Expect,
}

impl Place {
    /// Returns the place before the first group of the segment with `header`.
    pub(crate) fn start_of(header: &SegmentHeader) -> Self {
        Self {
            position: SegmentHeader::data_start(),
            expect: Expect {
                first: header.base,
                chain: Some(header.chain()),
            },
        }
    }
}

/// Reads the groups of one file, one after the other.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    file: &'a dyn File,
    path: &'a Path,
    salt: Salt,
    /// No group reaches past this position.
    end: u64,
    /// Before the group that is read next.
    place: Place,
    buffer: Vec<u8>,
    /// Whether what is read should not stay in the system's cache.
    in_passing: bool,
    /// Bytes read so far.
    pub(crate) bytes_read: u64,
}

impl<'a> Walker<'a> {
    /// Reads `file`, of which all groups end before `end`, from `place` on.
    pub(crate) fn new(
        file: &'a dyn File,
        path: &'a Path,
        salt: Salt,
        end: u64,
        place: Place,
    ) -> Self {
        Self {
            file,
            path,
            salt,
            end,
            place,
            buffer: Vec::new(),
            in_passing: false,
            bytes_read: 0,
        }
    }

    /// Reads what nobody is about to ask for again.
    pub(crate) fn in_passing(self) -> Self {
        Self {
            in_passing: true,
            ..self
        }
    }

    /// Returns where the next group begins, and what it must be.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Reads the next group and goes on behind it, or stays if there is none; gives `entries` those of
    /// its records.
    ///
    /// A record that verifies but that this version cannot read makes it [`LogError::Unsupported`].
    pub(crate) fn next_group(
        &mut self,
        mut entries: Option<&mut EntryMaker<'_>>,
    ) -> Result<Result<WholeGroup, NoGroup>, LogError> {
        let Place { position, expect } = self.place;
        let kept = entries.as_ref().map_or(0, |entries| entries.len());
        let group = self.group(position, expect, |at, frame| {
            if let Some(entries) = &mut entries {
                entries.visit(position, at, frame.seq, frame.time_ms);
            }
        })?;
        match &group {
            Ok(group) => {
                self.place = Place {
                    position: group.end,
                    expect: Expect {
                        first: group.next(),
                        chain: Some(group.chain),
                    },
                };
            }
            Err(_) => {
                if let Some(entries) = entries {
                    entries.truncate(kept);
                }
            }
        }
        Ok(group)
    }

    fn read(&mut self, position: u64, len: usize) -> Result<&[u8], LogError> {
        self.buffer.resize(len, 0);
        let read = if self.in_passing {
            self.file.read_in_passing(&mut self.buffer, position)
        } else {
            self.file.read_at(&mut self.buffer, position)
        };
        let read = read.map_err(LogError::io("read", self.path))?;
        self.bytes_read = self
            .bytes_read
            .saturating_add(u64::try_from(read).unwrap_or(0));
        self.buffer.truncate(read);
        Ok(&self.buffer)
    }

    /// Reads the group at `position`; calls `visit` with the position of each record.
    fn group(
        &mut self,
        position: u64,
        expect: Expect,
        mut visit: impl FnMut(u64, &frame::Frame<'_>),
    ) -> Result<Result<WholeGroup, NoGroup>, LogError> {
        let bad = |position: u64, what: &str| {
            Ok(Err(NoGroup {
                position,
                what: what.to_owned(),
            }))
        };
        let (salt, end) = (self.salt, self.end);
        let block = self.read(position, GROUP_HEADER_BYTES)?;
        let Some(header) = GroupHeader::decode(block, salt) else {
            return bad(position, "no group header, or a damaged one");
        };
        let chain = GroupHeader::chain_of(block);
        let is_chained = expect.chain.is_none_or(|chain| chain == header.chain);
        if !is_chained && !is_planted(Defect::ChainNotChecked) {
            return bad(position, "group does not follow the one before it");
        }
        if header.first != expect.first && !is_planted(Defect::SequenceNotChecked) {
            return bad(
                position,
                "group begins with another sequence number than expected",
            );
        }
        let body = position.saturating_add(GROUP_HEADER_BYTES as u64);
        let group_end = body.saturating_add(header.bytes.into());
        if group_end > end || header.bytes == 0 || header.records == 0 {
            return bad(position, "group reaches past the end of the file");
        }
        let body_len = usize::try_from(header.bytes).unwrap_or(usize::MAX);
        let frames = self.read(body, body_len)?;
        if frames.len() != body_len {
            return bad(position, "group reaches past the end of the file");
        }
        let (mut at, mut seq) = (0, header.first);
        let (mut oldest_ms, mut newest_ms, mut batch_ended) = (None, 0, false);
        let mut hasher = FrameHasher::new(salt);
        while let Some(rest) = frames.get(at..).filter(|rest| !rest.is_empty()) {
            let here = body.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
            let frame = match frame::decode(rest, &mut hasher) {
                Ok(frame) => frame,
                // It is whole: whoever wrote it was told so, and only this version cannot read it.
                Err(error @ FrameError::Unsupported(_)) => {
                    return Err(LogError::Unsupported {
                        path: self.path.to_path_buf(),
                        what: format!("record at byte {here}: {error}"),
                    });
                }
                Err(_) if at > 0 && is_planted(Defect::TornGroupKept) => {
                    let records = u32::try_from(seq.since(header.first)).unwrap_or(0);
                    return Ok(Ok(WholeGroup {
                        header: GroupHeader { records, ..header },
                        chain,
                        end: here,
                        oldest_ms: oldest_ms.unwrap_or(newest_ms),
                        newest_ms,
                    }));
                }
                Err(error) => return bad(here, &error.to_string()),
            };
            if frame.seq != seq {
                return bad(here, "record has another sequence number than expected");
            }
            visit(here, &frame);
            oldest_ms.get_or_insert(frame.time_ms);
            newest_ms = newest_ms.max(frame.time_ms);
            batch_ended = frame.batch_end;
            at = at.saturating_add(frame.len);
            seq = seq.plus(1);
        }
        if seq.since(header.first) != u64::from(header.records) || !batch_ended {
            return bad(position, "group holds other records than its header says");
        }
        Ok(Ok(WholeGroup {
            header,
            chain,
            end: group_end,
            oldest_ms: oldest_ms.unwrap_or(newest_ms),
            newest_ms,
        }))
    }

    /// Looks from `from` on for a group header written when more than `from` bytes were durable;
    /// returns its position and the end of the last word that is not zero.
    pub(crate) fn later_group(&mut self, from: u64) -> Result<(Option<u64>, u64), LogError> {
        const CHUNK: usize = 1 << 20;
        const ZEROS: [u8; 512] = [0; 512];
        let salt = self.salt;
        let (mut at, mut last_used) = (from, from);
        while at < self.end {
            // Chunks overlap by a header, so that none is missed at their border.
            let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
            let chunk = self.read(at, CHUNK.saturating_add(GROUP_HEADER_BYTES).min(left))?;
            if chunk.is_empty() {
                break;
            }
            let mut offset = 0;
            while offset < CHUNK {
                let Some(rest) = chunk.get(offset..).filter(|rest| !rest.is_empty()) else {
                    break;
                };
                // Allocated space is mostly zeros: pass over a block of them at a time.
                let block = rest.get(..ZEROS.len()).unwrap_or(rest);
                if ZEROS.starts_with(block) {
                    offset = offset.saturating_add(block.len().next_multiple_of(8));
                    continue;
                }
                let here = at.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX));
                if rest.iter().take(8).any(|byte| *byte != 0) {
                    last_used = here.saturating_add(8);
                    let proof = GroupHeader::decode(rest, salt)
                        .is_some_and(|header| header.durable_upto > from);
                    if proof {
                        return Ok((Some(here), last_used));
                    }
                }
                offset = offset.saturating_add(8);
            }
            at = at.saturating_add(CHUNK as u64);
        }
        Ok((None, last_used.min(self.end)))
    }
}
