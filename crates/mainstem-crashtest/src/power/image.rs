//! The contents of a disk, in memory: cheap to clone and sparse.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The unit of memory and of sharing between clones, in bytes.
pub(super) const BLOCK_BYTES: usize = 4096;

type Block = [u8; BLOCK_BYTES];

/// The contents of a disk. What was never written is zeros.
///
/// # Invariants
/// Clones share their blocks until one of them writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    blocks: BTreeMap<u64, Arc<Block>>,
}

impl Image {
    /// Writes `data` at byte `offset`.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let mut rest = data;
        let mut offset = offset;
        while !rest.is_empty() {
            let (number, within) = place(offset);
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - within));
            if now.len() == BLOCK_BYTES && is_zero(now) {
                self.blocks.remove(&number);
            } else {
                let block = self
                    .blocks
                    .entry(number)
                    .or_insert_with(|| Arc::new([0; BLOCK_BYTES]));
                let block = Arc::make_mut(block);
                if let Some(target) = block.get_mut(within..within + now.len()) {
                    target.copy_from_slice(now);
                }
            }
            offset += to_u64(now.len());
            rest = later;
        }
    }

    /// Writes `len` zeros at byte `offset`.
    pub(super) fn zero(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len);
        let mut offset = offset;
        while offset < end {
            let (number, within) = place(offset);
            let now = (end - offset).min(to_u64(BLOCK_BYTES - within));
            let now_bytes = usize::try_from(now).unwrap_or(BLOCK_BYTES);
            if now_bytes == BLOCK_BYTES {
                self.blocks.remove(&number);
            } else if let Some(block) = self.blocks.get_mut(&number)
                && let Some(target) = Arc::make_mut(block).get_mut(within..within + now_bytes)
            {
                target.fill(0);
            }
            offset += now;
        }
    }

    /// Reads from byte `offset` until `buffer` is full.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) {
        let mut offset = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let (number, within) = place(offset);
            let count = rest.len().min(BLOCK_BYTES - within);
            let (now, later) = rest.split_at_mut(count);
            let source = self.blocks.get(&number);
            match source.and_then(|block| block.get(within..within + count)) {
                Some(source) => now.copy_from_slice(source),
                None => now.fill(0),
            }
            offset += to_u64(count);
            rest = later;
        }
    }

    /// Returns every block that is not all zeros, with its byte offset, in order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let blocks = self.blocks.iter();
        blocks.map(|(number, block)| (number * to_u64(BLOCK_BYTES), block.as_slice()))
    }
}

/// Returns the block that holds byte `offset`, and the place in it.
fn place(offset: u64) -> (u64, usize) {
    let block_bytes = to_u64(BLOCK_BYTES);
    let within = usize::try_from(offset % block_bytes).unwrap_or(0);
    (offset / block_bytes, within)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// A length as the device counts it.
pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reads_back_what_a_flat_disk_would() {
        let mut dice = crate::power::dice::Dice::new(5);
        let mut flat = vec![0_u8; 64 << 10];
        let mut image = Image::default();
        let mut earlier = image.clone();
        let mut earlier_flat = flat.clone();
        for round in 0..2000_u64 {
            let offset = dice.index(flat.len());
            let len = dice.index((flat.len() - offset).min(9000)) + 1;
            let range = offset..(offset + len).min(flat.len());
            if dice.once_in(4) {
                image.zero(to_u64(offset), to_u64(range.len()));
                flat[range].fill(0);
            } else {
                let byte = dice.one_of(&[0, 0, 1, 2, 255], 0);
                let data = vec![byte; range.len()];
                image.write(to_u64(offset), &data);
                flat[range].copy_from_slice(&data);
            }
            if round % 100 == 0 {
                let mut back = vec![1; flat.len()];
                image.read(0, &mut back);
                assert!(back == flat);
                earlier.read(0, &mut back);
                assert!(back == earlier_flat, "a clone changed");
                (earlier, earlier_flat) = (image.clone(), flat.clone());
            }
        }
        let mut rebuilt = Image::default();
        for (offset, block) in image.blocks() {
            rebuilt.write(offset, block);
        }
        let mut back = vec![1; flat.len()];
        rebuilt.read(0, &mut back);
        assert!(back == flat);
    }
}
