//! The bytes of one append.
//!
//! | position | bytes | meaning |
//! | --- | --- | --- |
//! | 0 | 4 | length of the payload |
//! | 4 | 4 | CRC-32 of all that follows |
//! | 8 | 8 | number of the first record |
//! | 16 | | payload: the records, tabs between them |

use byteorder::{ByteOrder, LittleEndian};

/// The length of what is before the payload.
pub(super) const HEADER_BYTES: usize = 16;

/// A frame as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) number: u64,
    pub(super) payload: Vec<u8>,
}

/// What is at some position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Whole(Frame),
    /// Too short or with a wrong checksum. What there is, as far as it can be told.
    Torn(Option<Frame>),
    End,
}

impl Frame {
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.payload.split(|byte| *byte == b'\t')
    }

    /// Returns the number after the last record.
    pub(super) fn end(&self) -> u64 {
        let records = u64::try_from(self.records().count()).unwrap_or(u64::MAX);
        self.number.saturating_add(records)
    }

    pub(super) fn byte_len(&self) -> usize {
        self.payload.len().saturating_add(HEADER_BYTES)
    }

    /// Returns the bytes of the frame, header first.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut checked = vec![0; 8];
        LittleEndian::write_u64(&mut checked, self.number);
        checked.extend_from_slice(&self.payload);
        let mut bytes = vec![0; 8];
        if let [len @ .., _, _, _, _] = bytes.as_mut_slice() {
            LittleEndian::write_u32(len, u32::try_from(self.payload.len()).unwrap_or(u32::MAX));
        }
        if let [_, _, _, _, crc @ ..] = bytes.as_mut_slice() {
            LittleEndian::write_u32(crc, crc32fast::hash(&checked));
        }
        bytes.extend(checked);
        bytes
    }

    /// Reads what `bytes` begin with.
    pub(super) fn decode(bytes: &[u8]) -> Found {
        if bytes.is_empty() {
            return Found::End;
        }
        let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else {
            return Found::Torn(None);
        };
        let (fixed, number) = header.split_at(8);
        let (len, crc) = fixed.split_at(4);
        let len = usize::try_from(LittleEndian::read_u32(len)).unwrap_or(usize::MAX);
        let number = LittleEndian::read_u64(number);
        let payload = rest.get(..len.min(rest.len())).unwrap_or_default();
        let frame = Self {
            number,
            payload: payload.to_vec(),
        };
        let checked = bytes.get(8..HEADER_BYTES.saturating_add(len));
        if checked.map(crc32fast::hash) == Some(LittleEndian::read_u32(crc)) {
            Found::Whole(frame)
        } else {
            Found::Torn(Some(frame))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_or_torn() {
        let frame = Frame {
            number: 7,
            payload: b"a\tbc\t".to_vec(),
        };
        assert_eq!((frame.records().count(), frame.end()), (3, 10));
        let bytes = frame.encode();
        assert_eq!(bytes.len(), frame.byte_len());
        assert_eq!(Frame::decode(&bytes), Found::Whole(frame.clone()));
        assert_eq!(Frame::decode(&[]), Found::End);
        for len in 1..bytes.len() {
            assert!(
                matches!(Frame::decode(&bytes[..len]), Found::Torn(_)),
                "{len}"
            );
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(matches!(Frame::decode(&changed), Found::Torn(_)), "{place}");
        }
    }
}
