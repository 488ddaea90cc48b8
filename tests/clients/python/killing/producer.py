"""A process that writes its files line by line and goes on when the server comes back."""

import collections
import random
import socket
import time
import urllib.parse

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from killing import journal, tree
from server import client

RECORDS_PER_CALL = 500
LINES_PER_KEY_AND_CALL = 40
BYTES_PER_CALL = 2 * 1024 * 1024
TEXTS_OPEN = 64
# Guards against a server that never comes back; nothing is faster for being below it.
RETURN_SECONDS_MAX = 180


class Cursor:
    """How far a file is written: lines before `next` are acknowledged."""

    def __init__(self, text):
        self.text = text
        self.lines = text.lines()
        self.next = 0


def run(url, stream, texts, path, progress, seed):
    """Writes every line of `texts`; a line only after those before it were acknowledged or are
    in the same call, in order. Adds acknowledged lines to `progress`."""
    producer = Producer(url, stream, path, seed)
    waiting = collections.deque(texts)
    open_texts = collections.deque()
    while waiting or open_texts:
        while waiting and len(open_texts) < TEXTS_OPEN:
            open_texts.append(Cursor(waiting.popleft()))
        before = sum(cursor.next for cursor in open_texts)
        producer.put(open_texts)
        written = sum(cursor.next for cursor in open_texts) - before
        with progress.get_lock():
            progress.value += written
        # Those that were in this call go to the end of the queue, finished ones leave it.
        open_texts.rotate(-producer.texts_in_last_call)
        open_texts = collections.deque(
            cursor for cursor in open_texts if cursor.next < len(cursor.lines)
        )
    producer.close()


class Producer:
    """Sends calls and writes down what became of each line."""

    def __init__(self, url, stream, path, seed):
        self.url = url
        self.stream = stream
        # No retries behind our back: each attempt has to be known.
        self.kinesis = client(url, retries={"total_max_attempts": 1}, read_timeout=60)
        self.journal = journal.Journal(path)
        self.random = random.Random(seed)
        self.texts_in_last_call = 0

    def put(self, cursors):
        """One call with the next lines of as many files as fit."""
        records, spans = self.compose(cursors)
        self.texts_in_last_call = len(spans)
        try:
            answer = self.kinesis.put_records(StreamName=self.stream, Records=records)
        except (EndpointConnectionError, ConnectTimeoutError):
            # Nothing was sent.
            self.wait_for_server()
        except HTTPClientError:
            self.unknown(spans)
            self.wait_for_server()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
            self.unknown(spans)
            self.pause()
        else:
            if is_cut_off(answer):
                self.unknown(spans)
                self.wait_for_server()
            else:
                self.take(spans, answer["Records"])

    def compose(self, cursors):
        """The records of a call, and per file which of its lines they are."""
        records = []
        spans = []
        size = 0
        share = max(LINES_PER_KEY_AND_CALL, RECORDS_PER_CALL // len(cursors))
        for cursor in cursors:
            first = cursor.next
            end = min(len(cursor.lines), first + share)
            taken = first
            while taken < end and len(records) < RECORDS_PER_CALL:
                data = tree.pack(taken, cursor.lines[taken])
                size += len(data) + len(cursor.text.key.encode())
                if size > BYTES_PER_CALL and records:
                    break
                records.append({"Data": data, "PartitionKey": cursor.text.key})
                taken += 1
            if taken > first:
                spans.append((cursor, first, taken))
            if taken < end:
                break
        return records, spans

    def take(self, spans, results):
        """Notes the answer; each file goes on from its first line that was refused."""
        results = iter(results)
        has_refused = False
        for cursor, first, end in spans:
            resume = end
            for line in range(first, end):
                result = next(results)
                if result.get("ErrorCode"):
                    self.journal.retry(cursor.text.number, line, line + 1, journal.REFUSED)
                    resume = min(resume, line)
                    has_refused = True
                else:
                    self.journal.ack(
                        cursor.text.number, line, result["ShardId"], result["SequenceNumber"]
                    )
            cursor.next = resume
        if has_refused:
            self.pause()

    def unknown(self, spans):
        for cursor, first, end in spans:
            self.journal.retry(cursor.text.number, first, end, journal.UNKNOWN)

    def pause(self):
        """Waits a little for a limit to refill, which nothing announces."""
        time.sleep(self.random.uniform(0.01, 0.1))

    def wait_for_server(self):
        """Waits until something listens again."""
        address = urllib.parse.urlsplit(self.url)
        deadline = time.monotonic() + RETURN_SECONDS_MAX
        while True:
            try:
                socket.create_connection((address.hostname, address.port), timeout=5).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def close(self):
        self.journal.close()


def is_cut_off(answer):
    """Whether the server was killed between the head and the body of its answer.

    The client takes a missing body for an empty answer, although the head says how long it is.
    """
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return "Records" not in answer and int(headers.get("content-length", 0)) > 0
