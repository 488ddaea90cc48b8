//! Shard iterators.

use std::io;

use mainstem_types::{ShardId, StreamName};

use super::seal::{Kind, Sealer};
use crate::catalogue::Incarnation;
use mainstem_log::SeqNo;

/// Where in a shard an iterator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IteratorPosition {
    /// Before the oldest record there is when it is read.
    Oldest,
    /// Before this record.
    At(SeqNo),
    /// Before the first record that arrived at this time or later, in epoch milliseconds.
    Time(u64),
}

/// An iterator, as clients hold it in sealed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardIterator {
    pub(crate) stream: StreamName,
    pub(crate) incarnation: Incarnation,
    pub(crate) shard: ShardId,
    pub(crate) position: IteratorPosition,
    pub(crate) issued_ms: u64,
}

impl ShardIterator {
    /// Returns the text for clients: always 288 characters.
    ///
    /// # Errors
    /// The system's error, if it has no randomness to give.
    pub(crate) fn seal(&self, sealer: &Sealer) -> io::Result<String> {
        let (position_kind, position) = match self.position {
            IteratorPosition::Oldest => (POSITION_OLDEST, 0),
            IteratorPosition::At(seq) => (POSITION_AT, seq.0),
            IteratorPosition::Time(ms) => (POSITION_TIME, ms),
        };
        let name = self.stream.as_str().as_bytes();
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend_from_slice(&self.incarnation.0.to_le_bytes());
        body.extend_from_slice(&self.issued_ms.to_le_bytes());
        body.extend_from_slice(&position.to_le_bytes());
        body.extend_from_slice(&self.shard.index().to_le_bytes());
        body.push(position_kind);
        // A stream's name has at most 128 bytes; one that did not fit would not open again.
        body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.extend_from_slice(&[0; 2]);
        body.extend_from_slice(name);
        // Padding hides the name's length, and real iterators are multiples of 16 bytes long, too.
        body.resize(BODY_BYTES, 0);
        sealer.seal(Kind::ShardIterator, &body)
    }

    /// Opens what [`ShardIterator::seal`] made, or `None` for any other text.
    ///
    /// A text in double quotes is accepted, as Kinesis does.
    pub(crate) fn open(sealer: &Sealer, text: &str) -> Option<Self> {
        let quoted = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        let body = sealer.open(Kind::ShardIterator, quoted.unwrap_or(text))?;
        let mut fields = Fields(&body);
        let incarnation = u64::from_le_bytes(fields.take()?);
        let issued_ms = u64::from_le_bytes(fields.take()?);
        let position = u64::from_le_bytes(fields.take()?);
        let shard = u32::from_le_bytes(fields.take()?);
        let [position_kind, name_bytes, _, _] = fields.take()?;
        let name = fields.0.get(..usize::from(name_bytes))?;
        Some(Self {
            stream: StreamName::new(std::str::from_utf8(name).ok()?).ok()?,
            incarnation: Incarnation(incarnation),
            shard: ShardId::new(shard)?,
            position: match position_kind {
                POSITION_OLDEST => IteratorPosition::Oldest,
                POSITION_AT => IteratorPosition::At(SeqNo(position)),
                POSITION_TIME => IteratorPosition::Time(position),
                _ => return None,
            },
            issued_ms,
        })
    }
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

const POSITION_OLDEST: u8 = 1;
const POSITION_AT: u8 = 2;
const POSITION_TIME: u8 = 3;

/// The fixed fields and the longest stream name.
const BODY_BYTES: usize = 32 + 128;

#[cfg(test)]
mod tests;
