"""The check of the killing test finds what it is there to find."""

import pytest

from killing.journal import REFUSED, UNKNOWN, Ack, Journal, Retry, read
from killing.tree import Text, pack, partition_key, unpack
from killing.verify import Stored, verify


class Case:
    """Three lines of one text, written without an accident, to be spoiled."""

    def __init__(self, directory):
        path = directory / "text"
        path.write_bytes(b"zero\none\ntwo")
        self.text = Text(0, "text", str(path))
        self.stored = [
            Stored(7, 100 + line, line, content) for line, content in enumerate(self.text.lines())
        ]
        self.acks = [Ack(0, record.line, 7, record.sequence) for record in self.stored]
        self.retries = []

    def problems(self):
        return verify([self.text], {0: self.stored}, self.acks, self.retries).problems

    def again(self, sequence, line):
        self.stored.append(self.stored[line]._replace(sequence=sequence))


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def test_an_undisturbed_text_passes(case):
    assert case.problems() == []


def test_a_missing_acknowledged_line_is_found(case):
    del case.stored[2]
    assert case.problems() == ["text: line 2 was acknowledged as 102 and is missing"]


def test_a_line_nobody_acknowledged_is_found(case):
    del case.acks[1]
    case.retries = [Retry(0, 1, 2, UNKNOWN)]
    assert case.problems() == ["text: line 1 was never acknowledged"]


def test_changed_content_is_found(case):
    case.stored[1] = case.stored[1]._replace(content=b"One")
    assert case.problems() == ["text: line 1 is stored with other content"]


def test_a_second_shard_is_found(case):
    case.stored[1] = case.stored[1]._replace(shard=8)
    case.acks[1] = case.acks[1]._replace(shard=8)
    assert case.problems() == ["text: is stored in more than one shard"]


def test_an_acknowledgement_of_another_record_is_found(case):
    case.acks[1] = case.acks[1]._replace(shard=8)
    assert case.problems() == ["text: line 1 was acknowledged as 101, which is another record"]


def test_a_broken_order_is_found(case):
    case.stored[1], case.stored[2] = case.stored[2], case.stored[1]
    case.acks[1], case.acks[2] = (
        case.acks[1]._replace(sequence=102),
        case.acks[2]._replace(sequence=101),
    )
    case.stored[1] = case.stored[1]._replace(sequence=101)
    case.stored[2] = case.stored[2]._replace(sequence=102)
    assert case.problems() == [
        "text: line 2 was acknowledged before the line before it",
        "text: line 2 is stored before line 1",
    ]


def test_a_duplicate_without_a_reason_is_found(case):
    case.again(103, 2)
    assert case.problems() == ["text: line 2 is stored 1 times more than any retry explains"]
    case.retries = [Retry(0, 2, 3, REFUSED)]
    assert case.problems() == ["text: line 2 is stored 1 times more than any retry explains"]


def test_a_duplicate_that_a_retry_explains_passes_once(case):
    case.again(103, 2)
    case.retries = [Retry(0, 2, 3, UNKNOWN)]
    assert case.problems() == []
    case.again(104, 2)
    assert case.problems() == ["text: line 2 is stored 1 times more than any retry explains"]


def test_records_of_an_unknown_text_are_found(case):
    problems = verify([], {5: case.stored}, [], []).problems
    assert problems == ["records of an unknown text 5"]


def test_what_a_producer_notes_is_read_back(tmp_path):
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.ack(1, 2, "shardId-000000000003", str(2**185 + 5))
    journal.retry(1, 3, 5, UNKNOWN)
    journal.close()
    assert read(path) == ([Ack(1, 2, 3, 2**185 + 5)], [Retry(1, 3, 5, UNKNOWN)])


def test_long_names_are_cut_to_different_keys():
    names = [f"{letter}{'x' * 300}" for letter in "ab"]
    keys = [partition_key(name) for name in names]
    assert [len(key) for key in keys] == [256, 256]
    assert keys[0] != keys[1]
    assert partition_key("short/name.rs") == "short/name.rs"
    assert unpack(pack(7, b"line")) == (7, b"line")
