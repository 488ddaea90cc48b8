//! `CreateStream`.

use std::num::NonZeroU32;
use std::sync::Arc;

use mainstem_types::{HashKeyRange, ShardId, StreamArn, StreamName, limits};

use super::Streams;
use super::facade::{Control, Inner, put_stream};
use super::shard_handle::ShardHandle;
use super::snapshot::Stream;
use crate::catalogue::{Incarnation, ShardMeta, StreamMeta, StreamMode};
use crate::error::StreamsError;
use crate::meta::MetaError;
use crate::status::{StoredStatus, StreamStatus};

/// A stream to be made.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers fill it in")]
pub struct CreateStreamInput {
    /// Its name.
    pub name: StreamName,
    /// Its mode; without it, a shard count means provisioned, and none means on-demand.
    pub mode: Option<StreamMode>,
    /// How many shards it gets; required for a provisioned stream, refused for an on-demand one.
    pub shard_count: Option<u32>,
    /// Size up to which it takes records, in KiB; 1024 if not given.
    pub record_kib_max: Option<u32>,
}

impl Streams {
    /// Makes a stream, which is CREATING for the transition time and then ACTIVE.
    ///
    /// # Durability
    /// On `Ok`, the stream exists after a power cut. On an error of the metadata store it may.
    ///
    /// # Errors
    /// [`StreamsError::StreamExists`], also while an old stream of this name is DELETING; the limits
    /// on shards and streams; [`StreamsError::Constraint`] and the shard count's errors.
    pub fn create_stream(&self, input: &CreateStreamInput) -> Result<(), StreamsError> {
        self.inner.create_stream(input)
    }
}

impl Inner {
    fn create_stream(&self, input: &CreateStreamInput) -> Result<(), StreamsError> {
        let (mode, shard_count) = capacity(input)?;
        let record_kib_max = record_kib_max(input)?;
        let mut control = self.control();
        self.finish_deletions(&mut control)?;
        // Whatever its state: one whose deletion has become due since a moment ago has not been forgotten
        // yet, and is not to be written over.
        if self.is_known(&input.name) {
            return Err(StreamsError::StreamExists {
                stream: input.name.clone(),
                account: self.config.account,
            });
        }
        self.check_limits(mode, shard_count)?;
        let meta = self.new_stream(&control, input, mode, shard_count, record_kib_max)?;
        let put = put_stream(&meta)?;
        let name = meta.name().clone();
        let stream = Stream::new(meta).ok_or(StreamsError::Broken {
            stream: name.clone(),
            what: "a shard's log can have no name",
        })?;
        self.create_logs(&stream)?;
        if let Err(error) = self.store.commit(&[put]) {
            // Only if it is certain that the catalogue does not name them: otherwise the stream may
            // be there after a restart, and a named log must exist. If it is not, opening removes
            // them.
            if matches!(error, MetaError::Unavailable { .. }) {
                self.remove_logs(stream.handles());
            }
            return Err(error.into());
        }
        self.show(name, Arc::new(stream));
        Ok(())
    }

