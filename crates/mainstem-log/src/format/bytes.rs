//! Fields at fixed positions of a fixed-size block.

use byteorder::{ByteOrder, LittleEndian};

/// A block of `N` bytes being read field by field; positions are checked against `N` at run time
/// once per field, and all of them are constants.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    #[inline]
    pub(super) fn u16(&self, at: usize) -> u16 {
        self.0
            .get(at..)
            .filter(|rest| rest.len() >= 2)
            .map_or(0, LittleEndian::read_u16)
    }

    #[inline]
    pub(super) fn u32(&self, at: usize) -> u32 {
        self.0
            .get(at..)
            .filter(|rest| rest.len() >= 4)
            .map_or(0, LittleEndian::read_u32)
    }

    #[inline]
    pub(super) fn u64(&self, at: usize) -> u64 {
        self.0
            .get(at..)
            .filter(|rest| rest.len() >= 8)
            .map_or(0, LittleEndian::read_u64)
    }

    #[inline]
    pub(super) fn u8(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

/// A block being written field by field.
pub(super) struct FieldsMut<'a>(pub(super) &'a mut [u8]);

impl FieldsMut<'_> {
    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len());
        if let Some(field) = self.0.get_mut(at..end) {
            field.copy_from_slice(bytes);
        } else {
            debug_assert!(
                false,
                "field {at}..{end} outside of a block of {}",
                self.0.len()
            );
        }
    }

    pub(super) fn put_u8(&mut self, at: usize, value: u8) {
        self.put(at, &[value]);
    }

    pub(super) fn put_u16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    pub(super) fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    pub(super) fn put_u64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }
}
