//! The checksum of everything in a segment: CRC-32 with the segment's salt hashed in last.

use crate::defect::{Defect, is_planted};
use crc32fast::Hasher;

/// A random number in a segment's header that goes into every checksum of that segment, so that
/// bytes of another segment, or of a payload, never verify in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub u64);

impl Salt {
    /// Returns the bytes that are hashed.
    pub(super) fn bytes(self) -> [u8; 8] {
        self.in_use().0.to_le_bytes()
    }

    /// Returns the salt.
    fn in_use(self) -> Self {
        if is_planted(Defect::SaltNotChecked) {
            return Self(0);
        }
        self
    }
}

/// Returns the checksum of `bytes` under `salt`.
pub fn salted(bytes: &[u8], salt: Salt) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.update(&salt.bytes());
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
/// but neither part waits for the other, the salt is hashed once for all, and what the sequence number
/// and the time add is remembered: the next record mostly has the same time, and a number that differs
/// in its lowest byte alone. So a record costs little more than the checksum of its payload.
#[derive(Clone, Debug)]
pub struct FrameHasher {
    /// Nothing hashed yet. Kept, because asking what the processor can do takes as long as hashing
    /// a header.
    empty: Hasher,
    /// What the salt adds to every checksum, and that a checksum begins with ones.
    constant: u32,
    last: SeqAndTime,
}

/// What a sequence number, but for its lowest byte, and a time add to a checksum.
#[derive(Clone, Copy, Debug)]
struct SeqAndTime {
    seq_high: u64,
    time_ms: u64,
    sum: u32,
}

impl SeqAndTime {
    /// What sixteen zeros add.
    const ZERO: Self = Self {
        seq_high: 0,
        time_ms: 0,
        sum: after_zeros(!after_zeros(!0, 16), 8),
    };

    fn new(empty: &Hasher, seq_high: u64, time_ms: u64) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = (seq_high << 8).to_le_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = time_ms.to_le_bytes();
        let bytes = [
            s0, s1, s2, s3, s4, s5, s6, s7, t0, t1, t2, t3, t4, t5, t6, t7,
        ];
        Self {
            seq_high,
            time_ms,
            sum: shift(&SHIFTS_8, of(empty, &bytes)),
        }
    }
}

impl FrameHasher {
    /// Returns the hasher of the segment with this salt.
    pub fn new(salt: Salt) -> Self {
        let empty = Hasher::new();
        Self {
            constant: ONES_SHIFTED ^ of(&empty, &salt.bytes()),
            last: SeqAndTime::ZERO,
            empty,
        }
    }

    /// Returns the checksum of a frame: its payload, its first word, its sequence number and time.
    #[inline]
    pub(super) fn of_payload(&mut self, payload: &[u8], word: u32, seq: u64, time_ms: u64) -> u32 {
        self.joined(of(&self.empty, payload), word, seq, time_ms)
    }

    /// As [`Self::of_payload`], for a payload whose checksum is known.
    #[inline]
    pub(super) fn joined(&mut self, payload_crc: u32, word: u32, seq: u64, time_ms: u64) -> u32 {
        shift(&SHIFTS_28, !payload_crc ^ word) ^ self.after_word(seq, time_ms)
    }

    /// Returns whether `stored` is the checksum of a frame, as [`Self::of_payload`] computes it.
    ///
    /// Here the rest of the frame tells what the checksum of the payload has to be. That need not wait
    /// for the payload to be hashed, as its being hashed into the rest would, and hashing a short payload
    /// is mostly waiting.
    #[inline]
    pub(super) fn is_of_payload(
        &mut self,
        stored: u32,
        payload: &[u8],
        word: u32,
        seq: u64,
        time_ms: u64,
    ) -> bool {
        let after_word = self.after_word(seq, time_ms);
        let expected = !(shift(&SHIFTS_28_BACK, stored ^ after_word) ^ word);
        of(&self.empty, payload) == expected
    }

    /// Returns what sequence number, time and salt add to the checksum of a frame.
    #[inline]
    fn after_word(&mut self, seq: u64, time_ms: u64) -> u32 {
        let seq_high = seq >> 8;
        if self.last.seq_high != seq_high || self.last.time_ms != time_ms {
            self.remember(seq_high, time_ms);
        }
        let seq_low = usize::from(seq.to_le_bytes().first().copied().unwrap_or(0));
        let seq_low = SEQ_LOW.get(seq_low).copied().unwrap_or(0);
        self.last.sum ^ seq_low ^ self.constant
    }

    #[inline(never)]
    fn remember(&mut self, seq_high: u64, time_ms: u64) {
        self.last = SeqAndTime::new(&self.empty, seq_high, time_ms);
    }
}

#[inline]
fn of(empty: &Hasher, bytes: &[u8]) -> u32 {
    let mut hasher = empty.clone();
    hasher.update(bytes);
    hasher.finalize()
}

/// The polynomial of CRC-32, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Returns what the register of a CRC becomes over so many zeros as `table` was made for. This is
/// linear: the contributions of the register's bytes add up, by exclusive or.
#[inline]
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
/// What each value of each byte of a register was before the 28 bytes of [`SHIFTS_28`].
static SHIFTS_28_BACK: [[u32; 256]; 4] = shifts_back(28);
/// What each value of the lowest byte of a sequence number becomes over the number, the time and the
/// salt, which the byte is a part of.
static SEQ_LOW: [u32; 256] = shifts_of(0, 24);

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

const fn shifts_back(zeros: u32) -> [[u32; 256]; 4] {
    [
        shifts_back_of(0, zeros),
        shifts_back_of(1, zeros),
        shifts_back_of(2, zeros),
        shifts_back_of(3, zeros),
    ]
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn shifts_back_of(byte: u32, zeros: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut value: u32 = 0;
    while value < 256 {
        table[value as usize] = before_zeros(value << (8 * byte), zeros);
        value += 1;
    }
    table
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

/// Returns what the register of a CRC was before so many zeros: undoes [`after_zeros`], whose last
/// bit to be shifted out was a one if and only if the polynomial's highest bit stands in the register.
const fn before_zeros(mut register: u32, zeros: u32) -> u32 {
    let mut bit = 0;
    while bit < zeros * 8 {
        let shifted_out = register >> 31;
        register = ((register ^ (shifted_out * POLYNOMIAL)) << 1) | shifted_out;
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
            let salt = Salt(u64::from(round).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut hasher = FrameHasher::new(salt);
            let seq = u64::from(round).wrapping_mul(0x0123_4567_89AB_CDEF);
            // Neighbours, some across the lowest byte, and times that stay, move and come back.
            for (seq, time_ms) in [
                (seq, 7),
                (seq.wrapping_add(1), 7),
                (seq.wrapping_add(256), 7),
                (seq.wrapping_add(257), u64::MAX - u64::from(round)),
                (seq.wrapping_add(258), 7),
                (0, 0),
            ] {
                let mut in_a_row = payload.clone();
                in_a_row.extend_from_slice(&word.to_le_bytes());
                in_a_row.extend_from_slice(&seq.to_le_bytes());
                in_a_row.extend_from_slice(&time_ms.to_le_bytes());
                let expected = salted(&in_a_row, salt);
                let computed = hasher.of_payload(&payload, word, seq, time_ms);
                assert_eq!(computed, expected, "round {round}, record {seq}");
                assert!(hasher.is_of_payload(expected, &payload, word, seq, time_ms));
                for bit in 0..32 {
                    let other = expected ^ (1 << bit);
                    assert!(!hasher.is_of_payload(other, &payload, word, seq, time_ms));
                }
            }
            payload.push(round.wrapping_mul(151));
        }
    }
}
