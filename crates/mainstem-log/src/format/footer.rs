//! The last 64 bytes of a sealed segment.

use super::bytes::{Fields, FieldsMut};
use super::checksum::{self, Salt};
use crate::defect::{Defect, is_planted};
use crate::seq::SeqNo;

/// The size of a footer, in bytes.
pub const FOOTER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"MNSTMEND";
const CUT_BY_REPAIR: u32 = 1;

const AT_MAGIC: usize = 0;
const AT_DATA_END: usize = 8;
const AT_INDEX_ENTRIES: usize = 12;
const AT_RECORDS: usize = 16;
const AT_LAST: usize = 24;
const AT_OLDEST: usize = 32;
const AT_NEWEST: usize = 40;
const AT_CHAIN: usize = 48;
const AT_INDEX_CRC: usize = 52;
const AT_FLAGS: usize = 56;
const AT_CRC: usize = 60;
const _: () = assert!(AT_CRC + 4 == FOOTER_BYTES);

/// What a sealed segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// The exclusive end of the last group, where the index block begins.
    pub data_end: u32,
    /// How many entries the index block has.
    pub index_entries: u32,
    /// How many records the segment has; 0 only after a repair.
    pub records: u64,
    /// The sequence number of the last record; the base if there is none.
    pub last: SeqNo,
    /// The oldest arrival time, in ms since the Unix epoch.
    pub oldest_ms: u64,
    /// The newest arrival time, in ms since the Unix epoch.
    pub newest_ms: u64,
    /// The checksum of the last group header, or of the segment header if there is no group.
    pub chain: u32,
    /// The checksum of the index block.
    pub index_crc: u32,
    /// Whether a repair cut records off, so that the next segment may begin later than the last
    /// record plus one.
    pub cut_by_repair: bool,
}

/// Why 64 bytes are not a footer that this version can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FooterError {
    /// The bytes are no footer under the salt, or were changed.
    #[error("no footer, or a damaged one")]
    Invalid,
    /// The footer is whole, but says something that this version does not know.
    #[error("footer flags {0:#x} are not supported by this version")]
    Unsupported(u32),
}

impl Footer {
    /// Returns the footer's bytes under `salt`.
    pub fn encode(&self, salt: Salt) -> [u8; FOOTER_BYTES] {
        let mut block = [0; FOOTER_BYTES];
        let mut fields = FieldsMut(&mut block);
        fields.put(AT_MAGIC, &MAGIC);
        fields.put_u32(AT_DATA_END, self.data_end);
        fields.put_u32(AT_INDEX_ENTRIES, self.index_entries);
        fields.put_u64(AT_RECORDS, self.records);
        fields.put_u64(AT_LAST, self.last.0);
        fields.put_u64(AT_OLDEST, self.oldest_ms);
        fields.put_u64(AT_NEWEST, self.newest_ms);
        fields.put_u32(AT_CHAIN, self.chain);
        fields.put_u32(AT_INDEX_CRC, self.index_crc);
        fields.put_u32(AT_FLAGS, if self.cut_by_repair { CUT_BY_REPAIR } else { 0 });
        let crc = checksum::salted(block.get(..AT_CRC).unwrap_or_default(), salt);
        FieldsMut(&mut block).put_u32(AT_CRC, crc);
        block
    }

    /// Reads a footer.
    ///
    /// # Errors
    /// [`FooterError`].
    pub fn decode(block: &[u8; FOOTER_BYTES], salt: Salt) -> Result<Self, FooterError> {
        let fields = Fields(block);
        let crc = checksum::salted(block.get(..AT_CRC).unwrap_or_default(), salt);
        let flags = fields.u32(AT_FLAGS);
        let is_intact = fields.u32(AT_CRC) == crc || is_planted(Defect::FooterNotChecked);
        if !block.starts_with(&MAGIC) || !is_intact {
            return Err(FooterError::Invalid);
        }
        if flags & !CUT_BY_REPAIR != 0 {
            return Err(FooterError::Unsupported(flags & !CUT_BY_REPAIR));
        }
        Ok(Self {
            data_end: fields.u32(AT_DATA_END),
            index_entries: fields.u32(AT_INDEX_ENTRIES),
            records: fields.u64(AT_RECORDS),
            last: SeqNo(fields.u64(AT_LAST)),
            oldest_ms: fields.u64(AT_OLDEST),
            newest_ms: fields.u64(AT_NEWEST),
            chain: fields.u32(AT_CHAIN),
            index_crc: fields.u32(AT_INDEX_CRC),
            cut_by_repair: flags & CUT_BY_REPAIR != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_reads_back_and_every_flipped_bit_is_noticed() {
        let salt = Salt(3);
        let footer = Footer {
            data_end: 1,
            index_entries: 2,
            records: 3,
            last: SeqNo(4),
            oldest_ms: 5,
            newest_ms: 6,
            chain: 7,
            index_crc: 8,
            cut_by_repair: true,
        };
        assert_eq!(Footer::decode(&footer.encode(salt), salt), Ok(footer));
        assert_eq!(
            Footer::decode(&footer.encode(salt), Salt(4)),
            Err(FooterError::Invalid)
        );
        for bit in 0..FOOTER_BYTES * 8 {
            let mut block = footer.encode(salt);
            block[bit / 8] ^= 1 << (bit % 8);
            let read = Footer::decode(&block, salt);
            assert_eq!(read, Err(FooterError::Invalid), "bit {bit}");
        }
    }

    #[test]
    fn a_whole_footer_with_an_unknown_flag_is_not_taken_for_none() {
        let salt = Salt(3);
        let footer = Footer {
            data_end: 1,
            index_entries: 2,
            records: 3,
            last: SeqNo(4),
            oldest_ms: 5,
            newest_ms: 6,
            chain: 7,
            index_crc: 8,
            cut_by_repair: false,
        };
        let mut block = footer.encode(salt);
        block[AT_FLAGS] |= 2;
        let crc = checksum::salted(&block[..AT_CRC], salt);
        block[AT_CRC..].copy_from_slice(&crc.to_le_bytes());
        let read = Footer::decode(&block, salt);
        assert_eq!(read, Err(FooterError::Unsupported(2)));
    }
}
