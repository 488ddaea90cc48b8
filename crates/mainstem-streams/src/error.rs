//! What can go wrong: for clients, in the words that Kinesis uses, and when opening.

use std::io;
use std::sync::Arc;

use mainstem_types::{AccountId, Region, ShardId, StreamName, limits};

use crate::engine::{EngineError, Outcome};
use crate::meta::MetaError;
use crate::record::PayloadError;
use crate::status::StreamStatus;
use crate::streams::IteratorType;
use crate::time_text::utc_text;

/// The name of an error in the API, without its `Exception`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `ResourceNotFoundException`.
    ResourceNotFound,
    /// `ResourceInUseException`.
    ResourceInUse,
    /// `InvalidArgumentException`.
    InvalidArgument,
    /// `LimitExceededException`.
    LimitExceeded,
    /// `ExpiredIteratorException`.
    ExpiredIterator,
    /// `ExpiredNextTokenException`.
    ExpiredNextToken,
    /// `ValidationException`.
    Validation,
    /// `ProvisionedThroughputExceededException`.
    ProvisionedThroughputExceeded,
    /// `InternalFailure`, with HTTP status 500.
    InternalFailure,
}

/// Why streams did not do what they were asked.
///
/// Of every kind but [`ErrorKind::InternalFailure`] the text is what Kinesis says to its client,
/// word for word where that is on record.
///
/// # Source
/// Replies of the real service recorded in public material; a variant says so where there is none.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are the values named in each variant's text"
)]
pub enum StreamsError {
    /// There is no such stream, or it is in a state in which the call does not see it.
    #[error("Stream {stream} under account {account} not found.")]
    StreamNotFound {
        stream: StreamName,
        account: AccountId,
    },
    /// The stream has no such shard, or an iterator's stream is gone.
    #[error("Shard {shard} in stream {stream} under account {account} does not exist")]
    ShardMissing {
        shard: ShardId,
        stream: StreamName,
        account: AccountId,
    },
    /// The text is no shard id.
    #[error("Could not find shard {shard} in stream {stream} under account {account}.")]
    ShardIdMalformed {
        shard: String,
        stream: StreamName,
        account: AccountId,
    },
    /// The name is taken.
    #[error("Stream {stream} under account {account} already exists.")]
    StreamExists {
        stream: StreamName,
        account: AccountId,
    },
    /// The call needs an active stream.
    #[error("Stream {stream} under account {account} not ACTIVE, instead in state {status}")]
    StreamNotActive {
        stream: StreamName,
        account: AccountId,
        status: StreamStatus,
    },
    /// The account would have too many provisioned shards.
    #[error(
        "This request would exceed the shard limit for the account {account} in {region}. Current \
         shard count for the account: {open}. Limit: {limit}. Number of additional shards that \
         would have resulted from this request: {additional}. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits \
         and how to request higher limits."
    )]
    ShardLimit {
        account: AccountId,
        region: Region,
        open: u32,
        limit: u32,
        additional: u32,
    },
    /// The account would have too many on-demand streams. The text is ours.
    #[error(
        "This request would exceed the on-demand stream limit for the account {account} in \
         {region}. Current on-demand stream count for the account: {streams}. Limit: {limit}."
    )]
    OnDemandStreamLimit {
        account: AccountId,
        region: Region,
        streams: u32,
        limit: u32,
    },
    /// Too many streams are being created. The text is ours.
    #[error(
        "This request would exceed the limit of {limit} streams in state CREATING for the account \
         {account} in {region}."
    )]
    CreatingStreamsLimit {
        account: AccountId,
        region: Region,
        limit: usize,
    },
    /// A provisioned stream needs a shard count. The text is ours.
    #[error("Request is invalid. ShardCount is required for a stream in Provisioned mode.")]
    ShardCountMissing,
    /// An on-demand stream chooses its own shards. The text is ours.
    #[error("Request is invalid. ShardCount cannot be set for a stream in On-Demand mode.")]
    ShardCountUnwanted,
    /// A constraint of the service model is broken.
    #[error(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         {constraint}"
    )]
    Constraint {
        value: String,
        member: &'static str,
        constraint: String,
    },
    /// Neither a name nor an ARN was given.
    #[error(
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: \
         Member must not be null"
    )]
    StreamNameMissing,
    /// The name and the ARN given are of two streams. The text is ours.
    #[error("StreamName {stream} does not match the stream {arn_stream} of StreamARN.")]
    StreamNameMismatch {
        stream: StreamName,
        arn_stream: StreamName,
    },
    /// Data and partition key together are larger than the stream's records may be.
    #[error(
        "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have \
         length less than or equal to {limit}.",
        record_member(*.record)
    )]
    RecordTooLarge {
        /// The record's place in a `PutRecords` request, from 0; `None` in `PutRecord`.
        record: Option<usize>,
        limit: usize,
    },
    /// The records of one request are too large together. The text follows an older one.
    #[error("Records size exceeds {} MB limit", limits::PUT_RECORDS_BYTES_MAX >> 20)]
    RequestTooLarge,
    /// The explicit hash key is not a number or too large.
    #[error(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified \
         value was {value}"
    )]
    ExplicitHashKey { value: String },
    /// The sequence number for ordering is unreadable or lies in the future.
    #[error(
        "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under account \
         {account} is invalid."
    )]
    OrderingNumber {
        number: String,
        stream: StreamName,
        account: AccountId,
    },
    /// The iterator was not issued here, or was altered.
    #[error("Invalid ShardIterator.")]
    InvalidIterator,
    /// The iterator is older than [`limits::ITERATOR_VALID_MS`].
    #[error(
        "Iterator expired. The iterator was created at time {} while right now it is {} which is \
         further in the future than the tolerated delay of {} milliseconds.",
        utc_text(*.issued_ms), utc_text(*.now_ms), limits::ITERATOR_VALID_MS
    )]
    ExpiredIterator { issued_ms: u64, now_ms: u64 },
    /// The starting sequence number is unreadable.
    #[error(
        "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
         {stream} under account {account} is invalid."
    )]
    StartingNumberInvalid {
        number: String,
        shard: ShardId,
        stream: StreamName,
        account: AccountId,
    },
    /// The starting sequence number is of another stream, or of an earlier one of this name.
    #[error(
        "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
         {stream} under account {account} is invalid because it did not come from this stream."
    )]
    StartingNumberForeign {
        number: String,
        shard: ShardId,
        stream: StreamName,
        account: AccountId,
    },
    /// The starting sequence number is of another shard.
    #[error(
        "Invalid StartingSequenceNumber. It encodes shardId-{encoded_index:012}, while it was used \
         in a call to a shard with {shard}"
    )]
    StartingNumberOtherShard { encoded_index: u32, shard: ShardId },
    /// The iterator's type and the starting sequence number do not go together.
    #[error(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
         StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
         Request specified {iterator_type} and {} StartingSequenceNumber.",
        if *.has_number { "also a" } else { "no" }
    )]
    IteratorTypeMismatch {
        iterator_type: IteratorType,
        has_number: bool,
    },
    /// An `AT_TIMESTAMP` iterator needs a time.
    #[error(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
         request has no timestamp parameter."
    )]
    TimestampMissing,
    /// The time of an `AT_TIMESTAMP` iterator has not come yet.
    #[error(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
         timestampInMillis: {timestamp_ms}, currentTimestampInMillis: {now_ms}"
    )]
    TimestampInFuture { timestamp_ms: u64, now_ms: u64 },
    /// The retention is below [`limits::RETENTION_HOURS_MIN`].
    #[error(
        "Minimum allowed retention period is {} hours. Requested retention period ({hours} hours) \
         is too short.",
        limits::RETENTION_HOURS_MIN
    )]
    RetentionTooShort { hours: u32 },
    /// The retention is above [`limits::RETENTION_HOURS_MAX`].
    #[error(
        "Maximum allowed retention period is {} hours. Requested retention period ({hours} hours) \
         is too long.",
        limits::RETENTION_HOURS_MAX
    )]
    RetentionTooLong { hours: u32 },
    /// An increase that would shorten.
    #[error(
        "Requested retention period ({hours} hours) for stream {stream} can not be shorter than \
         existing retention period ({existing} hours). Use DecreaseRetentionPeriod API."
    )]
    RetentionWouldShorten {
        hours: u32,
        stream: StreamName,
        existing: u32,
    },
    /// A decrease that would lengthen.
    #[error(
        "Requested retention period ({hours} hours) for stream {stream} can not be longer than \
         existing retention period ({existing} hours). Use IncreaseRetentionPeriod API."
    )]
    RetentionWouldLengthen {
        hours: u32,
        stream: StreamName,
        existing: u32,
    },
    /// A list needs a stream or the token of a page before.
    #[error("Either NextToken or StreamName should be provided.")]
    ListShardsNeither,
    /// A token already says which stream.
    #[error("NextToken and StreamName cannot be provided together.")]
    ListShardsBoth,
    /// A token already says where to go on and what to list. The text is ours.
    #[error("NextToken and {member} cannot be provided together.")]
    ListShardsTokenWith { member: &'static str },
    /// The filter's type needs another member. The text is ours.
    #[error("{member} must be provided for a ShardFilter of type {filter}.")]
    ShardFilterIncomplete {
        filter: &'static str,
        member: &'static str,
    },
    /// The token was not issued here, or was altered. The text is ours.
    #[error("Invalid NextToken.")]
    InvalidNextToken,
    /// The token is older than [`limits::NEXT_TOKEN_VALID_MS`]. The text is ours.
    #[error(
        "NextToken expired. The token was created at time {} while right now it is {} which is \
         further in the future than the tolerated delay of {} milliseconds.",
        utc_text(*.issued_ms), utc_text(*.now_ms), limits::NEXT_TOKEN_VALID_MS
    )]
    ExpiredNextToken { issued_ms: u64, now_ms: u64 },
    /// The engine failed. Clients are told nothing more than that.
    #[error("the engine failed")]
    Engine(#[from] EngineError),
    /// The metadata store failed.
    #[error("the metadata store failed")]
    Meta(#[from] MetaError),
    /// A stored record is not in a form that this program reads.
    #[error("record {seq} of {shard} in stream {stream} cannot be read")]
    Record {
        stream: StreamName,
        shard: ShardId,
        seq: u64,
        source: PayloadError,
    },
    /// The system gave no random bytes.
    #[error("no randomness")]
    Random(#[source] Arc<io::Error>),
    /// Something that the catalogue's checks rule out has happened.
    #[error("stream {stream}: {what}")]
    Broken {
        stream: StreamName,
        what: &'static str,
    },
}

fn record_member(record: Option<usize>) -> String {
    match record {
        None => "data".to_owned(),
        Some(place) => format!("records.{}.member.data", place.saturating_add(1)),
    }
}

impl StreamsError {
    /// Returns the error's name in the API.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::StreamNotFound { .. }
            | Self::ShardMissing { .. }
            | Self::ShardIdMalformed { .. } => ErrorKind::ResourceNotFound,
            Self::StreamExists { .. } | Self::StreamNotActive { .. } => ErrorKind::ResourceInUse,
            Self::ShardLimit { .. }
            | Self::OnDemandStreamLimit { .. }
            | Self::CreatingStreamsLimit { .. } => ErrorKind::LimitExceeded,
            Self::ShardCountMissing
            | Self::ShardCountUnwanted
            | Self::Constraint { .. }
            | Self::StreamNameMissing
            | Self::RecordTooLarge { .. } => ErrorKind::Validation,
            Self::StreamNameMismatch { .. }
            | Self::RequestTooLarge
            | Self::ExplicitHashKey { .. }
            | Self::OrderingNumber { .. }
            | Self::InvalidIterator
            | Self::StartingNumberInvalid { .. }
            | Self::StartingNumberForeign { .. }
            | Self::StartingNumberOtherShard { .. }
            | Self::IteratorTypeMismatch { .. }
            | Self::TimestampMissing
            | Self::TimestampInFuture { .. }
            | Self::RetentionTooShort { .. }
            | Self::RetentionTooLong { .. }
            | Self::RetentionWouldShorten { .. }
            | Self::RetentionWouldLengthen { .. }
            | Self::ListShardsNeither
            | Self::ListShardsBoth
            | Self::ListShardsTokenWith { .. }
            | Self::ShardFilterIncomplete { .. }
            | Self::InvalidNextToken => ErrorKind::InvalidArgument,
            Self::ExpiredIterator { .. } => ErrorKind::ExpiredIterator,
            Self::ExpiredNextToken { .. } => ErrorKind::ExpiredNextToken,
            Self::Engine(_)
            | Self::Meta(_)
            | Self::Record { .. }
            | Self::Random(_)
            | Self::Broken { .. } => ErrorKind::InternalFailure,
        }
    }

    /// Tells whether the same call may succeed later without anybody's doing.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::LimitExceeded | ErrorKind::ProvisionedThroughputExceeded => true,
            ErrorKind::InternalFailure => match self {
                Self::Engine(error) => error.is_retryable(),
                Self::Random(_) => true,
                _ => false,
            },
            ErrorKind::ResourceInUse => matches!(self, Self::StreamNotActive { .. }),
            ErrorKind::ResourceNotFound
            | ErrorKind::InvalidArgument
            | ErrorKind::ExpiredIterator
            | ErrorKind::ExpiredNextToken
            | ErrorKind::Validation => false,
        }
    }

    /// Tells whether the failed call may have changed something.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Engine(error) => error.outcome(),
            Self::Meta(MetaError::Ambiguous { .. }) => Outcome::Unknown,
            _ => Outcome::NotApplied,
        }
    }
}

