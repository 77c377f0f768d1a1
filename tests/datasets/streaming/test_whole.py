"""Whole samples, at their own size: what nets are judged on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm.datasets.damage import DamageError
from shm.datasets.opening import open_samples
from shm.datasets.storage.location import Location
from shm.datasets.streaming.whole import JUDGED, evenly, whole_samples
from tests.datasets.stores import flip_a_byte, write_people, write_store


@pytest.fixture(scope="module", params=["lazy", "materialised"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "s.zarr"
    write_store(path, 12, form=request.param)
    return path


def of_split(path: Location, split: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
    store = open_samples(path)
    slots = store.slots_in(split)
    return whole_samples(store, slots if limit is None else evenly(slots, limit))


def test_every_sample_of_a_split_comes_once_at_its_own_size(path: Path) -> None:
    store = open_samples(path)
    samples = list(of_split(path, "train"))
    assert [sample["id"] for sample in samples] == [[r["id"]] for _, r in store.samples("train")]
    for sample, (slot, record) in zip(samples, store.samples("train"), strict=True):
        arrays = store.read(slot, record)
        assert list(map(list, sample["size"])) == [list(arrays["alpha"].shape)]
        for name in JUDGED:
            planes = np.atleast_3d(arrays[name]).transpose(2, 0, 1)
            assert np.array_equal(sample[name].numpy(), planes[None])
    assert len({sample["size"][0] for sample in samples}) > 1


def test_a_few_are_taken_evenly_from_the_whole_split(path: Path) -> None:
    ids = [sample["id"] for sample in of_split(path, "train")]
    assert [sample["id"] for sample in of_split(path, "train", limit=2)] == [ids[0], ids[-1]]
    three = [sample["id"] for sample in of_split(path, "train", limit=3)]
    assert (three[0], three[-1]) == (ids[0], ids[-1])
    assert ids.index(three[1]) in (len(ids) // 2 - 1, len(ids) // 2)
    assert [sample["id"] for sample in of_split(path, "train", limit=99)] == ids


def test_prepared_people_are_judged_too(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.zarr", 6, rejects=2).path
    assert [sample["id"][0] for sample in of_split(people, "test")] == ["sample-004"]


def test_damage_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "s.zarr"
    write_store(path, 4)
    (file,) = (each for each in (path / "foregrounds/trimap/c/0").rglob("*") if each.is_file())
    flip_a_byte(file, at=0.3)
    with pytest.raises(DamageError, match=r"shard 0 of trimap is damaged .*sample-000.*--repair"):
        list(of_split(path, "train"))
