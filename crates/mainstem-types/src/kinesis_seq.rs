//! The 56-digit sequence number that clients see.

use std::{fmt, str::FromStr};

use crate::ShardId;

/// The sequence number of a record as Kinesis clients see it: a 186-bit number in decimal.
///
/// It is formed above the engine from when the shard was created, which shard it is, the record's
/// place in the shard and when the record arrived. Numbers of one shard grow with the place, since
/// that stands above the arrival time. The order of values is the order of the numbers.
///
/// # Invariants
/// Version 2 of the layout, bit 0 being the lowest:
///
/// | bits | meaning |
/// | --- | --- |
/// | 184..188 | 2 |
/// | 148..184 | creation of the shard, epoch seconds, below [`KinesisSeq::CREATED_S_END`] |
/// | 144..148 | lowest four bits of the shard's index |
/// | 80..144 | sequence index, at most [`KinesisSeq::SEQUENCE_INDEX_MAX`] |
/// | 72..80 | 0 |
/// | 36..72 | time of the record, epoch seconds |
/// | 4..36 | index of the shard |
/// | 0..4 | 2, the version |
///
/// # Source
/// Numbers recorded from Kinesis. The Kinesis Client Library checks the version and the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KinesisSeq {
    /// Bits 128..188.
    high: u64,
    /// Bits 0..128.
    low: u128,
}

/// Why a text is not a sequence number of the current layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KinesisSeqError {
    /// The text is not `0` or up to 129 digits without a leading zero.
    #[error("not a decimal number of at most {DIGITS_MAX} digits")]
    NotDecimal,
    /// The number has the layout of version 0, which Kinesis stopped issuing.
    #[error("sequence number of layout version 0")]
    Version0,
    /// The number has the layout of version 1, which Kinesis stopped issuing.
    #[error("sequence number of layout version 1")]
    Version1,
    /// The number names a version that does not exist, or has not the length of its version.
    #[error("sequence number of no known layout")]
    UnknownVersion,
    /// The creation time lies at or beyond [`KinesisSeq::CREATED_S_END`].
    #[error("shard creation time {created_s} s is out of range")]
    CreationTime {
        /// The creation time found, in epoch seconds.
        created_s: u64,
    },
    /// The sequence index is above [`KinesisSeq::SEQUENCE_INDEX_MAX`].
    #[error("sequence index {sequence_index} is out of range")]
    SequenceIndex {
        /// The index found.
        sequence_index: u64,
    },
}

impl KinesisSeq {
    /// The sequence index of a closed shard's ending sequence number, above that of any record.
    pub const SEQUENCE_INDEX_MAX: u64 = 0x7fff_ffff_ffff_ffff;

    /// Exclusive end of valid shard creation times, in epoch seconds.
    pub const CREATED_S_END: u64 = 16_025_175_000;

    /// Returns the starting sequence number of a shard, which no record has.
    pub fn shard_start(shard_created_s: u64, shard: ShardId) -> Self {
        Self::assemble(shard_created_s, shard, 0, shard_created_s)
    }

    /// Returns the ending sequence number of a shard closed at `closed_s`.
    pub fn shard_end(shard_created_s: u64, shard: ShardId, closed_s: u64) -> Self {
        Self::assemble(shard_created_s, shard, Self::SEQUENCE_INDEX_MAX, closed_s)
    }

    /// Returns the sequence number of the record with this index, which arrived at `record_s`.
    ///
    /// A shard's first record has index 1; 0 and [`KinesisSeq::SEQUENCE_INDEX_MAX`] belong to the
    /// shard's start and end. An index beyond these, or a time the layout has no room for (the
    /// year 2477 for the shard, 4147 for the record), is held at the nearest valid value.
    pub fn record(
        shard_created_s: u64,
        shard: ShardId,
        sequence_index: u64,
        record_s: u64,
    ) -> Self {
        let index = sequence_index.clamp(1, Self::SEQUENCE_INDEX_MAX - 1);
        Self::assemble(shard_created_s, shard, index, record_s)
    }

    fn assemble(created_s: u64, shard: ShardId, sequence_index: u64, time_s: u64) -> Self {
        let created_s = created_s.min(Self::CREATED_S_END - 1);
        let time_s = time_s.min(TIME_MASK);
        let shard_index = shard.index();
        let high = (VERSION << 56)
            | (created_s << 20)
            | (u64::from(shard_index & 0xf) << 16)
            | (sequence_index >> 48);
        let low = (u128::from(sequence_index) << 80)
            | (u128::from(time_s) << 36)
            | (u128::from(shard_index) << 4)
            | u128::from(VERSION);
        Self { high, low }
    }

    /// Returns when the shard was created, in epoch seconds.
    pub const fn shard_created_s(&self) -> u64 {
        (self.high >> 20) & TIME_MASK
    }

