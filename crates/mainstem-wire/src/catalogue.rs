//! Every text that Mainstem answers, once.
//!
//! # Source
//! Answers of Kinesis that were recorded in public material, word for word including their
//! spelling, unless a constructor says that the text is Mainstem's own.

use std::fmt;

use jiff::Timestamp;
use mainstem_types::{
    AccountId, HashKey, Region, ShardId, StreamName,
    limits::{ITERATOR_VALID_MS, RETENTION_HOURS_MAX, RETENTION_HOURS_MIN},
};

use crate::{
    error::{ApiError, MessageKey},
    generated::operations::{Operation, error_names},
};

/// What the HTTP layer and the decoding of inputs answer.
impl ApiError {
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
        Self::validation(format!(
            "{} validation error{plural} detected: {}",
            items.len(),
            items.join("; ")
        ))
    }

    /// A known operation that this version does not serve. The text is Mainstem's own.
    pub fn not_supported_yet(operation: Operation) -> Self {
        Self::new(
            "UnsupportedOperationException",
            format!(
                "Operation {operation} is known but not supported yet by this version of Mainstem."
            ),
        )
    }

    /// A member that this version does not act on was given. The text is Mainstem's own.
    pub fn member_not_supported_yet(operation: Operation, member: &str) -> Self {
        Self::new(
            "UnsupportedOperationException",
            format!(
                "Member {member} of operation {operation} is known but not supported yet by this \
                 version of Mainstem."
            ),
        )
    }

    /// The body is CBOR, which this version does not read. The text is Mainstem's own.
    pub fn cbor_not_supported_yet() -> Self {
        Self::new(
            "UnsupportedOperationException",
            "Bodies in application/x-amz-cbor-1.1 are not supported yet by this version of \
             Mainstem; use application/x-amz-json-1.1 (Java: AWS_CBOR_DISABLE=true).",
        )
    }

    /// Something that is not the client's fault. The cause belongs in the server's log.
    pub fn internal_failure() -> Self {
        Self {
            status: 500,
            ..Self::new("InternalFailure", "Internal Service Failure")
        }
    }

    /// The server cannot answer just now; the client may try again.
    ///
    /// The text of Kinesis was not recorded; this one is Mainstem's own.
    pub fn service_unavailable() -> Self {
        Self {
            status: 503,
            ..Self::new(
                "ServiceUnavailable",
                "The service is temporarily unavailable.",
            )
        }
    }

    fn validation(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(error_names::VALIDATION_EXCEPTION, message)
    }

    fn argument(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(error_names::INVALID_ARGUMENT_EXCEPTION, message)
    }

    fn not_found(message: String) -> Self {
        Self::new(error_names::RESOURCE_NOT_FOUND_EXCEPTION, message)
    }

    fn in_use(message: String) -> Self {
        Self::new(error_names::RESOURCE_IN_USE_EXCEPTION, message)
    }

    fn limit(message: String) -> Self {
        Self::new(error_names::LIMIT_EXCEEDED_EXCEPTION, message)
    }
}

