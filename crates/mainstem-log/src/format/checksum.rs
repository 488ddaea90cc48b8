//! The checksum of everything in a segment: CRC-32 with the segment's salt hashed in last.

use crc32fast::Hasher;

/// A random number in a segment's header that goes into every checksum of that segment, so that
/// bytes of another segment, or of a payload, never verify in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub u64);

/// Returns the checksum of `bytes` under `salt`.
pub fn salted(bytes: &[u8], salt: Salt) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.update(&salt.0.to_le_bytes());
    hasher.finalize()
}

/// Returns the unsalted checksum of `bytes`: of a segment header, which carries the salt itself,
/// and of the files of the data directory.
pub fn plain(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Computes the checksums of the frames of one segment, many in a row.
///
/// The same as hashing payload, first word, sequence number and time, and salt one after the other,
/// but neither part waits for the other, the salt is hashed once for all, and nothing is copied: a
/// reader then has several records under way at a time.
#[derive(Clone, Debug)]
pub(super) struct FrameHasher {
    /// Nothing hashed yet. Kept, because asking what the processor can do takes as long as hashing
    /// the header.
    empty: Hasher,
    /// What the salt adds to every checksum, and that a checksum begins with ones.
    constant: u32,
}

impl FrameHasher {
    pub(super) fn new(salt: Salt) -> Self {
        Self {
            empty: Hasher::new(),
            constant: ONES_SHIFTED ^ plain(&salt.0.to_le_bytes()),
        }
    }

    /// Returns the checksum of a frame: its payload, its first word, and the 16 bytes of its sequence
    /// number and time.
    pub(super) fn of_payload(&self, payload: &[u8], word: u32, seq_time: &[u8; 16]) -> u32 {
        self.joined(self.plain(payload), word, seq_time)
    }

    /// As [`Self::of_payload`], for a payload whose checksum is known.
    pub(super) fn joined(&self, payload_crc: u32, word: u32, seq_time: &[u8; 16]) -> u32 {
        let head = shift(&SHIFTS_28, !payload_crc ^ word);
        head ^ shift(&SHIFTS_8, self.plain(seq_time)) ^ self.constant
    }

    fn plain(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.empty.clone();
        hasher.update(bytes);
        hasher.finalize()
    }
}

/// The polynomial of CRC-32, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Returns what the register of a CRC becomes over so many zeros as `table` was made for. This is
/// linear: the contributions of the register's bytes add up, by exclusive or.
fn shift(table: &[[u32; 256]; 4], register: u32) -> u32 {
    let bytes = register.to_le_bytes();
    bytes.iter().zip(table).fold(0, |sum, (byte, shifts)| {
        sum ^ shifts.get(usize::from(*byte)).copied().unwrap_or(0)
    })
}

/// What each value of each byte of a register becomes over first word, sequence number, time and
/// salt, 28 bytes, and over the salt alone.
static SHIFTS_28: [[u32; 256]; 4] = shifts(28);
static SHIFTS_8: [[u32; 256]; 4] = shifts(8);

/// What a register of all ones, with which every checksum begins, becomes over the 24 bytes after the
/// first word.
const ONES_SHIFTED: u32 = after_zeros(!0, 24);

const fn shifts(zeros: u32) -> [[u32; 256]; 4] {
    [
        shifts_of(0, zeros),
        shifts_of(1, zeros),
        shifts_of(2, zeros),
        shifts_of(3, zeros),
    ]
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn shifts_of(byte: u32, zeros: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut value: u32 = 0;
    while value < 256 {
        table[value as usize] = after_zeros(value << (8 * byte), zeros);
        value += 1;
    }
    table
}

/// Returns what the register of a CRC becomes over so many zeros, bit by bit.
const fn after_zeros(mut register: u32, zeros: u32) -> u32 {
    let mut bit = 0;
    while bit < zeros * 8 {
        register = (register >> 1) ^ ((register & 1) * POLYNOMIAL);
        bit += 1;
    }
    register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_frame_is_that_of_its_parts_in_a_row() {
        let mut payload = Vec::new();
        for round in 0..200_u8 {
            let word = u32::from(round).wrapping_mul(0x9E37_79B9);
            let seq_time = [round.wrapping_mul(37); 16];
            let salt = Salt(u64::from(round).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut in_a_row = payload.clone();
            in_a_row.extend_from_slice(&word.to_le_bytes());
            in_a_row.extend_from_slice(&seq_time);
            let expected = salted(&in_a_row, salt);
            let hasher = FrameHasher::new(salt);
            assert_eq!(hasher.of_payload(&payload, word, &seq_time), expected);
            payload.push(round.wrapping_mul(151));
        }
    }
}
