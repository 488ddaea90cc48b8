//! An engine in memory: these tests are about the wire, not about the disk.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use mainstem_env::{Clock, TimestampMs};
use mainstem_streams::{
    Appended, EngineError, LogCursor, LogEngine, LogName, PendingAppend, ReadFrom, RecordBatch,
    SeqNo, ShardLog, StoredRecord,
};

/// All logs, by name.
#[derive(Debug)]
pub(crate) struct MemoryEngine {
    clock: Arc<dyn Clock>,
    logs: Mutex<BTreeMap<LogName, Arc<MemoryLog>>>,
}

#[derive(Debug)]
struct MemoryLog {
    name: LogName,
    clock: Arc<dyn Clock>,
    retention_ms: AtomicU64,
    records: Mutex<Vec<(TimestampMs, Bytes)>>,
}

impl MemoryEngine {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            logs: Mutex::default(),
        }
    }
}

impl LogEngine for MemoryEngine {
    fn create(&self, log: &LogName) -> Result<(), EngineError> {
        let mut logs = self.logs.lock().unwrap();
        if logs.contains_key(log) {
            return Err(EngineError::Exists { log: log.clone() });
        }
        let made = MemoryLog {
            name: log.clone(),
            clock: Arc::clone(&self.clock),
            retention_ms: AtomicU64::new(u64::MAX),
            records: Mutex::default(),
        };
        logs.insert(log.clone(), Arc::new(made));
        Ok(())
    }

    fn open(&self, log: &LogName, retention_ms: u64) -> Result<Arc<dyn ShardLog>, EngineError> {
        let logs = self.logs.lock().unwrap();
        let found = logs
            .get(log)
            .ok_or_else(|| EngineError::NotFound { log: log.clone() })?;
        found.set_retention_ms(retention_ms)?;
        Ok(Arc::clone(found) as Arc<dyn ShardLog>)
    }

    fn remove(&self, log: &LogName) -> Result<(), EngineError> {
        self.logs.lock().unwrap().remove(log);
        Ok(())
    }

    fn names(&self) -> Result<Vec<LogName>, EngineError> {
        Ok(self.logs.lock().unwrap().keys().cloned().collect())
    }

    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl MemoryLog {
    fn end(&self) -> SeqNo {
        SeqNo(u64::try_from(self.records.lock().unwrap().len()).unwrap())
    }

    /// Returns the first record that arrived at `time` or later.
    fn since(&self, time: TimestampMs) -> SeqNo {
        let records = self.records.lock().unwrap();
        let place = records.partition_point(|(arrived, _)| *arrived < time);
        SeqNo(u64::try_from(place).unwrap())
    }
}

impl ShardLog for MemoryLog {
    fn append(&self, batch: RecordBatch, expected: Option<SeqNo>) -> Result<Appended, EngineError> {
        assert_eq!(expected, None, "the streams layer is the only writer");
        let mut records = self.records.lock().unwrap();
        let newest = records
            .last()
            .map_or(TimestampMs(0), |(arrived, _)| *arrived);
        let time = self.clock.now().max(newest);
        let start = SeqNo(u64::try_from(records.len()).unwrap());
        records.extend(
            batch
                .payloads()
                .map(|payload| (time, Bytes::copy_from_slice(payload))),
        );
        drop(records);
        Ok(Appended {
            seqs: start..self.end(),
            time,
        })
    }

    fn append_async(&self, batch: RecordBatch, expected: Option<SeqNo>) -> PendingAppend {
        let appended = self.append(batch, expected);
        // Ready only at the second look, so that a caller that never wakes would hang.
        PendingAppend::new(async move {
            tokio::task::yield_now().await;
            appended
        })
    }

    fn cursor(&self, from: ReadFrom) -> Result<Box<dyn LogCursor>, EngineError> {
        let next = match from {
            ReadFrom::Oldest => self.first()?,
            ReadFrom::At(seq) => seq,
            ReadFrom::Time(time) => self.since(time),
        };
        let records = self.records.lock().unwrap().clone();
        Ok(Box::new(MemoryCursor {
            records,
            next: next.0,
        }))
    }

    fn first(&self) -> Result<SeqNo, EngineError> {
        let horizon = self
            .clock
            .now()
            .minus_ms(self.retention_ms.load(Ordering::Relaxed));
        Ok(self.since(horizon))
    }

    fn durable_end(&self) -> Result<SeqNo, EngineError> {
        Ok(self.end())
    }

    fn seal(&self) -> Result<SeqNo, EngineError> {
        unreachable!("nothing closes shards yet: {}", self.name)
    }

    fn set_retention_ms(&self, retention_ms: u64) -> Result<(), EngineError> {
        self.retention_ms.store(retention_ms, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryCursor {
    records: Vec<(TimestampMs, Bytes)>,
    next: u64,
}

impl LogCursor for MemoryCursor {
    fn next(&mut self) -> Result<Option<StoredRecord>, EngineError> {
        let place = usize::try_from(self.next).unwrap();
        let Some((time, payload)) = self.records.get(place) else {
            return Ok(None);
        };
        let seq = SeqNo(self.next);
        self.next += 1;
        Ok(Some(StoredRecord {
            seq,
            time: *time,
            payload: payload.clone(),
        }))
    }
}
