"""Running shard tasks on Dask: the same work on this machine's cores or on a cluster."""

import logging
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar

from shm.pipeline.errors import ShmError
from shm.workflows.progress import told_if_slow
from shm.workflows.software import describe_versions, software_versions
from shm.workflows.steps import Step, hearing, telling

Job = TypeVar("Job")
Report = TypeVar("Report")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
"""One worker is one core: libraries that start threads of their own would fight over them."""


MALLOC = {
    f"distributed.nanny.pre-spawn-environ.{name}": value
    for name, value in (
        ("MALLOC_MMAP_THRESHOLD_", 2**27),
        ("MALLOC_TRIM_THRESHOLD_", 2**29),
        ("MALLOC_ARENA_MAX", 1),
    )
}
"""Pictures come and go by the megabyte: a worker keeps the memory that they leave (up to 512 MiB),
since to ask the system for it each time takes as long as the work. Dask's own choice is to give
all of it back."""


PATIENCE = 20.0
"""Seconds within which a scheduler answers: it may have been started at the same time."""


LOOK_EVERY, ALONE = 5.0, 120.0
"""Seconds after which a scheduler is asked anew how many workers it has, and for which it may have
none: a cluster that restarts them takes a while."""


FIRST = "the workers get ready: the first time on a machine they compile, for minutes"
"""What is said where that takes a while."""


FORGET_EVERY = 5000
"""Jobs after which a scheduler is told to forget that they were submitted."""


class EngineError(ShmError, RuntimeError):
    """The cluster can't be reached or got lost, or a worker died on a task."""


class VersionError(EngineError):
    """A worker has other versions than the command: its bytes might be others."""


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """Where tasks run: `workers` processes here, or the scheduler at an address."""

    workers: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise EngineError(f"{self.workers} workers: at least 1, please")
        if self.scheduler is not None and not re.fullmatch(r"(\w+://)?.+:\d+", self.scheduler):
            raise EngineError(
                f"{self.scheduler!r} is no scheduler's address: write tcp://host:8786"
            )


class SharedCluster:
    """A cluster for several calls of `run_tasks`: the first one starts it, leaving ends it."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._stack = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def client(self) -> Any:  # noqa: ANN401  (untyped)
        """Return the Dask client, once it is connected."""
        if self._client is None:
            self._client = self._stack.enter_context(connect(self._config))
        return self._client


Cluster = ClusterConfig | SharedCluster


def run_tasks(
    task: Callable[[Job], Report],
    jobs: Iterable[Job],
    cluster: Cluster,
    *,
    first: Callable[[], None] | None = None,
    ready: Callable[[], None] | None = None,
    hear: Callable[[Step], None] = lambda _: None,
) -> Iterator[Report]:
    """Run the task on every job and yield the reports as they come, in any order.

    Only a few jobs a worker are in flight at a time, so neither the scheduler nor this process
    grows with the corpus. `first` is called on each worker that is there before any job: for what
    is slow the first time, like compiling; a worker that joins later has to do it in its first
    job. `ready` is called here when they are, and `hear` with what tasks `tell` while they run: in
    the order of each, and where a worker died, once more from the start.

    Raises
    ------
    EngineError
        The scheduler can't be reached, or a job killed its worker.
    Exception
        What a task raised.
    """
    waiting = iter(jobs)
    news = SimpleQueue[Any]()
    with (
        connect(cluster) as client,
        _told_in_a_line(client),
        hearing(client, news.put) as run,
    ):
        checked = partial(_with_own_versions, task, software_versions(), run)
        _require_versions(client)
        if first is not None:
            with told_if_slow(FIRST):
                _call_first(client, first)
        if ready is not None:
            ready()
        room = _Room(client)
        running: set[Any] = set()
        submitted = 0
        while True:
            # One comes for each that ended, and more where a worker has joined.
            for job in islice(waiting, max(0, room.jobs() - len(running))):
                running.add(future := client.submit(checked, job, pure=False))
                future.add_done_callback(news.put)
                submitted += 1
                if submitted % FORGET_EVERY == 0:
                    _forget_submissions(client)
            if not running:
                return
            done = _next_ended(news, room, hear)
            running.difference_update(done)
            reports: list[Report] = client.gather(done)
            yield from reports


def _next_ended(news: "SimpleQueue[Any]", room: "_Room", hear: Callable[[Step], None]) -> list[Any]:
    """Wait for a future that ends, and for workers no longer than `ALONE`; return all that have."""
    done: list[Any] = []
    while not done or not news.empty():
        try:
            told = news.get(timeout=LOOK_EVERY)
        except Empty:
            room.require_workers()
            continue
        if isinstance(told, tuple):
            hear(told)
        else:
            done.append(told)
    return done


def _forget_submissions(client: Any) -> None:  # noqa: ANN401  (untyped)
    """Have the scheduler forget that single jobs were submitted: of each it keeps 350 bytes.

    Dask notes each submission in the span that it belongs to, and ours belong to one that lasts as
    long as the command. A scheduler that has no `shm` to be asked with keeps them.
    """
    with suppress(ModuleNotFoundError):
        client.run_on_scheduler(_drop_submissions)


def _drop_submissions(dask_scheduler: Any) -> None:  # noqa: ANN401  (untyped)
    """Drop the notes; runs in the scheduler."""
    spans = getattr(dask_scheduler.extensions.get("spans"), "spans", {})
    for span in spans.values():
        noted = (getattr(span, "_metadata", None) or {}).get("collections", [])
        noted[:] = [each for each in noted if each != {"type": "Future"}]


class _Room:
    """How many jobs to have at a cluster: two a worker, so that none waits for the next."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401  (untyped)
        self._client = client
        self._asked = -LOOK_EVERY
        self._workers = 1
        self._seen = time.monotonic()

    def jobs(self) -> int:
        """Return the number; workers that joined are seen after a while."""
        self._look()
        return 2 * max(1, self._workers)

    def require_workers(self) -> None:
        """Raise `EngineError` where no worker has been there for `ALONE` seconds."""
        self._look()
        if time.monotonic() - self._seen > ALONE:
            raise EngineError(
                f"no worker has been at {self._client.scheduler.address} for {ALONE:.0f} s: start "
                "some, then run the command again, which carries on"
            )

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._asked > LOOK_EVERY:
            self._workers = len(self._client.ncores())
            self._asked = now
        if self._workers:
            self._seen = now


