"""Making the shards that a store still lacks."""

from collections.abc import Callable
from typing import TypeVar

from shm.datasets.store import Store
from shm.workflows.engine import Cluster, run_tasks
from shm.workflows.progress import progress

Job = TypeVar("Job")


def make_missing_shards(
    store: Store,
    job_of: Callable[[int], Job],
    task: Callable[[Job], tuple[int, int]],
    cluster: Cluster,
    *,
    what: str,
    unit: str,
    first: Callable[[], None] | None = None,
) -> None:
    """Run a task for each shard that has no record yet, then mark the store complete.

    Parameters
    ----------
    job_of : callable
        Gives a shard's job: what its task needs, and nothing more.
    task : callable
        Writes the shard; returns (accepted, rejected).
    what, unit : str
        For the progress bar.
    first : callable, optional
        Called once on each worker before it gets a job; not counted in the progress bar's pace.
    """
    missing = [shard for shard in range(store.shards) if not store.has_shard(shard)]
    todo = sum(len(store.slots_of(shard)) for shard in missing)
    if missing:
        with progress(what, store.slots, unit, done=store.slots - todo) as bar:
            jobs = run_tasks(task, map(job_of, missing), cluster, first=first, ready=bar.begin)
            for accepted, rejected in jobs:
                bar.advance(accepted + rejected, rejected)
    if not store.attributes["complete"]:
        store.mark(complete=True)
