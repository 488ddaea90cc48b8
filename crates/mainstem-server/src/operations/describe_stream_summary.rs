//! `DescribeStreamSummary`.

use mainstem_streams::{StreamMode, Streams};
use mainstem_wire::{ApiError, reply::Reply, types};

use super::{
    failure::told,
    number::{wire_int, wire_long},
    shapes, target,
};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::DescribeStreamSummaryInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    let summary = streams
        .describe_stream_summary(&name)
        .map_err(|error| told(&error))?;
    // Only an on-demand stream has a strategy, and so far there is one.
    let strategy = match summary.mode {
        StreamMode::OnDemand => Some(types::RecordDistributionStrategy::UserPartitionKey),
        StreamMode::Provisioned => None,
    };
    let stream_description_summary = types::StreamDescriptionSummary {
        stream_name: summary.arn.name.to_string(),
        stream_arn: summary.arn.to_string(),
        stream_status: shapes::stream_status(summary.status),
        stream_mode_details: Some(shapes::mode_details(summary.mode)),
        retention_period_hours: wire_int(summary.retention_hours),
        stream_creation_timestamp_ms: wire_long(summary.created_ms),
        enhanced_monitoring: shapes::no_enhanced_monitoring(),
        encryption_type: Some(types::EncryptionType::None),
        key_id: None,
        open_shard_count: wire_int(summary.open_shard_count),
        consumer_count: Some(0),
        max_record_size_in_kib: Some(wire_int(summary.record_kib_max)),
        warm_throughput: None,
        record_distribution_strategy: strategy,
        channel_count: None,
        queue_count: None,
    };
    let output = types::DescribeStreamSummaryOutput {
        stream_description_summary,
    };
    Ok(Progress::Done(Reply::output(&output)))
}
