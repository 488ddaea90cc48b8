//! `ListShards`.

use mainstem_streams::{ListShardsInput, ShardFilter, Streams};
use mainstem_wire::{
    ApiError,
    reply::Reply,
    types::{self, ShardFilterType},
};

use super::{
    failure::told,
    number::{count, time_ms},
    shapes, target,
};
use crate::dispatch::Progress;

pub(crate) fn run(streams: &Streams, input: &types::ListShardsInput) -> Result<Progress, ApiError> {
    // Naming no stream is right if there is a token, so it is not refused here.
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let stream = match (name, arn) {
        (None, None) => None,
        (name, arn) => Some(target::stream(streams, name, arn)?),
    };
    let page = streams
        .list_shards(&ListShardsInput {
            stream: stream.as_ref(),
            next_token: input.next_token.as_deref(),
            max_results: input.max_results.map(count),
            exclusive_start_shard: input.exclusive_start_shard_id.as_deref(),
            stream_created_ms: input.stream_creation_timestamp_ms.map(time_ms),
            filter: input.shard_filter.as_ref().map(shard_filter),
        })
        .map_err(|error| told(&error))?;
    Ok(Progress::Done(Reply::output(&types::ListShardsOutput {
        shards: Some(page.shards.iter().map(shapes::shard).collect()),
        next_token: page.next_token,
    })))
}

fn shard_filter(filter: &types::ShardFilter) -> ShardFilter<'_> {
    let timestamp_ms = filter.timestamp_ms.map(time_ms);
    match filter.r#type {
        ShardFilterType::AfterShardId => ShardFilter::AfterShardId(filter.shard_id.as_deref()),
        ShardFilterType::AtTrimHorizon => ShardFilter::AtTrimHorizon,
        ShardFilterType::FromTrimHorizon => ShardFilter::FromTrimHorizon,
        ShardFilterType::AtLatest => ShardFilter::AtLatest,
        ShardFilterType::AtTimestamp => ShardFilter::AtTimestamp(timestamp_ms),
        ShardFilterType::FromTimestamp => ShardFilter::FromTimestamp(timestamp_ms),
    }
}
