"""A person with the AWS CLI: creates a stream, writes, kills the server, reads it back."""

import base64
import json
import os
import re
import shlex
import subprocess

import pytest

from server import ACCOUNT, REGION, Server, binary

FIRST_SHARD = "shardId-000000000000"


class Shell:
    """Runs command lines of the AWS CLI against a server."""

    def __init__(self, server, home):
        self.server = server
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_DEFAULT_OUTPUT": "json",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def run(self, line):
        """Runs one line as written, with the endpoint added; returns what it answers."""
        program, *arguments = shlex.split(line)
        assert program == "aws"
        done = subprocess.run(
            [os.environ["MAINSTEM_AWS_CLI"], "--endpoint-url", self.server.url, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}\n{self.server.text()}"
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture
def shell(server, tmp_path):
    return Shell(server, tmp_path)


def read_first_shard(shell):
    answer = shell.run(
        "aws kinesis get-shard-iterator --stream-name test"
        f" --shard-id {FIRST_SHARD} --shard-iterator-type TRIM_HORIZON"
    )
    position = answer["ShardIterator"]
    return shell.run(f"aws kinesis get-records --shard-iterator {position}")


def test_the_first_commands_work_and_survive_a_kill(server, shell):
    assert shell.run("aws kinesis create-stream --stream-name test --shard-count 2") is None

    put = shell.run(
        'aws kinesis put-record --stream-name test --partition-key user1 --data "user signup"'
        " --cli-binary-format raw-in-base64-out"
    )
    # MD5 of "user1" starts with 2, so it lies in the lower half of the hash keys.
    assert put["ShardId"] == FIRST_SHARD
    assert re.fullmatch(r"[0-9]{56}", put["SequenceNumber"])

    stream = shell.run("aws kinesis describe-stream --stream-name test")["StreamDescription"]
    assert stream["StreamName"] == "test"
    assert stream["StreamARN"] == f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/test"
    assert stream["StreamStatus"] == "ACTIVE"
    assert stream["RetentionPeriodHours"] == 24
    ranges = [shard["HashKeyRange"] for shard in stream["Shards"]]
    assert ranges == [
        {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)},
        {"StartingHashKey": str(2**127), "EndingHashKey": str(2**128 - 1)},
    ]

    first = read_first_shard(shell)
    [record] = first["Records"]
    assert base64.b64decode(record["Data"]) == b"user signup"
    assert record["PartitionKey"] == "user1"
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert first["NextShardIterator"]
    assert first["MillisBehindLatest"] == 0

    server.kill()
    server.start()
    again = read_first_shard(shell)
    assert again["Records"] == first["Records"]
    assert shell.run("aws kinesis list-streams")["StreamNames"] == ["test"]


def test_sigterm_ends_the_server_in_good_order(server, shell):
    shell.run("aws kinesis create-stream --stream-name test --shard-count 1")
    shell.run(
        'aws kinesis put-record --stream-name test --partition-key user1 --data "user signup"'
        " --cli-binary-format raw-in-base64-out"
    )
    text = server.text()
    assert server.stop() == 0, text
    server.start()
    assert len(read_first_shard(shell)["Records"]) == 1


def test_a_second_server_on_the_same_data_is_refused_by_name(server):
    second = subprocess.run(
        [binary(), "serve", "--data", server.data, "--listen", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    said = second.stdout + second.stderr
    assert second.returncode != 0, said
    assert str(server.process.pid) in said, f"it does not say who holds the data: {said}"
    assert server.data in said, f"it does not say which data: {said}"
    # The first one goes on.
    assert server.client().list_streams()["StreamNames"] == []


def test_the_start_says_where_it_listens_and_where_the_data_is(server):
    text = server.text()
    assert server.url in text
    assert server.data in text


def test_an_address_that_others_can_reach_is_refused(tmp_path):
    refused = Server(tmp_path / "data")
    done = subprocess.run(
        [binary(), "serve", "--data", refused.data, "--listen", "0.0.0.0:0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "loopback" in done.stdout + done.stderr
