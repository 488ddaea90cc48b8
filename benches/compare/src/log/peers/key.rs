//! Numbers as keys of stores that order keys by their bytes.

use anyhow::Result;

/// Returns the key of record `number`: the most significant byte first.
#[expect(
    clippy::big_endian_bytes,
    reason = "so that keys are ordered as the numbers are"
)]
pub(super) fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Returns the number whose key this is.
#[expect(clippy::big_endian_bytes, reason = "as in the keys")]
pub(super) fn number(key: &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(key.try_into()?))
}
