"""Making composites: what holds for a worker that outlives a command."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shm.datasets.composites.planning import PlanError, RecipeConfig
from shm.datasets.composites.store import open_composites
from shm.datasets.group import made_as
from shm.workflows.composite import composite_store
from shm.workflows.composite.images import ImageJob, image_shard
from shm.workflows.composite.sources import CompositeRun
from shm.workflows.engine import ClusterConfig
from tests.datasets.stores import all_files, write_people, write_store
from tests.workflows.corpora import write_backgrounds


def test_a_worker_notices_that_another_store_stands_at_the_path(tmp_path: Path) -> None:
    path, config = tmp_path / "stores" / "s.zarr", RecipeConfig(per_foreground=1)
    for each in (config, replace(config, linear=True)):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        store = write_store(path, 4, config=each)
        wanted = [store.read(slot)["image"] for slot in range(4)]
        same = made_as(store.attributes)
        image_shard(ImageJob(store=path, made_as=same, shard=0, identity=store.identity()))
        for slot in range(4):
            assert np.array_equal(store.read(slot)["image"], wanted[slot])


def test_a_store_is_not_deleted_for_one_that_can_t_be_made(tmp_path: Path) -> None:
    """Of five people, one alone is in validation and one in test."""
    write_store(tmp_path / "train.zarr", 4)
    write_people(tmp_path / "people.zarr", 5)
    backgrounds = write_backgrounds(tmp_path / "backgrounds", 12)
    before = all_files(tmp_path / "train.zarr")
    with pytest.raises(PlanError, match="two people a composite, but only one in the split"):
        composite_store(
            tmp_path / "people.zarr",
            tmp_path / "train.zarr",
            [backgrounds],
            CompositeRun(recipe=RecipeConfig(people_per_composite=2)),
            ClusterConfig(),
            overwrite=True,
        )
    assert all_files(tmp_path / "train.zarr") == before


def test_decoded_backgrounds_make_the_same_samples(tmp_path: Path) -> None:
    write_people(tmp_path / "people.zarr", 6, canvas=96)  # no background is reduced for it
    backgrounds = write_backgrounds(tmp_path / "backgrounds", 12)
    paths = {decoded: tmp_path / f"{decoded}.zarr" for decoded in (False, True)}
    for decoded, path in paths.items():
        run = CompositeRun(recipe=RecipeConfig(per_foreground=3), decoded=decoded)
        composite_store(
            tmp_path / "people.zarr",
            path,
            [backgrounds],
            run,
            ClusterConfig(workers=1),
            form="lazy",
        )
    files, pixels = (open_composites(path) for path in paths.values())
    assert {record["encoding"] for record in pixels.scenes().values()} == {"pixels"}
    assert pixels.slots == files.slots == 18
    for slot in range(18):
        one, other = files.read(slot), pixels.read(slot)
        assert all(np.array_equal(one[name], other[name]) for name in one)
