"""One contender, measured in the process that calls this: its pace, its start, its memory."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, set_start_method
from pathlib import Path

from benchmarks.common import family
from benchmarks.peers.contender import Batch, Loading, contender
from benchmarks.peers.samples import PARTS

LOOKS = 8
"""How often memory is looked at, a batch between two looks."""

MOST_OFF = 6.0
"""Levels that JPEG may put a pixel off, on the average of a batch."""


START = "fork" if "fork" in get_all_start_methods() else None
"""How loaders start their workers, unless they say: as they do on Linux, and the quickest way."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """How long a contender runs, in seconds: until it counts, and while it does."""

    warm: float
    counted: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds to the first batch, crops a second, processor seconds a crop, most bytes held."""

    first: float
    pace: float
    busy: float
    held: float


class CropsAreWrongError(ValueError):
    """A contender gave something else than was asked for."""


def measure(name: str, folder: Path, loading: Loading, span: Span) -> Measured:
    """Stream crops for some seconds.

    The clock of the first batch starts where everything is imported. Memory is looked at
    afterwards, while batches are still taken.
    """
    import torch

    set_start_method(START, force=True)  # this process was spawned, and would spawn, too
    torch.set_num_threads(1)
    one = contender(name)
    began = time.perf_counter()
    with closing(one.batches(folder, loading)) as batches:
        batch = next(batches)
        first = time.perf_counter() - began
        check(name, batch, loading)
        stream(batches, span.warm)
        busy = family.processor_seconds()
        count, seconds = stream(batches, span.counted)
        busy = family.processor_seconds() - busy
        held = []
        for _ in range(LOOKS):
            batch = next(batches)
            held.append(family.held())
        check(name, batch, loading)
    crops = count * loading.batch
    return Measured(first=first, pace=crops / seconds, busy=busy / crops, held=max(held))


def stream(batches: Iterator[Batch], seconds: float) -> tuple[int, float]:
    """Take batches for so long, at least one; returns how many, and the seconds they took."""
    count, began = 0, time.perf_counter()
    while True:
        next(batches)
        count += 1
        passed = time.perf_counter() - began
        if passed >= seconds:
            return count, passed


def check(name: str, batch: Batch, loading: Loading) -> None:
    """Raise where a batch is not of ready crops: shape, type, and that its parts fit each other.

    Raises
    ------
    CropsAreWrongError
        The message says what is wrong.
    """
    import torch

    for part in PARTS:
        shape = (loading.batch, 1 if part == "alpha" else 3, loading.side, loading.side)
        found = batch[part]
        dense = found.is_contiguous() or found.is_contiguous(memory_format=torch.channels_last)
        if found.dtype != torch.uint8 or found.shape != shape or not dense:
            raise CropsAreWrongError(
                f"{name}: {part} is {found.dtype} of {tuple(found.shape)}, with strides "
                f"{found.stride()}, not contiguous uint8 of {shape}"
            )
    soft = (batch["alpha"] > 0) & (batch["alpha"] < 255)
    if soft.flatten(1).any(1).float().mean() < 0.5:  # an unknown pixel may be far from soft ones
        raise CropsAreWrongError(f"{name}: most crops have no soft pixel: they are not around one")
    alpha = batch["alpha"].float() / 255
    made = alpha * batch["foreground"] + (1 - alpha) * batch["background"]
    off = float((made - batch["image"]).abs().mean())
    if off > MOST_OFF:
        raise CropsAreWrongError(
            f"{name}: images are not their foregrounds on their backgrounds, but {off:.1f} levels "
            f"off, more than {MOST_OFF}: parts are cut differently, or of different samples"
        )
