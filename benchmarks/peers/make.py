"""Composites for the benchmark, made as users make them: a store of each form, and the files."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.samples import Samples, write_files
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import Form, open_composites
from shm.datasets.store import Arrays
from shm.workflows.composite import composite_store
from shm.workflows.engine import ClusterConfig
from shm.workflows.sources import CompositeRun


def make_samples(
    people: Path, backgrounds: Path, scratch: Path, per_foreground: int, workers: int
) -> Samples:
    """Make the stores, and write the training split of theirs as files."""
    run = CompositeRun(recipe=RecipeConfig(per_foreground=per_foreground))
    forms: tuple[Form, ...] = ("materialised", "lazy")
    stores = {form: scratch / f"{form}.zarr" for form in forms}
    for form, store in stores.items():
        composite_store(
            people, store, [backgrounds], run, ClusterConfig(workers=workers), form=form
        )
    files = scratch / "files"
    write_files(files, training_samples(stores["materialised"]))
    return Samples(files=files, stores={str(form): store for form, store in stores.items()})


def training_samples(store: Path) -> Iterator[Arrays]:
    """Yield the arrays of each sample that is trained on."""
    composites = open_composites(store)
    for slot in composites.slots_in("train").tolist():
        yield composites.read(slot)
