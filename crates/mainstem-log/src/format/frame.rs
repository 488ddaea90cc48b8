//! One record on disk: 24 bytes, the payload, and zeros up to a multiple of 8.
//!
//! A frame is written in two steps. The caller of an append encodes it with [`push_unfinished`],
//! which hashes the payload; the committer, which alone knows sequence number and salt,
//! [`finish`]es the hash over the header. The expensive part so runs outside of every lock.

use super::bytes::{Fields, FieldsMut};
use super::checksum::FrameHasher;
use super::padded;
use crate::defect::{Defect, is_planted};
use crate::seq::SeqNo;

/// The size of a frame without its payload, in bytes.
pub const FRAME_HEADER_BYTES: usize = 24;
/// The longest payload whose length fits its field, in bytes.
pub const PAYLOAD_BYTES_MAX: u32 = LENGTH_MASK;

const LENGTH_MASK: u32 = (1 << 28) - 1;
const BATCH_END: u32 = 1 << 28;
const COMPRESSED: u32 = 1 << 29;
const ENCRYPTED: u32 = 1 << 30;
const PRESENT: u32 = 1 << 31;

const AT_WORD: usize = 0;
const AT_CRC: usize = 4;
const AT_SEQ: usize = 8;
const AT_TIME: usize = 16;
const _: () = assert!(AT_TIME + 8 == FRAME_HEADER_BYTES);

/// A frame read back: a slice of the bytes it was read from, and what stood in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The record's sequence number.
    pub seq: SeqNo,
    /// When the record arrived, in ms since the Unix epoch.
    pub time_ms: u64,
    /// Whether it is the last record of its batch.
    pub batch_end: bool,
    /// What the user put.
    pub payload: &'a [u8],
    /// Bytes of the whole frame, padding included.
    pub len: usize,
}

/// Why the bytes at a position are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first word is not that of a frame.
    #[error("no frame")]
    Absent,
    /// The bytes end before the frame does: at least this many are needed.
    #[error("frame needs {0} bytes")]
    Short(usize),
    /// The frame is whole, but compressed or encrypted, which this version cannot undo.
    #[error("frame flags {0:#x} are not supported by this version")]
    Unsupported(u32),
    /// The checksum does not match.
    #[error("stored checksum {stored:#010x}, computed {computed:#010x}")]
    Checksum {
        /// The checksum in the frame.
        stored: u32,
        /// The checksum of the frame's bytes.
        computed: u32,
    },
}

/// Returns the size of a frame with `payload` bytes of payload, padding included.
#[inline]
pub const fn frame_bytes(payload: usize) -> usize {
    payload.saturating_add(FRAME_HEADER_BYTES + 7) & !7
}

/// Returns whether `word`, the first four bytes at a position, begins a frame.
pub const fn begins_frame(word: u32) -> bool {
    word & PRESENT != 0
}

/// Appends the frame of `payload` to `buffer`, without sequence number, time and salt.
///
/// # Panics
/// In debug builds, if the payload is longer than [`PAYLOAD_BYTES_MAX`]: callers check.
pub fn push_unfinished(buffer: &mut Vec<u8>, payload: &[u8]) {
    push_hashed(buffer, payload, crc32fast::hash(payload));
}

/// As [`push_unfinished`], for a payload whose checksum is known.
pub fn push_hashed(buffer: &mut Vec<u8>, payload: &[u8], payload_crc: u32) {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    debug_assert!(len <= PAYLOAD_BYTES_MAX, "payload of {len} bytes");
    let mut header = [0; FRAME_HEADER_BYTES];
    let mut fields = FieldsMut(&mut header);
    fields.put_u32(AT_WORD, PRESENT | (len & LENGTH_MASK));
    fields.put_u32(AT_CRC, payload_crc);
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(payload);
    let end = padded_len(buffer.len());
    buffer.resize(end, 0);
}

/// Returns the sizes of the frames that `frames` consists of, padding included.
pub fn lengths(frames: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let payload = usize::try_from(Fields(rest).u32(AT_WORD) & LENGTH_MASK).ok()?;
        let len = frame_bytes(payload);
        rest = rest.get(len..).unwrap_or_default();
        u64::try_from(len).ok()
    })
}

