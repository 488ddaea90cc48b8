"""Streams through boto3: life, listing, paging, retention, by name and by ARN."""

import datetime

import pytest

from conftest import wait_active
from reading import shard_ids
from server import ACCOUNT, REGION

HASH_KEY_MAX = 2**128 - 1


def arn(name):
    return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"


def describe(kinesis, name):
    return kinesis.describe_stream(StreamName=name)["StreamDescription"]


def summary(kinesis, **which):
    return kinesis.describe_stream_summary(**which)["StreamDescriptionSummary"]


def test_a_created_stream_becomes_active(kinesis, absent):
    kinesis.create_stream(StreamName=absent, ShardCount=3)
    assert summary(kinesis, StreamName=absent)["StreamStatus"] in ("CREATING", "ACTIVE")
    wait_active(kinesis, absent)
    stream = describe(kinesis, absent)
    assert stream["StreamName"] == absent
    assert stream["StreamARN"] == arn(absent)
    assert stream["StreamStatus"] == "ACTIVE"
    assert stream["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert stream["RetentionPeriodHours"] == 24
    assert stream["EncryptionType"] == "NONE"
    assert stream["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    age = datetime.datetime.now(datetime.timezone.utc) - stream["StreamCreationTimestamp"]
    assert abs(age) < datetime.timedelta(hours=1)


def test_shards_share_out_the_hash_keys_without_a_gap(kinesis, absent):
    kinesis.create_stream(StreamName=absent, ShardCount=3)
    wait_active(kinesis, absent)
    shards = describe(kinesis, absent)["Shards"]
    assert [shard["ShardId"] for shard in shards] == [f"shardId-{i:012}" for i in range(3)]
    width = 2**128 // 3
    for index, shard in enumerate(shards):
        bounds = shard["HashKeyRange"]
        assert int(bounds["StartingHashKey"]) == index * width
        last = HASH_KEY_MAX if index == 2 else (index + 1) * width - 1
        assert int(bounds["EndingHashKey"]) == last
        numbers = shard["SequenceNumberRange"]
        assert len(numbers["StartingSequenceNumber"]) == 56
        assert "EndingSequenceNumber" not in numbers
        assert "ParentShardId" not in shard


def test_the_starting_sequence_number_names_shard_and_creation(kinesis, stream):
    for index, shard in enumerate(describe(kinesis, stream)["Shards"]):
        number = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
        assert number >> 184 == 2, "leading version"
        assert number & 0xF == 2, "trailing version"
        assert number >> 4 & 0xFFFFFFFF == index, "shard index"
        assert number >> 80 & 0xFFFFFFFFFFFFFFFF == 0, "no record yet"


def test_without_count_and_mode_a_stream_is_on_demand_with_four_shards(kinesis, absent):
    kinesis.create_stream(StreamName=absent)
    wait_active(kinesis, absent)
    assert len(describe(kinesis, absent)["Shards"]) == 4
    found = summary(kinesis, StreamName=absent)
    assert found["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert found["OpenShardCount"] == 4


def test_the_summary_by_name_and_by_arn_is_the_same(kinesis, stream):
    by_name = summary(kinesis, StreamName=stream)
    assert by_name == summary(kinesis, StreamARN=arn(stream))
    assert by_name["StreamName"] == stream
    assert by_name["StreamStatus"] == "ACTIVE"
    assert by_name["OpenShardCount"] == 2
    assert by_name["ConsumerCount"] == 0
    assert by_name["RetentionPeriodHours"] == 24
    assert by_name["MaxRecordSizeInKiB"] == 1024
    assert describe(kinesis, stream) == kinesis.describe_stream(StreamARN=arn(stream))[
        "StreamDescription"
    ]


def test_a_deleted_stream_goes_and_its_name_is_free(kinesis, stream):
    kinesis.delete_stream(StreamName=stream)
    kinesis.get_waiter("stream_not_exists").wait(
        StreamName=stream, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_summary(StreamName=stream)
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    wait_active(kinesis, stream)
    assert len(shard_ids(kinesis, stream)) == 1


def test_a_stream_is_deleted_by_arn(kinesis, stream):
    kinesis.delete_stream(StreamARN=arn(stream))
    kinesis.get_waiter("stream_not_exists").wait(
        StreamARN=arn(stream), WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )


def test_streams_are_listed_in_order_and_page_by_page(server):
    kinesis = server.client()
    names = [f"name-{letter}" for letter in "aceg"]
    for name in reversed(names):
        kinesis.create_stream(StreamName=name, ShardCount=1)
    for name in names:
        wait_active(kinesis, name)
    everything = kinesis.list_streams()
    assert everything["StreamNames"] == names
    assert everything["HasMoreStreams"] is False
    summaries = everything["StreamSummaries"]
    assert [one["StreamName"] for one in summaries] == names
    assert [one["StreamARN"] for one in summaries] == [arn(name) for name in names]
    assert {one["StreamStatus"] for one in summaries} == {"ACTIVE"}

    first = kinesis.list_streams(Limit=3)
    assert first["StreamNames"] == names[:3]
    assert first["HasMoreStreams"] is True
    rest = kinesis.list_streams(NextToken=first["NextToken"])
    assert rest["StreamNames"] == names[3:]
    assert rest["HasMoreStreams"] is False
    # A name to start after need not exist.
    assert kinesis.list_streams(ExclusiveStartStreamName="name-b")["StreamNames"] == names[1:]
    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    assert [name for page in pages for name in page["StreamNames"]] == names


def test_shards_are_listed_page_by_page(kinesis, absent):
    kinesis.create_stream(StreamName=absent, ShardCount=5)
    wait_active(kinesis, absent)
    ids = [f"shardId-{i:012}" for i in range(5)]

    def listed(**arguments):
        answer = kinesis.list_shards(**arguments)
        return [shard["ShardId"] for shard in answer["Shards"]], answer.get("NextToken")

    assert listed(StreamName=absent) == (ids, None)
    assert listed(StreamARN=arn(absent)) == (ids, None)
    page, token = listed(StreamName=absent, MaxResults=2)
    assert page == ids[:2]
    page, token = listed(NextToken=token, MaxResults=2)
    assert page == ids[2:4]
    assert listed(NextToken=token) == (ids[4:], None)
    assert listed(StreamName=absent, ExclusiveStartShardId=ids[2]) == (ids[3:], None)
    for filter_type in ("AT_LATEST", "AT_TRIM_HORIZON", "FROM_TRIM_HORIZON"):
        assert listed(StreamName=absent, ShardFilter={"Type": filter_type}) == (ids, None)
    after = {"Type": "AFTER_SHARD_ID", "ShardId": ids[3]}
    assert listed(StreamName=absent, ShardFilter=after) == (ids[4:], None)


def test_a_description_pages_through_shards(kinesis, absent):
    kinesis.create_stream(StreamName=absent, ShardCount=3)
    wait_active(kinesis, absent)
    first = kinesis.describe_stream(StreamName=absent, Limit=2)["StreamDescription"]
    assert len(first["Shards"]) == 2
    assert first["HasMoreShards"] is True
    rest = kinesis.describe_stream(
        StreamName=absent, ExclusiveStartShardId=first["Shards"][1]["ShardId"]
    )["StreamDescription"]
    assert [shard["ShardId"] for shard in rest["Shards"]] == ["shardId-000000000002"]
    assert rest["HasMoreShards"] is False


def test_retention_goes_up_and_down(kinesis, stream):
    def retention():
        return summary(kinesis, StreamName=stream)["RetentionPeriodHours"]

    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    wait_active(kinesis, stream)
    assert retention() == 48
    # The same again changes nothing and is no error, in either direction.
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    wait_active(kinesis, stream)
    kinesis.decrease_stream_retention_period(StreamARN=arn(stream), RetentionPeriodHours=48)
    wait_active(kinesis, stream)
    assert retention() == 48
    kinesis.increase_stream_retention_period(StreamARN=arn(stream), RetentionPeriodHours=8760)
    wait_active(kinesis, stream)
    assert retention() == 8760
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    wait_active(kinesis, stream)
    assert retention() == 24


def test_limits_count_open_shards(server):
    kinesis = server.client()
    before = kinesis.describe_limits()
    kinesis.create_stream(StreamName="provisioned", ShardCount=3)
    kinesis.create_stream(StreamName="on-demand")
    for name in ("provisioned", "on-demand"):
        wait_active(kinesis, name)
    after = kinesis.describe_limits()
    assert after["OpenShardCount"] == before["OpenShardCount"] + 3
    assert after["OnDemandStreamCount"] == before["OnDemandStreamCount"] + 1
    assert after["ShardLimit"] >= 1
    assert after["OnDemandStreamCountLimit"] >= 1


def test_streams_survive_a_kill(server):
    kinesis = server.client()
    kinesis.create_stream(StreamName="kept", ShardCount=2)
    wait_active(kinesis, "kept")
    kinesis.increase_stream_retention_period(StreamName="kept", RetentionPeriodHours=72)
    wait_active(kinesis, "kept")
    before = describe(kinesis, "kept")
    server.kill()
    server.start()
    assert describe(kinesis, "kept") == before
    assert before["RetentionPeriodHours"] == 72