/// What operations on streams answer.
impl ApiError {
    /// A required member is missing, found by the operation and not by the model.
    ///
    /// `member` is spelt as on the wire, with a lower-case first letter.
    pub fn member_missing(member: &str) -> Self {
        Self::constraints(&[format!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        )])
    }

    /// The request names no stream.
    ///
    /// The present text of Kinesis was not recorded; this is how a missing member reads.
    pub fn no_stream_given() -> Self {
        Self::member_missing("streamName")
    }

    /// The name and the ARN of a request are of two streams. The text is Mainstem's own.
    pub fn name_and_arn_differ(name: &StreamName, arn: &str) -> Self {
        Self::argument(format!(
            "StreamARN {arn} does not belong to the stream named {name}."
        ))
    }

    /// No stream has this name.
    pub fn stream_not_found(stream: &str, account: AccountId) -> Self {
        Self::not_found(format!(
            "Stream {stream} under account {account} not found."
        ))
    }

    /// A stream of this name exists.
    pub fn stream_exists(stream: &StreamName, account: AccountId) -> Self {
        Self::in_use(format!(
            "Stream {stream} under account {account} already exists."
        ))
    }

    /// The stream is in another state than the call needs.
    pub fn stream_not_active(stream: &StreamName, account: AccountId, state: &str) -> Self {
        Self::in_use(format!(
            "Stream {stream} under account {account} not ACTIVE, instead in state {state}"
        ))
    }

    /// The account would have too many shards.
    pub fn shard_limit(
        account: AccountId,
        region: &Region,
        shards: u32,
        limit: u32,
        additional: u32,
    ) -> Self {
        Self::limit(format!(
            "This request would exceed the shard limit for the account {account} in {region}. \
             Current shard count for the account: {shards}. Limit: {limit}. Number of additional \
             shards that would have resulted from this request: {additional}. Refer to the AWS \
             Service Limits page (http://docs.aws.amazon.com/general/latest/gr/\
             aws_service_limits.html) for current limits and how to request higher limits."
        ))
    }

    /// The account would have too many on-demand streams. The text is Mainstem's own.
    pub fn on_demand_stream_limit(account: AccountId, limit: u32) -> Self {
        Self::limit(format!(
            "This request would exceed the limit of {limit} on-demand streams for the account \
             {account}."
        ))
    }

    /// Too many streams are being created. The text is Mainstem's own.
    pub fn creating_limit(account: AccountId, limit: usize) -> Self {
        Self::limit(format!(
            "This request would exceed the limit of {limit} streams in state CREATING for the \
             account {account}."
        ))
    }

    /// A provisioned stream was asked for without a number of shards. The text is Mainstem's own.
    pub fn shard_count_missing() -> Self {
        Self::validation("ShardCount is required for a stream in PROVISIONED mode.")
    }

    /// An on-demand stream was asked for with a number of shards. The text is Mainstem's own.
    pub fn shard_count_with_on_demand() -> Self {
        Self::validation("ShardCount must not be given for a stream in ON_DEMAND mode.")
    }

    /// The control plane was called too often.
    pub fn stream_rate(stream: &StreamName, account: AccountId) -> Self {
        Self::limit(format!(
            "Rate exceeded for stream {stream} under account {account}."
        ))
    }

    /// The requested retention is too short.
    pub fn retention_too_short(hours: i32) -> Self {
        Self::argument(format!(
            "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. Requested retention \
             period ({hours} hours) is too short."
        ))
    }

    /// The requested retention is too long.
    pub fn retention_too_long(hours: i32) -> Self {
        Self::argument(format!(
            "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention \
             period ({hours} hours) is too long."
        ))
    }

    /// An increase asked for less than there is.
    pub fn retention_not_an_increase(stream: &StreamName, hours: u32, existing: u32) -> Self {
        Self::argument(format!(
            "Requested retention period ({hours} hours) for stream {stream} can not be shorter \
             than existing retention period ({existing} hours). Use DecreaseRetentionPeriod API."
        ))
    }

    /// A decrease asked for more than there is.
    pub fn retention_not_a_decrease(stream: &StreamName, hours: u32, existing: u32) -> Self {
        Self::argument(format!(
            "Requested retention period ({hours} hours) for stream {stream} can not be longer \
             than existing retention period ({existing} hours). Use IncreaseRetentionPeriod API."
        ))
    }
}

/// What operations on shards answer.
impl ApiError {
    /// The stream has no such shard.
    pub fn shard_not_found(shard: ShardId, stream: &StreamName, account: AccountId) -> Self {
        Self::not_found(format!(
            "Shard {shard} in stream {stream} under account {account} does not exist"
        ))
    }

    /// The text is no shard id.
    pub fn shard_id_malformed(shard: &str, stream: &str, account: AccountId) -> Self {
        Self::not_found(format!(
            "Could not find shard {shard} in stream {stream} under account {account}."
        ))
    }

    /// The shard takes no more at the moment.
    pub fn shard_throttled(shard: ShardId, stream: &StreamName, account: AccountId) -> Self {
        Self::new(
            error_names::PROVISIONED_THROUGHPUT_EXCEEDED_EXCEPTION,
            Self::shard_rate_text(shard, stream, account),
        )
    }

    /// Returns the text of [`ApiError::shard_throttled`], for a record within `PutRecords`.
    pub fn shard_rate_text(shard: ShardId, stream: &StreamName, account: AccountId) -> String {
        format!("Rate exceeded for shard {shard} in stream {stream} under account {account}.")
    }

    /// Neither a token nor a stream was given to `ListShards`.
    pub fn list_shards_needs_a_stream() -> Self {
        Self::argument("Either NextToken or StreamName should be provided.")
    }

    /// A token and a stream were given to `ListShards`.
    pub fn list_shards_takes_one() -> Self {
        Self::argument("NextToken and StreamName cannot be provided together.")
    }

    /// A token was given with a member it excludes. The text is Mainstem's own, in that style.
    pub fn next_token_excludes(member: &str) -> Self {
        Self::argument(format!(
            "NextToken and {member} cannot be provided together."
        ))
    }

    /// The token is none of ours. The text is Mainstem's own.
    pub fn next_token_invalid() -> Self {
        Self::argument("Invalid NextToken.")
    }

    /// The token is too old. The text is Mainstem's own.
    pub fn next_token_expired() -> Self {
        Self::new(
            error_names::EXPIRED_NEXT_TOKEN_EXCEPTION,
            "NextToken expired; tokens are valid for 300 seconds.",
        )
    }

    /// A filter lacks a member its type needs. The text is Mainstem's own.
    pub fn shard_filter_needs(kind: &str, member: &str) -> Self {
        Self::argument(format!(
            "{member} must be provided with a shard filter of type {kind}."
        ))
    }
}

