//! An engine and a catalogue in memory, which hold whatever a run puts there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mainstem_env::TimestampMs;
use mainstem_streams::{
    Appended, EngineError, LogCursor, LogEngine, LogName, MetaChange, MetaError, MetaStore,
    MetaTable, PendingAppend, ReadFrom, RecordBatch, SeqNo, ShardLog, StoredRecord,
};

/// When every record arrived, and what the clock says: 14 November 2023.
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by table and name.
#[derive(Debug, Default)]
pub(crate) struct Values(Mutex<BTreeMap<(&'static str, String), Vec<u8>>>);

impl Values {
    pub(crate) fn put(&self, table: MetaTable, key: &str, value: &[u8]) {
        lock(&self.0).insert((table.name(), key.to_owned()), value.to_vec());
    }
}

impl MetaStore for Values {
    fn value(&self, table: MetaTable, key: &str) -> Result<Option<Vec<u8>>, MetaError> {
        Ok(lock(&self.0).get(&(table.name(), key.to_owned())).cloned())
    }

    fn scan(&self, table: MetaTable) -> Result<Vec<(String, Vec<u8>)>, MetaError> {
        let values = lock(&self.0);
        let of_table = values.iter().filter(|((name, _), _)| *name == table.name());
        Ok(of_table
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect())
    }

    fn commit(&self, changes: &[MetaChange]) -> Result<(), MetaError> {
        for change in changes {
            match change {
                MetaChange::Put { table, key, value } => self.put(*table, key, value),
                MetaChange::Remove { table, key } => {
                    lock(&self.0).remove(&(table.name(), key.clone()));
                }
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<(), MetaError> {
        Ok(())
    }
}

/// Logs that all hold the same records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    names: BTreeSet<LogName>,
    records: Vec<Bytes>,
}

impl Shelf {
    /// Makes all logs hold `records` and nothing else.
    pub(crate) fn hold(&self, records: Vec<Bytes>) {
        lock(&self.0).records = records;
    }

    pub(crate) fn records(&self) -> Vec<Bytes> {
        lock(&self.0).records.clone()
    }

    fn end(&self) -> SeqNo {
        SeqNo(lock(&self.0).records.len() as u64)
    }
}

impl LogEngine for Shelf {
    fn create(&self, log: &LogName) -> Result<(), EngineError> {
        let is_new = lock(&self.0).names.insert(log.clone());
        let exists = || EngineError::Exists { log: log.clone() };
        if is_new { Ok(()) } else { Err(exists()) }
    }

    fn open(&self, _: &LogName, _: u64) -> Result<Arc<dyn ShardLog>, EngineError> {
        Ok(Arc::new(self.clone()))
    }

    fn remove(&self, log: &LogName) -> Result<(), EngineError> {
        lock(&self.0).names.remove(log);
        Ok(())
    }

    fn names(&self) -> Result<Vec<LogName>, EngineError> {
        Ok(lock(&self.0).names.iter().cloned().collect())
    }

    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl ShardLog for Shelf {
    fn append(&self, batch: RecordBatch, _: Option<SeqNo>) -> Result<Appended, EngineError> {
        let start = self.end();
        let payloads = batch.payloads().map(Bytes::copy_from_slice);
        lock(&self.0).records.extend(payloads);
        let time = TimestampMs(NOW_MS);
        let seqs = start..self.end();
        Ok(Appended { seqs, time })
    }

    fn append_async(&self, batch: RecordBatch, expected: Option<SeqNo>) -> PendingAppend {
        PendingAppend::new(std::future::ready(self.append(batch, expected)))
    }

    fn cursor(&self, from: ReadFrom) -> Result<Box<dyn LogCursor>, EngineError> {
        let next = match from {
            ReadFrom::Oldest => SeqNo(0),
            ReadFrom::At(seq) => seq,
            ReadFrom::Time(time) if time.0 <= NOW_MS => SeqNo(0),
            ReadFrom::Time(_) => self.end(),
        };
        let shelf = self.clone();
        Ok(Box::new(Cursor { shelf, next }))
    }

    fn first(&self) -> Result<SeqNo, EngineError> {
        Ok(SeqNo(0))
    }

    fn durable_end(&self) -> Result<SeqNo, EngineError> {
        Ok(self.end())
    }

    fn seal(&self) -> Result<SeqNo, EngineError> {
        Ok(self.end())
    }

    fn set_retention_ms(&self, _: u64) -> Result<(), EngineError> {
        Ok(())
    }
}

#[derive(Debug)]
struct Cursor {
    shelf: Shelf,
    next: SeqNo,
}

impl LogCursor for Cursor {
    fn next(&mut self) -> Result<Option<StoredRecord>, EngineError> {
        let seq = self.next;
        let index = usize::try_from(seq.0).unwrap_or(usize::MAX);
        let Some(payload) = lock(&self.shelf.0).records.get(index).cloned() else {
            return Ok(None);
        };
        self.next = SeqNo(seq.0 + 1);
        let time = TimestampMs(NOW_MS);
        Ok(Some(StoredRecord { seq, time, payload }))
    }
}
