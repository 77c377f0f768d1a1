"""What `benchmarks/training.py` trains: which phases, on what, and for how many steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from shm.datasets.opening import open_samples
from shm.datasets.streaming.loader import training_batches
from shm.datasets.streaming.sources import Source
from shm.models import MattingModel, build_model
from shm.training.batch import LAYOUT, Batch, to_device
from shm.training.config import TrainConfig
from shm.training.objectives import OBJECTIVES
from shm.training.phases import Phase, model_of
from shm.training.ranks import Ranks
from shm.training.start import seed_torch
from shm.workflows.train import Feed, TrainRun, stream_of


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured.

    Parameters
    ----------
    store : Path
    config : TrainConfig
        Its phases have `warm` + `steps` steps.
    phases : tuple of Phase
    device : ``"cpu"`` or ``"cuda"``
    workers : int
        Processes that read for our side.
    warm, steps : int
        Steps that don't count, at least one, and steps that do.
    threads : int, optional
        Of PyTorch in the process that trains; its own choice without it.
    """

    store: Path
    config: TrainConfig
    phases: tuple[Phase, ...]
    device: str
    workers: int
    warm: int
    steps: int
    threads: int | None = None

    @property
    def layout(self) -> torch.memory_format:
        """Return how our side's images and weights lie in memory."""
        return LAYOUT if self.config.loop.channels_last else torch.contiguous_format

    def feed(self, workers: int = 0) -> Feed:
        """Return what feeds a phase."""
        return Feed(
            sources=[Source(path=self.store)],
            validated=open_samples(self.store),
            slots=np.empty(0, np.int64),
            data="",
            settings=TrainRun(device=self.device, workers=workers),
            ranks=Ranks(),
            device=torch.device(self.device),
        )

    def model(self, phase: Phase) -> MattingModel:
        """Build a phase's nets, on the device, contiguous; their weights are the same each time."""
        seed_torch(self.config.seed, phase, "weights")
        return build_model(model_of(phase.nets, self.config.model)).to(self.device)

    def stream(self, phase: Phase, workers: int) -> Iterator[Any]:
        """Return what `shm train` streams for a phase: raw batches."""
        feed = self.feed(workers)
        return training_batches(feed.sources, stream_of(phase, self.config, feed))

    def batches(self, phase: Phase) -> Iterator[Batch]:
        """Yield our side's batches of a phase, made here."""
        for raw in self.stream(phase, workers=0):
            yield to_device(
                raw,
                torch.device(self.device),
                self.config.phase(phase).crop,
                mattes=OBJECTIVES[phase].reads_alpha,
                layout=self.layout,
            )

    def synchronize(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()
