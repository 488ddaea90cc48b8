//! `ListStreams`.

use mainstem_streams::{ListStreamsInput, Streams};
use mainstem_wire::{ApiError, reply::Reply, types};

use super::{failure::told, number::count, shapes};
use crate::dispatch::Progress;

pub(crate) fn run(
    streams: &Streams,
    input: &types::ListStreamsInput,
) -> Result<Progress, ApiError> {
    let page = streams
        .list_streams(&ListStreamsInput {
            limit: input.limit.map(count),
            exclusive_start_stream: input.exclusive_start_stream_name.as_deref(),
            next_token: input.next_token.as_deref(),
        })
        .map_err(|error| told(&error))?;
    Ok(Progress::Done(Reply::output(&types::ListStreamsOutput {
        stream_names: page
            .streams
            .iter()
            .map(|stream| stream.arn.name.to_string())
            .collect(),
        has_more_streams: page.next_token.is_some(),
        stream_summaries: Some(page.streams.iter().map(shapes::stream_summary).collect()),
        next_token: page.next_token,
    })))
}
