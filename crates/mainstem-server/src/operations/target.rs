//! Which stream a request means.

use mainstem_streams::Streams;
use mainstem_types::{StreamArn, StreamName};
use mainstem_wire::ApiError;

use super::failure::told;

/// Returns the stream that a request names by name, by ARN, or by both.
pub(crate) fn stream(
    streams: &Streams,
    name: Option<&str>,
    arn: Option<&str>,
) -> Result<StreamName, ApiError> {
    let name = name.map(stream_name).transpose()?;
    let arn = arn.map(stream_arn).transpose()?;
    streams
        .resolve(name.as_ref(), arn.as_ref())
        .map_err(|error| told(&error))
}

/// Returns a name whose constraints were checked.
pub(crate) fn stream_name(text: &str) -> Result<StreamName, ApiError> {
    StreamName::new(text).map_err(|error| {
        // The model's constraints are the type's, so this cannot come from a client.
        tracing::error!(%error, "a checked stream name is none");
        ApiError::internal_failure()
    })
}

/// Returns an ARN whose pattern was checked; the pattern allows more than there is.
pub(crate) fn stream_arn(text: &str) -> Result<StreamArn, ApiError> {
    StreamArn::parse(text).map_err(|_| ApiError::not_a_stream_arn(text))
}
