"""No damage of a sharded array reads back as pixels."""

import math
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import google_crc32c
import numpy as np
import pytest
import zstandard
from numpy.typing import NDArray

from shm.datasets.sharding import ShardedArray, ShardError
from shm.datasets.storage.cached import CacheConfig, CachedStorage
from shm.datasets.storage.local import LocalStorage
from tests.datasets.sharded import LEFT_OUT, NAME, PIXELS, Harmed, put


@pytest.fixture
def shard(tmp_path: Path) -> Harmed:
    return Harmed(tmp_path)


def test_a_byte_flipped_in_each_of_100_places_is_noticed(shard: Harmed) -> None:
    assert shard.noticed() == []
    starts: list[int] = []
    ends: list[int] = []  # frame headers, checksums: besides places all over the shard
    for start, length in shard.index.reshape(-1, 2).tolist():
        if start != LEFT_OUT:
            starts += range(start, start + 8)
            ends += range(start + length - 4, start + length)
    last = range(len(shard.sound) - 12, len(shard.sound))
    spread = np.linspace(0, len(shard.sound) - 1, 100).astype(int).tolist()
    for place in {*spread, *starts, *ends, *last}:
        harmed = bytearray(shard.sound)
        harmed[place] ^= 0xFF
        shard.put(bytes(harmed))
        assert shard.noticed(), f"byte {place} of {len(shard.sound)}"


def test_a_bit_flipped_anywhere_is_noticed(shard: Harmed) -> None:
    random = np.random.default_rng(0)
    places = random.integers(0, len(shard.sound), 300).tolist()
    for place in places:
        harmed = bytearray(shard.sound)
        harmed[place] ^= 1 << int(random.integers(8))
        shard.put(bytes(harmed))
        assert shard.noticed(), f"byte {place} of {len(shard.sound)}"


@pytest.mark.parametrize("kept", [0.0, 1, 3, 0.01, 0.5, 0.9, 0.99, -5, -4, -1])
def test_a_shard_that_was_cut_short_is_noticed_in_every_slot(shard: Harmed, kept: float) -> None:
    stop = int(kept * len(shard.sound)) if isinstance(kept, float) else kept
    shard.put(shard.sound[:stop])
    assert shard.noticed() == [0, 1, 2, 3]


