//! The errors that the protocol itself gives, with their texts.
//!
//! What operations on streams answer is worded by the layer that knows the values in it and comes
//! in through [`ApiError::worded`].
//!
//! # Source
//! Answers of Kinesis that were recorded in public material, word for word including their
//! spelling, unless a constructor says that the text is Mainstem's own.

use crate::{
    error::{ApiError, MessageKey},
    generated::operations::{Operation, error_names},
};

impl ApiError {
    /// An error of the service model, with status 400 and a text for the client.
    ///
    /// `name` is one of [`error_names`](crate::error_names).
    pub fn worded(name: &'static str, message: String) -> Self {
        Self::new(name, message)
    }

    /// The body does not parse.
    pub const fn serialization() -> Self {
        Self::bare("SerializationException")
    }

    /// `X-Amz-Target` names no operation.
    pub const fn unknown_operation() -> Self {
        Self::bare("UnknownOperationException")
    }

    /// A member has a value of the wrong type.
    pub(crate) fn wrong_type(message: String) -> Self {
        Self {
            key: MessageKey::Upper,
            ..Self::new("SerializationException", message)
        }
    }

    /// Members break constraints; `items` are worded already and not empty.
    pub(crate) fn constraints(items: &[String]) -> Self {
        let plural = if items.len() == 1 { "" } else { "s" };
        let message = format!(
            "{} validation error{plural} detected: {}",
            items.len(),
            items.join("; ")
        );
        Self::new(error_names::VALIDATION_EXCEPTION, message)
    }

    /// A member that the model leaves out but the call needs is missing.
    ///
    /// `path` is spelt as in the errors of constraints, such as `records.1.member.partitionKey`.
    pub fn member_missing(path: &str) -> Self {
        Self::constraints(&[format!(
            "Value null at '{path}' failed to satisfy constraint: Member must not be null"
        )])
    }

    /// A text has the pattern of a stream's ARN and yet is none. The text is Mainstem's own.
    pub fn not_a_stream_arn(arn: &str) -> Self {
        Self::new(
            error_names::INVALID_ARGUMENT_EXCEPTION,
            format!("StreamARN {arn} is not the ARN of a stream."),
        )
    }

    /// A known operation that this version does not serve. The text is Mainstem's own.
    pub fn not_supported_yet(operation: Operation) -> Self {
        Self::new(
            UNSUPPORTED,
            format!(
                "Operation {operation} is known but not supported yet by this version of Mainstem."
            ),
        )
    }

    /// A member was given on which this version cannot act. The text is Mainstem's own.
    pub fn member_not_supported_yet(operation: Operation, member: &str) -> Self {
        Self::new(
            UNSUPPORTED,
            format!(
                "Member {member} of operation {operation} is known but not supported yet by this \
                 version of Mainstem."
            ),
        )
    }

    /// The body is CBOR, which this version does not read. The text is Mainstem's own.
    pub fn cbor_not_supported_yet() -> Self {
        Self::new(
            UNSUPPORTED,
            "Bodies in application/x-amz-cbor-1.1 are not supported yet by this version of \
             Mainstem; use application/x-amz-json-1.1.",
        )
    }

    /// The call was a dry run and would have succeeded. The text is Mainstem's own.
    pub fn dry_run() -> Self {
        Self::new(
            error_names::DRY_RUN_OPERATION_EXCEPTION,
            "The request would have succeeded, but it is a dry run.",
        )
    }

    /// Something that is not the client's fault. The cause belongs in the server's log.
    pub fn internal_failure() -> Self {
        Self {
            status: 500,
            ..Self::new("InternalFailure", "Internal Service Failure")
        }
    }

    /// The server cannot answer just now, and the client may try again.
    ///
    /// The text of Kinesis was not recorded; this one is Mainstem's own.
    pub fn service_unavailable() -> Self {
        let message = "The service is unavailable at the moment.";
        Self {
            status: 503,
            ..Self::new("ServiceUnavailable", message)
        }
    }
}

/// The error for what is known but not built. Kinesis has no such error.
const UNSUPPORTED: &str = "UnsupportedOperationException";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_statuses_and_texts() {
        let cases = [
            (
                ApiError::serialization(),
                "SerializationException",
                400,
                None,
            ),
            (
                ApiError::unknown_operation(),
                "UnknownOperationException",
                400,
                None,
            ),
            (
                ApiError::not_supported_yet(Operation::SplitShard),
                "UnsupportedOperationException",
                400,
                Some(
                    "Operation SplitShard is known but not supported yet by this version of Mainstem.",
                ),
            ),
            (
                ApiError::member_not_supported_yet(Operation::CreateStream, "Tags"),
                "UnsupportedOperationException",
                400,
                Some(
                    "Member Tags of operation CreateStream is known but not supported yet by this \
                     version of Mainstem.",
                ),
            ),
            (
                ApiError::worded(error_names::RESOURCE_NOT_FOUND_EXCEPTION, "x".into()),
                "ResourceNotFoundException",
                400,
                Some("x"),
            ),
            (
                ApiError::internal_failure(),
                "InternalFailure",
                500,
                Some("Internal Service Failure"),
            ),
            (
                ApiError::service_unavailable(),
                "ServiceUnavailable",
                503,
                Some("The service is unavailable at the moment."),
            ),
        ];
        for (error, name, status, message) in cases {
            assert_eq!(
                (error.name(), error.status(), error.message()),
                (name, status, message)
            );
        }
    }
}