    /// Makes the log of each shard; on an error, removes what it made.
    fn create_logs(&self, stream: &Stream) -> Result<(), StreamsError> {
        for (made, handle) in stream.handles().iter().enumerate() {
            if let Err(error) = self.engine.create(handle.name()) {
                let (made, _) = stream.handles().split_at(made);
                self.remove_logs(made);
                // It may exist in part.
                self.remove_logs(std::slice::from_ref(handle));
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Removes logs that nothing names any more. What cannot be removed is left to the next start.
    pub(super) fn remove_logs(&self, handles: &[Arc<ShardHandle>]) {
        for handle in handles {
            handle.forget();
            if let Err(error) = self.engine.remove(handle.name()) {
                tracing::warn!(log = %handle.name(), %error, "log without a stream is left");
            }
        }
    }

    fn check_limits(&self, mode: StreamMode, shard_count: NonZeroU32) -> Result<(), StreamsError> {
        let streams = self.all_streams();
        let account = self.config.account;
        let region = || self.config.region.clone();
        let limit = self.config.creating_streams_max;
        let creating = |(_, status): &&(_, StreamStatus)| *status == StreamStatus::Creating;
        if streams.iter().filter(creating).count() >= limit {
            return Err(StreamsError::CreatingStreamsLimit {
                account,
                region: region(),
                limit,
            });
        }
        let usage = super::describe::usage(&streams);
        match mode {
            StreamMode::Provisioned => {
                let (open, limit) = (usage.open_shards, self.config.shards_max);
                if open.saturating_add(shard_count.get()) > limit {
                    return Err(StreamsError::ShardLimit {
                        account,
                        region: region(),
                        open,
                        limit,
                        additional: shard_count.get(),
                    });
                }
            }
            StreamMode::OnDemand => {
                let (streams, limit) = (usage.on_demand_streams, self.config.on_demand_streams_max);
                if streams >= limit {
                    return Err(StreamsError::OnDemandStreamLimit {
                        account,
                        region: region(),
                        streams,
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    fn new_stream(
        &self,
        control: &Control,
        input: &CreateStreamInput,
        mode: StreamMode,
        shard_count: NonZeroU32,
        record_kib_max: u32,
    ) -> Result<StreamMeta, StreamsError> {
        let random = self.env.random.next_u64();
        let incarnation = random.map_err(|error| StreamsError::Random(Arc::new(error)))?;
        let created_ms = self.now_ms();
        // A second that an earlier stream of this name has used is not used again, or that one's
        // sequence numbers would be taken for this one's.
        let retired_s = control.used_s(&input.name);
        let now_s = created_ms / 1000;
        let sequence_epoch_s = match retired_s {
            Some(retired_s) if retired_s >= now_s => retired_s.saturating_add(1),
            _ => now_s,
        };
        let ranges = HashKeyRange::FULL.even_split(shard_count);
        let ids = (0..).map_while(ShardId::new);
        let shards = ids.zip(ranges).map(|(id, range)| ShardMeta {
            id,
            parent: None,
            adjacent_parent: None,
            range,
            created_ms,
            sequence_epoch_s,
            closed: None,
        });
        Ok(StreamMeta {
            incarnation: Incarnation(incarnation),
            arn: StreamArn {
                region: self.config.region.clone(),
                account: self.config.account,
                name: input.name.clone(),
            },
            mode,
            status: StoredStatus::Creating {
                since_ms: created_ms,
            },
            created_ms,
            retention_hours: limits::RETENTION_HOURS_MIN,
            readable_from_ms: 0,
            record_kib_max,
            next_shard_index: shard_count.get(),
            shards: shards.collect(),
        })
    }
}

/// Returns the mode and the number of shards that the input asks for.
fn capacity(input: &CreateStreamInput) -> Result<(StreamMode, NonZeroU32), StreamsError> {
    let mode = input.mode.unwrap_or(match input.shard_count {
        Some(_) => StreamMode::Provisioned,
        None => StreamMode::OnDemand,
    });
    let count = match (mode, input.shard_count) {
        (StreamMode::OnDemand, None) => limits::ON_DEMAND_SHARDS_DEFAULT,
        (StreamMode::Provisioned, Some(count)) => count,
        (StreamMode::OnDemand, Some(_)) => return Err(StreamsError::ShardCountUnwanted),
        (StreamMode::Provisioned, None) => return Err(StreamsError::ShardCountMissing),
    };
    let count = NonZeroU32::new(count).ok_or_else(|| StreamsError::Constraint {
        value: count.to_string(),
        member: "shardCount",
        constraint: "Member must have value greater than or equal to 1".to_owned(),
    })?;
    Ok((mode, count))
}

fn record_kib_max(input: &CreateStreamInput) -> Result<u32, StreamsError> {
    let kib = input.record_kib_max.unwrap_or(RECORD_KIB_DEFAULT);
    let constraint = if kib < RECORD_KIB_DEFAULT {
        format!("Member must have value greater than or equal to {RECORD_KIB_DEFAULT}")
    } else if kib > RECORD_KIB_MAX {
        format!("Member must have value less than or equal to {RECORD_KIB_MAX}")
    } else {
        return Ok(kib);
    };
    Err(StreamsError::Constraint {
        value: kib.to_string(),
        member: "maxRecordSizeInKiB",
        constraint,
    })
}

/// The default and the least of a stream's record size.
const RECORD_KIB_DEFAULT: u32 = 1024;

/// Ten times that.
const RECORD_KIB_MAX: u32 = 10_240;

const _: () = assert!(
    RECORD_KIB_DEFAULT as usize * 1024 == limits::RECORD_BYTES_MAX_DEFAULT
        && RECORD_KIB_MAX as usize * 1024 == limits::RECORD_BYTES_MAX
);
