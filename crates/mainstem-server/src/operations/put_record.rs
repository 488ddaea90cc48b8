//! `PutRecord`.

use mainstem_streams::{PutRecordInput, Streams};
use mainstem_wire::{ApiError, Operation, reply::Reply, types};

use super::{failure::told, target};
use crate::dispatch::Progress;

/// Starts the write. The rest waits until the record is durable.
pub(crate) fn begin(
    streams: &Streams,
    input: &types::PutRecordInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    let partition_key = input
        .partition_key
        .as_deref()
        .ok_or_else(|| ApiError::member_missing("partitionKey"))?;
    if input.dry_run == Some(true) {
        return Err(ApiError::member_not_supported_yet(
            Operation::PutRecord,
            "DryRun",
        ));
    }
    let pending = streams
        .put_record_async(&PutRecordInput {
            stream: &name,
            data: &input.data,
            partition_key,
            explicit_hash_key: input.explicit_hash_key.as_deref(),
            sequence_number_for_ordering: input.sequence_number_for_ordering.as_deref(),
        })
        .map_err(|error| told(&error))?;
    Ok(Progress::Waiting(Box::pin(async move {
        let stored = pending.await.map_err(|error| told(&error))?;
        Ok(Reply::output(&types::PutRecordOutput {
            shard_id: stored.shard.to_string(),
            sequence_number: stored.sequence_number.to_string(),
            encryption_type: None,
        }))
    })))
}
