//! The two small files of a data directory: `ENGINE`, written once, and `CLEAN`, written at every
//! orderly close and removed at every open.

use super::bytes::{Fields, FieldsMut};
use super::{FORMAT_VERSION, checksum};
use crate::seq::SeqNo;

const ENGINE_MAGIC: [u8; 8] = *b"MNSTMENG";
pub(crate) const CLEAN_MAGIC: [u8; 8] = *b"MNSTMCLN";
/// The size of the `ENGINE` file, in bytes.
pub const ENGINE_BYTES: usize = 32;

const AT_VERSION: usize = 8;
const AT_ID: usize = 12;
const AT_ENGINE_CRC: usize = 28;

/// The random identity of a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineId(pub [u8; 16]);

/// Why a manifest cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The bytes are not such a file, or were changed.
    #[error("not such a file, or damaged")]
    Invalid,
    /// The file is whole, but was written by a newer version.
    #[error("format version {0} is newer than the newest known, {FORMAT_VERSION}")]
    NewerVersion(u16),
}

/// Returns the contents of an `ENGINE` file.
pub fn encode_engine(id: EngineId) -> [u8; ENGINE_BYTES] {
    let mut block = [0; ENGINE_BYTES];
    let mut fields = FieldsMut(&mut block);
    fields.put(0, &ENGINE_MAGIC);
    fields.put_u16(AT_VERSION, FORMAT_VERSION);
    fields.put(AT_ID, &id.0);
    let crc = checksum::plain(block.get(..AT_ENGINE_CRC).unwrap_or_default());
    FieldsMut(&mut block).put_u32(AT_ENGINE_CRC, crc);
    block
}

/// Reads an `ENGINE` file.
///
/// # Errors
/// [`ManifestError`].
pub fn decode_engine(bytes: &[u8]) -> Result<EngineId, ManifestError> {
    let Ok(block) = <[u8; ENGINE_BYTES]>::try_from(bytes) else {
        return Err(ManifestError::Invalid);
    };
    let fields = Fields(&block);
    let crc = checksum::plain(block.get(..AT_ENGINE_CRC).unwrap_or_default());
    if !block.starts_with(&ENGINE_MAGIC) || fields.u32(AT_ENGINE_CRC) != crc {
        return Err(ManifestError::Invalid);
    }
    check_version(fields.u16(AT_VERSION))?;
    let mut id = [0; 16];
    id.copy_from_slice(block.get(AT_ID..AT_ENGINE_CRC).unwrap_or(&[0; 16]));
    Ok(EngineId(id))
}

/// Where a shard stood when the engine was closed in good order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanShard {
    /// The shard's name.
    pub name: String,
    /// The base sequence number of the newest segment.
    pub segment: SeqNo,
    /// The exclusive end of the newest segment's data, in bytes.
    pub data_end: u64,
    /// The sequence number of the next record.
    pub next: SeqNo,
    /// The arrival time of the last record of the shard, in ms since the Unix epoch.
    pub last_time_ms: u64,
    /// The arrival time of the oldest record of the newest segment; 0 if it has none.
    pub oldest_ms: u64,
    /// The checksum of the newest segment's last group header, or of its own header.
    pub chain: u32,
}

const CLEAN_ENTRY_BYTES: usize = 48;