/// Marks the frame at the start of `frame` as the last of its batch.
pub fn mark_batch_end(frame: &mut [u8]) {
    let word = Fields(frame).u32(AT_WORD) | BATCH_END;
    FieldsMut(frame).put_u32(AT_WORD, word);
}

/// Gives the unfinished frame at the start of `frames` its sequence number and time, completes its
/// checksum, and returns the size of the frame.
pub fn finish(frames: &mut [u8], seq: SeqNo, time_ms: u64, hasher: &mut FrameHasher) -> usize {
    let fields = Fields(frames);
    let word = fields.u32(AT_WORD);
    let payload_crc = fields.u32(AT_CRC);
    let crc = hasher.joined(payload_crc, word, seq.0, time_ms);
    let mut fields = FieldsMut(frames);
    fields.put_u64(AT_SEQ, seq.0);
    fields.put_u64(AT_TIME, time_ms);
    fields.put_u32(AT_CRC, crc);
    len_of(word)
}

/// Reads and verifies the frame at the start of `bytes`.
///
/// # Errors
/// [`FrameError`]; only `Absent` and `Short` are answered without looking at the payload.
pub fn decode<'a>(bytes: &'a [u8], hasher: &mut FrameHasher) -> Result<Frame<'a>, FrameError> {
    let Some((header, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return Err(FrameError::Short(FRAME_HEADER_BYTES));
    };
    let fields = Fields(header);
    let word = fields.u32(AT_WORD);
    if !begins_frame(word) {
        return Err(FrameError::Absent);
    }
    let payload_len = usize::try_from(word & LENGTH_MASK).unwrap_or(usize::MAX);
    let len = frame_bytes(payload_len);
    let padding_start = payload_len.saturating_add(FRAME_HEADER_BYTES);
    let (Some(payload), Some(padding)) = (rest.get(..payload_len), bytes.get(padding_start..len))
    else {
        return Err(FrameError::Short(len));
    };
    let (seq, time_ms) = (SeqNo(fields.u64(AT_SEQ)), fields.u64(AT_TIME));
    let stored = fields.u32(AT_CRC);
    let computed = hasher.of_payload(payload, word, seq.0, time_ms);
    if stored != computed && !is_planted(Defect::RecordNotChecked) {
        return Err(FrameError::Checksum { stored, computed });
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(FrameError::Checksum {
            stored,
            computed: !stored,
        });
    }
    if word & (COMPRESSED | ENCRYPTED) != 0 {
        return Err(FrameError::Unsupported(word & (COMPRESSED | ENCRYPTED)));
    }
    Ok(Frame {
        seq,
        time_ms,
        batch_end: word & BATCH_END != 0,
        payload,
        len,
    })
}

/// Returns the length of the payload and the arrival time in ms of the frame at the start of `bytes`, if
/// it is one that [`decode`] accepts and it carries `seq`.
///
/// For a reader of records one after the other: `decode`, which tells what is wrong, costs it more
/// than the checksum of a short record.
#[inline]
pub fn verify(bytes: &[u8], seq: SeqNo, hasher: &mut FrameHasher) -> Option<(usize, u64)> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    let fields = Fields(header);
    let word = fields.u32(AT_WORD);
    if word & (PRESENT | COMPRESSED | ENCRYPTED) != PRESENT || fields.u64(AT_SEQ) != seq.0 {
        return None;
    }
    let payload_len = usize::try_from(word & LENGTH_MASK).ok()?;
    let frame = bytes.get(..frame_bytes(payload_len))?;
    let payload = frame.get(FRAME_HEADER_BYTES..)?.get(..payload_len)?;
    // A frame is longer than a word, and its padding shorter, so the last bytes of the last word are the
    // padding. Two shifts, since it may be none.
    let last = u64::from_le_bytes(*frame.last_chunk()?);
    let padding_bits = word.wrapping_neg() % 8 * 8;
    let padding = last >> 1 >> (63 - padding_bits);
    let time_ms = fields.u64(AT_TIME);
    let stored = fields.u32(AT_CRC);
    let is_intact = hasher.is_of_payload(stored, payload, word, seq.0, time_ms)
        || is_planted(Defect::RecordNotChecked);
    (is_intact && padding == 0).then_some((payload_len, time_ms))
}