def test_a_shard_that_was_cut_short_while_it_is_read_is_noticed(shard: Harmed) -> None:
    assert shard.noticed() == []  # the index is known from now on
    file = next(path for path in shard.root.rglob("*") if path.is_file())
    for length in (len(shard.sound) // 2, 10, 0):
        file.write_bytes(shard.sound[:length])
        assert 2 in shard.noticed()


def test_a_deleted_shard_is_missing_and_no_zeros(shard: Harmed) -> None:
    shard.put(None)
    for read in (shard.array.read_shard, lambda slot: shard.array.read(slot, ())):
        with pytest.raises(ShardError, match="shard 0 is missing") as told:
            read(0)
        assert (told.value.shard, told.value.what) == (0, "is missing")


@pytest.mark.parametrize("many", [1, 4, 4096])
def test_trailing_and_leading_bytes_are_noticed(shard: Harmed, many: int) -> None:
    shard.put(shard.sound + b"\0" * many)
    assert shard.noticed() == [0, 1, 2, 3]
    shard.put(b"\0" * many + shard.sound)
    assert shard.noticed() == [0, 1, 2]


HOSTILE = {
    "a huge length": (0, 2**63),
    "the hugest length": (0, LEFT_OUT),
    "a length of a gigabyte": (0, 2**30),
    "a huge offset": (2**63, 100),
    "the hugest offset": (LEFT_OUT - 1, 100),
    "an offset near the end of what a file may be": (2**63 - 20_000, 100),
    "an offset behind the shard": (2**40, 100),
    "both huge": (2**63, 2**63),
    "no length": (0, 0),
    "inside another chunk": (7, 300),
    "the index itself": (-1, 100),
}


@pytest.mark.parametrize("span", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_index_under_a_right_checksum_is_noticed(
    shard: Harmed, span: tuple[int, int]
) -> None:
    start, length = span
    index = shard.index
    where = len(shard.sound) - index.nbytes - 4 if start == -1 else start
    index[2, 0, 1, 0] = where, length
    shard.put_index(index)
    with memory_below(2**20):
        assert shard.noticed() == [2]


def test_a_chunk_one_byte_longer_or_shorter_than_its_frame_is_noticed(shard: Harmed) -> None:
    for change in (-1, 1):
        index = shard.index
        index[1, 1, 1, 0, 1] = int(index[1, 1, 1, 0, 1]) + change
        shard.put_index(index)
        assert shard.noticed() == [1]


def test_swapped_chunks_under_a_right_checksum_are_told_by_the_digest_alone(
    shard: Harmed,
) -> None:
    """No checksum of a chunk says whose it is: what notices is `Store.damages_of`, by SHA-256."""
    index = shard.index
    index[[0, 2], 0, 0, 0] = index[[2, 0], 0, 0, 0]
    shard.put_index(index)
    assert np.array_equal(shard.array.read(0, ())[:24, :24], shard.slots[2][:24, :24])
    assert np.array_equal(shard.array.read(1, ()), shard.slots[1])


def frames() -> dict[str, bytes]:
    """Frames in the place of one that holds a chunk: each lies about it."""
    size = math.prod(PIXELS.chunk)
    sound = zstandard.ZstdCompressor()
    vague = zstandard.ZstdCompressor(write_content_size=False)
    bomb = sound.compress(bytes(2**24))
    assert bomb[4] >> 6 == 2  # four bytes say how long the content is
    return {
        "no length": vague.compress(bytes(size)),
        "too short": sound.compress(bytes(size - 1)),
        "too long": sound.compress(bytes(size + 1)),
        "a bomb": bomb,
        "a bomb that says it is small": bomb[:5] + size.to_bytes(4, "little") + bomb[9:],
        "two frames": sound.compress(bytes(size)) * 2,
        "a frame and something to skip": sound.compress(bytes(size))
        + b"\x50\x2a\x4d\x18\4\0\0\0abcd",
        "something to skip": b"\x50\x2a\x4d\x18" + size.to_bytes(4, "little") + bytes(size),
        "nothing but zeros": bytes(64),
        "half a frame": sound.compress(bytes(range(256)) * 6)[:200],
    }


@pytest.mark.parametrize("name", frames())
def test_a_frame_that_lies_is_refused_before_it_costs_memory(shard: Harmed, name: str) -> None:
    frame = frames()[name]
    frame += google_crc32c.value(frame).to_bytes(4, "little")
    chunks = shard.sound[: -shard.index.nbytes - 4]
    index = shard.index
    index[0, 1, 0, 0] = len(chunks), len(frame)
    shard.put_index(index, chunks + frame)
    with memory_below(2**20):
        assert shard.noticed() == [0]


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    """Fail where more than so many bytes were held at a time."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


class Caching:
    """Gives the bytes of a folder that are wrong until it is told to forget them."""

    def __init__(self, root: Path, stale: Path) -> None:
        self._sound, self._now = LocalStorage(root), LocalStorage(stale)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)

    def forget(self, key: str) -> bool:
        known, self._now = self._now is not self._sound, self._sound
        return known or self._sound.forget(key)


@pytest.mark.parametrize("place", [0.1, 0.999])
@pytest.mark.parametrize("mended", [True, False])
def test_what_is_wrong_in_a_cache_is_read_once_more_from_where_it_came(
    shard: Harmed, tmp_path: Path, place: float, mended: bool
) -> None:
    harmed = bytearray(shard.sound)
    harmed[int(place * len(harmed))] ^= 0xFF
    put(tmp_path / "cache", shard.array, 0, bytes(harmed))
    shard.put(shard.sound if mended else bytes(harmed))
    for read in ("read", "read_shard"):
        array = ShardedArray(Caching(tmp_path, tmp_path / "cache"), NAME, PIXELS)
        if mended:
            found = array.read(0, ()) if read == "read" else array.read_shard(0)[0]
            assert np.array_equal(found, shard.slots[0])
        else:
            with pytest.raises(ShardError, match="shard 0 is damaged"):
                _ = array.read(0, ()) if read == "read" else array.read_shard(0)


class Meeting(Caching):
    """Gives two threads the wrong bytes, before either may say that they are wrong."""

    def __init__(self, root: Path, stale: Path) -> None:
        super().__init__(root, stale)
        self._both = Barrier(2)

    def _met(self, found: Any) -> Any:
        with suppress(BrokenBarrierError):  # they met before
            self._both.wait(10)
            self._both.abort()
        return found

    def read(self, key: str) -> bytes | None:
        found: bytes | None = self._met(self._now.read(key))
        return found

    def read_tail(self, key: str, length: int) -> bytes | None:
        found: bytes | None = self._met(self._now.read_tail(key, length))
        return found


@pytest.mark.parametrize("read", ["read", "read_shard"])
def test_two_threads_that_meet_the_same_wrong_bytes_in_a_cache_both_get_the_right_ones(
    shard: Harmed, tmp_path: Path, read: str
) -> None:
    put(tmp_path / "cache", shard.array, 0, shard.sound[:-1] + b"\0")  # the index is wrong
    array = ShardedArray(Meeting(tmp_path, tmp_path / "cache"), NAME, PIXELS)

    def first(_: int) -> NDArray[Any]:
        found: NDArray[Any] = array.read(0, ()) if read == "read" else array.read_shard(0)[0]
        return found

    with ThreadPoolExecutor(2) as threads:
        for found in threads.map(first, range(2)):
            assert np.array_equal(found, shard.slots[0])


@pytest.mark.parametrize("read", ["the index", "a slot", "the shard"])
@pytest.mark.parametrize("mended", [True, False])
def test_what_is_shorter_than_a_cache_knows_is_looked_at_again_and_then_damaged(
    shard: Harmed, tmp_path: Path, read: str, mended: bool
) -> None:
    """The cache knows how long a shard was, and has no more of it but perhaps its index."""
    short = shard.array.encode([*shard.slots[:2], None, None]) if mended else shard.sound[:2000]
    length = shard.index.nbytes + 4
    config = CacheConfig(folder=tmp_path / "cache", limit=2**20, block=1000)
    array = ShardedArray(CachedStorage(LocalStorage(tmp_path), config, "token"), NAME, PIXELS)
    storage = array._storage
    assert storage.size(array.key(0)) == len(shard.sound)
    if read == "a slot":
        storage.read_tail(array.key(0), length)
    shard.put(short)
    with nullcontext() if mended else pytest.raises(ShardError, match="shard 0 is damaged"):
        found = array.read_shard(0)[0] if read == "the shard" else array.read(0, ())
        assert np.array_equal(found, shard.slots[0])
