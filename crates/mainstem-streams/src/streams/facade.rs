//! The value that callers share, and what its operations have in common.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use mainstem_env::Env;
use mainstem_types::StreamName;

use super::snapshot::Stream;
use crate::catalogue::{StreamMeta, encode_stream};
use crate::config::StreamsConfig;
use crate::engine::LogEngine;
use crate::error::StreamsError;
use crate::meta::{MetaChange, MetaStore, MetaTable};
use crate::status::StreamStatus;
use crate::token::Sealer;

/// All the streams of one data directory. Cloning gives another hold of the same.
///
/// # Concurrency
/// Callers may share it. Every method may wait for a disk, the first use of a shard for its
/// recovery; an async program calls them on threads that may block. The calls that end in `_async`
/// give back a `Future` for the longest wait, that for durability.
#[derive(Clone, Debug)]
pub struct Streams {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) env: Env,
    pub(super) config: StreamsConfig,
    /// Before the engine, whose lock keeps other processes away from it: fields are dropped in
    /// order.
    pub(super) store: Arc<dyn MetaStore>,
    pub(super) engine: Arc<dyn LogEngine>,
    pub(super) sealer: Sealer,
    /// Held while the catalogue is changed. What it guards is known only to those who change it.
    pub(super) control: Mutex<Control>,
    /// Held for moments only.
    pub(super) streams: RwLock<BTreeMap<StreamName, Arc<Stream>>>,
}

/// What changes of the catalogue need to know and readers do not.
#[derive(Debug)]
pub(super) struct Control {
    /// Seconds that the sequence numbers of deleted streams have used, by stream name; for those that
    /// have no entry any more, the latest under [`ALL_OTHERS`].
    pub(super) retired: BTreeMap<String, u64>,
}

/// Stands for deleted streams of all names; no stream can have this name.
pub(super) const ALL_OTHERS: &str = "*";

impl Control {
    /// Returns the last second that the sequence numbers of deleted streams called `name` may have
    /// used.
    pub(super) fn used_s(&self, name: &StreamName) -> Option<u64> {
        let keys = [name.as_str(), ALL_OTHERS];
        let known = keys.into_iter().filter_map(|key| self.retired.get(key));
        known.max().copied()
    }
}

impl Streams {
    /// Returns the settings.
    pub fn config(&self) -> &StreamsConfig {
        &self.inner.config
    }

    /// Returns which shard takes no records until an operator acts, and why: its disk failed, or it was
    /// found damaged. Records of others, and those that are stored, are not affected.
    pub fn trouble(&self) -> Option<String> {
        self.inner.engine.trouble()
    }

    /// Waits for what was accepted and closes catalogue and engine; later calls that need either
    /// fail. Another process can open the data directory then.
    ///
    /// # Errors
    /// [`StreamsError::Meta`] and [`StreamsError::Engine`]; nothing acknowledged is lost by it.
    pub fn close(&self) -> Result<(), StreamsError> {
        let _no_change_is_under_way = self.inner.control();
        // The engine is closed whatever becomes of the catalogue, and after it, as its lock keeps
        // other processes away from both.
        let store = self.inner.store.close();
        self.inner.engine.close()?;
        Ok(store?)
    }
}

impl Inner {
    pub(super) fn now_ms(&self) -> u64 {
        self.env.clock.now().0
    }

    /// Returns the stream and its state.
    pub(super) fn stream(
        &self,
        name: &StreamName,
    ) -> Result<(Arc<Stream>, StreamStatus), StreamsError> {
        let stream = {
            let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
            streams.get(name).map(Arc::clone)
        };
        let found = stream.and_then(|stream| {
            let status = stream.status(self.now_ms(), self.config.transition_ms)?;
            Some((stream, status))
        });
        found.ok_or_else(|| self.not_found(name))
    }

    /// Returns whether the catalogue has the name, be its stream gone or not.
    pub(super) fn is_known(&self, name: &StreamName) -> bool {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.contains_key(name)
    }

    /// Returns the stream if it is active.
    pub(super) fn active_stream(&self, name: &StreamName) -> Result<Arc<Stream>, StreamsError> {
        let (stream, status) = self.stream(name)?;
        match status {
            StreamStatus::Active => Ok(stream),
            StreamStatus::Creating | StreamStatus::Updating | StreamStatus::Deleting => {
                Err(StreamsError::StreamNotActive {
                    stream: name.clone(),
                    account: self.config.account,
                    status,
                })
            }
        }
    }

    pub(super) fn not_found(&self, name: &StreamName) -> StreamsError {
        StreamsError::StreamNotFound {
            stream: name.clone(),
            account: self.config.account,
        }
    }

    /// Returns all streams that are not gone, with their states, sorted by name.
    pub(super) fn all_streams(&self) -> Vec<(Arc<Stream>, StreamStatus)> {
        let now_ms = self.now_ms();
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let present = streams.values().filter_map(|stream| {
            let status = stream.status(now_ms, self.config.transition_ms)?;
            Some((Arc::clone(stream), status))
        });
        present.collect()
    }

    pub(super) fn control(&self) -> MutexGuard<'_, Control> {
        // Every change is a commit followed by an insertion or removal, so a panic in between
        // leaves nothing half-done that the next change would trip over.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the changed `meta` of `stream` to the catalogue and shows it to all callers. The
    /// guard shows that no other change is under way.
    pub(super) fn replace(
        &self,
        _control: &MutexGuard<'_, Control>,
        stream: &Stream,
        meta: StreamMeta,
    ) -> Result<Arc<Stream>, StreamsError> {
        let name = meta.name().clone();
        let put = put_stream(&meta)?;
        let changed = stream.changed(meta).ok_or(StreamsError::Broken {
            stream: name.clone(),
            what: "a shard's log can have no name",
        })?;
        self.store.commit(&[put])?;
        let changed = Arc::new(changed);
        self.show(name, Arc::clone(&changed));
        Ok(changed)
    }

    pub(super) fn show(&self, name: StreamName, stream: Arc<Stream>) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.insert(name, stream);
    }
}

/// Returns the change that writes `meta` to the catalogue.
pub(super) fn put_stream(meta: &StreamMeta) -> Result<MetaChange, StreamsError> {
    let value = encode_stream(meta).map_err(|_| StreamsError::Broken {
        stream: meta.name().clone(),
        what: "cannot be written as JSON",
    })?;
    Ok(MetaChange::Put {
        table: MetaTable::Streams,
        key: meta.name().to_string(),
        value,
    })
}
