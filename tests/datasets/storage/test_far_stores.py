"""Whole stores behind a URL: opened with a cache, and a network that fails told from damage."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from shm.datasets.damage import DamageError
from shm.datasets.group import Access
from shm.datasets.opening import open_samples
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.errors import StorageError
from shm.datasets.storage.location import Location, locate
from shm.datasets.store import Store
from shm.workflows.verify import verify_store
from tests.datasets.storage.servers import Fault, Proxy, Request, running, web_server
from tests.datasets.stores import write_people

PEOPLE = 4


class Closed(Proxy):
    """A proxy that lets nobody read what has a word in its path."""

    closed = ""

    def fault_of(self, request: Request) -> Fault | None:
        fault = super().fault_of(request)
        return Fault(status=403) if self.closed and self.closed in request.path else fault


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Closed]:
    """The way to a store of prepared people, ``people.zarr`` in the test's folder."""
    write_people(tmp_path / "people.zarr", PEOPLE)
    with web_server(tmp_path) as url:
        server = Closed(url)
        with running(server):
            yield server


@pytest.fixture
def far(proxy: Closed) -> Location:
    return locate(f"{proxy.url}/people.zarr")


def opened(far: Location, tmp_path: Path) -> Store:
    """Open the store with a cache of small blocks."""
    cache = CacheConfig(folder=tmp_path / "cache", limit=2**22, block=1024)
    store = open_samples(far, access=Access(cache=cache))
    assert isinstance(store, Store)
    return store


def test_a_prepared_store_is_read_through_a_cache(
    far: Location, proxy: Closed, tmp_path: Path
) -> None:
    near = open_samples(tmp_path / "people.zarr")
    for time in ("first", "second"):
        proxy.requests.clear()
        store = opened(far, tmp_path)
        found = list(store.samples())
        assert found == list(near.samples())
        for slot, record in found:
            for name, expected in near.read(slot, record).items():
                assert np.array_equal(store.read(slot, record)[name], expected)
        assert bool(proxy.asked("/c/")) == (time == "first")


def test_another_store_in_its_place_is_not_read_from_the_cache(
    far: Location, tmp_path: Path
) -> None:
    assert len(list(opened(far, tmp_path).samples())) == PEOPLE
    (tmp_path / "people.zarr").rename(tmp_path / "old.zarr")
    write_people(tmp_path / "people.zarr", PEOPLE, rejects=1)
    store = opened(far, tmp_path)
    assert [record["source"] for record in store.rejected()] == [f"bad/{PEOPLE}.jpg"]


def test_the_records_of_a_shard_are_asked_for_once(far: Location, proxy: Closed) -> None:
    store = open_samples(far)
    proxy.requests.clear()
    assert len(list(store.samples())) == PEOPLE
    assert len(proxy.asked("/record/c/0")) == 1


@pytest.mark.parametrize("array", ["digest", "record", "image"])
def test_a_server_that_refuses_is_no_damage(far: Location, proxy: Closed, array: str) -> None:
    proxy.closed = f"/{array}/c/"
    told = re.escape(f"{far}/{array}/c/0") + r".*can't be read \(403 Forbidden\)"
    with pytest.raises(StorageError, match=told):
        verify_store(far)


@pytest.mark.parametrize("array", ["image", "record"])
def test_what_was_cut_short_behind_a_cache_that_knows_its_old_length_is_damage(
    far: Location, tmp_path: Path, array: str
) -> None:
    store = opened(far, tmp_path)
    (file,) = filter(Path.is_file, (tmp_path / "people.zarr" / array / "c").rglob("*"))
    last = PEOPLE - 1  # what it is made of lies behind the cut
    record = store.record(last)
    store.read(last, record, ["image"], (slice(0, 8), slice(0, 8)))
    for block in (tmp_path / "cache").glob("*/*-[0-9]*"):
        block.unlink()  # others took their place
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    samples = r" \(samples: sample-000, " if array == "image" else ""  # whose, the record would say
    for each in (store, opened(far, tmp_path)):  # with the index at hand, and without it
        read: dict[str, Callable[[], object]]
        read = {"image": partial(each.read, last, record), "record": partial(each.records_of, 0)}
        with pytest.raises(DamageError, match=f"shard 0 of {array} is damaged{samples}"):
            read[array]()
