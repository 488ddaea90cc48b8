//! Randomness.

use std::{fmt, io};

/// A source of random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// The system's error, if it has no randomness to give.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;

    /// Returns a random number.
    ///
    /// # Errors
    /// As [`Random::fill`].
    fn next_u64(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}
