"""The store as PyTorch sees it: batches of crops, read ahead by processes of their own."""

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from threading import Timer
from types import FrameType, TracebackType
from typing import NoReturn, TypeVar

import torch
from torch.utils.data import DataLoader, Sampler

from shm.datasets.group import Access
from shm.datasets.opening import open_sample, open_samples
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.ranks import of_rank
from shm.datasets.streaming.reader import BatchDraws, BatchReader, ReaderConfig
from shm.datasets.streaming.sources import WINDOW, Source, SourceOrder
from shm.pipeline.errors import ShmError

T = TypeVar("T")

ENDING = 1.0
"""Seconds that a process may take to end after it was noticed."""


MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**27), "MALLOC_TRIM_THRESHOLD_": str(2**29)}
"""What processes that read are told: to keep the memory that crops leave, up to 512 MiB. To ask
the system for it each time takes as long as to read them. Only glibc listens."""

PATIENCE = 5.0
"""Seconds that a stream which is closed waits for what is on its way."""


class LoaderError(ShmError, RuntimeError):
    """A loader's process ended before its time."""


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """What is streamed, and by how many.

    Parameters
    ----------
    reader : ReaderConfig
    batch : int
        Crops of a batch.
    split : str
    window : int
        Shards of a store whose samples are shuffled together.
    workers : int
        Processes that read; the batches are the same with any number. 0: none, it is done here.
    pinned : bool
        Hand batches over in memory that a GPU copies from by itself.
    """

    reader: ReaderConfig
    batch: int
    split: str = "train"
    window: int = WINDOW
    workers: int = 0
    pinned: bool = False


def training_batches(
    sources: Sequence[Source],
    config: StreamConfig,
    *,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    on_skip: Callable[[str], None] | None = None,
) -> Iterator[PackedBatch]:
    """Yield the batches of one rank without end.

    After s batches of each of `world` ranks, all stand at position `start` + s · `world` ·
    `config.batch`: a stream that starts there, of any number of ranks, carries on in the same
    order.

    Parameters
    ----------
    start : int
        Position in the order from which on there is to draw.
    rank, world : int
        Which of how many trainers.
    on_skip : callable, optional
        Told of each sample that was left out since it could not be read.

    Raises
    ------
    StoreError
        A store can't be opened, or has no sample of the split.
    DamageError
        A shard is missing or damaged; the message names it and its samples.
    LoaderError
        A process that reads has died; the message names what it was reading.
    """
    reader = config.reader
    spare = reader.on_damage == "skip"
    order = SourceOrder(
        sources,
        split=config.split,
        seed=reader.seed,
        window=config.window,
        spare=spare,
        cache=reader.cache,
    )
    sampler = RankSampler(of_rank(order, start, config.batch, rank, world))
    loader: DataLoader[PackedBatch | Exception] = DataLoader(
        BatchReader([source.path for source in sources], reader),
        batch_size=None,
        sampler=sampler,
        num_workers=config.workers,
        multiprocessing_context="spawn" if config.workers else None,  # forked codecs deadlock
        worker_init_fn=heed_the_trainer,
        pin_memory=config.pinned,
        generator=torch.Generator(),  # the trainer's own is not drawn from
    )
    batches = start_processes(loader) if config.workers else iter(loader)
    # PyTorch's own list: there is no other way to tell them from anybody else's.
    processes: Sequence[BaseProcess] = getattr(batches, "_workers", ())
    try:
        for found in batches:
            if isinstance(found, Exception):
                raise found
            sampler.done()
            for skipped in found["skipped"]:
                if on_skip is not None:
                    on_skip(skipped)
            yield found
    except GeneratorExit:
        # What is on its way is let arrive: who is ended while it sends may leave its memory behind.
        sampler.stopped = True
        late = Timer(PATIENCE, _end, [processes])
        late.start()
        with suppress(RuntimeError, OSError, EOFError):
            for _ in batches:
                pass
        late.cancel()
        raise
    except (RuntimeError, OSError, EOFError) as error:  # OSError: where its last batch breaks off
        died = [] if isinstance(error, ShmError) else _dead(processes)
        if not died:
            raise
        places = {place for place, process in enumerate(processes) if process in died}
        reading = sampler.outstanding(config.workers, places)
        raise LoaderError(_told(died[0], reading, sources, reader.cache)) from error
    finally:
        _end(processes)  # they may be at a read that never ends


