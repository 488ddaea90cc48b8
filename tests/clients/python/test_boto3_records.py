"""Records through boto3: routing, order, every kind of iterator, a kill in between."""

import datetime
import hashlib
import math
import time

from conftest import wait_active
from reading import iterator, read_shard, read_to_tip, shard_ids
from server import ACCOUNT, REGION

FIRST_SHARD = "shardId-000000000000"
SECOND_SHARD = "shardId-000000000001"
# In a stream of two shards these keys go to the first and to the second.
FIRST_KEY = "0"
SECOND_KEY = str(2**127)


def put(kinesis, stream, data, key=FIRST_KEY):
    return kinesis.put_record(
        StreamName=stream, Data=data, PartitionKey="key", ExplicitHashKey=key
    )


def put_numbers(kinesis, stream, count):
    """Puts `count` records with the data 0, 1, 2 … into the first shard, one by one."""
    return [put(kinesis, stream, str(i).encode())["SequenceNumber"] for i in range(count)]


def data_of(records):
    return [record["Data"] for record in records]


def test_what_was_put_is_read_back(kinesis, stream):
    before = datetime.datetime.now(datetime.timezone.utc)
    answer = kinesis.put_record(StreamName=stream, Data=b"\x00\xff data", PartitionKey="user1")
    assert answer["ShardId"] == FIRST_SHARD
    assert "EncryptionType" not in answer
    [record] = read_shard(kinesis, stream, FIRST_SHARD)
    assert record["Data"] == b"\x00\xff data"
    assert record["PartitionKey"] == "user1"
    assert record["SequenceNumber"] == answer["SequenceNumber"]
    assert "EncryptionType" not in record
    # The server may have started the second in which the clock was read.
    assert record["ApproximateArrivalTimestamp"] >= before.replace(microsecond=0)
    assert read_shard(kinesis, stream, SECOND_SHARD) == []


def test_empty_data_and_any_unicode_key_are_fine(kinesis, stream):
    keys = ["a", "ключ", "鍵" * 256, "\U0001f511", 'quote " and \\']
    for key in keys:
        kinesis.put_record(StreamName=stream, Data=b"", PartitionKey=key)
    found = [
        record for shard in shard_ids(kinesis, stream) for record in read_shard(kinesis, stream, shard)
    ]
    assert sorted(record["PartitionKey"] for record in found) == sorted(keys)
    assert {record["Data"] for record in found} == {b""}


def test_the_md5_of_the_key_says_which_shard(kinesis, absent):
    kinesis.create_stream(StreamName=absent, ShardCount=7)
    wait_active(kinesis, absent)
    width = 2**128 // 7
    records = [{"Data": b"x", "PartitionKey": f"key {i}"} for i in range(200)]
    answer = kinesis.put_records(StreamName=absent, Records=records)
    assert answer["FailedRecordCount"] == 0
    for record, result in zip(records, answer["Records"], strict=True):
        key = int.from_bytes(hashlib.md5(record["PartitionKey"].encode()).digest(), "big")
        assert result["ShardId"] == f"shardId-{min(key // width, 6):012}"


def test_an_explicit_hash_key_overrides_the_partition_key(kinesis, stream):
    cases = [
        ("0", FIRST_SHARD),
        (str(2**127 - 1), FIRST_SHARD),
        (str(2**127), SECOND_SHARD),
        (str(2**128 - 1), SECOND_SHARD),
    ]
    for key, shard in cases:
        assert put(kinesis, stream, b"x", key)["ShardId"] == shard


