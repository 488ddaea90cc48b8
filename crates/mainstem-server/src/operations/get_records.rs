//! `GetRecords`.

use mainstem_streams::{ChildShard, GetRecordsInput, Record, Streams};
use mainstem_wire::{ApiError, reply::Reply, types};

use super::{
    failure::told,
    number::{count, wire_long},
    shapes, target,
};
use crate::dispatch::Progress;

pub(crate) fn run(streams: &Streams, input: &types::GetRecordsInput) -> Result<Progress, ApiError> {
    let arn = input
        .stream_arn
        .as_deref()
        .map(target::stream_arn)
        .transpose()?;
    let found = streams
        .records(&GetRecordsInput {
            shard_iterator: &input.shard_iterator,
            limit: input.limit.map(count),
            stream_arn: arn.as_ref(),
        })
        .map_err(|error| told(&error))?;
    if input.dry_run == Some(true) {
        return Err(ApiError::dry_run());
    }
    let children = found.child_shards;
    Ok(Progress::Done(Reply::output(&types::GetRecordsOutput {
        records: found.records.into_iter().map(record).collect(),
        next_shard_iterator: found.next_shard_iterator,
        millis_behind_latest: Some(wire_long(found.behind_latest_ms)),
        child_shards: (!children.is_empty()).then(|| children.iter().map(child_shard).collect()),
    })))
}

/// The data is shared with the engine until it is written into the answer.
fn record(record: Record) -> types::Record {
    types::Record {
        sequence_number: record.sequence_number.to_string(),
        approximate_arrival_timestamp_ms: Some(wire_long(record.arrived_ms)),
        data: record.data,
        partition_key: record.partition_key,
        encryption_type: None,
    }
}

fn child_shard(child: &ChildShard) -> types::ChildShard {
    types::ChildShard {
        shard_id: child.id.to_string(),
        parent_shards: child.parents.iter().map(ToString::to_string).collect(),
        hash_key_range: shapes::hash_key_range(child.range),
    }
}
