"""What a process does that shares a cache, and what it finds."""

from pathlib import Path

import numpy as np

from shm.datasets.storage.storage import Storage

KEYS = [f"image-{number}" for number in range(10)]


def content_of(key: str) -> bytes:
    random = np.random.default_rng(KEYS.index(key))
    return random.bytes(100_000 + int(random.integers(1000)))


def read_epochs(storage: Storage, epochs: int, seed: int) -> None:
    """Read parts of all objects, so many times, and check them."""
    random = np.random.default_rng(seed)
    contents = {key: content_of(key) for key in KEYS}
    for _ in range(epochs):
        for key in random.permutation(KEYS):
            starts = [int(start) for start in random.integers(0, 90_000, 3)]
            ranges = [(start, start + 10_000) for start in starts]
            found = storage.read_ranges(key, ranges)
            assert found == [contents[key][start:stop] for start, stop in ranges]


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take of a disk."""
    total = 0
    for path in folder.rglob("*"):
        try:
            size = path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
        total += -(-size // 4096) * 4096
    return total
