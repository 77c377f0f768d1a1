"""A store of composites in, trained nets out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shm.datasets.composites.store import CompositeStore
from shm.datasets.damage import StoreError
from shm.datasets.opening import open_samples
from shm.datasets.stream import CropConfig, training_batches, whole_samples
from shm.inference import choose_device
from shm.pipeline.errors import ShmError
from shm.training.config import Phase, PhaseConfig, TrainConfig
from shm.training.phase import PhaseResult, train_phase
from shm.workflows.progress import progress


class TrainError(ShmError, ValueError):
    """The store can't be trained on."""


@dataclass(frozen=True, kw_only=True)
class TrainRun:
    """Where a run trains, and how many processes feed it; neither changes a batch."""

    device: str = "auto"
    workers: int = 0


def train(
    store_path: Path,
    run: Path,
    config: TrainConfig,
    phases: Sequence[Phase],
    settings: TrainRun,
    *,
    pretrained: Mapping[Phase, Path] | None = None,
    note: Callable[[str], None],
) -> list[PhaseResult]:
    """Train the phases one after the other; finished ones are passed over, stopped ones resumed.

    Raises
    ------
    ShmError
        The store is missing, damaged, not of composites or has no training split; or
        what `shm.training.train_phase` raises.
    """
    store = open_trainable(store_path)
    device = choose_device(settings.device)
    note(f"training on {device}, preset {config.preset}")
    return [
        train_one(phase, store, run, config, settings, pretrained=pretrained or {}, note=note)
        for phase in phases
    ]


def train_one(
    phase: Phase,
    store: CompositeStore,
    run: Path,
    config: TrainConfig,
    settings: TrainRun,
    *,
    pretrained: Mapping[Phase, Path],
    note: Callable[[str], None],
) -> PhaseResult:
    """Train one phase on the store's training split, validated on its validation split."""
    phase_config = config.phase(phase)
    crop = crop_of(phase, phase_config)

    def batches(start: int) -> Iterator[Any]:
        return training_batches(
            store.path,
            crop=crop,
            batch=phase_config.batch,
            seed=f"{config.seed}/{phase}",
            start=start,
            workers=settings.workers,
        )

    has_validation = any(True for _ in store.samples("validation"))

    def validation() -> Iterator[Any]:
        return whole_samples(store.path, "validation", config.validation_samples)

    with progress(str(phase), phase_config.steps, "step") as bar:
        return train_phase(
            phase,
            config,
            run=run,
            batches=batches,
            device=choose_device(settings.device),
            validation=validation if has_validation else None,
            pretrained=pretrained,
            data=store.identity(),
            on_step=bar.reach,
            on_note=note,
        )


def open_trainable(path: Path) -> CompositeStore:
    """Open a store of composites that has a training split."""
    store = open_samples(path)
    if not isinstance(store, CompositeStore):
        raise TrainError(
            f"{path} holds {store.kind} photos, whose old backgrounds nobody knows: make "
            "composites of them first, with `shm-data composite`"
        )
    if not len(store.slots_in("train")):
        raise StoreError(f"{path}: the training split has no samples")
    return store


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
    )
