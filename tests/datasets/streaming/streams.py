"""A store to stream, and short ways to do it."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from shm.datasets.composites.planning import RecipeConfig
from shm.datasets.composites.store import Form
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.loader import StreamConfig, training_batches
from shm.datasets.streaming.packing import PackedBatch
from shm.datasets.streaming.reader import OnDamage, ReaderConfig
from shm.datasets.streaming.sources import Source
from shm.training.prefetch import prefetched
from tests.datasets.stores import write_store

CROP = CropConfig(sides=(16, 24, 32), size=32, band=(1, 4))

PEOPLE, EACH = 14, 10
SAMPLES = 90
"""Of the training split, in three shards."""


def write_wide(path: Path, form: Form = "lazy") -> Path:
    """Write a store of several shards: ten composites of each of 14 people, 9 to train on."""
    config = RecipeConfig(per_foreground=EACH)
    write_store(path, PEOPLE, form=form, config=config, backgrounds=8)
    return path


def stream_config(
    batch: int = 3,
    *,
    workers: int = 0,
    threads: int = 1,
    on_damage: OnDamage = "stop",
    pinned: bool = False,
) -> StreamConfig:
    reader = ReaderConfig(crop=CROP, seed="s", threads=threads, on_damage=on_damage)
    return StreamConfig(reader=reader, batch=batch, window=2, workers=workers, pinned=pinned)


def stream(
    path: Path,
    batch: int = 3,
    *,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    on_skip: Callable[[str], None] | None = None,
    **config: Any,
) -> Iterator[PackedBatch]:
    """Stream one store's training split without end."""
    return training_batches(
        [Source(path=path)],
        stream_config(batch, **config),
        start=start,
        rank=rank,
        world=world,
        on_skip=on_skip,
    )


def ids(batches: Iterator[PackedBatch], count: int) -> list[str]:
    """Return the ids of the next so many batches, one after the other."""
    return [name for batch in islice(batches, count) for name in batch["id"]]


class Ready:
    """A batch that waits on no device."""

    def __init__(self, raw: PackedBatch) -> None:
        self.raw = raw

    def record_stream(self, stream: torch.Stream) -> None:
        """Wait for nobody."""


def from_a_thread(batches: Iterator[PackedBatch]) -> Iterator[PackedBatch]:
    """Yield batches as the trainer has them."""
    with prefetched(batches, torch.device("cpu"), Ready) as ready:
        for each in ready:
            yield each.raw


def assert_same(one: PackedBatch, other: PackedBatch) -> None:
    """Assert that two batches have the same samples, crops and bytes."""
    assert (one["id"], one["crops"]) == (other["id"], other["crops"])
    assert torch.equal(one["pixels"], other["pixels"])