/// Returns the contents of a `CLEAN` file.
pub fn encode_clean(id: EngineId, shards: &[CleanShard]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&CLEAN_MAGIC);
    bytes.extend_from_slice(&u32::from(FORMAT_VERSION).to_le_bytes());
    bytes.extend_from_slice(&id.0);
    bytes.extend_from_slice(
        &u32::try_from(shards.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    for shard in shards {
        let mut entry = [0; CLEAN_ENTRY_BYTES];
        let mut fields = FieldsMut(&mut entry);
        fields.put_u64(0, shard.segment.0);
        fields.put_u64(8, shard.data_end);
        fields.put_u64(16, shard.next.0);
        fields.put_u64(24, shard.last_time_ms);
        fields.put_u64(32, shard.oldest_ms);
        fields.put_u32(40, shard.chain);
        fields.put_u32(44, u32::try_from(shard.name.len()).unwrap_or(u32::MAX));
        bytes.extend_from_slice(&entry);
        bytes.extend_from_slice(shard.name.as_bytes());
    }
    let crc = checksum::plain(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a `CLEAN` file of the engine `id`.
///
/// # Errors
/// [`ManifestError`]; a file of another engine is `Invalid`.
pub fn decode_clean(bytes: &[u8], id: EngineId) -> Result<Vec<CleanShard>, ManifestError> {
    let Some((body, crc)) = bytes.split_last_chunk::<4>() else {
        return Err(ManifestError::Invalid);
    };
    if checksum::plain(body) != u32::from_le_bytes(*crc) || !body.starts_with(&CLEAN_MAGIC) {
        return Err(ManifestError::Invalid);
    }
    let head = Fields(body);
    check_version(head.u16(8))?;
    if body.get(12..28) != Some(&id.0[..]) {
        return Err(ManifestError::Invalid);
    }
    let mut rest = body.get(32..).ok_or(ManifestError::Invalid)?;
    let mut shards = Vec::new();
    for _ in 0..head.u32(28) {
        let (entry, after) = rest
            .split_first_chunk::<CLEAN_ENTRY_BYTES>()
            .ok_or(ManifestError::Invalid)?;
        let fields = Fields(entry);
        let name_len = usize::try_from(fields.u32(44)).map_err(|_| ManifestError::Invalid)?;
        let (name, after) = after
            .split_at_checked(name_len)
            .ok_or(ManifestError::Invalid)?;
        shards.push(CleanShard {
            name: String::from_utf8(name.to_vec()).map_err(|_| ManifestError::Invalid)?,
            segment: SeqNo(fields.u64(0)),
            data_end: fields.u64(8),
            next: SeqNo(fields.u64(16)),
            last_time_ms: fields.u64(24),
            oldest_ms: fields.u64(32),
            chain: fields.u32(40),
        });
        rest = after;
    }
    if rest.is_empty() {
        Ok(shards)
    } else {
        Err(ManifestError::Invalid)
    }
}

fn check_version(version: u16) -> Result<(), ManifestError> {
    match version {
        0 => Err(ManifestError::Invalid),
        FORMAT_VERSION => Ok(()),
        newer => Err(ManifestError::NewerVersion(newer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: EngineId = EngineId([7; 16]);

    fn shards() -> Vec<CleanShard> {
        let shard = |name: &str, at: u64| CleanShard {
            name: name.to_owned(),
            segment: SeqNo(at),
            data_end: at + 1,
            next: SeqNo(at + 2),
            last_time_ms: at + 3,
            oldest_ms: at + 4,
            chain: 5,
        };
        vec![shard("a", 10), shard("another", 20), shard("", 30)]
    }

    #[test]
    fn both_files_read_back() {
        assert_eq!(decode_engine(&encode_engine(ID)), Ok(ID));
        assert_eq!(decode_clean(&encode_clean(ID, &shards()), ID), Ok(shards()));
        assert_eq!(decode_clean(&encode_clean(ID, &[]), ID), Ok(vec![]));
    }

    #[test]
    fn damage_and_foreign_files_are_refused() {
        let engine = encode_engine(ID);
        for bit in 0..engine.len() * 8 {
            let mut damaged = engine;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                decode_engine(&damaged),
                Err(ManifestError::Invalid),
                "bit {bit}"
            );
        }
        let clean = encode_clean(ID, &shards());
        for bit in 0..clean.len() * 8 {
            let mut damaged = clean.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                decode_clean(&damaged, ID),
                Err(ManifestError::Invalid),
                "bit {bit}"
            );
        }
        for len in 0..clean.len() {
            assert_eq!(decode_clean(&clean[..len], ID), Err(ManifestError::Invalid));
        }
        assert_eq!(
            decode_clean(&clean, EngineId([8; 16])),
            Err(ManifestError::Invalid)
        );
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut engine = encode_engine(ID);
        engine[AT_VERSION] = 2;
        let crc = checksum::plain(&engine[..AT_ENGINE_CRC]);
        engine[AT_ENGINE_CRC..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode_engine(&engine), Err(ManifestError::NewerVersion(2)));
    }
}
