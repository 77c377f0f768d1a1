"""Making the shards that a store still lacks."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from shm.datasets.store import Store
from shm.workflows.engine import Cluster, run_tasks
from shm.workflows.ledger import Ledger, Signatures
from shm.workflows.progress import Progress, progress
from shm.workflows.steps import Step, tell

Job = TypeVar("Job")


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """What a task says of the shard that it wrote.

    Attributes
    ----------
    shard, accepted, rejected : int
    files : dict
        Of what the shard was made from, as it was before it was read.
    """

    shard: int
    accepted: int
    rejected: int
    files: Signatures = field(default_factory=dict)


def tell_shard(shard: int, done: int, rejected: int) -> None:
    """Tell the progress bar how much of a shard is done, from the task that makes it."""
    tell(shard, done, rejected)


def missing_slots(store: Store) -> list[int]:
    """Return the slots of the shards that are not there whole."""
    missing = (shard for shard in range(store.shards) if not store.is_whole(shard))
    return [slot for shard in missing for slot in store.slots_of(shard)]


def make_missing_shards(
    store: Store,
    job_of: Callable[[int], Job],
    task: Callable[[Job], ShardReport],
    cluster: Cluster,
    ledger: Ledger,
    *,
    what: str,
    unit: str,
    first: Callable[[], None] | None = None,
    again: Collection[int] = (),
) -> None:
    """Run a task for each shard that is not there whole, then mark the store complete.

    Parameters
    ----------
    job_of : callable
        Gives a shard's job: what its task needs, and nothing more.
    task : callable
        Writes the shard.
    what, unit : str
        For the progress bar, and the ledger.
    first : callable, optional
        Called once on each worker before it gets a job; not counted in the progress bar's pace.
    again : collection of int
        Shards that have a record, and are to be made again all the same.
    """
    missing = [
        shard for shard in range(store.shards) if shard in again or not store.is_whole(shard)
    ]
    if missing and store.attributes["complete"]:
        store.mark(complete=False)
    todo = sum(len(store.slots_of(shard)) for shard in missing)
    if missing:
        with progress(what, store.slots, unit, done=store.slots - todo) as bar:
            counted = Counted(bar)
            jobs = run_tasks(
                task, map(job_of, missing), cluster, first=first, ready=bar.begin, hear=counted.hear
            )
            for report in _until_interrupted(jobs, len(missing)):
                ledger.add(
                    "shard",
                    what=what,
                    shard=report.shard,
                    accepted=report.accepted,
                    rejected=report.rejected,
                    files=report.files,
                )
                counted.end(report)
    if not store.attributes["complete"]:
        store.mark(complete=True)


def _until_interrupted(reports: Iterable[ShardReport], missing: int) -> Iterator[ShardReport]:
    """Yield reports; Ctrl-C says of how many shards the work is kept."""
    done = 0
    try:
        for report in reports:
            done += 1
            yield report
    except KeyboardInterrupt as stop:
        told = f"with {done} of {missing} shards made, which are kept"
        raise KeyboardInterrupt(told) from stop


class Counted:
    """What a progress bar counts: shards that were reported, and parts of those under way."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._under_way: dict[int, tuple[int, int]] = {}
        self._ended = deque[int](maxlen=1000)  # of these something may still be told, late

    def hear(self, step: Step) -> None:
        """Count what a task tells of its shard, `tell_shard`."""
        shard, done, rejected = step
        if shard not in self._ended:
            self._count(shard, done, rejected)

    def end(self, report: ShardReport) -> None:
        """Count a shard that is there."""
        self._count(report.shard, report.accepted + report.rejected, report.rejected)
        del self._under_way[report.shard]
        self._ended.append(report.shard)

    def _count(self, shard: int, done: int, rejected: int) -> None:
        before, rejected_before = self._under_way.get(shard, (0, 0))
        self._bar.advance(done - before, rejected - rejected_before)
        self._under_way[shard] = done, rejected
