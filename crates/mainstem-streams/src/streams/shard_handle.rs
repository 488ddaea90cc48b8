//! A shard's log, opened when it is first needed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{EngineError, LogEngine, LogName, ShardLog};

/// Where a shard's records are.
#[derive(Debug)]
pub(super) struct ShardHandle {
    name: LogName,
    /// The stream's retention; shared by all its shards and all snapshots of it.
    retention_ms: Arc<AtomicU64>,
    log: Mutex<Option<Arc<dyn ShardLog>>>,
}

impl ShardHandle {
    pub(super) fn new(name: LogName, retention_ms: Arc<AtomicU64>) -> Self {
        Self {
            name,
            retention_ms,
            log: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &LogName {
        &self.name
    }

    /// Returns the log, opening it if need be; that may take as long as its recovery.
    pub(super) fn log(&self, engine: &dyn LogEngine) -> Result<Arc<dyn ShardLog>, EngineError> {
        let mut slot = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &*slot {
            return Ok(Arc::clone(log));
        }
        // Read under the lock: `apply_retention` stores before it locks, so it either finds this
        // log open or has been seen here.
        let log = engine.open(&self.name, self.retention_ms.load(Ordering::Acquire))?;
        *slot = Some(Arc::clone(&log));
        Ok(log)
    }

    /// Returns whether the log is open.
    pub(super) fn is_open(&self) -> bool {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Passes the stream's retention on to the log, if it is open.
    pub(super) fn apply_retention(&self) -> Result<(), EngineError> {
        let slot = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(log) => log.set_retention_ms(self.retention_ms.load(Ordering::Acquire)),
            None => Ok(()),
        }
    }

    /// Forgets the log, which is about to be removed.
    pub(super) fn forget(&self) {
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
