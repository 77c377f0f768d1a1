"""Making composites: what holds for a worker that outlives a command."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from shm.datasets.composites.planning import RecipeConfig
from shm.workflows.composite import ImageJob, image_shard
from tests.datasets.stores import write_store


def test_a_worker_notices_that_another_store_stands_at_the_path(tmp_path: Path) -> None:
    path, config = tmp_path / "stores" / "s.zarr", RecipeConfig(per_foreground=1)
    for each in (config, replace(config, linear=True)):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        store = write_store(path, 4, config=each)
        wanted = [store.read(slot)["image"] for slot in range(4)]
        image_shard(ImageJob(store=path, shard=0, made_as=store.identity()))
        for slot in range(4):
            assert np.array_equal(store.read(slot)["image"], wanted[slot])
