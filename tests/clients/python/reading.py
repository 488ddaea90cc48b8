"""Reads shards through the client."""


def iterator(kinesis, stream, shard, kind="TRIM_HORIZON", **more):
    """A shard iterator."""
    answer = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more
    )
    return answer["ShardIterator"]


def read_to_tip(kinesis, position, **more):
    """Yields the records from an iterator on, until nothing newer is stored."""
    while True:
        answer = kinesis.get_records(ShardIterator=position, **more)
        yield from answer["Records"]
        position = answer.get("NextShardIterator")
        if position is None or (not answer["Records"] and answer["MillisBehindLatest"] == 0):
            return


def read_shard(kinesis, stream, shard, kind="TRIM_HORIZON", **more):
    """The records of a shard from a starting point to the tip."""
    return list(read_to_tip(kinesis, iterator(kinesis, stream, shard, kind, **more)))


def shard_ids(kinesis, stream):
    """The ids of all shards of a stream."""
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
    return [shard["ShardId"] for page in pages for shard in page["Shards"]]
