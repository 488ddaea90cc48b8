//! From an error of the streams layer to what the client is told.

use mainstem_streams::{ErrorKind, StreamsError};
use mainstem_wire::{ApiError, error_names};

/// Returns what the client is told.
///
/// Texts meant for clients come from the streams layer, which knows the values in them. Of anything
/// else the client learns only that it failed, and the log gets the chain of causes here, once.
pub(crate) fn told(error: &StreamsError) -> ApiError {
    let name = match error.kind() {
        ErrorKind::ResourceNotFound => error_names::RESOURCE_NOT_FOUND_EXCEPTION,
        ErrorKind::ResourceInUse => error_names::RESOURCE_IN_USE_EXCEPTION,
        ErrorKind::InvalidArgument => error_names::INVALID_ARGUMENT_EXCEPTION,
        ErrorKind::LimitExceeded => error_names::LIMIT_EXCEEDED_EXCEPTION,
        ErrorKind::ExpiredIterator => error_names::EXPIRED_ITERATOR_EXCEPTION,
        ErrorKind::ExpiredNextToken => error_names::EXPIRED_NEXT_TOKEN_EXCEPTION,
        ErrorKind::Validation => error_names::VALIDATION_EXCEPTION,
        ErrorKind::ProvisionedThroughputExceeded => {
            error_names::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION
        }
        // The enumeration may grow; a kind without a name here must not reach a client as another.
        _ => {
            tracing::error!(error = %chain(error), "streams failed");
            return ApiError::internal_failure();
        }
    };
    ApiError::worded(name, error.to_string())
}

/// Returns an error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
