//! `DeleteStream`.
//!
//! `EnforceConsumerDeletion` has nothing to enforce: streams have no registered consumers yet.

use mainstem_streams::Streams;
use mainstem_wire::{ApiError, reply::Reply, types};

use super::{failure::told, target};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::DeleteStreamInput,
) -> Result<Progress, ApiError> {
    let name = target::stream(
        streams,
        input.stream_name.as_deref(),
        input.stream_arn.as_deref(),
    )?;
    streams.delete_stream(&name).map_err(|error| told(&error))?;
    Ok(Progress::Done(Reply::empty()))
}
