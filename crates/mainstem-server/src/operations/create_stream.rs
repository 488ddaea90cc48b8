//! `CreateStream`.

use mainstem_streams::{CreateStreamInput, StreamMode, Streams};
use mainstem_wire::{
    ApiError, Operation,
    reply::Reply,
    types::{self, RecordDistributionStrategy},
};

use super::{failure::told, number::unsigned, target::stream_name};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::CreateStreamInput,
) -> Result<Progress, ApiError> {
    // A stream without what its owner asked for must not come about silently.
    let automatic = input.record_distribution_strategy == Some(RecordDistributionStrategy::Auto);
    for (given, member) in [
        (input.tags.is_some(), "Tags"),
        (input.warm_throughput_mibps.is_some(), "WarmThroughputMiBps"),
        (automatic, "RecordDistributionStrategy"),
    ] {
        if given {
            return Err(ApiError::member_not_supported_yet(
                Operation::CreateStream,
                member,
            ));
        }
    }
    let mode = input
        .stream_mode_details
        .as_ref()
        .map(|details| match details.stream_mode {
            types::StreamMode::Provisioned => StreamMode::Provisioned,
            types::StreamMode::OnDemand => StreamMode::OnDemand,
        });
    streams
        .create_stream(&CreateStreamInput {
            name: stream_name(&input.stream_name)?,
            mode,
            shard_count: input.shard_count.map(unsigned),
            record_kib_max: input.max_record_size_in_kib.map(unsigned),
        })
        .map_err(|error| told(&error))?;
    Ok(Progress::Done(Reply::empty()))
}
