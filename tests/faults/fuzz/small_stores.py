"""Small stores that are read as the commands read them, and what is bent of them for a while."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import zarr

from shm.datasets.composites.store import CompositeStore
from shm.datasets.opening import Samples, open_sample, open_samples
from shm.datasets.store import Store
from shm.workflows.datasheet import datasheet
from shm.workflows.inspect import inspect_store
from shm.workflows.verify import verify_store
from tests.datasets.stores import EVERY_OPTION, write_people, write_store
from tests.faults.fuzz.scratch import scratch

CANVAS = 32
PEOPLE = 3
SAMPLES = 2
"""How many samples of a store are read."""

WINDOW = (slice(3, 19), slice(5, 21))


def read_whole(path: Path) -> None:
    """Open a store and do with it what training, inspecting and verifying do."""
    inspect_store(path)
    datasheet(path)
    verify_store(path)
    store = open_samples(path)
    use(store)
    store.identity()


def use(store: Samples) -> None:
    """Read the first samples of a store as training does, and list all as inspecting does."""
    for slot, record in itertools.islice(store.samples(), SAMPLES):
        store.read(slot, record)
        sample = open_sample(store, slot)
        assert sample.id == PurePosixPath(sample.id).name  # what is exported is called so
        height, width = sample.size
        rows, columns = (
            slice(min(part.start, side - 1), min(part.stop, side))
            for part, side in zip(WINDOW, (height, width), strict=True)
        )
        arrays = sample.read(("image", "alpha", "trimap", "foreground"), (rows, columns))
        assert all(array.dtype == np.uint8 for array in arrays.values())
        sample.uncut((rows, columns))
        pixel = sample.draw_unknown(np.random.default_rng(slot))
        assert pixel is None or (0 <= pixel[0] < height and 0 <= pixel[1] < width)
    for split in ("train", "test"):
        store.slots_in(split)
    for part in store.parts.values() if isinstance(store, CompositeStore) else (store,):
        list(part.rejected())


class _Composites(CompositeStore):
    """Composites whose metadata nobody bent: zarr reads it once, which takes longer than all else.

    What is read of them is read anew.
    """

    def _part(self, name: str) -> Store:
        path = self.path / name
        assert isinstance(path, Path)
        return Store(path, group(path), root=self.path)


@cache
def group(path: Path) -> zarr.Group:
    return zarr.open_group(path, mode="r", zarr_format=3)


def opened(path: Path) -> Samples:
    """Return a store whose metadata nobody bent."""
    if path == people():
        return Store(path, group(path))
    return _Composites(path, group(path))


@cache
def people() -> Path:
    path = scratch("stores") / "people.zarr"
    write_people(path, PEOPLE, canvas=CANVAS, rejects=1)
    return path


@cache
def composites(form: str) -> Path:
    path = scratch("stores") / f"{form}.zarr"
    if form == "materialised":
        write_store(path, PEOPLE, form="materialised", canvas=CANVAS, backgrounds=1)
    elif form == "plain":
        write_store(path, PEOPLE, form="lazy", canvas=CANVAS, backgrounds=1)
    else:
        every = replace(EVERY_OPTION, per_foreground=1)
        write_store(path, 10, form="lazy", canvas=CANVAS, backgrounds=1, config=every)
    return path


@cache
def all_stores() -> tuple[Path, ...]:
    return (people(), *map(composites, ("plain", "lazy", "materialised")))


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Let a file have another content for a while."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)
