"""Composites for the benchmark, made as users make them: stores of some kinds, and the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common.stores import started
from benchmarks.peers.samples import Samples, write_files
from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import Form, open_composites
from shm.datasets.store import Arrays
from shm.workflows.composite import composite_store
from shm.workflows.composite.sources import CompositeRun
from shm.workflows.engine import ClusterConfig

KINDS: dict[str, tuple[Form, bool]] = {
    "materialised": ("materialised", False),
    "lazy": ("lazy", False),
    "lazy, decoded": ("lazy", True),
}
"""Form and whether backgrounds are kept decoded. The files come from the first that is made."""


def make_samples(
    people: Path,
    backgrounds: Path,
    scratch: Path,
    per_foreground: int,
    cluster: ClusterConfig,
    kinds: Sequence[str],
) -> Samples:
    """Make the stores of these kinds, at least one, and write their training split as files."""
    stores = {name: scratch / f"{name}.zarr" for name in KINDS if name in kinds}
    with started(cluster) as running:
        for name, store in stores.items():
            form, decoded = KINDS[name]
            run = CompositeRun(recipe=RecipeConfig(per_foreground=per_foreground), decoded=decoded)
            composite_store(people, store, [backgrounds], run, running, form=form)
    files = scratch / "files"
    write_files(files, training_samples(next(iter(stores.values()))))
    return Samples(files=files, stores=stores)


def training_samples(store: Path) -> Iterator[Arrays]:
    """Yield the arrays of each sample that is trained on."""
    composites = open_composites(store)
    for slot in composites.slots_in("train").tolist():
        yield composites.read(slot)
