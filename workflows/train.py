"""Stores of composites in, trained nets out."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.group import Access
from shm.datasets.opening import open_samples, slots_of_split
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.location import Location
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.loader import StreamConfig, training_batches
from shm.datasets.streaming.mixture import BLOCK
from shm.datasets.streaming.reader import OnDamage, ReaderConfig
from shm.datasets.streaming.sources import WINDOW, Source
from shm.datasets.streaming.whole import whole_samples
from shm.inference import choose_device
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest
from shm.training.config import Phase, PhaseConfig, TrainConfig
from shm.training.phase import PhaseResult, train_phase
from shm.workflows.progress import progress

NEEDED: dict[Phase, tuple[str, ...]] = {
    Phase.TNET: ("image", "trimap"),
    Phase.MNET: ("image", "alpha", "foreground", "background"),
    Phase.END_TO_END: ("image", "alpha", "trimap", "foreground", "background"),
}
"""What each phase learns from; M-Net alone is given trimaps that are drawn from alpha."""

FAR_THREADS = 8
"""Samples that a process reads at a time from stores that lie elsewhere."""


class TrainError(ShmError, ValueError):
    """The store can't be trained on."""


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """Where a run trains, and how it is fed.

    Parameters
    ----------
    device : str
    workers : int
        Processes that read; any number gives the same batches.
    on_damage : str
        ``"stop"`` at samples that can't be read, or ``"skip"`` them, and count.
    cache : CacheConfig, optional
        Where the bytes of stores that lie elsewhere are kept.
    """

    device: str = "auto"
    workers: int = 0
    on_damage: OnDamage = "stop"
    cache: CacheConfig | None = None


def train(
    sources: Sequence[Source],
    run: Path,
    config: TrainConfig,
    phases: Sequence[Phase],
    settings: TrainRun,
    *,
    pretrained: Mapping[Phase, Path] | None = None,
    note: Callable[[str], None],
) -> list[PhaseResult]:
    """Train the phases one after the other; finished ones are passed over, stopped ones resumed.

    Parameters
    ----------
    sources : sequence of Source
        Stores of composites; nets are validated on the first one's validation split.

    Raises
    ------
    ShmError
        A store is missing, damaged, not of composites or has no training split; or
        what `shm.training.train_phase` raises.
    """
    if os.environ.get("WORLD_SIZE", "1") not in ("", "1"):
        raise TrainError(
            "started as one of several processes, each of which would train it all: start it once, "
            "without torchrun"
        )
    stores = [open_trainable(source.path, settings.cache) for source in sources]
    if settings.cache is not None and all(isinstance(source.path, Path) for source in sources):
        note("--cache is for stores at URLs: not used")
    device = choose_device(settings.device)
    make_run(run)
    note(f"training on {device}, preset {config.preset}")
    weights = [source.weight for source in sources]
    shards = [store.shard for store in stores]
    data = digest(*(store.identity() for store in stores), weights, shards, WINDOW, BLOCK).hex()
    feed = Feed(
        sources=sources,
        validated=stores[0],
        slots=stores[0].slots_in("validation"),
        data=data,
        settings=settings,
    )
    return [
        train_one(phase, feed, run, config, pretrained=pretrained or {}, note=note)
        for phase in phases
    ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Feed:
    """What a run is fed with.

    `data` tells it from other data, and from another order of them; the samples in the `slots` of
    the store `validated` are what the nets are judged by.
    """

    sources: Sequence[Source]
    validated: CompositeStore
    slots: NDArray[np.int64]
    data: str
    settings: TrainRun


def train_one(
    phase: Phase,
    feed: Feed,
    run: Path,
    config: TrainConfig,
    *,
    pretrained: Mapping[Phase, Path],
    note: Callable[[str], None],
) -> PhaseResult:
    """Train one phase on the stores' training splits, validated on a validation split."""
    settings, phase_config = feed.settings, config.phase(phase)
    device = choose_device(settings.device)
    stream = stream_of(phase, config, feed.sources, settings, device)
    skipped: Counter[str] = Counter()

    def skip(damage: str) -> None:
        skipped[damage] += 1
        if skipped[damage] == 1:
            note(f"skipped: {damage}")

    def batches(step: int) -> Iterator[Any]:  # the two sides name the types of a batch each
        start = step * phase_config.batch
        return training_batches(feed.sources, stream, start=start, on_skip=skip)

    def validation() -> Iterator[Any]:
        return whole_samples(feed.validated, feed.slots, config.validation_samples)

    for _ in validation():  # what is damaged is better known now than hours later
        pass

    with progress(str(phase), phase_config.steps, "step") as bar:
        result = train_phase(
            phase,
            config,
            run=run,
            batches=batches,
            device=device,
            validation=validation if len(feed.slots) else None,
            pretrained=pretrained,
            data=feed.data,
            on_step=bar.reach,
            on_note=note,
        )
    if skipped:
        note(f"{phase}: skipped {skipped.total()} samples that could not be read")
    return replace(result, skipped=skipped.total())


def stream_of(
    phase: Phase,
    config: TrainConfig,
    sources: Sequence[Source],
    settings: TrainRun,
    device: torch.device,
) -> StreamConfig:
    """Return how a phase is fed."""
    reader = ReaderConfig(
        crop=crop_of(phase, config.phase(phase)),
        seed=f"{config.seed}/{phase}",
        names=NEEDED[phase],
        # Without an accelerator, composites are made by the processes that read.
        composite_here=device.type == "cpu",
        on_damage=settings.on_damage,
        threads=1 if all(isinstance(source.path, Path) for source in sources) else FAR_THREADS,
        cache=settings.cache,
    )
    return StreamConfig(
        reader=reader,
        batch=config.phase(phase).batch,
        workers=settings.workers,
        pinned=device.type == "cuda",
    )


def open_trainable(path: Location, cache: CacheConfig | None = None) -> CompositeStore:
    """Open a store of composites that has a training split."""
    store = open_samples(path, access=Access(cache=cache))
    if not isinstance(store, CompositeStore):
        raise TrainError(
            f"{path} holds {store.kind} photos, whose old backgrounds nobody knows: make "
            "composites of them first, with `shm-data composite`"
        )
    slots_of_split(store, "train")
    return store


def make_run(folder: Path) -> None:
    """Make the run's folder, or say why it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainError(
            f"{folder}: the run's folder can't be made ({error.strerror}): name another --run"
        ) from error


def crop_of(phase: Phase, config: PhaseConfig) -> CropConfig:
    """Return how the crops of a phase are cut.

    T-Net learns the store's own trimaps, alone and end to end. M-Net alone is given trimaps drawn
    anew each time, with a random band: the paper found that crucial (arXiv 1809.01354, 4.2).
    """
    band = (2, max(4, config.crop // 20)) if phase is Phase.MNET else None
    return CropConfig(
        sides=config.crop_sizes,
        size=config.crop,
        centred_on_unknown=config.centred_on_unknown,
        band=band,
        jitter=config.jitter,
    )
