//! The payload of a record: a partition key and data. Byte table in `docs/format-records.md`.

use bytes::Bytes;

/// What is in front of the partition key of a payload.
pub(crate) type Header = [u8; HEADER_BYTES];

/// Returns the header of a payload, or `None` if the key is longer than the field can say.
pub(crate) fn header(partition_key: Option<&str>) -> Option<Header> {
    let key_bytes = u16::try_from(partition_key.map_or(0, str::len)).ok()?;
    let [low, high] = key_bytes.to_le_bytes();
    let flags = if partition_key.is_some() {
        FLAG_PARTITION_KEY
    } else {
        0
    };
    Some([VERSION, flags, low, high])
}

/// A payload taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) partition_key: Option<String>,
    pub(crate) data: Bytes,
}

/// Why bytes are no payload. The log has verified their checksum, so somebody wrote them so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The payload is shorter than its header, or than the key it announces.
    #[error("record payload of {bytes} bytes is cut short")]
    Short {
        /// Its length.
        bytes: usize,
    },
    /// A newer version of this program wrote it.
    #[error("record payload version {version} is not supported")]
    Unsupported {
        /// The version it says.
        version: u8,
    },
    /// The version is zero, or flags are set that this version does not have.
    #[error("record payload header {header:02x?} is not valid")]
    Header {
        /// The header.
        header: [u8; 4],
    },
    /// The partition key is not UTF-8.
    #[error("partition key of a record is not UTF-8")]
    PartitionKey,
}

/// Takes a payload apart; the data shares its memory.
pub(crate) fn decode(payload: &Bytes) -> Result<Payload, PayloadError> {
    let short = PayloadError::Short {
        bytes: payload.len(),
    };
    let header: &Header = payload.first_chunk().ok_or(short)?;
    let [version, flags, low, high] = *header;
    if version > VERSION {
        return Err(PayloadError::Unsupported { version });
    }
    let key_bytes = usize::from(u16::from_le_bytes([low, high]));
    let has_key = flags & FLAG_PARTITION_KEY != 0;
    if version == 0 || flags & !FLAG_PARTITION_KEY != 0 || (!has_key && key_bytes != 0) {
        return Err(PayloadError::Header { header: *header });
    }
    let data_start = HEADER_BYTES + key_bytes;
    let key = payload.get(HEADER_BYTES..data_start).ok_or(short)?;
    let key = std::str::from_utf8(key).map_err(|_| PayloadError::PartitionKey)?;
    Ok(Payload {
        partition_key: has_key.then(|| key.to_owned()),
        data: payload.slice(data_start..),
    })
}

/// The version written; zero is none.
const VERSION: u8 = 1;

/// Set if a partition key was supplied, even an empty one.
const FLAG_PARTITION_KEY: u8 = 1;

pub(crate) const HEADER_BYTES: usize = 4;

#[cfg(test)]
mod tests;
