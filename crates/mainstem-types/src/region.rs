//! The region a server says it is in.

use std::{fmt, str::FromStr, sync::Arc};

/// The name of a region, such as `us-east-1`.
///
/// Any name of lower-case letters, digits and hyphens will do: Mainstem has no list of regions.
///
/// # Invariants
/// 1 to 64 characters out of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

/// The text cannot be a region's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("region {text:?} is not 1 to {REGION_CHARS_MAX} lower-case letters, digits and hyphens")]
pub struct RegionError {
    text: String,
}

impl Region {
    /// Checks `text` and makes it a region.
    ///
    /// # Errors
    /// [`RegionError`] if it is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, RegionError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=REGION_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(RegionError {
                text: text.to_owned(),
            })
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the partition that ARNs of this region carry.
    pub fn partition(&self) -> &'static str {
        if self.0.starts_with("cn-") {
            "aws-cn"
        } else if self.0.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

impl Default for Region {
    /// `us-east-1`, the region clients fall back to most often.
    fn default() -> Self {
        Self("us-east-1".into())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// Longest region name accepted; real ones have at most 14 characters.
const REGION_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(Region::default(), Region::new("us-east-1").unwrap());
        assert!(Region::new(&"a".repeat(64)).is_ok());
        for text in ["", "US-EAST-1", "us east", "us:east", &"a".repeat(65)] {
            assert!(Region::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn partitions() {
        assert_eq!(Region::default().partition(), "aws");
        assert_eq!(Region::new("cn-north-1").unwrap().partition(), "aws-cn");
        assert_eq!(
            Region::new("us-gov-west-1").unwrap().partition(),
            "aws-us-gov"
        );
    }
}
