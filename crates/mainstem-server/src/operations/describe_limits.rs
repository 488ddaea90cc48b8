//! `DescribeLimits`.

use mainstem_streams::Streams;
use mainstem_wire::{ApiError, reply::Reply, types};

use super::number::wire_int;
use crate::dispatch::Progress;

#[expect(clippy::unnecessary_wraps, reason = "all operations have one form")]
pub(crate) fn run(streams: &Streams, _: &types::DescribeLimitsInput) -> Result<Progress, ApiError> {
    let limits = streams.describe_limits();
    Ok(Progress::Done(Reply::output(
        &types::DescribeLimitsOutput {
            shard_limit: wire_int(limits.shards_max),
            open_shard_count: wire_int(limits.open_shards),
            on_demand_stream_count: wire_int(limits.on_demand_streams),
            on_demand_stream_count_limit: wire_int(limits.on_demand_streams_max),
            channel_count: None,
            channel_count_limit: None,
        },
    )))
}
