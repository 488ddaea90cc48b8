//! One log.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use mainstem_log::{AppendOptions, Batch, Cursor, LogError, Record, SeqNo, Shard, Start};

use super::errors::engine_error;
use super::gate::Gate;
use crate::engine::{
    Appended, EngineError, LogCursor, LogName, PendingAppend, ReadFrom, RecordBatch, ShardLog,
    StoredRecord,
};

/// A [`ShardLog`] over a shard of the log engine.
#[derive(Debug)]
pub(super) struct EmbeddedShard {
    name: LogName,
    shard: Shard,
    gate: Arc<Gate>,
}

impl EmbeddedShard {
    /// Returns why the log takes no appends, if its shard does not.
    pub(super) fn refusal(&self) -> Option<LogError> {
        self.shard.refusal()
    }

    pub(super) fn new(name: LogName, shard: Shard) -> Self {
        Self {
            name,
            shard,
            gate: Arc::default(),
        }
    }

    fn error(&self, error: LogError) -> EngineError {
        engine_error(&self.name, error)
    }

    fn sealed(&self) -> EngineError {
        EngineError::Sealed {
            log: self.name.clone(),
        }
    }

    /// Returns the sequence number that the next append would get, those under way included.
    fn next(&self) -> Result<SeqNo, EngineError> {
        let mut probe = Batch::new();
        probe.push(&[]).map_err(|error| self.error(error))?;
        // No append can expect the last sequence number there is, so this is refused, and the
        // refusal tells the next one.
        let never = AppendOptions::expecting(SeqNo(u64::MAX));
        match self.shard.append(&probe, never) {
            Err(LogError::UnexpectedPosition { actual, .. }) => Ok(actual),
            Err(error) => Err(self.error(error)),
            Ok(appended) => Ok(appended.seqs.end),
        }
    }
}

impl ShardLog for EmbeddedShard {
    fn append(&self, batch: RecordBatch, expected: Option<SeqNo>) -> Result<Appended, EngineError> {
        let _inside = self.gate.enter().ok_or_else(|| self.sealed())?;
        let mut payloads = batch.payloads();
        let appended = match (payloads.next(), payloads.next(), expected) {
            // The most frequent append of all needs no batch in between.
            (Some(payload), None, None) => self.shard.append_one(payload),
            _ => frames(&batch).and_then(|frames| self.shard.append(&frames, options(expected))),
        };
        appended.map(told).map_err(|error| self.error(error))
    }

    fn append_async(&self, batch: RecordBatch, expected: Option<SeqNo>) -> PendingAppend {
        let Some(inside) = self.gate.enter() else {
            return PendingAppend::new(ready(Err(self.sealed())));
        };
        let append = match frames(&batch) {
            Ok(frames) => self.shard.append_async(frames, options(expected)),
            Err(error) => return PendingAppend::new(ready(Err(self.error(error)))),
        };
        let name = self.name.clone();
        PendingAppend::begin(async move {
            // Held over every wait; a future that is dropped lets go of it, too.
            let _inside = inside;
            let appended = append.await;
            appended
                .map(told)
                .map_err(|error| engine_error(&name, error))
        })
    }

    fn cursor(&self, from: ReadFrom) -> Result<Box<dyn LogCursor>, EngineError> {
        let start = match from {
            ReadFrom::Oldest => Start::Oldest,
            ReadFrom::At(seq) => Start::At(seq),
            ReadFrom::Time(time) => Start::Time(time),
        };
        let cursor = self.shard.cursor(start);
        Ok(Box::new(EmbeddedCursor {
            cursor: cursor.map_err(|error| self.error(error))?,
            name: self.name.clone(),
        }))
    }

    fn first(&self) -> Result<SeqNo, EngineError> {
        self.shard.first_seq().map_err(|error| self.error(error))
    }

    fn durable_end(&self) -> Result<SeqNo, EngineError> {
        Ok(self.shard.durable_end())
    }

    fn seal(&self) -> Result<SeqNo, EngineError> {
        self.gate.shut();
        // An append whose future was dropped is not inside any more, but may be on its way; its
        // sequence number has been taken.
        let end = self.next()?;
        while let Some(last) = end.0.checked_sub(1).map(SeqNo)
            && self.shard.durable_end() <= last
        {
            let moved = self.shard.wait_beyond(last, SEAL_PATIENCE);
            moved.map_err(|error| self.error(error))?;
        }
        Ok(end)
    }

    fn set_retention_ms(&self, retention_ms: u64) -> Result<(), EngineError> {
        let set = self.shard.set_retention_ms(retention_ms);
        set.map_err(|error| self.error(error))
    }
}

/// A [`LogCursor`] over a cursor of the log engine.
#[derive(Debug)]
struct EmbeddedCursor {
    cursor: Cursor,
    name: LogName,
}

impl LogCursor for EmbeddedCursor {
    fn next(&mut self) -> Result<Option<StoredRecord>, EngineError> {
        let found = self.cursor.next();
        let found = found.map_err(|error| engine_error(&self.name, error))?;
        Ok(found.map(|record| StoredRecord {
            seq: record.seq(),
            time: record.time(),
            payload: Bytes::from_owner(Kept(record.keep())),
        }))
    }
}

/// A record that keeps its memory alive for as long as its bytes are shared.
struct Kept(Record);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        self.0.payload()
    }
}

fn frames(batch: &RecordBatch) -> Result<Batch, LogError> {
    let mut frames = Batch::new();
    for payload in batch.payloads() {
        frames.push(payload)?;
    }
    Ok(frames)
}

fn options(expected: Option<SeqNo>) -> AppendOptions {
    expected.map_or_else(AppendOptions::default, AppendOptions::expecting)
}

fn told(appended: mainstem_log::Appended) -> Appended {
    Appended {
        seqs: appended.seqs,
        time: appended.time,
    }
}

/// How long sealing waits at a time for the durable mark; it waits as often as it must.
const SEAL_PATIENCE: Duration = Duration::from_secs(1);
