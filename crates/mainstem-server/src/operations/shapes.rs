//! Shapes that several operations answer with.

use mainstem_streams::{ShardDescription, StreamMode, StreamStatus, StreamSummary};
use mainstem_types::HashKeyRange;
use mainstem_wire::types;

use super::number::wire_long;

/// Returns a stream as `ListStreams` shows it.
pub(crate) fn stream_summary(stream: &StreamSummary) -> types::StreamSummary {
    types::StreamSummary {
        stream_name: stream.arn.name.to_string(),
        stream_arn: stream.arn.to_string(),
        stream_status: stream_status(stream.status),
        stream_mode_details: Some(mode_details(stream.mode)),
        stream_creation_timestamp_ms: Some(wire_long(stream.created_ms)),
    }
}

/// Returns a stream's state.
pub(crate) const fn stream_status(status: StreamStatus) -> types::StreamStatus {
    match status {
        StreamStatus::Creating => types::StreamStatus::Creating,
        StreamStatus::Active => types::StreamStatus::Active,
        StreamStatus::Updating => types::StreamStatus::Updating,
        StreamStatus::Deleting => types::StreamStatus::Deleting,
    }
}

/// Returns a stream's capacity mode.
pub(crate) const fn mode_details(mode: StreamMode) -> types::StreamModeDetails {
    let stream_mode = match mode {
        StreamMode::Provisioned => types::StreamMode::Provisioned,
        StreamMode::OnDemand => types::StreamMode::OnDemand,
    };
    types::StreamModeDetails { stream_mode }
}

/// Returns the enhanced monitoring of a stream that has none: one entry without metrics.
pub(crate) fn no_enhanced_monitoring() -> Vec<types::EnhancedMetrics> {
    vec![types::EnhancedMetrics {
        shard_level_metrics: Some(Vec::new()),
    }]
}

/// Returns a shard as `DescribeStream` and `ListShards` show it.
pub(crate) fn shard(shard: &ShardDescription) -> types::Shard {
    types::Shard {
        shard_id: shard.id.to_string(),
        parent_shard_id: shard.parent.map(|parent| parent.to_string()),
        adjacent_parent_shard_id: shard.adjacent_parent.map(|parent| parent.to_string()),
        hash_key_range: hash_key_range(shard.range),
        sequence_number_range: types::SequenceNumberRange {
            starting_sequence_number: shard.starting_number.to_string(),
            ending_sequence_number: shard.ending_number.map(|number| number.to_string()),
        },
    }
}

/// Returns a range of hash keys.
pub(crate) fn hash_key_range(range: HashKeyRange) -> types::HashKeyRange {
    types::HashKeyRange {
        starting_hash_key: range.start().to_string(),
        ending_hash_key: range.end().to_string(),
    }
}
