//! Opening: reading the catalogue and settling what a crash left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use mainstem_env::Env;
use mainstem_types::StreamName;

use super::Streams;
use super::facade::{Control, Inner};
use super::snapshot::Stream;
use crate::catalogue::{Catalogue, adopt, is_shard_log, load};
use crate::config::StreamsConfig;
use crate::embedded::{EmbeddedEngine, EmbeddedOptions};
use crate::engine::{LogEngine, LogName};
use crate::error::OpenError;
use crate::meta::{MetaStore, RedbStore};
use crate::token::Sealer;

impl Streams {
    /// Opens the streams of the data directory at `dir`, creating it if there is none, with the
    /// embedded engine and store.
    ///
    /// # Durability
    /// As [`Streams::with_stores`].
    ///
    /// # Errors
    /// [`OpenError::Log`] if the directory cannot be opened, for one because another process has it
    /// open; otherwise as [`Streams::with_stores`].
    pub fn open(env: &Env, dir: &Path, config: StreamsConfig) -> Result<Self, OpenError> {
        Self::open_with(env, dir, config, EmbeddedOptions::default())
    }

    /// As [`Streams::open`], with options for the engine.
    ///
    /// # Errors
    /// As [`Streams::open`].
    pub fn open_with(
        env: &Env,
        dir: &Path,
        config: StreamsConfig,
        options: EmbeddedOptions,
    ) -> Result<Self, OpenError> {
        // First, as it keeps other processes away from the catalogue, too.
        let engine = EmbeddedEngine::open(env, dir, options)?;
        let store = RedbStore::open(env, dir)?;
        Self::with_stores(env, config, Arc::new(engine), Arc::new(store))
    }

    /// Opens the streams that `store` knows and `engine` keeps.
    ///
    /// # Durability
    /// What a crash left half-done is finished or removed, as the order in which streams are made
    /// and deleted allows; nothing that was acknowledged is removed.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was removed unless the error is the engine's.
    pub fn with_stores(
        env: &Env,
        config: StreamsConfig,
        engine: Arc<dyn LogEngine>,
        store: Arc<dyn MetaStore>,
    ) -> Result<Self, OpenError> {
        let Catalogue {
            streams,
            retired,
            token_key,
        } = load(store.as_ref())?;
        let logs = engine.names()?;
        let token_key = match token_key {
            Some(token_key) => token_key,
            None => {
                refuse_nameless(&logs)?;
                adopt(store.as_ref(), env.random.as_ref())?
            }
        };
        let mut snapshots = BTreeMap::new();
        for (name, meta) in streams {
            let stream = Stream::new(meta).ok_or_else(|| OpenError::Corrupt {
                what: format!("a shard of stream {name} can have no log"),
            })?;
            snapshots.insert(name, Arc::new(stream));
        }
        refuse_missing(&snapshots, &logs)?;
        remove_leftovers(engine.as_ref(), &snapshots, &logs)?;
        let streams = Self {
            inner: Arc::new(Inner {
                env: env.clone(),
                config,
                engine,
                store,
                sealer: Sealer::new(token_key, Arc::clone(&env.random)),
                control: Mutex::new(Control { retired }),
                streams: RwLock::new(snapshots),
            }),
        };
        streams.inner.finish_deletions_at_open();
        Ok(streams)
    }
}

/// Refuses logs of streams beside a catalogue that cannot know them: it was lost, and taking the
/// logs for leftovers would delete every record.
fn refuse_nameless(logs: &[LogName]) -> Result<(), OpenError> {
    let mut ours = logs.iter().filter(|log| is_shard_log(log));
    match ours.next() {
        None => Ok(()),
        Some(first) => Err(OpenError::CatalogueMissing {
            logs: ours.count().saturating_add(1),
            example: first.to_string(),
        }),
    }
}

/// Refuses a catalogue that names a log which does not exist: no crash can cause that.
fn refuse_missing(
    streams: &BTreeMap<StreamName, Arc<Stream>>,
    logs: &[LogName],
) -> Result<(), OpenError> {
    let logs: BTreeSet<&LogName> = logs.iter().collect();
    for stream in streams.values() {
        for (shard, handle) in stream.meta.shards.iter().zip(stream.handles()) {
            if !logs.contains(handle.name()) {
                return Err(OpenError::ShardLogMissing {
                    stream: stream.meta.name().clone(),
                    shard: shard.id,
                    log: handle.name().to_string(),
                });
            }
        }
    }
    Ok(())
}

/// Removes the logs of streams that no stream names.
fn remove_leftovers(
    engine: &dyn LogEngine,
    streams: &BTreeMap<StreamName, Arc<Stream>>,
    logs: &[LogName],
) -> Result<(), OpenError> {
    let all = streams.values().flat_map(|stream| stream.handles());
    let named: BTreeSet<&LogName> = all.map(|handle| handle.name()).collect();
    for log in logs {
        if is_shard_log(log) && !named.contains(log) {
            tracing::info!(%log, "removing a log that a crash left behind");
            engine.remove(log)?;
        }
    }
    Ok(())
}
