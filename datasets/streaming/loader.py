"""The store as PyTorch sees it: batches of crops, read ahead by processes of their own."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from threading import Timer

import torch
from torch.utils.data import DataLoader

from shm.datasets.group import Access
from shm.datasets.opening import open_sample, open_samples
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.processes import (
    context,
    dead_among,
    end_processes,
    heed_the_trainer,
    start_processes,
)
from shm.datasets.streaming.ranks import of_rank
from shm.datasets.streaming.reader import BatchDraws, BatchReader, ReaderConfig
from shm.datasets.streaming.requests import Requests
from shm.datasets.streaming.sources import WINDOW, Source, SourceOrder
from shm.pipeline.errors import ShmError

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
        Hand batches over in memory that a GPU copies from by itself, where there is one.
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
    order = SourceOrder(
        sources,
        split=config.split,
        seed=config.reader.seed,
        window=config.window,
        spare=config.reader.on_damage == "skip",
        cache=config.reader.cache,
    )
    requests = Requests(of_rank(order, start, config.batch, rank, world), config.workers)
    loader = _loader(sources, config, requests)
    batches = start_processes(loader) if config.workers else iter(loader)
    # PyTorch's own list: there is no other way to tell them from anybody else's.
    processes: Sequence[BaseProcess] = getattr(batches, "_workers", ())
    try:
        for found in batches:
            if isinstance(found, Exception):
                raise found
            batch = requests.arrived(found)
            for skipped in batch["skipped"]:
                if on_skip is not None:
                    on_skip(skipped)
            yield batch
    except GeneratorExit:
        requests.stop()
        if not sys.is_finalizing():  # threads no longer start, and all processes are gone
            _drain(batches, processes)
        raise
    except (RuntimeError, OSError, EOFError) as error:  # OSError: where its last batch breaks off
        died = [] if isinstance(error, ShmError) else dead_among(processes)
        if not died:
            raise
        places = {place for place, process in enumerate(processes) if process in died}
        reading = requests.outstanding(places)
        raise LoaderError(_told(died[0], reading, sources, config.reader.cache)) from error
    finally:
        end_processes(processes)  # they may be at a read that never ends


def _loader(
    sources: Sequence[Source], config: StreamConfig, requests: Requests
) -> DataLoader[PackedBatch | Exception]:
    return DataLoader(
        BatchReader([source.path for source in sources], config.reader),
        batch_size=None,
        sampler=requests,
        num_workers=config.workers,
        multiprocessing_context=context() if config.workers else None,
        worker_init_fn=partial(heed_the_trainer, environment=dict(os.environ)),
        pin_memory=config.pinned and torch.accelerator.is_available(),
        generator=torch.Generator(),  # the trainer's own is not drawn from
    )


def _drain(batches: Iterator[object], processes: Sequence[BaseProcess]) -> None:
    """Let what is on its way arrive: who is ended while it sends may leave its memory behind."""
    late = Timer(PATIENCE, end_processes, [processes])
    late.start()
    try:
        with suppress(RuntimeError, OSError, EOFError):
            for _ in batches:
                pass
    finally:
        late.cancel()


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
    hint = "look for too little memory (fewer --workers), or at these samples; "
    return (
        f"a process that reads samples {reason} while it read {names}: "
        f"{hint if code == -signal.SIGKILL else ''}run again, it carries on"
    )
