"""Errors through boto3: their names and the texts that people search for."""

import re
import time

import pytest
from botocore.exceptions import ClientError

from conftest import wait_active
from reading import iterator
from server import ACCOUNT, REGION

FIRST_SHARD = "shardId-000000000000"
NOT_FOUND = "ResourceNotFoundException"
INVALID = "InvalidArgumentException"
VALIDATION = "ValidationException"


def refused(call, code, message, **arguments):
    """Calls and expects exactly this error."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["Error"]["Message"] == message
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert response["ResponseMetadata"]["RequestId"]


def invalid(value, path, constraint):
    shown = "null" if value is None else f"'{value}'"
    return (
        f"1 validation error detected: Value {shown} at '{path}' failed to satisfy constraint: "
        f"{constraint}"
    )


def no_stream(name):
    return f"Stream {name} under account {ACCOUNT} not found."


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("describe_stream", {}),
        ("describe_stream_summary", {}),
        ("delete_stream", {}),
        ("list_shards", {}),
        ("put_record", {"Data": b"x", "PartitionKey": "k"}),
        ("put_records", {"Records": [{"Data": b"x", "PartitionKey": "k"}]}),
        ("increase_stream_retention_period", {"RetentionPeriodHours": 48}),
        ("decrease_stream_retention_period", {"RetentionPeriodHours": 48}),
    ],
)
def test_a_stream_that_is_not_there(kinesis, absent, operation, arguments):
    call = getattr(kinesis, operation)
    refused(call, NOT_FOUND, no_stream(absent), StreamName=absent, **arguments)
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{absent}"
    refused(call, NOT_FOUND, no_stream(absent), StreamARN=arn, **arguments)


def test_an_iterator_of_a_stream_that_is_not_there_blames_the_shard(kinesis, absent):
    message = f"Shard {FIRST_SHARD} in stream {absent} under account {ACCOUNT} does not exist"
    refused(
        kinesis.get_shard_iterator,
        NOT_FOUND,
        message,
        StreamName=absent,
        ShardId=FIRST_SHARD,
        ShardIteratorType="LATEST",
    )


def test_a_name_that_is_taken(kinesis, stream):
    message = f"Stream {stream} under account {ACCOUNT} already exists."
    refused(
        kinesis.create_stream, "ResourceInUseException", message, StreamName=stream, ShardCount=1
    )


def test_a_shard_that_is_not_there(kinesis, stream):
    shard = "shardId-000000000009"
    message = f"Shard {shard} in stream {stream} under account {ACCOUNT} does not exist"
    refused(
        kinesis.get_shard_iterator,
        NOT_FOUND,
        message,
        StreamName=stream,
        ShardId=shard,
        ShardIteratorType="LATEST",
    )


def test_a_shard_id_that_is_none(kinesis, stream):
    message = f"Could not find shard shardId-x in stream {stream} under account {ACCOUNT}."
    refused(
        kinesis.get_shard_iterator,
        NOT_FOUND,
        message,
        StreamName=stream,
        ShardId="shardId-x",
        ShardIteratorType="LATEST",
    )


def test_constraints_of_single_members(unchecked, stream):
    pattern = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    refused(
        unchecked.create_stream,
        VALIDATION,
        invalid("bad name!", "streamName", pattern),
        StreamName="bad name!",
        ShardCount=1,
    )
    longest = "Member must have length less than or equal to"
    name = "n" * 129
    refused(
        unchecked.create_stream,
        VALIDATION,
        invalid(name, "streamName", f"{longest} 128"),
        StreamName=name,
        ShardCount=1,
    )
    refused(
        unchecked.create_stream,
        VALIDATION,
        invalid(0, "shardCount", "Member must have value greater than or equal to 1"),
        StreamName="zero",
        ShardCount=0,
    )
    key = "k" * 257
    refused(
        unchecked.put_record,
        VALIDATION,
        invalid(key, "partitionKey", f"{longest} 256"),
        StreamName=stream,
        Data=b"x",
        PartitionKey=key,
    )
    refused(
        unchecked.put_records,
        VALIDATION,
        invalid(key, "records.2.member.partitionKey", f"{longest} 256"),
        StreamName=stream,
        Records=[{"Data": b"x", "PartitionKey": "k"}, {"Data": b"x", "PartitionKey": key}],
    )
    hash_key = "Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})"
    refused(
        unchecked.put_record,
        VALIDATION,
        invalid("007", "explicitHashKey", hash_key),
        StreamName=stream,
        Data=b"x",
        PartitionKey="k",
        ExplicitHashKey="007",
    )
    kinds = (
        "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
        "AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
    )
    refused(
        unchecked.get_shard_iterator,
        VALIDATION,
        invalid("OLDEST", "shardIteratorType", kinds),
        StreamName=stream,
        ShardId=FIRST_SHARD,
        ShardIteratorType="OLDEST",
    )
    refused(
        unchecked.get_records,
        VALIDATION,
        invalid(10001, "limit", "Member must have value less than or equal to 10000"),
        ShardIterator=iterator(unchecked, stream, FIRST_SHARD),
        Limit=10001,
    )


def test_members_that_are_missing(unchecked, stream):
    missing = "Member must not be null"
    refused(
        unchecked.put_record,
        VALIDATION,
        invalid(None, "data", missing),
        StreamName=stream,
        PartitionKey="k",
    )
    refused(
        unchecked.get_records, VALIDATION, invalid(None, "shardIterator", missing)
    )
    refused(
        unchecked.describe_stream, VALIDATION, invalid(None, "streamName", missing)
    )


def test_two_errors_are_told_together(unchecked, stream):
    with pytest.raises(ClientError) as caught:
        unchecked.get_shard_iterator(StreamName=stream)
    message = caught.value.response["Error"]["Message"]
    assert caught.value.response["Error"]["Code"] == VALIDATION
    assert message.startswith("2 validation errors detected: ")
    assert "Value null at 'shardId' failed to satisfy constraint" in message
    assert "; Value null at 'shardIteratorType' failed to satisfy constraint" in message


def test_values_of_the_wrong_type(unchecked):
    message = (
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an "
        "String"
    )
    refused(unchecked.describe_stream, "SerializationException", message, StreamName=5)
    refused(
        unchecked.create_stream,
        "SerializationException",
        "class java.lang.String can not be converted to an Integer",
        StreamName="typed",
        ShardCount="two",
    )


def test_records_that_are_too_large(kinesis, stream):
    message = (
        "1 validation error detected: Value at 'records.1.member.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 1048576."
    )
    entry = {"Data": bytes(1024 * 1024 + 1), "PartitionKey": "k"}
    refused(kinesis.put_records, VALIDATION, message, StreamName=stream, Records=[entry])


def test_a_hash_key_out_of_range(kinesis, stream):
    key = str(2**128)
    message = (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        f"Specified value was {key}"
    )
    refused(
        kinesis.put_record,
        INVALID,
        message,
        StreamName=stream,
        Data=b"x",
        PartitionKey="k",
        ExplicitHashKey=key,
    )


def test_an_iterator_that_is_none(kinesis):
    refused(kinesis.get_records, INVALID, "Invalid ShardIterator.", ShardIterator="AAAA")


def test_an_iterator_that_was_changed(kinesis, stream):
    position = iterator(kinesis, stream, FIRST_SHARD)
    middle = len(position) // 2
    other = "A" if position[middle] != "A" else "B"
    changed = position[:middle] + other + position[middle + 1 :]
    refused(kinesis.get_records, INVALID, "Invalid ShardIterator.", ShardIterator=changed)


def test_an_iterator_of_a_stream_that_went(kinesis, stream):
    position = iterator(kinesis, stream, FIRST_SHARD)
    kinesis.delete_stream(StreamName=stream)
    kinesis.get_waiter("stream_not_exists").wait(
        StreamName=stream, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    wait_active(kinesis, stream)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.get_records(ShardIterator=position)


def test_starting_numbers(kinesis, stream):
    put = kinesis.put_record(
        StreamName=stream, Data=b"x", PartitionKey="k", ExplicitHashKey=str(2**127)
    )
    where = {"StreamName": stream, "ShardId": FIRST_SHARD}
    refused(
        kinesis.get_shard_iterator,
        INVALID,
        f"StartingSequenceNumber 5 used in GetShardIterator on shard {FIRST_SHARD} in stream "
        f"{stream} under account {ACCOUNT} is invalid.",
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber="5",
        **where,
    )
    refused(
        kinesis.get_shard_iterator,
        INVALID,
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a "
        f"call to a shard with {FIRST_SHARD}",
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
        **where,
    )


def test_iterator_types_and_what_they_need(kinesis, stream):
    where = {"StreamName": stream, "ShardId": FIRST_SHARD}
    either = (
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
        "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
        "Request specified {} and {} StartingSequenceNumber."
    )
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    number = shard["SequenceNumberRange"]["StartingSequenceNumber"]
    refused(
        kinesis.get_shard_iterator,
        INVALID,
        either.format("AT_SEQUENCE_NUMBER", "no"),
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        **where,
    )
    refused(
        kinesis.get_shard_iterator,
        INVALID,
        either.format("LATEST", "also a"),
        ShardIteratorType="LATEST",
        StartingSequenceNumber=number,
        **where,
    )
    refused(
        kinesis.get_shard_iterator,
        INVALID,
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current "
        "request has no timestamp parameter.",
        ShardIteratorType="AT_TIMESTAMP",
        **where,
    )


def test_a_timestamp_in_the_future(kinesis, stream):
    future = int(time.time()) + 3600
    with pytest.raises(ClientError) as caught:
        kinesis.get_shard_iterator(
            StreamName=stream,
            ShardId=FIRST_SHARD,
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=future,
        )
    error = caught.value.response["Error"]
    assert error["Code"] == INVALID
    assert re.fullmatch(
        r"The timestampInMillis parameter cannot be greater than the currentTimestampInMillis\. "
        rf"timestampInMillis: {future}000, currentTimestampInMillis: \d{{13}}",
        error["Message"],
    )


def test_retention_out_of_bounds(kinesis, stream):
    increase = kinesis.increase_stream_retention_period
    decrease = kinesis.decrease_stream_retention_period
    refused(
        decrease,
        INVALID,
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is "
        "too short.",
        StreamName=stream,
        RetentionPeriodHours=23,
    )
    refused(
        increase,
        INVALID,
        "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) "
        "is too long.",
        StreamName=stream,
        RetentionPeriodHours=8761,
    )


def test_retention_in_the_wrong_direction(kinesis, stream):
    increase = kinesis.increase_stream_retention_period
    decrease = kinesis.decrease_stream_retention_period
    increase(StreamName=stream, RetentionPeriodHours=72)
    wait_active(kinesis, stream)
    refused(
        increase,
        INVALID,
        f"Requested retention period (48 hours) for stream {stream} can not be shorter than "
        "existing retention period (72 hours). Use DecreaseRetentionPeriod API.",
        StreamName=stream,
        RetentionPeriodHours=48,
    )
    refused(
        decrease,
        INVALID,
        f"Requested retention period (96 hours) for stream {stream} can not be longer than "
        "existing retention period (72 hours). Use IncreaseRetentionPeriod API.",
        StreamName=stream,
        RetentionPeriodHours=96,
    )


def test_list_shards_takes_a_stream_or_a_token(kinesis, absent):
    refused(kinesis.list_shards, INVALID, "Either NextToken or StreamName should be provided.")
    kinesis.create_stream(StreamName=absent, ShardCount=2)
    wait_active(kinesis, absent)
    token = kinesis.list_shards(StreamName=absent, MaxResults=1)["NextToken"]
    refused(
        kinesis.list_shards,
        INVALID,
        "NextToken and StreamName cannot be provided together.",
        StreamName=absent,
        NextToken=token,
    )


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("add_tags_to_stream", {"StreamName": "s", "Tags": {"a": "b"}}),
        (
            "split_shard",
            {"StreamName": "s", "ShardToSplit": FIRST_SHARD, "NewStartingHashKey": "10"},
        ),
        (
            "register_stream_consumer",
            {
                "StreamARN": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s",
                "ConsumerName": "reader",
            },
        ),
        ("list_queues", {}),
    ],
)
def test_an_operation_that_is_not_there_yet_says_so(kinesis, operation, arguments):
    with pytest.raises(ClientError) as caught:
        getattr(kinesis, operation)(**arguments)
    assert "not supported" in caught.value.response["Error"]["Message"]