/// What writing answers.
impl ApiError {
    /// A record is larger than its stream allows.
    ///
    /// `path` is `data`, or `records.<n>.member.data` counted from 1.
    pub fn record_too_large(path: &str, bytes_max: usize) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member \
             must have length less than or equal to {bytes_max}."
        ))
    }

    /// The records of one request are too large together.
    ///
    /// Recorded when the limit was 5 MB; the number is adapted.
    pub fn records_too_large() -> Self {
        Self::argument("Records size exceeds 10 MB limit")
    }

    /// An explicit hash key is above the highest there is.
    pub fn explicit_hash_key(key: &str) -> Self {
        Self::argument(format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was {key}"
        ))
    }

    /// The sequence number for ordering is not one, or lies in the future.
    pub fn ordering_number(number: &str, stream: &StreamName, account: AccountId) -> Self {
        Self::argument(format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under \
             account {account} is invalid."
        ))
    }

    /// The call was a dry run and would have succeeded. The text is Mainstem's own.
    pub fn dry_run() -> Self {
        Self::new(
            error_names::DRY_RUN_OPERATION_EXCEPTION,
            "Request would have succeeded, but DryRun flag is set.",
        )
    }
}

/// What reading answers.
impl ApiError {
    /// The iterator is none of ours.
    pub fn iterator_invalid() -> Self {
        Self::argument("Invalid ShardIterator.")
    }

    /// The iterator is too old.
    pub fn iterator_expired(created_ms: u64, now_ms: u64) -> Self {
        let (created, now) = (JavaDate(created_ms), JavaDate(now_ms));
        Self::new(
            error_names::EXPIRED_ITERATOR_EXCEPTION,
            format!(
                "Iterator expired. The iterator was created at time {created} while right now it \
                 is {now} which is further in the future than the tolerated delay of \
                 {ITERATOR_VALID_MS} milliseconds."
            ),
        )
    }

    /// The starting number cannot be read.
    pub fn starting_number(
        number: &str,
        shard: ShardId,
        stream: &StreamName,
        account: AccountId,
    ) -> Self {
        Self::argument(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
             {stream} under account {account} is invalid."
        ))
    }

    /// The starting number is of another stream, or of an earlier stream of the name.
    pub fn starting_number_of_other_stream(
        number: &str,
        shard: ShardId,
        stream: &StreamName,
        account: AccountId,
    ) -> Self {
        Self::argument(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
             {stream} under account {account} is invalid because it did not come from this stream."
        ))
    }

    /// The starting number is of another shard.
    pub fn starting_number_of_other_shard(encoded: ShardId, used: ShardId) -> Self {
        Self::argument(format!(
            "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to \
             a shard with {used}"
        ))
    }

    /// The type of the iterator needs a starting number and there is none, or the reverse.
    pub fn iterator_type_and_number(kind: &str, number_given: bool) -> Self {
        let number = if number_given { "also a" } else { "no" };
        Self::argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified {kind} and {number} StartingSequenceNumber."
        ))
    }

    /// An iterator by time lacks the time.
    pub fn timestamp_missing() -> Self {
        Self::argument(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
             request has no timestamp parameter.",
        )
    }

    /// An iterator by time lies in the future.
    pub fn timestamp_in_future(timestamp_ms: i64, now_ms: u64) -> Self {
        Self::argument(format!(
            "The timestampInMillis parameter cannot be greater than the \
             currentTimestampInMillis. timestampInMillis: {timestamp_ms}, \
             currentTimestampInMillis: {now_ms}"
        ))
    }
}

/// What splitting and merging answer.
impl ApiError {
    /// The key does not split the shard.
    pub fn split_key(
        key: &str,
        shard: ShardId,
        stream: &StreamName,
        account: AccountId,
        range: (HashKey, HashKey),
    ) -> Self {
        let (start, end) = range;
        Self::argument(format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {stream} \
             under account {account} is not both greater than one plus the shard's \
             StartingHashKey {start} and less than the shard's EndingHashKey {end}."
        ))
    }

    /// The shards are not neighbours.
    pub fn not_adjacent(
        shards: (ShardId, ShardId),
        stream: &StreamName,
        account: AccountId,
    ) -> Self {
        let (first, second) = shards;
        Self::argument(format!(
            "Shards {first} and {second} in stream {stream} under account {account} are not an \
             adjacent pair of shards eligible for merging"
        ))
    }

    /// The shard is closed.
    pub fn shard_closed(shard: ShardId, stream: &StreamName, account: AccountId) -> Self {
        Self::argument(format!(
            "Shard {shard} in stream {stream} under account {account} has already been merged or \
             split, and thus is not eligible for merging or splitting."
        ))
    }

    /// The stream sizes itself.
    pub fn on_demand_mode(stream: &StreamName, account: AccountId) -> Self {
        Self::validation(format!(
            "Request is invalid. Stream {stream} under account {account} is in On-Demand mode."
        ))
    }
}

/// Prints milliseconds since the epoch as Java prints a date: `Thu Jan 22 01:22:02 UTC 2015`.
struct JavaDate(u64);

impl fmt::Display for JavaDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX);
        time.strftime("%a %b %d %H:%M:%S UTC %Y").fmt(f)
    }
}

#[cfg(test)]
mod tests;
