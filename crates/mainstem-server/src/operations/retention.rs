//! `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod`.

use mainstem_streams::{Streams, StreamsError};
use mainstem_types::StreamName;
use mainstem_wire::{
    ApiError,
    reply::Reply,
    types::{DecreaseStreamRetentionPeriodInput, IncreaseStreamRetentionPeriodInput},
};

use super::{failure::told, number::unsigned, target};
use crate::dispatch::Progress;

pub(crate) fn increase(
    streams: &Streams,
    input: &IncreaseStreamRetentionPeriodInput,
) -> Result<Progress, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let name = target::stream(streams, name, arn)?;
    change(
        Streams::increase_retention,
        streams,
        &name,
        input.retention_period_hours,
    )
}

pub(crate) fn decrease(
    streams: &Streams,
    input: &DecreaseStreamRetentionPeriodInput,
) -> Result<Progress, ApiError> {
    let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
    let name = target::stream(streams, name, arn)?;
    change(
        Streams::decrease_retention,
        streams,
        &name,
        input.retention_period_hours,
    )
}

fn change(
    method: fn(&Streams, &StreamName, u32) -> Result<(), StreamsError>,
    streams: &Streams,
    name: &StreamName,
    hours: i32,
) -> Result<Progress, ApiError> {
    // A negative number is too short like any below the minimum.
    method(streams, name, unsigned(hours)).map_err(|error| told(&error))?;
    Ok(Progress::Done(Reply::empty()))
}
