"""The text that is written: files of a source tree, chosen by a seed."""

import hashlib
import os
import pathlib
import random
import struct
from typing import NamedTuple

KEY_CHARACTERS_MAX = 256
# Longer lines do not fit into a record with their key.
LINE_BYTES_MAX = 512 * 1024


class Text(NamedTuple):
    """A file: its number in this run, its partition key and where it lies."""

    number: int
    key: str
    path: str

    def lines(self):
        """The lines of the file. Joined with line feeds they are the file again."""
        return pathlib.Path(self.path).read_bytes().split(b"\n")


def root():
    """The tree to take: MAINSTEM_TEXT_TREE, or the sources of the crates that cargo fetched."""
    named = os.environ.get("MAINSTEM_TEXT_TREE")
    if named:
        return pathlib.Path(named)
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    return pathlib.Path(home) / "registry" / "src"


def choose(tree, bytes_wanted, seed):
    """Files of at least `bytes_wanted` bytes in all, the same ones for the same tree and seed."""
    paths = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    random.Random(seed).shuffle(paths)
    texts = []
    total = 0
    for path in paths:
        if total >= bytes_wanted:
            break
        content = path.read_bytes()
        if is_text(content):
            key = partition_key(path.relative_to(tree).as_posix())
            texts.append(Text(len(texts), key, str(path)))
            total += len(content)
    if total < bytes_wanted:
        raise RuntimeError(f"{tree} has {total} bytes of text, {bytes_wanted} are wanted")
    return texts, total


def is_text(content):
    """Whether the content has lines, and none too long for a record."""
    if b"\0" in content:
        return False
    return max(map(len, content.split(b"\n"))) <= LINE_BYTES_MAX


def partition_key(name):
    """The name itself, or its end behind a hash of all of it where it is too long."""
    if len(name) <= KEY_CHARACTERS_MAX:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    return digest + name[-(KEY_CHARACTERS_MAX - len(digest)) :]


def pack(line_number, line):
    """The data of a record: which line of its file it is, and the line."""
    return struct.pack("!Q", line_number) + line


def unpack(data):
    """The number of a line and the line."""
    return struct.unpack("!Q", data[:8])[0], data[8:]
