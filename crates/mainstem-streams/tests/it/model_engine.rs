//! An engine in memory: what every other engine is compared with, and one whose appends can be made
//! to fail or to wait.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};

use bytes::Bytes;

use mainstem_env::Clock;
use mainstem_streams::{
    Appended, EngineError, LogCursor, LogEngine, LogName, PendingAppend, ReadFrom, RecordBatch,
    SeqNo, ShardLog, StoredRecord,
};

/// An engine that keeps its logs in memory; a clone stands for the same engine after a restart.
#[derive(Clone, Debug)]
pub(crate) struct ModelEngine {
    clock: Arc<dyn Clock>,
    logs: Arc<Mutex<BTreeMap<LogName, Arc<ModelLog>>>>,
    hold: Arc<Mutex<Hold>>,
}

/// Appends that wait until they are let go.
#[derive(Debug, Default)]
struct Hold {
    is_on: bool,
    count: usize,
    waiting: Vec<Waker>,
}

#[derive(Debug)]
pub(crate) struct ModelLog {
    name: LogName,
    clock: Arc<dyn Clock>,
    hold: Arc<Mutex<Hold>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<StoredRecord>,
    retention_ms: u64,
    sealed: bool,
    failure: Option<EngineError>,
}

impl ModelEngine {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            logs: Arc::default(),
            hold: Arc::default(),
        }
    }

    /// Makes every append to a log whose name ends in `suffix` fail, or not any more.
    pub(crate) fn fail_appends(&self, suffix: &str, error: Option<fn(LogName) -> EngineError>) {
        for (name, log) in self.logs.lock().unwrap().iter() {
            if name.as_str().ends_with(suffix) {
                log.state().failure = error.map(|error| error(name.clone()));
            }
        }
    }

    /// Makes asynchronous appends wait.
    pub(crate) fn hold(&self) {
        self.hold.lock().unwrap().is_on = true;
    }

    /// Returns how many appends had to wait.
    pub(crate) fn held(&self) -> usize {
        self.hold.lock().unwrap().count
    }

    /// Lets all appends go.
    pub(crate) fn release(&self) {
        let mut hold = self.hold.lock().unwrap();
        hold.is_on = false;
        hold.waiting.drain(..).for_each(Waker::wake);
    }
}

impl LogEngine for ModelEngine {
    fn create(&self, log: &LogName) -> Result<(), EngineError> {
        let mut logs = self.logs.lock().unwrap();
        if logs.contains_key(log) {
            return Err(EngineError::Exists { log: log.clone() });
        }
        let made = ModelLog {
            name: log.clone(),
            clock: Arc::clone(&self.clock),
            hold: Arc::clone(&self.hold),
            state: Mutex::default(),
        };
        logs.insert(log.clone(), Arc::new(made));
        Ok(())
    }

    fn open(&self, log: &LogName, retention_ms: u64) -> Result<Arc<dyn ShardLog>, EngineError> {
        let logs = self.logs.lock().unwrap();
        let found = logs.get(log);
        let found = found.ok_or_else(|| EngineError::NotFound { log: log.clone() })?;
        found.state().retention_ms = retention_ms;
        Ok(Arc::new(ModelShard(Arc::clone(found))))
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

impl ModelLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn end(state: &State) -> SeqNo {
        SeqNo(u64::try_from(state.records.len()).unwrap())
    }

    fn first_in(&self, state: &State) -> SeqNo {
        let horizon = self.clock.now().minus_ms(state.retention_ms);
        let visible = state.records.iter().find(|record| record.time >= horizon);
        visible.map_or_else(|| Self::end(state), |record| record.seq)
    }

    fn store(&self, batch: &RecordBatch, expected: Option<SeqNo>) -> Result<Appended, EngineError> {
        let mut state = self.state();
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        let (log, start) = (self.name.clone(), Self::end(&state));
        if state.sealed {
            return Err(EngineError::Sealed { log });
        }
        if let Some(expected) = expected.filter(|&expected| expected != start) {
            let next = start;
            return Err(EngineError::Fenced {
                log,
                expected,
                next,
            });
        }
        let last = state.records.last().map(|record| record.time);
        let time = self.clock.now().max(last.unwrap_or_default());
        for payload in batch.payloads() {
            let seq = Self::end(&state);
            state.records.push(StoredRecord {
                seq,
                time,
                payload: Bytes::copy_from_slice(payload),
            });
        }
        let seqs = start..Self::end(&state);
        Ok(Appended { seqs, time })
    }
}

/// An open log; cursors and futures share it.
#[derive(Debug)]
struct ModelShard(Arc<ModelLog>);

#[derive(Debug)]
struct ModelCursor {
    log: Arc<ModelLog>,
    next: SeqNo,
}

impl ShardLog for ModelShard {
    fn append(&self, batch: RecordBatch, expected: Option<SeqNo>) -> Result<Appended, EngineError> {
        self.0.store(&batch, expected)
    }

    fn append_async(&self, batch: RecordBatch, expected: Option<SeqNo>) -> PendingAppend {
        let log = Arc::clone(&self.0);
        let mut is_counted = false;
        PendingAppend::begin(poll_fn(move |context| {
            let mut hold = log.hold.lock().unwrap();
            if hold.is_on {
                hold.count += usize::from(!std::mem::replace(&mut is_counted, true));
                hold.waiting.push(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(log.store(&batch, expected))
        }))
    }

    fn cursor(&self, from: ReadFrom) -> Result<Box<dyn LogCursor>, EngineError> {
        let state = self.0.state();
        let first = self.0.first_in(&state);
        let next = match from {
            ReadFrom::Oldest => first,
            ReadFrom::At(seq) if seq < first => {
                return Err(EngineError::Trimmed {
                    log: self.0.name.clone(),
                    oldest: first,
                });
            }
            ReadFrom::At(seq) => seq,
            ReadFrom::Time(time) => {
                let found = state.records.iter().find(|record| record.time >= time);
                let end = ModelLog::end(&state);
                found.map_or(end, |record| record.seq).max(first)
            }
        };
        let log = Arc::clone(&self.0);
        Ok(Box::new(ModelCursor { log, next }))
    }

    fn first(&self) -> Result<SeqNo, EngineError> {
        Ok(self.0.first_in(&self.0.state()))
    }

    fn durable_end(&self) -> Result<SeqNo, EngineError> {
        Ok(ModelLog::end(&self.0.state()))
    }

    fn seal(&self) -> Result<SeqNo, EngineError> {
        let mut state = self.0.state();
        state.sealed = true;
        Ok(ModelLog::end(&state))
    }

    fn set_retention_ms(&self, retention_ms: u64) -> Result<(), EngineError> {
        self.0.state().retention_ms = retention_ms;
        Ok(())
    }
}

impl LogCursor for ModelCursor {
    fn next(&mut self) -> Result<Option<StoredRecord>, EngineError> {
        let state = self.log.state();
        let oldest = self.log.first_in(&state);
        if self.next < oldest {
            return Err(EngineError::Trimmed {
                log: self.log.name.clone(),
                oldest,
            });
        }
        let place = usize::try_from(self.next.0).unwrap();
        let found = state.records.get(place).cloned();
        drop(state);
        if found.is_some() {
            self.next = self.next.plus(1);
        }
        Ok(found)
    }
}
