//! Reading the log from several places.

use std::collections::BTreeMap;

use mainstem_log::{Cursor, LogError, Record, SeqNo, Shard, Start};

use crate::state::apply::{Reader, Source, Stored};

/// Cursors that are kept where they are, so that whoever goes on reading need not look for the place.
#[derive(Debug)]
pub(crate) struct Cursors {
    shard: Shard,
    open: BTreeMap<Reader, Cursor>,
}

impl Cursors {
    pub(crate) fn new(shard: Shard) -> Self {
        Self {
            shard,
            open: BTreeMap::new(),
        }
    }

    /// Returns `reader`'s cursor at `from`, or at the oldest record if `from` is not stored any more.
    fn at(&mut self, reader: Reader, from: u64) -> Result<&mut Cursor, LogError> {
        let is_there = self
            .open
            .get(&reader)
            .is_some_and(|cursor| cursor.position().0 == from);
        if !is_there {
            let cursor = match self.shard.cursor(Start::At(SeqNo(from))) {
                Err(LogError::Trimmed { oldest }) => self.shard.cursor(Start::At(oldest))?,
                cursor => cursor?,
            };
            self.open.insert(reader, cursor);
        }
        self.open.get_mut(&reader).ok_or(LogError::Closed)
    }

    /// Returns record `seq`.
    pub(crate) fn fetch(&mut self, reader: Reader, seq: u64) -> Result<Record, LogError> {
        let cursor = self.at(reader, seq)?;
        match cursor.next()? {
            Some(record) if record.seq().0 == seq => Ok(record.keep()),
            _ => Err(LogError::Trimmed {
                oldest: self.shard.first_seq()?,
            }),
        }
    }

    /// Forgets where a consumer was.
    pub(crate) fn forget(&mut self, consumer: u32) {
        self.open.remove(&Reader::Scan(consumer));
        self.open.remove(&Reader::Fetch(consumer));
    }
}

impl Source for Cursors {
    type Error = LogError;

    fn record<T>(
        &mut self,
        reader: Reader,
        from: u64,
        look: impl FnOnce(Stored<'_>) -> T,
    ) -> Result<Option<T>, LogError> {
        let mut from = from;
        loop {
            let oldest = match self.at(reader, from)?.next() {
                Ok(Some(record)) => {
                    return Ok(Some(look(Stored {
                        seq: record.seq().0,
                        time_ms: record.time().0,
                        bytes: record.payload(),
                    })));
                }
                Ok(None) => return Ok(None),
                Err(LogError::Trimmed { oldest }) if oldest.0 > from => oldest,
                Err(error) => return Err(error),
            };
            self.open.remove(&reader);
            from = oldest.0;
        }
    }
}
