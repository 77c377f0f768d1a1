"""Sharded arrays: zarr's bytes in both directions, and no damage that reads back as pixels."""

import itertools
import math
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import google_crc32c
import numpy as np
import pytest
import zarr
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shm.datasets import sharding
from shm.datasets.group import create_sharded
from shm.datasets.sharding import Layout, ShardedArray, ShardError
from shm.datasets.storage.cached import CacheConfig, CachedStorage
from shm.datasets.storage.local import LocalStorage

NAME = "some/pixels"

LEFT_OUT = 2**64 - 1


# ---------------------------------------------------------------- against zarr


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    slot = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    return Layout(
        slots=draw(st.integers(1, 4)),
        slot=tuple(slot),
        chunk=tuple(draw(st.integers(1, side)) for side in slot),
        dtype=draw(st.sampled_from(["uint8", "int16", "uint32", "float32"])),
        level=draw(st.integers(-5, 6)),
    )


@st.composite
def windows(draw: st.DrawFn, slot: Sequence[int]) -> tuple[slice, ...]:
    """Of some or all dimensions of a slot; some are empty."""
    starts = [draw(st.integers(0, side)) for side in slot]
    stops = [draw(st.integers(start, side)) for start, side in zip(starts, slot, strict=True)]
    whole = tuple(map(slice, starts, stops))
    return whole[: draw(st.integers(0, len(slot)))]


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


