//! `DeleteStream`, and the end of streams whose deletion is due.

use std::sync::{Arc, MutexGuard, PoisonError};

use mainstem_types::StreamName;

use super::Streams;
use super::facade::{ALL_OTHERS, Control, Inner};
use super::snapshot::Stream;
use crate::catalogue::StreamMeta;
use crate::error::StreamsError;
use crate::meta::{MetaChange, MetaTable};
use crate::status::StoredStatus;

impl Streams {
    /// Deletes a stream: it is DELETING for the transition time and then gone with its records.
    ///
    /// # Durability
    /// On `Ok`, the deletion goes on after a crash.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`]; [`StreamsError::StreamNotActive`] while it is CREATING or
    /// DELETING.
    pub fn delete_stream(&self, name: &StreamName) -> Result<(), StreamsError> {
        let inner = &self.inner;
        let mut control = inner.control();
        inner.finish_deletions(&mut control)?;
        let stream = inner.active_stream(name)?;
        let since_ms = inner.now_ms();
        let meta = StreamMeta {
            status: StoredStatus::Deleting { since_ms },
            ..stream.meta.clone()
        };
        inner.replace(&control, &stream, meta)?;
        if inner.config.transition_ms == 0 {
            inner.finish_deletions(&mut control)?;
        }
        Ok(())
    }

    /// Removes the records of streams whose deletion is due, and opens logs that nobody has asked for
    /// yet, so that their records expire too.
    ///
    /// Nobody sees a deleted stream any more, so this only frees space. Creating and deleting streams
    /// does it on the way; a server also calls this now and then. It may take a while, and other
    /// changes of the catalogue wait for it.
    ///
    /// # Errors
    /// [`StreamsError::Meta`] and [`StreamsError::Engine`]; a later call or the next start goes on.
    pub fn maintain(&self) -> Result<(), StreamsError> {
        self.inner.finish_deletions(&mut self.inner.control())?;
        self.inner.open_quiet_logs();
        Ok(())
    }
}

/// Logs opened in one pass of maintenance: opening one may take its recovery.
const OPENED_PER_PASS_MAX: usize = 64;

impl Inner {
    /// Makes an end of all streams whose deletion is due.
    pub(super) fn finish_deletions(
        &self,
        control: &mut MutexGuard<'_, Control>,
    ) -> Result<(), StreamsError> {
        let due: Vec<Arc<Stream>> = {
            let now_ms = self.now_ms();
            let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
            let gone =
                |stream: &&Arc<Stream>| stream.status(now_ms, self.config.transition_ms).is_none();
            streams.values().filter(gone).map(Arc::clone).collect()
        };
        for stream in due {
            self.forget(control, &stream)?;
            self.remove_logs(stream.handles());
        }
        Ok(())
    }

    /// Opens some of the logs that nobody has asked for since the start. The engine deletes what is past
    /// the retention in open logs only, so a quiet stream would otherwise keep its records for ever.
    fn open_quiet_logs(&self) {
        let streams: Vec<Arc<Stream>> = {
            let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
            streams.values().map(Arc::clone).collect()
        };
        let handles = streams.iter().flat_map(|stream| stream.handles());
        for handle in handles
            .filter(|handle| !handle.is_open())
            .take(OPENED_PER_PASS_MAX)
        {
            if let Err(error) = handle.log(self.engine.as_ref()) {
                tracing::warn!(log = %handle.name(), %error, "a log cannot be opened");
            }
        }
    }

    /// Finishes due deletions when streams are opened. A failure is left to a later attempt, as the
    /// streams concerned are invisible anyhow.
    pub(super) fn finish_deletions_at_open(&self) {
        if let Err(error) = self.finish_deletions(&mut self.control()) {
            tracing::warn!(%error, "deleted streams are left for later");
        }
    }

    /// Takes a stream out of the catalogue, and keeps the second its sequence numbers have used: under
    /// its name until that second is over, and after that in one value for all, as the clock may be
    /// set back to it.
    fn forget(
        &self,
        control: &mut MutexGuard<'_, Control>,
        stream: &Stream,
    ) -> Result<(), StreamsError> {
        let name = stream.meta.name();
        let now_s = self.now_ms() / 1000;
        let epochs = stream
            .meta
            .shards
            .iter()
            .map(|shard| shard.sequence_epoch_s);
        let used_s = epochs.max().unwrap_or_default();
        let mut retired = control.retired.clone();
        let own = retired.entry(name.to_string()).or_default();
        *own = used_s.max(*own);
        let is_over = |key: &str, used_s: u64| key != ALL_OTHERS && used_s < now_s;
        let over = retired
            .iter()
            .filter(|&(key, &used_s)| is_over(key, used_s));
        if let Some(latest_s) = over.map(|(_, &used_s)| used_s).max() {
            let others = retired.entry(ALL_OTHERS.to_owned()).or_default();
            *others = latest_s.max(*others);
        }
        retired.retain(|key, used_s| !is_over(key, *used_s));
        let mut changes = vec![MetaChange::Remove {
            table: MetaTable::Streams,
            key: name.to_string(),
        }];
        for key in control.retired.keys() {
            if !retired.contains_key(key) {
                changes.push(MetaChange::Remove {
                    table: MetaTable::Retired,
                    key: key.clone(),
                });
            }
        }
        for (key, used_s) in &retired {
            if control.retired.get(key) != Some(used_s) {
                changes.push(MetaChange::Put {
                    table: MetaTable::Retired,
                    key: key.clone(),
                    value: used_s.to_string().into_bytes(),
                });
            }
        }
        self.store.commit(&changes)?;
        control.retired = retired;
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.remove(name);
        Ok(())
    }
}
