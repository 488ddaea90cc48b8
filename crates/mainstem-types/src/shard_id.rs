//! The identifier of a shard within its stream.

use std::{fmt, str::FromStr};

/// The index of a shard within its stream; indices only grow and are never used twice.
///
/// Its text form is `shardId-` and the index in twelve digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u32);

/// The text does not name a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed shard id {text:?}")]
pub struct ShardIdError {
    text: String,
}

impl ShardId {
    /// The highest index a shard may have.
    ///
    /// # Source
    /// The largest number Kinesis reads in a shard id.
    pub const INDEX_MAX: u32 = 2_147_483_647;

    /// Makes the id of the shard with this `index`, or `None` above [`ShardId::INDEX_MAX`].
    pub const fn new(index: u32) -> Option<Self> {
        if index > Self::INDEX_MAX {
            None
        } else {
            Some(Self(index))
        }
    }

    /// Returns the index.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// Reads a shard id as leniently as Kinesis does.
    ///
    /// What follows the first hyphen, or everything if there is none, is read as digits. So `0`,
    /// `shard-0` and `shardId-000000000000` all name the first shard.
    ///
    /// # Errors
    /// [`ShardIdError`] if that is not a number from 0 to [`ShardId::INDEX_MAX`].
    pub fn parse(text: &str) -> Result<Self, ShardIdError> {
        let digits = text.split_once('-').map_or(text, |(_, rest)| rest);
        let malformed = || ShardIdError {
            text: text.to_owned(),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed());
        }
        digits
            .parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(malformed)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

impl FromStr for ShardId {
    type Err = ShardIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displayed_with_twelve_digits() {
        assert_eq!(ShardId::new(0).unwrap().to_string(), "shardId-000000000000");
        assert_eq!(
            ShardId::new(ShardId::INDEX_MAX).unwrap().to_string(),
            "shardId-002147483647"
        );
        assert_eq!(ShardId::new(ShardId::INDEX_MAX + 1), None);
    }

    #[test]
    fn many_texts_name_one_shard() {
        for text in [
            "17",
            "shard-17",
            "-17",
            "shardId-000000000017",
            "x-0000000000000000000000017",
        ] {
            assert_eq!(ShardId::parse(text).map(ShardId::index), Ok(17), "{text}");
        }
    }

    #[test]
    fn malformed() {
        for text in [
            "",
            "shardId",
            "shardId-",
            "shard--1",
            "a-+1",
            "a-1-2",
            "1x",
            "2147483648",
        ] {
            assert!(ShardId::parse(text).is_err(), "{text}");
        }
    }
}
