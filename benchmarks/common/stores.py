"""A store of people and a folder of backgrounds: those of the user, or generated ones."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shm.datasets.sample import SampleConfig
from shm.pipeline.prepare import PrepareConfig
from shm.workflows.engine import ClusterConfig, connect
from shm.workflows.prepare import PrepareRun, prepare_corpus
from shm.workflows.sample import sample_corpus


@contextmanager
def started(cluster: ClusterConfig) -> Iterator[ClusterConfig]:
    """Start a cluster for several calls, unless it is there already; gives its address."""
    if cluster.scheduler is not None:
        yield cluster
        return
    with connect(cluster) as client:
        yield ClusterConfig(workers=cluster.workers, scheduler=client.scheduler.address)


@contextmanager
def people_and_backgrounds(
    people: Path | None, backgrounds: Path | None, size: int, count: int, cluster: ClusterConfig
) -> Iterator[tuple[Path, Path]]:
    """Give those of the user, or generated ones for the time being."""
    with tempfile.TemporaryDirectory(prefix="shm-people-") as name:
        corpus, made = Path(name) / "corpus", Path(name) / "people.zarr"
        if people is None or backgrounds is None:
            with started(cluster) as running:
                sample_corpus(corpus, SampleConfig(people=count, size=size), running)
                if people is None:
                    run = PrepareRun(sample=PrepareConfig(size=size))
                    prepare_corpus(corpus, made, run, running)
        yield people or made, backgrounds or corpus / "backgrounds"


@contextmanager
def prepared_people(people: Path | None, size: int, count: int) -> Iterator[Path]:
    """Give the user's store of people, or generated ones for the time being."""
    if people is not None:
        yield people
        return
    with people_and_backgrounds(None, None, size, count, ClusterConfig()) as (store, _):
        yield store
