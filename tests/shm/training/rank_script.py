"""Trains small nets as one of however many processes; each tells what it saw in a file of its own.

Run as ``python -m tests.shm.training.rank_script FOLDER`` with torchrun's variables, or called.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from shm.inference import choose_device
from shm.training.batch import RawBatch, RawSamples
from shm.training.config import TrainConfig
from shm.training.optimiser import OptimiserConfig
from shm.training.phase import TrainingError, train_phase
from shm.training.phases import Phase
from shm.training.ranks import Ranks, joined
from tests.shm.training.raw_batches import packed
from tests.shm.training.small_runs import (
    SIDE,
    crop,
    dim_config,
    sample,
    stacked,
    train_config,
    with_phase,
)

STEPS = 3
BATCH = 4
VALIDATED = 3
BAD = "1-3"
"""The sample whose colours are no numbers: the last of the second step, the last process's."""

FAST = OptimiserConfig(kind="sgd", learning_rate=1.0, momentum=0.0)
"""Nets whose batch normalisation does nothing yet, or that have none, hardly move with less."""

BEGUN = "-begun"
"""What the names of runs that take no step, and are judged as they begin, end with."""


PARTS = "-parts"
"""What the names of runs that take a batch in parts end with; only several processes do."""


def batches(start: int, ranks: Ranks, parts: int, bad: str | None = None) -> Iterator[RawBatch]:
    """Yield what one process takes of the batches from a step on, a part at a time."""
    share = BATCH // ranks.world // parts
    step = start
    while True:
        for part in range(parts):
            first = (ranks.rank * parts + part) * share
            names = [f"{step}-{index}" for index in range(first, first + share)]
            crops = [crop(sample(step, index)) for index in range(first, first + share)]
            nothing = (math.nan,) * 12
            crops = [
                replace(each, jitter=nothing) if name == bad else each
                for name, each in zip(names, crops, strict=True)
            ]
            yield packed(crops, names)
        step += 1


def validation(ranks: Ranks) -> Iterator[RawSamples]:
    """Yield every world-th of some samples, each of its own size, from this process's own on."""
    for index in range(VALIDATED)[ranks.rank :: ranks.world]:
        height, width = SIDE + 3 * index, SIDE + 8 - index
        drawn = sample("validation", index, height=height, width=width)
        one: Any = {**stacked([drawn]), "id": [f"v{index}"], "size": [(height, width)]}
        yield one


def trainings() -> dict[str, tuple[Phase, TrainConfig]]:
    """Return what is trained, by the name of the run."""
    changes: Any = {"steps": STEPS, "batch": BATCH, "optimiser": FAST}
    wide = train_config(model=replace(train_config().model, width=1.0))  # sums that hardly cancel
    mnet = with_phase(wide, Phase.MNET, freeze_batch_norm=True, **changes)
    dim = dim_config()
    alone = replace(dim, phases={"stage-1": dim.phase(Phase.STAGE_1)})  # begins by itself
    stage = with_phase(alone, Phase.STAGE_1, **changes)
    found = {}
    for phase, config in ((Phase.MNET, mnet), (Phase.STAGE_1, stage)):
        found[str(phase)] = phase, config
        found[f"{phase}{PARTS}"] = phase, with_phase(config, phase, accumulate=2)
        found[f"{phase}{BEGUN}"] = phase, with_phase(config, phase, steps=0)
    return found


def main(folder: Path, ranks: Ranks) -> None:
    """Train everything in one folder, but one of the nets, each process in a folder of its own."""

    def train(run: str, phase: Phase, config: TrainConfig, bad: str | None = None) -> None:
        parts = config.phase(phase).accumulate
        train_phase(
            phase,
            config,
            run=folder / run,
            batches=lambda start: batches(start, ranks, parts, bad),
            validation=(lambda: validation(ranks)) if run.endswith(BEGUN) else None,
            device=torch.device("cpu"),
            ranks=ranks,
        )

    for run, (phase, config) in trainings().items():
        if run.endswith(PARTS) and ranks.world == 1:
            continue  # it is with whole batches that one alone is compared
        train(f"{run}-of-{ranks.rank}" if run == "mnet-parts" else run, phase, config)
    said = "trained on"
    try:
        train("stopped", *trainings()["mnet"], bad=BAD)
    except TrainingError as error:
        said = str(error)
    (folder / f"said-{ranks.rank}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined(choose_device, "cpu") as (joined_ranks, _):
        main(Path(sys.argv[1]), joined_ranks)
