//! The first 64 bytes of a segment file.

use super::bytes::{Fields, FieldsMut};
use super::checksum::{self, Salt};
use super::{ALIGNMENT, FORMAT_VERSION};
use crate::seq::SeqNo;

/// The size of a segment header, in bytes.
pub const SEGMENT_HEADER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"MNSTMSEG";
const CHECKSUM_CRC32: u8 = 1;
const NO_CIPHER: u8 = 0;
const NO_PREVIOUS: u64 = u64::MAX;

const AT_MAGIC: usize = 0;
const AT_VERSION: usize = 8;
const AT_CHECKSUM: usize = 10;
const AT_CIPHER: usize = 11;
const AT_FLAGS: usize = 12;
const AT_BASE: usize = 16;
const AT_CREATED: usize = 24;
const AT_SALT: usize = 32;
const AT_PREVIOUS_BASE: usize = 40;
const AT_PREVIOUS_CHAIN: usize = 48;
const AT_SHARD_HASH: usize = 52;
const AT_EXTENSION: usize = 56;
const AT_CRC: usize = 60;
const _: () = assert!(AT_CRC + 4 == SEGMENT_HEADER_BYTES);

/// The header of a segment: what the segment is and how to read the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The sequence number of the first record, or of the record to come if there is none.
    pub base: SeqNo,
    /// When the segment was created, in ms since the Unix epoch; no record in it is older.
    pub created_ms: u64,
    /// Goes into every checksum of the segment.
    pub salt: Salt,
    /// The segment before this one, when it was created; `None` for a shard's first.
    pub previous: Option<PreviousSegment>,
    /// The checksum of the shard's name: tells a file that was put into the wrong directory.
    pub shard_hash: u32,
}

/// How a segment names the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousSegment {
    /// Its base sequence number.
    pub base: SeqNo,
    /// The checksum of its last group header, or of its own header if it held no group.
    pub chain: u32,
}

/// Why 64 bytes are not a segment header that this version can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The bytes are not a segment header, or were changed.
    #[error("not a segment header, or damaged")]
    Invalid,
    /// The header is whole, but was written by a newer version.
    #[error("format version {0} is newer than the newest known, {FORMAT_VERSION}")]
    NewerVersion(u16),
    /// The header is whole, but asks for something this version cannot do.
    #[error("unknown {what} {value}")]
    Unsupported {
        /// The field in question.
        what: &'static str,
        /// Its value.
        value: u32,
    },
}

impl SegmentHeader {
    /// Returns the header's bytes.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut block = [0; SEGMENT_HEADER_BYTES];
        let mut fields = FieldsMut(&mut block);
        fields.put(AT_MAGIC, &MAGIC);
        fields.put_u16(AT_VERSION, FORMAT_VERSION);
        fields.put_u8(AT_CHECKSUM, CHECKSUM_CRC32);
        fields.put_u8(AT_CIPHER, NO_CIPHER);
        fields.put_u64(AT_BASE, self.base.0);
        fields.put_u64(AT_CREATED, self.created_ms);
        fields.put_u64(AT_SALT, self.salt.0);
        fields.put_u64(
            AT_PREVIOUS_BASE,
            self.previous.map_or(NO_PREVIOUS, |it| it.base.0),
        );
        fields.put_u32(AT_PREVIOUS_CHAIN, self.previous.map_or(0, |it| it.chain));
        fields.put_u32(AT_SHARD_HASH, self.shard_hash);
        let crc = checksum::plain(block.get(..AT_CRC).unwrap_or_default());
        FieldsMut(&mut block).put_u32(AT_CRC, crc);
        block
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`HeaderError`], which keeps damage apart from a newer version.
    pub fn decode(block: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, HeaderError> {
        let fields = Fields(block);
        let crc = checksum::plain(block.get(..AT_CRC).unwrap_or_default());
        if !block.starts_with(&MAGIC) || fields.u32(AT_CRC) != crc {
            return Err(HeaderError::Invalid);
        }
        let unsupported = |what, value: u32| Err(HeaderError::Unsupported { what, value });
        match fields.u16(AT_VERSION) {
            0 => return Err(HeaderError::Invalid),
            FORMAT_VERSION => {}
            newer => return Err(HeaderError::NewerVersion(newer)),
        }
        if fields.u8(AT_CHECKSUM) != CHECKSUM_CRC32 {
            return unsupported("checksum algorithm", fields.u8(AT_CHECKSUM).into());
        }
        if fields.u8(AT_CIPHER) != NO_CIPHER {
            return unsupported("cipher", fields.u8(AT_CIPHER).into());
        }
        if fields.u32(AT_FLAGS) != 0 {
            return unsupported("segment flags", fields.u32(AT_FLAGS));
        }
        if fields.u32(AT_EXTENSION) != 0 {
            return unsupported("header extension of bytes", fields.u32(AT_EXTENSION));
        }
        let previous_base = fields.u64(AT_PREVIOUS_BASE);
        Ok(Self {
            base: SeqNo(fields.u64(AT_BASE)),
            created_ms: fields.u64(AT_CREATED),
            salt: Salt(fields.u64(AT_SALT)),
            previous: (previous_base != NO_PREVIOUS).then(|| PreviousSegment {
                base: SeqNo(previous_base),
                chain: fields.u32(AT_PREVIOUS_CHAIN),
            }),
            shard_hash: fields.u32(AT_SHARD_HASH),
        })
    }

    /// Returns what the first group of the segment carries as its chain value: the header's own
    /// checksum, which no other segment shares.
    pub fn chain(&self) -> u32 {
        Fields(&self.encode()).u32(AT_CRC)
    }

    /// Returns where the first group lies.
    pub const fn data_start() -> u64 {
        SEGMENT_HEADER_BYTES as u64
    }
}

const _: () = assert!(SegmentHeader::data_start().is_multiple_of(ALIGNMENT));

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            base: SeqNo(183_402),
            created_ms: 1_700_000_000_123,
            salt: Salt(0x0123_4567_89ab_cdef),
            previous: Some(PreviousSegment {
                base: SeqNo(5),
                chain: 0xdead_beef,
            }),
            shard_hash: 42,
        }
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(SegmentHeader::decode(&header().encode()), Ok(header()));
        let first = SegmentHeader {
            previous: None,
            ..header()
        };
        assert_eq!(SegmentHeader::decode(&first.encode()), Ok(first));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let mut block = header().encode();
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                SegmentHeader::decode(&block),
                Err(HeaderError::Invalid),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn what_is_whole_but_unknown_is_unsupported_and_not_damaged() {
        let changed = |at: usize, value: u8| {
            let mut block = header().encode();
            block[at] = value;
            let crc = checksum::plain(&block[..AT_CRC]);
            FieldsMut(&mut block).put_u32(AT_CRC, crc);
            SegmentHeader::decode(&block)
        };
        assert_eq!(changed(AT_VERSION, 2), Err(HeaderError::NewerVersion(2)));
        for at in [AT_CHECKSUM, AT_CIPHER, AT_FLAGS, AT_EXTENSION] {
            assert!(matches!(
                changed(at, 8),
                Err(HeaderError::Unsupported { value: 8, .. })
            ));
        }
    }
}
