//! Step 1: records become frames.

use crate::error::LogError;
use crate::format::frame;

/// Records that are appended together: all of them become durable, or none.
///
/// A batch can be cleared and used again, which keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    frames: Vec<u8>,
    records: u32,
    last: usize,
}

impl Batch {
    /// Returns a batch without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record after those already in the batch. An empty payload is a record too.
    ///
    /// # Errors
    /// [`LogError::RecordTooLarge`] if the payload is longer than a frame can hold, 256 MiB. Whether
    /// it fits the shard's segments is checked when the batch is appended.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), LogError> {
        check_payload(payload)?;
        self.last = self.frames.len();
        frame::push_unfinished(&mut self.frames, payload);
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    /// Removes all records.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.records = 0;
        self.last = 0;
    }

    /// Returns how many records the batch has.
    pub fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or(usize::MAX)
    }

    /// Returns whether the batch has no records.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Returns how many bytes the batch takes up on disk, group header excluded.
    pub fn byte_len(&self) -> usize {
        self.frames.len()
    }
}

fn check_payload(payload: &[u8]) -> Result<(), LogError> {
    let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    let limit = u64::from(frame::PAYLOAD_BYTES_MAX);
    if bytes > limit {
        return Err(LogError::RecordTooLarge { bytes, limit });
    }
    Ok(())
}

/// What an append brings: frames made earlier, or one payload whose frame is made in place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Batch(&'a Batch),
    /// A payload and its checksum.
    One(&'a [u8], u32),
}

impl<'a> Source<'a> {
    /// Returns the source of a single record, its payload hashed.
    pub(crate) fn one(payload: &'a [u8]) -> Result<Self, LogError> {
        check_payload(payload)?;
        Ok(Self::One(payload, crc32fast::hash(payload)))
    }

    pub(crate) fn records(self) -> u32 {
        match self {
            Self::Batch(batch) => batch.records,
            Self::One(..) => 1,
        }
    }

    /// Returns how many bytes of frames this becomes.
    pub(crate) fn byte_len(self) -> u64 {
        let len = match self {
            Self::Batch(batch) => batch.frames.len(),
            Self::One(payload, _) => frame::frame_bytes(payload.len()),
        };
        u64::try_from(len).unwrap_or(u64::MAX)
    }

    /// Returns the size of the largest frame.
    pub(crate) fn largest_frame(self) -> u64 {
        match self {
            // A batch's frames are bounded by the batch; walking them is cheaper than keeping a
            // maximum that almost nobody asks for.
            Self::Batch(batch) => frame::lengths(&batch.frames).max().unwrap_or(0),
            Self::One(..) => self.byte_len(),
        }
    }

    /// Appends the frames to `buffer`, the last one marked as the end of its batch.
    pub(crate) fn copy_into(self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        let last = match self {
            Self::Batch(batch) => {
                buffer.extend_from_slice(&batch.frames);
                start.saturating_add(batch.last)
            }
            Self::One(payload, crc) => {
                frame::push_hashed(buffer, payload, crc);
                start
            }
        };
        if let Some(last) = buffer.get_mut(last..) {
            frame::mark_batch_end(last);
        }
    }
}
