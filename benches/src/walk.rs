//! The floor of replay: a file of frames, mapped, and every checksum recomputed.

use std::io;
use std::path::Path;

use mainstem_env::{Env, OpenMode, ReadMode, Region};

use crate::floor::FRAME_HEADER_BYTES;

/// What a walk saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Frames whose checksum matched.
    pub records: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
}

/// Maps the first `len` bytes of the file at `path`.
///
/// # Errors
/// The system's error.
pub fn map(path: &Path, len: u64) -> io::Result<Region> {
    let file = Env::real().fs.open(path, OpenMode::Read)?;
    let region = file.region(len, ReadMode::Mapped)?;
    region.publish(len);
    Ok(region)
}

/// Walks the first `len` bytes of the file at `path`.
///
/// # Errors
/// As [`frames`], and those of mapping.
pub fn file(path: &Path, len: u64) -> io::Result<Walked> {
    let view = map(path, len)?.view(0..len)?;
    frames(&view)
}

/// Walks `bytes`, which are frames without a gap between them.
///
/// # Errors
/// `InvalidData` if a frame reaches past the end, does not follow the one before it, or does not
/// match its checksum.
pub fn frames(bytes: &[u8]) -> io::Result<Walked> {
    each(bytes, |_payload| ())
}

/// As [`frames`], and calls `take` with every payload that matches its checksum.
///
/// # Errors
/// As [`frames`].
#[inline]
pub fn each(bytes: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<Walked> {
    let mut walked = Walked::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (header, after) = rest
            .split_first_chunk::<FRAME_HEADER_BYTES>()
            .ok_or(io::ErrorKind::InvalidData)?;
        let [
            l0,
            l1,
            l2,
            l3,
            c0,
            c1,
            c2,
            c3,
            sequence @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        let (payload, next) = usize::try_from(len)
            .ok()
            .and_then(|len| after.split_at_checked(len))
            .ok_or(io::ErrorKind::InvalidData)?;
        if u64::from_le_bytes(sequence) != walked.records || crc32fast::hash(payload) != crc {
            return Err(io::ErrorKind::InvalidData.into());
        }
        take(payload);
        walked.records = walked.records.saturating_add(1);
        walked.payload_bytes = walked.payload_bytes.saturating_add(u64::from(len));
        rest = next;
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::push_frame;

    #[test]
    fn a_changed_byte_and_a_missing_one_are_noticed() {
        let mut bytes = Vec::new();
        for seq in 0..3 {
            push_frame(&mut bytes, b"payload", crc32fast::hash(b"payload"), seq, 7);
        }
        assert_eq!(frames(&bytes).unwrap().records, 3);
        frames(&bytes[..bytes.len() - 1]).unwrap_err();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        frames(&bytes).unwrap_err();
    }
}
