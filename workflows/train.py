"""Stores of composites in, trained nets out."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shm.datasets.composites.store import CompositeStore
from shm.datasets.files import write_bytes
from shm.datasets.group import Access
from shm.datasets.opening import Samples, open_samples, slots_of_split
from shm.datasets.storage.cached import CacheConfig
from shm.datasets.storage.location import Location
from shm.datasets.streaming.crop import CropConfig
from shm.datasets.streaming.loader import StreamConfig, training_batches
from shm.datasets.streaming.mixture import BLOCK
from shm.datasets.streaming.reader import OnDamage, ReaderConfig
from shm.datasets.streaming.sources import WINDOW, Source
from shm.datasets.streaming.whole import evenly, whole_samples
from shm.inference import choose_device
from shm.pipeline.errors import ShmError
from shm.pipeline.seed import digest
from shm.training.config import PhaseConfig, TrainConfig
from shm.training.objectives import OBJECTIVES
from shm.training.phase import PhaseResult, require_divisible, train_phase
from shm.training.phase_checkpoint import PhaseCheckpoints
from shm.training.phases import Phase
from shm.training.presets import to_toml
from shm.training.ranks import Ranks, joined
from shm.workflows.lock import locked
from shm.workflows.progress import progress

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
    pretrained: Mapping[str, Path] | None = None,
    note: Callable[[str], None],
) -> list[PhaseResult]:
    """Train the phases one after the other; finished ones are passed over, stopped ones resumed.

    Parameters
    ----------
    sources : sequence of Source
        Stores of composites, or of people where no loss reads backgrounds; nets are validated on
        the first one's validation split.
    pretrained : mapping, optional
        Checkpoints by net (``"tnet"``, ``"mnet"``, ``"dim"``): the first of the phases with that
        net starts from it.

    Raises
    ------
    ShmError
        A store is missing, damaged, lacks what the losses read or has no training split; or
        what `shm.training.train_phase` raises.
    """
    given = given_to(phases, pretrained or {}, config)
    stores = [open_trainable(source.path, config, phases, settings.cache) for source in sources]
    weights = [source.weight for source in sources]
    shards = [store.shard for store in stores]
    described = [_described(*each) for each in zip(sources, stores, strict=True)]
    identities = [each["sha256"] for each in described]
    data = digest(*identities, weights, shards, WINDOW, BLOCK).hex()
    with joined(choose_device, settings.device) as (ranks, device), ExitStack() as held:
        say = note if ranks.first else _silent
        if settings.cache is not None and all(isinstance(source.path, Path) for source in sources):
            say("--cache is for stores at URLs: not used")
        make_run(run)
        hold(run, ranks, held)
        say(f"training on {device}, preset {config.preset}{_together(ranks, device, config)}")
        if device.type == "cpu" and config.loop.precision != "fp32":
            say(
                f"{config.loop.precision} is slow on processors without instructions for it: "
                "--precision fp32 may be quicker"
            )
        feed = Feed(
            sources=sources,
            validated=stores[0],
            slots=stores[0].slots_in("validation"),
            data=data,
            stores=described,
            settings=settings,
            ranks=ranks,
            device=device,
        )
        for phase in phases:
            PhaseCheckpoints(run / phase.value, phase, config, data).require_same_settings()
        if ranks.first:
            write_config(run, config)
        return [
            train_one(phase, feed, run, config, pretrained=given[phase], note=say)
            for phase in phases
        ]


def hold(run: Path, ranks: Ranks, held: ExitStack) -> None:
    """Hold the run's folder by the first process; where it can't, all of them raise why."""
    refusal = None
    if ranks.first:
        try:
            held.enter_context(locked(run, "shm train", inside=True))
        except ShmError as error:
            refusal = str(error)
    refusals = [each for each in ranks.gather(refusal) if each]
    if refusals:
        raise TrainError(refusals[0])


def given_to(
    phases: Sequence[Phase], pretrained: Mapping[str, Path], config: TrainConfig
) -> dict[Phase, dict[str, Path]]:
    """Give each net's checkpoint to the first of the phases with that net; others go on from there.

    Raises
    ------
    ConfigError
        The recipe has no such phase.
    TrainError
        No phase has a net that a checkpoint is given for.
    """
    for phase in phases:
        config.phase(phase)
    given: dict[Phase, dict[str, Path]] = {phase: {} for phase in phases}
    for net, path in pretrained.items():
        takers = [phase for phase in phases if net in phase.nets]
        if not takers:
            raise TrainError(
                f"--{net} {path}: {', '.join(phases)} of the recipe {config.preset} train no {net}"
            )
        given[takers[0]][net] = path
    return given


def _silent(_: str) -> None:
    """Leave it to the first process to talk."""


def _together(ranks: Ranks, device: torch.device, config: TrainConfig) -> str:
    """Say how many processes train, and what they can't do together."""
    if ranks.world == 1:
        return ""
    alone = device.type != "cuda" or not config.loop.sync_batch_norm
    apart = "; batch normalisation is each process's own" if alone else ""
    return f", {ranks.world} processes{apart}"


