//! Where a record goes: hash keys and the ranges of them that shards own.

use std::{fmt, num::NonZeroU32, str::FromStr};

use md5::{Digest, Md5};

/// A point of the space 0 .. 2^128 - 1 over which a stream's shards are spread.
///
/// Its text form is decimal, as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(pub u128);

/// Why a text is not a hash key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashKeyError {
    /// The text has characters other than decimal digits, or none, or a leading zero.
    #[error("not a decimal number without leading zeros")]
    NotDecimal,
    /// The number is greater than 2^128 - 1.
    #[error("greater than 2^128 - 1")]
    TooLarge,
}

impl HashKey {
    /// The lowest hash key.
    pub const MIN: Self = Self(0);
    /// The highest hash key, 2^128 - 1.
    pub const MAX: Self = Self(u128::MAX);

    /// Returns the hash key of a partition key: its MD5, read as a big-endian number.
    #[expect(
        clippy::big_endian_bytes,
        reason = "Kinesis defines the hash key as big-endian"
    )]
    pub fn of_partition_key(partition_key: &str) -> Self {
        Self(u128::from_be_bytes(
            Md5::digest(partition_key.as_bytes()).into(),
        ))
    }

    /// Parses a decimal hash key.
    ///
    /// # Errors
    /// [`HashKeyError`] if the text does not match `0|([1-9]\d*)` or the number is too large.
    pub fn parse(text: &str) -> Result<Self, HashKeyError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits || (text.len() > 1 && text.starts_with('0')) {
            return Err(HashKeyError::NotDecimal);
        }
        text.parse().map(Self).map_err(|_| HashKeyError::TooLarge)
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HashKey {
    type Err = HashKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The hash keys a shard owns, both ends included.
///
/// # Invariants
/// `start <= end`, so a range is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashKeyRange {
    start: HashKey,
    end: HashKey,
}

impl HashKeyRange {
    /// Every hash key.
    pub const FULL: Self = Self {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    /// Makes the range `start..=end`, or `None` if `start` is above `end`.
    pub fn new(start: HashKey, end: HashKey) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    /// Returns the lowest hash key of the range.
    pub const fn start(&self) -> HashKey {
        self.start
    }

    /// Returns the highest hash key of the range.
    pub const fn end(&self) -> HashKey {
        self.end
    }

    /// Tells whether `key` lies in the range.
    pub fn contains(&self, key: HashKey) -> bool {
        (self.start..=self.end).contains(&key)
    }

    /// Splits the range into `count` ranges of one width, the last taking the remainder.
    ///
    /// The ranges are in ascending order, adjacent, and cover this one. There are fewer than
    /// `count` only if the range has fewer keys than that; then each has one key.
    ///
    /// # Source
    /// This is how `CreateStream` divides a new stream.
    pub fn even_split(&self, count: NonZeroU32) -> Vec<Self> {
        let HashKey(start) = self.start;
        // One less than the number of keys, which itself may not fit in 128 bits.
        let last = self.end.0 - start;
        let count = u128::from(count.get()).min(last.saturating_add(1));
        if count == 1 {
            return vec![*self];
        }
        let width = last / count + u128::from(last % count == count - 1);
        (0..count)
            .map(|i| {
                let first = start + i * width;
                let end = if i == count - 1 {
                    self.end
                } else {
                    HashKey(first + (width - 1))
                };
                Self {
                    start: HashKey(first),
                    end,
                }
            })
            .collect()
    }
}

impl fmt::Display for HashKeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(range: HashKeyRange, count: u32) -> Vec<HashKeyRange> {
        range.even_split(NonZeroU32::new(count).unwrap())
    }

    #[test]
    fn md5_is_read_big_endian() {
        assert_eq!(
            HashKey::of_partition_key("a").to_string(),
            "16955237001963240173058271559858726497"
        );
    }

    #[test]
    fn parsed_at_the_limits() {
        assert_eq!(HashKey::parse("0"), Ok(HashKey::MIN));
        assert_eq!(
            HashKey::parse("340282366920938463463374607431768211455"),
            Ok(HashKey::MAX)
        );
        assert_eq!(
            HashKey::parse("340282366920938463463374607431768211456"),
            Err(HashKeyError::TooLarge)
        );
        for text in ["", "00", "01", "-1", "+1", "1a", " 1"] {
            assert_eq!(
                HashKey::parse(text),
                Err(HashKeyError::NotDecimal),
                "{text}"
            );
        }
    }

    #[test]
    fn three_shards_as_kinesis_makes_them() {
        let texts: Vec<_> = split(HashKeyRange::FULL, 3)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "0..=113427455640312821154458202477256070484",
                "113427455640312821154458202477256070485..=226854911280625642308916404954512140969",
                "226854911280625642308916404954512140970..=340282366920938463463374607431768211455",
            ]
        );
    }

    #[test]
    fn powers_of_two_are_exact() {
        let halves = split(HashKeyRange::FULL, 2);
        assert_eq!(halves[0].end(), HashKey((1 << 127) - 1));
        assert_eq!(halves[1].start(), HashKey(1 << 127));
        assert_eq!(split(HashKeyRange::FULL, 1), [HashKeyRange::FULL]);
    }

    #[test]
    fn a_range_never_gets_more_parts_than_keys() {
        let two = HashKeyRange::new(HashKey(7), HashKey(8)).unwrap();
        assert_eq!(split(two, 5).len(), 2);
        assert_eq!(HashKeyRange::new(HashKey(8), HashKey(7)), None);
    }

    proptest! {
        #[test]
        fn parts_are_adjacent_and_cover_the_range(a: u128, b: u128, count in 1u32..3000) {
            let range = HashKeyRange::new(HashKey(a.min(b)), HashKey(a.max(b))).unwrap();
            let parts = split(range, count);
            prop_assert_eq!(parts.first().unwrap().start(), range.start());
            prop_assert_eq!(parts.last().unwrap().end(), range.end());
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].end().0 + 1, pair[1].start().0);
                prop_assert!(!pair[0].contains(pair[1].start()));
            }
        }

        #[test]
        fn decimal_round_trip(key: u128) {
            prop_assert_eq!(HashKey::parse(&HashKey(key).to_string()), Ok(HashKey(key)));
        }
    }
}
