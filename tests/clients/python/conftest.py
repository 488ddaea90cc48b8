"""Servers and streams for the suites."""

import itertools

import pytest

from server import Server

_names = itertools.count(1)


@pytest.fixture
def server(tmp_path):
    """A server of its own, on an empty data directory."""
    server = Server(tmp_path / "data").start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all tests of a file, which use streams of their own."""
    server = Server(tmp_path_factory.mktemp("shared") / "data").start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def kinesis(shared):
    """A client of the shared server."""
    return shared.client()


@pytest.fixture(scope="module")
def unchecked(shared):
    """A client that sends wrong arguments instead of refusing them itself."""
    return shared.client(parameter_validation=False)


@pytest.fixture
def stream(kinesis):
    """The name of an active stream with two shards."""
    name = f"stream-{next(_names)}"
    kinesis.create_stream(StreamName=name, ShardCount=2)
    wait_active(kinesis, name)
    return name


@pytest.fixture
def absent():
    """A name that no stream has."""
    return f"absent-{next(_names)}"


def wait_active(kinesis, name):
    """Waits until the stream can be used, with the waiter of the client."""
    kinesis.get_waiter("stream_exists").wait(
        StreamName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600}
    )
