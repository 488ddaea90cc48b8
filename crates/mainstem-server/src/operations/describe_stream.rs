//! `DescribeStream`.

use mainstem_streams::{DescribeStreamInput, Streams};
use mainstem_wire::{ApiError, reply::Reply, types};

use super::{
    failure::told,
    number::{count, wire_int, wire_long},
    shapes, target,
};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::DescribeStreamInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    let description = streams
        .describe_stream(&DescribeStreamInput {
            stream: &name,
            limit: input.limit.map(count),
            exclusive_start_shard: input.exclusive_start_shard_id.as_deref(),
        })
        .map_err(|error| told(&error))?;
    let summary = &description.summary;
    let stream_description = types::StreamDescription {
        stream_name: summary.arn.name.to_string(),
        stream_arn: summary.arn.to_string(),
        stream_status: shapes::stream_status(summary.status),
        stream_mode_details: Some(shapes::mode_details(summary.mode)),
        shards: description.shards.iter().map(shapes::shard).collect(),
        has_more_shards: description.has_more_shards,
        retention_period_hours: wire_int(summary.retention_hours),
        stream_creation_timestamp_ms: wire_long(summary.created_ms),
        enhanced_monitoring: shapes::no_enhanced_monitoring(),
        encryption_type: Some(types::EncryptionType::None),
        key_id: None,
    };
    Ok(Progress::Done(Reply::output(
        &types::DescribeStreamOutput { stream_description },
    )))
}
