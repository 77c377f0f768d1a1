"""Sharded arrays, ours and zarr's, and harm that is done to them."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numpy.typing import NDArray

from shm.datasets.group import create_sharded
from shm.datasets.sharding import Layout, ShardedArray, ShardError
from shm.datasets.storage.local import LocalStorage

NAME = "some/pixels"

LEFT_OUT = 2**64 - 1

PIXELS = Layout(slots=4, slot=(48, 48, 3), chunk=(24, 24, 3), level=-5)
"""12 of 16 chunks are used: the last slot is empty."""


def contents(layout: Layout, slots: int, seed: int) -> NDArray[Any]:
    """All slots of an array, of which about every third chunk holds nothing but zeros."""
    random = np.random.default_rng(seed)
    whole = random.integers(-9, 99, (slots, *layout.slot)).astype(layout.dtype)
    for place, *at in np.ndindex(slots, *layout.grid):
        if random.integers(3) == 0:
            corner = (slice(n * s, (n + 1) * s) for n, s in zip(at, layout.chunk, strict=True))
            whole[(place, *corner)] = 0
    return whole


@contextmanager
def an_array(layout: Layout, slots: int) -> Iterator[tuple[ShardedArray, "zarr.Array[Any]", Path]]:
    """Yield the same empty array as ours and as zarr's, and the folder that it lies in."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        group = zarr.open_group(root, mode="w", zarr_format=3)
        create_sharded(group, NAME, slots, layout)
        ours = ShardedArray(LocalStorage(root), NAME, layout)
        theirs = group[NAME]
        assert isinstance(theirs, zarr.Array)
        yield ours, theirs, root


def put(root: Path, array: ShardedArray, shard: int, content: bytes | None) -> None:
    """Write the bytes of a shard, or delete it."""
    file = root / array.key(shard)
    file.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    array.forget(shard)


class Harmed:
    """A shard that harm is done to, and what is noticed of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.array = ShardedArray(LocalStorage(root), NAME, PIXELS)
        random = np.random.default_rng(0)
        ramp = np.add.outer(np.arange(48), np.arange(48))[..., None] * np.array([1, 2, 3])
        noisy = [ramp + 20 * n + random.integers(0, 9, ramp.shape) for n in range(3)]
        self.slots = [each.astype(np.uint8) for each in noisy]
        self.slots[1][:] = random.choice(np.array([0, 128, 255], np.uint8), (48, 48, 1))
        self.sound = self.array.encode([*self.slots, None])
        self.slots.append(np.zeros((48, 48, 3), np.uint8))
        self.put(self.sound)

    def put(self, content: bytes | None) -> None:
        put(self.root, self.array, 0, content)

    def put_index(self, index: NDArray[np.uint64], chunks: bytes | None = None) -> None:
        """Write the shard with another index, under its right checksum."""
        encoded = index.astype("<u8").tobytes()
        checksum = google_crc32c.value(encoded).to_bytes(4, "little")
        if chunks is None:
            chunks = self.sound[: -len(encoded) - 4]
        self.put(chunks + encoded + checksum)

    @property
    def index(self) -> NDArray[np.uint64]:
        return index_of(self.sound, PIXELS)

    def noticed(self) -> list[int]:
        """Return the slots that can't be read; what can be is right, or else this fails."""
        damaged, told = [], set()
        for slot, expected in enumerate(self.slots):
            try:
                found = self.array.read(slot, ())
            except ShardError as error:
                damaged.append(slot)
                told.add((error.shard, str(error)))
            else:
                assert np.array_equal(found, expected), f"slot {slot} reads back wrong"
        assert told <= {(0, "shard 0 is damaged")}
        try:
            assert np.array_equal(self.array.read_shard(0), self.slots)
            assert not damaged
        except ShardError:
            assert damaged
        return damaged


def index_of(content: bytes, layout: Layout) -> NDArray[np.uint64]:
    """Return a copy of a shard's index."""
    length = math.prod(layout.index) * 8
    return np.frombuffer(content[-length - 4 : -4], "<u8").reshape(layout.index).copy()
