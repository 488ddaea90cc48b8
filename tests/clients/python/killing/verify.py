"""Whether what is stored is what was acknowledged, in order, and nothing else.

A text is fine if and only if
1. every record of it holds the line that its number names;
2. every acknowledgement names a record that is stored, with that line, in that shard;
3. every line was acknowledged, and the last acknowledgements of the lines rise with the lines;
4. a line is stored more often than it was acknowledged only where an attempt at it ended without
   an answer, and once for each such attempt at most;
5. in the order of the shard, a line comes only after the line before it, unless the server had
   refused a line of this text.
"""

import collections
from typing import NamedTuple

from killing import journal


class Stored(NamedTuple):
    """A record of a text, as read from a shard."""

    shard: int
    sequence: int
    line: int
    content: bytes


class Report(NamedTuple):
    """Counts over all texts, and what is wrong."""

    records: int
    duplicates: int
    unknown_attempts: int
    refused: int
    problems: list


def verify(texts, stored, acks, retries):
    """Checks every text.

    `stored` maps the number of a text to its records in the order of their shard, `acks` and
    `retries` are what the producers noted.
    """
    acks_by_text = _by_text(acks)
    retries_by_text = _by_text(retries)
    problems = []
    records = duplicates = unknown = refused = 0
    for text in texts:
        found = stored.get(text.number, [])
        lines = text.lines()
        attempts = retries_by_text.get(text.number, [])
        checks = _check(lines, found, acks_by_text.get(text.number, []), attempts)
        problems.extend(f"{text.key}: {problem}" for problem in checks)
        records += len(found)
        duplicates += len(found) - len({record.line for record in found})
        unknown += sum(one.end - one.first for one in attempts if one.why == journal.UNKNOWN)
        refused += sum(one.end - one.first for one in attempts if one.why == journal.REFUSED)
    known = {text.number for text in texts}
    problems.extend(f"records of an unknown text {number}" for number in stored.keys() - known)
    return Report(records, duplicates, unknown, refused, problems)


def _by_text(items):
    groups = collections.defaultdict(list)
    for item in items:
        groups[item.text].append(item)
    return groups


def _check(lines, found, acks, retries):
    yield from _contents(lines, found)
    yield from _acknowledged(found, acks)
    yield from _completeness(lines, acks)
    yield from _copies(found, acks, retries)
    if all(retry.why != journal.REFUSED for retry in retries):
        yield from _order(found)


def _contents(lines, found):
    if len({record.shard for record in found}) > 1:
        yield "is stored in more than one shard"
    for record in found:
        if record.line >= len(lines) or lines[record.line] != record.content:
            yield f"line {record.line} is stored with other content"


def _acknowledged(found, acks):
    by_sequence = {record.sequence: record for record in found}
    for ack in acks:
        record = by_sequence.get(ack.sequence)
        if record is None:
            yield f"line {ack.line} was acknowledged as {ack.sequence} and is missing"
        elif (record.line, record.shard) != (ack.line, ack.shard):
            yield f"line {ack.line} was acknowledged as {ack.sequence}, which is another record"


def _completeness(lines, acks):
    last = {ack.line: ack.sequence for ack in acks}
    before = -1
    for line in range(len(lines)):
        sequence = last.get(line)
        if sequence is None:
            yield f"line {line} was never acknowledged"
        else:
            if sequence <= before:
                yield f"line {line} was acknowledged before the line before it"
            before = sequence


def _copies(found, acks, retries):
    copies = collections.Counter(record.line for record in found)
    copies.subtract(ack.line for ack in acks)
    for retry in retries:
        if retry.why == journal.UNKNOWN:
            copies.subtract(range(retry.first, retry.end))
    for line, too_many in copies.items():
        if too_many > 0:
            yield f"line {line} is stored {too_many} times more than any retry explains"


def _order(found):
    expected = 0
    for record in found:
        if record.line > expected:
            yield f"line {record.line} is stored before line {expected}"
        expected = max(expected, record.line + 1)