@given(data=st.data(), layout=layouts(), shards=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_what_it_encodes_zarr_reads(
    data: st.DataObject, layout: Layout, shards: int, seed: int
) -> None:
    slots = shards * layout.slots - data.draw(st.integers(0, layout.slots - 1))
    whole = contents(layout, slots, seed)
    with an_array(layout, slots) as (ours, theirs, root):
        for shard in range(shards):
            some = whole[shard * layout.slots : (shard + 1) * layout.slots]
            put(root, ours, shard, ours.encode(list(some)))
        assert np.array_equal(np.asarray(theirs[...]), whole)
        for slot in range(slots):
            window = data.draw(windows(layout.slot))
            assert np.array_equal(ours.read(slot, window), whole[slot][window])


@given(data=st.data(), layout=layouts(), shards=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_what_zarr_writes_it_reads(
    data: st.DataObject, layout: Layout, shards: int, seed: int
) -> None:
    slots = shards * layout.slots - data.draw(st.integers(0, layout.slots - 1))
    whole = contents(layout, slots, seed)
    whole[:: layout.slots] += 200  # zarr writes no shard of nothing but zeros
    whole = whole.astype(layout.dtype)
    with an_array(layout, slots) as (ours, theirs, _):
        theirs[...] = whole
        for slot in range(slots):
            window = data.draw(windows(layout.slot))
            found = ours.read(slot, window)
            assert found.dtype == whole.dtype
            assert np.array_equal(found, whole[slot][window])
        for shard in range(shards):
            some = whole[shard * layout.slots : (shard + 1) * layout.slots]
            found = ours.read_shard(shard)
            assert np.array_equal(found[: len(some)], some)
            assert not found[len(some) :].any()


@given(data=st.data(), layout=layouts(), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_slot_that_is_not_full_or_empty_reads_as_zeros_beyond(
    data: st.DataObject, layout: Layout, seed: int
) -> None:
    whole = contents(layout, layout.slots, seed)
    given_: list[NDArray[Any] | None] = []
    for slot in whole:
        used = tuple(slice(data.draw(st.integers(0, side))) for side in layout.slot)
        part = slot[used].copy()
        empty = data.draw(st.booleans())
        given_.append(None if empty else part)
        slot[...] = 0
        if not empty:
            slot[used] = part
    with an_array(layout, layout.slots) as (ours, theirs, root):
        put(root, ours, 0, ours.encode(given_))
        assert np.array_equal(np.asarray(theirs[...]), whole)
        assert np.array_equal(ours.read_shard(0), whole)
        assert all(np.array_equal(ours.read(n, ()), slot) for n, slot in enumerate(whole))


def test_chunks_of_zeros_take_no_bytes_but_their_shard_is_there() -> None:
    layout = Layout(slots=2, slot=(6, 6), chunk=(3, 3))
    with an_array(layout, 4) as (ours, theirs, root):
        encoded = ours.encode([np.zeros((6, 6), np.uint8), None])
        assert len(encoded) == 2 * 4 * 16 + 4  # the index and its checksum
        put(root, ours, 0, encoded)
        assert not ours.read(1, ()).any()
        assert not np.asarray(theirs[...]).any()
        with pytest.raises(ShardError, match="shard 1 is missing"):
            ours.read(2, ())


def test_the_same_slots_give_the_same_bytes() -> None:
    layout = Layout(slots=3, slot=(20, 20), chunk=(8, 8))
    with an_array(layout, 3) as (one, _, _), an_array(layout, 3) as (other, _, _):
        whole = list(contents(layout, 3, 0))
        assert one.encode(whole) == other.encode(whole)


class Recording(LocalStorage):
    """Remembers what was asked for, and which ranges."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[str] = []
        self.ranges: list[tuple[int, int]] = []

    def read(self, key: str) -> bytes | None:
        self.asked.append("all")
        return super().read(key)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes] | None:
        self.asked.append("ranges")
        self.ranges += ranges
        return super().read_ranges(key, ranges)

    def read_tail(self, key: str, length: int) -> bytes | None:
        self.asked.append("tail")
        return super().read_tail(key, length)


@given(data=st.data(), layout=layouts(), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_only_the_chunks_that_a_window_touches_are_read(
    data: st.DataObject, layout: Layout, seed: int
) -> None:
    whole = contents(layout, layout.slots, seed)
    with an_array(layout, layout.slots) as (ours, _, root):
        put(root, ours, 0, ours.encode(list(whole)))
        storage = Recording(root)
        place = data.draw(st.integers(0, layout.slots - 1))
        window = data.draw(windows(layout.slot))
        ShardedArray(storage, NAME, layout).read(place, window)
        index = index_of((root / ours.key(0)).read_bytes(), layout)[place]
        all_of = (*window, *(slice(0, side) for side in layout.slot[len(window) :]))
        touched = {
            tuple(pixel // step for pixel, step in zip(at, layout.chunk, strict=True))
            for at in itertools.product(*(range(part.start, part.stop) for part in all_of))
        }
        spans = [index[at].tolist() for at in touched]
        expected = {(start, start + length) for start, length in spans if start != LEFT_OUT}
        assert sorted(storage.ranges) == sorted(expected)


def test_a_shard_is_asked_for_once_and_its_index_by_itself_no_more(shard: "Harmed") -> None:
    storage = Recording(shard.root)
    array = ShardedArray(storage, NAME, PIXELS)
    assert np.array_equal(array.read_shard(0), shard.slots)
    assert storage.asked == ["all"]
    storage.asked.clear()
    for slot in (0, 1):
        array.read(slot, ())
    assert storage.asked == ["tail", "ranges", "ranges"]


def test_several_threads_read_what_one_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "INDICES_KEPT", 1)  # so that they push out each other's index
    layout = Layout(slots=4, slot=(30, 30, 3), chunk=(10, 10, 3))
    whole = contents(layout, 16, 0)
    with an_array(layout, 16) as (ours, _, root):
        for shard in range(4):
            put(root, ours, shard, ours.encode(list(whole[4 * shard : 4 * shard + 4])))
        random = np.random.default_rng(0)
        slots = random.integers(0, 16, 600).tolist()
        parts = [
            tuple(slice(start, start + 12) for start in random.integers(0, 19, 2)) for _ in slots
        ]
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(ours.read, slots, parts))
        for slot, part, each in zip(slots, parts, found, strict=True):
            assert np.array_equal(each, whole[slot][part])


# ---------------------------------------------------------------- damage

PIXELS = Layout(slots=4, slot=(48, 48, 3), chunk=(24, 24, 3), level=-5)
"""12 of 16 chunks are used: the last slot is empty."""


@pytest.fixture
def shard(tmp_path: Path) -> "Harmed":
    return Harmed(tmp_path)


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
