//! What a record of the commit journal holds: a group of some shard's, and where it belongs.
//!
//! The group is there without its marker. Its checksums have the salt of the segment that it belongs to: where
//! a file system shows blocks of a deleted journal in space of that segment which was never written, nothing
//! in them may pass for a group.

use super::bytes::{Fields, FieldsMut};
use super::checksum::Salt;
use super::group_header::GROUP_MARKER;
use crate::seq::SeqNo;

/// The size of what comes before the shard's name, in bytes.
pub const JOURNAL_ENTRY_BYTES: usize = 24;

const MARKER: [u8; 4] = GROUP_MARKER.to_le_bytes();

const AT_BASE: usize = 0;
const AT_SALT: usize = 8;
const AT_POSITION: usize = 16;
const AT_NAME_BYTES: usize = 20;
const _: () = assert!(AT_NAME_BYTES + 4 == JOURNAL_ENTRY_BYTES);

/// A group as it lies in the journal. The record around it carries the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry<'a> {
    /// The name of the shard, which is that of its directory.
    pub shard: &'a str,
    /// The segment that the group belongs to: its first sequence number, which is its file's name.
    pub base: SeqNo,
    /// That segment's salt: a shard that was removed and made anew has other ones.
    pub salt: Salt,
    /// Where in the segment the group begins.
    pub position: u32,
    /// The group, from its header to its last frame, without its marker.
    unmarked: &'a [u8],
}

impl<'a> JournalEntry<'a> {
    /// Returns the entry for `group`, which begins at `position` of the segment `base` of `shard`.
    pub fn new(shard: &'a str, base: SeqNo, salt: Salt, position: u32, group: &'a [u8]) -> Self {
        debug_assert!(group.starts_with(&MARKER), "a group begins with its marker");
        Self {
            shard,
            base,
            salt,
            position,
            unmarked: group.get(MARKER.len()..).unwrap_or_default(),
        }
    }

    /// Appends the group to `buffer`, as it lies in its segment.
    pub fn group_into(&self, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&MARKER);
        buffer.extend_from_slice(self.unmarked);
    }

    /// Replaces what is in `buffer` by the entry's bytes.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) {
        let mut head = [0; JOURNAL_ENTRY_BYTES];
        let mut fields = FieldsMut(&mut head);
        fields.put_u64(AT_BASE, self.base.0);
        fields.put_u64(AT_SALT, self.salt.0);
        fields.put_u32(AT_POSITION, self.position);
        let name_bytes = u32::try_from(self.shard.len()).unwrap_or(u32::MAX);
        fields.put_u32(AT_NAME_BYTES, name_bytes);
        buffer.clear();
        buffer.extend_from_slice(&head);
        buffer.extend_from_slice(self.shard.as_bytes());
        buffer.extend_from_slice(self.unmarked);
    }

    /// Reads an entry; `None` if the bytes are none.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(JOURNAL_ENTRY_BYTES)?;
        let fields = Fields(head);
        let name_bytes = usize::try_from(fields.u32(AT_NAME_BYTES)).ok()?;
        let (name, unmarked) = rest.split_at_checked(name_bytes)?;
        Some(Self {
            shard: std::str::from_utf8(name).ok()?,
            base: SeqNo(fields.u64(AT_BASE)),
            salt: Salt(fields.u64(AT_SALT)),
            position: fields.u32(AT_POSITION),
            unmarked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_what_is_cut_short_does_not() {
        let group = b"GRP1 and so on";
        let entry = JournalEntry::new("orders", SeqNo(7), Salt(u64::MAX - 1), 4096, group);
        let mut bytes = vec![1, 2, 3];
        entry.group_into(&mut bytes);
        assert_eq!(bytes.split_off(3), group);
        entry.encode_into(&mut bytes);
        assert_eq!(JournalEntry::decode(&bytes), Some(entry));
        let head = JOURNAL_ENTRY_BYTES + entry.shard.len();
        for len in 0..head {
            assert_eq!(JournalEntry::decode(&bytes[..len]), None, "{len}");
        }
        assert!(
            !bytes.windows(4).any(|it| it == MARKER),
            "not even in a deleted file"
        );
    }
}
