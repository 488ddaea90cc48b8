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
