//! Puts right checksums into changed structures, so that what lies behind the checksums is reached.
//!
//! The positions are those of `docs/format.md`, written down a second time on purpose: a field that
//! moves in the code alone makes the structures here unreadable, which the run with nothing changed
//! notices.

use crc32fast::Hasher;

/// A structure with a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SegmentHeader,
    Group,
    Frame,
    IndexEntry,
    Footer,
    Engine,
    Clean,
}

impl Kind {
    pub(crate) fn of(choice: u8) -> Self {
        match choice % 7 {
            0 => Self::SegmentHeader,
            1 => Self::Group,
            2 => Self::Frame,
            3 => Self::IndexEntry,
            4 => Self::Footer,
            5 => Self::Engine,
            _ => Self::Clean,
        }
    }

    /// The bytes of the structure that `bytes` begin with, if they are all there.
    pub(crate) fn len(self, bytes: &[u8]) -> Option<usize> {
        let len = match self {
            Self::SegmentHeader | Self::Footer => 64,
            Self::Group => 40,
            Self::Frame => {
                let word = u32::from_le_bytes(*bytes.first_chunk()?);
                let payload = usize::try_from(word & 0x0FFF_FFFF).ok()?;
                (24 + payload).next_multiple_of(8)
            }
            Self::IndexEntry => 16,
            Self::Engine => 32,
            Self::Clean => bytes.len(),
        };
        (len <= bytes.len()).then_some(len)
    }

    /// Where the checksum stands in a structure of `len` bytes.
    fn at_crc(self, len: usize) -> usize {
        match self {
            Self::SegmentHeader | Self::Footer => 60,
            Self::Group => 36,
            Self::Frame => 4,
            Self::IndexEntry => 12,
            Self::Engine => 28,
            Self::Clean => len.saturating_sub(4),
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::SegmentHeader => b"MNSTMSEG",
            Self::Group => b"GRP1",
            Self::Frame | Self::IndexEntry => b"",
            Self::Footer => b"MNSTMEND",
            Self::Engine => b"MNSTMENG",
            Self::Clean => b"MNSTMCLN",
        }
    }
}

/// Makes `block`, which is one structure of `kind`, verify under `salt`.
pub(crate) fn mend(kind: Kind, block: &mut [u8], salt: u64) {
    let at = kind.at_crc(block.len());
    if block.len() < at + 4 || block.len() < kind.magic().len() {
        return;
    }
    block[..kind.magic().len()].copy_from_slice(kind.magic());
    let mut hasher = Hasher::new();
    match kind {
        Kind::Frame => {
            if block.len() < 24 {
                return;
            }
            // Of a frame: payload, first word, sequence number and time.
            let word = u32::from_le_bytes([block[0], block[1], block[2], block[3]]);
            let payload_len = usize::try_from(word & 0x0FFF_FFFF).unwrap_or(usize::MAX);
            let Some(payload) = block[24..].get(..payload_len) else {
                return;
            };
            hasher.update(payload);
            hasher.update(&block[..4]);
            hasher.update(&block[8..24]);
            block[24 + payload_len..].fill(0);
        }
        _ => hasher.update(&block[..at]),
    }
    if matches!(
        kind,
        Kind::Group | Kind::Frame | Kind::IndexEntry | Kind::Footer
    ) {
        hasher.update(&salt.to_le_bytes());
    }
    block[at..at + 4].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// The salt in the segment header that `segment` begins with.
pub(crate) fn salt_of(segment: &[u8]) -> u64 {
    segment
        .get(32..40)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Makes every structure of a segment file verify that can be found by walking from its start: header,
/// group headers with their chain, frames, and the footer.
pub(crate) fn mend_segment(bytes: &mut [u8]) {
    if bytes.len() < 64 {
        return;
    }
    let salt = salt_of(bytes);
    mend(Kind::SegmentHeader, &mut bytes[..64], salt);
    let mut chain: [u8; 4] = [bytes[60], bytes[61], bytes[62], bytes[63]];
    let mut at = 64;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| rest.len() >= 40) {
        // Bit 31 of the first word tells frames from group headers.
        if rest[3] & 0x80 == 0 {
            if rest[..4] == [0; 4] {
                break;
            }
            rest[12..16].copy_from_slice(&chain);
            mend(Kind::Group, &mut rest[..40], salt);
            chain.copy_from_slice(&rest[36..40]);
            at += 40;
        } else {
            let Some(len) = Kind::Frame.len(rest) else {
                break;
            };
            mend(Kind::Frame, &mut rest[..len], salt);
            at += len;
        }
    }
    let footer = bytes.len() - 64;
    if footer >= 64 && bytes[footer..].starts_with(b"MNSTMEND") {
        mend(Kind::Footer, &mut bytes[footer..], salt);
    }
}