def test_put_records_answers_in_the_order_of_the_request(kinesis, stream):
    records = [
        {
            "Data": f"{i}".encode(),
            "PartitionKey": f"k{i}",
            "ExplicitHashKey": (FIRST_KEY, SECOND_KEY)[i % 2],
        }
        for i in range(500)
    ]
    answer = kinesis.put_records(StreamName=stream, Records=records)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 500
    for shard in (FIRST_SHARD, SECOND_SHARD):
        wanted = [
            (result["SequenceNumber"], record["Data"], record["PartitionKey"])
            for record, result in zip(records, answer["Records"], strict=True)
            if result["ShardId"] == shard
        ]
        found = [
            (record["SequenceNumber"], record["Data"], record["PartitionKey"])
            for record in read_shard(kinesis, stream, shard)
        ]
        assert found == wanted
        numbers = [int(number) for number, _, _ in found]
        assert numbers == sorted(set(numbers))


def test_everything_works_by_arn(kinesis, stream):
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"
    put_one = kinesis.put_record(
        StreamARN=arn, Data=b"one", PartitionKey="k", ExplicitHashKey=FIRST_KEY
    )
    entry = {"Data": b"two", "PartitionKey": "k", "ExplicitHashKey": FIRST_KEY}
    assert kinesis.put_records(StreamARN=arn, Records=[entry])["FailedRecordCount"] == 0
    position = kinesis.get_shard_iterator(
        StreamARN=arn,
        ShardId=FIRST_SHARD,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=put_one["SequenceNumber"],
    )["ShardIterator"]
    answer = kinesis.get_records(ShardIterator=position, StreamARN=arn)
    assert data_of(answer["Records"]) == [b"one", b"two"]


def test_sequence_numbers_have_56_digits_and_rise(kinesis, stream):
    numbers = put_numbers(kinesis, stream, 20)
    assert {len(number) for number in numbers} == {56}
    assert [int(number) for number in numbers] == sorted({int(number) for number in numbers})
    for index, number in enumerate(map(int, numbers)):
        assert number >> 80 & 0xFFFFFFFFFFFFFFFF == index + 1
        assert number >> 4 & 0xFFFFFFFF == 0


def test_a_number_for_ordering_is_accepted(kinesis, stream):
    first = put(kinesis, stream, b"first")["SequenceNumber"]
    second = kinesis.put_record(
        StreamName=stream,
        Data=b"second",
        PartitionKey="key",
        ExplicitHashKey=FIRST_KEY,
        SequenceNumberForOrdering=first,
    )["SequenceNumber"]
    assert int(second) > int(first)


def test_iterators_by_sequence_number(kinesis, stream):
    numbers = put_numbers(kinesis, stream, 5)

    def read(kind, number):
        records = read_shard(kinesis, stream, FIRST_SHARD, kind, StartingSequenceNumber=number)
        return data_of(records)

    assert read("AT_SEQUENCE_NUMBER", numbers[2]) == [b"2", b"3", b"4"]
    assert read("AFTER_SEQUENCE_NUMBER", numbers[2]) == [b"3", b"4"]
    assert read("AFTER_SEQUENCE_NUMBER", numbers[4]) == []
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]
    start = shard["SequenceNumberRange"]["StartingSequenceNumber"]
    everything = [b"0", b"1", b"2", b"3", b"4"]
    assert read("AT_SEQUENCE_NUMBER", start) == everything
    assert read("AFTER_SEQUENCE_NUMBER", start) == everything


def test_trim_horizon_starts_at_the_oldest_record(kinesis, stream):
    put_numbers(kinesis, stream, 3)
    assert data_of(read_shard(kinesis, stream, FIRST_SHARD)) == [b"0", b"1", b"2"]


def test_latest_sees_only_what_comes_later(kinesis, stream):
    put(kinesis, stream, b"before")
    position = iterator(kinesis, stream, FIRST_SHARD, "LATEST")
    answer = kinesis.get_records(ShardIterator=position)
    assert answer["Records"] == []
    assert answer["MillisBehindLatest"] == 0
    put(kinesis, stream, b"after")
    assert data_of(read_to_tip(kinesis, position)) == [b"after"]
    assert data_of(read_to_tip(kinesis, answer["NextShardIterator"])) == [b"after"]