@contextmanager
def _told_in_a_line(client: Any) -> Iterator[None]:  # noqa: ANN401  (untyped)
    """Turn what a dying cluster raises into what to do about it."""
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    again = "then run the command again, which carries on"
    try:
        yield
    except KilledWorker as error:
        raise EngineError(
            "a worker died several times on one task, most often for want of memory: try fewer "
            f"--workers or a smaller --size, {again}"
        ) from error
    except (FutureCancelledError, CommClosedError, CancelledError) as error:
        raise EngineError(
            f"the scheduler at {client.scheduler.address} is gone: start it and workers, {again}"
        ) from error


def _with_own_versions(
    task: Callable[[Job], Report], expected: Mapping[str, str], run: str, job: Job
) -> Report:
    """Run a task unless this worker, which may have joined late, has other versions."""
    problem = describe_versions(expected, _own_versions())
    if problem:
        raise VersionError(f"a worker has {problem}: {VERSION_CURE}")
    with telling(run):
        return task(job)


VERSION_CURE = "install the same versions on all machines, and run the command again to carry on"


@cache
def _own_versions() -> dict[str, str]:
    return software_versions()


def _require_versions(client: Any) -> None:  # noqa: ANN401  (untyped)
    """Raise `VersionError` where a worker that is there has other versions than this process."""
    own = software_versions()
    for address, theirs in client.run(software_versions, on_error="return").items():
        if isinstance(theirs, ModuleNotFoundError):
            raise VersionError(f"the worker at {address} has no {theirs.name}: {VERSION_CURE}")
        if isinstance(theirs, Exception):
            raise EngineError(
                f"the worker at {address} does not answer ({type(theirs).__name__}): stop it, "
                "and run the command again"
            )
        problem = describe_versions(own, theirs)
        if problem:
            raise VersionError(f"the worker at {address} has {problem}: {VERSION_CURE}")


def _call_first(client: Any, first: Callable[[], None]) -> None:  # noqa: ANN401  (untyped)
    try:
        client.run(first)
    except OSError as error:  # its connection closed
        raise EngineError(
            "a worker died before its first job, most often for want of memory: try fewer --workers"
        ) from error


@contextmanager
def connect(cluster: Cluster) -> Iterator[Any]:
    """Yield a Dask client of a local cluster, or of the one at `cluster.scheduler`."""
    import dask
    from distributed import Client
    from distributed.utils import silence_logging_cmgr

    if isinstance(cluster, SharedCluster):
        yield cluster.client
        return
    if cluster.scheduler is not None:
        try:
            client = Client(cluster.scheduler, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {cluster.scheduler}: start one with "
                "`dask scheduler`, or leave --scheduler out to use this machine"
            ) from error
        # What Dask logs of a lost connection, tracebacks and all, is told in a line by who asks.
        with silence_logging_cmgr(logging.CRITICAL), client:
            if not client.ncores():
                raise EngineError(
                    f"the scheduler at {cluster.scheduler} has no workers: start some with "
                    f"`dask worker {cluster.scheduler}`"
                )
            yield client
        return
    with dask.config.set(MALLOC), ExitStack() as stack:
        with _interrupts_held_back():
            try:
                local = stack.enter_context(_local_cluster(cluster.workers))
            except (OSError, RuntimeError) as error:  # a TimeoutError is an OSError
                raise EngineError(
                    f"the workers could not be started ({' '.join(str(error).split())}): run the "
                    "command again, perhaps with fewer --workers"
                ) from error
            client = stack.enter_context(Client(local, set_as_default=False))
        yield client


def _local_cluster(workers: int) -> Any:  # noqa: ANN401  (untyped)
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        # Its port is 8787 even so, and two commands at once would warn of each other.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL,  # what matters comes back as an exception
        env=dict.fromkeys(THREAD_VARIABLES, "1"),
    )


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Hear Ctrl-C only afterwards, and have what is started meanwhile never hear it.

    A terminal sends it to every process of a command. It is for the command to end its workers, in
    order; threads and processes inherit what their starter does not hear.
    """
    resource_tracker.ensure_running()  # which would unblock it for who starts the first worker
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
