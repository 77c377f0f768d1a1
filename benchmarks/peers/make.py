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
    kinds: dict[str, tuple[Form, bool]] = {
        "materialised": ("materialised", False),
        "lazy": ("lazy", False),
        "lazy, decoded": ("lazy", True),
    }
    stores = {name: scratch / f"{name}.zarr" for name in kinds}
    for name, (form, decoded) in kinds.items():
        run = CompositeRun(recipe=RecipeConfig(per_foreground=per_foreground), decoded=decoded)
        cluster = ClusterConfig(workers=workers)
        composite_store(people, stores[name], [backgrounds], run, cluster, form=form)
    files = scratch / "files"
    write_files(files, training_samples(stores["materialised"]))
    return Samples(files=files, stores=stores)


def training_samples(store: Path) -> Iterator[Arrays]:
    """Yield the arrays of each sample that is trained on."""
    composites = open_composites(store)
    for slot in composites.slots_in("train").tolist():
        yield composites.read(slot)
