//! Every limit of Kinesis that more than one layer needs, once.
//!
//! # Source
//! Unless a constant says otherwise: the Kinesis service model (shapes and their documentation)
//! and the quotas page of the Kinesis Data Streams developer guide, as of November 2026.

/// Most characters of a stream name.
pub const STREAM_NAME_CHARS_MAX: usize = 128;

/// Most bytes of a stream's ARN.
pub const STREAM_ARN_BYTES_MAX: usize = 2048;

/// Most characters of a partition key. Its bytes in UTF-8 count toward the record's size.
pub const PARTITION_KEY_CHARS_MAX: usize = 256;

/// Bytes of data and partition key that one record may have unless its stream says otherwise.
pub const RECORD_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// Highest value to which a stream can raise the size of its records, in bytes.
pub const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Most records of one `PutRecords` request.
pub const PUT_RECORDS_RECORDS_MAX: usize = 500;

/// Most bytes of all data and partition keys of one `PutRecords` request.
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Most records of one `GetRecords` answer, and the default of its `Limit`.
pub const GET_RECORDS_RECORDS_MAX: usize = 10_000;

/// Most bytes of data and partition keys in one `GetRecords` answer that has more than one record.
pub const GET_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Shortest retention, in hours; also the retention of a new stream.
pub const RETENTION_HOURS_MIN: u32 = 24;

/// Longest retention, in hours: 365 days.
pub const RETENTION_HOURS_MAX: u32 = 8760;

/// How long a shard iterator is valid after it was issued, in milliseconds.
pub const ITERATOR_VALID_MS: u64 = 300_000;

/// How long the token of a paged list is valid after it was issued, in milliseconds.
pub const NEXT_TOKEN_VALID_MS: u64 = 300_000;

/// Most characters of a shard iterator.
pub const ITERATOR_CHARS_MAX: usize = 512;

/// Shards of a new on-demand stream.
pub const ON_DEMAND_SHARDS_DEFAULT: u32 = 4;

/// On-demand streams an account may have.
pub const ON_DEMAND_STREAMS_MAX: u32 = 50;

/// Provisioned shards an account may have.
///
/// # Source
/// The quota of the three largest regions; elsewhere it is 1,000 or 6,000.
pub const SHARDS_MAX: u32 = 20_000;

/// Streams of an account that may be in the state `CREATING` at once.
pub const STREAMS_CREATING_MAX: usize = 5;

/// Most shards of one `DescribeStream` answer, and the default of its `Limit`.
pub const DESCRIBE_STREAM_SHARDS_MAX: usize = 100;

/// Most shards of one `ListShards` answer, and the default of its `MaxResults`.
pub const LIST_SHARDS_SHARDS_MAX: usize = 1000;

/// Most names of one `ListStreams` answer, and the default of its `Limit`.
pub const LIST_STREAMS_STREAMS_MAX: usize = 100;

/// Bytes of data and partition keys that a shard takes per second.
pub const SHARD_WRITE_BYTES_PER_S: u64 = 1024 * 1024;

/// Records that a shard takes per second.
pub const SHARD_WRITE_RECORDS_PER_S: u64 = 1000;

/// Bytes that a shard gives to all callers of `GetRecords` together, per second.
pub const SHARD_READ_BYTES_PER_S: u64 = 2 * 1024 * 1024;

/// Calls of `GetRecords` that a shard answers per second.
pub const SHARD_GET_RECORDS_PER_S: u64 = 5;
