//! The 40 bytes before the records of one sync.

use super::bytes::{Fields, FieldsMut};
use super::checksum::{self, Salt};
use crate::seq::SeqNo;

/// The size of a group header, in bytes.
pub const GROUP_HEADER_BYTES: usize = 40;
/// `GRP1` as it lies on disk. Its top bit is clear, where a frame's "present" bit is set, so that
/// the first word tells one from the other; it is not zero, so that empty space is neither.
pub const GROUP_MARKER: u32 = 0x3150_5247;

const AT_MARKER: usize = 0;
const AT_BYTES: usize = 4;
const AT_RECORDS: usize = 8;
const AT_CHAIN: usize = 12;
const AT_FIRST: usize = 16;
const AT_DURABLE: usize = 24;
const AT_NEWEST: usize = 32;
const AT_CRC: usize = 36;
const _: () = assert!(AT_CRC + 4 == GROUP_HEADER_BYTES);

/// The header of a group: the batches that one sync made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Bytes of frames that follow this header; a multiple of 8, never 0.
    pub bytes: u32,
    /// How many records they are; never 0.
    pub records: u32,
    /// The checksum of the group header before this one, or of the segment header.
    pub chain: u32,
    /// The sequence number of the first record.
    pub first: SeqNo,
    /// The position up to which the file was known durable when this was written.
    pub durable_upto: u64,
    /// The newest arrival time in the group, in seconds after the segment's creation, rounded up.
    pub newest_s: u32,
}

impl GroupHeader {
    /// Returns the header's bytes under `salt`.
    pub fn encode(&self, salt: Salt) -> [u8; GROUP_HEADER_BYTES] {
        let mut block = [0; GROUP_HEADER_BYTES];
        let mut fields = FieldsMut(&mut block);
        fields.put_u32(AT_MARKER, GROUP_MARKER);
        fields.put_u32(AT_BYTES, self.bytes);
        fields.put_u32(AT_RECORDS, self.records);
        fields.put_u32(AT_CHAIN, self.chain);
        fields.put_u64(AT_FIRST, self.first.0);
        fields.put_u64(AT_DURABLE, self.durable_upto);
        fields.put_u32(AT_NEWEST, self.newest_s);
        let crc = checksum::salted(block.get(..AT_CRC).unwrap_or_default(), salt);
        FieldsMut(&mut block).put_u32(AT_CRC, crc);
        block
    }

    /// Reads the header at the start of `bytes`; `None` if there is none under `salt`.
    pub fn decode(bytes: &[u8], salt: Salt) -> Option<Self> {
        let (block, _) = bytes.split_first_chunk::<GROUP_HEADER_BYTES>()?;
        let fields = Fields(block);
        if fields.u32(AT_MARKER) != GROUP_MARKER {
            return None;
        }
        let crc = checksum::salted(block.get(..AT_CRC).unwrap_or_default(), salt);
        if fields.u32(AT_CRC) != crc {
            return None;
        }
        Some(Self {
            bytes: fields.u32(AT_BYTES),
            records: fields.u32(AT_RECORDS),
            chain: fields.u32(AT_CHAIN),
            first: SeqNo(fields.u64(AT_FIRST)),
            durable_upto: fields.u64(AT_DURABLE),
            newest_s: fields.u32(AT_NEWEST),
        })
    }

    /// Returns the checksum in an encoded header: what the next group carries as its chain.
    pub fn chain_of(block: &[u8]) -> u32 {
        Fields(block).u32(AT_CRC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt(7);

    fn header() -> GroupHeader {
        GroupHeader {
            bytes: 4096,
            records: 3,
            chain: 9,
            first: SeqNo(u64::MAX - 4),
            durable_upto: 64,
            newest_s: 17,
        }
    }

    #[test]
    fn a_header_reads_back() {
        assert_eq!(
            GroupHeader::decode(&header().encode(SALT), SALT),
            Some(header())
        );
    }

    #[test]
    fn another_salt_a_flipped_bit_or_a_short_block_is_no_header() {
        assert_eq!(GroupHeader::decode(&header().encode(SALT), Salt(8)), None);
        assert_eq!(
            GroupHeader::decode(&header().encode(SALT)[..39], SALT),
            None
        );
        for bit in 0..GROUP_HEADER_BYTES * 8 {
            let mut block = header().encode(SALT);
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(GroupHeader::decode(&block, SALT), None, "bit {bit}");
        }
    }
}
