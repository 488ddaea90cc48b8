//! The name of a stream.

use std::{fmt, str::FromStr, sync::Arc};

use crate::limits::STREAM_NAME_CHARS_MAX;

/// The name of a stream, unique within one account and region.
///
/// Cloning shares the text.
///
/// # Invariants
/// 1 to [`STREAM_NAME_CHARS_MAX`] characters out of `a-z`, `A-Z`, `0-9`, `_`, `.` and `-`.
///
/// # Source
/// Shape `StreamName` of the Kinesis service model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

/// Why a text is not a stream name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamNameError {
    /// The text is empty or longer than the limit.
    #[error("stream name has {chars} characters, not 1 to {STREAM_NAME_CHARS_MAX}")]
    Length {
        /// Characters of the refused text.
        chars: usize,
    },
    /// The text contains a character that names may not contain.
    #[error("stream name contains {found:?}; letters, digits, '_', '.' and '-' are allowed")]
    Character {
        /// The first such character.
        found: char,
    },
}

impl StreamName {
    /// Checks `text` and makes it a stream name.
    ///
    /// # Errors
    /// [`StreamNameError`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, StreamNameError> {
        let chars = text.chars().count();
        if chars == 0 || chars > STREAM_NAME_CHARS_MAX {
            return Err(StreamNameError::Length { chars });
        }
        match text.chars().find(|&found| !is_name_character(found)) {
            Some(found) => Err(StreamNameError::Character { found }),
            None => Ok(Self(text.into())),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether `c` may appear in the names of streams, shards and consumers.
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for StreamName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_the_limits() {
        assert_eq!(
            StreamName::new(""),
            Err(StreamNameError::Length { chars: 0 })
        );
        assert!(StreamName::new("a").is_ok());
        assert!(StreamName::new(&"a".repeat(128)).is_ok());
        assert_eq!(
            StreamName::new(&"a".repeat(129)),
            Err(StreamNameError::Length { chars: 129 })
        );
    }

    #[test]
    fn characters() {
        assert_eq!(StreamName::new("aZ09_.-").unwrap().as_str(), "aZ09_.-");
        for (text, found) in [("a b", ' '), ("a/b", '/'), ("ä", 'ä'), ("a\n", '\n')] {
            assert_eq!(
                StreamName::new(text),
                Err(StreamNameError::Character { found })
            );
        }
    }
}
