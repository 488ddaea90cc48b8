"""What a producer was told about each line, on its own disk, for the check afterwards."""

import json
import struct
from typing import NamedTuple

# Text, line, shard, and the 186 bits of the sequence number.
_ACK = struct.Struct("!IIH24s")

# The answer never came: each line may be stored or not.
UNKNOWN = "unknown"
# The server refused the line: it must not be stored by this attempt.
REFUSED = "refused"


class Ack(NamedTuple):
    """One line that the server said is stored."""

    text: int
    line: int
    shard: int
    sequence: int


class Retry(NamedTuple):
    """Lines `first..end` of a text that were sent and not acknowledged."""

    text: int
    first: int
    end: int
    why: str


class Journal:
    """Written by one producer."""

    def __init__(self, path):
        self._acks = open(f"{path}.acks", "wb")
        self._retries = open(f"{path}.retries", "w", encoding="ascii")

    def ack(self, text, line, shard_id, sequence):
        shard = int(shard_id.removeprefix("shardId-"))
        self._acks.write(_ACK.pack(text, line, shard, int(sequence).to_bytes(24, "big")))

    def retry(self, text, first, end, why):
        self._retries.write(json.dumps([text, first, end, why]) + "\n")

    def close(self):
        self._acks.close()
        self._retries.close()


def read(path):
    """The acknowledgements and the retries of one producer, in the order in which they came."""
    with open(f"{path}.acks", "rb") as file:
        acks = [
            Ack(text, line, shard, int.from_bytes(sequence, "big"))
            for text, line, shard, sequence in _ACK.iter_unpack(file.read())
        ]
    with open(f"{path}.retries", encoding="ascii") as file:
        retries = [Retry(*json.loads(line)) for line in file]
    return acks, retries