def write_config(run: Path, config: TrainConfig) -> None:
    """Write the effective configuration as a recipe, ``config.toml``."""
    write_bytes(run / "config.toml", to_toml(config).encode())


@dataclass(frozen=True, kw_only=True, eq=False)
class Feed:
    """What a run is fed with.

    `data` tells it from other data, and from another order of them, `stores` what they are; the
    samples in the `slots` of the store `validated` are what the nets are judged by.
    """

    sources: Sequence[Source]
    validated: Samples
    slots: NDArray[np.integer]
    data: str
    stores: Sequence[Mapping[str, Any]] = ()
    settings: TrainRun
    ranks: Ranks
    device: torch.device


def train_one(
    phase: Phase,
    feed: Feed,
    run: Path,
    config: TrainConfig,
    *,
    pretrained: Mapping[str, Path],
    note: Callable[[str], None],
) -> PhaseResult:
    """Train one phase on the stores' training splits, validated on a validation split."""
    phase_config, ranks = config.phase(phase), feed.ranks
    stream = stream_of(phase, config, feed)
    skipped: Counter[str] = Counter()

    def skip(damage: str) -> None:
        skipped[damage] += 1
        if skipped[damage] == 1:
            note(f"skipped: {damage}")

    def batches(step: int) -> Iterator[Any]:  # the two sides name the types of a batch each
        start = step * phase_config.batch
        return training_batches(
            feed.sources, stream, start=start, rank=ranks.rank, world=ranks.world, on_skip=skip
        )

    chosen = evenly(feed.slots, config.loop.validation_samples)[ranks.rank :: ranks.world]

    def validation() -> Iterator[Any]:
        return whole_samples(feed.validated, chosen)

    for _ in validation():  # what is damaged is better known now than hours later
        pass

    with progress(str(phase), phase_config.steps, "step", shown=ranks.first) as bar:
        result = train_phase(
            phase,
            config,
            run=run,
            batches=batches,
            device=feed.device,
            ranks=ranks,
            validation=validation if len(feed.slots) else None,
            pretrained=pretrained,
            data=feed.data,
            stores=feed.stores,
            on_step=bar.reach,
            on_note=note,
        )
    if skipped:
        note(f"{phase}: skipped {skipped.total()} samples that could not be read")
    return replace(result, skipped=skipped.total())


def _described(source: Source, store: Samples) -> dict[str, Any]:
    """Return what checkpoints tell of a store; not where it lies, which is nobody's business."""
    return {
        "name": str(source.path).rstrip("/").rpartition("/")[2],
        "kind": store.kind,
        "sha256": store.identity(),
        "weight": source.weight,
        "samples": {split: len(store.slots_in(split)) for split in ("train", "validation")},
    }


def stream_of(phase: Phase, config: TrainConfig, feed: Feed) -> StreamConfig:
    """Return how a phase is fed."""
    settings, phase_config = feed.settings, config.phase(phase)
    near = all(isinstance(source.path, Path) for source in feed.sources)
    reader = ReaderConfig(
        crop=crop_of(phase_config),
        seed=f"{config.seed}/{phase}",
        names=needed(phase, config),
        # Without an accelerator, composites are made by the processes that read.
        composite_here=feed.device.type == "cpu",
        on_damage=settings.on_damage,
        threads=1 if near else FAR_THREADS,
        cache=settings.cache,
    )
    return StreamConfig(
        reader=reader,
        batch=require_divisible(phase, phase_config.batch, phase_config.accumulate, feed.ranks),
        workers=settings.workers,
        pinned=feed.device.type == "cuda",
    )


def needed(phase: Phase, config: TrainConfig) -> tuple[str, ...]:
    """Return the arrays of a sample that a phase learns from."""
    objective = OBJECTIVES[phase]
    names = ["image"]
    if not config.phase(phase).trimap_band:
        names.append("trimap")
    if objective.reads_alpha:
        names.append("alpha")
    if objective.reads_colours(config.losses):
        names += ["foreground", "background"]
    return tuple(names)


def open_trainable(
    path: Location,
    config: TrainConfig,
    phases: Sequence[Phase],
    cache: CacheConfig | None = None,
) -> Samples:
    """Open a store that has a training split and what the losses of the phases read."""
    store = open_samples(path, access=Access(cache=cache))
    reads = any(OBJECTIVES[phase].reads_colours(config.losses) for phase in phases)
    if reads and not isinstance(store, CompositeStore):
        raise TrainError(
            f"{path} holds {store.kind} photos, whose old backgrounds nobody knows: make "
            "composites of them first, with `shm-data composite`, or compare what the matte makes "
            "of the photo alone, with --set losses.composition=observed"
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


def crop_of(config: PhaseConfig) -> CropConfig:
    """Return how the crops of a phase are cut."""
    band = config.trimap_band
    return CropConfig(
        sides=config.crop_sizes,
        size=config.crop,
        centred_on_unknown=config.centred_on_unknown,
        flip=config.flip,
        band=(band[0], band[1]) if band else None,
        jitter=config.jitter,
    )
