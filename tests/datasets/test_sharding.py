"""Sharded arrays: zarr's bytes in both directions, and no more read than is needed."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shm.datasets import sharding
from shm.datasets.sharding import Layout, ShardedArray, ShardError
from shm.datasets.storage.local import LocalStorage
from tests.datasets.sharded import LEFT_OUT, NAME, PIXELS, Harmed, an_array, contents, index_of, put

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def test_a_shard_is_asked_for_once_and_its_index_by_itself_no_more(tmp_path: Path) -> None:
    shard = Harmed(tmp_path)
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