/// Returns the arrival time in the frame at the start of `bytes`, unverified.
pub fn time_ms(bytes: &[u8]) -> Option<u64> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    begins_frame(Fields(header).u32(AT_WORD)).then(|| Fields(header).u64(AT_TIME))
}

/// Returns the sequence number in the frame at the start of `bytes`, unverified.
pub fn seq(bytes: &[u8]) -> Option<SeqNo> {
    let header = bytes.first_chunk::<FRAME_HEADER_BYTES>()?;
    Some(SeqNo(Fields(header).u64(AT_SEQ)))
}

/// Returns the size of the frame that begins with `word`, padding included.
#[inline]
pub fn len_of(word: u32) -> usize {
    frame_bytes(usize::try_from(word & LENGTH_MASK).unwrap_or(usize::MAX))
}

fn padded_len(len: usize) -> usize {
    usize::try_from(padded(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::checksum::Salt;

    const SALT: Salt = Salt(99);

    fn hasher() -> FrameHasher {
        FrameHasher::new(SALT)
    }

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_unfinished(&mut bytes, payload);
        mark_batch_end(&mut bytes);
        assert_eq!(
            finish(&mut bytes, SeqNo(12), 345, &mut hasher()),
            bytes.len()
        );
        bytes
    }

    #[test]
    fn payloads_of_every_small_length_read_back() {
        for len in 0..=40 {
            let payload: Vec<u8> = (0..len).collect();
            let bytes = frame(&payload);
            assert_eq!(bytes.len() % 8, 0);
            let read = decode(&bytes, &mut hasher()).unwrap();
            assert_eq!(
                (read.seq, read.time_ms, read.batch_end),
                (SeqNo(12), 345, true)
            );
            assert_eq!((read.payload, read.len), (&payload[..], bytes.len()));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let bytes = frame(b"hello, log");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged, &mut hasher()).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(
                matches!(
                    decode(&bytes[..len], &mut hasher()),
                    Err(FrameError::Short(_))
                ),
                "{len} bytes"
            );
        }
    }

    #[test]
    fn verify_accepts_what_decode_accepts_and_only_the_record_asked_for() {
        let mut hasher = hasher();
        for len in 0..=40 {
            let bytes = frame(&vec![7; len]);
            let verified = verify(&bytes, SeqNo(12), &mut hasher);
            assert_eq!(verified, Some((len, 345)));
            assert_eq!(verify(&bytes, SeqNo(13), &mut hasher), None);
            assert_eq!(
                verify(&bytes, SeqNo(12), &mut FrameHasher::new(Salt(1))),
                None
            );
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(verify(&damaged, SeqNo(12), &mut hasher), None, "bit {bit}");
            }
            for short in 0..bytes.len() {
                assert_eq!(verify(&bytes[..short], SeqNo(12), &mut hasher), None);
            }
        }
        let mut encrypted = Vec::new();
        push_unfinished(&mut encrypted, b"x");
        FieldsMut(&mut encrypted).put_u32(AT_WORD, PRESENT | ENCRYPTED | 1);
        finish(&mut encrypted, SeqNo(12), 345, &mut hasher);
        let refused = decode(&encrypted, &mut hasher);
        assert_eq!(refused, Err(FrameError::Unsupported(ENCRYPTED)));
        assert_eq!(verify(&encrypted, SeqNo(12), &mut hasher), None);
    }

    #[test]
    fn zeros_are_no_frame_and_another_salt_does_not_verify() {
        assert_eq!(decode(&[0; 64], &mut hasher()), Err(FrameError::Absent));
        assert!(matches!(
            decode(&frame(b"x"), &mut FrameHasher::new(Salt(1))),
            Err(FrameError::Checksum { .. })
        ));
    }
}
