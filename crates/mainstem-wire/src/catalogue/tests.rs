//! The catalogue word for word, with the names and statuses of the errors.

use super::*;

fn stream() -> StreamName {
    StreamName::new("S").unwrap()
}

fn shard(index: u32) -> ShardId {
    ShardId::new(index).unwrap()
}

const A: AccountId = AccountId::DEFAULT;

#[test]
#[expect(clippy::too_many_lines, reason = "the catalogue is one table")]
fn recorded_texts() {
    let h = shard(1);
    let s = &stream();
    let not_found = "ResourceNotFoundException";
    let in_use = "ResourceInUseException";
    let argument = "InvalidArgumentException";
    let limit = "LimitExceededException";
    let validation = "ValidationException";
    let cases = [
        (
            ApiError::stream_not_found("S", A),
            not_found,
            "Stream S under account 000000000000 not found.",
        ),
        (
            ApiError::shard_not_found(h, s, A),
            not_found,
            "Shard shardId-000000000001 in stream S under account 000000000000 does not exist",
        ),
        (
            ApiError::shard_id_malformed("x", "S", A),
            not_found,
            "Could not find shard x in stream S under account 000000000000.",
        ),
        (
            ApiError::stream_exists(s, A),
            in_use,
            "Stream S under account 000000000000 already exists.",
        ),
        (
            ApiError::stream_not_active(s, A, "CREATING"),
            in_use,
            "Stream S under account 000000000000 not ACTIVE, instead in state CREATING",
        ),
        (
            ApiError::shard_limit(A, &Region::default(), 7, 10, 4),
            limit,
            "This request would exceed the shard limit for the account 000000000000 in us-east-1. \
             Current shard count for the account: 7. Limit: 10. Number of additional shards that \
             would have resulted from this request: 4. Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current \
             limits and how to request higher limits.",
        ),
        (
            ApiError::stream_rate(s, A),
            limit,
            "Rate exceeded for stream S under account 000000000000.",
        ),
        (
            ApiError::shard_throttled(h, s, A),
            "ProvisionedThroughputExceededException",
            "Rate exceeded for shard shardId-000000000001 in stream S under account 000000000000.",
        ),
        (
            ApiError::split_key("5", h, s, A, (HashKey(4), HashKey(9))),
            argument,
            "NewStartingHashKey 5 used in SplitShard() on shard shardId-000000000001 in stream S \
             under account 000000000000 is not both greater than one plus the shard's \
             StartingHashKey 4 and less than the shard's EndingHashKey 9.",
        ),
        (
            ApiError::not_adjacent((h, shard(2)), s, A),
            argument,
            "Shards shardId-000000000001 and shardId-000000000002 in stream S under account \
             000000000000 are not an adjacent pair of shards eligible for merging",
        ),
        (
            ApiError::shard_closed(h, s, A),
            argument,
            "Shard shardId-000000000001 in stream S under account 000000000000 has already been \
             merged or split, and thus is not eligible for merging or splitting.",
        ),
        (
            ApiError::explicit_hash_key("7"),
            argument,
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was 7",
        ),
        (
            ApiError::ordering_number("7", s, A),
            argument,
            "ExclusiveMinimumSequenceNumber 7 used in PutRecord on stream S under account \
             000000000000 is invalid.",
        ),
        (
            ApiError::iterator_invalid(),
            argument,
            "Invalid ShardIterator.",
        ),
        (
            ApiError::iterator_expired(1_421_889_722_000, 1_421_890_023_000),
            "ExpiredIteratorException",
            "Iterator expired. The iterator was created at time Thu Jan 22 01:22:02 UTC 2015 while \
             right now it is Thu Jan 22 01:27:03 UTC 2015 which is further in the future than the \
             tolerated delay of 300000 milliseconds.",
        ),
        (
            ApiError::starting_number("7", h, s, A),
            argument,
            "StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000001 in \
             stream S under account 000000000000 is invalid.",
        ),
        (
            ApiError::starting_number_of_other_stream("7", h, s, A),
            argument,
            "StartingSequenceNumber 7 used in GetShardIterator on shard shardId-000000000001 in \
             stream S under account 000000000000 is invalid because it did not come from this \
             stream.",
        ),
        (
            ApiError::starting_number_of_other_shard(shard(2), h),
            argument,
            "Invalid StartingSequenceNumber. It encodes shardId-000000000002, while it was used in \
             a call to a shard with shardId-000000000001",
        ),
        (
            ApiError::iterator_type_and_number("LATEST", true),
            argument,
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified LATEST and also a StartingSequenceNumber.",
        ),
        (
            ApiError::iterator_type_and_number("AT_SEQUENCE_NUMBER", false),
            argument,
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            ApiError::timestamp_missing(),
            argument,
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current \
             request has no timestamp parameter.",
        ),
        (
            ApiError::timestamp_in_future(20, 10),
            argument,
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
             timestampInMillis: 20, currentTimestampInMillis: 10",
        ),
        (
            ApiError::retention_too_short(23),
            argument,
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) \
             is too short.",
        ),
        (
            ApiError::retention_too_long(8761),
            argument,
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 \
             hours) is too long.",
        ),
        (
            ApiError::retention_not_an_increase(s, 24, 25),
            argument,
            "Requested retention period (24 hours) for stream S can not be shorter than existing \
             retention period (25 hours). Use DecreaseRetentionPeriod API.",
        ),
        (
            ApiError::retention_not_a_decrease(s, 25, 24),
            argument,
            "Requested retention period (25 hours) for stream S can not be longer than existing \
             retention period (24 hours). Use IncreaseRetentionPeriod API.",
        ),
        (
            ApiError::list_shards_needs_a_stream(),
            argument,
            "Either NextToken or StreamName should be provided.",
        ),
        (
            ApiError::list_shards_takes_one(),
            argument,
            "NextToken and StreamName cannot be provided together.",
        ),
        (
            ApiError::on_demand_mode(s, A),
            validation,
            "Request is invalid. Stream S under account 000000000000 is in On-Demand mode.",
        ),
        (
            ApiError::record_too_large("records.1.member.data", 1_048_576),
            validation,
            "1 validation error detected: Value at 'records.1.member.data' failed to satisfy \
             constraint: Member must have length less than or equal to 1048576.",
        ),
        (
            ApiError::no_stream_given(),
            validation,
            "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: \
             Member must not be null",
        ),
        (
            ApiError::not_supported_yet(Operation::SplitShard),
            "UnsupportedOperationException",
            "Operation SplitShard is known but not supported yet by this version of Mainstem.",
        ),
    ];
    for (error, name, message) in cases {
        assert_eq!((error.name(), error.message()), (name, Some(message)));
        assert_eq!((error.status(), error.key), (400, MessageKey::Lower));
    }
}

#[test]
fn what_is_not_the_clients_fault() {
    assert_eq!(ApiError::internal_failure().status(), 500);
    assert_eq!(ApiError::service_unavailable().status(), 503);
}

#[test]
fn dates_beyond_the_calendar_are_held() {
    assert!(
        ApiError::iterator_expired(0, u64::MAX)
            .message()
            .unwrap()
            .contains("UTC 9999")
    );
}