class RankSampler(Sampler[BatchDraws]):
    """Batches of draws without end, and a note of those that were handed out."""

    def __init__(self, batches: Iterator[BatchDraws]) -> None:
        self._batches = batches
        self._waiting: deque[BatchDraws] = deque()
        self._first = 0
        self.stopped = False

    def __iter__(self) -> Iterator[BatchDraws]:
        for batch in self._batches:
            if self.stopped:
                return
            self._waiting.append(batch)
            yield batch

    def done(self) -> None:
        """Note that the first of the batches that were handed out has come."""
        self._waiting.popleft()
        self._first += 1

    def outstanding(self, workers: int, places: set[int]) -> list[BatchDraws]:
        """Return what each of some processes has to read next.

        They are handed batches in turn.
        """
        found: dict[int, BatchDraws] = {}
        for number, batch in enumerate(self._waiting, self._first):
            found.setdefault(number % workers, batch)
        return [batch for place, batch in sorted(found.items()) if place in places]


def _dead(processes: Sequence[BaseProcess]) -> list[BaseProcess]:
    """Return those of the loader's processes that have ended, or are about to."""
    ended = wait([process.sentinel for process in processes], ENDING)
    died = [process for process in processes if process.sentinel in ended]
    for process in died:
        process.join()
    return died


def _end(processes: Sequence[BaseProcess]) -> None:
    """End processes at whatever they are."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(2 * ENDING)
        process.kill()
        process.join()


def _told(
    died: BaseProcess,
    reading: Sequence[BatchDraws],
    sources: Sequence[Source],
    cache: CacheConfig | None,
) -> str:
    code = died.exitcode or 0
    reason = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
    if code > 0:
        return (
            f"a process that reads samples {reason}, as said above; a script that starts one does "
            'all its work below `if __name__ == "__main__":`'
        )
    try:
        stores = [open_samples(source.path, access=Access(cache=cache)) for source in sources]
        draws = [draw for batch in reading for draw in batch.draws]
        names = ", ".join(open_sample(stores[draw.store], draw.slot).id for draw in draws)
    except ShmError:
        names = "samples whose records can't be read"
    return (
        f"a process that reads samples {reason} while it read {names}: look for too little memory "
        "(fewer --workers), or at these samples; run again, it carries on"
    )


def start_processes(loader: DataLoader[T]) -> Iterator[T]:
    """Start a loader's processes, from a thread that does nothing else.

    They inherit what is blocked in it: Ctrl-C, which would meet them before they can ignore it. And
    PyTorch does not report those that die by raising in the main thread, wherever that is, as it
    does when it is started there.
    """
    resource_tracker.ensure_running()  # as it starts, it would unblock Ctrl-C
    before = dict(os.environ)
    device = torch.accelerator.current_device_index() if torch.accelerator.is_available() else None

    def start() -> Iterator[T]:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        if device is not None:
            torch.accelerator.set_device_index(device)  # each thread has its own
        return iter(loader)

    os.environ.update(MEMORY)
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(start).result()
    finally:
        for name in MEMORY:
            os.environ.pop(name)
        os.environ.update({name: before[name] for name in MEMORY if name in before})


def heed_the_trainer(_worker: int) -> None:
    """Make a loader's process ignore Ctrl-C, and end without a word when the trainer ends.

    Batches are handed over through a socket served by a thread; a trainer that Ctrl-C ended
    while it took one leaves that thread with a broken connection.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, leave)
    report = sys.excepthook

    def report_unless_left(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if not issubclass(kind, (ConnectionError, EOFError)):
            report(kind, error, trace)

    sys.excepthook = report_unless_left


def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End a loader's process and remove its socket, whatever its threads are at."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    last_word = Timer(ENDING, os._exit, [0])
    last_word.daemon = True
    last_word.start()
    sys.exit(0)
