//! Picks the operation that a call names.

use mainstem_streams::Streams;
use mainstem_wire::{ApiError, Operation, protocol::Call};

use super::{
    create_stream, delete_stream, describe_limits, describe_stream, describe_stream_summary,
    get_records, get_shard_iterator, list_shards, list_streams, put_record, put_records, retention,
};
use crate::dispatch::Progress;

/// Does a call as far as it goes on this thread, which may block.
pub(crate) fn begin(streams: &Streams, call: Call<'_>) -> Result<Progress, ApiError> {
    match call.operation() {
        Operation::CreateStream => create_stream::run(streams, &call.input()?),
        Operation::DecreaseStreamRetentionPeriod => retention::decrease(streams, &call.input()?),
        Operation::DeleteStream => delete_stream::run(streams, &call.input()?),
        Operation::DescribeLimits => describe_limits::run(streams, &call.input()?),
        Operation::DescribeStream => describe_stream::run(streams, &call.input()?),
        Operation::DescribeStreamSummary => describe_stream_summary::run(streams, &call.input()?),
        Operation::GetRecords => get_records::run(streams, &call.input()?),
        Operation::GetShardIterator => get_shard_iterator::run(streams, &call.input()?),
        Operation::IncreaseStreamRetentionPeriod => retention::increase(streams, &call.input()?),
        Operation::ListShards => list_shards::run(streams, &call.input()?),
        Operation::ListStreams => list_streams::run(streams, &call.input()?),
        Operation::PutRecord => put_record::begin(streams, &call.input()?),
        Operation::PutRecords => put_records::begin(streams, &call.input()?),
        Operation::AcknowledgeDeadLetterQueueRecords
        | Operation::AcknowledgeQueueRecords
        | Operation::AddTagsToStream
        | Operation::CreateChannel
        | Operation::CreateQueue
        | Operation::DeleteChannel
        | Operation::DeleteQueue
        | Operation::DeleteResourcePolicy
        | Operation::DeregisterStreamConsumer
        | Operation::DescribeAccountSettings
        | Operation::DescribeChannel
        | Operation::DescribeQueue
        | Operation::DescribeStreamConsumer
        | Operation::DisableEnhancedMonitoring
        | Operation::EnableEnhancedMonitoring
        | Operation::GetResourcePolicy
        | Operation::ListChannels
        | Operation::ListQueues
        | Operation::ListStreamConsumers
        | Operation::ListTagsForResource
        | Operation::ListTagsForStream
        | Operation::MergeShards
        | Operation::PutResourcePolicy
        | Operation::ReceiveDeadLetterQueueRecords
        | Operation::ReceiveQueueRecords
        | Operation::RegisterStreamConsumer
        | Operation::RemoveTagsFromStream
        | Operation::RestoreDeadLetterQueueRecords
        | Operation::SplitShard
        | Operation::StartStreamEncryption
        | Operation::StopStreamEncryption
        | Operation::SubscribeToShard
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::UpdateAccountSettings
        | Operation::UpdateChannel
        | Operation::UpdateDeadLetterQueueRecordsVisibility
        | Operation::UpdateMaxRecordSize
        | Operation::UpdateQueue
        | Operation::UpdateQueueRecordsVisibility
        | Operation::UpdateShardCount
        | Operation::UpdateStreamMode
        | Operation::UpdateStreamRecordDistributionStrategy
        | Operation::UpdateStreamWarmThroughput => {
            Err(ApiError::not_supported_yet(call.operation()))
        }
    }
}