/// Why streams could not be opened. Nothing was removed or changed that a later attempt would miss.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The engine could not list or remove logs.
    #[error("the engine failed")]
    Engine(#[from] EngineError),
    /// The data directory could not be opened; `LogError::Locked` says who has it open.
    #[error("the log engine cannot be opened")]
    Log(#[from] mainstem_log::LogError),
    /// The metadata store could not be opened or read.
    #[error("the catalogue cannot be read")]
    Meta(#[from] MetaError),
    /// The catalogue holds something that makes no sense.
    #[error("the catalogue is corrupt: {what}")]
    Corrupt {
        /// Where, and what was found.
        what: String,
    },
    /// The catalogue names a shard that has no log.
    #[error("{shard} of stream {stream} is in the catalogue, but its log {log} does not exist")]
    ShardLogMissing {
        /// The stream.
        stream: StreamName,
        /// The shard.
        shard: ShardId,
        /// The name of the log.
        log: String,
    },
    /// There are logs of streams, but no catalogue that could name them.
    #[error("there is no catalogue, but {logs} logs of streams exist, {example} among them")]
    CatalogueMissing {
        /// How many logs there are.
        logs: usize,
        /// The name of one.
        example: String,
    },
    /// The system gave no random bytes.
    #[error("no randomness")]
    Random(#[source] io::Error),
}