    /// Returns the index of the shard; at most [`ShardId::INDEX_MAX`] unless a client made it up.
    pub const fn shard_index(&self) -> u32 {
        ((self.low >> 4) & 0xffff_ffff) as u32
    }

    /// Returns the place of the record in its shard, counted from 1.
    pub const fn sequence_index(&self) -> u64 {
        ((self.high & 0xffff) << 48) | (self.low >> 80) as u64
    }

    /// Returns when the record arrived, in epoch seconds.
    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves 36 bits")]
    pub const fn record_s(&self) -> u64 {
        ((self.low >> 36) & TIME_MASK as u128) as u64
    }

    /// Parses a decimal sequence number as a client sends it.
    ///
    /// Numbers that no record has are accepted as long as they follow the layout.
    ///
    /// # Errors
    /// [`KinesisSeqError`] tells older layouts, unknown ones and impossible fields apart.
    pub fn parse(text: &str) -> Result<Self, KinesisSeqError> {
        let digits = text.as_bytes();
        let well_formed = (1..=DIGITS_MAX).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
            && (digits.len() == 1 || digits.first() != Some(&b'0'));
        if !well_formed {
            return Err(KinesisSeqError::NotDecimal);
        }
        match low_nibble(digits) {
            0 => return Err(KinesisSeqError::Version0),
            1 => return Err(KinesisSeqError::Version1),
            2 => {}
            _ => return Err(KinesisSeqError::UnknownVersion),
        }
        let (high, low) = decode_decimal(digits).ok_or(KinesisSeqError::UnknownVersion)?;
        if high >> 56 != VERSION {
            return Err(KinesisSeqError::UnknownVersion);
        }
        let seq = Self { high, low };
        let (created_s, sequence_index) = (seq.shard_created_s(), seq.sequence_index());
        if created_s >= Self::CREATED_S_END {
            return Err(KinesisSeqError::CreationTime { created_s });
        }
        if sequence_index > Self::SEQUENCE_INDEX_MAX {
            return Err(KinesisSeqError::SequenceIndex { sequence_index });
        }
        Ok(seq)
    }
}

/// Returns the number modulo 16, which its last four digits decide as 16 divides 10,000.
fn low_nibble(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |nibble, digit| {
        (nibble * 10 + u32::from(digit - b'0')) & 0xf
    })
}

/// Returns the number as (bits 128.., bits 0..128), or `None` if it has more than 192 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "each limb takes the low 64 bits"
)]
fn decode_decimal(digits: &[u8]) -> Option<(u64, u128)> {
    let mut limbs = [0u64; 3];
    for chunk in digits.chunks(CHUNK_DIGITS) {
        let mut carry = chunk
            .iter()
            .fold(0, |sum, d| sum * 10 + u128::from(d - b'0'));
        let scale = chunk.iter().fold(1u128, |scale, _| scale * 10);
        for limb in &mut limbs {
            let product = u128::from(*limb) * scale + carry;
            *limb = product as u64;
            carry = product >> 64;
        }
        if carry != 0 {
            return None;
        }
    }
    let [l0, l1, l2] = limbs;
    Some((l2, (u128::from(l1) << 64) | u128::from(l0)))
}

impl fmt::Display for KinesisSeq {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "limbs and quotients have 64 bits"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Most significant first. Each pass divides the whole number by 10^18.
        let mut limbs = [self.high, (self.low >> 64) as u64, self.low as u64];
        let mut chunks = [0u64; 4];
        for chunk in chunks.iter_mut().rev() {
            let mut rest = 0u128;
            for limb in &mut limbs {
                let dividend = (rest << 64) | u128::from(*limb);
                *limb = (dividend / CHUNK) as u64;
                rest = dividend % CHUNK;
            }
            *chunk = rest as u64;
        }
        // The leading bits are fixed, so the number always has 56 digits: 2 and three times 18.
        let [c0, c1, c2, c3] = chunks;
        write!(f, "{c0}{c1:018}{c2:018}{c3:018}")
    }
}

impl fmt::Debug for KinesisSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KinesisSeq")
            .field("shard_created_s", &self.shard_created_s())
            .field("shard_index", &self.shard_index())
            .field("sequence_index", &self.sequence_index())
            .field("record_s", &self.record_s())
            .finish()
    }
}

impl FromStr for KinesisSeq {
    type Err = KinesisSeqError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The version of the layout, in its lowest and its highest four bits.
const VERSION: u64 = 2;

/// The 36 bits of a time.
const TIME_MASK: u64 = 0xf_ffff_ffff;

/// Most digits the API allows in a sequence number.
const DIGITS_MAX: usize = 129;

/// Digits handled at once.
const CHUNK_DIGITS: usize = 18;

/// 10 to the power of [`CHUNK_DIGITS`].
const CHUNK: u128 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests;
