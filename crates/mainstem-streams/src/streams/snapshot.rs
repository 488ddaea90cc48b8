//! A stream as one call sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mainstem_types::ShardId;

use super::shard_handle::ShardHandle;
use crate::catalogue::{ShardMeta, StreamMeta, shard_log};
use crate::route::Routes;
use crate::status::{StoredStatus, StreamStatus};

/// A stream at one moment. A change of the catalogue makes a new one and leaves this as it is.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) meta: StreamMeta,
    pub(super) routes: Routes,
    /// In the order of `meta.shards`.
    handles: Vec<Arc<ShardHandle>>,
    shared: Arc<Shared>,
}

/// What all snapshots of a stream have in common.
#[derive(Debug)]
struct Shared {
    /// Set once the stream was seen ACTIVE, so that a clock that goes back a little cannot make it
    /// CREATING again.
    was_active: AtomicBool,
    retention_ms: Arc<AtomicU64>,
}

impl Stream {
    /// Takes up a stream from the catalogue. `None` if a shard's log can have no name, which the
    /// limit on stream names rules out.
    pub(super) fn new(meta: StreamMeta) -> Option<Self> {
        let shared = Arc::new(Shared {
            was_active: AtomicBool::new(false),
            retention_ms: Arc::new(AtomicU64::new(meta.retention_ms())),
        });
        Self::with(meta, shared, &[])
    }

    /// Returns the stream after a change of the catalogue. Shards keep their open logs.
    pub(super) fn changed(&self, meta: StreamMeta) -> Option<Self> {
        let retention_ms = meta.retention_ms();
        let changed = Self::with(meta, Arc::clone(&self.shared), &self.handles)?;
        // Partner of the load in `ShardHandle::log`.
        let shared = &changed.shared.retention_ms;
        shared.store(retention_ms, Ordering::Release);
        Some(changed)
    }

    fn with(meta: StreamMeta, shared: Arc<Shared>, known: &[Arc<ShardHandle>]) -> Option<Self> {
        let mut handles = Vec::with_capacity(meta.shards.len());
        for shard in &meta.shards {
            let name = shard_log(meta.name(), meta.incarnation, shard.id)?;
            let handle = known.iter().find(|handle| *handle.name() == name);
            handles.push(handle.map_or_else(
                || Arc::new(ShardHandle::new(name, Arc::clone(&shared.retention_ms))),
                Arc::clone,
            ));
        }
        Some(Self {
            routes: Routes::new(&meta.shards),
            meta,
            handles,
            shared,
        })
    }

    /// Returns the stream's state, or `None` if it is gone.
    pub(super) fn status(&self, now_ms: u64, transition_ms: u64) -> Option<StreamStatus> {
        let status = self.meta.status.at(now_ms, transition_ms);
        // The flag guards no other memory, so no ordering is needed.
        match (self.meta.status, status) {
            (StoredStatus::Creating { .. }, Some(StreamStatus::Active)) => {
                self.shared.was_active.store(true, Ordering::Relaxed);
                status
            }
            (StoredStatus::Creating { .. }, Some(StreamStatus::Creating))
                if self.shared.was_active.load(Ordering::Relaxed) =>
            {
                Some(StreamStatus::Active)
            }
            _ => status,
        }
    }

    /// Returns a shard and where its records are, by its place in the list.
    pub(super) fn at(&self, place: usize) -> Option<(&ShardMeta, &Arc<ShardHandle>)> {
        Some((self.meta.shards.get(place)?, self.handles.get(place)?))
    }

    /// Returns a shard and where its records are.
    pub(super) fn shard(&self, id: ShardId) -> Option<(&ShardMeta, &Arc<ShardHandle>)> {
        let shards = &self.meta.shards;
        let place = shards.binary_search_by_key(&id, |shard| shard.id).ok()?;
        self.at(place)
    }

    pub(super) fn handles(&self) -> &[Arc<ShardHandle>] {
        &self.handles
    }
}
