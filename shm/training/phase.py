"""Training one phase: begun, gone on with, or finished already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from shm.training.batch import LAYOUT
from shm.training.config import Phase, TrainConfig
from shm.training.log import TrainingLog
from shm.training.phase_checkpoint import Best, PhaseCheckpoints
from shm.training.start import TrainingError, fresh_nets
from shm.training.trainer import Batches, OnStep, Samples, Trainer

__all__ = ["PhaseResult", "TrainingError", "train_phase"]

OnNote = Callable[[str], None]
"""Told what the user should know, a line at a time."""


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    """How a phase ended.

    Parameters
    ----------
    phase : Phase
    folder : Path
        Holds its checkpoints ``last`` and ``best``, its log and its pictures.
    steps : int
    best : Best or None
        The step of the best checkpoint and its SAD; None where there was nothing to validate on.
    resumed_from : int
        The step it went on from, 0 where it began; `steps` where it was finished already.
    skipped : int
        Samples that were left out since they could not be read.
    """

    phase: Phase
    folder: Path
    steps: int
    best: Best | None
    resumed_from: int
    skipped: int = 0


def train_phase(
    phase: Phase,
    config: TrainConfig,
    *,
    run: Path,
    batches: Batches,
    device: torch.device,
    validation: Samples | None = None,
    pretrained: Mapping[Phase, Path] | None = None,
    data: str = "",
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
) -> PhaseResult:
    """Train one phase, or go on with it, or say that it is finished.

    Parameters
    ----------
    phase : Phase
    config : TrainConfig
    run : Path
        The run's folder; the phase keeps its own in it, by its name.
    batches : callable
        The same batches in the same order for the same step, whenever it is called.
    device : torch.device
    validation : callable, optional
        Without it, or without a sample in it, the last checkpoint counts as the best.
    pretrained : mapping, optional
        Checkpoints for the end-to-end phase to start from, instead of the run's own.
    data : str
        Tells one training set from another; a run goes on only with the one that it began with.
    on_step, on_note : callables, optional

    Raises
    ------
    TrainingError
        A loss is not finite, a pretrained net is missing, the batches end early, or the folder
        holds a run of another configuration.
    CheckpointError
        A checkpoint is damaged or of another architecture.
    """
    note = on_note or (lambda _: None)
    checkpoints = PhaseCheckpoints(run / phase.value, phase, config, data)
    kept = checkpoints.last()
    steps = config.phase(phase).steps
    if kept is not None and kept.step >= steps:
        note(f"{phase}: finished already, {kept.step} steps ({_told(kept.best)})")
        return _result(checkpoints, kept.step, kept.best, kept.step)
    if kept is None:
        nets = fresh_nets(phase, config, run=run, pretrained=pretrained or {}, note=note)
        note(f"{phase}: {steps} steps from the start")
    else:
        nets = kept.nets
        note(f"{phase}: going on from step {kept.step} of {steps}")
    nets = nets.to(memory_format=LAYOUT).to(device)
    trainer = Trainer(phase, config, nets, checkpoints, device)
    start = trainer.restore(kept) if kept is not None else 0
    with TrainingLog(checkpoints.folder, step=start) as log:
        trainer.run(batches, validation, log, on_step or (lambda _step, _losses: None))
    note(f"{phase}: {trainer.waits}")
    if trainer.best is None:
        note(f"{phase}: there was nothing to validate on, so the last checkpoint is the best")
    return _result(checkpoints, trainer.step, trainer.best, start)


def _result(
    checkpoints: PhaseCheckpoints, steps: int, best: Best | None, resumed_from: int
) -> PhaseResult:
    return PhaseResult(
        phase=checkpoints.phase,
        folder=checkpoints.folder,
        steps=steps,
        best=best,
        resumed_from=resumed_from,
    )


def _told(best: Best | None) -> str:
    return f"best SAD {best.sad:.4g} at step {best.step}" if best else "not validated"
