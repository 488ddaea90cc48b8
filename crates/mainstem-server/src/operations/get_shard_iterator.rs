//! `GetShardIterator`.

use mainstem_streams::{IteratorType, ShardIteratorInput, Streams};
use mainstem_wire::{
    ApiError,
    reply::Reply,
    types::{self, ShardIteratorType},
};

use super::{failure::told, number::time_ms, target};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::GetShardIteratorInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    let iterator = streams
        .shard_iterator(&ShardIteratorInput {
            stream: &name,
            shard: &input.shard_id,
            iterator_type: iterator_type(input.shard_iterator_type),
            starting_sequence_number: input.starting_sequence_number.as_deref(),
            timestamp_ms: input.timestamp_ms.map(time_ms),
        })
        .map_err(|error| told(&error))?;
    if input.dry_run == Some(true) {
        return Err(ApiError::dry_run());
    }
    let output = types::GetShardIteratorOutput {
        shard_iterator: Some(iterator),
    };
    Ok(Progress::Done(Reply::output(&output)))
}

const fn iterator_type(kind: ShardIteratorType) -> IteratorType {
    match kind {
        ShardIteratorType::AtSequenceNumber => IteratorType::AtSequenceNumber,
        ShardIteratorType::AfterSequenceNumber => IteratorType::AfterSequenceNumber,
        ShardIteratorType::TrimHorizon => IteratorType::TrimHorizon,
        ShardIteratorType::Latest => IteratorType::Latest,
        ShardIteratorType::AtTimestamp => IteratorType::AtTimestamp,
    }
}
