//! One entry of a sparse index: 16 bytes.

use super::bytes::{Fields, FieldsMut};
use super::checksum::{self, Salt};
use crate::defect::{Defect, is_planted};

/// The size of an index entry, in bytes.
pub const INDEX_ENTRY_BYTES: usize = 16;
const KIND_MASK: u32 = 7;
const KIND_GROUP: u32 = 0;
const KIND_RECORD: u32 = 1;
const KIND_MARK: u32 = 2;
const KIND_LAST_GROUP: u32 = 3;

const AT_SEQ: usize = 0;
const AT_POSITION: usize = 4;
const AT_TIME: usize = 8;
const AT_CRC: usize = 12;
const _: () = assert!(AT_CRC + 4 == INDEX_ENTRY_BYTES);

/// What an index entry points at. Positions are multiples of 8, so the low bits of the field tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "part of format version 1")]
pub enum Target {
    /// A group header.
    Group,
    /// A record inside a large group.
    Record,
    /// The end of the data: everything before it was durable when this was written.
    Mark,
    /// The header of the last group before that end, so that whoever goes on need not look for it.
    LastGroup,
}

/// A statement about a segment that was true, and durable, when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The sequence number of the record at or after the position, less the segment's base.
    pub seq_offset: u32,
    /// A position in the segment; a multiple of 8.
    pub position: u32,
    /// What lies there.
    pub target: Target,
    /// The arrival time of that record in seconds after the segment's creation, rounded down; for a
    /// mark, that of the last record.
    pub time_s: u32,
}

/// Returns the checksum of an entry: salted, in one go, as two are written with every group.
fn checksum_of(block: &[u8; INDEX_ENTRY_BYTES], salt: Salt) -> u32 {
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, ..] = *block;
    let [s0, s1, s2, s3, s4, s5, s6, s7] = salt.bytes();
    checksum::plain(&[
        b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, s0, s1, s2, s3, s4, s5, s6, s7,
    ])
}

impl IndexEntry {
    /// Returns the entry's bytes under `salt`.
    pub fn encode(&self, salt: Salt) -> [u8; INDEX_ENTRY_BYTES] {
        let kind = match self.target {
            Target::Group => KIND_GROUP,
            Target::Record => KIND_RECORD,
            Target::Mark => KIND_MARK,
            Target::LastGroup => KIND_LAST_GROUP,
        };
        let mut block = [0; INDEX_ENTRY_BYTES];
        let mut fields = FieldsMut(&mut block);
        fields.put_u32(AT_SEQ, self.seq_offset);
        fields.put_u32(AT_POSITION, (self.position & !KIND_MASK) | kind);
        fields.put_u32(AT_TIME, self.time_s);
        let crc = checksum_of(&block, salt);
        FieldsMut(&mut block).put_u32(AT_CRC, crc);
        block
    }

    /// Reads the entry at the start of `bytes`; `None` if there is none under `salt`.
    pub fn decode(bytes: &[u8], salt: Salt) -> Option<Self> {
        let (block, _) = bytes.split_first_chunk::<INDEX_ENTRY_BYTES>()?;
        let fields = Fields(block);
        let crc = checksum_of(block, salt);
        if fields.u32(AT_CRC) != crc && !is_planted(Defect::IndexEntryNotChecked) {
            return None;
        }
        let position = fields.u32(AT_POSITION);
        let target = match position & KIND_MASK {
            KIND_GROUP => Target::Group,
            KIND_RECORD => Target::Record,
            KIND_MARK => Target::Mark,
            KIND_LAST_GROUP => Target::LastGroup,
            _ => return None,
        };
        Some(Self {
            seq_offset: fields.u32(AT_SEQ),
            position: position & !KIND_MASK,
            target,
            time_s: fields.u32(AT_TIME),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_every_flipped_bit_is_noticed() {
        let salt = Salt(3);
        for target in [
            Target::Group,
            Target::Record,
            Target::Mark,
            Target::LastGroup,
        ] {
            let entry = IndexEntry {
                seq_offset: 1,
                position: 4096,
                target,
                time_s: 9,
            };
            assert_eq!(IndexEntry::decode(&entry.encode(salt), salt), Some(entry));
            for bit in 0..INDEX_ENTRY_BYTES * 8 {
                let mut block = entry.encode(salt);
                block[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(IndexEntry::decode(&block, salt), None, "bit {bit}");
            }
        }
        assert_eq!(IndexEntry::decode(&[0; 16], salt), None);
    }
}
