"""Every line of a tree of real text, written while the server is killed again and again.

Each file is a partition key and each of its lines a record. Several processes write, each its own
files; the server is killed with SIGKILL at random moments, also while it starts. Afterwards every
acknowledged line is there, in the order of its file, and twice only where a retry explains it.

The size comes from MAINSTEM_REAL_INPUT_MB, the least number of kills from
MAINSTEM_REAL_INPUT_KILLS and the seed from MAINSTEM_REAL_INPUT_SEED.
"""

import collections
import hashlib
import multiprocessing
import os
import random
import time

from conftest import wait_active
from killing import journal, producer, tree
from killing.verify import Stored, verify
from reading import iterator, read_to_tip, shard_ids
from server import Server

STREAM = "text"
SHARDS = 16
PRODUCERS = 3
EARLY_KILL_PROBABILITY = 0.4
EARLY_KILL_SECONDS_MAX = 0.2


def setting(name, default):
    return int(os.environ.get(f"MAINSTEM_REAL_INPUT_{name}") or default)


def test_no_acknowledged_line_is_lost_and_order_is_kept(tmp_path, capsys):
    megabytes = setting("MB", 6)
    kills_min = setting("KILLS", 3)
    seed = setting("SEED", random.SystemRandom().randrange(2**32))
    with capsys.disabled():
        print(f"\nreal input: seed {seed}, {megabytes} MB, at least {kills_min} kills", flush=True)

    texts, size = tree.choose(tree.root(), megabytes * 1_000_000, seed)
    server = Server(tmp_path / "data").start()
    try:
        server.client().create_stream(StreamName=STREAM, ShardCount=SHARDS)
        wait_active(server.client(), STREAM)
        journals, kills = write_under_fire(server, texts, tmp_path, kills_min, seed)
        acks, retries = [], []
        for path in journals:
            of_one = journal.read(path)
            acks.extend(of_one[0])
            retries.extend(of_one[1])

        stored, digest = read_back(server, texts)
        report = verify(texts, stored, acks, retries)
        with capsys.disabled():
            print(
                f"real input: {len(texts)} files, {size / 1e6:.1f} MB, {kills} kills, "
                f"{report.records} records, {len(acks)} acknowledgements, "
                f"{report.unknown_attempts} attempts without an answer, {report.refused} refused, "
                f"{report.duplicates} duplicates, {len(report.problems)} problems",
                flush=True,
            )
        assert report.problems[:20] == [], f"seed {seed}"
        assert kills >= kills_min

        # An orderly stop changes nothing either.
        assert server.stop() == 0
        server.start()
        assert read_back(server, texts)[1] == digest
    finally:
        server.close()


def write_under_fire(server, texts, directory, kills_min, seed):
    """Runs the producers to their end and kills the server meanwhile."""
    spawn = multiprocessing.get_context("spawn")
    progress = spawn.Value("q", 0)
    processes = []
    journals = []
    for index in range(PRODUCERS):
        path = str(directory / f"producer-{index}")
        journals.append(path)
        arguments = (server.url, STREAM, texts[index::PRODUCERS], path, progress, seed + index)
        processes.append(spawn.Process(target=producer.run, args=arguments))
    for process in processes:
        process.start()
    try:
        lines = sum(len(text.lines()) for text in texts)
        kills = kill_again_and_again(server, processes, progress, lines, kills_min, seed)
        for process in processes:
            process.join()
            assert process.exitcode == 0, f"a producer failed, seed {seed}\n{server.text()}"
        assert progress.value == lines
        return journals, kills
    finally:
        for process in processes:
            process.kill()


def kill_again_and_again(server, processes, progress, lines, kills_min, seed):
    """Kills the server when randomly chosen numbers of lines are acknowledged."""
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0.02, 0.9) * lines for _ in range(kills_min))
    kills = 0
    for moment in moments:
        while progress.value < moment and any(process.is_alive() for process in processes):
            time.sleep(0.002)
        # Somewhere within the call that is being worked on.
        time.sleep(chance.uniform(0, 0.03))
        server.kill()
        kills += 1
        server.spawn()
        while chance.random() < EARLY_KILL_PROBABILITY:
            time.sleep(chance.uniform(0, EARLY_KILL_SECONDS_MAX))
            server.kill()
            kills += 1
            server.spawn()
        server.wait_until_listening()
    return kills


def read_back(server, texts):
    """Reads every shard from its oldest record on.

    Returns the records of each text in the order of their shard, and a digest of everything.
    """
    kinesis = server.client()
    number_of = {text.key: text.number for text in texts}
    width = 2**128 // SHARDS
    stored = collections.defaultdict(list)
    digest = hashlib.sha256()
    for shard_id in shard_ids(kinesis, STREAM):
        shard = int(shard_id.removeprefix("shardId-"))
        before = 0
        for record in read_to_tip(kinesis, iterator(kinesis, STREAM, shard_id)):
            key, data = record["PartitionKey"], record["Data"]
            sequence = int(record["SequenceNumber"])
            assert sequence > before, f"{shard_id}: {sequence} after {before}"
            before = sequence
            assert int.from_bytes(hashlib.md5(key.encode()).digest(), "big") // width == shard
            line, content = tree.unpack(data)
            stored[number_of[key]].append(Stored(shard, sequence, line, content))
            digest.update(f"{shard} {sequence} {key} ".encode() + data)
    return stored, digest.hexdigest()
