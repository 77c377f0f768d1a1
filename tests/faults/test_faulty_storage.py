"""Reads and writes that fail, take long or lose bytes: never a wrong sample, nothing for ever."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm.datasets import group
from shm.datasets.damage import DamageError
from shm.datasets.storage.opening import open_storage
from shm.datasets.store import Arrays, create_store, open_store
from tests.datasets.stores import all_files, random_record, random_sample, write_people
from tests.faults.faulty import Fault, FaultyStorage, Plan, delays, fails, truncates

PEOPLE, CANVAS = 6, 48

Wrap = Callable[..., None]


@pytest.fixture
def wrap(monkeypatch: pytest.MonkeyPatch) -> Wrap:
    """Have all stores that are opened from now on go wrong."""

    def with_plans(**plans: Plan) -> None:
        def opening(*arguments: Any, **options: Any) -> FaultyStorage:
            return FaultyStorage(open_storage(*arguments, **options), **plans)

        monkeypatch.setattr(group, "open_storage", opening)

    return with_plans


def empty(path: Path) -> Path:
    attributes = {"config": {}, "software": {}, "inputs": "0" * 64}
    attributes |= {"corpus": {}, "left_alone": []}
    create_store(path, kind="prepared", slots=PEOPLE, canvas=CANVAS, attributes=attributes)
    return path


def make(path: Path) -> None:
    """Write the one shard of a store, and that it is complete."""
    store = open_store(path, writable=True, incomplete=True)
    samples: list[Arrays | None] = [random_sample(slot, CANVAS) for slot in range(PEOPLE)]
    records = [random_record(slot, sample or {}) for slot, sample in enumerate(samples)]
    store.write_shard(0, samples, records)
    store.mark(complete=True)


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_write_that_fails_leaves_no_shard_and_can_be_done_again(
    tmp_path: Path, wrap: Wrap, nth: int
) -> None:
    """Of image, alpha, trimap, foreground, unknown and record."""
    path = empty(tmp_path / "s.zarr")
    wrap(writes=Plan(fails, nth))
    with pytest.raises(OSError, match="Input/output error"):
        make(path)
    assert not open_store(path, incomplete=True).has_shard(0)
    wrap()
    make(path)
    expected = write_people(tmp_path / "other.zarr", PEOPLE, canvas=CANVAS)
    assert all_files(path) == all_files(tmp_path / "other.zarr")
    assert expected.slots == PEOPLE


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_write_that_loses_bytes_is_found(tmp_path: Path, wrap: Wrap, nth: int) -> None:
    path = empty(tmp_path / "s.zarr")
    wrap(writes=Plan(truncates, nth))
    make(path)
    wrap()
    (found,) = open_store(path).damages()
    assert found


@pytest.mark.parametrize("fault", [fails, truncates])
@pytest.mark.parametrize("nth", [0, 1, 2, 5])
def test_a_read_that_goes_wrong_is_told_or_the_sample_is_right(
    tmp_path: Path, wrap: Wrap, fault: Fault, nth: int
) -> None:
    store = write_people(tmp_path / "s.zarr", PEOPLE, canvas=CANVAS)
    wrap(reads=Plan(fault, nth))
    again = open_store(tmp_path / "s.zarr")
    for slot in range(PEOPLE):
        try:
            found = again.read(slot, again.record(slot))
        except (DamageError, OSError):
            continue
        wanted = store.read(slot, store.record(slot))
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_a_slow_storage_gives_the_same(tmp_path: Path, wrap: Wrap) -> None:
    wrap(reads=Plan(delays), writes=Plan(delays))
    make(empty(tmp_path / "slow.zarr"))
    write_people(tmp_path / "s.zarr", PEOPLE, canvas=CANVAS)
    assert all_files(tmp_path / "slow.zarr") == all_files(tmp_path / "s.zarr")
