"""A store of people and a folder of backgrounds: those of the user, or generated ones."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shm.datasets.sample import SampleConfig
from shm.pipeline.prepare import PrepareConfig
from shm.workflows.engine import ClusterConfig
from shm.workflows.prepare import PrepareRun, prepare_corpus
from shm.workflows.sample import sample_corpus


@contextmanager
def people_and_backgrounds(
    people: Path | None, backgrounds: Path | None, size: int, count: int, workers: int
) -> Iterator[tuple[Path, Path]]:
    """Give those of the user, or generated ones for the time being."""
    with tempfile.TemporaryDirectory(prefix="shm-people-") as name:
        folder, cluster = Path(name), ClusterConfig(workers=workers)
        if people is None or backgrounds is None:
            sample_corpus(folder / "corpus", SampleConfig(people=count, size=size), cluster)
        if people is None:
            people, run = folder / "people.zarr", PrepareRun(sample=PrepareConfig(size=size))
            prepare_corpus(folder / "corpus", people, run, cluster)
        yield people, backgrounds or folder / "corpus" / "backgrounds"


@contextmanager
def prepared_people(people: Path | None, size: int, count: int) -> Iterator[Path]:
    """Give the user's store of people, or generated ones for the time being."""
    if people is not None:
        yield people
        return
    with people_and_backgrounds(None, None, size, count, 1) as (store, _):
        yield store
