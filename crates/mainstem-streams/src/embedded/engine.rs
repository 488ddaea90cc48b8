//! All the logs of a data directory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mainstem_env::Env;
use mainstem_log::{Engine, EngineOptions, LogError, ShardName, ShardOptions};

use super::errors::engine_error;
use super::shard::EmbeddedShard;
use crate::engine::{EngineError, LogEngine, LogName, ShardLog};

/// How an [`EmbeddedEngine`] works.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct EmbeddedOptions {
    /// The same for all logs.
    pub engine: EngineOptions,
    /// Of each log. The retention in it is replaced by the stream's.
    pub shard: ShardOptions,
}

/// A [`LogEngine`] over the log engine of one data directory.
#[derive(Debug)]
pub struct EmbeddedEngine {
    engine: Engine,
    options: ShardOptions,
    /// The logs that are open, so that all who use one see the same seal.
    open: Mutex<BTreeMap<LogName, Arc<EmbeddedShard>>>,
}

impl EmbeddedEngine {
    /// Opens the data directory at `dir`, creating it if there is none, and keeps other processes
    /// away from it until it is closed.
    ///
    /// # Errors
    /// As [`Engine::open`]: [`LogError::Locked`] says who has it.
    pub fn open(env: &Env, dir: &Path, options: EmbeddedOptions) -> Result<Self, LogError> {
        let engine = Engine::open(env, dir, options.engine)?;
        Ok(Self::new(engine, options.shard))
    }

    /// Uses an engine that is open. Its logs other than those of streams are left alone.
    pub fn new(engine: Engine, options: ShardOptions) -> Self {
        Self {
            engine,
            options,
            open: Mutex::default(),
        }
    }

    fn options(&self, retention_ms: u64) -> ShardOptions {
        let mut options = self.options.clone();
        options.retention_ms = retention_ms;
        options
    }

    fn open_shards(&self) -> MutexGuard<'_, BTreeMap<LogName, Arc<EmbeddedShard>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogEngine for EmbeddedEngine {
    fn create(&self, log: &LogName) -> Result<(), EngineError> {
        let name = shard_name(log)?;
        let created = self.engine.create_shard(&name, self.options.clone());
        created.map(drop).map_err(|error| engine_error(log, error))
    }

    fn open(&self, log: &LogName, retention_ms: u64) -> Result<Arc<dyn ShardLog>, EngineError> {
        let opened = self
            .engine
            .shard(&shard_name(log)?, self.options(retention_ms));
        let shard = opened.map_err(|error| engine_error(log, error))?;
        // A log that was open already keeps the retention it had.
        let set = shard.set_retention_ms(retention_ms);
        set.map_err(|error| engine_error(log, error))?;
        let mut open = self.open_shards();
        let entry = open.entry(log.clone());
        let shard = entry.or_insert_with(|| Arc::new(EmbeddedShard::new(log.clone(), shard)));
        Ok(Arc::<EmbeddedShard>::clone(shard))
    }

    fn remove(&self, log: &LogName) -> Result<(), EngineError> {
        self.open_shards().remove(log);
        match self.engine.remove_shard(&shard_name(log)?) {
            Ok(()) | Err(LogError::ShardNotFound(_)) => Ok(()),
            Err(error) => Err(engine_error(log, error)),
        }
    }

    fn names(&self) -> Result<Vec<LogName>, EngineError> {
        let names = self.engine.shard_names();
        let names = names.map_err(|error| EngineError::Engine(Arc::new(error)))?;
        // Both sides allow the same names.
        let names = names.iter().filter_map(|name| LogName::new(name.as_str()));
        Ok(names.collect())
    }

    fn close(&self) -> Result<(), EngineError> {
        let closed = self.engine.close();
        closed.map_err(|error| EngineError::Engine(Arc::new(error)))
    }

    fn trouble(&self) -> Option<String> {
        let open = self.open_shards();
        open.iter()
            .find_map(|(log, shard)| Some(format!("{log}: {}", shard.refusal()?)))
    }
}

fn shard_name(log: &LogName) -> Result<ShardName, EngineError> {
    ShardName::new(log.as_str()).map_err(|error| engine_error(log, error))
}