def test_a_timestamp_starts_at_the_first_record_not_older(kinesis, stream):
    put(kinesis, stream, b"old")
    [old] = read_shard(kinesis, stream, FIRST_SHARD)
    # The next record belongs to a later second, whatever precision the client sends.
    later = math.floor(old["ApproximateArrivalTimestamp"].timestamp()) + 1
    while time.time() <= later:
        time.sleep(0.01)
    put(kinesis, stream, b"new")

    def read(timestamp):
        records = read_shard(kinesis, stream, FIRST_SHARD, "AT_TIMESTAMP", Timestamp=timestamp)
        return data_of(records)

    assert read(later) == [b"new"]
    assert read(later - 1) == [b"old", b"new"]
    long_ago = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    assert read(long_ago) == [b"old", b"new"]


def test_a_timestamp_after_the_last_record_waits_for_the_next(kinesis, stream):
    put(kinesis, stream, b"old")
    [old] = read_shard(kinesis, stream, FIRST_SHARD)
    later = math.floor(old["ApproximateArrivalTimestamp"].timestamp()) + 1
    while time.time() <= later:
        time.sleep(0.01)
    position = iterator(kinesis, stream, FIRST_SHARD, "AT_TIMESTAMP", Timestamp=later)
    answer = kinesis.get_records(ShardIterator=position)
    assert answer["Records"] == []
    put(kinesis, stream, b"new")
    assert data_of(read_to_tip(kinesis, answer["NextShardIterator"])) == [b"new"]


def test_records_come_page_by_page(kinesis, stream):
    put_numbers(kinesis, stream, 5)
    position = iterator(kinesis, stream, FIRST_SHARD)
    first = kinesis.get_records(ShardIterator=position, Limit=2)
    assert data_of(first["Records"]) == [b"0", b"1"]
    second = kinesis.get_records(ShardIterator=first["NextShardIterator"], Limit=2)
    assert data_of(second["Records"]) == [b"2", b"3"]
    # An iterator is a position: it can be used again and gives the same.
    again = kinesis.get_records(ShardIterator=first["NextShardIterator"], Limit=2)
    assert again["Records"] == second["Records"]
    last = kinesis.get_records(ShardIterator=second["NextShardIterator"])
    assert data_of(last["Records"]) == [b"4"]
    assert last["MillisBehindLatest"] == 0


def test_two_iterators_are_never_the_same_and_fit_the_limit(kinesis, stream):
    iterators = {iterator(kinesis, stream, FIRST_SHARD) for _ in range(3)}
    assert len(iterators) == 3
    assert all(1 <= len(one) <= 512 for one in iterators)


def test_shard_ids_are_read_leniently(kinesis, stream):
    put(kinesis, stream, b"x")
    for shard in ("0", "shard-0", FIRST_SHARD):
        assert data_of(read_shard(kinesis, stream, shard)) == [b"x"]


def test_a_record_of_the_largest_size_passes_unchanged(kinesis, stream):
    key = "key"
    data = bytes(range(256)) * 4096
    data = data[: 1024 * 1024 - len(key)]
    put(kinesis, stream, data)
    [record] = read_shard(kinesis, stream, FIRST_SHARD)
    assert record["Data"] == data


def test_records_and_iterators_survive_a_kill(server):
    kinesis = server.client()
    kinesis.create_stream(StreamName="kept", ShardCount=2)
    wait_active(kinesis, "kept")
    before = put_numbers(kinesis, "kept", 3)
    horizon = iterator(kinesis, "kept", FIRST_SHARD)
    latest = iterator(kinesis, "kept", FIRST_SHARD, "LATEST")
    server.kill()
    server.start()
    assert data_of(read_to_tip(kinesis, horizon)) == [b"0", b"1", b"2"]
    after = put(kinesis, "kept", b"3")["SequenceNumber"]
    assert int(after) > int(before[-1])
    assert data_of(read_to_tip(kinesis, latest)) == [b"3"]
    found = [record["SequenceNumber"] for record in read_shard(kinesis, "kept", FIRST_SHARD)]
    assert found == [*before, after]
